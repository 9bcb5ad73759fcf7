/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_UNIT_H
#define SPS_CIM_UNIT_H
/* A stochastic unit (Spin-ScaleDrop): one device that is SET with a calibrated current, read and RESET, a bit each
 * time.
 *
 * The current that gives probability p is found at device.unit.calibration_temperature, for the nominal device or for
 * each one, with an error.  What the device then does follows from its own critical current and stability, which drifts
 * with the bits done, at the chip's temperature:
 *
 *   p' = P(I(p) (1 + error); Ic0 f_ic (1 + drift), Delta f_delta, T) + sigma_p z,   clipped to [0, 1]
 *
 * z is drawn once and kept: Scale-Dropout eq. 24, p' ~ N(p, sigma_p^2), is a spread between units.  Drawn anew for each
 * pass it would change nothing: bits of p' mixed over independent draws are bits of the mean of p'.
 *
 * A RESET that fails leaves a set device set, so the next bit is 1 whatever its SET does: bits form a Markov chain with
 * P(1 | 1) = p' + (1 - p') f and P(1 | 0) = p', correlation (1 - p') f between neighbours and mean p' / (1 - (1 - p')
 * f).
 *
 * p = 0 and p = 1 need no luck: no pulse, or a deterministic write. */
#include "cim/device/device.h"
#include "core/random.h"

struct sps_unit {
    const struct sps_device *device; /* outlives the unit */
    uint64_t chip_seed;
    uint32_t index;
    double ic, delta;     /* this device's factors */
    double current_error; /* of its calibration, relative */
    double z;             /* eq. 24: in units of sigma_p */
};

/* Unit number `index` (below 2^24) of a chip. */
struct sps_unit sps_unit_init(const struct sps_device *device, uint64_t chip_seed, uint32_t index);
/* One without spread, error and drift of its own: what the device was meant to be. */
struct sps_unit sps_unit_nominal(const struct sps_device *device);

/* The current that calibration finds for p, and whether it is outside the law's validity; SPS_EINVAL where there is
 * none that is allowed.  For p of 0 and 1 the current is that of no pulse and of a deterministic write. */
sps_status sps_unit_current(double *current, int *extrapolated, const struct sps_unit *unit, double p);

/* What a SET with this current does after `bits` bits: p' without sigma_p, which the caller adds as an offset
 * (sps_unit_clip()); extrapolated where this device's own point is outside the law's validity, although the nominal one
 * is not, or outside the table, whose edge then counts. */
struct sps_switching sps_unit_switching(const struct sps_unit *unit, double p, double current, double bits);
double sps_unit_clip(double p, double offset);

/* Bits first .. first + count - 1 since the unit was made, for a wanted p.  The same whatever was asked before. */
sps_status sps_unit_bits(uint8_t *bits, const struct sps_unit *unit, double p, uint64_t first, size_t count);

/* The next bit of a stream: *state is the device before RESET, two numbers are taken from r. */
int sps_unit_step(int *state, double p, double reset_failure, struct sps_random *r);

/* Mean and correlation of neighbours of such a chain. */
double sps_unit_mean(double p, double reset_failure);
double sps_unit_correlation(double p, double reset_failure);

/* p' over many units (drawn from `seed`), for a wanted p: the physical route and eq. 24 together. */
struct sps_unit_spread {
    double mean, deviation;
    double quantile[5]; /* at 5, 25, 50, 75, 95 % */
    double stuck;       /* share with p' < 0.05 or > 0.95 */
    double outside;     /* share whose own point is outside the law's validity */
};
enum { SPS_UNIT_SPREAD_MAX = 1 << 24 };
sps_status sps_unit_spread(struct sps_unit_spread *out, const struct sps_device *device, double p, uint64_t seed,
                           size_t units);
#endif
