/* SPDX-License-Identifier: MIT */
#include "data/find.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const packings[] = {"", ".gz", ".xz"};
enum { PACKINGS = sizeof packings / sizeof *packings };

static int exists(const char *path)
{
    struct stat info; /* a dangling link exists, and what cannot be looked at may: opening it then tells why not */
    return lstat(path, &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

int sps_find_file(char path[SPS_PATH_BYTES], const char *folder, const char *file)
{
    for (size_t i = 0; i < PACKINGS; i++) {
        int n = snprintf(path, SPS_PATH_BYTES, "%s%s%s%s", folder, *folder ? "/" : "", file, packings[i]);
        if (n > 0 && n < SPS_PATH_BYTES && exists(path))
            return 1;
    }
    return 0;
}

/* Characters of name without what ends it. */
static size_t without(const char *name, size_t length, const char *ending)
{
    size_t n = strlen(ending);
    return length > n && memcmp(name + length - n, ending, n) == 0 ? length - n : length;
}

/* path without .gz or .xz. */
static sps_status plain_path(char out[SPS_PATH_BYTES], const char *path)
{
    size_t length = strlen(path), plain = length;
    if (length >= SPS_PATH_BYTES)
        SPS_FAIL(EINVAL, "path of the data is %zu characters long, must be below %d", length, SPS_PATH_BYTES);
    for (size_t i = 1; i < PACKINGS && plain == length; i++)
        plain = without(path, length, packings[i]);
    memcpy(out, path, plain);
    out[plain] = '\0';
    return SPS_OK;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Its first bytes are read through a source of their own: sources cannot go back. */
static sps_status recognise(const struct sps_data_format **out, const char *path, const char *plain)
{
    uint8_t head[SPS_HEAD_BYTES] = {0};
    size_t got;
    sps_source *file;
    SPS_TRY(sps_source_open(&file, path));
    sps_status status = sps_source_read_some(file, head, sizeof head, &got);
    sps_source_close(file);
    SPS_TRY(status);
    for (size_t i = 0; sps_data_formats[i] != NULL; i++)
        if (sps_data_formats[i]->knows(last_part(plain), head)) {
            *out = sps_data_formats[i];
            return SPS_OK;
        }
    SPS_FAIL(EFORMAT,
             "'%s' is of no known format: its content is neither IDX images nor MATLAB's, and its name ends neither in "
             ".bin (CIFAR, STL-10) nor in .txt (list of PNG images)",
             path);
}

/* Labels that lie beside the images. */
static int find_labels(char path[SPS_PATH_BYTES], const struct sps_data_format *format, const char *plain)
{
    char labels[SPS_PATH_BYTES];
    const char *name = last_part(plain),
               *at = format->images_called != NULL ? strstr(name, format->images_called) : NULL;
    if (at == NULL)
        return 0;
    int n = snprintf(labels, sizeof labels, "%.*s%s%s", (int)(at - plain), plain, format->labels_called,
                     at + strlen(format->images_called));
    return n > 0 && (size_t)n < sizeof labels && sps_find_file(path, "", labels);
}

sps_status sps_read_one_file(struct sps_raw_images *out, const char *path, const struct sps_image_size *size)
{
    sps_status status;
    char plain[SPS_PATH_BYTES], labels[SPS_PATH_BYTES];
    const struct sps_data_format *format = NULL;
    sps_source *files[2] = {NULL, NULL};
    SPS_TRY(plain_path(plain, path));
    if (without(path, strlen(path), ".txt") < strlen(path))
        return sps_image_list_read(out, path, size);
    SPS_TRY(recognise(&format, path, plain));
    SPS_TRY_OUT(sps_source_open(&files[0], path));
    if (find_labels(labels, format, plain))
        SPS_TRY_OUT(sps_source_open(&files[1], labels));
    status = format->read(out, files, files[1] != NULL ? 2 : 1);
out:
    sps_source_close(files[0]);
    sps_source_close(files[1]);
    return status;
}
