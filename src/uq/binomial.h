/* SPDX-License-Identifier: MIT */
#ifndef SPS_UQ_BINOMIAL_H
#define SPS_UQ_BINOMIAL_H
#include <stddef.h>

/* P(X <= k) of X ~ Bin(n, p), p in (0, 1). */
double sps_binomial_cdf(size_t k, size_t n, double p);
#endif
