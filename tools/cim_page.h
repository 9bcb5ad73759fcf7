/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_CIM_PAGE_H
#define SPS_TOOLS_CIM_PAGE_H
/* Results of the command cim as pages: index.html in a folder. */
#include <math.h>

#include "cim_run.h"
#include "spinscale/report.h"

/* Of one result, as sps_cim_run() gives it. */
sps_status sps_cim_page(const char *folder, const json_t *result);

/* Of a sweep: a chart of each metric over the values of the first key, a line for each combination of the others; each
 * chart as METRIC.svg, too.  rows[]: the values of the keys, as text, and the metrics. */
sps_status sps_cim_sweep_page(const char *folder, const struct sps_cim_options *options, const char *const *keys,
                              int key_count, const json_t *rows);

/* ---- what both need ---- */

static inline const char *sps_cim_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

sps_status sps_cim_save_page(sps_page *page, const char *folder);
#endif
