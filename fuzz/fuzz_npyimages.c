/* SPDX-License-Identifier: MIT */
/* Ready-made corruptions, images in one .npy file and labels in another.  Input: two bytes, the number of bytes of the
 * images' file (little-endian), that file, and what is left is labels.npy; nothing left: there is none. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "spinscale/data.h"
#include "spinscale/shift.h"

static int write_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    const int bad = file == NULL || fwrite(data, 1, size, file) != size;
    return file != NULL && fclose(file) == 0 && !bad;
}

/* Every pixel and label is there; the two ways to open agree. */
static void check(const char *path)
{
    sps_view *view = NULL;
    sps_dataset *set = NULL;
    const sps_status status = sps_view_open_npy(&view, path);
    FUZZ_MUST(status == sps_dataset_open(&set, path, SPS_TEST, NULL));
    if (status != SPS_OK)
        return;
    const struct sps_images a = sps_view_images(view), b = sps_dataset_images(set);
    const size_t bytes = (size_t)a.height * (size_t)a.width * (size_t)a.channels;
    FUZZ_MUST(a.count >= 1 && bytes >= 1 && a.count == b.count);
    for (size_t i = 0; i < a.count; i++) {
        const uint8_t *pixels = a.image(a.self, i), *same = b.image(b.self, i);
        for (size_t k = 0; k < bytes; k++)
            FUZZ_MUST(pixels[k] == same[k]);
        const int label = a.label(a.self, i);
        FUZZ_MUST(label >= -1 && label <= 254 && label == b.label(b.self, i));
    }
    sps_view_free(view);
    sps_dataset_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char folder[] = "npyimages-XXXXXX", images[64], labels[64], part[64];
    const size_t length = size < 2 ? 0 : (size_t)data[0] | (size_t)data[1] << 8;
    if (size < 2 || length > size - 2 || mkdtemp(folder) == NULL)
        return 0;
    snprintf(images, sizeof images, "%s/images.npy", folder);
    snprintf(labels, sizeof labels, "%s/labels.npy", folder);
    snprintf(part, sizeof part, "%s/images.npy#5", folder);
    if (write_file(images, data + 2, length) &&
        (length == size - 2 || write_file(labels, data + 2 + length, size - 2 - length))) {
        check(images);
        check(part);
    }
    unlink(images);
    unlink(labels);
    rmdir(folder);
    return 0;
}
