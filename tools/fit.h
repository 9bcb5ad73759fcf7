/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_FIT_H
#define SPS_TOOLS_FIT_H
/* What `calibrate` fits, on arrays: a temperature, and thresholds for abstention. */
#include <stddef.h>

#include "spinscale/status.h"

/* Passes over labelled images, and where what is fitted goes. */
struct sps_fit {
    size_t passes, n;
    int classes;
    const int *labels; /* [n] */
    const double *w;   /* [passes], NULL: equal */
    double quantile;   /* of the accept rule */
};

struct sps_fitted_temperature {
    double temperature, nll_before, nll_after;
    int at_edge;
};
/* z[passes][n][classes]: logits. */
sps_status sps_fit_temperature(struct sps_fitted_temperature *out, const struct sps_fit *fit, const float *z);

/* How good probabilities p[passes][n][classes] are. */
struct sps_measured_quality {
    double accuracy, ece, ece_floor, ece_floor_high; /* floors: what a calibrated model would measure */
};
sps_status sps_fit_measure(struct sps_measured_quality *out, const struct sps_fit *fit, const float *p);

struct sps_fitted_threshold {
    double threshold, coverage, error, bound; /* shares of the images that it accepts; bound: of the error, NaN without
                                                 confidence */
};
/* confidence 0: accept the share `level` of images to come; else at most the share `level` of accepted ones is wrong.
 */
sps_status sps_fit_threshold(struct sps_fitted_threshold *out, const struct sps_fit *fit, const float *p,
                             const char *score, double level, double confidence);
#endif
