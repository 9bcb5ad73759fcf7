/* SPDX-License-Identifier: MIT */
/* A disk of pixels, its border softened by a Gaussian of 3 x 3 taps (5 x 5 for a radius above 8), mirrored border. Most
 * of CIFAR-10's disks have one pixel only: the Gaussian is the blur. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "data/shift/kind.h"
#include "data/shift/pixels.h"

static sps_status apply(struct sps_shift_job *job)
{
    static const double table[][2] = {{0.3, 0.4}, {0.4, 0.5}, {0.5, 0.6}, {1, 0.2}, {1.5, 0.1}};
    const double radius = table[job->level][0] * job->scale, alias = table[job->level][1] * job->scale;
    const int soft = radius <= 8 ? 1 : 2, reach = (int)radius, r = reach + soft, side = 2 * r + 1;
    float *kernel;
    SPS_TRY(sps_calloc(&kernel, 2 * (size_t)side * side, sizeof *kernel, "the kernel of a blur"));
    float *disk = kernel + (size_t)side * side, count = 0;
    for (int i = -reach; i <= reach; i++)
        for (int j = -reach; j <= reach; j++)
            if (i * i + j * j <= radius * radius) {
                disk[(i + r) * side + j + r] = 1;
                count++;
            }
    double tap[5], sum = 0;
    for (int k = -soft; k <= soft; k++)
        sum += tap[k + soft] = exp(-0.5 * k * k / (alias * alias));
    for (int i = soft; i < side - soft; i++)
        for (int j = soft; j < side - soft; j++)
            for (int k = -soft; k <= soft && disk[i * side + j] != 0; k++)
                for (int l = -soft; l <= soft; l++)
                    kernel[(i + k) * side + j + l] += (float)(tap[k + soft] * tap[l + soft] / (sum * sum) / count);
    memset(job->y, 0, sps_shift_size(job) * sizeof *job->y);
    sps_status status = sps_correlate(job->y, job->x, job->h, job->w, job->c, kernel, r, SPS_BORDER_MIRROR);
    sps_free(kernel);
    return status;
}

const struct sps_shift_kind sps_shift_kind_defocus_blur = {
    .about = {.name = "defocus_blur",
              .summary = "a lens out of focus",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
