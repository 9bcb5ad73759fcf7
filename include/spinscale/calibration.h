/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_CALIBRATION_H
#define SPINSCALE_CALIBRATION_H
/* What "spinscale calibrate" leaves in a packed model: a temperature, and thresholds for abstention that keep a promise
 * (docs/uncertainty.md).  Predictions divide by the temperature unless their options have another one. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/engine.h"
#include "spinscale/predict.h"
#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

enum sps_promise {
    SPS_PROMISE_COVERAGE, /* an image to come is accepted with probability at least `level` */
    SPS_PROMISE_ERROR     /* with `confidence`, at most the share `level` of accepted images to come is wrong */
};
enum { SPS_ABSTENTIONS_MAX = 16 };

/* A threshold: answer where score <= threshold, abstain above. */
struct sps_abstention {
    char score[32]; /* of sps_score_list(); one that needs no logits */
    enum sps_promise promise;
    double level;      /* inside 0 .. 1 */
    double confidence; /* inside 0 .. 1; 0 with SPS_PROMISE_COVERAGE */
    double threshold;  /* -infinity accepts nothing, +infinity everything */
};

struct sps_model_calibration {
    double temperature; /* 1/64 to 64 */
    size_t images;      /* that all of this was fitted on, 1 to 2^31 - 1 */
    /* The promises are for this reading. */
    enum sps_reading reading;
    uint32_t samples; /* passes, 1 to 1,000,000 */
    double quantile;  /* of the accept rule, where the score is eq26; 0 to 1 */
    int count;        /* of thresholds, at most SPS_ABSTENTIONS_MAX */
    struct sps_abstention abstention[SPS_ABSTENTIONS_MAX];
};

/* NULL: the model is not calibrated.  Valid until it is closed or set anew. */
const struct sps_model_calibration *sps_packed_calibration(const sps_packed *packed);
/* Copied; NULL takes it away.  Not while the model has sessions.  SPS_EINVAL, with the rule that is broken. */
sps_status sps_packed_calibrate(sps_packed *packed, const struct sps_model_calibration *calibration);

/* The verdict on an image: does the threshold accept? */
int sps_abstention_accepts(const struct sps_abstention *abstention, const struct sps_summary *summary);

#ifdef __cplusplus
}
#endif
#endif
