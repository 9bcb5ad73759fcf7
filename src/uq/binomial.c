/* SPDX-License-Identifier: MIT */
/* Binomial tails, summed from their largest term outwards: terms fall at least geometrically, and nothing cancels. */
#include "uq/binomial.h"

#include <math.h>

#include "spinscale/scores.h"

static double log_factorial(size_t n)
{
    if (n < 20) {
        double product = 1;
        for (size_t i = 2; i <= n; i++)
            product *= (double)i;
        return log(product);
    }
    /* Stirling's series: the first term left out is below 1 / (1680 * 20^7), 5e-13. */
    static const double half_log_two_pi = 0.91893853320467274178;
    double x = (double)n, y = 1 / x;
    return (x + 0.5) * log(x) - x + half_log_two_pi + y * (1.0 / 12 - y * y * (1.0 / 360 - y * y / 1260));
}

double sps_binomial_cdf(size_t k, size_t n, double p)
{
    if (k >= n)
        return 1;
    int lower = (double)k < (double)n * p; /* the smaller tail; the upper one starts at k + 1 */
    size_t i = lower ? k : k + 1;
    double odds = p / (1 - p);
    double term = exp(log_factorial(n) - log_factorial(i) - log_factorial(n - i) + (double)i * log(p) +
                      (double)(n - i) * log1p(-p));
    double sum = 0;
    while (term > 1e-18 * sum) {
        sum += term;
        if (i == (lower ? 0 : n))
            break;
        term *= lower ? (double)i / ((double)(n - i + 1) * odds) : (double)(n - i) * odds / (double)(i + 1);
        i = lower ? i - 1 : i + 1;
    }
    return lower ? sum : 1 - sum;
}

double sps_binomial_upper(size_t k, size_t n, double delta)
{
    if (k >= n || !(delta > 0))
        return 1;
    double low = (double)k / (double)n, high = 1;
    for (int i = 0; i < 60; i++) { /* each halves the interval, 60 end at the last bit */
        double middle = 0.5 * (low + high);
        if (middle <= 0 || middle >= 1)
            break;
        if (sps_binomial_cdf(k, n, middle) > delta)
            low = middle;
        else
            high = middle;
    }
    return high;
}
