/* SPDX-License-Identifier: MIT */
/* XNOR-Net (Rastegari et al., ECCV 2016): the weights of a filter are alpha sign(w) with alpha = mean |w|, and alpha,
 * too, carries gradient to w:
 *
 *   dw_j = g_j [|w_j| <= 1] + sign(w_j) sum_i g_i sign(w_i) / (n alpha),   g with respect to sign(w)
 *
 * alpha itself is hidden by BatchNorm (quant.h).  So is the sum, which is alpha times the slope of the loss in alpha:
 * it is 0 but for BatchNorm's epsilon and the bias inside the scale.  The rule is therefore close to that of BNN here.
 *
 * Departures: the second term is that of the chain rule and of the authors' code; the paper prints g_j / (n alpha). The
 * map K of input scales is left out, as in most later work: it is a real number at each place, which no integer
 * threshold of a channel can hold.  The code's centring of weights over input channels is left out. */
#include "quant/rules.h"

static float backward(float *g, const float *v, size_t n, const struct sps_surrogate *at)
{
    (void)at;
    float size = (float)n * sps_mean_size(v, n), along = 0;
    for (size_t i = 0; i < n; i++)
        along += v[i] >= 0 ? g[i] : -g[i];
    float shared = size > 0 ? along / size : 0.0f;
    sps_pass_inside(g, g, v, n);
    for (size_t i = 0; i < n; i++)
        g[i] += v[i] >= 0 ? shared : -shared;
    return 0;
}

const struct sps_binariser sps_binariser_xnor = {
    .name = "xnor",
    .summary = "as bnn, and gradient through the mean size of a filter's weights",
    .source = "Rastegari et al., ECCV 2016",
    .standardise = sps_keep_weights,
    .backward = backward,
    .activation = sps_hard_tanh_activation,
    .limit = 1,
};
