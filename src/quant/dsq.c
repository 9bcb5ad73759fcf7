/* SPDX-License-Identifier: MIT */
/* DSQ, differentiable soft quantisation (Gong et al., ICCV 2019) with one bit: sign stands behind a soft step on [-1,
 * 1] that meets +-1 at the ends, and whose sharpness is learned by way of a, the gap between tanh and 1 at the end:
 *
 *   phi(x) = tanh(k x) / (1 - a),  k = ln(2 / a - 1) / 2,  so that tanh(k) = 1 - a
 *   dphi/dx = k tanh'(k x) / (1 - a)
 *   dphi/da = tanh(k x) / (1 - a)^2 - x tanh'(k x) / ((1 - a) a (2 - a))
 *
 * a starts at 0.2; near 0.5 phi is almost a line, near 0 almost a sign.
 *
 * Departures: there is an a of each output channel and of each sign layer, not of each layer's weights.  The ends are
 * not learned: those of the weights are their channel's largest size, a constant to the gradient; those of the
 * activations are -1 and 1, which BatchNorm in front learns to use. */
#include <math.h>

#include "core/vector.h"
#include "kern/surrogate.h"
#include "quant/rules.h"

enum { LANES = 16 }; /* partial sums: lets the compiler use vectors, and fixes the order of the additions */

static float standardise(float *v, const float *w, size_t n)
{
    float largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(w[i]));
    float inverse = largest > 0 ? 1.0f / largest : 0.0f;
    for (size_t i = 0; i < n; i++)
        v[i] = inverse * w[i];
    return inverse;
}

/* dx = factor g dphi/dx; returns sum g dphi/da. */
SPS_VECTOR static float soft_step(float *dx, const float *g, const float *x, size_t n, float a, float factor)
{
    float k = 0.5f * logf(2.0f / a - 1.0f), s = 1.0f / (1.0f - a);
    float lane[LANES] = {0}, total = 0;
    for (size_t start = 0; start < n; start += LANES) {
        size_t m = n - start < LANES ? n - start : LANES;
        for (size_t j = 0; j < m; j++) {
            size_t i = start + j;
            float size = fabsf(x[i]), e = sps_exp_minus_twice(k * (size <= 1.0f ? size : 1.0f));
            float bend = copysignf((1.0f - e) / (1.0f + e), x[i]), slope = 4.0f * e / ((1.0f + e) * (1.0f + e));
            float inside = size <= 1.0f ? g[i] : 0.0f;
            lane[j] += inside * s * (s * bend - x[i] * slope / (a * (2.0f - a)));
            dx[i] = factor * inside * s * k * slope;
        }
    }
    for (int j = 0; j < LANES; j++)
        total += lane[j];
    return total;
}

static float backward(float *g, const float *v, size_t n, const struct sps_surrogate *at)
{
    return soft_step(g, g, v, n, at->learned, at->factor);
}

static float activation(float *dy, const float *g, const float *y, size_t n, const struct sps_surrogate *at)
{
    return soft_step(dy, g, y, n, at->learned, 1);
}

const struct sps_binariser sps_binariser_dsq = {
    .name = "dsq",
    .summary = "a tanh step on [-1, 1] whose sharpness is learned, for weights and activations",
    .source = "Gong et al., ICCV 2019",
    .standardise = standardise,
    .backward = backward,
    .activation = activation,
    .learned = {.name = "sharpness", .first = 0.2f, .low = 0.01f, .high = 0.5f},
};
