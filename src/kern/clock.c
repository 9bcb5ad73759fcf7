/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "spinscale/cpu.h"

/* What one core really runs at, from a chain of shift, exclusive or and multiplication: 1 + 1 + 3 cycles on all x86
 * since 2008.  No compiler can merge two links of it. */
double sps_core_clock(void)
{
#if defined(__x86_64__)
    enum { STEPS = 1000000, CYCLES = 5, RUNS = 20 };
    double least = 1;
    for (int i = 0; i < RUNS; i++) {
        volatile uint64_t sink;
        struct timespec begin, end;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        uint64_t x = (uint64_t)i + 1;
        for (int j = 0; j < STEPS; j++)
            x = (x ^ x >> 31) * UINT64_C(6364136223846793005);
        sink = x;
        (void)sink;
        clock_gettime(CLOCK_MONOTONIC, &end);
        double took = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
        least = took < least ? took : least;
    }
    return CYCLES * STEPS / least;
#else
    return 0;
#endif
}
