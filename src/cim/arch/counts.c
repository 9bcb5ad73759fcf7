/* SPDX-License-Identifier: MIT */
#include "cim/arch/counts.h"

#include <math.h>

#include "cim/cell/scale_cell.h"

/* Fair bits for one of N equally likely entries, where picks beyond N are thrown away and drawn again; one biased bit
 * chooses between two (Scale-Dropout). */
static double bits_of_pick(int entries)
{
    if (entries < 2)
        return 0;
    double bits = ceil(log2(entries));
    return bits * ldexp(1, (int)bits) / entries;
}

static void count_units(struct sps_chip_counts *c, const struct sps_chip *chip, const struct sps_stage *s)
{
    uint64_t inputs = s->conv ? (uint64_t)s->window.c : s->fan_in;
    int noisy = s->noise != NULL && s->noise->entries > 1;
    uint64_t picks = chip->p.unit == SPS_UNIT_MAP ? inputs : chip->p.unit == SPS_UNIT_NEURON ? s->fan_in : 1;
    c->units = noisy && chip->p.unit != SPS_UNIT_NETWORK ? picks : 0;
    c->random_bits = noisy ? (double)picks * bits_of_pick(s->noise->entries) : 0;
}

static uint64_t words_of(uint64_t bits)
{
    return (bits + SPS_CHIP_WORD_BITS - 1) / SPS_CHIP_WORD_BITS;
}

/* Scores alone are no more than the comparisons of a decision; all else that is done in reals is counted. */
static int has_reals(const struct sps_stage *s)
{
    return s->threshold == NULL && !(s->last && s->end - s->begin == 1);
}

static void count_real(struct sps_chip_counts *c, const struct sps_chip *chip, const struct sps_plan *plan,
                       const struct sps_stage *s, int index)
{
    const struct sps_packed *m = plan->packed;
    const struct sps_op *op = &m->ops[index];
    const struct sps_value *in = sps_packed_value(m, op->from[0]);
    uint64_t size = sps_value_size(&op->result), bits = (uint64_t)chip->p.skip_bits;
    if (plan->kept[index + 1]) {
        c->skip_bits += size * bits;
        c->skip_writes += words_of(size * bits);
    }
    if (op->kind == SPS_OP_affine || op->kind == SPS_OP_rprelu || op->kind == SPS_OP_quantise)
        c->normalisations += size;
    if (op->kind == SPS_OP_hard_tanh)
        c->comparisons += 2 * size; /* with either end */
    if (op->kind == SPS_OP_relu || op->kind == SPS_OP_rprelu || op->kind == SPS_OP_sign)
        c->comparisons += size;
    if (op->kind == SPS_OP_pool)
        *(op->average ? &c->shortcuts : &c->comparisons) += sps_value_size(in) - size;
    for (int k = 0; k < op->from_count; k++) /* what earlier layers left in a buffer */
        if (op->from[k] <= s->begin && plan->kept[op->from[k]]) {
            const struct sps_value *from = &m->ops[op->from[k] - 1].result;
            uint64_t read = op->kind == SPS_OP_add && k == 1
                                ? (uint64_t)op->result.h * (uint64_t)op->result.w * (uint64_t)from->c
                                : sps_value_size(from);
            c->skip_reads += words_of(read * bits);
        }
    if (op->kind == SPS_OP_add)
        c->shortcuts += (uint64_t)op->result.h * (uint64_t)op->result.w * (uint64_t)m->ops[op->from[1] - 1].result.c;
}

/* Sums that become reals: no thresholds, but a slope and an offset for each channel and entry. */
static void count_reals(struct sps_chip_counts *c, const struct sps_chip *chip, const struct sps_plan *plan,
                        const struct sps_stage *s, const struct sps_layer_layout *l)
{
    c->comparisons = (uint64_t)l->positions * l->channels - l->outputs; /* of pooling */
    if (chip->p.scale != SPS_SCALE_CROSSBAR)
        c->scale_reads *= 2;
    for (int i = s->begin; i < s->end; i++)
        count_real(c, chip, plan, s, i);
    if (!s->last)
        c->memory_writes = words_of(s[1].reads > 0 ? 0 : s[1].in_size * (size_t)(s[1].codes ? s[1].code_bits : 1));
}

struct sps_chip_counts sps_count_layer(const struct sps_chip *chip, const struct sps_plan *plan,
                                       const struct sps_stage *s, const struct sps_layer_layout *l)
{
    struct sps_chip_counts c = {.name = l->name,
                                .arrays = l->arrays,
                                .activations = l->activations,
                                .conversions = l->conversions,
                                .macs = l->macs};
    uint64_t positions = (uint64_t)l->positions * (uint64_t)l->planes,
             cells = (uint64_t)sps_scale_cells((int)chip->p.scale_bits);
    /* Of single junctions only those at +1 are driven, half of them on average. */
    double driven = l->rows_per_input == 1 ? 0.5 : 1;
    c.lines = (uint64_t)(driven * (double)(positions * l->fan_in * l->column_tiles));
    c.cells = (uint64_t)(driven * (double)(positions * l->fan_in * (l->channels + l->column_tiles)));
    c.devices = l->fan_in * l->rows_per_input * (l->channels + l->column_tiles);
    c.additions = l->conversions - (uint64_t)l->positions * l->channels;
    c.transfers = l->conversions - l->conversions / l->row_tiles;
    c.comparisons = (uint64_t)l->positions * l->channels;
    c.outputs = l->outputs;
    c.multiplications = chip->p.scale_use == SPS_SCALE_MULTIPLY ? l->outputs : 0;
    if (chip->p.scale == SPS_SCALE_CROSSBAR) {
        uint64_t rows = (uint64_t)chip->p.rows, columns = (uint64_t)chip->p.columns;
        c.scale_arrays = ((uint64_t)l->entries + rows - 1) / rows * ((l->channels * cells + columns - 1) / columns);
        c.scale_reads = l->channels * cells;
        c.devices += (uint64_t)l->entries * l->channels * cells * (SPS_SCALE_JUNCTIONS);
    } else {
        c.scale_reads = (l->channels * (uint64_t)chip->p.scale_bits + SPS_CHIP_WORD_BITS - 1) / SPS_CHIP_WORD_BITS;
    }
    /* A window that moves on by its stride needs its new columns; a dense layer all of its input. */
    uint64_t fresh =
        s->conv ? (uint64_t)s->window.kernel * (uint64_t)s->window.stride * (uint64_t)s->window.c : l->fan_in;
    c.memory_reads = (positions * fresh + SPS_CHIP_WORD_BITS - 1) / SPS_CHIP_WORD_BITS;
    c.memory_writes = s->last ? l->outputs : (l->outputs + SPS_CHIP_WORD_BITS - 1) / SPS_CHIP_WORD_BITS;
    if (has_reals(s))
        count_reals(&c, chip, plan, s, l);
    count_units(&c, chip, s);
    return c;
}

void sps_count_add(struct sps_chip_counts *to, const struct sps_chip_counts *c)
{
#define SUM(field) to->field += c->field
    SUM(arrays);
    SUM(scale_arrays);
    SUM(devices);
    SUM(units);
    SUM(activations);
    SUM(conversions);
    SUM(lines);
    SUM(cells);
    SUM(additions);
    SUM(transfers);
    SUM(comparisons);
    SUM(outputs);
    SUM(multiplications);
    SUM(scale_reads);
    SUM(memory_reads);
    SUM(memory_writes);
    SUM(normalisations);
    SUM(shortcuts);
    SUM(skip_reads);
    SUM(skip_writes);
    SUM(skip_bits);
    SUM(macs);
    SUM(random_bits);
#undef SUM
}
