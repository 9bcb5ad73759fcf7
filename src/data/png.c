/* SPDX-License-Identifier: MIT */
/* PNG by libpng.  libpng reports failure by longjmp, so each direction has one function that calls setjmp and touches
 * nothing but a job struct of its caller: no local variable can be lost in the jump.  Its errors become our sentences
 * and its warnings are dropped; libpng itself would print both. */
#include "data/png.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"
#include "data/format.h"
#include "spinscale/data.h"

enum {
    CHUNK_BYTES_MAX = 8 << 20, /* of what a text or profile chunk may unpack to */
    DEFLATE_DENSITY = 1032     /* see source.c */
};

struct job {
    png_structp png;
    png_infop info;
    sps_source *source;
    uint8_t *written;
    size_t written_bytes, room;
    sps_status status; /* why a callback gave up, with its sentence stored; SPS_OK: libpng did, and `words` say why */
    char words[128];
    uint8_t *pixels;
    int height, width, channels;
};

static void on_error(png_structp png, png_const_charp words)
{
    struct job *job = png_get_error_ptr(png);
    snprintf(job->words, sizeof job->words, "%s", words);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp words)
{
    (void)png;
    (void)words;
}

static png_voidp take(png_structp png, png_alloc_size_t bytes)
{
    struct job *job = png_get_mem_ptr(png);
    void *memory;
    if (sps_calloc(&memory, 1, bytes, "PNG") != SPS_OK)
        job->status = SPS_ENOMEM;
    return memory;
}

static void give_back(png_structp png, png_voidp memory)
{
    (void)png;
    sps_free(memory);
}

/* libpng must not return to a reader that failed: keep the status and jump. */
static void check(png_structp png, struct job *job, sps_status status)
{
    if (status != SPS_OK) {
        job->status = status;
        png_error(png, "input or output failed");
    }
}

static void on_read(png_structp png, png_bytep out, size_t bytes)
{
    struct job *job = png_get_io_ptr(png);
    check(png, job, sps_source_read(job->source, out, bytes));
}

static sps_status append(struct job *job, const uint8_t *data, size_t bytes)
{
    if (bytes > job->room - job->written_bytes) {
        uint8_t *larger;
        size_t room = 2 * job->room + bytes; /* cannot overflow: images are limited to 8192 x 8192 x 3 */
        SPS_TRY(sps_calloc(&larger, room, 1, "PNG"));
        if (job->written_bytes > 0)
            memcpy(larger, job->written, job->written_bytes);
        sps_free(job->written);
        job->written = larger;
        job->room = room;
    }
    memcpy(job->written + job->written_bytes, data, bytes);
    job->written_bytes += bytes;
    return SPS_OK;
}

static void on_write(png_structp png, png_bytep data, size_t bytes)
{
    struct job *job = png_get_io_ptr(png);
    check(png, job, append(job, data, bytes));
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* ---- reading ---- */

static void read_header(struct job *job)
{
    png_structp png = job->png;
    png_set_user_limits(png, SPS_IMAGE_SIDE_MAX, SPS_IMAGE_SIDE_MAX);
    png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_read_info(png, job->info);

    /* A few bytes may claim 8192 x 8192 pixels: refuse before allocating for them. */
    uint64_t claimed = (uint64_t)png_get_rowbytes(png, job->info) * png_get_image_height(png, job->info);
    if (claimed / DEFLATE_DENSITY > sps_source_most_left(job->source))
        png_error(png, "the file is too short for its image size");

    png_set_expand(png); /* palette to colour, 1, 2 and 4 bits to 8, transparency to alpha */
    png_set_scale_16(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, job->info);
    job->height = (int)png_get_image_height(png, job->info);
    job->width = (int)png_get_image_width(png, job->info);
    job->channels = png_get_channels(png, job->info);
}

static void read_rows(struct job *job)
{
    size_t row_bytes = (size_t)job->width * (size_t)job->channels;
    if (png_get_rowbytes(job->png, job->info) != row_bytes)
        png_error(job->png, "unknown pixel layout");
    check(job->png, job, sps_calloc(&job->pixels, (size_t)job->height, row_bytes, "image"));
    int passes = png_get_interlace_type(job->png, job->info) == PNG_INTERLACE_NONE ? 1 : PNG_INTERLACE_ADAM7_PASSES;
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < job->height; y++)
            png_read_row(job->png, job->pixels + (size_t)y * row_bytes, NULL);
    png_read_end(job->png, NULL);
}

/* 1 if libpng gave up. */
static int read_guarded(struct job *job)
{
    if (setjmp(png_jmpbuf(job->png)))
        return 1;
    png_set_read_fn(job->png, job, on_read);
    read_header(job);
    read_rows(job);
    return 0;
}

sps_status sps_png_decode(uint8_t **pixels, int *height, int *width, int *channels, sps_source *source)
{
    sps_status status = SPS_OK;
    struct job job = {.source = source};
    job.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning, &job, take, give_back);
    if (job.png == NULL)
        SPS_FAIL(ENOMEM, "out of memory: cannot start libpng");
    job.info = png_create_info_struct(job.png);
    if (job.info == NULL)
        status = sps_fail(SPS_ENOMEM, "out of memory: cannot start libpng");
    else if (read_guarded(&job))
        status = job.status != SPS_OK
                     ? job.status
                     : sps_source_fail(source, sps_source_offset(source), "damaged or no PNG image: %s", job.words);
    png_destroy_read_struct(&job.png, &job.info, NULL);
    if (status != SPS_OK) {
        sps_free(job.pixels);
        return status;
    }
    *pixels = job.pixels;
    *height = job.height;
    *width = job.width;
    *channels = job.channels;
    return SPS_OK;
}

sps_status sps_image_read_png(uint8_t **pixels, int *height, int *width, int *channels, const char *path)
{
    sps_source *source;
    SPS_TRY(sps_source_open(&source, path));
    sps_status status = sps_png_decode(pixels, height, width, channels, source);
    sps_source_close(source);
    return status;
}

/* ---- writing ---- */

static int write_guarded(struct job *job, const uint8_t *pixels)
{
    if (setjmp(png_jmpbuf(job->png)))
        return 1;
    png_set_write_fn(job->png, job, on_write, on_flush);
    png_set_user_limits(job->png, SPS_IMAGE_SIDE_MAX, SPS_IMAGE_SIDE_MAX);
    png_set_IHDR(job->png, job->info, (png_uint_32)job->width, (png_uint_32)job->height, 8,
                 job->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    for (int y = 0; y < job->height; y++)
        png_write_row(job->png, pixels + (size_t)y * (size_t)job->width * (size_t)job->channels);
    png_write_end(job->png, NULL);
    return 0;
}

sps_status sps_image_encode_png(uint8_t **png, size_t *bytes, const uint8_t *pixels, int height, int width,
                                int channels)
{
    sps_status status;
    struct job job = {.height = height, .width = width, .channels = channels};
    if (height < 1 || width < 1 || height > SPS_IMAGE_SIDE_MAX || width > SPS_IMAGE_SIDE_MAX)
        SPS_FAIL(EINVAL, "image is %d x %d pixels, each side must be 1 to %d", height, width, SPS_IMAGE_SIDE_MAX);
    if (channels != 1 && channels != 3)
        SPS_FAIL(EINVAL, "image has %d channels, must be 1 (grey) or 3 (colour)", channels);
    job.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning, &job, take, give_back);
    job.info = job.png != NULL ? png_create_info_struct(job.png) : NULL;
    if (job.info == NULL)
        status = sps_fail(SPS_ENOMEM, "out of memory: cannot start libpng");
    else if (!write_guarded(&job, pixels))
        status = SPS_OK;
    else
        status = job.status != SPS_OK ? job.status : sps_fail(SPS_EIO, "cannot encode a PNG image: %s", job.words);
    png_destroy_write_struct(&job.png, &job.info);
    if (status != SPS_OK) {
        sps_free(job.written);
        return status;
    }
    *png = job.written;
    *bytes = job.written_bytes;
    return SPS_OK;
}

sps_status sps_image_write_png(const char *path, const uint8_t *pixels, int height, int width, int channels)
{
    uint8_t *png;
    size_t bytes;
    SPS_TRY(sps_image_encode_png(&png, &bytes, pixels, height, width, channels));
    sps_status status = sps_file_save(path, png, bytes);
    sps_free(png);
    return status;
}

void sps_image_free(uint8_t *pixels)
{
    sps_free(pixels);
}
