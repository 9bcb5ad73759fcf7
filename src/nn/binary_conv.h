/* SPDX-License-Identifier: MIT */
#ifndef SPS_NN_BINARY_CONV_H
#define SPS_NN_BINARY_CONV_H
/* Binary convolution with max-pooling of its sums, one image at a time: the arithmetic behind layer `conv`. */
#include "kern/window.h"
#include "nn/nn.h"

struct sps_binary_conv {
    struct sps_window window;        /* to the sums before pooling */
    int oh, ow, o;                   /* output */
    int pool;                        /* windows at the end may be smaller: where oh * pool > ch */
    int codes;                       /* of the input, as kern/window.h has it */
    int narrow;                      /* y is int16 */
    const struct sps_weight *weight; /* [o][kernel][kernel][c] */
    struct sps_padding padding;      /* of bits */
};

/* Fill sizes first; then this allocates the tables.  Release with reset. */
sps_status sps_binary_conv_init(struct sps_binary_conv *conv);
void sps_binary_conv_reset(struct sps_binary_conv *conv);
/* Bytes of scratch that the calls below need. */
size_t sps_binary_conv_scratch(const struct sps_binary_conv *conv, int training);
/* After the weights changed. */
void sps_binary_conv_refresh(struct sps_binary_conv *conv);

/* y[oh][ow][o] sums, int32 or int16 where narrow, argmax (index in the pooling window; NULL where nobody wants it) of
 * one image x: codes [h][w][c] or a bit stream. */
void sps_binary_conv_forward(const struct sps_binary_conv *conv, const struct sps_kern *kern, void *y, uint8_t *argmax,
                             const void *x, void *scratch);

/* dw[o][ld] += for one image, ld = sps_binary_conv_ld(); dx[h][w][c] is set (NULL: not wanted). */
size_t sps_binary_conv_ld(const struct sps_binary_conv *conv);
void sps_binary_conv_backward(const struct sps_binary_conv *conv, const struct sps_kern *kern, float *dw, float *dx,
                              const float *dy, const uint8_t *argmax, const void *x, void *scratch);
#endif
