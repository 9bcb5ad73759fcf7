/* SPDX-License-Identifier: MIT */
#ifndef SPS_TEST_CHAIN_H
#define SPS_TEST_CHAIN_H
/* Packed models made by hand or by chance, and their outputs worked out with plain loops over integers. */
#include "core/shortcut.h"
#include "engine/packed.h"
#include "kern/kern.h"
#include "net.h"

enum { CHAIN_OPS = 64, CHAIN_NONE = -1 };

/* ---- building ---- */

struct chain {
    struct sps_packed *m;
    struct sps_random r;
};

static inline uint32_t below(struct chain *b, uint32_t n)
{
    return sps_random_below(&b->r, n);
}

static inline int between(struct chain *b, int low, int high)
{
    return low + (int)below(b, (uint32_t)(high - low + 1));
}

static inline int chance(struct chain *b, int percent)
{
    return below(b, 100) < (uint32_t)percent;
}

static inline void *chain_room(struct chain *b, size_t count, size_t size)
{
    void *memory = NULL;
    OK(sps_packed_alloc(&memory, b->m, count, size, "a test"));
    return memory;
}

static inline struct chain chain_start(uint32_t seed, int h, int w, int c)
{
    struct chain b = {NULL, test_random(seed)};
    OK(sps_packed_create(&b.m));
    b.m->input = (struct sps_value){SPS_VALUE_CODES, h, w, c, -128, 127};
    int8_t *codes = chain_room(&b, (size_t)c, 256);
    float *mean = chain_room(&b, (size_t)c, sizeof *mean), *std = chain_room(&b, (size_t)c, sizeof *std);
    for (int i = 0; i < 256 * c; i++)
        codes[i] = (int8_t)between(&b, -128, 127);
    for (int i = 0; i < c; i++)
        std[i] = 1;
    b.m->codes = codes;
    b.m->mean = mean;
    b.m->std = std;
    b.m->ops = chain_room(&b, CHAIN_OPS, sizeof *b.m->ops);
    b.m->noises = chain_room(&b, CHAIN_OPS, sizeof *b.m->noises);
    b.m->validation_accuracy = NAN;
    return b;
}

static inline const struct sps_value *chain_value(const struct sps_packed *m, int which)
{
    return which == 0 ? &m->input : &m->ops[which - 1].result;
}

static inline const struct sps_value *chain_end(const struct chain *b)
{
    return chain_value(b->m, b->m->op_count);
}

static inline struct sps_op *chain_op(struct chain *b, enum sps_op_kind kind)
{
    struct sps_op *op = &b->m->ops[b->m->op_count];
    *op = (struct sps_op){.kind = kind, .noise = CHAIN_NONE, .from = {b->m->op_count}, .from_count = 1};
    snprintf(op->name, sizeof op->name, "%s.%d", sps_op_name(kind), b->m->op_count);
    assert_true(b->m->op_count++ < CHAIN_OPS);
    return op;
}

static inline void chain_check(struct chain *b)
{
    OK(sps_packed_check_op(b->m, b->m->op_count - 1));
}

/* A noise source of some kind, CHAIN_NONE for none. */
static inline void chain_noise(struct chain *b, struct sps_op *op, int kind, int entries)
{
    if (kind == CHAIN_NONE)
        return;
    double *p = chain_room(b, (size_t)entries, sizeof *p), total = 0;
    for (int k = 0; k < entries; k++)
        total += p[k] = entries > 2 && chance(b, 15) ? 0 : between(b, 1, 8);
    for (int k = 0; k < entries; k++)
        p[k] = total > 0 ? p[k] / total : 1.0 / entries;
    op->noise = b->m->noise_count++;
    b->m->noises[op->noise] = (struct sps_noise){
        .kind = (enum sps_noise_kind)kind, .entries = entries, .probability = p, .stream = b->m->op_count};
}

static inline uint32_t *chain_bits(struct chain *b, size_t rows, size_t bits, int percent)
{
    size_t words = sps_words(bits);
    uint32_t *to = chain_room(b, rows * words, sizeof *to);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < bits; i++)
            to[r * words + i / 32] |= (uint32_t)chance(b, percent) << i % 32;
    return to;
}

/* kernel 0: dense.  mask: a kind of noise. */
static inline void chain_product(struct chain *b, int out, int kernel, int stride, int pad, int mask)
{
    struct sps_op *op = chain_op(b, kernel > 0 ? SPS_OP_binary_conv : SPS_OP_binary_dense);
    op->out = out;
    op->kernel = kernel;
    op->stride = stride;
    op->pad = pad;
    size_t fan_in = sps_op_fan_in(op, chain_value(b->m, op->from[0]));
    op->weight_bits = chain_bits(b, (size_t)out, fan_in, 50);
    chain_noise(b, op, mask, 2);
    chain_check(b);
}

static inline void chain_pool(struct chain *b, int window, int ceil)
{
    struct sps_op *op = chain_op(b, SPS_OP_pool);
    op->window = window;
    op->ceil = ceil;
    chain_check(b);
}

static inline int32_t chain_threshold(struct chain *b, const struct sps_value *in)
{
    if (chance(b, 5))
        return (int32_t)(chance(b, 50) ? in->low : in->high + 1);
    int spread = (int)sqrt((double)in->high * 4) + 1;
    int64_t t = between(b, -spread, spread);
    return (int32_t)(t < in->low ? in->low : t > in->high + 1 ? in->high + 1 : t);
}

/* Entries are alike (few bits flip between them) or not. */
static inline void chain_decide(struct chain *b, int noise, int entries, int point)
{
    const struct sps_value in = *chain_end(b);
    struct sps_op *op = chain_op(b, SPS_OP_threshold);
    size_t rows = (size_t)(noise == CHAIN_NONE ? 1 : entries) + (size_t)point, c = (size_t)in.c;
    int32_t *t = chain_room(b, rows * c, sizeof *t);
    uint32_t *flip = chain_bits(b, rows, c, chance(b, 50) ? 30 : 0);
    size_t words = sps_words(c);
    int alike = chance(b, 60);
    for (size_t i = 0; i < rows * c; i++) {
        t[i] = i >= c && alike ? t[i - c] + between(b, -2, 2) : chain_threshold(b, &in);
        t[i] = t[i] < in.low ? (int32_t)in.low : t[i] > in.high + 1 ? (int32_t)in.high + 1 : t[i];
    }
    for (size_t i = words; i < rows * words && alike; i++)
        flip[i] = flip[i - words];
    op->threshold = t;
    op->flip = flip;
    op->point = point;
    chain_noise(b, op, noise, entries);
    chain_check(b);
}

static inline void chain_score(struct chain *b, int noise, int entries, int point)
{
    const struct sps_value in = *chain_end(b);
    struct sps_op *op = chain_op(b, SPS_OP_affine);
    size_t rows = (size_t)(noise == CHAIN_NONE ? 1 : entries) + (size_t)point,
           count = rows * SPS_AFFINE_ROWS * (size_t)in.c;
    float *table = chain_room(b, count, sizeof *table);
    double size = 1 / sqrt((double)in.high + 1);
    for (size_t i = 0; i < count; i++)
        table[i] = uniform(&b->r, -1, 1) * (float)(i / (size_t)in.c % SPS_AFFINE_ROWS == 0 ? size : 2);
    op->affine = table;
    op->point = point;
    chain_noise(b, op, noise, entries);
    chain_check(b);
}

static inline struct sps_packed *chain_finish(struct chain *b)
{
    b->m->classes = (int)sps_value_size(chain_end(b));
    OK(sps_packed_validate(b->m));
    return b->m;
}

/* ---- by chance ---- */

static inline int random_table_noise(struct chain *b)
{
    return chance(b, 25) ? CHAIN_NONE : chance(b, 75) ? SPS_NOISE_bank : SPS_NOISE_channel;
}

static inline int random_mask(struct chain *b, int masks)
{
    static const int kinds[] = {SPS_NOISE_neuron, SPS_NOISE_map, SPS_NOISE_weight};
    return chance(b, masks) ? kinds[below(b, 3)] : CHAIN_NONE;
}

static inline void random_product(struct chain *b, int masks, int last)
{
    const struct sps_value *in = chain_end(b);
    int side = in->h < in->w ? in->h : in->w, out = last ? between(b, 1, 6) : between(b, 1, chance(b, 30) ? 70 : 20);
    int dense = (last && side > 1) || chance(b, 25);
    int kernel = between(b, 1, side < 4 ? side + 1 : 5), pad = between(b, 0, kernel - 1);
    if (!dense && (in->h + 2 * pad < kernel || in->w + 2 * pad < kernel))
        pad = kernel - 1;
    dense |= in->h + 2 * pad < kernel || in->w + 2 * pad < kernel;
    chain_product(b, out, dense ? 0 : kernel,
                  dense           ? 0
                  : chance(b, 70) ? 1
                                  : between(b, 2, 3),
                  dense ? 0 : pad, random_mask(b, masks));
    in = chain_end(b);
    side = in->h < in->w ? in->h : in->w;
    if (side > 1 && chance(b, 40))
        chain_pool(b, between(b, 1, side < 3 ? side : 3), chance(b, 50));
}

/* masks: percent of the layers that have some; point: whether the deterministic reading has rows of its own, 2: in some
 * tables. */
static inline struct sps_packed *random_chain(uint32_t seed, int masks, int point)
{
    struct sps_random r = test_random(seed + 7000);
    int h = 1 + (int)sps_random_below(&r, 9), w = 1 + (int)sps_random_below(&r, 9),
        c = 1 + (int)sps_random_below(&r, 3);
    struct chain b = chain_start(seed, h, w, c);
    int hidden = between(&b, 0, 3);
    for (int i = 0; i < hidden; i++) {
        random_product(&b, masks, 0);
        chain_decide(&b, random_table_noise(&b), between(&b, 1, 5), point < 2 ? point : chance(&b, 50));
        const struct sps_value *bits = chain_end(&b);
        int side = bits->h < bits->w ? bits->h : bits->w;
        if (side > 1 && chance(&b, 25))
            chain_pool(&b, between(&b, 1, side < 3 ? side : 3), chance(&b, 50));
    }
    random_product(&b, masks, 1);
    if (sps_value_size(chain_end(&b)) > 256) {
        chain_decide(&b, SPS_NOISE_bank, 2, point > 0);
        chain_product(&b, 4, 0, 0, 0, CHAIN_NONE);
    }
    chain_score(&b, random_table_noise(&b), between(&b, 1, 5), point < 2 ? point : chance(&b, 50));
    return chain_finish(&b);
}

/* Reals: shortcuts, activations, float weights. */

static inline float *chain_floats(struct chain *b, size_t count, double size)
{
    float *to = chain_room(b, count, sizeof *to);
    for (size_t i = 0; i < count; i++)
        to[i] = uniform(&b->r, -(float)size, (float)size);
    return to;
}

static inline void chain_float_product(struct chain *b, int out, int kernel, int stride, int pad)
{
    struct sps_op *op = chain_op(b, kernel > 0 ? SPS_OP_float_conv : SPS_OP_float_dense);
    op->out = out;
    op->kernel = kernel;
    op->stride = stride;
    op->pad = pad;
    size_t fan_in = sps_op_fan_in(op, chain_value(b->m, op->from[0]));
    op->weight = chain_floats(b, (size_t)out * fan_in, 1 / sqrt((double)fan_in));
    op->bias = chain_floats(b, (size_t)out, 0.5);
    chain_check(b);
}

static inline void chain_activation(struct chain *b, enum sps_op_kind kind)
{
    struct sps_op *op = chain_op(b, kind);
    if (kind == SPS_OP_rprelu)
        op->rprelu = chain_floats(b, SPS_RPRELU_ROWS * (size_t)chain_value(b->m, op->from[0])->c, 0.7);
    if (kind == SPS_OP_pool) {
        op->window = between(b, 1, 2);
        op->average = chance(b, 60);
        op->ceil = chance(b, 50);
    }
    chain_check(b);
}

static inline void chain_quantise(struct chain *b, int bits)
{
    struct sps_op *op = chain_op(b, SPS_OP_quantise);
    size_t c = (size_t)chain_value(b->m, op->from[0])->c;
    float *step = chain_room(b, c, sizeof *step);
    for (size_t i = 0; i < c; i++)
        step[i] = uniform(&b->r, 0.5f, 2) / (float)((1 << bits) - 1);
    op->bits = bits;
    op->step = step;
    chain_check(b);
}

static inline void chain_add(struct chain *b, int with)
{
    struct sps_op *op = chain_op(b, SPS_OP_add);
    op->from[op->from_count++] = with;
    chain_check(b);
}

static inline void random_activations(struct chain *b)
{
    static const enum sps_op_kind kinds[] = {SPS_OP_hard_tanh, SPS_OP_relu, SPS_OP_rprelu, SPS_OP_pool, SPS_OP_affine};
    for (int n = between(b, 0, 2); n > 0; n--) {
        enum sps_op_kind kind = kinds[below(b, 5)];
        const struct sps_value *in = chain_end(b);
        if (kind == SPS_OP_affine)
            chain_score(b, CHAIN_NONE, 1, chance(b, 50));
        else if (kind != SPS_OP_pool || (in->h > 3 && in->w > 3))
            chain_activation(b, kind);
    }
}

/* A block with a shortcut from wherever one fits; at times a decision inside. */
static inline void random_block(struct chain *b, int masks, int point)
{
    if (chance(b, 25))
        chain_quantise(b, between(b, 1, 8));
    else
        chain_activation(b, SPS_OP_sign);
    const struct sps_value *in = chain_end(b);
    int out = chance(b, 40) ? in->c : between(b, in->c, in->c + 3),
        stride = in->h > 3 && in->w > 3 ? between(b, 1, 2) : 1;
    if (chance(b, 40)) {
        chain_product(b, between(b, 1, 9), 3, 1, 1, random_mask(b, masks));
        chain_decide(b, random_table_noise(b), between(b, 1, 4), point);
    }
    chain_product(b, out, 3, stride, 1, random_mask(b, masks));
    chain_score(b, random_table_noise(b), between(b, 1, 4), point);
    for (int tries = 0; tries < 2 * b->m->op_count; tries++) {
        struct sps_shortcut shortcut;
        int with = 1 + (int)below(b, (uint32_t)b->m->op_count - 1);
        const struct sps_value *to = chain_end(b), *from = chain_value(b->m, with);
        if (from->kind == SPS_VALUE_REALS && sps_shortcut_fits(&shortcut, (const int[]){to->h, to->w, to->c},
                                                               (const int[]){from->h, from->w, from->c})) {
            chain_add(b, with);
            if (chance(b, 70))
                break;
        }
    }
    if (chance(b, 50)) /* what the engine does in one go */
        chain_activation(b, SPS_OP_hard_tanh);
    random_activations(b);
}

/* masks, point: as in random_chain(); floats: whether there may be layers of float weights. */
static inline struct sps_packed *random_residual(uint32_t seed, int masks, int point, int floats)
{
    struct sps_random r = test_random(seed + 9000);
    struct chain b = chain_start(seed, 3 + (int)sps_random_below(&r, 8), 3 + (int)sps_random_below(&r, 8),
                                 1 + (int)sps_random_below(&r, 3));
    int first = floats && chance(&b, 50), stride = between(&b, 1, 2), kernel = between(&b, 1, 3),
        out = chance(&b, 40) ? 16 * between(&b, 1, 3) : between(&b, 1, 40);
    if (first)
        chain_float_product(&b, out, kernel, stride, between(&b, 0, kernel - 1));
    else
        chain_product(&b, out, kernel, stride, between(&b, 0, kernel - 1), random_mask(&b, masks));
    if (!first || chance(&b, 80))
        chain_score(&b, random_table_noise(&b), between(&b, 1, 4), point);
    random_activations(&b);
    for (int blocks = between(&b, 1, 3); blocks > 0; blocks--)
        random_block(&b, masks, point);
    if (floats && chance(&b, 30)) { /* a float layer that reads bits */
        chain_activation(&b, SPS_OP_sign);
        chain_float_product(&b, between(&b, 1, 20), 1, 1, 0);
    }
    if (floats && chance(&b, 50)) {
        chain_float_product(&b, between(&b, 1, 20), 0, 0, 0);
        return chain_finish(&b);
    }
    chain_activation(&b, SPS_OP_sign);
    chain_product(&b, between(&b, 1, 20), 0, 0, 0, random_mask(&b, masks));
    chain_score(&b, random_table_noise(&b), between(&b, 1, 4), point);
    return chain_finish(&b);
}

/* ---- by hand: what a path gives ---- */

struct by_hand {
    const struct sps_packed *m;
    const uint8_t *picks; /* of the path; NULL: the deterministic reading */
    int *x;               /* the value at hand: codes, +-1, sums */
    int *y;
    const float *u; /* the same of reals */
    float *v;
};

static inline int weight_of_bits(const uint32_t *bits, size_t row, size_t length, size_t i)
{
    return bits[row * ((length + 31) / 32) + i / 32] >> i % 32 & 1 ? 1 : -1;
}

/* What a weight times an input adds, dropped or padded ones nothing. */
static inline int term(const struct by_hand *h, const struct sps_op *op, const struct sps_value *in,
                       const uint8_t *picks, size_t fan_in, size_t o, size_t tap, int row, int column, int c)
{
    if (row < 0 || column < 0 || row >= in->h || column >= in->w)
        return 0;
    size_t element = ((size_t)row * (size_t)in->w + (size_t)column) * (size_t)in->c + (size_t)c;
    if (picks != NULL) {
        enum sps_noise_kind kind = h->m->noises[op->noise].kind;
        size_t at = kind == SPS_NOISE_neuron ? element : kind == SPS_NOISE_map ? (size_t)c : o * fan_in + tap;
        if (picks[at])
            return 0;
    }
    return weight_of_bits(op->weight_bits, o, fan_in, tap) * h->x[element];
}

static inline void product_by_hand(const struct by_hand *h, const struct sps_op *op, const struct sps_value *in,
                                   const uint8_t *picks)
{
    int conv = op->kind == SPS_OP_binary_conv, kh = conv ? op->kernel : in->h, kw = conv ? op->kernel : in->w,
        stride = conv ? op->stride : 1, pad = conv ? op->pad : 0;
    size_t fan_in = (size_t)kh * (size_t)kw * (size_t)in->c, at = 0;
    for (int i = 0; i < op->result.h; i++)
        for (int j = 0; j < op->result.w; j++)
            for (size_t o = 0; o < (size_t)op->out; o++) {
                int sum = 0;
                size_t tap = 0;
                for (int a = 0; a < kh; a++)
                    for (int b = 0; b < kw; b++)
                        for (int c = 0; c < in->c; c++, tap++)
                            sum +=
                                term(h, op, in, picks, fan_in, o, tap, i * stride + a - pad, j * stride + b - pad, c);
                h->y[at++] = sum;
            }
}

static inline void pool_by_hand(const struct by_hand *h, const struct sps_op *op, const struct sps_value *in)
{
    for (int i = 0; i < op->result.h; i++)
        for (int j = 0; j < op->result.w; j++)
            for (int c = 0; c < in->c; c++) {
                int most = INT32_MIN;
                for (int a = 0; a < op->window; a++)
                    for (int b = 0; b < op->window; b++) {
                        int row = i * op->window + a, column = j * op->window + b;
                        if (row >= in->h || column >= in->w)
                            continue;
                        int z = h->x[(row * in->w + column) * in->c + c];
                        most = z > most ? z : most;
                    }
                h->y[(i * op->result.w + j) * in->c + c] = most;
            }
}

/* The row of a table that channel c reads. */
static inline size_t row_by_hand(const struct by_hand *h, const struct sps_op *op, const uint8_t *picks, size_t c)
{
    if (h->picks == NULL) {
        size_t entries = op->noise < 0 ? 1 : (size_t)h->m->noises[op->noise].entries;
        return entries - 1 + (size_t)op->point;
    }
    if (picks == NULL)
        return 0;
    return picks[h->m->noises[op->noise].kind == SPS_NOISE_channel ? c : 0];
}

static inline void decide_by_hand(const struct by_hand *h, const struct sps_op *op, const uint8_t *picks)
{
    size_t n = (size_t)op->result.c;
    for (size_t i = 0; i < sps_value_size(&op->result); i++) {
        size_t row = row_by_hand(h, op, picks, i % n);
        int bit = h->x[i] >= op->threshold[row * n + i % n];
        h->y[i] = weight_of_bits(op->flip, row, n, i % n) > 0 ? (bit ? -1 : 1) : (bit ? 1 : -1);
    }
}

static inline void affine_by_hand(const struct by_hand *h, const struct sps_op *op, const struct sps_value *in,
                                  const uint8_t *picks)
{
    size_t n = (size_t)op->result.c;
    for (size_t i = 0; i < sps_value_size(&op->result); i++) {
        const float *t = op->affine + row_by_hand(h, op, picks, i % n) * SPS_AFFINE_ROWS * n + i % n;
        float a = t[0] * ((in->kind == SPS_VALUE_SUMS ? (float)h->x[i] : h->u[i]) + t[n]);
        a = (a - t[2 * n]) * t[3 * n];
        h->v[i] = t[4 * n] * a + t[5 * n];
    }
}

static inline void float_product_by_hand(const struct by_hand *h, const struct sps_op *op, const struct sps_value *in)
{
    int conv = op->kind == SPS_OP_float_conv, kh = conv ? op->kernel : in->h, kw = conv ? op->kernel : in->w,
        stride = conv ? op->stride : 1, pad = conv ? op->pad : 0;
    for (int at = 0; at < (int)sps_value_size(&op->result); at++) {
        int o = at % op->out, i = at / op->out / op->result.w, j = at / op->out % op->result.w;
        const float *w = op->weight + (size_t)o * sps_op_fan_in(op, in);
        float sum = op->bias[o];
        for (int tap = 0; tap < kh * kw * in->c; tap++) {
            int row = i * stride + tap / in->c / kw - pad, column = j * stride + tap / in->c % kw - pad;
            int from = (row * in->w + column) * in->c + tap % in->c;
            if (row >= 0 && column >= 0 && row < in->h && column < in->w)
                sum += w[tap] * (in->kind == SPS_VALUE_REALS ? h->u[from] : (float)h->x[from]);
        }
        h->v[at] = sum;
    }
}

static inline void real_pool_by_hand(const struct by_hand *h, const struct sps_op *op, const struct sps_value *in)
{
    for (int at = 0; at < (int)sps_value_size(&op->result); at++) {
        int c = at % in->c, i = at / in->c / op->result.w, j = at / in->c % op->result.w, count = 0;
        float sum = 0, most = -INFINITY;
        for (int a = 0; a < op->window * op->window; a++) {
            int row = i * op->window + a / op->window, column = j * op->window + a % op->window;
            if (row >= in->h || column >= in->w)
                continue;
            float x = h->u[(row * in->w + column) * in->c + c];
            sum += x;
            most = x > most ? x : most;
            count++;
        }
        h->v[at] = op->average ? sum / (float)count : most;
    }
}

/* Option A: element (i, j, c) of the sum has a pixel and a channel of the shortcut, or nothing. */
static inline void add_by_hand(const struct by_hand *h, const struct sps_op *op, const struct sps_value *from,
                               const float *shortcut)
{
    const struct sps_value *to = &op->result;
    int step = 1;
    while ((from->h + step - 1) / step > to->h)
        step++;
    for (int at = 0; at < (int)sps_value_size(to); at++) {
        int i = at / to->c / to->w * step, j = at / to->c % to->w * step, c = at % to->c - (to->c - from->c) / 2;
        h->v[at] = h->u[at];
        if (c >= 0 && c < from->c)
            h->v[at] += shortcut[(i * from->w + j) * from->c + c];
    }
}

static inline void activate_by_hand(const struct by_hand *h, const struct sps_op *op)
{
    for (size_t i = 0; i < sps_value_size(&op->result); i++) {
        size_t n = (size_t)op->result.c, c = i % n;
        float x = h->u[i];
        if (op->kind == SPS_OP_sign)
            h->y[i] = x >= 0 ? 1 : -1;
        else if (op->kind == SPS_OP_quantise)
            h->y[i] = (int)floorf(fminf(fmaxf(x / op->step[c], 0), (float)((1 << op->bits) - 1)) + 0.5f);
        else if (op->kind == SPS_OP_hard_tanh)
            h->v[i] = fminf(fmaxf(x, -1), 1);
        else if (op->kind == SPS_OP_relu)
            h->v[i] = fmaxf(x, 0);
        else
            h->v[i] = (x - op->rprelu[c] > 0 ? 1 : op->rprelu[2 * n + c]) * (x - op->rprelu[c]) + op->rprelu[n + c];
    }
}

static inline void op_by_hand(const struct by_hand *h, const struct sps_op *op, float *const *reals,
                              const uint8_t *picks)
{
    const struct sps_value *in = chain_value(h->m, op->from[0]);
    switch (op->kind) {
    case SPS_OP_pool:
        (in->kind == SPS_VALUE_REALS ? real_pool_by_hand : pool_by_hand)(h, op, in);
        return;
    case SPS_OP_threshold:
        decide_by_hand(h, op, picks);
        return;
    case SPS_OP_affine:
        affine_by_hand(h, op, in, picks);
        return;
    case SPS_OP_add:
        add_by_hand(h, op, chain_value(h->m, op->from[1]), reals[op->from[1]]);
        return;
    case SPS_OP_float_dense:
    case SPS_OP_float_conv:
        float_product_by_hand(h, op, in);
        return;
    case SPS_OP_binary_dense:
    case SPS_OP_binary_conv:
        product_by_hand(h, op, in, picks);
        return;
    default:
        activate_by_hand(h, op);
    }
}

static inline void logits_by_hand(float *logits, const struct sps_packed *m, const uint8_t *pixels,
                                  const uint8_t *picks)
{
    int *ints[CHAIN_OPS + 1];
    float *reals[CHAIN_OPS + 1];
    for (int i = 0; i <= m->op_count; i++) {
        ints[i] = ROOM(int, sps_value_size(chain_value(m, i)));
        reals[i] = ROOM(float, sps_value_size(chain_value(m, i)));
    }
    for (size_t i = 0; i < sps_value_size(&m->input); i++)
        ints[0][i] = m->codes[i % (size_t)m->input.c * 256 + pixels[i]];
    for (int i = 0; i < m->op_count; i++) {
        const struct sps_op *op = &m->ops[i];
        const struct by_hand h = {m, picks, ints[op->from[0]], ints[i + 1], reals[op->from[0]], reals[i + 1]};
        op_by_hand(&h, op, reals, op->noise >= 0 ? picks : NULL);
        if (op->noise >= 0 && picks != NULL)
            picks += m->noises[op->noise].picks;
    }
    memcpy(logits, reals[m->op_count], (size_t)m->classes * sizeof *logits);
    for (int i = 0; i <= m->op_count; i++) {
        sps_free(ints[i]);
        sps_free(reals[i]);
    }
}

/* ---- asking a session ---- */

struct answer {
    size_t passes, images, classes, picks_row;
    float *p, *logits; /* [T][n][C] */
    uint8_t *picks;    /* [T][n][P] */
    double *weights;   /* [T] */
    uint32_t *used;    /* [n] */
};

static inline struct answer answer_room(const struct sps_model_info *info, const struct sps_predict_options *options,
                                        size_t n)
{
    struct answer a = {.images = n, .classes = (size_t)info->classes, .picks_row = (size_t)info->picks};
    OK(sps_predict_passes(info, options, &a.passes));
    a.p = ROOM(float, a.passes *n *a.classes);
    a.logits = ROOM(float, a.passes *n *a.classes);
    a.picks = ROOM(uint8_t, a.passes * n * a.picks_row);
    a.weights = ROOM(double, a.passes);
    a.used = ROOM(uint32_t, n);
    return a;
}

static inline void answer_free(struct answer *a)
{
    sps_free(a->p);
    sps_free(a->logits);
    sps_free(a->picks);
    sps_free(a->weights);
    sps_free(a->used);
}

/* Images go in blocks of `batch`, each into its columns of the answer. */
static inline void answer_ask(struct answer *a, const struct sps_predictor *predictor,
                              const struct sps_predict_options *options, const uint8_t *const *images,
                              const uint32_t *index, size_t batch)
{
    for (size_t i = 0; i < a->images; i += batch) {
        size_t n = a->images - i < batch ? a->images - i : batch;
        struct sps_passes out = {a->p + i * a->classes,
                                 a->logits + i * a->classes,
                                 a->picks + i * a->picks_row,
                                 a->weights,
                                 a->images,
                                 a->used + i};
        OK(sps_predict(predictor, options, n, images + i, index + i, &out));
    }
}

static inline struct answer ask(const struct sps_packed *m, const struct sps_session_options *how,
                                const struct sps_predict_options *options, size_t n, const uint8_t *const *images,
                                const uint32_t *index, size_t batch)
{
    sps_session *session = NULL;
    OK(sps_session_create(&session, m, how));
    const struct sps_predictor predictor = sps_session_predictor(session);
    struct answer a = answer_room(&m->info, options, n);
    answer_ask(&a, &predictor, options, images, index, batch);
    sps_session_free(session);
    return a;
}

static inline void same_answers(const struct answer *a, const struct answer *b)
{
    size_t count = a->passes * a->images;
    assert_int_equal(a->passes, b->passes);
    assert_memory_equal(a->logits, b->logits, count * a->classes * sizeof *a->logits);
    assert_memory_equal(a->p, b->p, count * a->classes * sizeof *a->p);
    assert_memory_equal(a->picks, b->picks, count * a->picks_row);
    assert_memory_equal(a->weights, b->weights, a->passes * sizeof *a->weights);
    assert_memory_equal(a->used, b->used, a->images * sizeof *a->used);
}

static inline void fill_pixels(uint8_t *pixels, size_t count, uint32_t seed)
{
    struct sps_random r = test_random(seed);
    for (size_t i = 0; i < count; i++)
        pixels[i] = (uint8_t)sps_random_below(&r, 256);
}
#endif
