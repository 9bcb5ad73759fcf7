/* SPDX-License-Identifier: MIT */
/* Every registered metric with a bootstrap interval.  An image that counts k times is one that its tally sees k times.
 * Of a metric that is a mean, what each image adds is worked out once. */
#include <math.h>

#include "core/memory.h"
#include "spinscale/scores.h"
#include "uq/metric.h"

#define SPS_METRIC_ADDRESS(name) &sps_metric_##name,
static const struct sps_metric *const metrics[] = {SPS_METRIC_LIST(SPS_METRIC_ADDRESS)};
#undef SPS_METRIC_ADDRESS
enum { METRICS = sizeof metrics / sizeof *metrics };

struct share { /* of one image in one mean */
    double sum, count;
};

struct view {
    const struct sps_predictions *set;
    struct share *share; /* [count][METRICS] */
};

static int is_defined(const struct view *v, int k)
{
    return !metrics[k]->needs_labels || v->set->unlabelled == 0;
}

static int is_mean(int k)
{
    return metrics[k]->value == sps_tally_mean;
}

static void add(struct sps_tally *tally, int k, const struct sps_predictions *set, size_t i)
{
    metrics[k]->add(tally, &(struct sps_predicted_image){.summary = &set->summaries[i],
                                                         .mean = set->mean + i * (size_t)set->classes,
                                                         .classes = set->classes,
                                                         .label = set->labels[i]});
}

static void statistic(double *values, const uint32_t *const *times, void *context)
{
    const struct view *v = context;
    struct sps_tally tally[METRICS] = {0};
    for (size_t i = 0; i < v->set->count; i++)
        for (int k = 0; k < METRICS && times[0][i] > 0; k++)
            if (is_mean(k)) {
                const struct share *share = &v->share[i * METRICS + (size_t)k];
                tally[k].sum += times[0][i] * share->sum;
                tally[k].count += times[0][i] * share->count;
            } else if (is_defined(v, k)) {
                for (uint32_t time = 0; time < times[0][i]; time++)
                    add(&tally[k], k, v->set, i);
            }
    for (int k = 0; k < METRICS; k++)
        values[k] = is_defined(v, k) ? metrics[k]->value(&tally[k]) : NAN;
}

sps_status sps_metric_intervals(struct sps_interval *out, size_t *count, const struct sps_predictions *set,
                                const struct sps_resampling *resampling)
{
    if (count != NULL)
        *count = METRICS;
    if (out == NULL)
        return SPS_OK;
    struct view v = {.set = set};
    SPS_TRY(sps_calloc(&v.share, set->count, METRICS * sizeof *v.share, "shares in metrics"));
    for (size_t i = 0; i < set->count; i++)
        for (int k = 0; k < METRICS; k++)
            if (is_mean(k) && is_defined(&v, k)) {
                struct sps_tally one = {0};
                add(&one, k, set, i);
                v.share[i * METRICS + (size_t)k] = (struct share){one.sum, one.count};
            }
    sps_status status = sps_bootstrap(out, METRICS, statistic, &v, &set->count, 1, resampling);
    sps_free(v.share);
    return status;
}
