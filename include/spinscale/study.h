/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_STUDY_H
#define SPINSCALE_STUDY_H
/* Statistics of studies: what shape samples have, how many passes are enough, whether a curve rises.  On plain arrays
 * of any program.  Undefined values are NaN.  docs/uncertainty.md has the definitions. */
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sps_moments {
    double mean;
    double sd;       /* n - 1 below the sum of squares; 0 where all values are equal */
    double skewness; /* m3 / m2^(3/2), m_k the mean of the k-th power of (v - mean); 0 of a Gaussian; NaN if sd is 0 */
    double kurtosis; /* excess: m4 / m2^2 - 3; 0 of a Gaussian; NaN if sd is 0 */
};
/* Of n finite values; all NaN if n is below 2. */
void sps_moments(struct sps_moments *out, const double *v, size_t n);

double sps_normal_below(double z); /* Phi(z): share of a standard normal at most z */

/* Kolmogorov-Smirnov distance of n finite values to the Gaussian with their mean and sd (Lilliefors' statistic): the
 * largest difference between the two distribution functions.  Sorts v.  NaN if n is below 2 or all are equal. */
double sps_gaussian_distance(double *v, size_t n);
/* What 95 % of Gaussian samples of n stay below: 0.895 / (sqrt n - 0.01 + 0.85 / sqrt n), Stephens, J. Am. Stat. Assoc.
 * 69, 730 (1974), table 1A, case 3. */
double sps_gaussian_distance_critical(size_t n);

/* The first index from which on all of value[n] are within tolerance of the reference (one that is lucky does not
 * count); n where the last one is not, a NaN never is. */
size_t sps_sufficient(const double *value, size_t n, double reference, double tolerance);

/* Steps of a curve value[n] whose points have independent standard errors error[n]: does it rise (direction 1) or fall
 * (-1) from point to point?  A step the wrong way counts in standard errors of the step, sqrt(e_i^2 + e_i+1^2). */
struct sps_monotone {
    double violation; /* the largest such step, 0 where there is none; NaN where a point is, or n is below 2 */
    size_t at;        /* it leads to this point */
    double reversal;  /* the largest way back between any two points, counted the same: steps may add up */
};
void sps_monotone(struct sps_monotone *out, const double *value, const double *error, size_t n, int direction);

#ifdef __cplusplus
}
#endif
#endif
