/* SPDX-License-Identifier: MIT */
/* The end of a residual block: its layers' output plus what went into them.  Where these halve the picture or have more
 * channels, the shortcut takes every second (f-th) pixel of each row and column and puts zeros around its channels,
 * half of them before: option A of He et al., which has no weights.
 *
 * In a description the layers of the block stand inside: `- residual: {layers: [...]}`; graph.c takes them apart. */
#include <string.h>

#include "core/shortcut.h"
#include "core/vector.h"
#include "nn/nn.h"

struct residual {
    struct sps_layer base;
    struct sps_shortcut shortcut;
    int stays; /* the gradient waits where it is */
};

/* The block ends in a convolution that takes its gradient, and batch normalisation, which then only reads: so dy is not
 * written over, if the convolution writes elsewhere and nobody needs that buffer before the source's turn. */
static int can_stay(const struct sps_layer *layer)
{
    const struct sps_layer *product = layer->input->input;
    if (sps_layer_norm(layer->input) == NULL || product == NULL || !product->takes_gradient)
        return 0;
    for (const struct sps_layer *at = product->input; at != layer->shortcut; at = at->input)
        if (at == NULL || !sps_layer_in_place(at))
            return 0;
    return 1;
}

static sps_status setup(struct sps_graph *graph, struct sps_layer *layer)
{
    struct residual *r = (struct residual *)layer;
    if (layer->shortcut == NULL)
        SPS_FAIL(EINVAL, "a residual block needs layers in it, and one of reals before it");
    const struct sps_shape *in = &layer->in, *from = &layer->shortcut->out;
    if (in->kind != SPS_REALS || from->kind != SPS_REALS)
        SPS_FAIL(EINVAL, "adds %s to %s, both must be reals (the output of batchnorm or of a float layer)",
                 sps_kind_name(from->kind), sps_kind_name(in->kind));
    if (!sps_shortcut_fits(&r->shortcut, (const int[]){in->h, in->w, in->c}, (const int[]){from->h, from->w, from->c}))
        SPS_FAIL(EINVAL,
                 "no shortcut from %d x %d x %d to %d x %d x %d: every %d-th pixel must make the new size, and "
                 "channels must not become fewer",
                 from->h, from->w, from->c, in->h, in->w, in->c, r->shortcut.step);
    layer->out = *in;
    r->stays = can_stay(layer);
    if (r->stays) {
        layer->input->input->in_place = 0;
        return SPS_OK;
    }
    size_t *room = &graph->waiting_size[layer->waits], size = sps_shape_size(in);
    *room = *room > size ? *room : size;
    return SPS_OK;
}

SPS_VECTOR static void add_to(float *restrict sum, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += x[i];
}

/* to += from for each number that the shortcut carries: from the source to the sum, or back. */
static void carry(const struct residual *r, float *sum, float *source, int back)
{
    const struct sps_shape *out = &r->base.out, *from = &r->base.shortcut->out;
    if (r->shortcut.step == 1 && out->c == from->c) {
        add_to(back ? source : sum, back ? sum : source, sps_shape_size(out));
        return;
    }
    for (int i = 0; i < out->h; i++)
        for (int j = 0; j < out->w; j++) {
            float *a = sum + (size_t)(i * out->w + j) * (size_t)out->c + r->shortcut.front;
            float *b = source + (size_t)(i * r->shortcut.step * from->w + j * r->shortcut.step) * (size_t)from->c;
            add_to(back ? b : a, back ? a : b, (size_t)from->c);
        }
}

static void forward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image)
{
    size_t size = sps_shape_size(&layer->out);
    float *y = sps_layer_output(graph, layer, image);
    if (layer->passing) /* so is the input, in the same room */
        sps_layer_image(graph, layer->input, pass, image);
    else if (!layer->borrows)
        memcpy(y, sps_layer_input(graph, layer, image), size * sizeof *y);
    carry((const struct residual *)layer, y, (float *)sps_layer_image(graph, layer->shortcut, pass, image), 0);
}

/* The block's gradient is that of the sum; the shortcut's waits for its source's turn. */
static void backward_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image,
                           float *dy)
{
    (void)graph, (void)pass;
    size_t size = sps_shape_size(&layer->out);
    if (!((struct residual *)layer)->stays)
        memcpy(layer->parked + (size_t)image * size, dy, size * sizeof *dy);
}

static void backward_end(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy)
{
    (void)graph, (void)pass;
    if (((struct residual *)layer)->stays)
        layer->parked = dy;
}

static void add_shortcut(struct sps_graph *graph, struct sps_layer *layer, int image, float *dsource)
{
    (void)graph;
    carry((struct residual *)layer, layer->parked + (size_t)image * sps_shape_size(&layer->out), dsource, 1);
}

const struct sps_layer_type sps_layer_residual = {
    .name = "residual",
    .summary = "a block of layers whose input is added to their output",
    .source = "He et al., CVPR 2016; shortcut option A",
    .size = sizeof(struct residual),
    .setup = setup,
    .forward_image = forward_image,
    .backward_image = backward_image,
    .backward_end = backward_end,
    .add_shortcut = add_shortcut,
    .rewrites = 1,
    .repeats = 1,
};
