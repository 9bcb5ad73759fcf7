/* SPDX-License-Identifier: MIT */
/* IDX, the format of MNIST (LeCun, Cortes, Burges, "The MNIST database").  Big-endian 32-bit words, then bytes:
 *
 *     images: 0x00000803, count, height, width, then [count][height][width]
 *     labels: 0x00000801, count, then [count]
 *
 * The third byte is the element type (8: unsigned byte), the fourth the number of dimensions. */
#include <string.h>

#include "core/memory.h"
#include "data/format.h"

enum { IMAGES_MAGIC = 0x803, LABELS_MAGIC = 0x801 };

static sps_status read_word(uint32_t *out, sps_source *file)
{
    uint8_t b[4];
    SPS_TRY(sps_source_read(file, b, sizeof b));
    *out = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return SPS_OK;
}

static sps_status read_magic(sps_source *file, uint32_t magic, const char *what)
{
    uint32_t found;
    SPS_TRY(read_word(&found, file));
    if (found != magic)
        return sps_source_fail(file, 0, "magic number is 0x%08x, IDX %s have 0x%08x", (unsigned)found, what,
                               (unsigned)magic);
    return SPS_OK;
}

static sps_status read_count(uint32_t *out, sps_source *file, const char *what)
{
    SPS_TRY(read_word(out, file));
    if (*out == 0)
        return sps_source_fail(file, sps_source_offset(file) - 4, "count of %s is 0, must be at least 1", what);
    return SPS_OK;
}

static sps_status read_side(int *out, sps_source *file, const char *what)
{
    uint32_t side;
    SPS_TRY(read_word(&side, file));
    if (side < 1 || side > SPS_IMAGE_SIDE_MAX)
        return sps_source_fail(file, sps_source_offset(file) - 4, "%s is %u pixels, must be 1 to %d", what,
                               (unsigned)side, SPS_IMAGE_SIDE_MAX);
    *out = (int)side;
    return SPS_OK;
}

/* Refuse before allocating: a header may promise what its file cannot hold. */
static sps_status check_promise(sps_source *file, uint64_t bytes)
{
    if (bytes > SPS_PART_BYTES_MAX)
        return sps_source_fail(file, sps_source_offset(file), "the header promises %llu bytes, at most %llu are read",
                               (unsigned long long)bytes, (unsigned long long)SPS_PART_BYTES_MAX);
    if (bytes > sps_source_most_left(file))
        return sps_source_fail(file, sps_source_offset(file),
                               "the header promises %llu bytes, the file is cut short: it holds at most %llu",
                               (unsigned long long)bytes, (unsigned long long)sps_source_most_left(file));
    return SPS_OK;
}

/* Labels of set->count images; without a file for them no image has one. */
static sps_status check_labels(const struct sps_raw_images *set, sps_source *labels)
{
    uint32_t count;
    if (labels == NULL)
        return SPS_OK;
    SPS_TRY(read_magic(labels, LABELS_MAGIC, "labels"));
    SPS_TRY(read_count(&count, labels, "labels"));
    if (count != set->count)
        return sps_source_fail(labels, 4, "count is %u labels, but there are %zu images", (unsigned)count, set->count);
    return check_promise(labels, count);
}

static sps_status read_labels(struct sps_raw_images *set, sps_source *labels)
{
    SPS_TRY(sps_calloc(&set->labels, set->count, 1, "labels"));
    if (labels == NULL) {
        memset(set->labels, SPS_UNLABELLED, set->count);
        return SPS_OK;
    }
    SPS_TRY(sps_source_read(labels, set->labels, set->count));
    return sps_source_end(labels);
}

static sps_status read_idx(struct sps_raw_images *out, sps_source *const *files, size_t count)
{
    sps_status status;
    sps_source *images = files[0], *labels = count > 1 ? files[1] : NULL;
    struct sps_raw_images set = {.channels = 1};
    uint32_t images_count;

    SPS_TRY(read_magic(images, IMAGES_MAGIC, "images"));
    SPS_TRY(read_count(&images_count, images, "images"));
    SPS_TRY(read_side(&set.height, images, "height"));
    SPS_TRY(read_side(&set.width, images, "width"));
    set.count = images_count;
    uint64_t pixels = (uint64_t)set.height * (uint64_t)set.width; /* at most 2^26, so times a 32-bit count fits */
    SPS_TRY(check_promise(images, pixels * images_count));
    SPS_TRY(check_labels(&set, labels));

    SPS_TRY_OUT(sps_calloc(&set.pixels, set.count, pixels, "images"));
    SPS_TRY_OUT(sps_source_read(images, set.pixels, set.count * pixels));
    SPS_TRY_OUT(sps_source_end(images));
    SPS_TRY_OUT(read_labels(&set, labels));
out:
    if (status != SPS_OK)
        sps_raw_images_free(&set);
    else
        *out = set;
    return status;
}

static int knows(const char *name, const uint8_t head[SPS_HEAD_BYTES])
{
    (void)name;
    return head[0] == 0 && head[1] == 0 && head[2] == 8 && head[3] == 3;
}

const struct sps_data_format sps_format_idx = {
    .name = "IDX",
    .files = {{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
              {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}},
    .read = read_idx,
    .knows = knows,
    .images_called = "images-idx3",
    .labels_called = "labels-idx1",
};
