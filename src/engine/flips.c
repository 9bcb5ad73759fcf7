/* SPDX-License-Identifier: MIT */
/* How much the choice of an entry changes: after one pass, the sums of every layer are still there. */
#include "engine/flips.h"

double sps_disagreeing_pairs(int ones, int entries)
{
    return (double)ones * (entries - ones) / (0.5 * entries * (entries - 1));
}

static int bit_of(const struct sps_stage *s, int row, size_t channel, int32_t z)
{
    size_t at = (size_t)row * s->channels + channel;
    int32_t t = s->wide ? ((const int32_t *)s->threshold)[at] : ((const int16_t *)s->threshold)[at];
    return (z >= t) ^ (int)(s->flip[(size_t)row * s->out_words + channel / 32] >> channel % 32 & 1);
}

double sps_stage_flips(const struct sps_stage *s, const struct sps_level *level)
{
    size_t count = s->out_positions * s->channels;
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t z = s->wide ? ((const int32_t *)level->pooled)[i] : ((const int16_t *)level->pooled)[i];
        int ones = 0;
        for (int k = 0; k < s->noise->entries; k++)
            ones += bit_of(s, k, i % s->channels, z);
        total += sps_disagreeing_pairs(ones, s->noise->entries);
    }
    return total / (double)count;
}
