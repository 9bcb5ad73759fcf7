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
    int activations; /* hidden ones so far */
    int depth;       /* of blocks around the layer */
    int activated;   /* the next layer begins a block behind an activation: a float one needs no other */
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

static void write_inside(FILE *out, const struct sps_yaml_node *node);

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
    write_inside(out, node);
    fputc(node->kind == SPS_YAML_MAP ? '}' : ']', out);
}

/* Without the brackets around. */
static void write_inside(FILE *out, const struct sps_yaml_node *node)
{
    for (const struct sps_yaml_node *child = node->first; child != NULL; child = child->next) {
        if (child->key != NULL)
            fprintf(out, "%s: ", child->key);
        write_node(out, child);
        fputs(child->next != NULL ? ", " : "", out);
    }
}

/* ---- layers ---- */

/* A line each; inside of a block, all in one. */
static void open_item(const struct variant *v)
{
    fputs(v->depth > 0 ? "{" : "  - ", v->out);
}

static void close_item(const struct variant *v)
{
    fputs(v->depth > 0 ? "}, " : "\n", v->out);
}

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

/* A binary product as a float one: without its signs, and its pooling in a layer of its own. */
static sps_status write_float_product(struct variant *v, const struct sps_yaml_node *body)
{
    const struct sps_yaml_node *pool = sps_yaml_get(body, "pool");
    if (says(body, "pool_ceil", "true"))
        return sps_yaml_fail(v->net, sps_yaml_get(body, "pool_ceil"),
                             "pool_ceil: a float twin is not possible, pool layers have no smaller windows at the end");
    open_item(v);
    fprintf(v->out, "%s: {", body->key);
    const char *comma = "";
    for (const struct sps_yaml_node *child = body->first; child != NULL; child = child->next) {
        if (strcmp(child->key, "binary") == 0 || strncmp(child->key, "pool", 4) == 0)
            continue;
        fprintf(v->out, "%s%s: ", comma, child->key);
        write_node(v->out, child);
        comma = ", ";
    }
    fputc('}', v->out);
    close_item(v);
    if (pool != NULL && pool->kind == SPS_YAML_SCALAR && strcmp(pool->text, "1") != 0) {
        open_item(v);
        fprintf(v->out, "pool: {kernel: %s}", pool->text);
        close_item(v);
    }
    return SPS_OK;
}

static void write_noise(struct variant *v, const struct sps_yaml_node *next)
{
    char layer[SPS_NOISE_TEXT] = "";
    if (v->method->noise != NULL)
        v->method->noise(layer, v->settings, v->activations, is(body_of(next), "dense"));
    if (layer[0] != '\0') {
        open_item(v);
        fputs(layer, v->out);
        close_item(v);
    }
    v->activations++;
}

static const struct sps_yaml_node *layers_of(const struct sps_yaml_node *block)
{
    const struct sps_yaml_node *layers = sps_yaml_get(block, "layers");
    return layers != NULL && layers->kind == SPS_YAML_LIST ? layers : NULL;
}

/* A block that takes the signs of what it adds to: an activation in front of it is part of that. */
static int is_block_of_signs(const struct sps_yaml_node *item)
{
    const struct sps_yaml_node *body = body_of(item);
    return is(body, "residual") && layers_of(body) != NULL && is(body_of(layers_of(body)->first), "sign");
}

static int is_activation(const struct sps_yaml_node *body)
{
    return is(body, "sign") || is(body, "relu") || is(body, "htanh");
}

static sps_status write_layer(struct variant *v, const struct sps_yaml_node *item, const struct sps_yaml_node *before);

static sps_status write_block(struct variant *v, const struct sps_yaml_node *body, const struct sps_yaml_node *before)
{
    open_item(v);
    fputs("residual: {layers: [", v->out);
    v->depth++;
    v->activated = is_activation(body_of(before));
    const struct sps_yaml_node *last = NULL;
    for (const struct sps_yaml_node *item = layers_of(body)->first; item != NULL; last = item, item = item->next)
        SPS_TRY(write_layer(v, item, last));
    v->depth--;
    fputs("]}", v->out);
    close_item(v);
    return SPS_OK;
}

/* before: the layer before it in its list, NULL for none. */
static sps_status write_layer(struct variant *v, const struct sps_yaml_node *item, const struct sps_yaml_node *before)
{
    const struct sps_yaml_node *body = body_of(item), *next = item->next;
    int to_float = v->twin != SPS_TWIN_NONE, activated = v->activated;
    int before_sign = is(body, "htanh") && is(body_of(next), "sign"); /* keeps the sign: part of what follows */
    /* Noise in front of a mean would be averaged out; in front of a block it would drop what the block adds to. */
    int noisy = is_activation(body) && next != NULL && !before_sign && !is_block_of_signs(next) &&
                !(is(body_of(next), "pool") && says(body_of(next), "mode", "average"));
    v->activated = 0;
    if (to_float && before_sign)
        return SPS_OK;
    if (is(body, "residual") && layers_of(body) != NULL)
        return write_block(v, body, before);
    if (to_float && (is(body, "conv") || is(body, "dense")) && says(body, "binary", "true")) {
        SPS_TRY(write_float_product(v, body));
    } else if (!(to_float && is(body, "sign") && activated)) {
        open_item(v);
        if (to_float && (is(body, "sign") || is(body, "htanh")))
            fprintf(v->out, "%s: {}", v->twin == SPS_TWIN_RELU ? "relu" : "htanh");
        else
            write_inside(v->out, item);
        close_item(v);
    }
    if (noisy)
        write_noise(v, next);
    return SPS_OK;
}

static sps_status write_net(struct variant *v)
{
    static const char *const twins[] = {"", " (float twin, relu)", " (float twin, hard tanh)"};
    const struct sps_yaml_node *root = sps_yaml_root(v->net);
    if (root->kind != SPS_YAML_MAP)
        return sps_yaml_fail(v->net, root, "a network must be a map of name, input, classes and layers");
    fprintf(v->out, "# %s%s%s%s\n", sps_yaml_name(v->net), twins[v->twin], v->method->noise ? " for " : "",
            v->method->noise ? v->method->name : "");
    for (const struct sps_yaml_node *n = root->first; n != NULL; n = n->next) {
        fprintf(v->out, "%s:", n->key);
        if (strcmp(n->key, "layers") != 0 || n->kind != SPS_YAML_LIST) {
            fputc(' ', v->out);
            write_node(v->out, n);
            fputc('\n', v->out);
            continue;
        }
        fputc('\n', v->out);
        const struct sps_yaml_node *before = NULL;
        for (const struct sps_yaml_node *item = n->first; item != NULL; before = item, item = item->next)
            SPS_TRY(write_layer(v, item, before));
    }
    return SPS_OK;
}

sps_status sps_net_variant(char **text, const sps_yaml *net, enum sps_twin twin, const struct sps_method *method,
                           const void *settings)
{
    char *written = NULL;
    size_t size = 0;
    if (twin == SPS_TWIN_NONE && method->noise == NULL)
        return SPS_OK;
    struct variant v = {open_memstream(&written, &size), net, twin, method, settings, 0, 0, 0};
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
