/* SPDX-License-Identifier: MIT */
#ifndef SPS_UQ_SORT_H
#define SPS_UQ_SORT_H
#include <stddef.h>

/* Ascending, in place; w[n] moves along with v[n] unless it is NULL.  n log n for any input, no memory. */
void sps_sort(double *v, double *w, size_t n);
#endif
