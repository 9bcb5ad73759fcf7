/* SPDX-License-Identifier: MIT */
/* x + strength * N(0, 1), of rising strength; beside uniform_noise. */
#include "data/shift/kind.h"

static sps_status apply(struct sps_shift_job *job);

const struct sps_shift_kind sps_shift_kind_gaussian_noise_level = {
    .about =
        {
            .name = "gaussian_noise_level",
            .summary = "Gaussian noise of rising strength",
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
    const float strength = (float)sps_shift_kind_gaussian_noise_level.about.amount[job->level];
    for (size_t i = 0; i < sps_shift_size(job); i++)
        job->y[i] = job->x[i] + strength * (sps_random_normal(&job->random));
    return SPS_OK;
}
