/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_SUITE_H
#define SPS_TOOLS_SUITE_H
/* A model on shifted, corrupted and foreign images, beside the clean ones: `eval --suite`, and part of `report`. */
#include <jansson.h>

#include "spinscale/data.h"
#include "subject.h"

struct sps_suite {
    const char *names;     /* of id, rotation, noise, corruption, extra, ood or all, separated by commas */
    const char *folder;    /* for results, NULL for none: rows that are there already are not done again */
    const char *data_dir;  /* or NULL */
    const char *corrupted; /* folder with ready-made corruptions, KIND.npy and labels.npy; NULL: they are made */
    uint64_t data_seed;    /* of all that is drawn into images */
    int normalise, json;
    struct sps_predict_options predict;
    struct sps_accept_rule rule;
    const char *model, *data; /* as they were given */
    char model_sha256[65], data_sha256[65];
    /* Scores of the clean images where the caller has them: these are not evaluated then, and have no row. */
    const double *home_entropy, *home_mutual_information; /* [home_count] */
    size_t home_count;
};

/* 0, or the exit status of wrong usage after a message. */
int sps_suite_check(const char *names);
int sps_suite_has(const char *names, const char *name);
/* Foreign sets for a model at home on a set: sets of its colours that are neither home nor what it was trained on, the
 * papers' noise sets before them.  data: home as it was given.  0 after the last. */
int sps_suite_foreign(char name[128], size_t index, const struct sps_model_info *info, const char *home,
                      const char *data);
/* *result: what --json prints.  The exit status. */
int sps_suite_make(json_t **result, const struct sps_suite *suite, const struct sps_predictor *predictor,
                   const struct sps_images *home);

/* The same, printed.  The exit status. */
int sps_suite_run(const struct sps_suite *suite, const struct sps_predictor *predictor, const struct sps_images *home);
#endif
