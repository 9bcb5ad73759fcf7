/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_TRAINING_H
#define SPS_TOOLS_TRAINING_H
/* The training library as commands of another module see it: opened only when they need it. */
#include "spinscale/model.h"

struct sps_training {
    sps_status (*open)(sps_model **out, const char *path);
    void (*close)(sps_model *model);
    const char *(*path)(const sps_model *model);
    struct sps_predictor (*predictor)(sps_model *model);
    sps_status (*pack)(sps_packed **out, sps_model *model);
    sps_status (*pack_net)(sps_packed **out, const char *net, const char *const *sets, size_t set_count);
    sps_status (*flips)(double *share, sps_model *model, size_t n, const uint8_t *const *images, const uint32_t *index,
                        uint64_t seed);
};
extern const struct sps_training sps_training;

/* Opens the module on first use; NULL after a message.  In the program (main.c). */
const struct sps_training *sps_program_training(void);
#endif
