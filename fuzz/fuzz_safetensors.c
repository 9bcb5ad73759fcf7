/* SPDX-License-Identifier: MIT */
/* safetensors: any bytes either fail with a message or give tensors whose every byte can be read. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sps_safetensors *file;
    if (sps_safetensors_parse(&file, "fuzz", data, size) != SPS_OK)
        return 0;
    for (size_t i = 0; i < sps_safetensors_count(file); i++) {
        const struct sps_tensor *tensor = sps_safetensors_at(file, i), *expected;
        const volatile unsigned char *bytes = tensor->data;
        for (size_t b = 0; b < tensor->bytes; b++)
            (void)bytes[b];
        if (sps_safetensors_find(file, tensor->name) != tensor ||
            sps_safetensors_expect(&expected, file, tensor->name, tensor->dtype, tensor->dims, tensor->shape) != SPS_OK)
            __builtin_trap();
    }
    const char *value = sps_safetensors_metadata(file, "format");
    if (value != NULL && strlen(value) > size)
        __builtin_trap();
    sps_safetensors_close(file);
    return 0;
}
