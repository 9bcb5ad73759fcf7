/* SPDX-License-Identifier: MIT */
/* V + c in hue, saturation, value: the channels of a pixel grow by one factor, black becomes grey.  Grey: x + c. */
#include "data/shift/kind.h"
#include "data/shift/pixels.h"

static sps_status apply(struct sps_shift_job *job)
{
    static const float table[] = {0.05f, 0.1f, 0.15f, 0.2f, 0.3f};
    const float add = table[job->level];
    const int c = job->c;
    for (size_t i = 0; i < sps_shift_size(job); i += (size_t)c) {
        const float *x = job->x + i;
        float value = x[0];
        for (int k = 1; k < c; k++)
            value = x[k] > value ? x[k] : value;
        const float brighter = sps_clip01(value + add);
        for (int k = 0; k < c; k++)
            job->y[i + k] = value > 0 ? x[k] / value * brighter : brighter;
    }
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_brightness = {
    .about = {.name = "brightness",
              .summary = "more light",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
