/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_VIEW_H
#define SPS_DATA_VIEW_H
#include "core/error.h"
#include "data/format.h"
#include "spinscale/shift.h"

/* Images and labels in .npy files, for sps_view_open_npy() and sps_dataset_open(). */
struct sps_npy_images;
sps_status sps_npy_images_open(struct sps_npy_images **out, struct sps_images *images, const char *path);
void sps_npy_images_close(struct sps_npy_images *file); /* NULL is allowed */
/* The same images; they belong to the file. */
struct sps_raw_images sps_npy_images_shown(const struct sps_npy_images *file);
/* Whether the name is FILE.npy or FILE.npy#3. */
int sps_npy_images_is(const char *path);
#endif
