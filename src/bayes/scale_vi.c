/* SPDX-License-Identifier: MIT */
/* Bayesian subset-parameter inference (Ahmed et al., DATE 2023, section III-B): a Gaussian posterior over each scale
 * vector, learned by variational inference; N samples of it, quantised (PACT), are the bank, chosen uniformly.
 *
 *   s = mean + sigma eps,  sigma = softplus(rho),  loss = cross-entropy + lambda sum KL(q || N(1, prior^2))
 *
 * Departures: the prior, which the paper does not state, is centred at one; eps is drawn per sample
 * (docs/architecture.md, the trap); PACT's clipping level is a setting, so that all layers share one quantiser step as
 * the hardware's scale cells do. */
#include <math.h>
#include <string.h>

#include "bayes/bayes.h"
#include "core/random.h"

#define SCALE_VI_PARAMS(X)                                                                                             \
    X(samples, INT, "method.samples", "8", "", 1, 255, "entries N of the bank", "DATE 2023, section III-B")            \
    X(bits, INT, "method.bits", "4", "", 0, 16, "bits of a quantised scale; 0 leaves them as they are",                \
      "DATE 2023, section IV-A")                                                                                       \
    X(clip, REAL, "method.clip", "2", "", 0.1, 100, "PACT's clipping level alpha of the scales", "Choi et al. 2018")   \
    X(lambda, REAL_OR_WORD, "method.lambda", "0.001", "elbo", 0, 1e6,                                                  \
      "weight of the KL term, or `elbo` for 1 / training images", "DATE 2023, eq. 3")                                  \
    X(prior, REALS, "method.prior", "[0.3]", "", 1e-4, 100,                                                            \
      "standard deviation of the prior N(1, prior^2): one for all layers, or a list with one a layer", "")             \
    X(sigma, REALS, "method.sigma", "[0.3]", "", 1e-6, 10,                                                             \
      "first standard deviation of the posterior: one for all layers, or a list with one a layer", "")                 \
    X(spread, REAL, "method.spread", "0", "", 0, 1, "first means are uniform on 1 - spread .. 1 + spread", "")         \
    X(path_per, CHOICE, "method.path_per", "sample", "sample|batch", 0, 1, "who shares a draw in training",            \
      "docs/architecture.md, the trap")

struct scale_vi_settings {
    SPS_PARAMS_STRUCT(SCALE_VI_PARAMS)
};
#define SPS_PARAMS_OWNER struct scale_vi_settings
static const struct sps_param scale_vi_params[] = {SPS_PARAMS_TABLE(SCALE_VI_PARAMS)};
#undef SPS_PARAMS_OWNER

enum { MEAN, RHO };
enum { PER_SAMPLE, PER_BATCH };

static double softplus(double x)
{
    return x > 30 ? x : log1p(exp(x));
}

static sps_status attach(struct sps_graph *graph, struct sps_scale *scale, uint64_t seed)
{
    const struct scale_vi_settings *set = scale->settings;
    size_t channels = (size_t)scale->channels;
    SPS_TRY(sps_scale_setting_reaches(scale, &set->prior, "method.prior"));
    SPS_TRY(sps_scale_setting_reaches(scale, &set->sigma, "method.sigma"));
    SPS_TRY(sps_graph_add_weight(graph, &scale->weight[MEAN], scale->layer, "scale_mean", 1, &channels, 0, 0));
    SPS_TRY(sps_graph_add_weight(graph, &scale->weight[RHO], scale->layer, "scale_rho", 1, &channels, 0, 0));
    sps_scale_initialise(scale, scale->weight[MEAN]->value, set->spread, seed);
    for (size_t c = 0; c < channels; c++)
        scale->weight[RHO]->value[c] = (float)log(expm1(sps_scale_setting(scale, &set->sigma)));
    return SPS_OK;
}

static sps_status check(const struct sps_graph *graph)
{
    const struct scale_vi_settings *set = graph->settings;
    SPS_TRY(sps_scale_setting_fits(graph, &set->prior, "method.prior"));
    return sps_scale_setting_fits(graph, &set->sigma, "method.sigma");
}

static void draw(struct sps_scale *scale, const struct sps_pass *pass, int n0, int n1)
{
    const struct scale_vi_settings *set = scale->settings;
    const float *mean = scale->weight[MEAN]->value, *rho = scale->weight[RHO]->value;
    for (int i = n0; i < n1; i++) {
        struct sps_random r = sps_scale_stream(scale, pass, i, set->path_per == PER_BATCH);
        for (int c = 0; c < scale->channels; c++) {
            size_t at = (size_t)i * (size_t)scale->channels + (size_t)c;
            scale->noise[at] = sps_random_normal(&r);
            scale->effective[at] =
                sps_scale_quantise((int)set->bits, set->clip, mean[c] + (float)softplus(rho[c]) * scale->noise[at]);
        }
    }
}

static void backward(struct sps_scale *scale, const struct sps_pass *pass)
{
    const struct scale_vi_settings *set = scale->settings;
    const float *mean = scale->weight[MEAN]->value, *rho = scale->weight[RHO]->value;
    float *mean_grad = scale->weight[MEAN]->grad, *rho_grad = scale->weight[RHO]->grad;
    size_t channels = (size_t)scale->channels;
    memset(mean_grad, 0, channels * sizeof *mean_grad);
    memset(rho_grad, 0, channels * sizeof *rho_grad);
    for (size_t c = 0; c < channels; c++) {
        float sigma = (float)softplus(rho[c]), slope = 1 / (1 + expf(-rho[c]));
        for (size_t i = 0; i < (size_t)pass->n; i++) {
            size_t at = i * channels + c;
            float g = scale->effective_grad[at];
            if (set->bits > 0) /* straight through the rounding, nothing through the clipping */
                sps_pact_backward(&g, g, mean[c] + sigma * scale->noise[at], (float)set->clip);
            mean_grad[c] += g;
            rho_grad[c] += g * scale->noise[at] * slope;
        }
    }
}

/* KL(N(m, s^2) || N(1, p^2)) = log(p / s) + (s^2 + (m - 1)^2) / (2 p^2) - 1/2, summed over channels. */
static double penalty(struct sps_scale *scale, size_t images)
{
    const struct scale_vi_settings *set = scale->settings;
    double lambda = set->lambda.word == 0 ? 1.0 / (double)images : set->lambda.value, kl = 0,
           prior = sps_scale_setting(scale, &set->prior), p2 = prior * prior;
    for (int c = 0; c < scale->channels; c++) {
        double m = scale->weight[MEAN]->value[c], rho = scale->weight[RHO]->value[c], s = softplus(rho);
        kl += log(prior / s) + (s * s + (m - 1) * (m - 1)) / (2 * p2) - 0.5;
        scale->weight[MEAN]->grad[c] += (float)(lambda * (m - 1) / p2);
        scale->weight[RHO]->grad[c] += (float)(lambda * (s / p2 - 1 / s) / (1 + exp(-rho)));
    }
    return lambda * kl;
}

static sps_status make_bank(struct sps_scale *scale, uint64_t seed, uint32_t attempt)
{
    const struct scale_vi_settings *set = scale->settings;
    size_t channels = (size_t)scale->channels;
    const float *mean = scale->weight[MEAN]->value, *rho = scale->weight[RHO]->value;
    SPS_TRY(sps_scale_reserve(scale, (int)set->samples));
    for (int k = 0; k < scale->entries; k++) {
        struct sps_random r = sps_random(seed, SPS_FOR_BANK, attempt, (uint32_t)k, (uint32_t)scale->layer);
        scale->probability[k] = 1.0 / scale->entries;
        for (size_t c = 0; c < channels; c++)
            scale->bank[(size_t)k * channels + c] = sps_scale_quantise(
                (int)set->bits, set->clip, mean[c] + (float)softplus(rho[c]) * sps_random_normal(&r));
    }
    for (size_t c = 0; c < channels; c++)
        scale->point[c] = sps_scale_quantise((int)set->bits, set->clip, mean[c]);
    return SPS_OK;
}

const struct sps_method sps_method_scale_vi = {
    .name = "scale_vi",
    .summary = "Gaussian posterior over the scale vectors; N quantised samples are the bank",
    .source = "Ahmed et al., Scalable Spintronics-based Bayesian Neural Network, DATE 2023",
    .params = scale_vi_params,
    .settings_size = sizeof(struct scale_vi_settings),
    .attach = attach,
    .check = check,
    .draw = draw,
    .backward = backward,
    .penalty = penalty,
    .make_bank = make_bank,
    .draws_bank = 1,
};
