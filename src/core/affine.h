/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_AFFINE_H
#define SPS_CORE_AFFINE_H
/* Scale, bias and evaluation-mode BatchNorm of one channel and bank entry: the one float expression that the training
 * graph, the packer and the engine share.  Float32, in this order, without contraction (-ffp-contract=off).  Every step
 * is monotone in z under rounding, so sign(affine(z)) is a threshold on the integer z. */

struct sps_affine {
    float scale, bias;   /* s_k, b */
    float mean, inv_std; /* running mean, 1 / sqrt(variance + eps), > 0 */
    float gamma, beta;
};

static inline float sps_affine_at(const struct sps_affine *a, float z)
{
    return a->gamma * ((a->scale * (z + a->bias) - a->mean) * a->inv_std) + a->beta;
}
#endif
