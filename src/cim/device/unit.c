/* SPDX-License-Identifier: MIT */
#include "cim/device/unit.h"

#include <math.h>
#include <stdlib.h>

#include "cim/device/switching.h"
#include "cim/device/table.h"
#include "cim/device/variation.h"
#include "core/memory.h"

enum { CALIBRATED_EACH = 1 }; /* word of device.unit.calibration */
/* Streams of a unit's own draws, beside those of its device's spread. */
enum { QUANTITY_CALIBRATION = 16, QUANTITY_Z };

static struct sps_random own_stream(uint64_t chip_seed, uint32_t index, uint32_t quantity)
{
    return sps_random(chip_seed, SPS_FOR_DEVICE, index, (uint32_t)SPS_UNIT_ARRAY, quantity);
}

struct sps_unit sps_unit_nominal(const struct sps_device *device)
{
    return (struct sps_unit){.device = device, .ic = 1, .delta = 1};
}

struct sps_unit sps_unit_init(const struct sps_device *device, uint64_t chip_seed, uint32_t index)
{
    const struct sps_device_params *p = &device->params;
    struct sps_variation v = sps_variation_draw(p, chip_seed, (uint32_t)SPS_UNIT_ARRAY, index);
    struct sps_random calibration = own_stream(chip_seed, index, QUANTITY_CALIBRATION);
    struct sps_random z = own_stream(chip_seed, index, QUANTITY_Z);
    return (struct sps_unit){.device = device,
                             .chip_seed = chip_seed,
                             .index = index,
                             .ic = v.ic,
                             .delta = v.delta,
                             .current_error = sps_variation_factor(p, p->calibration_error, &calibration) - 1,
                             .z = sps_random_normal(&z)};
}

/* The law of this very device; check_gate() of the device has seen that there is one. */
static struct sps_switching_law own_law(const struct sps_unit *unit, double temperature)
{
    const struct sps_device_params *p = &unit->device->params;
    struct sps_switching_law law = sps_law_gated(sps_params_law(p), p->vcma * p->gate);
    law.ic0 *= unit->ic;
    law.delta300 *= unit->delta;
    law.temperature = temperature;
    return law;
}

static sps_status calibrate(double *current, int *extrapolated, const struct sps_unit *unit, double p)
{
    const struct sps_device *device = unit->device;
    const struct sps_device_params *params = &device->params;
    int each = params->calibration == CALIBRATED_EACH;
    if (device->switching != NULL) { /* a table knows no other temperature and stability, only a scale of currents */
        SPS_TRY(sps_device_current(current, extrapolated, device, p, params->set_time));
        *current *= each ? unit->ic : 1;
        return SPS_OK;
    }
    struct sps_unit nominal = sps_unit_nominal(device);
    struct sps_switching_law law = own_law(each ? unit : &nominal, params->calibration_temperature);
    SPS_TRY(sps_law_current(current, &law, p, params->set_time));
    return sps_device_check(extrapolated, params, &law, *current, params->set_time);
}

sps_status sps_unit_current(double *current, int *extrapolated, const struct sps_unit *unit, double p)
{
    double found = p > 0 ? unit->device->params.write_current : 0;
    int outside = 0;
    if (p > 0 && p < 1) {
        SPS_TRY(calibrate(&found, &outside, unit, p));
        found *= 1 + unit->current_error;
    }
    *current = found;
    *extrapolated = outside;
    return SPS_OK;
}

struct sps_switching sps_unit_switching(const struct sps_unit *unit, double p, double current, double bits)
{
    const struct sps_device_params *params = &unit->device->params;
    if (!(p > 0 && p < 1))
        return (struct sps_switching){.p = p, .not_p = 1 - p, .log_p = log(p), .log_not_p = log1p(-p)};
    double drifted = 1 + params->drift * bits * 1e-9;
    drifted = drifted > 1e-3 ? drifted : 1e-3; /* a line falls below 0 in the end, a critical current does not */
    if (unit->device->switching != NULL)
        return sps_switching_table_near(unit->device->switching, current / (unit->ic * drifted), params->set_time);
    struct sps_switching_law law = own_law(unit, params->temperature);
    law.ic0 *= drifted;
    return sps_switching(&law, current, params->set_time);
}

double sps_unit_clip(double p, double offset)
{
    return fmin(fmax(p + offset, 0), 1);
}

/* --- Bits --- */

static int happens(struct sps_random *r, double p)
{
    return sps_random_u32(r) < p * 0x1p32;
}

int sps_unit_step(int *state, double p, double reset_failure, struct sps_random *r)
{
    int switches = happens(r, p), stays = happens(r, reset_failure);
    *state = switches || (*state && stays);
    return *state;
}

/* A wanted p as a unit has it. */
struct setting {
    const struct sps_unit *unit;
    double wanted, current, offset;
    double p;    /* before drift */
    int outside; /* of the law's validity */
};

static sps_status set(struct setting *out, const struct sps_unit *unit, double p)
{
    struct setting s = {.unit = unit, .wanted = p};
    int extrapolated = 0;
    SPS_TRY(sps_unit_current(&s.current, &extrapolated, unit, p));
    s.offset = p > 0 && p < 1 ? unit->device->params.sigma_p * unit->z : 0;
    struct sps_switching pulse = sps_unit_switching(unit, p, s.current, 0);
    s.p = sps_unit_clip(pulse.p, s.offset);
    s.outside = pulse.extrapolated;
    *out = s;
    return SPS_OK;
}

static int step_at(const struct setting *s, uint64_t n, int state)
{
    const struct sps_device_params *params = &s->unit->device->params;
    struct sps_random r =
        sps_random(s->unit->chip_seed, SPS_FOR_UNIT, (uint32_t)n, (uint32_t)(n >> 32), s->unit->index);
    double p = s->p;
    if (params->drift != 0)
        p = sps_unit_clip(sps_unit_switching(s->unit, s->wanted, s->current, (double)n).p, s->offset);
    return sps_unit_step(&state, p, params->reset_failure, &r);
}

/* A bit depends on the one before only where its SET fails and the RESET before it too, so looking back ends soon. */
sps_status sps_unit_bits(uint8_t *bits, const struct sps_unit *unit, double p, uint64_t first, size_t count)
{
    struct setting s;
    SPS_TRY(set(&s, unit, p));
    uint64_t n = first;
    while (n > 0 && step_at(&s, n, 0) != step_at(&s, n, 1))
        n--;
    int state = 0;
    for (; n < first + count; n++) {
        state = step_at(&s, n, state);
        if (n >= first)
            bits[n - first] = (uint8_t)state;
    }
    return SPS_OK;
}

double sps_unit_mean(double p, double reset_failure)
{
    return p > 0 ? p / (1 - (1 - p) * reset_failure) : 0;
}

double sps_unit_correlation(double p, double reset_failure)
{
    return (1 - p) * reset_failure;
}

/* --- Spread between units --- */

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void summarise(struct sps_unit_spread *out, double *p, size_t n, size_t outside)
{
    static const double at[5] = {0.05, 0.25, 0.5, 0.75, 0.95};
    struct sps_unit_spread s = {0};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += p[i] - p[0]; /* equal values have exactly this mean */
    s.mean = p[0] + sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        squares += (p[i] - s.mean) * (p[i] - s.mean);
        s.stuck += p[i] < 0.05 || p[i] > 0.95;
    }
    s.deviation = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
    s.stuck /= (double)n;
    s.outside = (double)outside / (double)n;
    qsort(p, n, sizeof *p, rising);
    for (int i = 0; i < 5; i++)
        s.quantile[i] = p[(size_t)(at[i] * (double)(n - 1) + 0.5)];
    *out = s;
}

sps_status sps_unit_spread(struct sps_unit_spread *out, const struct sps_device *device, double p, uint64_t seed,
                           size_t units)
{
    double *found = NULL;
    size_t outside = 0;
    if (units < 1 || units > SPS_UNIT_SPREAD_MAX)
        SPS_FAIL(EINVAL, "%zu units, must be from 1 to %d", units, SPS_UNIT_SPREAD_MAX);
    SPS_TRY(sps_calloc(&found, units, sizeof *found, "probabilities of units"));
    sps_status status = SPS_OK;
    for (size_t i = 0; i < units && status == SPS_OK; i++) {
        struct sps_unit unit = sps_unit_init(device, seed, (uint32_t)i);
        struct setting s = {0};
        status = set(&s, &unit, p);
        found[i] = s.p;
        outside += (size_t)s.outside;
    }
    if (status == SPS_OK)
        summarise(out, found, units, outside);
    sps_free(found);
    return status;
}
