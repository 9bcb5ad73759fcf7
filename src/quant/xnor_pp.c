/* SPDX-License-Identifier: MIT */
/* XNOR-Net++ (Bulat and Tzimiropoulos, BMVC 2019): the analytic scales of XNOR-Net give way to one that is learned with
 * the rest, fused behind the product.  The signs are those of the weights, which are not clipped; the gradient passes
 * straight through where |x| <= 1.
 *
 * So it is BNN here until a weight passes 1: BNN keeps that at 1, from where it can come back; here it has no gradient
 * any more, and only momentum or weight decay move it.
 *
 * Departures: the learned scale of a channel is the layer's scale vector (`scale: true`, which the method point only
 * trains) and BatchNorm's gamma, so there is none here.  The paper's scales along height and width are left out: a real
 * number at each place, which no integer threshold of a channel can hold. */
#include "quant/rules.h"

static float backward(float *g, const float *v, size_t n, const struct sps_surrogate *at)
{
    (void)at;
    sps_pass_inside(g, g, v, n);
    return 0;
}

const struct sps_binariser sps_binariser_xnor_pp = {
    .name = "xnor_pp",
    .summary = "as bnn without a limit of the weights; the learned scale is the layer's",
    .source = "Bulat and Tzimiropoulos, BMVC 2019",
    .standardise = sps_keep_weights,
    .backward = backward,
    .activation = sps_hard_tanh_activation,
};
