/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_PATH_H
#define SPS_CORE_PATH_H
/* Paths: which bank entry each layer takes.  One rule for training graph, engine and chip. */
#include <stddef.h>
#include <stdint.h>

#include "core/random.h"

/* One bank: K entries with their probabilities; masks pick per channel. */
struct sps_path_bank {
    const double *probability; /* [entries] */
    int entries;
    int picks;      /* 1, or the number of channels where each is picked alone */
    uint32_t layer; /* coordinate of its stream */
};

/* picks[] of one image and pass: all banks one after the other. */
void sps_path_draw(uint8_t *picks, const struct sps_path_bank *banks, int count, uint64_t seed, uint32_t image,
                   uint32_t pass);

/* Number of distinct paths; INFINITY where a mask has too many to count. */
double sps_path_count(const struct sps_path_bank *banks, int count);

/* Path number `which` of all (the last bank runs fastest) and its probability.  Only for banks with one pick each. */
double sps_path_at(uint8_t *picks, const struct sps_path_bank *banks, int count, size_t which);
#endif
