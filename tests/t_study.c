/* SPDX-License-Identifier: MIT */
/* Statistics of studies, worked out on paper.  1e-12 is rounding. */
#include "core/random.h"
#include "spinscale/study.h"
#include "test.h"

/* {0, 0, 0, 4}: mean 1, deviations -1, -1, -1, 3: m2 = 12/4 = 3, m3 = 24/4 = 6, m4 = 84/4 = 21; sd = sqrt(12/3) = 2,
 * skewness 6 / 3^1.5 = 2 / sqrt 3, kurtosis 21/9 - 3 = -2/3. */
static void moments_by_hand(void **state)
{
    (void)state;
    struct sps_moments m;
    sps_moments(&m, (const double[]){0, 0, 0, 4}, 4);
    NEAR(m.mean, 1, 1e-12);
    NEAR(m.sd, 2, 1e-12);
    NEAR(m.skewness, 2 / sqrt(3), 1e-12);
    NEAR(m.kurtosis, -2 / 3.0, 1e-12);
    sps_moments(&m, (const double[]){0.1, 0.1, 0.1}, 3);
    NEAR(m.mean, 0.1, 0);
    NEAR(m.sd, 0, 0);
    assert_true(isnan(m.skewness) && isnan(m.kurtosis));
    sps_moments(&m, (const double[]){5}, 1);
    assert_true(isnan(m.mean) && isnan(m.sd));
}

/* {-1, 1}: sd = sqrt 2, Phi(-+ 0.70711) = 0.23975, 0.76025; the steps are at 0, 1/2, 1: largest gap 0.5 - 0.23975.
 * {0, 0, 0, 4}: mean 1, sd 2: Phi(-0.5) = 0.308538, the step there goes up to 3/4: 0.441462. */
static void distance_by_hand(void **state)
{
    (void)state;
    double two[] = {1, -1}, four[] = {0, 4, 0, 0}, equal[] = {0.1, 0.1, 0.1};
    NEAR(sps_gaussian_distance(two, 2), 0.5 - 0.2397500610934768, 1e-12);
    NEAR(sps_gaussian_distance(four, 4), 0.75 - 0.3085375387259869, 1e-12);
    assert_true(isnan(sps_gaussian_distance(equal, 3)) && isnan(sps_gaussian_distance(two, 1)));
    NEAR(sps_normal_below(0), 0.5, 0);
    NEAR(sps_normal_below(1.959963984540054), 0.975, 1e-12);
    NEAR(sps_gaussian_distance_critical(100), 0.895 / 10.075, 1e-12);
    assert_true(isnan(sps_gaussian_distance_critical(1)));
}

/* Of 1,000 Gaussian samples of 40, 5 % lie above the critical value (sd 0.7 %, and the formula is good to 0.2 %); of
 * uniform ones of 400 almost none lies below it. */
static void critical_value_is_that_of_gaussians(void **state)
{
    (void)state;
    enum { SETS = 1000, N = 40, LONG = 400 };
    double v[LONG];
    int above = 0, uniform_below = 0;
    for (uint32_t set = 0; set < SETS; set++) {
        struct sps_random r = sps_random(5, SPS_FOR_TEST, set, 0, 0);
        for (int i = 0; i < N; i++)
            v[i] = 3 + 7 * sps_random_normal(&r);
        above += sps_gaussian_distance(v, N) > sps_gaussian_distance_critical(N);
        for (int i = 0; i < LONG; i++)
            v[i] = sps_random_uniform(&r);
        uniform_below += sps_gaussian_distance(v, LONG) < sps_gaussian_distance_critical(LONG);
    }
    NEAR(above / (double)SETS, 0.05, 0.03);
    assert_true(uniform_below < SETS / 5);
}

static void sufficient_by_hand(void **state)
{
    (void)state;
    const double v[] = {2, 1.05, 1.2, 1.1, 0.95, 1};
    assert_int_equal(sps_sufficient(v, 6, 1, 0.125), 3); /* 1.05 was luck: 1.2 follows */
    assert_int_equal(sps_sufficient(v, 6, 1, 0.25), 1);
    assert_int_equal(sps_sufficient(v, 6, 1, 1), 0);
    assert_int_equal(sps_sufficient(v, 6, 1, 0), 5);
    assert_int_equal(sps_sufficient(v, 6, 1.5, 0.25), 6);
    assert_int_equal(sps_sufficient(v, 6, NAN, 9), 6);
    assert_int_equal(sps_sufficient((const double[]){1, NAN, 1}, 3, 1, 9), 2);
    assert_int_equal(sps_sufficient(v, 0, 1, 1), 0);
}

/* Steps +1, -0.5, +2, -1 with errors 3 and 4 at every other point: 5 each.  Falling, 0 to 2.5 is 2.5 back, of 5 again,
 * rising no way back is longer than the last step. */
static void monotone_by_hand(void **state)
{
    (void)state;
    const double v[] = {0, 1, 0.5, 2.5, 1.5}, e[] = {3, 4, 3, 4, 3};
    struct sps_monotone m;
    sps_monotone(&m, v, e, 5, 1);
    NEAR(m.violation, 0.2, 1e-12);
    NEAR(m.reversal, 0.2, 1e-12);
    assert_int_equal(m.at, 4);
    sps_monotone(&m, v, e, 5, -1);
    NEAR(m.violation, 0.4, 1e-12);
    assert_int_equal(m.at, 3);
    NEAR(m.reversal, 0.5, 1e-12);
    sps_monotone(&m, v, e, 2, 1);
    NEAR(m.violation, 0, 0);
    sps_monotone(&m, v, e, 2, -1);
    NEAR(m.violation, 0.2, 1e-12);
    assert_int_equal(m.at, 1);
    /* equal points violate nothing, even without an error; a wrong step without one is infinitely wrong */
    const double none[] = {0, 0, 0};
    sps_monotone(&m, (const double[]){1, 1, 2}, none, 3, 1);
    NEAR(m.violation, 0, 0);
    sps_monotone(&m, (const double[]){1, 1, 2}, none, 3, -1);
    assert_true(isinf(m.violation) && m.at == 2);
    sps_monotone(&m, (const double[]){1, NAN, 0}, e, 3, 1);
    assert_true(isnan(m.violation));
    assert_true(isnan(m.reversal));
    sps_monotone(&m, v, (const double[]){1, NAN, 1, 1, 1}, 5, 1);
    assert_true(isnan(m.violation));
    sps_monotone(&m, v, e, 1, 1);
    assert_true(isnan(m.violation));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_by_hand),
        cmocka_unit_test(distance_by_hand),
        cmocka_unit_test(critical_value_is_that_of_gaussians),
        cmocka_unit_test(sufficient_by_hand),
        cmocka_unit_test(monotone_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
