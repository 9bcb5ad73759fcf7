/* SPDX-License-Identifier: MIT */
/* A run's profile, from the first mark to the struct that the caller gets. */
#include "nn/profile.h"

#include "core/memory.h"
#include "train/run.h"

sps_status sps_profile_begin(struct sps_run *run, double start)
{
    SPS_TRY(sps_calloc(&run->profile, 1, sizeof *run->profile, "a profile"));
    SPS_TRY(
        sps_calloc(&run->profile->layers, (size_t)run->graph->layer_count, sizeof *run->profile->layers, "a profile"));
    run->profile->last = start;
    sps_profile_mark(run->profile, SPS_PROFILE_SETUP);
    return SPS_OK;
}

void sps_profile_reset(struct sps_run *run)
{
    if (run->profile != NULL)
        sps_free(run->profile->layers);
    sps_free(run->profile);
    run->profile = NULL;
}

sps_status sps_profile_end(struct sps_train_profile *out, struct sps_run *run)
{
    sps_profile_mark(run->profile, SPS_PROFILE_OTHER);
    const struct sps_profile *p = run->profile;
    const double *s = p->seconds;
    struct sps_train_profile_layer *layers = NULL;
    size_t count = (size_t)run->graph->layer_count;
    SPS_TRY(sps_calloc(&layers, count, sizeof *layers, "a profile"));
    for (size_t i = 0; i < count; i++) {
        const struct sps_layer *layer = run->graph->layers[i];
        layers[i] = (struct sps_train_profile_layer){layer->type->name, layer->macs, p->layers[i][SPS_PROFILE_FORWARD],
                                                     p->layers[i][SPS_PROFILE_BACKWARD]};
    }
    *out = (struct sps_train_profile){.images = p->steps * (size_t)run->config.run.batch,
                                      .setup = s[SPS_PROFILE_SETUP],
                                      .data = s[SPS_PROFILE_DATA],
                                      .forward = s[SPS_PROFILE_FORWARD],
                                      .backward = s[SPS_PROFILE_BACKWARD],
                                      .loss = s[SPS_PROFILE_LOSS],
                                      .update = s[SPS_PROFILE_UPDATE],
                                      .validation = s[SPS_PROFILE_VALIDATION],
                                      .files = s[SPS_PROFILE_FILES],
                                      .end = s[SPS_PROFILE_END],
                                      .other = s[SPS_PROFILE_OTHER],
                                      .layers = layers,
                                      .layer_count = count};
    for (int i = 0; i < SPS_PROFILE_PARTS; i++)
        out->total += s[i];
    return SPS_OK;
}

void sps_train_profile_reset(struct sps_train_profile *profile)
{
    sps_free(profile->layers);
    *profile = (struct sps_train_profile){0};
}
