/* SPDX-License-Identifier: MIT */
#include "core/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_long fail_at = -1;
static atomic_long live;

void sps_memory_fail_at(long n)
{
    atomic_store(&fail_at, n);
}

long sps_memory_live(void)
{
    return atomic_load(&live);
}

static int must_fail(void)
{
    long n = atomic_load(&fail_at);
    while (n >= 0)
        if (atomic_compare_exchange_weak(&fail_at, &n, n - 1))
            return n == 0;
    return 0;
}

sps_status sps_calloc(void *out, size_t count, size_t size, const char *what)
{
    void *memory = NULL;
    size_t bytes = 0;
    int overflow = __builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - SPS_ALIGN;
    if (!overflow && !must_fail()) {
        size_t rounded = (bytes + SPS_ALIGN - 1) / SPS_ALIGN * SPS_ALIGN;
        memory = aligned_alloc(SPS_ALIGN, rounded ? rounded : SPS_ALIGN);
    }
    memcpy(out, &memory, sizeof memory); /* out points to any kind of object pointer */
    if (memory == NULL)
        SPS_FAIL(ENOMEM, "out of memory: %zu x %zu bytes for %s", count, size, what);
    memset(memory, 0, bytes);
    atomic_fetch_add(&live, 1);
    return SPS_OK;
}

void sps_free(void *pointer)
{
    if (pointer == NULL)
        return;
    atomic_fetch_sub(&live, 1);
    free(pointer);
}

sps_status sps_strdup(char **out, const char *text)
{
    size_t bytes = strlen(text) + 1;
    SPS_TRY(sps_calloc(out, bytes, 1, "text"));
    memcpy(*out, text, bytes);
    return SPS_OK;
}
