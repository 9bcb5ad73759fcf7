/* SPDX-License-Identifier: MIT */
#ifndef SPS_KERN_LIST_H
#define SPS_KERN_LIST_H
/* The tiers of kernels compiled in, slowest first.  To add one: src/kern/<tier>.c with sps_kern_fill_<tier>(), and a
 * word here.  A tier overwrites the kernels that it does better; the others it inherits from the tiers before it. */
#include <stdbool.h>

#include "kern/kern.h"

#if defined(__x86_64__)
#define SPS_KERN_TIERS(X) X(ref) X(popcnt) X(avx2) X(avx512)
#elif defined(__aarch64__)
#define SPS_KERN_TIERS(X) X(ref) X(neon)
#else
#define SPS_KERN_TIERS(X) X(ref)
#endif

/* Writes the tier's kernels into *kern; false, and nothing written, where the CPU or its operating system lacks it. */
#define SPS_KERN_DECLARE_FILL(tier) bool sps_kern_fill_##tier(struct sps_kern *kern);
SPS_KERN_TIERS(SPS_KERN_DECLARE_FILL)
#undef SPS_KERN_DECLARE_FILL

/* For a tier that has them all, as static functions of the kernels' names. */
#define SPS_KERN_FILL(field, MACRO) kern->field = field;
#define SPS_KERN_FILL_ALL(kern) SPS_KERN_LIST(SPS_KERN_FILL)

enum { SPS_GATHER_PLANES = 8 }; /* gather (kern/gather.h) counts in bytes, a bit of which is a plane */
#endif
