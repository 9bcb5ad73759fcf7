/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_SHIFT_KIND_H
#define SPS_DATA_SHIFT_KIND_H
/* A kind of shift is its description and one function.  One file per kind, one row in list.h. */
#include "core/error.h"
#include "core/random.h"
#include "spinscale/shift.h"

/* One image under work.  Values are pixel / 255, [h][w][c]; rows are w * c values. */
struct sps_shift_job {
    int h, w, c;
    int level;    /* 0 .. levels - 1 */
    double scale; /* lengths of the definition, which are for 32 x 32, times this: shorter side / 32, at least 1 */
    struct sps_random random;
    const uint8_t *pixels; /* the image */
    const float *x;        /* the same / 255 */
    float *y;              /* result: clipped to [0, 1], times 255, cut off to 8 bits */
};

struct sps_shift_kind {
    struct sps_shift about;
    sps_status (*apply)(struct sps_shift_job *job);
};

#define SPS_HENDRYCKS "Hendrycks and Dietterich, ICLR 2019, arXiv:1903.12261; the authors' rules for CIFAR-10-C"
#define SPS_FIVE_SEVERITIES .levels = 5, .unit = "severity", .amount = {1, 2, 3, 4, 5}

static inline size_t sps_shift_size(const struct sps_shift_job *job)
{
    return (size_t)job->h * (size_t)job->w * (size_t)job->c;
}
#endif
