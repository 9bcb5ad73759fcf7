/* SPDX-License-Identifier: MIT */
/* STL-10 binary (A. Coates, H. Lee, A. Ng, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning",
 * AISTATS 2011): *_X.bin has 96 x 96 images, planes R, G, B, each 96 columns of 96; *_y.bin one byte an image, classes
 * 1 .. 10.  Also its test images at 32 x 32 as records of CIFAR-10. */
#include <string.h>

#include "core/memory.h"
#include "data/records.h"

enum { CLASSES = 10 };

/* One byte more than there are images is asked for, so that a file that is too long is noticed here. */
static sps_status read_labels(struct sps_raw_images *set, sps_source *file)
{
    sps_status status;
    uint8_t *labels;
    size_t got;
    SPS_TRY(sps_calloc(&labels, set->count + 1, 1, "labels"));
    SPS_TRY_OUT(sps_source_read_some(file, labels, set->count + 1, &got));
    if (got != set->count) {
        status = sps_source_fail(file, sps_source_offset(file), "there are %s labels than images (%zu)",
                                 got < set->count ? "fewer" : "more", set->count);
        goto out;
    }
    SPS_TRY_OUT(sps_source_end(file));
    for (size_t i = 0; i < set->count; i++) {
        if (labels[i] < 1 || labels[i] > CLASSES) {
            status = sps_source_fail(file, i, "label is %d, must be 1 to %d", labels[i], CLASSES);
            goto out;
        }
        set->labels[i] = labels[i] - 1;
    }
out:
    sps_free(labels);
    return status;
}

static sps_status read_stl10(struct sps_raw_images *out, sps_source *const *files, size_t count)
{
    const struct sps_record record = {.side = 96, .column_major = 1};
    struct sps_raw_images set;
    SPS_TRY(sps_records_read(&set, files, 1, &record, SPS_RECORDS_MAX));
    sps_status status = count > 1 ? read_labels(&set, files[1]) : SPS_OK;
    if (status != SPS_OK)
        sps_raw_images_free(&set);
    else
        *out = set;
    return status;
}

static sps_status read_small(struct sps_raw_images *out, sps_source *const *files, size_t count)
{
    return sps_format_cifar.read(out, files, count);
}

static int knows(const char *name, const uint8_t head[SPS_HEAD_BYTES])
{
    (void)head;
    size_t length = strlen(name);
    return length > 6 && strcmp(name + length - 6, "_X.bin") == 0;
}

static const struct sps_data_format small = {
    .name = "STL10 at 32 x 32",
    .files = {{NULL}, {"stl10_test_32x32.bin"}},
    .read = read_small,
};

const struct sps_data_format sps_format_stl10 = {
    .name = "STL10 binary",
    .files = {{"train_X.bin", "train_y.bin"}, {"test_X.bin", "test_y.bin"}},
    .read = read_stl10,
    .also = &small,
    .knows = knows,
    .images_called = "_X.bin",
    .labels_called = "_y.bin",
};
