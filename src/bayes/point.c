/* SPDX-License-Identifier: MIT */
/* No randomness: one learned scale vector per layer, a bank of one entry. */
#include <string.h>

#include "bayes/bayes.h"

#define POINT_PARAMS(X)                                                                                                \
    X(spread, REAL, "method.spread", "0", "", 0, 1, "first scales are uniform on 1 - spread .. 1 + spread",            \
      "docs/architecture.md, the trap")

struct point_settings {
    SPS_PARAMS_STRUCT(POINT_PARAMS)
};
#define SPS_PARAMS_OWNER struct point_settings
static const struct sps_param point_params[] = {SPS_PARAMS_TABLE(POINT_PARAMS)};
#undef SPS_PARAMS_OWNER

sps_status sps_point_attach(struct sps_graph *graph, struct sps_scale *scale, double spread, uint64_t seed)
{
    size_t channels = (size_t)scale->channels;
    SPS_TRY(sps_graph_add_weight(graph, &scale->weight[0], scale->layer, "scale", 1, &channels, 0, 0));
    sps_scale_initialise(scale, scale->weight[0]->value, spread, seed);
    return SPS_OK;
}

sps_status sps_point_attach_ones(struct sps_graph *graph, struct sps_scale *scale, uint64_t seed)
{
    return sps_point_attach(graph, scale, 0, seed);
}

static sps_status attach(struct sps_graph *graph, struct sps_scale *scale, uint64_t seed)
{
    const struct point_settings *set = scale->settings;
    return sps_point_attach(graph, scale, set->spread, seed);
}

void sps_point_draw(struct sps_scale *scale, const struct sps_pass *pass, int n0, int n1)
{
    (void)pass;
    size_t channels = (size_t)scale->channels;
    for (size_t i = (size_t)n0; i < (size_t)n1; i++)
        memcpy(scale->effective + i * channels, scale->weight[0]->value, channels * sizeof(float));
}

void sps_point_backward(struct sps_scale *scale, const struct sps_pass *pass)
{
    size_t channels = (size_t)scale->channels;
    float *grad = scale->weight[0]->grad;
    memset(grad, 0, channels * sizeof *grad);
    for (size_t i = 0; i < (size_t)pass->n; i++)
        for (size_t c = 0; c < channels; c++)
            grad[c] += scale->effective_grad[i * channels + c];
}

sps_status sps_point_make_bank(struct sps_scale *scale, uint64_t seed, uint32_t attempt)
{
    (void)seed, (void)attempt;
    SPS_TRY(sps_scale_reserve(scale, 1));
    memcpy(scale->bank, scale->weight[0]->value, (size_t)scale->channels * sizeof(float));
    memcpy(scale->point, scale->bank, (size_t)scale->channels * sizeof(float));
    scale->probability[0] = 1;
    return SPS_OK;
}

const struct sps_method sps_method_point = {
    .name = "point",
    .summary = "one scale vector per layer, no randomness",
    .source = "IR-Net with learned scales; Bulat and Tzimiropoulos 2019",
    .params = point_params,
    .settings_size = sizeof(struct point_settings),
    .attach = attach,
    .draw = sps_point_draw,
    .backward = sps_point_backward,
    .make_bank = sps_point_make_bank,
};
