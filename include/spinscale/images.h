/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_IMAGES_H
#define SPINSCALE_IMAGES_H
/* A labelled set of images, whoever holds it. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

/* Images may be made when they are asked for: the last so many that were stay valid, and one thread asks at a time. */
enum { SPS_IMAGES_KEPT = 64 };

struct sps_images {
    const char *name; /* for messages */
    size_t count;
    int height, width, channels;
    const void *self;
    const uint8_t *(*image)(const void *self, size_t index); /* [H][W][C], 8-bit pixels */
    int (*label)(const void *self, size_t index);            /* outside 0 .. classes - 1: no label */
    /* Sets that make their images (spinscale/shift.h, foreign.h): images first .. first + count - 1 are there until the
     * next load, and image() gives those only.  NULL: all are there, and any number of threads may ask. */
    sps_status (*load)(const void *self, size_t first, size_t count);
};

/* Before image() is called for a block of images.  How long the block is bounds the memory. */
static inline sps_status sps_images_load(const struct sps_images *set, size_t first, size_t count)
{
    return set->load != NULL ? set->load(set->self, first, count) : SPS_OK;
}

#ifdef __cplusplus
}
#endif
#endif
