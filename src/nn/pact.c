/* SPDX-License-Identifier: MIT */
/* PACT (Choi et al. 2018): reals become levels of 2 to 8 bits, unsigned integers, below a bound that is learned.
 *
 *   level = floor(clip(x, 0, alpha) / step + 1/2),  step = alpha / (2^bits - 1)
 *
 * A binary product reads the level itself, not level times step: its sums stay exact integers, and the batchnorm behind
 * it knows no common factor.  So alpha has its gradient from what lies below it, where the level falls as alpha rises;
 * what lies above has none.  With a batchnorm behind, that is PACT's own gradient (which is the other way round) seen
 * from the other side: a factor of all levels changes nothing, so both sum up to the same. */
#include "core/level.h"
#include "core/memory.h"
#include "core/vector.h"
#include "nn/activation.h"

#define PACT_PARAMS(X)                                                                                                 \
    X(bits, INT, "bits", "4", "", 2, 8, "of a level", "Choi et al. 2018")                                              \
    X(alpha, REAL, "alpha", "3", "", 0.01, 1000, "first bound; activations are about normal behind batchnorm", "")

extern const struct sps_layer_type sps_layer_pact;

struct pact_settings {
    SPS_PARAMS_STRUCT(PACT_PARAMS)
};
#define SPS_PARAMS_OWNER struct pact_settings
static const struct sps_param pact_params[] = {SPS_PARAMS_TABLE(PACT_PARAMS)};
#undef SPS_PARAMS_OWNER

struct pact {
    struct sps_layer base;
    struct pact_settings set;
    struct sps_weight *alpha; /* [1] */
    double *by_alpha;         /* [B] gradient of it, of each image */
};

static const float alpha_least = 1e-3f; /* training may not turn the bound over */

static float top_of(const struct pact *p)
{
    return (float)((1 << p->set.bits) - 1);
}

static float alpha_of(const struct pact *p)
{
    float alpha = p->alpha->value[0];
    return alpha > alpha_least ? alpha : alpha_least;
}

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    struct pact *p = (struct pact *)layer;
    size_t one = 1;
    SPS_TRY(sps_activation_setup(layer, SPS_LEVELS));
    SPS_TRY(sps_graph_add_weight(graph, &p->alpha, layer->index, "alpha", 1, &one, 0, 0));
    p->alpha->value[0] = (float)p->set.alpha;
    p->alpha->decay = 1; /* as the paper's */
    return sps_calloc(&p->by_alpha, (size_t)graph->batch, sizeof *p->by_alpha, "gradients of pact");
}

SPS_VECTOR static void quantise(uint8_t *restrict y, const float *restrict x, size_t n, float step, float top)
{
    for (size_t i = 0; i < n; i++)
        y[i] = sps_level_of(x[i], step, top);
}

static void forward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image)
{
    (void)pass;
    const struct pact *p = (const struct pact *)layer;
    uint8_t *y = (uint8_t *)layer->y + (size_t)image * layer->y_stride;
    quantise(y, sps_layer_input(graph, layer, image), sps_shape_size(&layer->in), alpha_of(p) / top_of(p), top_of(p));
}

/* dy becomes dx; returns the gradient of alpha. */
SPS_VECTOR static double back(float *restrict dy, const float *restrict x, size_t n, float alpha, float top)
{
    float slope = top / alpha;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        int inside = x[i] > 0 && x[i] < alpha;
        dy[i] = inside ? dy[i] * slope : 0;
        sum -= inside ? (double)dy[i] * (double)x[i] : 0;
    }
    return sum / (double)alpha;
}

static void backward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image,
                           float *dy)
{
    (void)pass;
    struct pact *p = (struct pact *)layer;
    p->by_alpha[image] =
        back(dy, sps_layer_input(graph, layer, image), sps_shape_size(&layer->in), alpha_of(p), top_of(p));
}

static void backward_end(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy)
{
    (void)graph, (void)dy;
    struct pact *p = (struct pact *)layer;
    double total = 0;
    for (int i = 0; i < pass->n; i++)
        total += p->by_alpha[i];
    p->alpha->grad[0] = (float)total;
}

static void release(struct sps_layer *layer)
{
    sps_free(((struct pact *)layer)->by_alpha);
}

int sps_layer_pact_step(float *step, int *bits, const struct sps_layer *layer)
{
    const struct pact *p = (const struct pact *)layer;
    if (layer->type != &sps_layer_pact)
        return 0;
    *step = alpha_of(p) / top_of(p);
    *bits = (int)p->set.bits;
    return 1;
}

const struct sps_layer_type sps_layer_pact = {
    .name = "pact",
    .summary = "levels of 2 to 8 bits, below a learned bound",
    .source = "Choi et al., PACT, arXiv 1805.06085",
    .params = pact_params,
    .size = sizeof(struct pact),
    .settings_offset = offsetof(struct pact, set),
    .setup = setup,
    .forward_image = forward_image,
    .backward_image = backward_image,
    .backward_end = backward_end,
    .release = release,
};
