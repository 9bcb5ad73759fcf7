/* SPDX-License-Identifier: MIT */
/* compare: several models or ensembles on the same images. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "comparison_out.h"
#include "console.h"
#include "measure.h"
#include "models.h"
#include "reading.h"
#include "spinscale/data.h"
#include "spinscale/foreign.h"

struct compare_options {
    const char *data, *data_dir, *engine, *out, *score;
    struct sps_texts foreign;
    struct sps_reading_options reading;
    struct sps_measure_options measure;
    struct sps_count resamples, data_seed;
    double coverage;
    int json;
};

static const struct sps_option options_table[] = {
    {.name = "data",
     .letter = 'd',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct compare_options, data),
     .argument = "NAME|PATH",
     .required = 1,
     .help = "data set whose test part is used (docs/data.md)"},
    SPS_OPTION_DATA_DIR(struct compare_options),
    {.name = "foreign",
     .type = SPS_OPTION_TEXTS,
     .offset = offsetof(struct compare_options, foreign),
     .argument = "NAME|PATH",
     .help = "images unlike the training data, as for \"spinscale eval\"; may be repeated"},
    SPS_OPTION_DATA_SEED(struct compare_options),
    SPS_OPTIONS_PASSES(struct compare_options),
    SPS_OPTION_SHARED_PATHS(struct compare_options),
    SPS_OPTION_UNCALIBRATED(struct compare_options),
    SPS_OPTION_READING_THREADS(struct compare_options),
    SPS_OPTIONS_MEASURE(struct compare_options),
    {.name = "bootstrap",
     .letter = 'B',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct compare_options, resamples),
     .argument = "B",
     .default_text = "1000",
     .max = 1e6,
     .help = "resamples for intervals at --level; 0: none"},
    {.name = "score",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct compare_options, score),
     .argument = "NAME",
     .default_text = "entropy",
     .help = "score that orders images for AURC and the error of those kept (docs/uncertainty.md has the names)"},
    {.name = "coverage",
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct compare_options, coverage),
     .argument = "C",
     .default_text = "0.8",
     .max = 1,
     .help = "share of images kept, of which the error is given"},
    {.name = "out",
     .letter = 'o',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct compare_options, out),
     .argument = "DIR",
     .help = "folder for compare.csv, compare.md and compare.json"},
    SPS_OPTION_ENGINE(struct compare_options),
    SPS_OPTION_JSON(struct compare_options),
    {.name = NULL}};

/* ---- operands: [NAME=]MODEL[+MODEL...][,MODEL[+MODEL...]...] ---- */

enum { NO_MARK = 0 };

struct ensemble {
    const char **path;
    size_t count;
};

struct operand {
    char *text; /* paths and name lie in it */
    const char *name;
    struct ensemble *repetition;
    size_t count;
};

/* At most. */
static size_t parts(const char *text, char separator)
{
    size_t count = 1;
    for (; (text = strchr(text, separator)) != NULL; text++)
        count++;
    return count;
}

/* The next part of a list, which is cut off; *rest is NULL after the last. */
static char *cut(char **rest, char separator)
{
    char *part = *rest, *end = separator != NO_MARK ? strchr(part, separator) : NULL;
    if (end != NULL)
        *end = '\0';
    *rest = end != NULL ? end + 1 : NULL;
    return part;
}

static int check_path(const char *path, const char *operand)
{
    if (path[0] == '\0')
        return sps_console_usage("'%s' has an empty part, must be [NAME=]MODEL[+MODEL...][,MODEL[+MODEL...]...]",
                                 operand);
    return access(path, F_OK) == 0 ? 0 : sps_console_error("there is no '%s'", path);
}

static int parse_ensemble(struct ensemble *e, char *text, char separator, const char *operand)
{
    e->path = calloc(parts(text, '+'), sizeof *e->path);
    if (e->path == NULL)
        return sps_console_error("out of memory");
    for (char *rest = text; rest != NULL;) {
        e->path[e->count] = cut(&rest, separator);
        int failed = check_path(e->path[e->count++], operand);
        if (failed != 0)
            return failed;
    }
    return e->count <= SPS_ENSEMBLE_MAX
               ? 0
               : sps_console_usage("'%s' has %zu members, must be at most %d", operand, e->count, SPS_ENSEMBLE_MAX);
}

/* A file's name may have any of the marks in it: what exists is taken whole. */
static int parse_models(struct operand *o, char *text, const char *operand)
{
    const int whole = access(text, F_OK) == 0;
    o->repetition = calloc(parts(text, ','), sizeof *o->repetition);
    if (o->repetition == NULL)
        return sps_console_error("out of memory");
    int failed = 0;
    for (char *rest = text; rest != NULL && failed == 0;) {
        char *part = cut(&rest, whole ? NO_MARK : ',');
        failed = parse_ensemble(&o->repetition[o->count++], part, whole ? NO_MARK : '+', operand);
    }
    return failed;
}

static int parse_operand(struct operand *o, const char *operand)
{
    size_t bytes = strlen(operand) + 1;
    o->text = malloc(bytes);
    if (o->text == NULL)
        return sps_console_error("out of memory");
    memcpy(o->text, operand, bytes);
    o->name = operand;
    char *rest = o->text, *equals = strpbrk(rest, "=/");
    if (access(rest, F_OK) != 0 && equals != NULL && *equals == '=') {
        o->name = cut(&rest, '=');
        if (o->name[0] == '\0')
            return sps_console_usage("'%s' has no name before the '='", operand);
    }
    return parse_models(o, rest, operand);
}

static void free_operands(struct operand *operands, size_t count)
{
    for (size_t k = 0; operands != NULL && k < count; k++) {
        for (size_t s = 0; s < operands[k].count; s++)
            free(operands[k].repetition[s].path);
        free(operands[k].repetition);
        free(operands[k].text);
    }
    free(operands);
}

/* ---- one repetition after the other ---- */

struct work {
    const struct compare_options *options;
    struct operand *operand;
    size_t count;
    struct sps_predict_options predict;
    struct sps_accept_rule rule;
    sps_dataset *home;
    sps_foreign **foreign; /* [options->foreign.count], opened with the first model */
    struct sps_comparison comparison;
    int height, width, channels, classes; /* of the first model */
    size_t at, total;                     /* repetitions */
    const char *now;
};

static void show_progress(void *user, size_t done, size_t total)
{
    const struct work *w = user;
    if (sps_console_progress_due())
        sps_console_progress("comparing", ((double)w->at + (double)done / (double)total) / (double)w->total, w->now);
}

static int open_foreign(struct work *w, const struct sps_model_info *about)
{
    const struct sps_foreign_options how = {.data_dir = w->options->data_dir, .seed = w->options->data_seed.value};
    w->height = about->height;
    w->width = about->width;
    w->channels = about->channels;
    w->classes = about->classes;
    for (size_t f = 0; f < w->options->foreign.count; f++) {
        sps_status status =
            sps_foreign_open(&w->foreign[f], w->options->foreign.item[f], w->height, w->width, w->channels, &how);
        if (status != SPS_OK)
            return sps_console_failed(status);
    }
    return 0;
}

static int check_alike(const struct work *w, const struct sps_model_info *about, const char *path)
{
    if (about->classes != w->classes || about->height != w->height || about->width != w->width ||
        about->channels != w->channels)
        return sps_console_error(
            "'%s' reads %d x %d x %d and has %d classes, the first model, '%s', %d x %d x %d and %d", path,
            about->height, about->width, about->channels, about->classes, w->operand[0].repetition[0].path[0],
            w->height, w->width, w->channels, w->classes);
    return 0;
}

static struct sps_said said_of(const struct sps_evaluation *e, int classes)
{
    return (struct sps_said){e->n, classes, e->labels, e->mean, e->summaries};
}

static int measure(struct work *w, struct sps_models *models, size_t row, size_t repetition)
{
    const size_t count = w->options->foreign.count;
    const int classes = models->predictor.info->classes;
    struct sps_evaluation *e = calloc(count + 1, sizeof *e); /* home is the last */
    struct sps_said *said = calloc(count + 1, sizeof *said);
    int failed = e == NULL || said == NULL ? sps_console_error("out of memory") : 0;
    for (size_t f = 0; f <= count && failed == 0; f++) {
        const struct sps_images images = f < count ? sps_foreign_images(w->foreign[f]) : sps_dataset_images(w->home);
        sps_status status = sps_evaluate(&e[f], &models->predictor, &images, &w->predict, &w->rule,
                                         w->options->measure.level, NULL, f < count ? NULL : show_progress, w);
        failed = status == SPS_OK ? 0 : sps_console_failed(status);
        said[f] = said_of(&e[f], classes);
    }
    if (failed == 0)
        failed = sps_comparison_add(&w->comparison, row, repetition, &said[count], said);
    if (failed == 0) {
        struct sps_repetition *to = &w->comparison.row[row].repetition[repetition];
        to->engine = models->engine;
        to->passes = e[count].passes;
        to->bytes = models->bytes;
        to->images_per_s = e[count].seconds > 0 ? (double)e[count].n / e[count].seconds : NAN;
        memcpy(to->sha256, models->sha256, sizeof to->sha256);
    }
    for (size_t f = 0; e != NULL && f <= count; f++)
        sps_evaluation_reset(&e[f]);
    free(e);
    free(said);
    return failed;
}

static char *join_paths(const struct ensemble *e)
{
    size_t bytes = 1;
    for (size_t k = 0; k < e->count; k++)
        bytes += strlen(e->path[k]) + 1;
    char *out = malloc(bytes), *end = out;
    for (size_t k = 0; k < e->count && out != NULL; k++)
        end += snprintf(end, bytes - (size_t)(end - out), "%s%s", k > 0 ? "+" : "", e->path[k]);
    return out;
}

static int run_repetition(struct work *w, size_t row, size_t repetition)
{
    const struct sps_session_options session = {.threads = sps_console_threads(w->options->reading.threads.value)};
    const struct ensemble *e = &w->operand[row].repetition[repetition];
    struct sps_models models = {0};
    char *name = join_paths(e);
    if (name == NULL)
        return sps_console_error("out of memory");
    w->comparison.row[row].repetition[repetition].models = name;
    w->now = name;
    int failed = sps_models_open(&models, e->path, e->count, w->options->engine, &session);
    if (failed == 0 && w->at == 0)
        failed = open_foreign(w, models.predictor.info);
    if (failed == 0)
        failed = check_alike(w, models.predictor.info, e->path[0]);
    if (failed == 0)
        failed = measure(w, &models, row, repetition);
    sps_models_close(&models);
    w->at++;
    return failed;
}

static int prepare(struct work *w)
{
    const struct sps_comparison_basis basis = {.score = w->options->score,
                                               .coverage = w->options->coverage,
                                               .level = w->options->measure.level,
                                               .rule = w->rule,
                                               .resamples = w->options->resamples.value,
                                               .foreign = w->options->foreign.item,
                                               .foreign_count = w->options->foreign.count};
    const char **names = calloc(w->count, sizeof *names);
    size_t *counts = calloc(w->count, sizeof *counts);
    w->foreign = calloc(basis.foreign_count + 1, sizeof(sps_foreign *));
    int failed = names == NULL || counts == NULL || w->foreign == NULL ? sps_console_error("out of memory") : 0;
    for (size_t k = 0; k < w->count && failed == 0; k++) {
        names[k] = w->operand[k].name;
        counts[k] = w->operand[k].count;
        w->total += counts[k];
    }
    if (failed == 0)
        failed = sps_comparison_init(&w->comparison, &basis, w->count, names, counts);
    free(names);
    free(counts);
    return failed;
}

static int finish(const struct work *w)
{
    const struct sps_dataset_info *data = sps_dataset_get_info(w->home);
    const struct sps_comparison_setting setting = {.data = data->name,
                                                   .data_sha256 = data->sha256,
                                                   .reading = sps_reading_name(w->predict.reading),
                                                   .n = data->count,
                                                   .samples = w->predict.samples,
                                                   .seed = w->predict.seed,
                                                   .shared_paths = w->predict.shared_paths};
    sps_status status = w->options->out != NULL && sps_console_writes()
                            ? sps_comparison_save(&w->comparison, &setting, w->options->out)
                            : SPS_OK;
    if (status != SPS_OK)
        return sps_console_failed(status);
    if (w->options->json)
        return sps_cli_report_dump(sps_comparison_json(&w->comparison, &setting));
    sps_comparison_print(&w->comparison, &setting);
    return 0;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    const struct compare_options *options = options_pointer;
    struct work w = {.options = options,
                     .count = (size_t)operand_count,
                     .operand = calloc((size_t)operand_count, sizeof *w.operand),
                     .predict = sps_reading(&options->reading),
                     .rule = sps_measure_rule(&options->measure)};
    int failed = w.operand == NULL ? sps_console_error("out of memory") : 0;
    for (size_t k = 0; k < w.count && failed == 0; k++)
        failed = parse_operand(&w.operand[k], operands[k]);
    if (failed == 0)
        failed = prepare(&w);
    if (failed == 0) {
        sps_status status = sps_dataset_open(&w.home, options->data, SPS_TEST, options->data_dir);
        failed = status == SPS_OK ? 0 : sps_console_failed(status);
    }
    for (size_t row = 0; row < w.count && failed == 0; row++)
        for (size_t s = 0; s < w.operand[row].count && failed == 0; s++)
            failed = run_repetition(&w, row, s);
    sps_console_progress_clear();
    if (failed == 0)
        failed = finish(&w);
    sps_comparison_reset(&w.comparison);
    for (size_t f = 0; w.foreign != NULL && f < options->foreign.count; f++)
        sps_foreign_close(w.foreign[f]);
    free(w.foreign);
    sps_dataset_free(w.home);
    free_operands(w.operand, w.count);
    return failed;
}

const struct sps_command sps_cmd_compare = {
    .operands = "[NAME=]MODEL[+MODEL...][,MODEL...]... --data NAME|PATH [options]",
    .operands_min = 1,
    .operands_max = SPS_OPERANDS_ANY,
    .description =
        "Each argument is one row of the table. A MODEL is a packed model, a model file, or the folder that "
        "\"spinscale "
        "train\" left; A+B+C is an ensemble (docs/uncertainty.md), A,B,C are repetitions from several seeds, of which "
        "the "
        "mean and the standard deviation are shown; NAME= labels the row. --samples counts for each member of an "
        "ensemble. What is the name of a file or folder is taken whole.\n\n"
        "All rows see the same images in the same order. Intervals are by bootstrap over the images. Each row is "
        "tested "
        "against the first, in pairs: accuracy (McNemar), mean NLL, AUROC of each foreign set (DeLong); with several "
        "seeds, seed by seed, as many as both have. One model is in memory at a time.\n\n"
        "\"mpirun -np N spinscale compare ...\" shares the images among N processes; the numbers are those of one.",
    .examples = "  spinscale compare point=run1 vi=run2 both=run1+run2 --data fashion-mnist --foreign kmnist\n"
                "  spinscale compare sd=sd1,sd2,sd3 vi=vi1,vi2,vi3 --data fashion-mnist --out compared",
    .options = options_table,
    .options_bytes = sizeof(struct compare_options),
    .run = run,
    .spreads = 1,
};
