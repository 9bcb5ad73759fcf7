/* SPDX-License-Identifier: MIT */
/* SpinDrop (Ahmed et al. 2022, 2023): dropout of binary neurons for Monte Carlo passes, one stochastic magnetic
 * junction in front of each word line of a crossbar.  Every binary activation is dropped on its way into the product
 * behind it: mc_dropout with that placement and unit; real activations, as in front of a float last layer, are kept. */
#include "bayes/bayes.h"

#define SPINDROP_PARAMS(X)                                                                                             \
    X(p, REAL, "method.p", "0.2", "", 0, 0.95, "probability that a neuron is dropped", "Ahmed et al. 2023")

struct spindrop_settings {
    SPS_PARAMS_STRUCT(SPINDROP_PARAMS)
};
#define SPS_PARAMS_OWNER struct spindrop_settings
static const struct sps_param spindrop_params[] = {SPS_PARAMS_TABLE(SPINDROP_PARAMS)};
#undef SPS_PARAMS_OWNER

static void noise(char layer[SPS_NOISE_TEXT], const void *settings, const struct sps_place *place)
{
    const struct spindrop_settings *set = settings;
    layer[0] = '\0';
    if (place->binary)
        sps_dropout_text(layer, set->p, 0);
}

const struct sps_method sps_method_spindrop = {
    .name = "spindrop",
    .summary = "dropout of binary neurons before each product but the first, in predictions too",
    .source = "Ahmed et al., SpinDrop, NANOARCH 2022; IEEE JETCAS 13(1), 2023",
    .params = spindrop_params,
    .settings_size = sizeof(struct spindrop_settings),
    .attach = sps_point_attach_ones,
    .draw = sps_point_draw,
    .backward = sps_point_backward,
    .make_bank = sps_point_make_bank,
    .noise = noise,
};
