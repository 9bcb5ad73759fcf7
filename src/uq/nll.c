/* SPDX-License-Identifier: MIT */
/* Negative log likelihood of the mean distribution.  A probability of 0 would make it infinite, and no finite number of
 * passes can tell 0 from very small, so probabilities are floored at 1e-12 (27.6 nats). */
#include "uq/metric.h"

#include <math.h>

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    sps_tally_add(tally, -log(fmax(image->mean[image->label], 1e-12)));
}

const struct sps_metric sps_metric_nll = {
    .name = "nll",
    .summary = "mean -ln of the label's mean probability, floored at 1e-12",
    .unit = "nat",
    .source = "log score; Good, J. R. Stat. Soc. B 14, 107 (1952)",
    .needs_labels = 1,
    .add = add,
    .value = sps_tally_mean,
};
