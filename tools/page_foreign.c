/* SPDX-License-Identifier: MIT */
/* Images unlike those it was trained on: are they told from those at home? */
#include <math.h>
#include <stdlib.h>

#include "page_scores.h"

enum { BINS = 40, STEPS = 150, DRAWN_MAX = 16 };

/* ---- histograms of a score, home above the foreign sets ---- */

static const struct sps_shown_set *set_of(const struct sps_shown *shown, int m, size_t panel)
{
    return panel == 0 ? &shown->model[m].home : &shown->model[m].away[panel - 1];
}

static double score_of(const struct sps_summary *s, int score)
{
    return score == 0 ? s->entropy : s->mutual_information;
}

static double largest_score(const struct sps_shown *shown, int score)
{
    double most = 0;
    for (int m = 0; m < shown->models; m++)
        for (size_t p = 0; p <= shown->away_count; p++)
            for (size_t i = 0; i < set_of(shown, m, p)->count; i++)
                most = fmax(most, score_of(&set_of(shown, m, p)->summaries[i], score));
    return most > 0 ? most : 1;
}

static sps_status draw_histogram(sps_page *page, const struct sps_shown *shown, int score)
{
    static const char *const titles[] = {"Entropy", "Mutual information"},
                             *const axes[] = {"entropy, nat", "mutual information, nat"},
                             *const names[] = {"entropy", "mutual_information"};
    size_t panels = shown->away_count + 1, series = (size_t)shown->models;
    double high = largest_score(shown, score), *counts = calloc(panels * series * BINS, sizeof *counts);
    const char **panel = calloc(panels, sizeof *panel), *model[SPS_SHOWN_MODELS];
    int made = counts != NULL && panel != NULL;
    for (size_t p = 0; p < panels && made; p++) {
        panel[p] = p == 0 ? shown->home.name : shown->away[p - 1].name;
        for (size_t m = 0; m < series; m++) {
            const struct sps_shown_set *set = set_of(shown, (int)m, p);
            model[m] = shown->model[m].name;
            for (size_t i = 0; i < set->count; i++) {
                int bin = (int)(score_of(&set->summaries[i], score) / high * BINS);
                counts[(p * series + m) * BINS + (size_t)(bin < BINS ? bin : BINS - 1)]++;
            }
        }
    }
    const struct sps_histogram figure = {.title = titles[score],
                                         .axis = axes[score],
                                         .low = 0,
                                         .high = high,
                                         .bins = BINS,
                                         .panel_count = (int)panels,
                                         .series_count = shown->models,
                                         .panels = panel,
                                         .series = model,
                                         .counts = counts,
                                         .width = SPS_SHOWN_WIDTH,
                                         .name = names[score]};
    if (made)
        sps_page_histogram(page, &figure,
                           shown->models == 1 ? "Home at the top, and in grey behind each foreign set."
                                              : "Home at the top.");
    free(counts);
    free(panel);
    return made ? SPS_OK : SPS_ENOMEM;
}

/* ---- ROC ---- */

struct roc {
    size_t points;
    double rejected[2 * STEPS + 8], detected[2 * STEPS + 8];
};

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* From the highest threshold down; a point each time that either share has moved by a step. */
static void trace(struct roc *r, double *home, size_t n, double *away, size_t m)
{
    size_t i = 0, j = 0;
    qsort(home, n, sizeof *home, falling);
    qsort(away, m, sizeof *away, falling);
    r->points = 1; /* (0, 0) */
    while (i < n || j < m) {
        double threshold = i < n && (j >= m || home[i] > away[j]) ? home[i] : away[j];
        for (; i < n && home[i] >= threshold; i++) {
        }
        for (; j < m && away[j] >= threshold; j++) {
        }
        double x = 100 * (double)i / (double)n, y = 100 * (double)j / (double)m;
        if (fabs(x - r->rejected[r->points - 1]) < 100.0 / STEPS &&
            fabs(y - r->detected[r->points - 1]) < 100.0 / STEPS && (i < n || j < m))
            continue;
        r->rejected[r->points] = x;
        r->detected[r->points++] = y;
    }
}

static sps_status make_roc(struct roc *r, const struct sps_shown_model *model, size_t away, const char *score)
{
    double *a = NULL, *b = NULL;
    sps_status status = sps_shown_score_make(&a, &model->home, score);
    if (status == SPS_OK)
        status = sps_shown_score_make(&b, &model->away[away], score);
    if (status == SPS_OK && model->home.count > 0 && model->away[away].count > 0)
        trace(r, a, model->home.count, b, model->away[away].count);
    free(a);
    free(b);
    return status;
}

/* One model: all foreign sets (away < 0) by a score.  Several: all models on one foreign set. */
static sps_status draw_roc(sps_page *page, const struct sps_shown *shown, int score, int away)
{
    static const double ends[2] = {0, 100};
    struct roc *rocs = calloc(DRAWN_MAX, sizeof *rocs);
    struct sps_line lines[DRAWN_MAX + 1];
    char title[200], name[64];
    int count = 0, wanted = away < 0 ? (int)shown->away_count : shown->models;
    wanted = wanted < DRAWN_MAX ? wanted : DRAWN_MAX;
    sps_status status = rocs != NULL ? SPS_OK : SPS_ENOMEM;
    for (; count < wanted && status == SPS_OK; count++) {
        struct roc *r = &rocs[count];
        const struct sps_shown_model *model = &shown->model[away < 0 ? 0 : count];
        status = make_roc(r, model, (size_t)(away < 0 ? count : away), sps_shown_scores[score].name);
        lines[count] = (struct sps_line){away < 0 ? shown->away[count].name : model->name,
                                         r->points,
                                         r->rejected,
                                         r->detected,
                                         NULL,
                                         NULL,
                                         SPS_LINE_PLAIN};
    }
    lines[count] = (struct sps_line){"by chance", 2, ends, ends, NULL, NULL, SPS_LINE_REFERENCE};
    if (away < 0) {
        snprintf(title, sizeof title, "ROC, by %s", sps_shown_scores[score].words);
        snprintf(name, sizeof name, "roc_%s", sps_shown_scores[score].name);
    } else {
        snprintf(title, sizeof title, "%s: ROC, by %s", shown->away[away].name, sps_shown_scores[score].words);
        snprintf(name, sizeof name, "roc_%s_%d", sps_shown_scores[score].name, away + 1);
    }
    const struct sps_lines figure = {.title = title,
                                     .x_axis = "rejected of home, %",
                                     .y_axis = "detected of foreign, %",
                                     .y_least = 0,
                                     .y_most = 100,
                                     .line_count = count + 1,
                                     .lines = lines,
                                     .width = SPS_SHOWN_WIDTH,
                                     .name = name};
    if (status == SPS_OK)
        sps_page_lines(page, &figure, NULL);
    free(rocs);
    return status;
}

/* ---- tables ---- */

static sps_status add_row(json_t *cells, const struct sps_shown *shown, size_t away, int m, int score)
{
    static const enum sps_detection columns[] = {SPS_AUROC, SPS_AUPR_OUT, SPS_AUPR_IN, SPS_FPR95_OUT, SPS_FPR95_IN};
    const struct sps_shown_model *model = &shown->model[m];
    const struct sps_resampling resampling = sps_shown_resampling(shown);
    struct sps_interval out[SPS_DETECTIONS];
    double *a = NULL, *b = NULL;
    sps_status status = sps_shown_score_make(&a, &model->home, sps_shown_scores[score].name);
    if (status == SPS_OK)
        status = sps_shown_score_make(&b, &model->away[away], sps_shown_scores[score].name);
    if (status == SPS_OK)
        status = sps_detect(out, a, model->home.count, b, model->away[away].count, NAN, &resampling);
    sps_cells_add_model(cells, shown, m);
    sps_cells_add(cells, "%s", shown->away[away].name);
    sps_cells_add(cells, "%s", sps_shown_scores[score].words);
    for (size_t k = 0; k < sizeof columns / sizeof *columns && status == SPS_OK; k++) {
        int percent = columns[k] == SPS_FPR95_OUT || columns[k] == SPS_FPR95_IN;
        sps_cells_add_interval(cells, &out[columns[k]], percent ? 100 : 1, percent ? 1 : 3);
    }
    free(a);
    free(b);
    return status;
}

static sps_status detection_table(sps_page *page, const struct sps_shown *shown)
{
    static const char *const heads[] = {"model",
                                        "foreign set",
                                        "score",
                                        "AUROC",
                                        "AUPR, foreign positive",
                                        "AUPR, home positive",
                                        "FPR95, foreign positive, %",
                                        "FPR95, home positive, %"};
    json_t *cells = json_array();
    sps_status status = SPS_OK;
    for (size_t a = 0; a < shown->away_count; a++)
        for (int m = 0; m < shown->models; m++)
            for (int s = 0; s < SPS_SHOWN_SCORES && status == SPS_OK; s++)
                status = add_row(cells, shown, a, m, s);
    if (status != SPS_OK) {
        json_decref(cells);
        return status;
    }
    return sps_cells_model_table(page, shown, "detection", "Foreign images told from those at home", "nnnrrrrr", heads,
                                 cells);
}

/* Home first: without it a rate of detection says nothing. */
static sps_status rejected_table(sps_page *page, const struct sps_shown *shown)
{
    struct sps_shown_columns columns = sps_shown_columns(shown, 'r');
    json_t *cells = json_array();
    columns.heads[0] = "images";
    for (size_t p = 0; p <= shown->away_count; p++) {
        sps_cells_add(cells, p == 0 ? "%s (home)" : "%s", p == 0 ? shown->home.name : shown->away[p - 1].name);
        for (int m = 0; m < shown->models; m++) {
            const struct sps_shown_set *set = set_of(shown, m, p);
            double rejected = 0, percent, low, high;
            for (size_t i = 0; i < set->count; i++)
                rejected += !set->summaries[i].accepted;
            sps_shown_share(&percent, &low, &high, rejected, (double)set->count);
            const struct sps_interval cell = {.value = percent, .low = low, .high = high};
            sps_cells_add_interval(cells, &cell, 1, 1);
        }
    }
    return sps_cells_table(page, "rejected", "Rejected by the rule (eq. 26), %", columns.align, columns.heads, cells);
}

sps_status sps_show_foreign(sps_page *page, const struct sps_shown *shown)
{
    sps_status status = SPS_OK;
    if (shown->away_count == 0)
        return SPS_OK;
    sps_page_heading(page, "Images unlike those it was trained on");
    sps_page_paragraph(page,
                       "Entropy is all uncertainty; mutual information is what the passes disagree about, so what "
                       "the network does not know. Both should be higher for foreign images.");
    sps_page_open_figures(page);
    for (int s = 0; s < SPS_SHOWN_SCORES && status == SPS_OK; s++)
        status = draw_histogram(page, shown, s);
    sps_page_close_figures(page);
    sps_page_open_figures(page);
    for (int s = 0; s < SPS_SHOWN_SCORES && status == SPS_OK && shown->models == 1; s++)
        status = draw_roc(page, shown, s, -1);
    for (size_t a = 0; a < shown->away_count && status == SPS_OK && shown->models > 1; a++)
        status = draw_roc(page, shown, 0, (int)a);
    sps_page_close_figures(page);
    if (status == SPS_OK)
        status = rejected_table(page, shown);
    if (status == SPS_OK)
        status = detection_table(page, shown);
    sps_page_paragraph(page,
                       "AUROC: chance that a foreign image scores above one from home; 0.5 is guessing. AUPR: "
                       "average precision. FPR95 with foreign positive: home images rejected where 95 % of the "
                       "foreign ones are detected; with home positive: foreign images accepted where 95 % of home "
                       "are.");
    return status;
}
