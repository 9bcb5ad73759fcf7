/* SPDX-License-Identifier: MIT */
/* Adam (Kingma and Ba, ICLR 2015) with L2 decay in the gradient, as PyTorch's torch.optim.Adam. */
#include <math.h>

#include "core/vector.h"
#include "nn/nn.h"

SPS_VECTOR static void update(float *w, const float *g, float *const state[2], size_t n, const struct sps_step *step,
                              int decay)
{
    float *m = state[0], *v = state[1];
    float beta1 = (float)step->beta1, beta2 = (float)step->beta2, epsilon = (float)step->epsilon;
    float l2 = decay ? (float)step->decay : 0.0f;
    float rate = (float)(step->rate / (1 - pow(step->beta1, (double)step->count)));
    float root = (float)(1 / sqrt(1 - pow(step->beta2, (double)step->count)));
    for (size_t i = 0; i < n; i++) {
        float gradient = g[i] + l2 * w[i];
        m[i] = beta1 * m[i] + (1 - beta1) * gradient;
        v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
        w[i] -= rate * m[i] / (sqrtf(v[i]) * root + epsilon);
    }
}

const struct sps_optimiser sps_optimiser_adam = {
    .name = "adam",
    .summary = "Adam with L2 decay in the gradient",
    .source = "Kingma and Ba, ICLR 2015",
    .states = 2,
    .squares = 1,
    .update = update,
};
