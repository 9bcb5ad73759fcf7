/* SPDX-License-Identifier: MIT */
/* IDX reader, plain and packed.  Input: length of the images' file (2 bytes, big-endian), images, labels. */
#include "data/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t length = (size_t)data[0] << 8 | data[1];
    data += 2;
    size -= 2;
    if (length > size)
        length = size;
    sps_source *files[2] = {NULL, NULL};
    struct sps_raw_images images;
    if (sps_source_memory(&files[0], "images", data, length) == SPS_OK &&
        sps_source_memory(&files[1], "labels", data + length, size - length) == SPS_OK &&
        sps_format_idx.read(&images, files, 2) == SPS_OK)
        sps_raw_images_free(&images);
    sps_source_close(files[0]);
    sps_source_close(files[1]);
    return 0;
}
