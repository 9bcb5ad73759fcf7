/* SPDX-License-Identifier: MIT */
/* Turned about the centre ((w - 1) / 2, (h - 1) / 2), counter-clockwise as seen, in 12 steps of 7 degrees.  Bilinear;
 * what comes from outside the image is 0 (black, the background of Fashion-MNIST), also as one of four neighbours. */
#include <math.h>

#include "data/shift/kind.h"

static sps_status apply(struct sps_shift_job *job);

const struct sps_shift_kind sps_shift_kind_rotation = {
    .about = {.name = "rotation",
              .summary = "turned in steps of 7 degrees",
              .source = "DATE 2023, Fig. 3: 12 stages of 7 degrees",
              .group = SPS_SHIFT_PAPER,
              .levels = 12,
              .unit = "degrees",
              .amount = {7, 14, 21, 28, 35, 42, 49, 56, 63, 70, 77, 84}},
    .apply = apply,
};

static sps_status apply(struct sps_shift_job *job)
{
    const int h = job->h, w = job->w, c = job->c;
    const double angle = sps_shift_kind_rotation.about.amount[job->level] * 3.14159265358979323846 / 180,
                 cosine = cos(angle), sine = sin(angle), cx = 0.5 * (w - 1), cy = 0.5 * (h - 1);
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++) {
            const double x = cx + cosine * (j - cx) - sine * (i - cy), y = cy + sine * (j - cx) + cosine * (i - cy);
            const int left = (int)floor(x), top = (int)floor(y);
            const float u = (float)(x - left), v = (float)(y - top);
            float *to = job->y + ((size_t)i * w + j) * c;
            for (int k = 0; k < c; k++)
                to[k] = 0;
            for (int corner = 0; corner < 4; corner++) {
                const int a = top + corner / 2, b = left + corner % 2;
                const float weight = (corner / 2 ? v : 1 - v) * (corner % 2 ? u : 1 - u);
                if (a < 0 || a >= h || b < 0 || b >= w)
                    continue;
                for (int k = 0; k < c; k++)
                    to[k] += weight * job->x[((size_t)a * w + b) * c + k];
            }
        }
    return SPS_OK;
}
