/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "cim/device/device.h"

/* Julliere: TMR = 2 P^2 / (1 - P^2), solved for P at 300 K, and back at T. */
static double tmr_at(const struct sps_device_params *d)
{
    double p300 = sqrt(d->tmr / (2 + d->tmr)), slope = d->polarisation_slope;
    double p = p300 * (1 - slope * pow(d->temperature, 1.5)) / (1 - slope * pow(300, 1.5));
    p = p > 0 ? p : 0;
    return 2 * p * p / (1 - p * p);
}

double sps_device_resistance(const struct sps_device_params *d, enum sps_mtj_state state, double bias)
{
    double ratio = bias / d->v_half;
    return state == SPS_PARALLEL ? d->r_p : d->r_p * (1 + tmr_at(d) / (1 + ratio * ratio));
}
