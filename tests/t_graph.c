/* SPDX-License-Identifier: MIT */
/* Chains of layers: gradients end to end, independence of threads and batches, errors of descriptions, and the parts of
 * a training step on numbers worked out by hand. */
#include "net.h"
#include "nn/bfloat16.h"
#include "nn/list.h"

static void fill(struct sps_graph *graph, int *labels, uint32_t seed)
{
    struct sps_random r = test_random(seed);
    fill_codes(&r, graph->codes, (size_t)graph->batch * sps_shape_size(&graph->input));
    for (int i = 0; i < graph->batch && labels != NULL; i++)
        labels[i] = (int)sps_random_below(&r, (uint32_t)graph->classes);
}

static double loss_of(struct sps_graph *graph, const struct sps_pass *pass, const int *labels, float *dlogits)
{
    sps_graph_forward(graph, pass);
    return sps_cross_entropy(NULL, dlogits, sps_graph_logits(graph), labels, pass->n, graph->classes, 0.1);
}

static double difference(struct sps_graph *graph, const struct sps_pass *pass, const int *labels, float *w, double step)
{
    float at = *w, up = (float)(at + step), down = (float)(at - step);
    *w = up;
    double change = loss_of(graph, pass, labels, NULL);
    *w = down;
    change -= loss_of(graph, pass, labels, NULL);
    *w = at;
    return change / ((double)up - down);
}

/* Central differences of a loss that float activations feed have a noise of 3e-7 / step and a curvature term of step^2;
 * where relu, htanh or a maximum switches inside a step they mean nothing.  So three steps are tried and the best one
 * counts, to 1 % of the tensor's largest gradient: a wrong factor or a missing term is outside at each.  (A scale that
 * the whole batch shares has a gradient of nearly 0 (docs/architecture.md): only the methods that draw per sample test
 * it.) */
static void check_gradients(struct sps_graph *graph, int n, uint32_t seed)
{
    int labels[8];
    float dlogits[64];
    fill(graph, labels, seed);
    struct sps_random r = test_random(seed + 1);
    for (int i = 0; i < graph->weight_count; i++) /* away from 0 and 1, where terms vanish */
        for (size_t j = 0; j < graph->weights[i]->row && graph->weights[i]->dims == 1; j++)
            graph->weights[i]->value[j] += uniform(&r, -0.3, 0.3);
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, n);
    loss_of(graph, &pass, labels, dlogits);
    sps_graph_backward(graph, &pass, dlogits);
    for (int i = 0; i < graph->weight_count; i++) {
        struct sps_weight *w = graph->weights[i];
        size_t count = w->rows * w->row;
        double largest = 0;
        for (size_t j = 0; j < count; j++)
            largest = fmax(largest, fabs(w->grad[j]));
        for (size_t j = 0; j < count && !w->binary; j += 1 + count / 40) {
            const double steps[] = {4e-3, 5e-4, 4e-5};
            double off = INFINITY, numeric = 0;
            for (int k = 0; k < 3; k++) {
                double d = difference(graph, &pass, labels, &w->value[j], steps[k]);
                if (fabs(d - w->grad[j]) < off) {
                    off = fabs(d - w->grad[j]);
                    numeric = d;
                }
            }
            if (!(off <= 0.01 * largest + 2e-4))
                fail_msg("%s[%zu]: gradient %.7g, finite difference %.7g, largest %.3g", w->name, j, w->grad[j],
                         numeric, largest);
        }
    }
}

static void gradients_of_a_float_net(void **state)
{
    (void)state;
    const char *const activations[] = {"relu", "htanh", "rprelu"};
    for (uint32_t i = 0; i < 3; i++)
        for (int n = 6; n >= 5; n--) { /* also with a batch that is not full */
            char text[1024];
            snprintf(text, sizeof text,
                     "input: {height: 9, width: 8, channels: 2}\nclasses: 3\nlayers:\n  - conv: {out: 5, kernel: 3, "
                     "pad: 1}\n"
                     "  - batchnorm: {}\n  - %s: {}\n  - pool: {kernel: 2, mode: %s}\n  - conv: {out: 4, kernel: 2, "
                     "stride: 2}\n"
                     "  - batchnorm: {scale: true, bias: true}\n  - %s: {}\n  - dense: {out: 7}\n  - batchnorm: {bias: "
                     "true}\n"
                     "  - dense: {out: classes}\n",
                     activations[i], i == 1 ? "average" : "max", activations[i]);
            const struct sps_method *method = sps_method_find("point");
            void *settings = make_settings(method, "");
            struct sps_graph *graph =
                make_graph(text, &(struct sps_graph_options){
                                     .training = 1, .batch = 6, .method = method, .settings = settings, .seed = 4});
            check_gradients(graph, n, 20 + i);
            sps_graph_free(graph);
            sps_free(settings);
        }
}

/* Shortcuts: as wide as the block, from a picture twice as large and with fewer channels, and one inside another. */
static void gradients_of_residual_blocks(void **state)
{
    (void)state;
    struct sps_graph *graph = make_graph(
        "input: {height: 7, width: 6, channels: 2}\nclasses: 3\nlayers:\n  - conv: {out: 3, kernel: 3, pad: 1}\n"
        "  - batchnorm: {}\n  - htanh: {}\n"
        "  - residual: {layers: [conv: {out: 3, kernel: 3, pad: 1}, batchnorm: {}]}\n  - relu: {}\n"
        "  - residual: {layers: [residual: {layers: [conv: {out: 3, kernel: 1}, batchnorm: {}]},\n"
        "      conv: {out: 6, kernel: 3, pad: 1, stride: 2}, batchnorm: {}]}\n  - htanh: {}\n  - dense: {out: 3}\n",
        &(struct sps_graph_options){.training = 1, .batch = 6, .seed = 4});
    for (int n = 6; n >= 5; n--)
        check_gradients(graph, n, 25);
    sps_graph_free(graph);
}

/* On paper: the block halves its inputs 1, 2, 3, 4 and adds them, so y is 3/2 x; with every second pixel of 2 x 2
 * taken, the sum has the first of four in its middle channels. */
static void residual_blocks_on_paper(void **state)
{
    (void)state;
    struct sps_graph *graph =
        make_graph("input: {height: 2, width: 2, channels: 1}\nclasses: 3\nlayers:\n  - conv: {out: 1, kernel: 1}\n"
                   "  - residual: {layers: [conv: {out: 1, kernel: 1}]}\n"
                   "  - residual: {layers: [conv: {out: 3, kernel: 2, stride: 2}]}\n",
                   &(struct sps_graph_options){.training = 1, .batch = 2, .seed = 4});
    graph->code_step = 1;
    for (int i = 0; i < 8; i++)
        graph->codes[i] = (int8_t)(1 + i % 4);
    graph->weights[0]->value[0] = 1;
    graph->weights[1]->value[0] = 0.5f;
    for (int i = 0; i < 12; i++)
        graph->weights[2]->value[i] = 0;
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 2);
    sps_graph_forward(graph, &pass);
    for (int i = 0; i < 8; i++)
        NEAR(((const float *)graph->layers[2]->y)[i], 1.5 * (1 + i % 4), 1e-6);
    const double sums[3] = {0, 1.5, 0};
    for (int i = 0; i < 6; i++)
        NEAR(sps_graph_logits(graph)[i], sums[i % 3], 1e-6);
    sps_graph_free(graph);
}

/* Operands of the backward products as bfloat16, against floats: +-1 are exact, gradients are rounded to 8 bits, so
 * each product of n terms is off by at most 2^-9 of the sum of their sizes; to the tensor's largest that is 1 %. */
static void backward_in_bfloat16(void **state)
{
    (void)state;
    if (!sps_onednn_likes_bfloat16()) {
        print_message("skipped: this processor does not multiply bfloat16\n");
        skip();
    }
    struct sps_graph *graph[2];
    const char text[] =
        "input: {height: 8, width: 8, channels: 3}\nclasses: 3\nlayers:\n"
        "  - conv: {out: 16, kernel: 3, pad: 1, binary: true}\n  - batchnorm: {}\n  - sign: {}\n"
        "  - conv: {out: 16, kernel: 3, pad: 1, stride: 2, binary: true}\n  - batchnorm: {}\n  - sign: {}\n"
        "  - conv: {out: 130, kernel: 3, pad: 1, pool: 3, pool_ceil: true, binary: true}\n  - batchnorm: {}\n  - sign: "
        "{}\n"
        "  - conv: {out: 9, kernel: 2, pad: 1, pool: 2, binary: true}\n  - batchnorm: {}\n  - sign: {}\n"
        "  - dense: {out: 3, binary: true}\n  - batchnorm: {}\n";
    int labels[8];
    float dlogits[24];
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 7); /* the batch has room for 8 */
    pass.t = 1, pass.k = 1;
    for (int k = 0; k < 2; k++) {
        graph[k] = make_graph(
            text, &(struct sps_graph_options){
                      .training = 1, .batch = 8, .seed = 4, .threads = 2, .precision = k ? SPS_BFLOAT16 : SPS_FLOAT32});
        fill(graph[k], labels, 60);
        loss_of(graph[k], &pass, labels, dlogits);
        sps_graph_backward(graph[k], &pass, dlogits);
    }
    for (int i = 0; i < graph[0]->weight_count; i++) {
        const struct sps_weight *a = graph[0]->weights[i], *b = graph[1]->weights[i];
        double largest = 0;
        for (size_t j = 0; j < a->rows * a->row; j++)
            largest = fmax(largest, fabs(a->grad[j]));
        assert_true(largest > 1e-4);
        for (size_t j = 0; j < a->rows * a->row; j++)
            NEAR(b->grad[j], a->grad[j], 0.01 * largest);
    }
    sps_graph_free(graph[0]);
    sps_graph_free(graph[1]);
}

static void bfloat16_numbers(void **state)
{
    (void)state;
    /* Ties go to even; above the largest number is infinity; a NaN whose bits are low stays one. */
    const uint32_t given[] = {0x3f800000, 0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0x80000000, 0x7f800001};
    const uint16_t expected[] = {0x3f80, 0x3f80, 0x3f82, 0x3f81, 0x7f80, 0x8000, 0x7fc0};
    float x[7];
    uint16_t out[70];
    memcpy(x, given, sizeof x);
    sps_bfloat16_from_floats(out, x, 7);
    assert_memory_equal(out, expected, sizeof expected);
    const uint32_t bits[] = {0x80000005, 0xffffffff, 0x2};
    sps_bfloat16_from_bits(out, bits, 70);
    for (int i = 0; i < 70; i++)
        assert_int_equal(out[i], bits[i / 32] >> i % 32 & 1 ? 0x3f80 : 0xbf80);
    int8_t codes[70];
    for (int i = 0; i < 70; i++)
        codes[i] = (int8_t)(i * 4 - 127);
    sps_bfloat16_from_codes(out, codes, 70);
    for (int i = 0; i < 70; i++) {
        uint32_t u = (uint32_t)out[i] << 16;
        float back;
        memcpy(&back, &u, sizeof back);
        assert_true(back == codes[i]);
    }
}

/* All that lies behind the last sign, with each method. */
static void gradients_behind_binary_layers(void **state)
{
    (void)state;
    const char *const methods[][2] = {{"point", ""},
                                      {"scale_dropout", "method.p=0.4 method.variant=average"},
                                      {"scale_dropout", "method.p=0.4 method.mask=element"},
                                      {"scale_vi", "method.bits=0"}};
    for (uint32_t i = 0; i < 4; i++) {
        const struct sps_method *method = sps_method_find(methods[i][0]);
        void *settings = make_settings(method, methods[i][1]);
        struct sps_graph *graph = make_graph(
            "input: {height: 7, width: 7, channels: 1}\nclasses: 3\nlayers:\n"
            "  - conv: {out: 5, kernel: 3, pad: 1, pool: 2, binary: true}\n  - batchnorm: {scale: true, bias: true}\n"
            "  - htanh: {}\n  - dense: {out: 6}\n  - batchnorm: {scale: true, bias: true}\n  - dense: {out: 3}\n",
            &(struct sps_graph_options){
                .training = 1, .batch = 8, .method = method, .settings = settings, .seed = 4, .threads = 2});
        check_gradients(graph, 8, 30 + i);
        sps_graph_free(graph);
        sps_free(settings);
    }
}

/* ---- a binary net through its signs ---- */

enum { IN = 12, HIDDEN = 7, OUT = 3, N = 6 };
static const double T = 1.5, K = 1.2, EPS = 1e-5;

/* Signs of both layers, then bias, scale, gamma and beta of both. */
struct tiny {
    double w0[HIDDEN * IN], norm0[4][HIDDEN], w1[OUT * HIDDEN], norm1[4][OUT];
};

static void norm_forward(double *y, const double *z, int channels, const double *bias, const double *scale,
                         const double *gamma, const double *beta)
{
    for (int c = 0; c < channels; c++) {
        double mean = 0, var = 0;
        for (int i = 0; i < N; i++)
            mean += scale[c] * (z[i * channels + c] + bias[c]) / N;
        for (int i = 0; i < N; i++)
            var += pow(scale[c] * (z[i * channels + c] + bias[c]) - mean, 2) / N;
        for (int i = 0; i < N; i++)
            y[i * channels + c] =
                gamma[c] * (scale[c] * (z[i * channels + c] + bias[c]) - mean) / sqrt(var + EPS) + beta[c];
    }
}

/* sum g logits.  The hidden activation is sign(y0) + K tanh(T y) - K tanh(T y0), y0 being the y of first call: at y =
 * y0 it is the sign, and its slope is that of the estimator. */
static double tiny_loss(const struct tiny *p, const int8_t *codes, const float *g, double *y0, int first)
{
    static double z[N * HIDDEN], y[N * HIDDEN], logits[N * OUT];
    for (int i = 0; i < N; i++)
        for (int o = 0; o < HIDDEN; o++) {
            z[i * HIDDEN + o] = 0;
            for (int j = 0; j < IN; j++)
                z[i * HIDDEN + o] += codes[i * IN + j] * p->w0[o * IN + j];
        }
    norm_forward(y, z, HIDDEN, p->norm0[0], p->norm0[1], p->norm0[2], p->norm0[3]);
    if (first)
        memcpy(y0, y, sizeof y);
    for (int i = 0; i < N; i++)
        for (int o = 0; o < OUT; o++) {
            z[i * OUT + o] = 0;
            for (int j = 0; j < HIDDEN; j++) {
                double at = y0[i * HIDDEN + j];
                z[i * OUT + o] +=
                    p->w1[o * HIDDEN + j] * ((at >= 0 ? 1 : -1) + K * tanh(T * y[i * HIDDEN + j]) - K * tanh(T * at));
            }
        }
    norm_forward(logits, z, OUT, p->norm1[0], p->norm1[1], p->norm1[2], p->norm1[3]);
    double loss = 0;
    for (int i = 0; i < N * OUT; i++)
        loss += g[i] * logits[i];
    return loss;
}

static void check_tiny(struct tiny *p, double *x, float got, const int8_t *codes, const float *g, double *y0,
                       const char *name)
{
    double at = *x, h = 1e-5;
    *x = at + h;
    double up = tiny_loss(p, codes, g, y0, 0);
    *x = at - h;
    double down = tiny_loss(p, codes, g, y0, 0);
    *x = at;
    double numeric = (up - down) / (2 * h);
    /* Gradients of size 1, from float activations of size 1 and the kernels' tanh'. */
    if (!(fabs(got - numeric) <= 1e-4 * fmax(fabs(numeric), 1)))
        fail_msg("%s: gradient %.7g, finite difference of the surrogate %.7g", name, got, numeric);
}

static void gradients_through_signs(void **state)
{
    (void)state;
    const struct sps_method *method = sps_method_find("point");
    void *settings = make_settings(method, "method.spread=0.4");
    struct sps_graph *graph =
        make_graph("input: {height: 3, width: 4, channels: 1}\nclasses: 3\nlayers:\n"
                   "  - dense: {out: 7, binary: true}\n  - batchnorm: {scale: true, bias: true}\n  - sign: {}\n"
                   "  - dense: {out: 3, binary: true}\n  - batchnorm: {scale: true, bias: true}\n",
                   &(struct sps_graph_options){.training = 1, .batch = N, .method = method, .settings = settings});
    fill(graph, NULL, 40);
    struct sps_random r = test_random(41);
    struct tiny p;
    struct sps_weight *norms[2][4];
    int channels[2] = {HIDDEN, OUT};
    for (int l = 0; l < 2; l++) {
        struct sps_norm *norm = sps_layer_norm(graph->layers[l ? 4 : 1]);
        struct sps_weight *all[4] = {norm->bias, norm->scale->weight[0], norm->gamma, norm->beta};
        for (int q = 0; q < 4; q++) {
            norms[l][q] = all[q];
            for (int c = 0; c < channels[l]; c++) {
                all[q]->value[c] += uniform(&r, -0.3, 0.3);
                (l ? p.norm1[q] : p.norm0[q])[c] = all[q]->value[c];
            }
        }
    }
    struct sps_weight *w0 = graph->weights[0], *w1 = NULL;
    for (int i = 1; i < graph->weight_count; i++)
        w1 = graph->weights[i]->binary ? graph->weights[i] : w1;
    for (int i = 0; i < HIDDEN * IN; i++)
        p.w0[i] = w0->sign[i];
    for (int i = 0; i < OUT * HIDDEN; i++)
        p.w1[i] = w1->sign[i];
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, N);
    pass.t = (float)T, pass.k = (float)K;
    float g[N * OUT];
    fill_normal(&r, g, N * OUT);
    sps_graph_forward(graph, &pass);
    double y0[N * HIDDEN], loss = tiny_loss(&p, graph->codes, g, y0, 1), got = 0;
    for (int i = 0; i < N * OUT; i++)
        got += g[i] * sps_graph_logits(graph)[i];
    NEAR(got, loss, 1e-4);
    sps_graph_backward(graph, &pass, g);
    for (int i = 0; i < HIDDEN * IN; i++)
        check_tiny(&p, &p.w0[i], w0->grad[i], graph->codes, g, y0, w0->name);
    for (int i = 0; i < OUT * HIDDEN; i++)
        check_tiny(&p, &p.w1[i], w1->grad[i], graph->codes, g, y0, w1->name);
    for (int l = 0; l < 2; l++)
        for (int q = 0; q < 4; q++)
            for (int c = 0; c < channels[l]; c++)
                check_tiny(&p, &(l ? p.norm1[q] : p.norm0[q])[c], norms[l][q]->grad[c], graph->codes, g, y0,
                           norms[l][q]->name);
    sps_graph_free(graph);
    sps_free(settings);
}

/* ---- who computes does not matter ---- */

static const char bayesian_net[] =
    "input: {height: 9, width: 9, channels: 1}\nclasses: 4\nlayers:\n"
    "  - conv: {out: 9, kernel: 3, pad: 1, pool: 2, binary: true}\n  - batchnorm: {scale: true, bias: true}\n"
    "  - sign: {}\n  - conv: {out: 12, kernel: 3, pad: 1, pool: 2, binary: true}\n"
    "  - batchnorm: {scale: true}\n  - sign: {}\n  - dense: {out: 20, binary: true}\n"
    "  - batchnorm: {scale: true, bias: true}\n  - sign: {}\n  - dense: {out: 4, binary: true}\n"
    "  - batchnorm: {scale: true}\n";

struct evaluation {
    struct sps_graph *graph;
    void *settings;
    uint8_t picks[16 * 64];
};

/* A trained-looking net: running statistics from a few passes, a bank with entries that differ. */
static struct evaluation open_evaluation(const char *assignments, int threads)
{
    struct evaluation e = {0};
    const struct sps_method *method = sps_method_find("scale_dropout");
    e.settings = make_settings(method, assignments);
    e.graph = make_graph(
        bayesian_net,
        &(struct sps_graph_options){
            .training = 1, .batch = 16, .threads = threads, .method = method, .settings = e.settings, .seed = 6});
    fill(e.graph, NULL, 50);
    struct sps_pass pass = make_pass(SPS_PASS_ESTIMATE, SPS_FROM_METHOD, 16);
    sps_graph_norms_begin(e.graph);
    sps_graph_forward(e.graph, &pass);
    OK(sps_graph_norms_end(e.graph, 0));
    struct sps_random r = test_random(51);
    for (int i = 0; i < 16 * e.graph->picks; i++)
        e.picks[i] = (uint8_t)sps_random_below(&r, 2);
    return e;
}

static void close_evaluation(struct evaluation *e)
{
    sps_graph_free(e->graph);
    sps_free(e->settings);
}

static void evaluation_does_not_depend_on_threads_or_batches(void **state)
{
    (void)state;
    const char *const settings[] = {"method.p=0.5", "method.p=0.5 method.mask=element"};
    for (int s = 0; s < 2; s++)
        for (int source = SPS_FROM_METHOD; source <= SPS_FROM_POINT; source++) {
            float first[16 * 4];
            for (int threads = 1; threads <= 2; threads++) {
                struct evaluation e = open_evaluation(settings[s], threads);
                assert_int_equal(e.graph->picks, s ? 9 + 12 + 20 + 4 : 4);
                struct sps_pass pass = make_pass(SPS_PASS_EVALUATE, (enum sps_scale_source)source, 16);
                pass.picks = e.picks;
                sps_graph_forward(e.graph, &pass);
                const float *logits = sps_graph_logits(e.graph);
                if (threads == 1)
                    memcpy(first, logits, sizeof first);
                assert_memory_equal(logits, first, sizeof first);
                /* Images 5 .. 11 in a batch of their own. */
                int8_t *codes = e.graph->codes;
                size_t size = sps_shape_size(&e.graph->input);
                memmove(codes, codes + 5 * size, 7 * size);
                pass.n = 7, pass.index = identity + 5, pass.picks = e.picks + 5 * e.graph->picks;
                sps_graph_forward(e.graph, &pass);
                assert_memory_equal(logits, first + 5 * 4, 7 * 4 * sizeof(float));
                close_evaluation(&e);
            }
        }
}

static void picks_matter(void **state)
{
    (void)state;
    struct evaluation e = open_evaluation("method.p=0.5 method.spread=0.9", 1);
    struct sps_pass pass = make_pass(SPS_PASS_EVALUATE, SPS_FROM_BANK, 16);
    pass.picks = e.picks;
    sps_graph_forward(e.graph, &pass);
    float first[16 * 4];
    memcpy(first, sps_graph_logits(e.graph), sizeof first);
    for (int l = 0; l < 4; l++) {
        for (int i = 0; i < 16; i++)
            e.picks[i * 4 + l] ^= 1;
        sps_graph_forward(e.graph, &pass);
        assert_memory_not_equal(sps_graph_logits(e.graph), first, sizeof first);
        for (int i = 0; i < 16; i++)
            e.picks[i * 4 + l] ^= 1;
    }
    sps_graph_forward(e.graph, &pass);
    assert_memory_equal(sps_graph_logits(e.graph), first, sizeof first);
    close_evaluation(&e);
}

/* Paths that agree up to a layer: work before it need not be done again. */
static void later_starts_equal_full_passes(void **state)
{
    (void)state;
    struct evaluation e = open_evaluation("method.p=0.5 method.spread=0.9", 2);
    struct sps_pass pass = make_pass(SPS_PASS_EVALUATE, SPS_FROM_BANK, 16);
    pass.picks = e.picks;
    for (int l = 0; l < 4; l++) {
        sps_graph_forward(e.graph, &pass);
        for (int i = 0; i < 16; i += 2)
            e.picks[i * 4 + l] ^= 1;
        pass.start = e.graph->scales[l]->layer;
        assert_true(pass.start > 0);
        int8_t code = e.graph->codes[0];
        memset(e.graph->codes, 99, sps_shape_size(&e.graph->input)); /* nobody looks at the first layer's input again */
        sps_graph_forward(e.graph, &pass);
        fill(e.graph, NULL, 50);
        assert_int_equal(e.graph->codes[0], code);
        float part[16 * 4];
        memcpy(part, sps_graph_logits(e.graph), sizeof part);
        pass.start = 0;
        sps_graph_forward(e.graph, &pass);
        assert_memory_equal(sps_graph_logits(e.graph), part, sizeof part);
    }
    close_evaluation(&e);
}

/* Augmentation puts an image there, also where no layer needs as much. */
static void scratch_holds_an_image(void **state)
{
    (void)state;
    struct sps_graph *graph = make_graph("input: {height: 40, width: 40, channels: 3}\nclasses: 2\nlayers:\n"
                                         "  - conv: {out: 1, kernel: 1, stride: 31}\n  - dense: {out: classes}\n",
                                         &(struct sps_graph_options){.batch = 2, .training = 1, .seed = 1});
    assert_true(graph->scratch_stride >= 40 * 40 * 3);
    sps_graph_free(graph);
}

/* Every second sum of a chain of blocks is made again from what is kept: its batchnorm's input and the sum before it.
 */
static void every_second_sum_is_passing(void **state)
{
    (void)state;
    enum { IMAGES = 5, SIZE = 6 * 6 * 4 };
    const char *const block =
        "  - residual:\n      layers:\n        - sign: {}\n        - conv: {out: 4, kernel: 3, pad: 1, "
        "binary: true}\n        - batchnorm: {scale: true}\n";
    char text[2048];
    snprintf(text, sizeof text,
             "input: {height: 6, width: 6, channels: 2}\nclasses: 3\nlayers:\n  - conv: {out: 4, kernel: 3, pad: 1}\n"
             "  - batchnorm: {scale: true}\n%s%s%s  - pool: {kernel: 6, mode: average}\n  - dense: {out: classes}\n",
             block, block, block);
    const struct sps_method *method = sps_method_find("scale_dropout");
    void *settings = make_settings(method, "method.p=0.4 method.spread=0.5");
    struct sps_graph *graph = make_graph(text, &(struct sps_graph_options){.training = 1,
                                                                           .batch = IMAGES,
                                                                           .threads = 2,
                                                                           .method = method,
                                                                           .settings = settings,
                                                                           .binariser = sps_binariser_find("irnet"),
                                                                           .seed = 3});
    const int passing[] = {0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0};
    for (int i = 0; i < graph->layer_count; i++) {
        assert_int_equal(graph->layers[i]->passing, passing[i]);
        assert_int_equal(graph->layers[i]->y == NULL, passing[i]);
    }
    fill(graph, NULL, 60);
    const struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, IMAGES);
    sps_graph_forward(graph, &pass);
    for (int i = 0; i < IMAGES; i++) {
        float norm[SIZE];
        memcpy(norm, sps_layer_image(graph, graph->layers[8], &pass, i), sizeof norm);
        const float *sum = sps_layer_image(graph, graph->layers[9], &pass, i),
                    *before = (const float *)graph->layers[5]->y + i * SIZE;
        for (int j = 0; j < SIZE; j++)
            assert_true(sum[j] == norm[j] + before[j]);
        const uint32_t *bits = (const uint32_t *)(const void *)((const char *)graph->layers[10]->y +
                                                                (size_t)i * graph->layers[10]->y_stride);
        for (int j = 0; j < SIZE; j++)
            assert_int_equal(bits[j / 32] >> j % 32 & 1, sum[j] >= 0);
    }
    sps_graph_free(graph);
    sps_free(settings);
}

/* A scale of one entry is the same in every pass; a posterior is not, and the deterministic reading has none. */
static void passes_part_where_there_is_a_choice(void **state)
{
    (void)state;
    struct evaluation e = open_evaluation("method.p=0.5 method.spread=0.9", 1);
    const int first = e.graph->scales[0]->layer, second = e.graph->scales[1]->layer;
    assert_int_equal(sps_graph_first_random(e.graph, SPS_FROM_BANK), first);
    assert_int_equal(sps_graph_first_random(e.graph, SPS_FROM_POINT), e.graph->layer_count);
    OK(sps_scale_reserve(e.graph->scales[0], 1));
    assert_int_equal(sps_graph_first_random(e.graph, SPS_FROM_BANK), second);
    assert_int_equal(sps_graph_first_random(e.graph, SPS_FROM_METHOD), first);
    close_evaluation(&e);
}

/* The same seed gives the same weights, another one others; training is the same twice. */
static void seeds(void **state)
{
    (void)state;
    float first[16 * 4];
    for (int round = 0; round < 3; round++) {
        const struct sps_method *method = sps_method_find("scale_dropout");
        void *settings = make_settings(method, "");
        struct sps_graph *graph = make_graph(
            bayesian_net,
            &(struct sps_graph_options){
                .training = 1, .batch = 16, .method = method, .settings = settings, .seed = round == 2 ? 8 : 6});
        int labels[16];
        float dlogits[16 * 4];
        fill(graph, labels, 50);
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 16);
        struct sps_step step = {.rate = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
        for (step.count = 1; step.count <= 3; step.count++) {
            loss_of(graph, &pass, labels, dlogits);
            sps_graph_backward(graph, &pass, dlogits);
            sps_graph_update(graph, sps_optimiser_find("adam"), &step, 1, 1);
        }
        if (round == 0)
            memcpy(first, sps_graph_logits(graph), sizeof first);
        const struct sps_weight *a = graph->weights[0], *b = NULL; /* layers do not share their first values */
        for (int i = 1; i < graph->weight_count && b == NULL; i++)
            b = graph->weights[i]->binary ? graph->weights[i] : NULL;
        assert_true(fabs(a->value[0] / a->value[1] - b->value[0] / b->value[1]) > 1e-3);
        assert_int_equal(memcmp(first, sps_graph_logits(graph), sizeof first) == 0, round < 2);
        sps_graph_free(graph);
        sps_free(settings);
    }
}

/* ---- descriptions ---- */

static void descriptions_are_taken_over(void **state)
{
    (void)state;
    struct sps_graph *graph =
        make_graph("name: small\nlayers:\n  - dense: {out: classes, binary: true}\n  - batchnorm: {}\n",
                   &(struct sps_graph_options){.training = 0});
    assert_string_equal(graph->name, "small");
    assert_int_equal(sps_shape_size(&graph->input), 784); /* the default */
    assert_int_equal(graph->classes, 10);
    assert_int_equal(graph->layers[0]->macs, 7840);
    assert_int_equal(graph->picks, 0);
    sps_graph_free(graph);
    graph = make_graph("input: {height: 28, width: 28, channels: 1}\nlayers:\n  - dense: {out: classes}\n",
                       &(struct sps_graph_options){.height = 3, .width = 5, .channels = 3, .classes = 4});
    assert_int_equal(graph->input.h, 3);
    assert_int_equal(graph->input.w, 5);
    assert_int_equal(graph->input.c, 3);
    assert_int_equal(graph->layers[0]->out.c, 4);
    assert_int_equal(graph->weights[0]->row, 45);
    sps_graph_free(graph);
    OK(try_graph(&graph, "layers:\n  - dense: {out: 10}\n", &(struct sps_graph_options){0}));
    assert_true(graph->code_step == 1); /* not 0: codes would read as nothing */
    sps_graph_free(graph);
    for (int k = SPS_CODES; k <= SPS_REALS; k++)
        assert_true(strlen(sps_kind_name((enum sps_kind)k)) > 3);
}

/* Weight decay acts on products, not on scales, biases and norms; norms start at gamma 1. */
static void trained_tensors(void **state)
{
    (void)state;
    const struct sps_method *method = sps_method_find("scale_vi");
    void *settings = make_settings(method, "");
    struct sps_graph *graph = make_graph(
        "input: {height: 2, width: 2, channels: 1}\nclasses: 2\nlayers:\n"
        "  - conv: {out: 3, kernel: 2, binary: true}\n  - batchnorm: {scale: true, bias: true}\n  - dense: {out: 2}\n",
        &(struct sps_graph_options){.training = 1, .method = method, .settings = settings});
    const struct {
        const char *name;
        int decay, binary;
        size_t rows, row;
    } expected[] = {{"layers.0.weight", 1, 1, 3, 4},     {"layers.1.gamma", 0, 0, 1, 3},
                    {"layers.1.beta", 0, 0, 1, 3},       {"layers.1.bias", 0, 0, 1, 3},
                    {"layers.1.scale_mean", 0, 0, 1, 3}, {"layers.1.scale_rho", 0, 0, 1, 3},
                    {"layers.2.weight", 1, 0, 2, 3}};
    assert_int_equal(graph->weight_count, 7);
    for (int i = 0; i < 7; i++) {
        const struct sps_weight *w = graph->weights[i];
        assert_string_equal(w->name, expected[i].name);
        assert_int_equal(w->decay, expected[i].decay);
        assert_int_equal(w->binary, expected[i].binary);
        assert_int_equal(w->rows, expected[i].rows);
        assert_int_equal(w->row, expected[i].row);
    }
    for (int c = 0; c < 3; c++)
        assert_true(graph->weights[1]->value[c] == 1 && graph->weights[2]->value[c] == 0 &&
                    graph->weights[3]->value[c] == 0);
    sps_graph_free(graph);
    sps_free(settings);
}

#define HEAD "input: {height: 8, width: 8, channels: 1}\nclasses: 2\nlayers:\n"
static const struct {
    const char *text, *words;
} bad_nets[] = {
    {"[1, 2]", "net:1:1: a network must be a map"},
    {"name: x\n", "net:1:1: 'layers' must be a list"},
    {"layers: []\n", "net:1:9: 'layers' must be a list of at least one"},
    {"layers: 3\n", "net:1:9: 'layers' must be a list"},
    {"colour: red\nlayers:\n  - dense: {out: 2}\n", "unknown key 'colour'"},
    {"name: [1]\nlayers:\n  - dense: {out: 2}\n", "net:1:7: 'name' must be a word"},
    {"input: 3\nlayers:\n  - dense: {out: 2}\n", "net:1:8: 'input' must be a map"},
    {"input: {depth: 3}\nlayers:\n  - dense: {out: 2}\n", "unknown key 'depth' in 'input'"},
    {"input: {height: 0}\nlayers:\n  - dense: {out: 2}\n", "net:1:17: 'height' must be a whole number from 1 to 4096"},
    {"input: {width: 3x}\nlayers:\n  - dense: {out: 2}\n", "'width' must be a whole number"},
    {"input: {channels: 5}\nlayers:\n  - dense: {out: 2}\n", "'channels' must be a whole number from 1 to 4"},
    {"classes: 257\nlayers:\n  - dense: {out: 2}\n", "net:1:10: 'classes' must be a whole number from 1 to 256"},
    {HEAD "  - magic: {}\n", "net:4:5: unknown layer type 'magic'"},
    {HEAD "  - dense\n", "net:4:5: a layer is written"},
    {HEAD "  - dense: {out: 2}\n    sign: {}\n", "net:4:5: a layer is written"},
    {HEAD "  - dense: {out: 2, colour: 3}\n", "net:4:"},
    {HEAD "  - dense: {out: 2, colour: 3}\n", "colour"},
    {HEAD "  - conv: {out: 2}\n  - sign: {colour: 3}\n  - dense: {out: 2}\n", "net:5:"},
    {HEAD "  - conv: {out: 2}\n  - sign: {colour: 3}\n  - dense: {out: 2}\n", "colour"},
    {HEAD "  - conv: {out: 2}\n  - relu: 3\n  - dense: {out: 2}\n", "net:5:"},
    {HEAD "  - dense: {out: many}\n", "net:4:18: "},
    {HEAD "  - dense: {out: 2.5}\n", "net:4:5: dense: out 2.5 must be a whole number"},
    {HEAD "  - dense: {out: 0}\n", "net:4:18: "},
    {HEAD "  - sign: {}\n", "net:4:5: sign: input is codes, must be reals"},
    {HEAD "  - batchnorm: {}\n", "net:4:5: batchnorm: input is codes, must be sums or reals"},
    {HEAD "  - pool: {}\n", "net:4:5: pool: input is codes, must be reals"},
    {HEAD "  - dense: {out: 2, binary: true}\n  - sign: {}\n", "net:5:5: sign: input is sums, must be reals"},
    {HEAD "  - dense: {out: 2, binary: true}\n  - dense: {out: 2}\n", "net:5:5: dense: input is sums"},
    {HEAD "  - conv: {out: 2, binary: true}\n  - conv: {out: 2}\n", "net:5:5: conv: input is sums"},
    {HEAD "  - conv: {out: 2}\n  - conv: {out: 2, binary: true}\n", "net:5:5: conv: input is reals; a sign layer"},
    {HEAD "  - conv: {out: 2}\n  - dense: {out: 2, binary: true}\n", "net:5:5: dense: input is reals; a sign layer"},
    {HEAD "  - conv: {out: 2}\n  - sign: {}\n  - batchnorm: {}\n", "net:6:5: batchnorm: input is bits"},
    {HEAD "  - conv: {out: 2, binary: true, pool_ceil: true}\n", "net:4:5: conv: pool_ceil is true, but pool is 1"},
    {HEAD "  - conv: {out: 2, pool: 2}\n", "net:4:5: conv: pool 2 acts on the sums"},
    {HEAD "  - conv: {out: 2, kernel: 3, pad: 3}\n", "net:4:5: conv: pad 3 must be smaller than kernel 3"},
    {HEAD "  - conv: {out: 2, kernel: 9}\n",
     "net:4:5: conv: kernel 9 with pad 0 and pool 1 does not fit an input of 8 x 8"},
    {HEAD "  - conv: {out: 2, kernel: 7, pool: 3, binary: true}\n", "does not fit an input of 8 x 8"},
    {HEAD "  - conv: {out: 2}\n  - pool: {kernel: 7}\n", "net:5:5: pool: window 7 does not fit an input of 6 x 6"},
    {HEAD "  - dense: {out: 3}\n", "the last layer gives 3 reals, not 2 reals"},
    {HEAD "  - dense: {out: 2, binary: true}\n", "the last layer gives 2 sums"},
    {HEAD "  - conv: {out: 2}\n  - sign: {}\n", "the last layer gives 72 bits"},
    /* Too large: refused before memory is asked for. */
    {"input: {height: 4096, width: 4096, channels: 4}\nlayers:\n  - dense: {out: 2}\n",
     "net:1:8: input of 4096 x 4096 x 4 is too large"},
    {"input: {height: 1024, width: 1024, channels: 1}\nlayers:\n  - conv: {out: 65536, kernel: 1, binary: true, pool: "
     "2}\n",
     "net:3:5: conv: 512 x 512 x 65536 numbers an image are more than"},
    {"input: {height: 1024, width: 1024, channels: 1}\nlayers:\n  - conv: {out: 65536, kernel: 1}\n",
     "net:3:5: conv: 1024 x 1024 x 65536"},
    {"input: {height: 1024, width: 1024, channels: 4}\nlayers:\n  - dense: {out: 65536}\n",
     "net:3:5: dense: 274877906944 weights up to here are more than"},
    {HEAD "  - dense: {out: 65536, binary: true}\n  - batchnorm: {}\n  - dense: {out: 65536}\n",
     "net:6:5: dense: 4299292672 weights up to here"},
    {"input: {height: 2000, width: 2000, channels: 1}\nlayers:\n  - conv: {out: 1, kernel: 31, pad: 30, pool: 2, "
     "binary: "
     "true}\n",
     "net:3:5: conv: scratch of 1 threads exceeds"},
    {"input: {height: 8, width: 8, channels: 1}\nlayers:\n  - residual: {layers: [sign: {}]}\n", "cannot be the first"},
    {"input: {height: 8, width: 8, channels: 1}\nlayers:\n  - conv: {out: 2, kernel: 1}\n  - residual: {}\n",
     "net:4:15: a residual block is written"},
    {"input: {height: 8, width: 8, channels: 1}\nlayers:\n  - conv: {out: 2, kernel: 1}\n"
     "  - residual: {layers: [conv: {out: 1, kernel: 1}]}\n",
     "no shortcut from 8 x 8 x 2 to 8 x 8 x 1"},
    {"input: {height: 8, width: 8, channels: 1}\nlayers:\n  - conv: {out: 2, kernel: 1}\n"
     "  - residual: {layers: [sign: {}]}\n",
     "adds reals to bits, both must be reals"},
};

static void bad_descriptions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_nets / sizeof *bad_nets; i++) {
        struct sps_graph *graph = NULL;
        sps_status status = try_graph(&graph, bad_nets[i].text, &(struct sps_graph_options){.training = 1, .batch = 2});
        if (status != SPS_EFORMAT || strstr(sps_last_error(), bad_nets[i].words) == NULL)
            fail_msg("%s\ngives %s, '%s', lacks '%s'", bad_nets[i].text, sps_status_text(status), sps_last_error(),
                     bad_nets[i].words);
        assert_null(graph);
    }
}

/* 1,024 layers and a batch whose activations would take more than 8 GB. */
static void too_many_layers_or_images(void **state)
{
    (void)state;
    struct sps_graph *graph = NULL;
    char *text = ROOM(char, 64 * 1024);
    size_t length =
        (size_t)sprintf(text, "input: {height: 1, width: 1, channels: 1}\nclasses: 2\nlayers:\n  - dense: {out: 2}\n");
    for (int i = 1; i < 1025; i++)
        length += (size_t)sprintf(text + length, "  - relu: {}\n");
    FAILS(try_graph(&graph, text, &(struct sps_graph_options){0}), EFORMAT, "net:1028:5: more than 1024 layers");
    sps_free(text);
    FAILS(try_graph(&graph,
                    "input: {height: 64, width: 64, channels: 1}\nclasses: 2\nlayers:\n  - conv: {out: 1024, kernel: "
                    "1, binary: true}\n"
                    "  - batchnorm: {}\n  - dense: {out: 2}\n",
                    &(struct sps_graph_options){.batch = 500}),
          EFORMAT, "net:4:5: conv: activations of a batch of 500 images exceed 8e+09 bytes");
    assert_null(graph);
}

/* Each allocation of a graph with all kinds of layers fails once; nothing is left behind (TEST counts). */
static void lack_of_memory(void **state)
{
    (void)state;
    const char *const text =
        "input: {height: 6, width: 6, channels: 1}\nclasses: 2\nlayers:\n"
        "  - conv: {out: 3, kernel: 3, pad: 1, pool: 2, binary: true}\n  - batchnorm: {scale: true, bias: true}\n"
        "  - sign: {}\n  - conv: {out: 2, kernel: 3, pad: 1, binary: true}\n  - batchnorm: {}\n  - htanh: {}\n"
        "  - conv: {out: 2, kernel: 1}\n  - relu: {}\n  - rprelu: {}\n  - pool: {kernel: 3}\n  - sign: {}\n  - dense: "
        "{out: 3}\n"
        "  - batchnorm: {}\n  - sign: {}\n  - dense: {out: 2, binary: true}\n  - batchnorm: {scale: true}\n";
    const struct sps_method *method = sps_method_find("scale_vi");
    void *settings = make_settings(method, "");
    struct sps_graph_options o = {.training = 1,
                                  .batch = 2,
                                  .threads = 2,
                                  .method = method,
                                  .settings = settings,
                                  .binariser = sps_binariser_find("dsq")};
    sps_yaml *yaml = NULL;
    OK(sps_yaml_parse(&yaml, "net", text, strlen(text)));
    long live = sps_memory_live(), count = 0;
    for (;; count++) {
        struct sps_graph *graph = NULL;
        sps_memory_fail_at(count);
        sps_status status = sps_graph_create(&graph, yaml, &o);
        if (status == SPS_OK) { /* the failure still waits: none was swallowed */
            void *memory = NULL;
            FAILS(sps_calloc(&memory, 1, 1, "test"), ENOMEM, "test");
            sps_graph_free(graph);
            break;
        }
        sps_memory_fail_at(-1);
        if (status != SPS_ENOMEM)
            fail_msg("allocation %ld: %s", count, sps_last_error());
        assert_non_null(strstr(sps_last_error(), "out of memory"));
        assert_null(graph);
        assert_int_equal(sps_memory_live(), live);
    }
    assert_true(count > 100);
    assert_int_equal(sps_memory_live(), live);
    sps_yaml_free(yaml);
    sps_free(settings);
}

static void freeing_nothing(void **state)
{
    (void)state;
    sps_graph_free(NULL);
    sps_weight_free(NULL);
}

/* ---- loss ---- */

/* Logits (0, 0), label 0: p = 1/2 each, loss ln 2, gradient (-1/2, 1/2).  Logits (ln 3, 0), label 1: p = (3/4, 1/4),
 * loss ln 4, gradient (3/4, -3/4).  Means over the two. */
static void cross_entropy_on_paper(void **state)
{
    (void)state;
    const float logits[4] = {0, 0, 1.09861228866811f, 0};
    const int labels[2] = {0, 1};
    float p[4], g[4];
    NEAR(sps_cross_entropy(p, g, logits, labels, 2, 2, 0), (log(2) + log(4)) / 2, 1e-7);
    const double probability[4] = {0.5, 0.5, 0.75, 0.25}, gradient[4] = {-0.25, 0.25, 0.375, -0.375};
    for (int i = 0; i < 4; i++) {
        NEAR(p[i], probability[i], 1e-7);
        NEAR(g[i], gradient[i], 1e-7);
    }
    NEAR(sps_cross_entropy(NULL, NULL, logits, labels, 2, 2, 0), (log(2) + log(4)) / 2, 1e-7);
    sps_cross_entropy(p, NULL, logits, NULL, 2, 2, 0); /* probabilities alone need no labels */
    NEAR(p[2], 0.75, 1e-7);
}

/* Smoothing 0.2 over 4 classes: targets 0.85 and 0.05.  Logits (ln 2, 0, 0, 0): p = (0.4, 0.2, 0.2, 0.2).  Label 0:
 * loss -0.85 ln 0.4 - 0.15 ln 0.2 = 0.778847 + 0.241416 = 1.020263; gradient (-0.45, 0.15, 0.15, 0.15). */
static void cross_entropy_with_smoothing_on_paper(void **state)
{
    (void)state;
    const float logits[4] = {0.693147180559945f, 0, 0, 0};
    const int label = 0;
    float g[4];
    NEAR(sps_cross_entropy(NULL, g, logits, &label, 1, 4, 0.2), -0.85 * log(0.4) - 0.15 * log(0.2), 1e-7);
    const double gradient[4] = {-0.45, 0.15, 0.15, 0.15};
    for (int i = 0; i < 4; i++)
        NEAR(g[i], gradient[i], 1e-7);
}

/* Logits (ln 3, 0) at temperature 2 are softmax (sqrt 3, 1), the teacher's (9, 1) / 10 softens to (3, 1) / 4:
 * loss 4 x -(3/4 ln a + 1/4 ln (1 - a)), a = sqrt 3 / (1 + sqrt 3); gradient 2 (a - 3/4), half of it and of what was
 * there. */
static void distillation_on_paper(void **state)
{
    (void)state;
    const float logits[2] = {1.09861228866811f, 0}, taught[2] = {0.9f, 0.1f}, *const rows[1] = {taught};
    double a = sqrt(3) / (1 + sqrt(3));
    float g[2] = {8, -4};
    NEAR(sps_distillation(g, logits, rows, 1, 2, 2, 0.5), -4 * (0.75 * log(a) + 0.25 * log(1 - a)), 1e-6);
    NEAR(g[0], 4 + 0.5 * 2 * (a - 0.75), 1e-6);
    NEAR(g[1], -2 - 0.5 * 2 * (a - 0.75), 1e-6);
}

/* Logits of +-10,000 overflow exp(): the loss is finite, 20,000 for the wrong one.  NaN stays NaN. */
static void cross_entropy_of_extreme_logits(void **state)
{
    (void)state;
    float logits[2] = {10000, -10000}, p[2], g[2];
    const int label = 1;
    NEAR(sps_cross_entropy(p, g, logits, &label, 1, 2, 0), 20000, 1e-6);
    assert_true(p[0] == 1 && p[1] == 0 && g[0] == 1 && g[1] == -1);
    logits[0] = NAN;
    assert_true(isnan(sps_cross_entropy(p, g, logits, &label, 1, 2, 0)));
}

/* Broken weights must show in the loss, also behind activations that compare. */
static void nan_reaches_the_loss(void **state)
{
    (void)state;
    const char *const activations[] = {"relu", "htanh", "rprelu"};
    for (int i = 0; i < 3; i++) {
        char text[512];
        snprintf(text, sizeof text, HEAD "  - conv: {out: 2}\n  - %s: {}\n  - pool: {}\n  - dense: {out: 2}\n",
                 activations[i]);
        struct sps_graph *graph = make_graph(text, &(struct sps_graph_options){.training = 1});
        int labels[4];
        fill(graph, labels, 60);
        graph->weights[0]->value[0] = NAN;
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 4);
        assert_true(isnan(loss_of(graph, &pass, labels, NULL)));
        sps_graph_free(graph);
    }
}

/* ---- optimisers ---- */

/* On paper, rate 0.1, beta 0.9 and 0.99, epsilon 0.  Step 1 with g = 2: m = 0.2, v = 0.04; corrected 2 and 4: w falls
 * by 0.1.  Step 2 with g = -1: m = 0.18 - 0.1 = 0.08, v = 0.0396 + 0.01 = 0.0496; corrected 0.08 / 0.19 and 0.0496 /
 * 0.0199: 0.1 x 0.421053 / 1.578757 = 0.026670. */
static void adam_on_paper(void **state)
{
    (void)state;
    const struct sps_optimiser *adam = sps_optimiser_find("adam");
    float w = 1, g = 2, m = 0, v = 0;
    float *const states[2] = {&m, &v};
    struct sps_step step = {.rate = 0.1, .decay = 0.5, .beta1 = 0.9, .beta2 = 0.99, .count = 1};
    adam->update(&w, &g, states, 1, &step, 0);
    NEAR(w, 0.9, 2e-7);
    g = -1, step.count = 2;
    adam->update(&w, &g, states, 1, &step, 0);
    NEAR(w, 0.9 - 0.1 * (0.08 / 0.19) / sqrt(0.0496 / 0.0199), 2e-7);
    NEAR(m, 0.08, 1e-7);
    NEAR(v, 0.0496, 1e-7);
    /* Decay 0.5 of w = 2 adds 1 to the gradient 1; epsilon 2 beside the corrected root 2 halves the step. */
    w = 2, g = 1, m = v = 0, step.count = 1, step.epsilon = 2;
    adam->update(&w, &g, states, 1, &step, 1);
    NEAR(w, 1.95, 3e-7);
    NEAR(m, 0.2, 1e-7);
}

/* On paper, rate 0.1, momentum 0.5, decay 0.25: g = 1, w = 2: velocity 1.5, w = 1.85; then g = -1: velocity 0.75 - 1 +
 * 0.4625 = 0.2125, w = 1.82875. */
static void sgd_on_paper(void **state)
{
    (void)state;
    const struct sps_optimiser *sgd = sps_optimiser_find("sgd");
    float w = 2, g = 1, velocity = 0;
    float *const states[2] = {&velocity, NULL};
    struct sps_step step = {.rate = 0.1, .decay = 0.25, .momentum = 0.5, .count = 1};
    sgd->update(&w, &g, states, 1, &step, 1);
    NEAR(w, 1.85, 2e-7);
    g = -1;
    sgd->update(&w, &g, states, 1, &step, 1);
    NEAR(w, 1.82875, 3e-7);
    w = 2, g = 1, velocity = 0;
    sgd->update(&w, &g, states, 1, &step, 0);
    NEAR(w, 1.9, 2e-7);
}

static void every_optimiser_is_found_by_name(void **state)
{
    (void)state;
#define NAME(name) #name,
    const char *const names[] = {SPS_OPTIMISER_LIST(NAME)};
    size_t count = sizeof names / sizeof *names;
    for (size_t i = 0; i < count; i++) {
        const struct sps_optimiser *o = sps_optimiser_at(i);
        assert_non_null(o);
        assert_string_equal(o->name, names[i]);
        assert_ptr_equal(sps_optimiser_find(names[i]), o);
        assert_true(o->summary[0] != 0 && o->source[0] != 0 && o->states >= 0 && o->states <= 2 && o->update != NULL);
    }
    assert_null(sps_optimiser_at(count));
    assert_null(sps_optimiser_find("nothing"));
}

/* The whole update: gradient with respect to signs, through the binariser, one step; decay only where it belongs. */
static void an_update_goes_through_the_binariser(void **state)
{
    (void)state;
    struct sps_graph *graph = make_graph("input: {height: 3, width: 3, channels: 1}\nclasses: 2\nlayers:\n"
                                         "  - dense: {out: 2, binary: true}\n  - batchnorm: {}\n",
                                         &(struct sps_graph_options){.training = 1, .threads = 2, .seed = 2});
    struct sps_weight *w = graph->weights[0], *gamma = graph->weights[1];
    struct sps_random r = test_random(70);
    float expected[18], v[9];
    fill_normal(&r, w->grad, 18);
    for (size_t o = 0; o < 2; o++) {
        float g[9];
        struct sps_surrogate at = {.kern = graph->kern, .t = 2, .k = 1};
        at.factor = graph->binariser->standardise(v, w->value + 9 * o, 9);
        memcpy(g, w->grad + 9 * o, sizeof g);
        graph->binariser->backward(g, v, 9, &at);
        for (int i = 0; i < 9; i++)
            expected[9 * o + (size_t)i] =
                w->value[9 * o + (size_t)i] - 0.01f * (g[i] + 0.5f * w->value[9 * o + (size_t)i]);
    }
    gamma->grad[0] = 1, gamma->grad[1] = -1;
    struct sps_step step = {.rate = 0.01, .decay = 0.5, .count = 1};
    sps_graph_update(graph, sps_optimiser_find("sgd"), &step, 2, 1);
    for (int i = 0; i < 18; i++)
        NEAR(w->value[i], expected[i], 1e-6);
    NEAR(gamma->value[0], 0.99, 1e-7);
    NEAR(gamma->value[1], 1.01, 1e-7);
    sps_graph_free(graph);
}

/* Why a factor of a channel's signs is left out (quant.h): behind BatchNorm the loss does not depend on it, so that the
 * slope along the signs, sum g sign, is 0 but for epsilon and rounding, and is not with the bias inside the scale. */
static void batchnorm_hides_a_factor_of_the_signs(void **state)
{
    (void)state;
    const struct sps_method *method = sps_method_find("scale_dropout");
    void *settings = make_settings(method, "method.p=0.4");
    for (int bias = 0; bias < 2; bias++) {
        char text[512];
        snprintf(text, sizeof text,
                 "input: {height: 6, width: 6, channels: 1}\nclasses: 3\nlayers:\n"
                 "  - conv: {out: 5, kernel: 3, binary: true}\n  - batchnorm: {scale: true, bias: %s}\n  - sign: {}\n"
                 "  - dense: {out: 3, binary: true}\n  - batchnorm: {}\n",
                 bias ? "true" : "false");
        struct sps_graph *graph = make_graph(
            text,
            &(struct sps_graph_options){.training = 1, .batch = 8, .method = method, .settings = settings, .seed = 4});
        int labels[8];
        float dlogits[24];
        fill(graph, labels, 95);
        struct sps_random r = test_random(96);
        struct sps_norm *norm = sps_layer_norm(graph->layers[1]);
        for (int c = 0; c < 5 && bias; c++)
            norm->bias->value[c] = uniform(&r, 100, 300); /* sums of codes are as large */
        struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 8);
        loss_of(graph, &pass, labels, dlogits);
        sps_graph_backward(graph, &pass, dlogits);
        const struct sps_weight *w = graph->weights[0];
        double along = 0, size = 0;
        for (size_t o = 0; o < w->rows; o++) {
            double sum = 0;
            for (size_t j = o * w->row; j < (o + 1) * w->row; j++) {
                sum += w->grad[j] * w->sign[j];
                size += fabs(w->grad[j]);
            }
            along += fabs(sum);
        }
        if ((along <= 1e-4 * size) == bias)
            fail_msg("bias %d: %g along the signs of %g", bias, along, size);
        sps_graph_free(graph);
    }
    sps_free(settings);
}

/* LAB sees Adam's mean squared gradients of the steps before, row by row; sgd has none to show. */
static void an_update_shows_squared_gradients(void **state)
{
    (void)state;
    for (int adam = 0; adam < 2; adam++) {
        struct sps_graph *graph =
            make_graph("input: {height: 2, width: 2, channels: 1}\nclasses: 2\nlayers:\n"
                       "  - dense: {out: 2, binary: true}\n  - batchnorm: {}\n",
                       &(struct sps_graph_options){.training = 1, .seed = 2, .binariser = sps_binariser_find("lab")});
        struct sps_weight *w = graph->weights[0];
        const float value[8] = {0.5f, 0.25f, -0.5f, 0.75f, 0.5f, -0.25f, 1, -0.75f};
        const float square[8] = {1, 1, 1, 1, 1, 4, 9, 16};
        memcpy(w->value, value, sizeof value);
        memcpy(w->state[1], square, sizeof square);
        for (int i = 0; i < 8; i++)
            w->grad[i] = 1;
        struct sps_step step = {.rate = 0, .beta1 = 0, .beta2 = 0.5, .epsilon = 1, .count = 1};
        sps_graph_update(graph, sps_optimiser_find(adam ? "adam" : "sgd"), &step, 1, 1);
        /* Mean sizes 0.5 and 0.625; weighted, 0.5 and (0.5 + 0.5 + 3 + 3) / 10 = 0.7. */
        NEAR(w->grad[0], 1 / 0.5, 1e-6);
        NEAR(w->grad[4], 1 / (adam ? 0.7 : 0.625), 1e-6);
        sps_graph_free(graph);
    }
}

/* The gradient of RAD's term reaches beta and gamma of norms in front of a sign only, and is that of the distribution
 * which the sign layer really reads: mean and standard deviation of its input are measured here. */
static double measured_distribution(struct sps_graph *graph, const struct sps_pass *pass, int norm)
{
    struct sps_layer *layer = graph->layers[norm];
    sps_layer_forward(graph, layer, pass); /* hard tanh has written over what was there */
    int channels = layer->out.c, positions = layer->out.h * layer->out.w, count = pass->n * positions;
    float *values = NULL;
    OK(sps_calloc(&values, (size_t)count, (size_t)channels * sizeof *values, "values"));
    for (int i = 0; i < pass->n; i++)
        memcpy(values + i * positions * channels, sps_layer_image(graph, layer, pass, i),
               (size_t)(positions * channels) * sizeof *values);
    double total = 0, unused[2];
    for (int c = 0; c < channels; c++) {
        double mean = 0, square = 0;
        for (int i = 0; i < count; i++) {
            double y = values[i * channels + c];
            mean += y / count, square += y * y / count;
        }
        total += graph->binariser->distribution(mean, sqrt(square - mean * mean), &unused[0], &unused[1]) / channels;
    }
    sps_free(values);
    return total;
}

static void distribution_reaches_the_norms(void **state)
{
    (void)state;
    const struct sps_method *method = sps_method_find("scale_dropout");
    void *settings = make_settings(method, "method.p=0.4");
    struct sps_graph *graph = make_graph(
        "input: {height: 6, width: 6, channels: 1}\nclasses: 3\nlayers:\n"
        "  - conv: {out: 5, kernel: 3, binary: true}\n  - batchnorm: {scale: true, bias: true, eps: 1e-9}\n"
        "  - sign: {}\n  - dense: {out: 6, binary: true}\n  - batchnorm: {eps: 1e-9}\n  - htanh: {}\n  - sign: {}\n"
        "  - dense: {out: 3, binary: true}\n  - batchnorm: {}\n",
        &(struct sps_graph_options){.training = 1,
                                    .batch = 8,
                                    .method = method,
                                    .settings = settings,
                                    .seed = 4,
                                    .binariser = sps_binariser_find("rad")});
    struct sps_random r = test_random(90);
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, 8);
    fill(graph, NULL, 91);
    const int norms[] = {1, 4, 8};
    for (int l = 0; l < 3; l++)
        for (int c = 0; c < graph->layers[norms[l]]->out.c; c++) {
            struct sps_norm *norm = sps_layer_norm(graph->layers[norms[l]]);
            norm->gamma->value[c] = uniform(&r, -5, 5); /* also of either sign, and saturated */
            norm->beta->value[c] = uniform(&r, -3, 3);
        }
    for (int i = 0; i < graph->weight_count; i++)
        memset(graph->weights[i]->grad, 0, graph->weights[i]->rows * graph->weights[i]->row * sizeof(float));
    sps_graph_forward(graph, &pass);
    double value = (measured_distribution(graph, &pass, 1) + measured_distribution(graph, &pass, 4)) / 2;
    NEAR(sps_graph_distribution(graph), value, 1e-4 * value);
    for (int l = 0; l < 3; l++)
        for (int c = 0; c < graph->layers[norms[l]]->out.c; c++) {
            struct sps_norm *norm = sps_layer_norm(graph->layers[norms[l]]);
            struct sps_weight *w[] = {norm->gamma, norm->beta};
            for (int k = 0; k < 2; k++) {
                float at = w[k]->value[c], change[2];
                const float step = 1e-2f; /* the terms are quadratic: central differences are exact, but at corners */
                for (int side = 0; side < 2; side++) {
                    w[k]->value[c] = at + (side ? step : -step);
                    sps_graph_forward(graph, &pass);
                    change[side] = l == 2 ? 0 : (float)measured_distribution(graph, &pass, norms[l]) / 2;
                }
                w[k]->value[c] = at;
                NEAR(w[k]->grad[c], (change[1] - change[0]) / (2 * step), 1e-3);
            }
        }
    sps_graph_free(graph);
    sps_free(settings);
}

/* ---- schedules ---- */

static void schedules_on_paper(void **state)
{
    (void)state;
    const struct {
        enum sps_schedule schedule;
        double share, warm_up, final, factor;
    } cases[] = {
        {SPS_COSINE, 0, 0, 0.1, 1},
        {SPS_COSINE, 0.5, 0, 0.1, 0.55},
        {SPS_COSINE, 1, 0, 0.1, 0.1},
        {SPS_COSINE, 0.1, 0.2, 0, 0.5},
        {SPS_COSINE, 0.2, 0.2, 0, 1},
        {SPS_COSINE, 0.6, 0.2, 0, 0.5},
        {SPS_COSINE, 0, 0.2, 0, 0},
        {SPS_STEPS, 0, 0, 0, 1},
        {SPS_STEPS, 0.33, 0, 0, 1},
        {SPS_STEPS, 0.34, 0, 0, 0.1},
        {SPS_STEPS, 0.67, 0, 0, 0.01},
        {SPS_STEPS, 0.999, 0, 0, 0.01},
        {SPS_STEPS, 0.05, 0.1, 0, 0.5},
        {SPS_CONSTANT, 0.7, 0, 0.5, 1},
        {SPS_CONSTANT, 0.05, 0.1, 0, 0.5},
        {SPS_ONE_CYCLE, 0, 0.25, 0.01, 0.04},
        {SPS_ONE_CYCLE, 0.125, 0.25, 0.01, 0.52},
        {SPS_ONE_CYCLE, 0.25, 0.25, 0.01, 1},
        {SPS_ONE_CYCLE, 0.625, 0.25, 0.01, 0.505},
        {SPS_ONE_CYCLE, 1, 0.25, 0.01, 0.01},
        {SPS_ONE_CYCLE, 0, 0, 0.5, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        NEAR(sps_schedule_factor(cases[i].schedule, cases[i].share, cases[i].warm_up, cases[i].final, 2, 0.1),
             cases[i].factor, 1e-12);
    for (int s = SPS_COSINE; s <= SPS_CONSTANT; s++)
        for (int i = 0; i < 200; i++) {
            double f = sps_schedule_factor((enum sps_schedule)s, i / 200.0, 0.1, 0.2, 3, 0.5);
            assert_true(f >= 0 && f <= 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gradients_of_a_float_net),
        TEST(gradients_of_residual_blocks),
        TEST(residual_blocks_on_paper),
        TEST(backward_in_bfloat16),
        TEST(bfloat16_numbers),
        TEST(gradients_behind_binary_layers),
        TEST(gradients_through_signs),
        TEST(evaluation_does_not_depend_on_threads_or_batches),
        TEST(picks_matter),
        TEST(later_starts_equal_full_passes),
        TEST(passes_part_where_there_is_a_choice),
        TEST(scratch_holds_an_image),
        TEST(every_second_sum_is_passing),
        TEST(seeds),
        TEST(descriptions_are_taken_over),
        TEST(trained_tensors),
        TEST(bad_descriptions),
        TEST(too_many_layers_or_images),
        TEST(lack_of_memory),
        TEST(freeing_nothing),
        TEST(cross_entropy_on_paper),
        TEST(cross_entropy_with_smoothing_on_paper),
        TEST(distillation_on_paper),
        TEST(cross_entropy_of_extreme_logits),
        TEST(nan_reaches_the_loss),
        TEST(adam_on_paper),
        TEST(sgd_on_paper),
        TEST(every_optimiser_is_found_by_name),
        TEST(an_update_goes_through_the_binariser),
        TEST(batchnorm_hides_a_factor_of_the_signs),
        TEST(an_update_shows_squared_gradients),
        TEST(distribution_reaches_the_norms),
        TEST(schedules_on_paper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
