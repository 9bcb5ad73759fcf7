/* SPDX-License-Identifier: MIT */
/* Rows of bits to the panel layouts of the products. */
#include <string.h>

#include "core/vector.h"
#include "kern/kern.h"

void sps_bits_to_panels(uint32_t *panels, const uint32_t *rows, size_t N, size_t words)
{
    for (size_t p = 0; p < sps_panels(N); p++)
        for (size_t w = 0; w < words; w++)
            for (size_t lane = 0; lane < SPS_PANEL; lane++) {
                size_t n = p * SPS_PANEL + lane;
                panels[(p * words + w) * SPS_PANEL + lane] = n < N ? rows[n * words + w] : 0;
            }
}

void sps_bits_to_quads(int8_t *panels, int32_t *wsum, const uint32_t *rows, size_t N, size_t words, size_t bits)
{
    size_t quads = (bits + 3) / 4;
    memset(panels, 0, sps_panels(N) * quads * SPS_PANEL * 4);
    for (size_t n = 0; n < N; n++) {
        wsum[n] = 0;
        for (size_t i = 0; i < bits; i++) {
            int sign = rows[n * words + i / 32] >> i % 32 & 1 ? 1 : -1;
            panels[((n / SPS_PANEL * quads + i / 4) * SPS_PANEL + n % SPS_PANEL) * 4 + i % 4] = (int8_t)sign;
            wsum[n] += sign;
        }
    }
}

SPS_VECTOR void sps_qgemm_unsigned(int32_t *dst, size_t ldd, const int32_t *wsum, size_t M, size_t N)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++)
            dst[m * ldd + n] += 128 * wsum[n];
}
