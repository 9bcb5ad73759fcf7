/* SPDX-License-Identifier: MIT */
/* eval: a model, or an ensemble, on the test part of a data set. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrated.h"
#include "commands.h"
#include "console.h"
#include "measure.h"
#include "models.h"
#include "reading.h"
#include "spinscale/data.h"
#include "spinscale/foreign.h"
#include "suite.h"

struct eval_options {
    const char *data, *data_dir, *dump, *foreign, *engine, *suite, *corrupted, *out;
    struct sps_reading_options reading;
    struct sps_measure_options measure;
    struct sps_count data_seed;
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
    {.name = "corrupted",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct eval_options, corrupted),
     .argument = "DIR",
     .help = "with --suite corruption, extra or all: take the corrupted images from DIR, which has KIND.npy and "
             "labels.npy as CIFAR-10-C does, and do not make them"},
    SPS_OPTION_DATA_SEED(struct eval_options),
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

static sps_status report_evaluation(struct sps_cli_report *report, const struct sps_models *models,
                                    const sps_dataset *set, const struct sps_predict_options *predict,
                                    const struct sps_evaluation *evaluation)
{
    const struct sps_model_info *about = models->predictor.info;
    const struct sps_dataset_info *data = sps_dataset_get_info(set);
    sps_models_report(report, models);
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
    sps_status status = sps_cli_report_metrics(report, evaluation->metrics);
    sps_cli_report_real(report, "images_per_s",
                        evaluation->seconds > 0.0 ? (double)evaluation->n / evaluation->seconds : NAN, "images/s");
    sps_cli_report_text(report, "engine", models->engine);
    sps_cli_report_text(report, "model_sha256", models->sha256);
    sps_cli_report_text(report, "data_sha256", data->sha256);
    return status;
}

/* What the model's own thresholds make of the images. */
static void count_accepted(double *rejected, double *error, const struct sps_abstention *a,
                           const struct sps_evaluation *e, const struct sps_images *images)
{
    size_t accepted = 0, wrong = 0, unlabelled = 0;
    for (size_t i = 0; i < e->n; i++) {
        int label = images->label(images->self, i);
        unlabelled += label < 0;
        if (!sps_abstention_accepts(a, &e->summaries[i]))
            continue;
        accepted++;
        wrong += e->summaries[i].predicted != label;
    }
    *rejected = e->n > 0 ? 1 - (double)accepted / (double)e->n : NAN;
    *error = accepted > 0 && unlabelled == 0 ? (double)wrong / (double)accepted : NAN;
}

static sps_status report_abstention(struct sps_cli_report *report, const struct eval_options *options,
                                    const struct sps_model_calibration *c, const struct sps_predict_options *predict,
                                    const struct sps_evaluation *e, const struct sps_images *images)
{
    json_t *list = json_array();
    int hold = sps_cli_promises_hold(c, predict, e->passes, options->measure.quantile);
    sps_cli_report_real(report, "temperature", c->temperature, "that logits are divided by (--uncalibrated: 1)");
    for (int i = 0; i < c->count; i++) {
        double rejected, error;
        char words[160], text[320], of_rest[32];
        count_accepted(&rejected, &error, &c->abstention[i], e, images);
        sps_cli_abstention_words(words, &c->abstention[i]);
        snprintf(text, sizeof text, "%s; here: rejected %.4f, error of the rest %s", words, rejected,
                 sps_cli_share(of_rest, error));
        if (!options->json) {
            sps_cli_report_text(report, "accept", text);
            continue;
        }
        json_t *object = sps_cli_abstention_json(&c->abstention[i]);
        json_object_set_new(object, "rejected", isfinite(rejected) ? json_real(rejected) : json_null());
        json_object_set_new(object, "error", isfinite(error) ? json_real(error) : json_null());
        json_object_set_new(object, "promised", json_boolean(hold));
        if (json_array_append_new(list, object) != 0) {
            json_decref(list);
            return SPS_ENOMEM;
        }
    }
    if (options->json)
        sps_cli_report_value(report, "abstention", json_incref(list));
    json_decref(list);
    return SPS_OK;
}

enum { FLIP_IMAGES = 2000 };

/* Of an ensemble, the layers of its members one after the other. */
static sps_status report_flips(struct sps_cli_report *report, struct sps_models *models, const sps_dataset *set,
                               uint64_t seed)
{
    double share[1024];
    const uint8_t *images[FLIP_IMAGES];
    sps_status status = SPS_OK;
    int layers = 0;
    size_t n = sps_dataset_get_info(set)->count;
    for (size_t m = 0; m < models->count; m++)
        layers += models->member[m].predictor.info->bank_layers;
    if (layers > (int)(sizeof share / sizeof *share))
        return SPS_OK;
    n = n < FLIP_IMAGES ? n : FLIP_IMAGES;
    for (size_t i = 0; i < n; i++)
        images[i] = sps_dataset_image(set, i);
    layers = 0;
    for (size_t m = 0; m < models->count && status == SPS_OK; m++) {
        status = sps_subject_flips(share + layers, &models->member[m], n, images, seed);
        layers += models->member[m].predictor.info->bank_layers;
    }
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

static sps_status open_foreign(sps_foreign **out, const struct eval_options *options,
                               const struct sps_model_info *about)
{
    const struct sps_foreign_options how = {.data_dir = options->data_dir, .seed = options->data_seed.value};
    int height, width, channels;
    sps_status status = sps_foreign_open(out, options->foreign, about->height, about->width, about->channels, &how);
    if (status == SPS_OK && sps_foreign_fitted(*out, &height, &width, &channels) && !sps_console_quiet)
        sps_console_say("note: images of '%s' are %d x %d with %d channel%s, resized to %d x %d with %d",
                        options->foreign, height, width, channels, channels == 1 ? "" : "s", about->height,
                        about->width, about->channels);
    return status;
}

static sps_status report_foreign(struct sps_cli_report *report, const char *name, uint64_t data_seed,
                                 const struct sps_evaluation *home, const struct sps_evaluation *foreign)
{
    double by_mi = NAN, by_entropy = NAN;
    sps_status status = auroc(&by_mi, home, foreign, mutual_information);
    if (status == SPS_OK)
        status = auroc(&by_entropy, home, foreign, entropy);
    sps_cli_report_text(report, "foreign", name);
    sps_cli_report_count(report, "foreign_n", foreign->n, "images");
    sps_cli_report_count(report, "data_seed", data_seed, NULL);
    sps_cli_report_real(report, "foreign_entropy", mean_of(foreign, entropy), "nat");
    sps_cli_report_real(report, "foreign_mutual_information", mean_of(foreign, mutual_information), "nat");
    sps_cli_report_real(report, "foreign_accepted", mean_of(foreign, accepted), "fraction");
    sps_cli_report_real(report, "auroc_entropy", by_entropy, "area");
    sps_cli_report_real(report, "auroc_mutual_information", by_mi, "area");
    return status;
}

static sps_status evaluate(struct sps_cli_report *report, const struct eval_options *options,
                           const struct sps_settle *settle, struct sps_models *models, sps_dataset *set,
                           struct sps_evaluation *home)
{
    struct sps_accept_rule rule = sps_measure_rule(&options->measure);
    struct sps_predict_options predict = sps_reading(&options->reading);
    predict.settle = options->reading.until != NULL ? settle : NULL;
    double level = options->measure.level;
    sps_foreign *foreign_set = NULL;
    struct sps_evaluation foreign = {0};
    const struct sps_model_calibration *calibration =
        models->count == 1 ? sps_subject_calibration(&models->member[0], &options->reading) : NULL;
    struct sps_images images = sps_dataset_images(set);
    const struct sps_images home_images = images;
    /* first, so that a wrong name does not cost an evaluation */
    sps_status status = options->foreign != NULL ? open_foreign(&foreign_set, options, models->predictor.info) : SPS_OK;
    if (status == SPS_OK)
        status =
            sps_evaluate(home, &models->predictor, &images, &predict, &rule, level, options->dump, show_progress, NULL);
    if (status == SPS_OK && options->foreign != NULL) {
        images = sps_foreign_images(foreign_set);
        status = sps_evaluate(&foreign, &models->predictor, &images, &predict, &rule, level, NULL, show_progress, NULL);
    }
    sps_console_progress_clear();
    if (status == SPS_OK)
        status = report_evaluation(report, models, set, &predict, home);
    if (status == SPS_OK)
        status = report_flips(report, models, set, predict.seed);
    if (status == SPS_OK && calibration != NULL)
        status = report_abstention(report, options, calibration, &predict, home, &home_images);
    if (status == SPS_OK && options->foreign != NULL)
        status = report_foreign(report, images.name, options->data_seed.value, home, &foreign);
    sps_evaluation_reset(&foreign);
    sps_foreign_close(foreign_set);
    return status;
}

static int run_suite(const struct eval_options *options, const struct sps_models *models, const sps_dataset *set)
{
    struct sps_suite suite = {.names = options->suite,
                              .folder = options->out,
                              .data_dir = options->data_dir,
                              .corrupted = options->corrupted,
                              .data_seed = options->data_seed.value,
                              .normalise = options->normalise,
                              .json = options->json,
                              .predict = sps_reading(&options->reading),
                              .rule = sps_measure_rule(&options->measure),
                              .model = models->count > 1 ? "ensemble" : models->path[0],
                              .data = options->data};
    const struct sps_images home = sps_dataset_images(set);
    snprintf(suite.data_sha256, sizeof suite.data_sha256, "%s", sps_dataset_get_info(set)->sha256);
    memcpy(suite.model_sha256, models->sha256, sizeof suite.model_sha256);
    return sps_suite_run(&suite, &models->predictor, &home);
}

static int check_suite(const struct eval_options *options)
{
    if (sps_console_ranks != NULL && options->dump != NULL)
        return sps_console_usage("--dump is written by one process, not by the %d that mpirun started",
                                 sps_console_ranks->count);
    if (options->suite == NULL && (options->out != NULL || options->normalise))
        return sps_console_usage("--%s needs --suite", options->out != NULL ? "out" : "normalise");
    if (options->suite != NULL && (options->foreign != NULL || options->dump != NULL || options->reading.until != NULL))
        return sps_console_usage("--suite excludes --foreign, --dump and --until");
    if (options->corrupted != NULL &&
        (options->suite == NULL || (strcmp(options->suite, "corruption") != 0 && strcmp(options->suite, "extra") != 0 &&
                                    strcmp(options->suite, "all") != 0)))
        return sps_console_usage("--corrupted needs --suite corruption, extra or all");
    return 0;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    const struct eval_options *options = options_pointer;
    const struct sps_session_options session = {.threads = sps_console_threads(options->reading.threads.value)};
    struct sps_cli_report report = {0};
    struct sps_evaluation evaluation = {0};
    struct sps_models models = {0};
    sps_dataset *set = NULL;
    const struct sps_accept_rule rule = sps_measure_rule(&options->measure);
    struct sps_settle settle;
    int exit_status = sps_reading_settle(&settle, &options->reading, &rule);
    if (exit_status == 0)
        exit_status = check_suite(options);
    if (exit_status == 0 && operand_count > 1 && options->reading.until != NULL)
        exit_status = sps_console_usage("--until goes with one model: passes of an ensemble cannot end early");
    if (exit_status != 0)
        return exit_status;
    exit_status =
        sps_models_open(&models, (const char *const *)operands, (size_t)operand_count, options->engine, &session);
    if (exit_status == 0) {
        sps_status status = sps_dataset_open(&set, options->data, SPS_TEST, options->data_dir);
        if (status == SPS_OK && options->suite == NULL)
            status = evaluate(&report, options, &settle, &models, set, &evaluation);
        exit_status = status != SPS_OK         ? sps_console_failed(status)
                      : options->suite == NULL ? sps_cli_report_print(&report, options->json)
                                               : run_suite(options, &models, set);
    }
    sps_cli_report_reset(&report);
    sps_evaluation_reset(&evaluation);
    sps_dataset_free(set);
    sps_models_close(&models);
    return exit_status;
}

const struct sps_command sps_cmd_eval = {
    .operands = "MODEL... --data NAME|PATH [options]",
    .operands_min = 1,
    .operands_max = SPS_ENSEMBLE_MAX,
    .description =
        "MODEL is a packed model, a model file, or the folder that \"spinscale train\" left. The test part of the data "
        "set is read "
        "once. "
        "Prints accuracy and calibration, and how much of the uncertainty is the model's own (mutual information). "
        "Entropies, NLL and mutual information are in nats; images_per_s counts the time of prediction alone.\n\n"
        "Several models are one ensemble: its passes are theirs, one model after the other, so --samples counts for "
        "each "
        "of them. Each answers as it does alone (with the same --seed). They must read the same images and know the "
        "same classes.\n\n"
        "With --suite, shifted, corrupted and foreign images are evaluated beside the clean ones, each set made block "
        "by block (docs/shift.md, docs/data.md).\n\n"
        "\"mpirun -np N spinscale eval ...\" shares the images among N processes; the numbers are those of one.",
    .examples = "  spinscale eval out --data fashion-mnist --samples 20\n"
                "  spinscale eval out/model.safetensors --data ~/sets/shoes --exact --json\n"
                "  spinscale eval out --data fashion-mnist --suite all --out suite\n"
                "  spinscale eval run1 run2 run3 --data fashion-mnist --samples 7",
    .options = options_table,
    .options_bytes = sizeof(struct eval_options),
    .run = run,
    .spreads = 1,
};
