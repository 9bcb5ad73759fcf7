/* SPDX-License-Identifier: MIT */
/* (x - mean) c + mean, with the mean of the image's channel. */
#include "data/shift/kind.h"

static sps_status apply(struct sps_shift_job *job)
{
    static const float table[] = {0.75f, 0.5f, 0.4f, 0.3f, 0.15f};
    const float keep = table[job->level];
    const size_t n = sps_shift_size(job), c = (size_t)job->c;
    for (size_t k = 0; k < c; k++) {
        uint64_t sum = 0;
        for (size_t i = k; i < n; i += c)
            sum += job->pixels[i];
        const float mean = (float)((double)sum / (double)(n / c) / 255);
        for (size_t i = k; i < n; i += c)
            job->y[i] = (job->x[i] - mean) * keep + mean;
    }
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_contrast = {
    .about = {.name = "contrast",
              .summary = "less contrast",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
