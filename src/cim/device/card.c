/* SPDX-License-Identifier: MIT */
/* Figures that follow from a device's parameters. */
#include <math.h>

#include "cim/device/switching.h"
#include "cim/device/unit.h"
#include "cim/device/usage.h"
#include "cim/device/variation.h"

enum { CARD_UNITS = 4096 }; /* for the spread of p: its standard deviation to 1 % */

static sps_status resistances(struct sps_device_card *card, const struct sps_device *device)
{
    double read = device->params.read_voltage;
    SPS_TRY(sps_device_resistance_at(&card->r_p, device, SPS_PARALLEL, 0));
    SPS_TRY(sps_device_resistance_at(&card->r_ap, device, SPS_ANTIPARALLEL, 0));
    SPS_TRY(sps_device_resistance_at(&card->r_p_read, device, SPS_PARALLEL, read));
    SPS_TRY(sps_device_resistance_at(&card->r_ap_read, device, SPS_ANTIPARALLEL, read));
    card->tmr = card->r_ap / card->r_p - 1;
    card->tmr_read = card->r_ap_read / card->r_p_read - 1;
    return SPS_OK;
}

/* Slope by a symmetric difference around P = 1/2. */
static sps_status half_point(struct sps_device_card *card, const struct sps_device *device)
{
    static const double step = 1e-3;
    const struct sps_device_params *p = &device->params;
    double low = 0, high = 0;
    int outside[3] = {0};
    SPS_TRY(sps_device_current(&card->i_half, &outside[0], device, 0.5, p->set_time));
    SPS_TRY(sps_device_current(&low, &outside[1], device, 0.5 - step, p->set_time));
    SPS_TRY(sps_device_current(&high, &outside[2], device, 0.5 + step, p->set_time));
    card->i_half_ratio = card->i_half / p->ic0;
    card->slope = 2 * step / ((high - low) / p->ic0);
    card->extrapolated |= outside[0] || outside[1] || outside[2];
    return SPS_OK;
}

static sps_status stability(struct sps_device_card *card, const struct sps_device *device)
{
    const struct sps_device_params *p = &device->params;
    const struct sps_variation nominal = SPS_VARIATION_NONE;
    struct sps_switching_law law = sps_params_law(p);
    struct sps_switching disturb = sps_read_disturb(p, card->r_p_read);
    card->delta = sps_law_delta(&law);
    card->retention = sps_law_retention(&law);
    card->retention_flip = sps_retention_flip(p, &nominal);
    if (disturb.extrapolated && !p->extrapolate && law.kind == SPS_LAW_FOKKER_PLANCK)
        SPS_FAIL(EINVAL,
                 "a read of %g A must be at most 3 disturb_ic0 = %g A and Delta(T) = %g from 1 to 1000 for the law to "
                 "hold (device.extrapolate: true allows it)",
                 p->read_voltage / card->r_p_read, 3 * p->disturb_ic0, card->delta);
    if (disturb.extrapolated && !p->extrapolate)
        SPS_FAIL(EINVAL,
                 "a read of %g A for %g s must stay below disturb_ic0 = %g A and last 3 tau0 = %g s for the law "
                 "to hold (device.extrapolate: true allows it)",
                 p->read_voltage / card->r_p_read, p->read_time, p->disturb_ic0, 3 * p->tau0);
    card->read_disturb = disturb.p;
    card->extrapolated |= disturb.extrapolated;
    return SPS_OK;
}

static sps_status unit_figures(struct sps_device_card *card, const struct sps_device *device)
{
    struct sps_bit_cost bit;
    struct sps_unit_spread spread;
    int outside = 0;
    SPS_TRY(sps_bit_cost(&bit, &outside, device, 0.5));
    SPS_TRY(sps_unit_spread(&spread, device, 0.5, 1, CARD_UNITS));
    card->energy_set = bit.set;
    card->energy_read = bit.read;
    card->energy_reset = bit.reset;
    card->energy_bit = bit.energy;
    card->bit_time = bit.time;
    card->bits_per_s = bit.rate;
    card->power = bit.power;
    card->unit_bias = spread.mean - 0.5;
    card->unit_spread = spread.deviation;
    card->unit_outside = spread.outside;
    card->unit_correlation = sps_unit_correlation(0.5, device->params.reset_failure);
    card->lifetime_bits = device->params.endurance / 2;
    card->extrapolated |= outside;
    return SPS_OK;
}

sps_status sps_device_card(struct sps_device_card *out, const sps_device *device)
{
    struct sps_device_card card = {0};
    SPS_TRY(resistances(&card, device));
    SPS_TRY(half_point(&card, device));
    SPS_TRY(stability(&card, device));
    SPS_TRY(unit_figures(&card, device));
    *out = card;
    return SPS_OK;
}
