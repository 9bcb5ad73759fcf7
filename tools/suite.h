/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_SUITE_H
#define SPS_TOOLS_SUITE_H
/* A model on shifted, corrupted and foreign images, beside the clean ones: `eval --suite`. */
#include "spinscale/data.h"
#include "subject.h"

struct sps_suite {
    const char *names;     /* id, rotation, noise, corruption, extra, ood or all */
    const char *folder;    /* for results, NULL for none: rows that are there already are not done again */
    const char *data_dir;  /* or NULL */
    const char *corrupted; /* folder with ready-made corruptions, KIND.npy and labels.npy; NULL: they are made */
    uint64_t data_seed;    /* of all that is drawn into images */
    int normalise, json;
    struct sps_predict_options predict;
    struct sps_accept_rule rule;
    const char *model, *data; /* as they were given */
    char model_sha256[65], data_sha256[65];
};

/* The exit status. */
int sps_suite_run(const struct sps_suite *suite, const struct sps_predictor *predictor, const struct sps_images *home);
#endif
