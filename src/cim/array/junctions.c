/* SPDX-License-Identifier: MIT */
#include "cim/array/junctions.h"

#include "cim/device/variation.h"

sps_status sps_conductance_nominal(struct sps_conductance *out, const struct sps_device *device)
{
    for (int state = 0; state < 2; state++) {
        double ohm = 0;
        SPS_TRY(sps_device_resistance_at(&ohm, device, (enum sps_mtj_state)state, device->params.read_voltage));
        out->of[state] = 1 / ohm;
    }
    return SPS_OK;
}

void sps_junctions_fill(double *g, const uint8_t *states, size_t rows, size_t columns, const struct sps_device *device,
                        const struct sps_conductance *nominal, int made, uint64_t chip_seed, uint32_t array,
                        uint32_t first)
{
    const double ohms[2] = {1 / nominal->of[SPS_PARALLEL], 1 / nominal->of[SPS_ANTIPARALLEL]};
    for (size_t i = 0; i < rows * columns; i++) {
        int state = states[i];
        if (!made) {
            g[i] = nominal->of[state];
            continue;
        }
        struct sps_variation v = sps_variation_draw(&device->params, chip_seed, array, first + (uint32_t)i);
        state ^= sps_retention_flipped(&device->params, &v, chip_seed, array, first + (uint32_t)i);
        double ohm = sps_variation_resistance(&v, ohms, (enum sps_mtj_state)state);
        if (sps_disturb_flipped(&device->params, ohm, chip_seed, array, first + (uint32_t)i))
            ohm = sps_variation_resistance(&v, ohms, (enum sps_mtj_state) !state);
        g[i] = 1 / ohm;
    }
}
