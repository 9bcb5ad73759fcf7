/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_FLIPS_H
#define SPS_ENGINE_FLIPS_H
#include "engine/walk.h"

/* Of K entries, `ones` say +1: the share of unordered pairs that disagree. */
double sps_disagreeing_pairs(int ones, int entries);

/* Whether a stage gives bits that depend on the choice of an entry. */
int sps_stage_has_flips(const struct sps_plan *plan, const struct sps_stage *stage);
/* Share of those bits that differ between two different entries, averaged over pairs and positions, from the sums of
 * the last node.  Reals of this stage become those of its last entry: ask later stages first. */
double sps_stage_flips(struct sps_lane *lane, const struct sps_stage *stage);
#endif
