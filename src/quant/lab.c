/* SPDX-License-Identifier: MIT */
/* LAB, loss-aware binarisation (Hou et al., ICLR 2017): binary weights are the proximal Newton step with a diagonal
 * curvature d taken from Adam, d = sqrt(mean squared gradient).  Its solution is alpha sign(w) with
 *
 *   alpha = sum d |w| / sum d,   dw = g / alpha,   g with respect to sign(w)
 *
 * and w moves by the optimiser's step, which divides by d.  alpha is hidden by BatchNorm (quant.h): curvature decides
 * here by how much the gradient of a channel is stretched.
 *
 * Departures: alpha is that of an output channel, not of the layer.  The paper's Newton step is Adam's, with momentum,
 * as in the authors' code, which also clips the weights to [-1, 1].  An optimiser without squared gradients (sgd) has
 * d = 1. */
#include <math.h>

#include "quant/rules.h"

static float backward(float *g, const float *v, size_t n, const struct sps_surrogate *at)
{
    double weighted = 0, total = 0;
    for (size_t i = 0; i < n; i++) {
        float d = at->square ? sqrtf(at->square[i]) + 1e-8f : 1.0f; /* before the first step all are equal */
        weighted += d * fabsf(v[i]);
        total += d;
    }
    sps_divide(g, n, (float)(weighted / total));
    return 0;
}

const struct sps_binariser sps_binariser_lab = {
    .name = "lab",
    .summary = "loss-aware: gradient divided by the weights' size weighted with Adam's curvature",
    .source = "Hou et al., ICLR 2017",
    .standardise = sps_keep_weights,
    .backward = backward,
    .activation = sps_hard_tanh_activation,
    .limit = 1,
};
