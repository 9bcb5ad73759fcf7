/* SPDX-License-Identifier: MIT */
/* metrics: all metrics on probabilities from any program, so that other systems can be measured with the same ruler. */
#include <stdlib.h>

#include "commands.h"
#include "console.h"
#include "measure.h"
#include "scoring.h"
#include "spinscale/npy.h"

struct metrics_options {
    const char *weights;
    struct sps_measure_options measure;
    struct sps_scoring_options scoring;
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
    {.name = "ood",
     .type = SPS_OPTION_TEXTS,
     .offset = offsetof(struct metrics_options, scoring.ood),
     .argument = "PROBS.npy",
     .help = "probabilities of foreign images: how well each score detects them; may be repeated"},
    {.name = "logits",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct metrics_options, scoring.logits),
     .argument = "L.npy",
     .help = "logits of the same shape as PROBS.npy: adds the score 'energy', and the temperature scales them"},
    {.name = "ood-logits",
     .type = SPS_OPTION_TEXTS,
     .offset = offsetof(struct metrics_options, scoring.ood_logits),
     .argument = "L.npy",
     .help = "logits of the foreign images, once for each --ood, in order"},
    {.name = "compare",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct metrics_options, scoring.compare),
     .argument = "PROBS.npy",
     .help = "another model's probabilities of the same images: paired tests"},
    {.name = "compare-ood",
     .type = SPS_OPTION_TEXTS,
     .offset = offsetof(struct metrics_options, scoring.compare_ood),
     .argument = "PROBS.npy",
     .help = "that model's probabilities of the foreign images, once for each --ood, in order"},
    {.name = "bootstrap",
     .letter = 'B',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct metrics_options, scoring.resamples),
     .argument = "B",
     .default_text = "1000",
     .max = 1e6,
     .help = "resamples for intervals at --level; 0: none"},
    {.name = "seed",
     .letter = 's',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct metrics_options, scoring.seed),
     .argument = "N",
     .default_text = "1",
     .help = "seed of the resamples; same seed, same intervals"},
    {.name = "coverage",
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct metrics_options, scoring.coverage),
     .argument = "C",
     .default_text = "0.8",
     .max = 1,
     .help = "share of images kept, of which kept_error is the error"},
    {.name = "reject",
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct metrics_options, scoring.reject),
     .argument = "R",
     .default_text = "0.05",
     .max = 1,
     .inside = 1,
     .help = "share of home, at most, that scores without a rule of their own may reject: sets their threshold"},
    SPS_OPTION_JSON(struct metrics_options),
    {.name = NULL}};

struct inputs {
    struct sps_table home;
    struct sps_npy labels, weights;
    int *label;
    double *w; /* NULL: equal weights */
};

static int check_shapes(const struct inputs *in, char *const *paths, const char *weights_path)
{
    if (in->labels.i64 == NULL || in->labels.dims != 1 || in->labels.count != in->home.count)
        return sps_console_error("'%s' must hold %zu whole numbers, one label for each image of '%s'", paths[1],
                                 in->home.count, paths[0]);
    if (weights_path != NULL &&
        (in->weights.f64 == NULL || in->weights.dims != 1 || in->weights.count != in->home.passes))
        return sps_console_error("'%s' must hold %zu floating-point numbers, one weight for each pass of '%s'",
                                 weights_path, in->home.passes, paths[0]);
    return 0;
}

static int load(struct inputs *in, char *const *paths, const char *weights_path)
{
    int failed = sps_table_read(&in->home, paths[0]);
    if (failed)
        return failed;
    sps_status status = sps_npy_read(&in->labels, paths[1]);
    if (status == SPS_OK && weights_path != NULL)
        status = sps_npy_read(&in->weights, weights_path);
    if (status != SPS_OK)
        return sps_console_failed(status);
    failed = check_shapes(in, paths, weights_path);
    if (failed)
        return failed;
    in->label = malloc(in->home.count * sizeof *in->label);
    if (in->label == NULL)
        return sps_console_error("out of memory");
    for (size_t i = 0; i < in->home.count; i++) { /* what is no class means no label */
        int64_t label = in->labels.i64[i];
        in->label[i] = label >= 0 && label < (int64_t)in->home.classes ? (int)label : -1;
    }
    in->w = in->weights.f64;
    return 0;
}

/* Numbers that are no probabilities are a wrong argument to the library, but bad data here. */
static int bad_data(const char *path)
{
    return sps_console_error("'%s': %s", path, sps_last_error());
}

/* Without the options that ask for more, the output is the metrics alone. */
static int wants_scoring(const struct sps_scoring_options *o)
{
    return o->ood.count > 0 || o->ood_logits.count > 0 || o->compare_ood.count > 0 || o->logits != NULL ||
           o->compare != NULL || o->resamples.given;
}

static int print(struct sps_cli_report *report, json_t *sections, int json)
{
    if (!json) {
        int exit_status = sps_cli_report_print(report, 0);
        if (exit_status == 0 && json_object_size(sections) > 0)
            sps_scoring_print(sections);
        return exit_status;
    }
    json_t *object = sps_cli_report_take(report);
    if (object != NULL && json_object_update(object, sections) != 0) {
        json_decref(object);
        object = NULL;
    }
    return sps_cli_report_dump(object);
}

static int measure(const struct metrics_options *options, const struct inputs *in, char *const *paths)
{
    struct sps_accept_rule rule = sps_measure_rule(&options->measure);
    struct sps_cli_report report = {0};
    sps_metrics *metrics = NULL;
    json_t *sections = json_object();
    int exit_status = 0;
    sps_status status = sps_metrics_create(&metrics, (int)in->home.classes, options->measure.level, &rule);
    if (status != SPS_OK) {
        json_decref(sections);
        return sps_console_failed(status);
    }
    status = sps_metrics_add(metrics, in->home.p, in->w, in->home.passes, in->home.count, in->label, NULL);
    if (status != SPS_OK)
        exit_status = bad_data(paths[0]);
    else if (wants_scoring(&options->scoring))
        exit_status = sps_scoring_add(sections, &(struct sps_scoring){.options = &options->scoring,
                                                                      .measure = &options->measure,
                                                                      .home = &in->home,
                                                                      .labels = in->label,
                                                                      .weights = in->w});
    if (exit_status == 0) {
        sps_cli_report_text(&report, "probabilities", paths[0]);
        sps_cli_report_text(&report, "labels", paths[1]);
        sps_cli_report_count(&report, "n", in->home.count, "images");
        sps_cli_report_count(&report, "samples", in->home.passes, "passes per image");
        sps_cli_report_count(&report, "classes", in->home.classes, NULL);
        status = sps_cli_report_metrics(&report, metrics);
        exit_status = status == SPS_OK ? print(&report, sections, options->json) : sps_console_failed(status);
        sps_cli_report_reset(&report);
    }
    json_decref(sections);
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
    free(in.label);
    sps_table_reset(&in.home);
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
                   "Entropies, NLL and mutual information are in nats.\n\n"
                   "With --bootstrap, --ood, --logits or --compare it also prints intervals, calibration with its "
                   "sampling floor, a temperature, abstention, detection of foreign images and paired tests, score by "
                   "score; what they mean is in docs/uncertainty.md. The same weights serve all sets.",
    .examples = "  spinscale eval MODEL --data mnist --dump probs.npy\n"
                "  spinscale metrics probs.npy labels.npy --json\n"
                "  spinscale metrics probs.npy labels.npy --ood foreign.npy --bootstrap 1000",
    .options = options_table,
    .options_bytes = sizeof(struct metrics_options),
    .run = run,
};
