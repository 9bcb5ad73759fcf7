/* SPDX-License-Identifier: MIT */
#ifndef SPS_NN_BFLOAT16_H
#define SPS_NN_BFLOAT16_H
/* Numbers as bfloat16, the upper half of a float: what processors with matrix units multiply fastest. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Rounded to nearest, ties to even; a NaN stays one. */
static inline uint16_t sps_bfloat16(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    uint32_t nan = (u & 0x7fffffff) > 0x7f800000;
    /* The carry of the sum rounds up; to infinity where it has to. */
    return (uint16_t)(nan ? u >> 16 | 0x40 : (u + 0x7fff + (u >> 16 & 1)) >> 16);
}

void sps_bfloat16_from_floats(uint16_t *out, const float *x, size_t n);
/* Exact: 1 and -1 of bits, and codes and levels, whose bits fit. */
void sps_bfloat16_from_bits(uint16_t *out, const uint32_t *bits, size_t n);
void sps_bfloat16_from_codes(uint16_t *out, const int8_t *codes, size_t n);
void sps_bfloat16_from_levels(uint16_t *out, const uint8_t *levels, size_t n);
#endif
