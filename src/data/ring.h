/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_RING_H
#define SPS_DATA_RING_H
/* Room for images that are made when asked for (images.h): the oldest gives its place to the newest. */
#include "core/memory.h"
#include "spinscale/images.h"

struct sps_ring {
    uint8_t *pixels; /* [SPS_IMAGES_KEPT][bytes] */
    size_t bytes;    /* of an image */
    unsigned next;
};

static inline sps_status sps_ring_init(struct sps_ring *ring, size_t bytes)
{
    *ring = (struct sps_ring){.bytes = bytes};
    return sps_calloc(&ring->pixels, SPS_IMAGES_KEPT, bytes, "images");
}

static inline void sps_ring_reset(struct sps_ring *ring)
{
    sps_free(ring->pixels);
}

static inline uint8_t *sps_ring_next(struct sps_ring *ring)
{
    return ring->pixels + (ring->next++ % SPS_IMAGES_KEPT) * ring->bytes;
}
#endif
