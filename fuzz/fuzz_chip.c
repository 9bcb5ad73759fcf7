/* SPDX-License-Identifier: MIT */
/* Any bytes as a chip's file.  A chip that is accepted is written and read back to the same. */
#include <string.h>

#include "cim/arch/chip.h"
#include "core/memory.h"
#include "fuzz.h"

static sps_status read_chip(sps_chip **out, const char *text, size_t size)
{
    sps_yaml *yaml = NULL;
    SPS_TRY(sps_yaml_parse(&yaml, "fuzz", text, size));
    sps_status status = sps_chip_read(out, "fuzz", yaml, NULL, 0);
    sps_yaml_free(yaml);
    return status;
}

/* Files that the text would name are not opened. */
static int names_files(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] == '/' || (size - i >= 5 && memcmp(text + i, "table", 5) == 0) ||
            (size - i >= 5 && memcmp(text + i, ".yaml", 5) == 0))
            return 1;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    long live = sps_memory_live();
    sps_chip *first = NULL, *second = NULL;
    if (!names_files((const char *)data, size) && read_chip(&first, (const char *)data, size) == SPS_OK) {
        FUZZ_MUST(read_chip(&second, sps_chip_text(first), strlen(sps_chip_text(first))) == SPS_OK);
        FUZZ_MUST(strcmp(sps_chip_text(first), sps_chip_text(second)) == 0);
    }
    sps_chip_close(first);
    sps_chip_close(second);
    FUZZ_MUST(sps_memory_live() == live);
    return 0;
}
