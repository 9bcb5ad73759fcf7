/* SPDX-License-Identifier: MIT */
/* Poisson(c x) / c: c photons make white. */
#include "data/shift/kind.h"

#include <math.h>

/* ln n! of a whole number.  (lgamma() writes a global sign: threads would race for it.)  Stirling's series, right to
 * 1e-10 from 10 on. */
static double log_factorial(double n)
{
    double product = 1;
    if (n >= 10)
        return (n + 0.5) * log(n) - n + 0.91893853320467274 + 1 / (12 * n) - 1 / (360 * n * n * n) +
               1 / (1260 * n * n * n * n * n);
    for (double k = 2; k <= n; k++)
        product *= k;
    return log(product);
}

/* By multiplication of uniforms where few are needed (Knuth, TAOCP 2, 3.4.1), else by transformed rejection (Hoermann,
 * "The transformed rejection method for generating Poisson random variables", 1993, algorithm PTRS). */
static float poisson(struct sps_random *r, float mean)
{
    if (mean < 10) {
        const float end = expf(-mean);
        float product = sps_random_uniform(r);
        int n = 0;
        for (; product > end; n++)
            product *= sps_random_uniform(r);
        return (float)n;
    }
    const double root = sqrt(mean), b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b,
                 inverse = 1.1239 + 1.1328 / (b - 3.4), quick = 0.9277 - 3.6224 / (b - 2), log_mean = log(mean);
    for (;;) {
        const double u = sps_random_uniform(r) - 0.5, v = 1 - (double)sps_random_uniform(r), us = 0.5 - fabs(u),
                     n = floor((2 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= quick)
            return (float)n;
        if (n < 0 || (us < 0.013 && v > us))
            continue;
        if (log(v) + log(inverse) - log(a / (us * us) + b) <= n * log_mean - mean - log_factorial(n))
            return (float)n;
    }
}

static sps_status apply(struct sps_shift_job *job)
{
    static const float table[] = {500, 250, 100, 75, 50};
    const float c = table[job->level];
    for (size_t i = 0; i < sps_shift_size(job); i++)
        job->y[i] = poisson(&job->random, c * job->x[i]) / c;
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_shot_noise = {
    .about = {.name = "shot_noise",
              .summary = "light counted in photons",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              .random = 1,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
