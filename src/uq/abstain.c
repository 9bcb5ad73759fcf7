/* SPDX-License-Identifier: MIT */
/* Selective prediction (El-Yaniv and Wiener, JMLR 2010): answer where the score is low, abstain above.  Area under the
 * risk-coverage curve and its excess after Geifman et al., ICLR 2019, the best order's area summed, not approximated.
 * Images of equal score come in no order: their errors are spread evenly over their places. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "spinscale/scores.h"
#include "uq/set.h"

static const char *const names[SPS_SELECTIVES][2] = {
    [SPS_AURC] = {"aurc", "area under the risk-coverage curve"},
    [SPS_EXCESS_AURC] = {"excess_aurc", "that area less the best order's"},
    [SPS_KEPT_ERROR] = {"kept_error", "error of the kept at the stated coverage"},
    [SPS_KEPT_SHARE] = {"accept", "share accepted at the threshold"},
    [SPS_REJECT] = {"reject", "share rejected at the threshold"},
    [SPS_TPR] = {"tpr", "share accepted of the right answers"},
    [SPS_TNR] = {"tnr", "share rejected of the wrong answers"},
    [SPS_AR] = {"ar", "share right of the accepted answers"},
};

const char *sps_selective_name(enum sps_selective which, const char **summary)
{
    if ((unsigned)which >= SPS_SELECTIVES)
        return NULL;
    if (summary != NULL)
        *summary = names[which][1];
    return names[which][0];
}

struct view {
    size_t count, ranks, accepted_ranks, kept; /* kept: images at the stated coverage */
    int has_threshold;
    uint32_t *rank; /* [count] */
    const unsigned char *correct;
    double *all, *wrong; /* [ranks], how many in this resample */
};

/* Sum over places k of the mean error of the first k. */
static double area(const struct view *v, double *kept_error)
{
    double before = 0, errors = 0, sum = 0;
    for (size_t g = 0; g < v->ranks; g++) {
        double rate = v->all[g] > 0 ? v->wrong[g] / v->all[g] : 0;
        for (double j = 1; j <= v->all[g]; j++) {
            double risk = (errors + j * rate) / (before + j);
            sum += risk;
            if ((size_t)(before + j) == v->kept)
                *kept_error = risk;
        }
        before += v->all[g];
        errors += v->wrong[g];
    }
    return sum;
}

static double best_area(double count, double errors)
{
    double sum = 0;
    for (double j = 1; j <= errors; j++)
        sum += j / (count - errors + j);
    return sum;
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static void statistic(double *values, const uint32_t *const *times, void *context)
{
    struct view *v = context;
    double n = (double)v->count, errors = 0, accepted = 0, accepted_wrong = 0;
    memset(v->all, 0, v->ranks * sizeof *v->all);
    memset(v->wrong, 0, v->ranks * sizeof *v->wrong);
    for (size_t i = 0; i < v->count; i++) {
        v->all[v->rank[i]] += times[0][i];
        if (!v->correct[i])
            v->wrong[v->rank[i]] += times[0][i];
    }
    for (size_t g = 0; g < v->ranks; g++) {
        errors += v->wrong[g];
        if (g < v->accepted_ranks) {
            accepted += v->all[g];
            accepted_wrong += v->wrong[g];
        }
    }
    for (int k = 0; k < SPS_SELECTIVES; k++)
        values[k] = NAN;
    if (v->count == 0)
        return;
    double reached = area(v, &values[SPS_KEPT_ERROR]);
    values[SPS_AURC] = reached / n;
    values[SPS_EXCESS_AURC] = (reached - best_area(n, errors)) / n;
    if (!v->has_threshold)
        return;
    values[SPS_KEPT_SHARE] = accepted / n;
    values[SPS_REJECT] = (n - accepted) / n;
    values[SPS_TPR] = ratio(accepted - accepted_wrong, n - errors);
    values[SPS_TNR] = ratio(errors - accepted_wrong, errors);
    values[SPS_AR] = ratio(accepted - accepted_wrong, accepted);
}

sps_status sps_abstain(struct sps_interval out[SPS_SELECTIVES], const double *scores, const unsigned char *correct,
                       size_t n, double coverage, double threshold, const struct sps_resampling *resampling)
{
    if (!(coverage >= 0 && coverage <= 1))
        SPS_FAIL(EINVAL, "coverage is %g, must be 0 to 1", coverage);
    /* At least the share asked for; 0.8 of 10 is 8, whatever binary makes of it. */
    struct view v = {.count = n,
                     .kept = (size_t)ceil(coverage * (double)n * (1 - 1e-12)),
                     .has_threshold = !isnan(threshold),
                     .correct = correct};
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&v.rank, n, sizeof *v.rank, "ranks"));
    SPS_TRY_OUT(sps_rank(v.rank, &v.ranks, scores, n, "score"));
    for (size_t i = 0; i < n; i++)
        if (scores[i] <= threshold && v.rank[i] >= v.accepted_ranks)
            v.accepted_ranks = v.rank[i] + 1;
    SPS_TRY_OUT(sps_calloc(&v.all, v.ranks, sizeof *v.all, "counts of images"));
    SPS_TRY_OUT(sps_calloc(&v.wrong, v.ranks, sizeof *v.wrong, "counts of wrong answers"));
    SPS_TRY_OUT(sps_bootstrap(out, SPS_SELECTIVES, statistic, &v, &n, 1, resampling));
out:
    sps_free(v.rank);
    sps_free(v.all);
    sps_free(v.wrong);
    return status;
}

sps_status sps_risk_coverage(struct sps_risk_point *curve, size_t *points, const double *scores,
                             const unsigned char *correct, size_t n)
{
    uint32_t *rank = NULL;
    size_t ranks = 0;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&rank, n, sizeof *rank, "ranks"));
    SPS_TRY_OUT(sps_rank(rank, &ranks, scores, n, "score"));
    for (size_t g = 0; g < ranks; g++)
        curve[g] = (struct sps_risk_point){0};
    for (size_t i = 0; i < n; i++) { /* counts first */
        curve[rank[i]].threshold = scores[i];
        curve[rank[i]].coverage += 1;
        curve[rank[i]].risk += !correct[i];
    }
    double accepted = 0, wrong = 0;
    for (size_t g = 0; g < ranks; g++) {
        accepted += curve[g].coverage;
        wrong += curve[g].risk;
        curve[g].coverage = accepted / (double)n;
        curve[g].risk = wrong / accepted;
    }
    *points = ranks;
out:
    sps_free(rank);
    return status;
}
