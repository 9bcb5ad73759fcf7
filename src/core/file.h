/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_FILE_H
#define SPS_CORE_FILE_H
/* Whole files in, whole files out: nothing is ever half-written. */
#include <stddef.h>

#include "core/error.h"
#include "spinscale/file.h"

/* Writes go to PATH.tmp-PID-N; sps_file_commit() syncs it, renames it over PATH and syncs the folder.  Until then an
 * old PATH stays as it is.  A symbolic link keeps pointing where it did; folders and devices are refused.
 * sps_file_abandon() removes the temporary (NULL is allowed).  After a failed write the commit fails too.  Messages
 * name the path and the system's reason ("cannot write 'x': no space left on device"). */
typedef struct sps_file sps_file;
sps_status sps_file_create(sps_file **out, const char *path);
sps_status sps_file_write(sps_file *file, const void *data, size_t bytes);
sps_status sps_file_commit(sps_file *file); /* releases file, also on failure */
void sps_file_abandon(sps_file *file);

/* The whole of a regular file of at most limit bytes, with a zero byte behind it; released with sps_free().
 * SPS_ENOTFOUND if there is none, SPS_EFORMAT if it is too large, else SPS_EIO. */
sps_status sps_file_load(char **out, size_t *bytes, const char *path, size_t limit);

/* The same file, mapped for reading (it must not be empty); sps_file_unmap() takes NULL too. */
sps_status sps_file_map(void **out, size_t *bytes, const char *path, size_t limit);
void sps_file_unmap(void *mapped, size_t bytes);

/* What an errno value means, as it stands inside a sentence: "no such file or directory".  Valid until the thread's
 * next call. */
const char *sps_errno_text(int error);
#endif
