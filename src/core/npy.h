/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_NPY_H
#define SPS_CORE_NPY_H
/* The part of the .npy reader that needs no file: for fuzzing and tests. */
#include "core/error.h"
#include "spinscale/npy.h"

/* Like sps_npy_read() on the bytes of a file; name stands in messages. */
sps_status sps_npy_parse(struct sps_npy *out, const char *name, const void *data, size_t bytes);
#endif
