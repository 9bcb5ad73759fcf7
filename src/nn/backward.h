/* SPDX-License-Identifier: MIT */
#ifndef SPS_NN_BACKWARD_H
#define SPS_NN_BACKWARD_H
/* The two backward products of a binary layer whose gradient is dense, by oneDNN: operands are written out in the
 * graph's precision, +-1 exactly, into arrays that all layers share. */
#include "nn/nn.h"
#include "nn/onednn.h"

struct sps_backward {
    sps_conv_op *op; /* NULL: none */
    size_t in, out;  /* numbers of an image, before pooling */
    int pool, width; /* side of a pooling window, 1: none; columns before pooling */
};

/* Convolution of the layer before its pooling (a dense layer is a convolution of kernel 1 on 1 x 1 pixels).  Pooling
 * needs bfloat16.  Release with reset. */
sps_status sps_backward_init(struct sps_backward *b, struct sps_graph *graph, const struct sps_conv_shape *shape,
                             int pool);
void sps_backward_reset(struct sps_backward *b);
/* bfloat16: keeps the input and the gradient dy[layer's output] of one image.  argmax, of pooling: which position of
 * its window each output comes from. */
void sps_backward_take(const struct sps_backward *b, const struct sps_graph *graph, const struct sps_layer *layer,
                       int image, const float *dy, const uint8_t *argmax);
/* weight->grad is set, and dx[B][in] where it is not NULL, from what was taken; with floats from dy[B][layer's output],
 * which may be written to past pass->n. */
void sps_backward_run(const struct sps_backward *b, struct sps_graph *graph, struct sps_layer *layer,
                      const struct sps_pass *pass, const struct sps_weight *weight, float *dy, float *dx);
#endif
