/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_FOLD_H
#define SPS_CORE_FOLD_H
#include "core/affine.h"
#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

/* sign(affine(z)) for integers z from low to high: the bit is (z >= threshold), turned over where flip is set.  Every
 * step of the expression is monotone under rounding, so its sign changes at most once, and bisection finds where.
 * SPS_EUNSUPPORTED if the expression overflows. */
sps_status sps_fold(int32_t *threshold, int *flip, const struct sps_affine *affine, int32_t low, int32_t high);

/* The same for a table [rows][6][channels] of scale, bias, mean, inv_std, gamma, beta: threshold[rows][channels], and a
 * bit of flip[rows][words of channels] where it is turned over; flip starts as zeros. */
sps_status sps_fold_table(int32_t *threshold, uint32_t *flip, const float *table, size_t rows, size_t channels,
                          int32_t low, int32_t high);
#endif
