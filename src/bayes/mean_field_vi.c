/* SPDX-License-Identifier: MIT */
/* Mean-field variational inference of weights (Blundell et al. 2015): a Gaussian for each latent weight, drawn by
 * reparameterisation (nn/drawn.c) and made a sign by the network's binariser where weights are binary; the
 * deterministic reading has the means.  The scale vectors are learned and fixed.
 *
 *   loss = cross-entropy + lambda sum KL(N(mu, sigma^2) || N(0, prior^2))
 *
 * The baseline of storage: such a model keeps mu and rho, two floats a weight, where scale_vi keeps a bit and a few
 * scales.
 *
 * Departures: one draw for a batch in training and one for all images of a pass in prediction; prior and first sigma
 * are in units of the weights' first spread, sqrt(2 / fan-in), so that one number fits all layers. */
#include <math.h>
#include <stdio.h>

#include "bayes/bayes.h"
#include "nn/drawn.h"

#define MEAN_FIELD_VI_PARAMS(X)                                                                                        \
    X(lambda, REAL_OR_WORD, "method.lambda", "1e-7", "elbo", 0, 1e6,                                                   \
      "weight of the KL term, or `elbo` for 1 / training images", "DATE 2023, eq. 3")                                  \
    X(prior, REAL, "method.prior", "1", "", 1e-4, 100,                                                                 \
      "standard deviation of the prior, in units of the weights' first spread", "")                                    \
    X(sigma, REAL, "method.sigma", "0.1", "", 1e-6, 10,                                                                \
      "first standard deviation of the posterior, in units of the weights' first spread", "")

struct mean_field_vi_settings {
    SPS_PARAMS_STRUCT(MEAN_FIELD_VI_PARAMS)
};
#define SPS_PARAMS_OWNER struct mean_field_vi_settings
static const struct sps_param mean_field_vi_params[] = {SPS_PARAMS_TABLE(MEAN_FIELD_VI_PARAMS)};
#undef SPS_PARAMS_OWNER

static void product(char text[SPS_NOISE_TEXT], const void *settings, const struct sps_place *place)
{
    (void)place;
    const struct mean_field_vi_settings *set = settings;
    snprintf(text, SPS_NOISE_TEXT, "sigma: %.9g", set->sigma);
}

/* KL(N(m, s^2) || N(0, p^2)) = log(p / s) + (s^2 + m^2) / (2 p^2) - 1/2, summed over the row. */
static double weight_penalty(const struct sps_weight *w, size_t row, const void *settings, size_t images)
{
    const struct mean_field_vi_settings *set = settings;
    float lambda = (float)(set->lambda.word == 0 ? 1.0 / (double)images : set->lambda.value),
          prior = (float)set->prior * sps_first_spread(w), p2 = prior * prior;
    double kl = 0;
    for (size_t i = row * w->row; i < (row + 1) * w->row; i++) {
        float m = w->value[i], rho = w->rho->value[i], s = sps_sigma(rho);
        kl += logf(prior / s) + (s * s + m * m) / (2 * p2) - 0.5f;
        w->grad[i] += lambda * m / p2;
        w->rho->grad[i] += lambda * (s / p2 - 1 / s) / (1 + expf(-rho));
    }
    return lambda * kl;
}

const struct sps_method sps_method_mean_field_vi = {
    .name = "mean_field_vi",
    .summary = "a Gaussian posterior over each weight, drawn anew in each pass; the scales are fixed",
    .source = "Blundell et al., Weight Uncertainty in Neural Networks, ICML 2015",
    .params = mean_field_vi_params,
    .settings_size = sizeof(struct mean_field_vi_settings),
    .attach = sps_point_attach_ones,
    .draw = sps_point_draw,
    .backward = sps_point_backward,
    .make_bank = sps_point_make_bank,
    .product = product,
    .weight_penalty = weight_penalty,
};
