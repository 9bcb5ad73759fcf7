/* SPDX-License-Identifier: MIT */
/* Training throughput of lenet5-wide with Scale-Dropout, batch 128, two threads (bench/torch_train_step.py is the same in
 * PyTorch), and its floor: the backward convolutions and products of the same shapes in oneDNN, which a training step
 * built from dense float primitives cannot go below.
 *
 *   train_step [--json] [--threads N] [--seconds S] [--profile] */
#include <jansson.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bayes/bayes.h"
#include "conf/preset.h"
#include "core/memory.h"
#include "core/random.h"
#include "nn/onednn.h"

enum { BATCH = 128, CLASSES = 10 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t peak_memory(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_maxrss * 1024;
}

static void must(sps_status status)
{
    if (status == SPS_OK)
        return;
    fprintf(stderr, "train_step: %s\n", sps_last_error());
    exit(1);
}

static float *reals(size_t n, uint32_t item)
{
    float *x = NULL;
    must(sps_calloc(&x, n, sizeof *x, "numbers"));
    struct sps_random r = sps_random(1, SPS_FOR_TEST, item, 0, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = sps_random_uniform(&r) < 0.5f ? -1.0f : 1.0f;
    return x;
}

/* Seconds of one step's oneDNN backward work, smallest of several runs. */
static double floor_seconds(double budget)
{
    void *onednn = NULL;
    must(sps_onednn_create(&onednn));
    const struct sps_conv_shape first = {BATCH, 28, 28, 1, 28, 28, 32, 5, 1, 2}, second = {BATCH, 14, 14, 32, 14, 14, 64, 5, 1, 2};
    sps_conv_op *conv1 = NULL, *conv2 = NULL;
    must(sps_conv_op_create(&conv1, onednn, &first, 1));
    must(sps_conv_op_create(&conv2, onednn, &second, 1));
    float *x1 = reals(BATCH * 784, 1), *y1 = reals(BATCH * 784 * 32, 2), *w1 = reals(800, 3);
    float *x2 = reals(BATCH * 196 * 32, 4), *y2 = reals(BATCH * 196 * 64, 5), *w2 = reals(64 * 800, 6), *dx2 = reals(BATCH * 196 * 32, 7);
    float *x3 = reals(BATCH * 3136, 8), *y3 = reals(BATCH * 512, 9), *w3 = reals(512 * 3136, 10), *dw3 = reals(512 * 3136, 11), *dx3 = reals(BATCH * 3136, 12);
    float *x4 = reals(BATCH * 512, 13), *y4 = reals(BATCH * CLASSES, 14), *w4 = reals(CLASSES * 512, 15), *dx4 = reals(BATCH * 512, 16);
    double best = 1e9, end = now() + budget;
    for (int run = 0; run < 3 || now() < end; run++) {
        double start = now();
        sps_conv_op_backward_weights(conv1, w1, y1, x1);
        sps_conv_op_backward_weights(conv2, w2, y2, x2);
        sps_conv_op_backward_data(conv2, dx2, y2, w2);
        sps_gemm(1, 0, 512, 3136, BATCH, y3, x3, 0, dw3);
        sps_gemm(0, 0, BATCH, 3136, 512, y3, w3, 0, dx3);
        sps_gemm(1, 0, CLASSES, 512, BATCH, y4, x4, 0, w4);
        sps_gemm(0, 0, BATCH, 512, CLASSES, y4, w4, 0, dx4);
        double took = now() - start;
        best = took < best ? took : best;
    }
    float *all[] = {x1, y1, w1, x2, y2, w2, dx2, x3, y3, w3, dw3, dx3, x4, y4, w4, dx4};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        sps_free(all[i]);
    sps_conv_op_free(conv1);
    sps_conv_op_free(conv2);
    sps_onednn_free(onednn);
    return best;
}

struct step_times {
    double loss, update, forward[16], backward[16];
};

static void train_step(struct sps_graph *graph, const int *labels, const uint32_t *index, int64_t count, struct step_times *times)
{
    static float dlogits[BATCH * CLASSES];
    const struct sps_step step = {.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0, .count = count};
    struct sps_pass pass = {.mode = SPS_PASS_TRAIN, .n = BATCH, .seed = 1, .index = index, .t = 1, .k = 1};
    if (times == NULL) {
        sps_graph_forward(graph, &pass);
        sps_cross_entropy(NULL, dlogits, sps_graph_logits(graph), labels, BATCH, CLASSES, 0);
        sps_graph_backward(graph, &pass, dlogits);
    } else { /* the same, layer by layer with a clock */
        double t = now();
        for (int i = 0; i < graph->layer_count; i++) {
            graph->layers[i]->type->forward(graph, graph->layers[i], &pass);
            times->forward[i] += now() - t;
            t = now();
        }
        sps_cross_entropy(NULL, dlogits, sps_graph_logits(graph), labels, BATCH, CLASSES, 0);
        times->loss += now() - t;
        float *dy = graph->gradient[0], *other = graph->gradient[1];
        memcpy(dy, dlogits, sizeof dlogits);
        for (int i = graph->layer_count - 1; i >= 0; i--) {
            struct sps_layer *layer = graph->layers[i];
            float *dx = layer->input == NULL ? NULL : layer->type->in_place ? dy : other;
            t = now();
            layer->type->backward(graph, layer, &pass, dy, dx);
            times->backward[i] += now() - t;
            if (!layer->type->in_place) {
                other = dy;
                dy = dx;
            }
        }
    }
    double t = now();
    for (int i = 0; i < graph->scale_count; i++)
        if (graph->method->penalty != NULL)
            graph->method->penalty(graph->scales[i], 55000);
    sps_graph_update(graph, sps_optimiser_find("adam"), &step, 1, 1);
    if (times != NULL)
        times->update += now() - t;
}

int main(int argc, char **argv)
{
    int json = 0, threads = 2, profile = 0;
    double seconds = 4;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "--profile") == 0)
            profile = 1;
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = atoi(argv[++i]);
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = atof(argv[++i]);
        else {
            fprintf(stderr, "usage: train_step [--json] [--threads N] [--seconds S] [--profile]\n");
            return 2;
        }
    }
    omp_set_num_threads(threads);
    const struct sps_preset *net = sps_preset_find("nets", "lenet5-wide");
    const struct sps_method *method = sps_method_find("scale_dropout");
    sps_yaml *yaml = NULL;
    void *settings = NULL;
    must(sps_yaml_parse(&yaml, "lenet5-wide", net->text, net->size));
    must(sps_calloc(&settings, 1, method->settings_size, "settings"));
    sps_params_default(method->params, settings);
    const struct sps_graph_options options = {.method = method, .settings = settings, .binariser = sps_binariser_find("irnet"),
                                              .batch = BATCH, .threads = threads, .training = 1, .seed = 1};
    size_t before = peak_memory();
    struct sps_graph *graph = NULL;
    must(sps_graph_create(&graph, yaml, &options));
    struct sps_random r = sps_random(2, SPS_FOR_TEST, 0, 0, 0);
    for (size_t i = 0; i < BATCH * 784; i++)
        graph->codes[i] = (int8_t)((int)sps_random_below(&r, 178) - 51);
    int labels[BATCH];
    uint32_t index[BATCH];
    for (uint32_t i = 0; i < BATCH; i++) {
        labels[i] = (int)sps_random_below(&r, CLASSES);
        index[i] = i;
    }
    int64_t count = 0;
    for (int i = 0; i < 5; i++) /* oneDNN's first calls compile */
        train_step(graph, labels, index, ++count, NULL);
    struct step_times times = {0};
    double best = 1e9, floor = 1e9, start = now();
    int64_t warm = count;
    while (now() < start + seconds) { /* several slices: the machine is shared, and both sides must see the same noise */
        double slice = now();
        for (int i = 0; i < 10; i++) {
            double t = now();
            train_step(graph, labels, index, ++count, profile ? &times : NULL);
            t = now() - t;
            best = t < best ? t : best;
        }
        double floor_now = floor_seconds(0.2 * (now() - slice));
        floor = floor_now < floor ? floor_now : floor;
    }
    size_t memory = peak_memory() - before;
    double ratio = best / floor;
    if (json) {
        json_t *out = json_pack("{s:f, s:f, s:I, s:f, s:f, s:i, s:i, s:s}", "images_per_s", BATCH / best, "floor_ratio", ratio, "peak_memory_bytes",
                                (json_int_t)memory, "step_s", best, "floor_s", floor, "batch", BATCH, "threads", threads, "tier", graph->kern->tier);
        json_dumpf(out, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(out);
    } else {
        printf("lenet5-wide, scale_dropout, batch %d, %d threads, kernels %s\n", BATCH, threads, graph->kern->tier);
        printf("step %.2f ms, %.0f images/s; floor %.2f ms, step/floor %.2f; peak memory above start %.1f MB\n", 1e3 * best, BATCH / best,
               1e3 * floor, ratio, 1e-6 * (double)memory);
    }
    for (int i = 0; profile && i < graph->layer_count; i++)
        printf("%2d %-10s forward %7.1f us an image, backward %7.1f\n", i, graph->layers[i]->type->name,
               1e6 * times.forward[i] / (double)(count - warm) / BATCH, 1e6 * times.backward[i] / (double)(count - warm) / BATCH);
    if (profile)
        printf("update %.1f us an image\n", 1e6 * times.update / (double)(count - warm) / BATCH);
    sps_graph_free(graph);
    sps_free(settings);
    sps_yaml_free(yaml);
    return 0;
}
