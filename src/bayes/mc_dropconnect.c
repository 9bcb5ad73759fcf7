/* SPDX-License-Identifier: MIT */
/* Monte Carlo DropConnect (Mobiny et al. 2021): each weight of a product is dropped, in predictions as in training
 * (nn/drawn.c).  The scale vectors are learned and fixed.
 *
 * Departures: one mask for a batch in training and one for all images of a pass in prediction; what is kept is scaled
 * by 1 / (1 - p) where weights are real, which the authors' code leaves out. */
#include <stdio.h>

#include "bayes/bayes.h"

#define MC_DROPCONNECT_PARAMS(X)                                                                                       \
    X(p, REALS, "method.p", "[0.2]", "", 0, 0.95,                                                                      \
      "probability that a weight is dropped: one for all products, or a list with one a product", "Wan et al. 2013")   \
    X(place, CHOICE, "method.place", "all", "all|dense", 0, 1, "in all products, or in dense layers only", "")

struct mc_dropconnect_settings {
    SPS_PARAMS_STRUCT(MC_DROPCONNECT_PARAMS)
};
#define SPS_PARAMS_OWNER struct mc_dropconnect_settings
static const struct sps_param mc_dropconnect_params[] = {SPS_PARAMS_TABLE(MC_DROPCONNECT_PARAMS)};
#undef SPS_PARAMS_OWNER

enum { ALL, DENSE };

static void product(char text[SPS_NOISE_TEXT], const void *settings, const struct sps_place *place)
{
    const struct mc_dropconnect_settings *set = settings;
    const struct sps_reals *p = &set->p;
    text[0] = '\0';
    if (set->place == ALL || place->dense)
        snprintf(text, SPS_NOISE_TEXT, "drop: %.9g", p->value[place->at < p->count ? place->at : p->count - 1]);
}

static sps_status check(const struct sps_graph *graph)
{
    const struct mc_dropconnect_settings *set = graph->settings;
    struct sps_product product;
    int products = 0;
    for (int i = 0; i < graph->layer_count; i++)
        products += sps_layer_product(&product, graph->layers[i]);
    if (set->p.count > 1 && set->p.count != products)
        SPS_FAIL(EINVAL, "method.p has %d numbers, network '%s' has %d products", set->p.count, graph->name, products);
    return SPS_OK;
}

const struct sps_method sps_method_mc_dropconnect = {
    .name = "mc_dropconnect",
    .summary = "dropout of weights, in predictions too; the scales are fixed",
    .source = "Mobiny et al., Scientific Reports 11, 2021; Wan et al., ICML 2013",
    .params = mc_dropconnect_params,
    .settings_size = sizeof(struct mc_dropconnect_settings),
    .check = check,
    .attach = sps_point_attach_ones,
    .draw = sps_point_draw,
    .backward = sps_point_backward,
    .make_bank = sps_point_make_bank,
    .product = product,
};
