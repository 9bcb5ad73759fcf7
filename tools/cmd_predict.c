/* SPDX-License-Identifier: MIT */
/* predict: a class for each image, how sure the model is, and whether the accept rule takes it. */
#include <stdlib.h>
#include <string.h>

#include "calibrated.h"
#include "commands.h"
#include "console.h"
#include "measure.h"
#include "reading.h"
#include "spinscale/data.h"
#include "subject.h"

struct predict_options {
    const char *data, *data_dir, *engine;
    struct sps_counts index;
    struct sps_reading_options reading;
    struct sps_measure_options measure;
    int fit, json;
};

static const struct sps_option options_table[] = {
    {.name = "data",
     .letter = 'd',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct predict_options, data),
     .argument = "NAME|PATH",
     .help = "take images from the test part of a data set instead of files; with --index"},
    {.name = "index",
     .letter = 'i',
     .type = SPS_OPTION_COUNTS,
     .offset = offsetof(struct predict_options, index),
     .argument = "I...",
     .max = UINT32_MAX,
     .help = "which images of the data set, from 0; takes all whole numbers that follow"},
    SPS_OPTION_DATA_DIR(struct predict_options),
    SPS_OPTIONS_READING(struct predict_options),
    SPS_OPTIONS_MEASURE(struct predict_options),
    {.name = "fit",
     .letter = 'f',
     .type = SPS_OPTION_FLAG,
     .offset = offsetof(struct predict_options, fit),
     .help = "resize images, and turn colour into grey or back, where the model wants others; else that is an error"},
    SPS_OPTION_ENGINE(struct predict_options),
    SPS_OPTION_JSON(struct predict_options),
    {.name = NULL}};

struct job {
    const struct predict_options *options;
    struct sps_predict_options predict;
    struct sps_subject subject;
    const struct sps_model_info *about;
    size_t passes;
    float *p, *logits;                               /* [T][C] of one image */
    double *weights;                                 /* [T], NULL for equal ones */
    uint8_t *fitted;                                 /* one image of the model's size */
    json_t *list;                                    /* with --json */
    const struct sps_model_calibration *calibration; /* NULL: none */
    int heading_printed;
};

struct image {
    const char *name; /* for messages: a path, or the set's name */
    const uint8_t *pixels;
    int height, width, channels;
    uint32_t index;
    int from_set, label; /* label is -1 where there is none */
};

static const char *class_name(const struct job *job, int label)
{
    return job->subject.predictor.class_name(job->subject.predictor.self, label);
}

static int own_thresholds(const struct job *job)
{
    return job->calibration != NULL ? job->calibration->count : 0;
}

static void print_heading(const struct job *job)
{
    char words[160];
    for (int i = 0; i < own_thresholds(job); i++) {
        sps_cli_abstention_words(words, &job->calibration->abstention[i]);
        printf("own %d: %s\n", i + 1, words);
    }
    printf("%-20s %11s  %-16s %12s %12s  %-7s  ", "class", "probability", "interval", "entropy", "mutual inf.",
           "verdict");
    for (int i = 0; i < own_thresholds(job); i++)
        printf("own %-3d  ", i + 1);
    puts("image");
    printf("%-20s %11s  %.6g %% %*s %12s %12s\n", "", "", 100.0 * job->options->measure.level, 12, "", "nats", "nats");
}

static void print_line(struct job *job, const struct image *image, const struct sps_summary *summary)
{
    if (!job->heading_printed)
        print_heading(job);
    job->heading_printed = 1;
    const char *name = class_name(job, summary->predicted);
    char class_text[64], interval[64];
    snprintf(class_text, sizeof class_text, "%d %s", summary->predicted, name != NULL ? name : "");
    snprintf(interval, sizeof interval, "%.4f to %.4f", summary->interval_low, summary->interval_high);
    for (char *c = class_text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20)
            *c = '?';
    printf("%-20s %11.4f  %-16s %12.4f %12.4f  %-7s  ", class_text, summary->confidence, interval, summary->entropy,
           summary->mutual_information, summary->accepted ? "accept" : "reject");
    for (int i = 0; i < own_thresholds(job); i++)
        printf("%-7s  ", sps_abstention_accepts(&job->calibration->abstention[i], summary) ? "accept" : "abstain");
    sps_cli_report_plain(stdout, image->name);
    if (image->from_set)
        printf(" %u", image->index);
    putchar('\n');
}

/* Verdicts of the model's own thresholds. */
static json_t *verdicts(const struct job *job, const struct sps_summary *summary)
{
    json_t *list = json_array();
    for (int i = 0; i < job->calibration->count; i++) {
        const struct sps_abstention *a = &job->calibration->abstention[i];
        json_t *object = sps_cli_abstention_json(a);
        json_object_set_new(object, "value", json_real(sps_score_of(a->score, summary)));
        json_object_set_new(object, "accepted", json_boolean(sps_abstention_accepts(a, summary)));
        json_array_append_new(list, object);
    }
    return list;
}

static int add_json(const struct job *job, const struct image *image, uint32_t used, const struct sps_summary *summary,
                    const struct sps_spread *logit)
{
    struct sps_cli_report report = {0};
    sps_cli_report_text(&report, "image", image->from_set ? NULL : image->name);
    if (image->from_set) {
        sps_cli_report_count(&report, "index", image->index, NULL);
        if (image->label >= 0)
            sps_cli_report_count(&report, "label", (uint64_t)image->label, NULL);
        else
            sps_cli_report_null(&report, "label");
    }
    sps_cli_report_count(&report, "class", (uint64_t)summary->predicted, NULL);
    sps_cli_report_text(&report, "name", class_name(job, summary->predicted));
    if (job->predict.settle != NULL)
        sps_cli_report_count(&report, "passes", used, NULL);
    sps_cli_report_real(&report, "probability", summary->confidence, NULL);
    sps_cli_report_real(&report, "variance", summary->variance, NULL);
    sps_cli_report_real(&report, "interval_low", summary->interval_low, NULL);
    sps_cli_report_real(&report, "interval_high", summary->interval_high, NULL);
    sps_cli_report_real(&report, "quantile_low", summary->quantile_low, NULL);
    sps_cli_report_real(&report, "quantile_high", summary->quantile_high, NULL);
    sps_cli_report_real(&report, "mc_error", summary->mc_error, NULL);
    sps_cli_report_real(&report, "entropy", summary->entropy, NULL);
    sps_cli_report_real(&report, "mutual_information", summary->mutual_information, NULL);
    sps_cli_report_real(&report, "score", summary->score, NULL);
    sps_cli_report_flag(&report, "accepted", summary->accepted);
    if (job->calibration != NULL)
        sps_cli_report_value(&report, "abstention", verdicts(job, summary));
    sps_cli_report_real(&report, "logit", logit->mean, NULL);
    sps_cli_report_real(&report, "logit_variance", logit->variance, NULL);
    sps_cli_report_real(&report, "logit_interval_low", logit->interval_low, NULL);
    sps_cli_report_real(&report, "logit_interval_high", logit->interval_high, NULL);
    sps_cli_report_real(&report, "logit_quantile_low", logit->quantile_low, NULL);
    sps_cli_report_real(&report, "logit_quantile_high", logit->quantile_high, NULL);
    sps_cli_report_real(&report, "logit_mc_error", logit->mc_error, NULL);
    return json_array_append_new(job->list, sps_cli_report_take(&report)) == 0 ? 0 : sps_console_error("out of memory");
}

static int predict_image(struct job *job, const struct image *image)
{
    const struct sps_model_info *about = job->about;
    const uint8_t *pixels = image->pixels;
    if (image->height != about->height || image->width != about->width || image->channels != about->channels) {
        if (!job->options->fit)
            return sps_console_error("'%s' is %d x %d pixels with %d channel%s, the model wants %d x %d with %d; --fit "
                                     "would resize it",
                                     image->name, image->width, image->height, image->channels,
                                     image->channels == 1 ? "" : "s", about->width, about->height, about->channels);
        sps_image_fit(job->fitted, about->height, about->width, about->channels, pixels, image->height, image->width,
                      image->channels);
        pixels = job->fitted;
    }
    struct sps_accept_rule rule = sps_measure_rule(&job->options->measure);
    double level = job->options->measure.level;
    size_t classes = (size_t)about->classes;
    struct sps_summary summary;
    struct sps_spread logit;
    uint32_t used = 0;
    const struct sps_passes out = {.p = job->p, .logits = job->logits, .weights = job->weights, .used = &used};
    sps_status status = sps_predict(&job->subject.predictor, &job->predict, 1, &pixels, &image->index, &out);
    if (status == SPS_OK)
        status = sps_summarise(&summary, NULL, job->p, classes, job->weights, used, about->classes, level, &rule);
    if (status == SPS_OK)
        status = sps_spread(&logit, job->logits + summary.predicted, classes, job->weights, used, level);
    if (status != SPS_OK)
        return sps_console_failed(status);
    if (job->list != NULL)
        return add_json(job, image, used, &summary, &logit);
    print_line(job, image, &summary);
    return 0;
}

static int predict_file(struct job *job, const char *path)
{
    struct image image = {.name = path, .label = -1};
    uint8_t *pixels = NULL;
    sps_status status = sps_image_read_png(&pixels, &image.height, &image.width, &image.channels, path);
    if (status != SPS_OK)
        return sps_console_failed(status);
    image.pixels = pixels;
    int exit_status = predict_image(job, &image);
    sps_image_free(pixels);
    return exit_status;
}

static int predict_from_set(struct job *job)
{
    const struct predict_options *options = job->options;
    sps_dataset *set = NULL;
    sps_status status = sps_dataset_open(&set, options->data, SPS_TEST, options->data_dir);
    if (status != SPS_OK)
        return sps_console_failed(status);
    const struct sps_dataset_info *data = sps_dataset_get_info(set);
    int exit_status = 0;
    for (size_t i = 0; i < options->index.count && exit_status == 0; i++)
        if (options->index.item[i] >= data->count)
            exit_status = sps_console_usage("--index is %llu, must be below the %zu images of %s",
                                            (unsigned long long)options->index.item[i], data->count, data->name);
    for (size_t i = 0; i < options->index.count && exit_status == 0; i++) {
        size_t index = (size_t)options->index.item[i];
        struct image image = {
            data->name, sps_dataset_image(set, index), data->height, data->width, data->channels, (uint32_t)index,
            1,          sps_dataset_label(set, index)};
        exit_status = predict_image(job, &image);
    }
    sps_dataset_free(set);
    return exit_status;
}

static int prepare(struct job *job)
{
    sps_status status = sps_predict_passes(job->about, &job->predict, &job->passes);
    if (status != SPS_OK)
        return sps_console_failed(status);
    const struct sps_model_info *about = job->about;
    job->p = calloc(job->passes * (size_t)about->classes, sizeof *job->p);
    job->logits = calloc(job->passes * (size_t)about->classes, sizeof *job->logits);
    job->fitted = malloc((size_t)about->height * (size_t)about->width * (size_t)about->channels);
    job->calibration = sps_subject_calibration(&job->subject, &job->options->reading);
    if (job->calibration != NULL)
        sps_cli_promises_hold(job->calibration, &job->predict, job->passes, job->options->measure.quantile);
    int failed = job->p == NULL || job->logits == NULL || job->fitted == NULL;
    if (job->predict.reading == SPS_EXACT) {
        job->weights = calloc(job->passes, sizeof *job->weights);
        failed |= job->weights == NULL;
    }
    if (job->options->json) {
        job->list = json_array();
        failed |= job->list == NULL;
    }
    return failed ? sps_console_error("out of memory") : 0;
}

static int print_json(struct job *job, const char *model_path)
{
    struct sps_cli_report report = {0};
    sps_cli_report_text(&report, "model", model_path);
    sps_cli_report_text(&report, "data", job->options->data);
    sps_cli_report_text(&report, "reading", sps_reading_name(job->predict.reading));
    sps_cli_report_count(&report, "samples", job->passes, NULL);
    if (job->predict.reading == SPS_SAMPLED)
        sps_cli_report_count(&report, "seed", job->predict.seed, NULL);
    else
        sps_cli_report_null(&report, "seed");
    if (job->calibration != NULL)
        sps_cli_report_real(&report, "temperature", job->calibration->temperature, NULL);
    json_t *object = sps_cli_report_take(&report);
    json_object_set(object, "predictions", job->list);
    return sps_cli_report_dump(object);
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    const struct predict_options *options = options_pointer;
    if (options->data != NULL && operand_count > 1)
        return sps_console_usage("--data excludes image files, but '%s' was given", operands[1]);
    if (options->data == NULL && operand_count == 1)
        return sps_console_usage("nothing to predict: image files, or --data NAME --index I..., are missing");
    if ((options->data != NULL) != (options->index.count > 0))
        return sps_console_usage("--data and --index go together, --%s is missing",
                                 options->data != NULL ? "index" : "data");

    struct job job = {.options = options, .predict = sps_reading(&options->reading)};
    const struct sps_accept_rule rule = sps_measure_rule(&options->measure);
    struct sps_settle settle;
    int exit_status = sps_reading_settle(&settle, &options->reading, &rule);
    if (exit_status != 0)
        return exit_status;
    job.predict.settle = options->reading.until != NULL ? &settle : NULL;
    const struct sps_session_options session = {.threads = job.predict.threads};
    exit_status = sps_subject_open(&job.subject, operands[0], options->engine, &session);
    job.about = job.subject.predictor.info;
    if (exit_status == 0)
        exit_status = prepare(&job);
    if (exit_status == 0 && options->data != NULL)
        exit_status = predict_from_set(&job);
    for (int i = 1; i < operand_count && exit_status == 0; i++)
        exit_status = predict_file(&job, operands[i]);
    if (exit_status == 0 && job.list != NULL)
        exit_status = print_json(&job, operands[0]);
    json_decref(job.list);
    free(job.fitted);
    free(job.weights);
    free(job.logits);
    free(job.p);
    sps_subject_close(&job.subject);
    return exit_status;
}

const struct sps_command sps_cmd_predict = {
    .operands = "MODEL IMAGE.png... | MODEL --data NAME|PATH --index I... [options]",
    .operands_min = 1,
    .operands_max = SPS_OPERANDS_ANY,
    .description =
        "Prints for each image the class, its mean probability over the passes, the interval that holds a share of the "
        "posterior (mean -+ z standard deviations), the entropy of the mean (nats), the mutual information (nats, the "
        "model's own uncertainty), and whether the accept rule takes the answer. With --json also variance, quantiles, "
        "Monte Carlo error, and the same for the logit.\n\n"
        "An image file takes the paths of index 0, so one prediction can be repeated alone.",
    .examples = "  spinscale predict out shoe.png shirt.png\n"
                "  spinscale predict out --data kmnist --index 0 1 2 --samples 100",
    .options = options_table,
    .options_bytes = sizeof(struct predict_options),
    .run = run,
};
