/* SPDX-License-Identifier: MIT */
#include "nn/activation.h"

sps_status sps_activation_setup(struct sps_layer *layer, enum sps_kind out)
{
    if (layer->in.kind != SPS_REALS)
        SPS_FAIL(EINVAL, "input is %s, must be reals (the output of batchnorm or of a float layer)",
                 sps_kind_name(layer->in.kind));
    layer->out = layer->in;
    layer->out.kind = out;
    return SPS_OK;
}

void sps_clip_forward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float low,
                      float high)
{
    size_t size = sps_shape_size(&layer->in);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++) {
        const float *x = sps_layer_input(graph, layer, i);
        float *y = (float *)layer->y + (size_t)i * size;
        for (size_t j = 0; j < size; j++)
            y[j] = x[j] < low ? low : x[j] > high ? high : x[j];
    }
}

void sps_clip_backward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, const float *dy,
                       float *dx, float low, float high)
{
    size_t size = sps_shape_size(&layer->in);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++) {
        const float *y = (const float *)layer->y + (size_t)i * size;
        for (size_t j = 0; j < size; j++)
            dx[(size_t)i * size + j] = y[j] > low && y[j] < high ? dy[(size_t)i * size + j] : 0.0f;
    }
}
