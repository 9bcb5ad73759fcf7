/* SPDX-License-Identifier: MIT */
/* Code tables, augmentation and seeded orders. */
#include <stdlib.h>
#include <sys/stat.h>

#include "core/random.h"
#include "data/transform.h"
#include "test.h"

enum { SIDE = 6 };

static void write_file(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    fclose(f);
}

/* mean 0.2 (pixel 51), std 0.5: normalised values run from -0.4 to 1.6, so scale = 127 / 1.6 = 79.375.
 *   pixel   0: -0.4 * 79.375 = -31.75  -> -32
 *   pixel  51:  0                      ->   0   (the mean, and a padding zero)
 *   pixel 102:  0.4 * 79.375 =  31.75  ->  32
 *   pixel 255:  1.6 * 79.375 = 127     -> 127 */
static void codes_are_those_worked_out(void **state)
{
    (void)state;
    struct sps_code_table t = {.channels = 1, .mean = {0.2f}, .std = {0.5f}};
    sps_code_table_make(&t);
    NEAR(t.scale, 79.375, 1e-5);
    assert_int_equal(t.code[0][0], -32);
    assert_int_equal(t.code[0][51], 0);
    assert_int_equal(t.code[0][102], 32);
    assert_int_equal(t.code[0][255], 127);
}

/* Channel 0 runs from -1 to 1; channel 1 (mean 0.75, std 0.25) from -3 to 1.  One scale for both: 127 / 3 = 42.33. */
static void channels_share_one_scale(void **state)
{
    (void)state;
    struct sps_code_table t = {.channels = 2, .mean = {0.5f, 0.75f}, .std = {0.5f, 0.25f}};
    sps_code_table_make(&t);
    NEAR(t.scale, 127.0 / 3, 1e-5);
    assert_int_equal(t.code[0][0], -42);
    assert_int_equal(t.code[0][255], 42);
    assert_int_equal(t.code[1][0], -127);
    assert_int_equal(t.code[1][255], 42);
    int8_t out[4];
    sps_encode(out, &t, (const uint8_t[]){0, 255, 255, 0}, 2);
    assert_memory_equal(out, ((const int8_t[]){-42, 42, 42, -127}), 4);
}

/* Two images of 1 x 2 pixels: {0, 255} and {255, 255}.  All: mean 3/4, std sqrt(3)/4.  The first alone: 1/2 and 1/2.
 * The second alone is constant: its std is held at one grey level. */
static void table_is_measured(void **state)
{
    (void)state;
    const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255, 255, 255};
    const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    sps_dataset *set;
    struct sps_code_table t;
    mkdir("x_set", 0777);
    write_file("x_set/t10k-images-idx3-ubyte", images, sizeof images);
    write_file("x_set/t10k-labels-idx1-ubyte", labels, sizeof labels);
    OK(sps_dataset_open(&set, "./x_set", SPS_TEST, NULL));
    sps_code_table_measure(&t, set, NULL, 0);
    assert_int_equal(t.channels, 1);
    NEAR(t.mean[0], 0.75, 1e-7);
    NEAR(t.std[0], sqrt(3) / 4, 1e-7);
    assert_int_equal(t.code[0][0], -127);
    sps_code_table_measure(&t, set, (const uint32_t[]){0}, 1);
    NEAR(t.mean[0], 0.5, 1e-7);
    NEAR(t.std[0], 0.5, 1e-7);
    sps_code_table_measure(&t, set, (const uint32_t[]){1}, 1);
    NEAR(t.mean[0], 1, 1e-7);
    NEAR(t.std[0], 1 / 255.0, 1e-9);
    assert_int_equal(t.code[0][255], 0);
    sps_dataset_free(set);
}

/* ---- augmentation ---- */

/* Every code differs, and none is 0. */
static void fill(int8_t *image, int channels)
{
    for (int i = 0; i < SIDE * SIDE * channels; i++)
        image[i] = (int8_t)(i + 1);
}

static void without_options_it_is_a_copy(void **state)
{
    (void)state;
    int8_t in[SIDE * SIDE * 3], out[SIDE * SIDE * 3];
    const struct sps_augment none = {.resize_min_area = 1}, zeros = {0};
    fill(in, 3);
    sps_augment_codes(out, in, SIDE, SIDE, 3, &none, 1, 2, 3);
    assert_memory_equal(in, out, sizeof in);
    memset(out, 0, sizeof out);
    sps_augment_codes(out, in, SIDE, SIDE, 3, &zeros, 1, 2, 3);
    assert_memory_equal(in, out, sizeof in);
}

/* The same (seed, index, epoch) gives the same image; each of the three matters (of 20 neighbours most differ). */
static void seed_index_and_epoch_decide(void **state)
{
    (void)state;
    int8_t in[SIDE * SIDE], first[SIDE * SIDE], out[SIDE * SIDE];
    const struct sps_augment all = {.flip = 1, .crop_pad = 2, .resize_min_area = 0.3f};
    int differ[3] = {0};
    fill(in, 1);
    sps_augment_codes(first, in, SIDE, SIDE, 1, &all, 1, 2, 3);
    sps_augment_codes(out, in, SIDE, SIDE, 1, &all, 1, 2, 3);
    assert_memory_equal(first, out, sizeof out);
    for (uint32_t i = 10; i < 30; i++) {
        sps_augment_codes(out, in, SIDE, SIDE, 1, &all, i, 2, 3);
        differ[0] += memcmp(first, out, sizeof out) != 0;
        sps_augment_codes(out, in, SIDE, SIDE, 1, &all, 1, i, 3);
        differ[1] += memcmp(first, out, sizeof out) != 0;
        sps_augment_codes(out, in, SIDE, SIDE, 1, &all, 1, 2, i);
        differ[2] += memcmp(first, out, sizeof out) != 0;
    }
    for (int i = 0; i < 3; i++)
        assert_true(differ[i] >= 18);
}

/* Each result is the image or its mirror; of 1000 about half: 500 +- 5 * sqrt(250) = 79. */
static void flip_is_a_mirror_half_the_time(void **state)
{
    (void)state;
    int8_t in[SIDE * SIDE * 2], mirror[SIDE * SIDE * 2], out[SIDE * SIDE * 2];
    const struct sps_augment flip = {.flip = 1};
    int mirrored = 0;
    fill(in, 2);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            memcpy(mirror + (y * SIDE + x) * 2, in + (y * SIDE + SIDE - 1 - x) * 2, 2);
    for (uint32_t i = 0; i < 1000; i++) {
        sps_augment_codes(out, in, SIDE, SIDE, 2, &flip, 7, i, 0);
        if (memcmp(out, mirror, sizeof out) == 0)
            mirrored++;
        else
            assert_memory_equal(out, in, sizeof out);
    }
    NEAR(mirrored, 500, 79);
}

/* Padded by 2 there are 25 windows.  Each result is exactly one of them, with 0 outside; of 5000 each comes
 * 200 +- 5 * sqrt(5000 / 25 * 24 / 25) = 69 times. */
static void crop_finds_every_offset(void **state)
{
    (void)state;
    int8_t in[SIDE * SIDE], out[SIDE * SIDE];
    const struct sps_augment crop = {.crop_pad = 2};
    int count[5][5] = {{0}};
    fill(in, 1);
    for (uint32_t i = 0; i < 5000; i++) {
        sps_augment_codes(out, in, SIDE, SIDE, 1, &crop, 8, i, 1);
        int centre = out[2 * SIDE + 2] - 1; /* the window never loses this pixel */
        int down = centre / SIDE - 2, right = centre % SIDE - 2;
        assert_in_range(down + 2, 0, 4);
        assert_in_range(right + 2, 0, 4);
        count[down + 2][right + 2]++;
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                int from_y = y + down, from_x = x + right;
                int inside = from_y >= 0 && from_y < SIDE && from_x >= 0 && from_x < SIDE;
                assert_int_equal(out[y * SIDE + x], inside ? in[from_y * SIDE + from_x] : 0);
            }
    }
    for (int i = 0; i < 25; i++)
        NEAR(count[i / 5][i % 5], 200, 69);
}

/* A window of a ramp is a ramp with a smaller slope; a window of a constant is the constant. */
static void resized_crop_shows_a_part(void **state)
{
    (void)state;
    enum { WIDE = 32 };
    int8_t constant[WIDE * WIDE], ramp[WIDE * WIDE], out[WIDE * WIDE];
    const struct sps_augment resize = {.resize_min_area = 0.25f};
    double least_share = 1, most_share = 0;
    memset(constant, -77, sizeof constant);
    for (int i = 0; i < WIDE * WIDE; i++)
        ramp[i] = (int8_t)(i % WIDE * 4 - 62);
    for (uint32_t i = 0; i < 500; i++) {
        sps_augment_codes(out, constant, WIDE, WIDE, 1, &resize, 9, i, 0);
        assert_memory_equal(out, constant, sizeof out);
        sps_augment_codes(out, ramp, WIDE, WIDE, 1, &resize, 9, i, 0);
        for (int x = 1; x < WIDE; x++)
            assert_true(out[x] >= out[x - 1]);
        for (int y = 1; y < WIDE; y++)
            assert_memory_equal(out, out + y * WIDE, WIDE);
        double share =
            (out[3 * WIDE / 4] - out[WIDE / 4]) / (4.0 * WIDE / 2); /* the window's width, over the image's */
        least_share = fmin(least_share, share);
        most_share = fmax(most_share, share);
    }
    /* The narrowest window is sqrt(0.25 * 3 / 4) = 0.43 of the width, the widest all of it; codes are whole numbers. */
    assert_true(least_share > 0.41 && least_share < 0.50);
    assert_true(most_share > 0.95 && most_share < 1.02);
}

/* Switching the crop on moves the pixels of the same flips. */
static void parts_do_not_disturb_each_other(void **state)
{
    (void)state;
    int8_t in[SIDE * SIDE], flipped[SIDE * SIDE], both[SIDE * SIDE];
    const struct sps_augment flip = {.flip = 1}, flip_and_crop = {.flip = 1, .crop_pad = 1};
    fill(in, 1);
    for (uint32_t i = 0; i < 50; i++) {
        sps_augment_codes(flipped, in, SIDE, SIDE, 1, &flip, 3, i, 0);
        sps_augment_codes(both, in, SIDE, SIDE, 1, &flip_and_crop, 3, i, 0);
        int rises = both[2 * SIDE + 3] > both[2 * SIDE + 2], rose = flipped[2 * SIDE + 3] > flipped[2 * SIDE + 2];
        assert_int_equal(rises, rose);
    }
}

/* ---- orders ---- */

static void split_has_two_ascending_parts(void **state)
{
    (void)state;
    uint32_t order[1000], again[1000], other[1000];
    int seen[1000] = {0};
    sps_split(order, 1000, 200, 5);
    sps_split(again, 1000, 200, 5);
    sps_split(other, 1000, 200, 6);
    assert_memory_equal(order, again, sizeof order);
    assert_memory_not_equal(order, other, sizeof order);
    for (int i = 0; i < 1000; i++) {
        seen[order[i]]++;
        if (i != 0 && i != 800)
            assert_true(order[i] > order[i - 1]);
    }
    double mean = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(seen[i], 1);
        mean += i >= 800 ? order[i] / 200.0 : 0;
    }
    NEAR(mean, 499.5, 5 * 289 / sqrt(200)); /* spread over the whole set: sd of one index is 1000 / sqrt(12) = 289 */
    sps_split(order, 10, 0, 5);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(order[i], i);
    sps_split(order, 10, 10, 5);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(order[i], i);
}

/* Each of the 24 orders of 4 things, over 12,000 epochs: 500 +- 5 * sqrt(500 * 23 / 24) = 110. */
static void shuffle_is_uniform(void **state)
{
    (void)state;
    int count[256] = {0};
    for (uint32_t epoch = 0; epoch < 12000; epoch++) {
        uint32_t order[4] = {0, 1, 2, 3}, again[4] = {0, 1, 2, 3};
        sps_shuffle(order, 4, 11, epoch);
        sps_shuffle(again, 4, 11, epoch);
        assert_memory_equal(order, again, sizeof order);
        count[order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6]++;
    }
    int orders = 0;
    for (int i = 0; i < 256; i++)
        if (count[i] > 0) {
            NEAR(count[i], 500, 110);
            orders++;
        }
    assert_int_equal(orders, 24);
}

static void shuffle_keeps_the_values(void **state)
{
    (void)state;
    uint32_t order[3] = {70, 7, 700};
    sps_shuffle(order, 3, 1, 0);
    assert_int_equal(order[0] + order[1] + order[2], 777);
    sps_shuffle(order, 0, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_worked_out),
        cmocka_unit_test(channels_share_one_scale),
        cmocka_unit_test(table_is_measured),
        cmocka_unit_test(without_options_it_is_a_copy),
        cmocka_unit_test(seed_index_and_epoch_decide),
        cmocka_unit_test(flip_is_a_mirror_half_the_time),
        cmocka_unit_test(crop_finds_every_offset),
        cmocka_unit_test(resized_crop_shows_a_part),
        cmocka_unit_test(parts_do_not_disturb_each_other),
        cmocka_unit_test(split_has_two_ascending_parts),
        cmocka_unit_test(shuffle_is_uniform),
        cmocka_unit_test(shuffle_keeps_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
