/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_SAFETENSORS_H
#define SPS_CORE_SAFETENSORS_H
/* safetensors (huggingface/safetensors): 8-byte little-endian header length, JSON header padded with spaces so that
 * data start at a multiple of 64, then tensors without holes, in the order given to the writer.  Readable from PyTorch
 * and NumPy. */
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

enum sps_dtype { SPS_U8, SPS_I8, SPS_I32, SPS_I64, SPS_F32, SPS_F64 };
enum { SPS_DIMS_MAX = 8 };

struct sps_tensor {
    const char *name;
    enum sps_dtype dtype;
    int dims;
    size_t shape[SPS_DIMS_MAX];
    const void *data; /* dense, row-major, little-endian */
    size_t bytes;
};
struct sps_metadata {
    const char *key, *value;
};

size_t sps_dtype_bytes(enum sps_dtype dtype);

/* Atomic (core/file.h).  Refused with SPS_EINVAL: bytes that do not fit the shape, names or keys given twice, names
 * longer than 255 bytes or with control characters, and an order in which a tensor would not be aligned to its type's
 * size (give tensors of bytes a padded length, or put them last). */
sps_status sps_safetensors_write(const char *path, const struct sps_tensor *tensors, size_t count,
                                 const struct sps_metadata *metadata, size_t metadata_count);

/* An open file, loaded whole (at most 2 GiB): unlike a map, that does not crash when the file is cut short later.
 * Tensors and metadata stay valid until sps_safetensors_close().  The file is hostile input: header length and syntax,
 * dtype, shape products, offsets (in range, no overlap, no holes) and duplicate names are all checked; messages have
 * the file's name and the offset.  Tensor data are aligned to at least their type's size, otherwise refused.  Unknown
 * types are SPS_EUNSUPPORTED, everything else that is wrong with the content SPS_EFORMAT. */
typedef struct sps_safetensors sps_safetensors;
sps_status sps_safetensors_open(sps_safetensors **out, const char *path);
/* The same with the file mapped instead of loaded: nothing is copied, but the file must not be cut short while it is
 * open.  (Replacing it by renaming, as all writers here do, is no harm.) */
sps_status sps_safetensors_map(sps_safetensors **out, const char *path);
/* The same on memory that the caller keeps (tests, fuzzing), aligned to 8 bytes; name stands in messages. */
sps_status sps_safetensors_parse(sps_safetensors **out, const char *name, const void *data, size_t bytes);
void sps_safetensors_close(sps_safetensors *file); /* NULL is allowed */

/* Tensors are in the order of their data. */
size_t sps_safetensors_count(const sps_safetensors *file);
const struct sps_tensor *sps_safetensors_at(const sps_safetensors *file, size_t index);
/* NULL if there is none. */
const struct sps_tensor *sps_safetensors_find(const sps_safetensors *file, const char *name);
const char *sps_safetensors_metadata(const sps_safetensors *file, const char *key);
/* The tensor with this name, type and shape (dims numbers follow), or SPS_EFORMAT saying what is there instead. */
sps_status sps_safetensors_expect(const struct sps_tensor **out, const sps_safetensors *file, const char *name,
                                  enum sps_dtype dtype, int dims, const size_t *shape);
#endif
