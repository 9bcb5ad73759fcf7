/* SPDX-License-Identifier: MIT */
/* A camera that moves: ImageMagick's motion blur (radius, sigma) at an angle drawn from -45 to 45 degrees. */
#include "data/shift/kind.h"
#include "data/shift/pixels.h"

static sps_status apply(struct sps_shift_job *job)
{
    static const double table[][2] = {{6, 1}, {6, 1.5}, {6, 2}, {8, 2}, {9, 2.5}};
    const double angle = 90 * sps_random_uniform(&job->random) - 45;
    return sps_motion(job->y, job->x, job->h, job->w, job->c, table[job->level][0] * job->scale,
                      table[job->level][1] * job->scale, angle);
}

const struct sps_shift_kind sps_shift_kind_motion_blur = {
    .about = {.name = "motion_blur",
              .summary = "a camera that moves",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              .random = 1,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
