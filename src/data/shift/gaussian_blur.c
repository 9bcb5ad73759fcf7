/* SPDX-License-Identifier: MIT */
/* A Gaussian of c pixels, cut off at 4 c, edge pixels repeated (skimage.filters.gaussian). */
#include "data/shift/kind.h"
#include "data/shift/pixels.h"

static sps_status apply(struct sps_shift_job *job)
{
    static const double table[] = {0.4, 0.6, 0.7, 0.8, 1};
    return sps_gaussian(job->y, job->x, job->h, job->w, job->c, table[job->level] * job->scale, 4, SPS_BORDER_EDGE);
}

const struct sps_shift_kind sps_shift_kind_gaussian_blur = {
    .about = {.name = "gaussian_blur",
              .summary = "Gaussian blur",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_EXTRA,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
