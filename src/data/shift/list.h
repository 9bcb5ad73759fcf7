/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_SHIFT_LIST_H
#define SPS_DATA_SHIFT_LIST_H
/* The kinds of shift, in the order of output.  X(name, number): src/data/shift/name.c defines sps_shift_kind_name.  The
 * number chooses the random stream, so it is part of every stored result: never change one, never use one twice. */
#define SPS_SHIFT_LIST(X)                                                                                              \
    X(rotation, 1)                                                                                                     \
    X(uniform_noise, 2)                                                                                                \
    X(gaussian_noise_level, 3)                                                                                         \
    X(gaussian_noise, 4)                                                                                               \
    X(shot_noise, 5)                                                                                                   \
    X(impulse_noise, 6)                                                                                                \
    X(defocus_blur, 7)                                                                                                 \
    X(glass_blur, 8)                                                                                                   \
    X(motion_blur, 9)                                                                                                  \
    X(zoom_blur, 10)                                                                                                   \
    X(snow, 11)                                                                                                        \
    X(frost, 12)                                                                                                       \
    X(fog, 13)                                                                                                         \
    X(brightness, 14)                                                                                                  \
    X(contrast, 15)                                                                                                    \
    X(elastic_transform, 16)                                                                                           \
    X(pixelate, 17)                                                                                                    \
    X(jpeg_compression, 18)                                                                                            \
    X(speckle_noise, 19)                                                                                               \
    X(gaussian_blur, 20)                                                                                               \
    X(spatter, 21)                                                                                                     \
    X(saturate, 22)
#endif
