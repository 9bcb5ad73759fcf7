/* SPDX-License-Identifier: MIT */
/* NumPy's .npy files (numpy.lib.format):
 *
 *     "\x93NUMPY" | major | minor | header length, 2 bytes (version 1) or 4 (2 and 3) | header | data
 *
 * The header is a Python dictionary, padded with spaces and a newline so that data start at a multiple of 64:
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (20, 10000, 10), }
 *
 * The reader is a small parser of just that, written for hostile input: it never looks past the header, and memory is
 * asked for only after the file was seen to hold the data. */
#include "core/npy.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are copied as they stand in memory");

/* Far above any dump of probabilities; keeps a sparse file from filling the memory. */
static const size_t FILE_LIMIT = (size_t)8 << 30;

/* The file, and how far it has been read.  end is the end of the header while that is parsed. */
struct cursor {
    const char *name;
    const char *data;
    size_t at, end;
};

enum kind { FLOATS, SIGNED, UNSIGNED, BOOLEANS };

struct header {
    enum kind kind;
    size_t size; /* bytes of an element */
    int dims;
    size_t shape[SPS_NPY_DIMS_MAX];
};

__attribute__((format(printf, 3, 4))) static sps_status fail_at(const struct cursor *c, sps_status status,
                                                                const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return sps_fail(status, "'%s', offset %zu: %s", c->name, c->at, what);
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && (c->data[c->at] == ' ' || c->data[c->at] == '\n'))
        c->at++;
}

/* The next character that is not space, or 0 at the end of the header. */
static char peek(struct cursor *c)
{
    skip_space(c);
    return c->at < c->end ? c->data[c->at] : 0;
}

static sps_status expect(struct cursor *c, char want)
{
    if (peek(c) != want)
        return fail_at(c, SPS_EFORMAT, "the header lacks '%c' here", want);
    c->at++;
    return SPS_OK;
}

/* A quoted string without escapes; longer than any key or type that we know is an error. */
static sps_status parse_string(struct cursor *c, char out[16])
{
    char quote = peek(c);
    if (quote != '\'' && quote != '"')
        return fail_at(c, SPS_EFORMAT, "the header lacks a quoted text here");
    size_t start = c->at + 1, end = start;
    while (end < c->end && c->data[end] != quote)
        end++;
    if (end == c->end)
        return fail_at(c, SPS_EFORMAT, "the quoted text has no end");
    if (end - start > 15)
        return fail_at(c, SPS_EFORMAT, "the quoted text is %zu bytes long, no known key or type has more than 15",
                       end - start);
    memcpy(out, c->data + start, end - start);
    out[end - start] = 0;
    c->at = end + 1;
    return SPS_OK;
}

static sps_status parse_type(struct cursor *c, struct header *h)
{
    static const struct {
        const char *code;
        enum kind kind;
        size_t size;
    } types[] = {{"f4", FLOATS, 4},   {"f8", FLOATS, 8},   {"i1", SIGNED, 1},   {"i2", SIGNED, 2},
                 {"i4", SIGNED, 4},   {"i8", SIGNED, 8},   {"u1", UNSIGNED, 1}, {"u2", UNSIGNED, 2},
                 {"u4", UNSIGNED, 4}, {"u8", UNSIGNED, 8}, {"b1", BOOLEANS, 1}};
    if (peek(c) == '[')
        return fail_at(c, SPS_EUNSUPPORTED, "records (structured arrays) are not supported");
    struct cursor start = *c;
    char type[16];
    SPS_TRY(parse_string(c, type));
    if (type[0] == 0)
        return fail_at(&start, SPS_EFORMAT, "the element type is empty");
    if (type[1] == 'O')
        return fail_at(&start, SPS_EUNSUPPORTED, "Python objects (type '%s') are not supported", type);
    if (type[0] == '>')
        return fail_at(&start, SPS_EUNSUPPORTED, "big-endian numbers (type '%s') are not supported", type);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type + 1, types[i].code) == 0 && (type[0] == '<' || (type[0] == '|' && types[i].size == 1))) {
            h->kind = types[i].kind;
            h->size = types[i].size;
            return SPS_OK;
        }
    return fail_at(&start, SPS_EUNSUPPORTED,
                   "type '%s' is not supported: floats of 4 or 8 bytes, integers of 1 to 8 bytes and booleans are",
                   type);
}

static sps_status parse_order(struct cursor *c)
{
    peek(c);
    size_t left = c->end - c->at;
    if (left >= 5 && memcmp(c->data + c->at, "False", 5) == 0) {
        c->at += 5;
        return SPS_OK;
    }
    if (left >= 4 && memcmp(c->data + c->at, "True", 4) == 0)
        return fail_at(c, SPS_EUNSUPPORTED, "Fortran order is not supported, only C order is");
    return fail_at(c, SPS_EFORMAT, "'fortran_order' is neither True nor False");
}

static sps_status parse_size(struct cursor *c, size_t *out)
{
    size_t size = 0, digits = 0;
    peek(c);
    for (; c->at < c->end && c->data[c->at] >= '0' && c->data[c->at] <= '9'; c->at++, digits++)
        if (__builtin_mul_overflow(size, 10, &size) ||
            __builtin_add_overflow(size, (size_t)(c->data[c->at] - '0'), &size))
            return fail_at(c, SPS_EFORMAT, "a size of the shape does not fit into %zu bits", 8 * sizeof size);
    if (digits == 0)
        return fail_at(c, SPS_EFORMAT, "the shape lacks a size here");
    *out = size;
    return SPS_OK;
}

static sps_status parse_shape(struct cursor *c, struct header *h)
{
    SPS_TRY(expect(c, '('));
    for (h->dims = 0; peek(c) != ')'; h->dims++) {
        if (h->dims == SPS_NPY_DIMS_MAX)
            return fail_at(c, SPS_EUNSUPPORTED, "the shape has more than %d dimensions", SPS_NPY_DIMS_MAX);
        SPS_TRY(parse_size(c, &h->shape[h->dims]));
        if (h->dims == 0 || peek(c) != ')') /* (6) is a number in Python, (6,) a shape */
            SPS_TRY(expect(c, ','));
    }
    return expect(c, ')');
}

/* The dictionary: each of its three keys once, in any order. */
static sps_status parse_header(struct cursor *c, struct header *h)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    int seen[3] = {0};
    SPS_TRY(expect(c, '{'));
    while (peek(c) != '}') {
        struct cursor start = *c;
        char key[16];
        SPS_TRY(parse_string(c, key));
        int k = 0;
        while (k < 3 && strcmp(key, keys[k]) != 0)
            k++;
        if (k == 3)
            return fail_at(&start, SPS_EFORMAT, "unknown key '%s' in the header", key);
        if (seen[k]++)
            return fail_at(&start, SPS_EFORMAT, "key '%s' stands twice in the header", key);
        SPS_TRY(expect(c, ':'));
        SPS_TRY(k == 0 ? parse_type(c, h) : k == 1 ? parse_order(c) : parse_shape(c, h));
        if (peek(c) != '}')
            SPS_TRY(expect(c, ','));
    }
    SPS_TRY(expect(c, '}'));
    skip_space(c);
    if (c->at < c->end)
        return fail_at(c, SPS_EFORMAT, "the header goes on after its end");
    for (int k = 0; k < 3; k++)
        if (!seen[k])
            return fail_at(c, SPS_EFORMAT, "the header lacks '%s'", keys[k]);
    return SPS_OK;
}

/* Magic, version and length; leaves the cursor at the header and its end at the header's. */
static sps_status open_header(struct cursor *c, size_t bytes)
{
    if (bytes < 10 || memcmp(c->data, "\x93NUMPY", 6) != 0)
        return fail_at(c, SPS_EFORMAT, "this is not a .npy file");
    unsigned char major = (unsigned char)c->data[6], minor = (unsigned char)c->data[7];
    c->at = 6;
    if (major < 1 || major > 3 || minor != 0)
        return fail_at(c, SPS_EUNSUPPORTED, "version %d.%d of .npy is not known: 1.0, 2.0 and 3.0 are", major, minor);
    size_t length_bytes = major == 1 ? 2 : 4;
    c->at = 8;
    if (bytes - c->at < length_bytes)
        return fail_at(c, SPS_EFORMAT, "the file ends within the header's length");
    uint32_t length = 0;
    memcpy(&length, c->data + c->at, length_bytes);
    if (length > bytes - c->at - length_bytes)
        return fail_at(c, SPS_EFORMAT, "the header is %" PRIu32 " bytes long, the file has %zu more", length,
                       bytes - c->at - length_bytes);
    c->at += length_bytes;
    c->end = c->at + length;
    return SPS_OK;
}

static double float_at(const char *from, size_t size)
{
    if (size == 4) {
        float f;
        memcpy(&f, from, sizeof f);
        return f;
    }
    double d;
    memcpy(&d, from, sizeof d);
    return d;
}

/* Zero-extended, or sign-extended for a signed kind. */
static uint64_t integer_at(const char *from, enum kind kind, size_t size)
{
    uint64_t u = 0;
    memcpy(&u, from, size);
    if (kind == BOOLEANS)
        return u != 0;
    uint64_t sign = (uint64_t)1 << (8 * size - 1);
    return kind == SIGNED ? (u ^ sign) - sign : u;
}

static sps_status widen(struct cursor *c, struct sps_npy *array, const struct header *h)
{
    if (h->kind == FLOATS) {
        SPS_TRY(sps_calloc(&array->f64, array->count, sizeof *array->f64, c->name));
        for (size_t i = 0; i < array->count; i++)
            array->f64[i] = float_at(c->data + c->at + i * h->size, h->size);
        return SPS_OK;
    }
    SPS_TRY(sps_calloc(&array->i64, array->count, sizeof *array->i64, c->name));
    for (size_t i = 0; i < array->count; i++, c->at += h->size) {
        uint64_t u = integer_at(c->data + c->at, h->kind, h->size);
        if (h->kind == UNSIGNED && u > INT64_MAX)
            return fail_at(c, SPS_EUNSUPPORTED, "%" PRIu64 " is above the largest signed 64-bit integer", u);
        memcpy(&array->i64[i], &u, sizeof u);
    }
    return SPS_OK;
}

/* Up to the data, which are all there; *count is the product of the shape. */
static sps_status open_array(struct cursor *c, struct header *h, size_t *count, size_t bytes)
{
    SPS_TRY(open_header(c, bytes));
    SPS_TRY(parse_header(c, h));
    size_t need = h->size;
    for (int d = 0; d < h->dims; d++)
        if (__builtin_mul_overflow(need, h->shape[d], &need))
            return fail_at(c, SPS_EFORMAT, "the shape's product does not fit into %zu bits", 8 * sizeof need);
    *count = need / h->size;
    if (need != bytes - c->at)
        return fail_at(c, SPS_EFORMAT, "the shape needs %zu bytes of data, the file has %zu", need, bytes - c->at);
    return SPS_OK;
}

sps_status sps_npy_parse_bytes(struct sps_npy_bytes *out, const char *name, const void *data, size_t bytes)
{
    struct cursor c = {.name = name, .data = data};
    struct header h = {0};
    size_t count = 0;
    SPS_TRY(open_array(&c, &h, &count, bytes));
    if (h.kind != UNSIGNED || h.size != 1)
        return fail_at(&c, SPS_EFORMAT, "the elements are not unsigned bytes (type '|u1')");
    *out = (struct sps_npy_bytes){.dims = h.dims, .count = count, .data = (const uint8_t *)c.data + c.at};
    memcpy(out->shape, h.shape, sizeof out->shape);
    return SPS_OK;
}

sps_status sps_npy_parse(struct sps_npy *out, const char *name, const void *data, size_t bytes)
{
    struct cursor c = {.name = name, .data = data};
    struct header h = {0};
    struct sps_npy array = {0};
    SPS_TRY(open_array(&c, &h, &array.count, bytes));
    array.dims = h.dims;
    memcpy(array.shape, h.shape, sizeof array.shape);
    sps_status status = widen(&c, &array, &h);
    if (status != SPS_OK)
        sps_npy_reset(&array);
    else
        *out = array;
    return status;
}

sps_status sps_npy_read(struct sps_npy *out, const char *path)
{
    char *data = NULL;
    size_t bytes = 0;
    SPS_TRY(sps_file_load(&data, &bytes, path, FILE_LIMIT));
    sps_status status = sps_npy_parse(out, path, data, bytes);
    sps_free(data);
    return status;
}

void sps_npy_reset(struct sps_npy *array)
{
    sps_free(array->f64);
    sps_free(array->i64);
    *array = (struct sps_npy){0};
}

struct sps_npy_writer {
    sps_file *file;
    char *path;
    size_t size; /* bytes of an element */
    size_t left; /* elements still to come */
};

static void release(sps_npy_writer *writer)
{
    sps_free(writer->path);
    sps_free(writer);
}

/* Version 1.0, as NumPy writes it. */
static sps_status write_header(sps_file *file, const char *type, int dims, const size_t *shape)
{
    enum { ROOM = 512, START = 10 }; /* 8 dimensions of 20 digits, the keys and the padding fit */
    char text[ROOM];
    int n = snprintf(text + START, ROOM - START, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (int d = 0; d < dims; d++)
        n += snprintf(text + START + n, ROOM - START - (size_t)n, "%s%zu", d > 0 ? ", " : "", shape[d]);
    n += snprintf(text + START + n, ROOM - START - (size_t)n, "%s), }", dims == 1 ? "," : "");
    size_t used = START + (size_t)n, total = (used + 1 + 63) / 64 * 64;
    memset(text + used, ' ', total - used);
    text[total - 1] = '\n';
    uint16_t length = (uint16_t)(total - START);
    memcpy(text, "\x93NUMPY\x01\x00", 8);
    memcpy(text + 8, &length, sizeof length);
    return sps_file_write(file, text, total);
}

sps_status sps_npy_create(sps_npy_writer **out, const char *path, char kind, int dims, const size_t *shape)
{
    const char *type = kind == 'f' ? "<f4" : kind == 'u' ? "|u1" : kind == 'i' ? "<i4" : NULL;
    if (type == NULL)
        SPS_FAIL(EINVAL, "kind of .npy elements is '%c', must be one of f, u, i", kind);
    if (dims < 0 || dims > SPS_NPY_DIMS_MAX)
        SPS_FAIL(EINVAL, "a .npy array of %d dimensions was asked for, must be 0 to %d", dims, SPS_NPY_DIMS_MAX);
    size_t size = kind == 'u' ? 1 : 4, bytes = size;
    for (int d = 0; d < dims; d++)
        if (__builtin_mul_overflow(bytes, shape[d], &bytes))
            SPS_FAIL(EINVAL, "the shape for '%s' does not fit into memory sizes", path);

    sps_npy_writer *writer = NULL;
    sps_status status = SPS_OK;
    SPS_TRY(sps_calloc(&writer, 1, sizeof *writer, "array writer"));
    writer->size = size;
    writer->left = bytes / size;
    SPS_TRY_OUT(sps_strdup(&writer->path, path));
    SPS_TRY_OUT(sps_file_create(&writer->file, path));
    SPS_TRY_OUT(write_header(writer->file, type, dims, shape));
    *out = writer;
out:
    if (status != SPS_OK)
        sps_npy_abandon(writer);
    return status;
}

sps_status sps_npy_write(sps_npy_writer *writer, const void *data, size_t count)
{
    if (count > writer->left)
        SPS_FAIL(EINVAL, "%zu elements for '%s', its shape has room for %zu", count, writer->path, writer->left);
    SPS_TRY(sps_file_write(writer->file, data, count * writer->size));
    writer->left -= count;
    return SPS_OK;
}

sps_status sps_npy_commit(sps_npy_writer *writer)
{
    sps_status status;
    if (writer->left > 0) {
        status = sps_fail(SPS_EINVAL, "cannot finish '%s': %zu elements of its shape did not come", writer->path,
                          writer->left);
        sps_file_abandon(writer->file);
    } else {
        status = sps_file_commit(writer->file);
    }
    release(writer);
    return status;
}

void sps_npy_abandon(sps_npy_writer *writer)
{
    if (writer == NULL)
        return;
    sps_file_abandon(writer->file);
    release(writer);
}
