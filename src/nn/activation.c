/* SPDX-License-Identifier: MIT */
#include "nn/activation.h"

sps_status sps_activation_setup(struct sps_layer *layer, enum sps_kind out)
{
    if (layer->in.kind != SPS_REALS)
        SPS_FAIL(EINVAL, "input is %s, must be reals (the output of batchnorm or of a float layer)",
                 sps_kind_name(layer->in.kind));
    layer->out = layer->in;
    layer->out.kind = out;
    return SPS_OK;
}
