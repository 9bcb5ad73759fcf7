/* SPDX-License-Identifier: MIT */
/* CIFAR-10-C's layout: KIND.npy is uint8 [50000][32][32][3], five severities of 10,000 images one after the other, and
 * labels.npy beside it has the labels of all, or of one severity; without it the images have none.  Images are read
 * where they lie in the mapped file. */
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/npy.h"
#include "data/format.h"
#include "data/view.h"

enum { PARTS = 5, PATH_BYTES = 4096, HEADER_BYTES_MAX = 1 << 17, LABEL_BYTES_MAX = 8 };
static const size_t FILE_LIMIT = (size_t)4 << 30;

struct sps_npy_images {
    char path[PATH_BYTES], labels_path[PATH_BYTES + 16];
    char name[128];
    void *mapped;
    size_t mapped_bytes;
    size_t image_bytes;
    struct sps_raw_images shown; /* its pixels are in the mapped file */
};

void sps_npy_images_close(struct sps_npy_images *file)
{
    if (file == NULL)
        return;
    sps_file_unmap(file->mapped, file->mapped_bytes);
    sps_free(file->shown.labels);
    sps_free(file);
}

static const uint8_t *image_of(const void *self, size_t index)
{
    const struct sps_npy_images *file = self;
    return file->shown.pixels + index * file->image_bytes;
}

static int label_of(const void *self, size_t index)
{
    const struct sps_npy_images *file = self;
    return file->shown.labels[index] == SPS_UNLABELLED ? -1 : file->shown.labels[index];
}

struct sps_raw_images sps_npy_images_shown(const struct sps_npy_images *file)
{
    return file->shown;
}

/* Where "#3" begins, or the end. */
static const char *mark_of(const char *path)
{
    const char *mark = strrchr(path, '#');
    const int is_mark = mark != NULL && mark[1] != 0 && mark[1 + strspn(mark + 1, "0123456789")] == 0;
    return is_mark ? mark : path + strlen(path);
}

int sps_npy_images_is(const char *path)
{
    const char *mark = mark_of(path);
    return mark - path > 4 && memcmp(mark - 4, ".npy", 4) == 0;
}

/* "FILE#3" is part 3, 0 is all.  A '#' that digits to the end do not follow belongs to the name. */
static sps_status split_path(struct sps_npy_images *file, int *part, const char *path)
{
    const char *mark = mark_of(path), *slash = strrchr(path, '/');
    *part = 0;
    if (*mark != 0 && mark[1] >= '1' && mark[1] <= '0' + PARTS && mark[2] == 0)
        *part = mark[1] - '0';
    else if (*mark != 0)
        SPS_FAIL(EINVAL, "part of '%s' is %s, must be 1 to %d", path, mark + 1, PARTS);
    if (mark - path >= PATH_BYTES)
        SPS_FAIL(EINVAL, "a path is %zu characters long, must be below %d", (size_t)(mark - path), PATH_BYTES);
    snprintf(file->path, sizeof file->path, "%.*s", (int)(mark - path), path);
    snprintf(file->labels_path, sizeof file->labels_path, "%.*slabels.npy", slash ? (int)(slash + 1 - path) : 0, path);
    snprintf(file->name, sizeof file->name, "%s", slash ? slash + 1 : path);
    return SPS_OK;
}

static sps_status check_shape(const struct sps_npy_bytes *a, const char *path, int part)
{
    if (a->dims != 3 && a->dims != 4)
        SPS_FAIL(EFORMAT, "'%s' has %d dimensions, images have 3 or 4: [N][H][W] or [N][H][W][C]", path, a->dims);
    const size_t channels = a->dims == 4 ? a->shape[3] : 1;
    if (a->count == 0 || a->shape[1] > SPS_IMAGE_SIDE_MAX || a->shape[2] > SPS_IMAGE_SIDE_MAX ||
        (channels != 1 && channels != 3))
        SPS_FAIL(EFORMAT, "'%s' has %zu images of %zu x %zu with %zu channels; sides must be 1 to %d, channels 1 or 3",
                 path, a->shape[0], a->shape[1], a->shape[2], channels, SPS_IMAGE_SIDE_MAX);
    if (part > 0 && a->shape[0] % PARTS != 0)
        SPS_FAIL(EFORMAT, "'%s' has %zu images, which are not %d equal parts", path, a->shape[0], PARTS);
    return SPS_OK;
}

/* labels of images first .. first + count - 1 out of `all`. */
static sps_status take_labels(uint8_t *labels, const struct sps_npy *array, const char *path, size_t first,
                              size_t count, size_t all)
{
    if (array->dims != 1 || array->i64 == NULL)
        SPS_FAIL(EFORMAT, "'%s' is not a list of integers", path);
    if (array->count != all && (all % PARTS != 0 || array->count != all / PARTS))
        SPS_FAIL(EFORMAT, "'%s' has %zu labels, the images are %zu", path, array->count, all);
    for (size_t i = 0; i < count; i++) {
        const size_t at = (first + i) % array->count;
        if (array->i64[at] < 0 || array->i64[at] > 255)
            SPS_FAIL(EFORMAT, "'%s', label %zu is %lld, must be 0 to 255", path, at, (long long)array->i64[at]);
        labels[i] = (uint8_t)array->i64[at];
    }
    return SPS_OK;
}

static sps_status read_labels(struct sps_npy_images *file, size_t first, size_t count, size_t all)
{
    void *mapped = NULL;
    size_t bytes = 0;
    struct sps_npy array = {0};
    SPS_TRY(sps_calloc(&file->shown.labels, count, 1, "labels"));
    sps_status status = sps_file_map(&mapped, &bytes, file->labels_path, HEADER_BYTES_MAX + LABEL_BYTES_MAX * all);
    if (status == SPS_ENOTFOUND) {
        memset(file->shown.labels, SPS_UNLABELLED, count);
        return SPS_OK;
    }
    SPS_TRY(status);
    SPS_TRY_OUT(sps_npy_parse(&array, file->labels_path, mapped, bytes));
    SPS_TRY_OUT(take_labels(file->shown.labels, &array, file->labels_path, first, count, all));
out:
    sps_npy_reset(&array);
    sps_file_unmap(mapped, bytes);
    return status;
}

sps_status sps_npy_images_open(struct sps_npy_images **out, struct sps_images *images, const char *path)
{
    struct sps_npy_images *file = NULL;
    struct sps_npy_bytes array;
    int part = 0;
    sps_status status = SPS_OK;
    SPS_TRY(sps_calloc(&file, 1, sizeof *file, "a file of images"));
    SPS_TRY_OUT(split_path(file, &part, path));
    SPS_TRY_OUT(sps_file_map(&file->mapped, &file->mapped_bytes, file->path, FILE_LIMIT));
    SPS_TRY_OUT(sps_npy_parse_bytes(&array, file->path, file->mapped, file->mapped_bytes));
    SPS_TRY_OUT(check_shape(&array, file->path, part));
    const size_t count = part > 0 ? array.shape[0] / PARTS : array.shape[0], first = part > 0 ? (part - 1) * count : 0;
    SPS_TRY_OUT(read_labels(file, first, count, array.shape[0]));
    file->image_bytes = array.count / array.shape[0];
    struct sps_raw_images *shown = &file->shown;
    shown->pixels = (uint8_t *)file->mapped + (array.data - (const uint8_t *)file->mapped) + first * file->image_bytes;
    shown->count = count;
    shown->height = (int)array.shape[1];
    shown->width = (int)array.shape[2];
    shown->channels = array.dims == 4 ? (int)array.shape[3] : 1;
    *images = (struct sps_images){.name = file->name,
                                  .count = count,
                                  .height = shown->height,
                                  .width = shown->width,
                                  .channels = shown->channels,
                                  .self = file,
                                  .image = image_of,
                                  .label = label_of};
    *out = file;
out:
    if (status != SPS_OK)
        sps_npy_images_close(file);
    return status;
}
