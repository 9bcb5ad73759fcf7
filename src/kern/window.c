/* SPDX-License-Identifier: MIT */
#include "kern/window.h"

#include <string.h>

#include "core/memory.h"

void sps_window_taps(int *lo, int *hi, int i, int stride, int pad, int kernel, int extent)
{
    int first = i * stride - pad;
    *lo = first < 0 ? -first : 0;
    *hi = first + kernel > extent ? extent - first : kernel;
    *lo = *lo > kernel ? kernel : *lo;
    *hi = *hi < *lo ? *lo : *hi;
}

static void copy_bits(uint32_t *dst, size_t d, const uint32_t *src, size_t s, size_t n)
{
    while (n > 0) { /* dst starts as zeros */
        size_t take = 32 - d % 32 < 32 - s % 32 ? 32 - d % 32 : 32 - s % 32;
        take = take < n ? take : n;
        uint32_t bits = src[s / 32] >> s % 32 & (take == 32 ? ~0u : (1u << take) - 1);
        dst[d / 32] |= bits << d % 32;
        d += take, s += take, n -= take;
    }
}

/* What of a window lies inside the image. */
struct inside {
    int row_lo, row_hi, lo, hi;
};

static struct inside inside_of(const struct sps_window *v, int i, int j)
{
    struct inside in;
    sps_window_taps(&in.row_lo, &in.row_hi, i, v->stride, v->pad, v->kernel, v->h);
    sps_window_taps(&in.lo, &in.hi, j, v->stride, v->pad, v->kernel, v->w);
    return in;
}

static int rows_are_whole(const struct sps_window *v, int i)
{
    struct inside in = inside_of(v, i, 0);
    return in.row_lo == 0 && in.row_hi == v->kernel;
}

static int columns_are_whole(const struct sps_window *v, int j)
{
    struct inside in = inside_of(v, 0, j);
    return in.lo == 0 && in.hi == v->kernel;
}

/* ---- patches ---- */

enum { SPILL = 32 }; /* bytes that the last piece of a run may go too far */

/* Bytes of a pixel, 0 if it is not whole bytes. */
static size_t pixel_bytes(const struct sps_window *v, int codes)
{
    return codes ? (size_t)v->c : v->c % 8 == 0 ? (size_t)v->c / 8 : 0;
}

size_t sps_window_patch_size(const struct sps_window *v, int codes)
{
    size_t size = sps_window_size(v);
    return codes ? (size + 3) / 4 * 4 : 4 * sps_words(size);
}

size_t sps_window_patches_size(const struct sps_window *v, int codes, size_t count)
{
    return count * sps_window_patch_size(v, codes) + SPILL;
}

static size_t plain_size(const struct sps_window *v, int codes)
{
    size_t size = (size_t)v->h * (size_t)v->w * (size_t)v->c;
    return codes ? size : 4 * sps_words(size);
}

size_t sps_window_padded_size(const struct sps_window *v, int codes)
{
    size_t pixel = pixel_bytes(v, codes), pad = 2 * (size_t)v->pad;
    return SPILL + (pixel > 0 ? ((size_t)v->h + pad) * ((size_t)v->w + pad) * pixel : plain_size(v, codes));
}

/* Bytes with `flip` turned over in each: 0x80 makes code + 128 of a code. */
static void copy_row(uint8_t *restrict to, const uint8_t *restrict from, size_t n, uint8_t flip)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[i] ^ flip;
}

void sps_window_pad(void *padded, const struct sps_window *v, int codes, const void *x)
{
    size_t pixel = pixel_bytes(v, codes), pad = (size_t)v->pad, row = (size_t)v->w * pixel;
    uint8_t *to = padded, zero = codes == SPS_SIGNED_CODES ? 0x80 : 0;
    const uint8_t *from = x;
    if (pixel == 0 || pad == 0) {
        copy_row(to, from, plain_size(v, codes), zero);
        return;
    }
    size_t above = pad * (row + 2 * pad * pixel), side = pad * pixel;
    memset(to, zero, above + side); /* and left of the first row */
    to += above + side;
    for (int i = 0; i < v->h; i++, from += row) {
        copy_row(to, from, row, zero);
        memset(to + row, zero, 2 * side); /* right of it, and left of the next */
        to += row + 2 * side;
    }
    memset(to, zero, above - side);
}

/* `kernel` runs for each of `count` patches, first run first: what a piece writes too much is written over by the next
 * run or patch. */
static inline __attribute__((always_inline)) void copy_runs(char *to, size_t size, const char *from, size_t row,
                                                            size_t step, size_t run, size_t kernel, size_t count,
                                                            size_t piece)
{
    for (size_t j = 0; j < count; j++, to += size, from += step)
        for (size_t a = 0; a < kernel; a++) {
            const char *source = from + a * row;
            char *sink = to + a * run;
            if (piece > 0)
                memcpy(sink, source, piece);
            else
                memcpy(sink, source, run);
        }
}

static inline __attribute__((always_inline)) void copy_pieces(char *to, size_t size, const char *from, size_t row,
                                                              size_t step, size_t run, size_t kernel, size_t count)
{
    if (run <= 8)
        copy_runs(to, size, from, row, step, run, kernel, count, 8);
    else if (run <= 16)
        copy_runs(to, size, from, row, step, run, kernel, count, 16);
    else if (run <= 24)
        copy_runs(to, size, from, row, step, run, kernel, count, 24);
    else if (run <= 32)
        copy_runs(to, size, from, row, step, run, kernel, count, 32);
    else
        copy_runs(to, size, from, row, step, run, kernel, count, 0);
}

static void byte_patches(char *to, const struct sps_window *v, int codes, const char *padded, int i)
{
    size_t pixel = pixel_bytes(v, codes), row = ((size_t)v->w + 2 * (size_t)v->pad) * pixel, k = (size_t)v->kernel,
           run = k * pixel, step = (size_t)v->stride * pixel, size = sps_window_patch_size(v, codes),
           count = (size_t)v->cw;
    const char *from = padded + (size_t)(i * v->stride) * row;
    if (k == 5) /* constants unroll the loops: half the time */
        copy_pieces(to, size, from, row, step, run, 5, count);
    else if (k == 3)
        copy_pieces(to, size, from, row, step, run, 3, count);
    else
        copy_pieces(to, size, from, row, step, run, k, count);
    for (size_t j = 0; j < count && !codes && k * run < size; j++)
        memset(to + j * size + k * run, 0, size - k * run);
}

/* Bits of any number of channels, run by run. */
static void bit_patches(uint32_t *patch, const struct sps_window *v, const uint32_t *x, int i)
{
    size_t words = sps_words(sps_window_size(v)), c = (size_t)v->c;
    for (int j = 0; j < v->cw; j++, patch += words) {
        struct inside in = inside_of(v, i, j);
        memset(patch, 0, words * sizeof *patch);
        for (int a = in.row_lo; a < in.row_hi; a++) {
            int row = i * v->stride - v->pad + a, column = j * v->stride - v->pad + in.lo;
            copy_bits(patch, (size_t)(a * v->kernel + in.lo) * c, x, (size_t)(row * v->w + column) * c,
                      (size_t)(in.hi - in.lo) * c);
        }
    }
}

void sps_window_row(void *patches, const struct sps_window *v, int codes, const void *padded, int i)
{
    if (pixel_bytes(v, codes) > 0)
        byte_patches(patches, v, codes, padded, i);
    else
        bit_patches(patches, v, padded, i);
}

/* ---- padding ---- */

static int classify(int *class_of, int outputs, int stride, int pad, int kernel, int extent)
{
    int classes = 0, last_lo = -1, last_hi = -1;
    for (int i = 0; i < outputs; i++) {
        int lo, hi;
        sps_window_taps(&lo, &hi, i, stride, pad, kernel, extent);
        classes += lo != last_lo || hi != last_hi; /* lo falls and hi falls with i: equal ones are neighbours */
        class_of[i] = classes - 1;
        last_lo = lo;
        last_hi = hi;
    }
    return classes;
}

sps_status sps_padding_init(struct sps_padding *p, const struct sps_window *v, int o)
{
    sps_status status = SPS_OK;
    *p = (struct sps_padding){0};
    if (v->pad == 0)
        return SPS_OK;
    SPS_TRY_OUT(sps_calloc(&p->row_class, (size_t)v->ch, sizeof(int), "padding classes"));
    SPS_TRY_OUT(sps_calloc(&p->column_class, (size_t)v->cw, sizeof(int), "padding classes"));
    int row_classes = classify(p->row_class, v->ch, v->stride, v->pad, v->kernel, v->h);
    p->column_classes = classify(p->column_class, v->cw, v->stride, v->pad, v->kernel, v->w);
    p->whole_row = p->whole_column = -1;
    for (int i = 0; i < v->ch; i++)
        if (rows_are_whole(v, i))
            p->whole_row = p->row_class[i];
    for (int j = 0; j < v->cw; j++)
        if (columns_are_whole(v, j))
            p->whole_column = p->column_class[j];
    SPS_TRY_OUT(sps_calloc(&p->correction, (size_t)row_classes * (size_t)p->column_classes * (size_t)o, sizeof(int32_t),
                           "padding corrections"));
    return SPS_OK;
out:
    sps_padding_reset(p);
    return status;
}

void sps_padding_reset(struct sps_padding *p)
{
    sps_free(p->row_class);
    sps_free(p->column_class);
    sps_free(p->correction);
    *p = (struct sps_padding){0};
}

/* Sum of the signs from bit `at` on. */
static int32_t tap_sum(const uint32_t *row, size_t at, int c)
{
    int32_t ones = 0;
    for (size_t i = at, end = at + (size_t)c; i < end;) {
        size_t take = 32 - i % 32 < end - i ? 32 - i % 32 : end - i;
        ones += __builtin_popcount(row[i / 32] >> i % 32 & (take == 32 ? ~0u : (1u << take) - 1));
        i += take;
    }
    return 2 * ones - c;
}

static void fill_class(int32_t *correction, const struct sps_window *v, int o, const uint32_t *rows,
                       const struct inside *in)
{
    size_t words = sps_words(sps_window_size(v));
    for (int n = 0; n < o; n++) {
        correction[n] = 0;
        for (int a = 0; a < v->kernel; a++)
            for (int b = 0; b < v->kernel; b++)
                if (a < in->row_lo || a >= in->row_hi || b < in->lo || b >= in->hi)
                    correction[n] +=
                        tap_sum(rows + (size_t)n * words, (size_t)(a * v->kernel + b) * (size_t)v->c, v->c);
    }
}

void sps_padding_fill(struct sps_padding *p, const struct sps_window *v, int o, const uint32_t *rows)
{
    for (int i = 0; i < v->ch && p->correction != NULL; i++) {
        if (i > 0 && p->row_class[i] == p->row_class[i - 1])
            continue;
        for (int j = 0; j < v->cw; j++) {
            if (j > 0 && p->column_class[j] == p->column_class[j - 1])
                continue;
            struct inside in = inside_of(v, i, j);
            int32_t *to = p->correction + (sps_padding_at(p, o, i, j) - p->correction);
            fill_class(to, v, o, rows, &in);
        }
    }
}
