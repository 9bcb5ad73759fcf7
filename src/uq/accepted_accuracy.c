/* SPDX-License-Identifier: MIT */
/* The paper's AR: of the images accepted, the share classified right.  Its words fit TPR, its numbers fit this. */
#include "uq/metric.h"

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    if (image->summary->accepted)
        sps_tally_add(tally, image->summary->predicted == image->label);
}

const struct sps_metric sps_metric_accepted_accuracy = {
    .name = "accepted_accuracy",
    .summary = "accuracy on the accepted images",
    .unit = "fraction",
    .source = "Scale-Dropout (arXiv 2311.15816), Table IX (AR)",
    .needs_labels = 1,
    .add = add,
    .value = sps_tally_mean,
};
