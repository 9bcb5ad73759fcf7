/* SPDX-License-Identifier: MIT */
/* Expected calibration errors and their sampling floors.  A calibrated model does not measure 0: in each bin the
 * accuracy of finitely many images misses the confidence by chance.  How much is found by drawing labels from the
 * predictions themselves.  Equal-width bins and the classwise form after Guo et al., ICML 2017, and Kull et al.,
 * NeurIPS 2019; equal-mass bins after Nixon et al., CVPR workshops 2019. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/random.h"
#include "spinscale/scores.h"
#include "uq/bootstrap.h"
#include "uq/set.h"
#include "uq/sort.h"
#include "uq/quantile.h"

enum { BINS = SPS_RELIABILITY_BINS };

static const char *const names[SPS_ECES][2] = {
    [SPS_ECE_WIDTH] = {"ece", "15 bins of equal width"},
    [SPS_ECE_MASS] = {"ece_mass", "15 bins of equal numbers of images"},
    [SPS_ECE_CLASSWISE] = {"ece_classwise", "mean over classes, 15 bins of equal width"},
};

const char *sps_ece_name(enum sps_ece which, const char **summary)
{
    if ((unsigned)which >= SPS_ECES)
        return NULL;
    if (summary != NULL)
        *summary = names[which][1];
    return names[which][0];
}

struct bin {
    double count, correct, confidence, largest;
};

struct view {
    const struct sps_predictions *set;
    const int *labels;        /* [count]; those of the set, or drawn ones */
    unsigned char *class_bin; /* [count][classes] */
    uint32_t *rank;           /* [count] of the confidence */
    size_t ranks;
    struct bin *of_rank; /* [ranks] */
    double *gaps;        /* [classes][BINS] */
};

/* Edges are compared as in ece.c, whose value this must be. */
static int bin_of(double p)
{
    int bin = 0;
    while (bin < BINS - 1 && p > (bin + 1) / (double)BINS)
        bin++;
    return bin;
}

static void release(struct view *v)
{
    sps_free(v->class_bin);
    sps_free(v->rank);
    sps_free(v->of_rank);
    sps_free(v->gaps);
}

static sps_status prepare(struct view *v, const struct sps_predictions *set)
{
    size_t n = set->count, classes = (size_t)set->classes;
    double *confidence = NULL;
    sps_status status = SPS_OK;
    *v = (struct view){.set = set, .labels = set->labels};
    SPS_TRY_OUT(sps_calloc(&confidence, n, sizeof *confidence, "confidences"));
    SPS_TRY_OUT(sps_calloc(&v->class_bin, n, classes, "bins of probabilities"));
    SPS_TRY_OUT(sps_calloc(&v->rank, n, sizeof *v->rank, "ranks"));
    SPS_TRY_OUT(sps_calloc(&v->gaps, classes, BINS * sizeof *v->gaps, "bins of classes"));
    for (size_t i = 0; i < n; i++)
        confidence[i] = set->summaries[i].confidence;
    for (size_t k = 0; k < n * classes; k++)
        v->class_bin[k] = (unsigned char)bin_of(set->mean[k]);
    SPS_TRY_OUT(sps_rank(v->rank, &v->ranks, confidence, n, "confidence"));
    SPS_TRY_OUT(sps_calloc(&v->of_rank, v->ranks, sizeof *v->of_rank, "bins of confidences"));
out:
    sps_free(confidence);
    return status;
}

static void merge(struct bin *into, const struct bin *from)
{
    into->count += from->count;
    into->correct += from->correct;
    into->confidence += from->confidence;
    if (from->count > 0)
        into->largest = from->largest;
}

/* Bins of the confidence; times NULL: each image once. */
static void fill(struct bin bins[BINS], struct view *v, enum sps_binning binning, const uint32_t *times)
{
    memset(bins, 0, BINS * sizeof *bins);
    memset(v->of_rank, 0, v->ranks * sizeof *v->of_rank);
    double total = 0, before = 0;
    for (size_t i = 0; i < v->set->count; i++) {
        const struct sps_summary *s = &v->set->summaries[i];
        double time = times != NULL ? times[i] : 1;
        merge(&v->of_rank[v->rank[i]],
              &(struct bin){time, s->predicted == v->labels[i] ? time : 0, time * s->confidence, s->confidence});
        total += time;
    }
    for (size_t g = 0; g < v->ranks; g++) { /* a rank goes where its first image goes: equals stay together */
        const struct bin *rank = &v->of_rank[g];
        if (rank->count > 0)
            merge(&bins[binning == SPS_EQUAL_WIDTH ? bin_of(rank->largest) : (int)(BINS * before / total)], rank);
        before += rank->count;
    }
}

static double gap(const struct bin bins[BINS], double total)
{
    double sum = 0;
    for (int b = 0; b < BINS; b++)
        sum += fabs(bins[b].correct - bins[b].confidence);
    return sum / total;
}

static double classwise(struct view *v, const uint32_t *times)
{
    size_t n = v->set->count, classes = (size_t)v->set->classes;
    double sum = 0;
    memset(v->gaps, 0, classes * BINS * sizeof *v->gaps);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < classes && times[i] > 0; c++)
            v->gaps[c * BINS + v->class_bin[i * classes + c]] +=
                times[i] * ((v->labels[i] == (int)c) - v->set->mean[i * classes + c]);
    for (size_t k = 0; k < classes * BINS; k++)
        sum += fabs(v->gaps[k]);
    return sum / ((double)n * (double)classes);
}

static void statistic(double *values, const uint32_t *const *times, void *context)
{
    struct view *v = context;
    double n = (double)v->set->count;
    struct bin bins[BINS];
    for (int k = 0; k < SPS_ECES; k++)
        values[k] = NAN;
    if (v->set->count == 0 || (v->labels == v->set->labels && v->set->unlabelled > 0))
        return;
    fill(bins, v, SPS_EQUAL_WIDTH, times[0]);
    values[SPS_ECE_WIDTH] = gap(bins, n);
    fill(bins, v, SPS_EQUAL_MASS, times[0]);
    values[SPS_ECE_MASS] = gap(bins, n);
    values[SPS_ECE_CLASSWISE] = classwise(v, times[0]);
}

/* A class with the probability that the set gives it; rows sum to 1 about, so the draw is scaled. */
static int draw_class(const double *p, int classes, double uniform)
{
    double sum = 0, reached = 0;
    for (int c = 0; c < classes; c++)
        sum += p[c];
    for (int c = 0; c < classes - 1; c++) {
        reached += p[c];
        if (uniform * sum < reached)
            return c;
    }
    return classes - 1;
}

static sps_status floors(struct sps_calibration out[SPS_ECES], struct view *v, size_t draws, uint64_t seed)
{
    size_t n = v->set->count;
    int *labels = NULL;
    uint32_t *ones = NULL;
    double *values = NULL, *column = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&labels, n, sizeof *labels, "drawn labels"));
    SPS_TRY_OUT(sps_calloc(&ones, n, sizeof *ones, "counts of images"));
    SPS_TRY_OUT(sps_calloc(&values, draws, SPS_ECES * sizeof *values, "values of draws"));
    SPS_TRY_OUT(sps_calloc(&column, draws, sizeof *column, "values of draws"));
    v->labels = labels;
    for (size_t i = 0; i < n; i++)
        ones[i] = 1;
    for (size_t d = 0; d < draws; d++) {
        struct sps_random r = sps_random(seed, SPS_FOR_BOOTSTRAP, (uint32_t)d, 0, 1);
        for (size_t i = 0; i < n; i++)
            labels[i] =
                draw_class(v->set->mean + i * (size_t)v->set->classes, v->set->classes, (double)sps_random_uniform(&r));
        statistic(values + d * SPS_ECES, (const uint32_t *const[]){ones}, v);
    }
    for (int k = 0; k < SPS_ECES; k++) {
        double sum = 0;
        for (size_t d = 0; d < draws; d++)
            sum += column[d] = values[d * SPS_ECES + (size_t)k];
        out[k].floor = sum / (double)draws;
        sps_sort(column, NULL, draws);
        out[k].floor_high = sps_quantile_of_sorted(column, NULL, draws, 0.95);
    }
out:
    v->labels = v->set->labels;
    sps_free(labels);
    sps_free(ones);
    sps_free(values);
    sps_free(column);
    return status;
}

sps_status sps_calibration(struct sps_calibration out[SPS_ECES], const struct sps_predictions *set, size_t floor_draws,
                           const struct sps_resampling *resampling)
{
    struct view v;
    struct sps_calibration made[SPS_ECES];
    struct sps_interval intervals[SPS_ECES];
    sps_status status = SPS_OK;
    if (floor_draws > UINT32_MAX)
        SPS_FAIL(EINVAL, "number of draws is %zu, must be at most %u", floor_draws, UINT32_MAX);
    SPS_TRY_OUT(prepare(&v, set));
    SPS_TRY_OUT(sps_bootstrap(intervals, SPS_ECES, statistic, &v, &set->count, 1, resampling));
    for (int k = 0; k < SPS_ECES; k++)
        made[k] = (struct sps_calibration){intervals[k], NAN, NAN};
    if (floor_draws > 0 && set->count > 0)
        SPS_TRY_OUT(floors(made, &v, floor_draws, resampling != NULL ? resampling->seed : 1));
    memcpy(out, made, sizeof made);
out:
    release(&v);
    return status;
}

sps_status sps_reliability(struct sps_reliability_bin out[SPS_RELIABILITY_BINS], enum sps_binning binning,
                           const struct sps_predictions *set)
{
    struct view v;
    struct bin bins[BINS];
    double low = 0;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(prepare(&v, set));
    fill(bins, &v, binning, NULL);
    for (int b = 0; b < BINS; b++) {
        double count = bins[b].count;
        double high = binning == SPS_EQUAL_WIDTH ? (b + 1) / (double)BINS : count > 0 ? bins[b].largest : low;
        out[b] = (struct sps_reliability_bin){low, high, (size_t)count, NAN, NAN};
        low = high;
        if (count > 0)
            out[b].confidence = bins[b].confidence / count;
        if (count > 0 && set->unlabelled == 0)
            out[b].accuracy = bins[b].correct / count;
    }
out:
    release(&v);
    return status;
}
