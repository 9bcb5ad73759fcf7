/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_PAGE_SCORES_H
#define SPS_TOOLS_PAGE_SCORES_H
/* What the parts of the page that score have in common. */
#include "cells.h"
#include "page_parts.h"
#include "spinscale/scores.h"

static inline struct sps_predictions sps_shown_predictions(const struct sps_shown_set *set)
{
    struct sps_predictions view = {.count = set->count,
                                   .classes = set->classes,
                                   .labels = set->labels,
                                   .mean = set->mean,
                                   .summaries = set->summaries};
    for (size_t i = 0; i < set->count; i++)
        view.unlabelled += set->labels[i] < 0;
    return view;
}

static inline struct sps_resampling sps_shown_resampling(const struct sps_shown *shown)
{
    return (struct sps_resampling){shown->resamples, 1, shown->level};
}

/* The scores that the page compares; none needs logits. */
struct sps_shown_score {
    const char *name, *words;
};
enum { SPS_SHOWN_SCORES = 2 };
extern const struct sps_shown_score sps_shown_scores[SPS_SHOWN_SCORES];

/* Of a set, by name: [count], to be freed. */
sps_status sps_shown_score_make(double **out, const struct sps_shown_set *set, const char *name);
/* 1 where the answer is right: [count], to be freed; NULL where labels are missing. */
sps_status sps_shown_right(unsigned char **out, const struct sps_shown_set *set);

/* "93.3 [92.6, 94.0]"; empty where it is undefined. */
void sps_cells_add_interval(json_t *cells, const struct sps_interval *interval, double by, int decimals);

/* A table with a column for each model: its align and heads. */
struct sps_shown_columns {
    char align[SPS_SHOWN_MODELS + 2];
    const char *heads[SPS_SHOWN_MODELS + 1];
};
struct sps_shown_columns sps_shown_columns(const struct sps_shown *shown, char align);
/* A table whose first column is the model: left out where there is one only. */
void sps_cells_add_model(json_t *cells, const struct sps_shown *shown, int model);
sps_status sps_cells_model_table(sps_page *page, const struct sps_shown *shown, const char *name, const char *caption,
                                 const char *align, const char *const *heads, json_t *cells);

/* A share k / n, in percent, with its exact interval of 95 % (Clopper and Pearson). */
void sps_shown_share(double *percent, double *low, double *high, double k, double n);
#endif
