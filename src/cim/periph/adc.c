/* SPDX-License-Identifier: MIT */
#include "cim/periph/adc.h"

#include <math.h>

#include "core/vector.h"

struct sps_adc sps_adc_for(size_t inputs, int bits, double span)
{
    double levels = ldexp(1, bits), range = span * (double)inputs, step = range / (levels - 1);
    if (span >= 1 && step <= 1)
        return (struct sps_adc){0, 1, (float)inputs};
    return (struct sps_adc){(float)(((double)inputs - range) / 2), (float)step, (float)(levels - 1)};
}

/* Twice the root of 27: u (1 - u) (1 - 2 u) is largest, 1 / (6 root 3), at u = 1/2 -+ 1 / (2 root 3). */
static const float BOW = 10.392304845413264f;

SPS_VECTOR void sps_adc_convert(const struct sps_adc *adc, const struct sps_adc_errors *errors, float *sums,
                                size_t count)
{
    const float *gain = errors->gain, *offset = errors->offset, *noise = errors->noise, bow = errors->bow * BOW;
    const float low = adc->low, step = adc->step, top = adc->top, by_step = 1 / step, by_top = 1 / top;
    for (size_t i = 0; i < count; i++) {
        float level = (sums[i] * gain[i] - low) * by_step + offset[i];
        float u = level * by_top;
        u = u < 0 ? 0 : u > 1 ? 1 : u;
        level += bow * u * (1 - u) * (1 - 2 * u);
        if (noise != NULL)
            level += noise[i];
        level = level < 0 ? 0 : level > top ? top : level;
        level = (level + 0x1.8p23f) - 0x1.8p23f; /* to the nearest whole number, halves to even: it is below 2^22 */
        sums[i] = low + step * level;
    }
}
