/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_CIM_SWEEP_H
#define SPS_TOOLS_CIM_SWEEP_H
/* What the command cim makes beside one printed result: folders with results and pages, sweeps, and what they would
 * take.  Each gives the exit status. */
#include "cim_run.h"

/* result.json in a folder, which is made. */
int sps_cim_save(const char *folder, json_t *result);

/* sweeps: "key=a,b,c", as --set takes key and value. */
int sps_cim_sweep(const struct sps_cim_options *options, struct sps_cim_subject *subject, const char *const *sweeps,
                  size_t sweep_count, const char *folder, int json);
int sps_cim_dry_run(const struct sps_cim_options *options, const struct sps_cim_subject *subject,
                    const char *const *sweeps, size_t sweep_count, int json);
#endif
