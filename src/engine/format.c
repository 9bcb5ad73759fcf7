/* SPDX-License-Identifier: MIT */
/* The packed model's file (docs/format.md): safetensors, with the graph as JSON text in its metadata.  What an
 * operation takes, its numbers and its tensors, stands in two tables that reader and writer share. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "engine/calibration.h"
#include "engine/json.h"
#include "engine/packed.h"
#include "kern/kern.h"

#define FORMAT "spinscale-packed"
#define FORMAT_VERSION "1"

#define OP(name) (1u << SPS_OP_##name)
#define CONVS (OP(binary_conv) | OP(float_conv))
#define FLOATS (OP(float_dense) | OP(float_conv))
#define BINARIES (OP(binary_dense) | OP(binary_conv))
#define TABLES (OP(threshold) | OP(affine))
#define OP_FIELD(name) offsetof(struct sps_op, name)

static const struct attribute {
    const char *key;
    size_t offset; /* of an int in struct sps_op */
    unsigned ops;  /* that have it */
    int min, max;
    int optional; /* 0 where it is missing, and then not written: older versions know the file without it */
} attributes[] = {
    {"out", OP_FIELD(out), BINARIES | FLOATS, 1, 65536, 0},
    {"kernel", OP_FIELD(kernel), CONVS, 1, 4096, 0},
    {"stride", OP_FIELD(stride), CONVS, 1, 4096, 0},
    {"pad", OP_FIELD(pad), CONVS, 0, 4095, 0},
    {"window", OP_FIELD(window), OP(pool), 1, 4096, 0},
    {"average", OP_FIELD(average), OP(pool), 0, 1, 0},
    {"ceil", OP_FIELD(ceil), OP(pool), 0, 1, 1},
    {"factor", OP_FIELD(factor), OP(upsample), 1, 4096, 0},
    {"bits", OP_FIELD(bits), OP(quantise), 1, 8, 0},
    {"noise", OP_FIELD(noise), BINARIES | TABLES, -1, SPS_NOISES_MAX - 1, 0},
    {"point", OP_FIELD(point), TABLES, 0, 1, 0},
};
enum { ATTRIBUTES = sizeof attributes / sizeof *attributes };

/* How the shape of a tensor follows from its operation. */
enum layout {
    WEIGHT_BITS,
    WEIGHT,
    PER_OUTPUT,
    PER_CHANNEL,
    ROWS_BY_CHANNELS,
    ROWS_BY_CHANNEL_BITS,
    AFFINE_TABLE,
    RPRELU_TABLE
};

static const struct op_tensor {
    const char *suffix;
    size_t offset; /* of a pointer in struct sps_op */
    unsigned ops;
    enum sps_dtype dtype;
    enum layout layout;
} op_tensors[] = {
    {"weight_bits", OP_FIELD(weight_bits), BINARIES, SPS_U8, WEIGHT_BITS},
    {"flip", OP_FIELD(flip), OP(threshold), SPS_U8, ROWS_BY_CHANNEL_BITS},
    {"threshold", OP_FIELD(threshold), OP(threshold), SPS_I32, ROWS_BY_CHANNELS},
    {"weight", OP_FIELD(weight), FLOATS, SPS_F32, WEIGHT},
    {"bias", OP_FIELD(bias), FLOATS, SPS_F32, PER_OUTPUT},
    {"affine", OP_FIELD(affine), OP(affine), SPS_F32, AFFINE_TABLE},
    {"step", OP_FIELD(step), OP(quantise), SPS_F32, PER_CHANNEL},
    {"rprelu", OP_FIELD(rprelu), OP(rprelu), SPS_F32, RPRELU_TABLE},
};
enum { OP_TENSORS = sizeof op_tensors / sizeof *op_tensors };

static int has(unsigned ops, const struct sps_op *op)
{
    return (int)(ops >> op->kind & 1);
}

/* The shape of a tensor needs that of the operation's input: those before it are worked out already. */
static int tensor_shape(size_t *shape, const struct op_tensor *t, const struct sps_packed *m, const struct sps_op *op)
{
    const struct sps_value *in = sps_packed_value(m, op->from[0]);
    size_t rows = (size_t)(op->noise < 0 ? 1 : m->noises[op->noise].entries) + (op->point ? 1 : 0);
    size_t c = (size_t)in->c, out = (size_t)op->out, k = (size_t)op->kernel, fan_in = sps_op_fan_in(op, in);
    switch (t->layout) {
    case WEIGHT_BITS:
        shape[0] = out;
        shape[1] = 4 * sps_words(fan_in);
        return 2;
    case WEIGHT:
        shape[0] = out;
        if (op->kind == SPS_OP_float_dense) {
            shape[1] = fan_in;
            return 2;
        }
        shape[1] = shape[2] = k;
        shape[3] = c;
        return 4;
    case PER_OUTPUT:
        shape[0] = out;
        return 1;
    case PER_CHANNEL:
        shape[0] = c;
        return 1;
    case ROWS_BY_CHANNELS:
        shape[0] = rows;
        shape[1] = c;
        return 2;
    case ROWS_BY_CHANNEL_BITS:
        shape[0] = rows;
        shape[1] = 4 * sps_words(c);
        return 2;
    case RPRELU_TABLE:
        shape[0] = SPS_RPRELU_ROWS;
        shape[1] = c;
        return 2;
    case AFFINE_TABLE:
        break;
    }
    shape[0] = rows;
    shape[1] = SPS_AFFINE_ROWS;
    shape[2] = c;
    return 3;
}

static void tensor_name(char *name, size_t room, int op, const char *suffix)
{
    snprintf(name, room, "ops.%d.%s", op, suffix);
}

/* ---- reading ---- */

static sps_status whole(int *out, const json_t *object, const char *key, int min, int max)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max)
        SPS_FAIL(EFORMAT, "'%s' must be a whole number from %d to %d", key, min, max);
    *out = (int)json_integer_value(value);
    return SPS_OK;
}

static sps_status read_input(struct sps_packed *m, const json_t *graph)
{
    json_t *input = json_object_get(graph, "input");
    if (json_array_size(input) != 3)
        SPS_FAIL(EFORMAT, "'input' must be [height, width, channels]");
    int *size[3] = {&m->input.h, &m->input.w, &m->input.c};
    for (size_t i = 0; i < 3; i++) {
        const json_t *n = json_array_get(input, i);
        if (!json_is_integer(n) || json_integer_value(n) < 1 || json_integer_value(n) > (i < 2 ? 4096 : 64))
            SPS_FAIL(EFORMAT, "number %zu of 'input' is not an image's", i);
        *size[i] = (int)json_integer_value(n);
    }
    return whole(&m->classes, graph, "classes", 1, 256);
}

static sps_status read_noise(struct sps_noise *noise, json_t *object, const struct sps_packed *m, int index)
{
    static const char *const keys[] = {"kind", "entries", "stream", NULL};
    const char *kind = json_string_value(json_object_get(object, "kind"));
    char name[64];
    noise->kind = SPS_NOISE_KINDS;
    for (int k = 0; k < SPS_NOISE_KINDS && kind != NULL; k++)
        if (strcmp(kind, sps_noise_name((enum sps_noise_kind)k)) == 0)
            noise->kind = (enum sps_noise_kind)k;
    if (noise->kind == SPS_NOISE_KINDS)
        SPS_FAIL(EUNSUPPORTED, "kind '%s' is unknown to this version", kind ? kind : "");
    SPS_TRY(sps_known_keys(object, keys));
    SPS_TRY(whole(&noise->entries, object, "entries", 1, SPS_ENTRIES_MAX));
    SPS_TRY(whole(&noise->stream, object, "stream", 0, (1 << 24) - 1));
    snprintf(name, sizeof name, "noises.%d.probability", index);
    size_t shape = (size_t)noise->entries;
    const struct sps_tensor *t = NULL;
    SPS_TRY(sps_safetensors_expect(&t, m->file, name, SPS_F64, 1, &shape));
    noise->probability = t->data;
    return SPS_OK;
}

static sps_status read_attributes(struct sps_op *op, json_t *object)
{
    const char *keys[ATTRIBUTES + 4] = {"op", "name", "from"};
    size_t count = 3;
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if (!has(attributes[i].ops, op))
            continue;
        int value = 0;
        if (!attributes[i].optional || json_object_get(object, attributes[i].key) != NULL)
            SPS_TRY(whole(&value, object, attributes[i].key, attributes[i].min, attributes[i].max));
        memcpy((char *)op + attributes[i].offset, &value, sizeof value);
        keys[count++] = attributes[i].key;
    }
    keys[count] = NULL;
    return sps_known_keys(object, keys);
}

static sps_status read_tensors(struct sps_op *op, const struct sps_packed *m, int index)
{
    for (size_t i = 0; i < OP_TENSORS; i++) {
        if (!has(op_tensors[i].ops, op))
            continue;
        char name[64];
        size_t shape[SPS_DIMS_MAX];
        const struct sps_tensor *t = NULL;
        int dims = tensor_shape(shape, &op_tensors[i], m, op);
        tensor_name(name, sizeof name, index, op_tensors[i].suffix);
        SPS_TRY(sps_safetensors_expect(&t, m->file, name, op_tensors[i].dtype, dims, shape));
        memcpy((char *)op + op_tensors[i].offset, &t->data, sizeof t->data);
    }
    return SPS_OK;
}

static sps_status read_op(struct sps_op *op, json_t *object, struct sps_packed *m, int index)
{
    const char *kind = json_string_value(json_object_get(object, "op"));
    const char *name = json_string_value(json_object_get(object, "name"));
    const json_t *from = json_object_get(object, "from");
    *op = (struct sps_op){.kind = SPS_OP_KINDS, .noise = -1};
    for (int k = 0; k < SPS_OP_KINDS && kind != NULL; k++)
        if (strcmp(kind, sps_op_name((enum sps_op_kind)k)) == 0)
            op->kind = (enum sps_op_kind)k;
    if (op->kind == SPS_OP_KINDS)
        SPS_FAIL(EUNSUPPORTED, "'%s' is unknown to this version", kind ? kind : "");
    if (name == NULL || strlen(name) >= sizeof op->name)
        SPS_FAIL(EFORMAT, "'name' must be text of at most %zu bytes", sizeof op->name - 1);
    memcpy(op->name, name, strlen(name));
    SPS_TRY(read_attributes(op, object));
    op->from_count = (int)json_array_size(from);
    if (op->from_count < 1 || op->from_count > SPS_OP_INPUTS_MAX)
        SPS_FAIL(EFORMAT, "'from' must name 1 to %d values", SPS_OP_INPUTS_MAX);
    for (int i = 0; i < op->from_count; i++) {
        const json_t *value = json_array_get(from, (size_t)i);
        if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > index)
            SPS_FAIL(EFORMAT, "input %d is not a value before it", i);
        op->from[i] = (int)json_integer_value(value);
    }
    if (op->noise >= m->noise_count)
        SPS_FAIL(EFORMAT, "noise %d is not there", op->noise);
    return SPS_OK;
}

/* Shapes of tensors need the shape of the value they act on, which the check works out: so operations are read and
 * checked one after the other. */
static sps_status read_ops(struct sps_packed *m, const json_t *list)
{
    int count = (int)json_array_size(list);
    SPS_TRY(sps_packed_alloc(&m->ops, m, (size_t)count, sizeof *m->ops, "operations"));
    for (int i = 0; i < count; i++) {
        sps_status status = read_op(&m->ops[i], json_array_get(list, (size_t)i), m, i);
        if (status == SPS_OK)
            status = read_tensors(&m->ops[i], m, i);
        if (status != SPS_OK)
            return sps_fail_in(status, "operation %d: ", i);
        SPS_TRY(sps_packed_check_op(m, i));
        m->op_count = i + 1;
    }
    return SPS_OK;
}

static sps_status read_graph(struct sps_packed *m, json_t *graph)
{
    static const char *const keys[] = {"input", "classes", "noises", "ops", NULL};
    json_t *noises = json_object_get(graph, "noises"), *ops = json_object_get(graph, "ops");
    if (!json_is_object(graph) || !json_is_array(noises) || !json_is_array(ops))
        SPS_FAIL(EFORMAT, "it has no lists 'noises' and 'ops'");
    SPS_TRY(sps_known_keys(graph, keys));
    SPS_TRY(read_input(m, graph));
    if (json_array_size(ops) < 1 || json_array_size(ops) > SPS_OPS_MAX || json_array_size(noises) > SPS_NOISES_MAX)
        SPS_FAIL(EFORMAT, "%zu operations and %zu noise sources, must be 1 to %d and at most %d", json_array_size(ops),
                 json_array_size(noises), SPS_OPS_MAX, SPS_NOISES_MAX);
    m->noise_count = (int)json_array_size(noises);
    SPS_TRY(sps_packed_alloc(&m->noises, m, (size_t)m->noise_count, sizeof *m->noises, "noise sources"));
    for (int i = 0; i < m->noise_count; i++) {
        sps_status status = read_noise(&m->noises[i], json_array_get(noises, (size_t)i), m, i);
        if (status != SPS_OK)
            return sps_fail_in(status, "noise %d: ", i);
    }
    return read_ops(m, ops);
}

static sps_status read_table(struct sps_packed *m)
{
    size_t shape[2] = {(size_t)m->input.c, 256};
    const struct sps_tensor *t = NULL;
    SPS_TRY(sps_safetensors_expect(&t, m->file, "input.codes", SPS_I8, 2, shape));
    m->codes = t->data;
    SPS_TRY(sps_safetensors_expect(&t, m->file, "input.mean", SPS_F32, 1, shape));
    m->mean = t->data;
    SPS_TRY(sps_safetensors_expect(&t, m->file, "input.std", SPS_F32, 1, shape));
    m->std = t->data;
    return SPS_OK;
}

static sps_status read_packed(struct sps_packed *m, const char *file_name)
{
    static const char *const format_keys[2] = {"format", "version"};
    const char *value[2];
    for (int i = 0; i < 2; i++) {
        value[i] = sps_safetensors_metadata(m->file, format_keys[i]);
        if (value[i] == NULL)
            SPS_FAIL(EFORMAT, "'%s' is no packed model: its metadata have no '%s'", file_name, format_keys[i]);
    }
    if (strcmp(value[0], FORMAT) != 0 || strcmp(value[1], FORMAT_VERSION) != 0)
        SPS_FAIL(EFORMAT, "'%s' is '%s' version '%s', not %s version %s", file_name, value[0], value[1], FORMAT,
                 FORMAT_VERSION);
    const char *text = sps_safetensors_metadata(m->file, "graph");
    if (text == NULL)
        SPS_FAIL(EFORMAT, "'%s': its metadata have no 'graph'", file_name);
    json_error_t error;
    json_t *graph = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (graph == NULL)
        SPS_FAIL(EFORMAT, "'%s': graph: %s at byte %d", file_name, error.text, error.position);
    sps_status status = read_graph(m, graph);
    json_decref(graph);
    if (status == SPS_OK)
        status = read_table(m);
    if (status == SPS_OK)
        status = sps_packed_validate(m);
    if (status != SPS_OK)
        return sps_fail_in(status, "'%s': graph: ", file_name);
    text = sps_safetensors_metadata(m->file, "calibration");
    if (text != NULL)
        status = sps_calibration_read(m, text);
    return status == SPS_OK ? SPS_OK : sps_fail_in(status, "'%s': calibration: ", file_name);
}

/* Metadata about the model: key, and where it goes. */
#define FACTS(X) X(net) X(method) X(data) X(data_sha256) X(config) X(seed)

static void read_facts(struct sps_packed *m)
{
#define READ(field) m->field = sps_safetensors_metadata(m->file, #field);
    FACTS(READ)
#undef READ
    const char *accuracy = sps_safetensors_metadata(m->file, "validation_accuracy");
    m->validation_accuracy = accuracy != NULL ? strtod(accuracy, NULL) : NAN;
    for (int i = 0; i < 256; i++) {
        char key[16];
        snprintf(key, sizeof key, "class.%d", i);
        m->class_names[i] = sps_safetensors_metadata(m->file, key);
    }
}

static sps_status finish(struct sps_packed **out, struct sps_packed *m, sps_status status, const char *name)
{
    if (status == SPS_OK) {
        read_facts(m);
        status = read_packed(m, name);
    }
    if (status == SPS_OK)
        *out = m;
    else
        sps_packed_close(m);
    return status;
}

sps_status sps_packed_open(sps_packed **out, const char *path)
{
    struct sps_packed *m = NULL;
    SPS_TRY(sps_packed_create(&m));
    return finish(out, m, sps_safetensors_map(&m->file, path), path);
}

sps_status sps_packed_parse(struct sps_packed **out, const char *name, const void *data, size_t bytes)
{
    struct sps_packed *m = NULL;
    SPS_TRY(sps_packed_create(&m));
    return finish(out, m, sps_safetensors_parse(&m->file, name, data, bytes), name);
}

int sps_packed_is(const char *path)
{
    sps_safetensors *file = NULL;
    if (sps_safetensors_map(&file, path) != SPS_OK)
        return 0;
    const char *format = sps_safetensors_metadata(file, "format");
    int is = format != NULL && strcmp(format, FORMAT) == 0;
    sps_safetensors_close(file);
    return is;
}

/* ---- writing ---- */

static json_t *op_as_json(const struct sps_op *op)
{
    json_t *object = json_pack("{s:s, s:s, s:[]}", "op", sps_op_name(op->kind), "name", op->name, "from");
    int failed = object == NULL;
    for (int i = 0; i < op->from_count && !failed; i++)
        failed = json_array_append_new(json_object_get(object, "from"), json_integer(op->from[i]));
    for (size_t i = 0; i < ATTRIBUTES && !failed; i++)
        if (has(attributes[i].ops, op)) {
            int value;
            memcpy(&value, (const char *)op + attributes[i].offset, sizeof value);
            if (value != 0 || !attributes[i].optional)
                failed = json_object_set_new(object, attributes[i].key, json_integer(value));
        }
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

static sps_status graph_as_text(char **out, const struct sps_packed *m)
{
    json_t *graph = json_pack("{s:[i,i,i], s:i, s:[], s:[]}", "input", m->input.h, m->input.w, m->input.c, "classes",
                              m->classes, "noises", "ops");
    int failed = graph == NULL;
    for (int i = 0; i < m->noise_count && !failed; i++)
        failed = json_array_append_new(json_object_get(graph, "noises"),
                                       json_pack("{s:s, s:i, s:i}", "kind", sps_noise_name(m->noises[i].kind),
                                                 "entries", m->noises[i].entries, "stream", m->noises[i].stream));
    for (int i = 0; i < m->op_count && !failed; i++)
        failed = json_array_append_new(json_object_get(graph, "ops"), op_as_json(&m->ops[i]));
    *out = failed ? NULL : json_dumps(graph, JSON_COMPACT);
    json_decref(graph);
    if (*out == NULL)
        SPS_FAIL(ENOMEM, "out of memory for the graph");
    return SPS_OK;
}

struct content {
    struct sps_tensor *tensors;
    char (*names)[64];
    struct sps_metadata *metadata;
    size_t tensor_count, metadata_count;
};

static void add_tensor(struct content *c, const char *name, enum sps_dtype dtype, int dims, const size_t *shape,
                       const void *data)
{
    struct sps_tensor *t = &c->tensors[c->tensor_count];
    snprintf(c->names[c->tensor_count], sizeof c->names[0], "%s", name);
    *t = (struct sps_tensor){.name = c->names[c->tensor_count], .dtype = dtype, .dims = dims, .data = data};
    t->bytes = sps_dtype_bytes(dtype);
    for (int i = 0; i < dims; i++)
        t->bytes *= t->shape[i] = shape[i];
    c->tensor_count++;
}

static void add_op_tensors(struct content *c, const struct sps_packed *m, enum sps_dtype dtype)
{
    for (int i = 0; i < m->op_count; i++)
        for (size_t j = 0; j < OP_TENSORS; j++) {
            if (!has(op_tensors[j].ops, &m->ops[i]) || op_tensors[j].dtype != dtype)
                continue;
            char name[64];
            size_t shape[SPS_DIMS_MAX];
            const void *data;
            int dims = tensor_shape(shape, &op_tensors[j], m, &m->ops[i]);
            tensor_name(name, sizeof name, i, op_tensors[j].suffix);
            memcpy(&data, (const char *)&m->ops[i] + op_tensors[j].offset, sizeof data);
            add_tensor(c, name, dtype, dims, shape, data);
        }
}

/* 8-byte numbers first, so that all are aligned; then packed bits and 8-bit codes, whose rows are whole words; then
 * 4-byte numbers. */
static void add_tensors(struct content *c, const struct sps_packed *m)
{
    size_t channels = (size_t)m->input.c, table[2] = {channels, 256};
    char name[64];
    for (int i = 0; i < m->noise_count; i++) {
        size_t entries = (size_t)m->noises[i].entries;
        snprintf(name, sizeof name, "noises.%d.probability", i);
        add_tensor(c, name, SPS_F64, 1, &entries, m->noises[i].probability);
    }
    add_op_tensors(c, m, SPS_U8);
    add_tensor(c, "input.codes", SPS_I8, 2, table, m->codes);
    add_op_tensors(c, m, SPS_I32);
    add_op_tensors(c, m, SPS_F32);
    add_tensor(c, "input.mean", SPS_F32, 1, &channels, m->mean);
    add_tensor(c, "input.std", SPS_F32, 1, &channels, m->std);
}

static void add_metadata(struct content *c, const char *key, const char *value)
{
    if (value != NULL)
        c->metadata[c->metadata_count++] = (struct sps_metadata){key, value};
}

sps_status sps_packed_write(const struct sps_packed *m, const char *path)
{
    size_t tensors = (size_t)m->op_count * OP_TENSORS + (size_t)m->noise_count + 3;
    struct content c = {0};
    char *graph = NULL, *calibration = NULL, program[64], accuracy[32];
    char(*class_keys)[16] = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&c.tensors, tensors, sizeof *c.tensors, "tensors"));
    SPS_TRY_OUT(sps_calloc(&c.names, tensors, sizeof *c.names, "names"));
    SPS_TRY_OUT(sps_calloc(&c.metadata, 256 + 16, sizeof *c.metadata, "metadata"));
    SPS_TRY_OUT(sps_calloc(&class_keys, 256, sizeof *class_keys, "class names"));
    SPS_TRY_OUT(graph_as_text(&graph, m));
    if (m->calibration != NULL)
        SPS_TRY_OUT(sps_calibration_text(&calibration, m->calibration));
    snprintf(program, sizeof program, "spinscale %s", sps_version());
    snprintf(accuracy, sizeof accuracy, "%.9g", m->validation_accuracy);
    add_metadata(&c, "format", FORMAT);
    add_metadata(&c, "version", FORMAT_VERSION);
    add_metadata(&c, "program", program);
    add_metadata(&c, "graph", graph);
#define ADD(field) add_metadata(&c, #field, m->field);
    FACTS(ADD)
#undef ADD
    add_metadata(&c, "validation_accuracy", isfinite(m->validation_accuracy) ? accuracy : NULL);
    add_metadata(&c, "calibration", calibration);
    for (int i = 0; i < 256; i++) {
        snprintf(class_keys[i], sizeof class_keys[i], "class.%d", i);
        add_metadata(&c, class_keys[i], m->class_names[i]);
    }
    add_tensors(&c, m);
    status = sps_safetensors_write(path, c.tensors, c.tensor_count, c.metadata, c.metadata_count);
out:
    free(graph);
    free(calibration);
    sps_free(class_keys);
    sps_free(c.tensors);
    sps_free(c.names);
    sps_free(c.metadata);
    return status;
}
