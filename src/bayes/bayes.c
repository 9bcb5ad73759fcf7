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

float sps_scale_quantise(int bits, double clip, float scale)
{
    return bits == 0 ? scale : sps_pact(scale, (float)clip, bits);
}

struct sps_random sps_scale_stream(const struct sps_scale *scale, const struct sps_pass *pass, int sample,
                                   int per_batch)
{
    /* Batches count from the top, so that no batch shares a stream with an image. */
    uint32_t item = per_batch ? ~pass->batch : pass->index[sample];
    return sps_random(pass->seed, SPS_FOR_TRAIN_PATH, item, pass->epoch, (uint32_t)scale->layer);
}

double sps_scale_setting(const struct sps_scale *scale, const struct sps_reals *setting)
{
    return setting->value[scale->index < setting->count ? scale->index : setting->count - 1];
}

sps_status sps_scale_setting_reaches(const struct sps_scale *scale, const struct sps_reals *setting, const char *key)
{
    if (setting->word < 0 && setting->count > 1 && scale->index >= setting->count)
        SPS_FAIL(EINVAL, "%s has %d numbers, layer %d needs one more", key, setting->count, scale->layer);
    return SPS_OK;
}

sps_status sps_scale_setting_fits(const struct sps_graph *graph, const struct sps_reals *setting, const char *key)
{
    if (setting->count > 1 && setting->count > graph->scale_count)
        SPS_FAIL(EINVAL, "%s has %d numbers, network '%s' has %d layers with a scale", key, setting->count, graph->name,
                 graph->scale_count);
    return SPS_OK;
}
