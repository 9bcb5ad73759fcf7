/* SPDX-License-Identifier: MIT */
/* PACT (Choi et al. 2018, arXiv 1805.06085), used for the 4-bit scales of subset-parameter inference. */
#include <math.h>

#include "quant/quant.h"

float sps_pact(float x, float alpha, int bits)
{
    float levels = (float)((1 << bits) - 1);
    float clipped = fminf(fmaxf(x, 0.0f), alpha);
    return rintf(clipped * levels / alpha) * alpha / levels;
}

float sps_pact_backward(float *dx, float g, float x, float alpha)
{
    *dx = x > 0.0f && x < alpha ? g : 0.0f;
    return x >= alpha ? g : 0.0f;
}
