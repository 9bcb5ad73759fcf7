/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_ENSEMBLE_H
#define SPINSCALE_ENSEMBLE_H
/* A deep ensemble: several trained models that predict as one.
 *
 * Its passes are those of its members, one member after the other: T samples of each of M members are M x T passes of
 * equal weight; the point reading is M passes; all paths are those of every member, at 1/M of their weights.  (After
 * Lakshminarayanan et al., NeurIPS 2017, whose members are M point networks.)
 *
 * All members draw their picks from the same seed, so each answers as it does alone.  Members of the same structure
 * then take the same picks in pass t of an image.  That biases nothing, because each member's mean is over its own
 * paths; the picks choose among other weights and scales in each. */
#include <stddef.h>

#include "spinscale/predict.h"
#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

enum { SPS_ENSEMBLE_MAX = 256 }; /* members */

typedef struct sps_ensemble sps_ensemble;

/* Members must have the same input shape and the same classes (SPS_EINVAL names the two that differ; names[count] of
 * the members, NULL: by number).  They must outlive the ensemble.  Where picks are asked for, P is the largest of the
 * members, and the picks of the others are filled up with zeros.  Passes cannot end early (sps_settle). */
sps_status sps_ensemble_create(sps_ensemble **out, const struct sps_predictor *members, const char *const *names,
                               size_t count);
void sps_ensemble_free(sps_ensemble *ensemble); /* NULL is allowed */
/* Its model info: names that differ are joined by '+', provenance is a stream of YAML documents, weights are summed,
 * and macs are those of a mean pass. */
struct sps_predictor sps_ensemble_predictor(sps_ensemble *ensemble);

#ifdef __cplusplus
}
#endif
#endif
