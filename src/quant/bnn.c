/* SPDX-License-Identifier: MIT */
/* BNN (Courbariaux et al. 2016, arXiv 1602.02830; Hubara et al., NeurIPS 2016): the sign of the weights as they are,
 * which are kept in [-1, 1]; the gradient passes straight through where |x| <= 1.
 *
 * Departures: activations are binarised by sign in training as in use (the papers' deterministic variant); no
 * shift-based BatchNorm and AdaMax, and no learning rate of each layer by Glorot's coefficient as in their code. */
#include "quant/rules.h"

static float backward(float *g, const float *v, size_t n, const struct sps_surrogate *at)
{
    (void)at;
    sps_pass_inside(g, g, v, n);
    return 0;
}

const struct sps_binariser sps_binariser_bnn = {
    .name = "bnn",
    .summary = "sign of the weights as they are; straight-through where |x| <= 1",
    .source = "Courbariaux et al. 2016, arXiv 1602.02830",
    .standardise = sps_keep_weights,
    .backward = backward,
    .activation = sps_hard_tanh_activation,
    .limit = 1,
};
