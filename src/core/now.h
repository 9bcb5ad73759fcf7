/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_NOW_H
#define SPS_CORE_NOW_H
#include <time.h>

/* Seconds since some moment that stays; never goes back. */
static inline double sps_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
#endif
