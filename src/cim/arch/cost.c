/* SPDX-License-Identifier: MIT */
/* What a prediction costs: exact counts of each layer (counts.h), times what each of a kind costs (parts.h), times how
 * often the layer is made.
 *
 * A layer's sums are made once for each pass, its decisions (scales, comparisons, the pick of an entry) too; reuse
 * makes both fewer (reuse.h).  Arrays of a layer work side by side, positions and bits of the input one after the
 * other, layers one after the other; the stochastic unit works while the sums are made. */
#include <math.h>

#include "cim/arch/counts.h"
#include "cim/arch/parts.h"
#include "cim/arch/reuse.h"
#include "cim/array/junctions.h"
#include "cim/device/usage.h"
#include "core/memory.h"

/* X(item, name, part that says how it is come by, left out of the papers' account) */
#define ITEMS(X)                                                                                                       \
    X(CONDUCTION, "junctions", word_line, 0)                                                                           \
    X(LINES, "word lines", word_line, 0)                                                                               \
    X(DECODERS, "decoders", decoder, 0)                                                                                \
    X(CONVERSIONS, "conversions", comparator, 0)                                                                       \
    X(ADDITIONS, "additions", add, 0)                                                                                  \
    X(REGISTERS, "accumulators", flip_flop, 0)                                                                         \
    X(COMPARISONS, "comparisons", compare, 0)                                                                          \
    X(MULTIPLICATIONS, "scale multiplications", multiply, 0)                                                           \
    X(SCALES, "scale memory", sram, 0)                                                                                 \
    X(NORMALISATIONS, "normalisations", multiply, 1)                                                                   \
    X(SHORTCUTS, "shortcut additions", add, 1)                                                                         \
    X(RANDOM, "random bits", word_line, 0)                                                                             \
    X(AVERAGES, "averaging", average, 0)                                                                               \
    X(SOFTMAX, "softmax", exponential, 1)                                                                              \
    X(BUFFERS, "activation buffers", sram, 1)                                                                          \
    X(SKIPS, "skip buffers", sram, 1)                                                                                  \
    X(WIRES, "wires between tiles", wire, 1)                                                                           \
    X(CLOCK, "clock and control", clock, 1)                                                                            \
    X(LEAKAGE, "leakage", leakage, 1)

enum item {
#define ITEM_ENUM(item, ...) item,
    ITEMS(ITEM_ENUM)
#undef ITEM_ENUM
        ITEM_COUNT
};
_Static_assert((int)ITEM_COUNT <= (int)SPS_CHIP_ITEMS_MAX, "room for all items");

static const struct {
    const char *name;
    enum sps_part_key part;
    int only_full;
} items[] = {
#define ITEM_ROW(item, name, part, only_full) {name, SPS_PART_##part, only_full},
    ITEMS(ITEM_ROW)};

enum area { ARRAYS, CONVERTERS, ADDERS, SCALE_STORES, LAYER_BUFFERS, SKIP_BUFFERS, UNITS, AREA_COUNT };
_Static_assert((int)AREA_COUNT == (int)SPS_CHIP_AREAS, "a name for each area");
const char *const sps_chip_areas[] = {"arrays",  "converters",   "adders",          "scales",
                                      "buffers", "skip buffers", "stochastic units"};

enum { ACCUMULATOR_BITS = 16, SCALE_CELL_BITS = 3 };

/* ---- bands ---- */

static struct sps_band times(struct sps_band b, double by)
{
    return (struct sps_band){b.low * by, b.typical * by, b.high * by};
}

static void add(struct sps_band *to, struct sps_band b)
{
    to->low += b.low;
    to->typical += b.typical;
    to->high += b.high;
}

static struct sps_band part(enum sps_part_key key)
{
    const struct sps_part *p = &sps_parts[key];
    return (struct sps_band){p->low, p->typical, p->high};
}
#define PART(key) part(SPS_PART_##key)

/* ---- prices ---- */

struct pricing {
    const struct sps_chip *chip;
    const struct sps_plan *plan;
    const struct sps_layout *layout;
    struct sps_chip_cost *cost;
    struct sps_band price[ITEM_COUNT];
    struct sps_bit_cost bit;
    int paper;
};

static struct sps_band conversion(const struct sps_chip *chip, int bits)
{
    if (chip->p.adc == SPS_ADC_SENSE)
        return PART(sense);
    return chip->p.adc == SPS_ADC_SAR ? times(PART(sar_bit), bits) : times(PART(comparator), ldexp(1, bits) - 1);
}

static double conversion_time(const struct sps_chip *chip)
{
    return chip->p.adc == SPS_ADC_SENSE ? PART(sense_time).typical
           : chip->p.adc == SPS_ADC_SAR ? PART(sar_time).typical
                                        : PART(flash_time).typical;
}

static sps_status set_prices(struct pricing *p)
{
    const struct sps_chip *chip = p->chip;
    const struct sps_device_params *d = &chip->device->params;
    struct sps_band *price = p->price;
    struct sps_conductance g;
    SPS_TRY(sps_conductance_nominal(&g, chip->device));
    SPS_TRY(sps_bit_cost(&p->bit, &p->cost->extrapolated, chip->device, 0.5));
    double share = (double)chip->p.scale_bits / SPS_CHIP_WORD_BITS;
    double cell = d->read_voltage * d->read_voltage * d->read_time * (g.of[SPS_PARALLEL] + g.of[SPS_ANTIPARALLEL]) / 2;
    struct sps_band scale_cell = conversion(chip, SCALE_CELL_BITS);
    add(&scale_cell, (struct sps_band){4 * cell, 4 * cell, 4 * cell});
    price[CONDUCTION] = (struct sps_band){cell, cell, cell};
    price[LINES] = times(PART(word_line), (double)chip->p.columns / 128);
    price[DECODERS] = PART(decoder);
    price[CONVERSIONS] = conversion(chip, (int)chip->p.adc_bits);
    price[ADDITIONS] = PART(add);
    price[REGISTERS] = times(PART(flip_flop), ACCUMULATOR_BITS);
    price[COMPARISONS] = PART(compare);
    price[MULTIPLICATIONS] = times(PART(multiply), share * share);
    price[SCALES] = chip->p.scale == SPS_SCALE_CROSSBAR ? scale_cell : PART(sram);
    price[RANDOM] = (struct sps_band){p->bit.energy, p->bit.energy, p->bit.energy};
    /* A multiplication as wide as what is kept, and an addition. */
    double kept = (double)chip->p.skip_bits / SPS_CHIP_WORD_BITS;
    price[NORMALISATIONS] = times(PART(multiply), kept * kept);
    add(&price[NORMALISATIONS], PART(add));
    price[SHORTCUTS] = PART(add);
    price[SKIPS] = PART(sram);
    price[AVERAGES] = PART(average);
    price[SOFTMAX] = PART(exponential);
    price[BUFFERS] = PART(sram);
    return SPS_OK;
}

/* ---- one layer ---- */

static void spend(struct pricing *p, struct sps_chip_layer_cost *layer, enum item item, double count)
{
    if (p->paper && items[item].only_full)
        return;
    struct sps_band energy = times(p->price[item], count);
    p->cost->item[item].count += count;
    add(&p->cost->item[item].energy, energy);
    if (layer != NULL) {
        add(&layer->energy, energy);
        add(&layer->item_energy[item], energy);
    }
}

static void spend_layer(struct pricing *p, struct sps_chip_layer_cost *layer, const struct sps_layer_layout *l)
{
    const struct sps_chip_counts *c = &layer->counts;
    double sums = layer->sums, decisions = layer->decisions;
    double maxima = (double)(l->positions * l->channels - l->outputs);
    spend(p, layer, CONDUCTION, sums * (double)c->cells);
    spend(p, layer, LINES, sums * (double)c->lines);
    spend(p, layer, DECODERS, sums * (double)c->activations);
    spend(p, layer, CONVERSIONS, sums * (double)c->conversions);
    spend(p, layer, ADDITIONS, sums * (double)c->additions);
    spend(p, layer, REGISTERS, sums * (double)c->conversions);
    /* Maxima over a window are taken of sums, decisions of what is left. */
    spend(p, layer, COMPARISONS, sums * maxima + decisions * ((double)c->comparisons - maxima));
    spend(p, layer, NORMALISATIONS, decisions * (double)c->normalisations);
    spend(p, layer, SHORTCUTS, decisions * (double)c->shortcuts);
    spend(p, layer, SKIPS, decisions * (double)(c->skip_reads + c->skip_writes));
    spend(p, layer, MULTIPLICATIONS, decisions * (double)c->multiplications);
    spend(p, layer, SCALES, decisions * (double)c->scale_reads);
    spend(p, layer, RANDOM, p->cost->samples * c->random_bits);
    spend(p, layer, BUFFERS, sums * (double)c->memory_reads + decisions * (double)c->memory_writes);
}

static void set_times(struct sps_chip_layer_cost *layer, const struct pricing *p, const struct sps_layer_layout *l)
{
    const struct sps_chip *chip = p->chip;
    size_t turns = l->tile_columns < (size_t)chip->p.adc_share ? l->tile_columns : (size_t)chip->p.adc_share;
    double step = chip->device->params.read_time + (double)turns * conversion_time(chip);
    double sums = (double)l->positions * l->planes * step;
    double pick = layer->counts.random_bits * p->bit.time;
    if (chip->p.unit == SPS_UNIT_MAP || chip->p.unit == SPS_UNIT_NEURON)
        pick = p->bit.time; /* units side by side */
    /* A pick that takes longer than the sums is waited for. */
    layer->latency = layer->sums * sums + layer->decisions * (pick > sums ? pick - sums : 0);
}

/* bits: of an output, as the next layer reads it. */
static void set_area(struct sps_chip_layer_cost *layer, const struct sps_chip *chip, const struct sps_layer_layout *l,
                     int bits)
{
    const struct sps_chip_params *p = &chip->p;
    double cells = (double)p->rows * (double)p->columns / (128 * 128), arrays = (double)layer->counts.arrays,
           converters = ceil((double)p->columns / (double)p->adc_share),
           comparators = p->adc == SPS_ADC_FLASH ? ldexp(1, (int)p->adc_bits) - 1 : 0,
           share = (double)p->scale_bits / SPS_CHIP_WORD_BITS;
    struct sps_band *of = layer->area_of;
    add(&of[ARRAYS], times(PART(array_area), arrays * cells));
    add(&of[CONVERTERS], times(PART(comparator_area), arrays * converters * comparators));
    add(&of[CONVERTERS], times(PART(sar_area), p->adc == SPS_ADC_SAR ? arrays * converters : 0));
    add(&of[ADDERS], times(PART(add_area), arrays * converters));
    add(&of[ADDERS], times(PART(flip_flop_area), arrays * ACCUMULATOR_BITS * (double)p->columns));
    add(&of[SCALE_STORES], times(PART(array_area), cells * (double)layer->counts.scale_arrays));
    if (p->scale_use == SPS_SCALE_MULTIPLY)
        add(&of[SCALE_STORES], times(PART(multiply_area), share * share * converters * (double)l->column_tiles));
    if (p->scale == SPS_SCALE_SRAM)
        add(&of[SCALE_STORES], times(PART(sram_area), (double)l->entries * (double)(l->channels) * share * 4 / 1024));
    /* Two buffers, so that one layer writes while the next reads. */
    add(&of[LAYER_BUFFERS], times(PART(sram_area), 2 * (double)l->outputs * bits / 8 / 1024));
    add(&of[SKIP_BUFFERS], times(PART(sram_area), (double)layer->counts.skip_bits / 8 / 1024));
    add(&of[UNITS], times(PART(unit_area), (double)layer->counts.units));
    for (int i = 0; i < AREA_COUNT; i++)
        add(&layer->area, of[i]);
}

static struct sps_chip_tiles tiles_of(const struct sps_chip *chip, const struct sps_layer_layout *l)
{
    return (struct sps_chip_tiles){.inputs = l->fan_in,
                                   .channels = l->channels,
                                   .row_tiles = l->row_tiles,
                                   .column_tiles = l->column_tiles,
                                   .group = l->group,
                                   .tile_inputs = l->tile_inputs,
                                   .tile_columns = l->tile_columns,
                                   .rows_per_input = l->rows_per_input,
                                   .array_rows = (uint64_t)chip->p.rows,
                                   .array_columns = (uint64_t)chip->p.columns};
}

static void price_layer(struct pricing *p, int i)
{
    struct sps_chip_cost *cost = p->cost;
    struct sps_chip_layer_cost *layer = &cost->layer[i];
    const struct sps_packed *m = p->plan->packed;
    const struct sps_stage *s = &p->plan->stages[i];
    int picks = 0;
    for (int k = 0; k < i; k++)
        picks += p->plan->stages[k].noise != NULL;
    layer->counts = sps_count_layer(p->chip, p->plan, s, &p->layout->layer[i]);
    layer->tiles = tiles_of(p->chip, &p->layout->layer[i]);
    layer->sums = layer->decisions = cost->samples;
    if (p->chip->p.reuse == SPS_REUSE_FIRST && i == 0)
        layer->sums = 1;
    if (p->chip->p.reuse == SPS_REUSE_PATHS) {
        layer->sums = sps_expected_prefixes(m, picks, cost->samples);
        layer->decisions = sps_expected_prefixes(m, picks + (s->noise != NULL), cost->samples);
    }
    spend_layer(p, layer, &p->layout->layer[i]);
    set_times(layer, p, &p->layout->layer[i]);
    set_area(layer, p->chip, &p->layout->layer[i], !s->last && s[1].codes ? s[1].code_bits : 1);
    sps_count_add(&cost->counts, &layer->counts);
    for (int k = 0; k < AREA_COUNT; k++)
        add(&cost->area_of[k], layer->area_of[k]);
    add(&cost->area, layer->area);
    cost->latency += layer->latency;
}

/* ---- all ---- */

/* What only the whole chip shows. */
static void price_whole(struct pricing *p)
{
    struct sps_chip_cost *cost = p->cost;
    const struct sps_chip *chip = p->chip;
    double classes = p->plan->packed->classes, bits = 0;
    struct sps_band digital = {0};
    if (chip->p.unit == SPS_UNIT_NETWORK && cost->counts.random_bits > 0) {
        cost->counts.units = 1;
        add(&cost->area_of[UNITS], PART(unit_area));
        add(&cost->area, PART(unit_area));
    }
    spend(p, NULL, AVERAGES, cost->samples * classes);
    spend(p, NULL, SOFTMAX, cost->samples * classes);
    /* Conversions of all row tiles but one, and buffers' words, cross half of the chip's side on average. */
    for (int i = 0; i < cost->layer_count; i++) {
        const struct sps_chip_layer_cost *l = &cost->layer[i];
        bits += l->sums * ((double)l->counts.transfers * (double)chip->p.adc_bits +
                           SPS_CHIP_WORD_BITS * (double)l->counts.memory_reads) +
                l->decisions * SPS_CHIP_WORD_BITS *
                    (double)(l->counts.memory_writes + l->counts.skip_reads + l->counts.skip_writes);
    }
    p->price[WIRES] = times(PART(wire), sqrt(cost->area.typical) * 1e3 / 2);
    spend(p, NULL, WIRES, bits);
    static const enum item digitals[] = {ADDITIONS,      REGISTERS, COMPARISONS, MULTIPLICATIONS, SCALES,
                                         NORMALISATIONS, SHORTCUTS, AVERAGES,    BUFFERS,         SKIPS};
    for (size_t i = 0; i < sizeof digitals / sizeof *digitals; i++)
        add(&digital, cost->item[digitals[i]].energy);
    p->price[CLOCK] = (struct sps_band){PART(clock).low * digital.low, PART(clock).typical * digital.typical,
                                        PART(clock).high * digital.high};
    spend(p, NULL, CLOCK, 1);
    /* An array leaks by its periphery, and where the cells' transistors do, by those. */
    double cells = (double)chip->p.rows * (double)chip->p.columns * chip->p.leakage * chip->device->params.read_voltage;
    p->price[LEAKAGE] = times(PART(leakage), cost->latency);
    add(&p->price[LEAKAGE], (struct sps_band){cells * cost->latency, cells * cost->latency, cells * cost->latency});
    spend(p, NULL, LEAKAGE, (double)(cost->counts.arrays + cost->counts.scale_arrays));
    const struct sps_device_params *d = &chip->device->params;
    cost->write_energy = (double)cost->counts.devices * d->write_energy;
    cost->write_time = (double)chip->p.rows * d->write_time;
    cost->unit_power = (double)cost->counts.units * p->bit.power;
    /* Each bit is a SET and a RESET of the unit that is asked. */
    double asked = cost->samples * cost->counts.random_bits / (cost->counts.units > 0 ? (double)cost->counts.units : 1);
    cost->lifetime = asked > 0 ? d->endurance / (2 * asked) : INFINITY;
}

static enum sps_part_key part_of_conversions(const struct sps_chip *chip)
{
    return chip->p.adc == SPS_ADC_SENSE ? SPS_PART_sense
           : chip->p.adc == SPS_ADC_SAR ? SPS_PART_sar_bit
                                        : SPS_PART_comparator;
}

static void name_items(struct pricing *p)
{
    struct sps_chip_cost *cost = p->cost;
    cost->item_count = ITEM_COUNT;
    for (int i = 0; i < ITEM_COUNT; i++) {
        const struct sps_part *from = &sps_parts[i == CONVERSIONS ? part_of_conversions(p->chip) : items[i].part];
        struct sps_chip_item *item = &cost->item[i];
        item->name = items[i].name;
        int of_device = i == CONDUCTION || i == RANDOM;
        item->method = of_device ? "simulated" : from->method;
        item->source = i == CONDUCTION ? "read voltage squared, times conductance and time of a read, of the device"
                       : i == RANDOM   ? "SET, read and RESET of the device's stochastic unit at p = 1/2"
                                       : from->source;
        item->node = of_device ? 0 : from->node;
        item->only_full = items[i].only_full;
        item->each = p->price[i];
        add(&cost->energy, item->energy);
    }
}

static sps_status price_all(struct pricing *p)
{
    struct sps_chip_cost *cost = p->cost;
    cost->layer_count = p->plan->stage_count;
    SPS_TRY(sps_calloc(&cost->layer, (size_t)cost->layer_count, sizeof *cost->layer, "costs"));
    SPS_TRY(set_prices(p));
    for (int i = 0; i < cost->layer_count; i++)
        price_layer(p, i);
    price_whole(p);
    name_items(p);
    return SPS_OK;
}

sps_status sps_chip_cost(struct sps_chip_cost **out, const sps_chip *chip, const sps_packed *packed, uint32_t samples,
                         enum sps_chip_account account)
{
    struct sps_plan *plan = NULL;
    struct sps_layout *layout = NULL;
    struct sps_chip_cost *cost = NULL;
    sps_status status = SPS_OK;
    if (samples < 1)
        SPS_FAIL(EINVAL, "samples is 0, must be at least 1");
    SPS_TRY_OUT(sps_plan_create(&plan, packed));
    SPS_TRY_OUT(sps_layout_create(&layout, chip, plan, account == SPS_CHIP_PAPER));
    SPS_TRY_OUT(sps_calloc(&cost, 1, sizeof *cost, "costs"));
    cost->samples = samples;
    struct pricing p = {.chip = chip, .plan = plan, .layout = layout, .cost = cost, .paper = account == SPS_CHIP_PAPER};
    SPS_TRY_OUT(price_all(&p));
    *out = cost;
    cost = NULL;
out:
    sps_chip_cost_free(cost);
    sps_layout_free(layout);
    sps_plan_free(plan);
    return status;
}

void sps_chip_cost_free(struct sps_chip_cost *cost)
{
    if (cost == NULL)
        return;
    sps_free(cost->layer);
    sps_free(cost);
}
