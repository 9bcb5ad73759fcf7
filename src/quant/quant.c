/* SPDX-License-Identifier: MIT */
#include "quant/quant.h"

#include <string.h>

#include "quant/list.h"

#define SPS_BINARISER_EXTERN(name) extern const struct sps_binariser sps_binariser_##name;
SPS_BINARISER_LIST(SPS_BINARISER_EXTERN)

static const struct sps_binariser *const binarisers[] = {
#define SPS_BINARISER_ROW(name) &sps_binariser_##name,
    SPS_BINARISER_LIST(SPS_BINARISER_ROW)};

const struct sps_binariser *sps_binariser_at(size_t index)
{
    return index < sizeof binarisers / sizeof *binarisers ? binarisers[index] : NULL;
}

const struct sps_binariser *sps_binariser_find(const char *name)
{
    for (size_t i = 0; i < sizeof binarisers / sizeof *binarisers; i++)
        if (strcmp(binarisers[i]->name, name) == 0)
            return binarisers[i];
    return NULL;
}
