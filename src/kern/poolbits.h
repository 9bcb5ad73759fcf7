/* SPDX-License-Identifier: MIT */
#ifndef SPS_KERN_POOLBITS_H
#define SPS_KERN_POOLBITS_H
/* Pooling of bits, for the tiers: words at a time where a pixel is whole words, else bit by bit. */
#include <string.h>

#include "kern/kern.h"

static inline __attribute__((always_inline)) void sps_poolbits(uint32_t *dst, const uint32_t *src, size_t h, size_t w,
                                                               size_t c, size_t window, int partial)
{
    size_t out_h = sps_pooled(h, window, partial), out_w = sps_pooled(w, window, partial), words = c / 32;
    if (c % 32 == 0) {
        for (size_t i = 0; i < out_h; i++)
            for (size_t j = 0; j < out_w; j++, dst += words) {
                size_t columns = sps_pool_extent(w, window, j), pixels = sps_pool_extent(h, window, i) * columns;
                memset(dst, 0, words * sizeof *dst);
                for (size_t at = 0; at < pixels; at++) {
                    const uint32_t *from = src + ((i * window + at / columns) * w + j * window + at % columns) * words;
                    for (size_t k = 0; k < words; k++)
                        dst[k] |= from[k];
                }
            }
        return;
    }
    memset(dst, 0, sps_words(out_h * out_w * c) * sizeof *dst);
    for (size_t o = 0; o < out_h * out_w; o++) {
        size_t i = o / out_w, j = o % out_w;
        size_t columns = sps_pool_extent(w, window, j), pixels = sps_pool_extent(h, window, i) * columns;
        for (size_t at = 0; at < pixels; at++) {
            size_t pixel = (i * window + at / columns) * w + j * window + at % columns;
            for (size_t k = 0; k < c; k++) {
                size_t from = pixel * c + k, to = o * c + k;
                dst[to / 32] |= (src[from / 32] >> from % 32 & 1) << to % 32;
            }
        }
    }
}
#endif
