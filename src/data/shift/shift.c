/* SPDX-License-Identifier: MIT */
/* The registry of shifts, and what is the same for all: sizes, streams, and the way from values to 8 bits. */
#include <string.h>

#include "core/memory.h"
#include "data/shift/kind.h"
#include "data/shift/list.h"

#define DECLARE(NAME, NUMBER) extern const struct sps_shift_kind sps_shift_kind_##NAME;
SPS_SHIFT_LIST(DECLARE)
#undef DECLARE

static const struct row {
    const struct sps_shift_kind *kind;
    uint32_t stream;
} rows[] = {
#define ROW(NAME, NUMBER) {&sps_shift_kind_##NAME, NUMBER},
    SPS_SHIFT_LIST(ROW)
#undef ROW
};
enum { ROWS = sizeof rows / sizeof *rows };

const struct sps_shift *sps_shift_get(size_t index)
{
    return index < ROWS ? &rows[index].kind->about : NULL;
}

const struct sps_shift *sps_shift_find(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].kind->about.name, name) == 0)
            return &rows[i].kind->about;
    return NULL;
}

static const struct row *row_of(const struct sps_shift *about)
{
    size_t i = 0;
    while (i < ROWS && &rows[i].kind->about != about)
        i++;
    return i < ROWS ? &rows[i] : NULL;
}

/* The definition cuts off.  A value that is an integer but for rounding errors is that integer: 1/1024 is far above
 * float's error and far below what could be seen. */
static void to_bytes(uint8_t *restrict out, const float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float level = y[i] * 255 + 0x1p-10f;
        out[i] = (uint8_t)(int)(level < 0 ? 0 : level > 255 ? 255 : level);
    }
}

sps_status sps_shift_apply(uint8_t *out, const uint8_t *in, int h, int w, int c, const struct sps_shift *about,
                           int severity, uint64_t seed, uint32_t image_index)
{
    const struct row *row = row_of(about);
    if (row == NULL)
        SPS_FAIL(EINVAL, "this kind of shift is not one of the list");
    if (h < 1 || w < 1 || h > SPS_SHIFT_SIDE_MAX || w > SPS_SHIFT_SIDE_MAX)
        SPS_FAIL(EINVAL, "an image to shift is %d x %d, sides must be 1 to %d", h, w, SPS_SHIFT_SIDE_MAX);
    if (c != 1 && c != 3)
        SPS_FAIL(EINVAL, "an image to shift has %d channels, must have 1 or 3", c);
    if (severity < 0 || severity > about->levels)
        SPS_FAIL(EINVAL, "severity of %s is %d, must be 0 to %d", about->name, severity, about->levels);
    const size_t n = (size_t)h * w * c;
    if (severity == 0) {
        memmove(out, in, n);
        return SPS_OK;
    }
    float *x;
    SPS_TRY(sps_calloc(&x, 2 * n, sizeof *x, "an image to shift"));
    for (size_t i = 0; i < n; i++)
        x[i] = (float)in[i] / 255.0f;
    const int side = h < w ? h : w;
    struct sps_shift_job job = {.h = h,
                                .w = w,
                                .c = c,
                                .level = severity - 1,
                                .scale = side > 32 ? side / 32.0 : 1,
                                .random = sps_random(seed, SPS_FOR_SHIFT, image_index, (uint32_t)severity, row->stream),
                                .pixels = in,
                                .x = x,
                                .y = x + n};
    sps_status status = row->kind->apply(&job);
    if (status == SPS_OK)
        to_bytes(out, job.y, n);
    sps_free(x);
    return status;
}
