/* SPDX-License-Identifier: MIT */
#ifndef SPS_NN_DRAWN_H
#define SPS_NN_DRAWN_H
/* Weights that are drawn anew in each pass: what conv and dense layers share. */
#include <math.h>

#include "nn/nn.h"

/* Settings of such a layer. */
#define SPS_DRAWN_PARAMS(X)                                                                                            \
    X(drop, REAL, "drop", "0", "", 0, 0.95, "probability that a weight is dropped, in predictions too; 0 is off",      \
      "Wan et al. 2013")                                                                                               \
    X(sigma, REAL, "sigma", "0", "", 0, 10,                                                                            \
      "Gaussian posterior of the weights: its first standard deviation, in units of their first spread; 0 is off",     \
      "Blundell et al. 2015")

/* sps_graph_add_weight() of a product's weight, with what it takes to draw it. */
sps_status sps_graph_add_drawn(struct sps_graph *graph, struct sps_weight **out, struct sps_layer *layer, int dims,
                               const size_t *shape, int binary, double drop, double sigma);
/* What the product of this pass reads: the weight itself in the deterministic reading, or where nothing is drawn.  Its
 * grad is the weight's. */
struct sps_weight *sps_weight_draw(struct sps_graph *graph, struct sps_weight *weight, const struct sps_layer *layer,
                                   const struct sps_pass *pass);
/* After the gradient was set with respect to what was drawn. */
void sps_weight_drawn_backward(const struct sps_graph *graph, const struct sps_weight *weight,
                               const struct sps_weight *drawn);
/* Gradient of a row with respect to signs to that with respect to value[row], in place. */
void sps_weight_through_sign(struct sps_graph *graph, struct sps_weight *weight, size_t row, const float *value,
                             const struct sps_optimiser *optimiser, const struct sps_step *step, float t, float k);

/* First standard deviation of a product's weights, and that of a posterior. */
static inline float sps_first_spread(const struct sps_weight *w)
{
    return sqrtf(2.0f / (float)w->row); /* He et al. 2015 */
}
static inline float sps_sigma(float rho)
{
    return rho > 20 ? rho : log1pf(expf(rho));
}
#endif
