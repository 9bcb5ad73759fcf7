/* SPDX-License-Identifier: MIT */
#ifndef SPS_TRAIN_PREDICT_H
#define SPS_TRAIN_PREDICT_H
/* Prediction with the training graph, whole batches at a time: the oracle that the packed engine is held against. */
#include "core/path.h"
#include "data/transform.h"
#include "nn/nn.h"
#include "spinscale/model.h"

/* codes[i] of the graph from pixels [H][W][C], i < n. */
void sps_graph_load(struct sps_graph *graph, const struct sps_code_table *table, const uint8_t *const *images, int n);

/* The banks of a graph, for core/path.h: graph->scale_count of them. */
void sps_graph_banks(struct sps_path_bank *banks, const struct sps_graph *graph);

/* What to draw: readings of spinscale/model.h, and the continuous posterior (SPS_FROM_METHOD) for choosing a bank. */
struct sps_draws {
    enum sps_scale_source source;
    int exact; /* all paths instead of drawn ones */
    uint64_t seed;
    int shared;         /* all images take the paths of index 0 */
    double temperature; /* that logits are divided by; 0: 1 */
};

/* SPS_EDIVERGED, naming the first layer whose output for the n images of the last pass is not finite. */
sps_status sps_graph_check(const struct sps_graph *graph, int n);

/* T passes over the n images that are loaded; image i has index[i].  p[T][stride][C] gets rows at .. at + n, likewise
 * logits (may be NULL) and picks[T][stride][graph->picks] (may be NULL).  SPS_EDIVERGED where a number overflows. */
sps_status sps_graph_predict(struct sps_graph *graph, const struct sps_draws *draws, size_t passes, int n,
                             const uint32_t *index, float *p, float *logits, uint8_t *picks, size_t stride, size_t at);

/* Share of activation bits that differ between two different entries of each bank, averaged over entry pairs, positions
 * and the n loaded images, whose paths up to there are drawn (pass 0); [scale_count], NaN for a layer with one entry or
 * without a sign behind it. */
sps_status sps_graph_flips(struct sps_graph *graph, uint64_t seed, int n, const uint32_t *index, double *share);
#endif
