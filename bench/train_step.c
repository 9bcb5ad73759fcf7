/* SPDX-License-Identifier: MIT */
/* Training throughput of a network with Scale-Dropout, batch 128, two threads (bench/torch_train_step.py is the same in
 * PyTorch), and its floor: the backward convolutions and products of the same shapes in oneDNN, in the same precision,
 * which a training step built from dense primitives cannot go below.
 *
 *   train_step [--net lenet5-wide] [--json] [--threads N] [--seconds S] [--precision auto|float32|bfloat16] [--profile]
 */
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

/* The backward products of one step, in oneDNN: convolutions, and matrix products (of floats) for dense layers. */
enum { PRODUCTS_MAX = 64 };
struct floor_work {
    void *onednn;
    sps_conv_op *op[PRODUCTS_MAX]; /* NULL: dense */
    size_t in[PRODUCTS_MAX], out[PRODUCTS_MAX];
    int data[PRODUCTS_MAX]; /* the gradient of the input is wanted */
    int count;
    float *x, *y, *w; /* as large as any layer's */
};

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void floor_init(struct floor_work *f, const struct sps_graph *graph)
{
    size_t x = 0, y = 0, w = 0;
    must(sps_onednn_create(&f->onednn));
    for (int i = 0; i < graph->layer_count; i++) {
        const struct sps_layer *layer = graph->layers[i];
        struct sps_product p;
        if (!sps_layer_product(&p, layer) || f->count == PRODUCTS_MAX)
            continue;
        struct sps_shape in = layer->in;
        struct sps_conv_shape s = {BATCH, in.h, in.w, in.c, 1, 1, layer->out.c, p.kernel, p.stride, p.pad};
        if (p.kernel > 0) {
            s.oh = (in.h + 2 * p.pad - p.kernel) / p.stride + 1;
            s.ow = (in.w + 2 * p.pad - p.kernel) / p.stride + 1;
            must(sps_conv_op_create(&f->op[f->count], f->onednn, &s, SPS_CONV_BACKWARD, graph->precision));
        }
        f->in[f->count] = sps_shape_size(&in);
        f->out[f->count] = sps_shape_size(&layer->out);
        f->data[f->count++] = layer->input != NULL;
        x = largest(x, (size_t)s.h * (size_t)s.w * (size_t)s.c);
        y = largest(y, (size_t)s.oh * (size_t)s.ow * (size_t)s.o);
        w = largest(w, p.weight->rows * p.weight->row);
    }
    f->x = reals(BATCH * x, 0);
    f->y = reals(BATCH * y, 1);
    f->w = reals(w, 2);
}

/* Seconds of one step's backward work, smallest of the runs in the budget. */
static double floor_seconds(struct floor_work *f, double budget)
{
    double best = 1e9, end = now() + budget;
    for (int run = 0; run < 3 || now() < end; run++) {
        double start = now();
        for (int i = 0; i < f->count; i++) {
            if (f->op[i] == NULL) {
                sps_gemm(1, 0, f->out[i], f->in[i], BATCH, f->y, f->x, 0, f->w);
                sps_gemm(0, 0, BATCH, f->in[i], f->out[i], f->y, f->w, 0, f->x);
                continue;
            }
            sps_conv_op_backward_weights(f->op[i], f->w, f->y, f->x);
            if (f->data[i])
                sps_conv_op_backward_data(f->op[i], f->x, f->y, f->w);
        }
        double took = now() - start;
        best = took < best ? took : best;
    }
    return best;
}

struct step_times {
    double loss, update, forward[256], backward[256];
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
            sps_layer_forward(graph, graph->layers[i], &pass);
            times->forward[i] += now() - t;
            t = now();
        }
        sps_cross_entropy(NULL, dlogits, sps_graph_logits(graph), labels, BATCH, CLASSES, 0);
        times->loss += now() - t;
        float *dy = graph->gradient[0], *other = graph->gradient[1];
        memcpy(dy, dlogits, sizeof dlogits);
        for (int i = graph->layer_count - 1; i >= 0; i--) {
            struct sps_layer *layer = graph->layers[i];
            float *dx = layer->input == NULL ? NULL : sps_layer_in_place(layer) ? dy : other;
            t = now();
            sps_layer_backward(graph, layer, &pass, dy, dx);
            times->backward[i] += now() - t;
            if (!sps_layer_in_place(layer)) {
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
    const char *name = "lenet5-wide", *precision = "auto";
    double seconds = 4;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "--profile") == 0)
            profile = 1;
        else if (strcmp(argv[i], "--net") == 0 && i + 1 < argc)
            name = argv[++i];
        else if (strcmp(argv[i], "--precision") == 0 && i + 1 < argc)
            precision = argv[++i];
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = atoi(argv[++i]);
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = atof(argv[++i]);
        else {
            fprintf(stderr, "usage: train_step [--net NAME] [--json] [--threads N] [--seconds S] [--precision "
                            "auto|float32|bfloat16] [--profile]\n");
            return 2;
        }
    }
    omp_set_num_threads(threads);
    const struct sps_preset *net = sps_preset_find("nets", name);
    if (net == NULL) {
        fprintf(stderr, "train_step: there is no network '%s'\n", name);
        return 1;
    }
    const struct sps_method *method = sps_method_find("scale_dropout");
    sps_yaml *yaml = NULL;
    void *settings = NULL;
    must(sps_yaml_parse(&yaml, name, net->text, net->size));
    must(sps_calloc(&settings, 1, method->settings_size, "settings"));
    sps_params_default(method->params, settings);
    const struct sps_graph_options options = {
        .method = method,
        .settings = settings,
        .binariser = sps_binariser_find("irnet"),
        .batch = BATCH,
        .threads = threads,
        .training = 1,
        .precision =
            strcmp(precision, "bfloat16") == 0 || (strcmp(precision, "auto") == 0 && sps_onednn_likes_bfloat16())
                ? SPS_BFLOAT16
                : SPS_FLOAT32,
        .seed = 1};
    size_t before = peak_memory();
    struct sps_graph *graph = NULL;
    must(sps_graph_create(&graph, yaml, &options));
    struct sps_random r = sps_random(2, SPS_FOR_TEST, 0, 0, 0);
    for (size_t i = 0; i < BATCH * sps_shape_size(&graph->input); i++)
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
    struct floor_work work = {0};
    floor_init(&work, graph);
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
        json_t *out = json_pack("{s:s, s:s, s:f, s:f, s:I, s:f, s:f, s:i, s:i, s:s}", "net", name, "precision",
                                graph->precision == SPS_BFLOAT16 ? "bfloat16" : "float32", "images_per_s", BATCH / best,
                                "floor_ratio", ratio, "peak_memory_bytes", (json_int_t)memory, "step_s", best,
                                "floor_s", floor, "batch", BATCH, "threads", threads, "tier", graph->kern->tier);
        json_dumpf(out, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(out);
    } else {
        printf("%s, scale_dropout, batch %d, %d threads, kernels %s, %s\n", name, BATCH, threads, graph->kern->tier,
               graph->precision == SPS_BFLOAT16 ? "bfloat16" : "float32");
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
