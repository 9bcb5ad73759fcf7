/* SPDX-License-Identifier: MIT */
/* The kernels as their definitions in kern.h read: portable C, slow, obviously right.  All tiers are compared with it.
 */
#include <math.h>

#include "kern/list.h"
#include "kern/surrogate.h"

/* Sums of 1, 2, 4 and more bits side by side: without a loop, so that compilers vectorise its callers. */
static inline uint32_t count_ones(uint32_t x)
{
    x = x - (x >> 1 & 0x55555555u);
    x = (x & 0x33333333u) + (x >> 2 & 0x33333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0fu;
    x += x >> 8;
    return (x + (x >> 16)) & 63;
}

static SPS_KERN_BGEMM(bgemm)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n += SPS_PANEL) {
            uint32_t differ[SPS_PANEL] = {0};
            for (size_t i = 0; i < words; i++)
                for (size_t lane = 0; lane < SPS_PANEL; lane++)
                    differ[lane] += count_ones(a[m * lda + i] ^ w[n * words + i * SPS_PANEL + lane]);
            for (size_t lane = 0; lane < SPS_PANEL && n + lane < N; lane++)
                dst[m * ldd + n + lane] = bits - 2 * (int32_t)differ[lane];
        }
}

static SPS_KERN_BGEMM16(bgemm16)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n += SPS_PANEL) {
            int32_t sum[SPS_PANEL];
            bgemm(sum, SPS_PANEL, a + m * lda, lda, w + n * words, 1, SPS_PANEL, words, bits);
            for (size_t lane = 0; lane < SPS_PANEL && n + lane < N; lane++)
                dst[m * ldd + n + lane] = (int16_t)sum[lane];
        }
}

static SPS_KERN_QGEMM(qgemm)
{
    (void)wsum;
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n += SPS_PANEL) {
            int32_t sum[SPS_PANEL] = {0};
            for (size_t i = 0; i < quads; i++)
                for (size_t lane = 0; lane < SPS_PANEL; lane++)
                    for (size_t k = 0; k < 4; k++)
                        sum[lane] +=
                            ((int32_t)a[m * lda + 4 * i + k] - 128) * w[((n * quads + i * SPS_PANEL) + lane) * 4 + k];
            for (size_t lane = 0; lane < SPS_PANEL && n + lane < N; lane++)
                dst[m * ldd + n + lane] = sum[lane];
        }
}

/* Threshold and pooling: the same text for 16-bit and 32-bit sums. */
#define THRESHOLD                                                                                                      \
    size_t n = positions * channels;                                                                                   \
    for (size_t i = 0; i < sps_words(n); i++)                                                                          \
        bits[i] = 0;                                                                                                   \
    for (size_t i = 0; i < n; i++)                                                                                     \
        bits[i / 32] |= (uint32_t)(z[i] >= t[i % channels]) << i % 32;

#define POOL                                                                                                           \
    size_t out_h = sps_pooled(h, window, partial), out_w = sps_pooled(w, window, partial);                             \
    for (size_t i = 0; i < out_h; i++)                                                                                 \
        for (size_t j = 0; j < out_w; j++, dst += c)                                                                   \
            for (size_t k = 0; k < c; k++)                                                                             \
                for (size_t at = 0; at < window * window; at++) {                                                      \
                    size_t row = i * window + at / window, column = j * window + at % window;                          \
                    if (row >= h || column >= w)                                                                       \
                        continue;                                                                                      \
                    size_t from = (row * w + column) * c + k;                                                          \
                    dst[k] = at == 0 || src[from] > dst[k] ? src[from] : dst[k];                                       \
                }

static SPS_KERN_THRESHOLD16(threshold16)
{
    THRESHOLD
}

static SPS_KERN_THRESHOLD32(threshold32)
{
    THRESHOLD
}

static SPS_KERN_POOL16(pool16)
{
    POOL
}

static SPS_KERN_POOL32(pool32)
{
    POOL
}

static SPS_KERN_POOLBITS(poolbits)
{
    size_t out_w = sps_pooled(w, window, partial), count = sps_pooled(h, window, partial) * out_w * c;
    for (size_t i = 0; i < sps_words(count); i++)
        dst[i] = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < window * window; at++) {
            size_t row = i / c / out_w * window + at / window, column = i / c % out_w * window + at % window;
            if (row >= h || column >= w)
                continue;
            size_t from = (row * w + column) * c + i % c;
            dst[i / 32] |= (src[from / 32] >> from % 32 & 1) << i % 32;
        }
}

static SPS_KERN_SCATTER(scatter)
{
    for (size_t i = 0; i < count; i++)
        for (size_t a = 0; a < kernel; a++)
            for (size_t b = 0; b < kernel; b++) {
                int8_t *to = acc + flips[i].place - a * row - b * channels;
                const int8_t *from = w + (((size_t)flips[i].square * kernel + a) * kernel + b) * channels;
                for (size_t c = 0; c < channels; c++)
                    to[c] = (int8_t)(i < rises ? to[c] + from[c] : to[c] - from[c]);
            }
}

static SPS_KERN_GATHER(gather)
{
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < channels; c++) {
            int up = (int)(w[at[i] * sps_words(channels) + c / 32] >> c % 32 & 1) == (i < rises);
            sums[c] = (int16_t)(sums[c] + (up ? 2 : -2));
        }
}

static SPS_KERN_DIFFER(differ)
{
    size_t count = 0;
    for (size_t i = 0; i < words; i++)
        for (uint32_t bits = a[i] ^ b[i]; bits != 0; bits &= bits - 1)
            list[count++] = (uint32_t)(32 * i) + (uint32_t)__builtin_ctz(bits);
    return count;
}

static SPS_KERN_DRAIN(drain)
{
    for (size_t i = 0; i < n; i++) {
        sums[i] = (int16_t)(sums[i] + 2 * acc[i]);
        acc[i] = 0;
    }
}

static SPS_KERN_ROWSUM(rowsum)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < len; j++)
            dst[j] = fmaf(coef[i], src[at[i] + j], dst[j]);
}

static SPS_KERN_PACK(pack)
{
    for (size_t w = 0; w < sps_words(n); w++) {
        uint32_t word = 0;
        for (size_t i = 0; i < 32 && 32 * w + i < n; i++)
            word |= (uint32_t)(y[32 * w + i] >= 0) << i;
        bits[w] = word;
    }
}

static SPS_KERN_UNPACK(unpack)
{
    for (size_t i = 0; i < n; i++)
        y[i] = bits[i / 32] >> i % 32 & 1 ? 1.0f : -1.0f;
}

static SPS_KERN_EDE(ede)
{
    sps_ede(dy, g, y, n, t, k);
}

bool sps_kern_fill_ref(struct sps_kern *kern)
{
    SPS_KERN_FILL_ALL(kern)
    return true;
}
