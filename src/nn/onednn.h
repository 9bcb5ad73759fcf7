/* SPDX-License-Identifier: MIT */
#ifndef SPS_NN_ONEDNN_H
#define SPS_NN_ONEDNN_H
/* Float work by oneDNN, kept behind onednn.c: convolution and matrix products, channels last. */
#include <stddef.h>

#include "core/error.h"

sps_status sps_onednn_create(void **out);
void sps_onednn_free(void *onednn); /* NULL is allowed */

/* c[m][n] = a b + beta c, row-major; a is [m][k] (or [k][m] if a_transposed), b is [k][n] (or [n][k]). */
void sps_gemm(int a_transposed, int b_transposed, size_t m, size_t n, size_t k, const float *a, const float *b,
              float beta, float *c);

/* What the operands of backward products are rounded to; their results are floats, and so is all of forward. */
enum sps_precision { SPS_FLOAT32, SPS_BFLOAT16 };
/* Whether the processor multiplies bfloat16 faster than floats. */
int sps_onednn_likes_bfloat16(void);

/* A convolution of n images [h][w][c] with weights [o][k][k][c] to [oh][ow][o], in all three directions. */
struct sps_conv_shape {
    int n, h, w, c, oh, ow, o, kernel, stride, pad;
};
typedef struct sps_conv_op sps_conv_op;
enum { SPS_CONV_FORWARD = 1, SPS_CONV_BACKWARD = 2 };
sps_status sps_conv_op_create(sps_conv_op **out, void *onednn, const struct sps_conv_shape *shape, int directions,
                              enum sps_precision precision);
void sps_conv_op_free(sps_conv_op *op); /* NULL is allowed */
void sps_conv_op_forward(sps_conv_op *op, float *y, const float *x, const float *w);
/* dy, w and x in the precision (bfloat16: uint16_t). */
void sps_conv_op_backward_data(sps_conv_op *op, float *dx, const void *dy, const void *w);
void sps_conv_op_backward_weights(sps_conv_op *op, float *dw, const void *dy, const void *x);
#endif
