/* SPDX-License-Identifier: MIT */
/* Monte Carlo dropout: dropout layers (nn/dropout.c) behind the hidden activations, drawn in predictions as in
 * training. The scale vectors are learned and fixed.  A baseline. */
#include <stdio.h>

#include "bayes/bayes.h"

#define MC_DROPOUT_PARAMS(X)                                                                                           \
    X(p, REAL, "method.p", "0.2", "", 0, 0.95, "probability that a unit is dropped", "Gal and Ghahramani, ICML 2016")  \
    X(place, CHOICE, "method.place", "all", "all|dense", 0, 1,                                                         \
      "behind all hidden activations, or only where a dense layer follows", "")                                        \
    X(unit, CHOICE, "method.unit", "neuron", "neuron|map", 0, 1, "what is dropped at once", "")

enum { ALL, DENSE };
enum { NEURON, MAP };

struct mc_dropout_settings {
    SPS_PARAMS_STRUCT(MC_DROPOUT_PARAMS)
};
#define SPS_PARAMS_OWNER struct mc_dropout_settings
static const struct sps_param mc_dropout_params[] = {SPS_PARAMS_TABLE(MC_DROPOUT_PARAMS)};
#undef SPS_PARAMS_OWNER

void sps_dropout_text(char layer[SPS_NOISE_TEXT], double p, int map)
{
    snprintf(layer, SPS_NOISE_TEXT, "dropout: {p: %.9g, unit: %s}", p, map ? "map" : "neuron");
}

static void noise(char layer[SPS_NOISE_TEXT], const void *settings, const struct sps_place *place)
{
    const struct mc_dropout_settings *set = settings;
    layer[0] = '\0';
    if (set->place == ALL || place->dense)
        sps_dropout_text(layer, set->p, set->unit == MAP);
}

const struct sps_method sps_method_mc_dropout = {
    .name = "mc_dropout",
    .summary = "dropout of activations, in predictions too; the scales are fixed",
    .source = "Gal and Ghahramani, ICML 2016",
    .params = mc_dropout_params,
    .settings_size = sizeof(struct mc_dropout_settings),
    .attach = sps_point_attach_ones,
    .draw = sps_point_draw,
    .backward = sps_point_backward,
    .make_bank = sps_point_make_bank,
    .noise = noise,
};
