/* SPDX-License-Identifier: MIT */
/* Metrics over a set: every registered metric has a tally, fed image by image in the order of the set. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "uq/metric.h"
#include "uq/summary.h"

#define SPS_METRIC_ADDRESS(name) &sps_metric_##name,
static const struct sps_metric *const metrics[] = {SPS_METRIC_LIST(SPS_METRIC_ADDRESS)};
#undef SPS_METRIC_ADDRESS
enum { METRICS = sizeof metrics / sizeof *metrics };

struct sps_metrics {
    int classes;
    double level;
    struct sps_accept_rule rule;
    size_t images, unlabelled;
    struct sps_tally tallies[METRICS];
};

void sps_tally_add(struct sps_tally *tally, double value)
{
    tally->sum += value;
    tally->count++;
}

double sps_tally_mean(const struct sps_tally *tally)
{
    return tally->count > 0 ? tally->sum / tally->count : NAN;
}

sps_status sps_metrics_create(sps_metrics **out, int classes, double level, const struct sps_accept_rule *rule)
{
    struct sps_accept_rule checked;
    if (classes < 1)
        SPS_FAIL(EINVAL, "number of classes is %d, must be at least 1", classes);
    SPS_TRY(sps_check_accept(&checked, level, rule));
    sps_metrics *m;
    SPS_TRY(sps_calloc(&m, 1, sizeof *m, "metrics"));
    m->classes = classes;
    m->level = level;
    m->rule = checked;
    *out = m;
    return SPS_OK;
}

void sps_metrics_free(sps_metrics *m)
{
    sps_free(m);
}

static sps_status check_block(const sps_metrics *m, const float *p, size_t passes, size_t n)
{
    for (size_t t = 0; t < passes; t++)
        for (size_t i = 0; i < n; i++) {
            sps_status status = sps_check_row(p + (t * n + i) * (size_t)m->classes, m->classes);
            if (status != SPS_OK)
                return sps_fail_in(status, "pass %zu, image %zu, ", t, m->images + i);
        }
    return SPS_OK;
}

static void add_image(sps_metrics *m, const struct sps_predicted_image *image)
{
    m->images++;
    m->unlabelled += image->label == SPS_NO_LABEL;
    for (int k = 0; k < METRICS; k++)
        if (!metrics[k]->needs_labels || image->label != SPS_NO_LABEL)
            metrics[k]->add(&m->tallies[k], image);
}

sps_status sps_metrics_add(sps_metrics *m, const float *p, const double *w, size_t passes, size_t n, const int *labels,
                           struct sps_summary *summaries)
{
    struct sps_summariser s;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_summariser_init(&s, w, passes, m->classes, m->level, &m->rule));
    SPS_TRY_OUT(check_block(m, p, passes, n)); /* all of it first: a refused block leaves no trace */
    for (size_t i = 0; i < n; i++) {
        struct sps_summary summary;
        sps_summariser_run(&s, &summary, p + i * (size_t)m->classes, n * (size_t)m->classes);
        int labelled = labels != NULL && labels[i] >= 0 && labels[i] < m->classes;
        add_image(m, &(struct sps_predicted_image){.summary = &summary,
                                                   .mean = s.mean,
                                                   .classes = m->classes,
                                                   .label = labelled ? labels[i] : SPS_NO_LABEL});
        if (summaries != NULL)
            summaries[i] = summary;
    }
out:
    sps_summariser_reset(&s);
    return status;
}

sps_status sps_metrics_value(const sps_metrics *m, const char *name, double *value)
{
    for (int k = 0; k < METRICS; k++)
        if (strcmp(name, metrics[k]->name) == 0) {
            int undefined = metrics[k]->needs_labels && m->unlabelled > 0;
            *value = undefined ? NAN : metrics[k]->value(&m->tallies[k]);
            return SPS_OK;
        }
    SPS_FAIL(EINVAL, "unknown metric '%s'", name);
}

const char *sps_metric_list(size_t index, const char **summary, const char **unit, const char **source)
{
    if (index >= METRICS)
        return NULL;
    if (summary != NULL)
        *summary = metrics[index]->summary;
    if (unit != NULL)
        *unit = metrics[index]->unit;
    if (source != NULL)
        *source = metrics[index]->source;
    return metrics[index]->name;
}
