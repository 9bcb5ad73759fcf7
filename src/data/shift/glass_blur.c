/* SPDX-License-Identifier: MIT */
/* Frosted glass: blur, to 8 bits, move pixels about by at most d, blur again.
 *
 * The public definition means to exchange two pixels, but exchanges views of an array, so that a pixel is overwritten
 * by its neighbour and the neighbour stays.  CIFAR-10-C was made so, and so is this. */
#include <string.h>

#include "data/shift/kind.h"
#include "data/shift/pixels.h"

static sps_status apply(struct sps_shift_job *job)
{
    static const struct {
        double sigma;
        int reach, rounds;
    } table[] = {{0.05, 1, 1}, {0.25, 1, 1}, {0.4, 1, 1}, {0.25, 1, 2}, {0.4, 1, 2}};
    const double sigma = table[job->level].sigma * job->scale;
    const int d = (int)(table[job->level].reach * job->scale + 0.5), h = job->h, w = job->w;
    const size_t pixel = (size_t)job->c;
    float *y = job->y;
    SPS_TRY(sps_gaussian(y, job->x, h, w, job->c, sigma, 4, SPS_BORDER_EDGE));
    for (size_t i = 0; i < sps_shift_size(job); i++)
        y[i] = (float)(int)(y[i] * 255 + 0x1p-10f) / 255.0f;
    for (int round = 0; round < table[job->level].rounds; round++)
        for (int i = h - d; i > d; i--)
            for (int j = w - d; j > d; j--) {
                int dx = (int)sps_random_below(&job->random, (uint32_t)(2 * d)) - d,
                    dy = (int)sps_random_below(&job->random, (uint32_t)(2 * d)) - d;
                memmove(y + ((size_t)i * w + j) * pixel, y + ((size_t)(i + dy) * w + j + dx) * pixel,
                        pixel * sizeof *y);
            }
    return sps_gaussian(y, y, h, w, job->c, sigma, 4, SPS_BORDER_EDGE);
}

const struct sps_shift_kind sps_shift_kind_glass_blur = {
    .about = {.name = "glass_blur",
              .summary = "frosted glass",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              .random = 1,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
