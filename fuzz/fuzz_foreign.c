/* SPDX-License-Identifier: MIT */
/* Names of foreign images, and drawing from them.  Input: a name; one that has a '/' or '.' before its ending is passed
 * over, as it could name a file of this machine. */
#include <string.h>

#include "fuzz.h"
#include "spinscale/foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[256];
    sps_foreign *foreign;
    const struct sps_foreign_options options = {.data_dir = "nowhere", .count = 2};
    if (size >= sizeof name || memchr(data, '/', size) != NULL || (size > 0 && data[0] == '.'))
        return 0;
    if (size > 0)
        memcpy(name, data, size);
    name[size] = '\0';
    if (sps_foreign_open(&foreign, name, 3, 2, 3, &options) != SPS_OK)
        return 0;
    struct sps_images images = sps_foreign_images(foreign);
    FUZZ_MUST(images.count == 2 && images.image(images.self, 1) != NULL && images.label(images.self, 1) == -1);
    sps_foreign_close(foreign);
    return 0;
}
