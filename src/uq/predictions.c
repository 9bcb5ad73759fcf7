/* SPDX-License-Identifier: MIT */
/* A set kept image by image: what bootstrap, detection and abstention need, where metrics.c keeps sums only. */
#include <string.h>

#include "core/memory.h"
#include "spinscale/scores.h"
#include "uq/metric.h"
#include "uq/set.h"
#include "uq/summary.h"

sps_status sps_check_count(size_t n)
{
    if (n > INT32_MAX)
        SPS_FAIL(EINVAL, "number of images is %zu, must be at most %d", n, INT32_MAX);
    return SPS_OK;
}

static sps_status fill(struct sps_predictions *set, struct sps_summariser *s, const float *p, const int *labels)
{
    size_t n = set->count, classes = (size_t)set->classes;
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < s->passes; t++) {
            sps_status status = sps_check_row(p + (t * n + i) * classes, set->classes);
            if (status != SPS_OK)
                return sps_fail_in(status, "pass %zu, image %zu, ", t, i);
        }
        sps_summariser_run(s, &set->summaries[i], p + i * classes, n * classes);
        memcpy(set->mean + i * classes, s->mean, classes * sizeof *s->mean);
        int labelled = labels != NULL && labels[i] >= 0 && labels[i] < set->classes;
        set->labels[i] = labelled ? labels[i] : SPS_NO_LABEL;
        set->unlabelled += !labelled;
    }
    return SPS_OK;
}

sps_status sps_predictions_init(struct sps_predictions *out, const float *p, const double *w, size_t passes, size_t n,
                                int classes, const int *labels, double level, const struct sps_accept_rule *rule)
{
    struct sps_predictions set = {.count = n, .classes = classes};
    struct sps_summariser s = {0};
    sps_status status = SPS_OK;
    SPS_TRY(sps_check_count(n));
    SPS_TRY_OUT(sps_summariser_init(&s, w, passes, classes, level, rule));
    SPS_TRY_OUT(sps_calloc(&set.labels, n, sizeof *set.labels, "labels"));
    SPS_TRY_OUT(sps_calloc(&set.mean, n, (size_t)classes * sizeof *set.mean, "mean probabilities"));
    SPS_TRY_OUT(sps_calloc(&set.summaries, n, sizeof *set.summaries, "summaries"));
    SPS_TRY_OUT(fill(&set, &s, p, labels));
    *out = set;
out:
    sps_summariser_reset(&s);
    if (status != SPS_OK)
        sps_predictions_reset(&set);
    return status;
}

void sps_predictions_reset(struct sps_predictions *set)
{
    sps_free(set->labels);
    sps_free(set->mean);
    sps_free(set->summaries);
    *set = (struct sps_predictions){0};
}
