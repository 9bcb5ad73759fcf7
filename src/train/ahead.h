/* SPDX-License-Identifier: MIT */
#ifndef SPS_TRAIN_AHEAD_H
#define SPS_TRAIN_AHEAD_H
/* The images of a step, encoded and augmented: by all threads when it begins, or before, while the step before is
 * computed, where a core has nothing else to do.  Both give the same codes. */
#include "train/run.h"

/* Is there such a core? */
int sps_ahead_helps(const struct sps_run *run);
/* What works ahead; without it, the others do without. */
sps_status sps_ahead_init(struct sps_run *run);
void sps_ahead_reset(struct sps_run *run);
/* Puts the images index[images.count] of an epoch into the graph. */
void sps_ahead_take(struct sps_run *run, const uint32_t *index, int64_t epoch);
/* Says which images come next; returns at once. */
void sps_ahead_start(struct sps_run *run, const uint32_t *index, int64_t epoch);
#endif
