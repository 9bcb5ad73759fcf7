/* SPDX-License-Identifier: MIT */
#include "cim/arch/scales.h"

#include <math.h>
#include <string.h>

#include "cim/cell/scale_cell.h"
#include "core/fold.h"
#include "core/memory.h"
#include "kern/kern.h"

struct reader {
    struct sps_chip_scales *to;
    const struct sps_chip *chip;
    struct sps_conductance nominal;
    uint64_t chip_seed;
    double squares; /* of errors, relative */
};

/* Scale arrays are numbered apart from those of weights. */
static const uint32_t SCALE_ARRAYS = 1u << 30;

static sps_status own(void *out, struct reader *r, size_t count, size_t size)
{
    void *memory = NULL;
    SPS_TRY(sps_calloc(&memory, count, size, "scales"));
    r->to->owned[r->to->owned_count++] = memory;
    memcpy(out, &memory, sizeof memory);
    return SPS_OK;
}

static float read_scale(struct reader *r, float scale, double step, int index, uint32_t which)
{
    const struct sps_chip_params *p = &r->chip->p;
    double top = ldexp(1, (int)p->scale_bits) - 1, code = fmin(round(fabs((double)scale) / step), top);
    int cells = sps_scale_cells((int)p->scale_bits);
    if (p->scale == SPS_SCALE_CROSSBAR)
        code = sps_scale_read((uint32_t)code, cells, r->chip->device, &r->nominal, r->chip_seed,
                              SCALE_ARRAYS + (uint32_t)index, which * (uint32_t)(cells * SPS_SCALE_JUNCTIONS));
    return copysignf((float)(code * step), scale);
}

/* An entry of ones is no entry of the memory: a multiplexer goes past it (Scale-Dropout V-C). */
static int is_bypass(const float *scale, size_t channels)
{
    for (size_t c = 0; c < channels; c++)
        if (scale[c] != 1)
            return 0;
    return 1;
}

/* The scales of all entries of a bank, table[entries][6][channels]; rows of the deterministic reading are no part of a
 * chip. */
static sps_status read_bank(struct reader *r, float *table, int index, size_t entries, size_t channels)
{
    struct sps_scale_errors *e = &r->to->errors;
    float *stored = NULL, **place = NULL;
    size_t count = 0;
    SPS_TRY(own(&stored, r, entries * channels, sizeof *stored));
    SPS_TRY(own(&place, r, entries * channels, sizeof *place));
    for (size_t k = 0; k < entries; k++) {
        float *scale = table + k * SPS_AFFINE_ROWS * channels;
        for (size_t c = 0; c < channels && !is_bypass(scale, channels); c++) {
            place[count] = &scale[c];
            stored[count++] = scale[c];
        }
    }
    double step = sps_scale_step(stored, count, (int)r->chip->p.scale_bits), most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)stored[i]));
    for (size_t i = 0; i < count && step > 0; i++) {
        *place[i] = read_scale(r, stored[i], step, index, (uint32_t)i);
        double error = fabs((double)*place[i] - (double)stored[i]) / most;
        e->scales++;
        e->wrong += error > 1e-4;
        r->squares += error * error;
    }
    return SPS_OK;
}

static sps_status fold_again(struct reader *r, struct sps_op *op, const struct sps_value *in, size_t rows)
{
    size_t channels = (size_t)in->c, words = sps_words(channels);
    int32_t *threshold = NULL;
    uint32_t *flip = NULL;
    SPS_TRY(own(&threshold, r, rows * channels, sizeof *threshold));
    SPS_TRY(own(&flip, r, rows * words, sizeof *flip));
    SPS_TRY(sps_fold_table(threshold, flip, op->affine, rows, channels, (int32_t)in->low, (int32_t)in->high));
    op->threshold = threshold;
    op->flip = flip;
    return SPS_OK;
}

static sps_status read_op(struct reader *r, int index)
{
    struct sps_packed *m = &r->to->packed;
    struct sps_op *op = &m->ops[index];
    const struct sps_value *in = sps_packed_value(m, op->from[0]);
    size_t entries = op->noise < 0 ? 1 : (size_t)m->noises[op->noise].entries, rows = entries + (size_t)op->point;
    size_t count = rows * SPS_AFFINE_ROWS * (size_t)in->c;
    float *table = NULL;
    SPS_TRY(own(&table, r, count, sizeof *table));
    memcpy(table, op->affine, count * sizeof *table);
    op->affine = table;
    SPS_TRY(read_bank(r, table, index, entries, (size_t)in->c));
    return op->kind == SPS_OP_threshold ? fold_again(r, op, in, rows) : SPS_OK;
}

static int is_table(const struct sps_op *op)
{
    return op->kind == SPS_OP_threshold || op->kind == SPS_OP_affine;
}

static sps_status read_all(struct reader *r, const sps_packed *packed)
{
    enum { PER_OP = 5 };
    struct sps_chip_scales *to = r->to;
    SPS_TRY(sps_calloc(&to->owned, (size_t)packed->op_count * PER_OP + 1, sizeof *to->owned, "scales"));
    SPS_TRY(own(&to->packed.ops, r, (size_t)packed->op_count, sizeof *to->packed.ops));
    memcpy(to->packed.ops, packed->ops, (size_t)packed->op_count * sizeof *packed->ops);
    SPS_TRY(sps_conductance_nominal(&r->nominal, r->chip->device));
    for (int i = 0; i < packed->op_count; i++)
        if (is_table(&packed->ops[i]))
            SPS_TRY(read_op(r, i));
    to->errors.rms = to->errors.scales > 0 ? sqrt(r->squares / (double)to->errors.scales) : 0;
    return SPS_OK;
}

sps_status sps_chip_scales_init(struct sps_chip_scales *out, const sps_packed *packed, const struct sps_chip *chip,
                                uint64_t chip_seed, int ideal)
{
    enum { FLOAT_BITS = 32 };
    struct reader r = {.to = out, .chip = chip, .chip_seed = chip_seed};
    *out = (struct sps_chip_scales){.packed = *packed, .known = 1};
    if (ideal || (chip->p.scale == SPS_SCALE_SRAM && chip->p.scale_bits == FLOAT_BITS))
        return SPS_OK;
    for (int i = 0; i < packed->op_count; i++)
        if (is_table(&packed->ops[i]) && packed->ops[i].affine == NULL) {
            out->known = 0;
            return SPS_OK;
        }
    sps_status status = read_all(&r, packed);
    if (status != SPS_OK)
        sps_chip_scales_reset(out);
    return status;
}

void sps_chip_scales_reset(struct sps_chip_scales *s)
{
    for (size_t i = 0; i < s->owned_count; i++)
        sps_free(s->owned[i]);
    sps_free(s->owned);
    *s = (struct sps_chip_scales){0};
}
