/* SPDX-License-Identifier: MIT */
/* Lists of images.  Input: the text. */
#include <string.h>

#include "core/memory.h"
#include "data/imagelist.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;
    struct sps_image_list list;
    if (sps_calloc(&text, size + 1, 1, "text") != SPS_OK)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    if (sps_image_list_parse(&list, "list", text, size) == SPS_OK) {
        FUZZ_MUST(list.count >= 1);
        for (size_t i = 0; i < list.count; i++) {
            const char *path = list.images[i].path;
            FUZZ_MUST(list.images[i].label >= -1 && list.images[i].label < SPS_UNLABELLED);
            FUZZ_MUST(path[0] != '\0' && path[0] != '/' && strncmp(path, "../", 3) != 0 &&
                      strstr(path, "/../") == NULL);
        }
        sps_image_list_free(&list);
    }
    sps_free(text);
    return 0;
}
