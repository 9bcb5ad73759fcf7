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
