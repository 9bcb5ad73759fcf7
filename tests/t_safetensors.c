/* SPDX-License-Identifier: MIT */
/* safetensors: what goes out comes back bit for bit, and no file whatever is read beyond its end or believed without a
 * check. `t_safetensors --write PATH` writes the sample file for oracle_safetensors.py. */
#include <stdlib.h>
#include <unistd.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/safetensors.h"
#include "test.h"

static const char *const path = "t_safetensors.safetensors";

/* One tensor of each type, an empty one, a scalar, all 8 dimensions; oracle_safetensors.py knows these values. */
static const double f64[2] = {-0.0, 1e300};
static const int64_t i64[3] = {INT64_MIN, -1, INT64_MAX};
static const float f32[6] = {0, 1, -2.5f, 3e38f, 1e-45f, -0.0f};
static const int32_t i32[1] = {-7};
static const uint8_t u8[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};
static const int8_t i8[3] = {-128, 0, 127};
static const struct sps_tensor sample[] = {
    {"f64", SPS_F64, 1, {2}, f64, sizeof f64},
    {"layer 1/i64", SPS_I64, 2, {3, 1}, i64, sizeof i64},
    {"f32", SPS_F32, 2, {2, 3}, f32, sizeof f32},
    {"empty", SPS_F32, 3, {4, 0, 2}, NULL, 0},
    {"scalar", SPS_I32, 0, {0}, i32, sizeof i32},
    {"u8 \"q\" \\ \xc3\xa4", SPS_U8, 8, {1, 2, 1, 2, 1, 2, 1, 2}, u8, sizeof u8},
    {"i8", SPS_I8, 1, {3}, i8, sizeof i8},
};
static const struct sps_metadata sample_metadata[] = {{"format", "pt"}, {"text", "two\nlines, \"quotes\""}, {"", ""}};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static sps_status write_sample(const char *to)
{
    return sps_safetensors_write(to, sample, COUNT(sample), sample_metadata, COUNT(sample_metadata));
}

static size_t header_length(const char *data)
{
    size_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | (unsigned char)data[i];
    return n;
}

static void round_trip_is_bit_for_bit(void **state)
{
    (void)state;
    OK(write_sample(path));
    sps_safetensors *file;
    OK(sps_safetensors_open(&file, path));
    assert_int_equal(sps_safetensors_count(file), COUNT(sample));
    size_t offset = 0;
    const char *data = sps_safetensors_at(file, 0)->data;
    for (size_t i = 0; i < COUNT(sample); i++) {
        const struct sps_tensor *want = &sample[i], *got = sps_safetensors_find(file, want->name);
        assert_non_null(got);
        assert_string_equal(got->name, want->name);
        assert_int_equal(got->dtype, want->dtype);
        assert_int_equal(got->dims, want->dims);
        for (int d = 0; d < want->dims; d++)
            assert_int_equal(got->shape[d], want->shape[d]);
        assert_int_equal(got->bytes, want->bytes);
        assert_ptr_equal(got->data, data + offset); /* in the writer's order */
        if (want->bytes > 0)
            assert_memory_equal(got->data, want->data, want->bytes);
        offset += want->bytes;
    }
    assert_null(sps_safetensors_at(file, COUNT(sample)));
    assert_null(sps_safetensors_find(file, "F64"));
    assert_null(sps_safetensors_find(file, "__metadata__"));
    for (size_t i = 0; i < COUNT(sample_metadata); i++)
        assert_string_equal(sps_safetensors_metadata(file, sample_metadata[i].key), sample_metadata[i].value);
    assert_null(sps_safetensors_metadata(file, "none"));
    sps_safetensors_close(file);
}

/* Names of all lengths around 64 move the header's end through every remainder. */
static void data_start_at_a_multiple_of_64(void **state)
{
    (void)state;
    char name[80] = "";
    for (int length = 1; length < 70; length++) {
        name[length - 1] = 'n';
        struct sps_tensor t = {name, SPS_F32, 1, {6}, f32, sizeof f32};
        OK(sps_safetensors_write(path, &t, 1, NULL, 0));
        char *data;
        size_t bytes;
        OK(sps_file_load(&data, &bytes, path, 1 << 20));
        size_t start = 8 + header_length(data);
        assert_int_equal(start % 64, 0);
        assert_int_equal(start + sizeof f32, bytes);
        const char *end = strstr(data + 8, "}}");
        assert_non_null(end);
        assert_true(data + start - (end + 2) < 64);
        for (const char *c = end + 2; c < data + start; c++)
            assert_int_equal(*c, ' ');
        sps_free(data);
    }
}

static void nothing_is_a_file_too(void **state)
{
    (void)state;
    OK(sps_safetensors_write(path, NULL, 0, NULL, 0));
    sps_safetensors *file;
    OK(sps_safetensors_open(&file, path));
    assert_int_equal(sps_safetensors_count(file), 0);
    assert_null(sps_safetensors_at(file, 0));
    assert_null(sps_safetensors_metadata(file, "none"));
    sps_safetensors_close(file);
    sps_safetensors_close(NULL);
    FAILS(sps_safetensors_open(&file, "none.safetensors"), ENOTFOUND, "'none.safetensors': no such file");
}

static void expecting(void **state)
{
    (void)state;
    OK(write_sample(path));
    sps_safetensors *file;
    OK(sps_safetensors_open(&file, path));
    const struct sps_tensor *t = NULL;
    OK(sps_safetensors_expect(&t, file, "f32", SPS_F32, 2, (size_t[]){2, 3}));
    assert_ptr_equal(t, sps_safetensors_find(file, "f32"));
    OK(sps_safetensors_expect(&t, file, "scalar", SPS_I32, 0, NULL));
    t = NULL;
    FAILS(sps_safetensors_expect(&t, file, "f32", SPS_F32, 2, (size_t[]){2, 4}), EFORMAT,
          "tensor 'f32' is F32 [2, 3], must be F32 [2, 4]");
    FAILS(sps_safetensors_expect(&t, file, "f32", SPS_I32, 2, (size_t[]){2, 3}), EFORMAT, "must be I32 [2, 3]");
    FAILS(sps_safetensors_expect(&t, file, "f32", SPS_F32, 1, (size_t[]){2}), EFORMAT, "must be F32 [2]");
    FAILS(sps_safetensors_expect(&t, file, "f33", SPS_F32, 1, (size_t[]){2}), EFORMAT,
          "'t_safetensors.safetensors': there is no tensor 'f33'");
    assert_null(t);
    sps_safetensors_close(file);
}

static void writer_checks_its_input(void **state)
{
    (void)state;
    remove(path);
    char longname[300];
    memset(longname, 'n', sizeof longname);
    longname[256] = '\0';
    const struct {
        struct sps_tensor tensor;
        const char *words;
    } wrong[] = {
        {{"a", SPS_F32, 1, {2}, f32, 7},
         "cannot write 't_safetensors.safetensors': tensor 'a': has 7 bytes, F32 [2] needs 8"},
        {{"a", SPS_F32, 1, {2}, NULL, 8}, "has no data"},
        {{"a", SPS_F32, 9, {1, 1, 1, 1, 1, 1, 1, 1}, f32, 4}, "has 9 dimensions, must have 0 to 8"},
        {{"a", SPS_F32, -1, {1}, f32, 4}, "has -1 dimensions"},
        {{"a", (enum sps_dtype)6, 1, {1}, f32, 4}, "dtype is 6, must be below 6"},
        {{"a", SPS_U8, 2, {SIZE_MAX, SIZE_MAX}, u8, 1}, "is too large"},
        {{"a", SPS_U8, 2, {0, SIZE_MAX}, u8, 0}, "is too large"},
        {{"__metadata__", SPS_U8, 1, {1}, u8, 1}, "kept for metadata"},
        {{"a\n", SPS_U8, 1, {1}, u8, 1}, "tensor 'a?': name has control characters"},
        {{"\xff", SPS_U8, 1, {1}, u8, 1}, "UTF-8"},
        {{longname, SPS_U8, 1, {1}, u8, 1}, "name has 256 bytes, more than 255"},
        {{"first", SPS_U8, 1, {1}, u8, 1}, "tensor 'first': is given twice"},
        {{"a", SPS_F32, 1, {1}, f32, 4}, "would stand at byte 1 of the data, which is not aligned to 4 bytes"},
        {{"a", SPS_U8, 1, {(size_t)3 << 30}, u8, (size_t)3 << 30}, "all data together are more than"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        int after_odd = i >= COUNT(wrong) - 3;
        const struct sps_tensor list[2] = {{"first", SPS_U8, 1, {1}, u8, 1}, wrong[i].tensor};
        FAILS(sps_safetensors_write(path, list + !after_odd, 1 + (size_t)after_odd, NULL, 0), EINVAL, wrong[i].words);
    }
    const struct sps_metadata twice[] = {{"key", "a"}, {"key", "b"}}, binary = {"key", "\xff"};
    FAILS(sps_safetensors_write(path, NULL, 0, twice, 2), EINVAL, "metadata 'key': is given twice");
    FAILS(sps_safetensors_write(path, NULL, 0, &binary, 1), EINVAL, "metadata 'key': is not UTF-8");
    static char large[(16 << 20) + 1];
    memset(large, 'x', sizeof large - 1);
    const struct sps_metadata too_large = {"key", large};
    FAILS(sps_safetensors_write(path, NULL, 0, &too_large, 1), EINVAL, "more than the limit of 16777216 bytes");
    assert_int_not_equal(access(path, F_OK), 0);
    FAILS(sps_safetensors_write("none/x", sample, COUNT(sample), NULL, 0), EIO, "cannot write 'none/x': no such file");
}

/* A header with this text, then data of this many bytes, in memory of exactly that size. */
static sps_status parse(sps_safetensors **out, const char *header, size_t header_bytes, size_t data_bytes)
{
    size_t bytes = 8 + header_bytes + data_bytes;
    char *file;
    sps_status status = sps_calloc(&file, bytes, 1, "a test file");
    if (status != SPS_OK)
        return status;
    for (int i = 0; i < 8; i++)
        file[i] = (char)(header_bytes >> (8 * i));
    memcpy(file + 8, header, header_bytes);
    char *exact = malloc(bytes); /* sps_calloc rounds up, which would hide a read past the end from valgrind */
    assert_non_null(exact);
    memcpy(exact, file, bytes);
    sps_free(file);
    status = sps_safetensors_parse(out, "bad", exact, bytes);
    if (status == SPS_OK)
        sps_safetensors_close(*out);
    free(exact);
    return status;
}

#define T(name, dtype, shape, offsets)                                                                                 \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void malformed_headers(void **state)
{
    (void)state;
    const struct {
        const char *header;
        size_t data_bytes;
        const char *words; /* NULL: is well-formed */
    } cases[] = {
        {"{}", 0, NULL},
        {"{} \n\t ", 0, NULL},
        {"{" T("a", "U8", "[3]", "[0,3]") "}", 3, NULL},
        {"{" T("a", "U8", "[]", "[0,1]") "," T("z", "U8", "[9,0]", "[1,1]") "}", 1, NULL},
        {"{" T("b", "U8", "[2]", "[1,3]") "," T("a", "U8", "[1]", "[0,1]") "," T("z", "U8", "[0]", "[1,1]") "}", 3,
         NULL},
        {"{\"__metadata__\":{}}", 0, NULL},
        /* JSON */
        {"", 0, "'bad': byte 8: the header does not start with '{'"},
        {" {}", 0, "does not start with '{'"},
        {"[]", 0, "does not start with '{'"},
        {"{", 0, "byte 9: header is not correct JSON"},
        {"{}x", 0, "not correct JSON"},
        {"{\"a\":", 0, "not correct JSON"},
        {"{\"a", 0, "not correct JSON"},
        {"{\"a\\", 0, "not correct JSON"},
        {"}", 0, "does not start"},
        {"{}}", 0, "not correct JSON"},
        {"{\"\xff\":1}", 0, "not correct JSON"},
        {"{\x1b}", 0, "near '?'"},
        {"{\"a\\u0000\":1}", 0, "not correct JSON"},
        {"{" T("a", "U8", "[99999999999999999999]", "[0,0]") "}", 0, "not correct JSON: too big integer"},
        {"{" T("a", "U8", "[0]", "[0,0]") "," T("a", "U8", "[0]", "[0,0]") "}", 0, "not correct JSON: duplicate"},
        {"{\"__metadata__\":{\"k\":\"v\",\"k\":\"v\"}}", 0, "not correct JSON: duplicate"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 0, "not correct JSON: duplicate"},
        /* nesting */
        {"{\"a\":[]}", 0, "byte 13: a '[' cannot stand here"},
        {"{\"a\":{\"b\":{}}}", 0, "byte 18: a '{' cannot stand here"},
        {"{\"a\":{\"shape\":[[]]}}", 0, "byte 23: a '[' cannot stand here"},
        {"{\"[{[{\\\"[[\":0}", 0, "tensor '[{[{\"[['"},
        /* metadata */
        {"{\"__metadata__\":\"x\"}", 0, "header at byte 8: __metadata__ is not an object"},
        {"{\"__metadata__\":{\"k\":1}}", 0, "__metadata__: value of 'k' is not a string"},
        {"{\"__metadata__\":{\"\\u001b\":null}}", 0, "value of '?' is not a string"},
        /* an entry's form */
        {"{\"a\":1}", 0, "header at byte 8: tensor 'a': is not of the form"},
        {"{\"a\":{}}", 0, "tensor 'a': is not of the form"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0]}}", 0, "data_offsets"},
        {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,0]}}", 0, "shape"},
        {"{\"a\":{\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "dtype"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"extra\":0}}", 0, "extra"},
        {"{\"a\":{\"dtype\":1,\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "is not of the form"},
        {"{" T("\\n\\u009b", "U8", "[0]", "[0,0]") "}", 0, "name has control characters"},
        /* dtype */
        {"{" T("a", "u8", "[0]", "[0,0]") "}", 0, "dtype 'u8' is none of U8, I8, I32, I64, F32, F64"},
        {"{" T("a", "BF16", "[1]", "[0,2]") "}", 2, "dtype 'BF16' is none of"},
        {"{" T("a", "\\u001b[2J", "[1]", "[0,2]") "}", 2, "dtype '?[2J' is none of"},
        /* shape */
        {"{" T("a", "U8", "3", "[0,3]") "}", 3, "shape is not a list"},
        {"{" T("a", "U8", "[-1]", "[0,1]") "}", 1, "entry 0 of shape is not a whole number of at least 0"},
        {"{" T("a", "U8", "[1,1.0]", "[0,1]") "}", 1, "entry 1 of shape is not a whole number"},
        {"{" T("a", "U8", "[true]", "[0,1]") "}", 1, "entry 0 of shape is not a whole number"},
        {"{" T("a", "U8", "[1,1,1,1,1,1,1,1]", "[0,1]") "}", 1, NULL},
        {"{" T("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1, "shape has 9 dimensions, more than 8"},
        {"{" T("a", "U8", "[4294967296,4294967296]", "[0,0]") "}", 0, "U8 [4294967296, 4294967296] is too large"},
        {"{" T("a", "U8", "[4294967296,0,4294967296]", "[0,0]") "}", 0, "is too large"},
        {"{" T("a", "F64", "[2305843009213693952]", "[0,0]") "}", 0, "is too large"},
        /* offsets */
        {"{" T("a", "U8", "[1]", "[0]") "}", 1, "is not of the form"},
        {"{" T("a", "U8", "[1]", "[0,1,2]") "}", 1, "is not of the form"},
        {"{" T("a", "U8", "[1]", "[0,1.0]") "}", 1, "is not of the form"},
        {"{" T("a", "U8", "[1]", "[-1,0]") "}", 1, "data_offsets [-1, 0] are not within the 1 bytes of data"},
        {"{" T("a", "U8", "[1]", "[1,0]") "}", 1, "[1, 0] are not within"},
        {"{" T("a", "U8", "[2]", "[0,2]") "}", 1, "[0, 2] are not within"},
        {"{" T("a", "U8", "[0]", "[9223372036854775807,9223372036854775807]") "}", 1, "are not within"},
        {"{" T("a", "U8", "[2]", "[0,1]") "}", 1, "data_offsets [0, 1] are 1 bytes, U8 [2] needs 2 bytes"},
        {"{" T("a", "U8", "[1]", "[0,1]") "," T("b", "U8", "[1]", "[0,1]") "}", 1, "byte 113: tensor 'b' overlaps"},
        {"{" T("a", "U8", "[3]", "[0,3]") "," T("b", "U8", "[0]", "[1,1]") "}", 3, "tensor 'b' overlaps"},
        {"{" T("a", "U8", "[1]", "[1,2]") "}", 2, "byte 61: 1 bytes before tensor 'a' belong to no tensor"},
        {"{" T("a", "U8", "[1]", "[0,1]") "}", 3, "byte 62: 2 bytes at the end belong to no tensor"},
        {"{}", 1, "1 bytes at the end belong to no tensor"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sps_safetensors *file = NULL;
        sps_status status = parse(&file, cases[i].header, strlen(cases[i].header), cases[i].data_bytes);
        if (cases[i].words == NULL) {
            if (status != SPS_OK)
                fail_msg("%s: %s", cases[i].header, sps_last_error());
            continue;
        }
        const char *message = sps_last_error();
        int foreign = strstr(cases[i].words, "is none of") != NULL;
        if (status != (foreign ? SPS_EUNSUPPORTED : SPS_EFORMAT) || file != NULL)
            fail_msg("%s: status %d (%s)", cases[i].header, status, message);
        if (strstr(message, cases[i].words) == NULL || strncmp(message, "'bad': ", 7) != 0)
            fail_msg("%s: message '%s' lacks '%s'", cases[i].header, message, cases[i].words);
        for (const char *c = message; *c != '\0'; c++)
            assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
    }
}

/* The same header twice, one space apart: data at byte 64 and at byte 65. */
static void unaligned_data(void **state)
{
    (void)state;
    const char aligned[] = "{" T("a", "F32", "[1]", "[0,4]") "}  ";
    assert_int_equal(sizeof aligned, 8 * 7 + 1);
    sps_safetensors *file;
    OK(parse(&file, aligned, sizeof aligned - 1, 4));
    FAILS(parse(&file, aligned, sizeof aligned - 2, 4), EFORMAT,
          "tensor 'a': data at offset 0 are not aligned to 4 bytes");
}

static void header_lengths(void **state)
{
    (void)state;
    sps_safetensors *file;
    FAILS(sps_safetensors_parse(&file, "bad", NULL, 0), EFORMAT, "byte 0: the file has 0 bytes");
    unsigned char bytes[10] = {3, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    FAILS(sps_safetensors_parse(&file, "bad", bytes, 7), EFORMAT, "byte 0: the file has 7 bytes");
    FAILS(sps_safetensors_parse(&file, "bad", bytes, 10), EFORMAT, "header length is 3 bytes, but only 2 bytes follow");
    for (int i = 3; i < 8; i++) { /* 16 MiB is 1 << 24 */
        memset(bytes, 0, 8);
        bytes[0] = 2;
        bytes[i] = 0x80;
        FAILS(sps_safetensors_parse(&file, "bad", bytes, 10), EFORMAT, "more than the limit of 16777216 bytes");
    }
}

static void names_have_a_limit(void **state)
{
    (void)state;
    char header[400];
    sps_safetensors *file;
    snprintf(header, sizeof header, "{\"%0255d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0);
    OK(parse(&file, header, strlen(header), 0));
    snprintf(header, sizeof header, "{\"%0256d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0);
    FAILS(parse(&file, header, strlen(header), 0), EFORMAT, "name has 256 bytes, more than 255 bytes");
}

/* Every shorter file and every longer one fails, in memory of exactly its size so that valgrind and ASan see a read
 * beyond. */
static void every_truncation_fails_cleanly(void **state)
{
    (void)state;
    OK(write_sample(path));
    char *data;
    size_t bytes;
    OK(sps_file_load(&data, &bytes, path, 1 << 20));
    for (size_t n = 0; n <= bytes; n++) {
        char *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, data, n);
        sps_safetensors *file = NULL;
        sps_status status = sps_safetensors_parse(&file, "cut", exact, n);
        assert_int_equal(status, n == bytes ? SPS_OK : SPS_EFORMAT);
        sps_safetensors_close(file);
        free(exact);
    }
    sps_free(data);
}

/* Any one byte of the header changed: refused or understood, never a crash; half of the bits are tried. */
static void every_changed_byte_is_survived(void **state)
{
    (void)state;
    OK(write_sample(path));
    char *data;
    size_t bytes, refused = 0;
    OK(sps_file_load(&data, &bytes, path, 1 << 20));
    size_t header = 8 + header_length(data);
    for (size_t i = 0; i < header; i++)
        for (int bit = 0; bit < 8; bit += 2) {
            data[i] = (char)(data[i] ^ 1 << bit);
            sps_safetensors *file = NULL;
            refused += sps_safetensors_parse(&file, "changed", data, bytes) != SPS_OK;
            sps_safetensors_close(file);
            data[i] = (char)(data[i] ^ 1 << bit);
        }
    assert_true(refused > header);
    sps_free(data);
}

static void out_of_memory(void **state)
{
    (void)state;
    OK(write_sample(path));
    char *before, *after;
    size_t before_bytes, after_bytes;
    OK(sps_file_load(&before, &before_bytes, path, 1 << 20));
    long live = sps_memory_live();
    int writes = 0, reads = 0;
    sps_status status;
    do {
        sps_memory_fail_at(writes++);
        status = write_sample(path);
        assert_true(status == SPS_OK || status == SPS_ENOMEM);
        assert_int_equal(sps_memory_live(), live);
    } while (status != SPS_OK);
    do {
        sps_safetensors *file = NULL;
        sps_memory_fail_at(reads++);
        status = sps_safetensors_open(&file, path);
        assert_true(status == SPS_OK || status == SPS_ENOMEM);
        sps_safetensors_close(file);
        assert_int_equal(sps_memory_live(), live);
    } while (status != SPS_OK);
    sps_memory_fail_at(-1);
    assert_true(writes >= 3 && reads >= 5); /* header text, file; data, file, name, list */
    OK(sps_file_load(&after, &after_bytes, path, 1 << 20));
    assert_int_equal(before_bytes, after_bytes);
    assert_memory_equal(before, after, before_bytes);
    sps_free(before);
    sps_free(after);
}

static int remove_file(void **state)
{
    (void)state;
    remove(path);
    return sps_memory_live() != 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_sample(argv[2]) != SPS_OK;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_is_bit_for_bit),
        cmocka_unit_test(data_start_at_a_multiple_of_64),
        cmocka_unit_test(nothing_is_a_file_too),
        cmocka_unit_test(expecting),
        cmocka_unit_test(writer_checks_its_input),
        cmocka_unit_test(malformed_headers),
        cmocka_unit_test(unaligned_data),
        cmocka_unit_test(header_lengths),
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(every_truncation_fails_cleanly),
        cmocka_unit_test(every_changed_byte_is_survived),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, remove_file);
}
