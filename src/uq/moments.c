/* SPDX-License-Identifier: MIT */
/* How far samples are from a Gaussian: moments, and the largest gap between distribution functions. */
#include <math.h>

#include "spinscale/study.h"
#include "uq/sort.h"

#define SQRT_HALF 0.70710678118654752440

static int all_equal(const double *v, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (v[i] != v[0])
            return 0;
    return 1;
}

void sps_moments(struct sps_moments *out, const double *v, size_t n)
{
    double sum = 0, power[5] = {0};
    *out = (struct sps_moments){NAN, NAN, NAN, NAN};
    if (n < 2)
        return;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    double mean = sum / (double)n;
    if (all_equal(v, n)) { /* the mean may be off by a rounding, which would look like spread */
        *out = (struct sps_moments){v[0], 0, NAN, NAN};
        return;
    }
    for (size_t i = 0; i < n; i++) {
        double d = v[i] - mean;
        for (int k = 2; k <= 4; k++)
            power[k] += pow(d, k) / (double)n;
    }
    out->mean = mean;
    out->sd = sqrt(power[2] * (double)n / (double)(n - 1));
    out->skewness = power[3] / pow(power[2], 1.5);
    out->kurtosis = power[4] / (power[2] * power[2]) - 3;
}

double sps_normal_below(double z)
{
    return 0.5 * erfc(-z * SQRT_HALF);
}

double sps_gaussian_distance(double *v, size_t n)
{
    struct sps_moments fitted;
    double largest = 0;
    sps_moments(&fitted, v, n);
    if (!(fitted.sd > 0))
        return NAN;
    sps_sort(v, NULL, n);
    for (size_t i = 0; i < n; i++) {
        double below = sps_normal_below((v[i] - fitted.mean) / fitted.sd);
        largest = fmax(largest, fmax(below - (double)i / (double)n, (double)(i + 1) / (double)n - below));
    }
    return largest;
}

double sps_gaussian_distance_critical(size_t n)
{
    double root = sqrt((double)n);
    return n < 2 ? NAN : 0.895 / (root - 0.01 + 0.85 / root);
}
