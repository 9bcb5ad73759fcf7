/* SPDX-License-Identifier: MIT */
/* scatter for the tiers of x86: the text is the same, the widest addition is not.  Included once by a tier that has
 * defined SCATTER_TARGET, its attribute, and add_64(acc, w, falls): acc[c] += or -= w[c], c < 64.
 *
 * A square is cut into pieces that do not overlap and are the same in each call: a load that meets the whole of a store
 * just made does not have to wait for it (after a masked store it would, which made short rows six times as slow). */
#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "kern/kern.h"

#define SCATTER_INLINE SPS_KERN_INLINE SCATTER_TARGET

SCATTER_INLINE __m128i sum_of(__m128i acc, __m128i w, bool falls)
{
    return falls ? _mm_sub_epi8(acc, w) : _mm_add_epi8(acc, w);
}

/* 32, 16, 8, 4, 2 bytes or 1. */
SCATTER_INLINE void add_piece(int8_t *acc, const int8_t *w, bool falls, size_t bytes)
{
    if (bytes == 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)w), sum = _mm256_loadu_si256((const __m256i *)acc);
        _mm256_storeu_si256((__m256i *)acc, falls ? _mm256_sub_epi8(sum, x) : _mm256_add_epi8(sum, x));
    } else if (bytes == 16) {
        __m128i sum = sum_of(_mm_loadu_si128((const __m128i *)acc), _mm_loadu_si128((const __m128i *)w), falls);
        _mm_storeu_si128((__m128i *)acc, sum);
    } else if (bytes == 1) {
        *acc = (int8_t)(falls ? *acc - *w : *acc + *w);
    } else {
        int64_t some = 0, more = 0;
        memcpy(&some, acc, bytes);
        memcpy(&more, w, bytes);
        some = _mm_cvtsi128_si64(sum_of(_mm_cvtsi64_si128(some), _mm_cvtsi64_si128(more), falls));
        memcpy(acc, &some, bytes);
    }
}

SCATTER_INLINE void add_square(int8_t *acc, const int8_t *w, bool falls, size_t channels)
{
    size_t c = 0;
    for (; channels - c >= 64; c += 64)
        add_64(acc + c, w + c, falls);
#define PIECE(bytes)                                                                                                   \
    if ((channels & (bytes)) != 0) {                                                                                   \
        add_piece(acc + c, w + c, falls, bytes);                                                                       \
        c += (bytes);                                                                                                  \
    }
    PIECE(32)
    PIECE(16)
    PIECE(8)
    PIECE(4)
    PIECE(2)
    PIECE(1)
#undef PIECE
}

SCATTER_INLINE void add_flips(int8_t *acc, size_t row, const int8_t *w, const struct sps_flip *flips, size_t count,
                              bool falls, size_t kernel, size_t channels)
{
    for (size_t i = 0; i < count; i++) {
        int8_t *to = acc + flips[i].place;
        const int8_t *from = w + (size_t)flips[i].square * kernel * kernel * channels;
        for (size_t a = 0; a < kernel; a++, to -= row)
            for (size_t b = 0; b < kernel; b++)
                add_square(to - b * channels, from + (a * kernel + b) * channels, falls, channels);
    }
}

/* Common shapes as constants. */
SCATTER_TARGET static SPS_KERN_SCATTER(scatter)
{
#define SHAPE(its_kernel, its_channels)                                                                                \
    add_flips(acc, row, w, flips, rises, false, its_kernel, its_channels);                                             \
    add_flips(acc, row, w, flips + rises, count - rises, true, its_kernel, its_channels);
    if (kernel == 5 && channels == 64) {
        SHAPE(5, 64)
    } else if (kernel == 3 && channels == 64) {
        SHAPE(3, 64)
    } else if (kernel == 3 && channels == 128) {
        SHAPE(3, 128)
    } else if (kernel == 3 && channels == 256) {
        SHAPE(3, 256)
    } else if (kernel == 3 && channels == 512) {
        SHAPE(3, 512)
    } else if (kernel == 5 && channels == 16) {
        SHAPE(5, 16)
    } else if (channels == 32) {
        SHAPE(kernel, 32)
    } else {
        SHAPE(kernel, channels)
    }
#undef SHAPE
}
