/* SPDX-License-Identifier: MIT */
/* Percentile bootstrap (Efron 1979).  A resample is not a copy of images but how often each counts, so a statistic
 * sorts its images once and then walks over counts. */
#include <math.h>

#include "core/memory.h"
#include "core/random.h"
#include "spinscale/scores.h"
#include "uq/bootstrap.h"
#include "uq/quantile.h"
#include "uq/set.h"
#include "uq/sort.h"

sps_status sps_check_resampling(const struct sps_resampling *resampling)
{
    if (resampling == NULL)
        return SPS_OK;
    if (!(resampling->level > 0 && resampling->level < 1))
        SPS_FAIL(EINVAL, "level of the interval is %g, must be between 0 and 1", resampling->level);
    if (resampling->resamples > UINT32_MAX)
        SPS_FAIL(EINVAL, "number of resamples is %zu, must be at most %u", resampling->resamples, UINT32_MAX);
    return SPS_OK;
}

/* times[n]: how often each image is drawn in n draws with replacement. */
static void draw(uint32_t *times, size_t n, uint64_t seed, size_t resample, size_t set)
{
    struct sps_random r = sps_random(seed, SPS_FOR_BOOTSTRAP, (uint32_t)resample, (uint32_t)set, 0);
    for (size_t i = 0; i < n; i++)
        times[i] = 0;
    for (size_t i = 0; i < n; i++)
        times[sps_random_below(&r, (uint32_t)n)]++;
}

/* Of value k in each resample; column[resamples] is scratch. */
static void summarise(struct sps_interval *out, const double *values, size_t k, size_t count, double *column,
                      const struct sps_resampling *resampling)
{
    size_t defined = 0;
    double sum = 0, squares = 0;
    for (size_t b = 0; b < resampling->resamples; b++)
        if (!isnan(values[b * count + k])) {
            column[defined] = values[b * count + k];
            sum += column[defined++];
        }
    out->undefined = resampling->resamples - defined;
    if (isnan(out->value) || defined == 0)
        return;
    double mean = sum / (double)defined;
    for (size_t b = 0; b < defined; b++)
        squares += (column[b] - mean) * (column[b] - mean);
    out->error = defined > 1 ? sqrt(squares / (double)(defined - 1)) : NAN;
    sps_sort(column, NULL, defined);
    out->low = sps_quantile_of_sorted(column, NULL, defined, (1 - resampling->level) / 2);
    out->high = sps_quantile_of_sorted(column, NULL, defined, (1 + resampling->level) / 2);
}

sps_status sps_bootstrap(struct sps_interval *out, size_t count, sps_statistic statistic, void *context,
                         const size_t *sizes, size_t sets, const struct sps_resampling *resampling)
{
    uint32_t **times = NULL, *block = NULL;
    double *values = NULL, *column = NULL;
    size_t total = 0, resamples = resampling != NULL ? resampling->resamples : 0;
    sps_status status = SPS_OK;
    SPS_TRY(sps_check_resampling(resampling));
    for (size_t s = 0; s < sets; s++) {
        SPS_TRY(sps_check_count(sizes[s]));
        total += sizes[s];
    }
    size_t rows = resamples > 0 ? resamples : 1;
    SPS_TRY_OUT(sps_calloc(&times, sets, sizeof *times, "sets of a resample"));
    SPS_TRY_OUT(sps_calloc(&block, total, sizeof *block, "images of a resample"));
    SPS_TRY_OUT(sps_calloc(&values, rows, count * sizeof *values, "values of resamples"));
    SPS_TRY_OUT(sps_calloc(&column, rows, sizeof *column, "values of resamples"));
    for (size_t s = 0, at = 0; s < sets; at += sizes[s++])
        times[s] = block + at;

    for (size_t i = 0; i < total; i++)
        block[i] = 1;
    statistic(values, (const uint32_t *const *)times, context);
    for (size_t k = 0; k < count; k++)
        out[k] = (struct sps_interval){.value = values[k], .low = NAN, .high = NAN, .error = NAN};
    for (size_t b = 0; b < resamples; b++) {
        for (size_t s = 0; s < sets; s++)
            draw(times[s], sizes[s], resampling->seed, b, s);
        statistic(values + b * count, (const uint32_t *const *)times, context);
    }
    for (size_t k = 0; k < count && resamples > 0; k++)
        summarise(&out[k], values, k, count, column, resampling);
out:
    sps_free(times);
    sps_free(block);
    sps_free(values);
    sps_free(column);
    return status;
}
