/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_VARIATION_H
#define SPS_CIM_VARIATION_H
/* How one device differs from the nominal one.  Everything is a function of (seed, chip, array, cell): the same on any
 * number of threads and in any order.  Each quantity has a stream of its own, so that a change of one spread leaves the
 * draws of the others as they were. */
#include "cim/device/device.h"
#include "core/random.h"

/* The seed of chip number `chip` of those drawn from `seed`; what follows takes the chip's seed. */
uint64_t sps_chip_seed(uint64_t seed, uint32_t chip);

enum sps_fault { SPS_WORKS, SPS_STUCK_P, SPS_STUCK_AP, SPS_STUCK_OPEN };

/* Factors on the nominal figures, each with mean 1. */
struct sps_variation {
    double r, tmr, ic, delta;
    enum sps_fault fault;
};
#define SPS_VARIATION_NONE                                                                                             \
    (struct sps_variation)                                                                                             \
    {                                                                                                                  \
        1, 1, 1, 1, SPS_WORKS                                                                                          \
    }

/* array and cell number the device; stochastic units use array SPS_UNIT_ARRAY. */
enum { SPS_UNIT_ARRAY = -1 };
struct sps_variation sps_variation_draw(const struct sps_device_params *params, uint64_t chip_seed, uint32_t array,
                                        uint32_t cell);

/* A factor with mean 1 and relative standard deviation sigma.  Gaussian: 1 + sigma z, drawn again until it lies within
 * 1 +- 0.99, so that nothing is 0 or negative and the mean stays 1 (this only matters above sigma = 0.3, and makes the
 * standard deviation smaller there).  Lognormal: exp(s z - s^2 / 2), s^2 = ln(1 + sigma^2). */
double sps_variation_factor(const struct sps_device_params *params, double sigma, struct sps_random *r);

/* Resistance of a device that stands in `state`: INFINITY where it is open; stuck devices stay where they are.  nominal
 * is { R_P, R_AP } at the bias; the spread of TMR acts on their difference, that of the resistance on both. */
double sps_variation_resistance(const struct sps_variation *v, const double nominal[2], enum sps_mtj_state state);

/* Probability that heat leaves a device flipped after params->retention_time: an odd number of flips at the rate
 * 1 / (tau0 exp(Delta(T))), the same from both states: (1 - exp(-2 rate time)) / 2. */
double sps_retention_flip(const struct sps_device_params *params, const struct sps_variation *v);
/* Whether it did. */
int sps_retention_flipped(const struct sps_device_params *params, const struct sps_variation *v, uint64_t chip_seed,
                          uint32_t array, uint32_t cell);

/* Probability that params->reads reads leave a device of r ohm flipped, taken as the same from both states:
 * 1 - (1 - p)^reads of sps_read_disturb(), and whether they did. */
double sps_disturbed(const struct sps_device_params *params, double r);
int sps_disturb_flipped(const struct sps_device_params *params, double r, uint64_t chip_seed, uint32_t array,
                        uint32_t cell);

/* Probability that one read flips the device by spin transfer: the same law with disturb_ic0, at the current of the
 * read voltage through r ohm for read_time. */
struct sps_switching sps_read_disturb(const struct sps_device_params *params, double r);

/* Cycle to cycle: the factor on a resistance at one read, from a stream that the caller places (its array, cell and
 * read). */
double sps_read_factor(const struct sps_device_params *params, struct sps_random *r);
#endif
