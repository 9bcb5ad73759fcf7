/* SPDX-License-Identifier: MIT */
#ifndef SPS_PACK_PACK_H
#define SPS_PACK_PACK_H
/* From a trained graph to a packed model.  Nothing is approximated: scale, bias and batch normalisation of a channel
 * and bank entry, followed by a sign, are a threshold on the integer sum, found by evaluating the float expression
 * itself at integers. */
#include "engine/packed.h"
#include "nn/nn.h"

/* What the graph does not know; strings and tables are copied. */
struct sps_pack_facts {
    const int8_t *codes;            /* [c][256] */
    const float *mean, *std;        /* [c] */
    const char *const *class_names; /* [256], NULL where there is none */
    const char *net, *method, *data, *data_sha256, *config, *seed;
    double validation_accuracy;
};

/* SPS_EUNSUPPORTED, naming the layer, where the graph has something that packed models cannot say. */
sps_status sps_pack_graph(struct sps_packed **out, struct sps_graph *graph, const struct sps_pack_facts *facts);
#endif
