/* SPDX-License-Identifier: MIT */
/* Training throughput of lenet5-wide with Scale-Dropout, batch 128, two threads (bench/torch_train_step.py is the same
 * in PyTorch), and its floor: the backward convolutions and products of the same shapes in oneDNN, which a training
 * step built from dense float primitives cannot go below.
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

/* The backward convolutions and products of one step, in oneDNN. */
struct floor_work {
    void *onednn;
    sps_conv_op *conv1, *conv2;
    float *x1, *y1, *w1, *x2, *y2, *w2, *dx2, *x3, *y3, *w3, *dw3, *dx3, *x4, *y4, *w4, *dx4;
};

static void floor_init(struct floor_work *f)
{
    const struct sps_conv_shape first = {BATCH, 28, 28, 1, 28, 28, 32, 5, 1, 2},
                                second = {BATCH, 14, 14, 32, 14, 14, 64, 5, 1, 2};
    must(sps_onednn_create(&f->onednn));
    must(sps_conv_op_create(&f->conv1, f->onednn, &first, 1));
    must(sps_conv_op_create(&f->conv2, f->onednn, &second, 1));
    float **arrays[] = {&f->x1, &f->y1, &f->w1,  &f->x2,  &f->y2, &f->w2, &f->dx2, &f->x3,
                        &f->y3, &f->w3, &f->dw3, &f->dx3, &f->x4, &f->y4, &f->w4,  &f->dx4};
    const size_t sizes[] = {BATCH * 784, BATCH * 784 * 32, 800,          BATCH * 196 * 32, BATCH * 196 * 64,
                            64 * 800,    BATCH * 196 * 32, BATCH * 3136, BATCH * 512,      512 * 3136,
                            512 * 3136,  BATCH * 3136,     BATCH * 512,  BATCH * CLASSES,  CLASSES * 512,
                            BATCH * 512};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        *arrays[i] = reals(sizes[i], (uint32_t)i);
}

/* Seconds of one step's backward work, smallest of the runs in the budget. */
static double floor_seconds(struct floor_work *f, double budget)
{
    double best = 1e9, end = now() + budget;
    for (int run = 0; run < 3 || now() < end; run++) {
        double start = now();
        sps_conv_op_backward_weights(f->conv1, f->w1, f->y1, f->x1);
        sps_conv_op_backward_weights(f->conv2, f->w2, f->y2, f->x2);
        sps_conv_op_backward_data(f->conv2, f->dx2, f->y2, f->w2);
        sps_gemm(1, 0, 512, 3136, BATCH, f->y3, f->x3, 0, f->dw3);
        sps_gemm(0, 0, BATCH, 3136, 512, f->y3, f->w3, 0, f->dx3);
        sps_gemm(1, 0, CLASSES, 512, BATCH, f->y4, f->x4, 0, f->w4);
        sps_gemm(0, 0, BATCH, 512, CLASSES, f->y4, f->w4, 0, f->dx4);
        double took = now() - start;
        best = took < best ? took : best;
    }
    return best;
}

struct step_times {
    double loss, update, forward[16], backward[16];
};

static void train_step(struct sps_graph *graph, const int *labels, const uint32_t *index, int64_t count,
                       struct step_times *times)
{
    static float dlogits[BATCH * CLASSES];
    const struct sps_step step = {
        .rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0, .count = count};
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
    const struct sps_graph_options options = {.method = method,
                                              .settings = settings,
                                              .binariser = sps_binariser_find("irnet"),
                                              .batch = BATCH,
                                              .threads = threads,
                                              .training = 1,
                                              .seed = 1};
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
    size_t memory = peak_memory() - before; /* before the floor's own arrays */
    struct floor_work work;
    floor_init(&work);
    double best = 1e9, floor = 1e9, start = now();
    int64_t warm = count;
    while (now() <
           start + seconds) { /* several slices: the machine is shared, and both sides must see the same noise */
        double slice = now();
        for (int i = 0; i < 10; i++) {
            double t = now();
            train_step(graph, labels, index, ++count, profile ? &times : NULL);
            t = now() - t;
            best = t < best ? t : best;
        }
        double floor_now = floor_seconds(&work, 0.5 * (now() - slice));
        floor = floor_now < floor ? floor_now : floor;
    }
    double ratio = best / floor;
    if (json) {
        json_t *out = json_pack("{s:f, s:f, s:I, s:f, s:f, s:i, s:i, s:s}", "images_per_s", BATCH / best, "floor_ratio",
                                ratio, "peak_memory_bytes", (json_int_t)memory, "step_s", best, "floor_s", floor,
                                "batch", BATCH, "threads", threads, "tier", graph->kern->tier);
        json_dumpf(out, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(out);
    } else {
        printf("lenet5-wide, scale_dropout, batch %d, %d threads, kernels %s\n", BATCH, threads, graph->kern->tier);
        printf("step %.2f ms, %.0f images/s; floor %.2f ms, step/floor %.2f; peak memory above start %.1f MB\n",
               1e3 * best, BATCH / best, 1e3 * floor, ratio, 1e-6 * (double)memory);
    }
    for (int i = 0; profile && i < graph->layer_count; i++)
        printf("%2d %-10s forward %7.1f us an image, backward %7.1f\n", i, graph->layers[i]->type->name,
               1e6 * times.forward[i] / (double)(count - warm) / BATCH,
               1e6 * times.backward[i] / (double)(count - warm) / BATCH);
    if (profile)
        printf("update %.1f us an image\n", 1e6 * times.update / (double)(count - warm) / BATCH);
    sps_graph_free(graph);
    sps_free(settings);
    sps_yaml_free(yaml);
    return 0;
}
