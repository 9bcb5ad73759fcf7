/* SPDX-License-Identifier: MIT */
/* SVHN's MATLAB files, plain and packed.  Input: a file. */
#include "data/format.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sps_source *file;
    struct sps_raw_images images;
    if (sps_source_memory(&file, "digits", data, size) != SPS_OK)
        return 0;
    if (sps_format_svhn.read(&images, &file, 1) == SPS_OK) {
        FUZZ_MUST(images.count >= 1 && images.height >= 1 && images.width >= 1 && images.channels == 3);
        for (size_t i = 0; i < images.count; i++)
            FUZZ_MUST(images.labels[i] <= 9);
        sps_raw_images_free(&images);
    }
    sps_source_close(file);
    return 0;
}
