/* SPDX-License-Identifier: MIT */
/* Forward: patches as tight bit rows (kernel row after kernel row, channels innermost), one bgemm per row of pooling
 * windows, so that the unpooled sums never leave the cache.
 *
 * Backward: max-pooling passes a gradient to one position of each window, so with 2x2 windows three quarters of the
 * gradient that a dense convolution would read are zero.  Both products are sums of scaled rows over the positions that
 * have a gradient (kern->rowsum): for the weights, rows of the padded input; for the input, rows of the weights. */
#include "nn/binary_conv.h"

#include <string.h>

#include "core/memory.h"
#include "core/vector.h"

static size_t patch_bits(const struct sps_binary_conv *v)
{
    return (size_t)v->window.kernel * (size_t)v->window.kernel * (size_t)v->window.c;
}

static size_t patch_words(const struct sps_binary_conv *v)
{
    return sps_window_patch_size(&v->window, v->codes) / sizeof(uint32_t);
}

size_t sps_binary_conv_ld(const struct sps_binary_conv *v)
{
    return (patch_bits(v) + 7) / 8 * 8;
}

/* ---- scratch: carved in this order ---- */
struct forward_scratch {
    void *padded;
    uint32_t *patches; /* [pool * cw][patch words] */
    int32_t *sums;     /* [pool][cw][o] */
    int32_t *row;      /* narrow: [ow][o] before it is */
};
struct backward_scratch {
    float *x;     /* padded input [h + 2 pad][w + 2 pad][c] */
    float *dx;    /* like x */
    float *plain; /* bits: unpacked [h][w][c]; codes: patches [ch * cw][ld] */
    uint32_t *at; /* lists of positions or channels with a gradient */
    float *coef;
    uint32_t *start;  /* [ch * cw] where a position's list starts in at and coef ... */
    uint32_t *count;  /* [ch * cw] ... and how long it is */
    uint32_t *window; /* [oh * ow] offset in x (codes: in the patches) of each pooling window's first position ... */
    uint32_t *inside; /* [pool * pool] ... and of each position from there */
};

static size_t padded_size(const struct sps_binary_conv *v)
{
    return (size_t)(v->window.h + 2 * v->window.pad) * (size_t)(v->window.w + 2 * v->window.pad) * (size_t)v->window.c;
}

static size_t lay_out_forward(struct forward_scratch *s, const struct sps_binary_conv *v, void *memory)
{
    char *at = memory;
    size_t rows = (size_t)v->pool * (size_t)v->window.cw;
    s->padded = sps_carve(&at, sps_window_padded_size(&v->window, v->codes));
    s->patches =
        sps_carve(&at, rows * patch_words(v) * sizeof(uint32_t) + sps_window_patches_size(&v->window, v->codes, 0));
    s->sums = sps_carve(&at, rows * (size_t)v->o * sizeof(int32_t));
    s->row = sps_carve(&at, v->narrow ? (size_t)v->ow * (size_t)v->o * sizeof(int32_t) : 0);
    return (size_t)(at - (char *)memory);
}

static size_t lay_out_backward(struct backward_scratch *s, const struct sps_binary_conv *v, void *memory)
{
    char *at = memory;
    size_t positions = (size_t)v->window.ch * (size_t)v->window.cw,
           gradients = (size_t)v->oh * (size_t)v->ow * (size_t)v->o;
    size_t pixels = (size_t)v->window.h * (size_t)v->window.w * (size_t)v->window.c,
           patches = positions * sps_binary_conv_ld(v);
    s->x = sps_carve(&at, padded_size(v) * sizeof(float));
    s->dx = sps_carve(&at, padded_size(v) * sizeof(float));
    s->plain = sps_carve(&at, (v->codes ? patches : pixels) * sizeof(float));
    s->at = sps_carve(&at, gradients * sizeof(uint32_t));
    s->coef = sps_carve(&at, gradients * sizeof(float));
    s->start = sps_carve(&at, positions * sizeof(uint32_t));
    s->count = sps_carve(&at, positions * sizeof(uint32_t));
    s->window = sps_carve(&at, (size_t)v->oh * (size_t)v->ow * sizeof(uint32_t));
    s->inside = sps_carve(&at, (size_t)v->pool * (size_t)v->pool * sizeof(uint32_t));
    return (size_t)(at - (char *)memory);
}

size_t sps_binary_conv_scratch(const struct sps_binary_conv *v, int training)
{
    struct forward_scratch forward;
    struct backward_scratch backward;
    static char origin[1]; /* only differences are used */
    size_t f = lay_out_forward(&forward, v, origin), b = training ? lay_out_backward(&backward, v, origin) : 0;
    return f > b ? f : b;
}

sps_status sps_binary_conv_init(struct sps_binary_conv *v)
{
    v->padding = (struct sps_padding){0};
    return v->codes ? SPS_OK : sps_padding_init(&v->padding, &v->window, v->o);
}

void sps_binary_conv_reset(struct sps_binary_conv *v)
{
    sps_padding_reset(&v->padding);
}

void sps_binary_conv_refresh(struct sps_binary_conv *v)
{
    sps_padding_fill(&v->padding, &v->window, v->o, v->weight->bits);
}

/* ---- forward ---- */

/* y = max over each window of `tall` rows from the first on, argmax the first of equals (raster order). */
static void pool_row(const struct sps_binary_conv *v, int32_t *y, uint8_t *argmax, const int32_t *sums, int first,
                     int tall)
{
    for (int j = first; j < v->ow; j++) {
        int broad = (int)sps_pool_extent((size_t)v->window.cw, (size_t)v->pool, (size_t)j);
        for (int o = 0; o < v->o; o++) {
            int32_t best = INT32_MIN;
            int where = 0;
            for (int a = 0; a < tall; a++)
                for (int b = 0; b < broad; b++) {
                    int32_t z =
                        sums[((size_t)a * (size_t)v->window.cw + (size_t)(j * v->pool + b)) * (size_t)v->o + (size_t)o];
                    where = z > best ? a * v->pool + b : where;
                    best = z > best ? z : best;
                }
            y[(size_t)j * (size_t)v->o + (size_t)o] = best;
            if (argmax != NULL)
                argmax[(size_t)j * (size_t)v->o + (size_t)o] = (uint8_t)where;
        }
    }
}

/* The usual window, where it is whole: one pass over four rows of channels without branches, so that it runs in
 * vectors.  Returns how many. */
SPS_VECTOR static int pool_row_2(const struct sps_binary_conv *v, int32_t *restrict y, uint8_t *restrict argmax,
                                 const int32_t *restrict sums)
{
    size_t n = (size_t)v->o, below = (size_t)v->window.cw * n, whole = (size_t)v->window.cw / 2;
    for (size_t j = 0; j < whole; j++, y += n, argmax += n) {
        const int32_t *z0 = sums + 2 * j * n, *z1 = z0 + n, *z2 = z0 + below, *z3 = z1 + below;
        for (size_t o = 0; o < n; o++) {
            int32_t top = z1[o] > z0[o] ? z1[o] : z0[o], bottom = z3[o] > z2[o] ? z3[o] : z2[o];
            int32_t top_at = z1[o] > z0[o], bottom_at = 2 + (z3[o] > z2[o]);
            y[o] = bottom > top ? bottom : top;
            argmax[o] = (uint8_t)(bottom > top ? bottom_at : top_at);
        }
    }
    return (int)whole;
}

SPS_VECTOR static void narrow(int16_t *restrict y, const int32_t *restrict z, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (int16_t)z[i];
}

void sps_binary_conv_forward(const struct sps_binary_conv *v, const struct sps_kern *kern, void *y, uint8_t *argmax,
                             const void *x, void *scratch)
{
    struct forward_scratch s;
    lay_out_forward(&s, v, scratch);
    size_t words = patch_words(v), n = (size_t)v->o, columns = (size_t)v->window.cw;
    sps_window_pad(s.padded, &v->window, v->codes, x);
    for (int i = 0; i < v->oh; i++) {
        int tall = (int)sps_pool_extent((size_t)v->window.ch, (size_t)v->pool, (size_t)i);
        size_t rows = (size_t)tall * columns;
        for (int a = 0; a < tall; a++)
            sps_window_row(s.patches + (size_t)a * columns * words, &v->window, v->codes, s.padded, i * v->pool + a);
        size_t at = (size_t)i * (size_t)v->ow * n;
        int32_t *row = v->narrow ? s.row : (int32_t *)y + at, *sums = v->pool > 1 ? s.sums : row;
        if (v->codes)
            kern->qgemm(sums, n, (const uint8_t *)s.patches, 4 * words, v->weight->quads, v->weight->weight_sums, rows,
                        n, words);
        else
            kern->bgemm(sums, n, s.patches, words, v->weight->panels, rows, n, words, (int32_t)patch_bits(v));
        if (v->codes == SPS_UNSIGNED_CODES)
            sps_qgemm_unsigned(sums, n, v->weight->weight_sums, rows, n);
        for (int a = 0; a < tall && v->padding.correction != NULL; a++)
            for (int j = 0; j < v->window.cw; j++) {
                const int32_t *c = sps_padding_at(&v->padding, v->o, i * v->pool + a, j);
                int32_t *z = sums + ((size_t)a * columns + (size_t)j) * n;
                for (size_t o = 0; o < n; o++)
                    z[o] += c[o];
            }
        int done = v->pool == 2 && tall == 2 && argmax != NULL ? pool_row_2(v, row, argmax + at, sums) : 0;
        if (v->pool > 1)
            pool_row(v, row, argmax ? argmax + at : NULL, sums, done, tall);
        if (v->narrow)
            narrow((int16_t *)y + at, row, (size_t)v->ow * n);
    }
}

/* ---- backward ---- */

/* x as padded floats; for codes also the patches, whose kernel rows are too short to be worth a rowsum each. */
static void fill_input(const struct sps_binary_conv *v, const struct sps_kern *kern, struct backward_scratch *s,
                       const void *x)
{
    size_t row = (size_t)v->window.w * (size_t)v->window.c, padded = row + 2 * (size_t)(v->window.pad * v->window.c);
    memset(s->x, 0, padded_size(v) * sizeof *s->x);
    if (!v->codes)
        kern->unpack(s->plain, x, (size_t)v->window.h * row);
    for (int i = 0; i < v->window.h; i++) {
        float *to = s->x + (size_t)(i + v->window.pad) * padded + (size_t)(v->window.pad * v->window.c);
        const int8_t *code = (const int8_t *)x + (size_t)i * row;
        if (!v->codes)
            memcpy(to, s->plain + (size_t)i * row, row * sizeof *to);
        else
            for (size_t j = 0; j < row; j++)
                to[j] = v->codes == SPS_SIGNED_CODES ? (float)code[j] : (float)(uint8_t)code[j];
    }
    if (!v->codes)
        return;
    size_t ld = sps_binary_conv_ld(v), run = (size_t)(v->window.kernel * v->window.c),
           step = (size_t)(v->window.stride * v->window.c);
    float *patch = s->plain;
    for (int i = 0; i < v->window.ch; i++)
        for (size_t j = 0; j < (size_t)v->window.cw; j++, patch += ld) {
            const float *from = s->x + (size_t)(i * v->window.stride) * padded + j * step;
            for (size_t a = 0; a < (size_t)v->window.kernel; a++)
                for (size_t b = 0; b < run; b++)
                    patch[a * run + b] = from[a * padded + b];
            for (size_t b = run * (size_t)v->window.kernel; b < ld; b++)
                patch[b] = 0;
        }
}

/* Where in x (or in the patches) the winner of window q at position `where` starts: window[q] + inside[where]. */
static void fill_offsets(const struct sps_binary_conv *v, struct backward_scratch *s)
{
    size_t padded = (size_t)(v->window.w + 2 * v->window.pad) * (size_t)v->window.c, ld = sps_binary_conv_ld(v);
    size_t down = v->codes ? (size_t)v->window.cw * ld : (size_t)v->window.stride * padded,
           right = v->codes ? ld : (size_t)(v->window.stride * v->window.c);
    for (int i = 0; i < v->oh; i++)
        for (int j = 0; j < v->ow; j++)
            s->window[i * v->ow + j] = (uint32_t)((size_t)(i * v->pool) * down + (size_t)(j * v->pool) * right);
    for (int a = 0; a < v->pool; a++)
        for (int b = 0; b < v->pool; b++)
            s->inside[a * v->pool + b] = (uint32_t)((size_t)a * down + (size_t)b * right);
}

/* dw[o] += sum over positions with a gradient: gradient x input row. */
static void weight_gradient(const struct sps_binary_conv *v, const struct sps_kern *kern, struct backward_scratch *s,
                            float *dw, const float *dy, const uint8_t *argmax)
{
    size_t ld = sps_binary_conv_ld(v), padded = (size_t)(v->window.w + 2 * v->window.pad) * (size_t)v->window.c,
           run = (size_t)(v->window.kernel * v->window.c);
    size_t windows = (size_t)v->oh * (size_t)v->ow, n = (size_t)v->o;
    fill_offsets(v, s);
    for (size_t o = 0; o < n; o++) {
        for (size_t q = 0; q < windows; q++) {
            s->coef[q] = dy[q * n + o];
            s->at[q] = s->window[q] + s->inside[argmax ? argmax[q * n + o] : 0];
        }
        float *out = dw + o * ld;
        if (v->codes)
            kern->rowsum(out, ld, s->plain, s->at, s->coef, windows);
        else
            for (int a = 0; a < v->window.kernel; a++)
                kern->rowsum(out + (size_t)a * run, run, s->x + (size_t)a * padded, s->at, s->coef, windows);
    }
}

/* Lists by position: channels that have a gradient there.  A window's channels are counted per position, then dealt
 * out. */
static void gather_by_position(const struct sps_binary_conv *v, struct backward_scratch *s, const float *dy,
                               const uint8_t *argmax)
{
    uint32_t used = 0, n = (uint32_t)v->o, row = (uint32_t)v->weight->row;
    memset(s->count, 0,
           (size_t)v->window.ch * (size_t)v->window.cw * sizeof *s->count); /* rows cut off by the pooling stay empty */
    for (int i = 0; i < v->oh; i++)
        for (int j = 0; j < v->ow; j++) {
            size_t q = (size_t)(i * v->ow + j) * n;
            uint32_t count[256] = {0}; /* pool is at most 15 */
            for (uint32_t o = 0; o < n; o++)
                count[argmax ? argmax[q + o] : 0]++;
            for (int a = 0; a < v->pool * v->pool; a++) {
                if (count[a] == 0) /* so also past the edge, where there is no position */
                    continue;
                int at = (i * v->pool + a / v->pool) * v->window.cw + j * v->pool + a % v->pool;
                s->start[at] = used;
                s->count[at] = count[a];
                uint32_t next = used;
                used += count[a];
                count[a] = next;
            }
            for (uint32_t o = 0; o < n; o++) {
                uint32_t to = count[argmax ? argmax[q + o] : 0]++;
                s->at[to] = o * row;
                s->coef[to] = dy[q + o];
            }
        }
}

static void input_gradient(const struct sps_binary_conv *v, const struct sps_kern *kern, struct backward_scratch *s,
                           float *dx)
{
    size_t padded = (size_t)(v->window.w + 2 * v->window.pad) * (size_t)v->window.c,
           run = (size_t)(v->window.kernel * v->window.c), row = (size_t)v->window.w * (size_t)v->window.c;
    memset(s->dx, 0, padded_size(v) * sizeof *s->dx);
    for (int a = 0; a < v->window.kernel;
         a++) /* kernel rows outside: one row of all weights stays in the first cache */
        for (int i = 0; i < v->window.ch; i++)
            for (int j = 0; j < v->window.cw; j++) {
                uint32_t count = s->count[i * v->window.cw + j], first = count ? s->start[i * v->window.cw + j] : 0;
                float *out =
                    s->dx + (size_t)(i * v->window.stride + a) * padded + (size_t)(j * v->window.stride * v->window.c);
                kern->rowsum(out, run, v->weight->sign + (size_t)a * run, s->at + first, s->coef + first, count);
            }
    for (int i = 0; i < v->window.h; i++)
        memcpy(dx + (size_t)i * row,
               s->dx + (size_t)(i + v->window.pad) * padded + (size_t)(v->window.pad * v->window.c), row * sizeof *dx);
}

void sps_binary_conv_backward(const struct sps_binary_conv *v, const struct sps_kern *kern, float *dw, float *dx,
                              const float *dy, const uint8_t *argmax, const void *x, void *scratch)
{
    struct backward_scratch s;
    lay_out_backward(&s, v, scratch);
    fill_input(v, kern, &s, x);
    weight_gradient(v, kern, &s, dw, dy, argmax);
    if (dx == NULL)
        return;
    gather_by_position(v, &s, dy, argmax);
    input_gradient(v, kern, &s, dx);
}
