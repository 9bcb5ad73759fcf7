/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_TRANSFORM_H
#define SPS_DATA_TRANSFORM_H
/* From pixels to what a network reads.  A network sees signed 8-bit codes: a table of 256 entries per channel does
 * normalisation and rounding once (docs/architecture.md), the same in training, engine, export and chip. */
#include <stdint.h>

#include "spinscale/data.h"

enum { SPS_CHANNELS_MAX = 4 };

struct sps_code_table {
    int channels;
    float mean[SPS_CHANNELS_MAX], std[SPS_CHANNELS_MAX]; /* of pixel / 255 */
    float scale; /* code = rint((pixel / 255 - mean) / std * scale): the largest |code| over all channels is 127; real
                    zero is code 0 */
    int8_t code[SPS_CHANNELS_MAX][256];
};

/* Fill code[] and scale from channels, mean and std (std > 0). */
void sps_code_table_make(struct sps_code_table *table);

/* Per-channel mean and standard deviation of images indices[0..count) (NULL: all), then sps_code_table_make(). */
void sps_code_table_measure(struct sps_code_table *table, const sps_dataset *set, const uint32_t *indices,
                            size_t count);

/* out[H][W][C] codes of one image of `pixels` positions. */
void sps_encode(int8_t *out, const struct sps_code_table *table, const uint8_t *image, int pixels);

/* Seeded augmentation of one image, drawn from (seed, SPS_FOR_AUGMENT, image index, epoch).  Pixels that come from
 * outside the image are code 0 (the real zero), so augmentation acts on codes. */
struct sps_augment {
    int flip;              /* mirror left-right with probability 1/2 */
    int crop_pad;          /* pad by so many pixels and cut a window of the old size at random; 0 is off */
    float resize_min_area; /* random resized crop: share of the area, from this to 1 (aspect 3/4 to 4/3, bilinear); 1 or
                              0 is off */
};
/* out and in are [H][W][C] codes and must not overlap. */
void sps_augment_codes(int8_t *out, const int8_t *in, int height, int width, int channels,
                       const struct sps_augment *augment, uint64_t seed, uint32_t index, uint32_t epoch);

/* Whether that mirrors the image, where flip is set. */
int sps_augment_mirrors(uint64_t seed, uint32_t index, uint32_t epoch);

/* Seeded split of 0 .. count-1 into training and validation indices: validation gets `validation` of them.  Both lists
 * in one array: order[0 .. count-validation) trains, the rest validates; each part ascending. */
void sps_split(uint32_t *order, size_t count, size_t validation, uint64_t seed);

/* Order of an epoch: a seeded permutation of indices[0..count), in place. */
void sps_shuffle(uint32_t *indices, size_t count, uint64_t seed, uint32_t epoch);
#endif
