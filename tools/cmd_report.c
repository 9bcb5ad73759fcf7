/* SPDX-License-Identifier: MIT */
/* report: one page on what models know, and what they do not. */
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "commands.h"
#include "console.h"
#include "measure.h"
#include "page_parts.h"
#include "spinscale/data.h"
#include "spinscale/file.h"
#include "spinscale/foreign.h"
#include "subject.h"
#include "suite.h"

enum { AWAY_MAX = 14, PATH_BYTES = 4400 };

struct report_options {
    const char *data, *data_dir, *suite, *out, *engine, *figures;
    struct sps_texts foreign;
    struct sps_count samples, seed, data_seed, threads, images, bootstrap;
    struct sps_measure_options measure;
};

static const struct sps_option options_table[] = {
    {.name = "data",
     .letter = 'd',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct report_options, data),
     .argument = "NAME|PATH",
     .required = 1,
     .help = "data set whose test part is home: a name that \"spinscale info\" lists, or a folder or file "
             "(docs/data.md)"},
    SPS_OPTION_DATA_DIR(struct report_options),
    SPS_OPTION_DATA_SEED(struct report_options),
    {.name = "foreign",
     .type = SPS_OPTION_TEXTS,
     .offset = offsetof(struct report_options, foreign),
     .argument = "NAME|PATH",
     .help = "a foreign set, as for eval; may be repeated. Where none is given and --suite has ood: noise, home with "
             "noise, and the registered sets of the same colours that are at hand"},
    {.name = "suite",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct report_options, suite),
     .argument = "NAMES",
     .default_text = "id,rotation,noise,ood",
     .help = "what is looked at beside the clean images (id), separated by commas: rotation, noise, corruption, extra, "
             "ood, or all"},
    {.name = "samples",
     .letter = 'T',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct report_options, samples),
     .argument = "T",
     .default_text = "20",
     .min = 1,
     .max = 1000,
     .help = "passes per image, each along a path drawn at random"},
    {.name = "seed",
     .letter = 's',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct report_options, seed),
     .argument = "N",
     .default_text = "1",
     .help = "seed of the paths; same seed, same numbers"},
    {.name = "images",
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct report_options, images),
     .argument = "N",
     .min = 1,
     .max = 1e9,
     .help = "look at the first N images of each set; all where not given"},
    {.name = "bootstrap",
     .letter = 'B',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct report_options, bootstrap),
     .argument = "B",
     .default_text = "1000",
     .max = 1000000,
     .help = "resamples for intervals at --level; 0: none"},
    SPS_OPTIONS_MEASURE(struct report_options),
    SPS_OPTION_THREADS(struct report_options),
    SPS_OPTION_ENGINE(struct report_options),
    {.name = "figures",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct report_options, figures),
     .argument = "auto|gnuplot|own",
     .default_text = "auto",
     .help =
         "who draws the figures: gnuplot, or the program itself (own), which gives the same bytes on every machine; "
         "auto: gnuplot where it is installed"},
    {.name = "out",
     .letter = 'o',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct report_options, out),
     .argument = "FILE.html",
     .default_text = "report.html",
     .help = "the page; numbers, gnuplot files and what an interrupted report goes on from are put into FILE_files/"},
    {.name = NULL}};

struct work {
    const struct report_options *options;
    struct sps_shown shown;
    struct sps_shown_model model[SPS_SHOWN_MODELS];
    struct sps_subject subject[SPS_SHOWN_MODELS];
    struct sps_predict_options predict;
    sps_dataset *set;
    sps_foreign *foreign[AWAY_MAX];
    struct sps_images away[AWAY_MAX];
    char folder[PATH_BYTES]; /* FILE_files */
    char missing[256];       /* sets that are not at hand */
    int use_gnuplot;
    int at;             /* model at work */
    const char *what;   /* set at work */
    double done, steps; /* of all sets */
};

/* ---- models ---- */

/* Shipped models are called NET-DATA-METHOD; the set needs not be said again and again. */
static void drop_data(char *name, const char *data)
{
    char part[80];
    snprintf(part, sizeof part, "-%.70s-", data);
    char *at = strstr(name, part);
    if (at != NULL && at != name)
        memmove(at, at + strlen(part) - 1, strlen(at + strlen(part) - 1) + 1);
}

/* The last part of a path that says something: "run" of RUN/run/model.safetensors. */
static void choose_name(struct work *w, int at, const char *path)
{
    static const char *const endings[] = {"/", "/model.safetensors", ".safetensors"};
    size_t length = strlen(path);
    char *name = w->model[at].name;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strncmp(path + length - ending, endings[i], ending) == 0)
            length -= ending;
    }
    const char *from = path + length;
    while (from > path && from[-1] != '/')
        from--;
    char plain[256];
    int room = (int)sizeof w->model[at].name - 8, same = 1;
    snprintf(plain, sizeof plain, "%.*s", (int)(path + length - from), from);
    drop_data(plain, w->subject[at].predictor.info->data);
    snprintf(name, sizeof w->model[at].name, "%.*s", room, plain);
    for (int m = 0; m < at; m++)
        if (strcmp(w->model[m].name, name) == 0) {
            snprintf(name, sizeof w->model[at].name, "%.*s (%d)", room, plain, ++same);
            m = -1;
        }
}

/* A run leaves metrics.jsonl beside its model: a line for each epoch. */
static int read_curve(json_t **out, const char *model_path)
{
    char path[PATH_BYTES];
    const char *slash = strrchr(model_path, '/');
    int length = slash != NULL ? (int)(slash - model_path) + 1 : 0, line = 0, failed = 0;
    snprintf(path, sizeof path, "%.*smetrics.jsonl", length, model_path);
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return 0;
    json_t *list = json_array();
    json_error_t error;
    char *text = NULL;
    size_t room = 0;
    while (!failed && getline(&text, &room, in) > 0) {
        json_t *row = json_loads(text, 0, &error);
        line++;
        if (!json_is_object(row))
            failed = sps_console_error("'%s', line %d: must be a JSON object", path, line);
        else
            json_array_append(list, row);
        json_decref(row);
    }
    free(text);
    fclose(in);
    if (!failed && json_array_size(list) > 0)
        *out = json_incref(list);
    json_decref(list);
    return failed;
}

static int open_model(struct work *w, int at, const char *path)
{
    const struct sps_session_options session = {.threads = (int)w->options->threads.value};
    struct sps_shown_model *model = &w->model[at];
    struct sps_subject *subject = &w->subject[at];
    const struct sps_images *home = &w->shown.home;
    int failed = sps_subject_open(subject, path, w->options->engine, &session);
    w->shown.models = at + 1;
    if (failed)
        return failed;
    const struct sps_model_info *info = subject->predictor.info;
    choose_name(w, at, path);
    model->path = path;
    model->engine = strcmp(subject->engine, "graph") == 0 ? "training graph" : "packed engine";
    model->info = info;
    model->predictor = &subject->predictor;
    if (info->height != home->height || info->width != home->width || info->channels != home->channels)
        return sps_console_error("images of '%s' are %d x %d with %d channel%s, '%s' reads %d x %d with %d", home->name,
                                 home->height, home->width, home->channels, home->channels == 1 ? "" : "s", path,
                                 info->height, info->width, info->channels);
    sps_status status = sps_hash_file(model->sha256, &model->bytes, subject->path);
    if (status != SPS_OK)
        return sps_console_failed(status);
    return sps_packed_is(subject->path) ? 0 : read_curve(&model->curve, subject->path);
}

/* ---- sets ---- */

static size_t fewer(const struct work *w, size_t count)
{
    const struct sps_count *images = &w->options->images;
    return images->given && images->value < count ? (size_t)images->value : count;
}

/* given: by the user; else it is left out where it is not at hand. */
static int open_away(struct work *w, const char *name, int given)
{
    const struct sps_count *images = &w->options->images;
    const struct sps_foreign_options options = {.data_dir = w->options->data_dir,
                                                .seed = w->options->data_seed.value,
                                                .count = images->given ? (size_t)images->value : 0};
    const struct sps_images *home = &w->shown.home;
    size_t at = w->shown.away_count;
    if (at == AWAY_MAX)
        return sps_console_error("there are more than %d foreign sets", AWAY_MAX);
    sps_status status = sps_foreign_open(&w->foreign[at], name, home->height, home->width, home->channels, &options);
    if (status == SPS_OK) {
        w->away[at] = sps_foreign_images(w->foreign[at]);
        w->shown.away_count++;
        return 0;
    }
    if (given || status != SPS_ENOTFOUND)
        return sps_console_failed(status);
    size_t used = strlen(w->missing);
    snprintf(w->missing + used, sizeof w->missing - used, "%s%s", used > 0 ? ", " : "", name);
    return 0;
}

static int open_sets_away(struct work *w)
{
    const struct report_options *o = w->options;
    char name[128];
    int failed = 0;
    for (size_t i = 0; i < o->foreign.count && !failed; i++)
        failed = open_away(w, o->foreign.item[i], 1);
    if (o->foreign.count > 0 || !(sps_suite_has(o->suite, "ood") || sps_suite_has(o->suite, "all")))
        return failed;
    for (size_t i = 0; !failed && sps_suite_foreign(name, i, w->model[0].info, w->shown.home.name, o->data); i++)
        failed = open_away(w, name, 0);
    if (w->missing[0] != '\0' && !failed && !sps_console_quiet)
        sps_console_say(
            "note: foreign sets that are not at hand are left out: %s (\"spinscale info\" says how to get them)",
            w->missing);
    return failed;
}

/* ---- predictions ---- */

static void show_progress(void *user, size_t done, size_t total)
{
    const struct work *w = user;
    char after[192];
    if (!sps_console_progress_due())
        return;
    snprintf(after, sizeof after, "%s: %s", w->model[w->at].name, w->what);
    sps_console_progress("predicting", (w->done + (double)done / (double)total) / w->steps, after);
}

static sps_status predict(struct work *w, struct sps_shown_set *out, const struct sps_images *images, int labelled)
{
    w->what = images->name;
    sps_status status =
        sps_shown_set_predict(out, &w->shown, w->model[w->at].predictor, images, labelled, show_progress, w);
    w->done++;
    return status;
}

static sps_status predict_all(struct work *w)
{
    sps_status status = SPS_OK;
    w->steps = (double)w->shown.models * (double)(1 + w->shown.away_count);
    for (w->at = 0; w->at < w->shown.models && status == SPS_OK; w->at++) {
        struct sps_shown_model *model = &w->model[w->at];
        model->away = calloc(w->shown.away_count + 1, sizeof *model->away);
        status = model->away != NULL ? predict(w, &model->home, &w->shown.home, 1) : SPS_ENOMEM;
        for (size_t a = 0; a < w->shown.away_count && status == SPS_OK; a++)
            status = predict(w, &model->away[a], &w->away[a], 0);
    }
    sps_console_progress_clear();
    return status;
}

/* ---- shifted images ---- */

/* Those suites of the wanted ones that shift images. */
static int choose_suites(char names[64], const char *wanted)
{
    static const char *const shifts[] = {"rotation", "noise", "corruption", "extra"};
    size_t used = 0;
    names[0] = '\0';
    for (size_t i = 0; i < sizeof shifts / sizeof *shifts; i++)
        if (sps_suite_has(wanted, shifts[i]) || sps_suite_has(wanted, "all"))
            used += (size_t)snprintf(names + used, 64 - used, "%s%s", used > 0 ? "," : "", shifts[i]);
    return used > 0;
}

static int shift_model(struct work *w, struct sps_shown_model *model, const char *names)
{
    const struct sps_shown_set *home = &model->home;
    double *entropy = malloc((home->count + 1) * sizeof *entropy),
           *information = malloc((home->count + 1) * sizeof *information);
    char folder[PATH_BYTES + 64];
    snprintf(folder, sizeof folder, "%s/suite-%s", w->folder, model->name);
    for (char *c = folder + strlen(w->folder) + 1; *c != '\0'; c++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c) == NULL)
            *c = '_';
    struct sps_suite suite = {.names = names,
                              .folder = folder,
                              .data_dir = w->options->data_dir,
                              .data_seed = w->options->data_seed.value,
                              .predict = w->predict,
                              .rule = w->shown.rule,
                              .model = model->path,
                              .data = w->options->data,
                              .home_entropy = entropy,
                              .home_mutual_information = information,
                              .home_count = home->count};
    memcpy(suite.model_sha256, model->sha256, sizeof suite.model_sha256);
    snprintf(suite.data_sha256, sizeof suite.data_sha256, "%s", sps_dataset_get_info(w->set)->sha256);
    for (size_t i = 0; i < home->count && entropy != NULL && information != NULL; i++) {
        entropy[i] = home->summaries[i].entropy;
        information[i] = home->summaries[i].mutual_information;
    }
    json_t *result = NULL;
    int failed = entropy == NULL || information == NULL
                     ? sps_console_error("out of memory")
                     : sps_suite_make(&result, &suite, model->predictor, &w->shown.home);
    if (!failed)
        model->shifts = json_incref(json_object_get(result, "rows"));
    json_decref(result);
    free(entropy);
    free(information);
    return failed;
}

/* ---- the page ---- */

static sps_status write_parts(sps_page *page, const struct sps_shown *shown)
{
    static sps_status (*const parts[])(sps_page * page, const struct sps_shown *shown) = {
        sps_show_headline,   sps_show_about,   sps_show_curve,  sps_show_calibration,
        sps_show_abstention, sps_show_foreign, sps_show_shifts, sps_show_examples};
    sps_status status = SPS_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == SPS_OK; i++)
        status = parts[i](page, shown);
    return status;
}

static sps_status write_page(const struct work *w)
{
    sps_page *page = NULL;
    char title[256];
    if (w->shown.models == 1)
        snprintf(title, sizeof title, "%s on %s", w->model[0].name, w->shown.home.name);
    else
        snprintf(title, sizeof title, "%d models on %s", w->shown.models, w->shown.home.name);
    sps_status status = sps_page_create(&page, title);
    if (status != SPS_OK)
        return status;
    sps_page_keep(page, w->folder);
    if (w->use_gnuplot)
        sps_page_use_gnuplot(page);
    sps_cells_paragraph(page,
                        "spinscale %s, seed %llu, T = %u. All numbers as CSV, and a gnuplot file for each figure: %s/",
                        sps_version(), (unsigned long long)w->predict.seed, (unsigned)w->shown.passes,
                        strrchr(w->folder, '/') != NULL ? strrchr(w->folder, '/') + 1 : w->folder);
    status = write_parts(page, &w->shown);
    if (status == SPS_OK)
        status = sps_page_save(page, w->options->out);
    sps_page_free(page);
    return status;
}

static int choose_figures(struct work *w)
{
    const char *figures = w->options->figures;
    int automatic = strcmp(figures, "auto") == 0;
    if (!automatic && strcmp(figures, "gnuplot") != 0 && strcmp(figures, "own") != 0)
        return sps_console_usage("--figures is '%s', must be auto, gnuplot or own", figures);
    if (strcmp(figures, "own") == 0)
        return 0;
    sps_status status = sps_report_find_gnuplot();
    w->use_gnuplot = status == SPS_OK;
    return status == SPS_OK || automatic ? 0 : sps_console_failed(status);
}

/* "report.html" has its files in "report_files". */
static int make_folder(struct work *w)
{
    const char *out = w->options->out;
    size_t length = strlen(out), stem = length > 5 && strcmp(out + length - 5, ".html") == 0 ? length - 5 : length;
    if (stem + sizeof "_files" > sizeof w->folder)
        return sps_console_usage("--out is too long");
    snprintf(w->folder, sizeof w->folder, "%.*s_files", (int)stem, out);
    sps_status status = sps_make_folder(w->folder);
    return status == SPS_OK ? 0 : sps_console_failed(status);
}

static int make(struct work *w, char *const *operands, int operand_count)
{
    char names[64];
    int failed = 0;
    sps_status status = sps_dataset_open(&w->set, w->options->data, SPS_TEST, w->options->data_dir);
    if (status != SPS_OK)
        return sps_console_failed(status);
    w->shown.home = sps_dataset_images(w->set);
    w->shown.home.count = fewer(w, w->shown.home.count);
    for (int m = 0; m < operand_count && !failed; m++)
        failed = open_model(w, m, operands[m]);
    if (!failed)
        failed = open_sets_away(w);
    if (!failed)
        failed = make_folder(w);
    if (failed)
        return failed;
    status = predict_all(w);
    if (status != SPS_OK)
        return sps_console_failed(status);
    for (int m = 0; m < operand_count && !failed && choose_suites(names, w->options->suite); m++)
        failed = shift_model(w, &w->model[m], names);
    if (failed)
        return failed;
    status = write_page(w);
    if (status != SPS_OK)
        return sps_console_failed(status);
    printf("page   %s\nfiles  %s/ (CSV and gnuplot for each figure, tables.md, rows of the suite)\n", w->options->out,
           w->folder);
    return 0;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    const struct report_options *options = options_pointer;
    struct work *w;
    int exit_status = sps_suite_check(options->suite);
    if (exit_status != 0)
        return exit_status;
    w = calloc(1, sizeof *w);
    if (w == NULL)
        return sps_console_error("out of memory");
    w->options = options;
    w->predict = (struct sps_predict_options)SPS_PREDICT_OPTIONS_DEFAULT;
    w->predict.samples = (uint32_t)options->samples.value;
    w->predict.seed = options->seed.value;
    w->predict.threads = (int)options->threads.value;
    w->shown = (struct sps_shown){.model = w->model,
                                  .data = options->data,
                                  .away = w->away,
                                  .predict = &w->predict,
                                  .passes = (uint32_t)options->samples.value,
                                  .rule = sps_measure_rule(&options->measure),
                                  .level = options->measure.level,
                                  .resamples = (size_t)options->bootstrap.value};
    exit_status = choose_figures(w);
    if (exit_status == 0)
        exit_status = make(w, operands, operand_count);
    for (int m = 0; m < SPS_SHOWN_MODELS; m++) {
        struct sps_shown_model *model = &w->model[m];
        sps_shown_set_reset(&model->home);
        for (size_t a = 0; a < w->shown.away_count && model->away != NULL; a++)
            sps_shown_set_reset(&model->away[a]);
        free(model->away);
        json_decref(model->shifts);
        json_decref(model->curve);
        sps_subject_close(&w->subject[m]);
    }
    for (int a = 0; a < AWAY_MAX; a++)
        sps_foreign_close(w->foreign[a]);
    sps_dataset_free(w->set);
    free(w);
    return exit_status;
}

const struct sps_command sps_cmd_report = {
    .operands = "RUN|MODEL... --data NAME|PATH [options]",
    .operands_min = 1,
    .operands_max = SPS_SHOWN_MODELS,
    .description =
        "Writes one HTML page, without scripts and without network: what each model is, how training went (for the "
        "folder of a run), its numbers with intervals, calibration, what leaving out the least certain answers brings, "
        "foreign and shifted images, and examples with probabilities, interval and verdict. Several models stand side "
        "by side in each figure.\n\n"
        "Figures are drawn by gnuplot where it is installed. Beside the page, FILE_files/ has the numbers of each "
        "figure and table as CSV, a gnuplot file to draw each figure again, all tables in tables.md, and the rows of "
        "the suite: an interrupted report goes on from these (docs/report.md).",
    .examples = "  spinscale report out --data fashion-mnist -o report.html\n"
                "  spinscale report vi dropout.safetensors --data fashion-mnist --suite all\n"
                "  spinscale report out --data fashion-mnist --foreign kmnist --foreign noise-uniform --images 1000",
    .options = options_table,
    .options_bytes = sizeof(struct report_options),
    .run = run,
};
