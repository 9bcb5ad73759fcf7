/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_FORMAT_H
#define SPS_DATA_FORMAT_H
/* A format is the files of a part, by name, and a function that reads them.  One file per format, listed in list.h. */
#include "data/source.h"
#include "spinscale/data.h"

enum {
    SPS_IMAGE_SIDE_MAX = 8192, /* pixels, of a set's images and of PNG */
    SPS_PART_FILES_MAX = 5
};
/* Decoded images of one part: 4 GiB. */
#define SPS_PART_BYTES_MAX ((uint64_t)4 << 30)

struct sps_raw_images {
    size_t count;
    int height, width, channels;
    uint8_t *pixels; /* [count][height][width][channels] */
    uint8_t *labels; /* [count] */
};

void sps_raw_images_free(struct sps_raw_images *images); /* what it holds, not the struct */

struct sps_data_format {
    const char *name;
    const char *files[2][SPS_PART_FILES_MAX + 1]; /* of SPS_TRAIN and SPS_TEST, NULL after the last */
    /* files are open sources in the order above, `count` of them.  *out is set only on success. */
    sps_status (*read)(struct sps_raw_images *out, sps_source *const *files, size_t count);
};

extern const struct sps_data_format sps_format_idx, sps_format_cifar;
#endif
