/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_CALIBRATED_H
#define SPS_TOOLS_CALIBRATED_H
/* What commands say of a model's calibration. */
#include <jansson.h>

#include "report.h"
#include "spinscale/calibration.h"

/* "0.1250", or "undefined"; gives text. */
const char *sps_cli_share(char text[32], double share);
/* A threshold in words: "entropy <= 0.5123, coverage at least 0.8". */
void sps_cli_abstention_words(char words[160], const struct sps_abstention *abstention);
/* The same as an object; a threshold without bounds is "inf" or "-inf".  NULL when memory ran out. */
json_t *sps_cli_abstention_json(const struct sps_abstention *abstention);
/* Temperature and thresholds of a model's card; nothing where it is not calibrated. */
void sps_cli_report_calibration(struct sps_cli_report *report, const struct sps_model_calibration *calibration,
                                int json);

/* Whether a prediction is one that the thresholds were fitted for; a note says so where it is not. */
int sps_cli_promises_hold(const struct sps_model_calibration *calibration, const struct sps_predict_options *options,
                          size_t passes, double quantile);
#endif
