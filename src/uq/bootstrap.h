/* SPDX-License-Identifier: MIT */
#ifndef SPS_UQ_BOOTSTRAP_H
#define SPS_UQ_BOOTSTRAP_H
#include "core/error.h"
#include "spinscale/scores.h"

/* NULL, or a level in (0, 1) and a number of resamples that the streams can tell apart. */
sps_status sps_check_resampling(const struct sps_resampling *resampling);
#endif
