/* SPDX-License-Identifier: MIT */
/* Readers of files without a header, CIFAR-100 and STL-10, plain and packed.  Input: which (1 byte: 'c' or 's', 'S'
 * with labels), length of the images' file (2 bytes, big-endian), images, labels.  (CIFAR-10 has a target of its own.)
 */
#include "data/format.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    int which = data[0];
    size_t length = (size_t)data[1] << 8 | data[2];
    data += 3;
    size -= 3;
    if (length > size)
        length = size;
    sps_source *files[2] = {NULL, NULL};
    struct sps_raw_images images;
    const struct sps_data_format *format = which == 'c' ? &sps_format_cifar100 : &sps_format_stl10;
    if (sps_source_memory(&files[0], "images", data, length) == SPS_OK &&
        sps_source_memory(&files[1], "labels", data + length, size - length) == SPS_OK &&
        format->read(&images, files, which == 'S' ? 2 : 1) == SPS_OK) {
        FUZZ_MUST(images.count >= 1 && images.channels == 3);
        for (size_t i = 0; i < images.count && which == 'S'; i++)
            FUZZ_MUST(images.labels[i] <= 9);
        sps_raw_images_free(&images);
    }
    sps_source_close(files[0]);
    sps_source_close(files[1]);
    return 0;
}
