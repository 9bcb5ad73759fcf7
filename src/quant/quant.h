/* SPDX-License-Identifier: MIT */
#ifndef SPS_QUANT_QUANT_H
#define SPS_QUANT_QUANT_H
/* Quantisers: forward and backward of one rule each.  Registered in list.h. */
#include <stddef.h>

#include "kern/kern.h"

/* What the way back through sign may depend on beside the numbers themselves. */
struct sps_surrogate {
    const struct sps_kern *kern;
    float t, k;    /* error-decay estimator */
    float learned; /* the binariser's own learned number: of this row of weights, or of this sign layer */
    /* Weights only: */
    float share;         /* of training that is done, in [0, 1] */
    float factor;        /* what standardise returned */
    const float *square; /* [n] the optimiser's running mean of squared gradients; NULL: it keeps none */
};

/* How real weights become signs, and how gradients come back through sign, for weights and activations.
 *
 * Signs are all that the network keeps.  Several papers have alpha sign(w) instead, with alpha from the weights; here
 * BatchNorm follows every binary product and divides by any positive factor of a channel, so alpha is left out of the
 * forward pass, and what is left of it is the gradient: that with respect to alpha sign(w) is g / alpha. */
struct sps_binariser {
    const char *name, *summary, *source;
    /* One output channel's real weights w[n] to v[n], whose signs (>= 0 is +1) are the binary weights.  Returns the
     * factor that backward needs. */
    float (*standardise)(float *v, const float *w, size_t n);
    /* Gradient with respect to the signs g[n] to that with respect to w[n], in place.  This and the next return the
     * gradient with respect to the learned number, 0 where there is none. */
    float (*backward)(float *g, const float *v, size_t n, const struct sps_surrogate *at);
    /* Activations: dy[n] from g[n] with respect to sign(y[n]); dy may be g. */
    float (*activation)(float *dy, const float *g, const float *y, size_t n, const struct sps_surrogate *at);
    /* A term of the loss for a channel that sign reads, from mean and standard deviation of its values over the batch,
     * and its slopes.  The loss gets the mean over channels, then over layers.  May be NULL. */
    double (*distribution)(double mean, double sd, double *by_mean, double *by_sd);
    float limit; /* real weights are kept in [-limit, limit] after each update; 0 is no limit */
    struct {
        const char *name; /* NULL: nothing is learned */
        float first, low, high;
    } learned; /* a number of each row of weights and of each sign layer */
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
