/* SPDX-License-Identifier: MIT */
/* DoReFa-Net (Zhou et al. 2016, arXiv 1606.06160) with 1-bit weights and activations: weights are alpha sign(w) with
 * alpha = mean |w| a constant, and all of the gradient passes, wherever w is:
 *
 *   dw = g / alpha,   g with respect to sign(w)
 *
 * alpha is hidden by BatchNorm (quant.h), so it only says how large steps are.  Activations of 0 and 1, by rounding of
 * clip(x, 0, 1), are -1 and +1 with x stretched: the gradient passes where |2 x - 1| <= 1, and BatchNorm in front
 * learns stretch and shift.
 *
 * Departures: alpha is that of an output channel, not of the layer; gradients are not quantised (the paper's G = 32).
 */
#include "quant/rules.h"

static float backward(float *g, const float *v, size_t n, const struct sps_surrogate *at)
{
    (void)at;
    sps_divide(g, n, sps_mean_size(v, n));
    return 0;
}

const struct sps_binariser sps_binariser_dorefa = {
    .name = "dorefa",
    .summary = "sign of the weights as they are; all of the gradient passes, divided by their mean size",
    .source = "Zhou et al. 2016, arXiv 1606.06160",
    .standardise = sps_keep_weights,
    .backward = backward,
    .activation = sps_hard_tanh_activation,
};
