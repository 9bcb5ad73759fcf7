/* SPDX-License-Identifier: MIT */
/* Rows of bits to the panel layout of the binary product. */
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
