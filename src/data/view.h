/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_VIEW_H
#define SPS_DATA_VIEW_H
#include "core/error.h"
#include "spinscale/shift.h"

/* Images and labels in .npy files, for sps_view_open_npy(). */
struct sps_npy_images;
sps_status sps_npy_images_open(struct sps_npy_images **out, struct sps_images *images, const char *path);
void sps_npy_images_close(struct sps_npy_images *file); /* NULL is allowed */
#endif
