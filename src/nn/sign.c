/* SPDX-License-Identifier: MIT */
/* Sign activation: x >= 0 is +1.  Backward by the binariser's surrogate. */
#include "nn/activation.h"

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    (void)graph;
    return sps_activation_setup(layer, SPS_BITS);
}

static void forward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass)
{
    size_t size = sps_shape_size(&layer->in);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++)
        graph->kern->pack((uint32_t *)(void *)((char *)layer->y + (size_t)i * layer->y_stride),
                          sps_layer_input(graph, layer, i), size);
}

static void backward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy,
                     float *dx)
{
    size_t size = sps_shape_size(&layer->in);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++)
        graph->binariser->activation(graph->kern, dx + (size_t)i * size, dy + (size_t)i * size,
                                     sps_layer_input(graph, layer, i), size, pass->t, pass->k);
}

const struct sps_layer_type sps_layer_sign = {
    .name = "sign",
    .summary = "sign activation, bits out",
    .source = "Scale-Dropout paper eq. 4",
    .size = sizeof(struct sps_layer),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .in_place = 1,
};
