/* SPDX-License-Identifier: MIT */
#include "cim/cell/scale_cell.h"

#include <math.h>

#include "core/random.h"

int sps_scale_cells(int bits)
{
    return (int)ceil(bits / log2(SPS_SCALE_LEVELS));
}

static int all_multiples(const float *scale, size_t count, double step)
{
    for (size_t i = 0; i < count; i++) {
        double ratio = fabs((double)scale[i]) / step;
        if (fabs(ratio - round(ratio)) > 1e-4)
            return 0;
    }
    return 1;
}

double sps_scale_step(const float *scale, size_t count, int bits)
{
    enum { GRIDS_MAX = 4096 }; /* finer grids hold anything to 1e-4 */
    double most = 0, top = ldexp(1, bits) - 1;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)scale[i]));
    for (int code = 1; code <= top && code <= GRIDS_MAX && most > 0; code++)
        if (all_multiples(scale, count, most / code))
            return most / code;
    return most / top;
}

/* Four junctions in parallel, the first `digit` of them parallel. */
static uint32_t read_digit(uint32_t digit, const struct sps_device *device, const struct sps_conductance *nominal,
                           uint64_t chip_seed, uint32_t array, uint32_t first)
{
    uint8_t states[SPS_SCALE_JUNCTIONS];
    double g[SPS_SCALE_JUNCTIONS], sum = 0;
    for (uint32_t i = 0; i < SPS_SCALE_JUNCTIONS; i++)
        states[i] = i < digit ? SPS_PARALLEL : SPS_ANTIPARALLEL;
    sps_junctions_fill(g, states, 1, SPS_SCALE_JUNCTIONS, device, nominal, 1, chip_seed, array, first);
    for (int i = 0; i < SPS_SCALE_JUNCTIONS; i++)
        sum += g[i] - nominal->of[SPS_ANTIPARALLEL];
    double squares = 0;
    for (int i = 0; i < SPS_SCALE_JUNCTIONS; i++)
        squares += g[i] * g[i];
    struct sps_random noise = sps_random(chip_seed, SPS_FOR_SCALE_READ, first, array, 0);
    sum += device->params.sigma_read * sqrt(squares) * (double)sps_random_normal(&noise);
    double level = round(sum / (nominal->of[SPS_PARALLEL] - nominal->of[SPS_ANTIPARALLEL]));
    return level < 0 ? 0 : level > SPS_SCALE_JUNCTIONS ? SPS_SCALE_JUNCTIONS : (uint32_t)level;
}

uint32_t sps_scale_read(uint32_t code, int cells, const struct sps_device *device,
                        const struct sps_conductance *nominal, uint64_t chip_seed, uint32_t array, uint32_t first)
{
    uint32_t read = 0, place = 1;
    for (int i = 0; i < cells; i++, place *= SPS_SCALE_LEVELS) {
        uint32_t digit = code / place % SPS_SCALE_LEVELS, at = first + (uint32_t)i * SPS_SCALE_JUNCTIONS;
        read += place * read_digit(digit, device, nominal, chip_seed, array, at);
    }
    return read;
}
