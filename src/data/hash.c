/* SPDX-License-Identifier: MIT */
#include "data/hash.h"

#include "spinscale/data.h"

#include <nettle/sha2.h>
#include <stdio.h>

#include "core/file.h"
#include "core/memory.h"

static const size_t FILE_MAX_BYTES = (size_t)2 << 30;

void sps_hash(char hex[65], const uint8_t *a, size_t bytes, const uint8_t *b, size_t more)
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, bytes, a);
    sha256_update(&context, more, b);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void sps_hash_bytes(char hex[65], const void *bytes, size_t count)
{
    sps_hash(hex, bytes, count, NULL, 0);
}

sps_status sps_hash_file(char hex[65], size_t *bytes, const char *path)
{
    char *content = NULL;
    SPS_TRY(sps_file_load(&content, bytes, path, FILE_MAX_BYTES));
    sps_hash(hex, (const uint8_t *)content, *bytes, NULL, 0);
    sps_free(content);
    return SPS_OK;
}
