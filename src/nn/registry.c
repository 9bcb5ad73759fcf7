/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "nn/list.h"
#include "nn/nn.h"

#define SPS_LAYER_EXTERN(name) extern const struct sps_layer_type sps_layer_##name;
SPS_LAYER_LIST(SPS_LAYER_EXTERN)
#define SPS_OPTIMISER_EXTERN(name) extern const struct sps_optimiser sps_optimiser_##name;
SPS_OPTIMISER_LIST(SPS_OPTIMISER_EXTERN)

static const struct sps_layer_type *const layer_types[] = {
#define SPS_LAYER_ROW(name) &sps_layer_##name,
    SPS_LAYER_LIST(SPS_LAYER_ROW)};

static const struct sps_optimiser *const optimisers[] = {
#define SPS_OPTIMISER_ROW(name) &sps_optimiser_##name,
    SPS_OPTIMISER_LIST(SPS_OPTIMISER_ROW)};

const struct sps_layer_type *sps_layer_type_at(size_t index)
{
    return index < sizeof layer_types / sizeof *layer_types ? layer_types[index] : NULL;
}

const struct sps_layer_type *sps_layer_type_find(const char *name)
{
    for (size_t i = 0; i < sizeof layer_types / sizeof *layer_types; i++)
        if (strcmp(layer_types[i]->name, name) == 0)
            return layer_types[i];
    return NULL;
}

const struct sps_optimiser *sps_optimiser_at(size_t index)
{
    return index < sizeof optimisers / sizeof *optimisers ? optimisers[index] : NULL;
}

const struct sps_optimiser *sps_optimiser_find(const char *name)
{
    for (size_t i = 0; i < sizeof optimisers / sizeof *optimisers; i++)
        if (strcmp(optimisers[i]->name, name) == 0)
            return optimisers[i];
    return NULL;
}

int sps_layer_product(struct sps_product *out, const struct sps_layer *layer)
{
    return sps_conv_product(out, layer) || sps_dense_product(out, layer);
}
