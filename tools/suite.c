/* SPDX-License-Identifier: MIT */
/* Each row is one set of images: the clean one, or one kind of shift at one severity, or one foreign set.  Images are
 * made block by block, so memory does not grow with the suite. */
#include "suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "console.h"
#include "report.h"
#include "spinscale/file.h"
#include "spinscale/foreign.h"
#include "spinscale/npy.h"
#include "spinscale/shift.h"
#include "spinscale/study.h"

static const char *const suite_names[] = {"id", "rotation", "noise", "corruption", "extra", "ood", "all", NULL};
static const char *const measured[] = {"accuracy", "nll", "entropy", "mutual_information", "accepted", NULL};
#define CURVE_ERRORS 1.96 /* a step the wrong way that is larger, in its standard errors, is one */
enum { ROWS_MAX = 512 };

/* ---- which rows ---- */

struct row {
    const char *suite;
    char name[128];
    const struct sps_shift *kind; /* NULL: clean, or foreign */
    int severity, foreign;
};

struct plan {
    struct row row[ROWS_MAX];
    int count;
};

int sps_suite_has(const char *names, const char *name)
{
    size_t length;
    for (const char *at = names; *at != 0; at += length + (at[length] == ',')) {
        length = strcspn(at, ",");
        if (length == strlen(name) && strncmp(at, name, length) == 0)
            return 1;
    }
    return 0;
}

static int wanted(const struct sps_suite *s, const char *suite)
{
    return sps_suite_has(s->names, "all") || sps_suite_has(s->names, suite);
}

static const char *suite_of(const struct sps_shift *kind)
{
    if (kind->group == SPS_SHIFT_PAPER)
        return strcmp(kind->name, "rotation") == 0 ? "rotation" : "noise";
    return kind->group == SPS_SHIFT_CORRUPTION ? "corruption" : "extra";
}

static void plan_row(struct plan *p, const char *suite, const char *name, const struct sps_shift *kind, int severity,
                     int foreign)
{
    struct row *r = &p->row[p->count];
    if (p->count == ROWS_MAX)
        return;
    *r = (struct row){.suite = suite, .kind = kind, .severity = severity, .foreign = foreign};
    snprintf(r->name, sizeof r->name, "%s", name);
    p->count++;
}

int sps_suite_foreign(char name[128], size_t index, const struct sps_model_info *info, const char *home,
                      const char *data)
{
    static const char *const noise[] = {"noise-gaussian", "noise-uniform"}, *const added[] = {"gaussian", "uniform"};
    static const char *const grey[] = {"mnist", "fashion-mnist", "kmnist", "notmnist", NULL}, *const colour[] = {
                                                                                                  "cifar10", "svhn",
                                                                                                  "stl10", "cifar100",
                                                                                                  NULL};
    const char *const *sets = info->channels == 1 ? grey : colour;
    if (index < 2)
        snprintf(name, 128, "%s", noise[index]);
    else if (index < 4)
        snprintf(name, 128, "%s+%s:0.5", data, added[index - 2]);
    if (index < 4)
        return 1;
    for (index -= 4; *sets != NULL; sets++)
        if (strcmp(*sets, home) != 0 && strcmp(*sets, info->data) != 0 && index-- == 0) {
            snprintf(name, 128, "%s", *sets);
            return 1;
        }
    return 0;
}

static void plan_rows(struct plan *p, const struct sps_suite *s, const struct sps_predictor *predictor,
                      const struct sps_images *home)
{
    const struct sps_shift *kind;
    char name[128];
    if (s->home_entropy == NULL)
        plan_row(p, "id", home->name, NULL, 0, 0);
    for (size_t i = 0; (kind = sps_shift_get(i)) != NULL; i++)
        for (int severity = 1; severity <= kind->levels && wanted(s, suite_of(kind)); severity++)
            plan_row(p, suite_of(kind), kind->name, kind, severity, 0);
    for (size_t i = 0; wanted(s, "ood") && sps_suite_foreign(name, i, predictor->info, home->name, s->data); i++)
        plan_row(p, "ood", name, NULL, 0, 1);
}

/* ---- one row ---- */

/* Scores of the clean images, against which the others are told apart. */
struct clean {
    const double *entropy, *mutual_information;
    size_t n;
    double *own; /* where they were not the caller's */
};

struct work {
    const struct sps_suite *suite;
    const struct sps_predictor *predictor;
    const struct sps_images *home;
    struct sps_channel_stats stats;
    struct clean clean;
    struct plan plan;
    int at;
};

static void show_progress(void *user, size_t done, size_t total)
{
    const struct work *w = user;
    char after[192];
    if (!sps_console_progress_due())
        return;
    const struct row *r = &w->plan.row[w->at];
    snprintf(after, sizeof after, "%s %s%.0d", r->suite, r->name, r->severity);
    sps_console_progress("evaluating", ((double)w->at + (double)done / (double)total) / (double)w->plan.count, after);
}

static sps_status auroc(json_t *object, const char *key, const double *clean, const struct work *w,
                        const double *scores, size_t n)
{
    double value = NAN;
    sps_status status = sps_auroc(&value, clean, w->clean.n, scores, n);
    json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
    return status;
}

/* Entropy and mutual information of every image: [2][n]. */
static double *scores_of(const struct sps_evaluation *e)
{
    double *scores = malloc((2 * e->n + 1) * sizeof *scores);
    for (size_t i = 0; i < e->n && scores != NULL; i++) {
        scores[i] = e->summaries[i].entropy;
        scores[e->n + i] = e->summaries[i].mutual_information;
    }
    return scores;
}

/* Standard errors over the images, for whether a curve rises. */
static void describe_errors(json_t *object, const struct sps_evaluation *e, double accuracy)
{
    struct sps_moments nll;
    double n = (double)e->n, error = sqrt(accuracy * (1 - accuracy) / n);
    sps_moments(&nll, e->nll, e->n);
    json_object_set_new(object, "accuracy_error", isfinite(error) ? json_real(error) : json_null());
    json_object_set_new(object, "nll_error", isfinite(nll.sd) ? json_real(nll.sd / sqrt(n)) : json_null());
}

static sps_status describe(json_t *object, struct work *w, const struct row *r, const struct sps_evaluation *e)
{
    sps_status status = SPS_OK;
    double accepted = NAN, *scores = scores_of(e);
    if (scores == NULL)
        return SPS_ENOMEM;
    for (size_t i = 0; measured[i] != NULL && status == SPS_OK; i++) {
        double value = NAN;
        status = sps_metrics_value(e->metrics, measured[i], &value);
        int undefined = !isfinite(value) || (r->foreign && i < 2); /* labels of foreign images mean nothing here */
        json_object_set_new(object, measured[i], undefined ? json_null() : json_real(value));
        if (strcmp(measured[i], "accepted") == 0)
            accepted = value;
    }
    json_object_set_new(object, "detected", json_real(1 - accepted));
    if (!r->foreign)
        describe_errors(object, e, sps_cli_report_number(object, "accuracy"));
    if (w->clean.entropy == NULL) {
        w->clean = (struct clean){scores, scores + e->n, e->n, scores};
        return status;
    }
    if (status == SPS_OK)
        status = auroc(object, "auroc_entropy", w->clean.entropy, w, scores, e->n);
    if (status == SPS_OK)
        status = auroc(object, "auroc_mutual_information", w->clean.mutual_information, w, scores + e->n, e->n);
    free(scores);
    return status;
}

static sps_status evaluate_images(json_t *object, struct work *w, const struct row *r, const struct sps_images *images)
{
    struct sps_evaluation e = {0};
    struct sps_channel_stats stats;
    struct sps_images set = *images;
    sps_view *view = NULL;
    sps_status status = SPS_OK;
    if (w->suite->normalise && w->clean.entropy != NULL) {
        status = sps_channel_stats_measure(&stats, images);
        if (status == SPS_OK)
            status = sps_view_normalised(&view, images, &stats, &w->stats);
        if (status == SPS_OK)
            set = sps_view_images(view);
    }
    if (status == SPS_OK)
        status =
            sps_evaluate(&e, w->predictor, &set, &w->suite->predict, &w->suite->rule, 0.95, NULL, show_progress, w);
    if (status == SPS_OK) {
        json_object_set_new(object, "n", json_integer((json_int_t)e.n));
        status = describe(object, w, r, &e);
    }
    sps_view_free(view);
    sps_evaluation_reset(&e);
    return status;
}

static sps_status evaluate_foreign(json_t *object, struct work *w, const struct row *r)
{
    const struct sps_model_info *about = w->predictor->info;
    const struct sps_foreign_options options = {.data_dir = w->suite->data_dir, .seed = w->suite->data_seed};
    sps_foreign *foreign = NULL;
    sps_status status = sps_foreign_open(&foreign, r->name, about->height, about->width, about->channels, &options);
    if (status == SPS_OK) {
        struct sps_images images = sps_foreign_images(foreign);
        status = evaluate_images(object, w, r, &images);
    }
    sps_foreign_close(foreign);
    return status;
}

static int is_ready_made(const struct work *w, const struct row *r)
{
    return w->suite->corrupted != NULL && r->kind != NULL && r->kind->group != SPS_SHIFT_PAPER;
}

static sps_status open_shifted(sps_view **out, const struct work *w, const struct row *r)
{
    char path[4600];
    if (!is_ready_made(w, r))
        return sps_view_shifted(out, w->home, r->kind, r->severity, w->suite->data_seed, w->suite->predict.threads);
    snprintf(path, sizeof path, "%s/%s.npy#%d", w->suite->corrupted, r->kind->name, r->severity);
    return sps_view_open_npy(out, path);
}

static sps_status evaluate_shifted(json_t *object, struct work *w, const struct row *r)
{
    sps_view *view = NULL;
    sps_status status = open_shifted(&view, w, r);
    if (status == SPS_OK) {
        struct sps_images images = sps_view_images(view);
        status = evaluate_images(object, w, r, &images);
    }
    sps_view_free(view);
    return status;
}

/* ---- results that are there already ---- */

static void row_file(char file[256], const struct row *r)
{
    snprintf(file, 256, "row_%s_%s_%d.json", r->suite, r->name, r->severity);
    for (char *c = file; *c != 0; c++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-", *c) == NULL)
            *c = '_';
}

/* What a row follows from, beside its own name. */
static json_t *basis_of(const struct work *w)
{
    const struct sps_suite *s = w->suite;
    return json_pack("{s:s,s:s,s:I,s:s,s:o,s:I,s:I,s:I,s:i,s:b,s:b,s:f,s:f,s:f}", "model_sha256", s->model_sha256,
                     "data", w->home->name, "images", (json_int_t)w->home->count, "data_sha256", s->data_sha256,
                     "corrupted", sps_cli_report_string(s->corrupted), "data_seed", (json_int_t)s->data_seed, "samples",
                     (json_int_t)s->predict.samples, "seed", (json_int_t)s->predict.seed, "reading",
                     (int)s->predict.reading, "shared_paths", s->predict.shared_paths, "normalise", s->normalise,
                     "quantile", s->rule.quantile, "threshold", s->rule.threshold, "temperature",
                     s->predict.temperature);
}

static json_t *load(const struct work *w, const struct row *r)
{
    char file[256], path[4600];
    json_error_t error;
    if (w->suite->folder == NULL || w->clean.entropy == NULL) /* the clean images' scores are needed every time */
        return NULL;
    row_file(file, r);
    snprintf(path, sizeof path, "%s/%s", w->suite->folder, file);
    json_t *old = json_load_file(path, 0, &error), *basis = basis_of(w);
    int same = old != NULL && json_equal(json_object_get(old, "basis"), basis);
    json_decref(basis);
    if (same)
        return old;
    json_decref(old);
    return NULL;
}

/* Of several processes the first one looks what is there; the others print nothing and need no row. */
static int was_there(json_t **object, const struct work *w, const struct row *r)
{
    *object = sps_console_writes() ? load(w, r) : NULL;
    int there = *object != NULL;
    if (sps_console_ranks != NULL)
        sps_console_ranks->broadcast(sps_console_ranks, &there, sizeof there);
    return there;
}

static sps_status run_row(json_t *rows, struct work *w)
{
    const struct row *r = &w->plan.row[w->at];
    json_t *object = NULL;
    sps_status status = SPS_OK;
    if (!was_there(&object, w, r)) {
        char file[256];
        object = json_object();
        json_object_set_new(object, "suite", json_string(r->suite));
        json_object_set_new(object, "name", sps_cli_report_string(r->name));
        json_object_set_new(object, "severity", json_integer(r->severity));
        json_object_set_new(object, "amount", r->kind ? json_real(r->kind->amount[r->severity - 1]) : json_null());
        json_object_set_new(object, "unit", json_string(r->kind ? r->kind->unit : ""));
        status = r->foreign        ? evaluate_foreign(object, w, r)
                 : r->kind != NULL ? evaluate_shifted(object, w, r)
                                   : evaluate_images(object, w, r, w->home);
        if (status == SPS_OK && w->suite->folder != NULL && sps_console_writes()) {
            json_object_set_new(object, "basis", basis_of(w));
            row_file(file, r);
            status = sps_cli_report_save(w->suite->folder, file, object);
        }
    }
    if (status == SPS_OK && object != NULL)
        json_array_append(rows, object);
    json_decref(object);
    if (status != SPS_ENOTFOUND || !(r->foreign || is_ready_made(w, r)))
        return status;
    if (r->severity <= 1) {
        sps_console_progress_clear();
        sps_console_say("%s is left out: %s", r->name, sps_last_error());
    }
    return SPS_OK;
}

/* ---- output ---- */

static void print_number(FILE *out, double value, double by, int width, int digits)
{
    if (isnan(value))
        fprintf(out, " %*s", width, "-");
    else
        fprintf(out, " %*.*f", width, digits, by * value);
}

/* Plain means over the corruptions and their severities, as the paper counts "mCE" (no division by AlexNet's); of all
 * of them or of none, since kinds differ in difficulty. */
static void add_means(json_t *result, const struct work *w, const json_t *rows)
{
    double error = 0, detected = 0, n = 0, planned = 0;
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "suite")), "corruption") != 0)
            continue;
        error += 1 - sps_cli_report_number(row, "accuracy");
        detected += sps_cli_report_number(row, "detected");
        n++;
    }
    for (int k = 0; k < w->plan.count; k++)
        planned += strcmp(w->plan.row[k].suite, "corruption") == 0;
    const int all = n > 0 && n == planned;
    json_object_set_new(result, "mean_corruption_error", all && isfinite(error) ? json_real(error / n) : json_null());
    json_object_set_new(result, "mean_corruption_detected", all ? json_real(detected / n) : json_null());
}

/* Do accuracy and NLL of the paper's shifts go one way, from the clean images on, but for steps within 1.96 standard
 * errors of themselves? */
static void add_curve(json_t *curves, const json_t *rows, const struct sps_shift *kind, const char *key, int direction)
{
    double value[SPS_SHIFT_LEVELS_MAX + 1], error[SPS_SHIFT_LEVELS_MAX + 1];
    char error_key[64];
    size_t points = 0, i;
    json_t *row;
    struct sps_monotone curve;
    snprintf(error_key, sizeof error_key, "%s_error", key);
    json_array_foreach((json_t *)rows, i, row)
    {
        if ((strcmp(json_string_value(json_object_get(row, "suite")), "id") != 0 &&
             strcmp(json_string_value(json_object_get(row, "name")), kind->name) != 0) ||
            points > SPS_SHIFT_LEVELS_MAX)
            continue;
        value[points] = sps_cli_report_number(row, key);
        error[points++] = sps_cli_report_number(row, error_key);
    }
    if (points < 2)
        return;
    sps_monotone(&curve, value, error, points, direction);
    const int known = !isnan(curve.violation);
    json_t *object =
        json_pack("{s:s,s:s,s:s}", "name", kind->name, "value", key, "direction", direction > 0 ? "rises" : "falls");
    json_object_set_new(object, "monotone", known ? json_boolean(curve.violation <= CURVE_ERRORS) : json_null());
    json_object_set_new(object, "violation", isfinite(curve.violation) ? json_real(curve.violation) : json_null());
    json_object_set_new(object, "violation_amount",
                        known && curve.at > 0 ? json_real(kind->amount[curve.at - 1]) : json_null());
    json_object_set_new(object, "reversal", isfinite(curve.reversal) ? json_real(curve.reversal) : json_null());
    json_array_append_new(curves, object);
}

static void add_curves(json_t *result, const json_t *rows)
{
    const struct sps_shift *kind;
    json_t *curves = json_array();
    for (size_t i = 0; (kind = sps_shift_get(i)) != NULL; i++)
        if (kind->group == SPS_SHIFT_PAPER) {
            add_curve(curves, rows, kind, "nll", 1);
            add_curve(curves, rows, kind, "accuracy", -1);
        }
    json_object_set_new(result, "curves", curves);
}

static void print_curves(const json_t *curves)
{
    size_t i;
    json_t *curve;
    json_array_foreach((json_t *)curves, i, curve)
    {
        const json_t *monotone = json_object_get(curve, "monotone");
        const double amount = sps_cli_report_number(curve, "violation_amount");
        printf("%s%s %s from step to step with %s: ", i == 0 ? "\n" : "",
               json_string_value(json_object_get(curve, "value")),
               json_string_value(json_object_get(curve, "direction")),
               json_string_value(json_object_get(curve, "name")));
        if (json_is_null(monotone))
            puts("not known");
        else if (isnan(amount))
            puts("yes, no step the other way");
        else
            printf("%s, largest step the other way %.2f standard errors, to %.3g; between any two points %.2f\n",
                   json_is_true(monotone) ? "yes" : "no", sps_cli_report_number(curve, "violation"), amount,
                   sps_cli_report_number(curve, "reversal"));
    }
}

static void print_text(const json_t *result)
{
    size_t i;
    json_t *row;
    puts("suite       images                        level  accuracy %      NLL  entropy      MI  detected %  AUROC by "
         "entropy  by MI");
    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        double amount = sps_cli_report_number(row, "amount");
        printf("%-11s %-28s ", json_string_value(json_object_get(row, "suite")),
               json_string_value(json_object_get(row, "name")));
        if (isnan(amount))
            printf("%6s", "-");
        else
            printf("%6.3g", amount);
        print_number(stdout, sps_cli_report_number(row, "accuracy"), 100, 11, 2);
        print_number(stdout, sps_cli_report_number(row, "nll"), 1, 8, 4);
        print_number(stdout, sps_cli_report_number(row, "entropy"), 1, 8, 4);
        print_number(stdout, sps_cli_report_number(row, "mutual_information"), 1, 7, 4);
        print_number(stdout, sps_cli_report_number(row, "detected"), 100, 11, 2);
        print_number(stdout, sps_cli_report_number(row, "auroc_entropy"), 1, 17, 4);
        print_number(stdout, sps_cli_report_number(row, "auroc_mutual_information"), 1, 6, 4);
        putchar('\n');
    }
    double error = sps_cli_report_number(result, "mean_corruption_error");
    if (!isnan(error))
        printf("\nmean over corruptions: error %.2f %% (unnormalised, the paper's \"mCE\"), detected %.2f %%\n",
               100 * error, 100 * sps_cli_report_number(result, "mean_corruption_detected"));
    print_curves(json_object_get(result, "curves"));
    puts("\nNLL, entropy and MI (mutual information) in nats; detected: share that the accept rule rejects, the first "
         "row's "
         "is the\nrejection at home; AUROC: clean images against the row's, by the score");
}

static sps_status save_table(const struct sps_suite *s, const json_t *rows)
{
    static const char *const keys[] = {"severity",
                                       "amount",
                                       "n",
                                       "accuracy",
                                       "nll",
                                       "entropy",
                                       "mutual_information",
                                       "accepted",
                                       "detected",
                                       "auroc_entropy",
                                       "auroc_mutual_information",
                                       NULL};
    char *text = NULL, path[4600];
    size_t size = 0, i;
    json_t *row;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return SPS_ENOMEM;
    fputs("suite,name", out);
    for (int k = 0; keys[k] != NULL; k++)
        fprintf(out, ",%s", keys[k]);
    json_array_foreach((json_t *)rows, i, row)
    {
        fprintf(out, "\n%s,%s", json_string_value(json_object_get(row, "suite")),
                json_string_value(json_object_get(row, "name")));
        for (int k = 0; keys[k] != NULL; k++) {
            double value = sps_cli_report_number(row, keys[k]);
            fputc(',', out);
            if (!isnan(value))
                fprintf(out, "%.9g", value);
        }
    }
    fputc('\n', out);
    snprintf(path, sizeof path, "%s/suite.csv", s->folder);
    sps_status status = fclose(out) == 0 ? sps_file_save(path, text, size) : SPS_ENOMEM;
    free(text);
    return status;
}

static sps_status finish(json_t **out, const struct work *w, json_t *rows)
{
    const struct sps_suite *s = w->suite;
    json_t *result = json_pack("{s:o,s:s,s:s,s:I,s:s,s:I}", "model", sps_cli_report_string(s->model), "model_sha256",
                               s->model_sha256, "data", w->home->name, "samples", (json_int_t)s->predict.samples,
                               "suite", s->names, "data_seed", (json_int_t)s->data_seed);
    if (result == NULL)
        return SPS_ENOMEM;
    json_object_set(result, "rows", rows);
    add_means(result, w, rows);
    add_curves(result, rows);
    sps_status status = SPS_OK;
    if (s->folder != NULL && sps_console_writes()) {
        status = sps_cli_report_save(s->folder, "suite.json", result);
        if (status == SPS_OK)
            status = save_table(s, rows);
    }
    if (status == SPS_OK)
        *out = result;
    else
        json_decref(result);
    return status;
}

int sps_suite_check(const char *names)
{
    size_t length, known = 0, words = 0;
    for (size_t i = 0; suite_names[i] != NULL; i++)
        for (const char *at = names; *at != 0; at += length + (at[length] == ',')) {
            length = strcspn(at, ",");
            words += i == 0;
            known += length == strlen(suite_names[i]) && strncmp(at, suite_names[i], length) == 0;
        }
    if (words > 0 && known == words)
        return 0;
    return sps_console_usage(
        "--suite is '%s', must be of id, rotation, noise, corruption, extra, ood or all, separated "
        "by commas",
        names);
}

/* A wrong folder is said before anything is done. */
static sps_status check_corrupted(const char *folder)
{
    char path[4600];
    struct sps_npy labels = {0};
    snprintf(path, sizeof path, "%s/labels.npy", folder);
    sps_status status = sps_npy_read(&labels, path);
    sps_npy_reset(&labels);
    return status;
}

/* A row's arrays go back to the system when it ends.  glibc would keep them after the first row, and cut them up for
 * the small things that stay: 25 bytes an image and row, measured. */
static void return_large_blocks(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

int sps_suite_make(json_t **out, const struct sps_suite *suite, const struct sps_predictor *predictor,
                   const struct sps_images *home)
{
    int exit_status = sps_suite_check(suite->names);
    if (exit_status != 0)
        return exit_status;
    struct work *w = calloc(1, sizeof *w);
    json_t *rows = json_array();
    if (w == NULL || rows == NULL) {
        free(w);
        json_decref(rows);
        return sps_console_error("out of memory");
    }
    *w = (struct work){.suite = suite, .predictor = predictor, .home = home};
    return_large_blocks();
    w->clean = (struct clean){suite->home_entropy, suite->home_mutual_information, suite->home_count, NULL};
    sps_status status = suite->folder != NULL ? sps_make_folder(suite->folder) : SPS_OK;
    if (status == SPS_OK && suite->corrupted != NULL)
        status = check_corrupted(suite->corrupted);
    if (status == SPS_OK && suite->normalise)
        status = sps_channel_stats_measure(&w->stats, home);
    if (status == SPS_OK)
        plan_rows(&w->plan, suite, predictor, home);
    for (; w->at < w->plan.count && status == SPS_OK; w->at++)
        status = run_row(rows, w);
    sps_console_progress_clear();
    if (status == SPS_OK)
        status = finish(out, w, rows);
    free(w->clean.own);
    free(w);
    json_decref(rows);
    return status == SPS_OK ? 0 : sps_console_failed(status);
}

int sps_suite_run(const struct sps_suite *suite, const struct sps_predictor *predictor, const struct sps_images *home)
{
    json_t *result = NULL;
    int exit_status = sps_suite_make(&result, suite, predictor, home);
    if (exit_status != 0)
        return exit_status;
    if (suite->json)
        return sps_cli_report_dump(result);
    print_text(result);
    json_decref(result);
    return 0;
}
