/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_MODEL_H
#define SPINSCALE_MODEL_H
/* A trained network as training leaves it (model.safetensors), evaluated by the training graph: the oracle of the
 * packed engine, and what it is packed from. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/engine.h"
#include "spinscale/predict.h"
#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct sps_model sps_model;

/* path is a model file, or a run's folder (its model.safetensors).  Hostile input: everything is checked.  Release with
 * sps_model_close(). */
sps_status sps_model_open(sps_model **out, const char *path);
void sps_model_close(sps_model *model); /* NULL is allowed */
const struct sps_model_info *sps_model_get_info(const sps_model *model);
/* Name of a class, or NULL. */
const char *sps_model_class_name(const sps_model *model, int label);
/* The file that was read: "RUN/model.safetensors" where a folder was given. */
const char *sps_model_path(const sps_model *model);

struct sps_predictor sps_model_predictor(sps_model *model);

/* Fold it into a packed model.  SPS_EUNSUPPORTED, naming the layer, where that is not possible. */
sps_status sps_model_pack(sps_packed **out, sps_model *model);

/* A network description without training, packed: shapes, bank sizes and probabilities are right, weights are random.
 * net as net.name has it; sets are settings of a run, for example "method.samples=8".  For what a network costs. */
sps_status sps_net_pack(sps_packed **out, const char *net, const char *const *sets, size_t set_count);

/* Share of activation bits that differ between two different bank entries, as sps_session_flips(). */
sps_status sps_model_flips(double *share, sps_model *model, size_t n, const uint8_t *const *images,
                           const uint32_t *index, uint64_t seed);

#ifdef __cplusplus
}
#endif
#endif
