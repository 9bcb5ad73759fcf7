/* SPDX-License-Identifier: MIT */
#ifndef SPS_NN_ACTIVATION_H
#define SPS_NN_ACTIVATION_H
/* What all element-wise layers share: reals in, the same shape out, gradient in place. */
#include "nn/nn.h"

sps_status sps_activation_setup(struct sps_layer *layer, enum sps_kind out);
#endif
