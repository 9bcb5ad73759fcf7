/* SPDX-License-Identifier: MIT */
/* How sure the mean distribution is of its prediction. */
#include "uq/metric.h"

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    sps_tally_add(tally, image->summary->confidence);
}

const struct sps_metric sps_metric_confidence = {
    .name = "confidence",
    .summary = "mean of the predicted class's mean probability",
    .unit = "fraction",
    .source = "definition",
    .add = add,
    .value = sps_tally_mean,
};
