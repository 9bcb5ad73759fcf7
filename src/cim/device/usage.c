/* SPDX-License-Identifier: MIT */
#include "cim/device/usage.h"

#include <math.h>

#include "cim/device/unit.h"

sps_status sps_bit_cost(struct sps_bit_cost *out, int *extrapolated, const struct sps_device *device, double p)
{
    const struct sps_device_params *d = &device->params;
    struct sps_unit unit = sps_unit_nominal(device);
    double current = 0, ohm[2] = {0};
    struct sps_bit_cost bit = {0};
    int outside = 0;
    SPS_TRY(sps_unit_current(&current, &outside, &unit, p));
    for (int state = 0; state < 2; state++)
        SPS_TRY(sps_device_resistance_at(&ohm[state], device, (enum sps_mtj_state)state, d->read_voltage));
    bit.set = current * current * d->track * d->set_time + (current > 0 ? d->driver_energy : 0);
    bit.read =
        d->read_voltage * d->read_voltage * d->read_time * (p / ohm[SPS_ANTIPARALLEL] + (1 - p) / ohm[SPS_PARALLEL]) +
        d->sense_energy;
    bit.reset = d->write_current * d->write_current * d->track * d->reset_time + d->driver_energy;
    bit.energy = bit.set + bit.read + bit.reset;
    bit.time = d->set_time + d->read_time + d->reset_time;
    bit.rate = 1 / bit.time;
    bit.power = bit.energy / bit.time;
    *out = bit;
    *extrapolated = outside;
    return SPS_OK;
}

static const double EXACT_MAX = 9007199254740992.0; /* 2^53: counts stay whole numbers in a double */

static sps_status units_of(uint64_t *units, enum sps_arrangement arrangement, const struct sps_unit_layer *layer)
{
    double inputs = (double)layer->inputs, lines = inputs * (double)layer->kernel_area;
    if (!(lines >= 1 && lines <= EXACT_MAX && layer->bits >= 0 && isfinite(layer->bits)))
        SPS_FAIL(EINVAL,
                 "a layer has a kernel of %g, %g inputs and %g bits a pick, must be at least 1, 1 and 0, and at "
                 "most 2^53",
                 (double)layer->kernel_area, inputs, layer->bits);
    *units = arrangement == SPS_UNIT_PER_NEURON ? (uint64_t)lines : arrangement == SPS_UNIT_PER_MAP ? layer->inputs : 1;
    return SPS_OK;
}

sps_status sps_unit_usage(struct sps_unit_usage *out, enum sps_arrangement arrangement,
                          const struct sps_unit_layer *layers, size_t count, const struct sps_bit_cost *bit,
                          uint64_t passes, double endurance)
{
    struct sps_unit_usage u = {0};
    double sum = 0, units = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t here = 0;
        SPS_TRY(units_of(&here, arrangement, &layers[i]));
        units += (double)here;
        u.bits += (double)here * layers[i].bits;
        u.busiest = fmax(u.busiest, layers[i].bits);
        sum += layers[i].bits;
    }
    if (arrangement == SPS_UNIT_PER_NETWORK) {
        units = count > 0;
        u.busiest = sum;
    }
    if (units > EXACT_MAX || passes < 1)
        SPS_FAIL(EINVAL, "%g units and %g passes, must be at most 2^53 and at least 1", units, (double)passes);
    u.units = (uint64_t)units;
    u.energy = u.bits * bit->energy;
    u.time = sum * bit->time;
    u.power = units * bit->power;
    u.predictions = endurance / (2 * u.busiest * (double)passes);
    *out = u;
    return SPS_OK;
}

double sps_years(double predictions, double rate)
{
    return predictions / rate / (365.25 * 86400);
}
