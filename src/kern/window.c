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
    if (d % 32 == 0 && s % 32 == 0 && n % 32 == 0) { /* runs are a few words: copies of constant size beat calls */
        for (dst += d / 32, src += s / 32; n >= 128; n -= 128, dst += 4, src += 4)
            memcpy(dst, src, 16);
        for (; n > 0; n -= 32)
            *dst++ = *src++;
        return;
    }
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

static int is_whole(const struct sps_window *v, const struct inside *in)
{
    return in->row_lo == 0 && in->lo == 0 && in->row_hi == v->kernel && in->hi == v->kernel;
}

/* Where kernel row a of the window starts in the image, in elements. */
static size_t row_start(const struct sps_window *v, const struct inside *in, int i, int j, int a)
{
    return (size_t)((i * v->stride - v->pad + a) * v->w + j * v->stride - v->pad + in->lo) * (size_t)v->c;
}

void sps_window_bits(uint32_t *patch, const struct sps_window *v, const uint32_t *x, int i, int j)
{
    struct inside in = inside_of(v, i, j);
    if (!is_whole(v, &in) || v->c % 32 != 0)
        memset(patch, 0, sps_words(sps_window_size(v)) * sizeof *patch);
    for (int a = in.row_lo; a < in.row_hi; a++)
        copy_bits(patch, (size_t)(a * v->kernel + in.lo) * (size_t)v->c, x, row_start(v, &in, i, j, a),
                  (size_t)(in.hi - in.lo) * (size_t)v->c);
}

void sps_window_codes(int8_t *patch, size_t size, const struct sps_window *v, const int8_t *x, int i, int j)
{
    struct inside in = inside_of(v, i, j);
    size_t n = (size_t)(in.hi - in.lo) * (size_t)v->c;
    memset(patch, 0, size);
    for (int a = in.row_lo; a < in.row_hi; a++) {
        const int8_t *from = x + row_start(v, &in, i, j, a);
        int8_t *to = patch + (size_t)(a * v->kernel + in.lo) * (size_t)v->c;
        for (size_t q = 0; q < n; q++) /* runs are short: no call */
            to[q] = from[q];
    }
}

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
