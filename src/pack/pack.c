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
    int *value; /* [layers] what each layer gives, among the model's values */
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

static int value_of(const struct packer *p, const struct sps_layer *layer)
{
    return layer != NULL ? p->value[layer->index] : 0;
}

/* The next operation: it reads value `from`, and is what the layer gives. */
static struct sps_op *next_op(struct packer *p, enum sps_op_kind kind, const struct sps_layer *layer, int from)
{
    struct sps_op *op = &p->m->ops[p->m->op_count];
    *op = (struct sps_op){.kind = kind, .noise = -1, .from = {from}, .from_count = 1};
    snprintf(op->name, sizeof op->name, "layers.%d", layer->index);
    p->value[layer->index] = ++p->m->op_count;
    return op;
}

static sps_status check_last(const struct packer *p)
{
    return sps_packed_check_op(p->m, p->m->op_count - 1);
}

/* Float weights.  Codes stand for multiples of a step, which goes into the weights. */
static sps_status pack_floats(struct packer *p, struct sps_op *op, const struct sps_layer *layer,
                              const struct sps_weight *w)
{
    size_t count = w->rows * w->row;
    float *weight = NULL, *bias = NULL, step = layer->input == NULL ? p->graph->code_step : 1;
    SPS_TRY(sps_packed_alloc(&weight, p->m, count, sizeof *weight, "weights"));
    SPS_TRY(sps_packed_alloc(&bias, p->m, w->rows, sizeof *bias, "weights"));
    for (size_t i = 0; i < count; i++)
        weight[i] = step * w->value[i];
    op->weight = weight;
    op->bias = bias;
    return SPS_OK;
}

/* Bits that a dropout layer drops are a noise source of the product that reads them. */
static sps_status pack_dropped(struct packer *p, struct sps_op *op, const struct sps_layer *from)
{
    double rate, *probability = NULL;
    int of_maps;
    if (!sps_layer_dropout_rate(&rate, &of_maps, from))
        return SPS_OK;
    struct sps_noise *noise = &p->m->noises[p->m->noise_count];
    SPS_TRY(sps_packed_alloc(&probability, p->m, 2, sizeof *probability, "probabilities"));
    probability[0] = 1 - rate;
    probability[1] = rate;
    *noise = (struct sps_noise){.kind = of_maps ? SPS_NOISE_map : SPS_NOISE_neuron,
                                .entries = 2,
                                .probability = probability,
                                .stream = from->index};
    op->noise = p->m->noise_count++;
    return SPS_OK;
}

static sps_status pack_product(struct packer *p, const struct sps_layer *layer, const struct sps_product *product)
{
    static const enum sps_op_kind kinds[2][2] = {{SPS_OP_float_dense, SPS_OP_float_conv},
                                                 {SPS_OP_binary_dense, SPS_OP_binary_conv}};
    const struct sps_weight *w = product->weight;
    if (w->rho != NULL)
        return refuse(layer, "its weights have a posterior: each pass has weights of its own");
    if (w->drop > 0)
        return refuse(layer, "its weights are dropped");
    struct sps_op *op = next_op(p, kinds[product->binary][product->kernel > 0], layer, value_of(p, layer->input));
    op->out = (int)w->rows;
    op->kernel = product->kernel;
    op->stride = product->stride;
    op->pad = product->pad;
    if (product->binary)
        SPS_TRY(copy(&op->weight_bits, p->m, w->bits, w->rows * sps_words(w->row), sizeof *w->bits));
    else
        SPS_TRY(pack_floats(p, op, layer, w));
    if (product->binary)
        SPS_TRY(pack_dropped(p, op, layer->input));
    SPS_TRY(check_last(p));
    if (product->pool > 1) {
        op = next_op(p, SPS_OP_pool, layer, value_of(p, layer));
        op->window = product->pool;
        op->ceil = product->pool_ceil;
        SPS_TRY(check_last(p));
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

static int is_type(const struct sps_layer *layer, const char *name)
{
    return strcmp(layer->type->name, name) == 0;
}

/* The sign that is all that becomes of a layer's output, NULL if there is none.  Hard tanh keeps the sign, so it may
 * stand between. */
static const struct sps_layer *sign_behind(const struct sps_graph *graph, const struct sps_layer *layer)
{
    int i = layer->index + 1, kept = layer->source;
    for (; i < graph->layer_count && is_type(graph->layers[i], "htanh"); i++)
        kept |= graph->layers[i]->source;
    return i < graph->layer_count && !kept && is_type(graph->layers[i], "sign") ? graph->layers[i] : NULL;
}

/* A batchnorm layer, with the sign behind it where that makes it a threshold on sums. */
static sps_status pack_norm(struct packer *p, const struct sps_layer *layer, const struct sps_norm *norm, int *next)
{
    struct rows r = rows_of(norm);
    const struct sps_layer *sign = sps_is_sums(layer->in.kind) ? sign_behind(p->graph, layer) : NULL;
    int bits = sign != NULL;
    struct sps_op *op = next_op(p, bits ? SPS_OP_threshold : SPS_OP_affine, layer, value_of(p, layer->input));
    const struct sps_value *in = sps_packed_value(p->m, op->from[0]);
    if (bits) {
        p->value[sign->index] = value_of(p, layer);
        *next = sign->index + 1;
    }
    op->point = r.point;
    if (norm->scale != NULL)
        SPS_TRY(pack_noise(p, op, norm->scale));
    sps_status status = pack_affine(p, op, &r, in);
    if (status == SPS_OK && bits)
        status = pack_threshold(p, op, &r, in);
    if (status != SPS_OK)
        return sps_fail_in(status, "layer %d: ", layer->index);
    return check_last(p);
}

/* ---- layers of reals ---- */

static sps_status pack_plain(struct packer *p, const struct sps_layer *layer, enum sps_op_kind kind)
{
    next_op(p, kind, layer, value_of(p, layer->input));
    return check_last(p);
}

/* Nothing is left of a hard tanh in front of a sign. */
static sps_status pack_htanh(struct packer *p, const struct sps_layer *layer)
{
    if (sign_behind(p->graph, layer) == NULL)
        return pack_plain(p, layer, SPS_OP_hard_tanh);
    p->value[layer->index] = value_of(p, layer->input);
    return SPS_OK;
}

static sps_status pack_relu(struct packer *p, const struct sps_layer *layer)
{
    return pack_plain(p, layer, SPS_OP_relu);
}

static sps_status pack_sign(struct packer *p, const struct sps_layer *layer)
{
    return pack_plain(p, layer, SPS_OP_sign);
}

static sps_status pack_rprelu(struct packer *p, const struct sps_layer *layer)
{
    struct sps_op *op = next_op(p, SPS_OP_rprelu, layer, value_of(p, layer->input));
    const float *rows[SPS_RPRELU_ROWS];
    float *table = NULL;
    size_t n = (size_t)layer->in.c;
    sps_rprelu_table(rows, layer);
    SPS_TRY(sps_packed_alloc(&table, p->m, SPS_RPRELU_ROWS * n, sizeof *table, "a table"));
    for (size_t i = 0; i < SPS_RPRELU_ROWS; i++)
        memcpy(table + i * n, rows[i], n * sizeof *table);
    op->rprelu = table;
    return check_last(p);
}

static sps_status pack_pact(struct packer *p, const struct sps_layer *layer)
{
    struct sps_op *op = next_op(p, SPS_OP_quantise, layer, value_of(p, layer->input));
    float *steps = NULL, step;
    SPS_TRY(sps_packed_alloc(&steps, p->m, (size_t)layer->in.c, sizeof *steps, "steps"));
    sps_layer_pact_step(&step, &op->bits, layer);
    for (int c = 0; c < layer->in.c; c++)
        steps[c] = step;
    op->step = steps;
    return check_last(p);
}

static sps_status pack_residual(struct packer *p, const struct sps_layer *layer)
{
    struct sps_op *op = next_op(p, SPS_OP_add, layer, value_of(p, layer->input));
    op->from[op->from_count++] = value_of(p, layer->shortcut);
    return check_last(p);
}

static sps_status pack_pool(struct packer *p, const struct sps_layer *layer)
{
    struct sps_op *op = next_op(p, SPS_OP_pool, layer, value_of(p, layer->input));
    op->window = sps_pool_window(layer, &op->average);
    return check_last(p);
}

static sps_status pack_dropout(struct packer *p, const struct sps_layer *layer)
{
    struct sps_product product;
    const struct sps_layer *next = layer->index + 1 < p->graph->layer_count ? p->graph->layers[layer->index + 1] : NULL;
    if (layer->in.kind != SPS_BITS)
        return refuse(layer, "it drops reals; packed models drop bits");
    if (next == NULL || !sps_layer_product(&product, next) || !product.binary)
        return refuse(layer, "a binary layer must follow");
    p->value[layer->index] = value_of(p, layer->input);
    return SPS_OK;
}

static const struct {
    const char *type;
    sps_status (*pack)(struct packer *p, const struct sps_layer *layer);
} packers[] = {{"htanh", pack_htanh}, {"relu", pack_relu},         {"sign", pack_sign}, {"rprelu", pack_rprelu},
               {"pact", pack_pact},   {"residual", pack_residual}, {"pool", pack_pool}, {"dropout", pack_dropout}};

static sps_status pack_other(struct packer *p, const struct sps_layer *layer)
{
    for (size_t i = 0; i < sizeof packers / sizeof *packers; i++)
        if (is_type(layer, packers[i].type))
            return packers[i].pack(p, layer);
    return refuse(layer, "packed models have no such operation yet");
}

static int is_binary(const struct sps_graph *graph)
{
    struct sps_product product;
    for (int i = 0; i < graph->layer_count; i++)
        if (sps_layer_product(&product, graph->layers[i]) && product.binary)
            return 1;
    return 0;
}

static sps_status pack_layers(struct packer *p)
{
    const struct sps_graph *graph = p->graph;
    if (!is_binary(graph))
        SPS_FAIL(EUNSUPPORTED, "network '%s' cannot be packed: none of its weights are binary", graph->name);
    for (int i = 0; i < graph->layer_count;) {
        struct sps_layer *layer = graph->layers[i++];
        struct sps_product product;
        const struct sps_norm *norm = sps_layer_norm(layer);
        if (sps_layer_product(&product, layer))
            SPS_TRY(pack_product(p, layer, &product));
        else if (norm != NULL)
            SPS_TRY(pack_norm(p, layer, norm, &i));
        else
            SPS_TRY(pack_other(p, layer));
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
    SPS_TRY(sps_packed_alloc(&m->noises, m, (size_t)p->graph->layer_count, sizeof *m->noises, "noise sources"));
    SPS_TRY(pack_layers(p));
    return sps_packed_validate(m);
}

sps_status sps_pack_graph(struct sps_packed **out, struct sps_graph *graph, const struct sps_pack_facts *facts)
{
    struct packer p = {NULL, graph, NULL};
    SPS_TRY(sps_packed_create(&p.m));
    sps_status status = sps_calloc(&p.value, (size_t)graph->layer_count, sizeof *p.value, "a packed model");
    if (status == SPS_OK)
        status = pack(&p, facts);
    sps_free(p.value);
    if (status == SPS_OK)
        *out = p.m;
    else
        sps_packed_close(p.m);
    return status;
}
