/* SPDX-License-Identifier: MIT */
#ifndef SPS_QUANT_QUANT_H
#define SPS_QUANT_QUANT_H
/* Quantisers: forward and backward of one rule each.  Registered in list.h. */
#include <stddef.h>

#include "kern/kern.h"

/* How real weights become signs, and how gradients come back through sign, for weights and activations. */
struct sps_binariser {
    const char *name, *summary, *source;
    /* One output channel's real weights w[n] to v[n], whose signs (>= 0 is +1) are the binary weights.  Returns the
     * factor that backward needs (the reciprocal of the standard deviation). */
    float (*standardise)(float *v, const float *w, size_t n);
    /* Gradient with respect to the signs g[n] to that with respect to w[n], in place. */
    void (*backward)(const struct sps_kern *kern, float *g, const float *v, size_t n, float factor, float t, float k);
    /* Activations: dy[n] from g[n] with respect to sign(y[n]); dy may be g. */
    void (*activation)(const struct sps_kern *kern, float *dy, const float *g, const float *y, size_t n, float t,
                       float k);
    float limit; /* real weights are kept in [-limit, limit] after each update; 0 is no limit */
};

/* NULL if there is none; index walks the list. */
const struct sps_binariser *sps_binariser_find(const char *name);
const struct sps_binariser *sps_binariser_at(size_t index);

/* The error-decay estimator's t and k at a share of training in [0, 1] (IR-Net): t from t_min to t_max on a logarithmic
 * line, k = max(1 / t, 1). */
void sps_error_decay(float *t, float *k, double share, double t_min, double t_max);

/* PACT (Choi et al. 2018): q = round(clip(x, 0, alpha) (2^bits - 1) / alpha) alpha / (2^bits - 1).  bits 1 to 16. */
float sps_pact(float x, float alpha, int bits);
/* Straight-through: dx = g inside (0, alpha), else 0; returns the share that belongs to alpha: g where x >= alpha, else
 * 0. */
float sps_pact_backward(float *dx, float g, float x, float alpha);
#endif
