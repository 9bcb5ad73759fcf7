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

/* From one point to a later one, against the direction, in standard errors. */
static double way_back(const double *value, const double *error, size_t from, size_t to, int direction)
{
    double back = direction * (value[from] - value[to]), unit = hypot(error[from], error[to]);
    if (isnan(back) || isnan(unit))
        return NAN;
    return back > 0 ? back / unit : 0;
}

void sps_monotone(struct sps_monotone *out, const double *value, const double *error, size_t n, int direction)
{
    struct sps_monotone result = {0};
    int defined = n > 1;
    for (size_t to = 1; to < n; to++)
        for (size_t from = 0; from < to; from++) {
            double back = way_back(value, error, from, to, direction);
            defined &= !isnan(back);
            result.reversal = fmax(result.reversal, back);
            if (from + 1 == to && back > result.violation) {
                result.violation = back;
                result.at = to;
            }
        }
    *out = defined ? result : (struct sps_monotone){NAN, 0, NAN};
}
