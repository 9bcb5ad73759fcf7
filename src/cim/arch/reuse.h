/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_REUSE_H
#define SPS_CIM_REUSE_H
#include "engine/packed.h"

/* Expected number of different beginnings among T paths: of their first `length` picks.  1 for length 0. */
double sps_expected_prefixes(const struct sps_packed *packed, int length, uint32_t samples);
#endif
