/* SPDX-License-Identifier: MIT */
/* The reader of .npy files on arbitrary bytes: what it accepts must be a whole, readable array. */
#include <stdlib.h>

#include "core/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sps_npy array = {0};
    if (sps_npy_parse(&array, "input", data, size) != SPS_OK)
        return 0;
    if ((array.f64 == NULL) == (array.i64 == NULL))
        abort();
    size_t count = 1;
    for (int d = 0; d < array.dims; d++)
        count *= array.shape[d];
    if (count != array.count)
        abort();
    volatile double sum = 0; /* read every element, whatever the compiler thinks */
    for (size_t i = 0; i < count; i++)
        sum += array.f64 != NULL ? array.f64[i] : (double)array.i64[i];
    (void)sum; /* clang counts only reads as use */
    sps_npy_reset(&array);
    return 0;
}
