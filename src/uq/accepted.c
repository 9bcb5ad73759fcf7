/* SPDX-License-Identifier: MIT */
/* Share of images that the rule of eq. 26 takes for in-distribution. */
#include "uq/metric.h"

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    sps_tally_add(tally, image->summary->accepted);
}

const struct sps_metric sps_metric_accepted = {
    .name = "accepted",
    .summary = "share of images accepted",
    .unit = "fraction",
    .source = "Scale-Dropout (arXiv 2311.15816), eq. 26",
    .add = add,
    .value = sps_tally_mean,
};
