/* SPDX-License-Identifier: MIT */
/* Stochastic gradient descent with momentum and L2 decay, as PyTorch's torch.optim.SGD (no dampening). */
#include "core/vector.h"
#include "nn/nn.h"

SPS_VECTOR static void update(float *w, const float *g, float *const state[2], size_t n, const struct sps_step *step,
                              int decay)
{
    float *velocity = state[0];
    float momentum = (float)step->momentum, rate = (float)step->rate, l2 = decay ? (float)step->decay : 0.0f;
    for (size_t i = 0; i < n; i++) {
        velocity[i] = momentum * velocity[i] + g[i] + l2 * w[i];
        w[i] -= rate * velocity[i];
    }
}

const struct sps_optimiser sps_optimiser_sgd = {
    .name = "sgd",
    .summary = "stochastic gradient descent with momentum",
    .source = "Polyak 1964; PyTorch's form",
    .states = 1,
    .update = update,
};
