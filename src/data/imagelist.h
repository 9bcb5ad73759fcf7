/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_IMAGELIST_H
#define SPS_DATA_IMAGELIST_H
/* Sets as OpenOOD keeps them: a text file with a line "relative/path.png label" for each image, PNG files beside it. */
#include "data/format.h"

struct sps_image_size {
    int height, width, channels;
};

struct sps_image_list {
    size_t count;
    struct sps_listed_image {
        const char *path; /* in the text, below the list's folder */
        int label;        /* 0 .. 254, or -1: none */
        size_t line;      /* from 1 */
    } * images;
};

/* text has a zero byte behind its end; it is cut into paths and must outlive the list.  Empty lines are nothing. */
sps_status sps_image_list_parse(struct sps_image_list *out, const char *name, char *text, size_t bytes);
void sps_image_list_free(struct sps_image_list *list); /* what it holds */

/* The images of a list, all fitted to `size` (sps_image_fit()); NULL: they must have the size of the first. */
sps_status sps_image_list_read(struct sps_raw_images *out, const char *path, const struct sps_image_size *size);
#endif
