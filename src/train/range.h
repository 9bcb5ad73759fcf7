/* SPDX-License-Identifier: MIT */
#ifndef SPS_TRAIN_RANGE_H
#define SPS_TRAIN_RANGE_H
#include <stddef.h>

/* Read the curve of a range test, the losses of batches at rising rates: the steps where the smoothed loss first comes
 * within 10 % of its lowest value, and where it is lowest. */
void sps_range_read(size_t *near, size_t *lowest, const double *loss, size_t count);
#endif
