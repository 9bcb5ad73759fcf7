/* SPDX-License-Identifier: MIT */
/* Trained tensors and their binary images: bits for the kernels' forward, +-1 floats for the backward pass. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "nn/drawn.h"

static size_t words_of(const struct sps_weight *w)
{
    return sps_words(w->row);
}

sps_status sps_weight_create(struct sps_weight **out, const char *name, int dims, const size_t *shape, int binary,
                             int wants_quads)
{
    struct sps_weight *w = NULL;
    sps_status status = SPS_OK;
    SPS_TRY(sps_calloc(&w, 1, sizeof *w, name));
    snprintf(w->name, sizeof w->name, "%s", name);
    w->dims = dims;
    size_t count = 1;
    for (int i = 0; i < dims; i++) {
        w->shape[i] = shape[i];
        count *= shape[i];
    }
    w->rows = dims > 1 ? shape[0] : 1;
    w->row = count / w->rows;
    w->binary = binary;
    w->decay = binary || dims > 1;
    w->wants_quads = wants_quads;
    SPS_TRY_OUT(sps_calloc(&w->value, count, sizeof(float), name));
    if (binary) {
        SPS_TRY_OUT(sps_calloc(&w->bits, w->rows * words_of(w), sizeof(uint32_t), name));
        size_t lanes = sps_panels(w->rows) * SPS_PANEL;
        if (wants_quads) {
            SPS_TRY_OUT(sps_calloc(&w->quads, lanes * ((w->row + 3) / 4), 4, name));
            SPS_TRY_OUT(sps_calloc(&w->weight_sums, w->rows, sizeof(int32_t), name));
        } else {
            SPS_TRY_OUT(sps_calloc(&w->panels, lanes * words_of(w), sizeof(uint32_t), name));
        }
    }
    *out = w;
    return SPS_OK;
out:
    sps_weight_free(w);
    return status;
}

sps_status sps_weight_keep_signs(struct sps_weight *w)
{
    return w->sign != NULL ? SPS_OK : sps_calloc(&w->sign, w->rows * w->row, sizeof(float), w->name);
}

void sps_weight_free(struct sps_weight *w)
{
    if (w == NULL)
        return;
    sps_free(w->value);
    sps_free(w->state[0]);
    sps_free(w->state[1]);
    sps_free(w->bits);
    sps_free(w->panels);
    sps_free(w->quads);
    sps_free(w->weight_sums);
    sps_free(w->sign);
    if (w->drawn != NULL)
        w->drawn->grad = NULL; /* which is this one's */
    sps_weight_free(w->drawn);
    sps_free(w->noise);
    sps_free(w->divergence);
    sps_free(w);
}

/* What the product's kernel reads, from bits. */
static void lay_out(struct sps_weight *w)
{
    if (w->wants_quads)
        sps_bits_to_quads(w->quads, w->weight_sums, w->bits, w->rows, words_of(w), w->row);
    else
        sps_bits_to_panels(w->panels, w->bits, w->rows, words_of(w));
}

void sps_weight_unpack(struct sps_weight *w, const struct sps_kern *kern)
{
    for (size_t o = 0; o < w->rows && w->sign != NULL; o++)
        kern->unpack(w->sign + o * w->row, w->bits + o * words_of(w), w->row);
    lay_out(w);
}

sps_status sps_weight_binarise(struct sps_weight *w, const struct sps_kern *kern, const struct sps_binariser *binariser)
{
    float *v = NULL;
    SPS_TRY(sps_calloc(&v, w->row, sizeof(float), "a row of weights"));
    for (size_t o = 0; o < w->rows; o++) {
        binariser->standardise(v, w->value + o * w->row, w->row);
        kern->pack(w->bits + o * words_of(w), v, w->row);
    }
    sps_weight_unpack(w, kern);
    sps_free(v);
    return SPS_OK;
}

void sps_weight_through_sign(struct sps_graph *graph, struct sps_weight *w, size_t o, const float *value,
                             const struct sps_optimiser *optimiser, const struct sps_step *step, float t, float k)
{
    const struct sps_binariser *binariser = graph->binariser;
    float *v = sps_graph_scratch(graph);
    const struct sps_surrogate at = {.kern = graph->kern,
                                     .t = t,
                                     .k = k,
                                     .learned = w->learned ? w->learned->value[o] : 0,
                                     .share = (float)step->share,
                                     .factor = binariser->standardise(v, value, w->row),
                                     .square = optimiser->squares > 0 && w->state[optimiser->squares] != NULL
                                                   ? w->state[optimiser->squares] + o * w->row
                                                   : NULL};
    float by_learned = binariser->backward(w->grad + o * w->row, v, w->row, &at);
    if (w->learned != NULL)
        w->learned->grad[o] = by_learned;
}

/* One row: gradient through the binariser, optimiser, new signs. */
static void update_row(struct sps_graph *graph, struct sps_weight *w, size_t o, const struct sps_optimiser *optimiser,
                       const struct sps_step *step, float t, float k)
{
    const struct sps_binariser *binariser = graph->binariser;
    float *value = w->value + o * w->row, *grad = w->grad + o * w->row;
    float *state[2] = {w->state[0] ? w->state[0] + o * w->row : NULL, w->state[1] ? w->state[1] + o * w->row : NULL};
    float *v = sps_graph_scratch(graph);
    if (w->binary && w->rho == NULL) /* of a posterior they are through already: sps_graph_posterior() */
        sps_weight_through_sign(graph, w, o, value, optimiser, step, t, k);
    optimiser->update(value, grad, state, w->row, step, w->decay);
    for (size_t i = 0; i < w->row && w->high > w->low; i++)
        value[i] = fminf(fmaxf(value[i], w->low), w->high);
    if (!w->binary)
        return;
    binariser->standardise(v, value, w->row);
    graph->kern->pack(w->bits + o * words_of(w), v, w->row);
    if (w->sign != NULL)
        graph->kern->unpack(w->sign + o * w->row, w->bits + o * words_of(w), w->row);
}

/* A weight's learned numbers come behind it in the list, so their gradients are there when it is their turn. */
void sps_graph_update(struct sps_graph *graph, const struct sps_optimiser *optimiser, const struct sps_step *step,
                      float t, float k)
{
    for (int i = 0; i < graph->weight_count; i++) {
        struct sps_weight *w = graph->weights[i];
#pragma omp parallel for schedule(static) num_threads(graph->threads) if (w->rows * w->row > 16384)
        for (size_t o = 0; o < w->rows; o++)
            update_row(graph, w, o, optimiser, step, t, k);
        if (w->binary)
            lay_out(w);
    }
}
