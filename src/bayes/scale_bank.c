/* SPDX-License-Identifier: MIT */
/* A trained bank (ours): its K scale vectors are what is trained, each sample on the path it draws.  scale_vi trains a
 * Gaussian and then samples a bank that nobody trained; here no draw comes between training and chip, at the same cost
 * of a prediction.
 *
 *   loss = cross-entropy + lambda sum over channels of KL(N(m, s^2) || N(1, prior^2))
 *
 * with m and s the mean and standard deviation of the channel's K entries: what keeps them apart, since noise costs
 * training loss (docs/architecture.md, the trap). */
#include <math.h>
#include <string.h>

#include "bayes/bayes.h"
#include "core/random.h"

#define SCALE_BANK_PARAMS(X)                                                                                           \
    X(samples, INT, "method.samples", "8", "", 2, 255, "entries K of the bank", "")                                    \
    X(bits, INT, "method.bits", "4", "", 0, 16, "bits of a quantised scale; 0 leaves them as they are",                \
      "DATE 2023, section IV-A")                                                                                       \
    X(clip, REAL, "method.clip", "2", "", 0.1, 100, "PACT's clipping level alpha of the scales", "Choi et al. 2018")   \
    X(lambda, REAL, "method.lambda", "0.001", "", 0, 1e6, "weight of the KL term", "")                                 \
    X(prior, REALS, "method.prior", "[0.3]", "", 1e-4, 100,                                                            \
      "standard deviation of the prior N(1, prior^2), and of the first entries: one for all layers, or a list with "   \
      "one a layer",                                                                                                   \
      "")

struct scale_bank_settings {
    SPS_PARAMS_STRUCT(SCALE_BANK_PARAMS)
};
#define SPS_PARAMS_OWNER struct scale_bank_settings
static const struct sps_param scale_bank_params[] = {SPS_PARAMS_TABLE(SCALE_BANK_PARAMS)};
#undef SPS_PARAMS_OWNER

/* One row a channel would be natural; one row in all keeps the weights' own initialisation away. */
static sps_status attach(struct sps_graph *graph, struct sps_scale *scale, uint64_t seed)
{
    const struct scale_bank_settings *set = scale->settings;
    size_t size = (size_t)set->samples * (size_t)scale->channels;
    SPS_TRY(sps_scale_setting_reaches(scale, &set->prior, "method.prior"));
    SPS_TRY(sps_graph_add_weight(graph, &scale->weight[0], scale->layer, "scale_entries", 1, &size, 0, 0));
    struct sps_random r = sps_random(seed, SPS_FOR_INIT, 0, 1, (uint32_t)scale->layer);
    float prior = (float)sps_scale_setting(scale, &set->prior);
    for (size_t j = 0; j < size; j++)
        scale->weight[0]->value[j] = 1 + prior * sps_random_normal(&r);
    return SPS_OK;
}

static sps_status check(const struct sps_graph *graph)
{
    const struct scale_bank_settings *set = graph->settings;
    return sps_scale_setting_fits(graph, &set->prior, "method.prior");
}

/* noise is the number of the entry that the sample drew. */
static void draw(struct sps_scale *scale, const struct sps_pass *pass, int n0, int n1)
{
    const struct scale_bank_settings *set = scale->settings;
    size_t channels = (size_t)scale->channels;
    for (int i = n0; i < n1; i++) {
        struct sps_random r = sps_scale_stream(scale, pass, i, 0);
        uint32_t entry = sps_random_below(&r, (uint32_t)set->samples);
        const float *s = scale->weight[0]->value + entry * channels;
        for (size_t c = 0; c < channels; c++) {
            scale->noise[(size_t)i * channels + c] = (float)entry;
            scale->effective[(size_t)i * channels + c] = sps_scale_quantise((int)set->bits, set->clip, s[c]);
        }
    }
}

static void backward(struct sps_scale *scale, const struct sps_pass *pass)
{
    const struct scale_bank_settings *set = scale->settings;
    size_t channels = (size_t)scale->channels;
    float *grad = scale->weight[0]->grad;
    const float *value = scale->weight[0]->value;
    memset(grad, 0, (size_t)set->samples * channels * sizeof *grad);
    for (size_t i = 0; i < (size_t)pass->n; i++)
        for (size_t c = 0; c < channels; c++) {
            size_t to = (size_t)scale->noise[i * channels + c] * channels + c;
            float g = scale->effective_grad[i * channels + c];
            if (set->bits > 0) /* straight through the rounding, nothing through the clipping */
                sps_pact_backward(&g, g, value[to], (float)set->clip);
            grad[to] += g;
        }
}

/* With v = s^2 over the entries s_k: d KL / d s_k = ((s_k - m) (1 / prior^2 - 1 / v) + (m - 1) / prior^2) / K. */
static double penalty(struct sps_scale *scale, size_t images)
{
    (void)images;
    const struct scale_bank_settings *set = scale->settings;
    size_t channels = (size_t)scale->channels, count = (size_t)set->samples;
    double prior = sps_scale_setting(scale, &set->prior), p2 = prior * prior, kl = 0;
    float *grad = scale->weight[0]->grad;
    const float *value = scale->weight[0]->value;
    for (size_t c = 0; c < channels; c++) {
        double m = 0, v = 1e-12;
        for (size_t k = 0; k < count; k++)
            m += value[k * channels + c] / (double)count;
        for (size_t k = 0; k < count; k++)
            v += (value[k * channels + c] - m) * (value[k * channels + c] - m) / (double)count;
        kl += 0.5 * (log(p2 / v) + (v + (m - 1) * (m - 1)) / p2 - 1);
        for (size_t k = 0; k < count; k++)
            grad[k * channels + c] +=
                (float)(set->lambda * ((value[k * channels + c] - m) * (1 / p2 - 1 / v) + (m - 1) / p2) /
                        (double)count);
    }
    return set->lambda * kl;
}

static sps_status make_bank(struct sps_scale *scale, uint64_t seed, uint32_t attempt)
{
    (void)seed, (void)attempt;
    const struct scale_bank_settings *set = scale->settings;
    size_t channels = (size_t)scale->channels, count = (size_t)set->samples;
    const float *value = scale->weight[0]->value;
    SPS_TRY(sps_scale_reserve(scale, (int)count));
    for (size_t k = 0; k < count; k++) {
        scale->probability[k] = 1.0 / (double)count;
        for (size_t c = 0; c < channels; c++)
            scale->bank[k * channels + c] = sps_scale_quantise((int)set->bits, set->clip, value[k * channels + c]);
    }
    for (size_t c = 0; c < channels; c++) {
        double mean = 0;
        for (size_t k = 0; k < count; k++)
            mean += value[k * channels + c] / (double)count;
        scale->point[c] = sps_scale_quantise((int)set->bits, set->clip, (float)mean);
    }
    return SPS_OK;
}

const struct sps_method sps_method_scale_bank = {
    .name = "scale_bank",
    .summary = "the bank's scale vectors are trained themselves, each sample on its own path",
    .source = "ours; docs/results.md, methods side by side",
    .params = scale_bank_params,
    .settings_size = sizeof(struct scale_bank_settings),
    .attach = attach,
    .check = check,
    .draw = draw,
    .backward = backward,
    .penalty = penalty,
    .make_bank = make_bank,
    .own_point = 1,
};
