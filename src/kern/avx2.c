/* SPDX-License-Identifier: MIT */
/* AVX2, FMA and BMI1 (x86 since 2013).
 *
 * The binary product counts by table: T[a][w] = popcount(a ^ w) for two nibbles, one VPSHUFB for 32 channels.  Because
 * the nibble of a is the same for all channels, its table needs no index arithmetic at all; only the weights are
 * brought into nibble order, once per call, for all rows.  And since a count is at most 4, one lookup serves two rows:
 * T[a1, a2][w] = popcount(a1 ^ w) << 4 | popcount(a2 ^ w); three such bytes add up without overflow into each other.
 * That makes 3 lookups and 6 cheap operations per 768 multiply-accumulates. */
#include "kern/list.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "kern/poolbits.h"
#include "kern/surrogate.h"

#define AVX2 __attribute__((target("avx2,fma,bmi,popcnt")))
#define AVX2_INLINE SPS_KERN_INLINE AVX2

enum {
    HALF = 32,             /* channels of one vector of bytes: two panels */
    GROUP = 2 * HALF,      /* channels treated together */
    ROWS = 4,              /* rows treated together: two pairs */
    STRETCH = 30,          /* words treated together: their nibbles, 15 KiB, stay in the first-level cache */
    NIBBLES = 8 * STRETCH, /* a multiple of 3 */
    FLUSH = 63,            /* nibbles until a count of 4 each could leave a byte: 63 * 4 = 252 */
    AT = 8 * 32 + 32,      /* entries of pair_rows: whole vectors, and what the last one writes too much */
    FEW_ROWS = 7,          /* below this, bringing weights into nibble order does not pay */
};

/* T of the text above, [a1 << 4 | a2][w]; 4 KiB. */
static _Alignas(64) uint8_t pair_table[256][16];

static void fill_pair_table(void)
{
    static const uint8_t ones[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
    for (size_t a = 0; a < 256; a++)
        for (size_t w = 0; w < 16; w++)
            pair_table[a][w] = (uint8_t)(ones[(a >> 4) ^ w] << 4 | ones[(a & 15) ^ w]);
}

/* All bits set in the first `count` lanes of 32 bits. */
AVX2_INLINE __m256i first_lanes(size_t count)
{
    int lanes = count < 8 ? (int)count : 8;
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The nibbles of a stretch of one or two panels.  Nibble k of channel c is nibbles[k * GROUP + c]; k runs over the low
 * nibbles of all bytes, then over the high ones.  Zeros follow, up to a multiple of 3. */
AVX2 static void split_weights(uint8_t *nibbles, const uint32_t *first, const uint32_t *second, size_t words)
{
    const __m256i by_byte = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12, 1, 5, 9,
                                             13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m256i low = _mm256_set1_epi8(15);
    for (size_t i = 0; i < words; i++) {
        __m256i q[4]; /* four channels each; after the shuffle dword b holds byte b of the four */
        for (size_t j = 0; j < 4; j++) {
            __m128i x = _mm_loadu_si128((const __m128i *)(first + i * SPS_PANEL + 4 * j));
            __m128i y = _mm_setzero_si128();
            if (second != NULL)
                y = _mm_loadu_si128((const __m128i *)(second + i * SPS_PANEL + 4 * j));
            q[j] = _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(x), y, 1), by_byte);
        }
        __m256i q01 = _mm256_unpacklo_epi32(q[0], q[1]), q23 = _mm256_unpacklo_epi32(q[2], q[3]);
        __m256i r01 = _mm256_unpackhi_epi32(q[0], q[1]), r23 = _mm256_unpackhi_epi32(q[2], q[3]);
        __m256i byte[4] = {_mm256_unpacklo_epi64(q01, q23), _mm256_unpackhi_epi64(q01, q23),
                           _mm256_unpacklo_epi64(r01, r23), _mm256_unpackhi_epi64(r01, r23)};
        for (size_t b = 0; b < 4; b++) {
            uint8_t *to = nibbles + (4 * i + b) * GROUP;
            _mm256_store_si256((__m256i *)to, _mm256_and_si256(byte[b], low));
            _mm256_store_si256((__m256i *)(to + 4 * words * GROUP),
                               _mm256_and_si256(_mm256_srli_epi16(byte[b], 4), low));
        }
    }
    for (size_t k = 8 * words; k % 3 != 0; k++)
        _mm256_store_si256((__m256i *)(nibbles + k * GROUP), _mm256_setzero_si256());
}

/* Where in pair_table, in bytes, the tables of two rows are: same order of nibbles, zeros behind them. */
AVX2 static void pair_rows(uint16_t *at, const uint32_t *row1, const uint32_t *row2, size_t words)
{
    const __m256i low = _mm256_set1_epi8(15);
    for (int half = 0; half < 2; half++) /* the high nibbles last: they overwrite what the low ones left behind them */
        for (size_t i = 0; i < words; i += 8) {
            __m256i there = first_lanes(words - i);
            __m256i v1 = _mm256_maskload_epi32((const int *)(row1 + i), there);
            __m256i v2 = _mm256_maskload_epi32((const int *)(row2 + i), there);
            __m256i index;
            if (half == 0)
                index = _mm256_or_si256(_mm256_slli_epi16(_mm256_and_si256(v1, low), 4), _mm256_and_si256(v2, low));
            else
                index = _mm256_or_si256(_mm256_andnot_si256(low, v1), _mm256_and_si256(_mm256_srli_epi16(v2, 4), low));
            uint16_t *to = at + (half == 0 ? 0 : 4 * words) + 4 * i;
            _mm256_storeu_si256((__m256i *)to,
                                _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(index)), 4));
            _mm256_storeu_si256((__m256i *)(to + 16),
                                _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm256_extracti128_si256(index, 1)), 4));
        }
    at[8 * words] = at[8 * words + 1] = 0;
}

AVX2_INLINE void add_bytes(uint16_t *sum, __m256i bytes)
{
    for (int i = 0; i < 2; i++) {
        __m128i part = i == 0 ? _mm256_castsi256_si128(bytes) : _mm256_extracti128_si256(bytes, 1);
        __m256i *to = (__m256i *)(sum + 16 * i);
        _mm256_store_si256(to, _mm256_add_epi16(_mm256_load_si256(to), _mm256_cvtepu8_epi16(part)));
    }
}

/* sum[r][c] += bits in which row r and channel c differ, over `count` nibbles (a multiple of 3). */
AVX2_INLINE void count_nibbles(uint16_t sum[ROWS][GROUP], uint16_t at[ROWS / 2][AT], const uint8_t *nibbles,
                               size_t count, size_t halves)
{
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i zero = _mm256_setzero_si256();
    for (size_t start = 0; start < count; start += FLUSH) {
        size_t end = count - start < FLUSH ? count : start + FLUSH;
        __m256i both[2][2] = {{zero, zero}, {zero, zero}}; /* 16 (first row) + (second row), modulo 256 */
        __m256i first[2][2] = {{zero, zero}, {zero, zero}};
        for (size_t k = start; k < end; k += 3) {
            __m256i three[2][2] = {{zero, zero}, {zero, zero}};
            for (size_t j = k; j < k + 3; j++)
                for (size_t p = 0; p < 2; p++) {
                    __m256i table = _mm256_broadcastsi128_si256(
                        _mm_load_si128((const __m128i *)((const uint8_t *)pair_table + at[p][j])));
                    for (size_t h = 0; h < halves; h++) {
                        const __m256i *from = (const __m256i *)(nibbles + j * GROUP + h * HALF);
                        three[p][h] = _mm256_add_epi8(three[p][h], _mm256_shuffle_epi8(table, _mm256_load_si256(from)));
                    }
                }
            for (size_t p = 0; p < 2; p++)
                for (size_t h = 0; h < halves; h++) {
                    both[p][h] = _mm256_add_epi8(both[p][h], three[p][h]);
                    first[p][h] =
                        _mm256_add_epi8(first[p][h], _mm256_and_si256(_mm256_srli_epi16(three[p][h], 4), low));
                }
        }
        for (size_t p = 0; p < 2; p++)
            for (size_t h = 0; h < halves; h++) {
                __m256i shifted = _mm256_andnot_si256(low, _mm256_slli_epi16(first[p][h], 4));
                add_bytes(sum[2 * p] + h * HALF, first[p][h]);
                add_bytes(sum[2 * p + 1] + h * HALF, _mm256_sub_epi8(both[p][h], shifted));
            }
    }
}

/* Sums have 16 bits, modulo 2^16, or 32: `wide` is a constant where these are inlined. */
AVX2_INLINE void *sum_at(void *sums, bool wide, size_t i)
{
    return wide ? (void *)((int32_t *)sums + i) : (void *)((int16_t *)sums + i);
}

/* dst[c] = base - 2 differ[c], or dst[c] -= 2 differ[c] without a base. */
AVX2_INLINE void settle(void *dst, bool wide, const uint16_t *differ, size_t channels, const int32_t *base)
{
    size_t c = 0, lanes = wide ? 8 : 16;
    for (; c + lanes <= channels; c += lanes) {
        __m256i *to = sum_at(dst, wide, c);
        if (wide) {
            __m256i d = _mm256_cvtepu16_epi32(_mm_load_si128((const __m128i *)(differ + c)));
            __m256i old = base != NULL ? _mm256_set1_epi32(*base) : _mm256_loadu_si256(to);
            _mm256_storeu_si256(to, _mm256_sub_epi32(old, _mm256_add_epi32(d, d)));
        } else {
            __m256i d = _mm256_load_si256((const __m256i *)(differ + c));
            __m256i old = base != NULL ? _mm256_set1_epi16((int16_t)*base) : _mm256_loadu_si256(to);
            _mm256_storeu_si256(to, _mm256_sub_epi16(old, _mm256_add_epi16(d, d)));
        }
    }
    for (; c < channels; c++)
        if (wide) {
            int32_t *to = sum_at(dst, true, c);
            *to = (base != NULL ? *base : *to) - 2 * differ[c];
        } else {
            int16_t *to = sum_at(dst, false, c);
            *to = (int16_t)((base != NULL ? *base : *to) - 2 * differ[c]);
        }
}

/* One stretch of words and one group of channels, all rows: dst = base - 2 sum, or dst -= 2 sum without a base. */
AVX2_INLINE void stretch_all_rows(void *dst, bool wide, size_t ldd, const uint32_t *a, size_t lda,
                                  const uint8_t *nibbles, size_t M, size_t channels, size_t words, const int32_t *base,
                                  size_t halves)
{
    _Alignas(32) uint16_t at[ROWS / 2][AT];
    size_t count = (8 * words + 2) / 3 * 3;
    for (size_t m = 0; m < M; m += ROWS) {
        size_t rows = M - m < ROWS ? M - m : ROWS;
        const uint32_t *row[ROWS]; /* past the end the last one again, its sums unused */
        for (size_t r = 0; r < ROWS; r++)
            row[r] = a + (m + (r < rows ? r : rows - 1)) * lda;
        pair_rows(at[0], row[0], row[1], words);
        pair_rows(at[1], row[2], row[3], words);
        _Alignas(32) uint16_t sum[ROWS][GROUP] = {{0}};
        count_nibbles(sum, at, nibbles, count, halves);
        for (size_t r = 0; r < rows; r++)
            settle(sum_at(dst, wide, (m + r) * ldd), wide, sum[r], channels, base);
    }
}

AVX2_INLINE void bgemm_by_table(void *dst, bool wide, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *w,
                                size_t M, size_t N, size_t words, int32_t bits)
{
    _Alignas(64) uint8_t nibbles[NIBBLES * GROUP];
    for (size_t n = 0; n < N; n += GROUP)
        for (size_t start = 0; start < words; start += STRETCH) {
            size_t part = words - start < STRETCH ? words - start : STRETCH;
            size_t channels = N - n < GROUP ? N - n : GROUP;
            for (size_t c = 0; c < channels; c += HALF) {
                const uint32_t *panel = w + (n + c) * words + start * SPS_PANEL;
                split_weights(nibbles + c, panel, channels - c > SPS_PANEL ? panel + words * SPS_PANEL : NULL, part);
            }
            const int32_t *base = start == 0 ? &bits : NULL;
            if (channels > HALF)
                stretch_all_rows(sum_at(dst, wide, n), wide, ldd, a + start, lda, nibbles, M, channels, part, base, 2);
            else
                stretch_all_rows(sum_at(dst, wide, n), wide, ldd, a + start, lda, nibbles, M, channels, part, base, 1);
        }
}

/* The sums of a panel, or of its first channels. */
AVX2_INLINE void store_panel(void *dst, bool wide, const __m256i sum[2], size_t channels)
{
    __m256i low[2] = {sum[0], sum[1]};
    size_t vectors = 2, bytes = (channels < SPS_PANEL ? channels : SPS_PANEL) * (wide ? 4 : 2);
    if (!wide) { /* the lower halves: within 16 bits, so that saturation does nothing */
        low[0] = _mm256_permute4x64_epi64(_mm256_packs_epi32(sum[0], sum[1]), 0xd8);
        vectors = 1;
    }
    if (channels >= SPS_PANEL) {
        for (size_t v = 0; v < vectors; v++)
            _mm256_storeu_si256((__m256i *)dst + v, low[v]);
    } else {
        memcpy(dst, low, bytes);
    }
}

/* Bits set in each byte. */
AVX2_INLINE __m256i count_bytes(__m256i x)
{
    const __m256i ones = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2,
                                          2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    return _mm256_add_epi8(_mm256_shuffle_epi8(ones, _mm256_and_si256(x, low)),
                           _mm256_shuffle_epi8(ones, _mm256_and_si256(_mm256_srli_epi16(x, 4), low)));
}

/* A full adder for each bit: *sum becomes the low bit of *sum + x + y, returned is the high one. */
AVX2_INLINE __m256i add_bits(__m256i *sum, __m256i x, __m256i y)
{
    __m256i half = _mm256_xor_si256(*sum, x);
    __m256i carry = _mm256_or_si256(_mm256_and_si256(*sum, x), _mm256_and_si256(half, y));
    *sum = _mm256_xor_si256(half, y);
    return carry;
}

/* Of word i, for one half of the panel. */
AVX2_INLINE __m256i differing(const uint32_t *panel, const uint32_t *row, size_t i, size_t half)
{
    return _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(panel + i * SPS_PANEL) + half),
                            _mm256_set1_epi32((int32_t)row[i]));
}

/* Few rows, or no more than one panel (half of a vector of bytes): straight from the panels.  Longer rows are first
 * added up bit by bit, four words a time, so that only what carries into the fours is counted (Harley and Seal). */
AVX2_INLINE void bgemm_direct(void *dst, bool wide, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *w,
                              size_t M, size_t N, size_t words, int32_t bits)
{
    enum {
        BYTES_FILL = 4 * 31, /* words until a count of 8 for every four could leave a byte */
        LONG = 16
    };
    const __m256i zero = _mm256_setzero_si256();
    for (size_t n = 0; n < N; n += SPS_PANEL)
        for (size_t m = 0; m < M; m++) {
            const uint32_t *panel = w + n * words;
            const uint32_t *row = a + m * lda;
            __m256i sum[2] = {_mm256_set1_epi32(bits), _mm256_set1_epi32(bits)};
            for (size_t start = 0; start < words; start += BYTES_FILL) {
                size_t end = words - start < BYTES_FILL ? words : start + BYTES_FILL, i = start;
                __m256i few[2] = {zero, zero}, fours[2] = {zero, zero};
                if (end - start >= LONG) {
                    __m256i ones[2] = {zero, zero}, twos[2] = {zero, zero};
                    for (; i + 4 <= end; i += 4)
                        for (size_t h = 0; h < 2; h++) {
                            __m256i first =
                                add_bits(&ones[h], differing(panel, row, i, h), differing(panel, row, i + 1, h));
                            __m256i second =
                                add_bits(&ones[h], differing(panel, row, i + 2, h), differing(panel, row, i + 3, h));
                            __m256i carry = add_bits(&twos[h], first, second);
                            fours[h] = _mm256_add_epi8(fours[h], count_bytes(carry));
                        }
                    for (size_t h = 0; h < 2; h++) {
                        __m256i two = count_bytes(twos[h]);
                        few[h] = _mm256_add_epi8(count_bytes(ones[h]), _mm256_add_epi8(two, two));
                    }
                }
                for (; i < end; i++)
                    for (size_t h = 0; h < 2; h++)
                        few[h] = _mm256_add_epi8(few[h], count_bytes(differing(panel, row, i, h)));
                for (size_t h = 0; h < 2; h++) {
                    __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(few[h], _mm256_set1_epi8(1)),
                                                     _mm256_maddubs_epi16(fours[h], _mm256_set1_epi8(4)));
                    sum[h] = _mm256_sub_epi32(sum[h], _mm256_madd_epi16(pairs, _mm256_set1_epi16(2)));
                }
            }
            store_panel(sum_at(dst, wide, m * ldd + n), wide, sum, N - n);
        }
}

AVX2_INLINE void binary_product(void *dst, bool wide, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *w,
                                size_t M, size_t N, size_t words, int32_t bits)
{
    if (M < FEW_ROWS || N <= SPS_PANEL || words == 0)
        bgemm_direct(dst, wide, ldd, a, lda, w, M, N, words, bits);
    else
        bgemm_by_table(dst, wide, ldd, a, lda, w, M, N, words, bits);
}

AVX2 static SPS_KERN_BGEMM(bgemm)
{
    binary_product(dst, true, ldd, a, lda, w, M, N, words, bits);
}

AVX2 static SPS_KERN_BGEMM16(bgemm16)
{
    binary_product(dst, false, ldd, a, lda, w, M, N, words, bits);
}

/* The other way round; channels that are not there give 0. */
AVX2_INLINE void load_panel(__m256i sum[2], const int32_t *src, size_t channels)
{
    sum[0] = _mm256_maskload_epi32(src, first_lanes(channels));
    sum[1] = channels > 8 ? _mm256_maskload_epi32(src + 8, first_lanes(channels - 8)) : _mm256_setzero_si256();
}

/* 8-bit codes.  VPMADDUBSW multiplies unsigned by signed: codes come as code + 128, 128 wsum comes off.  It adds two
 * products to a sum of 16 bits, at most 2 * 255 in size, so that 64 quads fit. */
enum { CODE_ROWS = 2, CODE_PANELS = 2, CODE_STRETCH = 64 };

/* dst = base + products of `count` quads; without a base, dst += them.  Panels are `quads` long. */
AVX2_INLINE void qgemm_tile(int32_t *dst, size_t ldd, const uint8_t *a, size_t lda, const int8_t *w, size_t quads,
                            __m256i base[CODE_PANELS][2], size_t channels, size_t count, size_t rows, size_t panels)
{
    __m256i pairs[CODE_ROWS][CODE_PANELS][2];
    for (size_t r = 0; r < rows; r++)
        for (size_t p = 0; p < panels; p++)
            pairs[r][p][0] = pairs[r][p][1] = _mm256_setzero_si256();
    for (size_t i = 0; i < count; i++) {
        __m256i codes[CODE_ROWS];
        for (size_t r = 0; r < rows; r++) {
            int32_t quad;
            memcpy(&quad, a + r * lda + 4 * i, sizeof quad);
            codes[r] = _mm256_set1_epi32(quad);
        }
        for (size_t p = 0; p < panels; p++)
            for (size_t h = 0; h < 2; h++) {
                const int8_t *from = w + (p * quads + i) * SPS_PANEL * 4 + 32 * h;
                __m256i x = _mm256_loadu_si256((const __m256i *)from);
                for (size_t r = 0; r < rows; r++)
                    pairs[r][p][h] = _mm256_add_epi16(pairs[r][p][h], _mm256_maddubs_epi16(codes[r], x));
            }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t p = 0; p < panels; p++) {
            int32_t *to = dst + r * ldd + p * SPS_PANEL;
            size_t left = channels - p * SPS_PANEL;
            __m256i sum[2];
            if (base == NULL)
                load_panel(sum, to, left);
            for (size_t h = 0; h < 2; h++)
                sum[h] = _mm256_add_epi32(base != NULL ? base[p][h] : sum[h],
                                          _mm256_madd_epi16(pairs[r][p][h], _mm256_set1_epi16(1)));
            store_panel(to, true, sum, left);
        }
}

AVX2 static SPS_KERN_QGEMM(qgemm)
{
    for (size_t n = 0; n < N; n += CODE_PANELS * SPS_PANEL) {
        bool pair = N - n > SPS_PANEL;
        __m256i shift[CODE_PANELS][2] = {{_mm256_setzero_si256()}}; /* -128 wsum */
        for (size_t p = 0; p < (pair ? 2 : 1); p++) {
            load_panel(shift[p], wsum + n + p * SPS_PANEL, N - n - p * SPS_PANEL);
            for (size_t h = 0; h < 2; h++)
                shift[p][h] = _mm256_slli_epi32(_mm256_sub_epi32(_mm256_setzero_si256(), shift[p][h]), 7);
        }
        for (size_t start = 0; start == 0 || start < quads; start += CODE_STRETCH) {
            size_t count = quads - start < CODE_STRETCH ? quads - start : CODE_STRETCH;
            const uint8_t *codes = a + 4 * start;
            const int8_t *panel = w + (n * quads + start * SPS_PANEL) * 4;
            __m256i(*base)[2] = start == 0 ? shift : NULL;
            size_t m = 0;
            for (; m + 2 <= M; m += 2, codes += 2 * lda)
                if (pair)
                    qgemm_tile(dst + m * ldd + n, ldd, codes, lda, panel, quads, base, N - n, count, 2, 2);
                else
                    qgemm_tile(dst + m * ldd + n, ldd, codes, lda, panel, quads, base, N - n, count, 2, 1);
            if (m < M) {
                if (pair)
                    qgemm_tile(dst + m * ldd + n, ldd, codes, lda, panel, quads, base, N - n, count, 1, 2);
                else
                    qgemm_tile(dst + m * ldd + n, ldd, codes, lda, panel, quads, base, N - n, count, 1, 1);
            }
        }
    }
}

/* Bit i = z[i] >= t[i], i < 32. */
AVX2_INLINE uint32_t at_least(const void *z, const void *t, bool wide)
{
    const __m256i *x = z, *y = t;
    __m256i less[4];
    for (size_t v = 0; v < (wide ? 4 : 2); v++)
        less[v] = wide ? _mm256_cmpgt_epi32(_mm256_loadu_si256(y + v), _mm256_loadu_si256(x + v))
                       : _mm256_cmpgt_epi16(_mm256_loadu_si256(y + v), _mm256_loadu_si256(x + v));
    __m256i bytes;
    if (wide) /* packing goes by halves of 128 bits: 0 4 1 5 2 6 3 7 is the order of quads after two of it */
        bytes = _mm256_permutevar8x32_epi32(
            _mm256_packs_epi16(_mm256_packs_epi32(less[0], less[1]), _mm256_packs_epi32(less[2], less[3])),
            _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    else
        bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(less[0], less[1]), 0xd8);
    return ~(uint32_t)_mm256_movemask_epi8(bytes);
}

/* The channels past the last 32 of a position meet a copy of their thresholds, and the values behind them, or a copy at
 * the very end. */
AVX2_INLINE void threshold(uint32_t *bits, const void *z, const void *t, size_t positions, size_t channels, bool wide)
{
    const size_t size = wide ? 4 : 2;
    const char *value = z, *limit = t;
    size_t whole = channels / 32 * 32, rest = channels % 32, left = positions * channels;
    _Alignas(32) char last_limits[32 * 4] = {0}, last_values[32 * 4] = {0};
    memcpy(last_limits, limit + whole * size, rest * size);
    uint64_t held = 0; /* bits of a word that is not full yet */
    size_t count = 0;
    for (size_t p = 0; p < positions; p++, value += channels * size, left -= channels) {
        if (rest == 0) {
            for (size_t c = 0; c < whole; c += 32)
                *bits++ = at_least(value + c * size, limit + c * size, wide);
            continue;
        }
        for (size_t c = 0; c < whole; c += 32) {
            held |= (uint64_t)at_least(value + c * size, limit + c * size, wide) << count;
            *bits++ = (uint32_t)held;
            held >>= 32;
        }
        const char *from = value + whole * size;
        if (left - whole < 32)
            from = memcpy(last_values, from, (left - whole) * size);
        held |= (uint64_t)(at_least(from, last_limits, wide) & ((UINT32_C(1) << rest) - 1)) << count;
        count += rest;
        if (count >= 32) {
            *bits++ = (uint32_t)held;
            held >>= 32;
            count -= 32;
        }
    }
    if (count > 0)
        *bits = (uint32_t)held;
}

AVX2 static SPS_KERN_THRESHOLD16(threshold16)
{
    threshold(bits, z, t, positions, channels, false);
}

AVX2 static SPS_KERN_THRESHOLD32(threshold32)
{
    threshold(bits, z, t, positions, channels, true);
}

AVX2_INLINE int32_t value_at(const void *sums, bool wide, size_t i)
{
    return wide ? ((const int32_t *)sums)[i] : ((const int16_t *)sums)[i];
}

/* The window of rows x columns that begins at src, rows of it `stride` values apart. */
AVX2_INLINE void pool_window(void *dst, const void *src, bool wide, size_t stride, size_t c, size_t rows,
                             size_t columns)
{
    size_t lanes = wide ? 8 : 16;
    for (size_t k = 0; k < c && c >= lanes; k += lanes) {
        size_t at = k + lanes <= c ? k : c - lanes; /* the last vector may overlap the one before */
        __m256i most = _mm256_loadu_si256(sum_at((void *)src, wide, at));
        for (size_t y = 0; y < rows; y++)
            for (size_t x = 0; x < columns; x++) {
                __m256i other = _mm256_loadu_si256(sum_at((void *)src, wide, y * stride + x * c + at));
                most = wide ? _mm256_max_epi32(most, other) : _mm256_max_epi16(most, other);
            }
        _mm256_storeu_si256(sum_at(dst, wide, at), most);
    }
    for (size_t k = 0; k < c && c < lanes; k++) {
        int32_t most = value_at(src, wide, k);
        for (size_t y = 0; y < rows; y++)
            for (size_t x = 0; x < columns; x++) {
                int32_t other = value_at(src, wide, y * stride + x * c + k);
                most = other > most ? other : most;
            }
        if (wide)
            ((int32_t *)dst)[k] = most;
        else
            ((int16_t *)dst)[k] = (int16_t)most;
    }
}

AVX2_INLINE void pool(void *dst, const void *src, bool wide, size_t h, size_t w, size_t c, size_t window, int partial)
{
    size_t out_h = sps_pooled(h, window, partial), out_w = sps_pooled(w, window, partial);
    for (size_t i = 0; i < out_h; i++)
        for (size_t j = 0; j < out_w; j++) {
            void *to = sum_at(dst, wide, (i * out_w + j) * c);
            const void *from = sum_at((void *)src, wide, (i * window * w + j * window) * c);
            size_t rows = sps_pool_extent(h, window, i), columns = sps_pool_extent(w, window, j);
            if (rows == 2 && columns == 2)
                pool_window(to, from, wide, w * c, c, 2, 2);
            else
                pool_window(to, from, wide, w * c, c, rows, columns);
        }
}

AVX2 static SPS_KERN_POOL16(pool16)
{
    pool(dst, src, false, h, w, c, window, partial);
}

AVX2 static SPS_KERN_POOL32(pool32)
{
    pool(dst, src, true, h, w, c, window, partial);
}

/* ---- updates ---- */

AVX2_INLINE void add_64(int8_t *acc, const int8_t *w, bool falls)
{
    for (size_t i = 0; i < 2; i++) {
        __m256i sum = _mm256_loadu_si256((const __m256i *)acc + i), x = _mm256_loadu_si256((const __m256i *)w + i);
        _mm256_storeu_si256((__m256i *)acc + i, falls ? _mm256_sub_epi8(sum, x) : _mm256_add_epi8(sum, x));
    }
}

#define SCATTER_TARGET AVX2
#include "kern/scatter.h"

typedef __m256i gather_vector;
enum { GATHER_WORDS = 8, GATHER_GROUP = 8 };

AVX2_INLINE __m256i gather_load(const uint32_t *from, size_t words)
{
    return words == GATHER_WORDS ? _mm256_loadu_si256((const __m256i *)from)
                                 : _mm256_maskload_epi32((const int *)from, first_lanes(words));
}

AVX2_INLINE void gather_store(uint32_t *to, __m256i x)
{
    _mm256_storeu_si256((__m256i *)to, x);
}

AVX2_INLINE __m256i gather_fill(bool bit)
{
    return _mm256_set1_epi32(-(int)bit);
}

AVX2_INLINE __m256i gather_xor(__m256i x, __m256i y)
{
    return _mm256_xor_si256(x, y);
}

AVX2_INLINE __m256i gather_and(__m256i x, __m256i y)
{
    return _mm256_and_si256(x, y);
}

AVX2_INLINE __m256i gather_not(__m256i x)
{
    return _mm256_xor_si256(x, _mm256_set1_epi32(-1));
}

AVX2_INLINE __m256i gather_add(__m256i *sum, __m256i x, __m256i y)
{
    __m256i either = _mm256_xor_si256(x, y), carry = _mm256_and_si256(x, y);
    carry = _mm256_or_si256(carry, _mm256_and_si256(*sum, either));
    *sum = _mm256_xor_si256(*sum, either);
    return carry;
}

/* Bit i of a plane's word becomes a bit of byte i: the word in all lanes, its bytes 8 times each, of each the bit that
 * is the byte's. */
AVX2_INLINE __m256i spread_32(uint32_t plane[][GATHER_WORDS], size_t word)
{
    const __m256i bytes = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i own = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    __m256i counts = _mm256_setzero_si256();
    for (size_t p = 0; p < SPS_GATHER_PLANES; p++) {
        __m256i x = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)plane[p][word]), bytes);
        x = _mm256_cmpeq_epi8(_mm256_and_si256(x, own), own);
        counts = _mm256_or_si256(counts, _mm256_and_si256(x, _mm256_set1_epi8((char)(1 << p))));
    }
    return counts;
}

AVX2_INLINE void gather_spread(int16_t *sums, uint32_t plane[][GATHER_WORDS], size_t channels, int change)
{
    for (size_t i = 0; 32 * i < channels; i++, sums += 32) {
        __m256i counts = spread_32(plane, i);
        if (channels - 32 * i < 32) {
            uint8_t count[32];
            _mm256_storeu_si256((__m256i *)count, counts);
            for (size_t c = 0; c < channels - 32 * i; c++)
                sums[c] = (int16_t)(sums[c] + 4 * count[c] + change);
            return;
        }
        __m256i *to = (__m256i *)sums;
        __m256i low = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(counts));
        __m256i high = _mm256_cvtepu8_epi16(_mm256_extracti128_si256(counts, 1));
        low = _mm256_add_epi16(_mm256_slli_epi16(low, 2), _mm256_set1_epi16((int16_t)change));
        high = _mm256_add_epi16(_mm256_slli_epi16(high, 2), _mm256_set1_epi16((int16_t)change));
        _mm256_storeu_si256(to, _mm256_add_epi16(_mm256_loadu_si256(to), low));
        _mm256_storeu_si256(to + 1, _mm256_add_epi16(_mm256_loadu_si256(to + 1), high));
    }
}

#define GATHER_INLINE AVX2_INLINE
#define GATHER_TARGET AVX2
#include "kern/gather.h"

/* Eight positions are written whatever 64 bits hold, then the pointer goes on by as many as there are: a branch per bit
 * would be guessed wrong about once per word.  More than eight are rare where few bits differ. */
AVX2 static SPS_KERN_DIFFER(differ)
{
    uint32_t *to = list;
    for (size_t i = 0; i < words; i += 2) {
        uint64_t bits = a[i] ^ b[i];
        if (i + 1 < words)
            bits |= (uint64_t)(a[i + 1] ^ b[i + 1]) << 32;
        uint32_t *end = to + _mm_popcnt_u64(bits);
        do {
            for (size_t j = 0; j < 8; j++) {
                to[j] = (uint32_t)(32 * i + _tzcnt_u64(bits));
                bits = _blsr_u64(bits);
            }
            to += 8;
        } while (to < end);
        to = end;
    }
    return (size_t)(to - list);
}

AVX2 static SPS_KERN_DRAIN(drain)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        for (size_t j = i; j < i + 32; j += 16) {
            __m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(acc + j)));
            __m256i *to = (__m256i *)(sums + j);
            _mm256_storeu_si256(to, _mm256_add_epi16(_mm256_loadu_si256(to), _mm256_add_epi16(x, x)));
        }
        _mm256_storeu_si256((__m256i *)(acc + i), _mm256_setzero_si256());
    }
    for (; i < n; i++) {
        sums[i] = (int16_t)(sums[i] + 2 * acc[i]);
        acc[i] = 0;
    }
}

/* `vectors` vectors of 8 stay in registers while all rows pass; the last one is masked. */
AVX2_INLINE void rowsum_block(float *dst, const float *src, const uint32_t *at, const float *coef, size_t count,
                              size_t vectors, __m256i mask)
{
    __m256 sum[10];
    for (size_t v = 0; v + 1 < vectors; v++)
        sum[v] = _mm256_loadu_ps(dst + 8 * v);
    sum[vectors - 1] = _mm256_maskload_ps(dst + 8 * (vectors - 1), mask);
    for (size_t i = 0; i < count; i++) {
        const float *row = src + at[i];
        __m256 c = _mm256_broadcast_ss(coef + i);
        for (size_t v = 0; v + 1 < vectors; v++)
            sum[v] = _mm256_fmadd_ps(c, _mm256_loadu_ps(row + 8 * v), sum[v]);
        sum[vectors - 1] = _mm256_fmadd_ps(c, _mm256_maskload_ps(row + 8 * (vectors - 1), mask), sum[vectors - 1]);
    }
    for (size_t v = 0; v + 1 < vectors; v++)
        _mm256_storeu_ps(dst + 8 * v, sum[v]);
    _mm256_maskstore_ps(dst + 8 * (vectors - 1), mask, sum[vectors - 1]);
}

AVX2 static SPS_KERN_ROWSUM(rowsum)
{
    for (size_t j = 0; j < len; j += 80) {
        size_t left = len - j < 80 ? len - j : 80;
        size_t vectors = (left + 7) / 8;
        __m256i mask = first_lanes(left - 8 * (vectors - 1));
        switch (vectors) {
#define CASE(n)                                                                                                        \
    case n:                                                                                                            \
        rowsum_block(dst + j, src + j, at, coef, count, n, mask);                                                      \
        break;
            CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10)
#undef CASE
        }
    }
}

AVX2 static SPS_KERN_PACK(pack)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        uint32_t word = 0;
        for (size_t j = 0; j < 4; j++) {
            __m256 at_least = _mm256_cmp_ps(_mm256_loadu_ps(y + i + 8 * j), _mm256_setzero_ps(), _CMP_GE_OQ);
            word |= (uint32_t)_mm256_movemask_ps(at_least) << 8 * j;
        }
        bits[i / 32] = word;
    }
    if (i < n) {
        uint32_t word = 0;
        for (size_t j = 0; i + j < n; j++)
            word |= (uint32_t)(y[i + j] >= 0) << j;
        bits[i / 32] = word;
    }
}

/* Bit 8 j + lane of the word, moved to the top and inverted, is the sign. */
AVX2 static SPS_KERN_UNPACK(unpack)
{
    const __m256i minus_one = _mm256_castps_si256(_mm256_set1_ps(-1.0f));
    const __m256i sign = _mm256_set1_epi32(INT32_MIN);
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int j = 0; j < 4; j++) {
            __m256i shift = _mm256_sub_epi32(_mm256_set1_epi32(31 - 8 * j), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
            __m256i top = _mm256_sllv_epi32(_mm256_set1_epi32((int32_t)bits[i / 32]), shift);
            __m256i flipped = _mm256_xor_si256(minus_one, _mm256_and_si256(top, sign));
            _mm256_storeu_ps(y + i + 8 * j, _mm256_castsi256_ps(flipped));
        }
    for (; i < n; i++)
        y[i] = bits[i / 32] >> i % 32 & 1 ? 1.0f : -1.0f;
}

AVX2 static SPS_KERN_EDE(ede)
{
    sps_ede(dy, g, y, n, t, k);
}

AVX2 static SPS_KERN_POOLBITS(poolbits)
{
    sps_poolbits(dst, src, h, w, c, window, partial);
}

bool sps_kern_fill_avx2(struct sps_kern *kern)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("popcnt"))
        return false;
    fill_pair_table();
    SPS_KERN_FILL_ALL(kern)
    return true;
}
#endif
