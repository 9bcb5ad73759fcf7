/* SPDX-License-Identifier: MIT */
/* train: a configuration in, a folder out. */
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "report.h"
#include "spinscale/file.h"
#include "spinscale/train.h"

struct train_options {
    const char *config, *out, *data_dir, *budget, *range_test;
    struct sps_texts sets;
    struct sps_count seed, seeds, threads;
    int resume, profile, quiet, json;
};

enum { SEEDS_MAX = 1000 };

static const struct sps_option options_table[] = {
    {.name = "config",
     .letter = 'c',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct train_options, config),
     .argument = "FILE|PRESET",
     .help =
         "a file (with a '/' in it, or ending in .yaml) or a preset that \"spinscale info\" lists; with --resume, the "
         "run's own where it is not given"},
    {.name = "set",
     .type = SPS_OPTION_TEXTS,
     .offset = offsetof(struct train_options, sets),
     .argument = "key=value",
     .help = "change one setting, for example train.epochs=3; may be repeated"},
    {.name = "out",
     .letter = 'o',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct train_options, out),
     .argument = "DIR",
     .required = 1,
     .help = "folder for config.yaml (resolved), metrics.jsonl, checkpoint.safetensors and model.safetensors"},
    {.name = "seed",
     .letter = 's',
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct train_options, seed),
     .argument = "N",
     .max = 9007199254740992.0, /* as run.seed */
     .help = "seed of the run, instead of the configuration's"},
    {.name = "seeds",
     .type = SPS_OPTION_COUNT,
     .offset = offsetof(struct train_options, seeds),
     .argument = "N",
     .min = 1,
     .max = SEEDS_MAX,
     .help = "N runs that differ in their seed alone, from --seed (or 1) on, into DIR/seed-1, DIR/seed-2, ...; with "
             "--resume those that were interrupted go on, and those that are done only repeat their end"},
    {.name = "budget",
     .letter = 'b',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct train_options, budget),
     .argument = "TIME",
     .help =
         "how long all of it may take, for example 90m, 1h30m or 45s: the first steps are timed, and train.epochs is "
         "chosen by that"},
    {.name = "range-test",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct train_options, range_test),
     .argument = "[LOW:HIGH[:STEPS]]",
     .bare_text = "1e-5:10",
     .help =
         "no training, but a look for the learning rate: 200 steps at rates that rise from LOW to HIGH (1e-5:10), to "
         "range.csv in DIR, and a suggestion"},
    SPS_OPTION_THREADS(struct train_options),
    SPS_OPTION_DATA_DIR(struct train_options),
    {.name = "resume",
     .letter = 'r',
     .type = SPS_OPTION_FLAG,
     .offset = offsetof(struct train_options, resume),
     .help = "go on from the checkpoint in DIR; bit for bit the same run with one thread"},
    {.name = "profile",
     .type = SPS_OPTION_FLAG,
     .offset = offsetof(struct train_options, profile),
     .help = "say at the end, also after Ctrl-C, where the time went: each layer forward and backward, data, update, "
             "validation"},
    {.name = "quiet",
     .type = SPS_OPTION_FLAG,
     .offset = offsetof(struct train_options, quiet),
     .help = "no progress on standard error, only warnings"},
    SPS_OPTION_JSON(struct train_options),
    {.name = NULL}};

static volatile sig_atomic_t stop;

/* The first signal asks for a checkpoint and a clean end; the second one kills, as if nothing was caught. */
static void request_stop(int signal_number)
{
    (void)signal_number;
    stop = 1;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

struct shown {
    double last_validation;
    char run[32]; /* "seed 2: " where there are several */
};

static void draw_bar(const struct sps_train_progress *now, const struct shown *shown)
{
    if (!sps_console_progress_due())
        return;
    char before[64], after[192], left[32], validation[48] = "";
    sps_console_duration(left, now->seconds_left);
    if (isfinite(shown->last_validation))
        snprintf(validation, sizeof validation, ", validation %.2f %%", 100.0 * shown->last_validation);
    snprintf(before, sizeof before, "%sepoch %d/%d", shown->run, now->epoch, now->epochs);
    snprintf(after, sizeof after, "%s left, loss %.3f%s, %.0f images/s", left, now->loss, validation,
             now->images_per_s);
    double steps = now->steps > 0 ? (double)now->steps : 1.0;
    double share = ((double)(now->epoch - 1) + (double)now->step / steps) / (double)(now->epochs > 0 ? now->epochs : 1);
    sps_console_progress(before, share, after);
}

static void log_epoch(const struct sps_train_progress *now, const struct shown *shown)
{
    char left[32], validation[128] = "";
    sps_console_duration(left, now->seconds_left);
    if (isfinite(now->validation_accuracy))
        snprintf(validation, sizeof validation,
                 "%.2f %% in validation, validation NLL %.4f nats, mutual information %.4f nats, ",
                 100.0 * now->validation_accuracy, now->validation_nll, now->mutual_information);
    sps_console_say("%sepoch %d of %d: loss %.4f nats, accuracy %.2f %% in training, %s%.0f images/s, %s left",
                    shown->run, now->epoch, now->epochs, now->loss, 100.0 * now->train_accuracy, validation,
                    now->images_per_s, left);
}

static void show_progress(void *user, const struct sps_train_progress *now)
{
    struct shown *shown = user;
    if (now->epoch_done && isfinite(now->validation_accuracy))
        shown->last_validation = now->validation_accuracy;
    if (sps_console_is_terminal())
        draw_bar(now, shown);
    else if (now->epoch_done && !sps_console_quiet)
        log_epoch(now, shown);
}

/* ---- where the time went ---- */

struct part {
    const char *name;
    double seconds;
};

/* What every step has beside its layers, and what a run has beside its steps. */
enum { STEP_PARTS = 3, RUN_PARTS = 5 };
static void step_parts(struct part out[STEP_PARTS], const struct sps_train_profile *p)
{
    const struct part parts[STEP_PARTS] = {{"data", p->data}, {"loss", p->loss}, {"update", p->update}};
    memcpy(out, parts, sizeof parts);
}
static void run_parts(struct part out[RUN_PARTS], const struct sps_train_profile *p)
{
    const struct part parts[RUN_PARTS] = {
        {"setup", p->setup}, {"validation", p->validation}, {"files", p->files}, {"end", p->end}, {"other", p->other}};
    memcpy(out, parts, sizeof parts);
}

static void print_profile(const struct sps_train_profile *p)
{
    struct part step[STEP_PARTS], run[RUN_PARTS];
    double images = p->images > 0 ? (double)p->images : NAN;
    double steps = p->forward + p->backward + p->data + p->loss + p->update;
    step_parts(step, p);
    run_parts(run, p);
    printf("\n%-16s %12s %12s %12s %12s %9s\n", "layer", "MACs", "forward", "backward", "both", "share");
    printf("%-16s %12s %12s %12s %12s %9s\n", "", "an image", "us an image", "us an image", "us an image", "of a step");
    for (size_t i = 0; i < p->layer_count; i++) {
        const struct sps_train_profile_layer *layer = &p->layers[i];
        double both = layer->forward + layer->backward;
        printf("%3zu %-12s %12zu %12.2f %12.2f %12.2f %7.1f %%\n", i, layer->type, layer->macs,
               1e6 * layer->forward / images, 1e6 * layer->backward / images, 1e6 * both / images, 100 * both / steps);
    }
    for (int i = 0; i < STEP_PARTS; i++)
        printf("%-16s %12s %12s %12s %12.2f %7.1f %%\n", step[i].name, "", "", "", 1e6 * step[i].seconds / images,
               100 * step[i].seconds / steps);
    printf("%-16s %12s %12.2f %12.2f %12.2f %7.1f %%\n", "a step", "", 1e6 * p->forward / images,
           1e6 * p->backward / images, 1e6 * steps / images, 100.0);
    printf("\n%-16s %12.2f s\n", "all steps", steps);
    for (int i = 0; i < RUN_PARTS; i++)
        printf("%-16s %12.2f s\n", run[i].name, run[i].seconds);
    printf("%-16s %12.2f s\n", "total", p->total);
}

static json_t *profile_json(const struct sps_train_profile *p)
{
    struct sps_cli_report report = {0};
    struct part step[STEP_PARTS], run[RUN_PARTS];
    json_t *layers = json_array();
    step_parts(step, p);
    run_parts(run, p);
    sps_cli_report_count(&report, "images", p->images, NULL);
    sps_cli_report_real(&report, "total", p->total, NULL);
    sps_cli_report_real(&report, "forward", p->forward, NULL);
    sps_cli_report_real(&report, "backward", p->backward, NULL);
    for (int i = 0; i < STEP_PARTS; i++)
        sps_cli_report_real(&report, step[i].name, step[i].seconds, NULL);
    for (int i = 0; i < RUN_PARTS; i++)
        sps_cli_report_real(&report, run[i].name, run[i].seconds, NULL);
    for (size_t i = 0; i < p->layer_count; i++) {
        struct sps_cli_report layer = {0};
        sps_cli_report_count(&layer, "layer", i, NULL);
        sps_cli_report_text(&layer, "type", p->layers[i].type);
        sps_cli_report_count(&layer, "macs", p->layers[i].macs, NULL);
        sps_cli_report_real(&layer, "forward", p->layers[i].forward, NULL);
        sps_cli_report_real(&layer, "backward", p->layers[i].backward, NULL);
        json_array_append_new(layers, sps_cli_report_take(&layer));
    }
    sps_cli_report_value(&report, "layers", layers);
    return sps_cli_report_take(&report);
}

/* ---- results ---- */

static void warn_of_collapse(const char *run)
{
    sps_console_say("%sWARNING: THE POSTERIOR HAS COLLAPSED: the passes of this network (almost) never disagree, its "
                    "uncertainty means nothing; do not use it",
                    run);
}

static int print_result(const struct train_options *options, const struct sps_train_result *result,
                        const struct sps_train_profile *profile)
{
    if (result->collapsed)
        warn_of_collapse("");
    struct sps_cli_report report = {0};
    sps_cli_report_text(&report, "model", result->model);
    sps_cli_report_count(&report, "epochs", (uint64_t)result->epochs, NULL);
    sps_cli_report_count(&report, "best_epoch", (uint64_t)result->best_epoch, NULL);
    sps_cli_report_real(&report, "validation_accuracy", result->validation_accuracy, "(fraction)");
    sps_cli_report_real(&report, "validation_nll", result->validation_nll, "nats");
    sps_cli_report_real(&report, "mutual_information", result->mutual_information, "nats");
    sps_cli_report_flag(&report, "collapsed", result->collapsed);
    sps_cli_report_count(&report, "bank_draws", (uint64_t)result->bank_draws, NULL);
    sps_cli_report_real(&report, "seconds", result->seconds, "s");
    if (options->profile && options->json)
        sps_cli_report_value(&report, "profile", profile_json(profile));
    int exit_status = sps_cli_report_print(&report, options->json);
    if (options->profile && !options->json)
        print_profile(profile);
    return exit_status;
}

/* "90m", "1.5h", "1h30m": a number and its unit, once or more. */
static int read_time(double *seconds, const char *text)
{
    static const struct {
        char letter;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
    double sum = 0;
    const char *at = text;
    while (*at != '\0') {
        char *end;
        size_t digits = strspn(at, "0123456789."), unit = 0;
        double value = strtod(at, &end);
        while (unit < 3 && units[unit].letter != at[digits])
            unit++;
        if (digits == 0 || end != at + digits || unit == 3)
            break;
        sum += value * units[unit].seconds;
        at = end + 1;
    }
    if (at == text || *at != '\0' || !(sum > 0))
        return sps_console_usage("--budget is '%s', must be a time such as 90m, 1h30m or 45s", text);
    *seconds = sum;
    return 0;
}

static int range_usage(const char *text)
{
    return sps_console_usage("--range-test is '%s', must be LOW:HIGH or LOW:HIGH:STEPS, for example 1e-5:1:300", text);
}

/* A number up to `after`. */
static int read_rate(double *value, const char **text, char after)
{
    char *end;
    *value = strtod(*text, &end);
    if (end == *text || *end != after || strspn(*text, "0123456789.eE+-") != (size_t)(end - *text))
        return 0;
    *text = end + (after != '\0');
    return 1;
}

static int print_range(const struct train_options *options, const struct sps_range_result *result)
{
    struct sps_cli_report report = {0};
    sps_cli_report_text(&report, "csv", result->csv);
    sps_cli_report_count(&report, "steps", result->steps, NULL);
    sps_cli_report_real(&report, "suggested_rate", result->suggested, "for train.rate");
    sps_cli_report_real(&report, "near_lowest", result->near_lowest, "where the loss comes within 10 % of its lowest");
    sps_cli_report_real(&report, "lowest", result->lowest, "where the loss is lowest");
    sps_cli_report_real(&report, "diverged", result->diverged, "where it ended");
    sps_cli_report_real(&report, "seconds", result->seconds, "s");
    return sps_cli_report_print(&report, options->json);
}

static int range_test(const struct train_options *options, const struct sps_train_options *train)
{
    double low, high, steps = 200;
    const char *at = options->range_test;
    int counted = strchr(at, ':') != strrchr(at, ':');
    if (!read_rate(&low, &at, ':') || !read_rate(&high, &at, counted ? ':' : '\0') ||
        (counted && !read_rate(&steps, &at, '\0')) || steps != floor(steps) || !(steps >= 0 && steps <= 1e9))
        return range_usage(options->range_test);
    const char *other = options->resume           ? "resume"
                        : options->budget != NULL ? "budget"
                        : options->profile        ? "profile"
                                                  : NULL;
    if (other != NULL)
        return sps_console_usage("--range-test and --%s exclude each other", other);
    struct sps_range_result result = {0};
    sps_status status = sps_train_range(&result, train, low, high, (size_t)steps);
    sps_console_progress_clear();
    return status == SPS_OK ? print_range(options, &result) : sps_console_failed(status);
}

/* ---- several seeds ---- */

/* What came of a seed, in numbers alone: each process fills in those of its seeds, and the sum of all tables, where
 * others have zeros, is exact. */
struct seed_row {
    double done, epochs, best_epoch, validation_accuracy, validation_nll, mutual_information, collapsed, bank_draws,
        seconds;
};

static uint64_t first_seed(const struct train_options *options)
{
    return options->seed.given ? options->seed.value : 1;
}

static int train_seed(struct seed_row *row, const struct sps_train_options *train, uint64_t seed)
{
    struct sps_train_options own = *train;
    struct sps_train_result r = {0};
    struct shown shown = {.last_validation = NAN};
    char folder[4200];
    snprintf(folder, sizeof folder, "%s/seed-%" PRIu64, train->out, seed);
    snprintf(shown.run, sizeof shown.run, "seed %" PRIu64 ": ", seed);
    own.out = folder;
    own.has_seed = 1;
    own.seed = seed;
    own.user = &shown;
    sps_status status = sps_train(&r, &own);
    sps_console_progress_clear();
    if (status != SPS_OK)
        return sps_exit_status(status) == 2 ? sps_console_usage("%s%s", shown.run, sps_last_error())
                                            : sps_console_error("%s%s", shown.run, sps_last_error());
    *row = (struct seed_row){.done = 1,
                             .epochs = r.epochs,
                             .best_epoch = r.best_epoch,
                             .validation_accuracy = r.validation_accuracy,
                             .validation_nll = r.validation_nll,
                             .mutual_information = r.mutual_information,
                             .collapsed = r.collapsed,
                             .bank_draws = r.bank_draws,
                             .seconds = r.seconds};
    return 0;
}

static json_t *seed_json(const struct seed_row *row, const char *out, uint64_t seed)
{
    struct sps_cli_report report = {0};
    char model[4300];
    snprintf(model, sizeof model, "%s/seed-%" PRIu64 "/model.safetensors", out, seed);
    sps_cli_report_count(&report, "seed", seed, NULL);
    sps_cli_report_text(&report, "model", model);
    sps_cli_report_count(&report, "epochs", (uint64_t)row->epochs, NULL);
    sps_cli_report_count(&report, "best_epoch", (uint64_t)row->best_epoch, NULL);
    sps_cli_report_real(&report, "validation_accuracy", row->validation_accuracy, NULL);
    sps_cli_report_real(&report, "validation_nll", row->validation_nll, NULL);
    sps_cli_report_real(&report, "mutual_information", row->mutual_information, NULL);
    sps_cli_report_flag(&report, "collapsed", row->collapsed != 0);
    sps_cli_report_count(&report, "bank_draws", (uint64_t)row->bank_draws, NULL);
    sps_cli_report_real(&report, "seconds", row->seconds, NULL);
    return sps_cli_report_take(&report);
}

/* A run without validation images has no such numbers. */
static void print_number(double value, int width, int digits)
{
    if (isnan(value))
        printf(" %*s", width, "-");
    else
        printf(" %*.*f", width, digits, value);
}

static void print_seed(const struct seed_row *row, const char *out, uint64_t seed)
{
    printf("%6" PRIu64 " %8.0f", seed, row->epochs);
    print_number(100 * row->validation_accuracy, 13, 2);
    print_number(row->validation_nll, 8, 4);
    print_number(row->mutual_information, 8, 4);
    printf(" %8.1f  %s/seed-%" PRIu64 "\n", row->seconds, out, seed);
}

static int print_seeds(const struct train_options *options, const struct seed_row *rows)
{
    const uint64_t first = first_seed(options);
    json_t *list = json_array();
    if (!options->json)
        puts("  seed   epochs  validation %  NLL nat   MI nat  seconds  folder");
    for (uint64_t k = 0; k < options->seeds.value; k++) {
        const struct seed_row *row = &rows[k];
        char run[32];
        snprintf(run, sizeof run, "seed %" PRIu64 ": ", first + k);
        if (row->done == 0)
            continue;
        if (row->collapsed != 0)
            warn_of_collapse(run);
        json_array_append_new(list, seed_json(row, options->out, first + k));
        if (!options->json)
            print_seed(row, options->out, first + k);
    }
    if (options->json)
        return sps_cli_report_dump(json_pack("{s:o}", "seeds", list));
    json_decref(list);
    return 0;
}

/* Each of several processes trains every Nth seed; one that fails leaves the others at their work. */
static int train_seeds(const struct train_options *options, struct sps_train_options *train)
{
    const sps_ranks *ranks = sps_console_ranks;
    const uint64_t count = options->seeds.value, step = ranks != NULL ? (uint64_t)ranks->count : 1;
    const char *other = options->range_test != NULL ? "range-test"
                        : options->budget != NULL   ? "budget"
                        : options->profile          ? "profile"
                                                    : NULL;
    if (other != NULL)
        return sps_console_usage("--seeds and --%s exclude each other", other);
    if (options->config == NULL)
        return sps_console_usage("--seeds needs --config, also with --resume");
    struct seed_row *rows = calloc(count, sizeof *rows);
    if (rows == NULL)
        return sps_console_error("out of memory");
    sps_status status = sps_make_folder(options->out);
    int exit_status = status == SPS_OK ? 0 : sps_console_failed(status);
    train->ranks = NULL;
    train->threads = sps_console_threads(options->threads.value);
    for (uint64_t k = ranks != NULL ? (uint64_t)ranks->rank : 0; k < count && exit_status == 0; k += step)
        exit_status = train_seed(&rows[k], train, first_seed(options) + k);
    if (ranks != NULL)
        ranks->sum_doubles(ranks, (double *)rows, count * (sizeof *rows / sizeof(double)));
    int printed = exit_status == 0 ? print_seeds(options, rows) : 0;
    free(rows);
    return exit_status != 0 ? exit_status : printed;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    (void)operands;
    (void)operand_count;
    const struct train_options *options = options_pointer;
    struct shown shown = {.last_validation = NAN};
    if (options->config == NULL && !options->resume)
        return sps_console_usage("--config FILE|PRESET is missing");
    struct sps_train_result result = {0};
    struct sps_train_profile profile = {0};
    struct sps_train_options train = {
        .config = options->config,
        .sets = options->sets.item,
        .set_count = options->sets.count,
        .out = options->out,
        .data_dir = options->data_dir,
        .has_seed = options->seed.given,
        .seed = options->seed.value,
        .threads = (int)options->threads.value,
        .resume = options->resume,
        .profile = options->profile ? &profile : NULL,
        .stop = &stop,
        .progress = show_progress,
        .user = &shown,
        .ranks = sps_console_ranks,
    };
    int failed = options->budget != NULL ? read_time(&train.budget, options->budget) : 0;
    if (failed)
        return failed;
    sps_console_quiet = options->quiet;
    catch_signals();
    if (options->seeds.given)
        return train_seeds(options, &train);
    if (options->range_test != NULL)
        return range_test(options, &train);
    sps_status status = sps_train(&result, &train);
    sps_console_progress_clear();
    if (status == SPS_EINTERRUPTED && options->profile && !options->json)
        print_profile(&profile);
    int exit_status = status == SPS_OK ? print_result(options, &result, &profile) : sps_console_failed(status);
    sps_train_profile_reset(&profile);
    return exit_status;
}

static sps_status print_settings(FILE *out)
{
    char *text = NULL;
    sps_status status = sps_train_describe(&text);
    if (status != SPS_OK)
        return status;
    fprintf(out, "\nSettings, for configurations and --set:\n\n%s", text);
    sps_text_free(text);
    return SPS_OK;
}

const struct sps_command sps_cmd_train = {
    .operands = "--config FILE|PRESET --out DIR [options]",
    .operands_min = 0,
    .operands_max = 0,
    .description =
        "Trains a network as a configuration says and leaves its model in DIR. Progress goes to standard error, "
        "the result to standard output. A signal (Ctrl-C) saves a checkpoint and stops, a second one kills; "
        "--resume goes on from there.\n\n"
        "\"mpirun -np N spinscale train ...\" shares each batch among N processes, on one machine or many "
        "(docs/training.md): the loss curve is that of one process, train.batch is that of all together. With --seeds "
        "each process trains whole runs instead, every Nth seed.",
    .examples = "  spinscale train --config demo --out out\n"
                "  spinscale train --config demo --budget 10m --out ten\n"
                "  spinscale train --config demo --range-test --out rates\n"
                "  mpirun -np 2 spinscale train --config demo --out out\n"
                "  spinscale train --config demo --seeds 5 --out members\n"
                "  spinscale train --config demo --set method.name=scale_vi --set train.epochs=5 --out out2 --seed 7",
    .options = options_table,
    .options_bytes = sizeof(struct train_options),
    .details = print_settings,
    .run = run,
    .spreads = 1,
};
