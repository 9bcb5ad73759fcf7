/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_FOKKER_PLANCK_H
#define SPS_CIM_FOKKER_PLANCK_H
/* The macrospin of a perpendicular layer under a current and heat, as a Fokker-Planck equation in z = cos(theta). */

/* Up to which I / Ic0 and delta the grid resolves the distribution. */
enum { SPS_FOKKER_PLANCK_RATIO_MAX = 10, SPS_FOKKER_PLANCK_DELTA_MAX = 1000 };

struct sps_fokker_planck {
    double log_p, log_not_p; /* that it stands reversed (z < 0) at the end of the pulse, and not */
    double rate;             /* at which what is left to be reversed falls in the end; per time unit */
};

/* A pulse of the current ratio i = I / Ic0 >= 0 and the time tau >= 0, in units of (1 + alpha^2) / (alpha gamma mu0
 * Hk), on a layer of thermal stability delta that was at rest in its well before.  Pure; works for any numbers,
 * accurate to 0.2 % for 1 <= delta <= 1000 and i <= 3, 1 % up to i = 10.  0.1 ms at delta 45, with the root of delta.
 */
struct sps_fokker_planck sps_fokker_planck(double delta, double i, double tau);
#endif
