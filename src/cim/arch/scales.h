/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_SCALES_H
#define SPS_CIM_SCALES_H
/* The scales that a chip really has: rounded to its bits, and read out of multi-level cells as those were made.
 * Decisions are folded again with them. */
#include "cim/arch/chip.h"
#include "engine/packed.h"

struct sps_scale_errors {
    size_t scales, wrong; /* all; those that are not what the model has, by more than 1e-4 of it */
    double rms;           /* of the errors over the largest scale of each bank */
};

struct sps_chip_scales {
    struct sps_packed
        packed; /* the model with these scales: shares all else with the original, which must outlive it */
    void **owned;
    size_t owned_count;
    struct sps_scale_errors errors;
    int known; /* 0: the model came as a packed file, which has thresholds only; scales are as the model has them */
};

/* ideal: the model's own. */
sps_status sps_chip_scales_init(struct sps_chip_scales *out, const sps_packed *packed, const struct sps_chip *chip,
                                uint64_t chip_seed, int ideal);
void sps_chip_scales_reset(struct sps_chip_scales *scales);
#endif
