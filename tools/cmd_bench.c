/* SPDX-License-Identifier: MIT */
/* bench: what a prediction costs, and what sharing saves. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "console.h"
#include "report.h"
#include "spinscale/cpu.h"
#include "spinscale/data.h"
#include "subject.h"

struct bench_options {
    const char *data, *data_dir;
    struct sps_count samples, threads, images, seed;
    double seconds;
    int synthetic, json;
};

static const struct sps_option options_table[] = {
    {.name = "data",
     .letter = 'd',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct bench_options, data),
     .argument = "NAME|PATH",
     .help = "data set whose test images are used; by default the one that the model was trained on"},
    SPS_OPTION_DATA_DIR(struct bench_options),
    {.name = "synthetic",
     .type = SPS_OPTION_FLAG,
     .offset = offsetof(struct bench_options, synthetic),
     .help = "random pixels instead of images: no data set is needed, but bits flip as they would on no real image"},
    {.name = "samples",
     .letter = 'T',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct bench_options, samples),
     .argument = "T",
     .default_text = "20",
     .min = 1,
     .max = SPS_SAMPLES_MAX,
     .help = "passes per image"},
    {.name = "images",
     .letter = 'n',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct bench_options, images),
     .argument = "N",
     .default_text = "2048",
     .min = 64,
     .max = 1000000,
     .help = "images of a round, at most as many as the set has; they go in batches of 64"},
    {.name = "seconds",
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct bench_options, seconds),
     .argument = "S",
     .default_text = "5",
     .min = 0.1,
     .max = 3600,
     .help = "how long to go on measuring, in seconds"},
    {.name = "seed",
     .letter = 's',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct bench_options, seed),
     .argument = "N",
     .default_text = "1",
     .help = "seed of the paths"},
    SPS_OPTION_THREADS(struct bench_options),
    SPS_OPTION_JSON(struct bench_options),
    {.name = NULL}};

enum { BATCH = 64, LATENCIES = 1000, ROUNDS_MAX = 1000 };

struct bench {
    const struct bench_options *options;
    struct sps_subject subject;
    const struct sps_model_info *about;
    sps_dataset *set;
    const uint8_t **images; /* [n] */
    uint8_t *noise;         /* synthetic pixels */
    size_t n;
    float *p;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- images ---- */

static int synthetic_images(struct bench *b)
{
    size_t size = (size_t)b->about->height * (size_t)b->about->width * (size_t)b->about->channels;
    b->n = b->options->images.value;
    b->noise = malloc(b->n * size);
    b->images = calloc(b->n, sizeof *b->images);
    if (b->noise == NULL || b->images == NULL)
        return sps_console_error("out of memory");
    uint32_t x = 1;
    for (size_t i = 0; i < b->n * size; i++) {
        x = x * 1664525u + 1013904223u; /* any bits will do */
        b->noise[i] = (uint8_t)(x >> 24);
    }
    for (size_t i = 0; i < b->n; i++)
        b->images[i] = b->noise + i * size;
    return 0;
}

static int real_images(struct bench *b)
{
    const char *name = b->options->data != NULL ? b->options->data : b->about->data;
    if (name == NULL)
        return sps_console_usage("the model names no data set; --data or --synthetic is missing");
    sps_status status = sps_dataset_open(&b->set, name, SPS_TEST, b->options->data_dir);
    if (status != SPS_OK)
        return sps_console_failed(status);
    const struct sps_dataset_info *data = sps_dataset_get_info(b->set);
    if (data->height != b->about->height || data->width != b->about->width || data->channels != b->about->channels)
        return sps_console_error("images of '%s' are %d x %d with %d channels, the model reads %d x %d with %d",
                                 data->name, data->height, data->width, data->channels, b->about->height,
                                 b->about->width, b->about->channels);
    b->n = data->count < b->options->images.value ? data->count : (size_t)b->options->images.value;
    b->images = calloc(b->n, sizeof *b->images);
    if (b->images == NULL)
        return sps_console_error("out of memory");
    for (size_t i = 0; i < b->n; i++)
        b->images[i] = sps_dataset_image(b->set, i);
    return 0;
}

/* ---- measuring ---- */

/* Seconds for all images once, in batches; negative after a failure. */
static double time_round(struct bench *b, const struct sps_predict_options *options)
{
    uint32_t used[BATCH];
    const struct sps_passes out = {.p = b->p, .used = used};
    double start = now();
    for (size_t first = 0; first < b->n; first += BATCH) {
        size_t count = b->n - first < BATCH ? b->n - first : BATCH;
        uint32_t index[BATCH];
        for (size_t i = 0; i < count; i++)
            index[i] = (uint32_t)(first + i);
        if (sps_predict(&b->subject.predictor, options, count, b->images + first, index, &out) != SPS_OK)
            return -1;
    }
    return now() - start;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(double *v, size_t n, double share)
{
    qsort(v, n, sizeof *v, by_size);
    size_t at = (size_t)(share * (double)n);
    return v[at < n ? at : n - 1];
}

struct figures {
    double single, mc, exact;       /* seconds for all images once: medians */
    double cost_ratio, exact_ratio; /* medians of ratios within a round: other load on the machine hits both sides */
    double p50, p99;                /* seconds */
};

static int measure_batches(struct figures *f, struct bench *b, const struct sps_predict_options *mc)
{
    static double single[ROUNDS_MAX], many[ROUNDS_MAX], all[ROUNDS_MAX], ratio[ROUNDS_MAX], exact_ratio[ROUNDS_MAX];
    struct sps_predict_options one = *mc, exact = *mc;
    one.samples = 1;
    exact.reading = SPS_EXACT;
    size_t paths = 0, rounds = 0;
    int has_exact = sps_predict_passes(b->about, &exact, &paths) == SPS_OK && paths <= 1024;
    double stop = now() + b->options->seconds;
    do {
        single[rounds] = time_round(b, &one);
        many[rounds] = time_round(b, mc);
        all[rounds] = has_exact ? time_round(b, &exact) : 0;
        if (single[rounds] < 0 || many[rounds] < 0 || all[rounds] < 0)
            return sps_console_failed(SPS_EFORMAT);
        ratio[rounds] = many[rounds] / single[rounds];
        exact_ratio[rounds] = all[rounds] / single[rounds];
        rounds++;
    } while ((now() < stop || rounds < 3) && rounds < ROUNDS_MAX);
    *f = (struct figures){.single = percentile(single, rounds, 0.5),
                          .mc = percentile(many, rounds, 0.5),
                          .exact = has_exact ? percentile(all, rounds, 0.5) : NAN,
                          .cost_ratio = percentile(ratio, rounds, 0.5),
                          .exact_ratio = has_exact ? percentile(exact_ratio, rounds, 0.5) : NAN};
    return 0;
}

static int measure_latency(struct figures *f, struct bench *b, const struct sps_predict_options *mc)
{
    static double took[LATENCIES];
    const struct sps_passes out = {.p = b->p};
    for (size_t i = 0; i < LATENCIES; i++) {
        uint32_t index = (uint32_t)(i % b->n);
        double start = now();
        if (sps_predict(&b->subject.predictor, mc, 1, b->images + index, &index, &out) != SPS_OK)
            return sps_console_failed(SPS_EFORMAT);
        took[i] = now() - start;
    }
    f->p50 = percentile(took, LATENCIES, 0.5);
    f->p99 = percentile(took, LATENCIES, 0.99);
    return 0;
}

/* ---- what each layer did ---- */

struct layer_figures {
    struct sps_layer_work one, mc;
};

/* stopped: share of the passes that are not made where an image's class is settled before. */
static int profile(struct layer_figures *layers, struct sps_session_work *total, double *stopped, struct bench *b,
                   const struct sps_predict_options *mc)
{
    const struct sps_settle settle = {.confidence = 0.99, .accept = SPS_ACCEPT_RULE_DEFAULT};
    const struct sps_session_options options = {.threads = mc->threads, .profile = 1};
    struct sps_predict_options one = *mc, early = *mc;
    struct sps_session_work work;
    early.settle = &settle;
    sps_session *plain = b->subject.session;
    sps_session *session = NULL;
    one.samples = 1;
    sps_status status = sps_session_create(&session, b->subject.packed, &options);
    if (status != SPS_OK)
        return sps_console_failed(status);
    b->subject.session = session;
    b->subject.predictor = sps_session_predictor(session);
    int failed = time_round(b, &one) < 0;
    sps_session_get_work(total, session);
    for (int i = 0; i < total->layers && !failed; i++)
        layers[i].one = total->layer[i];
    sps_session_reset_work(session);
    failed = failed || time_round(b, mc) < 0;
    sps_session_get_work(total, session);
    for (int i = 0; i < total->layers && !failed; i++)
        layers[i].mc = total->layer[i];
    total->layer = NULL;
    sps_session_reset_work(session);
    failed = failed || time_round(b, &early) < 0;
    sps_session_get_work(&work, session);
    *stopped = (double)work.skipped / ((double)b->n * mc->samples);
    sps_session_free(session);
    b->subject.session = plain;
    b->subject.predictor = sps_session_predictor(plain);
    return failed ? sps_console_failed(SPS_EFORMAT) : 0;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

static void print_layers(const struct layer_figures *layers, int count, size_t images, size_t samples)
{
    double n = (double)images;
    printf("\n%-12s %12s %14s %14s %12s %10s %10s %12s\n", "layer", "MACs", "1 pass", "T passes", "nodes", "shared",
           "updated", "flips");
    printf("%-12s %12s %14s %14s %12s %10s %10s %12s\n", "", "a node", "us an image", "us an image", "an image",
           "of passes", "of nodes", "of bits");
    for (int i = 0; i < count; i++) {
        const struct sps_layer_work *one = &layers[i].one, *mc = &layers[i].mc;
        printf("%-12s %12zu %14.2f %14.2f %12.2f %9.1f%% %9.1f%% ", one->name, one->macs, 1e6 * one->seconds / n,
               1e6 * mc->seconds / n, (double)mc->nodes / n, 100 * (1 - share(mc->nodes, n > 0 ? images * samples : 1)),
               100 * share(mc->updated, mc->nodes));
        if (mc->bits > 0)
            printf("%11.2f%%\n", 100 * share(mc->flips, mc->bits));
        else
            printf("%12s\n", "-");
    }
}

static json_t *layers_json(const struct layer_figures *layers, int count, size_t images)
{
    json_t *list = json_array();
    double n = (double)images;
    for (int i = 0; i < count; i++) {
        const struct sps_layer_work *one = &layers[i].one, *mc = &layers[i].mc;
        struct sps_cli_report report = {0};
        sps_cli_report_text(&report, "layer", one->name);
        sps_cli_report_count(&report, "macs", one->macs, NULL);
        sps_cli_report_real(&report, "us_single", 1e6 * one->seconds / n, NULL);
        sps_cli_report_real(&report, "us_mc", 1e6 * mc->seconds / n, NULL);
        sps_cli_report_real(&report, "nodes", (double)mc->nodes / n, NULL);
        sps_cli_report_real(&report, "updated", share(mc->updated, mc->nodes), NULL);
        sps_cli_report_real(&report, "flips", share(mc->flips, mc->bits), NULL);
        json_array_append_new(list, sps_cli_report_take(&report));
    }
    return list;
}

static const char *tier_in_use(void)
{
    const char *name, *state;
    for (size_t i = 0; (name = sps_kernel_tier(i, &state)) != NULL; i++)
        if (strcmp(state, "in use") == 0)
            return name;
    return NULL;
}

static int print(struct bench *b, const char *path, const struct figures *f, const struct layer_figures *layers,
                 const struct sps_session_work *work, double stopped, size_t threads)
{
    struct sps_cli_report report = {0};
    double n = (double)b->n, clock = sps_core_clock();
    size_t samples = b->options->samples.value;
    double nodes = 0, updated = 0, macs_needed = 0, macs_nodes = 0;
    for (int i = 0; i < work->layers; i++) {
        nodes += (double)layers[i].mc.nodes;
        updated += (double)layers[i].mc.updated;
        macs_needed += (double)layers[i].mc.macs * n * (double)samples;
        macs_nodes += (double)layers[i].mc.macs * (double)layers[i].mc.nodes;
    }
    sps_cli_report_text(&report, "model", path);
    sps_cli_report_text(&report, "net", b->about->net);
    sps_cli_report_text(&report, "method", b->about->method);
    sps_cli_report_text(&report, "input", b->set != NULL ? sps_dataset_get_info(b->set)->name : "synthetic");
    sps_cli_report_text(&report, "kernels", tier_in_use());
    sps_cli_report_count(&report, "threads", threads, NULL);
    sps_cli_report_count(&report, "batch", BATCH, "images");
    sps_cli_report_count(&report, "samples", samples, "passes per image");
    sps_cli_report_real(&report, "images_per_s_single", n / f->single, "images/s, one pass");
    sps_cli_report_real(&report, "images_per_s_mc", n / f->mc, "images/s, all passes");
    sps_cli_report_real(&report, "cost_ratio", f->cost_ratio, "times one pass");
    sps_cli_report_real(&report, "exact_cost_ratio", f->exact_ratio, "times one pass, for all paths");
    sps_cli_report_real(&report, "latency_us_p50", 1e6 * f->p50, "us, one image");
    sps_cli_report_real(&report, "latency_us_p99", 1e6 * f->p99, "us, one image");
    sps_cli_report_real(&report, "distinct_paths", (double)work->paths / (double)work->images, "paths per image");
    sps_cli_report_real(&report, "saved_by_sharing", 1 - macs_nodes / macs_needed, "of the work of separate passes");
    sps_cli_report_real(&report, "saved_by_updates", nodes > 0 ? updated / nodes : NAN, "of the nodes left");
    sps_cli_report_real(&report, "saved_by_stopping", stopped, "of the passes, with --until settled");
    sps_cli_report_real(&report, "macs_per_cycle",
                        clock > 0 ? (double)b->about->macs * n / f->single / (double)threads / clock : NAN,
                        "multiply-accumulates per cycle and core, one pass");
    if (!b->options->json) {
        int exit_status = sps_cli_report_print(&report, 0);
        print_layers(layers, work->layers, b->n, samples);
        return exit_status;
    }
    json_t *object = sps_cli_report_take(&report);
    if (object != NULL)
        json_object_set_new(object, "layers", layers_json(layers, work->layers, b->n));
    return sps_cli_report_dump(object);
}

static int measure(struct bench *b, const char *path)
{
    const struct sps_predict_options mc = {.reading = SPS_SAMPLED,
                                           .seed = b->options->seed.value,
                                           .samples = (uint32_t)b->options->samples.value,
                                           .threads = (int)b->options->threads.value};
    struct layer_figures *layers = NULL;
    struct sps_session_work work;
    struct figures f;
    double stopped = 0;
    size_t passes = mc.samples;
    struct sps_predict_options exact = mc;
    exact.reading = SPS_EXACT;
    size_t paths = 0;
    if (sps_predict_passes(b->about, &exact, &paths) == SPS_OK && paths <= 1024 && paths > passes)
        passes = paths;
    b->p = calloc(passes * BATCH * (size_t)b->about->classes, sizeof *b->p);
    layers = calloc((size_t)sps_session_layers(b->subject.session), sizeof *layers);
    if (b->p == NULL || layers == NULL) {
        free(layers);
        return sps_console_error("out of memory");
    }
    int exit_status = time_round(b, &mc) < 0 ? sps_console_failed(SPS_EFORMAT) : 0; /* warm up */
    if (exit_status == 0)
        exit_status = measure_batches(&f, b, &mc);
    if (exit_status == 0)
        exit_status = measure_latency(&f, b, &mc);
    if (exit_status == 0)
        exit_status = profile(layers, &work, &stopped, b, &mc);
    if (exit_status == 0)
        exit_status = print(b, path, &f, layers, &work, stopped, (size_t)sps_session_threads(b->subject.session));
    free(layers);
    return exit_status;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    (void)operand_count;
    struct bench b = {.options = options_pointer};
    const struct sps_session_options session = {.threads = (int)b.options->threads.value};
    if (b.options->synthetic && b.options->data != NULL)
        return sps_console_usage("--synthetic and --data exclude each other");
    int exit_status = sps_subject_open(&b.subject, operands[0], "packed", &session);
    b.about = b.subject.predictor.info;
    if (exit_status == 0)
        exit_status = b.options->synthetic ? synthetic_images(&b) : real_images(&b);
    if (exit_status == 0)
        exit_status = measure(&b, operands[0]);
    free(b.p);
    free(b.noise);
    free(b.images);
    sps_dataset_free(b.set);
    sps_subject_close(&b.subject);
    return exit_status;
}

const struct sps_command sps_cmd_bench = {
    .operands = "MODEL [options]",
    .operands_min = 1,
    .operands_max = 1,
    .description =
        "Times the packed engine on test images: one pass, T passes and (up to 1024 paths) all paths in turn, in "
        "batches of 64 on all cores, and single images. Prints what T passes cost in passes, how much of their work "
        "the "
        "path tree shares, and what each layer takes.",
    .examples = "  spinscale bench shoes.packed\n  spinscale bench out --samples 100 --json",
    .options = options_table,
    .options_bytes = sizeof(struct bench_options),
    .run = run,
};
