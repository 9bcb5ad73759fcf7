/* SPDX-License-Identifier: MIT */
#include "core/path.h"

#include <math.h>

static uint8_t pick(const struct sps_path_bank *bank, struct sps_random *r)
{
    double u = sps_random_uniform(r), below = 0;
    for (int k = 0; k < bank->entries - 1; k++) {
        below += bank->probability[k];
        if (u < below)
            return (uint8_t)k;
    }
    return (uint8_t)(bank->entries - 1);
}

void sps_path_draw(uint8_t *picks, const struct sps_path_bank *banks, int count, uint64_t seed, uint32_t image,
                   uint32_t pass)
{
    for (int i = 0; i < count; i++) {
        struct sps_random r = sps_random(seed, SPS_FOR_PATH, image, pass, banks[i].layer);
        for (int j = 0; j < banks[i].picks; j++)
            *picks++ = pick(&banks[i], &r);
    }
}

double sps_path_count(const struct sps_path_bank *banks, int count)
{
    double paths = 1;
    for (int i = 0; i < count; i++)
        paths *= pow(banks[i].entries, banks[i].picks);
    return paths;
}

double sps_path_at(uint8_t *picks, const struct sps_path_bank *banks, int count, size_t which)
{
    double probability = 1;
    for (int i = count - 1; i >= 0; i--) {
        picks[i] = (uint8_t)(which % (size_t)banks[i].entries);
        which /= (size_t)banks[i].entries;
        probability *= banks[i].probability[picks[i]];
    }
    return probability;
}
