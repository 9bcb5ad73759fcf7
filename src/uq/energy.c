/* SPDX-License-Identifier: MIT */
/* Energy of logits (Liu et al., NeurIPS 2020): -ln sum exp z at temperature 1; of T passes the mean, as an energy is
 * an expectation over them. */
#include <math.h>

#include "spinscale/scores.h"
#include "uq/logits.h"
#include "uq/summary.h"

sps_status sps_check_logits(double *weight_sum, const float *z, const double *w, size_t passes, size_t n, int classes)
{
    struct sps_summariser s = {0};
    sps_status status = sps_summariser_init(&s, w, passes, classes, 0.5, NULL); /* checks passes, classes, weights */
    *weight_sum = s.weight_sum;
    sps_summariser_reset(&s);
    SPS_TRY(status);
    size_t row = (size_t)classes;
    for (size_t k = 0; k < passes * n * row; k++)
        if (!isfinite(z[k]))
            SPS_FAIL(EINVAL, "pass %zu, image %zu, class %zu: logit is %g, must be finite", k / row / n, k / row % n,
                     k % row, (double)z[k]);
    return SPS_OK;
}

double sps_log_sum_exp(const float *z, int classes, double scale)
{
    float largest = z[0];
    for (int c = 1; c < classes; c++)
        if (z[c] > largest)
            largest = z[c];
    double sum = 0;
    for (int c = 0; c < classes; c++)
        sum += exp(scale * ((double)z[c] - (double)largest));
    return scale * (double)largest + log(sum);
}

sps_status sps_energy(double *out, const float *z, const double *w, size_t passes, size_t n, int classes)
{
    double weight_sum;
    SPS_TRY(sps_check_logits(&weight_sum, z, w, passes, n, classes));
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t t = 0; t < passes; t++)
            sum -= (w != NULL ? w[t] : 1) * sps_log_sum_exp(z + (t * n + i) * (size_t)classes, classes, 1);
        out[i] = sum / weight_sum;
    }
    return SPS_OK;
}
