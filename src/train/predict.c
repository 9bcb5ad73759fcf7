/* SPDX-License-Identifier: MIT */
#include "train/predict.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/softmax.h"
#include "engine/flips.h"

void sps_graph_load(struct sps_graph *graph, const struct sps_code_table *table, const uint8_t *const *images, int n)
{
    size_t size = sps_shape_size(&graph->input);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < n; i++)
        sps_encode(graph->codes + (size_t)i * size, table, images[i], graph->input.h * graph->input.w);
}

void sps_graph_banks(struct sps_path_bank *banks, const struct sps_graph *graph)
{
    for (int i = 0; i < graph->scale_count; i++) {
        const struct sps_scale *scale = graph->scales[i];
        banks[i] = (struct sps_path_bank){scale->probability, scale->entries, scale->per_channel ? scale->channels : 1,
                                          (uint32_t)scale->layer};
    }
}

static int all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return 0;
    return 1;
}

sps_status sps_graph_check(const struct sps_graph *graph, int n)
{
    for (int i = 0; i < graph->layer_count; i++) {
        const struct sps_layer *layer = graph->layers[i];
        if (layer->out.kind == SPS_REALS && !layer->passing &&
            !all_finite(layer->y, (size_t)n * sps_shape_size(&layer->out)))
            SPS_FAIL(EDIVERGED, "output of layer %d (%s) is not finite", i, layer->type->name);
    }
    return SPS_OK;
}

sps_status sps_graph_predict(struct sps_graph *graph, const struct sps_draws *draws, size_t passes, int n,
                             const uint32_t *index, float *p, float *logits, uint8_t *picks, size_t stride, size_t at)
{
    size_t classes = (size_t)graph->classes, row = (size_t)graph->picks;
    double temperature = draws->temperature > 0 ? draws->temperature : 1;
    struct sps_path_bank *banks = NULL;
    uint8_t *drawn = NULL;
    uint32_t *as_image_0 = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&banks, (size_t)graph->scale_count, sizeof *banks, "banks"));
    SPS_TRY_OUT(sps_calloc(&drawn, (size_t)n, row, "picks"));
    SPS_TRY_OUT(sps_calloc(&as_image_0, (size_t)n, sizeof *as_image_0, "paths"));
    if (draws->shared)
        index = as_image_0;
    sps_graph_banks(banks, graph);
    for (size_t t = 0; t < passes; t++) {
        for (int i = 0; i < n && draws->source == SPS_FROM_BANK; i++)
            if (draws->exact)
                sps_path_at(drawn + (size_t)i * row, banks, graph->scale_count, t);
            else
                sps_path_draw(drawn + (size_t)i * row, banks, graph->scale_count, draws->seed, index[i], (uint32_t)t);
        const struct sps_pass pass = {.mode = SPS_PASS_EVALUATE,
                                      .source = draws->source,
                                      .n = n,
                                      .seed = draws->seed,
                                      .epoch =
                                          ~(uint32_t)t, /* of methods and layers: streams that no training epoch uses */
                                      .index = index,
                                      .picks = drawn,
                                      .start = t == 0 ? 0 : sps_graph_first_random(graph, draws->source)};
        sps_graph_forward(graph, &pass);
        const float *x = sps_graph_logits(graph);
        if (!all_finite(x, (size_t)n * classes))
            SPS_TRY_OUT(sps_graph_check(graph, n));
        size_t to = t * stride + at;
        for (int i = 0; i < n; i++)
            sps_softmax(p + (to + (size_t)i) * classes, x + (size_t)i * classes, graph->classes, temperature);
        if (logits != NULL)
            memcpy(logits + to * classes, x, (size_t)n * classes * sizeof *x);
        if (picks != NULL)
            memcpy(picks + to * row, drawn, (size_t)n * row);
    }
out:
    sps_free(banks);
    sps_free(drawn);
    sps_free(as_image_0);
    return status;
}

/* The layer of bits that shows the choice of a scale's entry first, NULL if none does. */
static struct sps_layer *bits_behind(const struct sps_graph *graph, int at)
{
    struct sps_product product;
    for (int i = at + 1; i < graph->layer_count; i++) {
        struct sps_layer *layer = graph->layers[i];
        if (layer->out.kind == SPS_BITS)
            return layer;
        if (sps_layer_product(&product, layer))
            return NULL;
    }
    return NULL;
}

/* The layers from a scale to its bits are run with each entry in turn; what comes before them stays as it is.
 * ones: [n][bits] */
static double scale_flips(struct sps_graph *graph, const struct sps_scale *scale, const struct sps_layer *sign,
                          const struct sps_pass *pass, uint8_t *picks, uint8_t *ones)
{
    size_t size = sps_shape_size(&sign->out), n = (size_t)pass->n, row = (size_t)graph->picks;
    double total = 0;
    memset(ones, 0, n * size);
    for (int k = 0; k < scale->entries; k++) {
        for (size_t i = 0; i < n; i++)
            memset(picks + i * row + scale->pick_at, k, scale->per_channel ? (size_t)scale->channels : 1);
        for (int at = scale->layer; at <= sign->index; at++)
            sps_layer_forward(graph, graph->layers[at], pass);
        for (size_t i = 0; i < n; i++) {
            const uint32_t *bits = (const uint32_t *)(const void *)((const char *)sign->y + i * sign->y_stride);
            for (size_t j = 0; j < size; j++)
                ones[i * size + j] = (uint8_t)(ones[i * size + j] + (bits[j / 32] >> j % 32 & 1));
        }
    }
    for (size_t i = 0; i < n * size; i++)
        total += sps_disagreeing_pairs(ones[i], scale->entries);
    return total / (double)(n * size);
}

static size_t most_bits(const struct sps_graph *graph)
{
    size_t most = 0;
    for (int i = 0; i < graph->scale_count; i++) {
        const struct sps_layer *sign = bits_behind(graph, graph->scales[i]->layer);
        size_t size = sign != NULL ? sps_shape_size(&sign->out) : 0;
        most = size > most ? size : most;
    }
    return most;
}

sps_status sps_graph_flips(struct sps_graph *graph, uint64_t seed, int n, const uint32_t *index, double *share)
{
    struct sps_path_bank *banks = NULL;
    uint8_t *picks = NULL, *ones = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&banks, (size_t)graph->scale_count, sizeof *banks, "banks"));
    SPS_TRY_OUT(sps_calloc(&picks, (size_t)n, (size_t)graph->picks, "picks"));
    SPS_TRY_OUT(sps_calloc(&ones, (size_t)n, most_bits(graph), "flips"));
    sps_graph_banks(banks, graph);
    for (int i = 0; i < n; i++)
        sps_path_draw(picks + (size_t)i * (size_t)graph->picks, banks, graph->scale_count, seed, index[i], 0);
    const struct sps_pass pass = {
        .mode = SPS_PASS_EVALUATE, .source = SPS_FROM_BANK, .n = n, .seed = seed, .index = index, .picks = picks};
    sps_graph_forward(graph, &pass);
    for (int i = graph->scale_count - 1; i >= 0; i--) {
        const struct sps_scale *scale = graph->scales[i];
        const struct sps_layer *sign = bits_behind(graph, scale->layer);
        share[i] = sign != NULL && scale->entries > 1 ? scale_flips(graph, scale, sign, &pass, picks, ones) : NAN;
    }
out:
    sps_free(banks);
    sps_free(picks);
    sps_free(ones);
    return status;
}
