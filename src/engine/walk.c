/* SPDX-License-Identifier: MIT */
#include "engine/walk.h"

#include <string.h>
#include <time.h>

#include "core/memory.h"
#include "core/softmax.h"

enum { PICKS_BYTES = 1 << 20 }; /* most that the picks of a block may take */

/* ---- layout ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t sum_bytes(const struct sps_stage *s)
{
    return s->wide ? sizeof(int32_t) : sizeof(int16_t);
}

static size_t input_bytes(const struct sps_stage *s)
{
    return s->reads > 0 ? 0 : s->codes ? s->in_size : s->in_words * sizeof(uint32_t);
}

static size_t block_of(const struct sps_plan *plan)
{
    size_t most = PICKS_BYTES / larger(plan->picks, 1);
    return most < 1 ? 1 : most < SPS_BLOCK_PASSES ? most : SPS_BLOCK_PASSES;
}

static void lay_out_level(struct sps_level *level, const struct sps_stage *s, size_t block, char **at)
{
    size_t positions = s->floats ? 0 : s->pools_at_once ? s->out_positions : s->positions;
    struct sps_level made = {.sums = sps_carve(at, positions * s->channels * sum_bytes(s))};
    int pools = s->window_size > 1 && !s->pools_at_once;
    made.pooled = pools ? sps_carve(at, s->out_positions * s->channels * sum_bytes(s)) : made.sums;
    made.held = sps_carve(at, input_bytes(s));
    made.next = sps_carve(at, input_bytes(s));
    made.group = sps_carve(at, 2 * block * sizeof *made.group);
    made.work.name = s->name;
    made.work.macs = s->macs;
    if (level != NULL)
        *level = made;
}

size_t sps_lane_lay_out(struct sps_lane *lane, const struct sps_plan *plan, const struct sps_backend *backend,
                        int threads, char *memory)
{
    static char origin[1]; /* only differences are used */
    char *start = memory != NULL ? memory : origin, *at = start;
    size_t stages = (size_t)plan->stage_count, row = 0, scratch = 0, words = 0, masked = 0, decided = 0, input = 0,
           ones = 0;
    size_t patches = 0, classes = (size_t)plan->packed->classes;
    lane->plan = plan;
    lane->backend = backend;
    lane->block = block_of(plan);
    lane->levels = sps_carve(&at, stages * sizeof *lane->levels);
    for (size_t i = 0; i < stages; i++) {
        const struct sps_stage *s = &plan->stages[i];
        lay_out_level(memory != NULL ? &lane->levels[i] : NULL, s, lane->block, &at);
        row = larger(row, s->channels);
        if (s->floats && s->reads == 0)
            input = larger(input, s->in_size);
        patches = larger(patches, sps_reals_scratch(s));
        if (!s->floats)
            scratch = larger(scratch, backend->scratch(backend, s));
        masked = larger(masked, sps_mask_size(s));
        if (i + 1 < stages && s->threshold == NULL)
            ones = larger(ones, s[1].in_size);
        if (s->bit_window > 1)
            decided = larger(decided, s->out_words);
        if (sps_stage_updates(s))
            words = larger(words, s->in_words);
    }
    lane->flips = sps_carve(&at, (32 * words + SPS_DIFFER_SPILL) * sizeof *lane->flips);
    lane->both = sps_carve(&at, words * sizeof *lane->both);
    lane->decided = sps_carve(&at, decided * sizeof *lane->decided);
    lane->picks = sps_carve(&at, lane->block * plan->picks);
    lane->codes = sps_carve(&at, sps_value_size(&plan->packed->input));
    lane->p = sps_carve(&at, classes * sizeof *lane->p);
    lane->reals = sps_carve(&at, plan->reals * sizeof *lane->reals);
    lane->input = sps_carve(&at, input * sizeof *lane->input);
    lane->patches = sps_carve(&at, patches);
    lane->table = sps_carve(&at, plan->table * sizeof *lane->table);
    lane->ones = sps_carve(&at, ones);
    lane->row = sps_carve(&at, row * sizeof(int32_t));
    lane->row_flips = sps_carve(&at, sps_words(row) * sizeof(uint32_t));
    lane->masked = sps_carve(&at, masked);
    lane->scratch_stride = (scratch + SPS_ALIGN - 1) / SPS_ALIGN * SPS_ALIGN;
    lane->scratch = sps_carve(&at, lane->scratch_stride * (size_t)threads);
    return (size_t)(at - start);
}

/* ---- sums ---- */

static double now(const struct sps_lane *lane)
{
    struct timespec t;
    if (!lane->options->profile)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pool(const struct sps_lane *lane, const struct sps_stage *s, struct sps_level *level)
{
    size_t h = (size_t)s->window.ch, w = (size_t)s->window.cw, k = (size_t)s->window_size;
    if (s->pools_at_once || s->floats)
        return;
    if (k > 1 && s->wide)
        lane->plan->kern->pool32(level->pooled, level->sums, h, w, s->channels, k, s->window_ceil);
    else if (k > 1)
        lane->plan->kern->pool16(level->pooled, level->sums, h, w, s->channels, k, s->window_ceil);
}

/* The most flips for which an update is cheaper than sums in full. */
static size_t flips_worth_it(const struct sps_lane *lane, const struct sps_stage *s)
{
    const struct sps_cost *cost = &lane->costs[s->index];
    if (!sps_stage_updates(s) || lane->backend->update == NULL || lane->options->no_deltas ||
        lane->options->no_sharing || !(cost->full > cost->update))
        return 0;
    double most = (cost->full - cost->update) / cost->flip;
    return most < (double)s->in_size ? (size_t)most : s->in_size;
}

/* Bits that rise from what is held to what is wanted, then those that fall, to lane->flips. */
static size_t list_flips(struct sps_lane *lane, const struct sps_stage *s, const struct sps_level *level, size_t *rises)
{
    const struct sps_kern *kern = lane->plan->kern;
    const uint32_t *held = level->held, *next = level->next;
    for (size_t i = 0; i < s->in_words; i++)
        lane->both[i] = held[i] & next[i];
    *rises = kern->differ(lane->flips, next, lane->both, s->in_words);
    return *rises + kern->differ(lane->flips + *rises, held, lane->both, s->in_words);
}

/* Sums of level->next, which becomes what is held. */
static void make_sums(struct sps_lane *lane, const struct sps_stage *s, struct sps_level *level)
{
    if (s->floats) {
        sps_reals_product(lane, s);
        level->work.nodes++;
        level->valid = 1;
        return;
    }
    size_t most = level->valid ? flips_worth_it(lane, s) : 0, rises = 0;
    size_t flips = most > 0 ? list_flips(lane, s, level, &rises) : 1;
    level->work.nodes++;
    if (flips <= most) {
        if (flips > 0)
            lane->backend->update(lane->backend, s, level->sums, lane->flips, rises, flips, lane->scratch);
        level->work.updated++;
        level->work.flips += flips;
        level->work.bits += s->in_size;
    } else {
        lane->backend->sums(lane->backend, s, level->sums, level->next, &lane->moment, lane->team, lane->scratch,
                            lane->scratch_stride);
    }
    void *held = level->held;
    level->held = level->next;
    level->next = held;
    level->valid = 1;
}

/* ---- decisions ---- */

/* Entries are picked per channel: the row of thresholds that this makes. */
static void mix_row(struct sps_lane *lane, const struct sps_stage *s, const uint8_t *picks)
{
    memset(lane->row_flips, 0, sps_words(s->channels) * sizeof *lane->row_flips);
    for (size_t c = 0; c < s->channels; c++) {
        size_t at = (size_t)picks[c] * s->channels + c;
        if (s->wide)
            ((int32_t *)lane->row)[c] = ((const int32_t *)s->threshold)[at];
        else
            ((int16_t *)lane->row)[c] = ((const int16_t *)s->threshold)[at];
        /* The whole output's flips start with those of its first position. */
        lane->row_flips[c / 32] |= (s->flip[(size_t)picks[c] * s->out_words + c / 32] >> c % 32 & 1) << c % 32;
    }
}

static void turn_mixed(uint32_t *bits, const struct sps_stage *s, const uint32_t *flips)
{
    for (size_t c = 0; c < s->channels; c++)
        for (size_t p = 0; p < s->out_positions && flips[c / 32] >> c % 32 & 1; p++) {
            size_t i = p * s->channels + c;
            bits[i / 32] ^= 1u << i % 32;
        }
}

static void decide(struct sps_lane *lane, const struct sps_stage *s, int row, const uint8_t *mixed)
{
    const struct sps_level *level = &lane->levels[s->index];
    uint32_t *next = lane->levels[s->index + 1].next, *bits = s->bit_window > 1 ? lane->decided : next;
    const char *thresholds = (const char *)s->threshold + (size_t)row * s->channels * sum_bytes(s);
    if (mixed != NULL) {
        mix_row(lane, s, mixed);
        thresholds = lane->row;
    }
    if (s->wide)
        lane->plan->kern->threshold32(bits, level->pooled, (const int32_t *)(const void *)thresholds, s->out_positions,
                                      s->channels);
    else
        lane->plan->kern->threshold16(bits, level->pooled, (const int16_t *)(const void *)thresholds, s->out_positions,
                                      s->channels);
    if (mixed != NULL) {
        turn_mixed(bits, s, lane->row_flips);
    } else if (s->has_flip[row]) {
        const uint32_t *flip = s->flip + (size_t)row * s->out_words;
        for (size_t i = 0; i < s->out_words; i++)
            bits[i] ^= flip[i];
    }
    if (s->bit_window > 1)
        lane->plan->kern->poolbits(next, bits, s->out_positions / s->out_columns, s->out_columns, s->channels,
                                   (size_t)s->bit_window, s->bit_ceil);
}

/* The last value is the scores. */
static void deliver(const struct sps_lane *lane, const uint16_t *passes, size_t count)
{
    const struct sps_passes *out = lane->out;
    const struct sps_packed *m = lane->plan->packed;
    const float *logits = lane->reals + lane->plan->place[m->op_count];
    size_t classes = (size_t)m->classes;
    sps_softmax(lane->p, logits, m->classes, lane->temperature);
    for (size_t i = 0; i < count; i++) {
        size_t at = (lane->numbers[passes[i]] * out->stride + lane->image) * classes;
        memcpy(out->p + at, lane->p, classes * sizeof *lane->p);
        if (out->logits != NULL)
            memcpy(out->logits + at, logits, classes * sizeof *logits);
    }
}

/* ---- the tree ---- */

static const uint8_t *picks_of(const struct sps_lane *lane, uint16_t pass, int at)
{
    return lane->picks + (size_t)pass * lane->plan->picks + (size_t)at;
}

static void visit(struct sps_lane *lane, const struct sps_stage *s, const uint16_t *passes, size_t count);

/* A node's children in turn: passes that pick the same.  child(lane, s, picks, passes, count). */
typedef void child(struct sps_lane *lane, const struct sps_stage *s, const uint8_t *picks, const uint16_t *passes,
                   size_t count);

static void each_entry(struct sps_lane *lane, const struct sps_stage *s, const struct sps_noise *noise, int at,
                       const uint16_t *passes, size_t count, child *then)
{
    struct sps_level *level = &lane->levels[s->index];
    uint16_t *group = level->group;
    int backwards = level->backwards;
    if (count == 1) { /* far down in the tree most nodes have one pass */
        group[0] = passes[0];
        then(lane, s, picks_of(lane, group[0], at), group, 1);
        return;
    }
    level->backwards = !backwards; /* the next visit starts where this one ends */
    for (int k = 0; k < noise->entries; k++) {
        uint8_t entry = s->tour[backwards ? noise->entries - 1 - k : k];
        size_t members = 0;
        for (size_t i = 0; i < count; i++)
            if (*picks_of(lane, passes[i], at) == entry)
                group[members++] = passes[i];
        if (members > 0)
            then(lane, s, picks_of(lane, group[0], at), group, members);
    }
}

/* Masks: long rows of picks, rarely alike.  The list of passes is reordered so that equal ones come together. */
static void each_mask(struct sps_lane *lane, const struct sps_stage *s, const struct sps_noise *noise, int at,
                      const uint16_t *passes, size_t count, uint16_t *group, child *then)
{
    memcpy(group, passes, count * sizeof *group);
    for (size_t first = 0; first < count;) {
        const uint8_t *picks = picks_of(lane, group[first], at);
        size_t end = first + 1;
        for (size_t i = end; i < count; i++)
            if (memcmp(picks_of(lane, group[i], at), picks, (size_t)noise->picks) == 0) {
                uint16_t swapped = group[i];
                group[i] = group[end];
                group[end++] = swapped;
            }
        then(lane, s, picks, group + first, end - first);
        first = end;
    }
}

static void decide_for(struct sps_lane *lane, const struct sps_stage *s, const uint8_t *picks, const uint16_t *passes,
                       size_t count)
{
    double start = now(lane);
    int several = s->noise != NULL && s->noise->kind == SPS_NOISE_channel && !lane->point;
    int row = picks != NULL ? picks[0] : 0;
    const uint8_t *mixed = several ? picks : NULL;
    if (s->threshold != NULL)
        decide(lane, s, lane->point ? s->point_row : row, mixed);
    else
        sps_reals_run(lane, s, s->branch, s->end, row, mixed);
    if (s->last) {
        deliver(lane, passes, count);
        lane->paths++;
    }
    lane->levels[s->index].work.seconds += now(lane) - start;
    if (!s->last)
        visit(lane, s + 1, passes, count);
}

/* Sums are there: decisions, and what follows from each. */
static void branch(struct sps_lane *lane, const struct sps_stage *s, const uint16_t *passes, size_t count)
{
    struct sps_level *level = &lane->levels[s->index];
    if (s->noise == NULL || lane->point)
        decide_for(lane, s, NULL, passes, count);
    else if (s->noise->kind == SPS_NOISE_bank)
        each_entry(lane, s, s->noise, s->pick_at, passes, count, decide_for);
    else
        each_mask(lane, s, s->noise, s->pick_at, passes, count, level->group, decide_for);
}

static void masked_for(struct sps_lane *lane, const struct sps_stage *s, const uint8_t *picks, const uint16_t *passes,
                       size_t count)
{
    struct sps_level *level = &lane->levels[s->index];
    double start = now(lane);
    sps_mask_sums(lane, s, level->sums, level->next, picks);
    pool(lane, s, level);
    sps_reals_run(lane, s, s->begin, s->branch, 0, NULL);
    level->work.nodes++;
    level->work.seconds += now(lane) - start;
    branch(lane, s, passes, count);
}

/* level->next has the input. */
static void visit(struct sps_lane *lane, const struct sps_stage *s, const uint16_t *passes, size_t count)
{
    struct sps_level *level = &lane->levels[s->index];
    level->work.passes += count;
    if (s->mask != NULL && !lane->point) {
        each_mask(lane, s, s->mask, s->mask_at, passes, count, level->group + lane->block, masked_for);
        return;
    }
    double start = now(lane);
    make_sums(lane, s, level);
    pool(lane, s, level);
    sps_reals_run(lane, s, s->begin, s->branch, 0, NULL);
    level->work.seconds += now(lane) - start;
    branch(lane, s, passes, count);
}

void sps_lane_load(struct sps_lane *lane, const uint8_t *pixels)
{
    const struct sps_packed *m = lane->plan->packed;
    size_t channels = (size_t)m->input.c, count = (size_t)m->input.h * (size_t)m->input.w;
    for (size_t i = 0; i < count && channels == 1; i++) /* the same without a loop inside */
        lane->codes[i] = m->codes[pixels[i]];
    for (size_t i = 0; i < count && channels > 1; i++)
        for (size_t c = 0; c < channels; c++)
            lane->codes[i * channels + c] = m->codes[c * 256 + pixels[i * channels + c]];
    for (int i = 0; i < lane->plan->stage_count; i++)
        lane->levels[i].valid = 0;
}

/* The first layer's sums are the same for all passes, unless its inputs are dropped. */
static void start(struct sps_lane *lane, const uint16_t *passes, size_t count)
{
    const struct sps_stage *s = &lane->plan->stages[0];
    struct sps_level *level = &lane->levels[0];
    if (level->valid) {
        level->work.passes += count;
        branch(lane, s, passes, count);
        return;
    }
    memcpy(level->next, lane->codes, s->in_size);
    visit(lane, s, passes, count);
}

void sps_lane_walk(struct sps_lane *lane, size_t count)
{
    uint16_t passes[SPS_BLOCK_PASSES];
    enum sps_shares shares = lane->options->no_sharing ? SPS_SHARES_NOTHING : lane->backend->shares;
    int alone = shares != SPS_SHARES_PATHS;
    for (size_t i = 0; i < count; i++)
        passes[i] = (uint16_t)i;
    lane->passes += count;
    for (size_t i = 0; i < count; i += alone ? 1 : count) {
        for (int k = shares == SPS_SHARES_FIRST; k < lane->plan->stage_count && alone; k++)
            lane->levels[k].valid = 0;
        lane->moment.pass = (uint32_t)lane->numbers[i];
        start(lane, passes + i, alone ? 1 : count);
    }
}
