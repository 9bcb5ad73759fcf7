/* SPDX-License-Identifier: MIT */
/* Saturation S becomes a S + b.  A grey pixel has hue 0, so b makes it red: the definition's.  A grey image has no
 * saturation: it stays as it is. */
#include <string.h>

#include "data/shift/kind.h"
#include "data/shift/pixels.h"

static sps_status apply(struct sps_shift_job *job)
{
    static const float table[][2] = {{0.3f, 0}, {0.1f, 0}, {1.5f, 0}, {2, 0.1f}, {2.5f, 0.2f}};
    const float a = table[job->level][0], b = table[job->level][1];
    if (job->c == 1) {
        memcpy(job->y, job->x, sps_shift_size(job) * sizeof *job->y);
        return SPS_OK;
    }
    for (size_t i = 0; i < sps_shift_size(job); i += 3) {
        const float *x = job->x + i, high = x[0] > x[1] ? x[0] : x[1], value = high > x[2] ? high : x[2],
                    lower = x[0] < x[1] ? x[0] : x[1], low = lower < x[2] ? lower : x[2], span = value - low;
        const float saturation = value > 0 ? span / value : 0, wanted = sps_clip01(saturation * a + b);
        for (int k = 0; k < 3; k++) {
            const float below = span > 0 ? (value - x[k]) / span : k > 0; /* 0 .. 1 of the pixel's span */
            job->y[i + k] = value * (1 - wanted * below);
        }
    }
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_saturate = {
    .about = {.name = "saturate",
              .summary = "paler or stronger colours",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_EXTRA,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
