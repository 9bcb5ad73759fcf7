/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_HISTOGRAM_H
#define SPS_CIM_HISTOGRAM_H
#include "spinscale/chip.h"

/* A column sum of v junctions (before conversion) is counted in the bin of the nearest whole number, 0 .. bins - 1. */
static inline void sps_histogram_add(const struct sps_chip_histogram *h, const float *sums, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float v = sums[i] < 0 ? 0 : sums[i] + 0.5f;
        size_t bin = (size_t)v;
        h->count[bin < h->bins ? bin : h->bins - 1]++;
    }
}
#endif
