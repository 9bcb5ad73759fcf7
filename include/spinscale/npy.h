/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_NPY_H
#define SPINSCALE_NPY_H
/* NumPy's .npy files, version 1.0 to 3.0, C order, little-endian. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

enum { SPS_NPY_DIMS_MAX = 8 };

/* An array read from a file: exactly one of f64 and i64 is set (floats and integers are widened; booleans are
 * integers). */
struct sps_npy {
    int dims;
    size_t shape[SPS_NPY_DIMS_MAX];
    size_t count; /* product of shape */
    double *f64;
    int64_t *i64;
};

/* The file is hostile input; messages have its name and the offset.  Fortran order and objects are refused by name.
 * Release with sps_npy_reset(). */
sps_status sps_npy_read(struct sps_npy *out, const char *path);
void sps_npy_reset(struct sps_npy *array);

/* Streaming writer: the shape is fixed at the start, data follow in order, commit checks that all came.  Atomic. */
typedef struct sps_npy_writer sps_npy_writer;
sps_status sps_npy_create(sps_npy_writer **out, const char *path, char kind /* 'f' float32, 'u' uint8, 'i' int32 */,
                          int dims, const size_t *shape);
sps_status sps_npy_write(sps_npy_writer *writer, const void *data, size_t count);
sps_status sps_npy_commit(sps_npy_writer *writer); /* releases writer, also on failure */
void sps_npy_abandon(sps_npy_writer *writer);      /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
