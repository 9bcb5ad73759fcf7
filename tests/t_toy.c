/* SPDX-License-Identifier: MIT */
/* A whole training in miniature.  Images are 8x8 stripes of random phase under noise; the class is whether they run
 * down or across.  Every pixel is as often bright as dark in both classes, so a linear model, or a net whose first
 * layers do not learn, stays near 50 %. */
#include "net.h"

enum { BATCH = 32, STEPS = 150, TEST_IMAGES = 320, SAMPLES = 8 };

static const char net_text[] =
    "input: {height: 8, width: 8, channels: 1}\nclasses: 2\nlayers:\n"
    "  - conv: {out: 12, kernel: 3, pad: 1, pool: 2, binary: true}\n"
    "  - batchnorm: {scale: true, bias: true}\n  - sign: {}\n"
    "  - dense: {out: 24, binary: true}\n  - batchnorm: {scale: true, bias: true}\n  - sign: {}\n"
    "  - dense: {out: classes, binary: true}\n  - batchnorm: {scale: true, bias: true}\n";

/* Stripes two pixels wide, amplitude 50, noise of 40. */
static void make_images(int8_t *codes, int *labels, int n, uint32_t which)
{
    struct sps_random r = test_random(which);
    for (int i = 0; i < n; i++) {
        labels[i] = (int)sps_random_below(&r, 2);
        int phase = (int)sps_random_below(&r, 4);
        for (int y = 0; y < 8; y++)
            for (int x = 0; x < 8; x++) {
                int bright = ((labels[i] ? x : y) + phase) / 2 % 2;
                float v = (bright ? 50.0f : -50.0f) + 40 * sps_random_normal(&r);
                codes[i * 64 + y * 8 + x] = (int8_t)fminf(fmaxf(rintf(v), -127), 127);
            }
    }
}

static void add_penalties(struct sps_graph *graph)
{
    sps_graph_distribution(graph);
    for (int l = 0; l < graph->scale_count && graph->method->penalty != NULL; l++)
        graph->method->penalty(graph->scales[l], (size_t)BATCH * STEPS);
}

static void train(struct sps_graph *graph, const struct sps_optimiser *optimiser, double rate)
{
    int labels[BATCH];
    float dlogits[BATCH * 2];
    uint32_t index[BATCH];
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, BATCH);
    pass.index = index;
    struct sps_step step = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .momentum = 0.9};
    for (uint32_t s = 0; s < STEPS; s++) {
        double share = s / (double)STEPS;
        for (uint32_t i = 0; i < BATCH; i++)
            index[i] = s * BATCH + i;
        make_images(graph->codes, labels, BATCH, 100 + s);
        sps_error_decay(&pass.t, &pass.k, share, 0.1, 10);
        pass.batch = s;
        sps_graph_forward(graph, &pass);
        sps_cross_entropy(NULL, dlogits, sps_graph_logits(graph), labels, BATCH, 2, 0);
        sps_graph_backward(graph, &pass, dlogits);
        add_penalties(graph);
        step.share = share;
        step.count = s + 1;
        step.rate = rate * sps_schedule_factor(SPS_COSINE, share, 0.05, 0, 0, 1);
        sps_graph_update(graph, optimiser, &step, pass.t, pass.k);
    }
}

/* The bank, and running statistics over it from ten batches. */
static void finish(struct sps_graph *graph, uint8_t *picks, struct sps_random *r)
{
    int labels[BATCH];
    for (int l = 0; l < graph->scale_count; l++)
        OK(graph->method->make_bank(graph->scales[l], 1, 0));
    sps_graph_layout_picks(graph);
    struct sps_pass pass = make_pass(SPS_PASS_ESTIMATE, SPS_FROM_BANK, BATCH);
    pass.picks = picks;
    sps_graph_norms_begin(graph);
    for (uint32_t b = 0; b < 10; b++) {
        make_images(graph->codes, labels, BATCH, 1000 + b);
        for (int i = 0; i < BATCH; i++)
            for (int l = 0; l < graph->scale_count; l++)
                picks[i * graph->picks + l] = (uint8_t)sps_random_below(r, (uint32_t)graph->scales[l]->entries);
        sps_graph_forward(graph, &pass);
    }
    OK(sps_graph_norms_end(graph, 0));
}

/* Share of right answers of the mean over SAMPLES passes with random picks. */
static double accuracy(struct sps_graph *graph, uint8_t *picks, struct sps_random *r)
{
    int labels[BATCH], right = 0;
    float p[BATCH * 2];
    struct sps_pass pass = make_pass(SPS_PASS_EVALUATE, SPS_FROM_BANK, BATCH);
    pass.picks = picks;
    for (uint32_t b = 0; b < TEST_IMAGES / BATCH; b++) {
        float mean[BATCH * 2] = {0};
        make_images(graph->codes, labels, BATCH, 2000 + b);
        for (int s = 0; s < SAMPLES; s++) {
            for (int i = 0; i < BATCH; i++)
                for (int l = 0; l < graph->scale_count; l++)
                    picks[i * graph->picks + l] = (uint8_t)sps_random_below(r, (uint32_t)graph->scales[l]->entries);
            sps_graph_forward(graph, &pass);
            sps_cross_entropy(p, NULL, sps_graph_logits(graph), NULL, BATCH, 2, 0);
            for (int i = 0; i < BATCH * 2; i++)
                mean[i] += p[i];
        }
        for (int i = 0; i < BATCH; i++)
            right += (mean[2 * i + 1] > mean[2 * i]) == labels[i];
    }
    return right / (double)TEST_IMAGES;
}

static double run(const char *name, const char *assignments, const char *binariser, const char *optimiser, double rate)
{
    const struct sps_method *method = sps_method_find(name);
    void *settings = make_settings(method, assignments);
    struct sps_graph *graph =
        make_graph(net_text, &(struct sps_graph_options){.training = 1,
                                                         .batch = BATCH,
                                                         .method = method,
                                                         .settings = settings,
                                                         .seed = 1,
                                                         .binariser = sps_binariser_find(binariser)});
    uint8_t picks[BATCH * 16];
    struct sps_random r = test_random(1);
    train(graph, sps_optimiser_find(optimiser), rate);
    finish(graph, picks, &r);
    double share = accuracy(graph, picks, &r);
    sps_graph_free(graph);
    sps_free(settings);
    return share;
}

static void expect(const char *name, const char *assignments, const char *binariser, const char *optimiser, double rate)
{
    double share = run(name, assignments, binariser, optimiser, rate);
    if (share <= 0.95)
        fail_msg("%s %s %s %s: %.1f %% of %d images right", name, assignments, binariser, optimiser, 100 * share,
                 TEST_IMAGES);
}

static void point_learns(void **state)
{
    (void)state;
    expect("point", "", "irnet", "adam", 0.01);
}
static void point_learns_with_bnn_and_sgd(void **state)
{
    (void)state;
    expect("point", "", "bnn", "sgd", 0.05);
}
static void scale_dropout_learns(void **state)
{
    (void)state;
    expect("scale_dropout", "method.p=0.2", "irnet", "adam", 0.01);
}
static void scale_vi_learns(void **state)
{
    (void)state;
    expect("scale_vi", "", "irnet", "adam", 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(point_learns),
        TEST(point_learns_with_bnn_and_sgd),
        TEST(scale_dropout_learns),
        TEST(scale_vi_learns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
