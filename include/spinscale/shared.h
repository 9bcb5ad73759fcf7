/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_SHARED_H
#define SPINSCALE_SHARED_H
/* Prediction in several processes: images are shared out among ranks, each predicts its own, and all get all answers,
 * which are those of one process bit for bit. */
#include "spinscale/predict.h"
#include "spinscale/ranks.h"
#ifdef __cplusplus
extern "C" {
#endif

struct sps_shared {
    struct sps_predictor predictor; /* the same model in each rank */
    const sps_ranks *ranks;         /* NULL: one process */
};

/* All ranks must ask for the same, with the same arrays.  Fewer images than ranks are predicted by each.  Where a rank
 * fails, all do.  *shared must outlive the predictor. */
struct sps_predictor sps_shared_predictor(struct sps_shared *shared);

#ifdef __cplusplus
}
#endif
#endif
