/* SPDX-License-Identifier: MIT */
#ifndef SPS_NN_BFLOAT16_H
#define SPS_NN_BFLOAT16_H
/* Numbers as bfloat16, the upper half of a float: what processors with matrix units multiply fastest. */
#include <stddef.h>
#include <stdint.h>

/* Rounded to nearest, ties to even; a NaN stays one. */
void sps_bfloat16_from_floats(uint16_t *out, const float *x, size_t n);
/* Exact: 1 and -1 of bits, and codes and levels, whose bits fit. */
void sps_bfloat16_from_bits(uint16_t *out, const uint32_t *bits, size_t n);
void sps_bfloat16_from_codes(uint16_t *out, const int8_t *codes, size_t n);
void sps_bfloat16_from_levels(uint16_t *out, const uint8_t *levels, size_t n);
#endif
