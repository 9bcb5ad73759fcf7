/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_UQ_H
#define SPINSCALE_UQ_H
/* Predictive summaries and metrics on arrays of probabilities, from any program.
 *
 * T passes (or paths), N images, C classes: p[T][N][C], each row a distribution.  Passes may carry weights w[T] (exact
 * mode: the probabilities of the paths); NULL weighs them equally.  Entropies in nats.  Undefined values are NaN here and
 * null in JSON. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

/* Which rule of eq. 26 (Scale-Dropout paper): accept if the largest over classes of the `quantile` over passes is at least `threshold`. */
struct sps_accept_rule {
    double quantile;  /* default 0.1 */
    double threshold; /* default 0.95 */
};
#define SPS_ACCEPT_RULE_DEFAULT {0.1, 0.95}

/* What is said about one image. */
struct sps_summary {
    int predicted;             /* class of the largest mean; the first of equals */
    double confidence;         /* its mean probability */
    double variance;           /* eq. 21: of its probability over passes, divided by T */
    double entropy;            /* H of the mean */
    double expected_entropy;   /* mean of H */
    double mutual_information; /* their difference, >= 0 */
    double interval_low, interval_high; /* eq. 22: confidence -+ z sd */
    double quantile_low, quantile_high; /* eq. 23: quantiles a/2 and 1 - a/2 over passes */
    double mc_error;           /* sd / sqrt T: Monte Carlo error of the mean; 0 where passes are weighted (exact) */
    double score;              /* the quantity that eq. 26 compares with the threshold */
    int accepted;              /* eq. 26 */
};

/* One image: p[t * stride + c] for pass t, class c.  mean[C] may be NULL.  level is the interval's, 0.95 by default.
 * values may be any numbers for variance, intervals and quantiles of class c: see sps_spread(). */
sps_status sps_summarise(struct sps_summary *out, double *mean, const float *p, size_t stride, const double *w, size_t passes,
                         int classes, double level, const struct sps_accept_rule *rule);

/* Mean, eq. 21, 22, 23 and Monte Carlo error of any numbers v[t * stride], for example logits. */
struct sps_spread {
    double mean, variance, interval_low, interval_high, quantile_low, quantile_high, mc_error;
};
sps_status sps_spread(struct sps_spread *out, const float *v, size_t stride, const double *w, size_t passes, double level);

/* Quantile by linear interpolation, as numpy.quantile's default: v[n] is sorted in place.  With weights: the smallest value whose
 * cumulative weight reaches q (inverse of the distribution function).  q in [0, 1]. */
double sps_quantile(double *v, size_t n, double q);
double sps_weighted_quantile(double *v, double *w, size_t n, double q);

/* Metrics over a set, fed image by image or in blocks; memory O(N) for those that rank. */
typedef struct sps_metrics sps_metrics;
sps_status sps_metrics_create(sps_metrics **out, int classes, double level, const struct sps_accept_rule *rule);
void sps_metrics_free(sps_metrics *m); /* NULL is allowed */
/* p[T][n][C] of n images; labels[n], a label outside 0 .. C-1 is "no label"; summaries[n] may be NULL. */
sps_status sps_metrics_add(sps_metrics *m, const float *p, const double *w, size_t passes, size_t n, const int *labels,
                           struct sps_summary *summaries);
/* Value of metric `name` so far, NaN where undefined (no labels, one pass, ...). */
sps_status sps_metrics_value(const sps_metrics *m, const char *name, double *value);
/* Registered metrics in order: name, with summary, unit and definition's source; NULL after the last. */
const char *sps_metric_list(size_t index, const char **summary, const char **unit, const char **source);

/* Area under the ROC curve of scores: foreign are the positives, higher means more foreign; ties count half.  NaN if either is empty. */
sps_status sps_auroc(double *out, const double *home, size_t home_count, const double *foreign, size_t foreign_count);

#ifdef __cplusplus
}
#endif
#endif
