/* SPDX-License-Identifier: MIT */
#ifndef SPS_TEST_PICTURES_H
#define SPS_TEST_PICTURES_H
/* A few images of random pixels, with indices of their own. */
#include "chain.h"

enum { IMAGES = 3 };
static const uint32_t index_of[IMAGES] = {5, 0, 70000};

struct pictures {
    uint8_t *pixels;
    const uint8_t *at[IMAGES];
};

static inline struct pictures make_pictures(const struct sps_packed *m, uint32_t seed)
{
    size_t size = sps_value_size(&m->input);
    struct pictures s = {.pixels = ROOM(uint8_t, IMAGES * size)};
    fill_pixels(s.pixels, IMAGES * size, seed);
    for (size_t i = 0; i < IMAGES; i++)
        s.at[i] = s.pixels + i * size;
    return s;
}
#endif
