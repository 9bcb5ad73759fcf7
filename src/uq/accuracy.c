/* SPDX-License-Identifier: MIT */
/* Share of images whose predicted class is the label. */
#include "uq/metric.h"

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    sps_tally_add(tally, image->summary->predicted == image->label);
}

const struct sps_metric sps_metric_accuracy = {
    .name = "accuracy",
    .summary = "share of images classified right",
    .unit = "fraction",
    .source = "definition",
    .needs_labels = 1,
    .add = add,
    .value = sps_tally_mean,
};
