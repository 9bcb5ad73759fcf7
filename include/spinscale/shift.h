/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_SHIFT_H
#define SPINSCALE_SHIFT_H
/* Images that drift away from those a network was trained on: rotation, noise, and the common corruptions of Hendrycks
 * and Dietterich (ICLR 2019) as they are defined for CIFAR-10.  docs/shift.md has each kind's rule, its parameters and
 * where it departs from its source. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/images.h"
#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

enum sps_shift_group {
    SPS_SHIFT_PAPER,      /* the papers' figures */
    SPS_SHIFT_CORRUPTION, /* one of the 15 */
    SPS_SHIFT_EXTRA       /* one of the 4 beside them, not in any mean over corruptions */
};
enum { SPS_SHIFT_SIDE_MAX = 1024, SPS_SHIFT_LEVELS_MAX = 12 };

/* A kind of shift. */
struct sps_shift {
    const char *name, *summary, *source;
    enum sps_shift_group group;
    int random;                          /* differs with seed and image index */
    int levels;                          /* severities are 1 .. levels; 0 leaves the image as it is */
    const char *unit;                    /* of amount: "degrees", or "" */
    double amount[SPS_SHIFT_LEVELS_MAX]; /* of severities 1, 2, ...: the figure's axis; corruptions: the severity */
};

/* All kinds in the order of output, NULL after the last; by name, NULL if there is none. */
const struct sps_shift *sps_shift_get(size_t index);
const struct sps_shift *sps_shift_find(const char *name);

/* One image [h][w][c] of 8-bit pixels, c is 1 or 3, sides are 1 to SPS_SHIFT_SIDE_MAX.  What is drawn is a function of
 * (kind, severity, seed, image_index).  out and in may be the same.
 *   SPS_EINVAL  a size or the severity is out of range */
sps_status sps_shift_apply(uint8_t *out, const uint8_t *in, int h, int w, int c, const struct sps_shift *kind,
                           int severity, uint64_t seed, uint32_t image_index);

/* A set of images that are made when they are asked for, block by block: memory does not grow with the set.  It is
 * used through sps_view_images(), whose load() makes a block (on `threads` threads, 0: all cores) and whose image()
 * then gives its images.  One caller at a time; what it is made from must outlive it. */
typedef struct sps_view sps_view;
void sps_view_free(sps_view *view); /* NULL is allowed */
/* Valid as long as the view. */
struct sps_images sps_view_images(const sps_view *view);

/* Image i of the set becomes sps_shift_apply(..., seed, i); labels stay.  Released with sps_view_free(). */
sps_status sps_view_shifted(sps_view **out, const struct sps_images *from, const struct sps_shift *kind, int severity,
                            uint64_t seed, int threads);

/* Mean and standard deviation of each channel of pixel / 255 over a whole set. */
enum { SPS_IMAGE_CHANNELS_MAX = 4 };
struct sps_channel_stats {
    int channels;
    double mean[SPS_IMAGE_CHANNELS_MAX], sd[SPS_IMAGE_CHANNELS_MAX];
};
sps_status sps_channel_stats_measure(struct sps_channel_stats *out, const struct sps_images *set);

/* The first paper's pre-processing of shifted images (its Table X): channel by channel, the set's mean and standard
 * deviation are mapped to those of the training data, (x - set mean) / set sd * target sd + target mean, clipped and
 * rounded to 8 bits.  A constant channel becomes the target's mean. */
sps_status sps_view_normalised(sps_view **out, const struct sps_images *from, const struct sps_channel_stats *of_set,
                               const struct sps_channel_stats *target);

/* Ready-made corruptions as CIFAR-10-C has them: FILE.npy is uint8 [N][H][W] or [N][H][W][C], labels.npy in its folder
 * has N labels, or N / 5 (255: none); without it no image has one.  "FILE.npy#3" is the third of five equal parts
 * (severity 3), "FILE.npy" is all.  Images stay in the file, which is mapped.  Released with sps_view_free().
 *   SPS_EINVAL     the part is not 1 to 5
 *   SPS_ENOTFOUND  there is no such file
 *   SPS_EFORMAT    a file is damaged or has another shape; the message has name and offset */
sps_status sps_view_open_npy(sps_view **out, const char *path);

#ifdef __cplusplus
}
#endif
#endif
