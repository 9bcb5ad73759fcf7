/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_SCORING_H
#define SPS_TOOLS_SCORING_H
/* metrics, put to the test: intervals, calibration, abstention, foreign images, a second model.  Made as JSON; text is
 * printed from that. */
#include <jansson.h>

#include "measure.h"
#include "spinscale/scores.h"
#include "table.h"

struct sps_scoring_options {
    const char *logits, *compare;
    struct sps_texts ood, ood_logits, compare_ood;
    struct sps_count resamples, seed;
    double coverage, reject;
};

/* What is measured. */
struct sps_scoring {
    const struct sps_scoring_options *options;
    const struct sps_measure_options *measure;
    const struct sps_table *home;
    const int *labels;     /* [home->count] */
    const double *weights; /* of passes, or NULL */
};

/* Adds sections to the object.  0, or the exit status after a message. */
int sps_scoring_add(json_t *report, const struct sps_scoring *scoring);
/* The added sections as tables on stdout. */
void sps_scoring_print(const json_t *report);
#endif
