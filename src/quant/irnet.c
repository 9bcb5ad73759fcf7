/* SPDX-License-Identifier: MIT */
/* IR-Net (Qin et al., CVPR 2020): weights are balanced and standardised per output channel before the sign, and the
 * gradient of sign is that of k tanh(t x), which sharpens while training goes on (error-decay estimator).  In the
 * Scale-Dropout paper these are eq. 12 to 16.
 *
 * Departures: the standard deviation is the plain root mean square of the centred weights (eq. 14), not the unbiased
 * one of IR-Net's code; its power-of-two factor is left out, because the learned scale vector takes its place. */
#include <math.h>

#include "core/vector.h"
#include "quant/quant.h"

enum { LANES = 16 }; /* partial sums: lets the compiler use vectors, and fixes the order of the additions */

static float lane_total(const float *lane)
{
    float total = 0;
    for (int i = 0; i < LANES; i++)
        total += lane[i];
    return total;
}

SPS_VECTOR static float sum(const float *x, size_t n)
{
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += x[i + j];
    for (size_t j = 0; i < n; i++, j++)
        lane[j] += x[i];
    return lane_total(lane);
}

SPS_VECTOR static float dot(const float *x, const float *y, size_t n)
{
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += x[i + j] * y[i + j];
    for (size_t j = 0; i < n; i++, j++)
        lane[j] += x[i] * y[i];
    return lane_total(lane);
}

SPS_VECTOR static float standardise(float *v, const float *w, size_t n)
{
    float mean = sum(w, n) / (float)n;
    for (size_t i = 0; i < n; i++)
        v[i] = w[i] - mean;
    float rms = sqrtf(dot(v, v, n) / (float)n);
    /* A channel of equal weights: what is left is the rounding of the mean, which must not become signs. */
    float inverse = rms > 1e-6f * fabsf(mean) ? 1.0f / rms : 0.0f;
    for (size_t i = 0; i < n; i++)
        v[i] *= inverse;
    return inverse;
}

/* v = (w - mean) / std, so dw = (g' - mean(g') - v mean(g' v)) / std, with g' = g k t (1 - tanh(t v)^2). */
SPS_VECTOR static void backward(const struct sps_kern *kern, float *g, const float *v, size_t n, float factor, float t,
                                float k)
{
    kern->ede(g, g, v, n, t, k);
    float mean = sum(g, n) / (float)n, along = dot(g, v, n) / (float)n;
    for (size_t i = 0; i < n; i++)
        g[i] = factor * (g[i] - mean - v[i] * along);
}

static void activation(const struct sps_kern *kern, float *dy, const float *g, const float *y, size_t n, float t,
                       float k)
{
    kern->ede(dy, g, y, n, t, k);
}

const struct sps_binariser sps_binariser_irnet = {
    .name = "irnet",
    .summary = "balanced, standardised weights; error-decay estimator",
    .source = "Qin et al., CVPR 2020; Scale-Dropout paper eq. 12 to 16",
    .standardise = standardise,
    .backward = backward,
    .activation = activation,
};

void sps_error_decay(float *t, float *k, double share, double t_min, double t_max)
{
    double exponent = log10(t_min) + (log10(t_max) - log10(t_min)) * share;
    *t = (float)pow(10.0, exponent);
    *k = fmaxf(1.0f / *t, 1.0f);
}
