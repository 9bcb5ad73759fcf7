/* SPDX-License-Identifier: MIT */
#include "cim/cell/junction.h"

#include <math.h>

struct sps_junction sps_junction_nominal(const struct sps_device_params *d)
{
    return (struct sps_junction){1 / sps_device_resistance(d, SPS_PARALLEL, d->read_voltage),
                                 1 / sps_device_resistance(d, SPS_ANTIPARALLEL, d->read_voltage)};
}

static double sps_spread_factor(const struct sps_device_params *d, double sigma, struct sps_random *random)
{
    double s = d->spread_law ? sqrt(log1p(sigma * sigma)) : sigma, x = s * sps_random_normal(random);
    x = d->spread_law ? exp(x - s * s / 2) : 1 + x;
    return x > 0.05 ? x : 0.05;
}

static double sps_device_flipped(const struct sps_device_params *d)
{
    return -expm1(-d->retention_time / (d->tau0 * exp(d->delta))) / 2;
}

int sps_junction_varies(const struct sps_device_params *d)
{
    return d->sigma_r > 0 || d->sigma_tmr > 0 || d->stuck_p > 0 || d->stuck_ap > 0 || d->stuck_open > 0 ||
           d->retention_time > 0;
}

struct sps_junction sps_junction_draw(const struct sps_device_params *d, struct sps_random *random)
{
    struct sps_junction made = sps_junction_nominal(d);
    double r = sps_spread_factor(d, d->sigma_r, random), tmr = sps_spread_factor(d, d->sigma_tmr, random);
    /* R_AP = R_P (1 + TMR): spread of the resistance moves both, that of the magnetoresistance one. */
    double ratio = 1 + (made.parallel / made.antiparallel - 1) * tmr;
    made.parallel /= r;
    made.antiparallel = made.parallel / ratio;
    double fault = sps_random_uniform(random);
    if (fault < d->stuck_open)
        return (struct sps_junction){0, 0};
    fault -= d->stuck_open;
    if (fault < d->stuck_p)
        return (struct sps_junction){made.parallel, made.parallel};
    fault -= d->stuck_p;
    if (fault < d->stuck_ap)
        return (struct sps_junction){made.antiparallel, made.antiparallel};
    if (sps_random_uniform(random) < sps_device_flipped(d))
        return (struct sps_junction){made.antiparallel, made.parallel};
    return made;
}
