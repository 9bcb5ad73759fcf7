/* SPDX-License-Identifier: MIT */
/* CIFAR-100 binary (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): as CIFAR-10, but
 * with two label bytes, first the superclass (0 .. 19), then the class (0 .. 99), which is the label here.  Also a
 * sample of 4,000 images as records of CIFAR-10 with the class as label. */
#include <string.h>

#include "data/records.h"

static sps_status read_cifar100(struct sps_raw_images *out, sps_source *const *files, size_t count)
{
    const struct sps_record record = {.side = 32, .label_bytes = 2, .label_at = 1};
    return sps_records_read(out, files, count, &record, SPS_RECORDS_MAX);
}

static sps_status read_sample(struct sps_raw_images *out, sps_source *const *files, size_t count)
{
    return sps_format_cifar.read(out, files, count);
}

static int knows(const char *name, const uint8_t head[SPS_HEAD_BYTES])
{
    (void)head;
    return strcmp(name, "train.bin") == 0 || strcmp(name, "test.bin") == 0;
}

static const struct sps_data_format sample = {
    .name = "CIFAR100 sample",
    .files = {{NULL}, {"cifar100_4000.bin"}},
    .read = read_sample,
};

const struct sps_data_format sps_format_cifar100 = {
    .name = "CIFAR100 binary",
    .files = {{"train.bin"}, {"test.bin"}},
    .read = read_cifar100,
    .also = &sample,
    .knows = knows,
};
