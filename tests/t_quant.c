/* SPDX-License-Identifier: MIT */
/* Quantisers: forward rules against their definition, backward passes against finite differences of the smooth
 * function that stands in for sign. */
#include "net.h"
#include "quant/list.h"

/* ---- a plain double-precision version of the rule under test ---- */

static void standardise_reference(double *v, const double *w, size_t n)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++)
        mean += w[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (w[i] - mean) * (w[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
        v[i] = (w[i] - mean) / sqrt(square);
}

/* sum g k tanh(t v(w)): its gradient is what the estimator stands for. */
static double surrogate(const double *w, const float *g, size_t n, double t, double k)
{
    double v[64], sum = 0;
    standardise_reference(v, w, n);
    for (size_t i = 0; i < n; i++)
        sum += g[i] * k * tanh(t * v[i]);
    return sum;
}

static void irnet_standardises_each_row(void **state)
{
    (void)state;
    const struct sps_binariser *irnet = sps_binariser_find("irnet");
    const size_t sizes[] = {2, 5, 16, 37, 800};
    float w[800], v[800];
    for (size_t s = 0; s < 5; s++) {
        size_t n = sizes[s];
        struct sps_random r = test_random((uint32_t)s);
        for (size_t i = 0; i < n; i++)
            w[i] = 3 + 0.25f * sps_random_normal(&r);
        float factor = irnet->standardise(v, w, n);
        double mean = 0, square = 0, w_mean = 0, w_square = 0;
        for (size_t i = 0; i < n; i++) {
            mean += v[i] / (double)n;
            square += (double)v[i] * v[i] / (double)n;
            w_mean += w[i] / (double)n;
        }
        for (size_t i = 0; i < n; i++)
            w_square += (w[i] - w_mean) * (w[i] - w_mean) / (double)n;
        /* Floats near 3 are apart by 2.4e-7, 1e-6 of the spread; a mean of them in float is off by a few of those. */
        NEAR(mean, 0, 2e-5);
        NEAR(square, 1, 1e-5);
        NEAR(factor * sqrt(w_square), 1, 1e-5);
    }
}

/* On paper: {1, 2, 3, 6} has mean 3 and centred {-2, -1, 0, 3}, mean square 14/4. */
static void irnet_on_four_numbers(void **state)
{
    (void)state;
    const float w[4] = {1, 2, 3, 6};
    float v[4];
    NEAR(sps_binariser_find("irnet")->standardise(v, w, 4), 1 / sqrt(3.5), 1e-7);
    const double expected[4] = {-2, -1, 0, 3};
    for (int i = 0; i < 4; i++)
        NEAR(v[i], expected[i] / sqrt(3.5), 2e-7);
}

static void irnet_leaves_equal_weights_at_zero(void **state)
{
    (void)state;
    const float w[5] = {0.25f, 0.25f, 0.25f, 0.25f, 0.25f};
    float v[5];
    float factor = sps_binariser_find("irnet")->standardise(v, w, 5);
    for (int i = 0; i < 5; i++)
        assert_true(v[i] == 0);
    assert_true(isfinite(factor));
}

/* Central differences with step 1e-5 are good to 1e-9 here; the kernel's tanh' is off by up to 1e-6, the rest is float
 * rounding: 2e-5 of the largest gradient. */
static void irnet_backward_is_the_gradient_of_the_surrogate(void **state)
{
    (void)state;
    const struct sps_kern *kern;
    OK(sps_kern_get(&kern));
    const struct sps_binariser *irnet = sps_binariser_find("irnet");
    const struct {
        size_t n;
        float t, k;
    } cases[] = {{3, 1, 1}, {17, 0.1f, 10}, {32, 0.5f, 2}, {50, 3, 1}, {64, 10, 1}};
    for (size_t q = 0; q < 5; q++) {
        size_t n = cases[q].n;
        struct sps_random r = test_random((uint32_t)(100 + q));
        float w[64], v[64], g[64], dw[64];
        double x[64], numeric[64], largest = 0;
        for (size_t i = 0; i < n; i++) {
            x[i] = w[i] = 0.05f + 0.1f * sps_random_normal(&r);
            dw[i] = g[i] = sps_random_normal(&r);
        }
        float factor = irnet->standardise(v, w, n);
        irnet->backward(kern, dw, v, n, factor, cases[q].t, cases[q].k);
        for (size_t i = 0; i < n; i++) {
            double at = x[i], h = 1e-6;
            x[i] = at + h;
            double up = surrogate(x, g, n, cases[q].t, cases[q].k);
            x[i] = at - h;
            double down = surrogate(x, g, n, cases[q].t, cases[q].k);
            x[i] = at;
            numeric[i] = (up - down) / (2 * h);
            largest = fmax(largest, fabs(numeric[i]));
        }
        for (size_t i = 0; i < n; i++)
            NEAR(dw[i], numeric[i], 2e-5 * largest);
    }
}

static void irnet_activation_is_the_slope_of_k_tanh(void **state)
{
    (void)state;
    const struct sps_kern *kern;
    OK(sps_kern_get(&kern));
    struct sps_random r = test_random(9);
    float y[37], g[37], dy[37];
    for (int q = 0; q < 3; q++) {
        float t = q == 0 ? 0.1f : q == 1 ? 1.0f : 7.0f, k = fmaxf(1 / t, 1);
        fill_normal(&r, y, 37);
        fill_normal(&r, g, 37);
        memcpy(dy, g, sizeof dy);
        sps_binariser_find("irnet")->activation(kern, dy, dy, y, 37, t, k); /* in place, as the sign layer does */
        for (int i = 0; i < 37; i++) {
            double h = 1e-5, slope = k * (tanh(t * (y[i] + h)) - tanh(t * (y[i] - h))) / (2 * h);
            NEAR(dy[i], g[i] * slope, 2e-5 * k * t);
        }
    }
}

/* By the rule: copies weights, passes gradients where |x| <= 1. */
static void ste_passes_inside_one(void **state)
{
    (void)state;
    const struct sps_kern *kern;
    OK(sps_kern_get(&kern));
    const struct sps_binariser *ste = sps_binariser_find("ste");
    const float w[6] = {-1.5f, -1, -0.25f, 0, 1, 1.0625f}, expected[6] = {0, 2, 3, 4, 5, 0};
    float v[6], g[6] = {1, 2, 3, 4, 5, 6}, dy[6];
    ste->standardise(v, w, 6);
    assert_memory_equal(v, w, sizeof w);
    ste->activation(kern, dy, g, w, 6, 3, 9); /* t and k mean nothing here */
    assert_memory_equal(dy, expected, sizeof dy);
    ste->backward(kern, g, v, 6, 1, 3, 9);
    assert_memory_equal(g, expected, sizeof g);
    assert_true(ste->limit == 1);
    assert_true(sps_binariser_find("irnet")->limit == 0);
}

/* Two bits up to 3: levels 0, 1, 2, 3.  Ties go to the even level (rintf). */
static void pact_levels_on_paper(void **state)
{
    (void)state;
    const struct {
        float x, q;
    } cases[] = {{-1, 0},    {-0.0f, 0}, {0.25f, 0}, {0.75f, 1}, {1, 1}, {1.5f, 2},
                 {2.25f, 2}, {2.5f, 2},  {2.75f, 3}, {3, 3},     {17, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(sps_pact(cases[i].x, 3, 2) == cases[i].q);
    /* One bit up to 2: 0 or 2, border at 1. */
    assert_true(sps_pact(0.875f, 2, 1) == 0);
    assert_true(sps_pact(1.125f, 2, 1) == 2);
}

static void pact_levels_of_all_widths(void **state)
{
    (void)state;
    struct sps_random r = test_random(3);
    for (int bits = 1; bits <= 16; bits++) {
        double alpha = uniform(&r, 0.5, 4), levels = (1 << bits) - 1, last = -1;
        assert_true(sps_pact((float)alpha, (float)alpha, bits) == (float)alpha);
        for (int i = -5; i <= 105; i++) {
            float x = (float)(alpha * i / 100), q = sps_pact(x, (float)alpha, bits);
            double inside = fmin(fmax(x, 0), (float)alpha), level = q * levels / (float)alpha;
            NEAR(level, rint(level), 1e-6 * levels); /* a float multiple of the step */
            NEAR(q, inside, (0.5 + 1e-6 * levels) * alpha / levels);
            assert_true(q >= last);
            last = q;
            NEAR(sps_pact(q, (float)alpha, bits), q, 1e-6 * alpha);
        }
    }
}

static void pact_gradients_go_straight_through(void **state)
{
    (void)state;
    const struct {
        float x, dx, dalpha;
    } cases[] = {{-0.5f, 0, 0}, {0, 0, 0}, {0.125f, 3, 0}, {1.875f, 3, 0}, {2, 0, 3}, {2.5f, 0, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float dx = 99, dalpha = sps_pact_backward(&dx, 3, cases[i].x, 2);
        assert_true(dx == cases[i].dx);
        assert_true(dalpha == cases[i].dalpha);
    }
}

/* 0.1 to 10 on a logarithmic line: 1 in the middle, 10^-0.5 at a quarter; k = 1 / t while t < 1, then 1. */
static void error_decay_from_end_to_end(void **state)
{
    (void)state;
    const double cases[][3] = {{0, 0.1, 10},
                               {0.25, 0.31622776601683794, 3.1622776601683795},
                               {0.5, 1, 1},
                               {0.75, 3.1622776601683795, 1},
                               {1, 10, 1}};
    for (size_t i = 0; i < 5; i++) {
        float t, k;
        sps_error_decay(&t, &k, cases[i][0], 0.1, 10);
        NEAR(t, cases[i][1], 2e-7 * cases[i][1]);
        NEAR(k, cases[i][2], 3e-7 * cases[i][2]);
    }
    float t, k;
    sps_error_decay(&t, &k, 0.4, 2, 2);
    NEAR(t, 2, 2e-7);
    NEAR(k, 1, 0);
}

static void every_binariser_is_found_by_name(void **state)
{
    (void)state;
    const char *const names[] = {
#define NAME(name) #name,
        SPS_BINARISER_LIST(NAME)};
    size_t count = sizeof names / sizeof *names;
    for (size_t i = 0; i < count; i++) {
        const struct sps_binariser *b = sps_binariser_at(i);
        assert_non_null(b);
        assert_string_equal(b->name, names[i]);
        assert_ptr_equal(sps_binariser_find(names[i]), b);
        assert_true(b->summary[0] != 0 && b->source[0] != 0);
        assert_true(b->standardise != NULL && b->backward != NULL && b->activation != NULL);
    }
    assert_null(sps_binariser_at(count));
    assert_null(sps_binariser_find("nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(irnet_standardises_each_row),
        cmocka_unit_test(irnet_on_four_numbers),
        cmocka_unit_test(irnet_leaves_equal_weights_at_zero),
        cmocka_unit_test(irnet_backward_is_the_gradient_of_the_surrogate),
        cmocka_unit_test(irnet_activation_is_the_slope_of_k_tanh),
        cmocka_unit_test(ste_passes_inside_one),
        cmocka_unit_test(pact_levels_on_paper),
        cmocka_unit_test(pact_levels_of_all_widths),
        cmocka_unit_test(pact_gradients_go_straight_through),
        cmocka_unit_test(error_decay_from_end_to_end),
        cmocka_unit_test(every_binariser_is_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
