/* SPDX-License-Identifier: MIT */
/* safetensors, after the format's description in huggingface/safetensors (README.md, "Format"):
 *
 *     8 bytes        N, little-endian
 *     N bytes        {"__metadata__": {"key": "value", ...},
 *                     "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}, then spaces
 *     to the end     data; offsets count from here
 *
 * We are stricter than the format in a few points that keep its users simple: few types, at most 8 dimensions, aligned
 * data, tensor names that can stand in a message. */
#include "core/safetensors.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "data are used as they stand in the file: little-endian");

#define METADATA "__metadata__"
enum { PREFIX = 8, HEADER_MAX = 16 << 20, DATA_ALIGN = 64, NAME_MAX_BYTES = 255 };
static const size_t file_max = (size_t)2 << 30;

struct sps_safetensors {
    char *name;
    char *loaded; /* NULL if the caller keeps the memory, or it is mapped */
    void *mapped;
    size_t mapped_bytes;
    json_t *header; /* holds the text of names and metadata */
    struct sps_tensor *tensors;
    size_t count;
};

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [SPS_U8] = {"U8", 1},   [SPS_I8] = {"I8", 1},   [SPS_I32] = {"I32", 4},
    [SPS_I64] = {"I64", 8}, [SPS_F32] = {"F32", 4}, [SPS_F64] = {"F64", 8},
};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

size_t sps_dtype_bytes(enum sps_dtype dtype)
{
    return dtypes[dtype].bytes;
}

struct text {
    char text[256];
};

/* "F32 [2, 3]" */
static struct text describe(enum sps_dtype dtype, int dims, const size_t *shape)
{
    struct text d;
    size_t used = (size_t)snprintf(d.text, sizeof d.text, "%s [", dtypes[dtype].name);
    for (int i = 0; i < dims && used < sizeof d.text; i++)
        used += (size_t)snprintf(d.text + used, sizeof d.text - used, i ? ", %zu" : "%zu", shape[i]);
    if (used < sizeof d.text)
        snprintf(d.text + used, sizeof d.text - used, "]");
    return d;
}

static int is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Words of a hostile file, or of jansson about it, as they may stand in our message: no control characters (terminals
 * obey them), not too long. */
static struct text tame(const char *words)
{
    struct text t;
    snprintf(t.text, sizeof t.text, "%.200s", words);
    for (char *c = t.text; *c != '\0'; c++)
        if (is_control(*c))
            *c = '?';
    return t;
}

/* Names that pass can stand in messages as they are. */
static sps_status check_name(sps_status status, const char *name)
{
    size_t length = strlen(name);
    if (length > NAME_MAX_BYTES)
        return sps_fail(status, "name has %zu bytes, more than %d bytes", length, NAME_MAX_BYTES);
    for (const char *c = name; *c != '\0'; c++)
        if (is_control(*c))
            return sps_fail(status, "name has control characters");
    return SPS_OK;
}

/* Bytes of a dense array.  A dimension of 0 counts as 1 for overflow, so that no order of multiplying can overflow. */
static sps_status shape_bytes(size_t *out, sps_status status, enum sps_dtype dtype, int dims, const size_t *shape)
{
    size_t bytes = sps_dtype_bytes(dtype);
    int empty = 0;
    for (int i = 0; i < dims; i++) {
        empty |= shape[i] == 0;
        if (__builtin_mul_overflow(bytes, shape[i] ? shape[i] : 1, &bytes) || bytes > INT64_MAX)
            return sps_fail(status, "%s is too large", describe(dtype, dims, shape).text);
    }
    *out = empty ? 0 : bytes;
    return SPS_OK;
}

/* ---- writing ---- */

/* jansson refuses text that is not UTF-8; anything else that can go wrong here is memory. */
static sps_status put(json_t *object, const char *key, json_t *value)
{
    if (value != NULL && json_object_get(object, key) != NULL) {
        json_decref(value);
        SPS_FAIL(EINVAL, "is given twice");
    }
    if (json_object_set_new(object, key, value) != 0) /* takes value, also on failure; NULL fails */
        SPS_FAIL(EINVAL, "is not UTF-8 text, or out of memory");
    return SPS_OK;
}

static sps_status check_tensor(const struct sps_tensor *t, size_t begin)
{
    SPS_TRY(check_name(SPS_EINVAL, t->name));
    if (strcmp(t->name, METADATA) == 0)
        SPS_FAIL(EINVAL, "this name is kept for metadata");
    if ((size_t)t->dtype >= DTYPES)
        SPS_FAIL(EINVAL, "dtype is %d, must be below %d", (int)t->dtype, DTYPES);
    if (t->dims < 0 || t->dims > SPS_DIMS_MAX)
        SPS_FAIL(EINVAL, "has %d dimensions, must have 0 to %d", t->dims, SPS_DIMS_MAX);
    size_t bytes = 0;
    SPS_TRY(shape_bytes(&bytes, SPS_EINVAL, t->dtype, t->dims, t->shape));
    if (t->bytes != bytes)
        SPS_FAIL(EINVAL, "has %zu bytes, %s needs %zu bytes", t->bytes, describe(t->dtype, t->dims, t->shape).text,
                 bytes);
    if (t->data == NULL && bytes > 0)
        SPS_FAIL(EINVAL, "has no data");
    if (begin % sps_dtype_bytes(t->dtype) != 0)
        SPS_FAIL(EINVAL, "would stand at byte %zu of the data, which is not aligned to %zu bytes", begin,
                 sps_dtype_bytes(t->dtype));
    return SPS_OK;
}

static sps_status put_tensor(json_t *header, const struct sps_tensor *t, size_t begin, size_t end)
{
    SPS_TRY(check_tensor(t, begin));
    json_t *shape = json_array();
    for (int i = 0; i < t->dims; i++)
        json_array_append_new(shape, json_integer((json_int_t)t->shape[i]));
    return put(header, t->name,
               json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtypes[t->dtype].name, "shape", shape, "data_offsets",
                         (json_int_t)begin, (json_int_t)end));
}

static sps_status put_metadata(json_t *header, const struct sps_metadata *metadata, size_t count)
{
    if (count == 0)
        return SPS_OK;
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        sps_status status = put(object, metadata[i].key, json_string(metadata[i].value));
        if (status != SPS_OK) {
            json_decref(object);
            return sps_fail_in(status, "metadata '%s': ", tame(metadata[i].key).text);
        }
    }
    return put(header, METADATA, object);
}

static sps_status build_header(json_t *header, const struct sps_tensor *tensors, size_t count,
                               const struct sps_metadata *metadata, size_t metadata_count)
{
    SPS_TRY(put_metadata(header, metadata, metadata_count));
    size_t begin = 0;
    for (size_t i = 0; i < count; i++) {
        size_t end = 0;
        sps_status status = SPS_OK;
        if (__builtin_add_overflow(begin, tensors[i].bytes, &end) || end > file_max)
            status = sps_fail(SPS_EINVAL, "all data together are more than %zu bytes", file_max);
        else
            status = put_tensor(header, &tensors[i], begin, end);
        if (status != SPS_OK)
            return sps_fail_in(status, "tensor '%s': ", tame(tensors[i].name).text);
        begin = end;
    }
    return SPS_OK;
}

/* Length, JSON and spaces up to where data may start. */
static sps_status print_header(char **out, size_t *bytes, const json_t *header)
{
    size_t length = json_dumpb(header, NULL, 0, JSON_COMPACT);
    if (length == 0)
        SPS_FAIL(ENOMEM, "out of memory for the header");
    size_t total = (PREFIX + length + DATA_ALIGN - 1) / DATA_ALIGN * DATA_ALIGN, padded = total - PREFIX;
    if (padded > HEADER_MAX)
        SPS_FAIL(EINVAL, "header would have %zu bytes, more than the limit of %d bytes", padded, HEADER_MAX);
    char *text;
    SPS_TRY(sps_calloc(&text, total, 1, "the header of a safetensors file"));
    for (int i = 0; i < PREFIX; i++)
        text[i] = (char)(padded >> (8 * i) & 0xff);
    memset(text + PREFIX, ' ', padded);
    json_dumpb(header, text + PREFIX, length, JSON_COMPACT);
    *out = text;
    *bytes = total;
    return SPS_OK;
}

static sps_status write_all(const char *path, const char *header, size_t header_bytes, const struct sps_tensor *tensors,
                            size_t count)
{
    sps_file *file;
    SPS_TRY(sps_file_create(&file, path));
    sps_status status = sps_file_write(file, header, header_bytes);
    for (size_t i = 0; i < count && status == SPS_OK; i++)
        status = sps_file_write(file, tensors[i].data, tensors[i].bytes);
    if (status == SPS_OK)
        return sps_file_commit(file);
    sps_file_abandon(file);
    return status;
}

sps_status sps_safetensors_write(const char *path, const struct sps_tensor *tensors, size_t count,
                                 const struct sps_metadata *metadata, size_t metadata_count)
{
    json_t *header = json_object();
    char *text = NULL;
    size_t bytes = 0;
    sps_status status = build_header(header, tensors, count, metadata, metadata_count);
    if (status == SPS_OK)
        status = print_header(&text, &bytes, header);
    if (status != SPS_OK)
        sps_fail_in(status, "cannot write '%s': ", path);
    else
        status = write_all(path, text, bytes, tensors, count);
    sps_free(text);
    json_decref(header);
    return status;
}

/* ---- reading ---- */

/* The only nesting a header has is object, object, array.  Checked before jansson sees the text, because many small
 * arrays and objects would cost it a hundred times the header's memory. */
static sps_status check_nesting(const char *text, size_t bytes)
{
    static const char open[] = "{{["; /* by depth; its final 0 fits nothing */
    int depth = 0, quoted = 0;
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else
                quoted = c != '"';
        } else if (c == '"') {
            quoted = 1;
        } else if (c == '{' || c == '[') {
            if (c != open[depth])
                SPS_FAIL(EFORMAT, "byte %zu: a '%c' cannot stand here", PREFIX + i, c);
            depth++;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return SPS_OK;
}

static sps_status read_header(json_t **out, size_t *data_start, const unsigned char *bytes, size_t size)
{
    if (size < PREFIX)
        SPS_FAIL(EFORMAT, "byte 0: the file has %zu bytes, a safetensors file starts with %d bytes of header length",
                 size, PREFIX);
    uint64_t length = 0;
    for (int i = 0; i < PREFIX; i++)
        length |= (uint64_t)bytes[i] << (8 * i);
    if (length > HEADER_MAX)
        SPS_FAIL(EFORMAT, "byte 0: header length is %ju bytes, more than the limit of %d bytes", (uintmax_t)length,
                 HEADER_MAX);
    if (length > size - PREFIX)
        SPS_FAIL(EFORMAT, "byte 0: header length is %ju bytes, but only %zu bytes follow", (uintmax_t)length,
                 size - PREFIX);
    const char *text = (const char *)bytes + PREFIX;
    if (length == 0 || text[0] != '{')
        SPS_FAIL(EFORMAT, "byte %d: the header does not start with '{'", PREFIX);
    SPS_TRY(check_nesting(text, length));
    json_error_t error;
    json_t *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (header == NULL && json_error_code(&error) == json_error_out_of_memory)
        SPS_FAIL(ENOMEM, "out of memory for the header");
    if (header == NULL)
        SPS_FAIL(EFORMAT, "byte %d: header is not correct JSON: %s", PREFIX + error.position, tame(error.text).text);
    *out = header;
    *data_start = PREFIX + length;
    return SPS_OK;
}

static sps_status check_metadata(const json_t *metadata)
{
    if (!json_is_object(metadata))
        SPS_FAIL(EFORMAT, "%s is not an object", METADATA);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)metadata, key, value)
    {
        if (!json_is_string(value))
            SPS_FAIL(EFORMAT, "%s: value of '%s' is not a string", METADATA, tame(key).text);
    }
    return SPS_OK;
}

static sps_status read_shape(struct sps_tensor *tensor, const json_t *shape)
{
    if (!json_is_array(shape))
        SPS_FAIL(EFORMAT, "shape is not a list");
    size_t dims = json_array_size(shape);
    if (dims > SPS_DIMS_MAX)
        SPS_FAIL(EFORMAT, "shape has %zu dimensions, more than %d", dims, SPS_DIMS_MAX);
    for (size_t i = 0; i < dims; i++) {
        const json_t *n = json_array_get(shape, i);
        if (!json_is_integer(n) || json_integer_value(n) < 0)
            SPS_FAIL(EFORMAT, "entry %zu of shape is not a whole number of at least 0", i);
        if ((uintmax_t)json_integer_value(n) > SIZE_MAX)
            SPS_FAIL(EFORMAT, "entry %zu of shape is too large", i);
        tensor->shape[i] = (size_t)json_integer_value(n);
    }
    tensor->dims = (int)dims;
    return SPS_OK;
}

static sps_status read_dtype(struct sps_tensor *tensor, const char *name)
{
    for (size_t i = 0; i < DTYPES; i++)
        if (strcmp(dtypes[i].name, name) == 0) {
            tensor->dtype = (enum sps_dtype)i;
            return SPS_OK;
        }
    SPS_FAIL(EUNSUPPORTED, "dtype '%s' is none of U8, I8, I32, I64, F32, F64", tame(name).text);
}

static sps_status read_tensor(struct sps_tensor *tensor, json_t *entry, const unsigned char *data, size_t data_bytes)
{
    const char *dtype;
    json_t *shape;
    json_int_t begin, end;
    json_error_t error;
    if (json_unpack_ex(entry, &error, JSON_STRICT, "{s:s, s:o, s:[I, I]}", "dtype", &dtype, "shape", &shape,
                       "data_offsets", &begin, &end) != 0)
        SPS_FAIL(EFORMAT, "is not of the form {dtype, shape, data_offsets}: %s", tame(error.text).text);
    SPS_TRY(read_dtype(tensor, dtype));
    SPS_TRY(read_shape(tensor, shape));
    SPS_TRY(shape_bytes(&tensor->bytes, SPS_EFORMAT, tensor->dtype, tensor->dims, tensor->shape));
    if (begin < 0 || end < begin || (uintmax_t)end > data_bytes)
        SPS_FAIL(EFORMAT, "data_offsets [%jd, %jd] are not within the %zu bytes of data", (intmax_t)begin,
                 (intmax_t)end, data_bytes);
    if ((uintmax_t)(end - begin) != tensor->bytes)
        SPS_FAIL(EFORMAT, "data_offsets [%jd, %jd] are %jd bytes, %s needs %zu bytes", (intmax_t)begin, (intmax_t)end,
                 (intmax_t)(end - begin), describe(tensor->dtype, tensor->dims, tensor->shape).text, tensor->bytes);
    tensor->data = data + begin;
    if ((uintptr_t)tensor->data % sps_dtype_bytes(tensor->dtype) != 0)
        SPS_FAIL(EFORMAT, "data at offset %jd are not aligned to %zu bytes", (intmax_t)begin,
                 sps_dtype_bytes(tensor->dtype));
    return SPS_OK;
}

/* An empty tensor comes before a full one that starts at the same byte.  Equal empty ones: any fixed order, so by name.
 */
static int by_place(const void *a, const void *b)
{
    const struct sps_tensor *x = a, *y = b;
    const char *x_data = x->data, *y_data = y->data;
    if (x_data != y_data)
        return x_data < y_data ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Sorted tensors cover the data without a hole or an overlap. */
static sps_status check_cover(const sps_safetensors *file, const unsigned char *data, size_t data_start,
                              size_t data_bytes)
{
    size_t covered = 0;
    for (size_t i = 0; i < file->count; i++) {
        const struct sps_tensor *t = &file->tensors[i];
        size_t begin = (size_t)((const unsigned char *)t->data - data);
        if (begin < covered)
            SPS_FAIL(EFORMAT, "byte %zu: tensor '%s' overlaps the one before it", data_start + begin, t->name);
        if (begin > covered)
            SPS_FAIL(EFORMAT, "byte %zu: %zu bytes before tensor '%s' belong to no tensor", data_start + covered,
                     begin - covered, t->name);
        covered = begin + t->bytes;
    }
    if (covered != data_bytes)
        SPS_FAIL(EFORMAT, "byte %zu: %zu bytes at the end belong to no tensor", data_start + covered,
                 data_bytes - covered);
    return SPS_OK;
}

static sps_status read_all(sps_safetensors *file, const unsigned char *bytes, size_t size)
{
    size_t data_start = 0;
    SPS_TRY(read_header(&file->header, &data_start, bytes, size));
    const unsigned char *data = bytes + data_start;
    SPS_TRY(sps_calloc(&file->tensors, json_object_size(file->header), sizeof *file->tensors, "the list of tensors"));
    const char *key;
    json_t *entry;
    json_object_foreach(file->header, key, entry)
    {
        sps_status status;
        if (strcmp(key, METADATA) == 0) {
            status = check_metadata(entry);
        } else {
            struct sps_tensor *tensor = &file->tensors[file->count++];
            tensor->name = key;
            status = check_name(SPS_EFORMAT, key);
            if (status == SPS_OK)
                status = read_tensor(tensor, entry, data, size - data_start);
            if (status != SPS_OK)
                sps_fail_in(status, "tensor '%s': ", tame(key).text);
        }
        if (status != SPS_OK)
            return sps_fail_in(status, "header at byte %d: ", PREFIX);
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, by_place);
    return check_cover(file, data, data_start, size - data_start);
}

sps_status sps_safetensors_parse(sps_safetensors **out, const char *name, const void *data, size_t bytes)
{
    sps_safetensors *file;
    SPS_TRY(sps_calloc(&file, 1, sizeof *file, "a safetensors file"));
    sps_status status;
    SPS_TRY_OUT(sps_strdup(&file->name, name));
    status = read_all(file, data, bytes);
    if (status != SPS_OK) {
        sps_fail_in(status, "'%s': ", name);
        goto out;
    }
    *out = file;
    return SPS_OK;
out:
    sps_safetensors_close(file);
    return status;
}

sps_status sps_safetensors_open(sps_safetensors **out, const char *path)
{
    char *loaded;
    size_t bytes;
    sps_safetensors *file;
    SPS_TRY(sps_file_load(&loaded, &bytes, path, file_max));
    sps_status status = sps_safetensors_parse(&file, path, loaded, bytes);
    if (status != SPS_OK) {
        sps_free(loaded);
        return status;
    }
    file->loaded = loaded;
    *out = file;
    return SPS_OK;
}

sps_status sps_safetensors_map(sps_safetensors **out, const char *path)
{
    void *mapped;
    size_t bytes;
    sps_safetensors *file;
    SPS_TRY(sps_file_map(&mapped, &bytes, path, file_max));
    sps_status status = sps_safetensors_parse(&file, path, mapped, bytes);
    if (status != SPS_OK) {
        sps_file_unmap(mapped, bytes);
        return status;
    }
    file->mapped = mapped;
    file->mapped_bytes = bytes;
    *out = file;
    return SPS_OK;
}

void sps_safetensors_close(sps_safetensors *file)
{
    if (file == NULL)
        return;
    json_decref(file->header);
    sps_free(file->tensors);
    sps_free(file->loaded);
    sps_file_unmap(file->mapped, file->mapped_bytes);
    sps_free(file->name);
    sps_free(file);
}

size_t sps_safetensors_count(const sps_safetensors *file)
{
    return file->count;
}

const struct sps_tensor *sps_safetensors_at(const sps_safetensors *file, size_t index)
{
    return index < file->count ? &file->tensors[index] : NULL;
}

const struct sps_tensor *sps_safetensors_find(const sps_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *sps_safetensors_metadata(const sps_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, METADATA), key));
}

static int same_shape(const struct sps_tensor *tensor, int dims, const size_t *shape)
{
    int same = tensor->dims == dims;
    for (int i = 0; same && i < dims; i++)
        same = tensor->shape[i] == shape[i];
    return same;
}

sps_status sps_safetensors_expect(const struct sps_tensor **out, const sps_safetensors *file, const char *name,
                                  enum sps_dtype dtype, int dims, const size_t *shape)
{
    const struct sps_tensor *tensor = sps_safetensors_find(file, name);
    if (tensor == NULL)
        SPS_FAIL(EFORMAT, "'%s': there is no tensor '%s'", file->name, name);
    if (tensor->dtype != dtype || !same_shape(tensor, dims, shape))
        SPS_FAIL(EFORMAT, "'%s': tensor '%s' is %s, must be %s", file->name, name,
                 describe(tensor->dtype, tensor->dims, tensor->shape).text, describe(dtype, dims, shape).text);
    *out = tensor;
    return SPS_OK;
}
