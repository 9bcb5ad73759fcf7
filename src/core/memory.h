/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_MEMORY_H
#define SPS_CORE_MEMORY_H
/* All memory of the library comes from here: aligned to 64 bytes, and every failure can be provoked by tests. */
#include <stddef.h>

#include "core/error.h"

enum { SPS_ALIGN = 64 };

/* count * size bytes, zeroed.  On overflow or lack of memory *out is NULL and the status SPS_ENOMEM; a request for
 * 0 bytes gives a valid pointer.  what names the thing in the message.  Release with sps_free(). */
sps_status sps_calloc(void *out, size_t count, size_t size, const char *what);

/* NULL is allowed. */
void sps_free(void *pointer);

/* A block cut into aligned parts, one after the other. */
static inline size_t sps_aligned(size_t bytes)
{
    return (bytes + SPS_ALIGN - 1) / SPS_ALIGN * SPS_ALIGN;
}
static inline void *sps_carve(char **at, size_t bytes)
{
    void *here = *at;
    *at += sps_aligned(bytes);
    return here;
}

/* A copy of a string, released with sps_free(). */
sps_status sps_strdup(char **out, const char *text);

/* Tests: let allocation n from now (0 is the next) fail, once; a negative n turns this off. */
void sps_memory_fail_at(long n);
/* Tests: allocations that are not yet released. */
long sps_memory_live(void);
#endif
