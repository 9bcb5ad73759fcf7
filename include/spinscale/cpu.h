/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_CPU_H
#define SPINSCALE_CPU_H
/* Kernel tiers: the same kernels written for several kinds of CPU, all giving the same bits. */
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Name of tier `index`, slowest first; NULL after the last.  *state, if state is not NULL: "in use", "available" or
 * "not on this CPU".  $SPINSCALE_CPU chooses the one in use. */
const char *sps_kernel_tier(size_t index, const char **state);

#ifdef __cplusplus
}
#endif
#endif
