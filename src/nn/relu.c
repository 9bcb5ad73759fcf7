/* SPDX-License-Identifier: MIT */
/* max(x, 0); for float networks. */
#include "nn/activation.h"

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    (void)graph;
    return sps_activation_setup(layer, SPS_REALS);
}

static void forward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass)
{
    size_t size = sps_shape_size(&layer->in);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++) {
        const float *x = sps_layer_input(graph, layer, i);
        float *y = (float *)layer->y + (size_t)i * size;
        for (size_t j = 0; j < size; j++)
            y[j] = x[j] < 0.0f ? 0.0f : x[j]; /* NaN stays NaN: it must reach the loss */
    }
}

static void backward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy,
                     float *dx)
{
    size_t size = sps_shape_size(&layer->in);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++) {
        const float *y = (const float *)layer->y + (size_t)i * size;
        for (size_t j = 0; j < size; j++)
            dx[(size_t)i * size + j] = y[j] > 0.0f ? dy[(size_t)i * size + j] : 0.0f;
    }
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
};
