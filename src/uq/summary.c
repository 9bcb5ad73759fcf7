/* SPDX-License-Identifier: MIT */
/* What T passes say about one image.  Equations are those of Scale-Dropout (arXiv 2311.15816); entropies after
 * Depeweg et al., ICML 2018 (arXiv 1710.07283).  A pass counts w_t of W = sum w_t, or 1 of T. */
#include "uq/summary.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "uq/normal.h"
#include "uq/quantile.h"
#include "uq/sort.h"

static const double ROUNDING = 1e-12;         /* nats: some hundred times that of a sum of 256 terms */
static const double ROW_SUM_TOLERANCE = 1e-3; /* what half-precision softmaxes of other programs need */

sps_status sps_check_accept(struct sps_accept_rule *out, double level, const struct sps_accept_rule *rule)
{
    static const struct sps_accept_rule standard = SPS_ACCEPT_RULE_DEFAULT;
    if (rule == NULL)
        rule = &standard;
    if (!(level > 0 && level < 1))
        SPS_FAIL(EINVAL, "level of the interval is %g, must be between 0 and 1", level);
    if (!(rule->quantile >= 0 && rule->quantile <= 1))
        SPS_FAIL(EINVAL, "quantile of the accept rule is %g, must be 0 to 1", rule->quantile);
    if (!(rule->threshold >= 0 && rule->threshold <= 1))
        SPS_FAIL(EINVAL, "threshold of the accept rule is %g, must be 0 to 1", rule->threshold);
    *out = *rule;
    return SPS_OK;
}

static sps_status check_weights(double *sum, const double *weights, size_t passes)
{
    *sum = 0;
    for (size_t t = 0; t < passes; t++) {
        if (!(weights[t] >= 0 && isfinite(weights[t])))
            SPS_FAIL(EINVAL, "weight of pass %zu is %g, must be finite and at least 0", t, weights[t]);
        *sum += weights[t];
    }
    if (!(*sum > 0 && isfinite(*sum)))
        SPS_FAIL(EINVAL, "weights of the passes sum to %g, must be finite and above 0", *sum);
    return SPS_OK;
}

sps_status sps_summariser_init(struct sps_summariser *s, const double *weights, size_t passes, int classes,
                               double level, const struct sps_accept_rule *rule)
{
    *s = (struct sps_summariser){
        .weights = weights, .weight_sum = (double)passes, .passes = passes, .classes = classes, .level = level};
    if (passes < 1)
        SPS_FAIL(EINVAL, "number of passes is 0, must be at least 1");
    if (classes < 1)
        SPS_FAIL(EINVAL, "number of classes is %d, must be at least 1", classes);
    SPS_TRY(sps_check_accept(&s->rule, level, rule));
    s->z = sps_normal_interval(level);
    if (weights != NULL) {
        SPS_TRY(check_weights(&s->weight_sum, weights, passes));
        SPS_TRY(sps_calloc(&s->value_weights, passes, sizeof *s->value_weights, "weights of the passes"));
    }
    SPS_TRY(sps_calloc(&s->values, passes, sizeof *s->values, "values of the passes"));
    return sps_calloc(&s->mean, (size_t)classes, sizeof *s->mean, "mean of the passes");
}

void sps_summariser_reset(struct sps_summariser *s)
{
    sps_free(s->values);
    sps_free(s->value_weights);
    sps_free(s->mean);
    *s = (struct sps_summariser){0};
}

sps_status sps_check_row(const float *p, int classes)
{
    double sum = 0;
    for (int c = 0; c < classes; c++) {
        if (!(p[c] >= 0 && isfinite(p[c])))
            SPS_FAIL(EINVAL, "class %d: probability is %g, must be finite and at least 0", c, (double)p[c]);
        sum += (double)p[c];
    }
    if (!(fabs(sum - 1) <= ROW_SUM_TOLERANCE))
        SPS_FAIL(EINVAL, "classes 0 to %d: probabilities sum to %g, must be 1 within %g", classes - 1, sum,
                 ROW_SUM_TOLERANCE);
    return SPS_OK;
}

static double weight(const struct sps_summariser *s, size_t t)
{
    return s->weights != NULL ? s->weights[t] : 1;
}

/* Copy a column into the scratch; the result is its largest value. */
static double gather(struct sps_summariser *s, const float *v, size_t stride)
{
    double largest = -INFINITY;
    for (size_t t = 0; t < s->passes; t++) {
        s->values[t] = (double)v[t * stride];
        if (s->values[t] > largest) /* gcc 12 for 64-bit ARM fails on fmax here, with -O3 */
            largest = s->values[t];
    }
    if (s->weights != NULL)
        memcpy(s->value_weights, s->weights, s->passes * sizeof *s->weights);
    return largest;
}

static double gathered_quantile(const struct sps_summariser *s, double q)
{
    return sps_quantile_of_sorted(s->values, s->value_weights, s->passes, q);
}

/* Of the gathered column, which is sorted afterwards. */
static void spread(struct sps_summariser *s, struct sps_spread *out)
{
    double sum = 0, squares = 0;
    for (size_t t = 0; t < s->passes; t++)
        sum += weight(s, t) * s->values[t];
    out->mean = sum / s->weight_sum;
    for (size_t t = 0; t < s->passes; t++) {
        double error = s->values[t] - out->mean;
        squares += weight(s, t) * (error * error);
    }
    out->variance = s->passes > 1 ? squares / s->weight_sum : 0;
    double sd = sqrt(out->variance);
    out->interval_low = out->mean - s->z * sd;
    out->interval_high = out->mean + s->z * sd;
    out->mc_error = s->weights != NULL ? 0 : sd / sqrt((double)s->passes);
    sps_sort(s->values, s->value_weights, s->passes);
    out->quantile_low = gathered_quantile(s, (1 - s->level) / 2);
    out->quantile_high = gathered_quantile(s, (1 + s->level) / 2);
}

/* Of the distribution p[classes]; 0 ln 0 is 0. */
static double entropy(const double *p, int classes)
{
    double sum = 0;
    for (int c = 0; c < classes; c++)
        if (p[c] > 0)
            sum -= p[c] * log(p[c]);
    return sum;
}

static double entropy_of_pass(const float *p, int classes)
{
    double sum = 0;
    for (int c = 0; c < classes; c++)
        if (p[c] > 0)
            sum -= (double)p[c] * log((double)p[c]);
    return sum;
}

/* Mean and entropies. */
static void mix(struct sps_summariser *s, struct sps_summary *out, const float *p, size_t stride)
{
    memset(s->mean, 0, (size_t)s->classes * sizeof *s->mean);
    double entropies = 0;
    for (size_t t = 0; t < s->passes; t++) {
        const float *row = p + t * stride;
        for (int c = 0; c < s->classes; c++)
            s->mean[c] += weight(s, t) * (double)row[c];
        entropies += weight(s, t) * entropy_of_pass(row, s->classes);
    }
    out->predicted = 0;
    for (int c = 0; c < s->classes; c++) {
        s->mean[c] /= s->weight_sum;
        if (s->mean[c] > s->mean[out->predicted])
            out->predicted = c;
    }
    out->entropy = entropy(s->mean, s->classes);
    out->expected_entropy = entropies / s->weight_sum;
    /* At least 0 because entropy is concave.  A difference of rounding is none: passes that agree would rank images. */
    double difference = out->entropy - out->expected_entropy;
    out->mutual_information = s->passes > 1 && difference > ROUNDING ? difference : 0;
}

/* Eq. 26: the largest over classes of a low quantile.  The predicted class's column is gathered and sorted: its
 * quantile is nearly always the largest, and a class whose largest value is not above it need not be sorted. */
static double accept_score(struct sps_summariser *s, int predicted, const float *p, size_t stride)
{
    double score = gathered_quantile(s, s->rule.quantile);
    for (int c = 0; c < s->classes; c++)
        if (c != predicted && gather(s, p + c, stride) > score) {
            sps_sort(s->values, s->value_weights, s->passes);
            score = fmax(score, gathered_quantile(s, s->rule.quantile));
        }
    return score;
}

void sps_summariser_run(struct sps_summariser *s, struct sps_summary *out, const float *p, size_t stride)
{
    mix(s, out, p, stride);
    struct sps_spread of_predicted;
    gather(s, p + out->predicted, stride);
    spread(s, &of_predicted);
    out->confidence = of_predicted.mean;
    out->variance = of_predicted.variance;
    out->interval_low = of_predicted.interval_low;
    out->interval_high = of_predicted.interval_high;
    out->quantile_low = of_predicted.quantile_low;
    out->quantile_high = of_predicted.quantile_high;
    out->mc_error = of_predicted.mc_error;
    out->score = accept_score(s, out->predicted, p, stride);
    out->accepted = out->score >= s->rule.threshold;
}

sps_status sps_summarise(struct sps_summary *out, double *mean, const float *p, size_t stride, const double *w,
                         size_t passes, int classes, double level, const struct sps_accept_rule *rule)
{
    struct sps_summariser s;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_summariser_init(&s, w, passes, classes, level, rule));
    for (size_t t = 0; t < passes; t++) {
        status = sps_check_row(p + t * stride, classes);
        if (status != SPS_OK) {
            sps_fail_in(status, "pass %zu, ", t);
            goto out;
        }
    }
    sps_summariser_run(&s, out, p, stride);
    if (mean != NULL)
        memcpy(mean, s.mean, (size_t)classes * sizeof *mean);
out:
    sps_summariser_reset(&s);
    return status;
}

sps_status sps_spread(struct sps_spread *out, const float *v, size_t stride, const double *w, size_t passes,
                      double level)
{
    struct sps_summariser s;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_summariser_init(&s, w, passes, 1, level, NULL));
    for (size_t t = 0; t < passes; t++)
        if (!isfinite(v[t * stride])) {
            status = sps_fail(SPS_EINVAL, "pass %zu: value is %g, must be finite", t, (double)v[t * stride]);
            goto out;
        }
    gather(&s, v, stride);
    spread(&s, out);
out:
    sps_summariser_reset(&s);
    return status;
}
