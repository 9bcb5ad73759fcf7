/* SPDX-License-Identifier: MIT */
#ifndef SPS_UQ_METRIC_H
#define SPS_UQ_METRIC_H
/* What a metric is: it sees every image once, in order, and keeps a tally. */
#include "spinscale/uq.h"
#include "uq/list.h"

enum { SPS_NO_LABEL = -1, SPS_ECE_BINS = 15 };

/* One image as a metric sees it. */
struct sps_predicted_image {
    const struct sps_summary *summary;
    const double *mean; /* [classes], over passes */
    int classes;
    int label; /* 0 .. classes - 1, or SPS_NO_LABEL */
};

/* Starts as zeros. */
struct sps_tally {
    double sum, count;
    struct {
        double count, correct, confidence;
    } bins[SPS_ECE_BINS]; /* ece only */
};

struct sps_metric {
    const char *name, *summary, *unit, *source;
    int needs_labels; /* add() sees labelled images only; the value is NaN if there were others */
    void (*add)(struct sps_tally *tally, const struct sps_predicted_image *image);
    double (*value)(const struct sps_tally *tally);
};

#define SPS_METRIC_DECLARE(name) extern const struct sps_metric sps_metric_##name;
SPS_METRIC_LIST(SPS_METRIC_DECLARE)
#undef SPS_METRIC_DECLARE

/* Most metrics are a mean: count one more value; sum / count, NaN if nothing was counted. */
void sps_tally_add(struct sps_tally *tally, double value);
double sps_tally_mean(const struct sps_tally *tally);
#endif
