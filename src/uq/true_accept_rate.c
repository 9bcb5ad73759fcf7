/* SPDX-License-Identifier: MIT */
/* The paper's TPR: of the images classified right, the share that is accepted. */
#include "uq/metric.h"

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    if (image->summary->predicted == image->label)
        sps_tally_add(tally, image->summary->accepted);
}

const struct sps_metric sps_metric_true_accept_rate = {
    .name = "true_accept_rate",
    .summary = "share accepted of the images classified right",
    .unit = "fraction",
    .source = "Scale-Dropout (arXiv 2311.15816), Table IX (TPR)",
    .needs_labels = 1,
    .add = add,
    .value = sps_tally_mean,
};
