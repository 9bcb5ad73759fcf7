/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_FOKKER_PLANCK_H
#define SPS_CIM_FOKKER_PLANCK_H
/* The macrospin of a perpendicular layer under a current and heat, as a Fokker-Planck equation in z = cos(theta). */

/* Up to which I / Ic0 and delta the grid resolves the distribution. */
enum { SPS_FOKKER_PLANCK_RATIO_MAX = 3, SPS_FOKKER_PLANCK_DELTA_MAX = 1000 };

struct sps_fokker_planck {
    double log_p, log_not_p; /* that it stands reversed (z < 0) at the end of the pulse, and not */
    double rate;             /* at which what is left to be reversed falls in the end; per time unit */
};

/* A pulse of the current ratio i = I / Ic0 >= 0 and the time tau >= 0, in units of (1 + alpha^2) / (alpha gamma mu0
 * Hk), on a layer of thermal stability delta that was at rest in its well before.  Pure; answers any numbers.  Errors
 * stay below 0.8 % of P for delta 1 to 1000 and i up to 3 where P is above 1e-6 or tau above 4.  A pulse so short that
 * P is below 3e-8 of what it comes to (1; below Ic0, about exp(-delta (1 - i)^2)) counts as P = 0.  0.2 ms at delta 45,
 * with the root of delta. */
struct sps_fokker_planck sps_fokker_planck(double delta, double i, double tau);
#endif
