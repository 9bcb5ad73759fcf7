/* SPDX-License-Identifier: MIT */
#include "nn/bfloat16.h"

#include <string.h>

#include "core/vector.h"

SPS_VECTOR void sps_bfloat16_from_floats(uint16_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = sps_bfloat16(x[i]);
}

enum { ONE = 0x3f80, SIGN = 0x8000 };

SPS_VECTOR void sps_bfloat16_from_bits(uint16_t *restrict out, const uint32_t *restrict bits, size_t n)
{
    size_t whole = n / 32;
    for (size_t w = 0; w < whole; w++)
        for (uint32_t i = 0; i < 32; i++)
            out[32 * w + i] = (uint16_t)(ONE | (~(bits[w] >> i) & 1) * SIGN);
    for (size_t i = 32 * whole; i < n; i++)
        out[i] = (uint16_t)(ONE | (~(bits[i / 32] >> i % 32) & 1) * SIGN);
}

#define FROM_INTEGERS(name, type)                                                                                      \
    SPS_VECTOR void name(uint16_t *restrict out, const type *restrict x, size_t n)                                     \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            float number = x[i];                                                                                       \
            uint32_t u;                                                                                                \
            memcpy(&u, &number, sizeof u);                                                                             \
            out[i] = (uint16_t)(u >> 16);                                                                              \
        }                                                                                                              \
    }
FROM_INTEGERS(sps_bfloat16_from_codes, int8_t)
FROM_INTEGERS(sps_bfloat16_from_levels, uint8_t)
