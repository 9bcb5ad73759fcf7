/* SPDX-License-Identifier: MIT */
/* max(x, 0); for float networks. */
#include <math.h>

#include "nn/activation.h"

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    (void)graph;
    return sps_activation_setup(layer, SPS_REALS);
}

static void forward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image)
{
    (void)pass;
    sps_clip_forward(graph, layer, image, 0.0f, INFINITY);
}

static void backward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image,
                           float *dy)
{
    (void)graph, (void)pass;
    sps_clip_backward(layer, image, dy, 0.0f, INFINITY);
}

const struct sps_layer_type sps_layer_relu = {
    .name = "relu",
    .summary = "max(x, 0)",
    .source = "Nair and Hinton 2010",
    .size = sizeof(struct sps_layer),
    .setup = setup,
    .forward_image = forward_image,
    .backward_image = backward_image,
    .rewrites = 1,
    .needs_output = 1,
};
