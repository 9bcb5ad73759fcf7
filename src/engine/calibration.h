/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_CALIBRATION_H
#define SPS_ENGINE_CALIBRATION_H
#include "engine/packed.h"

/* The metadata's `calibration`, JSON text (docs/format.md).  Hostile input: SPS_EFORMAT.  Sets packed->calibration. */
sps_status sps_calibration_read(struct sps_packed *packed, const char *text);
/* The other way; *out is released with free(). */
sps_status sps_calibration_text(char **out, const struct sps_model_calibration *calibration);
#endif
