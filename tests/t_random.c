/* SPDX-License-Identifier: MIT */
#include "core/random.h"
#include "test.h"

/* Random123's known answer for counter 0, key 0: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.  Our purpose 0 is that counter.
 */
static void philox_known_answer(void **state)
{
    (void)state;
    struct sps_random r = sps_random(0, (enum sps_purpose)0, 0, 0, 0);
    const uint32_t want[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    for (int i = 0; i < 4; i++)
        assert_int_equal(sps_random_u32(&r), want[i]);
}

static void streams_differ_in_every_coordinate(void **state)
{
    (void)state;
    struct sps_random base = sps_random(1, SPS_FOR_PATH, 2, 3, 4);
    struct sps_random other[] = {sps_random(1 + (1ull << 32), SPS_FOR_PATH, 2, 3, 4),
                                 sps_random(1, SPS_FOR_BANK, 2, 3, 4), sps_random(1, SPS_FOR_PATH, 3, 3, 4),
                                 sps_random(1, SPS_FOR_PATH, 2, 4, 4), sps_random(1, SPS_FOR_PATH, 2, 3, 5)};
    uint32_t first = sps_random_u32(&base);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        assert_int_not_equal(sps_random_u32(&other[i]), first);
}

/* 100,000 draws: the mean of a normal is within 5 / sqrt(1e5) = 0.016, the variance within 5 * sqrt(2 / 1e5) = 0.022.
 */
static void normal_has_its_moments(void **state)
{
    (void)state;
    struct sps_random r = sps_random(7, SPS_FOR_TEST, 0, 0, 0);
    double sum = 0, square = 0;
    int n = 100000;
    for (int i = 0; i < n; i++) {
        double x = sps_random_normal(&r);
        sum += x;
        square += x * x;
    }
    NEAR(sum / n, 0, 0.016);
    NEAR(square / n, 1, 0.023);
}

/* 60,000 throws of a die: each count is 10,000 +- 5 * sqrt(60000 * 5 / 36) = 457. */
static void below_is_uniform(void **state)
{
    (void)state;
    struct sps_random r = sps_random(8, SPS_FOR_TEST, 0, 0, 0);
    int count[6] = {0};
    for (int i = 0; i < 60000; i++)
        count[sps_random_below(&r, 6)]++;
    for (int i = 0; i < 6; i++)
        NEAR(count[i], 10000, 457);
}

static void permutation_holds_each_once(void **state)
{
    (void)state;
    struct sps_random r = sps_random(9, SPS_FOR_TEST, 0, 0, 0);
    uint32_t order[1000];
    int seen[1000] = {0}, moved = 0;
    sps_random_permutation(&r, order, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        seen[order[i]]++;
        moved += order[i] != i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(seen[i], 1);
    assert_true(moved > 950);
}

/* A stream goes on from any multiple of four; what was left over of a normal is forgotten. */
static void jumps(void **state)
{
    (void)state;
    struct sps_random whole = sps_random(9, SPS_FOR_TEST, 1, 2, 3), part = whole;
    uint32_t want[12];
    for (int i = 0; i < 12; i++)
        want[i] = sps_random_u32(&whole);
    sps_random_normal(&part);
    for (uint32_t block = 3; block-- > 0;) {
        sps_random_jump(&part, block);
        for (uint32_t i = 0; i < 3; i++)
            assert_int_equal(sps_random_u32(&part), want[4 * block + i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answer),         cmocka_unit_test(streams_differ_in_every_coordinate),
        cmocka_unit_test(normal_has_its_moments),      cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(permutation_holds_each_once), cmocka_unit_test(jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
