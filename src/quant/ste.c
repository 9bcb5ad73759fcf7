/* SPDX-License-Identifier: MIT */
/* The plain straight-through estimator (Hubara et al., NeurIPS 2016): the gradient passes where |x| <= 1. */
#include <math.h>
#include <string.h>

#include "quant/quant.h"

static float standardise(float *v, const float *w, size_t n)
{
    memcpy(v, w, n * sizeof *v);
    return 1;
}

static void pass_inside(float *dy, const float *g, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dy[i] = fabsf(y[i]) <= 1.0f ? g[i] : 0.0f;
}

static void backward(const struct sps_kern *kern, float *g, const float *v, size_t n, float factor, float t, float k)
{
    (void)kern, (void)factor, (void)t, (void)k;
    pass_inside(g, g, v, n);
}

static void activation(const struct sps_kern *kern, float *dy, const float *g, const float *y, size_t n, float t,
                       float k)
{
    (void)kern, (void)t, (void)k;
    pass_inside(dy, g, y, n);
}

const struct sps_binariser sps_binariser_ste = {
    .name = "ste",
    .summary = "sign of the weights as they are; straight-through where |x| <= 1",
    .source = "Hubara et al., NeurIPS 2016",
    .standardise = standardise,
    .backward = backward,
    .activation = activation,
    .limit = 1,
};
