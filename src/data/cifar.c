/* SPDX-License-Identifier: MIT */
/* CIFAR-10 binary (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): records of one label
 * byte and 3072 pixels, planes R, G, B, each 32 rows of 32.  There is no header, so the files' names make the promise:
 * at most 10,000 records each, all files of a part alike; one that was cut at a record's border is then told by the
 * others. */
#include "core/memory.h"
#include "data/format.h"

enum { SIDE = 32, PLANE = SIDE * SIDE, CHANNELS = 3, RECORD = 1 + CHANNELS * PLANE, RECORDS_MAX = 10000 };

/* All records of one file. */
static sps_status read_records(uint8_t *raw, size_t raw_bytes, size_t *records, sps_source *file)
{
    size_t got;
    SPS_TRY(sps_source_read_some(file, raw, raw_bytes, &got));
    if (got == 0)
        return sps_source_fail(file, 0, "there is no image");
    if (got % RECORD != 0)
        return sps_source_fail(file, got, "the file ends inside a record of %d bytes", RECORD);
    SPS_TRY(sps_source_end(file));
    *records = got / RECORD;
    return SPS_OK;
}

static void unpack_record(uint8_t *pixels, uint8_t *label, const uint8_t *record)
{
    *label = record[0];
    for (int c = 0; c < CHANNELS; c++)
        for (int i = 0; i < PLANE; i++)
            pixels[i * CHANNELS + c] = record[1 + c * PLANE + i];
}

static sps_status read_cifar(struct sps_raw_images *out, sps_source *const *files, size_t count)
{
    sps_status status = SPS_OK;
    struct sps_raw_images set = {.height = SIDE, .width = SIDE, .channels = CHANNELS};
    uint8_t *raw = NULL;
    uint64_t most = 0;
    for (size_t f = 0; f < count; f++)
        if (sps_source_most_left(files[f]) > most)
            most = sps_source_most_left(files[f]);
    size_t raw_bytes = most < (uint64_t)RECORDS_MAX * RECORD ? (size_t)most : (size_t)RECORDS_MAX * RECORD;
    size_t each = 0;

    SPS_TRY(sps_calloc(&raw, raw_bytes, 1, "records"));
    for (size_t f = 0; f < count; f++) {
        size_t records = 0;
        SPS_TRY_OUT(read_records(raw, raw_bytes, &records, files[f]));
        if (f == 0) {
            each = records;
            set.count = each * count;
            SPS_TRY_OUT(sps_calloc(&set.pixels, set.count, CHANNELS * PLANE, "images"));
            SPS_TRY_OUT(sps_calloc(&set.labels, set.count, 1, "labels"));
        } else if (records != each) {
            status =
                sps_source_fail(files[f], sps_source_offset(files[f]),
                                "the file ends after %zu images, the first file of the part has %zu", records, each);
            goto out;
        }
        for (size_t i = 0; i < each; i++) {
            size_t image = f * each + i;
            unpack_record(set.pixels + image * CHANNELS * PLANE, set.labels + image, raw + i * RECORD);
        }
    }
out:
    sps_free(raw);
    if (status != SPS_OK)
        sps_raw_images_free(&set);
    else
        *out = set;
    return status;
}

const struct sps_data_format sps_format_cifar = {
    .name = "CIFAR-10 binary",
    .files = {{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
              {"test_batch.bin"}},
    .read = read_cifar,
};
