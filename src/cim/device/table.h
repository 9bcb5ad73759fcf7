/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_TABLE_H
#define SPS_CIM_TABLE_H
/* A user's own device as measured: tables of P_sw(I, t) and of R(V), as CSV.  Between points they are interpolated,
 * outside they say nothing. */
#include "cim/device/device.h"
#include "conf/csv.h"

/* Columns I_A, t_s, P: every current with every time, in any order.  Interpolated along I and ln t, in ln(-ln(1 - P)):
 * there the linear law is a plane, so that a few points are enough.  P of 0 and 1, as a finite number of trials gives
 * them, count as 1e-12 from there.  Released with sps_free(). */
sps_status sps_switching_table_create(struct sps_switching_table **out, const struct sps_csv *csv, const char *name);
sps_status sps_switching_table_at(struct sps_switching *out, const struct sps_switching_table *table, double current,
                                  double time);
/* The same at the nearest point of the table where it is left, which *out says. */
struct sps_switching sps_switching_table_near(const struct sps_switching_table *table, double current, double time);
/* The lowest current at which P reaches p at this time. */
sps_status sps_switching_table_current(double *current, const struct sps_switching_table *table, double p, double time);

/* Columns V_V, R_P_ohm, R_AP_ohm, with 0 V among what they span; straight lines between.  A table without negative
 * voltages is symmetric. */
sps_status sps_resistance_table_create(struct sps_resistance_table **out, const struct sps_csv *csv, const char *name);
sps_status sps_resistance_table_at(double *ohm, const struct sps_resistance_table *table, enum sps_mtj_state state,
                                   double bias);
#endif
