/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_DATASET_H
#define SPS_DATA_DATASET_H
#include "data/imagelist.h"

/* sps_dataset_open(), where images of a list become ones of this size; NULL: they must be alike.  Sets that have one
 * size keep it. */
sps_status sps_dataset_open_sized(sps_dataset **out, const char *name, enum sps_part part, const char *data_dir,
                                  const struct sps_image_size *size);
#endif
