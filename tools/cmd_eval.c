/* SPDX-License-Identifier: MIT */
/* eval: a model on the test part of a data set. */
#include <math.h>
#include <stdlib.h>

#include "commands.h"
#include "console.h"
#include "measure.h"
#include "reading.h"
#include "spinscale/data.h"
#include "spinscale/foreign.h"
#include "subject.h"
#include "suite.h"

struct eval_options {
    const char *data, *data_dir, *dump, *foreign, *engine, *suite, *out;
    struct sps_reading_options reading;
    struct sps_measure_options measure;
    int normalise, json;
};

static const struct sps_option options_table[] = {
    {.name = "data",
     .letter = 'd',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct eval_options, data),
     .argument = "NAME|PATH",
     .required = 1,
     .help =
         "data set whose test part is used: a name that \"spinscale info\" lists, or a folder or file (docs/data.md)"},
    SPS_OPTION_DATA_DIR(struct eval_options),
    SPS_OPTIONS_READING(struct eval_options),
    SPS_OPTIONS_MEASURE(struct eval_options),
    {.name = "dump",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct eval_options, dump),
     .argument = "FILE.npy",
     .help =
         "write the probabilities, float32 [T][N][C], to FILE.npy and the picks, uint8 [T][N][L], to FILE.paths.npy"},
    {.name = "foreign",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct eval_options, foreign),
     .argument = "NAME|PATH",
     .help = "images unlike the training data: also print how well mutual information and entropy tell them from those "
             "of --data (area under the ROC curve, foreign is positive); a set as for --data, resized where it has to "
             "be, or noise-gaussian, noise-uniform, SET+gaussian:STRENGTH, SET+uniform:STRENGTH"},
    {.name = "suite",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct eval_options, suite),
     .argument = "NAMES",
     .help = "a table instead of one evaluation, of one or several, separated by commas: the clean images, then "
             "rotation (12 steps of 7 degrees), noise (of "
             "rising strength), corruption (15 kinds x 5 severities), extra (4 more kinds), ood (foreign sets and "
             "noise), all of these, or id (the clean images alone)"},
    {.name = "normalise",
     .type = SPS_OPTION_FLAG,
     .offset = offsetof(struct eval_options, normalise),
     .help = "with --suite: map mean and spread of each channel of a set to those of the clean images, as the first "
             "paper's pre-processing does"},
    {.name = "out",
     .letter = 'o',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct eval_options, out),
     .argument = "DIR",
     .help = "with --suite: folder for suite.csv, suite.json and a file for each row; rows that are there already are "
             "not done again"},
    SPS_OPTION_ENGINE(struct eval_options),
    SPS_OPTION_JSON(struct eval_options),
    {.name = NULL}};

static void show_progress(void *user, size_t done, size_t total)
{
    (void)user;
    if (!sps_console_progress_due())
        return;
    char after[64];
    snprintf(after, sizeof after, "%zu of %zu images", done, total);
    sps_console_progress("evaluating", (double)done / (double)total, after);
}

static sps_status report_evaluation(struct sps_cli_report *report, const char *model_path,
                                    const struct sps_subject *subject, const sps_dataset *set,
                                    const struct sps_predict_options *predict, const struct sps_evaluation *evaluation)
{
    static char hash[65];
    size_t bytes = 0;
    const struct sps_model_info *about = subject->predictor.info;
    const struct sps_dataset_info *data = sps_dataset_get_info(set);
    sps_status status = sps_hash_file(hash, &bytes, subject->path);
    if (status != SPS_OK)
        return status;
    sps_cli_report_text(report, "model", model_path);
    sps_cli_report_text(report, "net", about->net);
    sps_cli_report_text(report, "method", about->method);
    sps_cli_report_text(report, "data", data->name);
    sps_cli_report_count(report, "n", evaluation->n, "images");
    sps_cli_report_text(report, "reading", sps_reading_name(predict->reading));
    sps_cli_report_count(report, "samples", evaluation->passes, "passes per image");
    if (predict->settle != NULL)
        sps_cli_report_real(report, "mean_passes", evaluation->mean_passes, "passes made per image");
    if (predict->reading == SPS_SAMPLED)
        sps_cli_report_count(report, "seed", predict->seed, NULL);
    else
        sps_cli_report_null(report, "seed");
    status = sps_cli_report_metrics(report, evaluation->metrics);
    sps_cli_report_real(report, "images_per_s",
                        evaluation->seconds > 0.0 ? (double)evaluation->n / evaluation->seconds : NAN, "images/s");
    sps_cli_report_text(report, "engine", subject->engine);
    sps_cli_report_text(report, "model_sha256", hash);
    sps_cli_report_text(report, "data_sha256", data->sha256);
    return status;
}

enum { FLIP_IMAGES = 2000 };

static sps_status report_flips(struct sps_cli_report *report, struct sps_subject *subject, const sps_dataset *set,
                               uint64_t seed)
{
    double share[1024];
    const uint8_t *images[FLIP_IMAGES];
    int layers = subject->predictor.info->bank_layers;
    size_t n = sps_dataset_get_info(set)->count;
    if (layers > (int)(sizeof share / sizeof *share))
        return SPS_OK;
    n = n < FLIP_IMAGES ? n : FLIP_IMAGES;
    for (size_t i = 0; i < n; i++)
        images[i] = sps_dataset_image(set, i);
    sps_status status = sps_subject_flips(share, subject, n, images, seed);
    if (status == SPS_OK)
        sps_cli_report_reals(report, "flips", share, layers,
                             "share of bits that differ between bank entries, by layer");
    return status;
}

static double mean_of(const struct sps_evaluation *e, double (*score)(const struct sps_summary *))
{
    double sum = 0;
    for (size_t i = 0; i < e->n; i++)
        sum += score(&e->summaries[i]);
    return sum / (double)e->n;
}

static double mutual_information(const struct sps_summary *s)
{
    return s->mutual_information;
}

static double entropy(const struct sps_summary *s)
{
    return s->entropy;
}

static double accepted(const struct sps_summary *s)
{
    return s->accepted;
}

static sps_status auroc(double *out, const struct sps_evaluation *home, const struct sps_evaluation *foreign,
                        double (*score)(const struct sps_summary *))
{
    *out = NAN;
    double *scores = malloc((home->n + foreign->n) * sizeof *scores);
    if (scores == NULL)
        return SPS_ENOMEM;
    for (size_t i = 0; i < home->n; i++)
        scores[i] = score(&home->summaries[i]);
    for (size_t i = 0; i < foreign->n; i++)
        scores[home->n + i] = score(&foreign->summaries[i]);
    sps_status status = sps_auroc(out, scores, home->n, scores + home->n, foreign->n);
    free(scores);
    return status;
}

/* Drawn images are a set like any other, the same for every model and every --seed. */
static sps_status open_foreign(sps_foreign **out, const struct eval_options *options,
                               const struct sps_model_info *about)
{
    const struct sps_foreign_options how = {.data_dir = options->data_dir};
    int height, width, channels;
    sps_status status = sps_foreign_open(out, options->foreign, about->height, about->width, about->channels, &how);
    if (status == SPS_OK && sps_foreign_fitted(*out, &height, &width, &channels) && !sps_console_quiet)
        sps_console_say("note: images of '%s' are %d x %d with %d channel%s, resized to %d x %d with %d",
                        options->foreign, height, width, channels, channels == 1 ? "" : "s", about->height,
                        about->width, about->channels);
    return status;
}

static sps_status report_foreign(struct sps_cli_report *report, const char *name, const struct sps_evaluation *home,
                                 const struct sps_evaluation *foreign)
{
    double by_mi = NAN, by_entropy = NAN;
    sps_status status = auroc(&by_mi, home, foreign, mutual_information);
    if (status == SPS_OK)
        status = auroc(&by_entropy, home, foreign, entropy);
    sps_cli_report_text(report, "foreign", name);
    sps_cli_report_count(report, "foreign_n", foreign->n, "images");
    sps_cli_report_real(report, "foreign_entropy", mean_of(foreign, entropy), "nat");
    sps_cli_report_real(report, "foreign_mutual_information", mean_of(foreign, mutual_information), "nat");
    sps_cli_report_real(report, "foreign_accepted", mean_of(foreign, accepted), "fraction");
    sps_cli_report_real(report, "auroc_entropy", by_entropy, "area");
    sps_cli_report_real(report, "auroc_mutual_information", by_mi, "area");
    return status;
}

static sps_status evaluate(struct sps_cli_report *report, const struct eval_options *options, const char *path,
                           const struct sps_settle *settle, struct sps_subject *subject, sps_dataset *set,
                           struct sps_evaluation *home)
{
    struct sps_accept_rule rule = sps_measure_rule(&options->measure);
    struct sps_predict_options predict = sps_reading(&options->reading);
    predict.settle = options->reading.until != NULL ? settle : NULL;
    double level = options->measure.level;
    sps_foreign *foreign_set = NULL;
    struct sps_evaluation foreign = {0};
    struct sps_images images = sps_dataset_images(set);
    /* first, so that a wrong name does not cost an evaluation */
    sps_status status =
        options->foreign != NULL ? open_foreign(&foreign_set, options, subject->predictor.info) : SPS_OK;
    if (status == SPS_OK)
        status = sps_evaluate(home, &subject->predictor, &images, &predict, &rule, level, options->dump, show_progress,
                              NULL);
    if (status == SPS_OK && options->foreign != NULL) {
        images = sps_foreign_images(foreign_set);
        status =
            sps_evaluate(&foreign, &subject->predictor, &images, &predict, &rule, level, NULL, show_progress, NULL);
    }
    sps_console_progress_clear();
    if (status == SPS_OK)
        status = report_evaluation(report, path, subject, set, &predict, home);
    if (status == SPS_OK)
        status = report_flips(report, subject, set, predict.seed);
    if (status == SPS_OK && options->foreign != NULL)
        status = report_foreign(report, images.name, home, &foreign);
    sps_evaluation_reset(&foreign);
    sps_foreign_close(foreign_set);
    return status;
}

static int run_suite(const struct eval_options *options, const char *path, struct sps_subject *subject,
                     const sps_dataset *set)
{
    struct sps_suite suite = {.names = options->suite,
                              .folder = options->out,
                              .data_dir = options->data_dir,
                              .normalise = options->normalise,
                              .json = options->json,
                              .predict = sps_reading(&options->reading),
                              .rule = sps_measure_rule(&options->measure),
                              .model = path,
                              .data = options->data};
    size_t bytes = 0;
    const struct sps_images home = sps_dataset_images(set);
    sps_status status = sps_hash_file(suite.model_sha256, &bytes, subject->path);
    return status == SPS_OK ? sps_suite_run(&suite, &subject->predictor, &home) : sps_console_failed(status);
}

static int check_suite(const struct eval_options *options)
{
    if (options->suite == NULL && (options->out != NULL || options->normalise))
        return sps_console_usage("--%s needs --suite", options->out != NULL ? "out" : "normalise");
    if (options->suite != NULL && (options->foreign != NULL || options->dump != NULL || options->reading.until != NULL))
        return sps_console_usage("--suite excludes --foreign, --dump and --until");
    return 0;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    (void)operand_count;
    const struct eval_options *options = options_pointer;
    const struct sps_session_options session = {.threads = (int)options->reading.threads.value};
    struct sps_cli_report report = {0};
    struct sps_evaluation evaluation = {0};
    struct sps_subject subject;
    sps_dataset *set = NULL;
    const struct sps_accept_rule rule = sps_measure_rule(&options->measure);
    struct sps_settle settle;
    int exit_status = sps_reading_settle(&settle, &options->reading, &rule);
    if (exit_status == 0)
        exit_status = check_suite(options);
    if (exit_status != 0)
        return exit_status;
    exit_status = sps_subject_open(&subject, operands[0], options->engine, &session);
    if (exit_status == 0) {
        sps_status status = sps_dataset_open(&set, options->data, SPS_TEST, options->data_dir);
        if (status == SPS_OK && options->suite == NULL)
            status = evaluate(&report, options, operands[0], &settle, &subject, set, &evaluation);
        exit_status = status != SPS_OK         ? sps_console_failed(status)
                      : options->suite == NULL ? sps_cli_report_print(&report, options->json)
                                               : run_suite(options, operands[0], &subject, set);
    }
    sps_cli_report_reset(&report);
    sps_evaluation_reset(&evaluation);
    sps_dataset_free(set);
    sps_subject_close(&subject);
    return exit_status;
}

const struct sps_command sps_cmd_eval = {
    .operands = "MODEL --data NAME|PATH [options]",
    .operands_min = 1,
    .operands_max = 1,
    .description =
        "MODEL is a packed model, a model file, or the folder that \"spinscale train\" left. The test part of the data "
        "set is read "
        "once. "
        "Prints accuracy and calibration, and how much of the uncertainty is the model's own (mutual information). "
        "Entropies, NLL and mutual information are in nats; images_per_s counts the time of prediction alone.\n\n"
        "With --suite, shifted, corrupted and foreign images are evaluated beside the clean ones, each set made block "
        "by block (docs/shift.md, docs/data.md).",
    .examples = "  spinscale eval out --data fashion-mnist --samples 20\n"
                "  spinscale eval out/model.safetensors --data ~/sets/shoes --exact --json\n"
                "  spinscale eval out --data fashion-mnist --suite all --out suite",
    .options = options_table,
    .options_bytes = sizeof(struct eval_options),
    .run = run,
};
