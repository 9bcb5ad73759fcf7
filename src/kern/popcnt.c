/* SPDX-License-Identifier: MIT */
/* The POPCNT instruction of x86 (2008): 64 bits a time.  Panels hold channels side by side word by word, so a stretch
 * of a panel is first turned into rows of 64-bit words, on the stack, and then met by all rows of a. */
#include "kern/list.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "kern/surrogate.h"

#define POPCNT __attribute__((target("popcnt")))

enum { STRETCH = 64 }; /* words of 32 bits */

/* channels[lane][i] = words 2i and 2i + 1 of the stretch; an odd last word stands alone. */
static void panel_to_rows(uint64_t channels[SPS_PANEL][STRETCH / 2], const uint32_t *panel, size_t words)
{
    for (size_t lane = 0; lane < SPS_PANEL; lane++)
        for (size_t i = 0; i < (words + 1) / 2; i++) {
            uint64_t high = 2 * i + 1 < words ? panel[(2 * i + 1) * SPS_PANEL + lane] : 0;
            channels[lane][i] = panel[2 * i * SPS_PANEL + lane] | high << 32;
        }
}

POPCNT static int64_t differ(const uint32_t *row, const uint64_t *channel, size_t words)
{
    int64_t sum = 0;
    for (size_t i = 0; i < words / 2; i++) {
        uint64_t x;
        memcpy(&x, row + 2 * i, sizeof x);
        sum += _mm_popcnt_u64(x ^ channel[i]);
    }
    if (words % 2 != 0)
        sum += _mm_popcnt_u64(row[words - 1] ^ channel[words / 2]);
    return sum;
}

/* Sums have 16 bits, modulo 2^16, or 32: `wide` is a constant where this is inlined. */
POPCNT SPS_KERN_INLINE void product(void *dst, bool wide, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *w,
                                    size_t M, size_t N, size_t words, int32_t bits)
{
    uint64_t channels[SPS_PANEL][STRETCH / 2];
    for (size_t n = 0; n < N; n += SPS_PANEL) {
        const uint32_t *panel = w + n * words;
        size_t lanes = N - n < SPS_PANEL ? N - n : SPS_PANEL;
        for (size_t start = 0; start == 0 || start < words; start += STRETCH) {
            size_t part = words - start < STRETCH ? words - start : STRETCH;
            panel_to_rows(channels, panel + start * SPS_PANEL, part);
            for (size_t m = 0; m < M; m++)
                for (size_t lane = 0; lane < lanes; lane++) {
                    size_t at = m * ldd + n + lane;
                    int32_t change = (int32_t)(2 * differ(a + m * lda + start, channels[lane], part));
                    if (wide)
                        ((int32_t *)dst)[at] = (start == 0 ? bits : ((int32_t *)dst)[at]) - change;
                    else
                        ((int16_t *)dst)[at] = (int16_t)((start == 0 ? bits : ((int16_t *)dst)[at]) - change);
                }
        }
    }
}

POPCNT static SPS_KERN_BGEMM(bgemm)
{
    product(dst, true, ldd, a, lda, w, M, N, words, bits);
}

POPCNT static SPS_KERN_BGEMM16(bgemm16)
{
    product(dst, false, ldd, a, lda, w, M, N, words, bits);
}

bool sps_kern_fill_popcnt(struct sps_kern *kern)
{
    if (!__builtin_cpu_supports("popcnt"))
        return false;
    kern->bgemm = bgemm;
    kern->bgemm16 = bgemm16;
    return true;
}
#endif
