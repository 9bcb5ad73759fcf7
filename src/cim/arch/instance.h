/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_INSTANCE_H
#define SPS_CIM_INSTANCE_H
/* One chip with devices of its own, and a model's weights in them.
 *
 * An array is linear in what drives it: word lines that are not driven lie at 0 V.  So whatever the level (designed
 * junctions, junctions as made, with or without wires), a layer is a matrix: what a driven input adds to each column's
 * current, once where it is +1, once where it is -1, counted in junctions (cim/periph/adc.h) with the share of the
 * reference column taken off.  Lines that are not driven add what their closed access transistors let through, where
 * array.leakage says so. */
#include "cim/arch/layout.h"
#include "cim/arch/scales.h"
#include "cim/array/junctions.h"
#include "cim/device/mtj.h"
#include "cim/periph/adc.h"
#include "engine/session.h"

struct sps_chip_layer {
    const struct sps_stage *stage;
    const struct sps_layer_layout *layout;
    size_t width;         /* channels, in whole vectors */
    float *minus;         /* [fan_in][width] an input that is -1 */
    float *rise;          /* [fan_in][width] the same for +1, less minus */
    float *idle;          /* [fan_in][width] an input that is not driven at all; NULL: nothing */
    float *base;          /* [row tiles][width] all inputs of the tile are -1 */
    float *gain, *offset; /* [row tiles][width] of the converters */
    float *weight_sum;    /* [row tiles][width] */
    struct sps_adc *adc;  /* [row tiles] */
};

struct sps_chip_instance {
    const struct sps_chip *chip;
    const struct sps_packed *packed;
    struct sps_chip_instance_options options;
    struct sps_plan *plan;
    struct sps_layout *layout;
    struct sps_chip_layer *layers; /* [stages] */
    struct sps_chip_scales scales;
    struct sps_conductance nominal;
    uint64_t seed; /* of its devices */
    int noisy;     /* reads differ from one to the next */
    sps_mtj *mtj;  /* NULL: paths come from the declared probabilities */
    sps_session *session;
    const struct sps_chip_histogram *histogram; /* [stages] counted into by one thread; NULL: not */
};

/* compute.c */
struct sps_backend sps_backend_chip(const struct sps_chip_instance *instance);
#endif
