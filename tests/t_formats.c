/* SPDX-License-Identifier: MIT */
/* CIFAR-100, STL-10, SVHN, lists of PNG images, and files by path, all made here. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zlib.h>

#include "core/memory.h"
#include "data/find.h"
#include "data/records.h"
#include "mat.h"
#include "spinscale/foreign.h"
#include "spinscale/npy.h"
#include "test.h"

enum { SIDE = 32, STL_SIDE = 96, STL_IMAGE = 3 * STL_SIDE * STL_SIDE };

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) != 0)
        assert_int_equal(errno, EEXIST);
}

static void write_file(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

static void write_gzip(const char *path, const void *data, size_t bytes)
{
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, data, (unsigned)bytes), bytes);
    assert_int_equal(gzclose(f), Z_OK);
}

/* ---- CIFAR-100 ---- */

static void cifar100_has_the_fine_label(void **state)
{
    (void)state;
    sps_dataset *set;
    static uint8_t records[2][2 + 3 * SIDE * SIDE];
    make_folder("f_root");
    make_folder("f_root/cifar100");
    remove("f_root/cifar100/cifar100_4000.bin.gz"); /* of an earlier run that failed */
    for (int i = 0; i < 2; i++) {
        records[i][0] = (uint8_t)(19 - i);
        records[i][1] = (uint8_t)(99 - i);
        memset(records[i] + 2 + 2 * SIDE * SIDE, 7 + i, SIDE * SIDE); /* blue */
    }
    write_file("f_root/cifar100/test.bin", records, sizeof records);
    OK(sps_dataset_open(&set, "cifar100", SPS_TEST, "f_root"));
    assert_int_equal(sps_dataset_get_info(set)->count, 2);
    assert_int_equal(sps_dataset_get_info(set)->classes, 100);
    assert_int_equal(sps_dataset_label(set, 0), 99);
    assert_int_equal(sps_dataset_label(set, 1), 98);
    assert_string_equal(sps_dataset_class_name(set, 99), "worm");
    assert_memory_equal(sps_dataset_image(set, 1), ((const uint8_t[]){0, 0, 8, 0, 0, 8}), 6);
    sps_dataset_free(set);
    OK(sps_dataset_open(&set, "f_root/cifar100/test.bin", SPS_TEST, NULL));
    assert_int_equal(sps_dataset_label(set, 1), 98);
    sps_dataset_free(set);
    write_file("f_root/cifar100/test.bin", records, sizeof records - 1);
    FAILS(sps_dataset_open(&set, "cifar100", SPS_TEST, "f_root"), EFORMAT, "inside a record of 3074 bytes");
    remove("f_root/cifar100/test.bin");

    /* The sample: one label byte. */
    write_gzip("f_root/cifar100/cifar100_4000.bin.gz", records[0] + 1, sizeof records[0] - 1);
    OK(sps_dataset_open(&set, "cifar100", SPS_TEST, "f_root"));
    assert_int_equal(sps_dataset_get_info(set)->count, 1);
    assert_int_equal(sps_dataset_label(set, 0), 99);
    sps_dataset_free(set);
    FAILS(sps_dataset_open(&set, "cifar100", SPS_TRAIN, "f_root"), ENOTFOUND, "nothing for training");
    remove("f_root/cifar100/cifar100_4000.bin.gz");
}

/* ---- STL-10 ---- */

/* Image 1: red is the column, green the row, blue 200. */
static void stl10_is_column_major(void **state)
{
    (void)state;
    sps_dataset *set;
    uint8_t *images = calloc(3, STL_IMAGE), *second = images + STL_IMAGE;
    const uint8_t labels[3] = {10, 1, 7};
    for (int x = 0; x < STL_SIDE; x++)
        for (int y = 0; y < STL_SIDE; y++) {
            second[x * STL_SIDE + y] = (uint8_t)x;
            second[STL_SIDE * STL_SIDE + x * STL_SIDE + y] = (uint8_t)y;
            second[2 * STL_SIDE * STL_SIDE + x * STL_SIDE + y] = 200;
        }
    make_folder("f_root");
    make_folder("f_root/stl10");
    write_file("f_root/stl10/test_X.bin", images, 3 * STL_IMAGE);
    write_file("f_root/stl10/test_y.bin", labels, sizeof labels);
    OK(sps_dataset_open(&set, "stl10", SPS_TEST, "f_root"));
    const struct sps_dataset_info *info = sps_dataset_get_info(set);
    assert_int_equal(info->count, 3);
    assert_int_equal(info->height, 96);
    assert_int_equal(info->width, 96);
    assert_int_equal(info->channels, 3);
    assert_int_equal(info->classes, 10);
    assert_int_equal(sps_dataset_label(set, 0), 9);
    assert_int_equal(sps_dataset_label(set, 1), 0);
    assert_string_equal(sps_dataset_class_name(set, 6), "horse");
    assert_memory_equal(sps_dataset_image(set, 1) + (5 * STL_SIDE + 90) * 3, ((const uint8_t[]){90, 5, 200}), 3);
    sps_dataset_free(set);

    /* By path, with its labels, or without. */
    OK(sps_dataset_open(&set, "f_root/stl10/test_X.bin", SPS_TEST, NULL));
    assert_int_equal(sps_dataset_label(set, 2), 6);
    sps_dataset_free(set);
    write_file("f_root/stl10/test_y.bin", labels, 2);
    FAILS(sps_dataset_open(&set, "stl10", SPS_TEST, "f_root"), EFORMAT, "fewer labels than images (3)");
    write_file("f_root/stl10/test_y.bin", "\1\2\3\4", 4);
    FAILS(sps_dataset_open(&set, "stl10", SPS_TEST, "f_root"), EFORMAT, "more labels than images (3)");
    write_file("f_root/stl10/test_y.bin", "\1\2\0", 3);
    FAILS(sps_dataset_open(&set, "stl10", SPS_TEST, "f_root"), EFORMAT, "test_y.bin' at byte 2: label is 0");
    write_file("f_root/stl10/test_y.bin", "\1\13\3", 3);
    FAILS(sps_dataset_open(&set, "stl10", SPS_TEST, "f_root"), EFORMAT, "label is 11, must be 1 to 10");
    remove("f_root/stl10/test_y.bin");
    FAILS(sps_dataset_open(&set, "stl10", SPS_TEST, "f_root"), ENOTFOUND, "has no test_y.bin");
    OK(sps_dataset_open(&set, "f_root/stl10/test_X.bin", SPS_TEST, NULL));
    assert_int_equal(sps_dataset_label(set, 2), -1);
    assert_int_equal(sps_dataset_get_info(set)->classes, 0);
    sps_dataset_free(set);
    write_file("f_root/stl10/test_X.bin", images, 3 * STL_IMAGE - 1);
    FAILS(sps_dataset_open(&set, "f_root/stl10/test_X.bin", SPS_TEST, NULL), EFORMAT, "inside a record of 27648 bytes");
    remove("f_root/stl10/test_X.bin");

    /* At 32 x 32 as records of CIFAR-10, without labels. */
    static uint8_t record[3073] = {255};
    write_file("f_root/stl10/stl10_test_32x32.bin", record, sizeof record);
    OK(sps_dataset_open(&set, "stl10", SPS_TEST, "f_root"));
    assert_int_equal(sps_dataset_get_info(set)->height, 32);
    assert_int_equal(sps_dataset_get_info(set)->classes, 10);
    assert_int_equal(sps_dataset_label(set, 0), -1);
    sps_dataset_free(set);
    remove("f_root/stl10/stl10_test_32x32.bin");
    free(images);
}

/* ---- SVHN ---- */

enum { H = 2, W = 3, N = 5, X_BYTES = H * W * 3 * N };
static const uint32_t x_size[4] = {H, W, 3, N}, y_size[2] = {N, 1};
static const uint8_t digits[N] = {10, 1, 2, 9, 5};

/* Pixel (image, row, column, colour) is its place in [N][H][W][3]. */
static void fill_x(uint8_t x[X_BYTES])
{
    for (int n = 0; n < N; n++)
        for (int row = 0; row < H; row++)
            for (int column = 0; column < W; column++)
                for (int c = 0; c < 3; c++)
                    x[row + H * (column + W * (c + 3 * n))] = (uint8_t)(((n * H + row) * W + column) * 3 + c);
}

static void make_svhn(struct mat *m, int packed_x, int packed_y)
{
    uint8_t x[X_BYTES];
    fill_x(x);
    mat_header(m);
    mat_variable(m, "X", x_size, 4, 2, x, sizeof x, packed_x);
    mat_variable(m, "y", y_size, 2, 2, digits, sizeof digits, packed_y);
}

static sps_status read_mat(struct sps_raw_images *out, const void *data, size_t bytes)
{
    sps_source *file;
    OK(sps_source_memory(&file, "digits.mat", data, bytes));
    sps_status status = sps_format_svhn.read(out, &file, 1);
    sps_source_close(file);
    return status;
}

static void check_svhn(const struct mat *m)
{
    struct sps_raw_images set;
    OK(read_mat(&set, m->data, m->bytes));
    assert_int_equal(set.count, N);
    assert_int_equal(set.height, H);
    assert_int_equal(set.width, W);
    assert_int_equal(set.channels, 3);
    for (int i = 0; i < X_BYTES; i++)
        assert_int_equal(set.pixels[i], i);
    assert_memory_equal(set.labels, ((const uint8_t[]){0, 1, 2, 9, 5}), N);
    sps_raw_images_free(&set);
}

static void svhn_is_read_packed_or_not(void **state)
{
    (void)state;
    static struct mat m;
    const double real[N] = {10, 1, 2, 9, 5};
    uint8_t x[X_BYTES];
    for (int packed = 0; packed < 4; packed++) {
        make_svhn(&m, packed & 1, packed >> 1);
        check_svhn(&m);
    }
    fill_x(x);
    mat_header(&m); /* the other order, and labels as MATLAB's usual numbers */
    mat_variable(&m, "y", (const uint32_t[]){1, N}, 2, 9, real, sizeof real, 1);
    mat_variable(&m, "X", x_size, 4, 2, x, sizeof x, 1);
    check_svhn(&m);
    /* one image: MATLAB drops the last dimension, and the label stands in its tag */
    struct sps_raw_images set;
    mat_header(&m);
    mat_variable(&m, "X", x_size, 3, 2, x, X_BYTES / N, 0);
    mat_variable(&m, "y", (const uint32_t[]){1, 1}, 2, 2, digits, 1, 0);
    OK(read_mat(&set, m.data, m.bytes));
    assert_int_equal(set.count, 1);
    assert_int_equal(set.labels[0], 0);
    sps_raw_images_free(&set);

    sps_dataset *data;
    make_folder("f_root");
    make_folder("f_root/svhn");
    make_svhn(&m, 1, 1);
    write_file("f_root/svhn/test_32x32.mat", m.data, m.bytes);
    OK(sps_dataset_open(&data, "svhn", SPS_TEST, "f_root"));
    assert_int_equal(sps_dataset_get_info(data)->count, N);
    assert_string_equal(sps_dataset_class_name(data, 9), "9");
    sps_dataset_free(data);
    OK(sps_dataset_open(&data, "f_root/svhn/test_32x32.mat", SPS_TEST, NULL));
    sps_dataset_free(data);
}

/* scipy writes what NumPy has, int64 for one; MATLAB the smallest type that holds all. */
static void svhn_labels_may_be_any_numbers(void **state)
{
    (void)state;
    static struct mat m;
    uint8_t x[X_BYTES];
    const int16_t i16[N] = {10, 1, 2, 9, 5};
    const int32_t i32[N] = {10, 1, 2, 9, 5};
    const int64_t i64[N] = {10, 1, 2, 9, 5}, beyond[N] = {10, 1, 2, 9, 5 + ((int64_t)1 << 32)};
    const float single[N] = {10, 1, 2, 9, 5}, half[N] = {10, 1, 2.5F, 9, 5};
    const struct {
        uint32_t type, bytes;
        const void *numbers;
        const char *wrong;
    } cases[] = {{1, N, digits, NULL},
                 {3, sizeof i16, i16, NULL},
                 {4, sizeof i16, i16, NULL},
                 {5, sizeof i32, i32, NULL},
                 {6, sizeof i32, i32, NULL},
                 {7, sizeof single, single, NULL},
                 {12, sizeof i64, i64, NULL},
                 {13, sizeof i64, i64, NULL},
                 {7, sizeof half, half, "label of image 2 is not a whole number"},
                 {12, sizeof beyond, beyond, "label of image 4 is not a whole number"},
                 {8, sizeof i32, i32, "must be numbers for 5 labels"},
                 {16, N, digits, "must be numbers for 5 labels"}};
    fill_x(x);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sps_raw_images set;
        mat_header(&m);
        mat_variable(&m, "X", x_size, 4, 2, x, sizeof x, 0);
        mat_variable(&m, "y", y_size, 2, cases[i].type, cases[i].numbers, cases[i].bytes, i & 1);
        if (cases[i].wrong == NULL)
            check_svhn(&m);
        else
            FAILS(read_mat(&set, m.data, m.bytes), EFORMAT, cases[i].wrong);
    }
}

static void other_variables_are_passed_over(void **state)
{
    (void)state;
    static struct mat m;
    uint8_t x[X_BYTES];
    struct sps_raw_images set;
    fill_x(x);
    for (int packed = 0; packed < 2; packed++) {
        mat_header(&m);
        mat_variable(&m, "notes", y_size, 2, 2, digits, N, packed);
        mat_variable(&m, "X", x_size, 4, 2, x, sizeof x, packed);
        mat_variable(&m, "extra", x_size, 4, 2, x, sizeof x, packed);
        mat_variable(&m, "y", y_size, 2, 2, digits, N, packed);
        mat_variable(&m, "last", x_size, 4, 2, x, sizeof x, packed);
        check_svhn(&m);
        FAILS(read_mat(&set, m.data, m.bytes - 1), EFORMAT, "ends here");
    }
    mat_header(&m);
    mat_variable(&m, "X", x_size, 4, 2, x, sizeof x, 0);
    FAILS(read_mat(&set, m.data, m.bytes), EFORMAT, "there is no variable y");
    mat_header(&m);
    FAILS(read_mat(&set, m.data, m.bytes), EFORMAT, "there is no variable X");
}

static void every_mat_truncation_is_noticed(void **state)
{
    (void)state;
    static struct mat m;
    struct sps_raw_images set;
    for (int packed = 0; packed < 2; packed++) {
        make_svhn(&m, packed, packed);
        for (size_t n = 0; n < m.bytes; n++)
            assert_int_equal(read_mat(&set, m.data, n), SPS_EFORMAT);
        m.data[m.bytes] = 0;
        FAILS(read_mat(&set, m.data, m.bytes + 1), EFORMAT, "the file ends inside a tag");
    }
}

/* Any wrong byte gives an error or a set that can be used; packed ones never give another set. */
static void wrong_mat_bytes_are_harmless(void **state)
{
    (void)state;
    static struct mat m, right;
    struct sps_raw_images set;
    for (int packed = 0; packed < 2; packed++) {
        make_svhn(&right, packed, packed);
        m = right;
        for (size_t i = 116; i < m.bytes; i++)
            for (int bit = 0; bit < 8; bit++) {
                m.data[i] ^= (uint8_t)(1 << bit);
                sps_status status = read_mat(&set, m.data, m.bytes);
                assert_true(status == SPS_OK || status == SPS_EFORMAT || status == SPS_ENOMEM);
                if (status == SPS_OK) {
                    assert_int_equal(set.count, N);
                    if (packed)
                        assert_int_equal(set.pixels[X_BYTES - 1], X_BYTES - 1);
                    sps_raw_images_free(&set);
                }
                m.data[i] = right.data[i];
            }
    }
}

static sps_status read_variables(const char *first, const uint32_t *first_size, int first_dims, uint32_t first_type,
                                 uint32_t first_bytes, const char *second, const uint8_t *labels)
{
    static struct mat m;
    struct sps_raw_images set;
    uint8_t x[2 * X_BYTES] = {0};
    mat_header(&m);
    mat_variable(&m, first, first_size, first_dims, first_type, x, first_bytes, 0);
    mat_variable(&m, second, y_size, 2, 2, labels, N, 1);
    sps_status status = read_mat(&set, m.data, m.bytes);
    if (status == SPS_OK)
        sps_raw_images_free(&set);
    return status;
}

static void wrong_variables_are_refused(void **state)
{
    (void)state;
    const uint32_t huge[4] = {8192, 8192, 3, 0x7fffffff}, none[4] = {H, W, 3, 0}, negative[4] = {0xffffffff, W, 3, N},
                   grey[4] = {H, W, 1, 3 * N}, fewer[4] = {H, W, 3, N - 1};
    OK(read_variables("X", x_size, 4, 2, X_BYTES, "y", digits));
    FAILS(read_variables("Z", x_size, 4, 2, X_BYTES, "y", digits), EFORMAT, "there is no variable X");
    FAILS(read_variables("XX", x_size, 4, 2, X_BYTES, "y", digits), EFORMAT, "there is no variable X");
    FAILS(read_variables("X", x_size, 4, 2, X_BYTES, "X", digits), EFORMAT, "two variables X");
    FAILS(read_variables("X", x_size, 4, 1, X_BYTES, "y", digits), EFORMAT, "numbers of X have type 1");
    FAILS(read_variables("X", x_size, 4, 2, X_BYTES - 1, "y", digits), EFORMAT, "type 2 and 89 bytes, must");
    FAILS(read_variables("X", huge, 4, 2, X_BYTES, "y", digits), EFORMAT, "and 432345564026241024 bytes");
    FAILS(read_variables("X", none, 4, 2, X_BYTES, "y", digits), EFORMAT, "X must be images");
    FAILS(read_variables("X", negative, 4, 2, X_BYTES, "y", digits), EFORMAT, "sides of 1 to 8192");
    FAILS(read_variables("X", grey, 4, 2, X_BYTES, "y", digits), EFORMAT, "X must be images");
    FAILS(read_variables("X", x_size, 2, 2, X_BYTES, "y", digits), EFORMAT, "X must be images");
    FAILS(read_variables("X", fewer, 4, 2, X_BYTES - 18, "y", digits), EFORMAT, "5 labels, but 4 images");
    FAILS(read_variables("X", x_size, 4, 2, X_BYTES, "y", (const uint8_t[]){1, 2, 11, 3, 4}), EFORMAT,
          "label of image 2 is not a whole number from 1 to 10");
    FAILS(read_variables("X", x_size, 4, 2, X_BYTES, "y", (const uint8_t[]){1, 2, 3, 3, 0}), EFORMAT,
          "label of image 4");
    /* 201,326,592 bytes of X, promised by dimensions and tag, in a file that has a few: refused before memory is asked
     * for */
    static struct mat m;
    struct sps_raw_images set;
    const uint32_t large[4] = {8192, 8192, 3, 1}, flags[2] = {9, 0};
    mat_header(&m);
    mat_word(&m, 14);
    mat_word(&m, 500);
    mat_element(&m, 6, flags, sizeof flags);
    mat_element(&m, 5, large, sizeof large);
    mat_element(&m, 1, "X", 1);
    mat_word(&m, 2);
    mat_word(&m, 201326592);
    FAILS(read_mat(&set, m.data, m.bytes), EFORMAT, "X should have 201326592 bytes, but the file is cut short");
    FAILS(read_mat(&set, "MATLAB 7.3 MAT-file", 19), EFORMAT, "ends here");
    mat_header(&m);
    m.data[126] = 'M';
    m.data[127] = 'I';
    FAILS(read_mat(&set, m.data, m.bytes), EFORMAT, "level 5, little-endian");
    mat_header(&m);
    mat_element(&m, 2, digits, sizeof digits);
    FAILS(read_mat(&set, m.data, m.bytes), EFORMAT, "element has type 2, must be 14 or 15");
}

/* ---- lists ---- */

static void write_png(const char *path, int height, int width, int channels, int value)
{
    uint8_t pixels[256];
    memset(pixels, value, sizeof pixels);
    OK(sps_image_write_png(path, pixels, height, width, channels));
}

/* Images in .npy files are sets like any other: all, or one of five parts, with or without labels. */
static void npy_images_are_a_set(void **state)
{
    (void)state;
    uint8_t pixels[10][2 * 3], labels[10] = {9, 8, 7, 255, 5, 4, 3, 2, 1, 0};
    const size_t shape[3] = {10, 2, 3}, ten = 10;
    sps_npy_writer *writer;
    sps_dataset *set = NULL;
    char sha256[65];
    make_folder("f_npy");
    remove("f_npy/labels.npy"); /* of a run before */
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i / 6][i % 6] = (uint8_t)i;
    OK(sps_npy_create(&writer, "f_npy/fog.npy", 'u', 3, shape));
    OK(sps_npy_write(writer, pixels, sizeof pixels));
    OK(sps_npy_commit(writer));
    OK(sps_dataset_open(&set, "f_npy/fog.npy", SPS_TEST, NULL));
    assert_int_equal(sps_dataset_label(set, 0), -1);
    assert_int_equal(sps_dataset_get_info(set)->classes, 0);
    snprintf(sha256, sizeof sha256, "%s", sps_dataset_get_info(set)->sha256);
    sps_dataset_free(set);
    OK(sps_npy_create(&writer, "f_npy/labels.npy", 'u', 1, &ten));
    OK(sps_npy_write(writer, labels, sizeof labels));
    OK(sps_npy_commit(writer));
    OK(sps_dataset_open(&set, "f_npy/fog.npy#2", SPS_TRAIN, NULL)); /* for files the part means nothing */
    const struct sps_dataset_info *info = sps_dataset_get_info(set);
    assert_string_equal(info->name, "fog.npy#2");
    assert_int_equal(info->count, 2);
    assert_int_equal(info->height * 100 + info->width * 10 + info->channels, 231);
    assert_int_equal(info->classes, 8);
    assert_string_not_equal(info->sha256, sha256);
    assert_memory_equal(sps_dataset_image(set, 1), pixels[3], 6);
    assert_int_equal(sps_dataset_label(set, 0), 7);
    assert_int_equal(sps_dataset_label(set, 1), -1);
    sps_dataset_free(set);
    /* fitted and with noise, as any foreign set */
    sps_foreign *foreign = NULL;
    OK(sps_foreign_open(&foreign, "f_npy/fog.npy#5+uniform:0.1", 4, 6, 1, NULL));
    assert_int_equal(sps_foreign_images(foreign).count, 2);
    sps_foreign_close(foreign);
    set = NULL;
    FAILS(sps_dataset_open(&set, "f_npy/fog.npy#9", SPS_TEST, NULL), EINVAL, "is 9, must be 1 to 5");
    FAILS(sps_dataset_open(&set, "nosuch.npy#1", SPS_TEST, NULL), ENOTFOUND, "cannot open 'nosuch.npy'");
    FAILS(sps_dataset_open(&set, "f_npy/labels.npy", SPS_TEST, NULL), EFORMAT, "1 dimensions");
    assert_null(set);
}

static void lists_of_images_are_read(void **state)
{
    (void)state;
    sps_dataset *set;
    make_folder("f_list");
    make_folder("f_list/a b");
    write_png("f_list/a b/one.png", 2, 3, 1, 10);
    write_png("f_list/two.png", 2, 3, 1, 20);
    write_png("f_list/large.png", 4, 6, 3, 30);
    write_text("f_list/list.txt", "a b/one.png 3\r\n\n./two.png -1\ntwo.png 254 \n");
    OK(sps_dataset_open(&set, "f_list/list.txt", SPS_TEST, NULL));
    const struct sps_dataset_info *info = sps_dataset_get_info(set);
    assert_int_equal(info->count, 3);
    assert_int_equal(info->height, 2);
    assert_int_equal(info->width, 3);
    assert_int_equal(info->channels, 1);
    assert_int_equal(info->classes, 255);
    assert_int_equal(sps_dataset_image(set, 0)[5], 10);
    assert_int_equal(sps_dataset_image(set, 1)[0], 20);
    assert_int_equal(sps_dataset_label(set, 0), 3);
    assert_int_equal(sps_dataset_label(set, 1), -1);
    sps_dataset_free(set);

    write_text("f_list/list.txt", "two.png 0\nlarge.png 1\n");
    FAILS(sps_dataset_open(&set, "f_list/list.txt", SPS_TEST, NULL), EFORMAT,
          "'f_list/list.txt' line 2: image 'large.png' is 4 x 6 with 3 channels, the first is 2 x 3 with 1");
    const struct sps_image_size size = {2, 2, 3};
    struct sps_raw_images raw;
    OK(sps_image_list_read(&raw, "f_list/list.txt", &size));
    assert_int_equal(raw.height, 2);
    assert_int_equal(raw.channels, 3);
    assert_int_equal(raw.pixels[0], 20);
    assert_int_equal(raw.pixels[12], 30);
    sps_raw_images_free(&raw);
}

static void wrong_lists_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"two.png 0\nmissing.png 1\n", "list.txt' line 2: cannot open './f_wrong/missing.png': no such file"},
        {"two.png\n", "line 1: there must be a path, a space and a label"},
        {"\n 7\n", "line 2: there must be"},
        {"two.png x\n", "line 1: label 'x' is wrong, must be 0 to 254, or -1"},
        {"two.png 255\n", "label '255' is wrong"},
        {"two.png -2\n", "label '-2' is wrong"},
        {"two.png 99999999999\n", "label '99999999999' is wrong"},
        {"two.png 1x\n", "label '1x' is wrong"},
        {"/etc/two.png 1\n", "path '/etc/two.png' leaves the folder"},
        {"../two.png 1\n", "leaves the folder"},
        {"a/../../two.png 1\n", "leaves the folder"},
        {"a/.. 1\n", "leaves the folder"},
        {"list.txt 1\n", "line 1: './f_wrong/list.txt' at byte"},
        {"\n\n", "it has no line"},
        {"", "it has no line"},
    };
    sps_dataset *set;
    make_folder("f_wrong");
    write_png("f_wrong/two.png", 2, 3, 1, 20);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_text("f_wrong/list.txt", wrong[i].text);
        sps_status status = sps_dataset_open(&set, "./f_wrong/list.txt", SPS_TEST, NULL);
        assert_int_equal(status, i == 0 ? SPS_ENOTFOUND : SPS_EFORMAT);
        if (strstr(sps_last_error(), wrong[i].words) == NULL)
            fail_msg("'%s' lacks '%s'", sps_last_error(), wrong[i].words);
    }
    write_file("f_wrong/list.txt", "two.png 1\0\n", 11);
    FAILS(sps_dataset_open(&set, "./f_wrong/list.txt", SPS_TEST, NULL), EFORMAT, "it has a zero byte");
}

/* ---- files by path ---- */

static void files_are_read_by_path(void **state)
{
    (void)state;
    sps_dataset *set;
    const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 5, 6, 7, 8};
    const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 4, 255};
    make_folder("f_path");
    remove("f_path/some-labels-idx1-ubyte");             /* of an earlier run that failed */
    write_file("f_path/letters", images, sizeof images); /* known by its content */
    OK(sps_dataset_open(&set, "f_path/letters", SPS_TEST, NULL));
    assert_string_equal(sps_dataset_get_info(set)->name, "letters");
    assert_int_equal(sps_dataset_get_info(set)->count, 2);
    assert_int_equal(sps_dataset_get_info(set)->classes, 0);
    assert_int_equal(sps_dataset_label(set, 0), -1);
    assert_int_equal(sps_dataset_image(set, 1)[1], 8);
    sps_dataset_free(set);

    write_gzip("f_path/some-images-idx3-ubyte.gz", images, sizeof images);
    OK(sps_dataset_open(&set, "f_path/some-images-idx3-ubyte.gz", SPS_TEST, NULL));
    assert_int_equal(sps_dataset_label(set, 0), -1);
    sps_dataset_free(set);
    write_file("f_path/some-labels-idx1-ubyte", labels, sizeof labels);
    OK(sps_dataset_open(&set, "f_path/some-images-idx3-ubyte.gz", SPS_TEST, NULL));
    assert_int_equal(sps_dataset_label(set, 0), 4);
    assert_int_equal(sps_dataset_label(set, 1), -1);
    assert_int_equal(sps_dataset_get_info(set)->classes, 5);
    sps_dataset_free(set);
    write_file("f_path/some-labels-idx1-ubyte", labels, 9);
    FAILS(sps_dataset_open(&set, "f_path/some-images-idx3-ubyte.gz", SPS_TEST, NULL), EFORMAT, "labels-idx1-ubyte' at");
    remove("f_path/some-labels-idx1-ubyte");

    static uint8_t record[2 * 3073];
    record[0] = 3;
    record[3073] = 255;
    write_gzip("f_more.bin.gz", record, sizeof record); /* needs no slash */
    OK(sps_dataset_open(&set, "f_more.bin.gz", SPS_TEST, NULL));
    assert_int_equal(sps_dataset_get_info(set)->channels, 3);
    assert_int_equal(sps_dataset_label(set, 0), 3);
    assert_int_equal(sps_dataset_label(set, 1), -1);
    sps_dataset_free(set);
    write_text("f_path/notes", "hello");
    FAILS(sps_dataset_open(&set, "f_path/notes", SPS_TEST, NULL), EFORMAT, "'f_path/notes' is of no known format");
    write_text("f_path/notes", "");
    FAILS(sps_dataset_open(&set, "f_path/notes", SPS_TEST, NULL), EFORMAT, "no known format");
    FAILS(sps_dataset_open(&set, "f_none.bin", SPS_TEST, NULL), EINVAL, "no data set is called 'f_none.bin'");
    FAILS(sps_dataset_open(&set, "/dev/null", SPS_TEST, NULL), EFORMAT, "not a regular file");
}

/* Let each allocation fail in turn. */
static void lack_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    static struct mat m;
    static uint8_t record[3073];
    static const char *const paths[] = {"./f_memory/digits.mat", "./f_memory/list.txt", "./f_memory/records.bin.gz"};
    make_folder("f_memory");
    make_svhn(&m, 1, 1);
    write_file("f_memory/digits.mat", m.data, m.bytes);
    write_png("f_memory/two.png", 2, 3, 1, 20);
    write_text("f_memory/list.txt", "two.png 1\n");
    write_gzip("f_memory/records.bin.gz", record, sizeof record);
    long live = sps_memory_live();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        for (long n = 0;; n++) {
            sps_dataset *set = NULL;
            sps_memory_fail_at(n);
            sps_status status = sps_dataset_open(&set, paths[i], SPS_TEST, NULL);
            sps_memory_fail_at(-1);
            if (status == SPS_OK) {
                sps_dataset_free(set);
                assert_int_equal(sps_memory_live(), live);
                assert_true(n > 5);
                break;
            }
            assert_int_equal(status, SPS_ENOMEM);
            assert_int_equal(sps_memory_live(), live);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cifar100_has_the_fine_label),
        cmocka_unit_test(stl10_is_column_major),
        cmocka_unit_test(svhn_is_read_packed_or_not),
        cmocka_unit_test(svhn_labels_may_be_any_numbers),
        cmocka_unit_test(other_variables_are_passed_over),
        cmocka_unit_test(every_mat_truncation_is_noticed),
        cmocka_unit_test(wrong_mat_bytes_are_harmless),
        cmocka_unit_test(wrong_variables_are_refused),
        cmocka_unit_test(npy_images_are_a_set),
        cmocka_unit_test(lists_of_images_are_read),
        cmocka_unit_test(wrong_lists_name_the_line),
        cmocka_unit_test(files_are_read_by_path),
        cmocka_unit_test(lack_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
