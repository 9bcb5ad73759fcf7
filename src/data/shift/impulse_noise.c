/* SPDX-License-Identifier: MIT */
/* Salt and pepper: each value, not each pixel, is lost with probability c; half of the lost are 0, half 1. */
#include "data/shift/kind.h"

static sps_status apply(struct sps_shift_job *job)
{
    static const float table[] = {0.01f, 0.02f, 0.03f, 0.05f, 0.07f};
    const float c = table[job->level];
    for (size_t i = 0; i < sps_shift_size(job); i++) {
        float u = sps_random_uniform(&job->random);
        job->y[i] = u >= c ? job->x[i] : u < c / 2 ? 0 : 1;
    }
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_impulse_noise = {
    .about = {.name = "impulse_noise",
              .summary = "values lost to 0 or 1",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              .random = 1,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
