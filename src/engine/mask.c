/* SPDX-License-Identifier: MIT */
/* Sums where inputs or weights are dropped.  A dropped one counts as zero. */
#include <string.h>

#include "core/memory.h"
#include "engine/walk.h"

struct room {
    void *sums;           /* of the second product */
    uint32_t *low, *high; /* input bits, or rows of weights, with -1 and +1 in place of what is dropped */
    uint32_t *panels;     /* weights */
    int8_t *codes, *quads;
    int32_t *weight_sums, *correction;
};

static size_t lay_out(struct room *r, const struct sps_stage *s, char *memory)
{
    char *at = memory;
    int weights = s->mask->kind == SPS_NOISE_weight;
    size_t bits = (weights ? s->channels * s->words : s->in_words) * sizeof(uint32_t);
    r->sums = sps_carve(&at, s->positions * s->channels * sizeof(int32_t));
    r->low = sps_carve(&at, bits);
    r->high = sps_carve(&at, bits);
    r->panels = sps_carve(&at, weights && !s->codes ? sps_panels(s->channels) * SPS_PANEL * s->words * 4 : 0);
    r->codes = sps_carve(&at, s->codes ? s->in_size : 0);
    r->quads =
        sps_carve(&at, weights && s->codes ? sps_panels(s->channels) * SPS_PANEL * ((s->fan_in + 3) / 4) * 4 : 0);
    r->weight_sums = sps_carve(&at, s->channels * sizeof(int32_t));
    size_t classes = (size_t)s->window.ch * (size_t)s->window.cw; /* at most */
    r->correction = sps_carve(&at, weights && s->padding.correction ? classes * s->channels * sizeof(int32_t) : 0);
    return (size_t)(at - memory);
}

size_t sps_mask_size(const struct sps_stage *s)
{
    static char origin[1]; /* only differences are used */
    struct room room;
    return s->mask != NULL ? lay_out(&room, s, origin) : 0;
}

static void product(struct sps_lane *lane, const struct sps_stage *s, void *sums, const void *input)
{
    lane->backend->sums(lane->backend, s, sums, input, &lane->moment, lane->team, lane->scratch, lane->scratch_stride);
}

/* sums = (sums + other) / 2: both have the same parity. */
static void average(const struct sps_stage *s, void *sums, const void *other)
{
    for (size_t i = 0; i < s->positions * s->channels; i++)
        if (s->wide)
            ((int32_t *)sums)[i] = (int32_t)(((int64_t)((int32_t *)sums)[i] + ((const int32_t *)other)[i]) / 2);
        else
            ((int16_t *)sums)[i] = (int16_t)((((int16_t *)sums)[i] + ((const int16_t *)other)[i]) / 2);
}

/* bits with 0 (low) and 1 (high) where picks say that an element is dropped; period: elements share picks. */
static void drop_bits(uint32_t *low, uint32_t *high, const uint32_t *bits, size_t words, size_t count,
                      const uint8_t *picks, size_t period)
{
    memcpy(low, bits, words * sizeof *low);
    memcpy(high, bits, words * sizeof *high);
    for (size_t i = 0; i < count; i++)
        if (picks[i % period]) {
            low[i / 32] &= ~(1u << i % 32);
            high[i / 32] |= 1u << i % 32;
        }
}

static void drop_inputs(struct sps_lane *lane, const struct sps_stage *s, const struct room *r, void *sums,
                        const void *input, const uint8_t *picks)
{
    size_t period = (size_t)s->mask->picks;
    if (s->codes) {
        const int8_t *codes = input;
        for (size_t i = 0; i < s->in_size; i++)
            r->codes[i] = picks[i % period] ? 0 : codes[i];
        product(lane, s, sums, r->codes);
        return;
    }
    drop_bits(r->low, r->high, input, s->in_words, s->in_size, picks, period);
    product(lane, s, sums, r->low);
    product(lane, s, r->sums, r->high);
    average(s, sums, r->sums);
}

/* The stage with other weights. */
static void product_with(struct sps_lane *lane, const struct sps_stage *s, const struct room *r, const uint32_t *rows,
                         void *sums, const void *input)
{
    struct sps_stage other = *s;
    sps_bits_to_panels(r->panels, rows, s->channels, s->words);
    other.panels = r->panels;
    if (s->padding.correction != NULL) {
        other.padding.correction = r->correction;
        sps_padding_fill(&other.padding, &s->window, (int)s->channels, rows);
    }
    product(lane, &other, sums, input);
}

static void drop_weights(struct sps_lane *lane, const struct sps_stage *s, const struct room *r, void *sums,
                         const void *input, const uint8_t *picks)
{
    if (s->codes) {
        struct sps_stage other = *s;
        size_t quads = (s->fan_in + 3) / 4;
        sps_bits_to_quads(r->quads, r->weight_sums, s->rows, s->channels, s->words, s->fan_in);
        for (size_t c = 0; c < s->channels; c++)
            for (size_t i = 0; i < s->fan_in; i++)
                if (picks[c * s->fan_in + i]) {
                    int8_t *w = r->quads + ((c / SPS_PANEL * quads + i / 4) * SPS_PANEL + c % SPS_PANEL) * 4 + i % 4;
                    r->weight_sums[c] -= *w;
                    *w = 0;
                }
        other.quads = r->quads;
        other.weight_sums = r->weight_sums;
        product(lane, &other, sums, input);
        return;
    }
    for (size_t c = 0; c < s->channels; c++)
        drop_bits(r->low + c * s->words, r->high + c * s->words, s->rows + c * s->words, s->words, s->fan_in,
                  picks + c * s->fan_in, s->fan_in);
    product_with(lane, s, r, r->low, sums, input);
    product_with(lane, s, r, r->high, r->sums, input);
    average(s, sums, r->sums);
}

void sps_mask_sums(struct sps_lane *lane, const struct sps_stage *s, void *sums, const void *input,
                   const uint8_t *picks)
{
    struct room room;
    lay_out(&room, s, lane->masked);
    if (s->mask->kind == SPS_NOISE_weight)
        drop_weights(lane, s, &room, sums, input, picks);
    else
        drop_inputs(lane, s, &room, sums, input, picks);
}
