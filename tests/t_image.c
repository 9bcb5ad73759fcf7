/* SPDX-License-Identifier: MIT */
/* PNG in and out, and fitting an image to another size. */
#include <png.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "core/memory.h"
#include "data/png.h"
#include "spinscale/data.h"
#include "test.h"

enum { PNG_BYTES_MAX = 4096 };

/* A PNG of any kind, made with libpng itself. */
struct kind {
    int color_type, bit_depth, interlace;
    const uint8_t *trns; /* transparent palette entry, or NULL */
};

struct bytes {
    uint8_t data[PNG_BYTES_MAX];
    size_t count;
};

static void append(png_structp png, png_bytep data, size_t count)
{
    struct bytes *out = png_get_io_ptr(png);
    assert_true(out->count + count <= sizeof out->data);
    memcpy(out->data + out->count, data, count);
    out->count += count;
}

static void make_png(struct bytes *out, const struct kind *kind, int width, int height, uint8_t *rows, size_t row_bytes)
{
    static const png_color palette[2] = {{1, 2, 3}, {200, 100, 50}};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t *pointers[16];
    out->count = 0;
    if (setjmp(png_jmpbuf(png)))
        fail_msg("libpng failed");
    png_set_write_fn(png, out, append, NULL);
    png_set_IHDR(png, info, (unsigned)width, (unsigned)height, kind->bit_depth, kind->color_type, kind->interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (kind->color_type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 2);
    if (kind->trns != NULL)
        png_set_tRNS(png, info, kind->trns, 1, NULL);
    for (int y = 0; y < height; y++)
        pointers[y] = rows + (size_t)y * row_bytes;
    png_set_rows(png, info, pointers);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
}

static sps_status decode(uint8_t **pixels, int size[3], const void *data, size_t bytes)
{
    sps_source *source;
    OK(sps_source_memory(&source, "image", data, bytes));
    sps_status status = sps_png_decode(pixels, &size[0], &size[1], &size[2], source);
    sps_source_close(source);
    return status;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        uint8_t in[5 * 3 * 3], *out;
        int height, width, found;
        for (int i = 0; i < 45; i++)
            in[i] = (uint8_t)(i * 37);
        OK(sps_image_write_png("i_round.png", in, 5, 3, channels));
        OK(sps_image_read_png(&out, &height, &width, &found, "i_round.png"));
        assert_int_equal(height, 5);
        assert_int_equal(width, 3);
        assert_int_equal(found, channels);
        assert_memory_equal(in, out, (size_t)(15 * channels));
        sps_image_free(out);
    }
    uint8_t pixel = 0;
    FAILS(sps_image_encode_png(&(uint8_t *){NULL}, &(size_t){0}, &pixel, 1, 0, 1), EINVAL, "1 x 0 pixels");
    FAILS(sps_image_write_png("i_bad.png", &pixel, 0, 1, 1), EINVAL, "0 x 1 pixels");
    FAILS(sps_image_write_png("i_bad.png", &pixel, 1, 8193, 1), EINVAL, "1 x 8193 pixels");
    FAILS(sps_image_write_png("i_bad.png", &pixel, 1, 1, 2), EINVAL, "2 channels");
    FAILS(sps_image_write_png("i_nowhere/x.png", &pixel, 1, 1, 1), EIO, "i_nowhere/x.png");
    assert_int_not_equal(access("i_bad.png", F_OK), 0);
}

/* Noise does not compress: the buffer has to grow many times. */
static void a_png_in_memory_is_read_as_well(void **state)
{
    (void)state;
    enum { SIDE = 200 };
    static uint8_t in[SIDE * SIDE * 3];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
    uint8_t *png, *out;
    size_t bytes;
    int size[3];
    OK(sps_image_encode_png(&png, &bytes, in, SIDE, SIDE, 3));
    assert_true(bytes > sizeof in / 2);
    OK(decode(&out, size, png, bytes));
    assert_int_equal(size[0], SIDE);
    assert_int_equal(size[1], SIDE);
    assert_int_equal(size[2], 3);
    assert_memory_equal(in, out, sizeof in);
    sps_image_free(out);
    sps_image_free(png);
}

/* Each kind of PNG holds the two pixels that it can: the result is [1][2][1] grey or [1][2][3] colour. */
static void every_kind_is_read(void **state)
{
    (void)state;
    static const uint8_t see_through = 0;
    const struct {
        struct kind kind;
        uint8_t row[16];
        int channels;
        uint8_t pixels[6];
    } cases[] = {
        {{PNG_COLOR_TYPE_GRAY, 1, 0, NULL}, {0x40}, 1, {0, 255}},
        {{PNG_COLOR_TYPE_GRAY, 2, 0, NULL}, {0x60}, 1, {85, 170}},
        {{PNG_COLOR_TYPE_GRAY, 4, 0, NULL}, {0x1f}, 1, {17, 255}},
        {{PNG_COLOR_TYPE_GRAY, 8, 0, NULL}, {3, 250}, 1, {3, 250}},
        {{PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_ADAM7, NULL}, {3, 250}, 1, {3, 250}},
        {{PNG_COLOR_TYPE_GRAY, 16, 0, NULL}, {3, 3, 0xff, 0xff}, 1, {3, 255}},
        {{PNG_COLOR_TYPE_GRAY_ALPHA, 8, 0, NULL}, {3, 0, 250, 9}, 1, {3, 250}},
        {{PNG_COLOR_TYPE_RGB, 8, 0, NULL}, {1, 2, 3, 4, 5, 6}, 3, {1, 2, 3, 4, 5, 6}},
        {{PNG_COLOR_TYPE_RGB_ALPHA, 8, 0, NULL}, {1, 2, 3, 0, 4, 5, 6, 0}, 3, {1, 2, 3, 4, 5, 6}},
        {{PNG_COLOR_TYPE_RGB, 16, 0, NULL}, {1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6}, 3, {1, 2, 3, 4, 5, 6}},
        {{PNG_COLOR_TYPE_PALETTE, 1, 0, NULL}, {0x40}, 3, {1, 2, 3, 200, 100, 50}},
        {{PNG_COLOR_TYPE_PALETTE, 8, 0, &see_through}, {1, 0}, 3, {200, 100, 50, 1, 2, 3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes png;
        uint8_t row[16], *pixels;
        int size[3];
        memcpy(row, cases[i].row, sizeof row);
        make_png(&png, &cases[i].kind, 2, 1, row, sizeof row);
        OK(decode(&pixels, size, png.data, png.count));
        assert_int_equal(size[0], 1);
        assert_int_equal(size[1], 2);
        assert_int_equal(size[2], cases[i].channels);
        assert_memory_equal(pixels, cases[i].pixels, (size_t)(2 * cases[i].channels));
        sps_image_free(pixels);
    }
}

/* 12 x 9 grey, interlaced: the seven passes together give each pixel once. */
static void interlaced_is_put_together(void **state)
{
    (void)state;
    struct bytes png;
    uint8_t rows[9 * 12], *pixels;
    int size[3];
    for (int i = 0; i < 9 * 12; i++)
        rows[i] = (uint8_t)(2 * i);
    make_png(&png, &(struct kind){PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_ADAM7, NULL}, 12, 9, rows, 12);
    OK(decode(&pixels, size, png.data, png.count));
    assert_memory_equal(pixels, rows, sizeof rows);
    sps_image_free(pixels);
}

/* Every cut and every wrong byte is SPS_EFORMAT: each chunk has a checksum, and the end is marked. */
static void every_damage_is_noticed(void **state)
{
    (void)state;
    struct bytes png;
    uint8_t rows[9 * 12] = {1, 2, 3}, *pixels = NULL;
    int size[3];
    make_png(&png, &(struct kind){PNG_COLOR_TYPE_GRAY, 8, 0, NULL}, 12, 9, rows, 12);
    long live = sps_memory_live();
    for (size_t n = 0; n < png.count; n++)
        FAILS(decode(&pixels, size, png.data, n), EFORMAT, "'image' at byte");
    for (size_t i = 0; i < png.count; i++) {
        png.data[i] ^= 0x04;
        assert_int_equal(decode(&pixels, size, png.data, png.count), SPS_EFORMAT);
        png.data[i] ^= 0x04;
    }
    assert_null(pixels);
    assert_int_equal(sps_memory_live(), live);
    FAILS(decode(&pixels, size, "GIF89a, a very old friend", 25), EFORMAT, "Not a PNG file");
    FAILS(sps_image_read_png(&pixels, &size[0], &size[1], &size[2], "i_missing.png"), ENOTFOUND,
          "cannot open 'i_missing.png': no such file or directory");
    FAILS(sps_image_read_png(&pixels, &size[0], &size[1], &size[2], "."), EFORMAT, "not a regular file");
}

static void put_word(uint8_t *out, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(word >> (24 - 8 * i));
}

/* A header with a right checksum that claims too much: more than 8192, and 8192 x 8192 in a hundred bytes. */
static void absurd_sizes_are_refused(void **state)
{
    (void)state;
    struct bytes png;
    uint8_t row[2] = {0}, *pixels;
    int size[3];
    make_png(&png, &(struct kind){PNG_COLOR_TYPE_GRAY, 8, 0, NULL}, 2, 1, row, 2);
    put_word(png.data + 16, 8193);
    put_word(png.data + 29, (uint32_t)crc32(0, png.data + 12, 17));
    FAILS(decode(&pixels, size, png.data, png.count), EFORMAT, "Invalid IHDR");
    put_word(png.data + 16, 8192);
    put_word(png.data + 20, 8192);
    put_word(png.data + 29, (uint32_t)crc32(0, png.data + 12, 17));
    FAILS(decode(&pixels, size, png.data, png.count), EFORMAT, "too short for its image size");
}

/* libpng says nothing on its own: what it would print goes to stderr. */
static void nothing_is_printed(void **state)
{
    (void)state;
    fflush(stderr);
    int kept = dup(2);
    assert_non_null(freopen("i_stderr.txt", "w", stderr));
    every_damage_is_noticed(state);
    fflush(stderr);
    long printed = ftell(stderr);
    dup2(kept, 2);
    close(kept);
    assert_int_equal(printed, 0);
}

static void lack_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    uint8_t pixel[3] = {1, 2, 3}, *out = NULL;
    int size[3];
    long live = sps_memory_live();
    for (int reading = 0; reading <= 1; reading++)
        for (long n = 0;; n++) {
            sps_memory_fail_at(n);
            sps_status status = reading ? sps_image_read_png(&out, &size[0], &size[1], &size[2], "i_memory.png")
                                        : sps_image_write_png("i_memory.png", pixel, 1, 1, 3);
            sps_memory_fail_at(-1);
            if (status == SPS_OK) {
                assert_true(n > 3);
                break;
            }
            assert_int_equal(status, SPS_ENOMEM);
            assert_int_equal(sps_memory_live(), live);
        }
    sps_image_free(out);
    assert_int_equal(sps_memory_live(), live);
}

/* ---- fitting ---- */

static void same_size_is_a_copy(void **state)
{
    (void)state;
    uint8_t in[7 * 5 * 3], out[7 * 5 * 3];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 91);
    sps_image_fit(out, 7, 5, 3, in, 7, 5, 3);
    assert_memory_equal(in, out, sizeof in);
}

/* 4 x 2 to 2 x 1: the mean of four; 3 to 2: 1.5 pixels each, (0 + 60 / 2) / 1.5 = 20 and (60 / 2 + 120) / 1.5 = 100. */
static void shrinking_is_the_mean_of_the_area(void **state)
{
    (void)state;
    uint8_t out[2];
    sps_image_fit(out, 1, 2, 1, (const uint8_t[]){0, 10, 100, 200, 20, 30, 50, 50}, 2, 4, 1);
    assert_memory_equal(out, ((const uint8_t[]){15, 100}), 2);
    sps_image_fit(out, 1, 2, 1, (const uint8_t[]){0, 60, 120}, 1, 3, 1);
    assert_memory_equal(out, ((const uint8_t[]){20, 100}), 2);
}

/* 2 to 4: new centres at -0.25 (held at 0), 0.25, 0.75, 1.25 (held at 1).  Down the other axis 2 to 1 is the mean. */
static void growing_is_linear(void **state)
{
    (void)state;
    uint8_t out[4];
    sps_image_fit(out, 1, 4, 1, (const uint8_t[]){0, 100}, 1, 2, 1);
    assert_memory_equal(out, ((const uint8_t[]){0, 25, 75, 100}), 4);
    sps_image_fit(out, 4, 1, 1, (const uint8_t[]){0, 40, 100, 140}, 2, 2, 1);
    assert_memory_equal(out, ((const uint8_t[]){20, 45, 95, 120}), 4);
}

/* 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2 */
static void channels_are_converted(void **state)
{
    (void)state;
    uint8_t out[3];
    sps_image_fit(out, 1, 1, 1, (const uint8_t[]){200, 100, 50}, 1, 1, 3);
    assert_int_equal(out[0], 124);
    sps_image_fit(out, 1, 1, 3, (const uint8_t[]){7}, 1, 1, 1);
    assert_memory_equal(out, ((const uint8_t[]){7, 7, 7}), 3);
}

/* Any size to any size keeps a constant image, to its last pixel. */
static void constant_stays_constant(void **state)
{
    (void)state;
    uint8_t in[13 * 13], out[29 * 29];
    memset(in, 255, sizeof in);
    for (int from = 1; from <= 13; from += 3)
        for (int to = 1; to <= 29; to += 4) {
            memset(out, 0, sizeof out);
            sps_image_fit(out, to, to, 1, in, from, from, 1);
            for (int i = 0; i < to * to; i++)
                assert_int_equal(out[i], 255);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(a_png_in_memory_is_read_as_well),
        cmocka_unit_test(every_kind_is_read),      cmocka_unit_test(interlaced_is_put_together),
        cmocka_unit_test(every_damage_is_noticed), cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(nothing_is_printed),      cmocka_unit_test(lack_of_memory_leaves_nothing_behind),
        cmocka_unit_test(same_size_is_a_copy),     cmocka_unit_test(shrinking_is_the_mean_of_the_area),
        cmocka_unit_test(growing_is_linear),       cmocka_unit_test(channels_are_converted),
        cmocka_unit_test(constant_stays_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
