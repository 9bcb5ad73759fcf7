/* SPDX-License-Identifier: MIT */
/* AVX-512 with VPOPCNTDQ, VNNI and VBMI2 (x86 since 2019): one vector is one panel, and there are instructions that
 * count bits per channel, that multiply and add a pair per channel, and that pick out bytes. */
#include "kern/list.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "kern/surrogate.h"

#define AVX512                                                                                                         \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq,"                             \
                          "avx512vbmi2")))
#define AVX512_INLINE SPS_KERN_INLINE AVX512

enum { ROWS = 8, PANELS = 2 }; /* one tile of sums: 16 of the 32 registers */

/* Which channels of panel p are there. */
AVX512_INLINE __mmask16 lanes(size_t channels, size_t p)
{
    size_t left = channels - p * SPS_PANEL;
    return left >= SPS_PANEL ? 0xffff : (__mmask16)((1u << left) - 1);
}

/* Sums have 16 bits or 32: `wide` is a constant where these are inlined. */
AVX512_INLINE void *sum_at(void *sums, bool wide, size_t i)
{
    return wide ? (void *)((int32_t *)sums + i) : (void *)((int16_t *)sums + i);
}

AVX512_INLINE void bgemm_tile(void *dst, bool wide, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *w,
                              size_t channels, size_t words, int32_t bits, size_t rows, size_t panels)
{
    __m512i differ[ROWS][PANELS];
    for (size_t r = 0; r < rows; r++)
        for (size_t p = 0; p < panels; p++)
            differ[r][p] = _mm512_setzero_si512();
    for (size_t i = 0; i < words; i++) {
        __m512i channel[PANELS];
        for (size_t p = 0; p < panels; p++)
            channel[p] = _mm512_loadu_si512(w + (p * words + i) * SPS_PANEL);
        for (size_t r = 0; r < rows; r++) {
            __m512i word = _mm512_set1_epi32((int32_t)a[r * lda + i]);
            for (size_t p = 0; p < panels; p++)
                differ[r][p] = _mm512_add_epi32(differ[r][p], _mm512_popcnt_epi32(_mm512_xor_si512(word, channel[p])));
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t p = 0; p < panels; p++) {
            __m512i sum = _mm512_sub_epi32(_mm512_set1_epi32(bits), _mm512_add_epi32(differ[r][p], differ[r][p]));
            void *to = sum_at(dst, wide, r * ldd + p * SPS_PANEL);
            if (wide)
                _mm512_mask_storeu_epi32(to, lanes(channels, p), sum);
            else
                _mm256_mask_storeu_epi16(to, lanes(channels, p), _mm512_cvtepi32_epi16(sum));
        }
}

AVX512_INLINE void binary_product(void *dst, bool wide, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *w,
                                  size_t M, size_t N, size_t words, int32_t bits)
{
    for (size_t n = 0; n < N; n += PANELS * SPS_PANEL) {
        const uint32_t *panel = w + n * words;
        bool pair = N - n > SPS_PANEL;
        size_t m = 0;
        for (; m + ROWS <= M; m += ROWS) {
            void *to = sum_at(dst, wide, m * ldd + n);
            if (pair)
                bgemm_tile(to, wide, ldd, a + m * lda, lda, panel, N - n, words, bits, ROWS, 2);
            else
                bgemm_tile(to, wide, ldd, a + m * lda, lda, panel, N - n, words, bits, ROWS, 1);
        }
        for (; m < M; m++) {
            void *to = sum_at(dst, wide, m * ldd + n);
            if (pair)
                bgemm_tile(to, wide, ldd, a + m * lda, lda, panel, N - n, words, bits, 1, 2);
            else
                bgemm_tile(to, wide, ldd, a + m * lda, lda, panel, N - n, words, bits, 1, 1);
        }
    }
}

AVX512 static SPS_KERN_BGEMM(bgemm)
{
    binary_product(dst, true, ldd, a, lda, w, M, N, words, bits);
}

AVX512 static SPS_KERN_BGEMM16(bgemm16)
{
    binary_product(dst, false, ldd, a, lda, w, M, N, words, bits);
}

/* 8-bit codes.  VPDPBUSD multiplies unsigned by signed: codes come as code + 128, and 128 wsum comes off. */
AVX512_INLINE __m512i without_shift(const int32_t *wsum, __mmask16 there)
{
    return _mm512_slli_epi32(_mm512_sub_epi32(_mm512_setzero_si512(), _mm512_maskz_loadu_epi32(there, wsum)), 7);
}

AVX512_INLINE __m512i add_quad(__m512i sum, const uint8_t *codes, __m512i channels)
{
    int32_t quad;
    memcpy(&quad, codes, sizeof quad);
    sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi32(quad), channels);
    __asm__("" : "+v"(sum)); /* in the same register: gcc 12 copies all sums there and back */
    return sum;
}

AVX512_INLINE void qgemm_tile(int32_t *dst, size_t ldd, const uint8_t *a, size_t lda, const int8_t *w,
                              const int32_t *wsum, size_t channels, size_t quads, size_t panels)
{
    __m512i sum[ROWS][PANELS];
    for (size_t p = 0; p < panels; p++)
        for (size_t r = 0; r < ROWS; r++)
            sum[r][p] = without_shift(wsum + p * SPS_PANEL, lanes(channels, p));
    for (size_t i = 0; i < quads; i++) {
        __m512i channel[PANELS];
        for (size_t p = 0; p < panels; p++)
            channel[p] = _mm512_loadu_si512(w + (p * quads + i) * SPS_PANEL * 4);
        for (size_t r = 0; r < ROWS; r++)
            for (size_t p = 0; p < panels; p++)
                sum[r][p] = add_quad(sum[r][p], a + r * lda + 4 * i, channel[p]);
    }
    for (size_t r = 0; r < ROWS; r++)
        for (size_t p = 0; p < panels; p++)
            _mm512_mask_storeu_epi32(dst + r * ldd + p * SPS_PANEL, lanes(channels, p), sum[r][p]);
}

/* One row and one panel, which is read from end to end; four sums hide the latency. */
AVX512_INLINE void qgemm_row(int32_t *dst, const uint8_t *a, const int8_t *w, const int32_t *wsum, __mmask16 there,
                             size_t quads)
{
    __m512i sum[4] = {without_shift(wsum, there), _mm512_setzero_si512(), _mm512_setzero_si512(),
                      _mm512_setzero_si512()};
    size_t i = 0;
    for (; i + 4 <= quads; i += 4)
        for (size_t j = 0; j < 4; j++)
            sum[j] = add_quad(sum[j], a + 4 * (i + j), _mm512_loadu_si512(w + (i + j) * SPS_PANEL * 4));
    for (; i < quads; i++)
        sum[0] = add_quad(sum[0], a + 4 * i, _mm512_loadu_si512(w + i * SPS_PANEL * 4));
    sum[0] = _mm512_add_epi32(_mm512_add_epi32(sum[0], sum[1]), _mm512_add_epi32(sum[2], sum[3]));
    _mm512_mask_storeu_epi32(dst, there, sum[0]);
}

AVX512 static SPS_KERN_QGEMM(qgemm)
{
    size_t m = 0;
    for (; m + ROWS <= M; m += ROWS)
        for (size_t n = 0; n < N; n += PANELS * SPS_PANEL) {
            int32_t *to = dst + m * ldd + n;
            const int8_t *panel = w + n * quads * 4;
            if (N - n > SPS_PANEL)
                qgemm_tile(to, ldd, a + m * lda, lda, panel, wsum + n, N - n, quads, 2);
            else
                qgemm_tile(to, ldd, a + m * lda, lda, panel, wsum + n, N - n, quads, 1);
        }
    for (; m < M; m++)
        for (size_t n = 0; n < N; n += SPS_PANEL)
            qgemm_row(dst + m * ldd + n, a + m * lda, w + n * quads * 4, wsum + n, lanes(N - n, 0), quads);
}

/* Bit i = z[i] >= t[i] for the first `count` values, at most 32; the others are 0. */
AVX512_INLINE uint32_t at_least(const void *z, const void *t, size_t count, bool wide)
{
    __mmask32 there = count >= 32 ? 0xffffffffu : (1u << count) - 1;
    if (!wide)
        return _mm512_mask_cmp_epi16_mask(there, _mm512_maskz_loadu_epi16(there, z), _mm512_maskz_loadu_epi16(there, t),
                                          _MM_CMPINT_NLT);
    uint32_t word = 0;
    for (size_t j = 0; 16 * j < count; j++) {
        __mmask16 half = (__mmask16)(there >> 16 * j);
        __m512i x = _mm512_maskz_loadu_epi32(half, (const int32_t *)z + 16 * j);
        __m512i y = _mm512_maskz_loadu_epi32(half, (const int32_t *)t + 16 * j);
        word |= (uint32_t)_mm512_mask_cmp_epi32_mask(half, x, y, _MM_CMPINT_NLT) << 16 * j;
    }
    return word;
}

AVX512_INLINE void threshold(uint32_t *bits, const void *z, const void *t, size_t positions, size_t channels, bool wide)
{
    const size_t size = wide ? 4 : 2;
    const char *value = z, *limit = t;
    uint64_t held = 0; /* bits of a word that is not full yet */
    size_t count = 0;
    for (size_t p = 0; p < positions; p++)
        for (size_t c = 0; c < channels; c += 32) {
            size_t part = channels - c < 32 ? channels - c : 32;
            held |= (uint64_t)at_least(value, limit + c * size, part, wide) << count;
            value += part * size;
            count += part;
            if (count >= 32) {
                *bits++ = (uint32_t)held;
                held >>= 32;
                count -= 32;
            }
        }
    if (count > 0)
        *bits = (uint32_t)held;
}

/* Where positions do not share words. */
AVX512_INLINE void threshold_words(uint32_t *bits, const void *z, const void *t, size_t positions, size_t channels,
                                   bool wide)
{
    const size_t size = wide ? 4 : 2;
    const char *value = z, *limit = t;
    for (size_t p = 0; p < positions; p++, value += channels * size)
        for (size_t c = 0; c < channels; c += 32)
            *bits++ = at_least(value + c * size, limit + c * size, 32, wide);
}

AVX512 static SPS_KERN_THRESHOLD16(threshold16)
{
    if (channels % 32 == 0)
        threshold_words(bits, z, t, positions, channels, false);
    else
        threshold(bits, z, t, positions, channels, false);
}

AVX512 static SPS_KERN_THRESHOLD32(threshold32)
{
    if (channels % 32 == 0)
        threshold_words(bits, z, t, positions, channels, true);
    else
        threshold(bits, z, t, positions, channels, true);
}

AVX512_INLINE __m512i load_sums(const void *sums, size_t i, __mmask32 there, bool wide)
{
    return wide ? _mm512_maskz_loadu_epi32((__mmask16)there, (const int32_t *)sums + i)
                : _mm512_maskz_loadu_epi16(there, (const int16_t *)sums + i);
}

/* The window of rows x columns that begins at src, rows of it `stride` values apart. */
AVX512_INLINE void pool_window(void *dst, const void *src, bool wide, size_t stride, size_t c, size_t rows,
                               size_t columns)
{
    const size_t width = wide ? 16 : 32;
    for (size_t k = 0; k < c; k += width) {
        __mmask32 there = c - k >= width ? 0xffffffffu : (1u << (c - k)) - 1;
        __m512i most = load_sums(src, k, there, wide);
        for (size_t y = 0; y < rows; y++)
            for (size_t x = 0; x < columns; x++) {
                __m512i other = load_sums(src, y * stride + x * c + k, there, wide);
                most = wide ? _mm512_max_epi32(most, other) : _mm512_max_epi16(most, other);
            }
        if (wide)
            _mm512_mask_storeu_epi32(sum_at(dst, wide, k), (__mmask16)there, most);
        else
            _mm512_mask_storeu_epi16(sum_at(dst, wide, k), there, most);
    }
}

AVX512_INLINE void pool(void *dst, const void *src, bool wide, size_t h, size_t w, size_t c, size_t window, int partial)
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

AVX512 static SPS_KERN_POOL16(pool16)
{
    pool(dst, src, false, h, w, c, window, partial);
}

AVX512 static SPS_KERN_POOL32(pool32)
{
    pool(dst, src, true, h, w, c, window, partial);
}

/* ---- updates ---- */

AVX512_INLINE void add_64(int8_t *acc, const int8_t *w, bool falls)
{
    __m512i sum = _mm512_loadu_si512(acc), x = _mm512_loadu_si512(w);
    _mm512_storeu_si512(acc, falls ? _mm512_sub_epi8(sum, x) : _mm512_add_epi8(sum, x));
}

#define SCATTER_TARGET AVX512
#include "kern/scatter.h"

typedef __m512i gather_vector;
enum { GATHER_WORDS = 16, GATHER_GROUP = 16 };

AVX512_INLINE __m512i gather_load(const uint32_t *from, size_t words)
{
    return words == GATHER_WORDS ? _mm512_loadu_si512(from)
                                 : _mm512_maskz_loadu_epi32((__mmask16)((1u << words) - 1), from);
}

AVX512_INLINE void gather_store(uint32_t *to, __m512i x)
{
    _mm512_storeu_si512(to, x);
}

AVX512_INLINE __m512i gather_fill(bool bit)
{
    return _mm512_set1_epi32(-(int)bit);
}

AVX512_INLINE __m512i gather_xor(__m512i x, __m512i y)
{
    return _mm512_xor_si512(x, y);
}

AVX512_INLINE __m512i gather_and(__m512i x, __m512i y)
{
    return _mm512_and_si512(x, y);
}

AVX512_INLINE __m512i gather_not(__m512i x)
{
    return _mm512_ternarylogic_epi32(x, x, x, 0x55);
}

AVX512_INLINE __m512i gather_add(__m512i *sum, __m512i x, __m512i y)
{
    __m512i carry = _mm512_ternarylogic_epi32(*sum, x, y, 0xe8);
    *sum = _mm512_ternarylogic_epi32(*sum, x, y, 0x96);
    return carry;
}

AVX512_INLINE void change_32(int16_t *sums, __m256i counts, int change, __mmask32 there)
{
    __m512i more = _mm512_slli_epi16(_mm512_cvtepu8_epi16(counts), 2);
    more = _mm512_add_epi16(more, _mm512_set1_epi16((int16_t)change));
    if (there == UINT32_MAX)
        _mm512_storeu_si512(sums, _mm512_add_epi16(_mm512_loadu_si512(sums), more));
    else
        _mm512_mask_storeu_epi16(sums, there, _mm512_add_epi16(_mm512_maskz_loadu_epi16(there, sums), more));
}

/* 64 channels at a time: their words of a plane are a mask of bytes to which its weight is added. */
AVX512_INLINE void gather_spread(int16_t *sums, uint32_t plane[][GATHER_WORDS], size_t channels, int change)
{
    for (size_t c = 0; c < channels; c += 64) {
        size_t left = channels - c;
        __mmask64 there = left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
        __m512i counts = _mm512_setzero_si512();
        for (size_t p = 0; p < SPS_GATHER_PLANES; p++) {
            __mmask64 ones;
            memcpy(&ones, &plane[p][c / 32], sizeof ones);
            counts = _mm512_mask_add_epi8(counts, ones, counts, _mm512_set1_epi8((char)(1 << p)));
        }
        change_32(sums + c, _mm512_castsi512_si256(counts), change, (__mmask32)there);
        if (left > 32)
            change_32(sums + c + 32, _mm512_extracti64x4_epi64(counts, 1), change, (__mmask32)(there >> 32));
    }
}

#define GATHER_INLINE AVX512_INLINE
#define GATHER_TARGET AVX512
#include "kern/gather.h"

/* 64 bits pick out the numbers of those that are set, as bytes.  Sixteen are widened and written in any case; more are
 * rare where few bits differ. */
AVX512 static SPS_KERN_DIFFER(differ)
{
    static const _Alignas(64)
        uint8_t numbers[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                               22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
                               44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i all = _mm512_load_si512(numbers);
    uint32_t *to = list;
    for (size_t i = 0; i < words; i += 2) {
        uint64_t bits;
        if (i + 1 < words) {
            uint64_t other;
            memcpy(&bits, a + i, sizeof bits);
            memcpy(&other, b + i, sizeof other);
            bits ^= other;
        } else
            bits = a[i] ^ b[i];
        size_t count = (size_t)_mm_popcnt_u64(bits);
        __m512i set = _mm512_maskz_compress_epi8(bits, all), base = _mm512_set1_epi32((int32_t)(32 * i));
        _mm512_storeu_si512(to, _mm512_add_epi32(base, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(set))));
        if (count > 16) {
            uint8_t rest[64];
            _mm512_storeu_si512(rest, set);
            for (size_t j = 16; j < count; j++)
                to[j] = (uint32_t)(32 * i) + rest[j];
        }
        to += count;
    }
    return (size_t)(to - list);
}

AVX512_INLINE __m512i drained(__m512i sums, __m256i acc)
{
    __m512i x = _mm512_cvtepi8_epi16(acc);
    return _mm512_add_epi16(sums, _mm512_add_epi16(x, x));
}

AVX512 static SPS_KERN_DRAIN(drain)
{
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        for (size_t j = i; j < i + 64; j += 32)
            _mm512_storeu_si512(sums + j,
                                drained(_mm512_loadu_si512(sums + j), _mm256_loadu_si256((const __m256i *)(acc + j))));
        _mm512_storeu_si512(acc + i, _mm512_setzero_si512());
    }
    for (; i < n; i += 32) {
        __mmask32 there = n - i >= 32 ? 0xffffffffu : (1u << (n - i)) - 1;
        __m512i sum = drained(_mm512_maskz_loadu_epi16(there, sums + i), _mm256_maskz_loadu_epi8(there, acc + i));
        _mm512_mask_storeu_epi16(sums + i, there, sum);
        _mm256_mask_storeu_epi8(acc + i, there, _mm256_setzero_si256());
    }
}

/* `vectors` vectors of 16 stay in registers while all rows pass; the last one is masked. */
AVX512_INLINE void rowsum_block(float *dst, const float *src, const uint32_t *at, const float *coef, size_t count,
                                size_t vectors, __mmask16 mask)
{
    __m512 sum[10];
    for (size_t v = 0; v < vectors; v++)
        sum[v] = _mm512_maskz_loadu_ps(v + 1 < vectors ? 0xffff : mask, dst + 16 * v);
    for (size_t i = 0; i < count; i++) {
        const float *row = src + at[i];
        __asm__("" : "+r"(row)); /* one address with constant offsets: gcc 12 computes ten */
        __m512 c = _mm512_set1_ps(coef[i]);
        for (size_t v = 0; v < vectors; v++)
            sum[v] = _mm512_fmadd_ps(c, _mm512_maskz_loadu_ps(v + 1 < vectors ? 0xffff : mask, row + 16 * v), sum[v]);
    }
    for (size_t v = 0; v < vectors; v++)
        _mm512_mask_storeu_ps(dst + 16 * v, v + 1 < vectors ? 0xffff : mask, sum[v]);
}

AVX512 static SPS_KERN_ROWSUM(rowsum)
{
    for (size_t j = 0; j < len; j += 160) {
        size_t left = len - j < 160 ? len - j : 160;
        size_t vectors = (left + 15) / 16;
        __mmask16 mask = (__mmask16)((1u << (left - 16 * (vectors - 1))) - 1);
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

AVX512 static SPS_KERN_PACK(pack)
{
    for (size_t i = 0; i < n; i += 32) {
        size_t left = n - i;
        __mmask32 there = left >= 32 ? 0xffffffffu : (1u << left) - 1;
        uint32_t word = 0;
        for (size_t j = 0; j < 2; j++) {
            __mmask16 half = (__mmask16)(there >> 16 * j);
            __m512 x = _mm512_maskz_loadu_ps(half, y + i + 16 * j);
            word |= (uint32_t)_mm512_mask_cmp_ps_mask(half, x, _mm512_setzero_ps(), _CMP_GE_OQ) << 16 * j;
        }
        bits[i / 32] = word;
    }
}

AVX512 static SPS_KERN_UNPACK(unpack)
{
    for (size_t i = 0; i < n; i += 16) {
        size_t left = n - i;
        __mmask16 there = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
        __mmask16 ones = (__mmask16)(bits[i / 32] >> i % 32);
        _mm512_mask_storeu_ps(y + i, there, _mm512_mask_blend_ps(ones, _mm512_set1_ps(-1.0f), _mm512_set1_ps(1.0f)));
    }
}

AVX512 static SPS_KERN_EDE(ede)
{
    sps_ede(dy, g, y, n, t, k);
}

bool sps_kern_fill_avx512(struct sps_kern *kern)
{
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512vnni") ||
        !__builtin_cpu_supports("avx512vpopcntdq") || !__builtin_cpu_supports("avx512vbmi2"))
        return false;
    kern->bgemm = bgemm;
    kern->rowsum = rowsum;
    kern->pack = pack;
    kern->unpack = unpack;
    kern->ede = ede;
    kern->bgemm16 = bgemm16;
    kern->qgemm = qgemm;
    kern->threshold16 = threshold16;
    kern->threshold32 = threshold32;
    kern->pool16 = pool16;
    kern->pool32 = pool32;
    kern->scatter = scatter;
    kern->gather = gather;
    kern->differ = differ;
    kern->drain = drain;
    return true;
}
#endif
