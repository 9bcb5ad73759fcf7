/* SPDX-License-Identifier: MIT */
/* Folding: a threshold says of every integer of the range what the float expression says. */
#include "core/affine.h"
#include "net.h"
#include "core/fold.h"

/* The sign as it is defined, written out. */
static int sign_of(const struct sps_affine *a, int32_t z)
{
    float scaled = a->scale * ((float)z + a->bias), normal = (scaled - a->mean) * a->inv_std;
    return a->gamma * normal + a->beta >= 0;
}

/* How often the sign changes. */
static int check_all(const struct sps_affine *a, int32_t low, int32_t high)
{
    int32_t threshold = INT32_MIN;
    int flip = -1, changes = 0;
    OK(sps_fold(&threshold, &flip, a, low, high));
    assert_true(flip == 0 || flip == 1);
    assert_true(threshold >= low && threshold <= high + 1);
    for (int32_t z = low; z <= high; z++) {
        if (((z >= threshold) ^ flip) != sign_of(a, z))
            fail_msg("%d: threshold %d, flip %d; scale %a bias %a mean %a inv_std %a gamma %a beta %a", z, threshold,
                     flip, (double)a->scale, (double)a->bias, (double)a->mean, (double)a->inv_std, (double)a->gamma,
                     (double)a->beta);
        changes += z > low && sign_of(a, z) != sign_of(a, z - 1);
    }
    return changes;
}

/* Both ranges that occur: sums of bits, lopsided or not, and of codes. */
static const int32_t ranges[][2] = {{-9, 9}, {-800, 800}, {0, 0}, {-1, 1}, {-4608, 4608}, {-3200, 3175}, {5, 40}};
enum { RANGES = sizeof ranges / sizeof *ranges };

static void usual_numbers(void **state)
{
    (void)state;
    struct sps_random r = test_random(1);
    int changes = 0, falls = 0;
    for (int i = 0; i < 700; i++) {
        const int32_t *range = ranges[i % RANGES];
        double reach = range[1] > 1 ? 0.7 * range[1] : 1, scale = uniform(&r, -1.5, 1.5);
        struct sps_affine a = {(float)scale,          uniform(&r, -3, 3), (float)(scale * uniform(&r, -reach, reach)),
                               uniform(&r, 0.001, 2), uniform(&r, -2, 2), uniform(&r, -0.1, 0.1)};
        int32_t threshold;
        int flip;
        changes += check_all(&a, range[0], range[1]);
        OK(sps_fold(&threshold, &flip, &a, range[0], range[1]));
        falls += flip;
    }
    assert_true(changes > 350 && falls > 150 && falls < 550); /* most have a threshold inside, both ways */
}

/* Exactly 0 at an integer, the largest, the smallest, or between two. */
static void edges_of_the_range(void **state)
{
    (void)state;
    static const float gammas[] = {1, -1, 0.25f, -3};
    for (int g = 0; g < 4; g++)
        for (int32_t zero = -10; zero <= 10; zero++)
            for (int half = 0; half < 2; half++) {
                float at = (float)zero + 0.5f * (float)half;
                check_all(&(struct sps_affine){1, 0, at, 1, gammas[g], 0}, -10, 10);
                check_all(&(struct sps_affine){-2, -at, 0, 0.5f, gammas[g], 0}, -10, 10);
                check_all(&(struct sps_affine){1, 0, 0, 1, gammas[g], -gammas[g] * at}, -10, 10);
            }
}

static void constants(void **state)
{
    (void)state;
    static const float values[] = {0, -0.0f, 1, -1, 1e-45f, -1e-45f, 1e30f, -1e30f};
    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < 8; k++) {
            /* gamma 0, scale 0: beta decides, or mean. */
            assert_int_equal(check_all(&(struct sps_affine){0.7f, 1, values[k], 2, 0, values[i]}, -50, 50), 0);
            assert_int_equal(check_all(&(struct sps_affine){0, values[k], 0.5f, 2, 1, values[i]}, -50, 50), 0);
            assert_int_equal(check_all(&(struct sps_affine){-0.0f, 3, 0, 1, -1, values[i]}, -50, 50), 0);
            check_all(&(struct sps_affine){1, 0, 0, 1, values[k], values[i]}, -50, 50);
        }
    int32_t threshold;
    int flip;
    OK(sps_fold(&threshold, &flip, &(struct sps_affine){1, 0, 0, 1, 0, 0}, -5, 5));
    assert_int_equal(threshold, -5); /* 0 is +1: always */
    assert_int_equal(flip, 0);
    OK(sps_fold(&threshold, &flip, &(struct sps_affine){1, 0, 0, 1, 0, -1}, -5, 5));
    assert_int_equal(threshold, 6); /* never */
    assert_int_equal(flip, 0);
}

/* Where rounding, underflow and cancellation rule. */
static void huge_and_tiny_numbers(void **state)
{
    (void)state;
    struct sps_random r = test_random(2);
    int inside = 0, refused = 0;
    for (int i = 0; i < 1500; i++) {
        float v[6];
        for (int k = 0; k < 6; k++) {
            int size = (int)sps_random_below(&r, 60) - 30;
            v[k] = ldexpf(uniform(&r, -2, 2), sps_random_below(&r, 4) == 0 ? 4 * size : size);
        }
        struct sps_affine a = {v[0], v[1], v[2], fabsf(v[3]), v[4], v[5]};
        if (i % 3 == 0) { /* cancels: the sum loses its last bits, or all of them */
            a.bias = (float)((int)sps_random_below(&r, 2000) - 1000) * 16777;
            a.mean = a.scale * a.bias;
        }
        const int32_t *range = ranges[i % RANGES];
        int32_t threshold = 77;
        int flip = 77;
        if (isfinite(sps_affine_at(&a, (float)range[0])) && isfinite(sps_affine_at(&a, (float)range[1]))) {
            inside += check_all(&a, range[0], range[1]);
        } else {
            FAILS(sps_fold(&threshold, &flip, &a, range[0], range[1]), EUNSUPPORTED, "overflow");
            assert_int_equal(threshold, 77);
            refused++;
        }
    }
    assert_true(inside > 100 && refused > 10);
}

static void overflow_is_refused(void **state)
{
    (void)state;
    static const struct sps_affine bad[] = {
        {3e38f, 0, 0, 1, 1, 0},                                                            /* scale z */
        {1, 3e38f, -3e38f, 1, 1, 0},                                                       /* minus mean */
        {1, 0, 0, 3e38f, 1, 0},                                                            /* z / std */
        {1, 0, 0, 1, 3e38f, 0},                                                            /* gamma */
        {1, 0, 0, 1, NAN, 0},        {1, 0, 0, 1, 1, INFINITY}, {INFINITY, 0, 0, 1, 0, 0}, /* infinity times 0 */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int32_t threshold;
        int flip;
        FAILS(sps_fold(&threshold, &flip, &bad[i], -100, 100), EUNSUPPORTED, "overflow");
    }
}

/* Ranges too long to try all: both sides of the threshold, and a sample. */
static void long_ranges(void **state)
{
    (void)state;
    struct sps_random r = test_random(3);
    for (int i = 0; i < 300; i++) {
        int32_t high = (1 << 30) - 1, threshold;
        int flip;
        float scale = uniform(&r, -1, 1);
        struct sps_affine a = {scale, 0.25f, scale * uniform(&r, -8e8, 8e8), uniform(&r, 1e-9, 1), uniform(&r, -1, 1),
                               0};
        OK(sps_fold(&threshold, &flip, &a, -high, high));
        for (int32_t k = 0; k < 1000; k++) {
            int32_t near = threshold + k - 500, z = k % 2 ? near : (int32_t)sps_random_below(&r, 1u << 31) - high - 1;
            if (z >= -high && z <= high)
                assert_int_equal((z >= threshold) ^ flip, sign_of(&a, z));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(usual_numbers),         TEST(edges_of_the_range),  TEST(constants),
        TEST(huge_and_tiny_numbers), TEST(overflow_is_refused), TEST(long_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
