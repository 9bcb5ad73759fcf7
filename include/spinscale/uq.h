/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_UQ_H
#define SPINSCALE_UQ_H
/* Predictive summaries and metrics on arrays of probabilities, from any program.
 *
 * T passes (or paths), N images, C classes: p[T][N][C], each row a distribution: finite, >= 0, sum 1 within 1e-3;
 * anything else is SPS_EINVAL with the pass, image and class.  Passes may carry weights w[T] (exact mode: the
 * probabilities of the paths): finite, >= 0, not all 0, taken relative to their sum; NULL weighs passes equally.  Sums
 * are in double, image by image, so block sizes change no bit.  Entropies in nats.  Undefined values are NaN here and
 * null in JSON. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

/* Eq. 26 (Scale-Dropout paper): accept if the largest over classes of the `quantile` over passes is at least
 * `threshold`.  Both are in [0, 1].  Where a rule is asked for, NULL is the default. */
struct sps_accept_rule {
    double quantile;  /* default 0.1 */
    double threshold; /* default 0.95 */
};
#define SPS_ACCEPT_RULE_DEFAULT                                                                                        \
    {                                                                                                                  \
        0.1, 0.95                                                                                                      \
    }

/* What is said about one image. */
struct sps_summary {
    int predicted;                      /* class of the largest mean; the first of equals */
    double confidence;                  /* its mean probability */
    double variance;                    /* eq. 21: of its probability over passes, divided by T */
    double entropy;                     /* H of the mean */
    double expected_entropy;            /* mean of H */
    double mutual_information;          /* their difference, >= 0; 0 with one pass */
    double interval_low, interval_high; /* eq. 22: confidence -+ z sd, not cut to [0, 1] */
    double quantile_low, quantile_high; /* eq. 23: quantiles a/2 and 1 - a/2 over passes */
    double mc_error; /* sd / sqrt T: Monte Carlo error of the mean; 0 where passes are weighted (exact) */
    double score;    /* the quantity that eq. 26 compares with the threshold */
    int accepted;    /* eq. 26 */
};

/* Score `name` of spinscale/scores.h of one image; NaN where there is no such score, or it needs logits. */
double sps_score_of(const char *name, const struct sps_summary *summary);

/* One image: p[t * stride + c] for pass t, class c.  mean[C] may be NULL.  level is the interval's, in (0, 1), usually
 * 0.95.  For numbers that are no probabilities see sps_spread(). */
sps_status sps_summarise(struct sps_summary *out, double *mean, const float *p, size_t stride, const double *w,
                         size_t passes, int classes, double level, const struct sps_accept_rule *rule);

/* Mean, eq. 21, 22, 23 and Monte Carlo error of any finite numbers v[t * stride], for example logits. */
struct sps_spread {
    double mean, variance, interval_low, interval_high, quantile_low, quantile_high, mc_error;
};
sps_status sps_spread(struct sps_spread *out, const float *v, size_t stride, const double *w, size_t passes,
                      double level);

/* Quantile by linear interpolation, as numpy.quantile's default: v[n] is sorted in place.  With weights (sorted along):
 * the smallest value of positive weight whose cumulative weight reaches q of the total, less 1e-12 for rounding
 * (inverse of the distribution function).  q in [0, 1]; NaN if n or the total is 0 or a value is NaN. */
double sps_quantile(double *v, size_t n, double q);
double sps_weighted_quantile(double *v, double *w, size_t n, double q);

/* Metrics over a set, fed image by image or in blocks; memory does not grow with the set. */
typedef struct sps_metrics sps_metrics;
sps_status sps_metrics_create(sps_metrics **out, int classes, double level, const struct sps_accept_rule *rule);
void sps_metrics_free(sps_metrics *m); /* NULL is allowed */
/* p[T][n][C] of n images; labels[n], a label outside 0 .. C-1 is "no label", NULL: none has one.  One image without a
 * label makes all metrics that need labels undefined.  summaries[n] may be NULL.  On failure nothing was added. */
sps_status sps_metrics_add(sps_metrics *m, const float *p, const double *w, size_t passes, size_t n, const int *labels,
                           struct sps_summary *summaries);
/* Value of metric `name` so far, NaN where undefined (no images, no labels, nothing accepted, ...). */
sps_status sps_metrics_value(const sps_metrics *m, const char *name, double *value);
/* Registered metrics in order: name, with summary, unit and definition's source; NULL after the last. */
const char *sps_metric_list(size_t index, const char **summary, const char **unit, const char **source);

/* Area under the ROC curve of scores (none may be NaN): foreign are the positives, higher means more foreign; ties
 * count half.  NaN if either is empty. */
sps_status sps_auroc(double *out, const double *home, size_t home_count, const double *foreign, size_t foreign_count);

#ifdef __cplusplus
}
#endif
#endif
