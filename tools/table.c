/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <limits.h>
#include <stdlib.h>

#include "command.h"
#include "console.h"
#include "spinscale/npy.h"

static int take(struct sps_table *out, const struct sps_npy *npy, const char *path)
{
    if (npy->f64 == NULL || (npy->dims != 2 && npy->dims != 3))
        return sps_console_error("'%s' must hold floating-point numbers [T][N][C] or [N][C]", path);
    struct sps_table table = {.path = path,
                              .passes = npy->dims == 3 ? npy->shape[0] : 1,
                              .count = npy->shape[npy->dims - 2],
                              .classes = npy->shape[npy->dims - 1]};
    if (npy->count == 0 || table.classes > INT_MAX || table.passes > SPS_SAMPLES_MAX)
        return sps_console_error("'%s' has the shape [%zu][%zu][%zu]: T must be 1 to %d, N and C at least 1", path,
                                 table.passes, table.count, table.classes, SPS_SAMPLES_MAX);
    table.p = malloc(npy->count * sizeof *table.p);
    if (table.p == NULL)
        return sps_console_error("out of memory");
    for (size_t i = 0; i < npy->count; i++)
        table.p[i] = (float)npy->f64[i];
    *out = table;
    return 0;
}

int sps_table_read(struct sps_table *out, const char *path)
{
    struct sps_npy npy = {0};
    sps_status status = sps_npy_read(&npy, path);
    int failed = status == SPS_OK ? take(out, &npy, path) : sps_console_failed(status);
    sps_npy_reset(&npy);
    return failed;
}

void sps_table_reset(struct sps_table *table)
{
    free(table->p);
    *table = (struct sps_table){0};
}
