/* SPDX-License-Identifier: MIT */
/* metrics: all metrics on probabilities from any program, so that other systems can be measured with the same ruler. */
#include <limits.h>
#include <stdlib.h>

#include "commands.h"
#include "console.h"
#include "measure.h"
#include "spinscale/npy.h"

struct metrics_options {
    const char *weights;
    struct sps_measure_options measure;
    int json;
};

static const struct sps_option options_table[] = {
    {.name = "weights",
     .letter = 'w',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct metrics_options, weights),
     .argument = "W.npy",
     .help = "weights [T] of the passes, such as the probabilities of paths; equal where not given"},
    SPS_OPTIONS_MEASURE(struct metrics_options),
    SPS_OPTION_JSON(struct metrics_options),
    {.name = NULL}};

struct inputs {
    struct sps_npy p, labels, weights;
    size_t passes, count, classes;
    float *p32;
    int *label;
    double *w; /* NULL: equal weights */
};

static int check_shapes(struct inputs *in, char *const *paths, const char *weights_path)
{
    const struct sps_npy *p = &in->p;
    if (p->f64 == NULL || (p->dims != 2 && p->dims != 3))
        return sps_console_error("'%s' must hold floating-point numbers [T][N][C] or [N][C]", paths[0]);
    in->passes = p->dims == 3 ? p->shape[0] : 1;
    in->count = p->shape[p->dims - 2];
    in->classes = p->shape[p->dims - 1];
    if (p->count == 0 || in->classes > INT_MAX || in->passes > SPS_SAMPLES_MAX)
        return sps_console_error("'%s' has the shape [%zu][%zu][%zu]: T must be 1 to %d, N and C at least 1", paths[0],
                                 in->passes, in->count, in->classes, SPS_SAMPLES_MAX);
    if (in->labels.i64 == NULL || in->labels.dims != 1 || in->labels.count != in->count)
        return sps_console_error("'%s' must hold %zu whole numbers, one label for each image of '%s'", paths[1],
                                 in->count, paths[0]);
    if (weights_path != NULL && (in->weights.f64 == NULL || in->weights.dims != 1 || in->weights.count != in->passes))
        return sps_console_error("'%s' must hold %zu floating-point numbers, one weight for each pass of '%s'",
                                 weights_path, in->passes, paths[0]);
    return 0;
}

static int load(struct inputs *in, char *const *paths, const char *weights_path)
{
    sps_status status = sps_npy_read(&in->p, paths[0]);
    if (status == SPS_OK)
        status = sps_npy_read(&in->labels, paths[1]);
    if (status == SPS_OK && weights_path != NULL)
        status = sps_npy_read(&in->weights, weights_path);
    if (status != SPS_OK)
        return sps_console_failed(status);
    int failed = check_shapes(in, paths, weights_path);
    if (failed)
        return failed;
    in->p32 = malloc(in->p.count * sizeof *in->p32);
    in->label = malloc(in->count * sizeof *in->label);
    if (in->p32 == NULL || in->label == NULL)
        return sps_console_error("out of memory");
    for (size_t i = 0; i < in->p.count; i++)
        in->p32[i] = (float)in->p.f64[i];
    for (size_t i = 0; i < in->count; i++) { /* what is no class means no label */
        int64_t label = in->labels.i64[i];
        in->label[i] = label >= 0 && label < (int64_t)in->classes ? (int)label : -1;
    }
    in->w = in->weights.f64;
    return 0;
}

/* Numbers that are no probabilities are a wrong argument to the library, but bad data here. */
static int bad_data(const char *path)
{
    return sps_console_error("'%s': %s", path, sps_last_error());
}

static int measure(const struct metrics_options *options, const struct inputs *in, char *const *paths)
{
    struct sps_accept_rule rule = sps_measure_rule(&options->measure);
    struct sps_cli_report report = {0};
    sps_metrics *metrics = NULL;
    int exit_status = 0;
    sps_status status = sps_metrics_create(&metrics, (int)in->classes, options->measure.level, &rule);
    if (status != SPS_OK)
        return sps_console_failed(status);
    status = sps_metrics_add(metrics, in->p32, in->w, in->passes, in->count, in->label, NULL);
    if (status != SPS_OK)
        exit_status = bad_data(paths[0]);
    else {
        sps_cli_report_text(&report, "probabilities", paths[0]);
        sps_cli_report_text(&report, "labels", paths[1]);
        sps_cli_report_count(&report, "n", in->count, "images");
        sps_cli_report_count(&report, "samples", in->passes, "passes per image");
        sps_cli_report_count(&report, "classes", in->classes, NULL);
        status = sps_cli_report_metrics(&report, metrics);
        exit_status = status == SPS_OK ? sps_cli_report_print(&report, options->json) : sps_console_failed(status);
        sps_cli_report_reset(&report);
    }
    sps_metrics_free(metrics);
    return exit_status;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    (void)operand_count;
    const struct metrics_options *options = options_pointer;
    struct inputs in = {0};
    int exit_status = load(&in, operands, options->weights);
    if (exit_status == 0)
        exit_status = measure(options, &in, operands);
    free(in.p32);
    free(in.label);
    sps_npy_reset(&in.p);
    sps_npy_reset(&in.labels);
    sps_npy_reset(&in.weights);
    return exit_status;
}

const struct sps_command sps_cmd_metrics = {
    .operands = "PROBS.npy LABELS.npy [options]",
    .operands_min = 2,
    .operands_max = 2,
    .description = "Reads probabilities of T passes over N images of C classes, floating-point [T][N][C] (or [N][C] "
                   "for one pass), "
                   "and N labels, whole numbers; a label outside 0 to C-1 means that the image has none. Prints every "
                   "metric; what "
                   "is undefined, such as accuracy without labels, is said to be so.\n\n"
                   "Entropies, NLL and mutual information are in nats.",
    .examples = "  spinscale eval MODEL --data mnist --dump probs.npy\n"
                "  spinscale metrics probs.npy labels.npy --json",
    .options = options_table,
    .options_bytes = sizeof(struct metrics_options),
    .run = run,
};
