/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_COSTS_H
#define SPS_ENGINE_COSTS_H
#include "engine/walk.h"

/* Time of each stage's sums in full, and of updates, on this machine, as it is now: some hundred microseconds when a
 * session is made.  They only choose between two ways to the same numbers.  costs[stages]. */
void sps_measure_costs(struct sps_cost *costs, struct sps_lane *lane);
#endif
