/* SPDX-License-Identifier: MIT */
/* NEON, which every 64-bit ARM has.
 *
 * The binary product is the instructions EOR and CNT (bits set per byte) and an addition of bytes, each for four
 * channels; bytes are widened every 31 words, before they could overflow.  16-bit and 32-bit sums differ only in how
 * they are stored.  The integer products repeat a pair (or quad) of a row over a vector, multiply it by a vector of the
 * panel and add, with twice the width (SMLAL); neighbours are added up at the end. */
#include "kern/list.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#include <math.h>
#include <string.h>

#include "kern/poolbits.h"
#include "kern/surrogate.h"

/* Rows treated together: as many as leave their sums, and what they need of a panel, in the 32 registers. */
enum { BINARY_ROWS = 4, INTEGER_ROWS = 2 };

/* All panels, in each all rows: body(..., most) as long as there are so many, then body(..., 1).  m and n are the first
 * row and channel. */
#define FOR_TILES(most, body, ...)                                                                                     \
    for (size_t n = 0; n < N; n += SPS_PANEL) {                                                                        \
        size_t m = 0;                                                                                                  \
        for (; m + (most) <= M; m += (most))                                                                           \
            body(__VA_ARGS__, most);                                                                                   \
        for (; m < M; m++)                                                                                             \
            body(__VA_ARGS__, 1);                                                                                      \
    }

/* The first `channels` (or all 16, where there are more) sums of a panel. */
SPS_KERN_INLINE void store32(int32_t *dst, size_t channels, const int32x4_t sum[4])
{
    int32_t all[SPS_PANEL];
    int32_t *to = channels < SPS_PANEL ? all : dst;
    for (size_t q = 0; q < 4; q++)
        vst1q_s32(to + 4 * q, sum[q]);
    if (channels < SPS_PANEL)
        memcpy(dst, all, channels * sizeof *dst);
}

SPS_KERN_INLINE void store16(int16_t *dst, size_t channels, const int32x4_t sum[4])
{
    int16_t all[SPS_PANEL];
    int16_t *to = channels < SPS_PANEL ? all : dst;
    for (size_t q = 0; q < 4; q++)
        vst1_s16(to + 4 * q, vmovn_s32(sum[q]));
    if (channels < SPS_PANEL)
        memcpy(dst, all, channels * sizeof *dst);
}

/* sum[r][q] = bits - 2 popcount(row r ^ channel), channels 4 q to 4 q + 3 of a panel. */
SPS_KERN_INLINE void binary_tile(int32x4_t sum[BINARY_ROWS][4], const uint32_t *a, size_t lda, const uint32_t *panel,
                                 size_t words, int32_t bits, size_t rows)
{
    enum { BYTES_FILL = 31 }; /* words until a count of 8 each could leave a byte */
    for (size_t r = 0; r < rows; r++)
        for (size_t q = 0; q < 4; q++)
            sum[r][q] = vdupq_n_s32(bits);
    for (size_t start = 0; start < words; start += BYTES_FILL) {
        size_t end = words - start < BYTES_FILL ? words : start + BYTES_FILL;
        uint8x16_t bytes[BINARY_ROWS][4];
        for (size_t r = 0; r < rows; r++)
            for (size_t q = 0; q < 4; q++)
                bytes[r][q] = vdupq_n_u8(0);
        for (size_t i = start; i < end; i++) {
            uint32x4_t channel[4];
            for (size_t q = 0; q < 4; q++)
                channel[q] = vld1q_u32(panel + i * SPS_PANEL + 4 * q);
            for (size_t r = 0; r < rows; r++) {
                uint32x4_t word = vld1q_dup_u32(a + r * lda + i);
                for (size_t q = 0; q < 4; q++) {
                    uint8x16_t x = vreinterpretq_u8_u32(veorq_u32(word, channel[q]));
                    bytes[r][q] = vaddq_u8(bytes[r][q], vcntq_u8(x));
                }
            }
        }
        for (size_t r = 0; r < rows; r++)
            for (size_t q = 0; q < 4; q++) {
                int32x4_t differ = vreinterpretq_s32_u32(vpaddlq_u16(vpaddlq_u8(bytes[r][q])));
                sum[r][q] = vsubq_s32(sum[r][q], vshlq_n_s32(differ, 1));
            }
    }
}

SPS_KERN_INLINE void bgemm_tile(int32_t *dst, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *panel,
                                size_t channels, size_t words, int32_t bits, size_t rows)
{
    int32x4_t sum[BINARY_ROWS][4];
    binary_tile(sum, a, lda, panel, words, bits, rows);
    for (size_t r = 0; r < rows; r++)
        store32(dst + r * ldd, channels, sum[r]);
}

SPS_KERN_INLINE void bgemm16_tile(int16_t *dst, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *panel,
                                  size_t channels, size_t words, int32_t bits, size_t rows)
{
    int32x4_t sum[BINARY_ROWS][4];
    binary_tile(sum, a, lda, panel, words, bits, rows);
    for (size_t r = 0; r < rows; r++)
        store16(dst + r * ldd, channels, sum[r]);
}

static SPS_KERN_BGEMM(bgemm)
{
    FOR_TILES(BINARY_ROWS, bgemm_tile, dst + m * ldd + n, ldd, a + m * lda, lda, w + n * words, N - n, words, bits)
}

static SPS_KERN_BGEMM16(bgemm16){
    FOR_TILES(BINARY_ROWS, bgemm16_tile, dst + m * ldd + n, ldd, a + m * lda, lda, w + n * words, N - n, words, bits)}

SPS_KERN_INLINE void qgemm_tile(int32_t *dst, size_t ldd, const uint8_t *a, size_t lda, const int8_t *panel,
                                size_t channels, size_t quads, size_t rows)
{
    enum { SHORTS_FILL = 255 }; /* quads until a product of 128 each could leave 16 bits */
    int32x4_t sum[INTEGER_ROWS][4];
    for (size_t r = 0; r < rows; r++)
        for (size_t q = 0; q < 4; q++)
            sum[r][q] = vdupq_n_s32(0);
    for (size_t start = 0; start < quads; start += SHORTS_FILL) {
        size_t end = quads - start < SHORTS_FILL ? quads : start + SHORTS_FILL;
        int16x8_t low[INTEGER_ROWS][4], high[INTEGER_ROWS][4]; /* the four products of two channels each */
        for (size_t r = 0; r < rows; r++)
            for (size_t q = 0; q < 4; q++)
                low[r][q] = high[r][q] = vdupq_n_s16(0);
        for (size_t i = start; i < end; i++) {
            int8x16_t channel[4];
            for (size_t q = 0; q < 4; q++)
                channel[q] = vld1q_s8(panel + i * SPS_PANEL * 4 + 16 * q);
            for (size_t r = 0; r < rows; r++) {
                int32_t quad;
                memcpy(&quad, a + r * lda + 4 * i, sizeof quad);
                int8x16_t x = veorq_s8(vreinterpretq_s8_s32(vdupq_n_s32(quad)), vdupq_n_s8(INT8_MIN));
                for (size_t q = 0; q < 4; q++) {
                    low[r][q] = vmlal_s8(low[r][q], vget_low_s8(channel[q]), vget_low_s8(x));
                    high[r][q] = vmlal_high_s8(high[r][q], channel[q], x);
                }
            }
        }
        for (size_t r = 0; r < rows; r++)
            for (size_t q = 0; q < 4; q++) {
                int32x4_t both = vpaddq_s32(vpaddlq_s16(low[r][q]), vpaddlq_s16(high[r][q]));
                sum[r][q] = vaddq_s32(sum[r][q], both);
            }
    }
    for (size_t r = 0; r < rows; r++)
        store32(dst + r * ldd, channels, sum[r]);
}

static SPS_KERN_QGEMM(qgemm)
{
    (void)wsum;
    FOR_TILES(INTEGER_ROWS, qgemm_tile, dst + m * ldd + n, ldd, a + m * lda, lda, w + n * quads * 4, N - n, quads)
}

/* `vectors` vectors of 4 stay in registers while all rows pass. */
SPS_KERN_INLINE void rowsum_block(float *dst, const float *src, const uint32_t *at, const float *coef, size_t count,
                                  size_t vectors)
{
    float32x4_t sum[8];
    for (size_t v = 0; v < vectors; v++)
        sum[v] = vld1q_f32(dst + 4 * v);
    for (size_t i = 0; i < count; i++) {
        const float *row = src + at[i];
        for (size_t v = 0; v < vectors; v++)
            sum[v] = vfmaq_n_f32(sum[v], vld1q_f32(row + 4 * v), coef[i]);
    }
    for (size_t v = 0; v < vectors; v++)
        vst1q_f32(dst + 4 * v, sum[v]);
}

static SPS_KERN_ROWSUM(rowsum)
{
    size_t j = 0;
    for (; j + 32 <= len; j += 32)
        rowsum_block(dst + j, src + j, at, coef, count, 8);
    for (; j + 4 <= len; j += 4)
        rowsum_block(dst + j, src + j, at, coef, count, 1);
    for (; j < len; j++)
        for (size_t i = 0; i < count; i++)
            dst[j] = fmaf(coef[i], src[at[i] + j], dst[j]);
}

/* A word of 32 bits from 32 answers, each a byte of ones or zeros: every byte keeps the bit of its place, and eight
 * neighbours make one byte of the word. */
SPS_KERN_INLINE uint32_t word_of_bytes(uint8x16_t first, uint8x16_t second)
{
    const uint8x16_t place = vreinterpretq_u8_u64(vdupq_n_u64(UINT64_C(0x8040201008040201)));
    uint8x16_t sum = vpaddq_u8(vandq_u8(first, place), vandq_u8(second, place));
    sum = vpaddq_u8(sum, sum);
    sum = vpaddq_u8(sum, sum);
    return vgetq_lane_u32(vreinterpretq_u32_u8(sum), 0);
}

SPS_KERN_INLINE uint8x16_t bytes_of_shorts(uint16x8_t first, uint16x8_t second)
{
    return vmovn_high_u16(vmovn_u16(first), second);
}

SPS_KERN_INLINE uint8x16_t bytes_of_words(const uint32x4_t x[4])
{
    return bytes_of_shorts(vmovn_high_u32(vmovn_u32(x[0]), x[1]), vmovn_high_u32(vmovn_u32(x[2]), x[3]));
}

static SPS_KERN_PACK(pack)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        uint32x4_t answer[8];
        for (size_t v = 0; v < 8; v++)
            answer[v] = vcgezq_f32(vld1q_f32(y + i + 4 * v));
        bits[i / 32] = word_of_bytes(bytes_of_words(answer), bytes_of_words(answer + 4));
    }
    if (i < n) {
        uint32_t word = 0;
        for (size_t j = 0; i + j < n; j++)
            word |= (uint32_t)(y[i + j] >= 0) << j;
        bits[i / 32] = word;
    }
}

static SPS_KERN_UNPACK(unpack)
{
    static const uint32_t nibble[4] = {1, 2, 4, 8};
    const uint32x4_t place = vld1q_u32(nibble);
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int j = 0; j < 32; j += 4) {
            uint32x4_t set = vtstq_u32(vdupq_n_u32(bits[i / 32] >> j), place);
            vst1q_f32(y + i + (size_t)j, vbslq_f32(set, vdupq_n_f32(1.0f), vdupq_n_f32(-1.0f)));
        }
    for (; i < n; i++)
        y[i] = bits[i / 32] >> i % 32 & 1 ? 1.0f : -1.0f;
}

static SPS_KERN_EDE(ede)
{
    sps_ede(dy, g, y, n, t, k);
}

SPS_KERN_INLINE uint32_t at_least16(const int16_t *z, const int16_t *t)
{
    uint16x8_t answer[4];
    for (size_t v = 0; v < 4; v++)
        answer[v] = vcgeq_s16(vld1q_s16(z + 8 * v), vld1q_s16(t + 8 * v));
    return word_of_bytes(bytes_of_shorts(answer[0], answer[1]), bytes_of_shorts(answer[2], answer[3]));
}

SPS_KERN_INLINE uint32_t at_least32(const int32_t *z, const int32_t *t)
{
    uint32x4_t answer[8];
    for (size_t v = 0; v < 8; v++)
        answer[v] = vcgeq_s32(vld1q_s32(z + 4 * v), vld1q_s32(t + 4 * v));
    return word_of_bytes(bytes_of_words(answer), bytes_of_words(answer + 4));
}

/* The thresholds repeat every `channels` elements, the words every 32: 32 thresholds in a row are read from t, or,
 * where they reach over its end, from `seam`, which holds its last 31 and the 31 that follow them. */
#define THRESHOLD(type, at_least)                                                                                      \
    size_t n = positions * channels;                                                                                   \
    size_t first = channels < 31 ? 0 : channels - 31; /* channel of seam[0] */                                         \
    type seam[62];                                                                                                     \
    for (size_t i = 0; i < 62 && n > 0; i++)                                                                           \
        seam[i] = t[(first + i) % channels];                                                                           \
    size_t i = 0, c = 0; /* c = i % channels */                                                                        \
    for (; i + 32 <= n; i += 32) {                                                                                     \
        bits[i / 32] = at_least(z + i, c + 32 <= channels ? t + c : seam + (c - first));                               \
        c = (c + 32) % channels;                                                                                       \
    }                                                                                                                  \
    if (i < n) {                                                                                                       \
        uint32_t word = 0;                                                                                             \
        for (size_t j = 0; i + j < n; j++)                                                                             \
            word |= (uint32_t)(z[i + j] >= t[(c + j) % channels]) << j;                                                \
        bits[i / 32] = word;                                                                                           \
    }

static SPS_KERN_THRESHOLD16(threshold16)
{
    THRESHOLD(int16_t, at_least16)
}

static SPS_KERN_THRESHOLD32(threshold32)
{
    THRESHOLD(int32_t, at_least32)
}

/* The largest of a window, for as many channels as a vector has. */
#define POOL(type, vector, lanes, load, store, max)                                                                    \
    size_t out_h = sps_pooled(h, window, partial), out_w = sps_pooled(w, window, partial);                             \
    for (size_t i = 0; i < out_h; i++)                                                                                 \
        for (size_t j = 0; j < out_w; j++, dst += c) {                                                                 \
            const type *corner = src + (i * window * w + j * window) * c;                                              \
            size_t rows = sps_pool_extent(h, window, i), columns = sps_pool_extent(w, window, j), k = 0;               \
            for (; k + lanes <= c; k += lanes) {                                                                       \
                vector most = load(corner + k);                                                                        \
                for (size_t a = 0; a < rows; a++)                                                                      \
                    for (size_t b = 0; b < columns; b++)                                                               \
                        most = max(most, load(corner + (a * w + b) * c + k));                                          \
                store(dst + k, most);                                                                                  \
            }                                                                                                          \
            for (; k < c; k++) {                                                                                       \
                type most = corner[k];                                                                                 \
                for (size_t a = 0; a < rows; a++)                                                                      \
                    for (size_t b = 0; b < columns; b++) {                                                             \
                        type other = corner[(a * w + b) * c + k];                                                      \
                        most = other > most ? other : most;                                                            \
                    }                                                                                                  \
                dst[k] = most;                                                                                         \
            }                                                                                                          \
        }

static SPS_KERN_POOL16(pool16)
{
    POOL(int16_t, int16x8_t, 8, vld1q_s16, vst1q_s16, vmaxq_s16)
}

static SPS_KERN_POOL32(pool32){POOL(int32_t, int32x4_t, 4, vld1q_s32, vst1q_s32, vmaxq_s32)}

SPS_KERN_INLINE void add_flips(int8_t *acc, size_t row, const int8_t *w, const struct sps_flip *flips, size_t count,
                               bool falls, size_t kernel, size_t channels)
{
    for (size_t i = 0; i < count; i++) {
        const int8_t *from = w + (size_t)flips[i].square * kernel * kernel * channels;
        for (size_t at = 0; at < kernel * kernel; at++, from += channels) {
            int8_t *to = acc + flips[i].place - at / kernel * row - at % kernel * channels;
            size_t c = 0;
            for (; c + 16 <= channels; c += 16) {
                int8x16_t sum = vld1q_s8(to + c), x = vld1q_s8(from + c);
                vst1q_s8(to + c, falls ? vsubq_s8(sum, x) : vaddq_s8(sum, x));
            }
            for (; c < channels; c++)
                to[c] = (int8_t)(falls ? to[c] - from[c] : to[c] + from[c]);
        }
    }
}

static SPS_KERN_SCATTER(scatter)
{
    if (channels == 64) {
        add_flips(acc, row, w, flips, rises, false, kernel, 64);
        add_flips(acc, row, w, flips + rises, count - rises, true, kernel, 64);
    } else {
        add_flips(acc, row, w, flips, rises, false, kernel, channels);
        add_flips(acc, row, w, flips + rises, count - rises, true, kernel, channels);
    }
}

typedef uint32x4_t gather_vector;
enum { GATHER_WORDS = 4, GATHER_GROUP = 16 };

SPS_KERN_INLINE uint32x4_t gather_load(const uint32_t *from, size_t words)
{
    if (words == GATHER_WORDS)
        return vld1q_u32(from);
    uint32x4_t row = vld1q_lane_u32(from, vdupq_n_u32(0), 0);
    if (words > 1)
        row = vld1q_lane_u32(from + 1, row, 1);
    return words > 2 ? vld1q_lane_u32(from + 2, row, 2) : row;
}

SPS_KERN_INLINE void gather_store(uint32_t *to, uint32x4_t x)
{
    vst1q_u32(to, x);
}

SPS_KERN_INLINE uint32x4_t gather_fill(bool bit)
{
    return vdupq_n_u32(bit ? UINT32_MAX : 0);
}

SPS_KERN_INLINE uint32x4_t gather_xor(uint32x4_t x, uint32x4_t y)
{
    return veorq_u32(x, y);
}

SPS_KERN_INLINE uint32x4_t gather_and(uint32x4_t x, uint32x4_t y)
{
    return vandq_u32(x, y);
}

SPS_KERN_INLINE uint32x4_t gather_not(uint32x4_t x)
{
    return vmvnq_u32(x);
}

/* Where x and y differ the carry is the sum's bit, else theirs. */
SPS_KERN_INLINE uint32x4_t gather_add(uint32x4_t *sum, uint32x4_t x, uint32x4_t y)
{
    uint32x4_t either = veorq_u32(x, y), carry = vbslq_u32(either, *sum, x);
    *sum = veorq_u32(*sum, either);
    return carry;
}

/* Each byte of a plane is repeated for its eight channels, which look at their bits. */
SPS_KERN_INLINE void gather_spread(int16_t *sums, uint32_t plane[][GATHER_WORDS], size_t channels, int change)
{
    const uint8x8_t own = vcreate_u8(UINT64_C(0x8040201008040201));
    for (size_t i = 0; 8 * i < channels; i++, sums += 8) {
        uint8x8_t counts = vdup_n_u8(0);
        for (size_t p = 0; p < SPS_GATHER_PLANES; p++) {
            uint8x8_t ones = vtst_u8(vdup_n_u8((uint8_t)(plane[p][i / 4] >> i % 4 * 8)), own);
            counts = vorr_u8(counts, vand_u8(ones, vdup_n_u8((uint8_t)(1u << p))));
        }
        size_t left = channels - 8 * i;
        int16_t few[8] = {0}, *to = left < 8 ? few : sums;
        if (left < 8)
            memcpy(few, sums, left * sizeof *sums);
        int16x8_t more = vaddq_s16(vreinterpretq_s16_u16(vshll_n_u8(counts, 2)), vdupq_n_s16((int16_t)change));
        vst1q_s16(to, vaddq_s16(vld1q_s16(to), more));
        if (left < 8)
            memcpy(sums, few, left * sizeof *sums);
    }
}

#define GATHER_INLINE SPS_KERN_INLINE
#define GATHER_TARGET
#include "kern/gather.h"

/* Eight positions are written whatever 64 bits hold, then the pointer goes on by as many as there are: a branch per bit
 * would be guessed wrong about once per word. */
static SPS_KERN_DIFFER(differ)
{
    uint32_t *to = list;
    for (size_t i = 0; i < words; i += 2) {
        uint64_t bits = a[i] ^ b[i];
        if (i + 1 < words)
            bits |= (uint64_t)(a[i + 1] ^ b[i + 1]) << 32;
        uint32_t *end = to + vaddv_u8(vcnt_u8(vcreate_u8(bits)));
        do {
            for (size_t j = 0; j < 8; j++) {
                to[j] = (uint32_t)(32 * i) + (uint32_t)__builtin_ctzll(bits | UINT64_C(1) << 63); /* also of 0 */
                bits &= bits - 1;
            }
            to += 8;
        } while (to < end);
        to = end;
    }
    return (size_t)(to - list);
}

static SPS_KERN_DRAIN(drain)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        vst1q_s16(sums + i, vaddq_s16(vld1q_s16(sums + i), vshll_n_s8(vld1_s8(acc + i), 1)));
        vst1_s8(acc + i, vdup_n_s8(0));
    }
    for (; i < n; i++) {
        sums[i] = (int16_t)(sums[i] + 2 * acc[i]);
        acc[i] = 0;
    }
}

static SPS_KERN_POOLBITS(poolbits)
{
    sps_poolbits(dst, src, h, w, c, window, partial);
}

bool sps_kern_fill_neon(struct sps_kern *kern)
{
    SPS_KERN_FILL_ALL(kern)
    return true;
}
#endif
