/* SPDX-License-Identifier: MIT */
#ifndef SPS_TRAIN_MODEL_FILE_H
#define SPS_TRAIN_MODEL_FILE_H
/* model.safetensors: what training leaves behind.  Binary weights as bits, banks, BatchNorm, the input table, and in
 * the metadata the network's description and where it all came from.  docs/model-file.md lists every tensor and key. */
#include "core/safetensors.h"
#include "data/transform.h"
#include "nn/nn.h"

struct sps_model_facts {
    const char *net_text, *method, *binariser, *config, *data, *data_sha256;
    double validation_accuracy, validation_nll, mutual_information; /* NaN: not known */
    int bank_draws;
    const char *class_names[256]; /* NULL: none */
    const char *seed;
};

sps_status sps_model_file_write(const char *path, const struct sps_graph *graph, const struct sps_code_table *table,
                                const struct sps_model_facts *facts);

/* Build the graph from an open file (hostile input) for batches of `batch` and fill it.  Texts of facts live in the
 * file. */
sps_status sps_model_file_read(struct sps_graph **graph, struct sps_code_table *table, struct sps_model_facts *facts,
                               const sps_safetensors *file, const char *name, int batch, int threads);
#endif
