/* SPDX-License-Identifier: MIT */
/* Weights that are drawn anew in each pass, in training and in sampled predictions.
 *
 *   drop    each weight counts as 0 with probability p (DropConnect).  Reals are scaled by 1 / (1 - p), so that their
 *           mean stays; signs are not, for a batchnorm layer follows every binary product.  -1, 0 and +1 are what
 *           kern->qgemm multiplies with codes, so such a layer reads codes, and its sums stay exact.
 *   sigma   w = value + sigma eps, sigma = softplus(rho): a Gaussian posterior, learned by reparameterisation.  Where
 *           weights are binary, w is what the binariser makes signs of, and gradients come back through it at w.
 *
 * One draw is for a batch in training, and for a pass in prediction: a function of seed, pass and layer, so that
 * neither batches nor threads change what an image gets.  A draw for each image would cost as much as its product. */
#include "nn/drawn.h"

#include <string.h>

#include "core/memory.h"
#include "core/random.h"

sps_status sps_graph_add_drawn(struct sps_graph *graph, struct sps_weight **out, struct sps_layer *layer, int dims,
                               const size_t *shape, int binary, double drop, double sigma)
{
    int quads = layer->in.kind == SPS_CODES || layer->in.kind == SPS_LEVELS || drop > 0;
    if (drop > 0 && sigma > 0)
        SPS_FAIL(EINVAL, "drop is %g and sigma %g: weights are dropped or have a posterior, not both", drop, sigma);
    SPS_TRY(sps_graph_add_weight(graph, out, layer->index, "weight", dims, shape, binary, quads));
    struct sps_weight *w = *out;
    size_t count = w->rows * w->row;
    if (drop == 0 && sigma == 0)
        return SPS_OK;
    layer->random = 1;
    w->drop = drop;
    SPS_TRY(sps_weight_create(&w->drawn, w->name, dims, shape, binary, quads));
    if (binary) {
        SPS_TRY(sps_weight_keep_signs(w));
        SPS_TRY(sps_weight_keep_signs(w->drawn));
    }
    SPS_TRY(sps_calloc(&w->noise, count, sizeof(float), w->name));
    if (sigma == 0)
        return SPS_OK;
    if (graph->training && graph->method != NULL && graph->method->weight_penalty == NULL)
        SPS_FAIL(EINVAL, "sigma is %g, but method %s has no prior for weights (mean_field_vi has)", sigma,
                 graph->method->name);
    SPS_TRY(sps_calloc(&w->divergence, w->rows, sizeof *w->divergence, w->name));
    SPS_TRY(sps_graph_add_weight(graph, &w->rho, layer->index, "weight_rho", dims, shape, 0, 0));
    w->rho->of_posterior = 1;
    w->rho->decay = 0;
    float first = (float)log(expm1(sigma * sps_first_spread(w)));
    for (size_t i = 0; i < count; i++)
        w->rho->value[i] = first;
    return SPS_OK;
}

/* Panels of quads from signs and zeros; lanes past the last row stay 0. */
static void write_quads(struct sps_weight *d, size_t o)
{
    size_t quads = (d->row + 3) / 4;
    const float *sign = d->sign + o * d->row;
    int8_t *lane = d->quads + (o / SPS_PANEL * quads * SPS_PANEL + o % SPS_PANEL) * 4;
    int32_t sum = 0;
    for (size_t i = 0; i < d->row; i++) {
        lane[i / 4 * SPS_PANEL * 4 + i % 4] = (int8_t)sign[i];
        sum += (int32_t)sign[i];
    }
    d->weight_sums[o] = sum;
}

static void drop_row(struct sps_weight *w, size_t o, struct sps_random *r)
{
    struct sps_weight *d = w->drawn;
    float *noise = w->noise + o * w->row, up = w->binary ? 1 : (float)(1 / (1 - w->drop));
    const float *from = (w->binary ? w->sign : w->value) + o * w->row;
    float *to = (w->binary ? d->sign : d->value) + o * w->row;
    for (size_t i = 0; i < w->row; i++) {
        noise[i] = sps_random_uniform(r) >= w->drop ? up : 0;
        to[i] = noise[i] > 0 ? up * from[i] : 0; /* a choice, not a product: as in dropout.c */
    }
    if (w->binary)
        write_quads(d, o);
}

static void sample_row(const struct sps_graph *graph, struct sps_weight *w, size_t o, struct sps_random *r)
{
    struct sps_weight *d = w->drawn;
    float *noise = w->noise + o * w->row, *to = d->value + o * w->row;
    const float *mean = w->value + o * w->row, *rho = w->rho->value + o * w->row;
    for (size_t i = 0; i < w->row; i++) {
        noise[i] = sps_random_normal(r);
        to[i] = mean[i] + sps_sigma(rho[i]) * noise[i];
    }
    if (!w->binary)
        return;
    float *v = sps_graph_scratch(graph);
    graph->binariser->standardise(v, to, w->row);
    graph->kern->pack(d->bits + o * sps_words(w->row), v, w->row);
}

struct sps_weight *sps_weight_draw(struct sps_graph *graph, struct sps_weight *w, const struct sps_layer *layer,
                                   const struct sps_pass *pass)
{
    struct sps_weight *d = w->drawn;
    if (d == NULL || pass->source == SPS_FROM_POINT)
        return w;
    uint32_t blocks = (uint32_t)((w->row + 3) / 4);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (size_t o = 0; o < w->rows; o++) {
        struct sps_random r = sps_random(pass->seed, SPS_FOR_WEIGHT, pass->batch, pass->epoch, (uint32_t)layer->index);
        sps_random_jump(&r, (uint32_t)o * blocks);
        if (w->rho != NULL)
            sample_row(graph, w, o, &r);
        else
            drop_row(w, o, &r);
    }
    if (w->rho != NULL && w->binary)
        sps_weight_unpack(d, graph->kern);
    d->grad = w->grad;
    return d;
}

void sps_weight_drawn_backward(const struct sps_graph *graph, const struct sps_weight *w,
                               const struct sps_weight *drawn)
{
    if (drawn == w || w->rho != NULL)
        return;
#pragma omp parallel for simd schedule(static) num_threads(graph->threads)
    for (size_t i = 0; i < w->rows * w->row; i++)
        w->grad[i] = w->noise[i] > 0 ? w->noise[i] * w->grad[i] : 0;
}

/* The gradient with respect to w = value + sigma eps is that of value; times eps and the slope of softplus, of rho. */
static void posterior_row(struct sps_graph *graph, struct sps_weight *w, size_t o,
                          const struct sps_optimiser *optimiser, const struct sps_step *step, float t, float k,
                          size_t images)
{
    size_t first = o * w->row;
    if (w->binary)
        sps_weight_through_sign(graph, w, o, w->drawn->value + first, optimiser, step, t, k);
    for (size_t i = first; i < first + w->row; i++)
        w->rho->grad[i] = w->grad[i] * w->noise[i] / (1 + expf(-w->rho->value[i]));
    if (graph->method != NULL && graph->method->weight_penalty != NULL)
        w->divergence[o] = graph->method->weight_penalty(w, o, graph->settings, images);
}

double sps_graph_posterior(struct sps_graph *graph, const struct sps_optimiser *optimiser, const struct sps_step *step,
                           float t, float k, size_t images)
{
    double total = 0;
    for (int i = 0; i < graph->weight_count; i++) {
        struct sps_weight *w = graph->weights[i];
        if (w->rho == NULL)
            continue;
#pragma omp parallel for schedule(static) num_threads(graph->threads)
        for (size_t o = 0; o < w->rows; o++)
            posterior_row(graph, w, o, optimiser, step, t, k, images);
        for (size_t o = 0; o < w->rows; o++) /* in one order, whatever the threads */
            total += w->divergence[o];
    }
    return total;
}
