/* SPDX-License-Identifier: MIT */
/* A description is read as a tree and written again, layer by layer. */
#include "train/variant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

struct variant {
    FILE *out;
    const sps_yaml *net;
    enum sps_twin twin;
    const struct sps_method *method;
    const void *settings;
    int float_ends;
    int product_count;         /* of the whole network */
    int activations, products; /* hidden ones so far */
    int placed;                /* how often the method's noise found a place */
    int indent;
    int activated; /* the layer before was an activation */
};

/* ---- writing a tree ---- */

static void write_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20)
            fprintf(out, "\\x%02x", (unsigned char)*text);
        else
            fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    fputc('"', out);
}

static void write_node(FILE *out, const struct sps_yaml_node *node)
{
    if (node->kind == SPS_YAML_SCALAR) {
        if (node->quoted)
            write_text(out, node->text);
        else
            fputs(node->text, out);
        return;
    }
    fputc(node->kind == SPS_YAML_MAP ? '{' : '[', out);
    for (const struct sps_yaml_node *child = node->first; child != NULL; child = child->next) {
        if (child->key != NULL)
            fprintf(out, "%s: ", child->key);
        write_node(out, child);
        fputs(child->next != NULL ? ", " : "", out);
    }
    fputc(node->kind == SPS_YAML_MAP ? '}' : ']', out);
}

/* ---- layers ---- */

/* The settings of the layer that an item of the list describes, its type as key; NULL where the item is no layer. */
static const struct sps_yaml_node *body_of(const struct sps_yaml_node *item)
{
    return item != NULL && item->kind == SPS_YAML_MAP && item->first != NULL && item->first->kind == SPS_YAML_MAP
               ? item->first
               : NULL;
}

static int is(const struct sps_yaml_node *body, const char *type)
{
    return body != NULL && strcmp(body->key, type) == 0;
}

static int says(const struct sps_yaml_node *body, const char *key, const char *value)
{
    const struct sps_yaml_node *node = sps_yaml_get(body, key);
    return node != NULL && node->kind == SPS_YAML_SCALAR && strcmp(node->text, value) == 0;
}

/* The layers of a residual block, NULL where the item is none. */
static const struct sps_yaml_node *block_of(const struct sps_yaml_node *item)
{
    const struct sps_yaml_node *list = is(body_of(item), "residual") ? sps_yaml_get(body_of(item), "layers") : NULL;
    return list != NULL && list->kind == SPS_YAML_LIST && list->first != NULL ? list : NULL;
}

static const struct sps_yaml_node *first_of(const struct sps_yaml_node *item)
{
    while (block_of(item) != NULL)
        item = block_of(item)->first;
    return item;
}

static int is_product(const struct sps_yaml_node *body)
{
    return is(body, "conv") || is(body, "dense");
}

static void begin_item(const struct variant *v)
{
    fprintf(v->out, "%*s- ", v->indent, "");
}

static int count_products(const struct sps_yaml_node *list)
{
    int count = 0;
    for (const struct sps_yaml_node *item = list->first; item != NULL; item = item->next)
        count += block_of(item) != NULL ? count_products(block_of(item)) : is_product(body_of(item));
    return count;
}

/* Whether the next product is made one of real weights. */
static int becomes_float(const struct variant *v, const struct sps_yaml_node *body)
{
    int end = v->products == 0 || v->products == v->product_count - 1;
    return says(body, "binary", "true") && (v->twin != SPS_TWIN_NONE || (v->float_ends && end));
}

/* The method's settings for the next product; empty: none. */
static void ask_product(struct variant *v, char text[SPS_NOISE_TEXT], const struct sps_yaml_node *body, int to_float)
{
    const struct sps_place place = {v->products++, !to_float && says(body, "binary", "true"), is(body, "dense")};
    text[0] = '\0';
    if (v->method->product != NULL)
        v->method->product(text, v->settings, &place);
    v->placed += text[0] != '\0';
}

/* A product with what the method adds.  to_float: without its signs, and its pooling in a layer of its own. */
static sps_status write_product(struct variant *v, const struct sps_yaml_node *body, int to_float, const char *added)
{
    const struct sps_yaml_node *pool = sps_yaml_get(body, "pool");
    if (to_float && says(body, "pool_ceil", "true"))
        return sps_yaml_fail(v->net, sps_yaml_get(body, "pool_ceil"),
                             "pool_ceil: a float twin is not possible, pool layers have no smaller windows at the end");
    begin_item(v);
    fprintf(v->out, "%s: {", body->key);
    const char *comma = "";
    for (const struct sps_yaml_node *child = body->first; child != NULL; child = child->next) {
        if (to_float && (strcmp(child->key, "binary") == 0 || strncmp(child->key, "pool", 4) == 0))
            continue;
        fprintf(v->out, "%s%s: ", comma, child->key);
        write_node(v->out, child);
        comma = ", ";
    }
    fprintf(v->out, "%s%s}\n", added[0] != '\0' ? comma : "", added);
    if (to_float && pool != NULL && pool->kind == SPS_YAML_SCALAR && strcmp(pool->text, "1") != 0) {
        begin_item(v);
        fprintf(v->out, "pool: {kernel: %s}\n", pool->text);
    }
    return SPS_OK;
}

static void write_noise(struct variant *v, const struct sps_yaml_node *activation, const struct sps_yaml_node *next)
{
    char layer[SPS_NOISE_TEXT] = "";
    while (is(body_of(next), "pool") && next->next != NULL)
        next = next->next;
    const struct sps_place place = {v->activations++, v->twin == SPS_TWIN_NONE && is(activation, "sign"),
                                    is(body_of(next), "dense")};
    if (v->method->noise != NULL)
        v->method->noise(layer, v->settings, &place);
    if (layer[0] == '\0')
        return;
    v->placed++;
    begin_item(v);
    fprintf(v->out, "%s\n", layer);
}

static sps_status write_layers(struct variant *v, const struct sps_yaml_node *list, const struct sps_yaml_node *after);

static sps_status write_block(struct variant *v, const struct sps_yaml_node *list, const struct sps_yaml_node *next)
{
    begin_item(v);
    fprintf(v->out, "residual:\n%*s    layers:\n", v->indent, "");
    v->indent += 6;
    sps_status status = write_layers(v, list, next);
    v->indent -= 6;
    return status;
}

static int is_activation(const struct sps_yaml_node *body)
{
    return is(body, "sign") || is(body, "relu") || is(body, "htanh");
}

/* next: the layer that follows, NULL behind the last one. */
static sps_status write_layer(struct variant *v, const struct sps_yaml_node *item, const struct sps_yaml_node *next)
{
    const struct sps_yaml_node *body = body_of(item);
    char added[SPS_NOISE_TEXT] = "";
    int to_float = v->twin != SPS_TWIN_NONE, activated = v->activated;
    int before_sign =
        is(body, "htanh") && is(body_of(first_of(next)), "sign"); /* keeps the sign: part of what follows */
    if (block_of(item) != NULL)
        return write_block(v, block_of(item), next);
    if (to_float && before_sign && block_of(next) == NULL)
        return SPS_OK;
    v->activated = is_activation(body);
    if (is_product(body)) {
        int real = becomes_float(v, body);
        ask_product(v, added, body, real);
        if (real || added[0] != '\0')
            return write_product(v, body, real, added);
    }
    if (!(to_float && is(body, "sign") && activated)) { /* a block takes the signs of what is activated already */
        begin_item(v);
        if (to_float && (is(body, "sign") || is(body, "htanh")))
            fprintf(v->out, "%s: {}", v->twin == SPS_TWIN_RELU ? "relu" : "htanh");
        else
            write_node(v->out, item);
        fputc('\n', v->out);
    }
    /* Noise in front of a mean would be averaged out. */
    int before_mean = is(body_of(next), "pool") && says(body_of(next), "mode", "average");
    if (is_activation(body) && !before_sign && !before_mean && next != NULL)
        write_noise(v, body, next);
    return SPS_OK;
}

/* after: what follows the list. */
static sps_status write_layers(struct variant *v, const struct sps_yaml_node *list, const struct sps_yaml_node *after)
{
    for (const struct sps_yaml_node *item = list->first; item != NULL; item = item->next)
        SPS_TRY(write_layer(v, item, item->next != NULL ? item->next : after));
    return SPS_OK;
}

static sps_status write_net(struct variant *v)
{
    static const char *const twins[] = {"", " (float twin, relu)", " (float twin, hard tanh)"};
    const struct sps_yaml_node *root = sps_yaml_root(v->net);
    int noisy = v->method->noise != NULL || v->method->product != NULL;
    if (root->kind != SPS_YAML_MAP)
        return sps_yaml_fail(v->net, root, "a network must be a map of name, input, classes and layers");
    fprintf(v->out, "# %s%s%s%s%s\n", sps_yaml_name(v->net), twins[v->twin], v->float_ends ? " (float ends)" : "",
            noisy ? " for " : "", noisy ? v->method->name : "");
    for (const struct sps_yaml_node *n = root->first; n != NULL; n = n->next) {
        fprintf(v->out, "%s:", n->key);
        if (strcmp(n->key, "layers") != 0 || n->kind != SPS_YAML_LIST) {
            fputc(' ', v->out);
            write_node(v->out, n);
            fputc('\n', v->out);
            continue;
        }
        fputc('\n', v->out);
        v->product_count = count_products(n);
        SPS_TRY(write_layers(v, n, NULL));
    }
    if (noisy && v->placed == 0)
        return sps_yaml_fail(v->net, root, "method %s finds nothing here to draw with these settings%s",
                             v->method->name, v->twin == SPS_TWIN_NONE ? "" : ", in a float twin");
    return SPS_OK;
}

sps_status sps_net_variant(char **text, const sps_yaml *net, enum sps_twin twin, int float_ends,
                           const struct sps_method *method, const void *settings)
{
    char *written = NULL;
    size_t size = 0;
    if (twin == SPS_TWIN_NONE && !float_ends && method->noise == NULL && method->product == NULL)
        return SPS_OK;
    struct variant v = {.out = open_memstream(&written, &size),
                        .net = net,
                        .twin = twin,
                        .float_ends = float_ends,
                        .method = method,
                        .settings = settings,
                        .indent = 2};
    if (v.out == NULL)
        SPS_FAIL(ENOMEM, "out of memory: a network's description");
    sps_status status = write_net(&v);
    int full = fclose(v.out) != 0;
    if (status == SPS_OK && full)
        status = sps_fail(SPS_ENOMEM, "out of memory: a network's description");
    if (status == SPS_OK)
        status = sps_strdup(text, written);
    free(written);
    return status;
}
