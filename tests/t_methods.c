/* SPDX-License-Identifier: MIT */
/* What every method must fulfil (all of the list), and what each one says it does.  Draws are compared with their
 * declared distribution at a fixed seed: a share of N draws may be off by 5 sigma, 5 sqrt(p (1 - p) / N). */
#include "bayes/list.h"
#include "net.h"

enum { B = 32, C = 6, LAYERS = 3, PASSES = 200 };

/* Three scales of six channels behind products of 72, 36 and 36 weights. */
static const char net_text[] = "input: {height: 1, width: 12, channels: 1}\nclasses: 2\nlayers:\n"
                               "  - dense: {out: 6}\n  - batchnorm: {scale: true}\n"
                               "  - dense: {out: 6}\n  - batchnorm: {scale: true, bias: true}\n"
                               "  - dense: {out: 6}\n  - batchnorm: {scale: true}\n  - dense: {out: 2}\n";

static struct sps_graph *method_graph(const struct sps_method *method, void *settings)
{
    return make_graph(net_text, &(struct sps_graph_options){
                                    .method = method, .settings = settings, .batch = B, .training = 1, .seed = 3});
}

struct rig {
    const struct sps_method *method;
    void *settings;
    struct sps_graph *graph;
    struct sps_scale *scale; /* the one most tests look at */
};

static struct rig open_rig(const char *method, const char *assignments)
{
    struct rig rig = {.method = sps_method_find(method)};
    assert_non_null(rig.method);
    rig.settings = make_settings(rig.method, assignments);
    rig.graph = method_graph(rig.method, rig.settings);
    assert_int_equal(rig.graph->scale_count, LAYERS);
    rig.scale = rig.graph->scales[1];
    return rig;
}

static void close_rig(struct rig *rig)
{
    sps_graph_free(rig->graph);
    sps_free(rig->settings);
}

/* The variants of all methods that the contract tests walk over. */
static const char *const variants[][2] = {
    {"point", "method.spread=0.3"},
    {"scale_dropout", "method.p=0.3"},
    {"scale_dropout", "method.p=[0.1,0.5,0.3] method.variant=average"},
    {"scale_dropout", "method.p=0.4 method.variant=random"},
    {"scale_dropout", "method.p=0.4 method.mask=element"},
    {"scale_dropout", "method.p=0.4 method.mask=element method.variant=average"},
    {"scale_dropout", "method.p=0.4 method.mask=element method.variant=random"},
    {"scale_dropout", "method.p=0.3 method.path_per=batch"},
    {"scale_dropout", "method.p=0.3 method.p_spread=0.2"},
    {"scale_vi", "method.bits=0 method.spread=0.2"},
    {"scale_vi", "method.bits=4"},
    {"scale_vi", "method.bits=4 method.path_per=batch"},
    {"mc_dropout", "method.p=0.3"},
    {"mc_dropconnect", "method.p=[0.1,0.2,0.3,0.4]"},
    {"spindrop", "method.p=0.3"},
    {"spatial_spindrop", "method.p=0.3"},
    {"mean_field_vi", "method.lambda=elbo"},
    {"scale_bank", "method.bits=0 method.samples=3"},
    {"scale_bank", "method.bits=4"},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static void every_method_is_what_its_list_says(void **state)
{
    (void)state;
#define NAME(name) #name,
    const char *const names[] = {SPS_METHOD_LIST(NAME)};
    size_t count = sizeof names / sizeof *names;
    for (size_t i = 0; i < count; i++) {
        const struct sps_method *m = sps_method_at(i);
        assert_non_null(m);
        assert_string_equal(m->name, names[i]);
        assert_ptr_equal(sps_method_find(names[i]), m);
        assert_true(m->summary[0] != 0 && m->source[0] != 0);
        assert_true(m->attach != NULL && m->draw != NULL && m->backward != NULL && m->make_bank != NULL);
        void *settings = ROOM(char, m->settings_size);
        struct sps_binding binding = {m->params, settings};
        OK(sps_params_check(&binding, 1));
        for (const struct sps_param *p = m->params; p->key != NULL; p++)
            assert_int_equal(strncmp(p->key, "method.", 7), 0);
        sps_free(settings);
        int seen = 0;
        for (int v = 0; v < VARIANTS; v++)
            seen += strcmp(variants[v][0], m->name) == 0;
        if (seen == 0)
            fail_msg("no test looks at method %s: add it to variants[]", m->name);
    }
    assert_null(sps_method_at(count));
    assert_null(sps_method_find("nothing"));
}

/* ---- draws ---- */

static void draws_do_not_depend_on_who_asks(void **state)
{
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        struct rig rig = open_rig(variants[v][0], variants[v][1]);
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, B);
        float whole[B * C], noise[B * C];
        int per_batch = strstr(variants[v][1], "batch") != NULL, random = strncmp(variants[v][0], "scale_", 6) == 0,
            per_step = strstr(variants[v][1], "p_spread") != NULL;
        rig.method->draw(rig.scale, &pass, 0, B);
        memcpy(whole, rig.scale->effective, sizeof whole);
        memcpy(noise, rig.scale->noise, sizeof noise);
        /* In pieces, and backwards. */
        memset(rig.scale->effective, 0xff, sizeof whole);
        rig.method->draw(rig.scale, &pass, 20, B);
        rig.method->draw(rig.scale, &pass, 19, 20);
        rig.method->draw(rig.scale, &pass, 0, 19);
        assert_memory_equal(rig.scale->effective, whole, sizeof whole);
        assert_memory_equal(rig.scale->noise, noise, sizeof noise);
        /* The numbers belong to the image, not to its place in the batch. */
        uint32_t reversed[B];
        for (uint32_t i = 0; i < B; i++)
            reversed[i] = B - 1 - i;
        pass.index = reversed;
        rig.method->draw(rig.scale, &pass, 0, B);
        for (int i = 0; i < B; i++)
            assert_memory_equal(rig.scale->effective + i * C, whole + (per_batch ? i : B - 1 - i) * C,
                                C * sizeof(float));
        pass.index = identity;
        /* Samples differ, or share one draw. */
        int differ = 0;
        for (int i = 1; i < B; i++)
            differ += memcmp(whole, whole + i * C, C * sizeof(float)) != 0;
        assert_int_equal(differ > 0, random && !per_batch);
        /* Another epoch, seed, layer or batch is another draw (compared over several, as one may be equal by chance).
         */
        int same[4] = {1, 1, 1, 1};
        for (uint32_t k = 1; k <= 60; k++) {
            pass.epoch = k;
            rig.method->draw(rig.scale, &pass, 0, B);
            same[0] &= memcmp(rig.scale->effective, whole, sizeof whole) == 0;
            pass.epoch = 0;
            pass.seed = 7 + k;
            rig.method->draw(rig.scale, &pass, 0, B);
            same[1] &= memcmp(rig.scale->effective, whole, sizeof whole) == 0;
            pass.seed = 7;
            pass.batch = k;
            rig.method->draw(rig.scale, &pass, 0, B);
            same[2] &= memcmp(rig.scale->effective, whole, sizeof whole) == 0;
            pass.batch = 0;
            int layer = rig.scale->layer;
            rig.scale->layer += (int)k;
            rig.method->draw(rig.scale, &pass, 0, B);
            same[3] &= memcmp(rig.scale->effective, whole, sizeof whole) == 0;
            rig.scale->layer = layer;
        }
        assert_int_equal(same[0], !random);
        assert_int_equal(same[1], !random);
        assert_int_equal(same[2], !random || !(per_batch || per_step));
        assert_int_equal(same[3], !random);
        close_rig(&rig);
    }
}

/* Share of dropped samples, over many epochs, of one layer. */
static double share_dropped(struct rig *rig, struct sps_scale *scale, int channel)
{
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, B);
    double dropped = 0;
    for (uint32_t epoch = 0; epoch < PASSES; epoch++) {
        pass.epoch = epoch;
        rig->method->draw(scale, &pass, 0, B);
        for (int i = 0; i < B; i++)
            dropped += scale->effective[i * C + channel] != scale->weight[0]->value[channel];
    }
    return dropped / (B * PASSES);
}

static void near_share(double share, double p, double count)
{
    NEAR(share, p, 5 * sqrt(p * (1 - p) / count));
}

static void dropout_drops_as_often_as_it_says(void **state)
{
    (void)state;
    const struct {
        const char *assignments;
        double p[LAYERS];
    } cases[] = {
        {"method.p=0.3", {0.3, 0.3, 0.3}},
        {"method.p=[0.1,0.5,0.9]", {0.1, 0.5, 0.9}},
        {"method.p=0.2 method.variant=average", {0.2, 0.2, 0.2}},
        {"method.p=0.2 method.variant=random", {0.2, 0.2, 0.2}},
        {"method.p=0.4 method.mask=element", {0.4, 0.4, 0.4}},
        {"method.p=layer-size", {0.1, 0.1, 0.1}},
    };
    for (size_t q = 0; q < sizeof cases / sizeof *cases; q++) {
        struct rig rig = open_rig("scale_dropout", cases[q].assignments);
        for (int l = 0; l < LAYERS; l++)
            for (int c = 0; c < C; c += C - 1)
                near_share(share_dropped(&rig, rig.graph->scales[l], c), cases[q].p[l], B * PASSES);
        close_rig(&rig);
    }
}

/* The p of a step is read off 512 passes of its batch (its error is below 0.022).  Over 400 steps and 3 layers its mean
 * is p and its variance that of p_spread and of reading it, p (1 - p) / 512 less what the spread takes; a spread of 1
 * often ends at 0 or 0.95; the bank keeps p. */
static void p_is_drawn_once_a_step(void **state)
{
    (void)state;
    enum { STEPS = 400, READ = 512 };
    const double p = 0.4, spread = 0.1;
    struct rig rig = open_rig("scale_dropout", "method.p=0.4 method.p_spread=0.1");
    uint32_t index[READ];
    double sum = 0, square = 0, across = 0, N = STEPS * LAYERS;
    for (uint32_t step = 0; step < STEPS; step++) {
        double share[LAYERS] = {0};
        for (int l = 0; l < LAYERS; l++) {
            struct sps_scale *scale = rig.graph->scales[l];
            for (uint32_t first = 0; first < READ; first += B) {
                struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, B);
                for (uint32_t i = 0; i < B; i++)
                    index[i] = first + i;
                pass.index = index;
                pass.batch = step % 20;
                pass.epoch = step / 20;
                rig.method->draw(scale, &pass, 0, B);
                for (int i = 0; i < B; i++)
                    share[l] += (1 - scale->noise[i * C]) / READ;
            }
            sum += share[l];
            square += (share[l] - p) * (share[l] - p);
        }
        across += (share[0] - p) * (share[1] - p);
    }
    const double read = (p * (1 - p) - spread * spread) / READ, variance = spread * spread + read;
    NEAR(sum / N, p, 5 * sqrt(variance / N));
    NEAR(square / N, variance, 5 * variance * sqrt(2 / N));
    NEAR(across / STEPS, 0, 5 * variance / sqrt(STEPS));
    OK(rig.method->make_bank(rig.scale, 1, 0));
    NEAR(rig.scale->probability[1], p, 0);
    close_rig(&rig);

    rig = open_rig("scale_dropout", "method.p=0.5 method.p_spread=1");
    int none = 0, many = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, B);
        int dropped = 0;
        pass.batch = step;
        rig.method->draw(rig.scale, &pass, 0, B);
        for (int i = 0; i < B; i++)
            dropped += rig.scale->noise[i * C] == 0;
        none += dropped == 0;
        many += dropped >= 24; /* at p = 0.95 all but surely; never all steps at p = 1 */
    }
    /* below 0: Phi(-0.5) = 0.309; p above 0.75: Phi(-0.25) = 0.40 */
    assert_true(none > 95 && none < 180);
    assert_true(many > 110 && many < 210);
    close_rig(&rig);
}

/* Section III-D: 10 % up to 2,000 weights, 20 % up to 100,000, 50 % above; the weights of the product in front. */
static void layer_size_rule(void **state)
{
    (void)state;
    struct rig rig = open_rig("scale_dropout", "method.p=layer-size");
    assert_int_equal(rig.graph->scales[0]->layer_weights, 72);
    assert_int_equal(rig.graph->scales[1]->layer_weights, 36);
    assert_int_equal(rig.graph->scales[2]->layer_weights, 36);
    const struct {
        size_t weights;
        double p;
    } cases[] = {{2000, 0.1}, {2001, 0.2}, {100000, 0.2}, {100001, 0.5}};
    for (int i = 0; i < 4; i++) {
        rig.scale->layer_weights = cases[i].weights;
        near_share(share_dropped(&rig, rig.scale, 0), cases[i].p, B * PASSES);
        OK(rig.method->make_bank(rig.scale, 1, 0));
        NEAR(rig.scale->probability[1], cases[i].p, 0);
    }
    close_rig(&rig);
}

/* What stands in for a dropped vector, and that a scalar mask drops it as a whole. */
static void dropped_scales_are_replaced_as_declared(void **state)
{
    (void)state;
    for (int variant = 0; variant < 3; variant++)
        for (int element = 0; element < 2; element++) {
            const char *const names[] = {"unitary", "average", "random"};
            char text[128];
            snprintf(text, sizeof text, "method.p=0.5 method.low=2 method.high=4 method.variant=%s method.mask=%s",
                     names[variant], element ? "element" : "scalar");
            struct rig rig = open_rig("scale_dropout", text);
            const float *s = rig.scale->weight[0]->value;
            struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, B);
            double mean = 0, sum = 0, square = 0, low = 9, high = -9, mixed = 0, drops = 0;
            for (int c = 0; c < C; c++)
                mean += s[c] / (double)C;
            for (pass.epoch = 0; pass.epoch < PASSES; pass.epoch++) {
                rig.method->draw(rig.scale, &pass, 0, B);
                for (int i = 0; i < B; i++) {
                    int kept = 0;
                    for (int c = 0; c < C; c++) {
                        float e = rig.scale->effective[i * C + c];
                        int keep = rig.scale->noise[i * C + c] == 1;
                        assert_true(keep || rig.scale->noise[i * C + c] == 0);
                        kept += keep;
                        if (keep)
                            assert_true(e == s[c]);
                        else if (variant == 0)
                            assert_true(e == 1);
                        else if (variant == 1)
                            NEAR(e, mean, 1e-7);
                        else {
                            sum += e, square += (double)e * e, drops++;
                            low = fmin(low, e), high = fmax(high, e);
                        }
                    }
                    mixed += kept > 0 && kept < C;
                }
            }
            /* One mask a channel leaves all six equal in 2 of 2^6 cases. */
            if (element)
                near_share(mixed / (B * PASSES), 1 - 2 / 64.0, B * PASSES);
            else
                assert_true(mixed == 0);
            if (variant ==
                2) { /* uniform on [2, 4]: mean 3, variance 4 / 12, that of the square's mean 1 / 45 + ... < 1 */
                NEAR(sum / drops, 3, 5 * sqrt(1 / 3.0 / drops));
                NEAR(square / drops - 9, 1 / 3.0, 5 * sqrt(12.5 / drops));
                assert_true(low >= 2 && low < 2.01 && high <= 4 && high > 3.99);
            }
            close_rig(&rig);
        }
}

static double sigma_of(const struct sps_scale *scale, int c)
{
    return log1p(exp(scale->weight[1]->value[c]));
}

/* Mean and variance of 6,400 draws; independent between channels. */
static void vi_draws_are_gaussian(void **state)
{
    (void)state;
    struct rig rig = open_rig("scale_vi", "method.bits=0 method.sigma=0.25 method.spread=0.5");
    double sum[C] = {0}, square[C] = {0}, across = 0, N = B * PASSES;
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, B);
    for (pass.epoch = 0; pass.epoch < PASSES; pass.epoch++) {
        rig.method->draw(rig.scale, &pass, 0, B);
        for (int i = 0; i < B; i++) {
            for (int c = 0; c < C; c++) {
                double e = rig.scale->effective[i * C + c] - rig.scale->weight[0]->value[c];
                NEAR(e, sigma_of(rig.scale, c) * rig.scale->noise[i * C + c], 3e-7);
                sum[c] += e;
                square[c] += e * e;
            }
            across += rig.scale->noise[i * C] * rig.scale->noise[i * C + 1];
        }
    }
    for (int c = 0; c < C; c++) {
        NEAR(sigma_of(rig.scale, c), 0.25, 1e-6);
        NEAR(sum[c] / N, 0, 5 * 0.25 / sqrt(N));
        NEAR(square[c] / N, 0.0625, 5 * 0.0625 * sqrt(2 / N));
    }
    NEAR(across / N, 0, 5 / sqrt(N));
    close_rig(&rig);
}

/* Quantised draws stand on the levels k 2 / 15 and within half a step of the plain draw. */
static void vi_draws_are_quantised(void **state)
{
    (void)state;
    struct rig rig = open_rig("scale_vi", "method.bits=4 method.clip=2 method.sigma=0.5");
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, B);
    int clipped = 0;
    for (pass.epoch = 0; pass.epoch < 20; pass.epoch++) {
        rig.method->draw(rig.scale, &pass, 0, B);
        for (int i = 0; i < B * C; i++) {
            double plain = rig.scale->weight[0]->value[i % C] + sigma_of(rig.scale, i % C) * rig.scale->noise[i];
            double inside = fmin(fmax(plain, 0), 2), e = rig.scale->effective[i], level = e * 15 / 2;
            NEAR(level, rint(level), 1e-5);
            NEAR(e, inside, 1 / 15.0 + 1e-6);
            clipped += plain > 2;
        }
    }
    assert_true(clipped > 0);
    close_rig(&rig);
}

/* ---- gradients ---- */

/* A smooth function of the effective scales: sum over samples and channels of sin(e + n) + 0.1 e^2 c. */
static double smooth(const struct sps_scale *scale, int n, float *gradient)
{
    double sum = 0;
    for (int i = 0; i < n * C; i++) {
        double e = scale->effective[i];
        sum += sin(e + i / C) + 0.1 * e * e * (i % C);
        if (gradient != NULL)
            gradient[i] = (float)(cos(e + i / C) + 0.2 * e * (i % C));
    }
    return sum;
}

/* Floats near 1 are apart by 1e-7; divided by the step 2 x 1e-2 and summed over 20 samples: 1e-3 of the sum is safe,
 * and the third-order term of the difference is 1e-4 / 6 of it. */
static void gradients_of_the_trained_tensors(void **state)
{
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        if (strstr(variants[v][1], "bits=4") != NULL)
            continue; /* steps have no gradient: below */
        struct rig rig = open_rig(variants[v][0], variants[v][1]);
        int n = 20;
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, n);
        rig.method->draw(rig.scale, &pass, 0, n);
        smooth(rig.scale, n, rig.scale->effective_grad);
        for (int t = 0; t < SPS_SCALE_WEIGHTS_MAX && rig.scale->weight[t] != NULL;
             t++) /* whatever was there is replaced */
            for (size_t c = 0; c < rig.scale->weight[t]->row; c++)
                rig.scale->weight[t]->grad[c] = 1000;
        rig.method->backward(rig.scale, &pass);
        for (int t = 0; t < SPS_SCALE_WEIGHTS_MAX && rig.scale->weight[t] != NULL; t++)
            for (size_t c = 0; c < rig.scale->weight[t]->row; c++) {
                float *w = &rig.scale->weight[t]->value[c], at = *w, up = at + 0.01f, down = at - 0.01f;
                *w = up;
                rig.method->draw(rig.scale, &pass, 0, n);
                double difference = smooth(rig.scale, n, NULL);
                *w = down;
                rig.method->draw(rig.scale, &pass, 0, n);
                difference -= smooth(rig.scale, n, NULL);
                *w = at;
                NEAR(rig.scale->weight[t]->grad[c], difference / ((double)up - down), 2e-3);
            }
        close_rig(&rig);
    }
}

/* With 4 bits: the gradient of the plain draw where it lies inside (0, clip), none from where it is clipped. */
static void vi_gradients_go_straight_through(void **state)
{
    (void)state;
    struct rig rig = open_rig("scale_vi", "method.bits=4 method.clip=1.5 method.sigma=0.8");
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, B);
    rig.method->draw(rig.scale, &pass, 0, B);
    double mean[C] = {0}, rho[C] = {0};
    int outside = 0;
    for (int i = 0; i < B * C; i++) {
        int c = i % C;
        double noise = rig.scale->noise[i], r = rig.scale->weight[1]->value[c];
        double plain = rig.scale->weight[0]->value[c] + sigma_of(rig.scale, c) * noise;
        rig.scale->effective_grad[i] = (float)(0.25 + i % 5);
        if (plain <= 0 || plain >= 1.5) {
            outside++;
            continue;
        }
        mean[c] += 0.25 + i % 5;
        rho[c] += (0.25 + i % 5) * noise / (1 + exp(-r));
    }
    assert_true(outside > 10 && outside < B * C - 10);
    rig.method->backward(rig.scale, &pass);
    for (int c = 0; c < C; c++) {
        NEAR(rig.scale->weight[0]->grad[c], mean[c], 1e-5);
        NEAR(rig.scale->weight[1]->grad[c], rho[c], 2e-5);
    }
    close_rig(&rig);
}

/* ---- regularisers ---- */

/* On paper: scales {0.5, 0.5, 1, 1, 1, 0.8} have mean 0.8: 2 (1 - 0.8)^2 = 0.08, gradient -2 x 2 x 0.2 / 6 each. */
static void mean_pull_on_paper(void **state)
{
    (void)state;
    struct rig rig = open_rig("scale_dropout", "method.mean_pull=2");
    const float s[C] = {0.5f, 0.5f, 1, 1, 1, 0.8f};
    memcpy(rig.scale->weight[0]->value, s, sizeof s);
    for (int c = 0; c < C; c++)
        rig.scale->weight[0]->grad[c] = (float)c;
    NEAR(rig.method->penalty(rig.scale, 1000), 0.08, 1e-7);
    for (int c = 0; c < C; c++) /* added to what is there */
        NEAR(rig.scale->weight[0]->grad[c], c - 0.8 / 6, 1e-6);
    close_rig(&rig);
}

/* On paper: q = N(1.3, 0.3^2) against N(1, 0.3^2): only the mean counts, 0.3^2 / (2 0.3^2) = 1/2 per channel; and
 * N(1, 0.6^2) against N(1, 0.3^2): ln(1/2) + 4/2 - 1/2 = 0.806853. */
static void divergence_on_paper(void **state)
{
    (void)state;
    for (int elbo = 0; elbo < 2; elbo++) {
        struct rig rig = open_rig("scale_vi", elbo ? "method.prior=0.3 method.sigma=0.3 method.lambda=elbo"
                                                   : "method.prior=0.3 method.sigma=0.3 method.lambda=0.01");
        double weight = elbo ? 1 / 400.0 : 0.01;
        NEAR(rig.method->penalty(rig.scale, 400), 0, 1e-6 * weight);
        for (int c = 0; c < C; c++)
            rig.scale->weight[0]->value[c] = 1.3f;
        NEAR(rig.method->penalty(rig.scale, 400), weight * C / 2, 1e-5 * weight);
        for (int c = 0; c < C; c++) {
            rig.scale->weight[0]->value[c] = 1;
            rig.scale->weight[1]->value[c] = (float)log(expm1(0.6));
        }
        NEAR(rig.method->penalty(rig.scale, 400), weight * C * 0.80685281944, 1e-5 * weight);
        close_rig(&rig);
    }
}

/* On paper, two entries a channel: (0.7, 1.3) have mean 1 and deviation 0.3, the prior's: 0; (1, 1.6) only differ in
 * the mean: 1/2; (0.4, 1.6) only in the deviation: 0.806853 as above. */
static void trained_bank_divergence_on_paper(void **state)
{
    (void)state;
    struct rig rig = open_rig("scale_bank", "method.samples=2 method.prior=0.3 method.lambda=0.01");
    const double entries[3][2] = {{0.7, 1.3}, {1, 1.6}, {0.4, 1.6}}, expected[3] = {0, 0.5, 0.80685281944};
    for (int q = 0; q < 3; q++) {
        for (int i = 0; i < 2 * C; i++)
            rig.scale->weight[0]->value[i] = (float)entries[q][i / C];
        NEAR(rig.method->penalty(rig.scale, 400), 0.01 * C * expected[q], 1e-7);
    }
    close_rig(&rig);
}

/* Each sample takes one entry as a whole, all of them equally often, and the bank holds them quantised. */
static void trained_bank_is_what_is_drawn(void **state)
{
    (void)state;
    struct rig rig = open_rig("scale_bank", "method.samples=4 method.bits=4 method.clip=2 method.prior=0.5");
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, B);
    double seen[4] = {0};
    OK(rig.method->make_bank(rig.scale, 1, 0));
    for (pass.epoch = 0; pass.epoch < PASSES; pass.epoch++) {
        rig.method->draw(rig.scale, &pass, 0, B);
        for (int i = 0; i < B; i++) {
            int entry = (int)rig.scale->noise[i * C];
            assert_memory_equal(rig.scale->effective + i * C, rig.scale->bank + entry * C, C * sizeof(float));
            seen[entry]++;
        }
    }
    for (int k = 0; k < 4; k++) {
        near_share(seen[k] / (B * PASSES), 0.25, B * PASSES);
        NEAR(rig.scale->probability[k], 0.25, 0);
        for (int c = 0; c < C; c++) {
            double level = rig.scale->bank[k * C + c] * 7.5, plain = rig.scale->weight[0]->value[k * C + c];
            NEAR(level, rint(level), 1e-5);
            NEAR(rig.scale->bank[k * C + c], fmin(fmax(plain, 0), 2), 1 / 15.0 + 1e-6);
        }
    }
    close_rig(&rig);
}

/* Methods with noise outside the scale ask for it in words of a description. */
static void noise_is_placed(void **state)
{
    (void)state;
    static const char neuron[] = "dropout: {p: 0.25, unit: neuron}", map[] = "dropout: {p: 0.25, unit: map}";
    /* Behind a real activation, a sign, a real one before a dense layer, a sign before one; or what a product gets:
     * real and binary convolution, real and binary dense layer. */
    const struct {
        const char *method, *settings, *expected[4];
    } cases[] = {
        {"mc_dropout", "method.p=0.25", {neuron, neuron, neuron, neuron}},
        {"mc_dropout", "method.p=0.25 method.unit=map method.place=dense", {"", "", map, map}},
        {"spindrop", "method.p=0.25", {"", neuron, "", neuron}},
        {"spatial_spindrop", "method.p=0.25", {"", map, "", neuron}},
        {"spatial_spindrop", "method.p=0.25 method.dense=map", {"", map, "", map}},
        {"spatial_spindrop", "method.p=0.25 method.dense=none", {"", map, "", ""}},
        {"mc_dropconnect", "method.p=0.25", {"drop: 0.25", "drop: 0.25", "drop: 0.25", "drop: 0.25"}},
        {"mc_dropconnect", "method.p=[0,0.1,0.2]", {"drop: 0", "drop: 0.1", "drop: 0.2", "drop: 0.2"}},
        {"mc_dropconnect", "method.p=0.25 method.place=dense", {"", "", "drop: 0.25", "drop: 0.25"}},
        {"mean_field_vi", "method.sigma=0.5", {"sigma: 0.5", "sigma: 0.5", "sigma: 0.5", "sigma: 0.5"}},
    };
    for (size_t q = 0; q < sizeof cases / sizeof *cases; q++) {
        const struct sps_method *method = sps_method_find(cases[q].method);
        void *settings = make_settings(method, cases[q].settings);
        for (int i = 0; i < 4; i++) {
            const struct sps_place place = {.at = i, .binary = i % 2, .dense = i / 2};
            char text[SPS_NOISE_TEXT];
            (method->noise != NULL ? method->noise : method->product)(text, settings, &place);
            assert_string_equal(text, cases[q].expected[i]);
        }
        sps_free(settings);
    }
}

static void penalties_have_their_gradient(void **state)
{
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        struct rig rig = open_rig(variants[v][0], variants[v][1]);
        if (rig.method->penalty == NULL) {
            close_rig(&rig);
            continue;
        }
        struct sps_random r = test_random(40);
        struct sps_weight **weight = rig.scale->weight;
        for (int t = 0; t < SPS_SCALE_WEIGHTS_MAX && weight[t] != NULL; t++)
            for (size_t c = 0; c < weight[t]->row; c++) {
                weight[t]->value[c] = uniform(&r, -1, 1.5);
                weight[t]->grad[c] = 0;
            }
        double value = rig.method->penalty(rig.scale, 50);
        assert_true(value > 0);
        float grad[SPS_SCALE_WEIGHTS_MAX][8 * C];
        for (int t = 0; t < SPS_SCALE_WEIGHTS_MAX && weight[t] != NULL; t++)
            memcpy(grad[t], weight[t]->grad, weight[t]->row * sizeof(float));
        for (int t = 0; t < SPS_SCALE_WEIGHTS_MAX && weight[t] != NULL; t++)
            for (size_t c = 0; c < weight[t]->row; c++) {
                float *w = &weight[t]->value[c], at = *w, up = at + 1e-3f, down = at - 1e-3f;
                *w = up;
                double difference = rig.method->penalty(rig.scale, 50);
                *w = down;
                difference -= rig.method->penalty(rig.scale, 50);
                *w = at;
                /* Computed in double; mean_of() of scale_dropout is a float: 6e-8 / 2e-3 of the slope. */
                NEAR(grad[t][c], difference / ((double)up - down), 1e-4 * value);
            }
        close_rig(&rig);
    }
}

/* ---- posteriors of weights ---- */

/* Of float and binary networks with every weight drawn from its posterior. */
static struct sps_graph *weights_graph(const char *binary, const char *binariser, void *settings)
{
    char text[512];
    snprintf(text, sizeof text,
             "input: {height: 1, width: 12, channels: 1}\nclasses: 2\nlayers:\n  - dense: {out: 6, sigma: 0.4%s}\n"
             "  - batchnorm: {scale: true}\n  - %s: {}\n  - dense: {out: 2, sigma: 0.4%s}\n%s",
             binary, *binary ? "sign" : "relu", binary, *binary ? "  - batchnorm: {}\n" : "");
    struct sps_graph *graph = make_graph(text, &(struct sps_graph_options){.method = sps_method_find("mean_field_vi"),
                                                                           .binariser = sps_binariser_find(binariser),
                                                                           .settings = settings,
                                                                           .batch = B,
                                                                           .training = 1,
                                                                           .seed = 3});
    struct sps_random r = test_random(41);
    fill_codes(&r, graph->codes, (size_t)B * 12);
    return graph;
}

static const struct sps_step first_step = {.count = 1};

/* Loss and penalty; with their gradients. */
static double whole_loss(struct sps_graph *graph, const struct sps_pass *pass)
{
    float dlogits[2 * B];
    int labels[B];
    for (int i = 0; i < B; i++)
        labels[i] = i % 3 == 0;
    sps_graph_forward(graph, pass);
    double loss = sps_cross_entropy(NULL, dlogits, sps_graph_logits(graph), labels, B, 2, 0);
    sps_graph_backward(graph, pass, dlogits);
    return loss + sps_graph_posterior(graph, sps_optimiser_find("adam"), &first_step, 1, 1, 50);
}

/* A float network: loss and penalty are smooth in mean and rho, but where relu bends.  Differences of a float loss of
 * about 1 with steps of 2e-2 are good to 1e-5, the third-order term is larger: 2 % and 1e-4. */
static void posteriors_of_weights_have_their_gradient(void **state)
{
    (void)state;
    void *settings = make_settings(sps_method_find("mean_field_vi"), "method.lambda=0.002 method.prior=0.7");
    struct sps_graph *graph = weights_graph("", "irnet", settings);
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, B);
    int checked = 0;
    whole_loss(graph, &pass);
    for (int i = 0; i < graph->weight_count; i++) {
        struct sps_weight *w = graph->weights[i];
        if (w->dims < 2)
            continue;
        float *grad = ROOM(float, w->rows * w->row);
        whole_loss(graph, &pass);
        memcpy(grad, w->grad, w->rows * w->row * sizeof *grad);
        for (size_t j = 0; j < w->rows * w->row; j++) {
            float *x = &w->value[j], at = *x, h = w->of_posterior ? 1e-2f : 1e-3f, up = at + h, down = at - h;
            *x = up;
            double difference = whole_loss(graph, &pass);
            *x = down;
            difference -= whole_loss(graph, &pass);
            *x = at;
            double slope = difference / ((double)up - down);
            NEAR(grad[j], slope, 0.02 * fabs(slope) + 3e-3);
            checked++;
        }
        sps_free(grad);
    }
    assert_int_equal(checked, 2 * (72 + 12));
    sps_graph_free(graph);
    sps_free(settings);
}

/* A binary one: straight through the sign at what was drawn (bnn: where it is inside -1 .. 1), then to mean and rho. */
static void posteriors_go_straight_through_the_sign(void **state)
{
    (void)state;
    void *settings = make_settings(sps_method_find("mean_field_vi"), "method.lambda=0");
    struct sps_graph *graph = weights_graph(", binary: true", "bnn", settings);
    struct sps_weight *w = graph->weights[0];
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, B);
    struct sps_random r = test_random(42);
    for (size_t i = 0; i < 72; i++)
        w->value[i] = uniform(&r, -1.2, 1.2); /* so that some are drawn outside */
    sps_graph_forward(graph, &pass);
    float g[72];
    fill_normal(&r, g, 72);
    memcpy(w->grad, g, sizeof g);
    sps_graph_posterior(graph, sps_optimiser_find("adam"), &first_step, 1, 1, 50);
    int outside = 0;
    for (size_t i = 0; i < 72; i++) {
        double drawn = w->drawn->value[i], through = fabs(drawn) <= 1 ? g[i] : 0;
        outside += fabs(drawn) > 1;
        NEAR(w->grad[i], through, 1e-7);
        NEAR(w->rho->grad[i], through * w->noise[i] / (1 + exp(-w->rho->value[i])), 1e-6);
    }
    assert_true(outside > 5 && outside < 40);
    /* The update takes it as it is, not through the sign of the mean once more; bnn keeps means within -1 .. 1. */
    float mean[72], grad[72];
    int beyond = 0;
    memcpy(mean, w->value, sizeof mean);
    memcpy(grad, w->grad, sizeof grad);
    const struct sps_step step = {.rate = 0.5, .count = 1};
    sps_graph_update(graph, sps_optimiser_find("sgd"), &step, 1, 1);
    for (size_t i = 0; i < 72; i++) {
        beyond += fabsf(mean[i]) > 1 && grad[i] * mean[i] > 0.5f;
        NEAR(w->value[i], fmin(fmax(mean[i] - 0.5 * grad[i], -1), 1), 1e-6);
    }
    assert_true(beyond > 0);
    sps_graph_free(graph);
    sps_free(settings);
}

/* On paper, in units of the first spread u = sqrt(2 / 12): N(u, u^2) against N(0, u^2) is 1/2 a weight, N(0, (2 u)^2)
 * ln(1/2) + 4/2 - 1/2 = 0.806853. */
static void weight_divergence_on_paper(void **state)
{
    (void)state;
    const struct sps_method *method = sps_method_find("mean_field_vi");
    void *settings = make_settings(method, "method.lambda=elbo method.prior=1");
    struct sps_graph *graph = weights_graph("", "irnet", settings);
    struct sps_weight *w = graph->weights[0];
    double u = sqrt(2 / 12.0);
    for (int q = 0; q < 2; q++) {
        for (size_t i = 0; i < 72; i++) {
            w->value[i] = q == 0 ? (float)u : 0;
            w->rho->value[i] = (float)log(expm1(q == 0 ? u : 2 * u));
        }
        NEAR(method->weight_penalty(w, 2, settings, 50), 12 * (q == 0 ? 0.5 : 0.80685281944) / 50, 1e-6);
    }
    sps_graph_free(graph);
    sps_free(settings);
}

/* ---- banks ---- */

static void banks_are_distributions(void **state)
{
    (void)state;
    for (int v = 0; v < VARIANTS; v++) {
        struct rig rig = open_rig(variants[v][0], variants[v][1]);
        for (int l = 0; l < LAYERS; l++) {
            struct sps_scale *s = rig.graph->scales[l];
            OK(rig.method->make_bank(s, 9, 0));
            assert_true(s->entries >= 1 && s->entries <= 255);
            double total = 0;
            for (int k = 0; k < s->entries; k++) {
                assert_true(s->probability[k] > 0);
                total += s->probability[k];
            }
            NEAR(total, 1, 1e-12);
            float first[256 * C];
            size_t bytes = (size_t)s->entries * C * sizeof(float);
            memcpy(first, s->bank, bytes);
            OK(rig.method->make_bank(s, 9, 0)); /* the same again */
            assert_memory_equal(s->bank, first, bytes);
            OK(rig.method->make_bank(s, 9, 1)); /* another attempt */
            int random_bank =
                strstr(variants[v][1], "variant=random") != NULL || strcmp(variants[v][0], "scale_vi") == 0;
            assert_int_equal(memcmp(s->bank, first, bytes) != 0, random_bank);
            OK(rig.method->make_bank(s, 10, 0)); /* another seed */
            assert_int_equal(memcmp(s->bank, first, bytes) != 0, random_bank);
            assert_true(rig.method->draws_bank == 0 || random_bank);
        }
        /* Layers do not share their random entries. */
        if (strcmp(variants[v][0], "scale_vi") == 0)
            assert_true(memcmp(rig.graph->scales[0]->bank, rig.graph->scales[1]->bank, C * sizeof(float)) != 0);
        close_rig(&rig);
    }
}

static void bank_entries_are_those_declared(void **state)
{
    (void)state;
    struct rig rig = open_rig("point", "method.spread=0.5");
    assert_int_equal(rig.scale->entries, 1); /* a training graph has a bank from the start */
    OK(rig.method->make_bank(rig.scale, 1, 0));
    assert_memory_equal(rig.scale->bank, rig.scale->weight[0]->value, C * sizeof(float));
    assert_memory_equal(rig.scale->point, rig.scale->weight[0]->value, C * sizeof(float));
    assert_int_equal(rig.scale->per_channel, 0);
    close_rig(&rig);
    for (int element = 0; element < 2; element++)
        for (int variant = 0; variant < 3; variant++) {
            const char *const names[] = {"unitary", "average", "random"};
            char text[128];
            snprintf(text, sizeof text,
                     "method.p=0.25 method.low=5 method.high=6 method.draws=4 method.variant=%s method.mask=%s",
                     names[variant], element ? "element" : "scalar");
            rig = open_rig("scale_dropout", text);
            const struct sps_scale *s = rig.scale;
            OK(rig.method->make_bank(rig.scale, 1, 0));
            assert_int_equal(s->entries, variant == 2 ? 5 : 2);
            assert_int_equal(s->per_channel, element);
            NEAR(s->probability[0], 0.75, 0);
            assert_memory_equal(s->bank, s->weight[0]->value, C * sizeof(float));
            assert_memory_equal(s->point, s->weight[0]->value, C * sizeof(float));
            double mean = 0;
            for (int c = 0; c < C; c++)
                mean += s->weight[0]->value[c] / (double)C;
            for (int k = 1; k < s->entries; k++) {
                NEAR(s->probability[k], variant == 2 ? 0.0625 : 0.25, 1e-15);
                for (int c = 0; c < C; c++) {
                    float e = s->bank[k * C + c];
                    if (variant == 2)
                        assert_true(e >= 5 && e <= 6 && (k == 1 || e != s->bank[C + c]));
                    else
                        NEAR(e, variant == 0 ? 1 : mean, 1e-7);
                }
            }
            sps_graph_layout_picks(rig.graph);
            close_rig(&rig);
        }
}

/* Draws of the bank come from the posterior: of 255 x 6 numbers, mean and variance; quantised ones on the levels. */
static void vi_banks_are_samples_of_the_posterior(void **state)
{
    (void)state;
    struct rig rig = open_rig("scale_vi", "method.bits=0 method.samples=255 method.sigma=0.2");
    OK(rig.method->make_bank(rig.scale, 1, 0));
    double sum = 0, square = 0, N = 255 * C;
    assert_int_equal(rig.scale->entries, 255);
    for (int i = 0; i < 255 * C; i++) {
        double e = rig.scale->bank[i] - rig.scale->weight[0]->value[i % C];
        sum += e;
        square += e * e;
    }
    NEAR(sum / N, 0, 5 * 0.2 / sqrt(N));
    NEAR(square / N, 0.04, 5 * 0.04 * sqrt(2 / N));
    NEAR(rig.scale->probability[254], 1 / 255.0, 1e-15);
    assert_memory_equal(rig.scale->point, rig.scale->weight[0]->value, C * sizeof(float));
    close_rig(&rig);
    rig = open_rig("scale_vi", "method.bits=4 method.clip=2 method.sigma=0.5 method.spread=0.3");
    OK(rig.method->make_bank(rig.scale, 1, 0));
    assert_int_equal(rig.scale->entries, 8);
    for (int i = 0; i < 9 * C; i++) {
        double level = (i < 8 * C ? rig.scale->bank[i] : rig.scale->point[i - 8 * C]) * 7.5;
        NEAR(level, rint(level), 1e-5);
        assert_true(level >= 0 && level < 15.0001);
    }
    for (int c = 0; c < C; c++)
        NEAR(rig.scale->point[c], rig.scale->weight[0]->value[c], 1 / 15.0 + 1e-6);
    close_rig(&rig);
}

/* ---- first values and settings ---- */

static int has_setting(const struct sps_method *method, const char *key)
{
    for (const struct sps_param *p = method->params; p->key != NULL; p++)
        if (strcmp(p->key, key) == 0)
            return 1;
    return 0;
}

static void first_scales_are_spread_as_asked(void **state)
{
    (void)state;
    for (size_t i = 0; sps_method_at(i) != NULL; i++) {
        if (!has_setting(sps_method_at(i), "method.spread"))
            continue;
        struct rig rig = open_rig(sps_method_at(i)->name, "method.spread=0.25");
        double low = 9, high = -9;
        for (int l = 0; l < LAYERS; l++)
            for (int c = 0; c < C; c++) {
                low = fmin(low, rig.graph->scales[l]->weight[0]->value[c]);
                high = fmax(high, rig.graph->scales[l]->weight[0]->value[c]);
            }
        /* 18 uniform numbers on a range of 1/2: all within 60 % of it has probability 1e-3. */
        assert_true(low >= 0.75 && high <= 1.25 && high - low > 0.3);
        assert_true(memcmp(rig.graph->scales[0]->weight[0]->value, rig.graph->scales[1]->weight[0]->value,
                           C * sizeof(float)) != 0);
        close_rig(&rig);
        rig = open_rig(sps_method_at(i)->name, "method.spread=0");
        assert_true(rig.scale->weight[0]->value[3] == 1);
        close_rig(&rig);
    }
}

static void settings_that_make_no_sense(void **state)
{
    (void)state;
    const struct sps_method *method = sps_method_find("scale_dropout");
    struct sps_graph *graph = NULL;
    void *settings = make_settings(method, "method.p=[0.1,0.2]");
    struct sps_graph_options o = {.method = method, .settings = settings, .training = 1};
    FAILS(try_graph(&graph, net_text, &o), EFORMAT, "method.p has 2 numbers, layer 5 needs one more");
    sps_free(settings);
    o.settings = settings = make_settings(method, "method.low=2 method.high=1");
    FAILS(try_graph(&graph, net_text, &o), EFORMAT, "method.low 2 is above method.high 1");
    sps_free(settings);
    o.method = sps_method_find("mc_dropconnect");
    o.settings = settings = make_settings(o.method, "method.p=[0.1,0.2]");
    FAILS(try_graph(&graph, net_text, &o), EINVAL, "method.p has 2 numbers, network '' has 4 products");
    FAILS(try_graph(&graph, "layers:\n  - dense: {out: classes, sigma: 0.1}\n", &o), EFORMAT,
          "method mc_dropconnect has no prior for weights");
    assert_null(graph);
    sps_free(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_method_is_what_its_list_says),
        TEST(draws_do_not_depend_on_who_asks),
        TEST(dropout_drops_as_often_as_it_says),
        TEST(p_is_drawn_once_a_step),
        TEST(layer_size_rule),
        TEST(dropped_scales_are_replaced_as_declared),
        TEST(vi_draws_are_gaussian),
        TEST(vi_draws_are_quantised),
        TEST(gradients_of_the_trained_tensors),
        TEST(vi_gradients_go_straight_through),
        TEST(mean_pull_on_paper),
        TEST(divergence_on_paper),
        TEST(trained_bank_divergence_on_paper),
        TEST(trained_bank_is_what_is_drawn),
        TEST(noise_is_placed),
        TEST(penalties_have_their_gradient),
        TEST(posteriors_of_weights_have_their_gradient),
        TEST(posteriors_go_straight_through_the_sign),
        TEST(weight_divergence_on_paper),
        TEST(banks_are_distributions),
        TEST(bank_entries_are_those_declared),
        TEST(vi_banks_are_samples_of_the_posterior),
        TEST(first_scales_are_spread_as_asked),
        TEST(settings_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
