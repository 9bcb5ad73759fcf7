/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_FILE_H
#define SPS_CORE_FILE_H
/* Whole files in, whole files out: nothing is ever half-written. */
#include <stddef.h>

#include "core/error.h"

/* Write to PATH.tmp-PID, then sps_file_commit(): fsync, rename, fsync of the folder.  sps_file_abandon() removes the temporary
 * (NULL is allowed).  Messages name the path and the system's reason ("cannot write 'x': no space left on device"). */
typedef struct sps_file sps_file;
sps_status sps_file_create(sps_file **out, const char *path);
sps_status sps_file_write(sps_file *file, const void *data, size_t bytes);
sps_status sps_file_commit(sps_file *file); /* releases file, also on failure */
void sps_file_abandon(sps_file *file);

/* create + write + commit. */
sps_status sps_file_save(const char *path, const void *data, size_t bytes);

/* The whole of a regular file of at most limit bytes, with a zero byte behind it; released with sps_free(). */
sps_status sps_file_load(char **out, size_t *bytes, const char *path, size_t limit);

/* mkdir -p. */
sps_status sps_make_folder(const char *path);
#endif
