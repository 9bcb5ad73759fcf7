/* SPDX-License-Identifier: MIT */
#include "engine/plan.h"

#include <math.h>
#include <string.h>

#include "core/affine.h"
#include "core/memory.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static sps_status refuse(const struct sps_packed *m, int index, const char *why)
{
    const struct sps_op *op = &m->ops[index];
    SPS_FAIL(EUNSUPPORTED, "operation %d, %s '%s', cannot be run by this version: %s", index, sps_op_name(op->kind),
             op->name, why);
}

/* ---- the product ---- */

static int weight_bit(const struct sps_stage *s, size_t channel, size_t i)
{
    return (int)(s->rows[channel * s->words + i / 32] >> i % 32 & 1);
}

/* Dense layers: bits [fan_in][words of channels], small enough to stay near the core.  Convolutions: [input
 * channel][tap][channels], so that all that one flip does lies together; only with stride 1, where all pixels reach the
 * same taps. */
static sps_status lay_out_columns(struct sps_stage *s)
{
    size_t inputs = (size_t)s->window.c, taps = s->fan_in / inputs;
    if (!s->conv) {
        size_t words = sps_words(s->channels);
        SPS_TRY(sps_calloc(&s->column_bits, s->fan_in, words * sizeof *s->column_bits, "columns of weights"));
        for (size_t c = 0; c < s->channels; c++)
            for (size_t i = 0; i < s->fan_in; i++)
                s->column_bits[i * words + c / 32] |= (uint32_t)weight_bit(s, c, i) << c % 32;
        return SPS_OK;
    }
    size_t changes = (size_t)(s->window.h + s->window.kernel) * (size_t)(s->window.w + s->window.kernel) * s->channels;
    if (s->window.stride != 1 || changes > UINT32_MAX) /* places in it have 32 bits (struct sps_flip) */
        return SPS_OK;
    SPS_TRY(sps_calloc(&s->columns, s->fan_in, s->channels, "columns of weights"));
    for (size_t c = 0; c < s->channels; c++)
        for (size_t i = 0; i < s->fan_in; i++)
            s->columns[(i % inputs * taps + i / inputs) * s->channels + c] = (int8_t)(2 * weight_bit(s, c, i) - 1);
    return SPS_OK;
}

static sps_status lay_out_weights(struct sps_stage *s)
{
    if (s->codes) {
        size_t quads = (s->fan_in + 3) / 4;
        SPS_TRY(sps_calloc(&s->quads, sps_panels(s->channels) * quads * SPS_PANEL, 4, "weights"));
        SPS_TRY(sps_calloc(&s->weight_sums, s->channels, sizeof *s->weight_sums, "weights"));
        sps_bits_to_quads(s->quads, s->weight_sums, s->rows, s->channels, s->words, s->fan_in);
        return SPS_OK;
    }
    SPS_TRY(sps_calloc(&s->panels, sps_panels(s->channels) * SPS_PANEL, s->words * sizeof *s->panels, "weights"));
    sps_bits_to_panels(s->panels, s->rows, s->channels, s->words);
    return s->wide || s->mask != NULL ? SPS_OK : lay_out_columns(s);
}

/* Channels innermost, in panels that stay in registers. */
static sps_status lay_out_taps(struct sps_stage *s, const struct sps_op *op)
{
    size_t panels = (s->channels + SPS_TAPS - 1) / SPS_TAPS;
    SPS_TRY(sps_calloc(&s->taps, panels * s->fan_in * SPS_TAPS, sizeof *s->taps, "weights"));
    for (size_t c = 0; c < s->channels; c++)
        for (size_t i = 0; i < s->fan_in; i++)
            s->taps[(c / SPS_TAPS * s->fan_in + i) * SPS_TAPS + c % SPS_TAPS] = op->weight[c * s->fan_in + i];
    s->bias = op->bias;
    return SPS_OK;
}

static sps_status plan_product(struct sps_stage *s, const struct sps_packed *m, int index, int *pick_at)
{
    const struct sps_op *op = &m->ops[index];
    const struct sps_value *in = sps_packed_value(m, op->from[0]), *out = &op->result;
    if (!sps_op_is_product(op))
        return refuse(m, index, "a dense layer or a convolution must come here");
    if (in->kind == SPS_VALUE_LEVELS && op->weight_bits == NULL)
        return refuse(m, index, "its weights are float, and its input is levels");
    if (in->kind != SPS_VALUE_REALS && op->from[0] != index)
        return refuse(m, index, "it does not read the operation before it");
    s->name = op->name;
    s->codes = in->kind == SPS_VALUE_CODES    ? SPS_SIGNED_CODES
               : in->kind == SPS_VALUE_LEVELS ? SPS_UNSIGNED_CODES
                                              : SPS_NO_CODES;
    s->code_bits = s->codes == SPS_UNSIGNED_CODES ? m->ops[index - 1].bits : 8;
    s->floats = op->kind == SPS_OP_float_dense || op->kind == SPS_OP_float_conv;
    s->reads = in->kind == SPS_VALUE_REALS ? op->from[0] : 0;
    s->conv = op->kind == SPS_OP_binary_conv || op->kind == SPS_OP_float_conv;
    s->window = (struct sps_window){in->h, in->w, in->c, out->h, out->w, op->kernel, op->stride, op->pad};
    s->positions = (size_t)out->h * (size_t)out->w;
    s->channels = (size_t)op->out;
    s->fan_in = sps_op_fan_in(op, in);
    s->words = sps_words(s->fan_in);
    s->in_size = sps_value_size(in);
    s->in_words = sps_words(s->in_size);
    s->wide = s->codes || out->high >= INT16_MAX; /* no threshold of 16 bits may be beyond what sums reach */
    s->rows = op->weight_bits;
    s->macs = s->positions * s->channels * s->fan_in;
    if (s->floats)
        return lay_out_taps(s, op);
    if (op->noise >= 0) {
        s->mask = &m->noises[op->noise];
        s->mask_at = *pick_at;
        *pick_at += s->mask->picks;
    }
    SPS_TRY(lay_out_weights(s));
    if (!s->codes && s->conv) {
        SPS_TRY(sps_padding_init(&s->padding, &s->window, op->out));
        sps_padding_fill(&s->padding, &s->window, op->out, s->rows);
    }
    return SPS_OK;
}

/* ---- the decision ---- */

static void set_threshold(struct sps_stage *s, size_t at, int32_t t)
{
    if (s->wide)
        ((int32_t *)s->threshold)[at] = t;
    else
        ((int16_t *)s->threshold)[at] = (int16_t)t; /* low .. high + 1 fits, see wide */
}

/* Bits of a whole output that flip: the channels' row, position after position. */
static void spread_flips(struct sps_stage *s, int row, const uint32_t *channels)
{
    uint32_t *to = s->flip + (size_t)row * s->out_words;
    for (size_t i = 0; i < s->out_positions * s->channels; i++) {
        size_t c = i % s->channels;
        uint32_t bit = channels[c / 32] >> c % 32 & 1;
        to[i / 32] |= bit << i % 32;
        s->has_flip[row] |= (uint8_t)bit;
    }
}

/* How far apart two entries of an affine are, at the sums that are likely: as large as the root of the fan-in. */
static double affine_distance(const struct sps_stage *s, const struct sps_op *op, int a, int b)
{
    double sum = 0, z = sqrt((double)s->fan_in);
    size_t n = (size_t)op->result.c;
    for (size_t c = 0; c < n; c++)
        for (int sign = -1; sign <= 1; sign += 2) {
            const float *t = op->affine + (size_t)a * SPS_AFFINE_ROWS * n + c,
                        *u = op->affine + (size_t)b * SPS_AFFINE_ROWS * n + c;
            const struct sps_affine x = {t[0], t[n], t[2 * n], t[3 * n], t[4 * n], t[5 * n]},
                                    y = {u[0], u[n], u[2 * n], u[3 * n], u[4 * n], u[5 * n]};
            sum += fabs((double)sps_affine_at(&x, (float)(sign * z)) - (double)sps_affine_at(&y, (float)(sign * z)));
        }
    return sum;
}

/* The same of thresholds: channels whose thresholds differ, by how much (each channel's spread of sums is about the
 * root of its fan-in). */
static double distance(const struct sps_stage *s, const struct sps_op *op, int a, int b)
{
    double sum = 0;
    size_t words = sps_words(s->channels);
    if (op->kind == SPS_OP_affine)
        return affine_distance(s, op, a, b);
    for (size_t c = 0; c < s->channels; c++) {
        double t = (double)op->threshold[(size_t)a * s->channels + c],
               u = (double)op->threshold[(size_t)b * s->channels + c];
        uint32_t flips = op->flip[(size_t)a * words + c / 32] ^ op->flip[(size_t)b * words + c / 32];
        sum += (flips >> c % 32 & 1) ? (double)s->fan_in : t > u ? t - u : u - t;
    }
    return sum;
}

/* Nearest neighbour first, from entry 0. */
static void plan_tour(struct sps_stage *s, const struct sps_op *op)
{
    int entries = s->noise->entries;
    for (int k = 0; k < entries; k++)
        s->tour[k] = (uint8_t)k;
    for (int at = 1; at + 1 < entries; at++) {
        int best = at;
        for (int k = at + 1; k < entries; k++)
            if (distance(s, op, s->tour[at - 1], s->tour[k]) < distance(s, op, s->tour[at - 1], s->tour[best]))
                best = k;
        uint8_t swapped = s->tour[at];
        s->tour[at] = s->tour[best];
        s->tour[best] = swapped;
    }
}

/* The noise source of an operation behind a product. */
static sps_status plan_noise(struct sps_plan *plan, struct sps_stage *s, int index, int *pick_at)
{
    const struct sps_packed *m = plan->packed;
    const struct sps_op *op = &m->ops[index];
    if (op->noise < 0)
        return SPS_OK;
    if (s->noise != NULL)
        return refuse(m, index, "there is no product between it and the noise source before it");
    s->noise = &m->noises[op->noise];
    s->pick_at = *pick_at;
    *pick_at += s->noise->picks;
    plan->point_possible &= op->point;
    SPS_TRY(sps_calloc(&s->tour, (size_t)s->noise->entries, 1, "tour"));
    plan_tour(s, op);
    return SPS_OK;
}

static sps_status plan_decision(struct sps_stage *s, const struct sps_packed *m, int index)
{
    const struct sps_op *op = &m->ops[index];
    s->rows_count = (op->noise < 0 ? 1 : m->noises[op->noise].entries) + op->point;
    s->point_row = s->rows_count - 1;
    s->out_words = sps_words(s->out_positions * s->channels);
    size_t count = (size_t)s->rows_count * s->channels, words = sps_words(s->channels);
    SPS_TRY(sps_calloc(&s->threshold, count, s->wide ? sizeof(int32_t) : sizeof(int16_t), "thresholds"));
    SPS_TRY(sps_calloc(&s->flip, (size_t)s->rows_count, s->out_words * sizeof *s->flip, "flips"));
    SPS_TRY(sps_calloc(&s->has_flip, (size_t)s->rows_count, 1, "flips"));
    for (size_t i = 0; i < count; i++)
        set_threshold(s, i, op->threshold[i]);
    for (int k = 0; k < s->rows_count; k++)
        spread_flips(s, k, op->flip + (size_t)k * words);
    return SPS_OK;
}

static void plan_pool(struct sps_stage *s, const struct sps_op *op)
{
    s->window_size = op->window;
    s->window_ceil = op->ceil;
    s->pools_at_once = s->conv && s->codes; /* a first layer's are never updated */
    s->out_positions = (size_t)op->result.h * (size_t)op->result.w;
    s->out_columns = (size_t)op->result.w;
}

/* ---- operations on reals ---- */

static int is_read_by_next_product(const struct sps_packed *m, int index)
{
    return index + 1 < m->op_count && sps_op_is_product(&m->ops[index + 1]) && m->ops[index + 1].from[0] == index + 1;
}

static sps_status plan_step(struct sps_plan *plan, struct sps_stage *s, int index, int *pick_at)
{
    const struct sps_packed *m = plan->packed;
    const struct sps_op *op = &m->ops[index];
    const struct sps_value *in = sps_packed_value(m, op->from[0]);
    switch (op->kind) {
    case SPS_OP_affine:
        if (in->kind == SPS_VALUE_LEVELS)
            return refuse(m, index, "its input is levels");
        if (in->kind == SPS_VALUE_SUMS && op->from[0] != index)
            return refuse(m, index, "it does not read the operation before it");
        if (op->noise >= 0)
            s->branch = index;
        plan->table = larger(plan->table, SPS_AFFINE_ROWS * (size_t)op->result.c);
        return plan_noise(plan, s, index, pick_at);
    case SPS_OP_pool:
        return in->kind == SPS_VALUE_REALS ? SPS_OK
                                           : refuse(m, index, "sums and reals are pooled, and bits of thresholds");
    case SPS_OP_sign:
    case SPS_OP_quantise:
        return is_read_by_next_product(m, index) ? SPS_OK : refuse(m, index, "a product must read it next");
    case SPS_OP_add:
    case SPS_OP_hard_tanh:
    case SPS_OP_relu:
    case SPS_OP_rprelu:
        return SPS_OK;
    default:
        return refuse(m, index, "it has no place here");
    }
}

static int is_done_in_place(const struct sps_op *op, const struct sps_value *in)
{
    return (op->kind == SPS_OP_affine && in->kind == SPS_VALUE_REALS) || op->kind == SPS_OP_add ||
           op->kind == SPS_OP_hard_tanh || op->kind == SPS_OP_relu || op->kind == SPS_OP_rprelu;
}

/* Where reals lie.  An operation may write over a value that nobody else reads, and that is made as often as it is
 * itself: each entry's turn starts from what is there before the branch. */
static sps_status place_reals(struct sps_plan *plan)
{
    enum { FLOATS_A_LINE = SPS_ALIGN / sizeof(float) };
    const struct sps_packed *m = plan->packed;
    int *readers = NULL;
    SPS_TRY(sps_calloc(&plan->place, (size_t)m->op_count + 1, sizeof *plan->place, "places"));
    SPS_TRY(sps_calloc(&plan->kept, (size_t)m->op_count + 1, sizeof *plan->kept, "places"));
    SPS_TRY(sps_calloc(&readers, (size_t)m->op_count + 1, sizeof *readers, "places"));
    int stage = -1;
    int alike = 0; /* operations from here on are made as often as this one */
    for (int i = 0; i < m->op_count; i++) {
        alike = sps_op_is_product(&m->ops[i]) ? i : alike;
        for (int j = 0; j < m->ops[i].from_count; j++) {
            int from = m->ops[i].from[j];
            readers[from]++;
            plan->kept[from] |= from <= alike && sps_packed_value(m, from)->kind == SPS_VALUE_REALS;
        }
    }
    plan->place[0] = SPS_NOWHERE;
    for (int i = 0; i < m->op_count; i++) {
        const struct sps_op *op = &m->ops[i];
        size_t size = sps_value_size(&op->result);
        stage += sps_op_is_product(op);
        alike = sps_op_is_product(op) || i == plan->stages[stage].branch ? i : alike;
        int from = op->from[0],
            over = is_done_in_place(op, sps_packed_value(m, from)) && readers[from] == 1 && from > alike;
        plan->place[i + 1] = over ? plan->place[from] : SPS_NOWHERE;
        if (!over && op->result.kind == SPS_VALUE_REALS) {
            plan->place[i + 1] = plan->reals;
            plan->reals += (size + FLOATS_A_LINE - 1) / FLOATS_A_LINE * FLOATS_A_LINE;
        }
    }
    sps_free(readers);
    return SPS_OK;
}

/* ---- stages ---- */

/* What follows the product, up to the next one. */
static sps_status plan_rest(struct sps_plan *plan, struct sps_stage *s, int *at, int *pick_at)
{
    const struct sps_packed *m = plan->packed;
    int i = *at;
    s->bit_window = s->window_size = 1;
    s->out_positions = s->positions;
    s->out_columns = (size_t)s->window.cw;
    if (i < m->op_count && m->ops[i].kind == SPS_OP_pool && m->ops[i].result.kind == SPS_VALUE_SUMS) {
        if (m->ops[i].from[0] != i)
            return refuse(m, i, "it does not read the operation before it");
        plan_pool(s, &m->ops[i++]);
    }
    s->begin = s->branch = s->end = i;
    if (i < m->op_count && m->ops[i].kind == SPS_OP_threshold) {
        if (m->ops[i].from[0] != i)
            return refuse(m, i, "it does not read the operation before it");
        SPS_TRY(plan_decision(s, m, i));
        SPS_TRY(plan_noise(plan, s, i++, pick_at));
        if (i < m->op_count && m->ops[i].kind == SPS_OP_pool && m->ops[i].from[0] == i) {
            s->bit_window = m->ops[i].window;
            s->bit_ceil = m->ops[i++].ceil;
        }
    } else {
        for (; i < m->op_count && !sps_op_is_product(&m->ops[i]); i++)
            SPS_TRY(plan_step(plan, s, i, pick_at));
        s->end = i;
    }
    s->last = i == m->op_count;
    *at = i;
    return SPS_OK;
}

static sps_status plan_stages(struct sps_plan *plan)
{
    const struct sps_packed *m = plan->packed;
    int pick_at = 0, i = 0;
    plan->point_possible = 1;
    while (i < m->op_count) {
        struct sps_stage *s = &plan->stages[plan->stage_count];
        s->index = plan->stage_count++;
        SPS_TRY(plan_product(s, m, i++, &pick_at));
        SPS_TRY(plan_rest(plan, s, &i, &pick_at));
    }
    plan->picks = (size_t)pick_at;
    return place_reals(plan);
}

sps_status sps_plan_create(struct sps_plan **out, const struct sps_packed *packed)
{
    struct sps_plan *plan = NULL;
    SPS_TRY(sps_calloc(&plan, 1, sizeof *plan, "a plan"));
    plan->packed = packed;
    sps_status status = sps_kern_get(&plan->kern);
    if (status == SPS_OK)
        status = sps_calloc(&plan->stages, (size_t)packed->op_count, sizeof *plan->stages, "stages");
    if (status == SPS_OK)
        status = plan_stages(plan);
    if (status == SPS_OK)
        *out = plan;
    else
        sps_plan_free(plan);
    return status;
}

void sps_plan_free(struct sps_plan *plan)
{
    if (plan == NULL)
        return;
    for (int i = 0; i < plan->stage_count; i++) {
        struct sps_stage *s = &plan->stages[i];
        void *owned[] = {s->taps,        s->panels,    s->quads, s->weight_sums, s->columns,
                         s->column_bits, s->threshold, s->flip,  s->has_flip,    s->tour};
        for (size_t j = 0; j < sizeof owned / sizeof *owned; j++)
            sps_free(owned[j]);
        sps_padding_reset(&s->padding);
    }
    sps_free(plan->stages);
    sps_free(plan->place);
    sps_free(plan->kept);
    sps_free(plan);
}
