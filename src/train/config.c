/* SPDX-License-Identifier: MIT */
#include "train/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bayes/bayes.h"
#include "conf/preset.h"
#include "core/file.h"
#include "core/memory.h"
#include "spinscale/train.h"
#include "train/variant.h"

#define SPS_PARAMS_OWNER struct sps_run_params
static const struct sps_param run_params[] = {SPS_PARAMS_TABLE(RUN_PARAMS)};
#undef SPS_PARAMS_OWNER

enum { NET_BYTES_MAX = 1 << 20 };

/* "key 'value' is unknown (all, there, are)". */
static sps_status unknown(const char *key, const char *value, const char *kind)
{
    char names[512] = "";
    const char *name, *summary, *source;
    for (size_t i = 0; (name = sps_train_list(kind, i, &summary, &source)) != NULL; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? ", " : "", name);
    SPS_FAIL(EINVAL, "%s '%s' is unknown (%s)", key, value, names);
}

/* The method decides which settings there are, so its name is looked up before anything is read. */
static sps_status choose_method(struct sps_config *c, const sps_yaml *yaml, const char *const *sets, size_t set_count)
{
    const char *name = c->run.method;
    const struct sps_yaml_node *map = yaml ? sps_yaml_get(sps_yaml_root(yaml), "method") : NULL;
    const struct sps_yaml_node *node = map && map->kind == SPS_YAML_MAP ? sps_yaml_get(map, "name") : NULL;
    if (node != NULL && node->kind == SPS_YAML_SCALAR)
        name = node->text;
    static const char key[] = "method.name=";
    for (size_t i = 0; i < set_count; i++)
        if (strncmp(sets[i], key, sizeof key - 1) == 0)
            name = sets[i] + sizeof key - 1;
    c->method = sps_method_find(name);
    if (c->method == NULL && node != NULL && name == node->text) {
        unknown("method.name", name, "methods");
        return sps_yaml_fail(yaml, node, "%s", sps_last_error());
    }
    if (c->method == NULL)
        return unknown("method.name", name, "methods");
    SPS_TRY(sps_calloc(&c->settings, 1, c->method->settings_size, "method settings"));
    sps_params_default(c->method->params, c->settings);
    return SPS_OK;
}

/* A --set that chooses another method than the file makes the file's settings of its own method void: a copy of the top
 * of the tree whose method map has its name alone.  rows has room for `count` nodes and two more. */
static const struct sps_yaml_node *without_method_settings(struct sps_yaml_node *rows, const struct sps_yaml_node *root)
{
    struct sps_yaml_node *top = rows++, **link = &top->first;
    *top = *root;
    for (const struct sps_yaml_node *child = root->first; child != NULL; child = child->next) {
        struct sps_yaml_node *copy = rows++;
        *copy = *child;
        *link = copy;
        link = &copy->next;
        const struct sps_yaml_node *name = strcmp(child->key, "method") == 0 ? sps_yaml_get(child, "name") : NULL;
        if (name == NULL)
            continue;
        struct sps_yaml_node *only = rows++;
        *only = *name;
        only->next = NULL;
        copy->first = only;
    }
    *link = NULL;
    return top;
}

static sps_status read_file(struct sps_config *c, const struct sps_binding *bindings, const sps_yaml *yaml)
{
    const struct sps_yaml_node *root = sps_yaml_root(yaml);
    const struct sps_yaml_node *map = root->kind == SPS_YAML_MAP ? sps_yaml_get(root, "method") : NULL;
    const struct sps_yaml_node *name = map && map->kind == SPS_YAML_MAP ? sps_yaml_get(map, "name") : NULL;
    if (name == NULL || name->kind != SPS_YAML_SCALAR || strcmp(name->text, c->method->name) == 0)
        return sps_params_read(bindings, 2, yaml, root);
    size_t count = 0;
    for (const struct sps_yaml_node *child = root->first; child != NULL; child = child->next)
        count++;
    struct sps_yaml_node *rows = NULL;
    SPS_TRY(sps_calloc(&rows, count + 2, sizeof *rows, "settings"));
    sps_status status = sps_params_read(bindings, 2, yaml, without_method_settings(rows, root));
    sps_free(rows);
    return status;
}

sps_status sps_config_read_split(struct sps_run_params *out, const sps_yaml *yaml)
{
    const struct sps_yaml_node *root = sps_yaml_root(yaml);
    const struct sps_binding binding = {run_params, out};
    struct sps_yaml_node top = *root, groups[2], **link = &top.first;
    sps_params_default(run_params, out);
    for (const struct sps_yaml_node *child = root->first; child != NULL && root->kind == SPS_YAML_MAP;
         child = child->next) {
        int data = strcmp(child->key, "data") == 0;
        if (!data && strcmp(child->key, "run") != 0)
            continue;
        groups[data] = *child; /* a key is there once */
        *link = &groups[data];
        link = &groups[data].next;
    }
    *link = NULL;
    return sps_params_read(&binding, 1, yaml, &top);
}

static sps_status load_net(struct sps_config *c)
{
    SPS_TRY(sps_preset_read(&c->net, "nets", c->run.net));
    SPS_TRY(
        sps_net_variant(&c->net_text, c->net, (enum sps_twin)c->run.twin, c->run.float_ends, c->method, c->settings));
    if (c->net_text != NULL) {
        char name[4200];
        snprintf(name, sizeof name, "%s, changed by net.twin, net.float_ends or method.name", sps_yaml_name(c->net));
        sps_yaml_free(c->net);
        c->net = NULL;
        return sps_yaml_parse(&c->net, name, c->net_text, strlen(c->net_text));
    }
    if (sps_preset_is_path(c->run.net)) {
        size_t bytes = 0;
        return sps_file_load(&c->net_text, &bytes, c->run.net, NET_BYTES_MAX);
    }
    return sps_strdup(&c->net_text, sps_preset_find("nets", c->run.net)->text);
}

static sps_status init(struct sps_config *c, const sps_yaml *yaml, const char *const *sets, size_t set_count,
                       int has_seed, uint64_t seed)
{
    sps_params_default(run_params, &c->run);
    SPS_TRY(choose_method(c, yaml, sets, set_count));
    const struct sps_binding bindings[] = {{run_params, &c->run}, {c->method->params, c->settings}};
    if (yaml != NULL)
        SPS_TRY(read_file(c, bindings, yaml));
    for (size_t i = 0; i < set_count; i++)
        SPS_TRY(sps_params_set(bindings, 2, sets[i]));
    if (has_seed && seed > (uint64_t)9007199254740992)
        SPS_FAIL(EINVAL, "seed %llu is above 2^53", (unsigned long long)seed);
    if (has_seed)
        c->run.seed = (int64_t)seed;
    c->binariser = sps_binariser_find(c->run.binariser);
    if (c->binariser == NULL)
        return unknown("net.binariser", c->run.binariser, "binarisers");
    c->optimiser = sps_optimiser_find(c->run.optimiser);
    if (c->optimiser == NULL)
        return unknown("train.optimiser", c->run.optimiser, "optimisers");
    SPS_TRY(load_net(c));
    return sps_params_write(&c->text, bindings, 2);
}

sps_status sps_config_read(struct sps_config *out, const sps_yaml *yaml, const char *const *sets, size_t set_count,
                           int has_seed, uint64_t seed)
{
    struct sps_config c = {0};
    sps_status status = init(&c, yaml, sets, set_count, has_seed, seed);
    if (status == SPS_OK)
        *out = c;
    else
        sps_config_reset(&c);
    return status;
}

sps_status sps_config_init(struct sps_config *out, const char *config, const char *const *sets, size_t set_count,
                           int has_seed, uint64_t seed)
{
    sps_yaml *yaml = NULL;
    if (config != NULL)
        SPS_TRY(sps_preset_read(&yaml, "configs", config));
    sps_status status = sps_config_read(out, yaml, sets, set_count, has_seed, seed);
    sps_yaml_free(yaml);
    return status;
}

sps_status sps_config_set_epochs(struct sps_config *c, int64_t epochs)
{
    const struct sps_binding bindings[] = {{run_params, &c->run}, {c->method->params, c->settings}};
    char *text = NULL;
    int64_t before = c->run.epochs;
    c->run.epochs = epochs;
    sps_status status = sps_params_write(&text, bindings, 2);
    if (status != SPS_OK) {
        c->run.epochs = before;
        return status;
    }
    sps_free(c->text);
    c->text = text;
    return SPS_OK;
}

void sps_config_reset(struct sps_config *c)
{
    sps_free(c->settings);
    sps_yaml_free(c->net);
    sps_free(c->net_text);
    sps_free(c->text);
    *c = (struct sps_config){0};
}

sps_status sps_train_describe(char **text)
{
    char *parts[16] = {NULL}, *all = NULL;
    int count = 0;
    sps_status status = SPS_OK;
    struct sps_run_params run;
    const struct sps_binding binding = {run_params, &run};
    SPS_TRY_OUT(sps_params_describe(&parts[count++], &binding, 1));
    const struct sps_method *method;
    for (size_t i = 0; (method = sps_method_at(i)) != NULL && count < 16; i++) {
        const struct sps_binding own = {method->params, &run}; /* only the table is read */
        SPS_TRY_OUT(sps_params_describe(&parts[count++], &own, 1));
    }
    size_t size = 1;
    for (int i = 0; i < count; i++)
        size += strlen(parts[i]) + 128;
    SPS_TRY_OUT(sps_calloc(&all, size, 1, "text"));
    strcat(all, parts[0]);
    for (int i = 1; i < count; i++) {
        method = sps_method_at((size_t)i - 1);
        snprintf(all + strlen(all), 128, "\nmethod.name: %s\n", method->name);
        strcat(all, parts[i]);
    }
    *text = all;
out:
    for (int i = 0; i < count; i++)
        sps_free(parts[i]);
    return status;
}

void sps_text_free(char *text)
{
    sps_free(text);
}

const char *sps_train_preset(const char *folder, size_t index, char summary[256])
{
    return sps_preset_list(folder, index, summary);
}

static const char *describe(const char *name, const char *text, const char *from, const char **summary,
                            const char **source)
{
    *summary = text;
    *source = from;
    return name;
}

const char *sps_train_list(const char *kind, size_t index, const char **summary, const char **source)
{
    static const char *const schedules[][2] = {{"cosine", "half a cosine from the largest rate to train.final of it"},
                                               {"steps", "train.drops drops by train.drop_factor, evenly spread"},
                                               {"one_cycle", "up during the warm-up, then half a cosine down"},
                                               {"constant", "the largest rate throughout"}};
#define DESCRIBE(entry)                                                                                                \
    return (entry) ? describe((entry)->name, (entry)->summary, (entry)->source, summary, source) : NULL
    if (strcmp(kind, "layers") == 0)
        DESCRIBE(sps_layer_type_at(index));
    if (strcmp(kind, "methods") == 0)
        DESCRIBE(sps_method_at(index));
    if (strcmp(kind, "optimisers") == 0)
        DESCRIBE(sps_optimiser_at(index));
    if (strcmp(kind, "binarisers") == 0)
        DESCRIBE(sps_binariser_at(index));
    if (strcmp(kind, "schedules") == 0 && index < sizeof schedules / sizeof *schedules)
        return describe(schedules[index][0], schedules[index][1], "", summary, source);
    return NULL;
}
