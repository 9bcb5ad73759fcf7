/* SPDX-License-Identifier: MIT */
/* What baseline JPEG loses (ITU-T T.81): colour to luma and chroma, chroma halved in both directions, the cosine
 * transform of 8 x 8 blocks rounded to multiples of a table, and all the way back.  The coding of what is left is free
 * of loss, so it is left out.  Arithmetic is that of the Independent JPEG Group's library in its usual setting (integer
 * transform of 13 bits, triangle filter for chroma), so results are equal to Pillow's to the bit:
 * tests/oracle_shift.py.
 *
 * The fast transform of the library is a product with a fixed matrix of whole numbers, since it rounds only at the end
 * of each pass.  Here it is that product. */
#include <string.h>

#include "core/memory.h"
#include "data/shift/kind.h"

enum { BLOCK = 8, CONST_BITS = 13, PASS_BITS = 2 };

/* Row k: sqrt(8) times the cosine of frequency k, of 13 bits, as the fast transform's rounded constants make it
 * (Loeffler, Ligtenberg and Moschytz, ICASSP 1989).  The right half of a row mirrors the left, with the other sign
 * where k is odd. */
static const int32_t basis[BLOCK][BLOCK / 2] = {
    {8192, 8192, 8192, 8192},   {11363, 9633, 6437, 2260},  {10703, 4433, -4433, -10703}, {9633, -2259, -11362, -6436},
    {8192, -8192, -8192, 8192}, {6437, -11362, 2261, 9633}, {4433, -10704, 10704, -4433}, {2260, -6436, 9633, -11363},
};

/* ITU-T T.81, Annex K. */
static const uint8_t luma_table[64] = {16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
                                       14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
                                       18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
                                       49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};
static const uint8_t chroma_table[64] = {17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
                                         24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
                                         99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                                         99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

static int32_t basis_at(int k, int i)
{
    return i < BLOCK / 2 ? basis[k][i] : k % 2 ? -basis[k][BLOCK - 1 - i] : basis[k][BLOCK - 1 - i];
}

struct tables {
    int32_t matrix[BLOCK][BLOCK], transposed[BLOCK][BLOCK];
    int32_t step[2][64]; /* of luma and chroma */
};

static void make_tables(struct tables *t, int quality)
{
    const int percent = quality < 50 ? 5000 / quality : 200 - 2 * quality;
    for (int k = 0; k < BLOCK; k++)
        for (int i = 0; i < BLOCK; i++)
            t->matrix[k][i] = t->transposed[i][k] = basis_at(k, i);
    for (int chroma = 0; chroma < 2; chroma++)
        for (int i = 0; i < 64; i++) {
            const int step = ((chroma ? chroma_table : luma_table)[i] * percent + 50) / 100;
            t->step[chroma][i] = step < 1 ? 1 : step > 255 ? 255 : step;
        }
}

/* out = m in, divided by 2^shift and rounded. */
static void pass(int32_t out[BLOCK][BLOCK], const int32_t in[BLOCK][BLOCK], const int32_t m[BLOCK][BLOCK], int shift)
{
    for (int i = 0; i < BLOCK; i++) {
        int32_t sum[BLOCK];
        for (int k = 0; k < BLOCK; k++)
            sum[k] = (int32_t)1 << (shift - 1);
        for (int j = 0; j < BLOCK; j++)
            for (int k = 0; k < BLOCK; k++)
                sum[k] += m[i][j] * in[j][k];
        for (int k = 0; k < BLOCK; k++)
            out[i][k] = sum[k] >> shift;
    }
}

static void transpose(int32_t b[BLOCK][BLOCK])
{
    for (int i = 0; i < BLOCK; i++)
        for (int j = 0; j < i; j++) {
            const int32_t t = b[i][j];
            b[i][j] = b[j][i];
            b[j][i] = t;
        }
}

/* A block there and back: rows, columns; quantised; columns, rows. */
static void round_trip(uint8_t *at, size_t stride, const struct tables *t, const int32_t *step)
{
    int32_t a[BLOCK][BLOCK], b[BLOCK][BLOCK];
    for (int i = 0; i < BLOCK; i++)
        for (int j = 0; j < BLOCK; j++)
            a[j][i] = at[i * stride + j] - 128;
    pass(b, a, t->matrix, CONST_BITS - PASS_BITS);
    transpose(b);
    pass(a, b, t->matrix, CONST_BITS + PASS_BITS);
    for (int i = 0; i < BLOCK; i++)
        for (int j = 0; j < BLOCK; j++) { /* the transform is 8 times the standard's */
            const int32_t q = step[i * BLOCK + j], divisor = 8 * q, size = a[i][j] < 0 ? -a[i][j] : a[i][j],
                          level = (size + divisor / 2) / divisor;
            a[i][j] = (a[i][j] < 0 ? -level : level) * q;
        }
    pass(b, a, t->transposed, CONST_BITS - PASS_BITS);
    transpose(b);
    pass(a, b, t->transposed, CONST_BITS + PASS_BITS + 3);
    for (int i = 0; i < BLOCK; i++)
        for (int j = 0; j < BLOCK; j++) {
            const int32_t v = a[j][i] + 128;
            at[i * stride + j] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
}

/* One component, with room for whole blocks. */
struct plane {
    uint8_t *at;
    int h, w;         /* what is seen */
    int rows, stride; /* multiples of 16 */
};

/* The last column, or row, is repeated to the end of the blocks. */
static void extend_columns(const struct plane *p)
{
    for (int i = 0; i < p->h; i++)
        memset(p->at + (size_t)i * p->stride + p->w, p->at[(size_t)i * p->stride + p->w - 1],
               (size_t)(p->stride - p->w));
}

static void extend_rows(const struct plane *p)
{
    for (int i = p->h; i < p->rows; i++)
        memcpy(p->at + (size_t)i * p->stride, p->at + (size_t)(p->h - 1) * p->stride, (size_t)p->stride);
}

static void compress(const struct plane *p, const struct tables *t, int chroma)
{
    extend_rows(p);
    for (int i = 0; i < p->h; i += BLOCK)
        for (int j = 0; j < p->w; j += BLOCK)
            round_trip(p->at + (size_t)i * p->stride + j, (size_t)p->stride, t, t->step[chroma]);
}

static void to_ycc(const struct plane plane[3], const uint8_t *rgb)
{
    for (int i = 0; i < plane[0].h; i++)
        for (int j = 0; j < plane[0].w; j++, rgb += 3) {
            const int32_t r = rgb[0], g = rgb[1], b = rgb[2];
            const size_t at = (size_t)i * plane[0].stride + j;
            plane[0].at[at] = (uint8_t)((19595 * r + 38470 * g + 7471 * b + 32768) >> 16);
            plane[1].at[at] = (uint8_t)((-11059 * r - 21709 * g + 32768 * b + (128 << 16) + 32767) >> 16);
            plane[2].at[at] = (uint8_t)((32768 * r - 27439 * g - 5329 * b + (128 << 16) + 32767) >> 16);
        }
}

/* Mean of 2 x 2, halves rounded down and up in turn; columns behind the image, too, rows not. */
static void halve(const struct plane *out, const struct plane *in)
{
    extend_rows(in);
    for (int i = 0; i < out->h; i++)
        for (int j = 0; j < out->stride; j++) {
            const uint8_t *a = in->at + (size_t)(2 * i) * in->stride + (size_t)(2 * j), *b = a + in->stride;
            out->at[(size_t)i * out->stride + j] = (uint8_t)((a[0] + a[1] + b[0] + b[1] + 1 + j % 2) >> 2);
        }
}

/* Twice as large by weights 9, 3, 3, 1 of the four nearest; a plane of one or two columns by repetition, as the library
 * does. */
static void twice(const struct plane *out, const struct plane *in)
{
    for (int i = 0; i < out->h; i++)
        for (int j = 0; j < out->w; j++) {
            const int y = i / 2, x = j / 2;
            int y2 = i % 2 ? y + 1 : y - 1, x2 = j % 2 ? x + 1 : x - 1;
            y2 = y2 < 0 ? 0 : y2 >= in->h ? in->h - 1 : y2;
            x2 = x2 < 0 ? 0 : x2 >= in->w ? in->w - 1 : x2;
            const uint8_t *near = in->at + (size_t)y * in->stride, *far = in->at + (size_t)y2 * in->stride;
            const int sum = 3 * (3 * near[x] + far[x]) + 3 * near[x2] + far[x2];
            out->at[(size_t)i * out->stride + j] = in->w <= 2 ? near[x] : (uint8_t)((sum + (j % 2 ? 7 : 8)) >> 4);
        }
}

static float clipped(int32_t v)
{
    return (float)(v < 0 ? 0 : v > 255 ? 255 : v) / 255.0f;
}

static void to_rgb(float *rgb, const struct plane plane[3])
{
    for (int i = 0; i < plane[0].h; i++)
        for (int j = 0; j < plane[0].w; j++, rgb += 3) {
            const size_t at = (size_t)i * plane[0].stride + j;
            const int32_t y = plane[0].at[at], cb = plane[1].at[at] - 128, cr = plane[2].at[at] - 128;
            rgb[0] = clipped(y + ((91881 * cr + 32768) >> 16));
            rgb[1] = clipped(y + ((-22554 * cb - 46802 * cr + 32768) >> 16));
            rgb[2] = clipped(y + ((116130 * cb + 32768) >> 16));
        }
}

static sps_status apply(struct sps_shift_job *job)
{
    static const int table[] = {80, 65, 58, 50, 40};
    const int h = job->h, w = job->w, rows = (h + 15) / 16 * 16, stride = (w + 15) / 16 * 16;
    const size_t size = (size_t)rows * stride;
    uint8_t *block;
    SPS_TRY(sps_calloc(&block, 5, size, "planes of a JPEG image"));
    struct plane full[3], half[2];
    for (int k = 0; k < 3; k++)
        full[k] = (struct plane){block + k * size, h, w, rows, stride};
    for (int k = 0; k < 2; k++)
        half[k] = (struct plane){block + (3 + k) * size, (h + 1) / 2, (w + 1) / 2, rows / 2, stride / 2};
    struct tables tables;
    make_tables(&tables, table[job->level]);
    if (job->c == 1) {
        for (int i = 0; i < h; i++)
            memcpy(full[0].at + (size_t)i * stride, job->pixels + (size_t)i * w, (size_t)w);
        extend_columns(&full[0]);
        compress(&full[0], &tables, 0);
        for (int i = 0; i < h; i++)
            for (int j = 0; j < w; j++)
                job->y[(size_t)i * w + j] = clipped(full[0].at[(size_t)i * stride + j]);
    } else {
        to_ycc(full, job->pixels);
        for (int k = 0; k < 3; k++)
            extend_columns(&full[k]);
        compress(&full[0], &tables, 0);
        for (int k = 0; k < 2; k++) {
            halve(&half[k], &full[k + 1]);
            compress(&half[k], &tables, 1);
            twice(&full[k + 1], &half[k]);
        }
        to_rgb(job->y, full);
    }
    sps_free(block);
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_jpeg_compression = {
    .about = {.name = "jpeg_compression",
              .summary = "JPEG at quality 80 to 40",
              .source = SPS_HENDRYCKS "; ITU-T T.81",
              .group = SPS_SHIFT_CORRUPTION,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
