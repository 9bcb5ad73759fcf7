/* SPDX-License-Identifier: MIT */
/* Max or average pooling of reals.  (Binary convolutions pool their integer sums themselves.)
 * Plain loops instead of oneDNN's pooling: next to a convolution the time does not show, and the workspace format of
 * oneDNN's backward pass would need more code than the loops. */
#include <string.h>

#include "core/memory.h"
#include "nn/nn.h"

#define POOL_PARAMS(X)                                                                                                 \
    X(kernel, INT, "kernel", "2", "", 1, 4096, "height and width of the window, in pixels; also its step", "")         \
    X(mode, CHOICE, "mode", "max", "max|average", 0, 1, "what is kept of a window", "")

struct pool_settings {
    SPS_PARAMS_STRUCT(POOL_PARAMS)
};
#define SPS_PARAMS_OWNER struct pool_settings
static const struct sps_param pool_params[] = {SPS_PARAMS_TABLE(POOL_PARAMS)};
#undef SPS_PARAMS_OWNER

enum { MAX, AVERAGE };

struct pool {
    struct sps_layer base;
    struct pool_settings set;
    uint32_t *from; /* [B][out] max: which input of the image won */
};

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    struct pool *p = (struct pool *)layer;
    int k = (int)p->set.kernel;
    if (layer->in.kind != SPS_REALS)
        SPS_FAIL(EINVAL, "input is %s, must be reals", sps_kind_name(layer->in.kind));
    if (layer->in.h < k || layer->in.w < k)
        SPS_FAIL(EINVAL, "window %d does not fit an input of %d x %d", k, layer->in.h, layer->in.w);
    layer->out = (struct sps_shape){layer->in.h / k, layer->in.w / k, layer->in.c, SPS_REALS};
    return sps_calloc(&p->from, (size_t)graph->batch * sps_shape_size(&layer->out), sizeof *p->from,
                      "pooling positions");
}

static void forward_image(const struct pool *p, float *y, uint32_t *from, const float *x)
{
    const struct sps_shape *in = &p->base.in, *out = &p->base.out;
    int k = (int)p->set.kernel;
    for (int i = 0; i < out->h; i++)
        for (int j = 0; j < out->w; j++)
            for (int c = 0; c < out->c; c++, y++, from++) {
                float sum = 0;
                for (int a = 0; a < k * k; a++) {
                    uint32_t at = (uint32_t)(((i * k + a / k) * in->w + j * k + a % k) * in->c + c);
                    sum += x[at];
                    *from = a == 0 || x[at] > x[*from] ? at : *from;
                }
                *y = p->set.mode == MAX ? x[*from] : sum / (float)(k * k);
            }
}

static void forward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass)
{
    struct pool *p = (struct pool *)layer;
    size_t size = sps_shape_size(&layer->out);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++)
        forward_image(p, (float *)layer->y + (size_t)i * size, p->from + (size_t)i * size,
                      sps_layer_input(graph, layer, i));
}

static void backward_image(const struct pool *p, float *dx, const float *dy, const uint32_t *from)
{
    const struct sps_shape *in = &p->base.in, *out = &p->base.out;
    int k = (int)p->set.kernel;
    memset(dx, 0, sps_shape_size(in) * sizeof *dx);
    for (int i = 0; i < out->h; i++)
        for (int j = 0; j < out->w; j++)
            for (int c = 0; c < out->c; c++, dy++, from++) {
                if (p->set.mode == MAX)
                    dx[*from] += *dy;
                else
                    for (int a = 0; a < k * k; a++)
                        dx[((i * k + a / k) * in->w + j * k + a % k) * in->c + c] += *dy / (float)(k * k);
            }
}

static void backward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy,
                     float *dx)
{
    struct pool *p = (struct pool *)layer;
    size_t in = sps_shape_size(&layer->in), out = sps_shape_size(&layer->out);
    if (dx == NULL)
        return;
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++)
        backward_image(p, dx + (size_t)i * in, dy + (size_t)i * out, p->from + (size_t)i * out);
}

static void release(struct sps_layer *layer)
{
    sps_free(((struct pool *)layer)->from);
}

int sps_pool_window(const struct sps_layer *layer, int *average)
{
    const struct pool *p = (const struct pool *)layer;
    *average = p->set.mode == AVERAGE;
    return (int)p->set.kernel;
}

const struct sps_layer_type sps_layer_pool = {
    .name = "pool",
    .summary = "max or average pooling of reals",
    .source = "LeCun et al., Proc. IEEE 1998",
    .params = pool_params,
    .size = sizeof(struct pool),
    .settings_offset = offsetof(struct pool, set),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .release = release,
};
