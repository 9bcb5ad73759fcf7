/* SPDX-License-Identifier: MIT */
#include "engine/plan.h"

#include <string.h>

#include "core/memory.h"

static const struct sps_value *value_at(const struct sps_packed *m, int which)
{
    return which == 0 ? &m->input : &m->ops[which - 1].result;
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

static sps_status plan_product(struct sps_stage *s, const struct sps_packed *m, int index, int *pick_at)
{
    const struct sps_op *op = &m->ops[index];
    const struct sps_value *in = value_at(m, op->from[0]), *out = &op->result;
    if (op->kind != SPS_OP_binary_dense && op->kind != SPS_OP_binary_conv)
        return refuse(m, index, "a binary layer must come here");
    if (in->kind == SPS_VALUE_LEVELS)
        return refuse(m, index, "its input is levels");
    s->name = op->name;
    s->codes = in->kind == SPS_VALUE_CODES;
    s->conv = op->kind == SPS_OP_binary_conv;
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

/* How far apart two entries are: channels whose thresholds differ, by how much (each channel's spread of sums is about
 * the root of its fan-in). */
static double distance(const struct sps_stage *s, const struct sps_op *op, int a, int b)
{
    double sum = 0;
    size_t words = sps_words(s->channels);
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
    for (int at = 1; at + 1 < entries && !s->last; at++) {
        int best = at;
        for (int k = at + 1; k < entries; k++)
            if (distance(s, op, s->tour[at - 1], s->tour[k]) < distance(s, op, s->tour[at - 1], s->tour[best]))
                best = k;
        uint8_t swapped = s->tour[at];
        s->tour[at] = s->tour[best];
        s->tour[best] = swapped;
    }
}

static sps_status plan_decision(struct sps_stage *s, const struct sps_packed *m, int index, int *pick_at)
{
    const struct sps_op *op = &m->ops[index];
    if (op->kind != SPS_OP_threshold && op->kind != SPS_OP_affine)
        return refuse(m, index, "a threshold, or the scores, must come here");
    s->last = op->kind == SPS_OP_affine;
    if (s->last && index + 1 < m->op_count)
        return refuse(m, index + 1, "it follows the scores");
    s->rows_count = (op->noise < 0 ? 1 : m->noises[op->noise].entries) + op->point;
    s->point_row = s->rows_count - 1;
    if (op->noise >= 0) {
        s->noise = &m->noises[op->noise];
        s->pick_at = *pick_at;
        *pick_at += s->noise->picks;
        SPS_TRY(sps_calloc(&s->tour, (size_t)s->noise->entries, 1, "tour"));
    }
    s->affine = op->affine;
    s->out_words = sps_words(s->out_positions * s->channels);
    if (!s->last) {
        size_t count = (size_t)s->rows_count * s->channels, words = sps_words(s->channels);
        SPS_TRY(sps_calloc(&s->threshold, count, s->wide ? sizeof(int32_t) : sizeof(int16_t), "thresholds"));
        SPS_TRY(sps_calloc(&s->flip, (size_t)s->rows_count, s->out_words * sizeof *s->flip, "flips"));
        SPS_TRY(sps_calloc(&s->has_flip, (size_t)s->rows_count, 1, "flips"));
        for (size_t i = 0; i < count; i++)
            set_threshold(s, i, op->threshold[i]);
        for (int k = 0; k < s->rows_count; k++)
            spread_flips(s, k, op->flip + (size_t)k * words);
    }
    if (s->noise != NULL)
        plan_tour(s, op);
    return SPS_OK;
}

static sps_status plan_pool(struct sps_stage *s, const struct sps_packed *m, int index)
{
    const struct sps_op *op = &m->ops[index];
    if (op->result.kind != SPS_VALUE_SUMS)
        return refuse(m, index, "only sums are pooled");
    s->window_size = op->window;
    s->window_ceil = op->ceil;
    s->pools_at_once = s->conv && s->codes; /* a first layer's are never updated */
    s->out_positions = (size_t)op->result.h * (size_t)op->result.w;
    s->out_columns = (size_t)op->result.w;
    return SPS_OK;
}

static sps_status plan_stages(struct sps_plan *plan)
{
    const struct sps_packed *m = plan->packed;
    int pick_at = 0, i = 0;
    plan->point_possible = 1;
    for (int j = 0; j < m->op_count; j++)
        if (m->ops[j].from[0] != j)
            return refuse(m, j, "it does not read the operation before it");
    while (i < m->op_count) {
        struct sps_stage *s = &plan->stages[plan->stage_count];
        s->index = plan->stage_count++;
        SPS_TRY(plan_product(s, m, i++, &pick_at));
        s->window_size = 1;
        s->out_positions = s->positions;
        s->out_columns = (size_t)s->window.cw;
        if (i < m->op_count && m->ops[i].kind == SPS_OP_pool)
            SPS_TRY(plan_pool(s, m, i++));
        if (i == m->op_count)
            return refuse(m, i - 1, "it would be the last");
        SPS_TRY(plan_decision(s, m, i++, &pick_at));
        if (s->noise != NULL && !m->ops[i - 1].point)
            plan->point_possible = 0;
        s->bit_window = 1;
        if (i < m->op_count && m->ops[i].kind == SPS_OP_pool) {
            s->bit_window = m->ops[i].window;
            s->bit_ceil = m->ops[i++].ceil;
        }
        if (i == m->op_count && !s->last)
            return refuse(m, i - 1, "it would be the last");
    }
    plan->picks = (size_t)pick_at;
    return SPS_OK;
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
        void *owned[] = {s->panels,    s->quads, s->weight_sums, s->columns, s->column_bits,
                         s->threshold, s->flip,  s->has_flip,    s->tour};
        for (size_t j = 0; j < sizeof owned / sizeof *owned; j++)
            sps_free(owned[j]);
        sps_padding_reset(&s->padding);
    }
    sps_free(plan->stages);
    sps_free(plan);
}
