/* SPDX-License-Identifier: MIT */
/* Sweeps: one result file for each point, so that what was done before an interruption is not done again, and tables of
 * all of them. */
#include "cim_sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cim_page.h"
#include "console.h"
#include "report.h"
#include "spinscale/file.h"

enum { SWEEPS_MAX = 8, VALUES_MAX = 256, POINTS_MAX = 100000, TEXT_MAX = 256 };

/* ---- files ---- */

int sps_cim_save(const char *folder, json_t *result)
{
    sps_status status = sps_make_folder(folder);
    if (status == SPS_OK)
        status = sps_cli_report_save(folder, "result.json", result);
    if (status == SPS_OK)
        status = sps_cim_page(folder, result);
    return status == SPS_OK ? 0 : sps_console_failed(status);
}

/* ---- what is swept ---- */

struct sweep {
    char text[4096]; /* key and values, cut into pieces */
    const char *key, *value[VALUES_MAX];
    int count;
};

struct sweeps {
    struct sweep axis[SWEEPS_MAX];
    int axes;
    size_t points;
};

static int read_sweep(struct sweep *s, const char *text)
{
    if (snprintf(s->text, sizeof s->text, "%s", text) >= (int)sizeof s->text)
        return sps_console_usage("--sweep is longer than %zu bytes", sizeof s->text);
    char *at = strchr(s->text, '=');
    if (at == NULL || at == s->text || at[1] == 0)
        return sps_console_usage("--sweep is '%s', must be key=a,b,c", text);
    *at++ = 0;
    s->key = s->text;
    s->count = 0;
    for (char *comma; at != NULL; at = comma) {
        comma = strchr(at, ',');
        if (comma != NULL)
            *comma++ = 0;
        if (s->count == VALUES_MAX)
            return sps_console_usage("--sweep has more than %d values", VALUES_MAX);
        s->value[s->count++] = at;
    }
    return 0;
}

static int read_sweeps(struct sweeps *all, const char *const *texts, size_t count)
{
    *all = (struct sweeps){.points = 1};
    if (count > SWEEPS_MAX)
        return sps_console_usage("--sweep is given more than %d times", SWEEPS_MAX);
    for (size_t i = 0; i < count; i++) {
        int exit_status = read_sweep(&all->axis[i], texts[i]);
        if (exit_status != 0)
            return exit_status;
        for (size_t k = 0; k < i; k++)
            if (strcmp(all->axis[k].key, all->axis[i].key) == 0)
                return sps_console_usage("--sweep names '%s' twice", all->axis[i].key);
        all->points *= (size_t)all->axis[i].count;
        if (all->points > POINTS_MAX)
            return sps_console_usage("--sweep makes more than %d points", POINTS_MAX);
    }
    all->axes = (int)count;
    return 0;
}

/* ---- one point ---- */

struct point {
    const char *value[SWEEPS_MAX];
    char assignment[SWEEPS_MAX][4096 + 1];
    const char *sets[1024];
    struct sps_cim_options options;
    char file[TEXT_MAX + 16]; /* its name in the folder */
};

/* The last sweep runs fastest. */
static int set_point(struct point *p, const struct sps_cim_options *options, const struct sweeps *all, size_t index)
{
    size_t n = options->set_count, used = 0;
    if (n + (size_t)all->axes > sizeof p->sets / sizeof *p->sets)
        return sps_console_usage("--set is given more than %zu times", sizeof p->sets / sizeof *p->sets);
    for (size_t i = 0; i < n; i++)
        p->sets[i] = options->sets[i];
    for (int a = all->axes - 1; a >= 0; a--) {
        const struct sweep *s = &all->axis[a];
        p->value[a] = s->value[index % (size_t)s->count];
        index /= (size_t)s->count;
    }
    char name[TEXT_MAX] = "point";
    used = strlen(name);
    for (int a = 0; a < all->axes; a++) {
        snprintf(p->assignment[a], sizeof p->assignment[a], "%s=%s", all->axis[a].key, p->value[a]);
        p->sets[n + (size_t)a] = p->assignment[a];
        if (used < sizeof name - 1)
            used += (size_t)snprintf(name + used, sizeof name - used, "_%s", p->assignment[a]);
    }
    for (char *c = name; *c != 0; c++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.=+-", *c) == NULL)
            *c = '_';
    snprintf(p->file, sizeof p->file, "%s.json", name);
    p->options = *options;
    p->options.sets = p->sets;
    p->options.set_count = n + (size_t)all->axes;
    return 0;
}

/* A result that is there already counts if everything that it follows from is the same. */
static int is_same(const json_t *old, const struct point *p, const struct sps_images *images)
{
    sps_chip *chip = NULL;
    const struct sps_cim_options *o = &p->options;
    const json_t *hash = json_object_get(old, "model_sha256");
    if (sps_chip_open(&chip, o->chip, o->sets, o->set_count) != SPS_OK)
        return 0;
#define SAME(key, value) (json_integer_value(json_object_get(old, key)) == (json_int_t)(value))
#define EQUAL(key, text) (strcmp(json_string_value(json_object_get(old, key)), text) == 0)
    int same = json_is_string(json_object_get(old, "chip_settings")) && json_is_string(json_object_get(old, "level")) &&
               json_is_string(json_object_get(old, "account")) && EQUAL("chip_settings", sps_chip_text(chip)) &&
               EQUAL("level", sps_cim_levels[o->level]) && EQUAL("account", sps_cim_accounts[o->account]) &&
               SAME("samples", o->samples) && SAME("seed", o->seed) && SAME("chip_seed", o->chip_seed) &&
               SAME("chips", o->chips) && SAME("n", images != NULL ? images->count : 0) &&
               json_is_true(json_object_get(old, "mtj")) == (o->mtj != 0) &&
               strcmp(json_is_string(hash) ? json_string_value(hash) : "", o->model_sha256) == 0;
#undef SAME
#undef EQUAL
    sps_chip_close(chip);
    return same;
}

static json_t *load_point(const char *folder, const struct point *p, const struct sps_images *images)
{
    char path[4600];
    json_error_t error;
    snprintf(path, sizeof path, "%s/%s", folder, p->file);
    json_t *old = json_load_file(path, 0, &error);
    if (old != NULL && is_same(old, p, images))
        return old;
    json_decref(old);
    return NULL;
}

/* ---- tables ---- */

static const char *const columns[] = {"accuracy",
                                      "accuracy_sd",
                                      "nll",
                                      "nll_sd",
                                      "entropy",
                                      "entropy_sd",
                                      "mutual_information",
                                      "mutual_information_sd",
                                      "accepted",
                                      "accepted_sd",
                                      "yield",
                                      "energy_j",
                                      "energy_low_j",
                                      "energy_high_j",
                                      "latency_s",
                                      "area_m2",
                                      "area_low_m2",
                                      "area_high_m2",
                                      NULL};
/* The engine's, as engine_KEY. */
static const char *const references[] = {"accuracy", "nll", "entropy", "mutual_information", "accepted", NULL};

static void print_number(FILE *out, const json_t *value)
{
    fputc(',', out);
    if (json_is_number(value))
        fprintf(out, "%.9g", json_number_value(value));
}

static void print_row(FILE *out, const struct sweeps *all, const json_t *row)
{
    for (int a = 0; a < all->axes; a++)
        fprintf(out, "%s%s", a > 0 ? "," : "", json_string_value(json_object_get(row, all->axis[a].key)));
    for (int i = 0; columns[i] != NULL; i++)
        print_number(out, json_object_get(row, columns[i]));
    for (int i = 0; references[i] != NULL; i++) {
        char key[64];
        snprintf(key, sizeof key, "engine_%s", references[i]);
        print_number(out, json_object_get(row, key));
    }
    fputc('\n', out);
}

static sps_status save_table(const char *folder, const struct sweeps *all, const json_t *rows)
{
    char *text = NULL, path[4600];
    size_t size = 0, i;
    json_t *row;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return SPS_ENOMEM;
    for (int a = 0; a < all->axes; a++)
        fprintf(out, "%s%s", a > 0 ? "," : "", all->axis[a].key);
    for (int c = 0; columns[c] != NULL; c++)
        fprintf(out, ",%s", columns[c]);
    for (int c = 0; references[c] != NULL; c++)
        fprintf(out, ",engine_%s", references[c]);
    fputc('\n', out);
    json_array_foreach((json_t *)rows, i, row)
    {
        print_row(out, all, row);
    }
    snprintf(path, sizeof path, "%s/sweep.csv", folder);
    sps_status status = fclose(out) == 0 ? sps_file_save(path, text, size) : SPS_ENOMEM;
    free(text);
    return status;
}

static json_t *row_of(const struct sweeps *all, const struct point *p, const json_t *result)
{
    json_t *row = json_object();
    for (int a = 0; a < all->axes; a++)
        json_object_set_new(row, all->axis[a].key, sps_cli_report_string(p->value[a]));
    for (int c = 0; columns[c] != NULL; c++) {
        json_t *value = json_object_get(result, columns[c]);
        if (value != NULL)
            json_object_set(row, columns[c], value);
    }
    for (int c = 0; references[c] != NULL; c++) {
        json_t *value = json_object_get(json_object_get(result, "engine"), references[c]);
        char key[64];
        snprintf(key, sizeof key, "engine_%s", references[c]);
        if (value != NULL)
            json_object_set(row, key, value);
    }
    json_object_set_new(row, "result", json_string(p->file));
    return row;
}

/* ---- the sweep ---- */

struct place {
    size_t point, points;
    int say;
};

static void show_progress(void *user, size_t done, size_t total)
{
    const struct place *at = user;
    char after[64];
    if (!sps_console_progress_due())
        return;
    double share = ((double)at->point + (double)done / (double)total) / (double)at->points;
    snprintf(after, sizeof after, "point %zu of %zu", at->point + 1, at->points);
    sps_console_progress("sweeping", share, after);
}

static int run_point(json_t **rows, const struct sweeps *all, const struct point *p, struct sps_cim_subject *subject,
                     const char *folder, struct place *at)
{
    json_t *result = load_point(folder, p, subject->images);
    sps_status status = SPS_OK;
    int done = result != NULL;
    if (!done)
        status = sps_cim_run(&result, subject, &p->options, show_progress, at);
    if (status == SPS_OK && !done)
        status = sps_cli_report_save(folder, p->file, result);
    if (status == SPS_OK)
        json_array_append_new(*rows, row_of(all, p, result));
    json_decref(result);
    sps_console_progress_clear();
    if (status == SPS_OK && at->say)
        sps_console_say("point %zu of %zu: %s%s", at->point + 1, at->points, p->file, done ? " was there" : "");
    return status == SPS_OK ? 0 : sps_console_failed(status);
}

static int finish(const struct sweeps *all, const struct sps_cim_options *options, const json_t *rows,
                  const char *folder, int json)
{
    const char *keys[SWEEPS_MAX];
    for (int a = 0; a < all->axes; a++)
        keys[a] = all->axis[a].key;
    sps_status status = save_table(folder, all, rows);
    if (status == SPS_OK)
        status = sps_cli_report_save(folder, "sweep.json", rows);
    if (status == SPS_OK)
        status = sps_cim_sweep_page(folder, options, keys, all->axes, rows);
    if (status != SPS_OK)
        return sps_console_failed(status);
    if (json)
        return sps_cli_report_dump(json_incref((json_t *)rows));
    size_t i;
    json_t *row;
    for (int a = 0; a < all->axes; a++)
        printf("%-20s ", all->axis[a].key);
    puts("accuracy %       NLL nat   accepted %   energy uJ");
    json_array_foreach((json_t *)rows, i, row)
    {
        for (int a = 0; a < all->axes; a++)
            printf("%-20s ", json_string_value(json_object_get(row, all->axis[a].key)));
        printf("%10.2f %13.4f %12.2f %11.4g\n", 100 * json_number_value(json_object_get(row, "accuracy")),
               json_number_value(json_object_get(row, "nll")),
               100 * json_number_value(json_object_get(row, "accepted")),
               1e6 * json_number_value(json_object_get(row, "energy_j")));
    }
    return 0;
}

/* Of several processes each runs its points; then the first one has them all, from the files that the others left.
 * Where one failed it says so itself, and the first has no rows. */
static int run_points(json_t **rows, const struct sweeps *all, struct point *p, const struct sps_cim_options *options,
                      struct sps_cim_subject *subject, const char *folder)
{
    const sps_ranks *ranks = sps_console_ranks;
    size_t rank = ranks != NULL ? (size_t)ranks->rank : 0, count = ranks != NULL ? (size_t)ranks->count : 1;
    int exit_status = 0;
    for (size_t i = rank; exit_status == 0 && i < all->points; i += count) {
        struct place at = {i, all->points, 1};
        exit_status = set_point(p, options, all, i);
        if (exit_status == 0)
            exit_status = run_point(rows, all, p, subject, folder, &at);
    }
    if (ranks == NULL)
        return exit_status;
    double failed = exit_status != 0;
    ranks->sum_doubles(ranks, &failed, 1);
    json_array_clear(*rows);
    for (size_t i = 0; exit_status == 0 && failed == 0 && rank == 0 && i < all->points; i++) {
        struct place at = {i, all->points, 0};
        exit_status = set_point(p, options, all, i);
        if (exit_status == 0)
            exit_status = run_point(rows, all, p, subject, folder, &at);
    }
    return exit_status;
}

int sps_cim_sweep(const struct sps_cim_options *options, struct sps_cim_subject *subject, const char *const *sweeps,
                  size_t sweep_count, const char *folder, int json)
{
    struct sweeps *all = malloc(sizeof *all);
    struct point *p = malloc(sizeof *p);
    json_t *rows = json_array();
    int exit_status = all == NULL || p == NULL || rows == NULL ? sps_console_error("out of memory") : 0;
    if (exit_status == 0)
        exit_status = read_sweeps(all, sweeps, sweep_count);
    if (exit_status == 0 && sps_make_folder(folder) != SPS_OK)
        exit_status = sps_console_failed(SPS_EIO);
    if (exit_status == 0)
        exit_status = run_points(&rows, all, p, options, subject, folder);
    if (exit_status == 0 && sps_console_writes() && json_array_size(rows) == all->points)
        exit_status = finish(all, options, rows, folder, json);
    json_decref(rows);
    free(p);
    free(all);
    return exit_status;
}

/* ---- dry runs ---- */

enum { PROBE_IMAGES = 16 };

/* Seconds of one chip, from a few images. */
static int probe(double *seconds, const struct point *p, const struct sps_cim_subject *subject)
{
    struct sps_cim_options options = p->options;
    struct sps_images few = *subject->images;
    struct sps_cim_subject probed = {.packed = subject->packed, .images = &few};
    json_t *result = NULL;
    few.count = few.count < PROBE_IMAGES ? few.count : PROBE_IMAGES;
    options.chips = 1;
    sps_status status = sps_cim_run(&result, &probed, &options, NULL, NULL);
    json_decref(probed.engine);
    if (status != SPS_OK)
        return sps_console_failed(status);
    *seconds = (double)subject->images->count / json_number_value(json_object_get(result, "images_per_s"));
    json_decref(result);
    return 0;
}

int sps_cim_dry_run(const struct sps_cim_options *options, const struct sps_cim_subject *subject,
                    const char *const *sweeps, size_t sweep_count, int json)
{
    struct sweeps *all = malloc(sizeof *all);
    struct point *p = malloc(sizeof *p);
    struct sps_chip_cost *cost = NULL;
    sps_chip *chip = NULL;
    size_t bytes = 0;
    double seconds = NAN;
    int exit_status = all == NULL || p == NULL ? sps_console_error("out of memory") : 0;
    if (exit_status == 0)
        exit_status = read_sweeps(all, sweeps, sweep_count);
    if (exit_status == 0)
        exit_status = set_point(p, options, all, 0);
    sps_status status =
        exit_status == 0 ? sps_chip_open(&chip, options->chip, p->options.sets, p->options.set_count) : SPS_OK;
    if (exit_status == 0 && status == SPS_OK)
        status = sps_chip_instance_size(&bytes, chip, subject->packed);
    if (exit_status == 0 && status == SPS_OK)
        status = sps_chip_cost(&cost, chip, subject->packed, options->samples, options->account);
    if (status != SPS_OK)
        exit_status = sps_console_failed(status);
    if (exit_status == 0 && subject->images != NULL)
        exit_status = probe(&seconds, p, subject);
    if (exit_status == 0) {
        const struct sps_chips chips = sps_cim_chips(chip, subject->packed, options);
        const size_t at_once = (size_t)sps_chips_at_once(&chips);
        struct sps_cli_report report = {0};
        sps_cli_report_count(&report, "points", all->points, "settings to run");
        sps_cli_report_count(&report, "chips", options->chips, "chips at each");
        sps_cli_report_count(&report, "arrays", cost->counts.arrays, "arrays of the first setting");
        sps_cli_report_count(&report, "at_once", at_once, "chips side by side");
        sps_cli_report_count(&report, "memory_bytes", at_once * bytes, "bytes for the arrays of chips side by side");
        sps_cli_report_real(&report, "seconds", seconds * (double)options->chips * (double)all->points,
                            "s, from a few images of the first setting");
        exit_status = sps_cli_report_print(&report, json);
    }
    sps_chip_cost_free(cost);
    sps_chip_close(chip);
    free(p);
    free(all);
    return exit_status;
}
