/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_IMAGES_H
#define SPINSCALE_IMAGES_H
/* A labelled set of images, whoever holds it. */
#include <stddef.h>
#include <stdint.h>

/* Images may be made when they are asked for: the last so many that were stay valid, and one thread asks at a time. */
enum { SPS_IMAGES_KEPT = 64 };

struct sps_images {
    const char *name; /* for messages */
    size_t count;
    int height, width, channels;
    const void *self;
    const uint8_t *(*image)(const void *self, size_t index); /* [H][W][C], 8-bit pixels */
    int (*label)(const void *self, size_t index);            /* outside 0 .. classes - 1: no label */
};
#endif
