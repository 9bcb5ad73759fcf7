/* SPDX-License-Identifier: MIT */
/* study: the papers' experiments on uncertainty, one by one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "spinscale/data.h"
#include "spinscale/file.h"
#include "study.h"
#include "subject.h"

#define SPS_STUDY_EXTERN(name) extern const struct sps_study sps_study_##name;
SPS_STUDIES(SPS_STUDY_EXTERN)

static const struct sps_study *const studies[] = {
#define SPS_STUDY_ROW(name) &sps_study_##name,
    SPS_STUDIES(SPS_STUDY_ROW)};
enum { STUDIES = sizeof studies / sizeof *studies };

static const struct sps_option options_table[] = {
    {.name = "data",
     .letter = 'd',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct sps_study_options, data),
     .argument = "NAME|PATH",
     .required = 1,
     .help = "images at home, the test part: a name that \"spinscale info\" lists, or a folder or file (docs/data.md); "
             "to choose something by a study, give it validation images"},
    SPS_OPTION_DATA_DIR(struct sps_study_options),
    SPS_OPTION_DATA_SEED(struct sps_study_options),
    {.name = "foreign",
     .letter = 'f',
     .type = SPS_OPTION_TEXTS,
     .offset = offsetof(struct sps_study_options, foreign),
     .argument = "NAME|PATH",
     .help = "foreign images, as for eval; may be repeated (samples takes one)"},
    {.name = "samples",
     .letter = 'T',
     .type = SPS_OPTION_COUNTS,
     .offset = offsetof(struct sps_study_options, samples),
     .argument = "T...",
     .min = 1,
     .max = SPS_SAMPLES_MAX,
     .help = "samples, normality: numbers of passes to look at (default 1 2 3 5 10 20 50 100, normality 1 2 5 10 20 "
             "50); nll-rule, spread: passes (default 20)"},
    {.name = "repeat",
     .letter = 'R',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct sps_study_options, repeat),
     .argument = "R",
     .default_text = "10",
     .min = 1,
     .max = 10000,
     .help = "samples: independent draws of each number of passes"},
    {.name = "exact-paths",
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct sps_study_options, exact_paths),
     .argument = "N",
     .default_text = "4096",
     .min = 0,
     .max = SPS_EXACT_PATHS_MAX,
     .help = "samples: walk all paths, too, where there are at most N"},
    {.name = "tolerance",
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct sps_study_options, tolerance),
     .argument = "SHARE",
     .default_text = "0.005",
     .min = 0,
     .max = 1,
     .help = "samples: enough passes have the NLL of all, or the most, paths but for this share of it"},
    {.name = "auroc-tolerance",
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct sps_study_options, auroc_tolerance),
     .argument = "AREA",
     .default_text = "0.005",
     .min = 0,
     .max = 1,
     .help = "samples: and, with --foreign, its AUROC but for this much"},
    {.name = "score",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct sps_study_options, score),
     .argument = "entropy|mutual_information",
     .help = "samples: the score of that AUROC (default entropy)"},
    {.name = "passes",
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct sps_study_options, passes),
     .argument = "M",
     .default_text = "5000",
     .min = 2,
     .max = SPS_SAMPLES_MAX,
     .help = "normality: passes per image"},
    {.name = "images",
     .letter = 'n',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct sps_study_options, images),
     .argument = "N",
     .default_text = "500",
     .min = 1,
     .max = 1000000,
     .help = "normality: images, the first of the set"},
    {.name = "classes",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct sps_study_options, classes),
     .argument = "predicted|label",
     .help = "normality: look at the probability and the logit of which class (default predicted)"},
    {.name = "spreads",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct sps_study_options, spreads),
     .argument = "S,S,...",
     .help = "spread: standard deviations of p from chip to chip, each 0 to 1 (default 0,0.05,0.1,0.2)"},
    {.name = "chips",
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct sps_study_options, chips),
     .argument = "M",
     .default_text = "20",
     .min = 1,
     .max = 100000,
     .help = "spread: chips of each"},
    {.name = "seed",
     .letter = 's',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct sps_study_options, seed),
     .argument = "N",
     .default_text = "1",
     .help = "seed of the paths; same seed, same numbers"},
    SPS_OPTIONS_ACCEPT(struct sps_study_options),
    SPS_OPTION_THREADS(struct sps_study_options),
    SPS_OPTION_ENGINE(struct sps_study_options),
    {.name = "out",
     .letter = 'o',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct sps_study_options, out),
     .argument = "DIR",
     .help = "folder for NAME.json and the tables, NAME_*.csv"},
    SPS_OPTION_JSON(struct sps_study_options),
    {.name = NULL}};

/* ---- what studies share ---- */

json_t *sps_study_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

long long sps_study_integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

void sps_study_print(double value, double by, int width, int digits)
{
    if (isnan(value))
        printf(" %*s", width, "-");
    else
        printf(" %*.*f", width, digits, by * value);
}

struct sps_predict_options sps_study_predict(const struct sps_study_options *options, size_t passes)
{
    struct sps_predict_options predict = SPS_PREDICT_OPTIONS_DEFAULT;
    predict.samples = (uint32_t)passes;
    predict.seed = options->seed.value;
    predict.threads = (int)options->threads.value;
    return predict;
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

int sps_study_lengths(size_t *out, size_t *count, size_t room, const struct sps_study_options *options,
                      const size_t *standard, size_t standard_count)
{
    size_t given = options->samples.count > 0 ? options->samples.count : standard_count, kept = 0;
    if (given > room)
        return sps_console_usage("--samples has %zu numbers, at most %zu are looked at", given, room);
    for (size_t i = 0; i < given; i++)
        out[i] = options->samples.count > 0 ? (size_t)options->samples.item[i] : standard[i];
    qsort(out, given, sizeof *out, by_size);
    for (size_t i = 0; i < given; i++)
        if (kept == 0 || out[kept - 1] != out[i])
            out[kept++] = out[i];
    *count = kept;
    return 0;
}

sps_status sps_study_foreign(sps_foreign **out, const char *name, const struct sps_study_subject *subject)
{
    const struct sps_model_info *about = subject->predictor->info;
    const struct sps_foreign_options how = {.data_dir = subject->options->data_dir,
                                            .seed = subject->options->data_seed.value};
    return sps_foreign_open(out, name, about->height, about->width, about->channels, &how);
}

void sps_study_progress(void *pointer, size_t done, size_t total)
{
    const struct sps_study_progress *progress = pointer;
    if (sps_console_progress_due())
        sps_console_progress("studying",
                             ((double)progress->at + (double)done / (double)total) / (double)progress->parts,
                             progress->what);
}

/* ---- output ---- */

/* An array of flat objects as CSV; the columns are the first one's. */
static sps_status save_table(const char *folder, const char *study, const char *key, const json_t *rows)
{
    char *text = NULL, path[4600], name[64];
    size_t bytes = 0, i;
    const char *column;
    json_t *row, *ignored;
    FILE *out = open_memstream(&text, &bytes);
    if (out == NULL)
        return SPS_ENOMEM;
    json_t *first = json_array_get(rows, 0);
    json_object_foreach(first, column, ignored) fprintf(out, "%s%s", ftell(out) > 0 ? "," : "", column);
    json_array_foreach((json_t *)rows, i, row)
    {
        const char *before = "\n";
        json_object_foreach(first, column, ignored)
        {
            const json_t *value = json_object_get(row, column);
            fputs(before, out);
            before = ",";
            if (json_is_string(value))
                fputs(json_string_value(value), out);
            else if (json_is_boolean(value))
                fputs(json_is_true(value) ? "1" : "0", out);
            else if (json_is_number(value))
                fprintf(out, "%.9g", json_number_value(value));
        }
    }
    fputc('\n', out);
    snprintf(name, sizeof name, "%s_%s.csv", study, key);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    sps_status status = fclose(out) == 0 ? sps_file_save(path, text, bytes) : SPS_ENOMEM;
    free(text);
    return status;
}

static sps_status save(const char *folder, const struct sps_study *study, const json_t *result)
{
    char name[64];
    snprintf(name, sizeof name, "%s.json", study->name);
    sps_status status = sps_make_folder(folder);
    if (status == SPS_OK)
        status = sps_cli_report_save(folder, name, result);
    for (int i = 0; study->tables[i] != NULL && status == SPS_OK; i++)
        status = save_table(folder, study->name, study->tables[i], json_object_get(result, study->tables[i]));
    return status;
}

static void print_head(const struct sps_study *study, const json_t *result)
{
    printf("%s: %s (%s)\nmodel ", study->name, study->summary, study->source);
    sps_cli_report_plain(stdout, json_string_value(json_object_get(result, "model")));
    printf(", %lld images of %s\n\n", sps_study_integer(result, "n"),
           json_string_value(json_object_get(result, "data")));
}

static int study_it(const struct sps_study *study, const char *path, const struct sps_study_options *options,
                    struct sps_subject *subject, const sps_dataset *set)
{
    char hash[65];
    size_t bytes = 0;
    const struct sps_images home = sps_dataset_images(set);
    const struct sps_study_subject about = {options, &subject->predictor, subject->packed, &home};
    const struct sps_model_info *model = subject->predictor.info;
    if (home.height != model->height || home.width != model->width || home.channels != model->channels)
        return sps_console_error("images of '%s' are %d x %d with %d channels, the model reads %d x %d with %d",
                                 home.name, home.height, home.width, home.channels, model->height, model->width,
                                 model->channels);
    sps_status status = sps_hash_file(hash, &bytes, subject->path);
    if (status != SPS_OK)
        return sps_console_failed(status);
    json_t *result = json_pack("{s:s,s:o,s:s,s:o,s:s,s:I,s:I}", "study", study->name, "model",
                               sps_cli_report_string(path), "model_sha256", hash, "data",
                               sps_cli_report_string(home.name), "data_sha256", sps_dataset_get_info(set)->sha256, "n",
                               (json_int_t)home.count, "seed", (json_int_t)options->seed.value);
    if (result == NULL)
        return sps_console_error("out of memory");
    int exit_status = study->make(result, &about);
    sps_console_progress_clear();
    if (exit_status == 0 && options->out != NULL) {
        status = save(options->out, study, result);
        exit_status = status == SPS_OK ? 0 : sps_console_failed(status);
    }
    if (exit_status == 0 && options->json)
        return sps_cli_report_dump(result);
    if (exit_status == 0) {
        print_head(study, result);
        study->print(result);
    }
    json_decref(result);
    return exit_status;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    (void)operand_count;
    const struct sps_study_options *options = options_pointer;
    const struct sps_session_options session = {.threads = (int)options->threads.value};
    const struct sps_study *study = NULL;
    struct sps_subject subject;
    sps_dataset *set = NULL;
    for (size_t i = 0; i < STUDIES; i++)
        if (strcmp(operands[0], studies[i]->name) == 0)
            study = studies[i];
    if (study == NULL)
        return sps_console_usage("there is no study '%s'; \"spinscale study --help\" lists them", operands[0]);
    int exit_status = sps_subject_open(&subject, operands[1], options->engine, &session);
    if (exit_status == 0) {
        sps_status status = sps_dataset_open(&set, options->data, SPS_TEST, options->data_dir);
        exit_status =
            status == SPS_OK ? study_it(study, operands[1], options, &subject, set) : sps_console_failed(status);
    }
    sps_dataset_free(set);
    sps_subject_close(&subject);
    return exit_status;
}

static sps_status print_studies(FILE *out)
{
    fputs("Studies:\n", out);
    for (size_t i = 0; i < STUDIES; i++)
        fprintf(out, "  %-12s %s\n  %-12s [%s]\n", studies[i]->name, studies[i]->summary, "", studies[i]->source);
    return SPS_OK;
}

const struct sps_command sps_cmd_study = {
    .operands = "NAME MODEL --data NAME|PATH [options]",
    .operands_min = 2,
    .operands_max = 2,
    .description = "One of the papers' experiments on uncertainty, on any model and data set (docs/uncertainty.md). "
                   "MODEL is a packed model, a model file, or the folder that \"spinscale train\" left. Passes are "
                   "addressed by seed, image and number, so fewer passes are the first of more, and nothing is drawn "
                   "twice. NLL and entropies are in nats.",
    .examples = "  spinscale study samples out --data ./val --foreign kmnist\n"
                "  spinscale study normality out --data ./val --images 200 --out normality\n"
                "  spinscale study nll-rule out --data fashion-mnist --foreign kmnist --foreign mnist --json",
    .options = options_table,
    .options_bytes = sizeof(struct sps_study_options),
    .details = print_studies,
    .run = run,
};
