/* SPDX-License-Identifier: MIT */
/* Two models on the same images.  Images are hard or easy for both, so differences image by image say more than two
 * intervals side by side. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "spinscale/scores.h"
#include "uq/binomial.h"
#include "uq/bootstrap.h"
#include "uq/normal.h"
#include "uq/set.h"

/* error is set; the normal test and interval follow. */
static void normal_test(struct sps_difference *d, const struct sps_resampling *resampling)
{
    double z = sps_normal_interval(resampling != NULL ? resampling->level : 0.95);
    d->low = d->value - z * d->error;
    d->high = d->value + z * d->error;
    if (d->error > 0 || isnan(d->error))
        d->p = erfc(fabs(d->value) / d->error * 0.70710678118654752440);
    else
        d->p = d->value == 0;
}

/* Variance of n numbers about their mean; NaN for fewer than 2. */
static double variance(const double *x, size_t n)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        mean += x[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? squares / (double)(n - 1) : NAN;
}

struct means {
    const double *difference;
    size_t n;
};

static void mean_statistic(double *value, const uint32_t *const *times, void *context)
{
    const struct means *m = context;
    double sum = 0;
    for (size_t i = 0; i < m->n; i++)
        sum += times[0][i] * m->difference[i];
    *value = m->n > 0 ? sum / (double)m->n : NAN;
}

sps_status sps_compare_means(struct sps_difference *out, const double *a, const double *b, size_t n,
                             const struct sps_resampling *resampling)
{
    double *difference = NULL;
    struct sps_difference d = {0};
    sps_status status = SPS_OK;
    SPS_TRY(sps_check_resampling(resampling));
    SPS_TRY_OUT(sps_calloc(&difference, n, sizeof *difference, "differences"));
    for (size_t i = 0; i < n; i++) {
        difference[i] = a[i] - b[i];
        if (!isfinite(difference[i])) {
            status = sps_fail(SPS_EINVAL, "values %zu are %g and %g, must be finite", i, a[i], b[i]);
            goto out;
        }
    }
    SPS_TRY_OUT(sps_bootstrap(&d.boot, 1, mean_statistic, &(struct means){difference, n}, &n, 1, resampling));
    d.value = d.boot.value;
    d.error = sqrt(variance(difference, n) / (double)n);
    normal_test(&d, resampling);
    *out = d;
out:
    sps_free(difference);
    return status;
}

/* Two scores on home images, then foreign ones. */
struct pair {
    size_t home_count, foreign_count;
    struct ranking {
        uint32_t *rank;
        size_t ranks;
        double *home, *foreign; /* [ranks], how many */
    } of[2];
};

static void count(struct ranking *r, const struct pair *pair, const uint32_t *const *times)
{
    memset(r->home, 0, r->ranks * sizeof *r->home);
    memset(r->foreign, 0, r->ranks * sizeof *r->foreign);
    for (size_t i = 0; i < pair->home_count; i++)
        r->home[r->rank[i]] += times != NULL ? times[0][i] : 1;
    for (size_t i = 0; i < pair->foreign_count; i++)
        r->foreign[r->rank[pair->home_count + i]] += times != NULL ? times[1][i] : 1;
}

static double auroc(struct ranking *r, const struct pair *pair, const uint32_t *const *times)
{
    double wins = 0, below = 0;
    count(r, pair, times);
    for (size_t g = 0; g < r->ranks; g++) {
        wins += r->foreign[g] * (below + 0.5 * r->home[g]);
        below += r->home[g];
    }
    return wins / ((double)pair->home_count * (double)pair->foreign_count);
}

static void auroc_statistic(double *value, const uint32_t *const *times, void *context)
{
    struct pair *pair = context;
    *value = pair->home_count > 0 && pair->foreign_count > 0
                 ? auroc(&pair->of[0], pair, times) - auroc(&pair->of[1], pair, times)
                 : NAN;
}

static sps_status rank_scores(struct ranking *r, const struct pair *pair, const double *home, const double *foreign)
{
    size_t total = pair->home_count + pair->foreign_count;
    double *all = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&all, total, sizeof *all, "scores"));
    if (pair->home_count > 0)
        memcpy(all, home, pair->home_count * sizeof *all);
    if (pair->foreign_count > 0)
        memcpy(all + pair->home_count, foreign, pair->foreign_count * sizeof *all);
    SPS_TRY_OUT(sps_calloc(&r->rank, total, sizeof *r->rank, "ranks"));
    SPS_TRY_OUT(sps_rank(r->rank, &r->ranks, all, total, "score (home, then foreign)"));
    SPS_TRY_OUT(sps_calloc(&r->home, r->ranks, sizeof *r->home, "counts of home scores"));
    SPS_TRY_OUT(sps_calloc(&r->foreign, r->ranks, sizeof *r->foreign, "counts of foreign scores"));
out:
    sps_free(all);
    return status;
}

/* How an image stands against the other side: the share of home images that a foreign one scores above, of foreign
 * ones that score above a home one, ties as halves.  Added to placement[home + foreign] times sign. */
static sps_status place(double *placement, struct ranking *r, const struct pair *pair, double sign)
{
    double *below = NULL, *above = NULL, home = 0, foreign = 0;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&below, r->ranks, sizeof *below, "placements"));
    SPS_TRY_OUT(sps_calloc(&above, r->ranks, sizeof *above, "placements"));
    count(r, pair, NULL);
    for (size_t g = 0; g < r->ranks; g++) {
        below[g] = (home + 0.5 * r->home[g]) / (double)pair->home_count;
        above[g] = 1 - (foreign + 0.5 * r->foreign[g]) / (double)pair->foreign_count;
        home += r->home[g];
        foreign += r->foreign[g];
    }
    for (size_t i = 0; i < pair->home_count + pair->foreign_count; i++)
        placement[i] += sign * (i < pair->home_count ? above[r->rank[i]] : below[r->rank[i]]);
out:
    sps_free(below);
    sps_free(above);
    return status;
}

sps_status sps_compare_auroc(struct sps_difference *out, const double *home_a, const double *home_b, size_t home_count,
                             const double *foreign_a, const double *foreign_b, size_t foreign_count,
                             const struct sps_resampling *resampling)
{
    struct pair pair = {.home_count = home_count, .foreign_count = foreign_count};
    const size_t sizes[2] = {home_count, foreign_count};
    double *placement = NULL;
    struct sps_difference d = {0};
    sps_status status = SPS_OK;
    SPS_TRY(sps_check_resampling(resampling));
    SPS_TRY_OUT(rank_scores(&pair.of[0], &pair, home_a, foreign_a));
    SPS_TRY_OUT(rank_scores(&pair.of[1], &pair, home_b, foreign_b));
    SPS_TRY_OUT(sps_bootstrap(&d.boot, 1, auroc_statistic, &pair, sizes, 2, resampling));
    SPS_TRY_OUT(sps_calloc(&placement, home_count + foreign_count, sizeof *placement, "placements"));
    SPS_TRY_OUT(place(placement, &pair.of[0], &pair, 1));
    SPS_TRY_OUT(place(placement, &pair.of[1], &pair, -1));
    d.value = d.boot.value;
    d.error = sqrt(variance(placement, home_count) / (double)home_count +
                   variance(placement + home_count, foreign_count) / (double)foreign_count);
    normal_test(&d, resampling);
    *out = d;
out:
    sps_free(placement);
    for (int m = 0; m < 2; m++) {
        sps_free(pair.of[m].rank);
        sps_free(pair.of[m].home);
        sps_free(pair.of[m].foreign);
    }
    return status;
}

sps_status sps_mcnemar(struct sps_mcnemar *out, const unsigned char *correct_a, const unsigned char *correct_b,
                       size_t n)
{
    struct sps_mcnemar m = {.difference = NAN, .p = 1};
    for (size_t i = 0; i < n; i++) {
        m.only_a += correct_a[i] && !correct_b[i];
        m.only_b += correct_b[i] && !correct_a[i];
    }
    if (n > 0)
        m.difference = ((double)m.only_a - (double)m.only_b) / (double)n;
    size_t fewer = m.only_a < m.only_b ? m.only_a : m.only_b;
    m.p = fmin(1, 2 * sps_binomial_cdf(fewer, m.only_a + m.only_b, 0.5));
    *out = m;
    return SPS_OK;
}
