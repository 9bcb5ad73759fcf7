/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_FIND_H
#define SPS_DATA_FIND_H
/* Files of a set on disk. */
#include "data/imagelist.h"

enum { SPS_PATH_BYTES = 4096 };

/* All formats, NULL after the last. */
extern const struct sps_data_format *const sps_data_formats[];

/* path becomes folder/file (file alone where folder is ""), or its packed form, whichever exists first. */
int sps_find_file(char path[SPS_PATH_BYTES], const char *folder, const char *file);

/* A file by path: a list of images (*.txt), or of the format that knows it, with its labels where they lie beside it.
 */
sps_status sps_read_one_file(struct sps_raw_images *out, const char *path, const struct sps_image_size *size);
#endif
