/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_SOURCE_H
#define SPS_DATA_SOURCE_H
/* Bytes of a hostile file, unpacked on the way: plain, gzip or xz, told apart by their first bytes (no format read here
 * starts like either).  Readers ask for what they need; nothing is unpacked beyond that, so a bomb stays folded. */
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* What an .xz file may ask of memory to be unpacked: `xz -9` takes 65 MiB. */
#define SPS_XZ_MEMORY_MAX ((uint64_t)256 << 20)

typedef struct sps_source sps_source;

/* A regular file (SPS_ENOTFOUND if there is none), or bytes in memory that outlive the source (name is for messages).
 */
sps_status sps_source_open(sps_source **out, const char *path);
sps_status sps_source_memory(sps_source **out, const char *name, const void *data, size_t bytes);
void sps_source_close(sps_source *source); /* NULL is allowed */

/* Exactly so many bytes; fewer in the file is SPS_EFORMAT. */
sps_status sps_source_read(sps_source *source, void *out, size_t bytes);
/* Up to so many bytes: *got is less than asked only at the end of the file. */
sps_status sps_source_read_some(sps_source *source, void *out, size_t bytes, size_t *got);
/* The content must end here, and the packing with it: checksums hold, nothing follows.  Gives the unpacker's memory
 * back. */
sps_status sps_source_end(sps_source *source);

/* Content bytes read so far. */
uint64_t sps_source_offset(const sps_source *source);
/* No more than so many content bytes can follow: exact for plain files, else what the densest packing could hold.  Lets
 * a reader refuse a promise before it allocates for it. */
uint64_t sps_source_most_left(const sps_source *source);

/* SPS_EFORMAT: "'name' at byte 8: words".  The offset counts content, and the message says so if the file is packed. */
__attribute__((format(printf, 3, 4))) sps_status sps_source_fail(const sps_source *source, uint64_t offset,
                                                                 const char *format, ...);
#endif
