/* SPDX-License-Identifier: MIT */
/* A camera that moves forwards: mean of the image and of its centre magnified by 1.00, 1.01, ... */
#include <string.h>

#include "data/shift/kind.h"
#include "data/shift/pixels.h"

static sps_status apply(struct sps_shift_job *job)
{
    /* How many numbers numpy.arange(1, end, .01) has: rounding lets the first end, 1.06, in, and 1.11, too. */
    static const int zooms[] = {7, 12, 16, 21, 26};
    const int n = zooms[job->level];
    const float weight = 1.0f / (float)(n + 1);
    const double step = 1.01 - 1.0; /* arange's, to the bit: it decides some ties of rounding */
    for (size_t i = 0; i < sps_shift_size(job); i++)
        job->y[i] = weight * 2 * job->x[i]; /* itself, and its zoom by 1 */
    for (int k = 1; k < n; k++)
        SPS_TRY(sps_add_zoomed(job->y, job->x, job->h, job->w, job->c, 1 + k * step, weight));
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_zoom_blur = {
    .about = {.name = "zoom_blur",
              .summary = "a camera that moves forwards",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
