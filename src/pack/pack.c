/* SPDX-License-Identifier: MIT */
#include "pack/pack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/fold.h"
#include "core/memory.h"

struct packer {
    struct sps_packed *m;
    struct sps_graph *graph;
};

static sps_status refuse(const struct sps_layer *layer, const char *why)
{
    SPS_FAIL(EUNSUPPORTED, "layer %d (%s) cannot be packed: %s", layer->index, layer->type->name, why);
}

static sps_status copy(void *out, struct sps_packed *m, const void *data, size_t count, size_t size)
{
    void *made = NULL;
    SPS_TRY(sps_packed_alloc(&made, m, count, size, "a packed model"));
    memcpy(made, data, count * size);
    memcpy(out, &made, sizeof made);
    return SPS_OK;
}

static sps_status copy_text(const char **out, struct sps_packed *m, const char *text)
{
    *out = NULL;
    return text != NULL ? copy(out, m, text, strlen(text) + 1, 1) : SPS_OK;
}

/* The next operation of the chain. */
static struct sps_op *next_op(struct packer *p, enum sps_op_kind kind, const struct sps_layer *layer)
{
    struct sps_op *op = &p->m->ops[p->m->op_count];
    *op = (struct sps_op){.kind = kind, .noise = -1, .from = {p->m->op_count}, .from_count = 1};
    snprintf(op->name, sizeof op->name, "layers.%d", layer->index);
    p->m->op_count++;
    return op;
}

static sps_status pack_product(struct packer *p, const struct sps_layer *layer, const struct sps_product *product)
{
    if (!product->binary)
        return refuse(layer, "its weights are float");
    const struct sps_weight *w = product->weight;
    struct sps_op *op = next_op(p, product->kernel > 0 ? SPS_OP_binary_conv : SPS_OP_binary_dense, layer);
    op->out = (int)w->rows;
    op->kernel = product->kernel;
    op->stride = product->stride;
    op->pad = product->pad;
    SPS_TRY(copy(&op->weight_bits, p->m, w->bits, w->rows * sps_words(w->row), sizeof *w->bits));
    SPS_TRY(sps_packed_check_op(p->m, p->m->op_count - 1));
    if (product->pool > 1) {
        op = next_op(p, SPS_OP_pool, layer);
        op->window = product->pool;
        op->ceil = product->pool_ceil;
        SPS_TRY(sps_packed_check_op(p->m, p->m->op_count - 1));
    }
    return SPS_OK;
}

/* Rows of a decision: bank entries, then the deterministic reading where it has scale or statistics of its own. */
struct rows {
    const struct sps_norm *norm;
    int entries, point;
};

static struct rows rows_of(const struct sps_norm *norm)
{
    int entries = norm->scale != NULL ? norm->scale->entries : 1;
    return (struct rows){norm, entries, norm->scale != NULL || norm->point_mean != NULL};
}

static struct sps_affine affine_of(const struct rows *r, int row, size_t c)
{
    const struct sps_norm *n = r->norm;
    int point = row == r->entries, own = point && n->point_mean != NULL;
    float scale = 1;
    if (n->scale != NULL)
        scale = point ? n->scale->point[c] : n->scale->bank[(size_t)row * (size_t)n->channels + c];
    return (struct sps_affine){scale,
                               n->bias != NULL ? n->bias->value[c] : 0,
                               own ? n->point_mean[c] : n->running_mean[c],
                               1.0f / sqrtf((own ? n->point_var[c] : n->running_var[c]) + n->eps),
                               n->gamma->value[c],
                               n->beta->value[c]};
}

static sps_status pack_threshold(struct packer *p, struct sps_op *op, const struct rows *r, const struct sps_value *in)
{
    size_t rows = (size_t)(r->entries + r->point), channels = (size_t)in->c, words = sps_words(channels);
    int32_t *threshold = NULL;
    uint32_t *flip = NULL;
    SPS_TRY(sps_packed_alloc(&threshold, p->m, rows * channels, sizeof *threshold, "thresholds"));
    SPS_TRY(sps_packed_alloc(&flip, p->m, rows * words, sizeof *flip, "thresholds"));
    SPS_TRY(sps_fold_table(threshold, flip, op->affine, rows, channels, (int32_t)in->low, (int32_t)in->high));
    op->threshold = threshold;
    op->flip = flip;
    return SPS_OK;
}

static sps_status pack_affine(struct packer *p, struct sps_op *op, const struct rows *r, const struct sps_value *in)
{
    size_t rows = (size_t)(r->entries + r->point), n = (size_t)in->c;
    float *table = NULL;
    SPS_TRY(sps_packed_alloc(&table, p->m, rows * SPS_AFFINE_ROWS * n, sizeof *table, "scores"));
    for (size_t k = 0; k < rows; k++)
        for (size_t c = 0; c < n; c++) {
            struct sps_affine a = affine_of(r, (int)k, c);
            const float numbers[SPS_AFFINE_ROWS] = {a.scale, a.bias, a.mean, a.inv_std, a.gamma, a.beta};
            for (size_t i = 0; i < SPS_AFFINE_ROWS; i++)
                table[(k * SPS_AFFINE_ROWS + i) * n + c] = numbers[i];
        }
    op->affine = table;
    return SPS_OK;
}

static sps_status pack_noise(struct packer *p, struct sps_op *op, const struct sps_scale *scale)
{
    struct sps_noise *noise = &p->m->noises[p->m->noise_count];
    op->noise = p->m->noise_count++;
    noise->kind = scale->per_channel ? SPS_NOISE_channel : SPS_NOISE_bank;
    noise->entries = scale->entries;
    noise->stream = scale->layer;
    return copy(&noise->probability, p->m, scale->probability, (size_t)scale->entries, sizeof *scale->probability);
}

/* hard tanh keeps the sign, so sign may follow behind it. */
static int is_sign(const struct sps_graph *graph, int *at)
{
    int i = *at;
    while (i < graph->layer_count && strcmp(graph->layers[i]->type->name, "htanh") == 0)
        i++;
    if (i == graph->layer_count || strcmp(graph->layers[i]->type->name, "sign") != 0)
        return 0;
    *at = i + 1;
    return 1;
}

/* A batchnorm layer and the sign behind it, or the scores. */
static sps_status pack_decision(struct packer *p, const struct sps_layer *layer, const struct sps_norm *norm, int *next)
{
    struct rows r = rows_of(norm);
    int bits = is_sign(p->graph, next);
    if (layer->in.kind != SPS_SUMS)
        return refuse(layer, "its input is not the sums of a binary layer");
    if (!bits && *next != p->graph->layer_count)
        return refuse(p->graph->layers[*next], "a sign must come here");
    struct sps_op *op = next_op(p, bits ? SPS_OP_threshold : SPS_OP_affine, layer);
    const struct sps_value *in = op->from[0] == 0 ? &p->m->input : &p->m->ops[op->from[0] - 1].result;
    op->point = r.point;
    if (norm->scale != NULL)
        SPS_TRY(pack_noise(p, op, norm->scale));
    sps_status status = pack_affine(p, op, &r, in);
    if (status == SPS_OK && bits)
        status = pack_threshold(p, op, &r, in);
    if (status != SPS_OK)
        return sps_fail_in(status, "layer %d: ", layer->index);
    return sps_packed_check_op(p->m, p->m->op_count - 1);
}

static sps_status pack_layers(struct packer *p)
{
    const struct sps_graph *graph = p->graph;
    for (int i = 0; i < graph->layer_count;) {
        struct sps_layer *layer = graph->layers[i++];
        struct sps_product product;
        const struct sps_norm *norm = sps_layer_norm(layer);
        if (sps_layer_product(&product, layer))
            SPS_TRY(pack_product(p, layer, &product));
        else if (norm != NULL)
            SPS_TRY(pack_decision(p, layer, norm, &i));
        else
            return refuse(layer, "packed models have no such operation yet");
    }
    return SPS_OK;
}

static sps_status pack_facts(struct sps_packed *m, const struct sps_graph *graph, const struct sps_pack_facts *f)
{
    size_t channels = (size_t)graph->input.c;
    m->input = (struct sps_value){SPS_VALUE_CODES, graph->input.h, graph->input.w, graph->input.c, -128, 127};
    m->classes = graph->classes;
    SPS_TRY(copy(&m->codes, m, f->codes, channels, 256));
    SPS_TRY(copy(&m->mean, m, f->mean, channels, sizeof *f->mean));
    SPS_TRY(copy(&m->std, m, f->std, channels, sizeof *f->std));
    const char *const from[] = {f->net, f->method, f->data, f->data_sha256, f->config, f->seed};
    const char **const to[] = {&m->net, &m->method, &m->data, &m->data_sha256, &m->config, &m->seed};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++)
        SPS_TRY(copy_text(to[i], m, from[i]));
    for (int i = 0; i < 256; i++)
        SPS_TRY(copy_text(&m->class_names[i], m, f->class_names[i]));
    m->validation_accuracy = f->validation_accuracy;
    return SPS_OK;
}

static sps_status pack(struct packer *p, const struct sps_pack_facts *facts)
{
    struct sps_packed *m = p->m;
    SPS_TRY(pack_facts(m, p->graph, facts));
    SPS_TRY(sps_packed_alloc(&m->ops, m, 2 * (size_t)p->graph->layer_count, sizeof *m->ops, "operations"));
    SPS_TRY(sps_packed_alloc(&m->noises, m, (size_t)p->graph->scale_count, sizeof *m->noises, "noise sources"));
    SPS_TRY(pack_layers(p));
    return sps_packed_validate(m);
}

sps_status sps_pack_graph(struct sps_packed **out, struct sps_graph *graph, const struct sps_pack_facts *facts)
{
    struct packer p = {NULL, graph};
    SPS_TRY(sps_packed_create(&p.m));
    sps_status status = pack(&p, facts);
    if (status == SPS_OK)
        *out = p.m;
    else
        sps_packed_close(p.m);
    return status;
}
