/* SPDX-License-Identifier: MIT */
/* Expected calibration error (Guo et al., ICML 2017): 15 equal-width bins (lo, hi] of the confidence; in each, the gap
 * between accuracy and mean confidence; the gaps weighted by the share of images in the bin. */
#include "uq/metric.h"

#include <math.h>

static void add(struct sps_tally *tally, const struct sps_predicted_image *image)
{
    /* Edges are compared, not computed from: rounding of confidence * 15 cannot move an image over an edge.  The last
     * bin takes what rounding put above 1. */
    double confidence = image->summary->confidence;
    int bin = 0;
    while (bin < SPS_ECE_BINS - 1 && confidence > (bin + 1) / (double)SPS_ECE_BINS)
        bin++;
    tally->count++;
    tally->bins[bin].count++;
    tally->bins[bin].correct += image->summary->predicted == image->label;
    tally->bins[bin].confidence += confidence;
}

static double value(const struct sps_tally *tally)
{
    double gaps = 0;
    for (int bin = 0; bin < SPS_ECE_BINS; bin++)
        gaps += fabs(tally->bins[bin].correct - tally->bins[bin].confidence);
    return tally->count > 0 ? gaps / tally->count : NAN;
}

const struct sps_metric sps_metric_ece = {
    .name = "ece",
    .summary = "expected calibration error, 15 equal-width bins (lo, hi] of the confidence",
    .unit = "fraction",
    .source = "Guo et al., ICML 2017 (arXiv 1706.04599)",
    .needs_labels = 1,
    .add = add,
    .value = value,
};
