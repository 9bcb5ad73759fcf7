/* SPDX-License-Identifier: MIT */
/* May one act on it?  The error among the answers that are kept, as the least certain ones are left out. */
#include <math.h>
#include <stdlib.h>

#include "page_scores.h"

enum { CURVES_MAX = SPS_SHOWN_MODELS + 4, CURVE_POINTS = 200, COVERAGES = 4, RANKINGS = 3, BINS = 40 };
static const double coverages[COVERAGES] = {1, 0.9, 0.8, 0.7};
static const double LEAST_COVERAGE = 0.01; /* below, single images make the curve jump */
static const struct sps_shown_score rankings[RANKINGS] = {{"entropy", "entropy"},
                                                          {"mutual_information", "mutual information"},
                                                          {"max_probability", "probability of the answer"}};

struct curve {
    size_t points;
    double coverage[CURVE_POINTS + 2], error[CURVE_POINTS + 2];
};

/* One point for each step of coverage is enough for the eye. */
static sps_status make_curve(struct curve *c, const struct sps_shown_set *home, const char *score,
                             const unsigned char *right)
{
    size_t points = 0;
    double *scores = NULL, next = LEAST_COVERAGE;
    struct sps_risk_point *all = malloc((home->count + 1) * sizeof *all);
    sps_status status = all != NULL ? sps_shown_score_make(&scores, home, score) : SPS_ENOMEM;
    if (status == SPS_OK)
        status = sps_risk_coverage(all, &points, scores, right, home->count);
    for (size_t i = 0; i < points && status == SPS_OK; i++) {
        if (all[i].coverage < next && i + 1 < points)
            continue;
        c->coverage[c->points] = 100 * all[i].coverage;
        c->error[c->points++] = 100 * all[i].risk;
        next = all[i].coverage + 1.0 / CURVE_POINTS;
    }
    free(scores);
    free(all);
    return status;
}

/* All wrong answers left out first. */
static void best_order(struct curve *c, const unsigned char *right, size_t n)
{
    double wrong = 0;
    for (size_t i = 0; i < n; i++)
        wrong += !right[i];
    wrong /= (double)n;
    for (int i = 0; i <= CURVE_POINTS; i++) {
        double coverage = fmax((double)i / CURVE_POINTS, LEAST_COVERAGE);
        c->coverage[c->points] = 100 * coverage;
        c->error[c->points++] = 100 * fmax(0, (coverage - (1 - wrong)) / coverage);
    }
}

/* One model: by each score, beside the best possible order.  Several: each by entropy. */
static sps_status draw(sps_page *page, const struct sps_shown *shown, unsigned char *const *right)
{
    struct curve *curves = calloc(CURVES_MAX, sizeof *curves);
    struct sps_line lines[CURVES_MAX];
    int count = 0;
    sps_status status = curves != NULL ? SPS_OK : SPS_ENOMEM;
    for (int m = 0; m < shown->models && status == SPS_OK; m++)
        for (int k = 0; k < (shown->models == 1 ? RANKINGS : 1) && status == SPS_OK && right[m] != NULL; k++) {
            struct curve *c = &curves[count];
            status = make_curve(c, &shown->model[m].home, rankings[k].name, right[m]);
            lines[count++] = (struct sps_line){shown->models == 1 ? rankings[k].words : shown->model[m].name,
                                               c->points,
                                               c->coverage,
                                               c->error,
                                               NULL,
                                               NULL,
                                               SPS_LINE_PLAIN};
        }
    if (status == SPS_OK && shown->models == 1) {
        struct curve *c = &curves[count];
        best_order(c, right[0], shown->model[0].home.count);
        lines[count++] =
            (struct sps_line){"best possible order", c->points, c->coverage, c->error, NULL, NULL, SPS_LINE_REFERENCE};
    }
    const struct sps_lines figure = {.title =
                                         shown->models == 1 ? "Risk and coverage" : "Risk and coverage, by entropy",
                                     .x_axis = "answered, % of images",
                                     .y_axis = "wrong among the answered, %",
                                     .y_least = 0,
                                     .y_most = 100,
                                     .line_count = count,
                                     .lines = lines,
                                     .width = SPS_SHOWN_WIDTH,
                                     .name = "risk_coverage"};
    if (status == SPS_OK)
        sps_page_lines(page, &figure, "The least certain are left out first.");
    free(curves);
    return status;
}

/* Right answers and wrong ones, by entropy: where they overlap, nothing can tell them apart. */
static sps_status draw_answers(sps_page *page, const struct sps_shown *shown, unsigned char *const *right)
{
    static const char *const panels[] = {"right answers", "wrong answers"};
    size_t series = (size_t)shown->models;
    double high = 1e-3, *counts = calloc(2 * series * BINS, sizeof *counts);
    const char *names[SPS_SHOWN_MODELS];
    if (counts == NULL)
        return SPS_ENOMEM;
    for (size_t m = 0; m < series; m++)
        high = fmax(high, log(shown->model[m].home.classes));
    for (size_t m = 0; m < series; m++) {
        const struct sps_shown_set *home = &shown->model[m].home;
        names[m] = shown->model[m].name;
        for (size_t i = 0; i < home->count; i++) {
            int bin = (int)(home->summaries[i].entropy / high * BINS);
            counts[(!right[m][i] * series + m) * BINS + (size_t)(bin < BINS ? bin : BINS - 1)]++;
        }
    }
    const struct sps_histogram figure = {.title = "Entropy of right and wrong answers",
                                         .axis = "entropy, nat",
                                         .low = 0,
                                         .high = high,
                                         .bins = BINS,
                                         .panel_count = 2,
                                         .series_count = shown->models,
                                         .panels = panels,
                                         .series = names,
                                         .counts = counts,
                                         .width = SPS_SHOWN_WIDTH,
                                         .name = "answers"};
    sps_page_histogram(page, &figure, "The wrong ones should lie to the right.");
    free(counts);
    return SPS_OK;
}

static sps_status add_kept(json_t *cells, const struct sps_shown *shown, int m, const struct sps_shown_score *ranking,
                           const unsigned char *right)
{
    const struct sps_shown_set *home = &shown->model[m].home;
    const struct sps_resampling resampling = sps_shown_resampling(shown);
    struct sps_interval out[SPS_SELECTIVES];
    double *scores = NULL;
    sps_status status = sps_shown_score_make(&scores, home, ranking->name);
    if (status != SPS_OK)
        return status;
    sps_cells_add_model(cells, shown, m);
    sps_cells_add(cells, "%s", ranking->words);
    for (int c = 0; c < COVERAGES && status == SPS_OK; c++) {
        status = sps_abstain(out, scores, right, home->count, coverages[c], NAN, &resampling);
        if (status == SPS_OK)
            sps_cells_add_interval(cells, &out[SPS_KEPT_ERROR], 100, 2);
    }
    if (status == SPS_OK)
        sps_cells_add_interval(cells, &out[SPS_AURC], 100, 3);
    free(scores);
    return status;
}

/* Table IX of Scale-Dropout, at the rule. */
static sps_status add_rule(json_t *cells, const struct sps_shown *shown, int m, const unsigned char *right)
{
    static const enum sps_selective shares[] = {SPS_KEPT_SHARE, SPS_REJECT, SPS_TPR, SPS_TNR, SPS_AR};
    const struct sps_shown_set *home = &shown->model[m].home;
    const struct sps_resampling resampling = sps_shown_resampling(shown);
    struct sps_interval out[SPS_SELECTIVES];
    double *scores = NULL;
    sps_status status = sps_shown_score_make(&scores, home, "eq26");
    if (status == SPS_OK)
        status = sps_abstain(out, scores, right, home->count, 1, -shown->rule.threshold, &resampling);
    free(scores);
    sps_cells_add_model(cells, shown, m);
    for (size_t k = 0; k < sizeof shares / sizeof *shares && status == SPS_OK; k++)
        sps_cells_add_interval(cells, &out[shares[k]], 100, 2);
    return status;
}

static sps_status tables(sps_page *page, const struct sps_shown *shown, unsigned char *const *right)
{
    static const char *const kept_heads[] = {"model",
                                             "ranked by",
                                             "all: error, %",
                                             "90 % kept: error, %",
                                             "80 % kept: error, %",
                                             "70 % kept: error, %",
                                             "area (AURC), %"},
                             *const rule_heads[] = {"model",
                                                    "accepted, %",
                                                    "rejected, %",
                                                    "accepted of the right answers (TPR), %",
                                                    "rejected of the wrong ones (TNR), %",
                                                    "right of the accepted (AR), %"};
    json_t *kept = json_array(), *rule = json_array();
    sps_status status = SPS_OK;
    for (int m = 0; m < shown->models; m++) {
        for (int k = 0; k < RANKINGS && status == SPS_OK && right[m] != NULL; k++)
            status = add_kept(kept, shown, m, &rankings[k], right[m]);
        if (status == SPS_OK && right[m] != NULL)
            status = add_rule(rule, shown, m, right[m]);
    }
    if (status != SPS_OK) {
        json_decref(kept);
        json_decref(rule);
        return status;
    }
    status =
        sps_cells_model_table(page, shown, "kept", "Error of the answers that are kept", "nnrrrrr", kept_heads, kept);
    sps_status last = sps_cells_model_table(page, shown, "rule", "The rule (eq. 26), quantities of Table IX", "nrrrrr",
                                            rule_heads, rule);
    return status != SPS_OK ? status : last;
}

sps_status sps_show_abstention(sps_page *page, const struct sps_shown *shown)
{
    unsigned char *right[SPS_SHOWN_MODELS] = {NULL};
    int labelled = 0;
    sps_status status = SPS_OK;
    sps_page_heading(page, "Leaving out what it is unsure of");
    for (int m = 0; m < shown->models && status == SPS_OK; m++) {
        status = sps_shown_right(&right[m], &shown->model[m].home);
        labelled += right[m] != NULL;
    }
    if (status == SPS_OK && labelled == shown->models) {
        sps_page_open_figures(page);
        status = draw(page, shown, right);
        if (status == SPS_OK)
            status = draw_answers(page, shown, right);
        sps_page_close_figures(page);
        if (status == SPS_OK)
            status = tables(page, shown, right);
    } else if (status == SPS_OK)
        sps_page_paragraph(page, "The images have no labels: there is no error to count.");
    for (int m = 0; m < shown->models; m++)
        free(right[m]);
    return status;
}
