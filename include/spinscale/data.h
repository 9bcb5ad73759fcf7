/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_DATA_H
#define SPINSCALE_DATA_H
/* Data sets of labelled 8-bit images: IDX (MNIST's format), binary CIFAR-10, CIFAR-100 and STL-10, SVHN's MATLAB files,
 * plain or compressed, and lists of PNG files. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/images.h"
#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

enum sps_part { SPS_TRAIN, SPS_TEST };

/* Images of one part of a set, decoded in memory or mapped.  Immutable, may be shared by threads. */
typedef struct sps_dataset sps_dataset;

struct sps_dataset_info {
    char name[64];     /* "fashion-mnist", or the last part of a path */
    char folder[4096]; /* where it was found */
    size_t count;      /* images, N >= 1 */
    int height, width, channels;
    int classes;     /* the registered set's number, but never below the largest label + 1; 0: a path without labels */
    char sha256[65]; /* of the decoded bytes: all images, then all labels; the same for .gz and plain files */
};

/* Open by name or by path.
 *   name  one of the list below: the folder ROOT/name, where ROOT is data_dir if that is not NULL, else each of
 *         $SPINSCALE_DATA (separated by ':'), $XDG_DATA_HOME/spinscale or ~/.local/share/spinscale,
 *         /usr/share/datasets.  The first such folder with any of the set's files is used; damage there is an error.
 *   path  a name with a '/' in it, or "." or "..": a folder with the files of a set under their usual names; or a file,
 *         for which part means nothing (its name needs no '/'):
 *           IDX images, with labels where ...images-idx3... has its ...labels-idx1... beside it
 *           *_X.bin of STL-10, with labels where there is *_y.bin
 *           train.bin or test.bin of CIFAR-100; any other *.bin as records of CIFAR-10 (label 255: none)
 *           a MATLAB file with SVHN's X and y
 *           *.npy, *.npy#3: images as CIFAR-10-C has them, all or the third of five parts, with labels where there is
 *           labels.npy (spinscale/shift.h); they stay in the file
 *           *.txt: a list of images, a line "relative/path.png label" each (label -1: none), all of one size
 * Files are plain, .gz or .xz (lists are plain), looked for in this order.  Only those of the part that is asked for
 * have to be there.
 * SPS_EINVAL     the name is empty or unknown
 * SPS_ENOTFOUND  a set or a file is missing; the message has the places looked at and how to get the set
 * SPS_EFORMAT    a file is damaged; the message has file and offset, or line
 * *out is released with sps_dataset_free(). */
sps_status sps_dataset_open(sps_dataset **out, const char *name, enum sps_part part, const char *data_dir);
void sps_dataset_free(sps_dataset *set); /* NULL is allowed */

const struct sps_dataset_info *sps_dataset_get_info(const sps_dataset *set);
/* [H][W][C], index below count. */
const uint8_t *sps_dataset_image(const sps_dataset *set, size_t index);
/* 0 .. 254, meaning belongs to the set; -1 where an image has none (byte 255 in its file). */
int sps_dataset_label(const sps_dataset *set, size_t index);
/* The same for functions that take any set; valid as long as the set. */
struct sps_images sps_dataset_images(const sps_dataset *set);
/* Name of a class, or NULL where the set has none. */
const char *sps_dataset_class_name(const sps_dataset *set, int label);

/* Registered sets, for help and info: name, summary and how to get it; NULL after the last. */
const char *sps_dataset_list(size_t index, const char **summary, const char **how_to_get);

/* SHA-256 of a whole file (at most 2 GiB) as sha256sum prints it, and its size. */
sps_status sps_hash_file(char hex[65], size_t *bytes, const char *path);
/* The same of bytes in memory. */
void sps_hash_bytes(char hex[65], const void *bytes, size_t count);

/* An 8-bit image from a PNG file: grey (any bit depth, alpha dropped) is [H][W][1], colour is [H][W][3].  At most 8192
 * x 8192. *pixels is released with sps_image_free(). */
sps_status sps_image_read_png(uint8_t **pixels, int *height, int *width, int *channels, const char *path);
sps_status sps_image_write_png(const char *path, const uint8_t *pixels, int height, int width, int channels);
/* The same file in memory: *png is released with sps_image_free(). */
sps_status sps_image_encode_png(uint8_t **png, size_t *bytes, const uint8_t *pixels, int height, int width,
                                int channels);
void sps_image_free(uint8_t *pixels);

/* Area-averaged (smaller) or bilinear (larger) resize, and grey <-> colour by luma or repetition: [h][w][c] ->
 * [H][W][C]. */
void sps_image_fit(uint8_t *out, int out_height, int out_width, int out_channels, const uint8_t *in, int height,
                   int width, int channels);

#ifdef __cplusplus
}
#endif
#endif
