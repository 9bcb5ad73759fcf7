/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_HASH_H
#define SPS_DATA_HASH_H
/* SHA-256 in hexadecimal (nettle), as sha256sum prints it: how results name the data and files they came from. */
#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

/* Of `bytes` bytes at a, then `more` at b (b may be NULL where more is 0). */
void sps_hash(char hex[65], const uint8_t *a, size_t bytes, const uint8_t *b, size_t more);
#endif
