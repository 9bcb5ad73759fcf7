/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_SWITCHING_H
#define SPS_CIM_SWITCHING_H
/* The law of thermally activated switching, and its inverse; the forward direction is public. */
#include "core/error.h"
#include "spinscale/device.h"

/* Delta at the law's temperature, never below 0. */
double sps_law_delta(const struct sps_switching_law *law);

/* b(i), the share of the barrier that is left under the current i = I / Ic0:
 *   linear     1 - i, also below 0          Scale-Dropout eq. 25; spin-orbit torque on a perpendicular magnet
 *   macrospin  sqrt(1 - i^2) - i acos(i)    the exact barrier of the same; 0 from i = 1 on
 *   quadratic  (1 - i)^2                    axial, spin-transfer-like torque (Taniguchi 2012); 0 from i = 1 on
 *   fokker_planck: the same; what follows from it is not the law of activation, but the equation (fokker_planck.h)
 * All but the first are stopped at 0, where there is no barrier left: the square would rise again. */
double sps_law_barrier(enum sps_law_kind kind, double i);

/* I < Ic0 and t >= 3 tau0: below, switching is thermal; beyond, it is precessional or ballistic.  The Fokker-Planck
 * equation holds for both; there, what its grid resolves: 1 <= Delta <= 1000, I <= 3 Ic0. */
int sps_law_valid(const struct sps_switching_law *law, double current, double time);

/* Mean time, in s, until heat alone flips it. */
double sps_law_retention(const struct sps_switching_law *law);

/* The same device with a share of critical current and barrier taken away (VCMA), 0 <= share < 1 or negative. */
struct sps_switching_law sps_law_gated(struct sps_switching_law law, double share);

/* The current at which a pulse of this time switches with probability p, 0 < p < 1.  SPS_EINVAL where no current of 0
 * or more does. */
sps_status sps_law_current(double *current, const struct sps_switching_law *law, double p, double time);
#endif
