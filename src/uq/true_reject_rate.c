/* SPDX-License-Identifier: MIT */
/* The paper's TNR: of the images classified wrong, the share that is rejected. */
#include "uq/metric.h"

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    if (image->summary->predicted != image->label)
        sps_tally_add(tally, !image->summary->accepted);
}

const struct sps_metric sps_metric_true_reject_rate = {
    .name = "true_reject_rate",
    .summary = "share rejected of the images classified wrong",
    .unit = "fraction",
    .source = "Scale-Dropout (arXiv 2311.15816), Table IX (TNR)",
    .needs_labels = 1,
    .add = add,
    .value = sps_tally_mean,
};
