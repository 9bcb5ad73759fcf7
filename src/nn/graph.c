/* SPDX-License-Identifier: MIT */
/* Building a chain of layers from its description, and running it. */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "nn/drawn.h"
#include "nn/onednn.h"
#include "nn/profile.h"

/* More than this is refused before it is asked for: descriptions may come from hostile files.  Elements are those of
 * one image, weights those of all layers, bytes the activations of a batch or the scratch of all threads. */
enum { LAYERS_MAX = 1024, EXTENT_MAX = 4096, ELEMENTS_MAX = 1 << 22, WEIGHTS_MAX = 1 << 28 };
static const double BYTES_MAX = 8e9;

const char *sps_kind_name(enum sps_kind kind)
{
    static const char *const names[] = {"codes", "bits", "sums", "reals", "levels", "sums"};
    return names[kind];
}

static size_t image_bytes(const struct sps_shape *s)
{
    size_t n = sps_shape_size(s);
    switch (s->kind) {
    case SPS_CODES:
    case SPS_LEVELS:
        return n;
    case SPS_SUMS16:
        return n * sizeof(int16_t);
    case SPS_BITS:
        return sps_words(n) * sizeof(uint32_t);
    default:
        return n * sizeof(float);
    }
}

const void *sps_layer_input(const struct sps_graph *graph, const struct sps_layer *layer, int image)
{
    if (layer->input == NULL)
        return graph->codes + (size_t)image * sps_shape_size(&graph->input);
    return (const char *)layer->input->y + (size_t)image * layer->input->y_stride;
}

void *sps_layer_output(const struct sps_graph *graph, const struct sps_layer *layer, int image)
{
    return layer->passing ? (char *)sps_graph_scratch(graph) + graph->passing_at
                          : (char *)layer->y + (size_t)image * layer->y_stride;
}

const void *sps_layer_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image)
{
    if (layer->passing)
        layer->type->forward_image(graph, layer, pass, image);
    return sps_layer_output(graph, layer, image);
}

void *sps_graph_scratch(const struct sps_graph *graph)
{
    return graph->scratch + (size_t)omp_get_thread_num() * graph->scratch_stride;
}

static sps_status add_weight(struct sps_graph *graph, struct sps_weight **out, const char *name, int dims,
                             const size_t *shape, int binary, int wants_quads)
{
    double numbers = 1;
    for (int i = 0; i < dims; i++)
        numbers *= (double)shape[i];
    for (int i = 0; i < graph->weight_count; i++)
        numbers += (double)(graph->weights[i]->rows * graph->weights[i]->row);
    if (numbers > (double)graph->weights_max)
        SPS_FAIL(EINVAL, "%.0f weights up to here are more than %zu", numbers, graph->weights_max);
    SPS_TRY(sps_weight_create(out, name, dims, shape, binary, wants_quads));
    graph->weights[graph->weight_count++] = *out;
    return SPS_OK;
}

sps_status sps_graph_add_learned(struct sps_graph *graph, struct sps_weight **out, const char *owner, size_t rows)
{
    const struct sps_binariser *b = graph->binariser;
    char name[64];
    *out = NULL;
    if (b->learned.name == NULL || !graph->training)
        return SPS_OK;
    snprintf(name, sizeof name, "%s.%s", owner, b->learned.name);
    SPS_TRY(add_weight(graph, out, name, 1, &rows, 0, 0));
    (*out)->surrogate = 1;
    (*out)->low = b->learned.low;
    (*out)->high = b->learned.high;
    for (size_t i = 0; i < rows; i++)
        (*out)->value[i] = b->learned.first;
    return SPS_OK;
}

sps_status sps_graph_add_weight(struct sps_graph *graph, struct sps_weight **out, int layer, const char *name, int dims,
                                const size_t *shape, int binary, int wants_quads)
{
    char full[64];
    snprintf(full, sizeof full, "layers.%d.%s", layer, name);
    SPS_TRY(add_weight(graph, out, full, dims, shape, binary, wants_quads));
    if (!binary)
        return SPS_OK;
    (*out)->low = -graph->binariser->limit;
    (*out)->high = graph->binariser->limit;
    return sps_graph_add_learned(graph, &(*out)->learned, full, (*out)->rows);
}

sps_status sps_shape_check(const struct sps_shape *shape)
{
    if ((double)shape->h * shape->w * shape->c > ELEMENTS_MAX)
        SPS_FAIL(EINVAL, "%d x %d x %d numbers an image are more than %d", shape->h, shape->w, shape->c, ELEMENTS_MAX);
    return SPS_OK;
}

sps_status sps_graph_add_scale(struct sps_graph *graph, struct sps_scale **out, int layer, int channels,
                               size_t layer_weights)
{
    struct sps_scale *scale = NULL;
    SPS_TRY(sps_calloc(&scale, 1, sizeof *scale, "a scale"));
    graph->scales[graph->scale_count++] = scale; /* the graph owns it from here */
    scale->index = graph->scale_count - 1;
    scale->layer = layer;
    scale->channels = channels;
    scale->layer_weights = layer_weights;
    scale->settings = graph->settings;
    size_t size = (size_t)graph->batch * (size_t)channels;
    SPS_TRY(sps_calloc(&scale->effective, size, sizeof(float), "scales"));
    SPS_TRY(sps_calloc(&scale->effective_grad, size, sizeof(float), "scale gradients"));
    SPS_TRY(sps_calloc(&scale->noise, size, sizeof(float), "scale noise"));
    *out = scale;
    return SPS_OK;
}

sps_status sps_scale_reserve(struct sps_scale *scale, int entries)
{
    size_t channels = (size_t)scale->channels;
    sps_free(scale->bank);
    sps_free(scale->probability);
    sps_free(scale->point);
    scale->bank = scale->point = NULL;
    scale->probability = NULL;
    scale->entries = entries;
    SPS_TRY(sps_calloc(&scale->bank, (size_t)entries * channels, sizeof(float), "a scale bank"));
    SPS_TRY(sps_calloc(&scale->probability, (size_t)entries, sizeof(double), "bank probabilities"));
    return sps_calloc(&scale->point, channels, sizeof(float), "a point scale");
}

void sps_graph_layout_picks(struct sps_graph *graph)
{
    graph->picks = 0;
    for (int i = 0; i < graph->scale_count; i++) {
        graph->scales[i]->pick_at = graph->picks;
        graph->picks += graph->scales[i]->per_channel ? graph->scales[i]->channels : 1;
    }
}

static void scale_free(struct sps_scale *scale)
{
    if (scale == NULL)
        return;
    sps_free(scale->effective);
    sps_free(scale->effective_grad);
    sps_free(scale->noise);
    sps_free(scale->bank);
    sps_free(scale->probability);
    sps_free(scale->point);
    sps_free(scale);
}

static sps_status read_extent(int *out, const sps_yaml *yaml, const struct sps_yaml_node *node, int max)
{
    char *end = NULL;
    long value = node->kind == SPS_YAML_SCALAR ? strtol(node->text, &end, 10) : 0;
    if (node->kind != SPS_YAML_SCALAR || end == node->text || *end != '\0' || value < 1 || value > max)
        return sps_yaml_fail(yaml, node, "'%s' must be a whole number from 1 to %d", node->key, max);
    *out = (int)value;
    return SPS_OK;
}

static sps_status read_input(struct sps_graph *graph, const sps_yaml *yaml, const struct sps_yaml_node *input)
{
    if (input->kind != SPS_YAML_MAP)
        return sps_yaml_fail(yaml, input, "'input' must be a map of height, width and channels");
    for (const struct sps_yaml_node *n = input->first; n != NULL; n = n->next) {
        if (strcmp(n->key, "height") == 0)
            SPS_TRY(read_extent(&graph->input.h, yaml, n, EXTENT_MAX));
        else if (strcmp(n->key, "width") == 0)
            SPS_TRY(read_extent(&graph->input.w, yaml, n, EXTENT_MAX));
        else if (strcmp(n->key, "channels") == 0)
            SPS_TRY(read_extent(&graph->input.c, yaml, n, 4));
        else
            return sps_yaml_fail(yaml, n, "unknown key '%s' in 'input' (height, width, channels)", n->key);
    }
    return SPS_OK;
}

static sps_status read_head(struct sps_graph *graph, const sps_yaml *yaml, const struct sps_yaml_node **layers)
{
    const struct sps_yaml_node *root = sps_yaml_root(yaml);
    if (root->kind != SPS_YAML_MAP)
        return sps_yaml_fail(yaml, root, "a network must be a map of name, input, classes and layers");
    *layers = NULL;
    graph->input = (struct sps_shape){28, 28, 1, SPS_CODES};
    graph->classes = 10;
    for (const struct sps_yaml_node *n = root->first; n != NULL; n = n->next) {
        if (strcmp(n->key, "name") == 0 && n->kind == SPS_YAML_SCALAR && strlen(n->text) < sizeof graph->name)
            snprintf(graph->name, sizeof graph->name, "%s", n->text);
        else if (strcmp(n->key, "name") == 0)
            return sps_yaml_fail(yaml, n, "'name' must be a word of at most %zu bytes", sizeof graph->name - 1);
        else if (strcmp(n->key, "input") == 0)
            SPS_TRY(read_input(graph, yaml, n));
        else if (strcmp(n->key, "classes") == 0)
            SPS_TRY(read_extent(&graph->classes, yaml, n, 256));
        else if (strcmp(n->key, "layers") == 0)
            *layers = n;
        else
            return sps_yaml_fail(yaml, n, "unknown key '%s' (name, input, classes, layers)", n->key);
    }
    if (*layers == NULL || (*layers)->kind != SPS_YAML_LIST || (*layers)->first == NULL)
        return sps_yaml_fail(yaml, *layers ? *layers : root, "'layers' must be a list of at least one layer");
    return SPS_OK;
}

static sps_status add_layers(struct sps_graph *graph, const sps_yaml *yaml, const struct sps_yaml_node *list);

/* Element-wise layers work where their input lies: it saves a pass over memory, and half of a ResNet's activations. */
static int can_borrow(const struct sps_layer *layer)
{
    const struct sps_layer *input = layer->input;
    return layer->type->rewrites && input != NULL && !input->source && !input->type->needs_output &&
           input->out.kind == layer->out.kind && image_bytes(&input->out) == layer->y_stride;
}

/* Batch normalisation makes its output again from sums, a residual sum from that and the one before, if that is kept.
 */
static int can_pass(const struct sps_layer *layer)
{
    const struct sps_layer *input = layer->input;
    if (layer->shortcut == NULL)
        return layer->type->repeats && !layer->borrows;
    return layer->type->repeats && layer->borrows && !layer->shortcut->passing && !input->source && can_pass(input);
}

static void let_pass(struct sps_graph *graph, struct sps_layer *layer)
{
    layer->passing = 1;
    if (layer->borrows) {
        let_pass(graph, layer->input);
    } else {
        sps_free(layer->y);
        graph->activation_bytes -= (double)layer->y_stride * graph->batch;
    }
    layer->y = NULL;
    graph->passing_bytes = graph->passing_bytes > layer->y_stride ? graph->passing_bytes : layer->y_stride;
}

/* The layers of a residual block, which come before the layer that ends it; *source is what they read. */
static sps_status add_block(struct sps_layer **source, struct sps_graph *graph, const sps_yaml *yaml,
                            const struct sps_yaml_node *body)
{
    const struct sps_yaml_node *inside = body->kind == SPS_YAML_MAP ? body->first : NULL;
    if (inside == NULL || inside->next != NULL || strcmp(inside->key, "layers") != 0 || inside->kind != SPS_YAML_LIST ||
        inside->first == NULL)
        return sps_yaml_fail(yaml, body, "a residual block is written 'residual: {layers: [...]}'");
    if (graph->layer_count == 0)
        return sps_yaml_fail(yaml, body, "a residual block cannot be the first layer");
    *source = graph->layers[graph->layer_count - 1];
    (*source)->source = 1;
    return add_layers(graph, yaml, inside);
}

/* Where yaml complains about a layer's shape, the position of its line is what the user needs. */
static sps_status add_layer(struct sps_graph *graph, const sps_yaml *yaml, const struct sps_yaml_node *item)
{
    static const struct sps_param none[1] = {{.key = NULL}};
    const struct sps_yaml_node *body = item->kind == SPS_YAML_MAP ? item->first : NULL;
    struct sps_layer *source = NULL;
    if (body == NULL || body->next != NULL)
        return sps_yaml_fail(yaml, item, "a layer is written '- type: {settings}'");
    const struct sps_layer_type *type = sps_layer_type_find(body->key);
    if (type == NULL)
        return sps_yaml_fail(yaml, item, "unknown layer type '%s' (spinscale info lists them)", body->key);
    int block = type->add_shortcut != NULL;
    if (block) {
        if (++graph->block_depth == SPS_BLOCK_DEPTH)
            return sps_yaml_fail(yaml, item, "more than %d residual blocks inside one another", SPS_BLOCK_DEPTH - 1);
        SPS_TRY(add_block(&source, graph, yaml, body));
        graph->block_depth--;
    }
    if (graph->layer_count == LAYERS_MAX)
        return sps_yaml_fail(yaml, item, "more than %d layers", LAYERS_MAX);
    struct sps_layer *layer = NULL;
    SPS_TRY(sps_calloc(&layer, 1, type->size, type->name));
    layer->type = type;
    layer->index = graph->layer_count;
    layer->input = layer->index > 0 ? graph->layers[layer->index - 1] : NULL;
    layer->in = layer->input ? layer->input->out : graph->input;
    layer->random = type->random;
    graph->layers[graph->layer_count++] = layer; /* the graph owns it from here */
    layer->in_place = type->in_place;
    if (block) {
        layer->waits = 2 * graph->block_depth + graph->blocks[graph->block_depth]++ % 2;
        layer->shortcut = source;
        layer->also = source->taken_by;
        source->taken_by = layer;
    }
    const struct sps_param *params = type->params ? type->params : none;
    void *settings = (char *)layer + type->settings_offset;
    sps_params_default(params, settings);
    struct sps_binding binding = {params, settings};
    if (!block)
        SPS_TRY(sps_params_read(&binding, 1, yaml, body));
    sps_status status = type->setup(graph, layer);
    if (status == SPS_OK)
        status = sps_shape_check(&layer->out);
    if (status == SPS_EINVAL) {
        char why[512];
        snprintf(why, sizeof why, "%s", sps_last_error());
        return sps_yaml_fail(yaml, item, "%s: %s", type->name, why);
    }
    SPS_TRY(status);
    layer->y_stride = image_bytes(&layer->out);
    /* What is cheaper to make again than to keep: half of a network's activations. */
    if (type->repeats_input && layer->input != NULL && can_pass(layer->input))
        let_pass(graph, layer->input);
    layer->borrows = can_borrow(layer);
    if (layer->borrows) {
        layer->y = layer->input->y;
        return SPS_OK;
    }
    graph->activation_bytes += (double)layer->y_stride * graph->batch;
    if (graph->activation_bytes > BYTES_MAX)
        return sps_yaml_fail(yaml, item, "%s: activations of a batch of %d images exceed %g bytes", type->name,
                             graph->batch, BYTES_MAX);
    if ((double)layer->scratch * graph->threads > BYTES_MAX)
        return sps_yaml_fail(yaml, item, "%s: scratch of %d threads exceeds %g bytes", type->name, graph->threads,
                             BYTES_MAX);
    return sps_calloc(&layer->y, (size_t)graph->batch, layer->y_stride, type->name);
}

static sps_status add_layers(struct sps_graph *graph, const sps_yaml *yaml, const struct sps_yaml_node *list)
{
    for (const struct sps_yaml_node *item = list->first; item != NULL; item = item->next)
        SPS_TRY(add_layer(graph, yaml, item));
    return SPS_OK;
}

/* The spread of a row's weights keeps the scale of sums; binary weights only look at signs. */
static void initialise(struct sps_graph *graph)
{
    uint32_t place = 0;
    for (int i = 0; i < graph->weight_count; i++) {
        struct sps_weight *w = graph->weights[i];
        uint32_t item = place;
        place += !w->of_posterior; /* the same first means as without */
        if (w->dims < 2 || w->of_posterior)
            continue;
        struct sps_random r = sps_random(graph->seed, SPS_FOR_INIT, item, 0, 0);
        float spread = sps_first_spread(w);
        for (size_t j = 0; j < w->rows * w->row; j++)
            w->value[j] = spread * sps_random_normal(&r);
    }
}

void sps_graph_share(struct sps_graph *graph, int which, size_t bytes)
{
    graph->shared_bytes[which] = bytes > graph->shared_bytes[which] ? bytes : graph->shared_bytes[which];
}

sps_status sps_graph_set_threads(struct sps_graph *graph, int threads)
{
    char *scratch = NULL;
    if (graph->scratch != NULL && threads == graph->threads)
        return SPS_OK;
    SPS_TRY(sps_calloc(&scratch, (size_t)threads, graph->scratch_stride, "scratch"));
    sps_free(graph->scratch);
    graph->scratch = scratch;
    graph->threads = threads;
    return SPS_OK;
}

/* Numbers of a weight, rounded up so that the next one is aligned as if it were alone. */
static size_t padded(const struct sps_weight *w)
{
    size_t line = SPS_ALIGN / sizeof(float);
    return (w->rows * w->row + line - 1) / line * line;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Backward goes from one buffer to the other only where a layer cannot write over what it reads. */
static sps_status make_gradients(struct sps_graph *graph)
{
    size_t size[2] = {(size_t)graph->classes, 0}, batch = (size_t)graph->batch;
    for (int i = graph->layer_count - 1, at = 0; i >= 0; i--) {
        const struct sps_layer *layer = graph->layers[i];
        size[at] = larger(size[at], sps_shape_size(&layer->out));
        at ^= !sps_layer_in_place(layer);
        size[at] = larger(size[at], layer->input != NULL ? sps_shape_size(&layer->in) : 0);
    }
    for (int i = 0; i < 2; i++)
        SPS_TRY(sps_calloc(&graph->gradient[i], batch * size[i], sizeof(float), "gradients"));
    for (int i = 0; i < SPS_WAITING; i++)
        SPS_TRY(sps_calloc(&graph->waiting[i], batch * graph->waiting_size[i], sizeof(float), "gradients"));
    for (int i = 0; i < graph->layer_count; i++)
        if (graph->layers[i]->shortcut != NULL)
            graph->layers[i]->parked = graph->waiting[graph->layers[i]->waits];
    return SPS_OK;
}

static sps_status make_room(struct sps_graph *graph)
{
    size_t scratch = sps_shape_size(&graph->input); /* an image, while it is changed on its way in */
    for (int i = 0; i < graph->layer_count; i++) {
        struct sps_layer *layer = graph->layers[i];
        scratch = layer->scratch > scratch ? layer->scratch : scratch;
    }
    for (int i = 0; i < graph->weight_count; i++) {
        size_t row = graph->weights[i]->row * sizeof(float);
        scratch = row > scratch ? row : scratch;
    }
    graph->passing_at = (scratch + SPS_ALIGN - 1) / SPS_ALIGN * SPS_ALIGN;
    graph->scratch_stride = graph->passing_at + (graph->passing_bytes + SPS_ALIGN - 1) / SPS_ALIGN * SPS_ALIGN;
    SPS_TRY(sps_graph_set_threads(graph, graph->threads));
    if (!graph->training)
        return SPS_OK;
    for (int i = 0; i < 3; i++)
        SPS_TRY(sps_calloc(&graph->shared[i], graph->shared_bytes[i], 1, "operands of backward products"));
    SPS_TRY(make_gradients(graph));
    for (int i = 0; i < graph->weight_count; i++)
        graph->grads_count += padded(graph->weights[i]);
    SPS_TRY(sps_calloc(&graph->grads, graph->grads_count, sizeof(float), "gradients of weights"));
    float *grad = graph->grads;
    for (int i = 0; i < graph->weight_count; i++) {
        struct sps_weight *w = graph->weights[i];
        w->grad = grad;
        grad += padded(w);
        for (int s = 0; s < 2; s++)
            SPS_TRY(sps_calloc(&w->state[s], w->rows * w->row, sizeof(float), w->name));
    }
    return SPS_OK;
}

static sps_status build(struct sps_graph *graph, const sps_yaml *yaml, const struct sps_graph_options *options)
{
    const struct sps_yaml_node *layers = NULL;
    SPS_TRY(read_head(graph, yaml, &layers));
    if (options->height > 0)
        graph->input = (struct sps_shape){options->height, options->width, options->channels, SPS_CODES};
    if (options->classes > 0)
        graph->classes = options->classes;
    if (sps_shape_check(&graph->input) != SPS_OK)
        return sps_yaml_fail(yaml, sps_yaml_get(sps_yaml_root(yaml), "input"), "input of %d x %d x %d is too large",
                             graph->input.h, graph->input.w, graph->input.c);
    SPS_TRY(sps_kern_get(&graph->kern));
    SPS_TRY(sps_onednn_create(&graph->onednn));
    /* A layer has at most five trained tensors (batchnorm: two, a bias, and the method's two beside them). */
    SPS_TRY(sps_calloc(&graph->layers, LAYERS_MAX, sizeof *graph->layers, "layers"));
    SPS_TRY(sps_calloc(&graph->weights, LAYERS_MAX * 5, sizeof *graph->weights, "weights"));
    SPS_TRY(sps_calloc(&graph->scales, LAYERS_MAX, sizeof *graph->scales, "scales"));
    SPS_TRY(sps_calloc(&graph->codes, (size_t)graph->batch, sps_shape_size(&graph->input), "input codes"));
    SPS_TRY(add_layers(graph, yaml, layers));
    const struct sps_layer *last = graph->layers[graph->layer_count - 1];
    if (last->out.kind != SPS_REALS || sps_shape_size(&last->out) != (size_t)graph->classes)
        return sps_yaml_fail(yaml, layers, "the last layer gives %zu %s, not %d reals, one a class",
                             sps_shape_size(&last->out), sps_kind_name(last->out.kind), graph->classes);
    if (graph->method != NULL && graph->method->check != NULL)
        SPS_TRY(graph->method->check(graph));
    SPS_TRY(make_room(graph));
    initialise(graph);
    for (int i = 0; i < graph->scale_count && options->method != NULL; i++)
        if (options->method->make_bank != NULL && options->training)
            SPS_TRY(options->method->make_bank(graph->scales[i], options->seed, 0));
    sps_graph_layout_picks(graph);
    for (int i = 0; i < graph->weight_count; i++)
        if (graph->weights[i]->binary)
            SPS_TRY(sps_weight_binarise(graph->weights[i], graph->kern, graph->binariser));
    return SPS_OK;
}

sps_status sps_graph_create(struct sps_graph **out, const sps_yaml *yaml, const struct sps_graph_options *options)
{
    struct sps_graph *graph = NULL;
    SPS_TRY(sps_calloc(&graph, 1, sizeof *graph, "a graph"));
    graph->method = options->method;
    graph->settings = options->settings;
    graph->binariser = options->binariser;
    graph->batch = options->batch;
    graph->threads = options->threads;
    graph->training = options->training;
    graph->precision = options->precision;
    graph->seed = options->seed;
    graph->weights_max =
        options->weights_max > 0 && options->weights_max < WEIGHTS_MAX ? options->weights_max : WEIGHTS_MAX;
    graph->code_step = 1;
    sps_status status = build(graph, yaml, options);
    if (status == SPS_OK)
        *out = graph;
    else
        sps_graph_free(graph);
    return status;
}

void sps_graph_free(struct sps_graph *graph)
{
    if (graph == NULL)
        return;
    for (int i = 0; i < graph->layer_count; i++) {
        struct sps_layer *layer = graph->layers[i];
        if (layer->type->release != NULL)
            layer->type->release(layer);
        if (!layer->borrows)
            sps_free(layer->y);
        sps_free(layer);
    }
    for (int i = 0; i < graph->weight_count; i++)
        sps_weight_free(graph->weights[i]);
    for (int i = 0; i < graph->scale_count; i++)
        scale_free(graph->scales[i]);
    sps_onednn_free(graph->onednn);
    sps_free(graph->layers);
    sps_free(graph->weights);
    sps_free(graph->scales);
    sps_free(graph->codes);
    for (int i = 0; i < 3; i++)
        sps_free(graph->shared[i]);
    sps_free(graph->gradient[0]);
    sps_free(graph->gradient[1]);
    for (int i = 0; i < SPS_WAITING; i++)
        sps_free(graph->waiting[i]);
    sps_free(graph->grads);
    sps_free(graph->scratch);
    sps_free(graph);
}

/* The batchnorm layer whose values this sign layer reads; hard tanh between them keeps the sign. */
static struct sps_norm *norm_before_sign(const struct sps_layer *layer)
{
    if (strcmp(layer->type->name, "sign") != 0)
        return NULL;
    struct sps_layer *from = layer->input;
    while (from != NULL && strcmp(from->type->name, "htanh") == 0)
        from = from->input;
    return from != NULL ? sps_layer_norm(from) : NULL;
}

/* With the statistics of the batch, a channel behind batchnorm has mean beta and standard deviation |gamma|. */
double sps_graph_distribution(struct sps_graph *graph)
{
    int layers = 0;
    double total = 0;
    if (graph->binariser->distribution == NULL)
        return 0;
    for (int i = 0; i < graph->layer_count; i++)
        layers += norm_before_sign(graph->layers[i]) != NULL;
    for (int i = 0; i < graph->layer_count; i++) {
        struct sps_norm *norm = norm_before_sign(graph->layers[i]);
        for (int c = 0; norm != NULL && c < norm->channels; c++) {
            double gamma = norm->gamma->value[c], by_mean, by_sd, share = 1.0 / ((double)norm->channels * layers);
            total += share * graph->binariser->distribution(norm->beta->value[c], fabs(gamma), &by_mean, &by_sd);
            norm->beta->grad[c] += (float)(share * by_mean);
            norm->gamma->grad[c] += (float)(share * copysign(by_sd, by_sd * gamma));
        }
    }
    return total;
}

static int picks_anew(const struct sps_scale *scale, enum sps_scale_source source)
{
    return source == SPS_FROM_METHOD || (source == SPS_FROM_BANK && scale->entries > 1);
}

int sps_graph_first_random(const struct sps_graph *graph, enum sps_scale_source source)
{
    int first = graph->layer_count;
    for (int i = graph->scale_count - 1; i >= 0; i--)
        if (picks_anew(graph->scales[i], source))
            first = graph->scales[i]->layer;
    for (int i = 0; i < first; i++)
        if (graph->layers[i]->random)
            return i;
    return first;
}

int sps_graph_draws(const struct sps_graph *graph)
{
    for (int i = 0; i < graph->layer_count; i++)
        if (graph->layers[i]->random)
            return 1;
    return 0;
}

/* ---- running ---- */

int sps_layer_in_place(const struct sps_layer *layer)
{
    return layer->in_place || layer->type->backward_image != NULL;
}

/* Element-wise layers first .. last of the graph, all of them on one image after the other: what one writes, the next
 * finds in cache. */
static void forward_images(struct sps_graph *graph, int first, int last, const struct sps_pass *pass)
{
    if (graph->layers[first]->type->forward_begin != NULL)
        graph->layers[first]->type->forward_begin(graph, graph->layers[first], pass);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int image = 0; image < pass->n; image++)
        for (int i = first; i <= last; i++)
            if (!graph->layers[i]->passing)
                graph->layers[i]->type->forward_image(graph, graph->layers[i], pass, image);
}

static void add_shortcuts(struct sps_graph *graph, const struct sps_layer *source, int image, float *dy)
{
    for (struct sps_layer *to = source->taken_by; to != NULL; to = to->also)
        to->type->add_shortcut(graph, to, image, dy);
}

static void backward_images(struct sps_graph *graph, int first, int last, const struct sps_pass *pass, float *dy)
{
    size_t size = sps_shape_size(&graph->layers[last]->out); /* of all of them */
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int image = 0; image < pass->n; image++)
        for (int i = last; i >= first; i--) {
            struct sps_layer *layer = graph->layers[i];
            add_shortcuts(graph, layer, image, dy + (size_t)image * size);
            layer->type->backward_image(graph, layer, pass, image, dy + (size_t)image * size);
        }
    for (int i = last; i >= first; i--)
        if (graph->layers[i]->type->backward_end != NULL)
            graph->layers[i]->type->backward_end(graph, graph->layers[i], pass, dy);
}

void sps_layer_forward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass)
{
    if (layer->type->forward_image != NULL)
        forward_images(graph, layer->index, layer->index, pass);
    else
        layer->type->forward(graph, layer, pass);
}

void sps_layer_backward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy,
                        float *dx)
{
    if (layer->type->backward_image != NULL) {
        backward_images(graph, layer->index, layer->index, pass, dy);
        return;
    }
    size_t size = sps_shape_size(&layer->out);
    if (layer->taken_by != NULL)
#pragma omp parallel for schedule(static) num_threads(graph->threads)
        for (int image = 0; image < pass->n; image++)
            add_shortcuts(graph, layer, image, dy + (size_t)image * size);
    layer->type->backward(graph, layer, pass, dy, dx);
}

static int is_grouped(const struct sps_graph *graph, int at)
{
    return graph->profile == NULL && at >= 0 && at < graph->layer_count &&
           graph->layers[at]->type->forward_image != NULL;
}

static int begins(const struct sps_graph *graph, int at)
{
    return graph->layers[at]->type->forward_begin != NULL;
}

/* The element-wise layers around `at`, of which only the first may have a beginning; a profile wants each for itself.
 */
static int last_of_group(const struct sps_graph *graph, int at)
{
    while (is_grouped(graph, at + 1) && !begins(graph, at + 1))
        at++;
    return at;
}

static int first_of_group(const struct sps_graph *graph, int at)
{
    while (!begins(graph, at) && is_grouped(graph, at - 1))
        at--;
    return at;
}

void sps_graph_forward(struct sps_graph *graph, const struct sps_pass *pass)
{
    for (int i = pass->start; i < graph->layer_count; i++) {
        int last = i;
        if (graph->layers[i]->type->forward_image == NULL)
            graph->layers[i]->type->forward(graph, graph->layers[i], pass);
        else {
            last = last_of_group(graph, i);
            forward_images(graph, i, last, pass);
        }
        sps_profile_mark_layer(graph->profile, SPS_PROFILE_FORWARD, i);
        i = last;
    }
}

const float *sps_graph_logits(const struct sps_graph *graph)
{
    return graph->layers[graph->layer_count - 1]->y;
}

void sps_graph_backward(struct sps_graph *graph, const struct sps_pass *pass, const float *dlogits)
{
    float *dy = graph->gradient[0], *other = graph->gradient[1];
    memcpy(dy, dlogits, (size_t)pass->n * (size_t)graph->classes * sizeof *dy);
    for (int i = graph->layer_count - 1; i >= 0; i--) {
        struct sps_layer *layer = graph->layers[i];
        if (layer->type->backward_image != NULL) {
            int first = first_of_group(graph, i);
            backward_images(graph, first, i, pass, dy);
            sps_profile_mark_layer(graph->profile, SPS_PROFILE_BACKWARD, i);
            i = first;
            continue;
        }
        float *dx = layer->input == NULL ? NULL : layer->in_place ? dy : other;
        sps_layer_backward(graph, layer, pass, dy, dx);
        sps_profile_mark_layer(graph->profile, SPS_PROFILE_BACKWARD, i);
        if (!layer->in_place) {
            other = dy;
            dy = dx;
        }
    }
    sps_ranks_sum(graph->ranks, graph->grads, graph->grads_count);
}
