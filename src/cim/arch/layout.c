/* SPDX-License-Identifier: MIT */
#include "cim/arch/layout.h"

#include "core/memory.h"

static size_t tiles(size_t n, size_t most)
{
    return (n + most - 1) / most;
}

/* Row tiles are even: as many inputs in each as the next, up to one, so that no converter's range is wasted on a
 * remainder; their number is the least there can be. */
static size_t even(size_t n, size_t most)
{
    return tiles(n, tiles(n, most));
}

/* The papers count one bit for a pixel. */
static int planes_of(const struct sps_stage *s, int paper)
{
    return s->codes == SPS_NO_CODES || (s->codes == SPS_SIGNED_CODES && paper) ? 1 : s->code_bits;
}

static sps_status lay_out(struct sps_layer_layout *l, const struct sps_chip *chip, const struct sps_stage *s, int paper)
{
    const struct sps_chip_params *p = &chip->p;
    int single = p->cell == SPS_SINGLE;
    size_t rows = (size_t)p->rows, columns = (size_t)p->columns - (size_t)single;
    *l = (struct sps_layer_layout){.name = s->name,
                                   .fan_in = s->fan_in,
                                   .channels = s->channels,
                                   .positions = s->positions,
                                   .outputs = s->out_positions * s->channels,
                                   .planes = planes_of(s, paper),
                                   .entries = s->noise != NULL ? s->noise->entries : 1,
                                   .rows_per_input = single ? 1 : 2,
                                   .macs = s->macs};
    if (s->floats)
        SPS_FAIL(EUNSUPPORTED, "layer '%s' has float weights: the chip's cells hold bits", s->name);
    if (columns < 1)
        SPS_FAIL(EINVAL, "array.columns is 1, must be at least 2: one is the reference column");
    l->group = p->mapping == SPS_KERNELS && s->conv ? (size_t)s->window.c : s->fan_in;
    l->tile_inputs = even(l->group, rows / l->rows_per_input);
    l->row_tiles = s->fan_in / l->group * tiles(l->group, l->tile_inputs);
    l->column_tiles = tiles(s->channels, columns);
    l->tile_columns = even(s->channels, columns);
    l->arrays = (uint64_t)l->row_tiles * l->column_tiles;
    l->activations = l->arrays * l->positions * (uint64_t)l->planes;
    l->conversions = (uint64_t)l->row_tiles * l->channels * l->positions * (uint64_t)l->planes;
    return SPS_OK;
}

sps_status sps_layout_create(struct sps_layout **out, const struct sps_chip *chip, const struct sps_plan *plan,
                             int paper)
{
    struct sps_layout *layout = NULL;
    SPS_TRY(sps_calloc(&layout, 1, sizeof *layout, "a layout"));
    layout->chip = chip;
    layout->layer_count = plan->stage_count;
    sps_status status = sps_calloc(&layout->layer, (size_t)plan->stage_count, sizeof *layout->layer, "a layout");
    for (int i = 0; i < plan->stage_count && status == SPS_OK; i++)
        status = lay_out(&layout->layer[i], chip, &plan->stages[i], paper);
    if (status == SPS_OK)
        *out = layout;
    else
        sps_layout_free(layout);
    return status;
}

void sps_layout_free(struct sps_layout *layout)
{
    if (layout == NULL)
        return;
    sps_free(layout->layer);
    sps_free(layout);
}

size_t sps_layout_tile(const struct sps_layer_layout *l, size_t t, size_t *first)
{
    size_t in_group = tiles(l->group, l->tile_inputs), within = t % in_group * l->tile_inputs;
    *first = t / in_group * l->group + within;
    return l->group - within < l->tile_inputs ? l->group - within : l->tile_inputs;
}
