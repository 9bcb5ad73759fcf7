/* SPDX-License-Identifier: MIT */
/* Readers and search of data sets, on files made here. */
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/memory.h"
#include "data/records.h"
#include "spinscale/data.h"
#include "test.h"

enum { COUNT = 3, HEIGHT = 2, WIDTH = 4, IMAGES_BYTES = 16 + COUNT * HEIGHT * WIDTH, LABELS_BYTES = 8 + COUNT };
enum { CIFAR_RECORD = 3073, PACKED_MAX = 4096 };

/* Pixels 1, 2, ... 24; labels 7, 0, 9. */
static const uint8_t idx_images[IMAGES_BYTES] = {0,  0,  8,  3,  0,  0,  0,  3,  0,  0,  0,  2,  0,  0,
                                                 0,  4,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                                 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};
static const uint8_t idx_labels[LABELS_BYTES] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9};
/* sha256sum of the bytes 1 .. 24, 7, 0, 9. */
static const char idx_sha256[] = "6d22c7a174632e9966a47395ccb726610dee3e58f955f026d45d57f66fc7297a";

/* ---- making files ---- */

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) != 0)
        assert_int_equal(errno, EEXIST);
}

static void write_file(const char *folder, const char *name, const void *data, size_t bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static size_t gzip(uint8_t *out, size_t room, const void *data, size_t bytes)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)data;
    z.avail_in = (unsigned)bytes;
    z.next_out = out;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static size_t xz(uint8_t *out, size_t room, const void *data, size_t bytes)
{
    size_t used = 0;
    assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, data, bytes, out, &used, room), LZMA_OK);
    return used;
}

/* What an earlier run that failed may have left. */
static void remove_pair(const char *folder)
{
    char path[512];
    static const char *const names[] = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
                                        "train-labels-idx1-ubyte.gz"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
}

static void write_test_pair(const char *folder)
{
    make_folder(folder);
    remove_pair(folder);
    write_file(folder, "t10k-images-idx3-ubyte", idx_images, sizeof idx_images);
    write_file(folder, "t10k-labels-idx1-ubyte", idx_labels, sizeof idx_labels);
}

/* Read an IDX pair from memory. */
static sps_status read_pair(struct sps_raw_images *out, const void *images, size_t images_bytes, const void *labels,
                            size_t labels_bytes)
{
    sps_source *files[2];
    OK(sps_source_memory(&files[0], "images", images, images_bytes));
    OK(sps_source_memory(&files[1], "labels", labels, labels_bytes));
    sps_status status = sps_format_idx.read(out, files, 2);
    sps_source_close(files[0]);
    sps_source_close(files[1]);
    return status;
}

static sps_status read_images(const void *images, size_t bytes)
{
    struct sps_raw_images out;
    sps_status status = read_pair(&out, images, bytes, idx_labels, sizeof idx_labels);
    if (status == SPS_OK) {
        assert_memory_equal(out.pixels, idx_images + 16, COUNT * HEIGHT * WIDTH);
        sps_raw_images_free(&out);
    }
    return status;
}

static sps_status read_labels(const void *labels, size_t bytes)
{
    struct sps_raw_images out;
    sps_status status = read_pair(&out, idx_images, sizeof idx_images, labels, bytes);
    if (status == SPS_OK)
        sps_raw_images_free(&out);
    return status;
}

/* ---- IDX ---- */

static void idx_is_read(void **state)
{
    (void)state;
    sps_dataset *set;
    write_test_pair("d_idx");
    OK(sps_dataset_open(&set, "./d_idx/", SPS_TEST, NULL));
    const struct sps_dataset_info *info = sps_dataset_get_info(set);
    assert_string_equal(info->name, "d_idx");
    assert_string_equal(info->folder, "./d_idx/");
    assert_int_equal(info->count, 3);
    assert_int_equal(info->height, 2);
    assert_int_equal(info->width, 4);
    assert_int_equal(info->channels, 1);
    assert_int_equal(info->classes, 10);
    assert_string_equal(info->sha256, idx_sha256);
    assert_int_equal(sps_dataset_image(set, 0)[0], 1);
    assert_int_equal(sps_dataset_image(set, 2)[7], 24);
    assert_int_equal(sps_dataset_label(set, 0), 7);
    assert_int_equal(sps_dataset_label(set, 2), 9);
    assert_null(sps_dataset_class_name(set, 7));
    sps_dataset_free(set);
    FAILS(sps_dataset_open(&set, "./d_idx", SPS_TRAIN, NULL), ENOTFOUND, "has no train-images-idx3-ubyte");
}

static void packed_files_give_the_same_set(void **state)
{
    (void)state;
    sps_dataset *set;
    uint8_t packed[PACKED_MAX];
    make_folder("d_packed");
    write_file("d_packed", "train-images-idx3-ubyte.gz", packed, gzip(packed, sizeof packed, idx_images, IMAGES_BYTES));
    write_file("d_packed", "train-labels-idx1-ubyte.xz", packed, xz(packed, sizeof packed, idx_labels, LABELS_BYTES));
    OK(sps_dataset_open(&set, "./d_packed", SPS_TRAIN, NULL));
    assert_string_equal(sps_dataset_get_info(set)->sha256, idx_sha256);
    sps_dataset_free(set);
}

/* Both packings allow several streams in one file. */
static void joined_streams_are_one_file(void **state)
{
    (void)state;
    uint8_t packed[PACKED_MAX];
    size_t half = gzip(packed, sizeof packed, idx_images, 20);
    OK(read_images(packed, half + gzip(packed + half, sizeof packed - half, idx_images + 20, IMAGES_BYTES - 20)));
    half = xz(packed, sizeof packed, idx_images, 20);
    OK(read_images(packed, half + xz(packed + half, sizeof packed - half, idx_images + 20, IMAGES_BYTES - 20)));
}

static void every_truncation_is_noticed(void **state)
{
    (void)state;
    uint8_t packed[PACKED_MAX];
    for (size_t n = 0; n < IMAGES_BYTES; n++)
        FAILS(read_images(idx_images, n), EFORMAT, n < 16 ? "ends here" : "cut short");
    for (size_t n = 0; n < LABELS_BYTES; n++)
        FAILS(read_labels(idx_labels, n), EFORMAT, n < 8 ? "ends here" : "cut short");
    size_t bytes = gzip(packed, sizeof packed, idx_images, IMAGES_BYTES);
    OK(read_images(packed, bytes));
    for (size_t n = 0; n < bytes; n++)
        FAILS(read_images(packed, n), EFORMAT, n < 2 ? "ends here" : "cut short");
    bytes = xz(packed, sizeof packed, idx_images, IMAGES_BYTES);
    OK(read_images(packed, bytes));
    for (size_t n = 0; n < bytes; n++)
        FAILS(read_images(packed, n), EFORMAT, "images");
}

/* A wrong byte is an error, or it is in a part of the packing that does not matter (gzip's date): never another image.
 */
static void every_wrong_byte_is_noticed(void **state)
{
    (void)state;
    uint8_t packed[PACKED_MAX];
    size_t bytes = gzip(packed, sizeof packed, idx_images, IMAGES_BYTES);
    int survived = 0;
    for (size_t i = 0; i < bytes; i++)
        for (int bit = 0; bit < 8; bit++) {
            packed[i] ^= (uint8_t)(1 << bit);
            sps_status status = read_images(packed, bytes);
            assert_true(status == SPS_OK || status == SPS_EFORMAT);
            survived += status == SPS_OK;
            packed[i] ^= (uint8_t)(1 << bit);
        }
    assert_true(survived <=
                8 * 6 + 1 + 7); /* date and two bytes of hints, "this is text", bits that fill the last byte */
    bytes = xz(packed, sizeof packed, idx_images, IMAGES_BYTES);
    for (size_t i = 0; i < bytes; i++) {
        packed[i] ^= 0x10;
        assert_int_equal(read_images(packed, bytes), SPS_EFORMAT);
        packed[i] ^= 0x10;
    }
}

static void what_follows_is_an_error(void **state)
{
    (void)state;
    uint8_t longer[PACKED_MAX] = {0};
    memcpy(longer, idx_images, IMAGES_BYTES);
    FAILS(read_images(longer, IMAGES_BYTES + 1), EFORMAT, "'images' at byte 40: the file should end here");
    memset(longer, 0, sizeof longer);
    memcpy(longer, idx_labels, LABELS_BYTES);
    FAILS(read_labels(longer, LABELS_BYTES + 1), EFORMAT, "'labels' at byte 11: the file should end here");
    size_t bytes = gzip(longer, sizeof longer, idx_images, IMAGES_BYTES);
    longer[bytes] = 'x';
    FAILS(read_images(longer, bytes + 1), EFORMAT, "damaged gzip data");
    bytes = xz(longer, sizeof longer, idx_images, IMAGES_BYTES);
    memset(longer + bytes, 'x', 16);
    FAILS(read_images(longer, bytes + 16), EFORMAT, "damaged xz data");
}

/* Replace one big-endian word of the images' header. */
static sps_status read_with_word(size_t offset, uint32_t word)
{
    uint8_t images[IMAGES_BYTES];
    memcpy(images, idx_images, sizeof images);
    for (int i = 0; i < 4; i++)
        images[offset + (size_t)i] = (uint8_t)(word >> (24 - 8 * i));
    return read_images(images, sizeof images);
}

static void headers_are_checked(void **state)
{
    (void)state;
    OK(read_with_word(0, 0x803));
    FAILS(read_with_word(0, 0xd03), EFORMAT,
          "'images' at byte 0: magic number is 0x00000d03, IDX images have 0x00000803");
    FAILS(read_with_word(4, 2), EFORMAT, "'labels' at byte 4: count is 3 labels, but there are 2 images");
    FAILS(read_with_word(4, 0), EFORMAT, "'images' at byte 4: count of images is 0");
    FAILS(read_with_word(8, 0), EFORMAT, "'images' at byte 8: height is 0 pixels, must be 1 to 8192");
    FAILS(read_with_word(12, 8193), EFORMAT, "'images' at byte 12: width is 8193 pixels");
    FAILS(read_with_word(12, 0xffffffff), EFORMAT, "width is 4294967295 pixels");
    FAILS(read_with_word(8, 8192), EFORMAT, "at byte 16: the header promises 98304 bytes");
    uint8_t labels[LABELS_BYTES] = {0, 0, 8, 3, 0, 0, 0, 3};
    FAILS(read_labels(labels, sizeof labels), EFORMAT, "'labels' at byte 0: magic");
    /* 4,294,967,295 images of 8192 x 8192 */
    const uint8_t huge_images[16] = {0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 32, 0, 0, 0, 32, 0};
    const uint8_t huge_labels[8] = {0, 0, 8, 1, 255, 255, 255, 255};
    struct sps_raw_images out;
    FAILS(read_pair(&out, huge_images, 16, huge_labels, 8), EFORMAT, "the header promises 288230376084602880 bytes");
}

/* 64 MiB of zeros in a few kB: nothing beyond the header's promise is unpacked, and a promise that the file cannot keep
 * is refused before memory is asked for. */
static void bombs_stay_folded(void **state)
{
    (void)state;
    enum { BOMB = 64 << 20, ROOM = 1 << 18 };
    uint8_t *zeros = calloc(BOMB, 1), *packed = malloc(ROOM);
    memcpy(zeros, idx_images, IMAGES_BYTES);
    FAILS(read_images(packed, gzip(packed, ROOM, zeros, BOMB)), EFORMAT, "byte 40 of its unpacked content");
    FAILS(read_images(packed, xz(packed, ROOM, zeros, BOMB)), EFORMAT, "byte 40 of its unpacked content");
    zeros[4] = 1; /* 16,777,219 images of 8 pixels, of which 1,000 are there */
    uint8_t labels[LABELS_BYTES];
    memcpy(labels, idx_labels, sizeof labels);
    labels[4] = 1;
    struct sps_raw_images out;
    size_t bytes = gzip(packed, ROOM, zeros, 8016);
    FAILS(read_pair(&out, packed, bytes, labels, sizeof labels), EFORMAT, "the header promises 134217752 bytes");
    /* 67 images of 8192 x 8192 in a file large enough to hold that: above the limit all the same. */
    const uint8_t header[16] = {0, 0, 8, 3, 0, 0, 0, 67, 0, 0, 32, 0, 0, 0, 32, 0};
    const uint8_t few_labels[75] = {0, 0, 8, 1, 0, 0, 0, 67};
    gzip(zeros, BOMB, header, sizeof header);
    FAILS(read_pair(&out, zeros, BOMB, few_labels, sizeof few_labels), EFORMAT, "at most 4294967296 are read");
    free(zeros);
    free(packed);
}

static void odd_files_are_refused(void **state)
{
    (void)state;
    sps_dataset *set;
    write_test_pair("d_odd");
    write_file("d_odd", "t10k-images-idx3-ubyte", "", 0);
    FAILS(sps_dataset_open(&set, "./d_odd", SPS_TEST, NULL), EFORMAT, "'./d_odd/t10k-images-idx3-ubyte' at byte 0");
    remove("d_odd/t10k-images-idx3-ubyte");
    FAILS(sps_dataset_open(&set, "./d_odd", SPS_TEST, NULL), ENOTFOUND, "has no t10k-images-idx3-ubyte");
    make_folder("d_odd/t10k-images-idx3-ubyte");
    FAILS(sps_dataset_open(&set, "./d_odd", SPS_TEST, NULL), EFORMAT, "not a regular file");
    remove("d_odd/t10k-images-idx3-ubyte");
    assert_int_equal(symlink("nowhere", "d_odd/t10k-images-idx3-ubyte"), 0);
    FAILS(sps_dataset_open(&set, "./d_odd", SPS_TEST, NULL), ENOTFOUND, "no such file");
    remove("d_odd/t10k-images-idx3-ubyte");
}

/* ---- CIFAR-10 ---- */

/* Record i: label i + first, red 1, green 2, blue 3, but the last pixel is 10, 20, 30. */
static size_t cifar_records(uint8_t *out, int count, int first)
{
    for (int i = 0; i < count; i++) {
        uint8_t *record = out + i * CIFAR_RECORD;
        record[0] = (uint8_t)(i + first);
        for (int c = 0; c < 3; c++) {
            memset(record + 1 + c * 1024, c + 1, 1024);
            record[1 + c * 1024 + 1023] = (uint8_t)(10 * (c + 1));
        }
    }
    return (size_t)count * CIFAR_RECORD;
}

static void cifar_becomes_channels_last(void **state)
{
    (void)state;
    static uint8_t records[3 * CIFAR_RECORD];
    uint8_t packed[PACKED_MAX];
    sps_dataset *set;
    make_folder("d_root");
    make_folder("d_root/cifar10");
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin%s", i + 1, i == 1 ? ".gz" : i == 2 ? ".xz" : "");
        size_t bytes = cifar_records(records, 2, 2 * i);
        if (i == 1 || i == 2)
            bytes = i == 1 ? gzip(packed, sizeof packed, records, bytes) : xz(packed, sizeof packed, records, bytes);
        write_file("d_root/cifar10", name, i == 1 || i == 2 ? packed : records, bytes);
    }
    OK(sps_dataset_open(&set, "cifar10", SPS_TRAIN, "d_root"));
    const struct sps_dataset_info *info = sps_dataset_get_info(set);
    assert_int_equal(info->count, 10);
    assert_int_equal(info->height, 32);
    assert_int_equal(info->width, 32);
    assert_int_equal(info->channels, 3);
    assert_int_equal(info->classes, 10);
    for (int i = 0; i < 10; i++) {
        const uint8_t *pixel = sps_dataset_image(set, (size_t)i);
        assert_int_equal(sps_dataset_label(set, (size_t)i), i);
        assert_memory_equal(pixel, ((const uint8_t[]){1, 2, 3, 1, 2, 3}), 6);
        assert_memory_equal(pixel + 1023 * 3, ((const uint8_t[]){10, 20, 30}), 3);
    }
    assert_string_equal(sps_dataset_class_name(set, 6), "frog");
    sps_dataset_free(set);
    FAILS(sps_dataset_open(&set, "cifar10", SPS_TEST, "d_root"), ENOTFOUND, "has no test_batch.bin");

    cifar_records(records, 3, 0);
    write_file("d_root/cifar10", "data_batch_4.bin", records, CIFAR_RECORD);
    FAILS(sps_dataset_open(&set, "cifar10", SPS_TRAIN, "d_root"), EFORMAT, "ends after 1 images");
    write_file("d_root/cifar10", "data_batch_4.bin", records, 3 * CIFAR_RECORD);
    FAILS(sps_dataset_open(&set, "cifar10", SPS_TRAIN, "d_root"), EFORMAT, "data_batch_4.bin' at byte 9219");
    write_file("d_root/cifar10", "data_batch_4.bin", records, 2 * CIFAR_RECORD - 1);
    FAILS(sps_dataset_open(&set, "cifar10", SPS_TRAIN, "d_root"), EFORMAT, "ends inside a record");
    write_file("d_root/cifar10", "data_batch_4.bin", records, 0);
    FAILS(sps_dataset_open(&set, "cifar10", SPS_TRAIN, "d_root"), EFORMAT, "there is no image");
}

/* A file has no header that says how many images there are: more than the bound is an error, and memory grows with what
 * was read, across chunks of 1 MiB, too. */
static void records_are_bounded(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    const struct sps_record record = {.side = 32, .label_bytes = 1};
    size_t bytes = MANY * (size_t)CIFAR_RECORD, room = 1 << 20;
    uint8_t *records = calloc(bytes, 1), *packed = malloc(room);
    sps_source *file;
    struct sps_raw_images out;
    for (size_t i = 0; i < MANY; i++)
        memset(records + i * CIFAR_RECORD, (int)(i % 251), CIFAR_RECORD);
    size_t packed_bytes = gzip(packed, room, records, bytes);
    OK(sps_source_memory(&file, "batch", packed, packed_bytes));
    FAILS(sps_records_read(&out, &file, 1, &record, MANY - 1), EFORMAT, "at byte 3069927 of its unpacked content");
    sps_source_close(file);
    OK(sps_source_memory(&file, "batch", packed, packed_bytes));
    OK(sps_records_read(&out, &file, 1, &record, MANY));
    sps_source_close(file);
    assert_int_equal(out.count, MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(out.labels[i], i % 251);
        assert_int_equal(out.pixels[i * 3072], i % 251);
        assert_int_equal(out.pixels[i * 3072 + 3071], i % 251);
    }
    sps_raw_images_free(&out);
    free(records);
    free(packed);
}

/* ---- where sets are found ---- */

static void first_place_wins(void **state)
{
    (void)state;
    sps_dataset *set;
    make_folder("d_a");
    make_folder("d_b");
    make_folder("d_c");
    make_folder("d_c/spinscale");
    make_folder("d_b/mnist");
    make_folder("d_a/mnist"); /* empty: not a place that has the set */
    remove_pair("d_a/mnist");
    write_test_pair("d_b/mnist");
    write_test_pair("d_c/spinscale/kmnist");
    char home[4096], data_home[4200];
    assert_non_null(getcwd(home, sizeof home));
    snprintf(data_home, sizeof data_home, "%s/d_c", home);
    setenv("SPINSCALE_DATA", "d_missing::d_a:d_b", 1);
    setenv("XDG_DATA_HOME", data_home, 1);
    OK(sps_dataset_open(&set, "mnist", SPS_TEST, NULL));
    assert_string_equal(sps_dataset_get_info(set)->folder, "d_b/mnist");
    assert_string_equal(sps_dataset_get_info(set)->name, "mnist");
    sps_dataset_free(set);
    OK(sps_dataset_open(&set, "kmnist", SPS_TEST, NULL));
    assert_string_equal(sps_dataset_class_name(set, 9), "wo");
    assert_null(sps_dataset_class_name(set, 10));
    assert_null(sps_dataset_class_name(set, -1));
    sps_dataset_free(set);

    /* A given folder is the only place, and damage is no reason to look further: one training label is a set. */
    FAILS(sps_dataset_open(&set, "mnist", SPS_TEST, "d_a"), ENOTFOUND,
          "was not found in d_a/mnist; to get it: download");
    write_file("d_a/mnist", "train-labels-idx1-ubyte.gz", "", 0);
    FAILS(sps_dataset_open(&set, "mnist", SPS_TEST, NULL), ENOTFOUND, "'d_a/mnist' has no t10k-images-idx3-ubyte");
    write_file("d_a/mnist", "t10k-images-idx3-ubyte", idx_images, 20);
    write_file("d_a/mnist", "t10k-labels-idx1-ubyte", idx_labels, LABELS_BYTES);
    FAILS(sps_dataset_open(&set, "mnist", SPS_TEST, NULL), EFORMAT, "d_a/mnist/t10k-images-idx3-ubyte");
    remove_pair("d_a/mnist");

    setenv("SPINSCALE_DATA", "d_missing::d_a", 1);
    FAILS(sps_dataset_open(&set, "notmnist", SPS_TEST, NULL), ENOTFOUND, "d_missing/notmnist, d_a/notmnist, ");
    FAILS(sps_dataset_open(&set, "notmnist", SPS_TEST, NULL), ENOTFOUND,
          "/d_c/spinscale/notmnist, /usr/share/datasets/notmnist");
    char many[2001]; /* a list longer than a message */
    for (int i = 0; i < 2000; i++)
        many[i] = i % 100 == 99 ? ':' : 'x';
    many[2000] = '\0';
    setenv("SPINSCALE_DATA", many, 1);
    FAILS(sps_dataset_open(&set, "notmnist", SPS_TEST, NULL), ENOTFOUND, " ...; to get it: download");
    setenv("SPINSCALE_DATA", "", 1);
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", "/nobody", 1);
    FAILS(sps_dataset_open(&set, "notmnist", SPS_TEST, NULL), ENOTFOUND, "/nobody/.local/share/spinscale/notmnist");
    FAILS(sps_dataset_open(&set, "fashion-mnist", SPS_TEST, "d_a"), ENOTFOUND, "apt install dataset-fashion-mnist");
}

static void wrong_names_are_explained(void **state)
{
    (void)state;
    sps_dataset *set;
    char *endless = malloc(10001);
    memset(endless, 'x', 10000);
    endless[10000] = '\0';
    FAILS(sps_dataset_open(&set, "emnist", SPS_TEST, NULL), EINVAL, "fashion-mnist, mnist, kmnist, notmnist, cifar10");
    FAILS(sps_dataset_open(&set, "", SPS_TEST, NULL), EINVAL, "empty");
    FAILS(sps_dataset_open(&set, NULL, SPS_TEST, NULL), EINVAL, "empty");
    FAILS(sps_dataset_open(&set, "mnist", SPS_TEST, ""), EINVAL, "0 characters");
    FAILS(sps_dataset_open(&set, "mnist", SPS_TEST, endless), EINVAL, "10000 characters");
    endless[0] = '/';
    FAILS(sps_dataset_open(&set, endless, SPS_TEST, NULL), EINVAL, "10000 characters");
    FAILS(sps_dataset_open(&set, "./d_nowhere", SPS_TEST, NULL), ENOTFOUND, "'./d_nowhere': no such file or directory");
    make_folder("d_empty");
    FAILS(sps_dataset_open(&set, "./d_empty", SPS_TEST, NULL), ENOTFOUND, "holds no data");
    write_test_pair("d_idx");
    FAILS(sps_dataset_open(&set, "d_idx/more", SPS_TEST, NULL), ENOTFOUND, "'d_idx/more': no such file or directory");
    free(endless);
}

/* A label beyond the registered classes raises their number, so that nobody who trusts it reads out of bounds. */
static void classes_hold_every_label(void **state)
{
    (void)state;
    sps_dataset *set;
    uint8_t labels[LABELS_BYTES];
    memcpy(labels, idx_labels, sizeof labels);
    make_folder("d_labels");
    write_test_pair("d_labels/mnist");
    labels[8] = labels[10] = 0;
    write_file("d_labels/mnist", "t10k-labels-idx1-ubyte", labels, sizeof labels);
    OK(sps_dataset_open(&set, "mnist", SPS_TEST, "d_labels"));
    assert_int_equal(sps_dataset_get_info(set)->classes, 10);
    sps_dataset_free(set);
    OK(sps_dataset_open(&set, "d_labels/mnist", SPS_TEST, NULL));
    assert_int_equal(sps_dataset_get_info(set)->classes, 1);
    sps_dataset_free(set);
    labels[9] = 254;
    write_file("d_labels/mnist", "t10k-labels-idx1-ubyte", labels, sizeof labels);
    OK(sps_dataset_open(&set, "mnist", SPS_TEST, "d_labels"));
    assert_int_equal(sps_dataset_get_info(set)->classes, 255);
    assert_int_equal(sps_dataset_label(set, 1), 254);
    assert_null(sps_dataset_class_name(set, 254));
    sps_dataset_free(set);
    labels[9] = 255; /* none, so it raises nothing */
    write_file("d_labels/mnist", "t10k-labels-idx1-ubyte", labels, sizeof labels);
    OK(sps_dataset_open(&set, "mnist", SPS_TEST, "d_labels"));
    assert_int_equal(sps_dataset_get_info(set)->classes, 10);
    assert_int_equal(sps_dataset_label(set, 1), -1);
    sps_dataset_free(set);
}

/* What every registered set owes: a name that opens nothing but itself, a summary, a way to get it. */
static void list_is_complete(void **state)
{
    (void)state;
    const char *name, *summary, *how;
    size_t n = 0;
    sps_dataset *set;
    make_folder("d_empty");
    for (; (name = sps_dataset_list(n, &summary, &how)) != NULL; n++) {
        assert_true(strlen(summary) > 0 && strlen(how) > 0);
        FAILS(sps_dataset_open(&set, name, SPS_TRAIN, "d_empty"), ENOTFOUND, how);
        for (size_t other = 0; other < n; other++)
            assert_string_not_equal(name, sps_dataset_list(other, NULL, NULL));
    }
    assert_int_equal(n, 8);
}

/* Let each allocation fail in turn, those of zlib and liblzma too. */
static void lack_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    uint8_t packed[PACKED_MAX];
    make_folder("d_memory");
    write_file("d_memory", "t10k-images-idx3-ubyte.gz", packed, gzip(packed, sizeof packed, idx_images, IMAGES_BYTES));
    write_file("d_memory", "t10k-labels-idx1-ubyte.xz", packed, xz(packed, sizeof packed, idx_labels, LABELS_BYTES));
    long live = sps_memory_live();
    for (long n = 0;; n++) {
        sps_dataset *set = NULL;
        sps_memory_fail_at(n);
        sps_status status = sps_dataset_open(&set, "./d_memory", SPS_TEST, NULL);
        sps_memory_fail_at(-1);
        if (status == SPS_OK) {
            sps_dataset_free(set);
            assert_true(n > 10);
            break;
        }
        assert_int_equal(status, SPS_ENOMEM);
        assert_non_null(strstr(sps_last_error(), "out of memory"));
        assert_null(set);
        assert_int_equal(sps_memory_live(), live);
    }
    assert_int_equal(sps_memory_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_is_read),
        cmocka_unit_test(packed_files_give_the_same_set),
        cmocka_unit_test(joined_streams_are_one_file),
        cmocka_unit_test(every_truncation_is_noticed),
        cmocka_unit_test(every_wrong_byte_is_noticed),
        cmocka_unit_test(what_follows_is_an_error),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(bombs_stay_folded),
        cmocka_unit_test(odd_files_are_refused),
        cmocka_unit_test(cifar_becomes_channels_last),
        cmocka_unit_test(records_are_bounded),
        cmocka_unit_test(first_place_wins),
        cmocka_unit_test(wrong_names_are_explained),
        cmocka_unit_test(classes_hold_every_label),
        cmocka_unit_test(list_is_complete),
        cmocka_unit_test(lack_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
