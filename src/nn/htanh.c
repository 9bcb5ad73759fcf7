/* SPDX-License-Identifier: MIT */
/* hard tanh: clips to [-1, 1]; for float networks. */
#include "nn/activation.h"

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    (void)graph;
    return sps_activation_setup(layer, SPS_REALS);
}

static void forward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image)
{
    (void)pass;
    sps_clip_forward(graph, layer, image, -1.0f, 1.0f);
}

static void backward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image,
                           float *dy)
{
    (void)graph, (void)pass;
    sps_clip_backward(layer, image, dy, -1.0f, 1.0f);
}

const struct sps_layer_type sps_layer_htanh = {
    .name = "htanh",
    .summary = "hard tanh: clips to [-1, 1]",
    .source = "Courbariaux et al. 2016",
    .size = sizeof(struct sps_layer),
    .setup = setup,
    .forward_image = forward_image,
    .backward_image = backward_image,
    .rewrites = 1,
    .needs_output = 1,
};
