/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_CPU_H
#define SPINSCALE_CPU_H
/* Kernel tiers: the same kernels written for several kinds of CPU, all giving the same bits. */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Name of tier `index`, slowest first; NULL after the last.  *state, if state is not NULL: "in use", "available" or
 * "not on this CPU".  $SPINSCALE_CPU chooses the one in use. */
const char *sps_kernel_tier(size_t index, const char **state);

/* Cycles per second that a core runs at now, measured in some 30 ms; 0 where that is not known how. */
double sps_core_clock(void);

#ifdef __cplusplus
}
#endif
#endif
