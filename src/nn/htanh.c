/* SPDX-License-Identifier: MIT */
/* hard tanh: clips to [-1, 1]; for float networks. */
#include "nn/activation.h"

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    (void)graph;
    return sps_activation_setup(layer, SPS_REALS);
}

static void forward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass)
{
    sps_clip_forward(graph, layer, pass, -1.0f, 1.0f);
}

static void backward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy,
                     float *dx)
{
    sps_clip_backward(graph, layer, pass, dy, dx, -1.0f, 1.0f);
}

const struct sps_layer_type sps_layer_htanh = {
    .name = "htanh",
    .summary = "hard tanh: clips to [-1, 1]",
    .source = "Courbariaux et al. 2016",
    .size = sizeof(struct sps_layer),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .in_place = 1,
    .rewrites = 1,
    .needs_output = 1,
};
