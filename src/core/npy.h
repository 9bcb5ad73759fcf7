/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_NPY_H
#define SPS_CORE_NPY_H
/* The part of the .npy reader that needs no file: for fuzzing, tests, and files that are mapped. */
#include "core/error.h"
#include "spinscale/npy.h"

/* Like sps_npy_read() on the bytes of a file; name stands in messages. */
sps_status sps_npy_parse(struct sps_npy *out, const char *name, const void *data, size_t bytes);

/* An array of unsigned bytes (any other type is refused), left where it stands in the file's bytes. */
struct sps_npy_bytes {
    int dims;
    size_t shape[SPS_NPY_DIMS_MAX];
    size_t count; /* product of shape */
    const uint8_t *data;
};
sps_status sps_npy_parse_bytes(struct sps_npy_bytes *out, const char *name, const void *data, size_t bytes);
#endif
