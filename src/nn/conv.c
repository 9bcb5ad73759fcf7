/* SPDX-License-Identifier: MIT */
/* Convolution: binary (bits or codes in, exact sums out, max-pooled where asked) or float (oneDNN). */
#include <string.h>

#include "core/memory.h"
#include "nn/backward.h"
#include "nn/binary_conv.h"
#include "nn/drawn.h"
#include "nn/onednn.h"

#define CONV_PARAMS(X)                                                                                                 \
    X(out, INT, "out", "1", "", 1, 65536, "output channels", "")                                                       \
    X(kernel, INT, "kernel", "3", "", 1, 31, "height and width of the kernel, in pixels", "")                          \
    X(stride, INT, "stride", "1", "", 1, 31, "step of the kernel, in pixels", "")                                      \
    X(pad, INT, "pad", "0", "", 0, 30, "zeros around the image, in pixels", "")                                        \
    X(pool, INT, "pool", "1", "", 1, 15, "binary: max-pooling window over the sums, in pixels; 1 is none",             \
      "docs/architecture.md")                                                                                          \
    X(pool_ceil, BOOL, "pool_ceil", "false", "", 0, 1,                                                                 \
      "rows and columns that fill no window are pooled by themselves, not left out", "")                               \
    X(binary, BOOL, "binary", "false", "", 0, 1, "weights are -1 or +1", "")                                           \
    SPS_DRAWN_PARAMS(X)

extern const struct sps_layer_type sps_layer_conv;

struct conv_settings {
    SPS_PARAMS_STRUCT(CONV_PARAMS)
};
#define SPS_PARAMS_OWNER struct conv_settings
static const struct sps_param conv_params[] = {SPS_PARAMS_TABLE(CONV_PARAMS)};
#undef SPS_PARAMS_OWNER

struct conv {
    struct sps_layer base;
    struct conv_settings set;
    struct sps_weight *weight;
    struct sps_weight *now; /* the same, as this pass draws it */
    struct sps_binary_conv binary;
    uint8_t *argmax;          /* [B][oh][ow][o] of a pooled training graph */
    struct sps_backward back; /* binary, where the gradient is taken as dense: without pooling, or in bfloat16 */
    sps_conv_op *op;          /* float */
    float *x;                 /* float: [B][h][w][c] where the input is not reals */
    int8_t *codes;            /* binary: [B][h][w][c] where the input is bits and the product reads codes */
};

/* In training each thread's scratch starts with its partial weight gradients [o][ld]. */
static size_t partial_bytes(const struct conv *v)
{
    return (v->weight->rows * sps_binary_conv_ld(&v->binary) * sizeof(float) + SPS_ALIGN - 1) / SPS_ALIGN * SPS_ALIGN;
}

static float *partial_of(const struct sps_graph *graph, int thread)
{
    return (float *)(void *)(graph->scratch + (size_t)thread * graph->scratch_stride);
}

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    struct conv *v = (struct conv *)layer;
    const struct conv_settings *set = &v->set;
    struct sps_shape in = layer->in;
    int k = (int)set->kernel, stride = (int)set->stride, pad = (int)set->pad, pool = (int)set->pool;
    if (sps_is_sums(in.kind))
        SPS_FAIL(EINVAL, "input is sums; a batchnorm layer must come between");
    if (!set->binary && in.kind == SPS_LEVELS)
        SPS_FAIL(EINVAL, "input is levels; only binary convolutions read them");
    if (set->binary && in.kind == SPS_REALS)
        SPS_FAIL(EINVAL, "input is reals; a sign layer must come before a binary convolution");
    if (!set->binary && pool > 1)
        SPS_FAIL(EINVAL, "pool %d acts on the sums of a binary convolution; use a pool layer after a float one", pool);
    if (set->pool_ceil && pool == 1)
        SPS_FAIL(EINVAL, "pool_ceil is true, but pool is 1: there are no windows");
    if (pad >= k)
        SPS_FAIL(EINVAL, "pad %d must be smaller than kernel %d", pad, k);
    int ch = (in.h + 2 * pad - k) / stride + 1, cw = (in.w + 2 * pad - k) / stride + 1;
    if (in.h + 2 * pad < k || in.w + 2 * pad < k || ch < pool || cw < pool)
        SPS_FAIL(EINVAL, "kernel %d with pad %d and pool %d does not fit an input of %d x %d", k, pad, pool, in.h,
                 in.w);
    int oh = (int)sps_pooled((size_t)ch, (size_t)pool, set->pool_ceil),
        ow = (int)sps_pooled((size_t)cw, (size_t)pool, set->pool_ceil);
    int narrow = in.kind == SPS_BITS && k * k * in.c <= INT16_MAX;
    layer->out = (struct sps_shape){oh, ow, (int)set->out, !set->binary ? SPS_REALS : narrow ? SPS_SUMS16 : SPS_SUMS};
    SPS_TRY(sps_shape_check(&layer->out));
    size_t shape[4] = {(size_t)set->out, (size_t)k, (size_t)k, (size_t)in.c};
    layer->macs = (size_t)ch * (size_t)cw * (size_t)set->out * shape[1] * shape[2] * shape[3];
    SPS_TRY(sps_graph_add_drawn(graph, &v->weight, layer, 4, shape, set->binary, set->drop, set->sigma));
    size_t batch = (size_t)graph->batch;
    if (!set->binary) {
        struct sps_conv_shape s = {graph->batch, in.h, in.w, in.c, ch, cw, (int)set->out, k, stride, pad};
        if (in.kind != SPS_REALS)
            SPS_TRY(sps_calloc(&v->x, batch * sps_shape_size(&in), sizeof(float), "float input"));
        return sps_conv_op_create(&v->op, graph->onednn, &s,
                                  SPS_CONV_FORWARD | (graph->training ? SPS_CONV_BACKWARD : 0), SPS_FLOAT32);
    }
    v->binary = (struct sps_binary_conv){.window = {in.h, in.w, in.c, ch, cw, k, stride, pad},
                                         .oh = oh,
                                         .ow = ow,
                                         .o = (int)set->out,
                                         .pool = pool,
                                         .narrow = narrow,
                                         .codes = in.kind == SPS_LEVELS    ? SPS_UNSIGNED_CODES
                                                  : v->weight->wants_quads ? SPS_SIGNED_CODES
                                                                           : SPS_NO_CODES,
                                         .weight = v->weight};
    if (v->binary.codes && in.kind == SPS_BITS)
        SPS_TRY(sps_calloc(&v->codes, batch, sps_shape_size(&in), "input codes"));
    SPS_TRY(sps_binary_conv_init(&v->binary));
    /* A pooled gradient is sparse, which pays in floats; matrix units multiply the zeros too, and are faster still (but
     * not where there are few channels, as in an image). */
    int dense = graph->training && (pool == 1 || (graph->precision == SPS_BFLOAT16 && in.c >= 8));
    if (dense)
        SPS_TRY(sps_backward_init(
            &v->back, graph,
            &(struct sps_conv_shape){graph->batch, in.h, in.w, in.c, ch, cw, (int)set->out, k, stride, pad}, pool));
    if (graph->training && !(dense && graph->precision == SPS_BFLOAT16))
        SPS_TRY(sps_weight_keep_signs(v->weight));
    layer->takes_gradient = dense && graph->precision == SPS_BFLOAT16;
    layer->in_place = layer->takes_gradient; /* dy has been taken when dx is made */
    layer->scratch = sps_binary_conv_scratch(&v->binary, graph->training && !dense) +
                     (graph->training && !dense ? partial_bytes(v) : 0);
    if (graph->training && pool > 1)
        SPS_TRY(sps_calloc(&v->argmax, batch * sps_shape_size(&layer->out), 1, "pooling positions"));
    return SPS_OK;
}

static const float *float_input(const struct sps_graph *graph, struct conv *v, int n)
{
    struct sps_layer *layer = &v->base;
    if (layer->in.kind == SPS_REALS)
        return layer->input->y;
    size_t size = sps_shape_size(&layer->in);
    float step = layer->input != NULL ? 1.0f : graph->code_step; /* dropped bits are -1, 0, 1 */
    for (int i = 0; i < n; i++) {
        const void *x = sps_layer_input(graph, layer, i);
        float *out = v->x + (size_t)i * size;
        if (layer->in.kind == SPS_BITS)
            graph->kern->unpack(out, x, size);
        else
            for (size_t j = 0; j < size; j++)
                out[j] = step * ((const int8_t *)x)[j];
    }
    return v->x;
}

/* What the binary product reads of image i. */
static const void *binary_input(const struct sps_graph *graph, const struct conv *v, int i)
{
    return v->codes != NULL ? v->codes + (size_t)i * sps_shape_size(&v->base.in) : sps_layer_input(graph, &v->base, i);
}

static void write_codes(const struct sps_graph *graph, struct conv *v, int i)
{
    size_t size = sps_shape_size(&v->base.in);
    const uint32_t *bits = sps_layer_input(graph, &v->base, i);
    int8_t *codes = v->codes + (size_t)i * size;
    for (size_t j = 0; j < size; j++)
        codes[j] = bits[j / 32] >> j % 32 & 1 ? 1 : -1;
}

static void forward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass)
{
    struct conv *v = (struct conv *)layer;
    v->binary.weight = v->now = sps_weight_draw(graph, v->weight, layer, pass);
    if (!v->set.binary) {
        sps_conv_op_forward(v->op, layer->y, float_input(graph, v, pass->n), v->now->value);
        return;
    }
    sps_binary_conv_refresh(&v->binary);
    size_t size = sps_shape_size(&layer->out);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++) {
        if (v->codes != NULL)
            write_codes(graph, v, i);
        sps_binary_conv_forward(&v->binary, graph->kern, (char *)layer->y + (size_t)i * layer->y_stride,
                                v->argmax ? v->argmax + (size_t)i * size : NULL, binary_input(graph, v, i),
                                sps_graph_scratch(graph));
    }
}

/* weight->grad[o][k] = sum of the threads' partial gradients. */
static void reduce(struct sps_graph *graph, struct conv *v)
{
    size_t ld = sps_binary_conv_ld(&v->binary), row = v->weight->row;
    for (size_t o = 0; o < v->weight->rows; o++) {
        float *out = v->weight->grad + o * row;
        memcpy(out, partial_of(graph, 0) + o * ld, row * sizeof *out);
        for (int t = 1; t < graph->threads; t++)
            for (size_t i = 0; i < row; i++)
                out[i] += partial_of(graph, t)[o * ld + i];
    }
}

static void float_backward(struct sps_graph *graph, struct conv *v, const struct sps_pass *pass, float *dy, float *dx)
{
    /* oneDNN's primitives are made for a whole batch: images past this one have no gradient. */
    size_t out = sps_shape_size(&v->base.out);
    memset(dy + (size_t)pass->n * out, 0, (size_t)(graph->batch - pass->n) * out * sizeof *dy);
    sps_conv_op_backward_weights(v->op, v->weight->grad, dy, float_input(graph, v, pass->n));
    if (dx != NULL)
        sps_conv_op_backward_data(v->op, dx, dy, v->now->value);
}

static void sparse_backward(struct sps_graph *graph, struct conv *v, const struct sps_pass *pass, const float *dy,
                            float *dx)
{
    struct sps_layer *layer = &v->base;
    size_t partial = partial_bytes(v), in = sps_shape_size(&layer->in), out = sps_shape_size(&layer->out);
    for (int t = 0; t < graph->threads; t++)
        memset(partial_of(graph, t), 0, partial);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++) {
        char *scratch = sps_graph_scratch(graph);
        sps_binary_conv_backward(&v->binary, graph->kern, (float *)(void *)scratch, dx ? dx + (size_t)i * in : NULL,
                                 dy + (size_t)i * out, v->argmax ? v->argmax + (size_t)i * out : NULL,
                                 binary_input(graph, v, i), scratch + partial);
    }
    reduce(graph, v);
}

static void take_gradient(struct sps_graph *graph, struct sps_layer *layer, int image, const float *dy)
{
    struct conv *v = (struct conv *)layer;
    const uint8_t *argmax = v->argmax ? v->argmax + (size_t)image * sps_shape_size(&layer->out) : NULL;
    sps_backward_take(&v->back, graph, layer, image, dy, argmax);
}

static void take_gradients(struct sps_graph *graph, struct sps_layer *layer, int n, const float *dy)
{
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < n; i++)
        take_gradient(graph, layer, i, dy + (size_t)i * sps_shape_size(&layer->out));
}

static void backward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy,
                     float *dx)
{
    struct conv *v = (struct conv *)layer;
    if (layer->takes_gradient && !layer->gradient_taken)
        take_gradients(graph, layer, pass->n, dy);
    layer->gradient_taken = 0;
    if (!v->set.binary)
        float_backward(graph, v, pass, dy, dx);
    else if (v->back.op != NULL)
        sps_backward_run(&v->back, graph, layer, pass, v->now, dy, dx);
    else
        sparse_backward(graph, v, pass, dy, dx);
    sps_weight_drawn_backward(graph, v->weight, v->now);
}

static void release(struct sps_layer *layer)
{
    struct conv *v = (struct conv *)layer;
    sps_binary_conv_reset(&v->binary);
    sps_backward_reset(&v->back);
    sps_conv_op_free(v->op);
    sps_free(v->argmax);
    sps_free(v->x);
    sps_free(v->codes);
}

int sps_conv_product(struct sps_product *out, const struct sps_layer *layer)
{
    const struct conv *v = (const struct conv *)layer;
    if (layer->type != &sps_layer_conv)
        return 0;
    *out = (struct sps_product){v->set.binary,    (int)v->set.kernel, (int)v->set.stride, (int)v->set.pad,
                                (int)v->set.pool, v->set.pool_ceil,   v->weight};
    return 1;
}

const struct sps_layer_type sps_layer_conv = {
    .name = "conv",
    .summary = "convolution, binary (XNOR and bit count, pooled sums) or float",
    .source = "Scale-Dropout paper eq. 2",
    .params = conv_params,
    .size = sizeof(struct conv),
    .settings_offset = offsetof(struct conv, set),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .take_gradient = take_gradient,
    .release = release,
};
