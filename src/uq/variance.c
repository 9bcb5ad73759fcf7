/* SPDX-License-Identifier: MIT */
/* Spread over passes of the predicted class's probability, divided by T (not T - 1), as the paper has it. */
#include "uq/metric.h"

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    sps_tally_add(tally, image->summary->variance);
}

const struct sps_metric sps_metric_variance = {
    .name = "variance",
    .summary = "mean variance over passes of the predicted class's probability",
    .unit = "1",
    .source = "Scale-Dropout (arXiv 2311.15816), eq. 21",
    .add = add,
    .value = sps_tally_mean,
};
