/* SPDX-License-Identifier: MIT */
/* IR-Net (Qin et al., CVPR 2020): weights are balanced and standardised per output channel before the sign, and the
 * gradient of sign is that of k tanh(t x), which sharpens while training goes on (error-decay estimator).  In the
 * Scale-Dropout paper these are eq. 12 to 16.
 *
 * Departures: the standard deviation is the plain root mean square of the centred weights (eq. 14), not the unbiased
 * one of IR-Net's code; its power-of-two factor is left out, because the learned scale vector takes its place. */
#include <math.h>

#include "quant/rules.h"

static float backward(float *g, const float *v, size_t n, const struct sps_surrogate *at)
{
    at->kern->ede(g, g, v, n, at->t, at->k);
    sps_standardise_backward(g, v, n, at->factor);
    return 0;
}

static float activation(float *dy, const float *g, const float *y, size_t n, const struct sps_surrogate *at)
{
    at->kern->ede(dy, g, y, n, at->t, at->k);
    return 0;
}

const struct sps_binariser sps_binariser_irnet = {
    .name = "irnet",
    .summary = "balanced, standardised weights; error-decay estimator",
    .source = "Qin et al., CVPR 2020; Scale-Dropout paper eq. 12 to 16",
    .standardise = sps_standardise,
    .backward = backward,
    .activation = activation,
};

void sps_error_decay(float *t, float *k, double share, double t_min, double t_max)
{
    double exponent = log10(t_min) + (log10(t_max) - log10(t_min)) * share;
    *t = (float)pow(10.0, exponent);
    *k = fmaxf(1.0f / *t, 1.0f);
}
