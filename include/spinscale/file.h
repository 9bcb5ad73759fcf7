/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_FILE_H
#define SPINSCALE_FILE_H
#include <stddef.h>

#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

/* A whole file: written beside it, synced and renamed over it, so that nothing is ever half-written.  Messages name the
 * path and the system's reason ("cannot write 'x': no space left on device"). */
sps_status sps_file_save(const char *path, const void *data, size_t bytes);

/* mkdir -p. */
sps_status sps_make_folder(const char *path);

#ifdef __cplusplus
}
#endif
#endif
