/* SPDX-License-Identifier: MIT */
/* Paths: what is drawn has the declared distribution, and all paths can be walked. */
#include "core/path.h"
#include "test.h"

enum { DRAWS = 20000 };

static const double third[3] = {0.2, 0.5, 0.3}, coin[2] = {0.9, 0.1}, sure[1] = {1}, never[4] = {0, 0.25, 0, 0.75};
static const struct sps_path_bank banks[4] = {{third, 3, 1, 1}, {coin, 2, 5, 4}, {sure, 1, 1, 7}, {never, 4, 1, 9}};
enum { BANKS = 4, PICKS = 8 };
/* Bank of each pick. */
static const int bank_of[PICKS] = {0, 1, 1, 1, 1, 1, 2, 3};

/* Five standard deviations of a count of DRAWS events of probability p: a right sampler fails once in 1.7 million. */
static void check_share(int count, double p)
{
    NEAR(count, DRAWS * p, 5 * sqrt(DRAWS * p * (1 - p)) + 1e-9);
}

static void entries_have_their_probability(void **state)
{
    (void)state;
    static int of_image[PICKS][4], of_pass[PICKS][4];
    uint8_t picks[PICKS];
    for (uint32_t i = 0; i < DRAWS; i++) {
        sps_path_draw(picks, banks, BANKS, 1, i, 3);
        for (int j = 0; j < PICKS; j++)
            of_image[j][picks[j]]++;
        sps_path_draw(picks, banks, BANKS, 1, 3, i);
        for (int j = 0; j < PICKS; j++)
            of_pass[j][picks[j]]++;
    }
    for (int j = 0; j < PICKS; j++) {
        const struct sps_path_bank *bank = &banks[bank_of[j]];
        for (int k = 0; k < bank->entries; k++) {
            check_share(of_image[j][k], bank->probability[k]);
            check_share(of_pass[j][k], bank->probability[k]);
        }
    }
}

/* Picks of two banks, of two channels of one mask, of two passes, two images and two seeds: a pair meets as often as
 * independence says. */
static void draws_are_independent(void **state)
{
    (void)state;
    uint8_t a[PICKS], b[PICKS], c[PICKS], d[PICKS];
    int layers = 0, channels = 0, passes = 0, images = 0, seeds = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        sps_path_draw(a, banks, BANKS, 1, i, 0);
        sps_path_draw(b, banks, BANKS, 1, i, 1);
        sps_path_draw(c, banks, BANKS, 1, i + 1, 0);
        sps_path_draw(d, banks, BANKS, 2, i, 0);
        layers += a[0] == 1 && a[7] == 1;
        channels += a[1] == 1 && a[2] == 1;
        passes += a[0] == 1 && b[0] == 1;
        images += a[0] == 1 && c[0] == 1;
        seeds += a[0] == 1 && d[0] == 1;
    }
    check_share(layers, 0.5 * 0.25);
    check_share(channels, 0.1 * 0.1);
    check_share(passes, 0.25);
    check_share(images, 0.25);
    check_share(seeds, 0.25);
}

/* A path depends on seed, image, pass and layer alone: not on what was drawn before, nor on the other banks. */
static void draws_do_not_depend_on_order(void **state)
{
    (void)state;
    uint8_t forward[50][PICKS], again[PICKS];
    for (uint32_t i = 0; i < 50; i++)
        sps_path_draw(forward[i], banks, BANKS, 7, i % 10, i / 10);
    for (uint32_t i = 50; i-- > 0;) {
        sps_path_draw(again, banks, BANKS, 7, i % 10, i / 10);
        assert_memory_equal(again, forward[i], PICKS);
        sps_path_draw(again, banks + 3, 1, 7, i % 10, i / 10);
        assert_int_equal(again[0], forward[i][7]);
    }
}

static void paths_are_counted(void **state)
{
    (void)state;
    NEAR(sps_path_count(banks, BANKS), 3 * 32 * 1 * 4, 0);
    NEAR(sps_path_count(banks, 0), 1, 0);
    const struct sps_path_bank mask = {third, 3, 4096, 0};
    assert_true(isinf(sps_path_count(&mask, 1)));
}

static void each_path_is_walked_once(void **state)
{
    (void)state;
    const struct sps_path_bank single[4] = {{third, 3, 1, 1}, {coin, 2, 1, 4}, {sure, 1, 1, 7}, {never, 4, 1, 9}};
    int seen[3][2][4] = {{{0}}};
    double total = 0;
    uint8_t picks[4], last[4] = {0};
    for (size_t which = 0; which < 24; which++) {
        double p = sps_path_at(picks, single, 4, which);
        assert_true(picks[0] < 3 && picks[1] < 2 && picks[2] == 0 && picks[3] < 4);
        NEAR(p, third[picks[0]] * coin[picks[1]] * never[picks[3]], 1e-15);
        seen[picks[0]][picks[1]][picks[3]]++;
        total += p;
        if (which > 0) /* in the order of digits, the last bank fastest */
            assert_true(memcmp(last, picks, 4) < 0);
        memcpy(last, picks, 4);
    }
    NEAR(total, 1, 1e-15);
    for (int i = 0; i < 24; i++)
        assert_int_equal((&seen[0][0][0])[i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_have_their_probability), cmocka_unit_test(draws_are_independent),
        cmocka_unit_test(draws_do_not_depend_on_order),   cmocka_unit_test(paths_are_counted),
        cmocka_unit_test(each_path_is_walked_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
