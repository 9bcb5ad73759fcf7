/* SPDX-License-Identifier: MIT */
#ifndef SPS_KERN_KERN_H
#define SPS_KERN_KERN_H
/* Kernels: one plain C version of each in ref.c, faster ones per CPU tier in popcnt.c, avx2.c, ...; all give the same
 * bits (tests/checkkern.c).
 *
 * Bits: bit i of 32-bit word w is element 32 w + i; 1 means +1, 0 means -1.  Bits past the end of a row are 0 on both
 * sides of a product, so they cancel as "equal" and are subtracted by length: dot = bits - 2 popcount(a ^ b).
 *
 * No pointer needs alignment beyond its type; nothing is read or written past the ranges given. */
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* Weights of a binary product are stored in panels of SPS_PANEL output channels, word by word:
 * panel[p][w][lane] is word w of output channel 16 p + lane; channels past the end are zero. */
enum { SPS_PANEL = 16, SPS_DIFFER_SPILL = 16 };

/* dst[m][n] = bits - 2 popcount(a[m] ^ w[n]), m < M, n < N.
 * a: M rows of `words` words, row m at a + m * lda.  w: panels [ceil(N/16)][words][16].  dst row stride ldd >= N
 * (exactly N written). */
#define SPS_KERN_BGEMM(name)                                                                                           \
    void name(int32_t *dst, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *w, size_t M, size_t N,          \
              size_t words, int32_t bits)

/* dst[j] = fma(coef[count-1], src[at[count-1] + j], ... fma(coef[0], src[at[0] + j], dst[j])), j < len: a sum of scaled
 * rows, one fused multiply-add each, in this order.  at[] are offsets into src.  Used for the backward pass behind a
 * max-pool, where one position of each window has a gradient. */
#define SPS_KERN_ROWSUM(name)                                                                                          \
    void name(float *dst, size_t len, const float *src, const uint32_t *at, const float *coef, size_t count)

/* bits[w] bit i = y[32 w + i] >= 0, i < n; bits past n are 0.  -0.0 is >= 0; NaN is not. */
#define SPS_KERN_PACK(name) void name(uint32_t *bits, const float *y, size_t n)
/* y[i] = bit ? +1 : -1, i < n. */
#define SPS_KERN_UNPACK(name) void name(float *y, const uint32_t *bits, size_t n)

/* dy[i] = g[i] * k * t * (1 - tanh(t y[i])^2): backward of sign by the error-decay estimator (IR-Net).  1 - tanh^2 is
 * the kernels' own (kern/surrogate.h), the same in all tiers, within 2.5e-7 of libm's.  dy may be g or y.  NaN stays
 * NaN. */
#define SPS_KERN_EDE(name) void name(float *dy, const float *g, const float *y, size_t n, float t, float k)

/* ---- the packed engine's ---- */

/* bgemm with 16-bit sums; bits is at most 32767. */
#define SPS_KERN_BGEMM16(name)                                                                                         \
    void name(int16_t *dst, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *w, size_t M, size_t N,          \
              size_t words, int32_t bits)

/* dst[m][n] = sum_k (a[m][k] - 128) * w[n][k], exact: 8-bit codes times -1, 0 or +1.
 * a: M rows of 4 * quads codes, each plus 128 (x86 multiplies unsigned by signed numbers), row m at a + m * lda.  w:
 * panels [ceil(N/16)][quads][16][4], channels past the end are zero.  wsum[n] = sum_k w[n][k], n < N: 128 times this
 * has to come off. */
#define SPS_KERN_QGEMM(name)                                                                                           \
    void name(int32_t *dst, size_t ldd, const uint8_t *a, size_t lda, const int8_t *w, const int32_t *wsum, size_t M,  \
              size_t N, size_t quads)

/* Bit p * channels + c of the stream = z[p][c] >= t[c], p < positions, c < channels; bits past the end of the last word
 * are 0. */
#define SPS_KERN_THRESHOLD16(name)                                                                                     \
    void name(uint32_t *bits, const int16_t *z, const int16_t *t, size_t positions, size_t channels)
#define SPS_KERN_THRESHOLD32(name)                                                                                     \
    void name(uint32_t *bits, const int32_t *z, const int32_t *t, size_t positions, size_t channels)

/* Windows along n pixels: rows and columns that fill no window are left out or, if `partial`, a window of their own,
 * which ends where they end. */
static inline size_t sps_pooled(size_t n, size_t window, int partial)
{
    return (n + (partial ? window - 1 : 0)) / window;
}

/* Pixels of window i. */
static inline size_t sps_pool_extent(size_t n, size_t window, size_t i)
{
    return n - i * window < window ? n - i * window : window;
}

/* dst[i][j][c] = the largest of src[window i + a][window j + b][c], a, b < window, of those that there are; src is
 * [h][w][c], dst [sps_pooled(h)][sps_pooled(w)][c]. */
#define SPS_KERN_POOL16(name)                                                                                          \
    void name(int16_t *dst, const int16_t *src, size_t h, size_t w, size_t c, size_t window, int partial)
#define SPS_KERN_POOL32(name)                                                                                          \
    void name(int32_t *dst, const int32_t *src, size_t h, size_t w, size_t c, size_t window, int partial)

/* The same of bits: +1 where a window has a +1.  src is a stream of h * w * c bits, dst of sps_pooled(h) *
 * sps_pooled(w) * c; bits past the end are 0. */
#define SPS_KERN_POOLBITS(name)                                                                                        \
    void name(uint32_t *dst, const uint32_t *src, size_t h, size_t w, size_t c, size_t window, int partial)

/* A bit that flips in the input of a convolution: where the last output that reads it begins in an array of outputs,
 * and the index of its square of weights. */
struct sps_flip {
    uint32_t place, square;
};

/* What flips do to the outputs of a convolution with stride 1: for each, a square of outputs changes, every one by
 * weights of its own.  acc[place - a * row - b * channels + c] += (the first `rises` flips) or -= (the rest) w[((square
 * * kernel + a) * kernel + b) * channels + c], modulo 256, a, b < kernel, c < channels.  row: distance of rows in acc,
 * at least kernel * channels. */
#define SPS_KERN_SCATTER(name)                                                                                         \
    void name(int8_t *acc, size_t row, const int8_t *w, const struct sps_flip *flips, size_t rises, size_t count,      \
              size_t kernel, size_t channels)

/* The same for a vector of outputs that all bits reach: sums[c] += 2 (sum over i < rises of w[at[i]][c] - sum over
 * rises <= i < count of w[at[i]][c]), c < channels.  w[..][words of channels]: -1 and +1 as bits, zeros past the end of
 * a row.  Sums stay within 16 bits (the caller's care). */
#define SPS_KERN_GATHER(name)                                                                                          \
    void name(int16_t *sums, const uint32_t *w, const uint32_t *at, size_t rises, size_t count, size_t channels)

/* Positions of the bits in which a and b differ, in rising order; returns how many.  list has room for 32 * words, and
 * SPS_DIFFER_SPILL more numbers that may be written too much. */
#define SPS_KERN_DIFFER(name) size_t name(uint32_t *list, const uint32_t *a, const uint32_t *b, size_t words)

/* sums[i] += 2 acc[i], acc[i] = 0, i < n: a bit that flips changes a sum by 2. */
#define SPS_KERN_DRAIN(name) void name(int16_t *sums, int8_t *acc, size_t n)

/* X(field, MACRO) */
#define SPS_KERN_LIST(X)                                                                                               \
    X(bgemm, SPS_KERN_BGEMM)                                                                                           \
    X(rowsum, SPS_KERN_ROWSUM)                                                                                         \
    X(pack, SPS_KERN_PACK)                                                                                             \
    X(unpack, SPS_KERN_UNPACK)                                                                                         \
    X(ede, SPS_KERN_EDE)                                                                                               \
    X(bgemm16, SPS_KERN_BGEMM16)                                                                                       \
    X(qgemm, SPS_KERN_QGEMM)                                                                                           \
    X(threshold16, SPS_KERN_THRESHOLD16)                                                                               \
    X(threshold32, SPS_KERN_THRESHOLD32)                                                                               \
    X(pool16, SPS_KERN_POOL16)                                                                                         \
    X(pool32, SPS_KERN_POOL32)                                                                                         \
    X(poolbits, SPS_KERN_POOLBITS)                                                                                     \
    X(scatter, SPS_KERN_SCATTER)                                                                                       \
    X(gather, SPS_KERN_GATHER)                                                                                         \
    X(differ, SPS_KERN_DIFFER)                                                                                         \
    X(drain, SPS_KERN_DRAIN)

struct sps_kern {
#define SPS_KERN_FIELD(field, MACRO) MACRO((*field));
    SPS_KERN_LIST(SPS_KERN_FIELD)
#undef SPS_KERN_FIELD
    const char *tier; /* name of the fastest tier that filled it */
};

/* The kernels of this CPU, or of the tier named by $SPINSCALE_CPU (ref, popcnt, avx2, avx512; on ARM ref, neon): one
 * that is not there is an error that lists those that are.  Decided once per process; thread-safe. */
sps_status sps_kern_get(const struct sps_kern **out);
/* A given tier, for tests; NULL where this CPU lacks it. */
const struct sps_kern *sps_kern_tier(const char *name);
/* Names of the tiers compiled in, slowest first; NULL after the last. */
const char *sps_kern_tier_name(size_t index);

/* Helpers around the layouts, plain C. */
static inline size_t sps_words(size_t bits)
{
    return (bits + 31) / 32;
}
static inline size_t sps_panels(size_t channels)
{
    return (channels + SPS_PANEL - 1) / SPS_PANEL;
}
/* rows[N][words] -> panels [ceil(N/16)][words][16]. */
void sps_bits_to_panels(uint32_t *panels, const uint32_t *rows, size_t N, size_t words);
/* Bit rows[N][words] of `bits` signs -> qgemm's panels [ceil(N/16)][quads][16][4], quads = ceil(bits / 4). */
void sps_bits_to_quads(int8_t *panels, int32_t *wsum, const uint32_t *rows, size_t N, size_t words, size_t bits);
/* Behind a qgemm whose a are unsigned levels, to which nothing was added: dst[m][n] += 128 wsum[n]. */
void sps_qgemm_unsigned(int32_t *dst, size_t ldd, const int32_t *wsum, size_t M, size_t N);
#endif
