/* SPDX-License-Identifier: MIT */
#ifndef SPS_TRAIN_VARIANT_H
#define SPS_TRAIN_VARIANT_H
/* The network that a configuration asks for: as it is described, or its float twin, with the method's noise layers. */
#include "nn/nn.h"

enum sps_twin { SPS_TWIN_NONE, SPS_TWIN_RELU, SPS_TWIN_HTANH };

/* *text is the description after the changes, NULL where there are none; release with sps_free().  A float twin has
 * real weights, relu or hard tanh where the network has a sign (one for both where a block takes the signs of what it
 * adds to), and pool layers for pooled sums.  float_ends: the first and the last product have real weights, as in most
 * papers on binary networks. */
sps_status sps_net_variant(char **text, const sps_yaml *net, enum sps_twin twin, int float_ends,
                           const struct sps_method *method, const void *settings);
#endif
