/* SPDX-License-Identifier: MIT */
/* ReActNet (Liu et al., ECCV 2020), whose weights are those of Bi-Real Net: alpha sign(w) with alpha = mean |w| of a
 * channel, a constant; the gradient passes straight through where |w| <= 1.  Activations have the slope 2 - 2 |x|.
 *
 *   dw = g [|w| <= 1] / alpha,   g with respect to sign(w)
 *
 * alpha is hidden by BatchNorm (quant.h).  RSign, sign(x - shift) with a learned shift of each channel, needs no code:
 * BatchNorm in front of sign has beta, which is that shift.  RPReLU is the layer `rprelu`; the loss on a real teacher's
 * answers is train.teacher.
 *
 * Departures: one training from the start instead of two (activations first, then weights). */
#include "quant/rules.h"

static float backward(float *g, const float *v, size_t n, const struct sps_surrogate *at)
{
    (void)at;
    sps_divide(g, n, sps_mean_size(v, n));
    sps_pass_inside(g, g, v, n);
    return 0;
}

const struct sps_binariser sps_binariser_react = {
    .name = "react",
    .summary = "gradient divided by the weights' mean size; activations with slope 2 - 2 |x|; shift in BatchNorm",
    .source = "Liu et al., ECCV 2020",
    .standardise = sps_keep_weights,
    .backward = backward,
    .activation = sps_tent_activation,
};
