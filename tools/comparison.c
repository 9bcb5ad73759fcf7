/* SPDX-License-Identifier: MIT */
#include "comparison.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "spinscale/scores.h"

enum { FLOOR_DRAWS = 200, METRICS_MAX = 64 };

static const struct sps_column home_columns[SPS_HOME_COLUMNS] = {
    [SPS_COLUMN_ACCURACY] = {"accuracy", "accuracy %", 100, 2},
    [SPS_COLUMN_NLL] = {"nll", "NLL", 1, 4},
    [SPS_COLUMN_BRIER] = {"brier", "Brier", 1, 4},
    [SPS_COLUMN_ECE] = {"ece", "ECE", 1, 4},
    [SPS_COLUMN_MUTUAL_INFORMATION] = {"mutual_information", "MI", 1, 4},
    [SPS_COLUMN_ACCEPTED] = {"accepted", "accepted %", 100, 2},
    [SPS_COLUMN_AURC] = {"aurc", "AURC", 1, 5},
    [SPS_COLUMN_KEPT_ERROR] = {"kept_error", "kept error %", 100, 2},
};
/* Columns that are registered metrics. */
static const int metric_columns[] = {SPS_COLUMN_ACCURACY,           SPS_COLUMN_NLL,      SPS_COLUMN_BRIER,
                                     SPS_COLUMN_MUTUAL_INFORMATION, SPS_COLUMN_ACCEPTED, -1};
static const char *const foreign_scores[SPS_FOREIGN_COLUMNS] = {"entropy", "mutual_information"};

/* What the first row's tests need of a repetition. */
struct sps_kept {
    size_t n;
    double *nll;                       /* [n] */
    unsigned char *right;              /* [n]; NULL where labels are missing */
    double *home[SPS_FOREIGN_COLUMNS]; /* [n] scores */
    struct away *away;                 /* [foreign] */
};
struct away {
    size_t n;
    double *score[SPS_FOREIGN_COLUMNS];
};

/* Image by image, over repetitions. */
struct sps_answers {
    double *nll, *right; /* [n] */
};

static int failed_call(void)
{
    return sps_console_error("%s", sps_last_error());
}

static int out_of_memory(void)
{
    return sps_console_error("out of memory");
}

/* ---- making ---- */

static void name_columns(struct sps_comparison *c)
{
    memcpy(c->column, home_columns, sizeof home_columns);
    for (size_t f = 0; f < c->basis.foreign_count; f++)
        for (size_t s = 0; s < SPS_FOREIGN_COLUMNS; s++) {
            struct sps_column *column = &c->column[SPS_HOME_COLUMNS + f * SPS_FOREIGN_COLUMNS + s];
            column->by = 1;
            column->digits = 4;
            snprintf(column->key, sizeof column->key, "auroc_%s:%.100s", foreign_scores[s], c->basis.foreign[f]);
            snprintf(column->title, sizeof column->title, "%.100s by %s", c->basis.foreign[f],
                     s == 0 ? "entropy" : "MI");
        }
}

/* Repetitions that a row and the first have both. */
static size_t paired(const struct sps_comparison *c, size_t row)
{
    return c->row[row].count < c->row[0].count ? c->row[row].count : c->row[0].count;
}

static int make_pairs(struct sps_comparison *c)
{
    size_t made = 0;
    for (size_t r = 1; r < c->count; r++)
        c->pair_count += paired(c, r) + (paired(c, r) > 1);
    c->pair = calloc(c->pair_count + 1, sizeof *c->pair);
    if (c->pair == NULL)
        return out_of_memory();
    for (size_t r = 1; r < c->count; r++)
        for (size_t s = 0; s < paired(c, r) + (paired(c, r) > 1); s++) {
            struct sps_pair *pair = &c->pair[made++];
            *pair = (struct sps_pair){.row = r,
                                      .repetition = s < paired(c, r) ? s : SPS_ALL_SEEDS,
                                      .test = calloc(c->tests, sizeof *pair->test)};
            if (pair->test == NULL)
                return out_of_memory();
        }
    return 0;
}

static int check_score(const char *score)
{
    const char *name;
    for (size_t i = 0; (name = sps_score_list(i, NULL, NULL, NULL)) != NULL; i++)
        if (strcmp(name, score) == 0 && !sps_score_needs_logits(name))
            return 0;
    return sps_console_usage("--score is '%s', must be a score of docs/uncertainty.md that needs no logits", score);
}

int sps_comparison_init(struct sps_comparison *c, const struct sps_comparison_basis *basis, size_t rows,
                        const char *const *names, const size_t *counts)
{
    *c = (struct sps_comparison){.basis = *basis,
                                 .count = rows,
                                 .columns = SPS_HOME_COLUMNS + basis->foreign_count * SPS_FOREIGN_COLUMNS,
                                 .tests = SPS_HOME_TESTS + basis->foreign_count * SPS_FOREIGN_COLUMNS,
                                 .row = calloc(rows, sizeof *c->row),
                                 .kept = calloc(counts[0], sizeof *c->kept),
                                 .sum = calloc(1, sizeof *c->sum)};
    c->column = calloc(c->columns, sizeof *c->column);
    if (c->row == NULL || c->kept == NULL || c->sum == NULL || c->column == NULL)
        return out_of_memory();
    name_columns(c);
    for (size_t r = 0; r < rows; r++) {
        struct sps_compared *row = &c->row[r];
        row->name = names[r];
        row->repetition = calloc(counts[r], sizeof *row->repetition);
        if (row->repetition == NULL)
            return out_of_memory();
        row->count = counts[r];
        for (size_t s = 0; s < row->count; s++) {
            row->repetition[s].cell = calloc(c->columns, sizeof *row->repetition[s].cell);
            if (row->repetition[s].cell == NULL)
                return out_of_memory();
        }
    }
    int failed = make_pairs(c);
    return failed != 0 ? failed : check_score(basis->score);
}

static void release(struct sps_kept *k, size_t foreign_count)
{
    free(k->nll);
    free(k->right);
    for (size_t s = 0; s < SPS_FOREIGN_COLUMNS; s++)
        free(k->home[s]);
    for (size_t f = 0; k->away != NULL && f < foreign_count; f++)
        for (size_t s = 0; s < SPS_FOREIGN_COLUMNS; s++)
            free(k->away[f].score[s]);
    free(k->away);
    *k = (struct sps_kept){0};
}

void sps_comparison_reset(struct sps_comparison *c)
{
    for (size_t s = 0; c->kept != NULL && c->row != NULL && s < c->row[0].count; s++)
        release(&c->kept[s], c->basis.foreign_count);
    for (size_t r = 0; c->row != NULL && r < c->count; r++) {
        for (size_t s = 0; s < c->row[r].count; s++) {
            free(c->row[r].repetition[s].models);
            free(c->row[r].repetition[s].cell);
        }
        free(c->row[r].repetition);
    }
    for (size_t k = 0; c->pair != NULL && k < c->pair_count; k++)
        free(c->pair[k].test);
    if (c->sum != NULL) {
        free(c->sum->nll);
        free(c->sum->right);
    }
    free(c->sum);
    free(c->pair);
    free(c->row);
    free(c->kept);
    free(c->column);
    *c = (struct sps_comparison){0};
}

/* ---- numbers of one repetition ---- */

struct work {
    struct sps_comparison *comparison;
    struct sps_repetition *to;
    struct sps_resampling resampling;
    struct sps_predictions home; /* the caller's arrays, labels apart */
    struct sps_kept seen;
};

static struct sps_cell cell_of(const struct sps_interval *x)
{
    return (struct sps_cell){x->value, x->low, x->high};
}

static int view(struct sps_predictions *out, const struct sps_said *said)
{
    *out = (struct sps_predictions){.count = said->n,
                                    .classes = said->classes,
                                    .labels = malloc((said->n + 1) * sizeof *out->labels),
                                    .mean = said->mean,
                                    .summaries = said->summaries};
    if (out->labels == NULL)
        return out_of_memory();
    for (size_t i = 0; i < said->n; i++) {
        int labelled = said->labels[i] >= 0 && said->labels[i] < said->classes;
        out->labels[i] = labelled ? said->labels[i] : -1;
        out->unlabelled += !labelled;
    }
    return 0;
}

static double *score_of(const struct sps_predictions *set, const char *name, int *failed)
{
    double *out = malloc((set->count + 1) * sizeof *out);
    if (out == NULL)
        *failed = out_of_memory();
    else if (sps_score(out, name, set, NULL) != SPS_OK)
        *failed = failed_call();
    return out;
}

/* Image by image: the NLL, and whether the answer is right. */
static int keep_answers(struct work *w)
{
    const struct sps_predictions *p = &w->home;
    w->seen.n = p->count;
    if (p->unlabelled > 0)
        return 0;
    w->seen.nll = malloc((p->count + 1) * sizeof *w->seen.nll);
    w->seen.right = malloc(p->count + 1);
    if (w->seen.nll == NULL || w->seen.right == NULL)
        return out_of_memory();
    for (size_t i = 0; i < p->count; i++) {
        w->seen.nll[i] = -log(fmax(p->mean[i * (size_t)p->classes + (size_t)p->labels[i]], 1e-12));
        w->seen.right[i] = p->summaries[i].predicted == p->labels[i];
    }
    return 0;
}

static int measure(struct work *w)
{
    struct sps_interval values[METRICS_MAX];
    struct sps_calibration eces[SPS_ECES];
    size_t count = 0;
    if (sps_metric_intervals(NULL, &count, &w->home, NULL) != SPS_OK || count > METRICS_MAX ||
        sps_metric_intervals(values, &count, &w->home, &w->resampling) != SPS_OK ||
        sps_calibration(eces, &w->home, FLOOR_DRAWS, &w->resampling) != SPS_OK)
        return failed_call();
    for (size_t m = 0; m < count; m++)
        for (const int *column = metric_columns; *column >= 0; column++)
            if (strcmp(sps_metric_list(m, NULL, NULL, NULL), home_columns[*column].key) == 0)
                w->to->cell[*column] = cell_of(&values[m]);
    w->to->cell[SPS_COLUMN_ECE] = cell_of(&eces[SPS_ECE_WIDTH].ece);
    w->to->floor = eces[SPS_ECE_WIDTH].floor;
    w->to->floor_high = eces[SPS_ECE_WIDTH].floor_high;
    return 0;
}

static int abstain(struct work *w)
{
    const struct sps_comparison_basis *basis = &w->comparison->basis;
    const struct sps_cell undefined = {NAN, NAN, NAN};
    struct sps_interval out[SPS_SELECTIVES];
    int failed = 0;
    w->to->cell[SPS_COLUMN_AURC] = w->to->cell[SPS_COLUMN_KEPT_ERROR] = undefined;
    if (w->seen.right == NULL)
        return 0;
    double *score = score_of(&w->home, basis->score, &failed);
    if (failed == 0 &&
        sps_abstain(out, score, w->seen.right, w->home.count, basis->coverage, NAN, &w->resampling) != SPS_OK)
        failed = failed_call();
    if (failed == 0) {
        w->to->cell[SPS_COLUMN_AURC] = cell_of(&out[SPS_AURC]);
        w->to->cell[SPS_COLUMN_KEPT_ERROR] = cell_of(&out[SPS_KEPT_ERROR]);
    }
    free(score);
    return failed;
}

static int detect(struct work *w, size_t foreign, const struct sps_said *said)
{
    struct sps_predictions set = {0};
    struct away *away = &w->seen.away[foreign];
    int failed = view(&set, said);
    away->n = said->n;
    for (size_t s = 0; s < SPS_FOREIGN_COLUMNS && failed == 0; s++) {
        struct sps_interval out[SPS_DETECTIONS];
        away->score[s] = score_of(&set, foreign_scores[s], &failed);
        if (failed == 0 &&
            sps_detect(out, w->seen.home[s], w->seen.n, away->score[s], away->n, NAN, &w->resampling) != SPS_OK)
            failed = failed_call();
        if (failed == 0)
            w->to->cell[SPS_HOME_COLUMNS + foreign * SPS_FOREIGN_COLUMNS + s] = cell_of(&out[SPS_AUROC]);
    }
    free(set.labels);
    return failed;
}

/* ---- tests ---- */

static struct sps_test test_of(const struct sps_difference *d)
{
    return (struct sps_test){cell_of(&d->boot), d->p};
}

static int as_doubles(double **out, const unsigned char *right, size_t n)
{
    *out = malloc((n + 1) * sizeof **out);
    for (size_t i = 0; i < n && *out != NULL; i++)
        (*out)[i] = right[i];
    return *out != NULL ? 0 : out_of_memory();
}

static int test_answers(struct sps_pair *pair, const struct work *w, const struct sps_kept *first)
{
    const struct sps_test undefined = {{NAN, NAN, NAN}, NAN};
    double *a = NULL, *b = NULL;
    struct sps_difference accuracy, nll;
    struct sps_mcnemar mcnemar;
    pair->test[0] = pair->test[1] = undefined;
    if (w->seen.right == NULL || first->right == NULL)
        return 0;
    int failed = as_doubles(&a, w->seen.right, w->seen.n);
    if (failed == 0)
        failed = as_doubles(&b, first->right, w->seen.n);
    if (failed == 0 && (sps_compare_means(&accuracy, a, b, w->seen.n, &w->resampling) != SPS_OK ||
                        sps_compare_means(&nll, w->seen.nll, first->nll, w->seen.n, &w->resampling) != SPS_OK ||
                        sps_mcnemar(&mcnemar, w->seen.right, first->right, w->seen.n) != SPS_OK))
        failed = failed_call();
    if (failed == 0) {
        pair->test[0] = test_of(&accuracy);
        pair->test[0].p = mcnemar.p; /* exact, in place of the normal one */
        pair->test[1] = test_of(&nll);
        pair->only_row = mcnemar.only_a;
        pair->only_first = mcnemar.only_b;
    }
    free(a);
    free(b);
    return failed;
}

static int test_pair(struct sps_pair *pair, const struct work *w, const struct sps_kept *first)
{
    int failed = test_answers(pair, w, first);
    for (size_t f = 0; f < w->comparison->basis.foreign_count; f++)
        for (size_t s = 0; s < SPS_FOREIGN_COLUMNS && failed == 0; s++) {
            struct sps_difference d;
            const struct away *a = &w->seen.away[f], *b = &first->away[f];
            if (sps_compare_auroc(&d, w->seen.home[s], first->home[s], first->n, a->score[s], b->score[s], b->n,
                                  &w->resampling) != SPS_OK)
                failed = failed_call();
            else
                pair->test[SPS_HOME_TESTS + f * SPS_FOREIGN_COLUMNS + s] = test_of(&d);
        }
    return failed;
}

/* sum += what was seen of each image. */
static void add_answers(struct sps_answers *sum, const struct sps_kept *seen)
{
    for (size_t i = 0; i < seen->n; i++) {
        sum->nll[i] += seen->nll[i];
        sum->right[i] += seen->right[i];
    }
}

static int make_answers(struct sps_answers *sum, size_t n)
{
    free(sum->nll);
    free(sum->right);
    sum->nll = calloc(n + 1, sizeof *sum->nll);
    sum->right = calloc(n + 1, sizeof *sum->right);
    return sum->nll != NULL && sum->right != NULL ? 0 : out_of_memory();
}

/* Means over seeds, of the row and of the first one: what a training of one method has on these images over one of the
 * other, with less of the trainings' own chance than any pair of seeds. */
static int test_all_seeds(struct sps_pair *pair, const struct work *w)
{
    struct sps_comparison *c = w->comparison;
    const size_t seeds = paired(c, pair->row), n = w->seen.n;
    struct sps_answers *row = c->sum, first = {0};
    struct sps_difference accuracy, nll;
    int failed = make_answers(&first, n);
    for (size_t s = 0; s < seeds && failed == 0; s++)
        add_answers(&first, &c->kept[s]);
    for (size_t i = 0; i < n && failed == 0; i++) {
        row->nll[i] /= (double)seeds, first.nll[i] /= (double)seeds;
        row->right[i] /= (double)seeds, first.right[i] /= (double)seeds;
    }
    if (failed == 0 && (sps_compare_means(&accuracy, row->right, first.right, n, &w->resampling) != SPS_OK ||
                        sps_compare_means(&nll, row->nll, first.nll, n, &w->resampling) != SPS_OK))
        failed = failed_call();
    if (failed == 0) {
        pair->test[0] = test_of(&accuracy);
        pair->test[1] = test_of(&nll);
    }
    free(first.nll);
    free(first.right);
    return failed;
}

static int test_against_first(struct work *w, size_t row, size_t repetition)
{
    struct sps_comparison *c = w->comparison;
    const size_t seeds = paired(c, row);
    const int labelled = w->seen.right != NULL && c->kept[0].right != NULL;
    int failed = 0;
    if (labelled && repetition == 0)
        failed = make_answers(c->sum, w->seen.n);
    if (failed == 0 && labelled && repetition < seeds)
        add_answers(c->sum, &w->seen);
    for (size_t k = 0; k < c->pair_count && failed == 0; k++) {
        struct sps_pair *pair = &c->pair[k];
        if (pair->row != row)
            continue;
        if (pair->repetition == repetition)
            failed = test_pair(pair, w, &c->kept[repetition]);
        else if (pair->repetition == SPS_ALL_SEEDS && repetition == seeds - 1) {
            for (size_t t = 0; t < c->tests; t++)
                pair->test[t] = (struct sps_test){{NAN, NAN, NAN}, NAN};
            failed = labelled ? test_all_seeds(pair, w) : 0;
        }
    }
    return failed;
}

int sps_comparison_add(struct sps_comparison *c, size_t row, size_t repetition, const struct sps_said *home,
                       const struct sps_said *foreign)
{
    struct work w = {.comparison = c,
                     .to = &c->row[row].repetition[repetition],
                     .resampling = {c->basis.resamples, 1, c->basis.level}};
    int failed = view(&w.home, home);
    w.seen.away = calloc(c->basis.foreign_count + 1, sizeof *w.seen.away);
    if (failed == 0 && w.seen.away == NULL)
        failed = out_of_memory();
    if (failed == 0)
        failed = keep_answers(&w);
    if (failed == 0)
        failed = measure(&w);
    if (failed == 0)
        failed = abstain(&w);
    for (size_t s = 0; s < SPS_FOREIGN_COLUMNS && failed == 0; s++)
        w.seen.home[s] = score_of(&w.home, foreign_scores[s], &failed);
    for (size_t f = 0; f < c->basis.foreign_count && failed == 0; f++)
        failed = detect(&w, f, &foreign[f]);
    if (failed == 0 && row > 0)
        failed = test_against_first(&w, row, repetition);
    if (failed == 0 && row == 0)
        c->kept[repetition] = w.seen;
    else
        release(&w.seen, c->basis.foreign_count);
    free(w.home.labels);
    return failed;
}

/* ---- reading ---- */

void sps_comparison_spread(double *mean, double *deviation, const struct sps_compared *row, size_t column)
{
    double n = (double)row->count, sum = 0, squares = 0;
    for (size_t s = 0; s < row->count; s++)
        sum += row->repetition[s].cell[column].value;
    *mean = sum / n;
    for (size_t s = 0; s < row->count; s++)
        squares += pow(row->repetition[s].cell[column].value - *mean, 2);
    *deviation = row->count > 1 ? sqrt(squares / (n - 1)) : NAN;
}

const struct sps_column *sps_comparison_test(const struct sps_comparison *c, size_t test)
{
    return &c->column[test < SPS_HOME_TESTS ? test : SPS_HOME_COLUMNS + test - SPS_HOME_TESTS];
}
