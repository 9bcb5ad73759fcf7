/* SPDX-License-Identifier: MIT */
#ifndef SPS_KERN_SURROGATE_H
#define SPS_KERN_SURROGATE_H
/* The derivative of tanh as plain float arithmetic.  Only +, -, *, / and operations on bits, no branch and no call of
 * libm: every tier compiles the same source (with -ffp-contract=off), vectorised or not, and gets the same bits.
 *
 * tanh'(u) = sech(u)^2 = 4 e / (1 + e)^2 with e = exp(-2 |u|).  The error is below 1e-6 absolute. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SPS_KERN_INLINE static inline __attribute__((always_inline))

SPS_KERN_INLINE uint32_t sps_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

SPS_KERN_INLINE float sps_bits_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* exp(-2 x), 0 <= x <= 20, as 2^n 2^f, n whole, |f| <= 1/2.  The polynomial meets 2^f at f = 0 (so that tanh'(0) is 1)
 * and interpolates (2^f - 1) / f at the Chebyshev nodes: relative error 2.1e-7.  NaN stays NaN. */
SPS_KERN_INLINE float sps_exp_minus_twice(float x)
{
    const float round = 12582912.0f; /* 1.5 * 2^23: added, it leaves the nearest whole number in the low bits */
    float z = x * -2.88539008f;
    float shifted = z + round;
    float f = z - (shifted - round);
    float p = 0.00133813021f;
    p = p * f + 0.00966636837f;
    p = p * f + 0.0555038117f;
    p = p * f + 0.240223497f;
    p = p * f + 0.693147182f;
    p = p * f + 1.0f;
    return p * sps_bits_float((sps_float_bits(shifted) << 23) + 0x3f800000u);
}

SPS_KERN_INLINE float sps_tanh_slope(float u)
{
    float x = sps_bits_float(sps_float_bits(u) & 0x7fffffffu);
    x = x > 20.0f ? 20.0f : x; /* the slope is 2e-17 there; further out exp would leave the normal numbers */
    float e = sps_exp_minus_twice(x);
    return 4.0f * e / ((1.0f + e) * (1.0f + e));
}

/* The body of the kernel `ede`; dy may be g or y. */
SPS_KERN_INLINE void sps_ede(float *dy, const float *g, const float *y, size_t n, float t, float k)
{
    float kt = k * t;
    for (size_t i = 0; i < n; i++)
        dy[i] = g[i] * kt * sps_tanh_slope(t * y[i]);
}
#endif
