/* SPDX-License-Identifier: MIT */
/* How training went, where a model came with its run. */
#include <math.h>
#include <stdlib.h>

#include "cells.h"
#include "page_parts.h"
#include "report.h"

enum { KEYS_MAX = 2, POINTS_MARKED = 20 };

static const struct chart {
    const char *name, *title, *axis;
    double by;
    const char *key[KEYS_MAX], *words[KEYS_MAX];
} charts[] = {
    {"training_loss", "Loss", "loss, nat", 1, {"train_loss", "validation_nll"}, {"training loss", "validation NLL"}},
    {"training_accuracy",
     "Accuracy",
     "accuracy, %",
     100,
     {"train_accuracy", "validation_accuracy"},
     {"training", "validation"}},
    {"training_information",
     "Mutual information on the validation split",
     "mutual information, nat",
     1,
     {"mutual_information", NULL},
     {"validation", NULL}}};
enum { CHARTS = sizeof charts / sizeof *charts };

struct curve {
    char name[96];
    size_t points;
    double *epoch, *value;
};

/* Epochs in which there is a number. */
static int make_curve(struct curve *c, const json_t *epochs, const char *key, double by)
{
    size_t i;
    json_t *row;
    c->epoch = malloc((2 * json_array_size(epochs) + 1) * sizeof *c->epoch);
    if (c->epoch == NULL)
        return 0;
    c->value = c->epoch + json_array_size(epochs);
    json_array_foreach((json_t *)epochs, i, row)
    {
        double value = sps_cli_report_number(row, key), epoch = sps_cli_report_number(row, "epoch");
        if (!isfinite(value) || !isfinite(epoch))
            continue;
        c->epoch[c->points] = epoch;
        c->value[c->points++] = by * value;
    }
    return 1;
}

static sps_status draw(sps_page *page, const struct sps_shown *shown, const struct chart *chart)
{
    struct curve curves[SPS_SHOWN_MODELS * KEYS_MAX] = {0};
    struct sps_line lines[SPS_SHOWN_MODELS * KEYS_MAX];
    int count = 0, made = 1;
    for (int m = 0; m < shown->models; m++)
        for (int k = 0; k < KEYS_MAX && chart->key[k] != NULL && made; k++) {
            struct curve *c = &curves[count];
            if (shown->model[m].curve == NULL)
                continue;
            made = make_curve(c, shown->model[m].curve, chart->key[k], chart->by);
            snprintf(c->name, sizeof c->name, "%s%s%s", shown->models > 1 ? shown->model[m].name : "",
                     shown->models > 1 ? ": " : "", chart->words[k]);
            lines[count++] = (struct sps_line){c->name,
                                               c->points,
                                               c->epoch,
                                               c->value,
                                               NULL,
                                               NULL,
                                               c->points > POINTS_MARKED ? SPS_LINE_PLAIN : SPS_LINE_MARKED};
        }
    const struct sps_lines figure = {.title = chart->title,
                                     .x_axis = "epoch",
                                     .y_axis = chart->axis,
                                     .line_count = count,
                                     .lines = lines,
                                     .width = SPS_SHOWN_WIDTH,
                                     .name = chart->name};
    size_t points = 0;
    for (int i = 0; i < count; i++)
        points += curves[i].points;
    if (made && points > 0)
        sps_page_lines(page, &figure, NULL);
    for (int i = 0; i < count; i++)
        free(curves[i].epoch);
    return made ? SPS_OK : SPS_ENOMEM;
}

sps_status sps_show_curve(sps_page *page, const struct sps_shown *shown)
{
    int runs = 0;
    sps_status status = SPS_OK;
    for (int m = 0; m < shown->models; m++)
        runs += shown->model[m].curve != NULL;
    if (runs == 0)
        return SPS_OK;
    sps_page_heading(page, "How training went");
    sps_page_open_figures(page);
    for (int i = 0; i < CHARTS && status == SPS_OK; i++)
        status = draw(page, shown, &charts[i]);
    sps_page_close_figures(page);
    return status;
}
