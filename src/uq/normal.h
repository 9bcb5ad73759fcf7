/* SPDX-License-Identifier: MIT */
#ifndef SPS_UQ_NORMAL_H
#define SPS_UQ_NORMAL_H

/* z such that a standard normal lies within -+ z with probability level, in (0, 1): 1.96 for 0.95.  Relative error
 * below 1e-14. */
double sps_normal_interval(double level);
#endif
