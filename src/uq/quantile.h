/* SPDX-License-Identifier: MIT */
#ifndef SPS_UQ_QUANTILE_H
#define SPS_UQ_QUANTILE_H
#include <stddef.h>

/* The quantiles of uq.h on values that are sorted already; n >= 1, no NaN; equal weights if w is NULL. */
double sps_quantile_of_sorted(const double *v, const double *w, size_t n, double q);
#endif
