/* SPDX-License-Identifier: MIT */
/* x + strength * U(-1, 1), the noise of both papers' figures.  They do not print its strengths. */
#include "data/shift/kind.h"

static sps_status apply(struct sps_shift_job *job);

const struct sps_shift_kind sps_shift_kind_uniform_noise = {
    .about =
        {
            .name = "uniform_noise",
            .summary = "uniform noise of rising strength",
            .source = "arXiv:2311.15816, Fig. 5 and DATE 2023, Fig. 3: uniform noise of rising strength",
            .group = SPS_SHIFT_PAPER,
            .random = 1,
            .levels = 10,
            .unit = "strength",
            .amount = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0},
        },
    .apply = apply,
};

static sps_status apply(struct sps_shift_job *job)
{
    const float strength = (float)sps_shift_kind_uniform_noise.about.amount[job->level];
    for (size_t i = 0; i < sps_shift_size(job); i++)
        job->y[i] = job->x[i] + strength * (2 * sps_random_uniform(&job->random) - 1);
    return SPS_OK;
}
