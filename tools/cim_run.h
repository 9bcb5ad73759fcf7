/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_CIM_RUN_H
#define SPS_TOOLS_CIM_RUN_H
/* One point of the simulated chip: a chip with its settings, a model, and what came of them as one JSON object. */
#include <jansson.h>

#include "spinscale/chip.h"
#include "spinscale/data.h"
#include "spinscale/ranks.h"

struct sps_cim_options {
    const char *chip, *model; /* as they were given */
    char model_sha256[65];    /* of the model's file; empty for a network without weights */
    const char *const *sets;
    size_t set_count;
    enum sps_chip_level level;
    enum sps_chip_account account;
    uint32_t samples;
    uint64_t seed, chip_seed, chips;
    int threads, mtj;
    double tolerance; /* of yield: how much accuracy a good chip may lose */
    struct sps_accept_rule rule;
    double interval;
    const sps_ranks *ranks; /* that share the chips, and all have the result; NULL: one process */
};

extern const char *const sps_cim_levels[], *const sps_cim_accounts[]; /* end with NULL */

/* What is laid out on chips.  Not what may differ between them: so the engine, which they are measured against, runs
 * once on it.  engine is given up with json_decref(). */
struct sps_cim_subject {
    const sps_packed *packed;
    const struct sps_images *images; /* NULL: what chips cost, alone */
    json_t *engine;                  /* its figures on the same images and paths; NULL until they are needed */
};

/* Seed, samples and accept rule of the options are the same for all runs of a subject.  progress(user, done, total)
 * counts images over all chips.  A new reference in *out. */
sps_status sps_cim_run(json_t **out, struct sps_cim_subject *subject, const struct sps_cim_options *options,
                       void (*progress)(void *user, size_t done, size_t total), void *user);
/* The chips of a run. */
struct sps_chips sps_cim_chips(const sps_chip *chip, const sps_packed *packed, const struct sps_cim_options *options);
#endif
