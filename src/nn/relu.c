/* SPDX-License-Identifier: MIT */
/* max(x, 0); for float networks. */
#include <math.h>

#include "nn/activation.h"

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    (void)graph;
    return sps_activation_setup(layer, SPS_REALS);
}

static void forward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass)
{
    sps_clip_forward(graph, layer, pass, 0.0f, INFINITY);
}

static void backward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy,
                     float *dx)
{
    sps_clip_backward(graph, layer, pass, dy, dx, 0.0f, INFINITY);
}

const struct sps_layer_type sps_layer_relu = {
    .name = "relu",
    .summary = "max(x, 0)",
    .source = "Nair and Hinton 2010",
    .size = sizeof(struct sps_layer),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .in_place = 1,
    .rewrites = 1,
    .needs_output = 1,
};
