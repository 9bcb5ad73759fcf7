/* SPDX-License-Identifier: MIT */
/* Dropout of activations, drawn for each image and pass in training and in sampled predictions (Monte Carlo dropout):
 * what the methods with a scale bank are held against.
 *
 * Reals are scaled by 1 / (1 - p), so that their mean stays.  Bits become codes -1, 0 and +1, which the binary product
 * behind reads as exactly as it reads bits; they are not scaled, for a batchnorm layer follows every binary product.
 * The deterministic reading drops nothing. */
#include <string.h>

#include "core/memory.h"
#include "core/path.h"
#include "nn/nn.h"

#define DROPOUT_PARAMS(X)                                                                                              \
    X(p, REAL, "p", "0.2", "", 0, 0.95, "probability that a unit is dropped", "Srivastava et al. 2014")                \
    X(unit, CHOICE, "unit", "neuron", "neuron|map", 0, 1, "what is dropped at once: one number, or a feature map",     \
      "Tompson et al. 2015")

enum { NEURON, MAP };

extern const struct sps_layer_type sps_layer_dropout;

struct dropout_settings {
    SPS_PARAMS_STRUCT(DROPOUT_PARAMS)
};
#define SPS_PARAMS_OWNER struct dropout_settings
static const struct sps_param dropout_params[] = {SPS_PARAMS_TABLE(DROPOUT_PARAMS)};
#undef SPS_PARAMS_OWNER

struct dropout {
    struct sps_layer base;
    struct dropout_settings set;
    uint8_t *kept; /* [B][in] */
};

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    struct dropout *d = (struct dropout *)layer;
    if (layer->in.kind != SPS_REALS && layer->in.kind != SPS_BITS)
        SPS_FAIL(EINVAL, "input is %s, must be bits or reals (the output of an activation)",
                 sps_kind_name(layer->in.kind));
    layer->out = layer->in;
    layer->out.kind = layer->in.kind == SPS_BITS ? SPS_CODES : SPS_REALS;
    return sps_calloc(&d->kept, (size_t)graph->batch, sps_shape_size(&layer->in), "dropout masks");
}

/* The picks of the noise source that a packed model has in this layer's place, inverted. */
static void draw_as_packed(const struct dropout *d, uint8_t *kept, const struct sps_pass *pass, int image, size_t drawn)
{
    const double probability[2] = {1 - d->set.p, d->set.p};
    const struct sps_path_bank source = {probability, 2, (int)drawn, (uint32_t)d->base.index};
    sps_path_draw(kept, &source, 1, pass->seed, pass->index[image], ~pass->epoch);
    for (size_t j = 0; j < drawn; j++)
        kept[j] = !kept[j];
}

static void draw_in_training(const struct dropout *d, uint8_t *kept, const struct sps_pass *pass, int image,
                             size_t drawn)
{
    struct sps_random r =
        sps_random(pass->seed, SPS_FOR_DROPOUT, pass->index[image], pass->epoch, (uint32_t)d->base.index);
    for (size_t j = 0; j < drawn; j++)
        kept[j] = sps_random_uniform(&r) >= d->set.p;
}

static void draw(const struct dropout *d, uint8_t *kept, const struct sps_pass *pass, int image)
{
    const struct sps_shape *in = &d->base.in;
    size_t channels = (size_t)in->c, size = sps_shape_size(in);
    size_t drawn = d->set.unit == MAP ? channels : size;
    if (pass->source == SPS_FROM_POINT) {
        memset(kept, 1, size);
        return;
    }
    if (pass->mode == SPS_PASS_EVALUATE)
        draw_as_packed(d, kept, pass, image, drawn);
    else
        draw_in_training(d, kept, pass, image, drawn);
    for (size_t j = drawn; j < size; j++)
        kept[j] = kept[j - channels];
}

static float factor(const struct dropout *d, const struct sps_pass *pass)
{
    return d->base.in.kind == SPS_BITS || pass->source == SPS_FROM_POINT ? 1 : (float)(1 / (1 - d->set.p));
}

static void forward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image)
{
    struct dropout *d = (struct dropout *)layer;
    size_t size = sps_shape_size(&layer->in);
    float up = factor(d, pass);
    uint8_t *kept = d->kept + (size_t)image * size;
    const void *x = sps_layer_input(graph, layer, image);
    char *y = (char *)layer->y + (size_t)image * layer->y_stride;
    draw(d, kept, pass, image);
    for (size_t j = 0; j < size; j++)
        if (layer->in.kind == SPS_BITS)
            ((int8_t *)y)[j] = (int8_t)(!kept[j] ? 0 : ((const uint32_t *)x)[j / 32] >> j % 32 & 1 ? 1 : -1);
        else /* a choice, not a product: a NaN of a dropped unit is dropped, any other reaches the loss */
            ((float *)(void *)y)[j] = kept[j] ? up * ((const float *)x)[j] : 0;
}

static void backward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image,
                           float *dy)
{
    (void)graph;
    struct dropout *d = (struct dropout *)layer;
    size_t size = sps_shape_size(&layer->in);
    const uint8_t *kept = d->kept + (size_t)image * size;
    float up = factor(d, pass);
    for (size_t j = 0; j < size; j++)
        dy[j] = kept[j] ? up * dy[j] : 0;
}

static void release(struct sps_layer *layer)
{
    sps_free(((struct dropout *)layer)->kept);
}

int sps_layer_dropout_rate(double *p, int *of_maps, const struct sps_layer *layer)
{
    const struct dropout *d = (const struct dropout *)layer;
    if (layer == NULL || layer->type != &sps_layer_dropout)
        return 0;
    *p = d->set.p;
    *of_maps = d->set.unit == MAP;
    return 1;
}

const struct sps_layer_type sps_layer_dropout = {
    .name = "dropout",
    .summary = "drops activations at random, in training and in sampled predictions",
    .source = "Gal and Ghahramani, ICML 2016",
    .params = dropout_params,
    .size = sizeof(struct dropout),
    .settings_offset = offsetof(struct dropout, set),
    .setup = setup,
    .forward_image = forward_image,
    .backward_image = backward_image,
    .release = release,
    .random = 1,
};
