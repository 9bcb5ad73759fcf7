/* SPDX-License-Identifier: MIT */
/* AVX-512 with VPOPCNTDQ and VNNI (x86 since 2019): one vector is one panel, and there is an instruction that counts
 * bits per channel and one that multiplies and adds a pair per channel. */
#include "kern/list.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "kern/surrogate.h"

#define AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq")))
#define AVX512_INLINE SPS_KERN_INLINE AVX512

enum { ROWS = 8, PANELS = 2 }; /* one tile of sums: 16 of the 32 registers */

/* Which channels of panel p are there. */
AVX512_INLINE __mmask16 lanes(size_t channels, size_t p)
{
    size_t left = channels - p * SPS_PANEL;
    return left >= SPS_PANEL ? 0xffff : (__mmask16)((1u << left) - 1);
}

AVX512_INLINE void bgemm_tile(int32_t *dst, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *w,
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
        for (size_t p = 0; p < panels; p++)
            _mm512_mask_storeu_epi32(
                dst + r * ldd + p * SPS_PANEL, lanes(channels, p),
                _mm512_sub_epi32(_mm512_set1_epi32(bits), _mm512_add_epi32(differ[r][p], differ[r][p])));
}

AVX512 static SPS_KERN_BGEMM(bgemm)
{
    for (size_t n = 0; n < N; n += PANELS * SPS_PANEL) {
        const uint32_t *panel = w + n * words;
        bool pair = N - n > SPS_PANEL;
        size_t m = 0;
        for (; m + ROWS <= M; m += ROWS)
            if (pair)
                bgemm_tile(dst + m * ldd + n, ldd, a + m * lda, lda, panel, N - n, words, bits, ROWS, 2);
            else
                bgemm_tile(dst + m * ldd + n, ldd, a + m * lda, lda, panel, N - n, words, bits, ROWS, 1);
        for (; m < M; m++)
            if (pair)
                bgemm_tile(dst + m * ldd + n, ldd, a + m * lda, lda, panel, N - n, words, bits, 1, 2);
            else
                bgemm_tile(dst + m * ldd + n, ldd, a + m * lda, lda, panel, N - n, words, bits, 1, 1);
    }
}

AVX512_INLINE void cgemm_tile(int32_t *dst, size_t ldd, const int16_t *a, size_t lda, const int16_t *w, size_t channels,
                              size_t pairs, size_t rows, size_t panels)
{
    __m512i sum[ROWS][PANELS];
    for (size_t r = 0; r < rows; r++)
        for (size_t p = 0; p < panels; p++)
            sum[r][p] = _mm512_setzero_si512();
    for (size_t i = 0; i < pairs; i++) {
        __m512i channel[PANELS];
        for (size_t p = 0; p < panels; p++)
            channel[p] = _mm512_loadu_si512(w + (p * pairs + i) * SPS_PANEL * 2);
        for (size_t r = 0; r < rows; r++) {
            int32_t pair;
            memcpy(&pair, a + r * lda + 2 * i, sizeof pair);
            for (size_t p = 0; p < panels; p++)
                sum[r][p] = _mm512_dpwssd_epi32(sum[r][p], _mm512_set1_epi32(pair), channel[p]);
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t p = 0; p < panels; p++)
            _mm512_mask_storeu_epi32(dst + r * ldd + p * SPS_PANEL, lanes(channels, p), sum[r][p]);
}

AVX512 static SPS_KERN_CGEMM(cgemm)
{
    for (size_t n = 0; n < N; n += PANELS * SPS_PANEL) {
        const int16_t *panel = w + n * pairs * 2;
        bool pair = N - n > SPS_PANEL;
        size_t m = 0;
        for (; m + ROWS <= M; m += ROWS)
            if (pair)
                cgemm_tile(dst + m * ldd + n, ldd, a + m * lda, lda, panel, N - n, pairs, ROWS, 2);
            else
                cgemm_tile(dst + m * ldd + n, ldd, a + m * lda, lda, panel, N - n, pairs, ROWS, 1);
        for (; m < M; m++)
            if (pair)
                cgemm_tile(dst + m * ldd + n, ldd, a + m * lda, lda, panel, N - n, pairs, 1, 2);
            else
                cgemm_tile(dst + m * ldd + n, ldd, a + m * lda, lda, panel, N - n, pairs, 1, 1);
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
        !__builtin_cpu_supports("avx512vpopcntdq"))
        return false;
    kern->bgemm = bgemm;
    kern->cgemm = cgemm;
    kern->rowsum = rowsum;
    kern->pack = pack;
    kern->unpack = unpack;
    kern->ede = ede;
    return true;
}
#endif
