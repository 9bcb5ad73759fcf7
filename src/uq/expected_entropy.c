/* SPDX-License-Identifier: MIT */
/* Aleatoric part of the entropy: what single passes are unsure of by themselves. */
#include "uq/metric.h"

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    sps_tally_add(tally, image->summary->expected_entropy);
}

const struct sps_metric sps_metric_expected_entropy = {
    .name = "expected_entropy",
    .summary = "mean over images of the passes' mean entropy",
    .unit = "nat",
    .source = "Depeweg et al., ICML 2018 (arXiv 1710.07283)",
    .add = add,
    .value = sps_tally_mean,
};
