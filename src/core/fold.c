/* SPDX-License-Identifier: MIT */
#include "core/fold.h"

#include <math.h>

sps_status sps_fold(int32_t *threshold, int *flip, const struct sps_affine *a, int32_t low, int32_t high)
{
    float at_low = sps_affine_at(a, (float)low), at_high = sps_affine_at(a, (float)high);
    if (!isfinite(at_low) || !isfinite(at_high))
        SPS_FAIL(EUNSUPPORTED, "scale, bias and batch normalisation overflow");
    int before = at_low >= 0, after = at_high >= 0;
    *flip = before && !after; /* falls: z <= t is the opposite of z >= t + 1 */
    if (before == after) {
        *threshold = before ? low : high + 1; /* always, or never */
        return SPS_OK;
    }
    while (high - low > 1) { /* the sign changes between low and high */
        int32_t middle = low + (high - low) / 2;
        if ((sps_affine_at(a, (float)middle) >= 0) == before)
            low = middle;
        else
            high = middle;
    }
    *threshold = high;
    return SPS_OK;
}

sps_status sps_fold_table(int32_t *threshold, uint32_t *flip, const float *table, size_t rows, size_t channels,
                          int32_t low, int32_t high)
{
    enum { NUMBERS = 6 };
    size_t words = (channels + 31) / 32;
    for (size_t k = 0; k < rows; k++)
        for (size_t c = 0; c < channels; c++) {
            const float *t = table + k * NUMBERS * channels + c;
            const struct sps_affine a = {t[0],           t[channels], t[2 * channels], t[3 * channels], t[4 * channels],
                                         t[5 * channels]};
            int turned = 0;
            SPS_TRY(sps_fold(&threshold[k * channels + c], &turned, &a, low, high));
            flip[k * words + c / 32] |= (uint32_t)turned << c % 32;
        }
    return SPS_OK;
}
