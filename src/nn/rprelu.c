/* SPDX-License-Identifier: MIT */
/* RPReLU (Liu et al., ECCV 2020, ReActNet): a PReLU whose corner each channel moves to where it is of use,
 *
 *   y = x - shift + offset            where x > shift
 *   y = slope (x - shift) + offset    elsewhere
 *
 * with all three learned.  It is made for the real-valued streams of residual networks. */
#include <string.h>

#include "core/memory.h"
#include "nn/activation.h"

#define RPRELU_PARAMS(X)                                                                                               \
    X(slope, REAL, "slope", "0.25", "", -10, 10, "first slope left of the corner", "He et al. 2015")

struct rprelu_settings {
    SPS_PARAMS_STRUCT(RPRELU_PARAMS)
};
#define SPS_PARAMS_OWNER struct rprelu_settings
static const struct sps_param rprelu_params[] = {SPS_PARAMS_TABLE(RPRELU_PARAMS)};
#undef SPS_PARAMS_OWNER

enum { SHIFT, OFFSET, SLOPE, LEARNED };

struct rprelu {
    struct sps_layer base;
    struct rprelu_settings set;
    struct sps_weight *weight[LEARNED];
    float *parts; /* [B][LEARNED][C] gradients of each image */
};

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    static const char *const names[LEARNED] = {"shift", "offset", "slope"};
    struct rprelu *r = (struct rprelu *)layer;
    SPS_TRY(sps_activation_setup(layer, SPS_REALS));
    size_t c = (size_t)layer->in.c;
    for (int i = 0; i < LEARNED; i++)
        SPS_TRY(sps_graph_add_weight(graph, &r->weight[i], layer->index, names[i], 1, &c, 0, 0));
    for (size_t i = 0; i < c; i++)
        r->weight[SLOPE]->value[i] = (float)r->set.slope;
    return sps_calloc(&r->parts, (size_t)graph->batch * LEARNED, c * sizeof(float), "gradients of rprelu");
}

static void forward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image)
{
    (void)pass;
    const struct rprelu *r = (const struct rprelu *)layer;
    const float *shift = r->weight[SHIFT]->value, *offset = r->weight[OFFSET]->value, *slope = r->weight[SLOPE]->value;
    size_t size = sps_shape_size(&layer->in), channels = (size_t)layer->in.c;
    const float *x = sps_layer_input(graph, layer, image);
    float *y = (float *)layer->y + (size_t)image * size;
    for (size_t at = 0; at < size; at += channels)
        for (size_t c = 0; c < channels; c++) {
            float from = x[at + c] - shift[c];
            y[at + c] = (from > 0 ? from : slope[c] * from) + offset[c];
        }
}

static void backward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image,
                           float *dy)
{
    (void)pass;
    struct rprelu *r = (struct rprelu *)layer;
    const float *shift = r->weight[SHIFT]->value, *slope = r->weight[SLOPE]->value;
    size_t size = sps_shape_size(&layer->in), channels = (size_t)layer->in.c;
    const float *x = sps_layer_input(graph, layer, image);
    float *part = r->parts + (size_t)image * LEARNED * channels;
    memset(part, 0, LEARNED * channels * sizeof *part);
    for (size_t at = 0; at < size; at += channels)
        for (size_t c = 0; c < channels; c++) {
            float from = x[at + c] - shift[c], up = dy[at + c], down = from > 0 ? up : slope[c] * up;
            part[SHIFT * channels + c] -= down;
            part[OFFSET * channels + c] += up;
            part[SLOPE * channels + c] += from > 0 ? 0.0f : up * from;
            dy[at + c] = down;
        }
}

/* Image by image, whoever counted: the sum does not depend on threads. */
static void backward_end(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy)
{
    (void)graph, (void)dy;
    struct rprelu *r = (struct rprelu *)layer;
    size_t channels = (size_t)layer->in.c;
    for (size_t w = 0; w < LEARNED; w++)
        for (size_t c = 0; c < channels; c++) {
            double total = 0;
            for (size_t i = 0; i < (size_t)pass->n; i++)
                total += r->parts[(i * LEARNED + w) * channels + c];
            r->weight[w]->grad[c] = (float)total;
        }
}

static void release(struct sps_layer *layer)
{
    sps_free(((struct rprelu *)layer)->parts);
}

void sps_rprelu_table(const float *rows[3], const struct sps_layer *layer)
{
    for (int i = 0; i < LEARNED; i++)
        rows[i] = ((const struct rprelu *)layer)->weight[i]->value;
}

const struct sps_layer_type sps_layer_rprelu = {
    .name = "rprelu",
    .summary = "PReLU with learned slope, corner and offset of each channel",
    .source = "Liu et al., ECCV 2020",
    .params = rprelu_params,
    .size = sizeof(struct rprelu),
    .settings_offset = offsetof(struct rprelu, set),
    .setup = setup,
    .forward_image = forward_image,
    .backward_image = backward_image,
    .backward_end = backward_end,
    .release = release,
};
