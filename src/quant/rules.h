/* SPDX-License-Identifier: MIT */
#ifndef SPS_QUANT_RULES_H
#define SPS_QUANT_RULES_H
/* Parts that several binarisers share. */
#include "quant/quant.h"

/* v = (w - mean) / std, returns 1 / std (0 for equal weights, which stay at v = 0). */
float sps_standardise(float *v, const float *w, size_t n);
/* Its way back: dw = factor (g - mean(g) - v mean(g v)), in place. */
void sps_standardise_backward(float *g, const float *v, size_t n, float factor);
/* v = w, returns 1. */
float sps_keep_weights(float *v, const float *w, size_t n);

/* Straight through hard tanh: the gradient passes where |y| <= 1; dy may be g. */
void sps_pass_inside(float *dy, const float *g, const float *y, size_t n);
float sps_hard_tanh_activation(float *dy, const float *g, const float *y, size_t n, const struct sps_surrogate *at);
/* The slope 2 - 2 |y| inside [-1, 1], of two parabolas that follow sign more closely (Liu et al., ECCV 2018, Bi-Real
 * Net). */
float sps_tent_activation(float *dy, const float *g, const float *y, size_t n, const struct sps_surrogate *at);

/* mean |v| */
float sps_mean_size(const float *v, size_t n);
/* g / alpha: from the gradient with respect to sign(w) to that with respect to alpha sign(w); 0 where alpha is 0. */
void sps_divide(float *g, size_t n, float alpha);
#endif
