/* SPDX-License-Identifier: MIT */
#ifndef SPS_CONF_CSV_H
#define SPS_CONF_CSV_H
#include "core/error.h"
#include "spinscale/csv.h"

/* The same from memory that the caller keeps (tests, fuzzing), with a zero byte behind its last; name
 * stands in messages. */
sps_status sps_csv_parse(struct sps_csv *out, const char *name, const char *text, size_t bytes, int header);
#endif
