/* SPDX-License-Identifier: MIT */
/* Brier score over all classes: 0 is perfect, 2 is certain and wrong.  Some divide it by the number of classes. */
#include "uq/metric.h"

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    double sum = 0;
    for (int c = 0; c < image->classes; c++) {
        double error = image->mean[c] - (c == image->label);
        sum += error * error;
    }
    sps_tally_add(tally, sum);
}

const struct sps_metric sps_metric_brier = {
    .name = "brier",
    .summary = "mean squared distance of the mean distribution from the label's",
    .unit = "1, range 0 to 2",
    .source = "Brier, Mon. Weather Rev. 78, 1 (1950)",
    .needs_labels = 1,
    .add = add,
    .value = sps_tally_mean,
};
