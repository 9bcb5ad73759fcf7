/* SPDX-License-Identifier: MIT */
/* Learning-rate range test: Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3.  The
 * rate rises exponentially from step to step, so that each factor of it gets as many steps.  The loss falls, stays low
 * for a while, and rises again: the largest rate of a schedule belongs to the near side of that valley. */
#include "train/range.h"

#include <math.h>
#include <stdio.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/now.h"
#include "spinscale/csv.h"
#include "train/run.h"

enum { STEPS_MIN = 20, STEPS_MAX = 100000 };

/* The test ends where the loss, an exponential mean of this decay, is so many times its lowest value. */
static const double DECAY = 0.9, DIVERGED = 4;

/* Where the curve is read, so many of all steps are averaged to either side. */
enum { WINDOW_PART = 20 };

/* The valley of the loss is often flat over a decade or two, and where its bottom lies is chance.  Its near edge is
 * where the loss comes this close to the lowest; the suggestion is that share of the edge's rate. */
static const double NEAR_LOWEST = 1.1, SUGGESTED_SHARE = 0.5;

struct curve {
    const struct sps_train_options *options;
    struct sps_run run;
    double low, high;
    size_t steps;
    double *rate, *loss; /* [steps] */
    size_t count;        /* steps done */
};

/* ---- reading the curve ---- */

static double smooth_at(const double *loss, size_t count, size_t i, size_t half)
{
    size_t first = i > half ? i - half : 0, last = i + half < count ? i + half : count - 1;
    double sum = 0;
    for (size_t j = first; j <= last; j++)
        sum += loss[j];
    return sum / (double)(last - first + 1);
}

void sps_range_read(size_t *near, size_t *lowest, const double *loss, size_t count)
{
    size_t half = count / WINDOW_PART + 1;
    *near = *lowest = 0;
    for (size_t i = 0; i < count; i++)
        if (smooth_at(loss, count, i, half) < smooth_at(loss, count, *lowest, half))
            *lowest = i;
    while (smooth_at(loss, count, *near, half) > NEAR_LOWEST * smooth_at(loss, count, *lowest, half))
        (*near)++;
}

/* ---- the test ---- */

static void tell(const struct curve *c, double loss, double start)
{
    if (c->options->progress == NULL)
        return;
    double seconds = sps_now() - start, done = (double)c->count, left = (double)(c->steps - c->count);
    const struct sps_train_progress progress = {.epoch = 1,
                                                .epochs = 1,
                                                .step = c->count,
                                                .steps = c->steps,
                                                .loss = loss,
                                                .images_per_s = done * (double)c->run.config.run.batch / seconds,
                                                .seconds = seconds,
                                                .seconds_left = seconds / done * left,
                                                .train_accuracy = NAN,
                                                .validation_accuracy = NAN,
                                                .validation_nll = NAN,
                                                .mutual_information = NAN};
    c->options->progress(c->options->user, &progress);
}

/* The loss before the step at this rate; *more is 0 where the test ends. */
static sps_status next(struct curve *c, double *loss, double rate, int *more)
{
    struct sps_run *run = &c->run;
    if (run->at.step == 0)
        sps_run_shuffle(run);
    run->at.loss_sum = 0;
    sps_status status = sps_run_step(run, rate);
    *more = status == SPS_OK;
    if (status == SPS_EDIVERGED)
        return SPS_OK;
    SPS_TRY(status);
    *loss = run->at.loss_sum;
    if ((size_t)run->at.step == run->train_count / (size_t)run->config.run.batch) {
        run->at.step = 0;
        run->at.epoch++;
    }
    return SPS_OK;
}

static sps_status climb(struct curve *c)
{
    double start = sps_now(), mean = 0, weight = 0, lowest = INFINITY;
    int more = 1;
    for (size_t i = 0; i < c->steps && more; i++) {
        double loss = 0, rate = c->low * pow(c->high / c->low, (double)i / (double)(c->steps - 1));
        SPS_TRY(next(c, &loss, rate, &more));
        if (!more)
            break;
        mean = DECAY * mean + (1 - DECAY) * loss;
        weight = DECAY * weight + (1 - DECAY);
        double smooth = mean / weight;
        lowest = fmin(lowest, smooth);
        more = smooth < DIVERGED * lowest;
        c->rate[i] = rate;
        c->loss[i] = loss;
        c->count = i + 1;
        tell(c, smooth, start);
        if (sps_ranks_any(c->run.ranks, c->options->stop != NULL && *c->options->stop))
            SPS_FAIL(EINTERRUPTED, "interrupted in step %zu of %zu", c->count, c->steps);
    }
    return SPS_OK;
}

static sps_status save(const struct curve *c, const char *path)
{
    static const char *const names[] = {"step", "rate", "loss", "smoothed"};
    double *rows = NULL;
    SPS_TRY(sps_calloc(&rows, c->count * 4, sizeof *rows, "a table"));
    for (size_t i = 0; i < c->count; i++) {
        rows[4 * i] = (double)i + 1;
        rows[4 * i + 1] = c->rate[i];
        rows[4 * i + 2] = c->loss[i];
        rows[4 * i + 3] = smooth_at(c->loss, c->count, i, c->count / WINDOW_PART + 1);
    }
    sps_status status = sps_csv_write(path, names, c->count, 4, rows);
    sps_free(rows);
    return status;
}

static sps_status check(const struct curve *c)
{
    if (!(c->low > 0 && c->low < c->high && c->high <= 1e6))
        SPS_FAIL(EINVAL, "learning rates from %g to %g: the first must be above 0 and the last larger, at most 1e+06",
                 c->low, c->high);
    if (c->steps < STEPS_MIN || c->steps > STEPS_MAX)
        SPS_FAIL(EINVAL, "steps of a range test are %zu, must be %d to %d", c->steps, STEPS_MIN, STEPS_MAX);
    return SPS_OK;
}

static sps_status test(struct sps_range_result *result, struct curve *c)
{
    double start = sps_now();
    size_t near = 0, lowest = 0;
    SPS_TRY(check(c));
    SPS_TRY(sps_run_init(&c->run, c->options));
    if (sps_rank(c->run.ranks) == 0)
        SPS_TRY(sps_make_folder(c->run.folder));
    SPS_TRY(sps_run_ask_teacher(&c->run));
    SPS_TRY(sps_calloc(&c->rate, c->steps, sizeof *c->rate, "learning rates"));
    SPS_TRY(sps_calloc(&c->loss, c->steps, sizeof *c->loss, "losses"));
    SPS_TRY(climb(c));
    if (c->count < STEPS_MIN)
        SPS_FAIL(EDIVERGED, "the loss diverged after %zu steps, at a learning rate of %g: start lower", c->count,
                 c->count > 0 ? c->rate[c->count - 1] : c->low);
    sps_range_read(&near, &lowest, c->loss, c->count);
    char path[4200];
    SPS_TRY(sps_run_path(path, &c->run, "range.csv"));
    if (sps_rank(c->run.ranks) == 0)
        SPS_TRY(save(c, path));
    *result = (struct sps_range_result){.steps = c->count,
                                        .suggested = SUGGESTED_SHARE * c->rate[near],
                                        .near_lowest = c->rate[near],
                                        .lowest = c->rate[lowest],
                                        .diverged = c->count < c->steps ? c->rate[c->count - 1] : NAN,
                                        .seconds = sps_now() - start};
    snprintf(result->csv, sizeof result->csv, "%.4095s", path);
    return SPS_OK;
}

sps_status sps_train_range(struct sps_range_result *result, const struct sps_train_options *options, double low,
                           double high, size_t steps)
{
    struct curve *c = NULL;
    SPS_TRY(sps_calloc(&c, 1, sizeof *c, "a range test"));
    c->options = options;
    c->low = low;
    c->high = high;
    c->steps = steps;
    sps_status status = test(result, c);
    sps_run_reset(&c->run);
    sps_free(c->rate);
    sps_free(c->loss);
    sps_free(c);
    return status;
}
