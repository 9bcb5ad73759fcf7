/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_VECTOR_H
#define SPS_CORE_VECTOR_H
/* SPS_VECTOR in front of a function with plain loops: the compiler makes it for several vector widths too, and the
 * right one is taken when the program starts.  The numbers do not change: contraction is off, and sums keep the order
 * that the source states. For loops that are too plain for src/kern, but too long for 128-bit vectors.  (Sanitizers do
 * not bear the resolvers, which run before them; other compilers and CPU families do without.) */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&               \
    !defined(__SANITIZE_THREAD__)
#define SPS_VECTOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SPS_VECTOR
#endif
#endif
