/* SPDX-License-Identifier: MIT */
/* Fully connected layer, binary or float; reads its input as one long vector (h, w, c order).  The backward products
 * are oneDNN's: their operands are dense. */
#include <string.h>

#include "core/memory.h"
#include "nn/drawn.h"
#include "nn/onednn.h"

#define DENSE_PARAMS(X)                                                                                                \
    X(out, REAL_OR_WORD, "out", "1", "classes", 1, 65536, "output neurons, or `classes` for one a class", "")          \
    X(binary, BOOL, "binary", "false", "", 0, 1, "weights are -1 or +1", "")                                           \
    SPS_DRAWN_PARAMS(X)

extern const struct sps_layer_type sps_layer_dense;

struct dense_settings {
    SPS_PARAMS_STRUCT(DENSE_PARAMS)
};
#define SPS_PARAMS_OWNER struct dense_settings
static const struct sps_param dense_params[] = {SPS_PARAMS_TABLE(DENSE_PARAMS)};
#undef SPS_PARAMS_OWNER

struct dense {
    struct sps_layer base;
    struct dense_settings set;
    struct sps_weight *weight; /* [out][in] */
    struct sps_weight *now;    /* the same, as this pass draws it */
    float *x;                  /* [B][in] where the input is not reals */
    uint8_t *shifted;          /* [B][4 quads] codes plus 128, or levels, as the kernel wants them */
};

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    struct dense *d = (struct dense *)layer;
    struct sps_shape in = layer->in;
    int out = d->set.out.word == 0 ? graph->classes : (int)d->set.out.value;
    if ((double)out != d->set.out.value && d->set.out.word != 0)
        SPS_FAIL(EINVAL, "out %g must be a whole number", d->set.out.value);
    if (sps_is_sums(in.kind))
        SPS_FAIL(EINVAL, "input is sums; a batchnorm layer must come between");
    if (!d->set.binary && in.kind == SPS_LEVELS)
        SPS_FAIL(EINVAL, "input is levels; only binary layers read them");
    if (d->set.binary && in.kind == SPS_REALS)
        SPS_FAIL(EINVAL, "input is reals; a sign layer must come before a binary layer");
    layer->out = (struct sps_shape){1, 1, out, d->set.binary ? SPS_SUMS : SPS_REALS};
    size_t shape[2] = {(size_t)out, sps_shape_size(&in)}, batch = (size_t)graph->batch;
    layer->macs = shape[0] * shape[1];
    SPS_TRY(sps_graph_add_drawn(graph, &d->weight, layer, 2, shape, d->set.binary, d->set.drop, d->set.sigma));
    if (graph->training && d->set.binary)
        SPS_TRY(sps_weight_keep_signs(d->weight));
    if (in.kind != SPS_REALS && (graph->training || !d->set.binary))
        SPS_TRY(sps_calloc(&d->x, batch * shape[1], sizeof(float), "float input"));
    if (d->weight->wants_quads && d->set.binary)
        SPS_TRY(sps_calloc(&d->shifted, batch, (shape[1] + 3) / 4 * 4, "shifted codes"));
    return SPS_OK;
}

static const float *float_input(const struct sps_graph *graph, struct dense *d, int n)
{
    struct sps_layer *layer = &d->base;
    if (layer->in.kind == SPS_REALS)
        return layer->input->y;
    size_t size = d->weight->row;
    float step = d->set.binary || layer->input != NULL ? 1.0f : graph->code_step; /* dropped bits are -1, 0, 1 */
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < n; i++) {
        const void *x = sps_layer_input(graph, layer, i);
        float *out = d->x + (size_t)i * size;
        if (layer->in.kind == SPS_BITS)
            graph->kern->unpack(out, x, size);
        else
            for (size_t j = 0; j < size; j++)
                out[j] = layer->in.kind == SPS_LEVELS ? ((const uint8_t *)x)[j] : step * ((const int8_t *)x)[j];
    }
    return d->x;
}

static void binary_forward(struct sps_graph *graph, struct dense *d, int n)
{
    struct sps_layer *layer = &d->base;
    const struct sps_weight *w = d->now;
    size_t in = w->row, out = w->rows, words = sps_words(in), quads = (in + 3) / 4;
    int block = (n + graph->threads - 1) / graph->threads; /* one block of images a thread: weights are read once */
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int first = 0; first < n; first += block) {
        size_t rows = (size_t)(first + block < n ? block : n - first);
        int32_t *y = (int32_t *)layer->y + (size_t)first * out;
        if (!w->wants_quads) {
            graph->kern->bgemm(y, out, sps_layer_input(graph, layer, first), words, w->panels, rows, out, words,
                               (int32_t)in);
            continue;
        }
        uint8_t *shifted = d->shifted + (size_t)first * 4 * quads;
        for (size_t i = 0; i < rows; i++) {
            const void *x = sps_layer_input(graph, layer, first + (int)i);
            uint8_t *to = shifted + i * 4 * quads, flip = layer->in.kind == SPS_LEVELS ? 0 : 0x80; /* adds 128 */
            if (layer->in.kind == SPS_BITS)
                for (size_t j = 0; j < in; j++)
                    to[j] = (uint8_t)(127 + 2 * (((const uint32_t *)x)[j / 32] >> j % 32 & 1));
            else
                for (size_t j = 0; j < in; j++)
                    to[j] = ((const uint8_t *)x)[j] ^ flip;
        }
        graph->kern->qgemm(y, out, shifted, 4 * quads, w->quads, w->weight_sums, rows, out, quads);
        if (layer->in.kind == SPS_LEVELS)
            sps_qgemm_unsigned(y, out, w->weight_sums, rows, out);
    }
}

static void forward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass)
{
    struct dense *d = (struct dense *)layer;
    const struct sps_weight *w = d->now = sps_weight_draw(graph, d->weight, layer, pass);
    if (d->set.binary)
        binary_forward(graph, d, pass->n);
    else
        sps_gemm(0, 1, (size_t)pass->n, w->rows, w->row, float_input(graph, d, pass->n), w->value, 0, layer->y);
}

static void backward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy,
                     float *dx)
{
    struct dense *d = (struct dense *)layer;
    const struct sps_weight *w = d->now;
    size_t n = (size_t)pass->n;
    sps_gemm(1, 0, w->rows, w->row, n, dy, float_input(graph, d, pass->n), 0, w->grad);
    if (dx != NULL)
        sps_gemm(0, 0, n, w->row, w->rows, dy, d->set.binary ? w->sign : w->value, 0, dx);
    sps_weight_drawn_backward(graph, d->weight, w);
}

static void release(struct sps_layer *layer)
{
    struct dense *d = (struct dense *)layer;
    sps_free(d->x);
    sps_free(d->shifted);
}

int sps_dense_product(struct sps_product *out, const struct sps_layer *layer)
{
    const struct dense *d = (const struct dense *)layer;
    if (layer->type != &sps_layer_dense)
        return 0;
    *out = (struct sps_product){.binary = d->set.binary, .pool = 1, .weight = d->weight};
    return 1;
}

const struct sps_layer_type sps_layer_dense = {
    .name = "dense",
    .summary = "fully connected layer, binary (XNOR and bit count) or float",
    .source = "Scale-Dropout paper eq. 2",
    .params = dense_params,
    .size = sizeof(struct dense),
    .settings_offset = offsetof(struct dense, set),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .release = release,
};
