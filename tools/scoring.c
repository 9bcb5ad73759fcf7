/* SPDX-License-Identifier: MIT */
#include "scoring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "report.h"

enum { FLOOR_DRAWS = 200, METRICS_MAX = 64, CELL = 29 };

/* A set of images with all that is said about it. */
struct set {
    struct sps_table table;
    struct sps_predictions predictions;
    double *energy; /* NULL where there are no logits */
};

struct work {
    const struct sps_scoring *scoring;
    struct sps_resampling resampling;
    struct sps_accept_rule rule;
    struct set home;      /* its table is the caller's */
    unsigned char *right; /* [count]; NULL where labels are missing */
    double nll;           /* at home, NaN where labels are missing */
    int failed;           /* memory for JSON ran out */
};

/* ---- JSON ---- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void put(struct work *w, json_t *object, const char *key, json_t *value)
{
    w->failed |= json_object_set_new(object, key, value) != 0;
}

static json_t *put_object(struct work *w, json_t *object, const char *key)
{
    json_t *value = json_object();
    put(w, object, key, value);
    return value;
}

static json_t *interval(struct work *w, const struct sps_interval *x)
{
    json_t *object = json_object();
    put(w, object, "value", number(x->value));
    put(w, object, "low", number(x->low));
    put(w, object, "high", number(x->high));
    return object;
}

static json_t *difference(struct work *w, const struct sps_difference *d)
{
    json_t *object = json_object();
    put(w, object, "value", number(d->value));
    put(w, object, "low", number(d->boot.low));
    put(w, object, "high", number(d->boot.high));
    put(w, object, "normal_low", number(d->low));
    put(w, object, "normal_high", number(d->high));
    put(w, object, "error", number(d->error));
    put(w, object, "p", number(d->p));
    return object;
}

/* ---- Sets ---- */

static int bad_data(const char *path)
{
    return sps_console_error("'%s': %s", path, sps_last_error());
}

static void release(struct set *set)
{
    sps_table_reset(&set->table);
    sps_predictions_reset(&set->predictions);
    free(set->energy);
    set->energy = NULL;
}

static int check_passes(const struct work *w, const struct sps_table *table)
{
    const struct sps_table *home = w->scoring->home;
    if (table->classes != home->classes)
        return sps_console_error("'%s' has %zu classes, '%s' has %zu", table->path, table->classes, home->path,
                                 home->classes);
    if (w->scoring->weights != NULL && table->passes != home->passes)
        return sps_console_error("'%s' has %zu passes, the weights are for %zu", table->path, table->passes,
                                 home->passes);
    return 0;
}

static int summarise(const struct work *w, struct set *set, const struct sps_table *table, const int *labels)
{
    sps_status status =
        sps_predictions_init(&set->predictions, table->p, w->scoring->weights, table->passes, table->count,
                             (int)table->classes, labels, w->scoring->measure->level, &w->rule);
    return status == SPS_OK ? 0 : bad_data(table->path);
}

static int read_logits(const struct work *w, struct sps_table *logits, const struct sps_table *table, const char *path)
{
    int failed = sps_table_read(logits, path);
    if (failed == 0 &&
        (logits->passes != table->passes || logits->count != table->count || logits->classes != table->classes))
        failed = sps_console_error("'%s' must have the shape of '%s', [%zu][%zu][%zu]", path, table->path,
                                   table->passes, table->count, table->classes);
    return failed != 0 ? failed : check_passes(w, logits);
}

static int add_energy(const struct work *w, struct set *set, const struct sps_table *logits)
{
    set->energy = malloc(logits->count * sizeof *set->energy);
    if (set->energy == NULL)
        return sps_console_error("out of memory");
    return sps_energy(set->energy, logits->p, w->scoring->weights, logits->passes, logits->count,
                      (int)logits->classes) == SPS_OK
               ? 0
               : bad_data(logits->path);
}

/* probabilities of path; logits_path may be NULL. */
static int read_set(const struct work *w, struct set *set, const char *path, const char *logits_path, const int *labels)
{
    int failed = sps_table_read(&set->table, path);
    if (failed == 0)
        failed = check_passes(w, &set->table);
    if (failed == 0)
        failed = summarise(w, set, &set->table, labels);
    if (failed == 0 && logits_path != NULL) {
        struct sps_table logits = {0};
        failed = read_logits(w, &logits, &set->table, logits_path);
        if (failed == 0)
            failed = add_energy(w, set, &logits);
        sps_table_reset(&logits);
    }
    return failed;
}

/* Score k of a set, NULL with *failed set on trouble; NULL alone where it needs logits that are not there. */
static double *score_of(const struct set *set, const char *name, int *failed)
{
    if (sps_score_needs_logits(name) && set->energy == NULL)
        return NULL;
    double *out = malloc((set->predictions.count + 1) * sizeof *out);
    if (out == NULL)
        *failed = sps_console_error("out of memory");
    else if (sps_score(out, name, &set->predictions, set->energy) != SPS_OK)
        *failed = sps_console_error("%s", sps_last_error());
    return out;
}

/* The threshold of a score: of its own rule where it has one, else the one that keeps 1 - reject of home. */
static double threshold_of(const struct work *w, const char *name, const double *home)
{
    if (strcmp(name, "eq26") == 0)
        return -w->rule.threshold;
    if (strcmp(name, "nll_rule") == 0)
        return w->nll;
    struct sps_pick pick;
    sps_status status =
        sps_pick_coverage(&pick, home, NULL, w->home.predictions.count, 1 - w->scoring->options->reject);
    return status == SPS_OK ? pick.threshold : NAN;
}

/* ---- Sections ---- */

static int add_intervals(struct work *w, json_t *report)
{
    struct sps_interval values[METRICS_MAX];
    size_t count = 0;
    json_t *section = put_object(w, report, "bootstrap");
    put(w, section, "resamples", json_integer((json_int_t)w->resampling.resamples));
    put(w, section, "seed", json_integer((json_int_t)w->resampling.seed));
    put(w, section, "level", number(w->resampling.level));
    if (sps_metric_intervals(NULL, &count, &w->home.predictions, NULL) != SPS_OK || count > METRICS_MAX ||
        sps_metric_intervals(values, &count, &w->home.predictions, &w->resampling) != SPS_OK)
        return sps_console_error("%s", sps_last_error());
    section = put_object(w, report, "intervals");
    for (size_t k = 0; k < count; k++) {
        const char *name = sps_metric_list(k, NULL, NULL, NULL);
        put(w, section, name, interval(w, &values[k]));
        if (strcmp(name, "nll") == 0)
            w->nll = values[k].value;
    }
    return 0;
}

static int add_bins(struct work *w, json_t *section, const char *key, enum sps_binning binning)
{
    struct sps_reliability_bin bins[SPS_RELIABILITY_BINS];
    if (sps_reliability(bins, binning, &w->home.predictions) != SPS_OK)
        return sps_console_error("%s", sps_last_error());
    json_t *list = json_array();
    put(w, section, key, list);
    for (int b = 0; b < SPS_RELIABILITY_BINS; b++) {
        json_t *bin = json_object();
        w->failed |= json_array_append_new(list, bin) != 0;
        put(w, bin, "low", number(bins[b].low));
        put(w, bin, "high", number(bins[b].high));
        put(w, bin, "count", json_integer((json_int_t)bins[b].count));
        put(w, bin, "confidence", number(bins[b].confidence));
        put(w, bin, "accuracy", number(bins[b].accuracy));
    }
    return 0;
}

static int add_calibration(struct work *w, json_t *report)
{
    struct sps_calibration eces[SPS_ECES];
    if (sps_calibration(eces, &w->home.predictions, FLOOR_DRAWS, &w->resampling) != SPS_OK)
        return sps_console_error("%s", sps_last_error());
    json_t *section = put_object(w, report, "calibration");
    for (int k = 0; k < SPS_ECES; k++) {
        json_t *ece = interval(w, &eces[k].ece);
        put(w, ece, "floor", number(eces[k].floor));
        put(w, ece, "floor_high", number(eces[k].floor_high));
        put(w, section, sps_ece_name((enum sps_ece)k, NULL), ece);
    }
    int failed = add_bins(w, section, "bins", SPS_EQUAL_WIDTH);
    return failed != 0 ? failed : add_bins(w, section, "bins_mass", SPS_EQUAL_MASS);
}

static int add_temperature(struct work *w, json_t *report, const struct sps_table *logits)
{
    const struct sps_table *home = w->scoring->home;
    size_t count = home->passes * home->count * home->classes;
    struct sps_temperature fit;
    if (w->right == NULL) {
        put(w, report, "temperature", json_null());
        return 0;
    }
    float *z = malloc(count * sizeof *z);
    if (z == NULL)
        return sps_console_error("out of memory");
    if (logits->p != NULL)
        memcpy(z, logits->p, count * sizeof *z);
    else
        sps_log_probabilities(z, home->p, count);
    sps_status status = sps_temperature_fit(&fit, z, w->scoring->weights, home->passes, home->count, (int)home->classes,
                                            w->home.predictions.labels);
    free(z);
    if (status != SPS_OK)
        return bad_data(logits->p != NULL ? logits->path : home->path);
    json_t *section = put_object(w, report, "temperature");
    put(w, section, "scaled", json_string(logits->p != NULL ? "logits" : "log probabilities"));
    put(w, section, "temperature", number(fit.temperature));
    put(w, section, "nll_before", number(fit.nll_before));
    put(w, section, "nll_after", number(fit.nll_after));
    put(w, section, "at_edge", json_boolean(fit.at_edge));
    return 0;
}

static int add_abstention(struct work *w, json_t *report)
{
    const char *name;
    int failed = 0;
    if (w->right == NULL) {
        put(w, report, "abstention", json_null());
        return 0;
    }
    json_t *section = put_object(w, report, "abstention");
    put(w, section, "coverage", number(w->scoring->options->coverage));
    json_t *scores = put_object(w, section, "scores");
    for (size_t k = 0; failed == 0 && (name = sps_score_list(k, NULL, NULL, NULL)) != NULL; k++) {
        struct sps_interval out[SPS_SELECTIVES];
        double *score = score_of(&w->home, name, &failed);
        if (failed == 0 && score != NULL) {
            double threshold = threshold_of(w, name, score);
            if (sps_abstain(out, score, w->right, w->home.predictions.count, w->scoring->options->coverage, threshold,
                            &w->resampling) != SPS_OK)
                failed = sps_console_error("%s", sps_last_error());
            else {
                json_t *row = put_object(w, scores, name);
                for (int m = 0; m < SPS_SELECTIVES; m++)
                    put(w, row, sps_selective_name((enum sps_selective)m, NULL), interval(w, &out[m]));
                put(w, row, "threshold", number(threshold));
            }
        }
        free(score);
    }
    return failed;
}

static int add_foreign(struct work *w, json_t *list, const struct set *foreign)
{
    const char *name;
    int failed = 0;
    json_t *section = json_object();
    w->failed |= json_array_append_new(list, section) != 0;
    put(w, section, "probabilities", sps_cli_report_string(foreign->table.path));
    put(w, section, "n", json_integer((json_int_t)foreign->table.count));
    json_t *scores = put_object(w, section, "scores");
    for (size_t k = 0; failed == 0 && (name = sps_score_list(k, NULL, NULL, NULL)) != NULL; k++) {
        struct sps_interval out[SPS_DETECTIONS];
        double *away = NULL, *home = score_of(&w->home, name, &failed);
        if (failed == 0 && home != NULL)
            away = score_of(foreign, name, &failed);
        if (failed == 0 && home != NULL && away != NULL) {
            double threshold = threshold_of(w, name, home);
            if (sps_detect(out, home, w->home.predictions.count, away, foreign->predictions.count, threshold,
                           &w->resampling) != SPS_OK)
                failed = sps_console_error("%s", sps_last_error());
            else {
                json_t *row = put_object(w, scores, name);
                for (int m = 0; m < SPS_DETECTIONS; m++)
                    put(w, row, sps_detection_name((enum sps_detection)m, NULL), interval(w, &out[m]));
                put(w, row, "threshold", number(threshold));
            }
        }
        free(home);
        free(away);
    }
    return failed;
}

/* Image by image: the NLL, and whether the answer is right. */
static int answers(const struct set *set, double **nll, unsigned char **right)
{
    const struct sps_predictions *p = &set->predictions;
    *nll = malloc((p->count + 1) * sizeof **nll);
    *right = malloc(p->count + 1);
    if (*nll == NULL || *right == NULL)
        return sps_console_error("out of memory");
    for (size_t i = 0; i < p->count; i++) {
        double mean = p->labels[i] >= 0 ? p->mean[i * (size_t)p->classes + (size_t)p->labels[i]] : 1;
        (*nll)[i] = -log(fmax(mean, 1e-12));
        (*right)[i] = p->summaries[i].predicted == p->labels[i];
    }
    return 0;
}

static int as_doubles(double **out, const unsigned char *right, size_t n)
{
    *out = malloc((n + 1) * sizeof **out);
    for (size_t i = 0; i < n && *out != NULL; i++)
        (*out)[i] = right[i];
    return *out != NULL ? 0 : sps_console_error("out of memory");
}

static int compare_answers(struct work *w, json_t *section, const struct set *other)
{
    size_t n = w->home.predictions.count;
    double *nll[2] = {NULL, NULL}, *share[2] = {NULL, NULL};
    unsigned char *right[2] = {NULL, NULL};
    const struct set *sets[2] = {&w->home, other};
    struct sps_difference nlls, accuracies;
    struct sps_mcnemar test;
    int failed = 0;
    for (int m = 0; m < 2 && failed == 0; m++) {
        failed = answers(sets[m], &nll[m], &right[m]);
        if (failed == 0)
            failed = as_doubles(&share[m], right[m], n);
    }
    if (failed == 0 && (sps_compare_means(&nlls, nll[0], nll[1], n, &w->resampling) != SPS_OK ||
                        sps_compare_means(&accuracies, share[0], share[1], n, &w->resampling) != SPS_OK ||
                        sps_mcnemar(&test, right[0], right[1], n) != SPS_OK))
        failed = sps_console_error("%s", sps_last_error());
    if (failed == 0) {
        json_t *row = difference(w, &accuracies);
        put(w, row, "only_first", json_integer((json_int_t)test.only_a));
        put(w, row, "only_other", json_integer((json_int_t)test.only_b));
        put(w, row, "p", number(test.p)); /* McNemar's, in place of the normal one */
        put(w, section, "accuracy", row);
        put(w, section, "nll", difference(w, &nlls));
    }
    for (int m = 0; m < 2; m++) {
        free(nll[m]);
        free(share[m]);
        free(right[m]);
    }
    return failed;
}

static int compare_foreign(struct work *w, json_t *list, const struct set *other, const struct set *away,
                           const struct set *other_away)
{
    const char *name;
    int failed = 0;
    json_t *section = json_object();
    w->failed |= json_array_append_new(list, section) != 0;
    put(w, section, "probabilities", sps_cli_report_string(away->table.path));
    put(w, section, "other", sps_cli_report_string(other_away->table.path));
    json_t *scores = put_object(w, section, "scores");
    for (size_t k = 0; failed == 0 && (name = sps_score_list(k, NULL, NULL, NULL)) != NULL; k++) {
        const struct set *sets[4] = {&w->home, other, away, other_away};
        double *score[4] = {NULL, NULL, NULL, NULL};
        int there = !sps_score_needs_logits(name);
        for (int s = 0; s < 4 && failed == 0 && there; s++)
            score[s] = score_of(sets[s], name, &failed);
        struct sps_difference d;
        if (failed == 0 && there) {
            if (sps_compare_auroc(&d, score[0], score[1], w->home.predictions.count, score[2], score[3],
                                  away->predictions.count, &w->resampling) != SPS_OK)
                failed = sps_console_error("%s", sps_last_error());
            else
                put(w, scores, name, difference(w, &d));
        }
        for (int s = 0; s < 4; s++)
            free(score[s]);
    }
    return failed;
}

static int check_same(const struct sps_table *a, const struct sps_table *b)
{
    return a->count == b->count ? 0
                                : sps_console_error("'%s' has %zu images, '%s' has %zu: paired tests need the same",
                                                    a->path, a->count, b->path, b->count);
}

static int add_compare(struct work *w, json_t *report, struct set *away, size_t away_count)
{
    const struct sps_scoring_options *o = w->scoring->options;
    struct set other = {0}, other_away = {0};
    int failed = read_set(w, &other, o->compare, NULL, w->scoring->labels);
    if (failed == 0)
        failed = check_same(&other.table, w->scoring->home);
    json_t *section = put_object(w, report, "compare");
    put(w, section, "probabilities", sps_cli_report_string(o->compare));
    if (failed == 0 && w->right != NULL)
        failed = compare_answers(w, section, &other);
    json_t *list = json_array();
    put(w, section, "auroc", list);
    for (size_t k = 0; failed == 0 && k < o->compare_ood.count && k < away_count; k++) {
        failed = read_set(w, &other_away, o->compare_ood.item[k], NULL, NULL);
        if (failed == 0)
            failed = check_same(&other_away.table, &away[k].table);
        if (failed == 0)
            failed = compare_foreign(w, list, &other, &away[k], &other_away);
        release(&other_away);
    }
    release(&other);
    return failed;
}

static int add_sections(struct work *w, json_t *report, const struct sps_table *logits)
{
    const struct sps_scoring_options *o = w->scoring->options;
    struct set *away = calloc(o->ood.count + 1, sizeof *away);
    int failed = away == NULL ? sps_console_error("out of memory") : add_intervals(w, report);
    if (failed == 0)
        failed = add_calibration(w, report);
    if (failed == 0)
        failed = add_temperature(w, report, logits);
    if (failed == 0)
        failed = add_abstention(w, report);
    json_t *list = json_array();
    put(w, report, "ood", list);
    for (size_t k = 0; failed == 0 && k < o->ood.count; k++) {
        failed = read_set(w, &away[k], o->ood.item[k], o->ood_logits.count > 0 ? o->ood_logits.item[k] : NULL, NULL);
        if (failed == 0)
            failed = add_foreign(w, list, &away[k]);
    }
    if (failed == 0 && o->compare != NULL)
        failed = add_compare(w, report, away, o->ood.count);
    for (size_t k = 0; away != NULL && k < o->ood.count; k++)
        release(&away[k]);
    free(away);
    return failed;
}

static int check_options(const struct sps_scoring_options *o)
{
    if (o->ood_logits.count > 0 && (o->ood_logits.count != o->ood.count || o->logits == NULL))
        return sps_console_usage("--ood-logits goes with --logits, and is given once for each --ood");
    if (o->compare_ood.count > 0 && (o->compare_ood.count != o->ood.count || o->compare == NULL))
        return sps_console_usage("--compare-ood goes with --compare, and is given once for each --ood");
    return 0;
}

int sps_scoring_add(json_t *report, const struct sps_scoring *scoring)
{
    const struct sps_scoring_options *o = scoring->options;
    struct work w = {.scoring = scoring,
                     .resampling = {o->resamples.value, o->seed.value, scoring->measure->level},
                     .rule = sps_measure_rule(scoring->measure),
                     .nll = NAN};
    struct sps_table logits = {0};
    double *nll = NULL;
    int failed = check_options(o);
    if (failed == 0)
        failed = summarise(&w, &w.home, scoring->home, scoring->labels);
    if (failed == 0 && o->logits != NULL) {
        failed = read_logits(&w, &logits, scoring->home, o->logits);
        if (failed == 0)
            failed = add_energy(&w, &w.home, &logits);
    }
    if (failed == 0 && w.home.predictions.unlabelled == 0)
        failed = answers(&w.home, &nll, &w.right);
    if (failed == 0)
        failed = add_sections(&w, report, &logits);
    if (failed == 0 && w.failed)
        failed = sps_console_error("out of memory");
    free(nll);
    free(w.right);
    release(&w.home);
    sps_table_reset(&logits);
    return failed;
}

/* ---- Text ---- */

/* "0.912 [0.905 0.919]" */
static void print_cell(const json_t *cell)
{
    char text[64];
    const json_t *value = json_object_get(cell, "value"), *low = json_object_get(cell, "low");
    if (!json_is_number(value))
        snprintf(text, sizeof text, "undefined");
    else if (!json_is_number(low))
        snprintf(text, sizeof text, "%.3g", json_number_value(value));
    else
        snprintf(text, sizeof text, "%.3g [%.3g %.3g]", json_number_value(value), json_number_value(low),
                 json_number_value(json_object_get(cell, "high")));
    printf(" %*s", CELL, text);
}

static void print_number(const json_t *value)
{
    if (json_is_number(value))
        printf(" %10.6g", json_number_value(value));
    else
        printf(" %10s", "-");
}

static void end_line(void)
{
    putchar('\n');
}

/* Rows are the members of rows, columns are members of theirs. */
static void print_columns(const json_t *rows, const char *const *columns, size_t count, int threshold)
{
    const char *name;
    json_t *row;
    printf("  %-18s", "score");
    for (size_t k = 0; k < count; k++)
        printf(" %*s", CELL, columns[k]);
    if (threshold)
        printf(" %10s", "threshold");
    end_line();
    json_object_foreach((json_t *)rows, name, row)
    {
        printf("  %-18s", name);
        for (size_t k = 0; k < count; k++)
            print_cell(json_object_get(row, columns[k]));
        if (threshold)
            print_number(json_object_get(row, "threshold"));
        end_line();
    }
}

static void print_intervals(const json_t *report)
{
    const json_t *bootstrap = json_object_get(report, "bootstrap");
    const char *name;
    json_t *cell;
    printf("\nintervals of %.6g %%, %lld bootstrap resamples of the images\n",
           100 * json_number_value(json_object_get(bootstrap, "level")),
           (long long)json_integer_value(json_object_get(bootstrap, "resamples")));
    json_object_foreach(json_object_get(report, "intervals"), name, cell)
    {
        printf("  %-18s", name);
        print_cell(cell);
        end_line();
    }
}

static void print_calibration(const json_t *report)
{
    const json_t *section = json_object_get(report, "calibration"), *fit = json_object_get(report, "temperature");
    printf("\ncalibration; floor: mean and 95 %% quantile were the model calibrated\n");
    for (int k = 0; k < SPS_ECES; k++) {
        const char *summary, *name = sps_ece_name((enum sps_ece)k, &summary);
        const json_t *ece = json_object_get(section, name);
        printf("  %-18s", name);
        print_cell(ece);
        printf(" floor");
        print_number(json_object_get(ece, "floor"));
        print_number(json_object_get(ece, "floor_high"));
        printf("  %s\n", summary);
    }
    size_t b;
    const json_t *bin;
    printf("  %10s %10s %10s %10s %10s\n", "above", "up to", "images", "confidence", "accuracy");
    json_array_foreach(json_object_get(section, "bins"), b, bin)
    {
        if (json_integer_value(json_object_get(bin, "count")) == 0)
            continue;
        printf(" ");
        print_number(json_object_get(bin, "low"));
        print_number(json_object_get(bin, "high"));
        print_number(json_object_get(bin, "count"));
        print_number(json_object_get(bin, "confidence"));
        print_number(json_object_get(bin, "accuracy"));
        end_line();
    }
    if (json_is_object(fit))
        printf("temperature %.4g of the %s of each pass, fitted on these images: NLL %.4g, before %.4g nat%s\n",
               json_number_value(json_object_get(fit, "temperature")),
               json_string_value(json_object_get(fit, "scaled")), json_number_value(json_object_get(fit, "nll_after")),
               json_number_value(json_object_get(fit, "nll_before")),
               json_is_true(json_object_get(fit, "at_edge")) ? " (still falling at the end of the range)" : "");
}

static void print_abstention(const json_t *report)
{
    static const char *const areas[] = {"aurc", "excess_aurc", "kept_error"};
    static const char *const rates[] = {"accept", "reject"}, *const table[] = {"tpr", "tnr", "ar"};
    const json_t *section = json_object_get(report, "abstention");
    if (!json_is_object(section))
        return;
    const json_t *scores = json_object_get(section, "scores");
    printf(
        "\nabstention: area under the risk-coverage curve, its excess over the best order's, error of the %.4g %% of "
        "lowest score\n",
        100 * json_number_value(json_object_get(section, "coverage")));
    print_columns(scores, areas, 3, 0);
    printf("accepted up to the threshold\n");
    print_columns(scores, rates, 2, 1);
    printf("of these (tpr: right ones accepted; tnr: wrong ones rejected; ar: accepted ones right)\n");
    print_columns(scores, table, 3, 0);
}

static void print_foreign(const json_t *report)
{
    static const char *const areas[] = {"auroc", "aupr_out", "aupr_in"};
    static const char *const rates[] = {"fpr95_out", "fpr95_in"}, *const rule[] = {"detected", "rejected"};
    size_t k;
    const json_t *section;
    json_array_foreach(json_object_get(report, "ood"), k, section)
    {
        const json_t *scores = json_object_get(section, "scores");
        printf("\nforeign: ");
        sps_cli_report_plain(stdout, json_string_value(json_object_get(section, "probabilities")));
        printf(", %lld images\n", (long long)json_integer_value(json_object_get(section, "n")));
        print_columns(scores, areas, 3, 0);
        print_columns(scores, rates, 2, 0);
        print_columns(scores, rule, 2, 1);
    }
    if (json_array_size(json_object_get(report, "ood")) > 0)
        for (int m = 0; m < SPS_DETECTIONS; m++) {
            const char *summary, *name = sps_detection_name((enum sps_detection)m, &summary);
            printf("  %-18s %s\n", name, summary);
        }
}

static void print_difference(const char *name, const json_t *d)
{
    printf("  %-18s", name);
    print_cell(d);
    printf(" p");
    print_number(json_object_get(d, "p"));
    end_line();
}

static void print_compare(const json_t *report)
{
    const json_t *section = json_object_get(report, "compare"), *pair;
    const char *name;
    json_t *d;
    size_t k;
    if (!json_is_object(section))
        return;
    printf("\ndifference from ");
    sps_cli_report_plain(stdout, json_string_value(json_object_get(section, "probabilities")));
    printf(" on the same images (McNemar's exact test; paired NLL; AUROC after DeLong)\n");
    if (json_object_get(section, "accuracy") != NULL) {
        print_difference("accuracy", json_object_get(section, "accuracy"));
        print_difference("nll", json_object_get(section, "nll"));
    }
    json_array_foreach(json_object_get(section, "auroc"), k, pair)
    {
        printf("  auroc against ");
        sps_cli_report_plain(stdout, json_string_value(json_object_get(pair, "probabilities")));
        end_line();
        json_object_foreach(json_object_get(pair, "scores"), name, d) print_difference(name, d);
    }
}

void sps_scoring_print(const json_t *report)
{
    print_intervals(report);
    print_calibration(report);
    print_abstention(report);
    print_foreign(report);
    print_compare(report);
}
