/* SPDX-License-Identifier: MIT */
/* Spatial-SpinDrop (Ahmed et al., arXiv 2306.10185): binary feature maps are dropped as a whole, so that a convolution
 * needs one stochastic unit for each input map where SpinDrop needs one for each word line, kernel x kernel times as
 * many.  mc_dropout with that placement and unit.
 *
 * In front of a dense layer there are no maps to save units with: neurons are dropped there, or maps all the same
 * (those of the convolution before), or nothing. */
#include "bayes/bayes.h"

#define SPATIAL_SPINDROP_PARAMS(X)                                                                                     \
    X(p, REAL, "method.p", "0.2", "", 0, 0.95, "probability that a feature map is dropped", "arXiv 2306.10185")        \
    X(dense, CHOICE, "method.dense", "neuron", "neuron|map|none", 0, 2, "what is dropped in front of dense layers", "")

struct spatial_spindrop_settings {
    SPS_PARAMS_STRUCT(SPATIAL_SPINDROP_PARAMS)
};
#define SPS_PARAMS_OWNER struct spatial_spindrop_settings
static const struct sps_param spatial_spindrop_params[] = {SPS_PARAMS_TABLE(SPATIAL_SPINDROP_PARAMS)};
#undef SPS_PARAMS_OWNER

enum { NEURON, MAP, NONE };

static void noise(char layer[SPS_NOISE_TEXT], const void *settings, const struct sps_place *place)
{
    const struct spatial_spindrop_settings *set = settings;
    layer[0] = '\0';
    if (place->binary && !(place->dense && set->dense == NONE))
        sps_dropout_text(layer, set->p, !place->dense || set->dense == MAP);
}

const struct sps_method sps_method_spatial_spindrop = {
    .name = "spatial_spindrop",
    .summary = "dropout of binary feature maps before each convolution but the first, in predictions too",
    .source = "Ahmed et al., Spatial-SpinDrop, arXiv 2306.10185",
    .params = spatial_spindrop_params,
    .settings_size = sizeof(struct spatial_spindrop_settings),
    .attach = sps_point_attach_ones,
    .draw = sps_point_draw,
    .backward = sps_point_backward,
    .make_bank = sps_point_make_bank,
    .noise = noise,
};
