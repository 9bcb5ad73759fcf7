/* SPDX-License-Identifier: MIT */
/* The tree of a YAML file, built from libyaml's events (YAML 1.1, https://yaml.org/spec/1.1/).  What makes a settings
 * file hard to read or costly to check is refused: anchors, aliases, tags, several documents, keys given twice.
 * Each node is one allocation with its key and text behind it, and is in the tree from the moment it exists, so
 * whatever goes wrong sps_yaml_free() finds everything. */
#include "conf/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "conf/text.h"
#include "core/file.h"
#include "core/memory.h"

struct sps_yaml {
    char *name;
    struct sps_yaml_node *root;
};

struct builder {
    yaml_parser_t parser;
    const char *text;
    sps_yaml *yaml;
    struct {
        struct sps_yaml_node *node;
        struct sps_yaml_node **end; /* where the next child is linked */
        int children;
    } open[SPS_YAML_LEVELS]; /* the lists and maps around the current place, outermost first */
    int levels, nodes;
    yaml_event_t key; /* of the value to come; YAML_NO_EVENT if there is none */
};

__attribute__((format(printf, 4, 0))) static sps_status fail_at(const char *name, int line, int column,
                                                                const char *format, va_list args)
{
    char text[768];
    vsnprintf(text, sizeof text, format, args);
    if (line == 0)
        SPS_FAIL(EFORMAT, "%s: %s", name, text);
    SPS_FAIL(EFORMAT, "%s:%d:%d: %s", name, line, column, text);
}

sps_status sps_yaml_fail(const sps_yaml *yaml, const struct sps_yaml_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sps_status status = fail_at(yaml->name, node ? node->line : 0, node ? node->column : 0, format, args);
    va_end(args);
    return status;
}

sps_status sps_yaml_fail_key(const sps_yaml *yaml, const struct sps_yaml_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sps_status status = fail_at(yaml->name, node->key_line, node->key_column, format, args);
    va_end(args);
    return status;
}

__attribute__((format(printf, 3, 4))) static sps_status fail_mark(const struct builder *b, yaml_mark_t mark,
                                                                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sps_status status = fail_at(b->yaml->name, (int)mark.line + 1, (int)mark.column + 1, format, args);
    va_end(args);
    return status;
}

/* What libyaml has to say; bytes that are not text are known to it by their offset only. */
static sps_status bad_yaml(const struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_MEMORY_ERROR)
        SPS_FAIL(ENOMEM, "out of memory in libyaml, reading %s", b->yaml->name);
    yaml_mark_t mark = p->problem_mark;
    if (p->error == YAML_READER_ERROR) {
        mark = (yaml_mark_t){0};
        for (size_t i = 0; i < p->problem_offset; i++) {
            mark.column = b->text[i] == '\n' ? 0 : mark.column + ((unsigned char)(b->text[i] & 0xC0) != 0x80);
            mark.line += b->text[i] == '\n';
        }
    }
    const char *context = p->error == YAML_READER_ERROR ? NULL : p->context;
    return fail_mark(b, mark, "bad YAML: %s%s%s", p->problem, context ? " " : "", context ? context : "");
}

/* The event becomes the key of the value to come. */
static sps_status take_key(struct builder *b, yaml_event_t *event)
{
    char shown[SPS_EXCERPT];
    const struct sps_yaml_node *map = b->open[b->levels - 1].node;
    if (event->type != YAML_SCALAR_EVENT)
        return fail_mark(b, event->start_mark, "a key must be a word, not a list or map");
    const char *key = (const char *)event->data.scalar.value;
    const struct sps_yaml_node *twin = sps_yaml_get(map, key);
    if (twin != NULL)
        return fail_mark(b, event->start_mark, "key '%s' is here twice, first in line %d", sps_excerpt(shown, key),
                         twin->key_line);
    if (b->open[b->levels - 1].children == SPS_YAML_KEYS)
        return fail_mark(b, event->start_mark, "more than %d keys in one map", SPS_YAML_KEYS);
    b->key = *event;
    memset(event, 0, sizeof *event);
    return SPS_OK;
}

/* A scalar, or the start of a list or map. */
static sps_status take_node(struct builder *b, yaml_event_t *event)
{
    enum sps_yaml_kind kind = SPS_YAML_SCALAR;
    const yaml_char_t *anchor = NULL, *tag = NULL, *text = NULL;
    size_t length = 0;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        text = event->data.scalar.value;
        length = event->data.scalar.length;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        kind = SPS_YAML_LIST;
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else {
        kind = SPS_YAML_MAP;
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL)
        return fail_mark(b, event->start_mark, "anchors are not allowed");
    if (tag != NULL)
        return fail_mark(b, event->start_mark, "tags are not allowed");
    if (text != NULL && memchr(text, 0, length) != NULL)
        return fail_mark(b, event->start_mark, "text with a zero byte is not allowed");

    struct sps_yaml_node *parent = b->levels > 0 ? b->open[b->levels - 1].node : NULL;
    if (parent != NULL && parent->kind == SPS_YAML_MAP && b->key.type == YAML_NO_EVENT)
        return take_key(b, event);
    if (b->levels == SPS_YAML_LEVELS)
        return fail_mark(b, event->start_mark, "more than %d levels", SPS_YAML_LEVELS);
    if (b->nodes == SPS_YAML_NODES)
        return fail_mark(b, event->start_mark, "more than %d values", SPS_YAML_NODES);

    int keyed = b->key.type != YAML_NO_EVENT;
    size_t key_bytes = keyed ? b->key.data.scalar.length + 1 : 0, text_bytes = text != NULL ? length + 1 : 0;
    struct sps_yaml_node *node = NULL;
    SPS_TRY(sps_calloc(&node, 1, sizeof *node + key_bytes + text_bytes, "YAML node"));
    node->kind = kind;
    node->line = (int)event->start_mark.line + 1;
    node->column = (int)event->start_mark.column + 1;
    if (keyed) {
        node->key = memcpy((char *)(node + 1), b->key.data.scalar.value, key_bytes);
        node->key_line = (int)b->key.start_mark.line + 1;
        node->key_column = (int)b->key.start_mark.column + 1;
        yaml_event_delete(&b->key);
    }
    if (text != NULL) {
        node->text = memcpy((char *)(node + 1) + key_bytes, text, text_bytes);
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    }
    if (parent != NULL) {
        *b->open[b->levels - 1].end = node;
        b->open[b->levels - 1].end = &node->next;
        b->open[b->levels - 1].children++;
    } else {
        b->yaml->root = node;
    }
    b->nodes++;
    if (kind != SPS_YAML_SCALAR) {
        b->open[b->levels].node = node;
        b->open[b->levels].end = &node->first;
        b->open[b->levels].children = 0;
        b->levels++;
    }
    return SPS_OK;
}

static sps_status take_event(struct builder *b, yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->yaml->root != NULL)
            return fail_mark(b, event->start_mark, "a second document starts here, one is allowed");
        if (event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
            return fail_mark(b, event->start_mark, "tags are not allowed");
        return SPS_OK;
    case YAML_ALIAS_EVENT:
        return fail_mark(b, event->start_mark, "aliases are not allowed");
    case YAML_SCALAR_EVENT:
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return take_node(b, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->levels--;
        return SPS_OK;
    default:
        return SPS_OK;
    }
}

static sps_status build(struct builder *b)
{
    for (int done = 0; !done;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b->parser, &event))
            return bad_yaml(b);
        done = event.type == YAML_STREAM_END_EVENT;
        sps_status status = take_event(b, &event);
        yaml_event_delete(&event);
        SPS_TRY(status);
    }
    struct sps_yaml_node *root = b->yaml->root;
    if (root == NULL) {
        SPS_TRY(sps_calloc(&root, 1, sizeof *root, "YAML node"));
        root->line = root->column = 1;
        root->kind = SPS_YAML_MAP;
        b->yaml->root = root;
    } else if (root->kind == SPS_YAML_SCALAR && !root->quoted && root->text[0] == 0) { /* "---" and nothing more */
        root->kind = SPS_YAML_MAP;
        root->text = NULL;
    }
    return SPS_OK;
}

sps_status sps_yaml_parse(sps_yaml **out, const char *name, const char *text, size_t size)
{
    if (size > SPS_YAML_BYTES)
        SPS_FAIL(EFORMAT, "%s: has %zu bytes, at most %d are allowed", name, size, SPS_YAML_BYTES);
    static const char mark[] = {'\xEF', '\xBB', '\xBF'}; /* some editors put it before UTF-8 */
    if (size >= sizeof mark && memcmp(text, mark, sizeof mark) == 0) {
        text += sizeof mark;
        size -= sizeof mark;
    }
    struct builder b = {.text = text};
    if (!yaml_parser_initialize(&b.parser))
        SPS_FAIL(ENOMEM, "out of memory in libyaml, reading %s", name);
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&b.yaml, 1, sizeof *b.yaml, "YAML"));
    SPS_TRY_OUT(sps_strdup(&b.yaml->name, name));
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING); /* else some first bytes would mean UTF-16 */
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, size);
    SPS_TRY_OUT(build(&b));
    *out = b.yaml;
    b.yaml = NULL;
out:
    yaml_event_delete(&b.key);
    yaml_parser_delete(&b.parser);
    sps_yaml_free(b.yaml);
    return status;
}

sps_status sps_yaml_read(sps_yaml **out, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    SPS_TRY(sps_file_load(&text, &size, path, SPS_YAML_BYTES));
    sps_status status = sps_yaml_parse(out, path, text, size);
    sps_free(text);
    return status;
}

/* As deep as the tree, so at most SPS_YAML_LEVELS. */
static void free_nodes(struct sps_yaml_node *node)
{
    while (node != NULL) {
        struct sps_yaml_node *next = node->next;
        free_nodes(node->first);
        sps_free(node);
        node = next;
    }
}

void sps_yaml_free(sps_yaml *yaml)
{
    if (yaml == NULL)
        return;
    free_nodes(yaml->root);
    sps_free(yaml->name);
    sps_free(yaml);
}

const struct sps_yaml_node *sps_yaml_root(const sps_yaml *yaml)
{
    return yaml->root;
}

const char *sps_yaml_name(const sps_yaml *yaml)
{
    return yaml->name;
}

const struct sps_yaml_node *sps_yaml_get(const struct sps_yaml_node *map, const char *key)
{
    if (map->kind != SPS_YAML_MAP)
        return NULL;
    for (const struct sps_yaml_node *child = map->first; child != NULL; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}
