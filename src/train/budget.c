/* SPDX-License-Identifier: MIT */
/* The plan of a run with a time limit.  What it will do is known beforehand: steps, looks at the validation images, and
 * its end; so each is timed once, on a graph that is thrown away.  Schedules are functions of the share of training
 * that is done and need no change. */
#include "train/budget.h"

#include <math.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/now.h"

/* The first steps make oneDNN's primitives and wake the threads.  Large networks get fewer steps than these: timing may
 * take this share of the budget, or so long that a median says something. */
enum { WARM_UP_STEPS = 20, TIMED_STEPS = 30, WARM_UP_LEAST = 2, TIMED_LEAST = 5, LOOKS = 3 };
static const double TIMING_SHARE = 0.02;

/* Of the time that is left, so much is planned for: a machine is not always as quiet as in its first steps. */
static const double PLANNED_SHARE = 0.95;

enum { FEW_PASSES = 1, MANY_PASSES = 5 }; /* passes over the same images share their first layers */

/* ---- the plan ---- */

double sps_budget_seconds(const struct sps_run_costs *costs, int64_t epochs, int64_t validate_every)
{
    double validations = (double)(epochs / validate_every + (epochs % validate_every != 0));
    return costs->spent + (double)epochs * costs->epoch + validations * costs->validation + costs->end;
}

int64_t sps_budget_epochs(const struct sps_run_costs *costs, double budget, int64_t validate_every)
{
    double room = PLANNED_SHARE * (budget - costs->spent);
    double most = room / (costs->epoch + costs->validation / (double)validate_every);
    int64_t epochs = most < 1 ? 1 : most > SPS_EPOCHS_MAX ? SPS_EPOCHS_MAX : (int64_t)most;
    while (epochs > 1 && sps_budget_seconds(costs, epochs, validate_every) - costs->spent > room)
        epochs--;
    return epochs;
}

/* ---- timing ---- */

static int smaller(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, smaller);
    return n % 2 == 1 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

static sps_status next_step(struct sps_run *run)
{
    if (run->at.step == 0)
        sps_run_shuffle(run);
    SPS_TRY(sps_run_step(run, sps_run_rate(run)));
    if ((size_t)run->at.step == run->train_count / (size_t)run->config.run.batch)
        run->at.step = 0;
    return SPS_OK;
}

static sps_status time_steps(double *seconds, struct sps_run *run, double until)
{
    double took[TIMED_STEPS];
    int timed = 0;
    for (int i = 0; i < WARM_UP_STEPS && (i < WARM_UP_LEAST || sps_ranks_now(run->ranks) < until); i++)
        SPS_TRY(next_step(run));
    while (timed < TIMED_STEPS && (timed < TIMED_LEAST || sps_ranks_now(run->ranks) < until)) {
        double start = sps_now();
        SPS_TRY(next_step(run));
        took[timed++] = sps_now() - start;
    }
    *seconds = median(took, timed);
    return SPS_OK;
}

/* One batch in evaluation. */
static sps_status time_look(double *seconds, struct sps_run *run, float *p, size_t passes)
{
    const struct sps_draws draws = {.source = SPS_FROM_BANK, .seed = (uint64_t)run->config.run.seed};
    double took[LOOKS];
    int n = run->graph->batch;
    for (int i = 0; i < LOOKS; i++) {
        double start = sps_now();
        SPS_TRY(sps_graph_predict(run->graph, &draws, passes, n, run->order, p, NULL, NULL, (size_t)n, 0));
        took[i] = sps_now() - start;
    }
    *seconds = median(took, LOOKS);
    return SPS_OK;
}

/* Seconds of a batch in evaluation: first pass, and each further one. */
static sps_status time_looks(double *first, double *further, struct sps_run *run)
{
    struct sps_graph *graph = run->graph;
    float *p = NULL;
    double many = 0;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(
        sps_calloc(&p, MANY_PASSES * (size_t)graph->batch, (size_t)graph->classes * sizeof *p, "probabilities"));
    SPS_TRY_OUT(time_look(first, run, p, FEW_PASSES));
    SPS_TRY_OUT(time_look(&many, run, p, MANY_PASSES));
    *further = fmax(many - *first, 0) / (MANY_PASSES - FEW_PASSES);
out:
    sps_free(p);
    return status;
}

static sps_status measure(struct sps_run_costs *costs, struct sps_run *run, double until)
{
    const struct sps_run_params *set = &run->config.run;
    double step = 0, first = 0, further = 0, batch = (double)set->batch;
    SPS_TRY(time_steps(&step, run, until));
    SPS_TRY(time_looks(&first, &further, run));
    struct sps_end_work end = sps_end_work(run);
    double looks = ceil((double)run->validation_count / batch),
           images = fmin((double)set->norm_images, (double)run->train_count);
    costs->epoch = step * (double)(run->train_count / (size_t)set->batch);
    costs->validation = looks * (first + further * (double)(set->validation_samples - 1));
    if (run->average != NULL)
        costs->validation += ceil((double)sps_average_images(run) / batch) * first;
    costs->end = end.validations * looks * (first + further * (SPS_BANK_PASSES - 1)) +
                 end.estimates * fmax(floor(images / batch), 1) * first;
    return SPS_OK;
}

static void tell(const struct sps_run *run, const struct sps_run_costs *costs, double budget, int64_t before)
{
    const struct sps_run_params *set = &run->config.run;
    double planned = sps_budget_seconds(costs, set->epochs, set->validate_every);
    sps_log(
        SPS_LOG_INFO,
        "budget: %lld epoch%s in %.4g of %.4g s (the configuration has %lld): %.3g s an epoch, %.3g s each validation, "
        "%.3g s the end, %.3g s until here",
        (long long)set->epochs, set->epochs == 1 ? "" : "s", planned, budget, (long long)before, costs->epoch,
        costs->validation, costs->end, costs->spent);
    if (planned > budget)
        sps_log(SPS_LOG_WARNING, "a budget of %.4g s is too short: one epoch and what follows take about %.4g s",
                budget, planned);
}

sps_status sps_budget_plan(struct sps_run *run, double budget, double start)
{
    struct sps_run_costs costs = {0};
    int64_t before = run->config.run.epochs;
    SPS_TRY(measure(&costs, run, sps_ranks_now(run->ranks) + TIMING_SHARE * budget));
    run->at = (struct sps_progress_state){0};
    SPS_TRY(sps_run_build_graph(run));
    costs.spent = sps_now() - start;
    sps_ranks_broadcast(run->ranks, &costs, sizeof costs); /* one plan for all */
    SPS_TRY(sps_config_set_epochs(&run->config, sps_budget_epochs(&costs, budget, run->config.run.validate_every)));
    tell(run, &costs, budget, before);
    return SPS_OK;
}
