/* SPDX-License-Identifier: MIT */
/* Thresholds for abstention that keep a promise.
 *
 * Error: the images that a threshold fixed beforehand accepts are independent, so their errors are binomial.  The
 * same holds for "below the k-th smallest score" with k fixed beforehand: given that score, the images below it are
 * independent draws from those that score below it.  It does not hold for the best of many thresholds, so each test
 * pays: by a union bound, or by an order in which the first failure ends all. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "spinscale/scores.h"
#include "uq/binomial.h"
#include "uq/sort.h"

enum { LEVELS = 20 };

static sps_status check(const double *scores, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(scores[i]))
            SPS_FAIL(EINVAL, "score %zu is %g, must be finite", i, scores[i]);
    return SPS_OK;
}

static struct sps_pick accept(const double *scores, const unsigned char *correct, size_t n, double threshold)
{
    struct sps_pick pick = {.threshold = threshold, .coverage = NAN, .error = NAN, .bound = NAN};
    for (size_t i = 0; i < n; i++)
        if (scores[i] <= threshold) {
            pick.kept++;
            pick.errors += correct != NULL && !correct[i];
        }
    if (n > 0)
        pick.coverage = (double)pick.kept / (double)n;
    if (pick.kept > 0 && correct != NULL)
        pick.error = (double)pick.errors / (double)pick.kept;
    return pick;
}

/* Whether the accepted say that their error is at most alpha; their bound is set. */
static int passes(struct sps_pick *pick, double alpha, double delta)
{
    pick->bound = sps_binomial_upper(pick->errors, pick->kept, delta);
    return pick->kept > 0 && sps_binomial_cdf(pick->errors, pick->kept, alpha) <= delta;
}

static sps_status copy_sorted(double **out, const double *scores, size_t n)
{
    SPS_TRY(sps_calloc(out, n, sizeof **out, "sorted scores"));
    if (n > 0)
        memcpy(*out, scores, n * sizeof **out);
    sps_sort(*out, NULL, n);
    return SPS_OK;
}

sps_status sps_pick_error(struct sps_pick *out, const double *scores, const unsigned char *correct, size_t n,
                          double alpha, double delta, const double *candidates, size_t candidate_count)
{
    if (!(alpha > 0 && alpha < 1))
        SPS_FAIL(EINVAL, "error is %g, must be between 0 and 1", alpha);
    if (!(delta > 0 && delta < 1))
        SPS_FAIL(EINVAL, "delta is %g, must be between 0 and 1", delta);
    SPS_TRY(check(scores, n));
    for (size_t k = 0; candidates != NULL && k < candidate_count; k++)
        if (isnan(candidates[k]) || (k > 0 && candidates[k] < candidates[k - 1]))
            SPS_FAIL(EINVAL, "candidate %zu is %g, must not be below the one before", k, candidates[k]);

    struct sps_pick best = accept(scores, correct, n, -INFINITY);
    if (candidates != NULL) {
        for (size_t k = 0; k < candidate_count; k++) {
            struct sps_pick pick = accept(scores, correct, n, candidates[k]);
            if (!passes(&pick, alpha, delta))
                break;
            best = pick;
        }
        *out = best;
        return SPS_OK;
    }
    double *sorted;
    SPS_TRY(copy_sorted(&sorted, scores, n));
    for (size_t level = 1; level <= LEVELS; level++) {
        size_t k = n * level / LEVELS;
        struct sps_pick pick = accept(scores, correct, n, k < n ? nextafter(sorted[k], -INFINITY) : INFINITY);
        if (passes(&pick, alpha, delta / LEVELS))
            best = pick;
    }
    sps_free(sorted);
    *out = best;
    return SPS_OK;
}

sps_status sps_pick_coverage(struct sps_pick *out, const double *scores, const unsigned char *correct, size_t n,
                             double coverage)
{
    if (!(coverage > 0 && coverage < 1))
        SPS_FAIL(EINVAL, "coverage is %g, must be between 0 and 1", coverage);
    SPS_TRY(check(scores, n));
    double *sorted;
    SPS_TRY(copy_sorted(&sorted, scores, n));
    /* 0.8 times 10 is 8, whatever binary makes of it. */
    size_t k = (size_t)ceil(coverage * ((double)n + 1) * (1 - 1e-12));
    *out = accept(scores, correct, n, k <= n ? sorted[k - 1] : INFINITY);
    sps_free(sorted);
    return SPS_OK;
}
