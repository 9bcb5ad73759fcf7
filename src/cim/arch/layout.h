/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_LAYOUT_H
#define SPS_CIM_LAYOUT_H
/* How a network lies on the arrays of a chip, and the exact counts that follow.
 *
 * A layer's inputs (the patch of an output position, taps outermost, channels innermost) are cut into row tiles, its
 * output channels into column tiles; a pair of both is an array.  At each position, and for each bit of the input, all
 * its arrays are activated once, and each channel's column in each row tile is converted once; the row tiles' numbers
 * are added up. */
#include "cim/arch/chip.h"
#include "engine/plan.h"

struct sps_layer_layout {
    const char *name;
    size_t fan_in, channels, positions, outputs; /* outputs: behind pooling, of the whole layer */
    int planes;                                  /* bits of an input, applied one after the other */
    int entries;                                 /* of its bank */
    size_t row_tiles, column_tiles;
    size_t tile_inputs;                  /* most inputs of a row tile */
    size_t group;                        /* inputs that are cut together: the fan-in, or a tap's channels */
    size_t rows_per_input, tile_columns; /* of an array; columns that hold weights */
    /* Per pass. */
    uint64_t arrays, activations, conversions, macs;
};

struct sps_layout {
    const struct sps_chip *chip;
    int layer_count;
    struct sps_layer_layout *layer;
};

/* paper: inputs of the first layer have one bit. */
sps_status sps_layout_create(struct sps_layout **out, const struct sps_chip *chip, const struct sps_plan *plan,
                             int paper);
void sps_layout_free(struct sps_layout *layout); /* NULL is allowed */

/* Inputs of row tile t: from *first on, so many. */
size_t sps_layout_tile(const struct sps_layer_layout *layer, size_t t, size_t *first);
#endif
