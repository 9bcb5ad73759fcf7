/* SPDX-License-Identifier: MIT */
/* ReCU, reviving the dead weights (Xu et al., ICCV 2021): weights are balanced and standardised per output channel and
 * clamped between the quantiles 1 - q and q of a Laplace distribution with their mean size,
 *
 *   +-Q,  Q = -ln(2 - 2 q) mean |v|,   q from 0.85 to 0.99 while training goes on
 *
 * which never changes a sign: what acts is that weights in the tails get their gradient from the standardisation only,
 * which draws them back to where a sign can still flip.  Inside, the gradient passes straight through.  Activations
 * have the slope 2 - 2 |x|.
 *
 * Departures: mean |v| is that of an output channel, not of the layer; the standard deviation is the plain root mean
 * square; activations are not divided by each image's own standard deviation in training, for BatchNorm in front does
 * nearly that; the learned factor of a channel is the layer's scale vector or hidden by BatchNorm. */
#include <math.h>

#include "quant/rules.h"

static const float SPREAD = 2.82842712f; /* standard deviation of the code's weights: the gradient is larger by it */

static float quantile_at(float share)
{
    const float low = 0.85f, high = 0.99f;
    return low + (high - low) * (expf(share) - 1.0f) / (expf(1.0f) - 1.0f);
}

static float backward(float *g, const float *v, size_t n, const struct sps_surrogate *at)
{
    float bound = -logf(2.0f - 2.0f * quantile_at(at->share)) * sps_mean_size(v, n);
    for (size_t i = 0; i < n; i++)
        g[i] = fabsf(v[i]) <= bound ? SPREAD * g[i] : 0.0f;
    sps_standardise_backward(g, v, n, at->factor);
    return 0;
}

const struct sps_binariser sps_binariser_recu = {
    .name = "recu",
    .summary = "standardised weights, clamped by a quantile that moves; activations with slope 2 - 2 |x|",
    .source = "Xu et al., ICCV 2021",
    .standardise = sps_standardise,
    .backward = backward,
    .activation = sps_tent_activation,
};
