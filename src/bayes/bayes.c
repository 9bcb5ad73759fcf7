/* SPDX-License-Identifier: MIT */
#include "bayes/bayes.h"

#include <string.h>

#include "bayes/list.h"
#include "core/random.h"

#define SPS_METHOD_EXTERN(name) extern const struct sps_method sps_method_##name;
SPS_METHOD_LIST(SPS_METHOD_EXTERN)

static const struct sps_method *const methods[] = {
#define SPS_METHOD_ROW(name) &sps_method_##name,
    SPS_METHOD_LIST(SPS_METHOD_ROW)};

const struct sps_method *sps_method_at(size_t index)
{
    return index < sizeof methods / sizeof *methods ? methods[index] : NULL;
}

const struct sps_method *sps_method_find(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i]->name, name) == 0)
            return methods[i];
    return NULL;
}

void sps_scale_initialise(const struct sps_scale *scale, float *value, double spread, uint64_t seed)
{
    struct sps_random r = sps_random(seed, SPS_FOR_INIT, 0, 1, (uint32_t)scale->layer);
    for (int c = 0; c < scale->channels; c++)
        value[c] = (float)(1 - spread + 2 * spread * sps_random_uniform(&r));
}

struct sps_random sps_scale_stream(const struct sps_scale *scale, const struct sps_pass *pass, int sample,
                                   int per_batch)
{
    /* Batches count from the top, so that no batch shares a stream with an image. */
    uint32_t item = per_batch ? ~pass->batch : pass->index[sample];
    return sps_random(pass->seed, SPS_FOR_TRAIN_PATH, item, pass->epoch, (uint32_t)scale->layer);
}
