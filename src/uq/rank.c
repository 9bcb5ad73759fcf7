/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "core/memory.h"
#include "uq/set.h"
#include "uq/sort.h"

sps_status sps_rank(uint32_t *rank, size_t *ranks, const double *scores, size_t n, const char *what)
{
    double *sorted = NULL, *index = NULL; /* an index is a weight that moves along; exact as a double */
    sps_status status = SPS_OK;
    SPS_TRY(sps_check_count(n));
    for (size_t i = 0; i < n; i++)
        if (isnan(scores[i]))
            SPS_FAIL(EINVAL, "%s %zu is NaN", what, i);
    SPS_TRY_OUT(sps_calloc(&sorted, n, sizeof *sorted, "sorted scores"));
    SPS_TRY_OUT(sps_calloc(&index, n, sizeof *index, "order of scores"));
    for (size_t i = 0; i < n; i++) {
        sorted[i] = scores[i];
        index[i] = (double)i;
    }
    sps_sort(sorted, index, n);
    size_t groups = 0;
    for (size_t k = 0; k < n; k++) {
        groups += k == 0 || sorted[k] > sorted[k - 1];
        rank[(size_t)index[k]] = (uint32_t)(groups - 1);
    }
    *ranks = groups;
out:
    sps_free(sorted);
    sps_free(index);
    return status;
}
