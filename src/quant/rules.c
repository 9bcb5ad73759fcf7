/* SPDX-License-Identifier: MIT */
#include "quant/rules.h"

#include <math.h>
#include <string.h>

#include "core/vector.h"

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

SPS_VECTOR float sps_standardise(float *v, const float *w, size_t n)
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

SPS_VECTOR void sps_standardise_backward(float *g, const float *v, size_t n, float factor)
{
    float mean = sum(g, n) / (float)n, along = dot(g, v, n) / (float)n;
    for (size_t i = 0; i < n; i++)
        g[i] = factor * (g[i] - mean - v[i] * along);
}

float sps_keep_weights(float *v, const float *w, size_t n)
{
    memcpy(v, w, n * sizeof *v);
    return 1;
}

void sps_pass_inside(float *dy, const float *g, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dy[i] = fabsf(y[i]) <= 1.0f ? g[i] : 0.0f;
}

float sps_hard_tanh_activation(float *dy, const float *g, const float *y, size_t n, const struct sps_surrogate *at)
{
    (void)at;
    sps_pass_inside(dy, g, y, n);
    return 0;
}

float sps_tent_activation(float *dy, const float *g, const float *y, size_t n, const struct sps_surrogate *at)
{
    (void)at;
    for (size_t i = 0; i < n; i++)
        dy[i] = g[i] * fmaxf(2.0f - 2.0f * fabsf(y[i]), 0.0f);
    return 0;
}

SPS_VECTOR float sps_mean_size(const float *v, size_t n)
{
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += fabsf(v[i + j]);
    for (size_t j = 0; i < n; i++, j++)
        lane[j] += fabsf(v[i]);
    return lane_total(lane) / (float)n;
}

void sps_divide(float *g, size_t n, float alpha)
{
    float inverse = alpha > 0 ? 1.0f / alpha : 0.0f;
    for (size_t i = 0; i < n; i++)
        g[i] *= inverse;
}
