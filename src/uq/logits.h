/* SPDX-License-Identifier: MIT */
#ifndef SPS_UQ_LOGITS_H
#define SPS_UQ_LOGITS_H
#include <stddef.h>

#include "core/error.h"

/* Logits z[passes][n][classes] are finite, weights (NULL: equal) those of passes; *weight_sum is their sum. */
sps_status sps_check_logits(double *weight_sum, const float *z, const double *w, size_t passes, size_t n, int classes);

/* ln sum over classes of exp(scale z). */
double sps_log_sum_exp(const float *z, int classes, double scale);
#endif
