/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_USAGE_H
#define SPS_CIM_USAGE_H
/* What stochastic units cost: energy, time, power, lifetime, and how many there are (Table VII of Scale-Dropout). */
#include "cim/device/device.h"

/* One bit at probability p: SET, read, RESET without pause.
 *   SET    I(p)^2 R_track set_time + driver         (the mean current of the SETs that a bit takes: one)
 *   read   V_read^2 / R read_time + sense amplifier (R_AP where the bit is 1, R_P where it is 0)
 *   RESET  I_write^2 R_track reset_time + driver
 * Supplies, current sources and control are not in it. */
struct sps_bit_cost {
    double set, read, reset, energy; /* J */
    double time;                     /* s */
    double rate, power;              /* bits/s and W, without pause */
};
sps_status sps_bit_cost(struct sps_bit_cost *out, int *extrapolated, const struct sps_device *device, double p);

/* Where units stand.  Rules of Table VII; the last two are those of SpinDrop and Spatial-SpinDrop. */
enum sps_arrangement {
    SPS_UNIT_PER_NETWORK, /* one, used by every layer in turn */
    SPS_UNIT_PER_LAYER,
    SPS_UNIT_PER_NEURON, /* one per word line: kernel area times input channels */
    SPS_UNIT_PER_MAP     /* one per input channel */
};

/* A layer with randomness. */
struct sps_unit_layer {
    uint64_t kernel_area; /* 1 of a dense layer */
    uint64_t inputs;      /* channels, or neurons */
    double bits;          /* expected bits for one pick, usually 1 */
};

struct sps_unit_usage {
    uint64_t units;     /* in all layers */
    double bits;        /* per pass, of all units */
    double busiest;     /* per pass, of the unit with the most */
    double energy;      /* J per pass */
    double time;        /* s per pass: units work side by side, layers follow each other */
    double power;       /* W, all units running without pause, as in Table VII */
    double predictions; /* of `passes` passes, until the busiest unit has used its endurance: two cycles a bit */
};
/* passes and endurance are above 0; SPS_EINVAL for empty layers and counts beyond 2^53. */
sps_status sps_unit_usage(struct sps_unit_usage *out, enum sps_arrangement arrangement,
                          const struct sps_unit_layer *layers, size_t count, const struct sps_bit_cost *bit,
                          uint64_t passes, double endurance);

/* Years (of 365.25 days) that many predictions take at a rate per second. */
double sps_years(double predictions, double rate);
#endif
