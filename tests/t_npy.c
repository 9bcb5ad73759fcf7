/* SPDX-License-Identifier: MIT */
/* .npy files: what NumPy writes is read, what we write is read back, and hostile bytes get an error that names the
 * place. */
#include <stdlib.h>

#include "core/memory.h"
#include "core/npy.h"
#include "test.h"

/* The bytes of a file: magic, version, header (as it is, unpadded) and data. */
struct bytes {
    unsigned char at[512];
    size_t count;
};
static struct bytes file_of(int major, const char *header, const void *data, size_t data_bytes)
{
    struct bytes b = {.count = 0};
    uint32_t length = (uint32_t)strlen(header);
    size_t length_bytes = major == 1 ? 2 : 4;
    memcpy(b.at, "\x93NUMPY", 6);
    b.at[6] = (unsigned char)major;
    memcpy(b.at + 8, &length, length_bytes);
    memcpy(b.at + 8 + length_bytes, header, length);
    memcpy(b.at + 8 + length_bytes + length, data, data_bytes);
    b.count = 8 + length_bytes + length + data_bytes;
    return b;
}

static sps_status parse(struct sps_npy *out, const struct bytes *b)
{
    /* A copy of exact size: tools that watch memory see any byte read past the end. */
    void *exact = malloc(b->count + !b->count);
    assert_non_null(exact);
    memcpy(exact, b->at, b->count);
    sps_status status = sps_npy_parse(out, "a.npy", exact, b->count);
    free(exact);
    return status;
}

/* numpy.save() of numpy.array([[1, 2, 3], [4, 5, 6]], "float32"), byte for byte as NumPy 2.4 writes it: spaces and a
 * newline fill the header up to byte 128. */
static struct bytes numpys_file(void)
{
    static const char head[] = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    const float data[6] = {1, 2, 3, 4, 5, 6};
    struct bytes b = {.count = 128 + sizeof data};
    memset(b.at, ' ', 128);
    memcpy(b.at, head, sizeof head - 1);
    b.at[127] = '\n';
    memcpy(b.at + 128, data, sizeof data);
    return b;
}

static void reads_what_numpy_writes(void **state)
{
    (void)state;
    struct bytes b = numpys_file();
    struct sps_npy a;
    OK(parse(&a, &b));
    assert_int_equal(a.dims, 2);
    assert_int_equal(a.shape[0], 2);
    assert_int_equal(a.shape[1], 3);
    assert_int_equal(a.count, 6);
    assert_null(a.i64);
    for (int i = 0; i < 6; i++)
        NEAR(a.f64[i], i + 1, 0);
    sps_npy_reset(&a);
    assert_null(a.f64);
    sps_npy_reset(&a);
}

static void writes_what_numpy_writes(void **state)
{
    (void)state;
    const struct bytes want = numpys_file();
    unsigned char got[sizeof want.at];
    sps_npy_writer *writer;
    OK(sps_npy_create(&writer, "numpy.npy", 'f', 2, (const size_t[]){2, 3}));
    OK(sps_npy_write(writer, (const float[]){1, 2, 3, 4, 5, 6}, 6));
    OK(sps_npy_commit(writer));
    FILE *file = fopen("numpy.npy", "rb");
    assert_non_null(file);
    assert_int_equal(fread(got, 1, sizeof got, file), want.count);
    fclose(file);
    assert_memory_equal(got, want.at, want.count);
    remove("numpy.npy");
}

/* Each type widens to its value; integers that are not signed stay above 0. */
static void widens_every_type(void **state)
{
    (void)state;
    const double f8[] = {-0.1, INFINITY};
    const int8_t i1[] = {-128, 127};
    const int16_t i2[] = {-32768, 32767};
    const int32_t i4[] = {INT32_MIN, INT32_MAX};
    const int64_t i8[] = {INT64_MIN, INT64_MAX};
    const uint8_t u1[] = {0, 255}, b1[] = {0, 1};
    const uint16_t u2[] = {0, 65535};
    const uint32_t u4[] = {0, UINT32_MAX};
    const uint64_t u8[] = {0, INT64_MAX};
    const struct {
        const char *type;
        const void *data;
        size_t bytes;
        int64_t want[2];
    } cases[] = {
        {"|i1", i1, sizeof i1, {-128, 127}},
        {"<i2", i2, sizeof i2, {-32768, 32767}},
        {"<i4", i4, sizeof i4, {INT32_MIN, INT32_MAX}},
        {"<i8", i8, sizeof i8, {INT64_MIN, INT64_MAX}},
        {"|u1", u1, sizeof u1, {0, 255}},
        {"<u2", u2, sizeof u2, {0, 65535}},
        {"<u4", u4, sizeof u4, {0, UINT32_MAX}},
        {"<u8", u8, sizeof u8, {0, INT64_MAX}},
        {"|b1", b1, sizeof b1, {0, 1}},
    };
    char header[128];
    struct sps_npy a;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }\n", cases[k].type);
        struct bytes b = file_of(1, header, cases[k].data, cases[k].bytes);
        OK(parse(&a, &b));
        assert_null(a.f64);
        for (int i = 0; i < 2; i++)
            if (a.i64[i] != cases[k].want[i])
                fail_msg("%s: element %d is %lld", cases[k].type, i, (long long)a.i64[i]);
        sps_npy_reset(&a);
    }
    struct bytes b = file_of(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", f8, sizeof f8);
    OK(parse(&a, &b));
    assert_memory_equal(a.f64, f8, sizeof f8);
    sps_npy_reset(&a);
}

/* Versions 2 and 3 have a longer length; keys come in any order, in either quotes, with or without the last comma; a
 * scalar has no dimensions and one element; a dimension of 0 has none. */
static void reads_every_form_of_header(void **state)
{
    (void)state;
    const uint8_t data[6] = {1, 2, 3, 4, 5, 6};
    const struct {
        int version;
        const char *header;
        int dims;
        size_t count;
    } cases[] = {
        {2, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }   \n", 2, 6},
        {3, "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3)}", 3, 6},
        {1, "{\"shape\":(6,),\"fortran_order\":False,\"descr\":\"|u1\"}", 1, 6},
        {1, " { 'shape' : ( 6 , ) , 'descr' : '<u1' , 'fortran_order' : False , } ", 1, 6},
        {1, "{'descr': '|u1', 'fortran_order': False, 'shape': (), }", 0, 1},
        {1, "{'descr': '|u1', 'fortran_order': False, 'shape': (5, 0), }", 2, 0},
        {1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 2, 3), }", 8, 6},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct bytes b = file_of(cases[k].version, cases[k].header, data, cases[k].count);
        struct sps_npy a;
        OK(parse(&a, &b));
        assert_int_equal(a.dims, cases[k].dims);
        assert_int_equal(a.count, cases[k].count);
        for (size_t i = 0; i < a.count; i++)
            assert_int_equal(a.i64[i], data[i]);
        sps_npy_reset(&a);
    }
}

static void refuses_headers(void **state)
{
    (void)state;
#define HEAD "{'descr': '<f4', 'fortran_order': False, 'shape': "
    const struct {
        const char *header;
        sps_status status;
        const char *words;
    } cases[] = {
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", SPS_EUNSUPPORTED, "offset 20: Python objects"},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", SPS_EUNSUPPORTED,
         "big-endian numbers (type '>f4')"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", SPS_EUNSUPPORTED,
         "Fortran order is not supported"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", SPS_EUNSUPPORTED, "structured arrays"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", SPS_EUNSUPPORTED, "type '<c8' is not supported"},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }", SPS_EUNSUPPORTED, "type '<f2' is not supported"},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': (1,), }", SPS_EUNSUPPORTED, "type '|f4' is not supported"},
        {"{'descr': '<', 'fortran_order': False, 'shape': (1,), }", SPS_EUNSUPPORTED, "type '<' is not supported"},
        {"{'descr': '', 'fortran_order': False, 'shape': (1,), }", SPS_EFORMAT, "the element type is empty"},
        {"{'descr': 4, 'fortran_order': False, 'shape': (1,), }", SPS_EFORMAT,
         "offset 20: the header lacks a quoted text"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", SPS_EFORMAT, "neither True nor False"},
        {"{'descr': '<f4', 'shape': (1,), }", SPS_EFORMAT, "the header lacks 'fortran_order'"},
        {"{'fortran_order': False, 'shape': (1,), }", SPS_EFORMAT, "the header lacks 'descr'"},
        {"{'descr': '<f4', 'fortran_order': False, }", SPS_EFORMAT, "the header lacks 'shape'"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", SPS_EFORMAT,
         "'descr' stands twice"},
        {"{'colour': 'red', }", SPS_EFORMAT, "offset 11: unknown key 'colour'"},
        {"{'colour of the whole': 'red', }", SPS_EFORMAT, "the quoted text is 19 bytes long"},
        {"{'descr", SPS_EFORMAT, "the quoted text has no end"},
        {"", SPS_EFORMAT, "offset 10: the header lacks '{'"},
        {"{", SPS_EFORMAT, "offset 11: the header lacks a quoted text"},
        {"{'descr': '<f4' 'fortran_order': False", SPS_EFORMAT, "the header lacks ','"},
        {HEAD "(1,", SPS_EFORMAT, "the shape lacks a size"},
        {HEAD "(1), }", SPS_EFORMAT, "the header lacks ','"},
        {HEAD "(1 1), }", SPS_EFORMAT, "the header lacks ','"},
        {HEAD "(-1,), }", SPS_EFORMAT, "the shape lacks a size"},
        {HEAD "[1], }", SPS_EFORMAT, "the header lacks '('"},
        {HEAD "(1,), } x", SPS_EFORMAT, "the header goes on after its end"},
        {HEAD "(1, 1, 1, 1, 1, 1, 1, 1, 1), }", SPS_EUNSUPPORTED, "more than 8 dimensions"},
        {HEAD "(99999999999999999999,), }", SPS_EFORMAT, "does not fit into"},
        {HEAD "(4294967296, 4294967296), }", SPS_EFORMAT, "the shape's product does not fit"},
        {HEAD "(4611686018427387905,), }", SPS_EFORMAT,
         "the shape's product does not fit"}, /* times 4 is 4 in 64 bits */
        {HEAD "(1000000000000,), }", SPS_EFORMAT, "the shape needs 4000000000000 bytes of data, the file has 4"},
        {HEAD "(2,), }", SPS_EFORMAT, "the shape needs 8 bytes of data, the file has 4"},
        {HEAD "(0,), }", SPS_EFORMAT, "the shape needs 0 bytes of data, the file has 4"},
    };
    const float one = 1;
    long live = sps_memory_live();
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct bytes b = file_of(1, cases[k].header, &one, sizeof one);
        struct sps_npy a = {.dims = 77};
        sps_status status = parse(&a, &b);
        if (status != cases[k].status || strstr(sps_last_error(), cases[k].words) == NULL)
            fail_msg("%s: status %d, %s", cases[k].header, status, sps_last_error());
        if (strncmp(sps_last_error(), "'a.npy', offset ", 16) != 0)
            fail_msg("no file and offset: %s", sps_last_error());
        assert_int_equal(a.dims, 77); /* outputs are set only on success */
    }
    assert_int_equal(sps_memory_live(), live);
}

static void refuses_wrong_starts(void **state)
{
    (void)state;
    const float one = 1;
    struct bytes good = file_of(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", &one, sizeof one);
    struct sps_npy a;
    OK(parse(&a, &good));
    sps_npy_reset(&a);

    for (size_t count = 0; count < good.count; count++) { /* truncated anywhere */
        struct bytes b = good;
        b.count = count;
        FAILS(parse(&a, &b), EFORMAT, "'a.npy', offset ");
    }
    struct bytes b = good;
    b.at[0] = 'P';
    FAILS(parse(&a, &b), EFORMAT, "this is not a .npy file");
    b = good;
    b.at[6] = 4;
    FAILS(parse(&a, &b), EUNSUPPORTED, "version 4.0 of .npy is not known");
    b = good;
    b.at[7] = 1;
    FAILS(parse(&a, &b), EUNSUPPORTED, "version 1.1");
    b = good;
    b.at[9] = 0xff; /* a header far past the end */
    FAILS(parse(&a, &b), EFORMAT, "offset 8: the header is");
    b = file_of(2, "", "", 0);
    memset(b.at + 8, 0xff, 4);
    FAILS(parse(&a, &b), EFORMAT, "the header is 4294967295 bytes long, the file has 0 more");
    b = good;
    b.count++; /* one byte too many */
    FAILS(parse(&a, &b), EFORMAT, "the shape needs 4 bytes of data, the file has 5");
}

static void refuses_integers_that_do_not_fit(void **state)
{
    (void)state;
    const uint64_t data[2] = {7, UINT64_MAX};
    struct bytes b = file_of(1, "{'descr': '<u8', 'fortran_order': False, 'shape': (2,), }", data, sizeof data);
    struct sps_npy a;
    long live = sps_memory_live();
    FAILS(parse(&a, &b), EUNSUPPORTED, "offset 75: 18446744073709551615 is above"); /* 10 + 57 + 8 */
    assert_int_equal(sps_memory_live(), live);
}

/* In pieces, to a file and back; the header is padded so that data start at a multiple of 64. */
static void round_trip(void **state)
{
    (void)state;
    const float f[6] = {0.5f, -1, 3e38f, 1e-45f, 0, 2};
    const uint8_t u[6] = {0, 1, 2, 254, 255, 7};
    const int32_t v[6] = {0, -1, INT32_MIN, INT32_MAX, 5, 6};
    const struct {
        char kind;
        const char *data;
        size_t size;
    } kinds[] = {{'f', (const char *)f, 4}, {'u', (const char *)u, 1}, {'i', (const char *)v, 4}};
    const struct {
        int dims;
        size_t shape[SPS_NPY_DIMS_MAX], count;
    } shapes[] = {{1, {6}, 6}, {2, {2, 3}, 6}, {8, {1, 1, 3, 1, 1, 1, 2, 1}, 6}, {0, {0}, 1}, {3, {4, 0, 2}, 0}};
    for (size_t k = 0; k < 3; k++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            sps_npy_writer *writer;
            OK(sps_npy_create(&writer, "round.npy", kinds[k].kind, shapes[s].dims, shapes[s].shape));
            size_t half = shapes[s].count / 2;
            OK(sps_npy_write(writer, kinds[k].data, half));
            OK(sps_npy_write(writer, kinds[k].data + half * kinds[k].size, shapes[s].count - half));
            OK(sps_npy_commit(writer));

            FILE *file = fopen("round.npy", "rb");
            assert_non_null(file);
            fseek(file, 0, SEEK_END);
            assert_int_equal((size_t)ftell(file) % 64, shapes[s].count * kinds[k].size % 64);
            fclose(file);

            struct sps_npy a;
            OK(sps_npy_read(&a, "round.npy"));
            assert_int_equal(a.dims, shapes[s].dims);
            assert_memory_equal(a.shape, shapes[s].shape, (size_t)a.dims * sizeof *a.shape);
            assert_int_equal(a.count, shapes[s].count);
            for (size_t i = 0; i < a.count; i++) {
                if (kinds[k].kind == 'f')
                    NEAR(a.f64[i], (double)f[i], 0);
                else
                    assert_int_equal(a.i64[i], kinds[k].kind == 'u' ? u[i] : v[i]);
            }
            sps_npy_reset(&a);
        }
    remove("round.npy");
}

/* Every length of header, so that each position of its end within 64 bytes occurs: eight dimensions, 0 first (there are
 * no elements, however large the rest), the others growing by a digit at a time. */
static void header_of_every_length(void **state)
{
    (void)state;
    size_t shape[8] = {0, 1, 1, 1, 1, 1, 1, 1};
    for (int digits = 0; digits < 7 * 17; digits++) {
        sps_npy_writer *writer;
        OK(sps_npy_create(&writer, "length.npy", 'f', 8, shape));
        OK(sps_npy_commit(writer));
        struct sps_npy a;
        OK(sps_npy_read(&a, "length.npy"));
        assert_memory_equal(a.shape, shape, sizeof shape);
        sps_npy_reset(&a);
        shape[1 + digits / 17] *= 10;
    }
    remove("length.npy");
}

static int exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file != NULL)
        fclose(file);
    return file != NULL;
}

/* The file appears at commit, and only if all elements came. */
static void writer_is_all_or_nothing(void **state)
{
    (void)state;
    const size_t shape[2] = {2, 3};
    const float data[6] = {1, 2, 3, 4, 5, 6};
    long live = sps_memory_live();
    sps_npy_writer *writer = NULL;
    OK(sps_npy_create(&writer, "part.npy", 'f', 2, shape));
    OK(sps_npy_write(writer, data, 4));
    assert_false(exists("part.npy"));
    FAILS(sps_npy_write(writer, data, 3), EINVAL, "3 elements for 'part.npy', its shape has room for 2");
    FAILS(sps_npy_commit(writer), EINVAL, "cannot finish 'part.npy': 2 elements of its shape did not come");
    assert_false(exists("part.npy"));
    OK(sps_npy_create(&writer, "part.npy", 'f', 2, shape));
    sps_npy_abandon(writer);
    sps_npy_abandon(NULL);
    assert_false(exists("part.npy"));
    const size_t huge[3] = {SIZE_MAX / 2, 3, 1};
    FAILS(sps_npy_create(&writer, "part.npy", 'd', 2, shape), EINVAL, "'d', must be one of f, u, i");
    FAILS(sps_npy_create(&writer, "part.npy", 'f', 9, shape), EINVAL, "9 dimensions");
    FAILS(sps_npy_create(&writer, "part.npy", 'f', -1, shape), EINVAL, "-1 dimensions");
    FAILS(sps_npy_create(&writer, "part.npy", 'u', 3, huge), EINVAL, "does not fit");
    assert_int_not_equal(sps_npy_create(&writer, "no/such/folder/part.npy", 'f', 2, shape), SPS_OK);
    struct sps_npy a;
    assert_int_not_equal(sps_npy_read(&a, "no-such-file.npy"), SPS_OK);
    assert_non_null(strstr(sps_last_error(), "no-such-file.npy"));
    assert_int_equal(sps_memory_live(), live);
}

static sps_status write_and_read(void)
{
    const size_t shape[1] = {3};
    const int32_t data[3] = {1, 2, 3};
    sps_npy_writer *writer;
    SPS_TRY(sps_npy_create(&writer, "oom.npy", 'i', 1, shape));
    sps_status status = sps_npy_write(writer, data, 3);
    if (status != SPS_OK) {
        sps_npy_abandon(writer);
        return status;
    }
    SPS_TRY(sps_npy_commit(writer));
    struct sps_npy a;
    SPS_TRY(sps_npy_read(&a, "oom.npy"));
    sps_npy_reset(&a);
    return SPS_OK;
}

/* Let the n-th allocation fail, for every n: SPS_ENOMEM, nothing leaks, and the next call works. */
static void allocation_failures(void **state)
{
    (void)state;
    long live = sps_memory_live();
    sps_status status = SPS_ENOMEM;
    int failures = -1;
    for (long n = 0; status == SPS_ENOMEM; n++, failures++) {
        sps_memory_fail_at(n);
        status = write_and_read();
        sps_memory_fail_at(-1);
        assert_int_equal(sps_memory_live(), live);
        OK(write_and_read());
    }
    assert_int_equal(status, SPS_OK);
    assert_true(failures >=
                4); /* the writer, its path, and in the reader the bytes and the array; the file's own besides */
    remove("oom.npy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_numpy_writes),
        cmocka_unit_test(writes_what_numpy_writes),
        cmocka_unit_test(widens_every_type),
        cmocka_unit_test(reads_every_form_of_header),
        cmocka_unit_test(refuses_headers),
        cmocka_unit_test(refuses_wrong_starts),
        cmocka_unit_test(refuses_integers_that_do_not_fit),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(header_of_every_length),
        cmocka_unit_test(writer_is_all_or_nothing),
        cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
