/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_JUNCTIONS_H
#define SPS_CIM_JUNCTIONS_H
/* What the junctions of an array conduct: as designed, or as one chip has them. */
#include "cim/device/device.h"

/* Conductance (S) of a nominal junction in each state, at the read voltage. */
struct sps_conductance {
    double of[2]; /* [enum sps_mtj_state] */
};
sps_status sps_conductance_nominal(struct sps_conductance *out, const struct sps_device *device);

/* g[rows][columns] of junctions into which states[rows][columns] were written: spread, faults, and flips by heat and
 * reads since then.  made 0: nominal ones.  array numbers the array on its chip, whose seed is chip_seed; first is the
 * number of the first junction in it. */
void sps_junctions_fill(double *g, const uint8_t *states, size_t rows, size_t columns, const struct sps_device *device,
                        const struct sps_conductance *nominal, int made, uint64_t chip_seed, uint32_t array,
                        uint32_t first);
#endif
