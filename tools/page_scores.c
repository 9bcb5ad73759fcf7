/* SPDX-License-Identifier: MIT */
#include "page_scores.h"

#include <math.h>
#include <stdlib.h>

const struct sps_shown_score sps_shown_scores[SPS_SHOWN_SCORES] = {{"entropy", "entropy"},
                                                                   {"mutual_information", "mutual information"}};

sps_status sps_shown_score_make(double **out, const struct sps_shown_set *set, const char *name)
{
    const struct sps_predictions view = sps_shown_predictions(set);
    double *scores = malloc((set->count + 1) * sizeof *scores);
    sps_status status = scores != NULL ? sps_score(scores, name, &view, NULL) : SPS_ENOMEM;
    if (status == SPS_OK)
        *out = scores;
    else
        free(scores);
    return status;
}

sps_status sps_shown_right(unsigned char **out, const struct sps_shown_set *set)
{
    *out = NULL;
    if (set->count == 0 || sps_shown_predictions(set).unlabelled > 0)
        return SPS_OK;
    unsigned char *right = malloc(set->count);
    for (size_t i = 0; i < set->count && right != NULL; i++)
        right[i] = set->summaries[i].predicted == set->labels[i];
    *out = right;
    return right != NULL ? SPS_OK : SPS_ENOMEM;
}

void sps_cells_add_interval(json_t *cells, const struct sps_interval *i, double by, int decimals)
{
    if (!isfinite(i->value))
        sps_cells_add(cells, "%s", "");
    else if (isfinite(i->low) && isfinite(i->high))
        sps_cells_add(cells, "%.*f [%.*f, %.*f]", decimals, by * i->value, decimals, by * i->low, decimals,
                      by * i->high);
    else
        sps_cells_add(cells, "%.*f", decimals, by * i->value);
}

struct sps_shown_columns sps_shown_columns(const struct sps_shown *shown, char align)
{
    struct sps_shown_columns columns = {.align = "l", .heads = {""}};
    for (int m = 0; m < shown->models; m++) {
        columns.align[m + 1] = align;
        columns.heads[m + 1] = shown->model[m].name;
    }
    return columns;
}

void sps_cells_add_model(json_t *cells, const struct sps_shown *shown, int model)
{
    if (shown->models > 1)
        sps_cells_add(cells, "%s", shown->model[model].name);
}

sps_status sps_cells_model_table(sps_page *page, const struct sps_shown *shown, const char *name, const char *caption,
                                 const char *align, const char *const *heads, json_t *cells)
{
    int without = shown->models == 1;
    return sps_cells_table(page, name, caption, align + without, heads + without, cells);
}

void sps_shown_share(double *percent, double *low, double *high, double k, double n)
{
    *percent = *low = *high = NAN;
    if (!(n > 0))
        return;
    *percent = 100 * k / n;
    *low = 100 * (1 - sps_binomial_upper((size_t)(n - k), (size_t)n, 0.025));
    *high = 100 * sps_binomial_upper((size_t)k, (size_t)n, 0.025);
}
