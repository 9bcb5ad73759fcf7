/* SPDX-License-Identifier: MIT */
/* x + c N(0, 1). */
#include "data/shift/kind.h"

static sps_status apply(struct sps_shift_job *job)
{
    static const float table[] = {0.04f, 0.06f, 0.08f, 0.09f, 0.10f};
    const float c = table[job->level];
    for (size_t i = 0; i < sps_shift_size(job); i++)
        job->y[i] = job->x[i] + c * sps_random_normal(&job->random);
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_gaussian_noise = {
    .about = {.name = "gaussian_noise",
              .summary = "noise of a detector in low light",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              .random = 1,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
