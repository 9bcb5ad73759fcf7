/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_FLIPS_H
#define SPS_ENGINE_FLIPS_H
#include "engine/walk.h"

/* Of K entries, `ones` say +1: the share of unordered pairs that disagree. */
double sps_disagreeing_pairs(int ones, int entries);

/* Share of a stage's output bits that differ between two different entries of its bank, averaged over pairs and
 * positions, from the sums of the last node.  The stage has a bank of at least two entries and is not the last. */
double sps_stage_flips(const struct sps_stage *stage, const struct sps_level *level);
#endif
