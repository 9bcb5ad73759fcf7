/* SPDX-License-Identifier: MIT */
#include "cim/device/variation.h"

#include <math.h>

#include "cim/device/switching.h"

uint64_t sps_chip_seed(uint64_t seed, uint32_t chip)
{
    struct sps_random r = sps_random(seed, SPS_FOR_CHIP, chip, 0, 0);
    uint64_t low = sps_random_u32(&r);
    return (uint64_t)sps_random_u32(&r) << 32 | low;
}

enum { WORDS_LOGNORMAL = 1 }; /* of device.spread */
enum quantity { QUANTITY_R, QUANTITY_TMR, QUANTITY_IC, QUANTITY_DELTA, QUANTITY_FAULT };

double sps_variation_factor(const struct sps_device_params *params, double sigma, struct sps_random *r)
{
    if (sigma == 0)
        return 1;
    if (params->spread_law == WORDS_LOGNORMAL) {
        double s2 = log1p(sigma * sigma);
        return exp(sqrt(s2) * sps_random_normal(r) - s2 / 2);
    }
    double off;
    do
        off = sigma * sps_random_normal(r);
    while (fabs(off) > 0.99);
    return 1 + off;
}

static enum sps_fault draw_fault(const struct sps_device_params *p, struct sps_random *r)
{
    if (p->stuck_p == 0 && p->stuck_ap == 0 && p->stuck_open == 0)
        return SPS_WORKS;
    double u = sps_random_u32(r) * 0x1p-32;
    if (u < p->stuck_p)
        return SPS_STUCK_P;
    if (u < p->stuck_p + p->stuck_ap)
        return SPS_STUCK_AP;
    return u < p->stuck_p + p->stuck_ap + p->stuck_open ? SPS_STUCK_OPEN : SPS_WORKS;
}

struct sps_variation sps_variation_draw(const struct sps_device_params *params, uint64_t chip_seed, uint32_t array,
                                        uint32_t cell)
{
    struct sps_variation v = SPS_VARIATION_NONE;
    const struct {
        double sigma, *factor;
    } spread[] = {[QUANTITY_R] = {params->sigma_r, &v.r},
                  [QUANTITY_TMR] = {params->sigma_tmr, &v.tmr},
                  [QUANTITY_IC] = {params->sigma_ic, &v.ic},
                  [QUANTITY_DELTA] = {params->sigma_delta, &v.delta}};
    for (uint32_t q = 0; q < QUANTITY_FAULT; q++) {
        struct sps_random r = sps_random(chip_seed, SPS_FOR_DEVICE, cell, array, q);
        *spread[q].factor = sps_variation_factor(params, spread[q].sigma, &r);
    }
    struct sps_random r = sps_random(chip_seed, SPS_FOR_DEVICE, cell, array, QUANTITY_FAULT);
    v.fault = draw_fault(params, &r);
    return v;
}

double sps_variation_resistance(const struct sps_variation *v, const double nominal[2], enum sps_mtj_state state)
{
    if (v->fault == SPS_STUCK_OPEN)
        return INFINITY;
    if (v->fault != SPS_WORKS)
        state = v->fault == SPS_STUCK_P ? SPS_PARALLEL : SPS_ANTIPARALLEL;
    double r_p = nominal[SPS_PARALLEL];
    return v->r * (state == SPS_PARALLEL ? r_p : r_p + v->tmr * (nominal[SPS_ANTIPARALLEL] - r_p));
}

double sps_retention_flip(const struct sps_device_params *params, const struct sps_variation *v)
{
    struct sps_switching_law law = sps_params_law(params);
    law.delta300 *= v->delta;
    return params->retention_time > 0 ? -expm1(-2 * params->retention_time / sps_law_retention(&law)) / 2 : 0;
}

int sps_retention_flipped(const struct sps_device_params *params, const struct sps_variation *v, uint64_t chip_seed,
                          uint32_t array, uint32_t cell)
{
    double flip = sps_retention_flip(params, v);
    if (flip == 0)
        return 0;
    struct sps_random r = sps_random(chip_seed, SPS_FOR_RETENTION, cell, array, 0);
    return sps_random_u32(&r) * 0x1p-32 < flip;
}

struct sps_switching sps_read_disturb(const struct sps_device_params *params, double r)
{
    struct sps_switching_law law = sps_params_law(params);
    law.ic0 = params->disturb_ic0;
    return sps_switching(&law, params->read_voltage / r, params->read_time);
}

double sps_read_factor(const struct sps_device_params *params, struct sps_random *r)
{
    return sps_variation_factor(params, params->sigma_read, r);
}

double sps_disturbed(const struct sps_device_params *params, double r)
{
    return params->reads > 0 && isfinite(r) ? -expm1(params->reads * sps_read_disturb(params, r).log_not_p) : 0;
}

int sps_disturb_flipped(const struct sps_device_params *params, double r, uint64_t chip_seed, uint32_t array,
                        uint32_t cell)
{
    double flip = sps_disturbed(params, r);
    if (flip == 0)
        return 0;
    struct sps_random random = sps_random(chip_seed, SPS_FOR_DISTURB, cell, array, 0);
    return sps_random_u32(&random) * 0x1p-32 < flip;
}
