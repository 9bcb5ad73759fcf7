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
        struct sps_surrogate at = {.kern = kern, .t = cases[q].t, .k = cases[q].k};
        at.factor = irnet->standardise(v, w, n);
        assert_true(irnet->backward(dw, v, n, &at) == 0);
        for (size_t i = 0; i < n; i++) {
            double here = x[i], h = 1e-6;
            x[i] = here + h;
            double up = surrogate(x, g, n, cases[q].t, cases[q].k);
            x[i] = here - h;
            double down = surrogate(x, g, n, cases[q].t, cases[q].k);
            x[i] = here;
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
        const struct sps_surrogate at = {.kern = kern, .t = t, .k = k};
        sps_binariser_find("irnet")->activation(dy, dy, y, 37, &at); /* in place, as the sign layer does */
        for (int i = 0; i < 37; i++) {
            double h = 1e-5, slope = k * (tanh(t * (y[i] + h)) - tanh(t * (y[i] - h))) / (2 * h);
            NEAR(dy[i], g[i] * slope, 2e-5 * k * t);
        }
    }
}

/* By the rule: copies weights, passes gradients where |x| <= 1.  Weights that may leave [-1, 1] are of xnor_pp. */
static void bnn_passes_inside_one(void **state)
{
    (void)state;
    const char *const names[] = {"bnn", "xnor_pp", "rad"};
    for (int i = 0; i < 3; i++) {
        const struct sps_binariser *bnn = sps_binariser_find(names[i]);
        const struct sps_surrogate at = {.t = 3, .k = 9, .factor = 1}; /* mean nothing here */
        const float w[6] = {-1.5f, -1, -0.25f, 0, 1, 1.0625f}, expected[6] = {0, 2, 3, 4, 5, 0};
        float v[6], g[6] = {1, 2, 3, 4, 5, 6}, dy[6];
        bnn->standardise(v, w, 6);
        assert_memory_equal(v, w, sizeof w);
        assert_true(bnn->activation(dy, g, w, 6, &at) == 0);
        assert_memory_equal(dy, expected, sizeof dy);
        assert_true(bnn->backward(g, v, 6, &at) == 0);
        assert_memory_equal(g, expected, sizeof g);
        assert_true(bnn->limit == (i != 1));
    }
    assert_true(sps_binariser_find("irnet")->limit == 0);
}

/* ---- gradients of all binarisers, against differences of what they stand for ---- */

/* The smooth function of the weights behind a backward pass: sum of g_i times what stands for sign(w_i).  Parts that a
 * paper holds constant are taken at `at`, the weights where the gradient is asked for. */
struct smooth {
    const float *g;
    size_t n;
    const double *at;
    const float *square;
    double share;
};

static double hard_tanh(double x)
{
    return fmin(fmax(x, -1), 1);
}

static double mean_size(const double *w, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += fabs(w[i]) / (double)n;
    return sum;
}

static double weighted_size(const struct smooth *s)
{
    double up = 0, down = 0;
    for (size_t i = 0; i < s->n; i++) {
        double d = s->square ? sqrt(s->square[i]) : 1;
        up += d * fabs(s->at[i]), down += d;
    }
    return up / down;
}

static double smooth_bnn(const double *w, double a, const struct smooth *s)
{
    (void)a;
    double sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += s->g[i] * hard_tanh(w[i]);
    return sum;
}

/* alpha(w) sign(w), over alpha at the point: sign moves through hard tanh, and alpha moves with its signs fixed. */
static double smooth_xnor(const double *w, double a, const struct smooth *s)
{
    double sum = smooth_bnn(w, a, s), alpha = mean_size(w, s->n) / mean_size(s->at, s->n);
    for (size_t i = 0; i < s->n; i++)
        sum += s->g[i] * alpha * (s->at[i] >= 0 ? 1 : -1);
    return sum;
}

static double smooth_dorefa(const double *w, double a, const struct smooth *s)
{
    (void)a;
    double sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += s->g[i] * w[i] / mean_size(s->at, s->n);
    return sum;
}

static double smooth_lab(const double *w, double a, const struct smooth *s)
{
    (void)a;
    double sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += s->g[i] * w[i] / weighted_size(s);
    return sum;
}

static double smooth_react(const double *w, double a, const struct smooth *s)
{
    return smooth_bnn(w, a, s) / mean_size(s->at, s->n);
}

static double smooth_recu(const double *w, double a, const struct smooth *s)
{
    (void)a;
    double v[64], at[64], sum = 0, e = exp(1);
    standardise_reference(v, w, s->n);
    standardise_reference(at, s->at, s->n);
    double q = 0.85 + 0.14 * (pow(e, s->share) - 1) / (e - 1), bound = -log(2 - 2 * q) * mean_size(at, s->n);
    for (size_t i = 0; i < s->n; i++)
        sum += s->g[i] * sqrt(8) * fmin(fmax(v[i], -bound), bound);
    return sum;
}

static double soft_step(double x, double a)
{
    return tanh(0.5 * log(2 / a - 1) * x) / (1 - a);
}

static double smooth_dsq(const double *w, double a, const struct smooth *s)
{
    double largest = 0, sum = 0;
    for (size_t i = 0; i < s->n; i++)
        largest = fmax(largest, fabs(s->at[i]));
    for (size_t i = 0; i < s->n; i++)
        sum += s->g[i] * soft_step(w[i] / largest, a);
    return sum;
}

static const struct {
    const char *name;
    double (*smooth)(const double *w, double a, const struct smooth *s);
} smooths[] = {{"bnn", smooth_bnn},       {"xnor", smooth_xnor}, {"xnor_pp", smooth_bnn},
               {"dorefa", smooth_dorefa}, {"dsq", smooth_dsq},   {"lab", smooth_lab},
               {"rad", smooth_bnn},       {"recu", smooth_recu}, {"react", smooth_react}};

/* Central differences over 2e-6 mean nothing at the corners of hard tanh, of clamps and of |w|, so inputs keep 1e-3
 * away from 0 and 1; the one clamp of recu that a weight comes near is met with probability 1e-5.  Elsewhere they are
 * good to 1e-8; the rest is float rounding. */
static void backward_passes_are_gradients(void **state)
{
    (void)state;
    const struct sps_kern *kern;
    OK(sps_kern_get(&kern));
    const size_t sizes[] = {1, 3, 16, 37, 64};
    for (uint32_t q = 0; q < sizeof smooths / sizeof *smooths * 5; q++) {
        const struct sps_binariser *b = sps_binariser_find(smooths[q / 5].name);
        size_t n = sizes[q % 5];
        struct sps_random r = test_random(200 + q);
        float w[64], v[64], g[64], dw[64], square[64];
        double x[64], at_w[64], numeric[65], largest = 0, a = 0.11, spread = q % 2 ? 0.05 : 0.7, h = 1e-6;
        for (size_t i = 0; i < n; i++) {
            do
                w[i] = (float)(spread * sps_random_normal(&r));
            while (fabsf(w[i]) < 1e-3f || fabsf(fabsf(w[i]) - 1) < 1e-3f);
            x[i] = at_w[i] = w[i];
            dw[i] = g[i] = sps_random_normal(&r);
            square[i] = uniform(&r, 0.01, 4);
        }
        struct smooth s = {g, n, at_w, q % 3 ? square : NULL, 0.3};
        struct sps_surrogate at = {
            .kern = kern, .t = 1, .k = 1, .learned = (float)a, .share = 0.3f, .square = s.square};
        if (n == 1 && strcmp(b->name, "recu") == 0)
            continue; /* a row of one weight has no spread */
        at.factor = b->standardise(v, w, n);
        double by_learned = b->backward(dw, v, n, &at);
        for (size_t i = 0; i < n; i++) {
            x[i] = at_w[i] + h;
            numeric[i] = smooths[q / 5].smooth(x, a, &s);
            x[i] = at_w[i] - h;
            numeric[i] = (numeric[i] - smooths[q / 5].smooth(x, a, &s)) / (2 * h);
            x[i] = at_w[i];
            largest = fmax(largest, fabs(numeric[i]));
        }
        for (size_t i = 0; i < n; i++)
            if (!(fabs(dw[i] - numeric[i]) <= 2e-5 * largest))
                fail_msg("%s, %zu weights, weight %zu of %g: %g, by differences %g", b->name, n, i, w[i], dw[i],
                         numeric[i]);
        double by_a = (smooths[q / 5].smooth(x, a + h, &s) - smooths[q / 5].smooth(x, a - h, &s)) / (2 * h);
        NEAR(by_learned, by_a, 2e-5 * (double)n);
    }
}

/* Two parabolas, x (2 + x) left and x (2 - x) right of 0, for the tent; the soft step of DSQ. */
static void activation_slopes(void **state)
{
    (void)state;
    const char *const names[] = {"recu", "react", "dsq", "bnn", "xnor", "dorefa", "lab"};
    struct sps_random r = test_random(10);
    for (int q = 0; q < 7; q++) {
        const struct sps_binariser *b = sps_binariser_find(names[q]);
        const struct sps_surrogate at = {.t = 1, .k = 1, .learned = 0.07f};
        float y[37], g[37], dy[37];
        double by_a = 0, h = 1e-5;
        fill_normal(&r, y, 37);
        fill_normal(&r, g, 37);
        memcpy(dy, g, sizeof dy);
        double by_learned = b->activation(dy, dy, y, 37, &at);
        for (int i = 0; i < 37; i++) {
            double value[2];
            for (int side = 0; side < 2; side++) {
                double x = y[i] + (side ? h : -h), in = hard_tanh(x);
                value[side] = q < 2 ? in * (2 - fabs(in)) : q == 2 ? soft_step(in, at.learned) : in;
            }
            by_a += q == 2
                        ? g[i] * (soft_step(hard_tanh(y[i]), 0.07 + h) - soft_step(hard_tanh(y[i]), 0.07 - h)) / (2 * h)
                        : 0;
            NEAR(dy[i], g[i] * (value[1] - value[0]) / (2 * h), 1e-4 * fabs(g[i])); /* h at the top of the tent */
        }
        NEAR(by_learned, by_a, 1e-4);
    }
}

/* On paper.  w = {0.5, -0.25, 1.5, -0.75}: sum 3, mean 0.75.  g = {1, 2, 3, 4}: signed sum 1 - 2 + 3 - 4 = -2, over 3.
 * Curvature of squares {1, 4, 9, 16} is {1, 2, 3, 4}: weighted 0.5 + 0.5 + 4.5 + 3 = 8.5 over 10 is 0.85. */
static void gradients_of_four_weights(void **state)
{
    (void)state;
    const float w[4] = {0.5f, -0.25f, 1.5f, -0.75f}, square[4] = {1, 4, 9, 16};
    const struct {
        const char *name;
        double dw[4];
    } cases[] = {{"xnor", {1 - 2. / 3, 2 + 2. / 3, -2. / 3, 4 + 2. / 3}},
                 {"dorefa", {1 / 0.75, 2 / 0.75, 3 / 0.75, 4 / 0.75}},
                 {"react", {1 / 0.75, 2 / 0.75, 0, 4 / 0.75}},
                 {"lab", {1 / 0.85, 2 / 0.85, 3 / 0.85, 4 / 0.85}}};
    for (size_t q = 0; q < 4; q++) {
        const struct sps_binariser *b = sps_binariser_find(cases[q].name);
        float v[4], g[4] = {1, 2, 3, 4}, zero[4] = {0};
        struct sps_surrogate at = {.square = square};
        at.factor = b->standardise(v, w, 4);
        b->backward(g, v, 4, &at);
        for (int i = 0; i < 4; i++)
            NEAR(g[i], cases[q].dw[i], 1e-6);
        b->backward(g, zero, 4, &at); /* no weight has a size: nothing to divide by */
        for (int i = 0; i < 4; i++)
            assert_true(isfinite(g[i]));
    }
}

/* A weight in the tail has no gradient of its own: of v = {-1, ..., 3} only the last is outside +-Q, -ln(0.3) mean |v|
 * at the start.  On paper: w = {0 four times, 5}: mean 1, spread 2, v = {-0.5 x 4, 2}, mean |v| 0.8, Q = 0.963. */
static void recu_clamps_the_tail(void **state)
{
    (void)state;
    const struct sps_binariser *recu = sps_binariser_find("recu");
    const float w[5] = {0, 0, 0, 0, 5};
    float v[5], g[5] = {0, 0, 0, 0, 7};
    struct sps_surrogate at = {.share = 0};
    at.factor = recu->standardise(v, w, 5);
    NEAR(at.factor, 0.5, 1e-7);
    recu->backward(g, v, 5, &at);
    for (int i = 0; i < 5; i++)
        assert_true(g[i] == 0);
    /* At the end Q is -ln(0.02) x 0.8 = 3.13: it is inside.  sqrt(8) x 7 / 2 = 9.9; less mean 1/5, less v 2 x 2 / 5. */
    g[4] = 7, at.share = 1;
    recu->backward(g, v, 5, &at);
    NEAR(g[4], 3.5 * sqrt(8) * (1 - 0.2 - 0.8), 1e-5);
    NEAR(g[0], 3.5 * sqrt(8) * (0 - 0.2 + 0.2), 1e-5);
}

/* tanh(k) = 1 - a at the end, so the step meets +-1 whatever a is: no gradient of a there, as in the middle. */
static void dsq_meets_one_at_the_ends(void **state)
{
    (void)state;
    const struct sps_binariser *dsq = sps_binariser_find("dsq");
    for (float a = dsq->learned.low; a <= dsq->learned.high; a += 0.07f) {
        const float y[4] = {-1, 0, 1, 1.5f}, g[4] = {1, 1, 1, 1};
        float dy[4];
        const struct sps_surrogate at = {.learned = a};
        for (int i = 0; i < 4; i++)
            NEAR(dsq->activation(dy, g, y + i, 1, &at), 0, 2e-5 / a);
        double k = 0.5 * log(2 / (double)a - 1);
        dsq->activation(dy, g, y, 4, &at);
        NEAR(dy[1], k / (1 - a), 1e-5);
        NEAR(dy[0], k * a * (2 - a) / (1 - a), 1e-5); /* tanh' = 1 - (1 - a)^2 = a (2 - a) */
        assert_true(dy[3] == 0);
    }
}

/* On paper, without the weight of 2.  m = 0.5, s = 1: mismatch 0.25.  m = 1.5, s = 0.25: 0.0625 + 2.1875.  m = 0, s =
 * 5: saturation 1.  m = 1, s = 2: nothing. */
static void rad_on_paper(void **state)
{
    (void)state;
    const struct sps_binariser *rad = sps_binariser_find("rad");
    const double cases[][3] = {{0.5, 1, 0.25}, {1.5, 0.25, 2.25}, {-1.5, 0.25, 2.25}, {0, 5, 1}, {1, 2, 0}};
    double by_mean, by_sd, unused[2], h = 1e-6;
    for (size_t i = 0; i < 5; i++)
        NEAR(rad->distribution(cases[i][0], cases[i][1], &by_mean, &by_sd), 2 * cases[i][2], 1e-12);
    struct sps_random r = test_random(11);
    for (int i = 0; i < 200; i++) {
        double m = uniform(&r, -3, 3), s = uniform(&r, 0.1, 5);
        rad->distribution(m, s, &by_mean, &by_sd);
#define LOSS(m, s) rad->distribution(m, s, &unused[0], &unused[1])
        NEAR(by_mean, (LOSS(m + h, s) - LOSS(m - h, s)) / (2 * h), 1e-5);
        NEAR(by_sd, (LOSS(m, s + h) - LOSS(m, s - h)) / (2 * h), 1e-5);
    }
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
        if (b->learned.name != NULL)
            assert_true(b->learned.low < b->learned.first && b->learned.first < b->learned.high);
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
        cmocka_unit_test(bnn_passes_inside_one),
        cmocka_unit_test(backward_passes_are_gradients),
        cmocka_unit_test(activation_slopes),
        cmocka_unit_test(gradients_of_four_weights),
        cmocka_unit_test(recu_clamps_the_tail),
        cmocka_unit_test(dsq_meets_one_at_the_ends),
        cmocka_unit_test(rad_on_paper),
        cmocka_unit_test(pact_levels_on_paper),
        cmocka_unit_test(pact_levels_of_all_widths),
        cmocka_unit_test(pact_gradients_go_straight_through),
        cmocka_unit_test(error_decay_from_end_to_end),
        cmocka_unit_test(every_binariser_is_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
