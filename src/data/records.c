/* SPDX-License-Identifier: MIT */
/* Nothing in such a file says how many images it has, so memory grows with what is read: a bomb costs no more than
 * `most` records.  Files of a part must be alike: one that was cut at a record's border is told by the others. */
#include "data/records.h"

#include <string.h>

#include "core/memory.h"

enum { CHANNELS = 3, CHUNK_BYTES = 1 << 20 };

void sps_planes_unpack(uint8_t *out, const uint8_t *planes, int height, int width, int channels, int column_major)
{
    size_t row_step = column_major ? 1 : (size_t)width, column_step = column_major ? (size_t)height : 1,
           plane = (size_t)height * (size_t)width;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                *out++ = planes[(size_t)c * plane + (size_t)y * row_step + (size_t)x * column_step];
}

/* Make room for so many images; what is there is kept. */
static sps_status grow(struct sps_raw_images *set, size_t room, size_t image_bytes)
{
    sps_status status;
    uint8_t *pixels = NULL, *labels = NULL;
    SPS_TRY_OUT(sps_calloc(&pixels, room, image_bytes, "images"));
    SPS_TRY_OUT(sps_calloc(&labels, room, 1, "labels"));
    if (set->count > 0) {
        memcpy(pixels, set->pixels, set->count * image_bytes);
        memcpy(labels, set->labels, set->count);
    }
    sps_free(set->pixels);
    sps_free(set->labels);
    set->pixels = pixels;
    set->labels = labels;
    return SPS_OK;
out:
    sps_free(pixels);
    return status;
}

struct job {
    const struct sps_record *record;
    size_t image_bytes, record_bytes, chunk; /* records of a chunk */
    uint8_t *raw;                            /* a chunk */
    size_t room;                             /* images that the set has memory for */
};

static void unpack(struct sps_raw_images *set, const struct job *job, size_t records)
{
    const struct sps_record *record = job->record;
    for (size_t i = 0; i < records; i++) {
        const uint8_t *raw = job->raw + i * job->record_bytes;
        sps_planes_unpack(set->pixels + set->count * job->image_bytes, raw + record->label_bytes, record->side,
                          record->side, CHANNELS, record->column_major);
        set->labels[set->count++] = record->label_bytes > 0 ? raw[record->label_at] : SPS_UNLABELLED;
    }
}

/* All records of one file; the set has room for `room` of them at first. */
static sps_status read_file(struct sps_raw_images *set, struct job *job, size_t most, sps_source *file)
{
    size_t before = set->count, got;
    do {
        size_t left = most - (set->count - before), chunk = left < job->chunk ? left : job->chunk;
        SPS_TRY(sps_source_read_some(file, job->raw, chunk * job->record_bytes, &got));
        if (got % job->record_bytes != 0)
            return sps_source_fail(file, sps_source_offset(file), "the file ends inside a record of %zu bytes",
                                   job->record_bytes);
        size_t records = got / job->record_bytes;
        if (set->count + records > job->room) {
            job->room = 2 * job->room > set->count + records ? 2 * job->room : set->count + records;
            SPS_TRY(grow(set, job->room, job->image_bytes));
        }
        unpack(set, job, records);
    } while (got > 0 && set->count - before < most);
    if (set->count == before)
        return sps_source_fail(file, 0, "there is no image");
    return sps_source_end(file);
}

sps_status sps_records_read(struct sps_raw_images *out, sps_source *const *files, size_t count,
                            const struct sps_record *record, size_t most)
{
    sps_status status = SPS_OK;
    struct sps_raw_images set = {.height = record->side, .width = record->side, .channels = CHANNELS};
    struct job job = {.record = record, .image_bytes = (size_t)record->side * (size_t)record->side * CHANNELS};
    job.record_bytes = (size_t)record->label_bytes + job.image_bytes;
    job.chunk = CHUNK_BYTES / job.record_bytes;
    size_t each = 0;
    SPS_TRY(sps_calloc(&job.raw, job.chunk, job.record_bytes, "records"));
    for (size_t f = 0; f < count; f++) {
        size_t before = set.count;
        SPS_TRY_OUT(read_file(&set, &job, most, files[f]));
        if (f == 0) {
            each = set.count;
            if (count > 1) {
                job.room = each * count;
                SPS_TRY_OUT(grow(&set, job.room, job.image_bytes));
            }
        } else if (set.count - before != each) {
            status = sps_source_fail(files[f], sps_source_offset(files[f]),
                                     "the file ends after %zu images, the first file of the part has %zu",
                                     set.count - before, each);
            goto out;
        }
    }
out:
    sps_free(job.raw);
    if (status != SPS_OK)
        sps_raw_images_free(&set);
    else
        *out = set;
    return status;
}
