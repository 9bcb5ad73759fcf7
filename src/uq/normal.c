/* SPDX-License-Identifier: MIT */
/* The half width of a normal interval solves erfc(z / sqrt 2) = 1 - level.  Newton's method: erfc is convex for z > 0,
 * so from z = 0 every step stays below the root and approaches it; far out the steps are about 1 / z, so a level next
 * to 1 takes some forty of them. */
#include "uq/normal.h"

#include <math.h>

double sps_normal_interval(double level)
{
    static const double sqrt_half = 0.70710678118654752440, sqrt_two_over_pi = 0.79788456080286535588;
    double z = 0, step = INFINITY;
    for (int i = 0; i < 100 && step > 1e-15 * z; i++) {
        /* Near 0, erf keeps the digits that 1 - level and erfc would lose. */
        double excess = z < 1 ? level - erf(z * sqrt_half) : erfc(z * sqrt_half) - (1 - level);
        step = excess / (sqrt_two_over_pi * exp(-0.5 * z * z));
        z += step;
    }
    return z;
}
