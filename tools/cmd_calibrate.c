/* SPDX-License-Identifier: MIT */
/* calibrate: a temperature and thresholds for abstention, fitted on images that training held out, stored in the packed
 * model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrated.h"
#include "commands.h"
#include "console.h"
#include "fit.h"
#include "reading.h"
#include "spinscale/data.h"
#include "spinscale/model.h"
#include "spinscale/train.h"

struct calibrate_options {
    const char *out, *data, *part, *data_dir;
    struct sps_reading_options reading;
    struct sps_texts scores;
    double coverage, error, confidence, quantile;
    int json;
};

static const struct sps_option options_table[] = {
    {.name = "output",
     .letter = 'o',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct calibrate_options, out),
     .argument = "FILE",
     .required = 1,
     .help = "where the packed model goes; may be MODEL itself where that is packed"},
    {.name = "data",
     .letter = 'd',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct calibrate_options, data),
     .argument = "NAME|PATH",
     .help =
         "where the training set is now, or with --part another set; the set of the model's configuration where not "
         "given"},
    {.name = "part",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct calibrate_options, part),
     .argument = "validation|train|test",
     .default_text = "validation",
     .help = "which images: those that training held out of its set (the default), or all of the train or test part of "
             "--data, which must be another set than the model's own"},
    SPS_OPTION_DATA_DIR(struct calibrate_options),
    SPS_OPTIONS_PASSES(struct calibrate_options),
    {.name = "score",
     .type = SPS_OPTION_TEXTS,
     .offset = offsetof(struct calibrate_options, scores),
     .argument = "NAME",
     .help = "what thresholds are on: entropy (the default), mutual_information, max_probability, variance, "
             "expected_entropy, nll_rule, or eq26, the accept rule's quantity with its sign turned; may be repeated"},
    {.name = "coverage",
     .letter = 'c',
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct calibrate_options, coverage),
     .argument = "C",
     .max = 1,
     .inside = 1,
     .help = "pick a threshold that accepts an image to come with probability of at least C"},
    {.name = "error",
     .letter = 'e',
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct calibrate_options, error),
     .argument = "E",
     .max = 1,
     .inside = 1,
     .help = "pick a threshold under which at most the share E of accepted images to come is wrong"},
    {.name = "confidence",
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct calibrate_options, confidence),
     .argument = "D",
     .default_text = "0.95",
     .max = 1,
     .inside = 1,
     .help = "with which that holds, over the draw of the images fitted on"},
    {.name = "quantile",
     .letter = 'q',
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct calibrate_options, quantile),
     .argument = "Q",
     .default_text = "0.1",
     .min = 0,
     .max = 1,
     .help = "of score eq26: the quantile over passes of a class's probability"},
    SPS_OPTION_READING_THREADS(struct calibrate_options),
    SPS_OPTION_JSON(struct calibrate_options),
    {.name = NULL}};

/* ---- model and images ---- */

struct job {
    const struct calibrate_options *options;
    const char *model_path; /* the file that was read */
    sps_model *model;       /* NULL where the model is packed */
    sps_packed *packed;
    sps_session *session;
    sps_held_out *held_out;
    sps_dataset *set;
    struct sps_images images;
    struct sps_predict_options predict;
    struct sps_fit fit;
    int *labels;
    float *p, *z; /* [T][n][C] */
    double *weights;
};

static sps_status open_model(struct job *j, const char *path)
{
    const struct sps_session_options session = {.threads = (int)j->options->reading.threads.value};
    sps_status status = SPS_OK;
    j->model_path = path;
    if (sps_packed_is(path)) {
        status = sps_packed_open(&j->packed, path);
    } else {
        status = sps_model_open(&j->model, path);
        if (status == SPS_OK) {
            j->model_path = sps_model_path(j->model);
            status = sps_model_pack(&j->packed, j->model);
        }
    }
    return status == SPS_OK ? sps_session_create(&j->session, j->packed, &session) : status;
}

static int open_held_out(struct job *j, const struct sps_model_info *about)
{
    const struct calibrate_options *o = j->options;
    if (about->provenance == NULL)
        return sps_console_error("'%s' does not say how it was trained, so nobody knows which images it has not seen: "
                                 "give some with --data PATH --part train|test",
                                 j->model_path);
    sps_status status = sps_held_out_open(&j->held_out, about->provenance, o->data, o->data_dir, about->data_sha256);
    if (status != SPS_OK)
        return sps_console_failed(status);
    j->images = sps_held_out_images(j->held_out);
    return 0;
}

/* Images that the model has learned from, or will be judged by, promise nothing. */
static int open_part(struct job *j, const struct sps_model_info *about, enum sps_part part)
{
    const struct calibrate_options *o = j->options;
    if (o->data == NULL)
        return sps_console_usage("--part %s needs --data", o->part);
    sps_status status = sps_dataset_open(&j->set, o->data, part, o->data_dir);
    if (status != SPS_OK)
        return sps_console_failed(status);
    const struct sps_dataset_info *data = sps_dataset_get_info(j->set);
    if (about->data_sha256 != NULL && strcmp(data->sha256, about->data_sha256) == 0)
        return sps_console_error("the model was trained on these images of '%s'; without --part, those that training "
                                 "held out are taken",
                                 data->folder);
    if (part == SPS_TEST && about->data != NULL && strcmp(data->name, about->data) == 0)
        return sps_console_error("the test part of '%s' is what the model will be measured on; without --part, images "
                                 "that training held out are taken",
                                 data->name);
    j->images = sps_dataset_images(j->set);
    return 0;
}

static int open_images(struct job *j)
{
    const struct sps_model_info *about = sps_packed_get_info(j->packed);
    const char *part = j->options->part;
    int exit_status = strcmp(part, "validation") == 0 ? open_held_out(j, about)
                      : strcmp(part, "train") == 0    ? open_part(j, about, SPS_TRAIN)
                      : strcmp(part, "test") == 0
                          ? open_part(j, about, SPS_TEST)
                          : sps_console_usage("--part is '%s', must be validation, train or test", part);
    const struct sps_images *set = &j->images;
    if (exit_status == 0 &&
        (set->height != about->height || set->width != about->width || set->channels != about->channels))
        return sps_console_error("images of '%s' are %d x %d with %d channel%s, the model reads %d x %d with %d",
                                 set->name, set->height, set->width, set->channels, set->channels == 1 ? "" : "s",
                                 about->height, about->width, about->channels);
    return exit_status;
}

/* ---- predicting ---- */

static sps_status make_room(struct job *j)
{
    const struct sps_model_info *about = sps_packed_get_info(j->packed);
    size_t passes = 0, n = j->images.count, classes = (size_t)about->classes;
    j->predict = sps_reading(&j->options->reading);
    sps_status status = sps_predict_passes(about, &j->predict, &passes);
    if (status != SPS_OK)
        return status;
    j->labels = malloc(n * sizeof *j->labels);
    j->weights = malloc(passes * sizeof *j->weights);
    j->p = passes <= SIZE_MAX / sizeof *j->p / n / classes ? malloc(passes * n * classes * sizeof *j->p) : NULL;
    j->z = j->p != NULL ? malloc(passes * n * classes * sizeof *j->z) : NULL;
    if (j->labels == NULL || j->weights == NULL || j->z == NULL)
        return SPS_ENOMEM;
    for (size_t i = 0; i < n; i++)
        j->labels[i] = j->images.label(j->images.self, i);
    j->fit = (struct sps_fit){.passes = passes,
                              .n = n,
                              .classes = about->classes,
                              .labels = j->labels,
                              .w = j->predict.reading == SPS_EXACT ? j->weights : NULL,
                              .quantile = j->options->quantile};
    return SPS_OK;
}

/* p of all images, and z where it is not NULL. */
static sps_status predict(struct job *j, double temperature, float *z)
{
    const struct sps_predictor predictor = sps_session_predictor(j->session);
    const size_t n = j->images.count, classes = (size_t)predictor.info->classes;
    sps_status status = SPS_OK;
    j->predict.temperature = temperature;
    for (size_t first = 0; first < n && status == SPS_OK; first += SPS_IMAGES_KEPT) {
        const size_t count = n - first < SPS_IMAGES_KEPT ? n - first : SPS_IMAGES_KEPT;
        const uint8_t *images[SPS_IMAGES_KEPT];
        uint32_t index[SPS_IMAGES_KEPT];
        for (size_t i = 0; i < count; i++) {
            images[i] = j->images.image(j->images.self, first + i);
            index[i] = (uint32_t)(first + i);
        }
        const struct sps_passes out = {.p = j->p + first * classes,
                                       .logits = z != NULL ? z + first * classes : NULL,
                                       .weights = j->weights,
                                       .stride = n};
        status = sps_predict(&predictor, &j->predict, count, images, index, &out);
        if (sps_console_progress_due())
            sps_console_progress("predicting", (double)(first + count) / (double)n, "");
    }
    sps_console_progress_clear();
    return status;
}

/* ---- fitting ---- */

struct result {
    struct sps_fitted_temperature temperature;
    struct sps_measured_quality before, after;
    struct sps_model_calibration calibration;
    struct sps_fitted_threshold threshold[SPS_ABSTENTIONS_MAX];
};

static sps_status add_threshold(struct job *j, struct result *r, const char *score, enum sps_promise promise)
{
    const struct calibrate_options *o = j->options;
    struct sps_model_calibration *c = &r->calibration;
    struct sps_abstention *a = &c->abstention[c->count];
    *a = (struct sps_abstention){.promise = promise,
                                 .level = promise == SPS_PROMISE_ERROR ? o->error : o->coverage,
                                 .confidence = promise == SPS_PROMISE_ERROR ? o->confidence : 0};
    snprintf(a->score, sizeof a->score, "%s", score);
    sps_status status = sps_fit_threshold(&r->threshold[c->count], &j->fit, j->p, a->score, a->level, a->confidence);
    a->threshold = r->threshold[c->count].threshold;
    c->count++;
    return status;
}

/* Thresholds are fitted on what the engine says at the temperature, number by number as it will be. */
static sps_status fit(struct job *j, struct result *r)
{
    static const char *const entropy[] = {"entropy"};
    const struct calibrate_options *o = j->options;
    const char *const *scores = o->scores.count > 0 ? o->scores.item : entropy;
    const size_t count = o->scores.count > 0 ? o->scores.count : 1;
    sps_status status = predict(j, 1, j->z);
    if (status == SPS_OK)
        status = sps_fit_measure(&r->before, &j->fit, j->p);
    if (status == SPS_OK)
        status = sps_fit_temperature(&r->temperature, &j->fit, j->z);
    r->calibration = (struct sps_model_calibration){.temperature = r->temperature.temperature,
                                                    .images = j->fit.n,
                                                    .reading = j->predict.reading,
                                                    .samples = (uint32_t)j->fit.passes,
                                                    .quantile = o->quantile};
    if (status == SPS_OK)
        status = predict(j, r->temperature.temperature, NULL);
    if (status == SPS_OK)
        status = sps_fit_measure(&r->after, &j->fit, j->p);
    for (size_t i = 0; i < count && status == SPS_OK && o->coverage > 0; i++)
        status = add_threshold(j, r, scores[i], SPS_PROMISE_COVERAGE);
    for (size_t i = 0; i < count && status == SPS_OK && o->error > 0; i++)
        status = add_threshold(j, r, scores[i], SPS_PROMISE_ERROR);
    return status;
}

/* ---- output ---- */

static void report_thresholds(struct sps_cli_report *report, const struct result *r, int json)
{
    json_t *list = json ? json_array() : NULL;
    for (int i = 0; i < r->calibration.count; i++) {
        const struct sps_abstention *a = &r->calibration.abstention[i];
        const struct sps_fitted_threshold *t = &r->threshold[i];
        char words[160], text[320], error[32], bound[64] = "";
        sps_cli_abstention_words(words, a);
        if (a->promise == SPS_PROMISE_ERROR && !isnan(t->bound))
            snprintf(bound, sizeof bound, ", its bound %.4f", t->bound);
        snprintf(text, sizeof text, "%s; here: coverage %.4f, error %s%s", words, t->coverage,
                 sps_cli_share(error, t->error), bound);
        if (!json) {
            sps_cli_report_text(report, "accept", text);
            continue;
        }
        json_t *object = sps_cli_abstention_json(a);
        json_object_set_new(object, "coverage", json_real(t->coverage));
        json_object_set_new(object, "error", isnan(t->error) ? json_null() : json_real(t->error));
        json_object_set_new(object, "bound", isnan(t->bound) ? json_null() : json_real(t->bound));
        report->failed |= json_array_append_new(list, object) != 0;
    }
    if (json)
        sps_cli_report_value(report, "thresholds", list);
}

static int print(const struct job *j, const struct result *r, const char *model_path)
{
    struct sps_cli_report report = {0};
    char hash[65];
    size_t bytes = 0;
    sps_status status = sps_hash_file(hash, &bytes, j->options->out);
    if (status != SPS_OK)
        return sps_console_failed(status);
    if (r->temperature.at_edge)
        sps_console_say("note: the NLL still falls at the end of the range of temperatures; are all answers right?");
    sps_cli_report_text(&report, "model", model_path);
    sps_cli_report_text(&report, "packed", j->options->out);
    sps_cli_report_text(&report, "data", j->images.name);
    sps_cli_report_text(&report, "part", j->options->part);
    sps_cli_report_count(&report, "n", j->fit.n, "images");
    sps_cli_report_text(&report, "reading", sps_reading_name(j->predict.reading));
    sps_cli_report_count(&report, "samples", j->fit.passes, "passes per image");
    if (j->predict.reading == SPS_SAMPLED)
        sps_cli_report_count(&report, "seed", j->predict.seed, NULL);
    else
        sps_cli_report_null(&report, "seed");
    sps_cli_report_real(&report, "accuracy", r->after.accuracy, "fraction");
    sps_cli_report_real(&report, "accuracy_before", r->before.accuracy, "fraction");
    sps_cli_report_real(&report, "temperature", r->temperature.temperature, "that logits are divided by");
    sps_cli_report_flag(&report, "at_edge", r->temperature.at_edge);
    sps_cli_report_real(&report, "nll_before", r->temperature.nll_before, "nat");
    sps_cli_report_real(&report, "nll_after", r->temperature.nll_after, "nat");
    sps_cli_report_real(&report, "ece_before", r->before.ece, "fraction");
    sps_cli_report_real(&report, "ece_before_floor", r->before.ece_floor, "mean, were it calibrated");
    sps_cli_report_real(&report, "ece_before_floor_high", r->before.ece_floor_high, "95 % quantile of the same");
    sps_cli_report_real(&report, "ece_after", r->after.ece, "fraction");
    sps_cli_report_real(&report, "ece_after_floor", r->after.ece_floor, "mean, were it calibrated");
    sps_cli_report_real(&report, "ece_after_floor_high", r->after.ece_floor_high, "95 % quantile of the same");
    report_thresholds(&report, r, j->options->json);
    sps_cli_report_text(&report, "sha256", hash);
    return sps_cli_report_print(&report, j->options->json);
}

static int check_options(const struct calibrate_options *o)
{
    const struct sps_summary none = {0};
    size_t promises = (o->coverage > 0) + (o->error > 0);
    if (o->scores.count > 0 && promises == 0)
        return sps_console_usage("--score needs --coverage or --error");
    if (promises * o->scores.count > SPS_ABSTENTIONS_MAX)
        return sps_console_usage("%zu thresholds, must be at most %d", promises * o->scores.count, SPS_ABSTENTIONS_MAX);
    for (size_t i = 0; i < o->scores.count; i++)
        if (isnan(sps_score_of(o->scores.item[i], &none)))
            return sps_console_usage("--score is '%s', which is unknown or needs logits (see --help)",
                                     o->scores.item[i]);
    return 0;
}

static void release(struct job *j)
{
    free(j->labels);
    free(j->weights);
    free(j->p);
    free(j->z);
    sps_held_out_free(j->held_out);
    sps_dataset_free(j->set);
    sps_session_free(j->session);
    sps_packed_close(j->packed);
    sps_model_close(j->model);
}

static int calibrate(struct job *j, const char *path)
{
    struct result r = {.calibration = {.count = 0}};
    sps_status status = open_model(j, path);
    if (status != SPS_OK)
        return sps_console_failed(status);
    int exit_status = open_images(j);
    if (exit_status != 0)
        return exit_status;
    status = make_room(j);
    if (status == SPS_OK)
        status = fit(j, &r);
    sps_session_free(j->session);
    j->session = NULL;
    if (status == SPS_OK)
        status = sps_packed_calibrate(j->packed, &r.calibration);
    if (status == SPS_OK)
        status = sps_packed_write(j->packed, j->options->out);
    return status == SPS_OK ? print(j, &r, path) : sps_console_failed(status);
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    (void)operand_count;
    struct job j = {.options = options_pointer};
    int exit_status = check_options(j.options);
    if (exit_status == 0)
        exit_status = calibrate(&j, operands[0]);
    release(&j);
    return exit_status;
}

const struct sps_command sps_cmd_calibrate = {
    .operands = "MODEL -o FILE [options]",
    .operands_min = 1,
    .operands_max = 1,
    .description =
        "MODEL is a packed model, a model file, or the folder that \"spinscale train\" left. Fits the temperature that "
        "minimises the NLL (each pass's logits are divided by it), and with --coverage or --error a threshold for each "
        "--score under which answers are accepted. Images are those that training held out for validation; the test "
        "part is not read. The packed model that is written predicts with the temperature, and \"eval\" and "
        "\"predict\" give the thresholds' verdicts.\n\n"
        "Promises are for images drawn like those fitted on, and for the passes given here "
        "(docs/uncertainty.md).",
    .examples = "  spinscale calibrate out -o out.packed\n"
                "  spinscale calibrate out -o out.packed --score entropy --score eq26 --coverage 0.8 --error 0.02",
    .options = options_table,
    .options_bytes = sizeof(struct calibrate_options),
    .run = run,
};
