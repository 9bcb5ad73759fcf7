/* SPDX-License-Identifier: MIT */
/* Curves of a study: from where on they are flat enough, and whether they rise. */
#include <math.h>

#include "spinscale/study.h"

size_t sps_sufficient(const double *value, size_t n, double reference, double tolerance)
{
    size_t first = n;
    while (first > 0 && fabs(value[first - 1] - reference) <= tolerance)
        first--;
    return first;
}

void sps_monotone(struct sps_monotone *out, const double *value, const double *error, size_t n, int direction)
{
    struct sps_monotone result = {n < 2 ? NAN : 0, 0};
    for (size_t i = 1; i < n; i++) {
        double back = direction * (value[i - 1] - value[i]), unit = hypot(error[i - 1], error[i]);
        double violation = back > 0 ? back / unit : back <= 0 ? 0 * unit : NAN;
        if (isnan(violation) || violation > result.violation)
            result = (struct sps_monotone){violation, i};
        if (isnan(violation))
            break;
    }
    *out = result;
}
