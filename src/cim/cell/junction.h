/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_JUNCTION_H
#define SPS_CIM_JUNCTION_H
/* A junction of an array as it was made: what it conducts at a read when +1 or -1 was written into it. */
#include "cim/device/device.h"
#include "core/random.h"

struct sps_junction {
    double parallel, antiparallel; /* S, of the state that was written */
};

/* As designed, at the read voltage. */
struct sps_junction sps_junction_nominal(const struct sps_device_params *device);
/* As made: spread, faults, and flips by heat since it was written. */
struct sps_junction sps_junction_draw(const struct sps_device_params *device, struct sps_random *random);
/* Does the device make junctions that differ? */
int sps_junction_varies(const struct sps_device_params *device);
#endif
