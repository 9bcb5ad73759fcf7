/* SPDX-License-Identifier: MIT */
/* scatter for the tiers of x86: the text is the same, the widest addition is not.  Included once by a tier that has
 * defined SCATTER_TARGET, its attribute, and add_64(acc, w, batch, at): acc[c] += sum_i w[i][at + c], i < batch, c
 * < 64.
 *
 * A square is cut into pieces that do not overlap and are the same in each call: a load that meets the whole of a store
 * just made does not have to wait for it (after a masked store it would, which made short rows six times as slow).
 * Weights of several bits are added up in registers, so that what counts, the stores, is paid once for all of them. */
#include <immintrin.h>
#include <string.h>

#include "kern/kern.h"

#define SCATTER_INLINE SPS_KERN_INLINE SCATTER_TARGET

/* 32, 16, 8, 4, 2 bytes or 1. */
SCATTER_INLINE void add_piece(int8_t *acc, const int8_t *const *w, size_t batch, size_t at, size_t bytes)
{
    if (bytes == 32) {
        __m256i sum = _mm256_loadu_si256((const __m256i *)acc);
        for (size_t i = 0; i < batch; i++)
            sum = _mm256_add_epi8(sum, _mm256_loadu_si256((const __m256i *)(w[i] + at)));
        _mm256_storeu_si256((__m256i *)acc, sum);
    } else if (bytes == 16) {
        __m128i sum = _mm_loadu_si128((const __m128i *)acc);
        for (size_t i = 0; i < batch; i++)
            sum = _mm_add_epi8(sum, _mm_loadu_si128((const __m128i *)(w[i] + at)));
        _mm_storeu_si128((__m128i *)acc, sum);
    } else if (bytes == 1) {
        for (size_t i = 0; i < batch; i++)
            *acc = (int8_t)(*acc + w[i][at]);
    } else {
        int64_t some = 0;
        memcpy(&some, acc, bytes);
        __m128i sum = _mm_cvtsi64_si128(some);
        for (size_t i = 0; i < batch; i++) {
            memcpy(&some, w[i] + at, bytes);
            sum = _mm_add_epi8(sum, _mm_cvtsi64_si128(some));
        }
        some = _mm_cvtsi128_si64(sum);
        memcpy(acc, &some, bytes);
    }
}

SCATTER_INLINE void add_square(int8_t *acc, const int8_t *const *w, size_t batch, size_t at, size_t channels)
{
    size_t c = 0;
    for (; channels - c >= 64; c += 64)
        add_64(acc + c, w, batch, at + c);
#define PIECE(bytes)                                                                                                   \
    if ((channels & (bytes)) != 0) {                                                                                   \
        add_piece(acc + c, w, batch, at + c, bytes);                                                                   \
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

SCATTER_INLINE void add_squares(int8_t *acc, size_t row, const int8_t *const *w, size_t batch, size_t kernel,
                                size_t channels)
{
    const int8_t *from[4]; /* acc may be where w is, as far as the compiler knows; these stay in registers */
    for (size_t i = 0; i < batch; i++)
        from[i] = w[i];
    for (size_t a = 0; a < kernel; a++) {
        for (size_t b = 0; b < kernel; b++)
            add_square(acc - a * row - b * channels, from, batch, b * channels, channels);
        for (size_t i = 0; i < batch; i++)
            from[i] += kernel * channels;
    }
}

typedef void scatter_batch(int8_t *acc, size_t row, const int8_t *const *w, size_t kernel, size_t channels);

/* A function of its own for each number of bits of a common shape: saving the registers that another one needs would
 * cost a third of the time of one bit. */
#define BATCH(name, batch, its_kernel, its_channels)                                                                   \
    SCATTER_TARGET static void name(int8_t *acc, size_t row, const int8_t *const *w, size_t kernel, size_t channels)   \
    {                                                                                                                  \
        (void)kernel;                                                                                                  \
        (void)channels;                                                                                                \
        add_squares(acc, row, w, batch, its_kernel, its_channels);                                                     \
    }
#define SHAPE(name, its_kernel, its_channels)                                                                          \
    BATCH(name##_1, 1, its_kernel, its_channels)                                                                       \
    BATCH(name##_2, 2, its_kernel, its_channels)                                                                       \
    BATCH(name##_3, 3, its_kernel, its_channels)                                                                       \
    BATCH(name##_4, 4, its_kernel, its_channels)                                                                       \
    static scatter_batch *const name[] = {name##_1, name##_2, name##_3, name##_4};
SHAPE(shape_5_64, 5, 64)
SHAPE(shape_5_16, 5, 16)
SHAPE(shape_3_64, 3, 64)
SHAPE(shape_3_128, 3, 128)
SHAPE(shape_any_32, kernel, 32)
SHAPE(shape_any, kernel, channels)
#undef SHAPE
#undef BATCH

static inline scatter_batch *const *shape_of(size_t kernel, size_t channels)
{
    if (kernel == 5 && channels == 64)
        return shape_5_64;
    if (kernel == 3 && channels == 64)
        return shape_3_64;
    if (kernel == 3 && channels == 128)
        return shape_3_128;
    if (kernel == 5 && channels == 16)
        return shape_5_16;
    return channels == 32 ? shape_any_32 : shape_any;
}

/* For the same reason the loop is not in scatter. */
__attribute__((noinline)) static SPS_KERN_SCATTER(scatter_many)
{
    scatter_batch *const *add = shape_of(kernel, channels);
    for (; count > 4; count -= 4, w += 4)
        add[3](acc, row, w, kernel, channels);
    add[count - 1](acc, row, w, kernel, channels);
}

static SPS_KERN_SCATTER(scatter)
{
    if (count > 4)
        scatter_many(acc, row, w, count, kernel, channels);
    else
        shape_of(kernel, channels)[count - 1](acc, row, w, kernel, channels);
}
