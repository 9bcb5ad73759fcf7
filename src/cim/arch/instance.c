/* SPDX-License-Identifier: MIT */
#include "cim/arch/instance.h"

#include <string.h>

#include "cim/cell/junction.h"
#include "core/memory.h"

/* ---- matrices ---- */

static int weight_at(const struct sps_stage *s, size_t channel, size_t i)
{
    return (int)(s->rows[channel * s->words + i / 32] >> i % 32 & 1);
}

/* What a driven word line adds to a column, in units of the difference that a weight makes, less what the reference
 * column, all antiparallel, adds. */
struct scale {
    double antiparallel, difference;
};

struct cell {
    double up, down; /* driven for +1, for -1 */
};

static struct cell cell_of(const struct sps_junction *top, const struct sps_junction *bottom, int weight)
{
    return (struct cell){weight ? top->parallel : top->antiparallel, weight ? bottom->antiparallel : bottom->parallel};
}

/* One input's cells in all columns of a layer, and in the reference columns of its arrays.  Random numbers belong to
 * (chip, layer, input): three in front for the reference, then the channels in order. */
static void fill_input(struct sps_chip_instance *chip, struct sps_chip_layer *l, size_t i)
{
    const struct sps_stage *s = l->stage;
    const struct sps_device_params *d = &chip->chip->device;
    struct sps_random random = sps_random(chip->options.seed, SPS_FOR_CHIP_CELL, (uint32_t)i, 0, (uint32_t)s->index);
    const struct sps_junction nominal = sps_junction_nominal(d);
    int made = chip->options.level != SPS_CHIP_IDEAL && sps_junction_varies(d), single = l->layout->rows_per_input == 1;
    double difference = nominal.parallel - nominal.antiparallel, up = nominal.antiparallel, down = up;
    for (size_t c = 0; c < s->channels; c++) {
        if (c % l->layout->tile_columns == 0 && made) { /* an array's first column: its reference goes before */
            up = sps_junction_draw(d, &random).antiparallel;
            down = sps_junction_draw(d, &random).antiparallel;
        }
        struct sps_junction top = made ? sps_junction_draw(d, &random) : nominal,
                            bottom = made && !single ? sps_junction_draw(d, &random) : nominal;
        struct cell cell = cell_of(&top, &bottom, weight_at(s, c, i));
        float plus = (float)((cell.up - up) / difference),
              minus = single ? 0 : (float)((cell.down - down) / difference);
        l->minus[i * l->width + c] = minus;
        l->rise[i * l->width + c] = plus - minus;
    }
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
    struct sps_random random =
        sps_random(chip->options.seed, SPS_FOR_CHIP_ADC, (uint32_t)t, 0, (uint32_t)l->stage->index);
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

static sps_status fill_layer(struct sps_chip_instance *chip, int index)
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
    SPS_TRY(sps_calloc(&l->base, columns, sizeof *l->base, "an array"));
    SPS_TRY(sps_calloc(&l->weight_sum, columns, sizeof *l->weight_sum, "an array"));
    SPS_TRY(sps_calloc(&l->gain, columns, sizeof *l->gain, "converters"));
    SPS_TRY(sps_calloc(&l->offset, columns, sizeof *l->offset, "converters"));
    SPS_TRY(sps_calloc(&l->adc, layout->row_tiles, sizeof *l->adc, "converters"));
    for (size_t i = 0; i < layout->fan_in; i++)
        fill_input(chip, l, i);
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
        *bytes += (2 * l->fan_in + 4 * l->row_tiles) * ((l->channels + 15) / 16 * 16) * sizeof(float);
    }
    sps_layout_free(layout);
    sps_plan_free(plan);
    return status;
}

/* ---- the instance ---- */

static sps_status make(struct sps_chip_instance *chip)
{
    const struct sps_device_params *d = &chip->chip->device;
    const struct sps_chip_params *p = &chip->chip->p;
    const struct sps_junction nominal = sps_junction_nominal(d);
    double difference = nominal.parallel - nominal.antiparallel;
    chip->parallel = nominal.parallel / difference;
    chip->antiparallel = nominal.antiparallel / difference;
    chip->noisy = chip->options.level != SPS_CHIP_IDEAL && (d->sigma_read > 0 || p->adc_noise > 0);
    SPS_TRY(sps_plan_create(&chip->plan, chip->packed));
    SPS_TRY(sps_layout_create(&chip->layout, chip->chip, chip->plan, 0));
    SPS_TRY(sps_calloc(&chip->layers, (size_t)chip->plan->stage_count, sizeof *chip->layers, "layers"));
    for (int i = 0; i < chip->plan->stage_count; i++)
        SPS_TRY(fill_layer(chip, i));
    const struct sps_backend backend = sps_backend_chip(chip);
    const struct sps_session_options options = {.threads = chip->options.threads};
    return sps_session_create_on(&chip->session, chip->packed, &options, &backend, NULL);
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
    for (int i = 0; chip->layers != NULL && i < chip->plan->stage_count; i++) {
        struct sps_chip_layer *l = &chip->layers[i];
        void *owned[] = {l->minus, l->rise, l->base, l->weight_sum, l->gain, l->offset, l->adc};
        for (size_t j = 0; j < sizeof owned / sizeof *owned; j++)
            sps_free(owned[j]);
    }
    sps_free(chip->layers);
    sps_layout_free(chip->layout);
    sps_plan_free(chip->plan);
    sps_free(chip);
}

struct sps_predictor sps_chip_instance_predictor(sps_chip_instance *chip)
{
    return sps_session_predictor(chip->session);
}
