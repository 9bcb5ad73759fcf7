/* SPDX-License-Identifier: MIT */
#ifndef SPS_FUZZ_H
#define SPS_FUZZ_H
/* What every target defines; libFuzzer or replay.c calls it.  It returns 0, and traps where something is wrong. */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold for every input. */
#define FUZZ_MUST(condition)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)
#endif
