/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_FORMAT_H
#define SPS_DATA_FORMAT_H
/* A format is the files of a part, by name, and a function that reads them.  One file per format, listed in list.h. */
#include "data/source.h"
#include "spinscale/data.h"

enum {
    SPS_IMAGE_SIDE_MAX = 8192, /* pixels, of a set's images and of PNG */
    SPS_PART_FILES_MAX = 5,
    SPS_UNLABELLED = 255, /* label byte of an image that has none */
    SPS_HEAD_BYTES = 20
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
    /* Other files in which such sets are kept; NULL: none. */
    const struct sps_data_format *also;

    /* One file by path: is it of this format?  By its name, without folder and .gz or .xz, and the first bytes of its
     * content (zeros behind its end).  It is then read alone, as count 1. */
    int (*knows)(const char *name, const uint8_t head[SPS_HEAD_BYTES]);
    /* Where its name has images_called, labels are read too, if the file that has labels_called in its place exists. */
    const char *images_called, *labels_called;
};

extern const struct sps_data_format sps_format_idx, sps_format_cifar, sps_format_cifar100, sps_format_stl10,
    sps_format_svhn;
#endif
