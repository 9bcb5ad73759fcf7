/* SPDX-License-Identifier: MIT */
#ifndef SPS_UQ_SET_H
#define SPS_UQ_SET_H
/* Images in the order of a score: sorted once, then every statistic of a resample is a walk over counts. */
#include <stdint.h>

#include "core/error.h"

/* Draws and counts are 32-bit numbers. */
sps_status sps_check_count(size_t n);

/* rank[i] is the place of score i among the *ranks distinct values, ascending from 0.  what names the scores in the
 * message on a NaN. */
sps_status sps_rank(uint32_t *rank, size_t *ranks, const double *scores, size_t n, const char *what);
#endif
