/* SPDX-License-Identifier: MIT */
#include "cim/arch/parts.h"

#define ROW(key, ...) {#key, __VA_ARGS__},
const struct sps_part sps_parts[SPS_PART_COUNT] = {SPS_PARTS(ROW)};
