/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_COUNTS_H
#define SPS_CIM_COUNTS_H
/* What one layer does in one pass, in exact numbers. */
#include "cim/arch/layout.h"

enum { SPS_CHIP_WORD_BITS = 32 }; /* of scale memory and activation buffers */

struct sps_chip_counts sps_count_layer(const struct sps_chip *chip, const struct sps_plan *plan,
                                       const struct sps_stage *stage, const struct sps_layer_layout *layer);
void sps_count_add(struct sps_chip_counts *to, const struct sps_chip_counts *counts);
#endif
