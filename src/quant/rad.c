/* SPDX-License-Identifier: MIT */
/* RAD, regularised activation distributions (BNN-DL; Ding et al., CVPR 2019): BNN with a loss on how the values that
 * sign reads are spread over the batch, channel by channel, mean m and standard deviation s:
 *
 *   relu(2 - |m| - s)^2    all lie where the estimator passes: gradient mismatch
 *   relu(s - 4)^2          most lie where it does not: saturation
 *   relu(m^2 - s^2)        nearly all have one sign: degeneration
 *
 * the mean over channels, then over layers, times 2 (the weight in the authors' example).  As in their code the values
 * are those behind BatchNorm, so that with the statistics of the batch m = beta and s = |gamma|: that is where its
 * gradient goes, exactly but for BatchNorm's epsilon.
 *
 * Departures: the authors' first weights and last layers are float; here the loss acts on all sign layers. */
#include <math.h>

#include "quant/rules.h"

static const double LOSS_WEIGHT = 2;

static float backward(float *g, const float *v, size_t n, const struct sps_surrogate *at)
{
    (void)at;
    sps_pass_inside(g, g, v, n);
    return 0;
}

static double distribution(double mean, double sd, double *by_mean, double *by_sd)
{
    double mismatch = fmax(2 - fabs(mean) - sd, 0), saturation = fmax(sd - 4, 0);
    double degeneration = fmax(mean * mean - sd * sd, 0);
    double one_sided = degeneration > 0;
    *by_mean = LOSS_WEIGHT * (2 * mean * one_sided - 2 * copysign(mismatch, mean));
    *by_sd = LOSS_WEIGHT * (2 * saturation - 2 * mismatch - 2 * sd * one_sided);
    return LOSS_WEIGHT * (mismatch * mismatch + saturation * saturation + degeneration);
}

const struct sps_binariser sps_binariser_rad = {
    .name = "rad",
    .summary = "as bnn, and a loss on mean and spread of what sign reads",
    .source = "Ding et al., CVPR 2019",
    .standardise = sps_keep_weights,
    .backward = backward,
    .activation = sps_hard_tanh_activation,
    .distribution = distribution,
    .limit = 1,
};
