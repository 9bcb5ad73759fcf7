/* SPDX-License-Identifier: MIT */
/* Sign activation: x >= 0 is +1.  Backward by the binariser's surrogate. */
#include <stdio.h>

#include "core/memory.h"
#include "nn/activation.h"

struct sign {
    struct sps_layer base;
    struct sps_weight *learned; /* the binariser's number of this layer; NULL: it has none */
    float *by_learned;          /* [B] gradient of it, of each image */
};

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    struct sign *s = (struct sign *)layer;
    char name[32];
    snprintf(name, sizeof name, "layers.%d", layer->index);
    SPS_TRY(sps_activation_setup(layer, SPS_BITS));
    SPS_TRY(sps_graph_add_learned(graph, &s->learned, name, 1));
    return sps_calloc(&s->by_learned, (size_t)graph->batch, sizeof(float), "gradients of sign");
}

static void release(struct sps_layer *layer)
{
    sps_free(((struct sign *)layer)->by_learned);
}

static void forward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image)
{
    graph->kern->pack(sps_layer_output(graph, layer, image), sps_layer_image(graph, layer->input, pass, image),
                      sps_shape_size(&layer->in));
}

static void backward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image,
                           float *dy)
{
    struct sign *s = (struct sign *)layer;
    const struct sps_surrogate at = {
        .kern = graph->kern, .t = pass->t, .k = pass->k, .learned = s->learned ? s->learned->value[0] : 0};
    s->by_learned[image] = graph->binariser->activation(dy, dy, sps_layer_image(graph, layer->input, pass, image),
                                                        sps_shape_size(&layer->in), &at);
}

static void backward_end(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy)
{
    (void)graph, (void)dy;
    struct sign *s = (struct sign *)layer;
    double total = 0;
    for (int i = 0; i < pass->n; i++)
        total += s->by_learned[i];
    if (s->learned != NULL)
        s->learned->grad[0] = (float)total;
}

const struct sps_layer_type sps_layer_sign = {
    .name = "sign",
    .summary = "sign activation, bits out",
    .source = "Scale-Dropout paper eq. 4",
    .size = sizeof(struct sign),
    .setup = setup,
    .forward_image = forward_image,
    .backward_image = backward_image,
    .backward_end = backward_end,
    .release = release,
    .repeats_input = 1,
};
