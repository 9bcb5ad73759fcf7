/* SPDX-License-Identifier: MIT */
/* CIFAR-10 binary (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): records of one label
 * byte and 3072 pixels, planes R, G, B, each 32 rows of 32. */
#include <string.h>

#include "data/records.h"

static sps_status read_cifar(struct sps_raw_images *out, sps_source *const *files, size_t count)
{
    const struct sps_record record = {.side = 32, .label_bytes = 1};
    return sps_records_read(out, files, count, &record, SPS_RECORDS_MAX);
}

/* Last of the formats: of the files called *.bin, those that no other knows. */
static int knows(const char *name, const uint8_t head[SPS_HEAD_BYTES])
{
    (void)head;
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".bin") == 0;
}

const struct sps_data_format sps_format_cifar = {
    .name = "CIFAR-10 binary",
    .files = {{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
              {"test_batch.bin"}},
    .read = read_cifar,
    .knows = knows,
};
