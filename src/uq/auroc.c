/* SPDX-License-Identifier: MIT */
/* Area under the ROC curve as the Mann-Whitney statistic: the chance that a foreign image scores higher than one from
 * home, ties counting half.  No curve, no thresholds, no interpolation. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "spinscale/uq.h"
#include "uq/sort.h"

static sps_status sorted_copy(double **out, const double *scores, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        if (isnan(scores[i]))
            SPS_FAIL(EINVAL, "score %zu of the %s images is NaN", i, what);
    SPS_TRY(sps_calloc(out, count, sizeof **out, "scores"));
    if (count > 0)
        memcpy(*out, scores, count * sizeof **out);
    sps_sort(*out, NULL, count);
    return SPS_OK;
}

sps_status sps_auroc(double *out, const double *home, size_t home_count, const double *foreign, size_t foreign_count)
{
    double *h = NULL, *f = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sorted_copy(&h, home, home_count, "home"));
    SPS_TRY_OUT(sorted_copy(&f, foreign, foreign_count, "foreign"));

    double wins = 0; /* whole and half numbers: exact up to 2^52 pairs */
    for (size_t i = 0, below = 0, not_above = 0; i < foreign_count; i++) {
        while (below < home_count && h[below] < f[i])
            below++;
        while (not_above < home_count && h[not_above] <= f[i])
            not_above++;
        wins += 0.5 * ((double)below + (double)not_above);
    }
    *out = home_count > 0 && foreign_count > 0 ? wins / ((double)home_count * (double)foreign_count) : NAN;
out:
    sps_free(h);
    sps_free(f);
    return status;
}
