/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_RANDOM_H
#define SPS_CORE_RANDOM_H
/* Counter-based random numbers (Philox 4x32-10; Salmon et al., SC 2011).  A number is a function of what it is for,
 * not of who asked before, so threads, batch size and kernel tier change nothing and any draw can be replayed alone. */
#include <stdint.h>

/* What a number is for.  Values are part of every stored result: append, never renumber. */
enum sps_purpose {
    SPS_FOR_INIT = 1,   /* initial weights: item = parameter index */
    SPS_FOR_SPLIT,      /* train/validation split */
    SPS_FOR_SHUFFLE,    /* order of an epoch: pass = epoch */
    SPS_FOR_AUGMENT,    /* item = image, pass = epoch */
    SPS_FOR_TRAIN_PATH, /* item = image (or batch), pass = epoch, layer */
    SPS_FOR_PATH,       /* prediction: item = image index in its set, pass = Monte Carlo pass, layer */
    SPS_FOR_BANK,       /* drawing a bank: item = attempt, pass = entry, layer */
    SPS_FOR_TEST,       /* tests and benchmarks */
    SPS_FOR_FOREIGN,    /* synthetic foreign inputs: item = image */
    /* The simulated chip: the seed is that of one chip (cim/device/variation.h). */
    SPS_FOR_CHIP,       /* seeds of chips: item = chip */
    SPS_FOR_DEVICE,     /* how a device differs: item = cell, pass = array, layer = quantity */
    SPS_FOR_RETENTION,  /* flips by heat: item = cell, pass = array */
    SPS_FOR_UNIT,       /* bits of a stochastic unit: item, pass = low, high half of the bit's number, layer = unit */
    SPS_FOR_UNIT_PATH,  /* picks by stochastic units: item = image, pass, layer = first pick of the unit */
    SPS_FOR_UNIT_P,     /* eq. 24 read literally, p anew in each pass: item = image, pass, layer = unit */
    SPS_FOR_ADC,        /* errors of converters: item = row tile, layer */
    SPS_FOR_READ,       /* noise of reads; the seed is that of the prediction: item = image, pass, layer */
    SPS_FOR_DISTURB,    /* flips by reads: item = cell, pass = array */
    SPS_FOR_SHIFT,      /* shifted images: item = image, pass = severity, layer = kind */
    SPS_FOR_BOOTSTRAP,  /* item = resample, pass = set; layer 1: labels of calibrated predictions */
    SPS_FOR_DROPOUT,    /* item = image, pass = epoch in training, ~pass in prediction; layer */
    SPS_FOR_TRAIN_P,    /* training: a layer's dropout probability: item = batch, pass = epoch, layer */
    SPS_FOR_LEAKAGE,    /* how a cell's leakage differs: item = cell, pass = array */
    SPS_FOR_SCALE_READ, /* noise of reading a scale cell: item = its first junction, pass = array */

    /* Drawn weights: item = batch in training, 0 in prediction; pass as of dropout; layer.  Row o starts at block
     * o ceil(row / 4). */
    SPS_FOR_WEIGHT,
    SPS_FOR_CHIP_P /* prediction: the dropout probability that a source has on a chip: item = chip, layer */
};

/* A stream: a position in the sequence of one (seed, purpose, item, pass, layer). */
struct sps_random {
    uint64_t seed;
    uint32_t purpose_layer, item, pass, block;
    uint32_t buffer[4];
    int left;       /* unused numbers in buffer */
    int has_normal; /* a second normal is waiting */
    float normal;
};

/* layer is below 2^24.  Cannot fail. */
struct sps_random sps_random(uint64_t seed, enum sps_purpose purpose, uint32_t item, uint32_t pass, uint32_t layer);

/* To number 4 * block of the stream, so that several can share the work of one. */
void sps_random_jump(struct sps_random *r, uint32_t block);

uint32_t sps_random_u32(struct sps_random *r);
/* Uniform on [0, 1), 24 bits: every value is k / 2^24. */
float sps_random_uniform(struct sps_random *r);
/* Uniform on 0 .. n - 1, n >= 1, unbiased. */
uint32_t sps_random_below(struct sps_random *r, uint32_t n);
/* Standard normal (Box-Muller). */
float sps_random_normal(struct sps_random *r);
/* order[0..n) becomes a random permutation of 0 .. n - 1. */
void sps_random_permutation(struct sps_random *r, uint32_t *order, uint32_t n);
#endif
