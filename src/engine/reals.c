/* SPDX-License-Identifier: MIT */
/* What is computed in floats: products with float weights, and the operations behind a product whose results are reals.
 * Every number is worked out in one order of additions, whatever the vector width, so passes that share work, and
 * threads, do not change it.
 *
 * Element-wise operations follow each other on a piece of a value that stays in the first-level cache. */
#include <string.h>

#include "core/level.h"
#include "core/shortcut.h"
#include "core/vector.h"
#include "engine/walk.h"

enum { PIECE = 2048 /* numbers, about */ };

/* Number i of a value of reals. */
static float *real_at(const struct sps_lane *lane, int value, size_t i)
{
    return lane->reals + lane->plan->place[value] + i;
}

/* ---- float products ---- */

/* GCC's vectors: what fits no register is split, so every width gives the same numbers. */
typedef float channels_vector __attribute__((vector_size(SPS_TAPS * sizeof(float))));
enum { BLOCK = 4 /* positions whose sums stay in registers */ };

/* y[count][channels] of positions whose patches are at hand, with room for a whole block of them; SPS_TAPS channels
 * from `first` on, or as many as there are.  taps: [fan_in][SPS_TAPS] of these. */
SPS_VECTOR static void multiply_group(float *restrict y, const float *restrict bias, const float *restrict taps,
                                      const float *restrict patches, size_t count, size_t fan_in, size_t channels,
                                      size_t first)
{
    size_t left = channels - first, used = left < SPS_TAPS ? left : SPS_TAPS;
    channels_vector start = {0}, sum[BLOCK], w;
    memcpy(&start, bias + first, used * sizeof *bias);
    for (size_t at = 0; at < count; at += BLOCK, patches += BLOCK * fan_in) {
        for (size_t p = 0; p < BLOCK; p++)
            sum[p] = start;
        for (size_t i = 0; i < fan_in; i++) {
            memcpy(&w, taps + i * SPS_TAPS, sizeof w);
            for (size_t p = 0; p < BLOCK; p++)
                sum[p] += w * patches[p * fan_in + i];
        }
        float *to = y + at * channels + first;
        if (used == SPS_TAPS && count - at >= BLOCK) {
            for (size_t p = 0; p < BLOCK; p++)
                memcpy(to + p * channels, &sum[p], sizeof sum[p]);
            continue;
        }
        for (size_t p = 0; p < BLOCK && at + p < count; p++)
            memcpy(to + p * channels, &sum[p], used * sizeof *y);
    }
}

static void multiply(float *y, const struct sps_stage *s, const float *patches, size_t count)
{
    for (size_t first = 0; first < s->channels; first += SPS_TAPS)
        multiply_group(y, s->bias, s->taps + first * s->fan_in, patches, count, s->fan_in, s->channels, first);
}

/* The patches of output row i, zeros for padding, which adds nothing to a sum. */
static void fill_patches(float *patches, const struct sps_stage *s, const float *x, int i)
{
    const struct sps_window *v = &s->window;
    size_t c = (size_t)v->c;
    int top, bottom, left, right;
    sps_window_taps(&top, &bottom, i, v->stride, v->pad, v->kernel, v->h);
    memset(patches, 0, (size_t)v->cw * s->fan_in * sizeof *patches);
    for (int j = 0; j < v->cw; j++, patches += s->fan_in) {
        sps_window_taps(&left, &right, j, v->stride, v->pad, v->kernel, v->w);
        for (int a = top; a < bottom; a++) {
            int from = (i * v->stride - v->pad + a) * v->w + j * v->stride - v->pad + left;
            memcpy(patches + (size_t)(a * v->kernel + left) * c, x + (size_t)from * c,
                   (size_t)(right - left) * c * sizeof *x);
        }
    }
}

size_t sps_reals_scratch(const struct sps_stage *s)
{
    size_t count = s->conv ? (size_t)s->window.cw : 1;
    return s->floats ? (count + BLOCK - 1) / BLOCK * BLOCK * s->fan_in * sizeof(float) : 0;
}

static const float *product_input(struct sps_lane *lane, const struct sps_stage *s)
{
    const void *from = lane->levels[s->index].next;
    if (s->reads > 0)
        return real_at(lane, s->reads, 0);
    if (!s->codes)
        lane->plan->kern->unpack(lane->input, from, s->in_size);
    for (size_t i = 0; i < s->in_size && s->codes; i++)
        lane->input[i] = ((const int8_t *)from)[i];
    return lane->input;
}

void sps_reals_product(struct sps_lane *lane, const struct sps_stage *s)
{
    const float *x = product_input(lane, s);
    float *y = real_at(lane, s->begin, 0);
    if (!s->conv) {
        memcpy(lane->patches, x, s->fan_in * sizeof *x);
        multiply(y, s, lane->patches, 1);
        return;
    }
    for (int i = 0; i < s->window.ch; i++) {
        size_t columns = (size_t)s->window.cw;
        fill_patches(lane->patches, s, x, i);
        multiply(y + (size_t)i * columns * s->channels, s, lane->patches, columns);
    }
}

/* ---- element-wise operations, on `count` positions ---- */

/* core/affine.h, on y[i] = what it was or, from sums, (float)z[i]; t: [6][n] */
#define AFFINE(name, type)                                                                                             \
    SPS_VECTOR static void name(float *restrict y, const type *restrict z, const float *restrict t, size_t count,      \
                                size_t n)                                                                              \
    {                                                                                                                  \
        for (size_t p = 0; p < count; p++)                                                                             \
            for (size_t c = 0; c < n; c++)                                                                             \
                y[p * n + c] =                                                                                         \
                    t[4 * n + c] * ((t[c] * ((float)z[p * n + c] + t[n + c]) - t[2 * n + c]) * t[3 * n + c]) +         \
                    t[5 * n + c];                                                                                      \
    }
AFFINE(affine_of_16, int16_t)
AFFINE(affine_of_32, int32_t)

SPS_VECTOR static void affine_of_reals(float *restrict y, const float *restrict t, size_t count, size_t n)
{
    for (size_t p = 0; p < count; p++)
        for (size_t c = 0; c < n; c++)
            y[p * n + c] =
                t[4 * n + c] * ((t[c] * (y[p * n + c] + t[n + c]) - t[2 * n + c]) * t[3 * n + c]) + t[5 * n + c];
}

SPS_VECTOR static void add_reals(float *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

SPS_VECTOR static void clip(float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float least = y[i] > -1 ? y[i] : -1;
        y[i] = least < 1 ? least : 1;
    }
}

SPS_VECTOR static void cut(float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] > 0 ? y[i] : 0;
}

SPS_VECTOR static void bend(float *restrict y, const float *restrict t, size_t count, size_t n)
{
    for (size_t p = 0; p < count; p++)
        for (size_t c = 0; c < n; c++) {
            float from = y[p * n + c] - t[c];
            y[p * n + c] = (from > 0 ? from : t[2 * n + c] * from) + t[n + c];
        }
}

SPS_VECTOR static void quantise(uint8_t *restrict y, const float *restrict x, const float *restrict step, size_t count,
                                size_t n, float top)
{
    for (size_t p = 0; p < count; p++)
        for (size_t c = 0; c < n; c++)
            y[p * n + c] = sps_level_of(x[p * n + c], step[c], top);
}

/* To the nearest number of so many bits, ties to even. */
SPS_VECTOR static void round_reals(float *restrict y, size_t n, int bits)
{
    uint32_t cut = (uint32_t)(32 - bits), half = (1u << cut >> 1) - 1;
    for (size_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, &y[i], sizeof u);
        u += half + (u >> cut & 1);
        u = u >> cut << cut;
        memcpy(&y[i], &u, sizeof u);
    }
}

static void keep(const struct sps_lane *lane, int value, float *y, size_t n)
{
    int bits = lane->backend->kept_bits;
    if (bits > 0 && bits < 32 && lane->plan->kept[value])
        round_reals(y, n, bits);
}

/* What a residual block does behind its sums, in one go: y = affine(z) + shortcut, cut to -1 .. 1 where a hard tanh
 * follows, element by element as above.  SPS_TAPS channels at a time, whose table stays in registers. */
typedef int16_t sums_vector __attribute__((vector_size(SPS_TAPS * sizeof(int16_t))));
typedef int32_t masks_vector __attribute__((vector_size(SPS_TAPS * sizeof(int32_t))));

SPS_VECTOR static void finish_block(float *restrict y, const int16_t *restrict z, const float *restrict t,
                                    const float *restrict shortcut, size_t count, size_t n, int cuts)
{
    for (size_t first = 0; first < n; first += SPS_TAPS) {
        channels_vector a[SPS_AFFINE_ROWS], x, s;
        sums_vector sums;
        for (size_t i = 0; i < SPS_AFFINE_ROWS; i++)
            memcpy(&a[i], t + i * n + first, sizeof a[i]);
        for (size_t at = first; at < count * n; at += n) {
            memcpy(&sums, z + at, sizeof sums);
            memcpy(&s, shortcut + at, sizeof s);
            x = a[4] * ((a[0] * (__builtin_convertvector(sums, channels_vector) + a[1]) - a[2]) * a[3]) + a[5];
            x += s;
            if (!cuts) {
                memcpy(y + at, &x, sizeof x);
                continue;
            }
            const channels_vector one = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
            masks_vector above = x > -one, below; /* not above: -1, as where x is no number */
            x = (channels_vector)(((masks_vector)x & above) | ((masks_vector)-one & ~above));
            below = x < one;
            x = (channels_vector)(((masks_vector)x & below) | ((masks_vector)one & ~below));
            memcpy(y + at, &x, sizeof x);
        }
    }
}

/* Entries are picked per channel: the table that this makes. */
static void mix_table(struct sps_lane *lane, const struct sps_op *op, const uint8_t *mixed)
{
    size_t n = (size_t)op->result.c, size = SPS_AFFINE_ROWS * n;
    for (size_t i = 0; i < size; i++)
        lane->table[i] = op->affine[mixed[i % n] * size + i];
}

/* The table of an affine for this pass, [6][channels]. */
static const float *table_of(const struct sps_lane *lane, const struct sps_op *op, int row, int is_mixed)
{
    size_t size = SPS_AFFINE_ROWS * (size_t)op->result.c;
    int entries = op->noise < 0 ? 1 : lane->plan->packed->noises[op->noise].entries;
    if (lane->point)
        return op->affine + (size_t)(entries - 1 + op->point) * size;
    if (op->noise < 0)
        return op->affine;
    return is_mixed ? lane->table : op->affine + (size_t)row * size;
}

/* Option A: pixels and channels that the shortcut has. */
static void add_shortcut(float *y, const struct sps_op *op, const float *x, const struct sps_value *from, size_t first,
                         size_t count)
{
    const struct sps_value *to = &op->result;
    struct sps_shortcut s;
    sps_shortcut_fits(&s, (const int[]){to->h, to->w, to->c}, (const int[]){from->h, from->w, from->c});
    if (s.step == 1 && to->c == from->c) {
        add_reals(y, x + first * (size_t)to->c, count * (size_t)to->c);
        return;
    }
    for (size_t p = first; p < first + count; p++, y += to->c) {
        size_t row = p / (size_t)to->w * (size_t)s.step, column = p % (size_t)to->w * (size_t)s.step;
        add_reals(y + s.front, x + (row * (size_t)from->w + column) * (size_t)from->c, (size_t)from->c);
    }
}

static void run_element_wise(struct sps_lane *lane, const struct sps_stage *s, int index, size_t first, size_t count,
                             const float *table)
{
    const struct sps_plan *plan = lane->plan;
    const struct sps_op *op = &plan->packed->ops[index];
    const struct sps_level *level = &lane->levels[s->index];
    size_t n = (size_t)op->result.c, at = first * n, all = count * n;
    if (op->kind == SPS_OP_sign) { /* pieces are whole words */
        plan->kern->pack((uint32_t *)level[1].next + at / 32, real_at(lane, op->from[0], at), all);
        return;
    }
    if (op->kind == SPS_OP_quantise) {
        quantise((uint8_t *)level[1].next + at, real_at(lane, op->from[0], at), op->step, count, n,
                 (float)((1 << op->bits) - 1));
        return;
    }
    float *y = real_at(lane, index + 1, at);
    if (sps_packed_value(plan->packed, op->from[0])->kind == SPS_VALUE_SUMS) {
        if (s->wide)
            affine_of_32(y, (const int32_t *)level->pooled + at, table, count, n);
        else
            affine_of_16(y, (const int16_t *)level->pooled + at, table, count, n);
        return;
    }
    if (plan->place[op->from[0]] != plan->place[index + 1])
        memcpy(y, real_at(lane, op->from[0], at), all * sizeof *y);
    if (op->kind == SPS_OP_affine)
        affine_of_reals(y, table, count, n);
    else if (op->kind == SPS_OP_add)
        add_shortcut(y, op, real_at(lane, op->from[1], 0), sps_packed_value(plan->packed, op->from[1]), first, count);
    else if (op->kind == SPS_OP_hard_tanh)
        clip(y, all);
    else if (op->kind == SPS_OP_relu)
        cut(y, all);
    else
        bend(y, op->rprelu, count, n);
}

/* Positions first .. first + count of an element-wise operation. */
static void run_piece(struct sps_lane *lane, const struct sps_stage *s, int index, size_t first, size_t count,
                      const float *table)
{
    const struct sps_value *out = &lane->plan->packed->ops[index].result;
    run_element_wise(lane, s, index, first, count, table);
    if (out->kind == SPS_VALUE_REALS)
        keep(lane, index + 1, real_at(lane, index + 1, first * (size_t)out->c), count * (size_t)out->c);
}

/* ---- pooling ---- */

/* Channels innermost; each channel's numbers come in raster order. */
SPS_VECTOR static void add_pixel(float *restrict y, const float *restrict x, size_t n, int average, int first)
{
    if (average)
        for (size_t c = 0; c < n; c++)
            y[c] += x[c];
    else
        for (size_t c = 0; c < n; c++)
            y[c] = first || x[c] > y[c] ? x[c] : y[c];
}

static void pool_window(float *y, const struct sps_op *op, const struct sps_value *in, const float *x, int row,
                        int column)
{
    size_t n = (size_t)in->c;
    int counted = 0;
    memset(y, 0, n * sizeof *y);
    for (int i = row * op->window; i < (row + 1) * op->window && i < in->h; i++)
        for (int j = column * op->window; j < (column + 1) * op->window && j < in->w; j++, counted++)
            add_pixel(y, x + (size_t)(i * in->w + j) * n, n, op->average, counted == 0);
    for (size_t c = 0; c < n && op->average; c++)
        y[c] /= (float)counted;
}

static void run_pool(struct sps_lane *lane, int index)
{
    const struct sps_plan *plan = lane->plan;
    const struct sps_op *op = &plan->packed->ops[index];
    const struct sps_value *out = &op->result, *in = sps_packed_value(plan->packed, op->from[0]);
    const float *x = real_at(lane, op->from[0], 0);
    float *y = real_at(lane, index + 1, 0), *at = y;
    for (int i = 0; i < out->h; i++)
        for (int j = 0; j < out->w; j++, at += out->c)
            pool_window(at, op, in, x, i, j);
    keep(lane, index + 1, y, (size_t)(at - y));
}

/* ---- all ---- */

/* Positions of a piece: whole words of bits. */
static size_t piece_of(size_t channels)
{
    size_t unit = 32;
    while (unit > 1 && unit / 2 * channels % 32 == 0)
        unit /= 2;
    size_t units = PIECE / (unit * channels);
    return unit * (units > 0 ? units : 1);
}

/* Operations from `first` on that go through the same positions, element by element. */
static int run_length(const struct sps_packed *m, int first, int end)
{
    int i = first;
    while (i < end && m->ops[i].kind != SPS_OP_pool && (i == first || m->ops[i].from[0] == i))
        i++;
    return i;
}

/* How many operations from `first` on are the usual end of a residual block: sums of 16 bits through affine and add,
 * perhaps hard_tanh, each in the place of the one before, with a shortcut of the same size.  0: this is another. */
static int block_end(const struct sps_lane *lane, const struct sps_stage *s, int first, int end)
{
    const struct sps_plan *plan = lane->plan;
    const struct sps_op *op = &plan->packed->ops[first];
    if (first + 1 >= end || s->wide || op->kind != SPS_OP_affine || op[1].kind != SPS_OP_add ||
        sps_packed_value(plan->packed, op->from[0])->kind != SPS_VALUE_SUMS || op->result.c % SPS_TAPS != 0 ||
        op[1].from[0] != first + 1 || plan->place[first + 1] != plan->place[first + 2])
        return 0;
    const struct sps_value *shortcut = sps_packed_value(plan->packed, op[1].from[1]);
    if (shortcut->c != op->result.c || shortcut->h != op->result.h)
        return 0;
    int cuts = first + 2 < end && op[2].kind == SPS_OP_hard_tanh && op[2].from[0] == first + 2 &&
               plan->place[first + 2] == plan->place[first + 3];
    return cuts ? 3 : 2;
}

/* Positions of all operations of a run. */
static void run_pieces(struct sps_lane *lane, const struct sps_stage *s, int first, int last, size_t at, size_t count,
                       int row, int is_mixed)
{
    const struct sps_op *ops = lane->plan->packed->ops;
    int done = block_end(lane, s, first, last);
    if (done > 0) {
        size_t n = (size_t)ops[first].result.c;
        float *y = real_at(lane, first + done, at * n);
        finish_block(y, (const int16_t *)lane->levels[s->index].pooled + at * n,
                     table_of(lane, &ops[first], row, is_mixed), real_at(lane, ops[first + 1].from[1], at * n), count,
                     n, done == 3);
        keep(lane, first + done, y, count * n);
        first += done;
    }
    for (int i = first; i < last; i++)
        run_piece(lane, s, i, at, count, ops[i].kind == SPS_OP_affine ? table_of(lane, &ops[i], row, is_mixed) : NULL);
}

void sps_reals_run(struct sps_lane *lane, const struct sps_stage *s, int first, int end, int row, const uint8_t *mixed)
{
    const struct sps_packed *m = lane->plan->packed;
    if (mixed != NULL)
        mix_table(lane, &m->ops[s->branch], mixed);
    while (first < end) {
        const struct sps_op *op = &m->ops[first];
        if (op->kind == SPS_OP_pool) {
            run_pool(lane, first++);
            continue;
        }
        int last = run_length(m, first, end);
        size_t positions = (size_t)op->result.h * (size_t)op->result.w, piece = piece_of((size_t)op->result.c);
        for (size_t at = 0; at < positions; at += piece)
            run_pieces(lane, s, first, last, at, positions - at < piece ? positions - at : piece, row, mixed != NULL);
        first = last;
    }
}
