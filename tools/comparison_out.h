/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_COMPARISON_OUT_H
#define SPS_TOOLS_COMPARISON_OUT_H
/* A comparison as tables of text, as Markdown, CSV and JSON. */
#include <jansson.h>

#include "comparison.h"
#include "spinscale/status.h"

struct sps_comparison_setting {
    const char *data, *data_sha256, *reading;
    size_t n, samples, seed;
    int shared_paths;
};

void sps_comparison_print(const struct sps_comparison *comparison, const struct sps_comparison_setting *setting);
/* A new reference, NULL when memory ran out. */
json_t *sps_comparison_json(const struct sps_comparison *comparison, const struct sps_comparison_setting *setting);
/* FOLDER/compare.csv, compare.md and compare.json; the folder is made. */
sps_status sps_comparison_save(const struct sps_comparison *comparison, const struct sps_comparison_setting *setting,
                               const char *folder);
#endif
