/* SPDX-License-Identifier: MIT */
/* How well a score tells foreign images from those at home.  Home and foreign are ranked together, once; everything is
 * a walk over how many of each have a rank.  Average precision is the step-wise sum of scikit-learn's
 * average_precision_score; equal scores are one step. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "spinscale/scores.h"
#include "uq/set.h"

static const char *const names[SPS_DETECTIONS][2] = {
    [SPS_AUROC] = {"auroc", "chance that a foreign image scores above one from home, ties counting half"},
    [SPS_AUPR_OUT] = {"aupr_out", "average precision, foreign images are the positives"},
    [SPS_AUPR_IN] = {"aupr_in", "average precision, home images are the positives"},
    [SPS_FPR95_OUT] = {"fpr95_out", "share of home rejected where 95 % of foreign, the positives, are detected"},
    [SPS_FPR95_IN] = {"fpr95_in", "share of foreign accepted where 95 % of home, the positives, are accepted"},
    [SPS_DETECTED] = {"detected", "share of foreign above the threshold"},
    [SPS_REJECTED] = {"rejected", "share of home above the threshold"},
};

const char *sps_detection_name(enum sps_detection which, const char **summary)
{
    if ((unsigned)which >= SPS_DETECTIONS)
        return NULL;
    if (summary != NULL)
        *summary = names[which][1];
    return names[which][0];
}

struct view {
    size_t home_count, foreign_count, ranks;
    size_t accepted_ranks; /* those at most the threshold */
    int has_threshold;
    uint32_t *rank;         /* [home_count + foreign_count], home first */
    double *home, *foreign; /* [ranks], how many of each in this resample */
};

/* Average precision of positives among all, both [ranks], from the first rank (step 1) or from the last (step -1). */
static double average_precision(const double *positive, const double *negative, size_t ranks, int down, double total)
{
    double found = 0, wrong = 0, sum = 0;
    for (size_t k = 0; k < ranks; k++) {
        size_t g = down ? ranks - 1 - k : k;
        found += positive[g];
        wrong += negative[g];
        if (positive[g] > 0)
            sum += positive[g] * (found / (found + wrong));
    }
    return sum / total;
}

/* Share of negatives among which 95 % of positives are found, in whole ranks. */
static double false_positives(const double *positive, const double *negative, size_t ranks, int down,
                              double positive_total, double negative_total)
{
    double found = 0, wrong = 0;
    for (size_t k = 0; k < ranks && 20 * found < 19 * positive_total; k++) {
        size_t g = down ? ranks - 1 - k : k;
        found += positive[g];
        wrong += negative[g];
    }
    return wrong / negative_total;
}

static double share_above(const double *count, size_t from, size_t ranks, double total)
{
    double above = 0;
    for (size_t g = from; g < ranks; g++)
        above += count[g];
    return total > 0 ? above / total : NAN;
}

static void statistic(double *values, const uint32_t *const *times, void *context)
{
    struct view *v = context;
    double home = (double)v->home_count, foreign = (double)v->foreign_count;
    memset(v->home, 0, v->ranks * sizeof *v->home);
    memset(v->foreign, 0, v->ranks * sizeof *v->foreign);
    for (size_t i = 0; i < v->home_count; i++)
        v->home[v->rank[i]] += times[0][i];
    for (size_t i = 0; i < v->foreign_count; i++)
        v->foreign[v->rank[v->home_count + i]] += times[1][i];

    for (int k = 0; k < SPS_DETECTIONS; k++)
        values[k] = NAN;
    if (v->has_threshold) {
        values[SPS_DETECTED] = share_above(v->foreign, v->accepted_ranks, v->ranks, foreign);
        values[SPS_REJECTED] = share_above(v->home, v->accepted_ranks, v->ranks, home);
    }
    if (v->home_count == 0 || v->foreign_count == 0)
        return;
    double wins = 0, below = 0;
    for (size_t g = 0; g < v->ranks; g++) {
        wins += v->foreign[g] * (below + 0.5 * v->home[g]);
        below += v->home[g];
    }
    values[SPS_AUROC] = wins / (home * foreign);
    values[SPS_AUPR_OUT] = average_precision(v->foreign, v->home, v->ranks, 1, foreign);
    values[SPS_AUPR_IN] = average_precision(v->home, v->foreign, v->ranks, 0, home);
    values[SPS_FPR95_OUT] = false_positives(v->foreign, v->home, v->ranks, 1, foreign, home);
    values[SPS_FPR95_IN] = false_positives(v->home, v->foreign, v->ranks, 0, home, foreign);
}

static sps_status check(const double *scores, size_t n, const char *what)
{
    SPS_TRY(sps_check_count(n));
    for (size_t i = 0; i < n; i++)
        if (isnan(scores[i]))
            SPS_FAIL(EINVAL, "score %zu of the %s images is NaN", i, what);
    return SPS_OK;
}

sps_status sps_detect(struct sps_interval out[SPS_DETECTIONS], const double *home, size_t home_count,
                      const double *foreign, size_t foreign_count, double threshold,
                      const struct sps_resampling *resampling)
{
    struct view v = {.home_count = home_count, .foreign_count = foreign_count, .has_threshold = !isnan(threshold)};
    const size_t sizes[2] = {home_count, foreign_count};
    size_t total = home_count + foreign_count;
    double *all = NULL;
    sps_status status = SPS_OK;
    SPS_TRY(check(home, home_count, "home"));
    SPS_TRY(check(foreign, foreign_count, "foreign"));
    SPS_TRY_OUT(sps_calloc(&all, total, sizeof *all, "scores"));
    SPS_TRY_OUT(sps_calloc(&v.rank, total, sizeof *v.rank, "ranks"));
    if (home_count > 0)
        memcpy(all, home, home_count * sizeof *all);
    if (foreign_count > 0)
        memcpy(all + home_count, foreign, foreign_count * sizeof *all);
    SPS_TRY_OUT(sps_rank(v.rank, &v.ranks, all, total, "score"));
    for (size_t i = 0; i < total; i++)
        if (all[i] <= threshold && v.rank[i] >= v.accepted_ranks)
            v.accepted_ranks = v.rank[i] + 1;
    SPS_TRY_OUT(sps_calloc(&v.home, v.ranks, sizeof *v.home, "counts of home scores"));
    SPS_TRY_OUT(sps_calloc(&v.foreign, v.ranks, sizeof *v.foreign, "counts of foreign scores"));
    SPS_TRY_OUT(sps_bootstrap(out, SPS_DETECTIONS, statistic, &v, sizes, 2, resampling));
out:
    sps_free(all);
    sps_free(v.rank);
    sps_free(v.home);
    sps_free(v.foreign);
    return status;
}
