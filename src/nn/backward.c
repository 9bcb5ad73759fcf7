/* SPDX-License-Identifier: MIT */
#include "nn/backward.h"

#include <string.h>

#include "core/vector.h"
#include "nn/bfloat16.h"

enum { INPUT, GRADIENT, WEIGHTS };

sps_status sps_backward_init(struct sps_backward *b, struct sps_graph *graph, const struct sps_conv_shape *s, int pool)
{
    size_t number = graph->precision == SPS_BFLOAT16 ? sizeof(uint16_t) : sizeof(float), images = (size_t)s->n;
    b->in = (size_t)s->h * (size_t)s->w * (size_t)s->c;
    b->out = (size_t)s->oh * (size_t)s->ow * (size_t)s->o;
    b->pool = pool;
    b->width = s->ow;
    sps_graph_share(graph, INPUT, images * b->in * number);
    if (graph->precision == SPS_BFLOAT16) { /* floats are there already */
        sps_graph_share(graph, GRADIENT, images * b->out * number);
        sps_graph_share(graph, WEIGHTS, (size_t)s->o * (size_t)s->kernel * (size_t)s->kernel * (size_t)s->c * number);
    }
    return sps_conv_op_create(&b->op, graph->onednn, s, SPS_CONV_BACKWARD, graph->precision);
}

void sps_backward_reset(struct sps_backward *b)
{
    sps_conv_op_free(b->op);
    b->op = NULL;
}

static void write_floats(const struct sps_graph *graph, const struct sps_layer *layer, float *out, int image,
                         size_t size)
{
    const void *x = sps_layer_input(graph, layer, image);
    if (layer->in.kind == SPS_BITS)
        graph->kern->unpack(out, x, size);
    else
        for (size_t j = 0; j < size; j++)
            out[j] = layer->in.kind == SPS_LEVELS ? (float)((const uint8_t *)x)[j] : (float)((const int8_t *)x)[j];
}

static void write_halves(const struct sps_layer *layer, uint16_t *out, const void *x, size_t size)
{
    if (layer->in.kind == SPS_BITS)
        sps_bfloat16_from_bits(out, x, size);
    else if (layer->in.kind == SPS_LEVELS)
        sps_bfloat16_from_levels(out, x, size);
    else
        sps_bfloat16_from_codes(out, x, size);
}

/* The gradient of pooled sums (of one image) goes to the position that won, the others of its window get none. Channels
 * go in groups that stay in registers. */
enum { GROUP = 64 };
SPS_VECTOR static void spread(const struct sps_backward *b, const struct sps_shape *pooled, uint16_t *restrict out,
                              const float *restrict dy, const uint8_t *restrict argmax)
{
    size_t channels = (size_t)pooled->c;
    int height = (int)(b->out / channels) / b->width;
    uint16_t half[GROUP];
    if (pooled->h * b->pool < height || pooled->w * b->pool < b->width) /* what no window has */
        memset(out, 0, b->out * sizeof *out);
    for (int i = 0; i < pooled->h; i++)
        for (int j = 0; j < pooled->w; j++)
            for (size_t first = 0, n; first < channels; first += n, dy += n, argmax += n) {
                n = channels - first < GROUP ? channels - first : GROUP;
                for (size_t c = 0; c < n; c++)
                    half[c] = sps_bfloat16(dy[c]);
                for (int at = 0; at < b->pool * b->pool; at++) {
                    int row = i * b->pool + at / b->pool, column = j * b->pool + at % b->pool;
                    if (row >= height || column >= b->width)
                        continue;
                    uint16_t *to = out + (size_t)(row * b->width + column) * channels + first;
                    for (size_t c = 0; c < n; c++)
                        to[c] = (uint16_t)(half[c] & -(argmax[c] == at));
                }
            }
}

void sps_backward_take(const struct sps_backward *b, const struct sps_graph *graph, const struct sps_layer *layer,
                       int image, const float *dy, const uint8_t *argmax)
{
    uint16_t *x = graph->shared[INPUT], *g = graph->shared[GRADIENT];
    write_halves(layer, x + (size_t)image * b->in, sps_layer_input(graph, layer, image), b->in);
    if (b->pool > 1)
        spread(b, &layer->out, g + (size_t)image * b->out, dy, argmax);
    else
        sps_bfloat16_from_floats(g + (size_t)image * b->out, dy, b->out);
}

/* Drawn weights may be 0, which bits do not say. */
static void write_weights(uint16_t *out, const struct sps_weight *w)
{
    if (w->sign != NULL)
        sps_bfloat16_from_floats(out, w->sign, w->rows * w->row);
    for (size_t o = 0; o < w->rows && w->sign == NULL; o++)
        sps_bfloat16_from_bits(out + o * w->row, w->bits + o * sps_words(w->row), w->row);
}

/* oneDNN's primitives are made for a whole batch: images past this one have no gradient. */
void sps_backward_run(const struct sps_backward *b, struct sps_graph *graph, struct sps_layer *layer,
                      const struct sps_pass *pass, const struct sps_weight *weight, float *dy, float *dx)
{
    int half = graph->precision == SPS_BFLOAT16;
    void *x = graph->shared[INPUT], *g = half ? graph->shared[GRADIENT] : dy,
         *w = half ? graph->shared[WEIGHTS] : weight->sign;
    size_t left = (size_t)(graph->batch - pass->n), number = half ? sizeof(uint16_t) : sizeof(float);
    memset((char *)x + (size_t)pass->n * b->in * number, 0, left * b->in * number);
    memset((char *)g + (size_t)pass->n * b->out * number, 0, left * b->out * number);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < (half ? 0 : pass->n); i++)
        write_floats(graph, layer, (float *)x + (size_t)i * b->in, i, b->in);
    sps_conv_op_backward_weights(b->op, weight->grad, g, x);
    if (dx == NULL)
        return;
    if (half)
        write_weights(w, weight);
    sps_conv_op_backward_data(b->op, dx, g, w);
}
