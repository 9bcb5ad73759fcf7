/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_PAGE_PARTS_H
#define SPS_TOOLS_PAGE_PARTS_H
/* The page of the command report: what is known of each model, and the parts that show it.  A part is one file.
 *
 * (Parts that predict see spinscale/predict.h, parts that score see spinscale/scores.h; both are too much for one file,
 * as each has its own struct sps_predictions.) */
#include <jansson.h>

#include "spinscale/images.h"
#include "spinscale/report.h"
#include "spinscale/uq.h"

struct sps_model_info;
struct sps_predictor;
struct sps_predict_options;

/* A set of images, predicted. */
struct sps_shown_set {
    const char *name;
    size_t count;
    int classes;
    int *labels;                   /* [count], -1 where there is none */
    double *mean;                  /* [count][classes], over passes */
    struct sps_summary *summaries; /* [count] */
    double seconds;                /* in prediction alone */
};

struct sps_shown_model {
    char name[48]; /* in legends, different for each */
    const char *path, *engine;
    char sha256[65];
    size_t bytes;
    const struct sps_model_info *info;
    const struct sps_predictor *predictor;
    struct sps_shown_set home, *away; /* [away_count] */
    json_t *shifts;                   /* rows of the suite, or NULL */
    json_t *curve;                    /* epochs of a run, or NULL */
};

struct sps_shown {
    struct sps_shown_model *model;
    int models;
    const char *data;              /* home as it was given */
    struct sps_images home, *away; /* [away_count] */
    size_t away_count;
    const struct sps_predict_options *predict;
    uint32_t passes;
    struct sps_accept_rule rule;
    double level;
    size_t resamples;
};

enum { SPS_SHOWN_MODELS = 8, SPS_SHOWN_WIDTH = 440 };

/* images[] through a model; labelled: their labels are the model's classes.  progress(user, done, total).  Release with
 * sps_shown_set_reset(), which allows one that is all zeros. */
sps_status sps_shown_set_predict(struct sps_shown_set *out, const struct sps_shown *shown,
                                 const struct sps_predictor *predictor, const struct sps_images *images, int labelled,
                                 void (*progress)(void *user, size_t done, size_t total), void *user);
void sps_shown_set_reset(struct sps_shown_set *set);

/* ---- parts, in their order ---- */

sps_status sps_show_headline(sps_page *page, const struct sps_shown *shown);
sps_status sps_show_about(sps_page *page, const struct sps_shown *shown);
sps_status sps_show_curve(sps_page *page, const struct sps_shown *shown);
sps_status sps_show_calibration(sps_page *page, const struct sps_shown *shown);
sps_status sps_show_abstention(sps_page *page, const struct sps_shown *shown);
sps_status sps_show_foreign(sps_page *page, const struct sps_shown *shown);
sps_status sps_show_shifts(sps_page *page, const struct sps_shown *shown);
sps_status sps_show_examples(sps_page *page, const struct sps_shown *shown);
#endif
