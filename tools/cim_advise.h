/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_CIM_ADVISE_H
#define SPS_TOOLS_CIM_ADVISE_H
#include "cim_run.h"

/* The fewest bits of a converter, and the span that it should cover, which keep what the model answers and how sure it
 * is.  images are of the training part: a choice is never made on test images.  The exit status. */
int sps_cim_advise(const struct sps_cim_options *options, struct sps_cim_subject *subject, int json);
#endif
