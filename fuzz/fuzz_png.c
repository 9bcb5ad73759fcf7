/* SPDX-License-Identifier: MIT */
/* PNG reader, then fitting to the size of a network.  Input: a PNG file. */
#include "data/png.h"
#include "spinscale/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sps_source *source;
    uint8_t *pixels, fitted[28 * 28];
    int height, width, channels;
    if (sps_source_memory(&source, "image", data, size) != SPS_OK)
        return 0;
    if (sps_png_decode(&pixels, &height, &width, &channels, source) == SPS_OK) {
        sps_image_fit(fitted, 28, 28, 1, pixels, height, width, channels);
        sps_image_free(pixels);
    }
    sps_source_close(source);
    return 0;
}
