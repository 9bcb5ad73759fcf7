/* SPDX-License-Identifier: MIT */
/* Batch normalisation, with the scale bank and the papers' bias inside where a layer has them:
 *
 *   a = s_n (z + b),  y = gamma (a - mean) / sqrt(var + eps) + beta        (Scale-Dropout paper eq. 2, 3)
 *
 * s_n is the scale of sample n: what the method drew in training, the picked entry of the bank otherwise.  It is this
 * dependence on n that keeps BatchNorm from cancelling the scale (docs/architecture.md, the trap).
 *
 * Because s_n is one number per sample and channel, all statistics of a follow from two sums per sample and channel,
 * of z and of z^2, and the backward pass from two more, of dy and dy z; a itself is never stored.
 *
 * With sums as input these are exact integers held in doubles.
 *
 * Where a batch is shared among ranks, its statistics are those of all of it: sums over samples are added up over ranks
 * before they are used, in the forward pass and in the backward one. */
#include <math.h>
#include <string.h>

#include "core/affine.h"
#include "core/memory.h"
#include "core/vector.h"
#include "nn/nn.h"

#define BATCHNORM_PARAMS(X)                                                                                            \
    X(scale, BOOL, "scale", "false", "", 0, 1, "the input is multiplied by a scale bank's entry first",                \
      "docs/architecture.md")                                                                                          \
    X(bias, BOOL, "bias", "false", "", 0, 1, "a bias is added inside the scale", "Scale-Dropout paper eq. 2")          \
    X(gamma, REAL, "gamma", "1", "", 1e-3, 1e3,                                                                        \
      "first value of gamma; above 1 in the last layer lets scores spread from the start", "")                         \
    X(eps, REAL, "eps", "1e-5", "", 1e-12, 1, "added to the variance", "Ioffe and Szegedy 2015")                       \
    X(momentum, REAL, "momentum", "0.1", "", 1e-6, 1, "share of a batch in the running statistics", "PyTorch")

struct batchnorm_settings {
    SPS_PARAMS_STRUCT(BATCHNORM_PARAMS)
};
#define SPS_PARAMS_OWNER struct batchnorm_settings
static const struct sps_param batchnorm_params[] = {SPS_PARAMS_TABLE(BATCHNORM_PARAMS)};
#undef SPS_PARAMS_OWNER

struct batchnorm {
    struct sps_layer base;
    struct batchnorm_settings set;
    struct sps_norm norm;
    double *sum, *square;                /* [B][C] of z, z^2 over positions */
    double *dy_sum, *dy_z;               /* [B][C] of dy, dy z */
    double *mean, *var, *count;          /* [C], [C], 1 of the batch; one behind the other */
    double *gamma_grad, *beta_grad;      /* [C], likewise */
    double *record_mean, *record_square; /* [C] sums over recorded batches */
    double recorded;
};

struct sps_norm *sps_layer_norm(struct sps_layer *layer)
{
    return strcmp(layer->type->name, "batchnorm") == 0 ? &((struct batchnorm *)layer)->norm : NULL;
}

sps_status sps_norm_keep_point(struct sps_norm *norm)
{
    size_t c = (size_t)norm->channels;
    if (norm->point_mean == NULL)
        SPS_TRY(sps_calloc(&norm->point_mean, c, sizeof(float), "point statistics"));
    if (norm->point_var == NULL)
        SPS_TRY(sps_calloc(&norm->point_var, c, sizeof(float), "point statistics"));
    memcpy(norm->point_mean, norm->running_mean, c * sizeof(float));
    memcpy(norm->point_var, norm->running_var, c * sizeof(float));
    return SPS_OK;
}

static int takes_gradient(const struct sps_layer *layer)
{
    return layer->input != NULL && layer->input->takes_gradient;
}

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    struct batchnorm *b = (struct batchnorm *)layer;
    struct sps_norm *norm = &b->norm;
    if (!sps_is_sums(layer->in.kind) && layer->in.kind != SPS_REALS)
        SPS_FAIL(EINVAL, "input is %s, must be sums or reals", sps_kind_name(layer->in.kind));
    layer->out = layer->in;
    layer->out.kind = SPS_REALS;
    norm->channels = layer->in.c;
    norm->eps = (float)b->set.eps;
    /* The largest of the per-channel tables below, and an image's gradient. */
    layer->scratch =
        (6 * (size_t)layer->in.c + (takes_gradient(layer) ? sps_shape_size(&layer->in) : 0)) * sizeof(float);
    size_t c = (size_t)layer->in.c, rows = (size_t)graph->batch * c;
    SPS_TRY(sps_graph_add_weight(graph, &norm->gamma, layer->index, "gamma", 1, &c, 0, 0));
    SPS_TRY(sps_graph_add_weight(graph, &norm->beta, layer->index, "beta", 1, &c, 0, 0));
    for (size_t i = 0; i < c; i++)
        norm->gamma->value[i] = (float)b->set.gamma;
    if (b->set.bias)
        SPS_TRY(sps_graph_add_weight(graph, &norm->bias, layer->index, "bias", 1, &c, 0, 0));
    SPS_TRY(sps_calloc(&norm->running_mean, c, sizeof(float), "running statistics"));
    SPS_TRY(sps_calloc(&norm->running_var, c, sizeof(float), "running statistics"));
    for (size_t i = 0; i < c; i++)
        norm->running_var[i] = 1;
    double **per_sample[] = {&b->sum, &b->square, &b->dy_sum, &b->dy_z};
    double **per_channel[] = {&b->record_mean, &b->record_square};
    for (size_t i = 0; i < 4; i++)
        SPS_TRY(sps_calloc(per_sample[i], rows, sizeof(double), "batch statistics"));
    for (size_t i = 0; i < 2; i++)
        SPS_TRY(sps_calloc(per_channel[i], c, sizeof(double), "batch statistics"));
    SPS_TRY(sps_calloc(&b->mean, 2 * c + 1, sizeof(double), "batch statistics"));
    SPS_TRY(sps_calloc(&b->gamma_grad, 2 * c, sizeof(double), "batch statistics"));
    b->var = b->mean + c;
    b->count = b->var + c;
    b->beta_grad = b->gamma_grad + c;
    if (!b->set.scale)
        return SPS_OK;
    const struct sps_weight *product = NULL; /* the last one in front */
    for (int i = graph->weight_count - 1; i >= 0 && product == NULL; i--)
        product = graph->weights[i]->dims > 1 && !graph->weights[i]->of_posterior ? graph->weights[i] : NULL;
    size_t layer_weights = product ? product->rows * product->row : 0;
    SPS_TRY(sps_graph_add_scale(graph, &norm->scale, layer->index, layer->in.c, layer_weights));
    return graph->method != NULL ? graph->method->attach(graph, norm->scale, graph->seed) : SPS_OK;
}

/* Loops over an image come in pairs: X_of() is inlined with constant `kind`, so that each kind of input gets a loop of
 * its own, in X() for several vector widths. */
#define FOR_KIND(kind, loop, ...)                                                                                      \
    do {                                                                                                               \
        if ((kind) == SPS_SUMS16)                                                                                      \
            loop(SPS_SUMS16, __VA_ARGS__);                                                                             \
        else if ((kind) == SPS_SUMS)                                                                                   \
            loop(SPS_SUMS, __VA_ARGS__);                                                                               \
        else                                                                                                           \
            loop(SPS_REALS, __VA_ARGS__);                                                                              \
    } while (0)

static inline __attribute__((always_inline)) float read_input(const void *z, enum sps_kind kind, size_t i)
{
    return kind == SPS_SUMS16 ? (float)((const int16_t *)z)[i]
           : kind == SPS_SUMS ? (float)((const int32_t *)z)[i]
                              : ((const float *)z)[i];
}

/* ---- batch statistics ---- */

/* Sums over positions go by groups of channels, whose sums stay in registers.  Vectors by hand: of plain loops over a
 * group gcc 12 makes scalar code at -O3, which took three times as long. */
enum { LANES = 8, GROUP = 2 * LANES };
typedef double doubles __attribute__((vector_size(LANES * sizeof(double))));
typedef float floats __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t ints __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef int16_t shorts __attribute__((vector_size(LANES * sizeof(int16_t))));

static inline __attribute__((always_inline)) void read_lanes(doubles *v, const void *z, enum sps_kind kind, size_t at)
{
    floats reals;
    ints sums;
    shorts sums16;
    if (kind == SPS_SUMS16) {
        memcpy(&sums16, (const int16_t *)z + at, sizeof sums16);
        *v = __builtin_convertvector(__builtin_convertvector(sums16, ints), doubles);
    } else if (kind == SPS_SUMS) {
        memcpy(&sums, (const int32_t *)z + at, sizeof sums);
        *v = __builtin_convertvector(sums, doubles);
    } else {
        memcpy(&reals, (const float *)z + at, sizeof reals);
        *v = __builtin_convertvector(reals, doubles);
    }
}

static inline __attribute__((always_inline)) void add_moments_of(enum sps_kind kind, double *restrict sum,
                                                                 double *restrict square, const void *z,
                                                                 size_t positions, size_t channels)
{
    size_t first = 0;
    for (; first + GROUP <= channels; first += GROUP) {
        doubles s[2] = {{0}, {0}}, q[2] = {{0}, {0}}, v;
        for (size_t p = 0; p < positions; p++)
            for (size_t half = 0; half < 2; half++) {
                read_lanes(&v, z, kind, p * channels + first + half * LANES);
                s[half] += v;
                q[half] += v * v;
            }
        memcpy(sum + first, s, sizeof s);
        memcpy(square + first, q, sizeof q);
    }
    for (; first < channels; first++) {
        double s = 0, q = 0;
        for (size_t p = 0; p < positions; p++) {
            double v = read_input(z, kind, p * channels + first);
            s += v;
            q += v * v;
        }
        sum[first] = s;
        square[first] = q;
    }
}

SPS_VECTOR static void add_moments(double *restrict sum, double *restrict square, const void *z, enum sps_kind kind,
                                   size_t positions, size_t channels)
{
    FOR_KIND(kind, add_moments_of, sum, square, z, positions, channels);
}

static double scale_at(const struct batchnorm *b, size_t row, size_t c)
{
    return b->norm.scale ? b->norm.scale->effective[row * (size_t)b->norm.channels + c] : 1;
}

static double bias_at(const struct batchnorm *b, size_t c)
{
    return b->norm.bias ? b->norm.bias->value[c] : 0;
}

static void batch_statistics(struct batchnorm *b, const sps_ranks *ranks, int n, size_t positions)
{
    size_t channels = (size_t)b->norm.channels;
    *b->count = (double)n * (double)positions;
    memset(b->mean, 0, channels * sizeof *b->mean);
    memset(b->var, 0, channels * sizeof *b->var);
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t c = 0; c < channels; c++) {
            double s = scale_at(b, i, c), bias = bias_at(b, c), z = b->sum[i * channels + c],
                   zz = b->square[i * channels + c];
            b->mean[c] += s * (z + (double)positions * bias);
            b->var[c] += s * s * (zz + 2 * bias * z + (double)positions * bias * bias);
        }
    sps_ranks_sum_doubles(ranks, b->mean, 2 * channels + 1);
    for (size_t c = 0; c < channels; c++) {
        b->mean[c] /= *b->count;
        b->var[c] = fmax(b->var[c] / *b->count - b->mean[c] * b->mean[c], 0);
    }
}

static void keep_statistics(struct batchnorm *b, const struct sps_pass *pass)
{
    float momentum = (float)b->set.momentum;
    for (int c = 0; c < b->norm.channels; c++) {
        if (pass->mode == SPS_PASS_ESTIMATE) {
            b->record_mean[c] += b->mean[c];
            b->record_square[c] += b->var[c] + b->mean[c] * b->mean[c];
            continue;
        }
        double unbiased = b->var[c] * *b->count / fmax(*b->count - 1, 1);
        b->norm.running_mean[c] += momentum * ((float)b->mean[c] - b->norm.running_mean[c]);
        b->norm.running_var[c] += momentum * ((float)unbiased - b->norm.running_var[c]);
    }
    b->recorded += pass->mode == SPS_PASS_ESTIMATE;
}

void sps_graph_norms_begin(struct sps_graph *graph)
{
    for (int i = 0; i < graph->layer_count; i++) {
        struct batchnorm *b = (struct batchnorm *)graph->layers[i];
        if (sps_layer_norm(graph->layers[i]) == NULL)
            continue;
        memset(b->record_mean, 0, (size_t)b->norm.channels * sizeof(double));
        memset(b->record_square, 0, (size_t)b->norm.channels * sizeof(double));
        b->recorded = 0;
    }
}

sps_status sps_graph_norms_end(struct sps_graph *graph, int point)
{
    for (int i = 0; i < graph->layer_count; i++) {
        struct batchnorm *b = (struct batchnorm *)graph->layers[i];
        struct sps_norm *norm = sps_layer_norm(graph->layers[i]);
        if (norm == NULL || b->recorded == 0)
            continue;
        if (point && norm->point_mean == NULL)
            SPS_TRY(sps_norm_keep_point(norm));
        for (int c = 0; c < norm->channels; c++) {
            double mean = b->record_mean[c] / b->recorded;
            (point ? norm->point_mean : norm->running_mean)[c] = (float)mean;
            (point ? norm->point_var : norm->running_var)[c] =
                (float)fmax(b->record_square[c] / b->recorded - mean * mean, 0);
        }
    }
    return SPS_OK;
}

/* ---- forward ---- */

/* effective[i], from where the pass says. */
static void set_scales(struct sps_scale *scale, const struct sps_graph *graph, const struct sps_pass *pass, int i)
{
    size_t channels = (size_t)scale->channels;
    float *s = scale->effective + (size_t)i * channels;
    if (pass->source == SPS_FROM_METHOD) {
        graph->method->draw(scale, pass, i, i + 1);
        return;
    }
    if (pass->source == SPS_FROM_POINT) {
        memcpy(s, scale->point, channels * sizeof *s);
        return;
    }
    const uint8_t *pick = pass->picks + (size_t)i * (size_t)graph->picks + (size_t)scale->pick_at;
    for (size_t c = 0; c < channels; c++)
        s[c] = scale->bank[(size_t)pick[scale->per_channel ? c : 0] * channels + c];
}

/* y = slope z + offset per channel: what scale, bias and batch statistics come to for one sample. */
static inline __attribute__((always_inline)) void apply_line_of(enum sps_kind kind, float *restrict y, const void *z,
                                                                size_t positions, size_t channels,
                                                                const float *restrict slope,
                                                                const float *restrict offset)
{
    for (size_t p = 0; p < positions; p++)
        for (size_t c = 0; c < channels; c++)
            y[p * channels + c] = slope[c] * read_input(z, kind, p * channels + c) + offset[c];
}

SPS_VECTOR static void apply_line(float *restrict y, const void *z, enum sps_kind kind, size_t positions,
                                  size_t channels, const float *restrict slope, const float *restrict offset)
{
    FOR_KIND(kind, apply_line_of, y, z, positions, channels, slope, offset);
}

/* Batch statistics. */
static void forward_begin(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass)
{
    struct batchnorm *b = (struct batchnorm *)layer;
    size_t channels = (size_t)layer->in.c, positions = sps_shape_size(&layer->in) / channels;
    if (pass->mode == SPS_PASS_EVALUATE)
        return;
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++) {
        size_t at = (size_t)i * channels;
        if (b->norm.scale != NULL)
            set_scales(b->norm.scale, graph, pass, i);
        const void *z = sps_layer_input(graph, layer, i);
        add_moments(b->sum + at, b->square + at, z, layer->in.kind, positions, channels);
    }
    batch_statistics(b, graph->ranks, pass->n, positions);
    keep_statistics(b, pass);
}

static void forward_with_batch_statistics(struct sps_graph *graph, struct batchnorm *b, int i)
{
    struct sps_layer *layer = &b->base;
    size_t channels = (size_t)layer->in.c, size = sps_shape_size(&layer->in), positions = size / channels;
    float *slope = sps_graph_scratch(graph), *offset = slope + channels;
    for (size_t c = 0; c < channels; c++) {
        double inv = 1 / sqrt(b->var[c] + b->norm.eps), s = scale_at(b, (size_t)i, c), gamma = b->norm.gamma->value[c];
        slope[c] = (float)(gamma * inv * s);
        offset[c] = (float)(gamma * inv * (s * bias_at(b, c) - b->mean[c]) + b->norm.beta->value[c]);
    }
    apply_line(sps_layer_output(graph, layer, i), sps_layer_input(graph, layer, i), layer->in.kind, positions, channels,
               slope, offset);
}

/* Evaluation: sps_affine_at() for all positions, channels innermost so that the loop runs in vectors.  table holds its
 * six numbers, an array of channels each. */
static inline __attribute__((always_inline)) void apply_affine_of(enum sps_kind kind, float *restrict y, const void *z,
                                                                  size_t positions, size_t channels,
                                                                  const float *restrict table)
{
    const float *scale = table, *bias = scale + channels, *mean = bias + channels, *inv_std = mean + channels,
                *gamma = inv_std + channels, *beta = gamma + channels;
    for (size_t p = 0; p < positions; p++)
        for (size_t c = 0; c < channels; c++) {
            const struct sps_affine a = {scale[c], bias[c], mean[c], inv_std[c], gamma[c], beta[c]};
            y[p * channels + c] = sps_affine_at(&a, read_input(z, kind, p * channels + c));
        }
}

SPS_VECTOR static void apply_affine(float *restrict y, const void *z, enum sps_kind kind, size_t positions,
                                    size_t channels, const float *restrict table)
{
    FOR_KIND(kind, apply_affine_of, y, z, positions, channels, table);
}

static void forward_with_running_statistics(struct sps_graph *graph, struct batchnorm *b, const struct sps_pass *pass,
                                            int i)
{
    struct sps_layer *layer = &b->base;
    struct sps_norm *norm = &b->norm;
    size_t channels = (size_t)layer->in.c, size = sps_shape_size(&layer->in), positions = size / channels;
    int point = pass->source == SPS_FROM_POINT && norm->point_mean != NULL;
    const float *mean = point ? norm->point_mean : norm->running_mean,
                *var = point ? norm->point_var : norm->running_var;
    float *table = sps_graph_scratch(graph);
    if (norm->scale != NULL)
        set_scales(norm->scale, graph, pass, i);
    for (size_t c = 0; c < channels; c++) {
        table[c] = norm->scale ? norm->scale->effective[(size_t)i * channels + c] : 1;
        table[channels + c] = norm->bias ? norm->bias->value[c] : 0;
        table[2 * channels + c] = mean[c];
        table[3 * channels + c] = 1.0f / sqrtf(var[c] + norm->eps);
        table[4 * channels + c] = norm->gamma->value[c];
        table[5 * channels + c] = norm->beta->value[c];
    }
    apply_affine(sps_layer_output(graph, layer, i), sps_layer_input(graph, layer, i), layer->in.kind, positions,
                 channels, table);
}

static void forward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image)
{
    struct batchnorm *b = (struct batchnorm *)layer;
    if (pass->mode == SPS_PASS_EVALUATE)
        forward_with_running_statistics(graph, b, pass, image);
    else
        forward_with_batch_statistics(graph, b, image);
}

/* ---- backward ---- */

static inline __attribute__((always_inline)) void add_products_of(enum sps_kind kind, double *restrict dy_sum,
                                                                  double *restrict dy_z, const float *dy, const void *z,
                                                                  size_t positions, size_t channels)
{
    size_t first = 0;
    for (; first + GROUP <= channels; first += GROUP) {
        doubles s[2] = {{0}, {0}}, sz[2] = {{0}, {0}}, g, v;
        for (size_t p = 0; p < positions; p++)
            for (size_t half = 0; half < 2; half++) {
                size_t at = p * channels + first + half * LANES;
                read_lanes(&g, dy, SPS_REALS, at);
                read_lanes(&v, z, kind, at);
                s[half] += g;
                sz[half] += g * v;
            }
        memcpy(dy_sum + first, s, sizeof s);
        memcpy(dy_z + first, sz, sizeof sz);
    }
    for (; first < channels; first++) {
        double s = 0, sz = 0;
        for (size_t p = 0; p < positions; p++) {
            double g = dy[p * channels + first];
            s += g;
            sz += g * read_input(z, kind, p * channels + first);
        }
        dy_sum[first] = s;
        dy_z[first] = sz;
    }
}

SPS_VECTOR static void add_products(double *restrict dy_sum, double *restrict dy_z, const float *dy, const void *z,
                                    enum sps_kind kind, size_t positions, size_t channels)
{
    FOR_KIND(kind, add_products_of, dy_sum, dy_z, dy, z, positions, channels);
}

/* dz = by_dy dy + by_z z + constant per channel. */
static inline __attribute__((always_inline)) void apply_plane_of(enum sps_kind kind, float *dz, const float *dy,
                                                                 const void *z, size_t positions, size_t channels,
                                                                 const float *by_dy, const float *by_z,
                                                                 const float *constant)
{
    for (size_t p = 0; p < positions; p++)
        for (size_t c = 0; c < channels; c++) {
            size_t at = p * channels + c;
            dz[at] = by_dy[c] * dy[at] + by_z[c] * read_input(z, kind, at) + constant[c];
        }
}

/* Two of them, as the compiler must know whether dz is dy. */
SPS_VECTOR static void apply_plane(float *restrict dz, const float *restrict dy, const void *z, enum sps_kind kind,
                                   size_t positions, size_t channels, const float *by_dy, const float *by_z,
                                   const float *constant)
{
    FOR_KIND(kind, apply_plane_of, dz, dy, z, positions, channels, by_dy, by_z, constant);
}

SPS_VECTOR static void apply_plane_in_place(float *restrict dy, const void *z, enum sps_kind kind, size_t positions,
                                            size_t channels, const float *by_dy, const float *by_z,
                                            const float *constant)
{
    FOR_KIND(kind, apply_plane_of, dy, dy, z, positions, channels, by_dy, by_z, constant);
}

/* With xhat = (a - mean) inv:  beta' = sum dy,  gamma' = sum dy xhat,
 * da = gamma inv (dy - beta' / count - xhat gamma' / count),  dz = s da,  ds = sum da (z + b),  db = sum s da. */
static void backward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image,
                           float *dy)
{
    (void)pass;
    struct batchnorm *b = (struct batchnorm *)layer;
    size_t channels = (size_t)layer->in.c, at = (size_t)image * channels;
    add_products(b->dy_sum + at, b->dy_z + at, dy, sps_layer_input(graph, layer, image), layer->in.kind,
                 sps_shape_size(&layer->in) / channels, channels);
}

static void backward_end(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy)
{
    struct batchnorm *b = (struct batchnorm *)layer;
    struct sps_norm *norm = &b->norm;
    size_t channels = (size_t)layer->in.c, size = sps_shape_size(&layer->in), positions = size / channels;
    double P = (double)positions, count = *b->count;
    memset(b->gamma_grad, 0, channels * sizeof(double));
    memset(b->beta_grad, 0, channels * sizeof(double));
    for (size_t i = 0; i < (size_t)pass->n; i++)
        for (size_t c = 0; c < channels; c++) {
            size_t at = i * channels + c;
            double s = scale_at(b, i, c);
            b->beta_grad[c] += b->dy_sum[at];
            b->gamma_grad[c] += s * (b->dy_z[at] + bias_at(b, c) * b->dy_sum[at]) - b->mean[c] * b->dy_sum[at];
        }
    for (size_t c = 0; c < channels; c++) {
        b->gamma_grad[c] /= sqrt(b->var[c] + norm->eps);
        norm->gamma->grad[c] = (float)b->gamma_grad[c];
        norm->beta->grad[c] = (float)b->beta_grad[c];
        if (norm->bias != NULL)
            norm->bias->grad[c] = 0;
    }
    /* The gradients above are this rank's part; what the input gets depends on the whole batch. */
    sps_ranks_sum_doubles(graph->ranks, b->gamma_grad, 2 * channels);
    for (size_t i = 0; i < (size_t)pass->n; i++)
        for (size_t c = 0; c < channels && (norm->scale != NULL || norm->bias != NULL); c++) {
            size_t at = i * channels + c;
            double inv = 1 / sqrt(b->var[c] + norm->eps), factor = norm->gamma->value[c] * inv, s = scale_at(b, i, c),
                   bias = bias_at(b, c);
            double mean_dy = b->beta_grad[c] / count, mean_dyx = b->gamma_grad[c] / count;
            double z = b->sum[at] + P * bias, zz = b->square[at] + 2 * bias * b->sum[at] + P * bias * bias;
            double xhat = inv * (s * z - P * b->mean[c]), xhat_z = inv * (s * zz - b->mean[c] * z);
            if (norm->scale != NULL)
                norm->scale->effective_grad[at] =
                    (float)(factor * (b->dy_z[at] + bias * b->dy_sum[at] - mean_dy * z - mean_dyx * xhat_z));
            if (norm->bias != NULL)
                norm->bias->grad[c] += (float)(s * factor * (b->dy_sum[at] - P * mean_dy - mean_dyx * xhat));
        }
    if (norm->scale != NULL)
        graph->method->backward(norm->scale, pass);
    struct sps_layer *input = layer->input;
    int taken = takes_gradient(layer);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < pass->n; i++) {
        float *by_dy = sps_graph_scratch(graph), *by_z = by_dy + channels, *constant = by_z + channels;
        for (size_t c = 0; c < channels; c++) {
            double inv = 1 / sqrt(b->var[c] + norm->eps), s = scale_at(b, (size_t)i, c),
                   factor = s * norm->gamma->value[c] * inv;
            double mean_dy = b->beta_grad[c] / count, slope = b->gamma_grad[c] / count * inv;
            by_dy[c] = (float)factor;
            by_z[c] = (float)(-factor * slope * s);
            constant[c] = (float)(-factor * (mean_dy + slope * (s * bias_at(b, c) - b->mean[c])));
        }
        const void *z = sps_layer_input(graph, layer, i);
        float *dyi = dy + (size_t)i * size, *dz = constant + channels;
        if (!taken) {
            apply_plane_in_place(dyi, z, layer->in.kind, positions, channels, by_dy, by_z, constant);
            continue;
        }
        apply_plane(dz, dyi, z, layer->in.kind, positions, channels, by_dy, by_z, constant);
        input->type->take_gradient(graph, input, i, dz);
    }
    if (taken)
        input->gradient_taken = 1;
}

static void release(struct sps_layer *layer)
{
    struct batchnorm *b = (struct batchnorm *)layer;
    sps_free(b->norm.running_mean);
    sps_free(b->norm.running_var);
    sps_free(b->norm.point_mean);
    sps_free(b->norm.point_var);
    double *rows[] = {b->sum, b->square, b->dy_sum, b->dy_z, b->mean, b->gamma_grad, b->record_mean, b->record_square};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        sps_free(rows[i]);
}

const struct sps_layer_type sps_layer_batchnorm = {
    .name = "batchnorm",
    .summary = "batch normalisation, with scale bank and bias inside where asked",
    .source = "Ioffe and Szegedy 2015; Scale-Dropout paper eq. 2 and 3",
    .params = batchnorm_params,
    .size = sizeof(struct batchnorm),
    .settings_offset = offsetof(struct batchnorm, set),
    .setup = setup,
    .forward_begin = forward_begin,
    .forward_image = forward_image,
    .backward_image = backward_image,
    .backward_end = backward_end,
    .release = release,
    .repeats = 1,
};
