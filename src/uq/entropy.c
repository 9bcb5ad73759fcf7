/* SPDX-License-Identifier: MIT */
/* Total uncertainty: entropy of the mean distribution. */
#include "uq/metric.h"

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    sps_tally_add(tally, image->summary->entropy);
}

const struct sps_metric sps_metric_entropy = {
    .name = "entropy",
    .summary = "mean entropy of the mean distribution",
    .unit = "nat",
    .source = "Depeweg et al., ICML 2018 (arXiv 1710.07283)",
    .add = add,
    .value = sps_tally_mean,
};
