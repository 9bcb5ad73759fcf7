/* SPDX-License-Identifier: MIT */
#ifndef SPS_CONF_YAML_H
#define SPS_CONF_YAML_H
/* A YAML document as a tree that remembers where each node stood, so that any later complaint has line and column. */
#include <stddef.h>

#include "core/error.h"

enum sps_yaml_kind { SPS_YAML_SCALAR, SPS_YAML_LIST, SPS_YAML_MAP };

struct sps_yaml_node {
    enum sps_yaml_kind kind;
    const char *key;  /* the key under which a map holds this node, else NULL */
    const char *text; /* of a scalar, else NULL; UTF-8 without zeros inside */
    int quoted;       /* a scalar in quotes, or a block of text: never a number, a truth value or null */
    int line, column; /* of the value, from 1 */
    int key_line, key_column;
    struct sps_yaml_node *first, *next; /* children of a list or map, in order; next sibling */
};

typedef struct sps_yaml sps_yaml;

enum { SPS_YAML_BYTES = 1 << 20, SPS_YAML_LEVELS = 32, SPS_YAML_NODES = 65536, SPS_YAML_KEYS = 1024 };

/* Parse size bytes of UTF-8.  name stands in messages: "NAME:LINE:COLUMN: what is wrong".  Refused (SPS_EFORMAT): bad
 * YAML, several documents, anchors, aliases and tags, a key twice in one map, keys that are not scalars, zero bytes,
 * more than 1 MiB, 32 levels, 65,536 nodes, or 1,024 keys in one map.  An empty document is an empty map.  *out is
 * released with sps_yaml_free(); it keeps copies. */
sps_status sps_yaml_parse(sps_yaml **out, const char *name, const char *text, size_t size);
/* The same from a file. */
sps_status sps_yaml_read(sps_yaml **out, const char *path);
void sps_yaml_free(sps_yaml *yaml);

const struct sps_yaml_node *sps_yaml_root(const sps_yaml *yaml);
const char *sps_yaml_name(const sps_yaml *yaml);
/* The child of a map, or NULL. */
const struct sps_yaml_node *sps_yaml_get(const struct sps_yaml_node *map, const char *key);

/* Fail with SPS_EFORMAT, "NAME:LINE:COLUMN: " and the text; node NULL leaves line and column out. */
__attribute__((format(printf, 3, 4))) sps_status sps_yaml_fail(const sps_yaml *yaml, const struct sps_yaml_node *node,
                                                               const char *format, ...);
/* The same with the place of the node's key. */
__attribute__((format(printf, 3, 4))) sps_status
sps_yaml_fail_key(const sps_yaml *yaml, const struct sps_yaml_node *node, const char *format, ...);
#endif
