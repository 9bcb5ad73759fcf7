/* SPDX-License-Identifier: MIT */
/* Quantiles of samples.  Equal weights: linear interpolation between order statistics (Hyndman and Fan, type 7; NumPy's
 * default).  Other weights: the inverse of the distribution function, because an atom of an exact mixture is no
 * sample to interpolate from. */
#include "uq/quantile.h"

#include <math.h>

#include "spinscale/uq.h"
#include "uq/sort.h"

static double interpolated(const double *v, size_t n, double q)
{
    double position = q * (double)(n - 1);
    size_t i = (size_t)position;
    if (i >= n - 1)
        return v[n - 1];
    double part = position - (double)i, step = v[i + 1] - v[i];
    return part < 0.5 ? v[i] + step * part : v[i + 1] - step * (1 - part); /* exact at both ends, as NumPy's */
}

static double inverse_distribution(const double *v, const double *w, size_t n, double q)
{
    double total = 0, reached = 0, last = NAN;
    for (size_t i = 0; i < n; i++)
        total += w[i];
    for (size_t i = 0; i < n; i++) {
        if (!(w[i] > 0))
            continue;
        last = v[i];
        reached += w[i];
        if (reached >= (q - 1e-12) * total) /* ten times 0.1 is less than 1 in binary */
            break;
    }
    return last;
}

double sps_quantile_of_sorted(const double *v, const double *w, size_t n, double q)
{
    return w == NULL ? interpolated(v, n, q) : inverse_distribution(v, w, n, q);
}

static int defined(const double *v, size_t n, double q)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(v[i]))
            return 0;
    return n > 0 && q >= 0 && q <= 1;
}

double sps_quantile(double *v, size_t n, double q)
{
    if (!defined(v, n, q))
        return NAN;
    sps_sort(v, NULL, n);
    return interpolated(v, n, q);
}

double sps_weighted_quantile(double *v, double *w, size_t n, double q)
{
    if (!defined(v, n, q))
        return NAN;
    sps_sort(v, w, n);
    return inverse_distribution(v, w, n, q);
}
