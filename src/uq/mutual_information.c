/* SPDX-License-Identifier: MIT */
/* Epistemic part of the entropy: what passes disagree about. */
#include "uq/metric.h"

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    sps_tally_add(tally, image->summary->mutual_information);
}

const struct sps_metric sps_metric_mutual_information = {
    .name = "mutual_information",
    .summary = "entropy minus expected entropy",
    .unit = "nat",
    .source = "Houlsby et al. (arXiv 1112.5745); Depeweg et al., ICML 2018 (arXiv 1710.07283)",
    .add = add,
    .value = sps_tally_mean,
};
