/* SPDX-License-Identifier: MIT */
/* Is a probability what it says?  Reliability diagram, and how sure the answers are. */
#include <math.h>
#include <string.h>

#include "page_scores.h"

enum { BINS = SPS_RELIABILITY_BINS, CONFIDENCE_BINS = 25, FLOOR_DRAWS = 200 };

struct diagram {
    double x[BINS], y[BINS], low[BINS], high[BINS];
};

static sps_status make_diagram(struct diagram *d, const struct sps_shown_set *home)
{
    struct sps_reliability_bin bins[BINS];
    const struct sps_predictions view = sps_shown_predictions(home);
    sps_status status = sps_reliability(bins, SPS_EQUAL_MASS, &view);
    for (int b = 0; b < BINS && status == SPS_OK; b++) {
        double n = (double)bins[b].count, k = isfinite(bins[b].accuracy) ? round(bins[b].accuracy * n) : 0;
        d->x[b] = 100 * bins[b].confidence;
        sps_shown_share(&d->y[b], &d->low[b], &d->high[b], k, isfinite(bins[b].accuracy) ? n : 0);
    }
    return status;
}

static sps_status draw_reliability(sps_page *page, const struct sps_shown *shown)
{
    struct diagram diagrams[SPS_SHOWN_MODELS];
    struct sps_line lines[SPS_SHOWN_MODELS + 1];
    double ends[2] = {100, 100};
    sps_status status = SPS_OK;
    for (int m = 0; m < shown->models && status == SPS_OK; m++) {
        struct diagram *d = &diagrams[m];
        status = make_diagram(d, &shown->model[m].home);
        for (int b = 0; b < BINS && status == SPS_OK; b++)
            ends[0] = fmin(ends[0], isfinite(d->x[b]) ? floor(d->x[b] / 10) * 10 : 100);
        lines[m] = (struct sps_line){shown->model[m].name, BINS, d->x, d->y, d->low, d->high, SPS_LINE_MARKED};
    }
    if (status != SPS_OK)
        return status;
    lines[shown->models] = (struct sps_line){"calibrated", 2, ends, ends, NULL, NULL, SPS_LINE_REFERENCE};
    const struct sps_lines figure = {.title = "Reliability",
                                     .x_axis = "mean confidence, %",
                                     .y_axis = "right, %",
                                     .y_least = 0,
                                     .y_most = 100,
                                     .line_count = shown->models + 1,
                                     .lines = lines,
                                     .width = SPS_SHOWN_WIDTH,
                                     .name = "reliability"};
    sps_page_lines(page, &figure,
                   "15 bins of as many images each; error bars: exact 95 % intervals. Below the dashed line a model is "
                   "too sure, above it not sure enough.");
    return SPS_OK;
}

static void draw_confidence(sps_page *page, const struct sps_shown *shown)
{
    static const char *const panel[] = {"home"};
    double counts[SPS_SHOWN_MODELS * CONFIDENCE_BINS] = {0};
    const char *series[SPS_SHOWN_MODELS];
    for (int m = 0; m < shown->models; m++) {
        const struct sps_shown_set *home = &shown->model[m].home;
        series[m] = shown->model[m].name;
        for (size_t i = 0; i < home->count; i++) {
            int bin = (int)(home->summaries[i].confidence * CONFIDENCE_BINS);
            counts[m * CONFIDENCE_BINS + (bin < CONFIDENCE_BINS ? bin : CONFIDENCE_BINS - 1)]++;
        }
    }
    const struct sps_histogram figure = {.title = "Confidence",
                                         .axis = "probability of the answer",
                                         .low = 0,
                                         .high = 1,
                                         .bins = CONFIDENCE_BINS,
                                         .panel_count = 1,
                                         .series_count = shown->models,
                                         .panels = panel,
                                         .series = series,
                                         .counts = counts,
                                         .width = SPS_SHOWN_WIDTH,
                                         .name = "confidence"};
    sps_page_histogram(page, &figure, "How sure the answers are, over all images of the set.");
}

static sps_status ece_table(sps_page *page, const struct sps_shown *shown)
{
    static const char *const heads[] = {"model", "bins", "ECE, %", "floor, mean, %", "floor, 95 % quantile, %"},
                             *const words[SPS_ECES] = {"equal width", "equal mass", "class by class"};
    struct sps_resampling resampling = sps_shown_resampling(shown);
    json_t *cells = json_array();
    for (int m = 0; m < shown->models; m++) {
        struct sps_calibration eces[SPS_ECES];
        const struct sps_predictions view = sps_shown_predictions(&shown->model[m].home);
        sps_status status = sps_calibration(eces, &view, view.unlabelled == 0 ? FLOOR_DRAWS : 0, &resampling);
        if (status != SPS_OK) {
            json_decref(cells);
            return status;
        }
        for (int k = 0; k < SPS_ECES; k++) {
            sps_cells_add_model(cells, shown, m);
            sps_cells_add(cells, "%s", words[k]);
            sps_cells_add_interval(cells, &eces[k].ece, 100, 2);
            sps_cells_add_fixed(cells, 100 * eces[k].floor, 2);
            sps_cells_add_fixed(cells, 100 * eces[k].floor_high, 2);
        }
    }
    return sps_cells_model_table(page, shown, "calibration", "Expected calibration error", "nnrrr", heads, cells);
}

sps_status sps_show_calibration(sps_page *page, const struct sps_shown *shown)
{
    sps_page_heading(page, "Is a probability what it says?");
    int labelled = 1;
    for (int m = 0; m < shown->models; m++)
        labelled &= sps_shown_predictions(&shown->model[m].home).unlabelled == 0;
    if (!labelled)
        sps_page_paragraph(page, "The images have no labels: what is right cannot be said.");
    sps_page_open_figures(page);
    sps_status status = labelled ? draw_reliability(page, shown) : SPS_OK;
    if (status == SPS_OK)
        draw_confidence(page, shown);
    sps_page_close_figures(page);
    if (status != SPS_OK || !labelled)
        return status;
    status = ece_table(page, shown);
    sps_page_paragraph(page, "ECE: how far confidence and accuracy are apart, over 15 bins. Its floor is what a "
                             "calibrated model would show on as many images by chance. Resampling adds to an ECE, so "
                             "that its interval lies high.");
    return status;
}
