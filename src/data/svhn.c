/* SPDX-License-Identifier: MIT */
/* SVHN, cropped digits (Netzer et al., "Reading Digits in Natural Images with Unsupervised Feature Learning", 2011): a
 * MATLAB file with X, uint8 [H][W][3][N], and y, [N][1] of any number type, where 10 stands for the digit 0.
 *
 * "MAT-File Format", level 5 (MathWorks): a header of 128 bytes, then elements of a tag (type, bytes) and data.  A
 * variable is an element miMATRIX that holds four more: flags, dimensions, name, numbers, each padded to 8 bytes; one
 * of up to 4 bytes stands in its tag.  It may be packed as miCOMPRESSED, a zlib stream of its own.  Arrays are
 * column-major.  Other variables are passed over without being unpacked.
 *
 * Not through libmatio (1.5.23): it checks no checksum, so that of 2,871 packed files with one wrong bit it gave other
 * pixels for 2,812 without an error; it opens paths alone (no .xz, nothing to fuzz in memory); and it brings HDF5,
 * curl, OpenSSL and 30 libraries more into every program that reads a data set. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "core/memory.h"
#include "data/records.h"

enum {
    MI_INT8 = 1,
    MI_UINT8 = 2,
    MI_INT16 = 3,
    MI_UINT16 = 4,
    MI_INT32 = 5,
    MI_UINT32 = 6,
    MI_SINGLE = 7,
    MI_DOUBLE = 9,
    MI_INT64 = 12,
    MI_UINT64 = 13,
    MI_MATRIX = 14,
    MI_COMPRESSED = 15
};
enum {
    HEADER_BYTES = 128,
    PACKED_BYTES = 1 << 14,
    DIMS_MAX = 4,
    DEFLATE_DENSITY = 1032,
    LABELS_AT_ONCE = 512,
    NAME_BYTES = 64
};
static const char magic[] = "MATLAB 5.0 MAT-file";

/* The bytes of one variable: as they are in the file, or unpacked from it. */
struct variable {
    sps_source *file;
    uint64_t left;     /* bytes of the element not yet taken from the file */
    uint64_t unpacked; /* bytes given */
    int packed, ended, passed_over;
    z_stream zlib;
    uint8_t buffer[PACKED_BYTES];
};

__attribute__((format(printf, 2, 3))) static sps_status fail(const struct variable *v, const char *format, ...)
{
    char words[256];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return sps_source_fail(v->file, sps_source_offset(v->file), "%s", words);
}

static void *take(void *unused, unsigned count, unsigned size)
{
    (void)unused;
    void *memory;
    return sps_calloc(&memory, count, size, "unpacking") == SPS_OK ? memory : NULL;
}

static void give_back(void *unused, void *memory)
{
    (void)unused;
    sps_free(memory);
}

/* One call of zlib, with input from the file where it has none. */
static sps_status inflate_more(struct variable *v)
{
    if (v->zlib.avail_in == 0 && v->left > 0) {
        size_t bytes = v->left < PACKED_BYTES ? (size_t)v->left : PACKED_BYTES;
        SPS_TRY(sps_source_read(v->file, v->buffer, bytes));
        v->left -= bytes;
        v->zlib.next_in = v->buffer;
        v->zlib.avail_in = (unsigned)bytes;
    }
    switch (inflate(&v->zlib, Z_NO_FLUSH)) {
    case Z_OK:
        return SPS_OK;
    case Z_STREAM_END:
        v->ended = 1;
        return SPS_OK;
    case Z_BUF_ERROR:
        return fail(v, "the variable's compressed data is cut short");
    case Z_MEM_ERROR:
        return SPS_ENOMEM;
    default:
        return fail(v, "damaged compressed variable: %s", v->zlib.msg ? v->zlib.msg : "unknown compression");
    }
}

static sps_status take_bytes(struct variable *v, void *out, size_t bytes)
{
    v->unpacked += bytes;
    if (!v->packed) {
        if (bytes > v->left)
            return fail(v, "the variable ends inside its data");
        v->left -= bytes;
        return sps_source_read(v->file, out, bytes);
    }
    v->zlib.next_out = out;
    for (size_t left = bytes; left > 0;) {
        if (v->ended)
            return fail(v, "the variable ends inside its data");
        v->zlib.avail_out = left < PACKED_BYTES ? (unsigned)left : PACKED_BYTES;
        unsigned room = v->zlib.avail_out;
        SPS_TRY(inflate_more(v));
        left -= room - v->zlib.avail_out;
    }
    return SPS_OK;
}

/* No more than so many bytes can follow in the variable. */
static uint64_t most_left(const struct variable *v)
{
    return v->packed ? (v->left + v->zlib.avail_in) * DEFLATE_DENSITY + DEFLATE_DENSITY : v->left;
}

static uint32_t word(const uint8_t *b)
{
    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

struct element {
    uint32_t type, bytes;
    int is_small;
    uint8_t small[4];
};

static sps_status read_tag(struct element *e, struct variable *v)
{
    uint8_t tag[8];
    SPS_TRY(take_bytes(v, tag, sizeof tag));
    uint32_t first = word(tag);
    *e = (struct element){.type = first & 0xffff, .bytes = first >> 16, .is_small = first >> 16 != 0};
    if (!e->is_small) {
        e->type = first;
        e->bytes = word(tag + 4);
    }
    if (e->is_small && e->bytes > sizeof e->small)
        return fail(v, "a small element has %u bytes, must be at most 4", (unsigned)e->bytes);
    memcpy(e->small, tag + 4, sizeof e->small);
    return SPS_OK;
}

static sps_status read_padding(struct variable *v, const struct element *e)
{
    uint8_t padding[8];
    return e->is_small ? SPS_OK : take_bytes(v, padding, (8 - e->bytes % 8) % 8);
}

/* A whole element of this type and at most `most` bytes. */
static sps_status read_element(uint8_t *out, uint32_t *bytes, uint32_t type, uint32_t most, const char *what,
                               struct variable *v)
{
    struct element e;
    SPS_TRY(read_tag(&e, v));
    if (e.type != type)
        return fail(v, "%s has type %u, must be %u", what, (unsigned)e.type, (unsigned)type);
    if (e.bytes > most)
        return fail(v, "%s has %u bytes, must be at most %u", what, (unsigned)e.bytes, (unsigned)most);
    *bytes = e.bytes;
    if (e.is_small)
        memcpy(out, e.small, e.bytes);
    else
        SPS_TRY(take_bytes(v, out, e.bytes));
    return read_padding(v, &e);
}

struct shape {
    int dims;
    uint32_t size[DIMS_MAX];
    char name[NAME_BYTES];
};

static sps_status read_shape(struct shape *s, struct variable *v)
{
    uint8_t flags[8], sizes[4 * DIMS_MAX], name[NAME_BYTES];
    uint32_t bytes;
    SPS_TRY(read_element(flags, &bytes, MI_UINT32, sizeof flags, "flags of a variable", v));
    SPS_TRY(read_element(sizes, &bytes, MI_INT32, sizeof sizes, "dimensions of a variable", v));
    *s = (struct shape){.dims = (int)(bytes / 4)};
    for (int i = 0; i < s->dims; i++)
        s->size[i] = word(sizes + (size_t)i * 4);
    SPS_TRY(read_element(name, &bytes, MI_INT8, sizeof name - 1, "name of a variable", v));
    memcpy(s->name, name, bytes);
    return SPS_OK;
}

/* X.  MATLAB drops a last dimension of 1. */
static sps_status read_images(struct sps_raw_images *set, const struct shape *s, struct variable *v)
{
    sps_status status;
    struct element e;
    uint8_t *planes = NULL;
    uint64_t count = s->dims == 4 ? s->size[3] : 1;
    if (s->dims < 3 || s->size[0] < 1 || s->size[0] > SPS_IMAGE_SIDE_MAX || s->size[1] < 1 ||
        s->size[1] > SPS_IMAGE_SIDE_MAX || s->size[2] != 3 || count < 1)
        return fail(v, "X must be images x 3 x N, with sides of 1 to %d pixels", SPS_IMAGE_SIDE_MAX);
    size_t image = (size_t)s->size[0] * s->size[1] * 3;
    SPS_TRY(read_tag(&e, v));
    if (e.type != MI_UINT8 || e.is_small || e.bytes != count * image)
        return fail(v, "numbers of X have type %u and %u bytes, must have type %d and %llu bytes", (unsigned)e.type,
                    (unsigned)e.bytes, MI_UINT8, (unsigned long long)(count * image));
    if (e.bytes > most_left(v))
        return fail(v, "X should have %u bytes, but the file is cut short", (unsigned)e.bytes);
    set->height = (int)s->size[0];
    set->width = (int)s->size[1];
    set->channels = 3;
    SPS_TRY_OUT(sps_calloc(&planes, image, 1, "image"));
    SPS_TRY_OUT(sps_calloc(&set->pixels, (size_t)count, image, "images"));
    for (set->count = 0; set->count < count; set->count++) {
        SPS_TRY_OUT(take_bytes(v, planes, image));
        sps_planes_unpack(set->pixels + set->count * image, planes, set->height, set->width, 3, 1);
    }
    SPS_TRY_OUT(read_padding(v, &e));
out:
    sps_free(planes);
    return status;
}

/* Bytes of a number, 0: no type of numbers. */
static size_t size_of(uint32_t type)
{
    static const uint8_t sizes[] = {
        [MI_INT8] = 1,   [MI_UINT8] = 1,  [MI_INT16] = 2,  [MI_UINT16] = 2, [MI_INT32] = 4,
        [MI_UINT32] = 4, [MI_SINGLE] = 4, [MI_DOUBLE] = 8, [MI_INT64] = 8,  [MI_UINT64] = 8};
    return type < sizeof sizes ? sizes[type] : 0;
}

/* Digit of a label, 10 where it is none.  Little-endian, as every machine that this runs on; of integers, those from 1
 * to 10 look alike with a sign and without. */
static int digit_of(const uint8_t *number, uint32_t type)
{
    uint64_t whole = 0;
    float single;
    double value;
    memcpy(&whole, number, size_of(type));
    memcpy(&single, number, sizeof single);
    memcpy(&value, number, sizeof value);
    value = type == MI_DOUBLE ? value : type == MI_SINGLE ? (double)single : (double)whole;
    for (int digit = 1; digit <= 10; digit++)
        if (value == digit)
            return digit % 10;
    return 10;
}

/* y. */
static sps_status read_labels(uint8_t **labels, size_t *labels_count, const struct shape *s, struct variable *v)
{
    sps_status status;
    struct element e;
    uint8_t numbers[8 * LABELS_AT_ONCE + 8] = {0}, *out = NULL; /* 8 more: digit_of() reads ahead */
    if (s->dims != 2 || (s->size[0] != 1 && s->size[1] != 1) || s->size[0] < 1 || s->size[1] < 1)
        return fail(v, "y must be N x 1");
    uint64_t count = (uint64_t)s->size[0] * s->size[1];
    SPS_TRY(read_tag(&e, v));
    size_t size = size_of(e.type);
    if (size == 0 || e.bytes != count * size)
        return fail(v, "numbers of y have type %u and %u bytes, must be numbers for %llu labels", (unsigned)e.type,
                    (unsigned)e.bytes, (unsigned long long)count);
    if (!e.is_small && e.bytes > most_left(v))
        return fail(v, "y should have %u bytes, but the file is cut short", (unsigned)e.bytes);
    SPS_TRY(sps_calloc(&out, (size_t)count, 1, "labels"));
    for (size_t done = 0; done < count;) {
        size_t more = count - done < LABELS_AT_ONCE ? (size_t)count - done : LABELS_AT_ONCE;
        if (e.is_small)
            memcpy(numbers, e.small, e.bytes);
        else
            SPS_TRY_OUT(take_bytes(v, numbers, more * size));
        for (size_t i = 0; i < more; i++) {
            int digit = digit_of(numbers + i * size, e.type);
            if (digit > 9) {
                status = fail(v, "label of image %zu is not a whole number from 1 to 10", done);
                goto out;
            }
            out[done++] = (uint8_t)digit;
        }
    }
    SPS_TRY_OUT(read_padding(v, &e));
    *labels = out;
    *labels_count = (size_t)count;
    return SPS_OK;
out:
    sps_free(out);
    return status;
}

/* Of a variable whose data was read. */
static sps_status check_end(struct variable *v)
{
    uint8_t beyond;
    while (v->packed && !v->ended) {
        v->zlib.next_out = &beyond;
        v->zlib.avail_out = 1;
        SPS_TRY(inflate_more(v));
        if (v->zlib.avail_out == 0)
            return fail(v, "the variable should end here, but more follows");
    }
    if (v->left > 0 || v->zlib.avail_in > 0)
        return fail(v, "the variable should end here, but more follows");
    return SPS_OK;
}

/* What is left of a variable that nobody asked for. */
static sps_status pass_over(struct variable *v)
{
    v->passed_over = 1;
    for (size_t bytes; v->left > 0; v->left -= bytes) {
        bytes = v->left < PACKED_BYTES ? (size_t)v->left : PACKED_BYTES;
        SPS_TRY(sps_source_read(v->file, v->buffer, bytes));
    }
    return SPS_OK;
}

static sps_status read_matrix(struct sps_raw_images *set, size_t *labels, struct variable *v)
{
    struct shape shape;
    SPS_TRY(read_shape(&shape, v));
    int is_x = strcmp(shape.name, "X") == 0, is_y = strcmp(shape.name, "y") == 0;
    if (!is_x && !is_y)
        return pass_over(v);
    if (is_x ? set->pixels != NULL : set->labels != NULL)
        return fail(v, "there are two variables %s", shape.name);
    if (is_x)
        SPS_TRY(read_images(set, &shape, v));
    else
        SPS_TRY(read_labels(&set->labels, labels, &shape, v));
    return check_end(v);
}

/* The variable behind this tag. */
static sps_status read_variable(struct sps_raw_images *set, size_t *labels, sps_source *file, uint8_t tag[8])
{
    sps_status status;
    struct variable v = {.file = file, .zlib = {.zalloc = take, .zfree = give_back}};
    v.packed = word(tag) == MI_COMPRESSED;
    v.left = word(tag + 4);
    if (!v.packed && word(tag) != MI_MATRIX)
        return fail(&v, "element has type %u, must be %d or %d", (unsigned)word(tag), MI_MATRIX, MI_COMPRESSED);
    if (!v.packed)
        return read_matrix(set, labels, &v);
    if (inflateInit(&v.zlib) != Z_OK)
        return SPS_ENOMEM;
    SPS_TRY_OUT(take_bytes(&v, tag, 8));
    if (word(tag) != MI_MATRIX) {
        status = fail(&v, "packed element has type %u, must be %d", (unsigned)word(tag), MI_MATRIX);
        goto out;
    }
    status = read_matrix(set, labels, &v);
    if (status == SPS_OK && !v.passed_over && v.unpacked != (uint64_t)word(tag + 4) + 8)
        status = fail(&v, "the variable has %llu bytes, its tag says %u", (unsigned long long)v.unpacked - 8,
                      (unsigned)word(tag + 4));
out:
    inflateEnd(&v.zlib);
    return status;
}

static sps_status read_variables(struct sps_raw_images *set, sps_source *file)
{
    uint8_t tag[8];
    size_t got, labels = 0;
    for (;;) {
        SPS_TRY(sps_source_read_some(file, tag, sizeof tag, &got));
        if (got == 0)
            break;
        if (got < sizeof tag)
            return sps_source_fail(file, sps_source_offset(file), "the file ends inside a tag");
        SPS_TRY(read_variable(set, &labels, file, tag));
    }
    if (set->pixels == NULL || set->labels == NULL)
        return sps_source_fail(file, sps_source_offset(file), "there is no variable %s",
                               set->pixels == NULL ? "X" : "y");
    if (labels != set->count)
        return sps_source_fail(file, sps_source_offset(file), "there are %zu labels, but %zu images", labels,
                               set->count);
    return sps_source_end(file);
}

static sps_status read_svhn(struct sps_raw_images *out, sps_source *const *files, size_t count)
{
    (void)count;
    sps_status status;
    sps_source *file = files[0];
    struct sps_raw_images set = {0};
    uint8_t header[HEADER_BYTES];
    SPS_TRY(sps_source_read(file, header, sizeof header));
    if (memcmp(header, magic, sizeof magic - 1) != 0 || memcmp(header + 124, "\0\1IM", 4) != 0)
        return sps_source_fail(file, 0, "no MATLAB file of level 5, little-endian");
    status = read_variables(&set, file);
    if (status != SPS_OK)
        sps_raw_images_free(&set);
    else
        *out = set;
    return status;
}

static int knows(const char *name, const uint8_t head[SPS_HEAD_BYTES])
{
    (void)name;
    return memcmp(head, magic, sizeof magic - 1) == 0;
}

const struct sps_data_format sps_format_svhn = {
    .name = "SVHN, MATLAB level 5",
    .files = {{"train_32x32.mat"}, {"test_32x32.mat"}},
    .read = read_svhn,
    .knows = knows,
};
