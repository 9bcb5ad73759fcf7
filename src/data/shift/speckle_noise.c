/* SPDX-License-Identifier: MIT */
/* x + x c N(0, 1): noise in proportion to the light. */
#include "data/shift/kind.h"

static sps_status apply(struct sps_shift_job *job)
{
    static const float table[] = {0.06f, 0.1f, 0.12f, 0.16f, 0.2f};
    const float c = table[job->level];
    for (size_t i = 0; i < sps_shift_size(job); i++)
        job->y[i] = job->x[i] + job->x[i] * c * sps_random_normal(&job->random);
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_speckle_noise = {
    .about = {.name = "speckle_noise",
              .summary = "noise that grows with the light",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_EXTRA,
              .random = 1,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
