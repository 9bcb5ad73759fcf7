/* SPDX-License-Identifier: MIT */
/* How much the choice of an entry changes: after one pass, the sums of every layer are still there. */
#include "engine/flips.h"

#include <string.h>

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

int sps_stage_has_flips(const struct sps_plan *plan, const struct sps_stage *s)
{
    const struct sps_packed *m = plan->packed;
    return s->noise != NULL && s->noise->entries > 1 && !s->last &&
           (s->threshold != NULL || m->ops[s->end - 1].kind == SPS_OP_sign);
}

/* Bits that are signs of reals: all entries in turn. */
static double flips_of_signs(struct sps_lane *lane, const struct sps_stage *s)
{
    const uint32_t *bits = lane->levels[s->index + 1].next;
    size_t count = s[1].in_size;
    uint8_t *ones = lane->ones;
    double total = 0;
    memset(ones, 0, count);
    for (int k = 0; k < s->noise->entries; k++) {
        sps_reals_run(lane, s, s->branch, s->end, k, NULL);
        for (size_t i = 0; i < count; i++)
            ones[i] = (uint8_t)(ones[i] + (bits[i / 32] >> i % 32 & 1));
    }
    for (size_t i = 0; i < count; i++)
        total += sps_disagreeing_pairs(ones[i], s->noise->entries);
    return total / (double)count;
}

double sps_stage_flips(struct sps_lane *lane, const struct sps_stage *s)
{
    const struct sps_level *level = &lane->levels[s->index];
    size_t count = s->out_positions * s->channels;
    double total = 0;
    if (s->threshold == NULL)
        return flips_of_signs(lane, s);
    for (size_t i = 0; i < count; i++) {
        int32_t z = s->wide ? ((const int32_t *)level->pooled)[i] : ((const int16_t *)level->pooled)[i];
        int ones = 0;
        for (int k = 0; k < s->noise->entries; k++)
            ones += bit_of(s, k, i % s->channels, z);
        total += sps_disagreeing_pairs(ones, s->noise->entries);
    }
    return total / (double)count;
}
