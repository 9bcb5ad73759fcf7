/* SPDX-License-Identifier: MIT */
/* Scale-Dropout (Ahmed et al., arXiv 2311.15816, section III): with probability p a layer's whole scale vector is
 * replaced, by ones (unitary), by its mean (average) or by random numbers (random).  Kept and replaced vector are the
 * two entries of the bank; random dropout stores `draws` replacements.
 *
 * Departures: a path is drawn per sample, not per batch, unless asked otherwise: with batch statistics BatchNorm hides
 * a scale that all samples share (docs/architecture.md, the trap).  The element-wise variant picks per channel. */
#include <math.h>
#include <string.h>

#include "bayes/bayes.h"
#include "core/random.h"

#define SCALE_DROPOUT_PARAMS(X)                                                                                        \
    X(p, REALS, "method.p", "[0.1]", "layer-size", 0, 0.95,                                                            \
      "dropout probability: one for all layers, a list with one a layer, or `layer-size` (0.1 up to 2,000 weights, "   \
      "0.2 up to 100,000, 0.5 above)",                                                                                 \
      "section III-D")                                                                                                 \
    X(p_spread, REAL, "method.p_spread", "0", "", 0, 1,                                                                \
      "each training step is a chip of its own: p of each layer is normal with this standard deviation around its "    \
      "setting, within 0 .. 0.95",                                                                                     \
      "eq. 24, Table IV")                                                                                              \
    X(variant, CHOICE, "method.variant", "unitary", "unitary|average|random", 0, 2,                                    \
      "what replaces a dropped scale vector", "section III-B")                                                         \
    X(mask, CHOICE, "method.mask", "scalar", "scalar|element", 0, 1, "one mask a layer, or one a channel",             \
      "section III-B")                                                                                                 \
    X(path_per, CHOICE, "method.path_per", "sample", "sample|batch", 0, 1, "who shares a draw in training",            \
      "docs/architecture.md, the trap")                                                                                \
    X(spread, REALS, "method.spread", "[0.4]", "", 0, 1,                                                               \
      "first scales are uniform on 1 - spread .. 1 + spread; one for all layers, or a list with one a layer",          \
      "docs/architecture.md, the trap")                                                                                \
    X(mean_pull, REAL, "method.mean_pull", "1e-4", "", 0, 100,                                                         \
      "strength lambda of the regulariser (1 - mean scale)^2", "eq. 11")                                               \
    X(spread_pull, REAL, "method.spread_pull", "0", "", 0, 100,                                                        \
      "strength of a pull of the scales' standard deviation to its first value, against training's wish for less "     \
      "noise",                                                                                                         \
      "docs/architecture.md, the trap")                                                                                \
    X(low, REAL, "method.low", "0.5", "", -10, 10, "random variant: lower end of the uniform distribution",            \
      "section III-B")                                                                                                 \
    X(high, REAL, "method.high", "1.5", "", -10, 10, "random variant: upper end", "section III-B")                     \
    X(draws, INT, "method.draws", "3", "", 1, 254, "random variant: replacements stored in the bank",                  \
      "docs/architecture.md")

struct scale_dropout_settings {
    SPS_PARAMS_STRUCT(SCALE_DROPOUT_PARAMS)
};
#define SPS_PARAMS_OWNER struct scale_dropout_settings
static const struct sps_param scale_dropout_params[] = {SPS_PARAMS_TABLE(SCALE_DROPOUT_PARAMS)};
#undef SPS_PARAMS_OWNER

enum { UNITARY, AVERAGE, RANDOM };
enum { SCALAR, ELEMENT };
enum { PER_SAMPLE, PER_BATCH };
/* Where the rule of section III-D (10 or 20 % on small layers, 50 % on large ones) changes, in weights of the layer. */
enum { SMALL_LAYER = 2000, LARGE_LAYER = 100000 };
#define P_MAX 0.95 /* as method.p's own range has it */

static double dropout_probability(const struct sps_scale *scale)
{
    const struct scale_dropout_settings *set = scale->settings;
    if (set->p.word == 0)
        return scale->layer_weights > LARGE_LAYER ? 0.5 : scale->layer_weights > SMALL_LAYER ? 0.2 : 0.1;
    return sps_scale_setting(scale, &set->p);
}

/* p of this step.  A spread is one draw a step and layer, as a chip has one device for all its passes: with a draw for
 * each pass the mask would be Bernoulli with the mean p again, and the spread would train nothing. */
static double step_probability(const struct sps_scale *scale, const struct sps_pass *pass)
{
    const struct scale_dropout_settings *set = scale->settings;
    double p = dropout_probability(scale);
    if (set->p_spread == 0)
        return p;
    struct sps_random r = sps_random(pass->seed, SPS_FOR_TRAIN_P, pass->batch, pass->epoch, (uint32_t)scale->layer);
    return fmin(fmax(p + set->p_spread * sps_random_normal(&r), 0), P_MAX);
}

static sps_status attach(struct sps_graph *graph, struct sps_scale *scale, uint64_t seed)
{
    const struct scale_dropout_settings *set = scale->settings;
    size_t channels = (size_t)scale->channels;
    SPS_TRY(sps_scale_setting_reaches(scale, &set->p, "method.p"));
    SPS_TRY(sps_scale_setting_reaches(scale, &set->spread, "method.spread"));
    if (set->low > set->high)
        SPS_FAIL(EINVAL, "method.low %g is above method.high %g", set->low, set->high);
    SPS_TRY(sps_graph_add_weight(graph, &scale->weight[0], scale->layer, "scale", 1, &channels, 0, 0));
    sps_scale_initialise(scale, scale->weight[0]->value, sps_scale_setting(scale, &set->spread), seed);
    return SPS_OK;
}

static sps_status check(const struct sps_graph *graph)
{
    const struct scale_dropout_settings *set = graph->settings;
    SPS_TRY(sps_scale_setting_fits(graph, &set->p, "method.p"));
    return sps_scale_setting_fits(graph, &set->spread, "method.spread");
}

static float mean_of(const float *s, int channels)
{
    double sum = 0;
    for (int c = 0; c < channels; c++)
        sum += s[c];
    return (float)(sum / channels);
}

static float random_scale(const struct scale_dropout_settings *set, struct sps_random *r)
{
    return (float)(set->low + (set->high - set->low) * sps_random_uniform(r));
}

/* noise is 1 where the learned scale is kept, 0 where it is dropped. */
static void draw(struct sps_scale *scale, const struct sps_pass *pass, int n0, int n1)
{
    const struct scale_dropout_settings *set = scale->settings;
    double p = step_probability(scale, pass);
    const float *s = scale->weight[0]->value;
    float average = set->variant == AVERAGE ? mean_of(s, scale->channels) : 1;
    for (int i = n0; i < n1; i++) {
        struct sps_random r = sps_scale_stream(scale, pass, i, set->path_per == PER_BATCH);
        int keep = sps_random_uniform(&r) >= p;
        for (int c = 0; c < scale->channels; c++) {
            size_t at = (size_t)i * (size_t)scale->channels + (size_t)c;
            if (set->mask == ELEMENT)
                keep = sps_random_uniform(&r) >= p;
            scale->noise[at] = (float)keep;
            scale->effective[at] = keep ? s[c] : set->variant == RANDOM ? random_scale(set, &r) : average;
        }
    }
}

static void backward(struct sps_scale *scale, const struct sps_pass *pass)
{
    const struct scale_dropout_settings *set = scale->settings;
    size_t channels = (size_t)scale->channels;
    float *grad = scale->weight[0]->grad;
    double dropped = 0;
    memset(grad, 0, channels * sizeof *grad);
    for (size_t i = 0; i < (size_t)pass->n; i++)
        for (size_t c = 0; c < channels; c++) {
            float g = scale->effective_grad[i * channels + c], keep = scale->noise[i * channels + c];
            grad[c] += keep * g;
            dropped += (1 - keep) * g;
        }
    for (size_t c = 0; c < channels && set->variant == AVERAGE; c++) /* the mean is made of all of them */
        grad[c] += (float)(dropped / (double)channels);
}

/* lambda (1 - mean)^2 of eq. 11, and where asked pull (sd - sd0)^2, which is ours: learning draws all scales of a layer
 * together, because noise costs training loss, until dropping them says nothing about foreign inputs. */
static double penalty(struct sps_scale *scale, size_t images)
{
    (void)images;
    const struct scale_dropout_settings *set = scale->settings;
    const float *s = scale->weight[0]->value;
    double mean = mean_of(s, scale->channels), square = 0, off = 1 - mean;
    for (int c = 0; c < scale->channels; c++)
        square += (s[c] - mean) * (s[c] - mean);
    double sd = sqrt(square / scale->channels),
           lost = sd - sps_scale_setting(scale, &set->spread) / sqrt(3.0); /* of a uniform distribution */
    double along = sd > 0 ? 2 * set->spread_pull * lost / (scale->channels * sd) : 0;
    for (int c = 0; c < scale->channels; c++)
        scale->weight[0]->grad[c] += (float)(along * (s[c] - mean) - 2 * set->mean_pull * off / scale->channels);
    return set->mean_pull * off * off + set->spread_pull * lost * lost;
}

static sps_status make_bank(struct sps_scale *scale, uint64_t seed, uint32_t attempt)
{
    const struct scale_dropout_settings *set = scale->settings;
    size_t channels = (size_t)scale->channels;
    int replacements = set->variant == RANDOM ? (int)set->draws : 1;
    double p = dropout_probability(scale);
    const float *s = scale->weight[0]->value;
    SPS_TRY(sps_scale_reserve(scale, 1 + replacements));
    memcpy(scale->bank, s, channels * sizeof *s);
    memcpy(scale->point, s, channels * sizeof *s);
    scale->probability[0] = 1 - p;
    float average = set->variant == AVERAGE ? mean_of(s, scale->channels) : 1;
    for (int k = 1; k <= replacements; k++) {
        struct sps_random r = sps_random(seed, SPS_FOR_BANK, attempt, (uint32_t)k, (uint32_t)scale->layer);
        scale->probability[k] = p / replacements;
        for (size_t c = 0; c < channels; c++)
            scale->bank[(size_t)k * channels + c] = set->variant == RANDOM ? random_scale(set, &r) : average;
    }
    scale->per_channel = set->mask == ELEMENT;
    return SPS_OK;
}

const struct sps_method sps_method_scale_dropout = {
    .name = "scale_dropout",
    .summary = "a layer's scale vector is dropped to one as a whole",
    .source = "Ahmed et al., Scale-Dropout, arXiv 2311.15816, section III",
    .params = scale_dropout_params,
    .settings_size = sizeof(struct scale_dropout_settings),
    .attach = attach,
    .check = check,
    .draw = draw,
    .backward = backward,
    .penalty = penalty,
    .make_bank = make_bank,
};
