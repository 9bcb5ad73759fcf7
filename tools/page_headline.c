/* SPDX-License-Identifier: MIT */
/* The numbers that one looks for first, each with its interval. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page_scores.h"

static const struct {
    const char *metric, *words;
    double by;
    int decimals;
} rows[] = {{"accuracy", "accuracy, %", 100, 2},
            {"nll", "negative log-likelihood, nat", 1, 4},
            {"brier", "Brier score, 0 to 2", 1, 4},
            {"ece", "expected calibration error (ECE), %", 100, 2},
            {"confidence", "mean confidence, %", 100, 2},
            {"entropy", "mean entropy, nat", 1, 4},
            {"mutual_information", "mean mutual information, nat", 1, 4},
            {"accepted", "accepted by the rule, %", 100, 2},
            {"accepted_accuracy", "of the accepted, right, %", 100, 2}};
enum { ROWS = sizeof rows / sizeof *rows, METRICS_MAX = 64, FLOOR_DRAWS = 200, KEPT_PERCENT = 80 };
static const double COLLAPSED = 2e-4; /* nat: the default of train.collapse_floor */

struct numbers {
    struct sps_interval row[ROWS], kept;
    double floor, images_per_s;
};

static sps_status kept_error(struct sps_interval *out, const struct sps_shown *shown, const struct sps_shown_set *home)
{
    struct sps_interval all[SPS_SELECTIVES];
    struct sps_resampling resampling = sps_shown_resampling(shown);
    unsigned char *right = NULL;
    double *scores = NULL;
    out->value = out->low = out->high = NAN;
    sps_status status = sps_shown_right(&right, home);
    if (status == SPS_OK && right != NULL) {
        status = sps_shown_score_make(&scores, home, "entropy");
        if (status == SPS_OK)
            status = sps_abstain(all, scores, right, home->count, KEPT_PERCENT / 100.0, NAN, &resampling);
        if (status == SPS_OK)
            *out = all[SPS_KEPT_ERROR];
    }
    free(scores);
    free(right);
    return status;
}

static sps_status measure(struct numbers *out, const struct sps_shown *shown, const struct sps_shown_set *home)
{
    struct sps_interval values[METRICS_MAX];
    struct sps_calibration eces[SPS_ECES];
    struct sps_resampling resampling = sps_shown_resampling(shown);
    const struct sps_predictions view = sps_shown_predictions(home);
    size_t count = METRICS_MAX;
    sps_status status = sps_metric_intervals(values, &count, &view, &resampling);
    const char *name;
    for (size_t k = 0; status == SPS_OK && (name = sps_metric_list(k, NULL, NULL, NULL)) != NULL; k++)
        for (int r = 0; r < ROWS; r++)
            if (strcmp(name, rows[r].metric) == 0)
                out->row[r] = values[k];
    if (status == SPS_OK)
        status = sps_calibration(eces, &view, view.unlabelled == 0 ? FLOOR_DRAWS : 0, NULL);
    if (status == SPS_OK)
        out->floor = eces[SPS_ECE_WIDTH].floor;
    if (status == SPS_OK)
        status = kept_error(&out->kept, shown, home);
    out->images_per_s = home->seconds > 0 ? (double)home->count / home->seconds : NAN;
    return status;
}

static void say(sps_page *page, const struct sps_shown_model *model, const struct numbers *n)
{
    const struct sps_interval *accuracy = &n->row[0], *information = &n->row[6], *accepted = &n->row[7],
                              *accepted_right = &n->row[8];
    if (isfinite(accuracy->value) && isfinite(accepted_right->value))
        sps_cells_paragraph(page,
                            "%s: %.1f %% of the answers are right. Its rule accepts %.1f %% of them, and of these %.2f "
                            "%% are right. Without the %d %% of largest entropy, the error falls from %.2f %% to %.2f "
                            "%%.",
                            model->name, 100 * accuracy->value, 100 * accepted->value, 100 * accepted_right->value,
                            100 - KEPT_PERCENT, 100 * (1 - accuracy->value), 100 * n->kept.value);
    if (information->value < COLLAPSED)
        sps_cells_paragraph(
            page,
            "Warning: %s's passes hardly ever disagree (mutual information %.2g nat). Its posterior has "
            "collapsed, or has none: mutual information says nothing here.",
            model->name, information->value);
}

sps_status sps_show_headline(sps_page *page, const struct sps_shown *shown)
{
    struct numbers all[SPS_SHOWN_MODELS] = {0};
    sps_status status = SPS_OK;
    for (int m = 0; m < shown->models && status == SPS_OK; m++)
        status = measure(&all[m], shown, &shown->model[m].home);
    if (status != SPS_OK)
        return status;
    sps_page_heading(page, "At a glance");
    json_t *cells = json_array();
    for (int m = 0; m < shown->models; m++)
        say(page, &shown->model[m], &all[m]);
    for (int r = 0; r < ROWS; r++) {
        sps_cells_add(cells, "%s", rows[r].words);
        for (int m = 0; m < shown->models; m++)
            sps_cells_add_interval(cells, &all[m].row[r], rows[r].by, rows[r].decimals);
        if (strcmp(rows[r].metric, "ece") != 0)
            continue;
        sps_cells_add(cells, "the same, were the model calibrated (sampling floor), %%");
        for (int m = 0; m < shown->models; m++)
            sps_cells_add_fixed(cells, 100 * all[m].floor, 2);
    }
    sps_cells_add(cells, "error of the %d %% of smallest entropy, %%", KEPT_PERCENT);
    for (int m = 0; m < shown->models; m++)
        sps_cells_add_interval(cells, &all[m].kept, 100, 2);
    sps_cells_add(cells, "speed here, images/s");
    for (int m = 0; m < shown->models; m++)
        sps_cells_add_number(cells, all[m].images_per_s);
    const struct sps_shown_columns columns = sps_shown_columns(shown, 'r');
    char caption[256];
    snprintf(caption, sizeof caption, "%s, %zu images, %u passes each", shown->home.name, shown->home.count,
             (unsigned)shown->passes);
    status = sps_cells_table(page, "headline", caption, columns.align, columns.heads, cells);
    sps_cells_paragraph(
        page,
        "In brackets: %g %% intervals, from %zu bootstrap resamples of the images. The rule (eq. 26 of "
        "Scale-Dropout) accepts an answer where some class keeps at least %g %% in %g %% of the passes.",
        100 * shown->level, shown->resamples, 100 * shown->rule.threshold, 100 - 100 * shown->rule.quantile);
    return status;
}
