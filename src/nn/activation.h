/* SPDX-License-Identifier: MIT */
#ifndef SPS_NN_ACTIVATION_H
#define SPS_NN_ACTIVATION_H
/* What element-wise layers share: reals in, the same shape out, gradient in place. */
#include "nn/nn.h"

sps_status sps_activation_setup(struct sps_layer *layer, enum sps_kind out);

/* y = x clipped to [low, high]; a NaN stays one, for it must reach the loss.  The gradient passes strictly inside. */
void sps_clip_forward(struct sps_graph *graph, struct sps_layer *layer, int image, float low, float high);
void sps_clip_backward(struct sps_layer *layer, int image, float *dy, float low, float high);
#endif
