/* SPDX-License-Identifier: MIT */
#include "cim/arch/instance.h"

#include <math.h>
#include <string.h>

#include "cim/array/junctions.h"
#include "cim/device/variation.h"
#include "core/memory.h"
#include "core/team.h"
#include "spinscale/crossbar.h"

/* ---- matrices ---- */

static int weight_at(const struct sps_stage *s, size_t channel, size_t i)
{
    return (int)(s->rows[channel * s->words + i / 32] >> i % 32 & 1);
}

/* One array of a layer: row tile t, column tile u. */
struct array {
    struct sps_chip_instance *chip;
    struct sps_chip_layer *layer;
    size_t first, inputs;    /* of the tile */
    size_t channel, columns; /* first channel; without the reference column, which is the last */
    size_t rows, width;      /* of the array */
    uint32_t number;
    double *g; /* [rows][width] */
};

/* A pair of junctions holds +1 as parallel, antiparallel; a single junction as parallel. */
static void write_states(uint8_t *states, const struct array *a)
{
    size_t lines = a->rows / a->inputs;
    for (size_t i = 0; i < a->rows; i++)
        for (size_t c = 0; c < a->width; c++) {
            int up = c < a->columns && weight_at(a->layer->stage, a->channel + c, a->first + i / lines);
            if (c < a->columns && i % lines == 1)
                up = !up;
            states[i * a->width + c] = up ? SPS_PARALLEL : SPS_ANTIPARALLEL;
        }
}

/* Mean over the junctions written parallel, less that over those written antiparallel. */
static double contrast(const double *g, const uint8_t *states, size_t count)
{
    double sum[2] = {0, 0}, n[2] = {0, 0};
    for (size_t i = 0; i < count; i++) {
        sum[states[i]] += g[i];
        n[states[i]]++;
    }
    return n[0] > 0 && n[1] > 0 ? sum[SPS_PARALLEL] / n[SPS_PARALLEL] - sum[SPS_ANTIPARALLEL] / n[SPS_ANTIPARALLEL] : 0;
}

/* With wires, g becomes the conductances that the whole array has from each word line to each column.  Wires take from
 * all columns alike, most of all: so each array's full scale is trimmed once, by the contrast that is left. */
static sps_status add_wires(struct array *a, const uint8_t *states)
{
    const struct sps_chip_params *p = &a->chip->chip->p;
    const struct sps_crossbar_options options = {.r_word_line = p->word_line, .r_bit_line = p->bit_line};
    sps_crossbar *crossbar = NULL;
    double before = contrast(a->g, states, a->rows * a->width);
    SPS_TRY(sps_crossbar_create(&crossbar, a->g, a->rows, a->width, &options));
    sps_status status = sps_crossbar_fold(crossbar, a->g);
    sps_crossbar_free(crossbar);
    double after = contrast(a->g, states, a->rows * a->width);
    for (size_t i = 0; i < a->rows * a->width && before > 0 && after > 0; i++)
        a->g[i] *= before / after;
    return status;
}

/* What a line that is not driven adds to a column.  The closed transistor decides, whatever the junction behind it. */
static double leaks(const struct array *a, size_t line, size_t column)
{
    const struct sps_chip_params *p = &a->chip->chip->p;
    double g = p->leakage / a->chip->chip->device->params.read_voltage, sigma = p->leakage_spread;
    struct sps_random random =
        sps_random(a->chip->seed, SPS_FOR_LEAKAGE, (uint32_t)(line * a->width + column), a->number, 0);
    return g * exp(sigma * (double)sps_random_normal(&random) - sigma * sigma / 2);
}

/* The same in junctions, less what it adds to the reference column: up and down lines of an input, or one line. */
static void count_leakage(const struct array *a, double unit)
{
    struct sps_chip_layer *l = a->layer;
    size_t lines = a->rows / a->inputs;
    for (size_t i = 0; i < a->inputs; i++) {
        double reference[2] = {0, 0};
        for (size_t k = 0; k < lines; k++)
            reference[k] = leaks(a, i * lines + k, a->columns);
        for (size_t c = 0; c < a->columns; c++) {
            size_t at = (a->first + i) * l->width + a->channel + c;
            double part[2] = {0, 0};
            for (size_t k = 0; k < lines; k++)
                part[k] = (leaks(a, i * lines + k, c) - reference[k]) * unit;
            /* +1 leaves the second line of a pair idle, -1 the first. */
            l->minus[at] += (float)part[0];
            l->rise[at] += (float)(part[1] - part[0]);
            l->idle[at] = (float)(part[0] + part[1]);
        }
    }
}

/* What a driven word line adds to a column, in units of the difference that a weight makes, less what it adds to the
 * reference column. */
static void count_in_junctions(const struct array *a)
{
    struct sps_chip_layer *l = a->layer;
    const struct sps_conductance *nominal = &a->chip->nominal;
    size_t lines = a->rows / a->inputs;
    double unit = 1 / (nominal->of[SPS_PARALLEL] - nominal->of[SPS_ANTIPARALLEL]);
    for (size_t i = 0; i < a->inputs; i++) {
        const double *up = a->g + i * lines * a->width, *down = up + a->width;
        for (size_t c = 0; c < a->columns; c++) {
            size_t at = (a->first + i) * l->width + a->channel + c;
            float plus = (float)((up[c] - up[a->columns]) * unit);
            l->minus[at] = lines == 2 ? (float)((down[c] - down[a->columns]) * unit) : 0;
            l->rise[at] = plus - l->minus[at];
        }
    }
    if (l->idle != NULL)
        count_leakage(a, unit);
}

static sps_status fill_array(struct array *a)
{
    const struct sps_chip_instance *chip = a->chip;
    uint8_t *states = NULL;
    size_t cells = a->rows * a->width;
    SPS_TRY(sps_calloc(&a->g, cells, sizeof *a->g, "an array"));
    sps_status status = sps_calloc(&states, cells, 1, "an array");
    if (status == SPS_OK) {
        write_states(states, a);
        sps_junctions_fill(a->g, states, a->rows, a->width, chip->chip->device, &chip->nominal,
                           chip->options.level != SPS_CHIP_IDEAL, chip->seed, a->number, 0);
        if (chip->options.level == SPS_CHIP_ANALOG)
            status = add_wires(a, states);
    }
    if (status == SPS_OK)
        count_in_junctions(a);
    sps_free(states);
    sps_free(a->g);
    return status;
}

/* Arrays are made side by side. */
struct arrays {
    struct sps_chip_instance *chip;
    struct sps_chip_layer *layer;
    uint32_t before; /* arrays of the layers before */
};

static struct array array_at(const struct arrays *all, size_t k)
{
    const struct sps_layer_layout *layout = all->layer->layout;
    struct array a = {.chip = all->chip, .layer = all->layer, .number = all->before + (uint32_t)k};
    a.inputs = sps_layout_tile(layout, k / layout->column_tiles, &a.first);
    a.channel = k % layout->column_tiles * layout->tile_columns;
    a.columns = layout->channels - a.channel;
    a.columns = a.columns < layout->tile_columns ? a.columns : layout->tile_columns;
    a.rows = a.inputs * layout->rows_per_input;
    a.width = a.columns + 1;
    return a;
}

static sps_status array_task(void *work, size_t k, int worker)
{
    (void)worker;
    struct array a = array_at(work, k);
    return fill_array(&a);
}

static void fill_tile(struct sps_chip_layer *l, size_t t)
{
    size_t first = 0, count = sps_layout_tile(l->layout, t, &first), at = t * l->width;
    for (size_t i = first; i < first + count; i++)
        for (size_t c = 0; c < l->stage->channels; c++) {
            l->base[at + c] += l->minus[i * l->width + c];
            l->weight_sum[at + c] += (float)(2 * weight_at(l->stage, c, i) - 1);
        }
}

/* Columns that take turns at a converter share its errors. */
static void fill_converters(struct sps_chip_instance *chip, struct sps_chip_layer *l, size_t t)
{
    const struct sps_chip_params *p = &chip->chip->p;
    struct sps_random random = sps_random(chip->seed, SPS_FOR_ADC, (uint32_t)t, 0, (uint32_t)l->stage->index);
    size_t first = 0, inputs = sps_layout_tile(l->layout, t, &first);
    int ideal = chip->options.level == SPS_CHIP_IDEAL;
    l->adc[t] = ideal ? (struct sps_adc){0, 1, (float)inputs} : sps_adc_for(inputs, (int)p->adc_bits, p->adc_span);
    float gain = 1, offset = 0;
    for (size_t c = 0; c < l->width; c++) {
        if (c % l->layout->tile_columns % (size_t)p->adc_share == 0 && !ideal) {
            gain = 1 + (float)p->adc_gain * sps_random_normal(&random);
            offset = (float)p->adc_offset * sps_random_normal(&random);
        }
        l->gain[t * l->width + c] = gain;
        l->offset[t * l->width + c] = offset;
    }
}

/* Where all cells leak alike, the reference column takes all of it off. */
static int leaking(const struct sps_chip_instance *chip)
{
    const struct sps_chip_params *p = &chip->chip->p;
    return chip->options.level != SPS_CHIP_IDEAL && p->leakage > 0 && p->leakage_spread > 0;
}

static sps_status fill_layer(struct sps_chip_instance *chip, int index, uint32_t *arrays, sps_team *team)
{
    struct sps_chip_layer *l = &chip->layers[index];
    const struct sps_layer_layout *layout = &chip->layout->layer[index];
    l->stage = &chip->plan->stages[index];
    l->layout = layout;
    l->width = (layout->channels + 15) / 16 * 16;
    size_t cells = layout->fan_in * l->width, columns = layout->row_tiles * l->width;
    if (l->stage->mask != NULL)
        SPS_FAIL(EUNSUPPORTED, "layer '%s' drops inputs or weights: the chip has no units for that", layout->name);
    if (l->stage->codes && layout->fan_in > 1 << 15) /* sums of codes stay exact in float32 */
        SPS_FAIL(EUNSUPPORTED, "layer '%s' adds up %zu codes, a chip at most 32768", layout->name, layout->fan_in);
    SPS_TRY(sps_calloc(&l->minus, cells, sizeof *l->minus, "an array"));
    SPS_TRY(sps_calloc(&l->rise, cells, sizeof *l->rise, "an array"));
    if (leaking(chip))
        SPS_TRY(sps_calloc(&l->idle, cells, sizeof *l->idle, "an array"));
    SPS_TRY(sps_calloc(&l->base, columns, sizeof *l->base, "an array"));
    SPS_TRY(sps_calloc(&l->weight_sum, columns, sizeof *l->weight_sum, "an array"));
    SPS_TRY(sps_calloc(&l->gain, columns, sizeof *l->gain, "converters"));
    SPS_TRY(sps_calloc(&l->offset, columns, sizeof *l->offset, "converters"));
    SPS_TRY(sps_calloc(&l->adc, layout->row_tiles, sizeof *l->adc, "converters"));
    struct arrays all = {chip, l, *arrays};
    SPS_TRY(sps_team_try(team, (size_t)layout->arrays, array_task, &all));
    *arrays += (uint32_t)layout->arrays;
    for (size_t t = 0; t < layout->row_tiles; t++) {
        fill_tile(l, t);
        fill_converters(chip, l, t);
    }
    return SPS_OK;
}

sps_status sps_chip_instance_size(size_t *bytes, const sps_chip *chip, const sps_packed *packed)
{
    struct sps_plan *plan = NULL;
    struct sps_layout *layout = NULL;
    SPS_TRY(sps_plan_create(&plan, packed));
    sps_status status = sps_layout_create(&layout, chip, plan, 0);
    *bytes = 0;
    for (int i = 0; i < plan->stage_count && status == SPS_OK; i++) {
        const struct sps_layer_layout *l = &layout->layer[i];
        size_t matrices = chip->p.leakage > 0 && chip->p.leakage_spread > 0 ? 3 : 2;
        *bytes += (matrices * l->fan_in + 4 * l->row_tiles) * ((l->channels + 15) / 16 * 16) * sizeof(float);
    }
    sps_layout_free(layout);
    sps_plan_free(plan);
    return status;
}

/* ---- the instance ---- */

static sps_status fill_layers(struct sps_chip_instance *chip)
{
    uint32_t arrays = 0;
    sps_team *team = NULL;
    sps_status status = sps_team_create(&team, chip->options.threads > 0 ? chip->options.threads : sps_cores());
    for (int i = 0; i < chip->plan->stage_count && status == SPS_OK; i++)
        status = fill_layer(chip, i, &arrays, team);
    sps_team_free(team);
    return status;
}

static void draw_by_units(const void *self, uint8_t *picks, uint64_t seed, uint32_t image, uint32_t pass)
{
    (void)seed; /* the chip's own decides */
    sps_mtj_draw(self, picks, image, pass);
}

static sps_status make_units(struct sps_chip_instance *chip)
{
    static const enum sps_arrangement arrangements[] = {[SPS_UNIT_NETWORK] = SPS_UNIT_PER_NETWORK,
                                                        [SPS_UNIT_LAYER] = SPS_UNIT_PER_LAYER,
                                                        [SPS_UNIT_MAP] = SPS_UNIT_PER_MAP,
                                                        [SPS_UNIT_NEURON] = SPS_UNIT_PER_NEURON};
    const struct sps_mtj_options options = {chip->seed, chip->options.samples > 0 ? chip->options.samples : 1,
                                            arrangements[chip->chip->p.unit]};
    return sps_mtj_create(&chip->mtj, chip->chip->device, chip->packed->banks, chip->packed->noise_count, &options);
}

static sps_status make(struct sps_chip_instance *chip)
{
    const struct sps_device_params *d = &chip->chip->device->params;
    chip->seed = sps_chip_seed(chip->options.seed, 0);
    chip->noisy = chip->options.level != SPS_CHIP_IDEAL && (d->sigma_read > 0 || chip->chip->p.adc_noise > 0);
    SPS_TRY(sps_conductance_nominal(&chip->nominal, chip->chip->device));
    SPS_TRY(sps_chip_scales_init(&chip->scales, chip->packed, chip->chip, chip->seed,
                                 chip->options.level == SPS_CHIP_IDEAL));
    SPS_TRY(sps_plan_create(&chip->plan, &chip->scales.packed));
    SPS_TRY(sps_layout_create(&chip->layout, chip->chip, chip->plan, 0));
    SPS_TRY(sps_calloc(&chip->layers, (size_t)chip->plan->stage_count, sizeof *chip->layers, "layers"));
    SPS_TRY(fill_layers(chip));
    const struct sps_backend backend = sps_backend_chip(chip);
    const struct sps_session_options options = {.threads = chip->options.threads};
    if (chip->options.mtj)
        SPS_TRY(make_units(chip));
    const struct sps_sampler sampler = {chip->mtj, draw_by_units};
    return sps_session_create_on(&chip->session, &chip->scales.packed, &options, &backend,
                                 chip->mtj != NULL ? &sampler : NULL);
}

sps_status sps_chip_instance_create(sps_chip_instance **out, const sps_chip *chip, const sps_packed *packed,
                                    const struct sps_chip_instance_options *options)
{
    struct sps_chip_instance *made = NULL;
    SPS_TRY(sps_calloc(&made, 1, sizeof *made, "a chip"));
    made->chip = chip;
    made->packed = packed;
    made->options = *options;
    sps_status status = make(made);
    if (status == SPS_OK)
        *out = made;
    else
        sps_chip_instance_free(made);
    return status;
}

void sps_chip_instance_free(sps_chip_instance *chip)
{
    if (chip == NULL)
        return;
    sps_session_free(chip->session);
    sps_mtj_free(chip->mtj);
    for (int i = 0; chip->layers != NULL && i < chip->plan->stage_count; i++) {
        struct sps_chip_layer *l = &chip->layers[i];
        void *owned[] = {l->minus, l->rise, l->idle, l->base, l->weight_sum, l->gain, l->offset, l->adc};
        for (size_t j = 0; j < sizeof owned / sizeof *owned; j++)
            sps_free(owned[j]);
    }
    sps_free(chip->layers);
    sps_layout_free(chip->layout);
    sps_plan_free(chip->plan);
    sps_chip_scales_reset(&chip->scales);
    sps_free(chip);
}

struct sps_chip_facts sps_chip_instance_facts(const sps_chip_instance *chip)
{
    const struct sps_scale_errors *e = &chip->scales.errors;
    return (struct sps_chip_facts){.extrapolated = chip->mtj != NULL && sps_mtj_extrapolated(chip->mtj),
                                   .scales_known = chip->scales.known,
                                   .scales = e->scales,
                                   .scales_wrong = e->wrong,
                                   .scale_error = e->rms};
}

struct sps_predictor sps_chip_instance_predictor(sps_chip_instance *chip)
{
    return sps_session_predictor(chip->session);
}
