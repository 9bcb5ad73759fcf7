/* SPDX-License-Identifier: MIT */
/* One training step: a batch through the graph and back, and the update. */
#include <math.h>
#include <string.h>

#include "train/ahead.h"

void sps_run_shuffle(struct sps_run *run)
{
    memcpy(run->epoch_order, run->order, run->train_count * sizeof *run->order);
    sps_shuffle(run->epoch_order, run->train_count, (uint64_t)run->config.run.seed, (uint32_t)run->at.epoch);
}

/* The images of this step, and word of the next one's, if it is of the same epoch. */
static void load_step(struct sps_run *run, const uint32_t *index)
{
    const struct sps_run_params *set = &run->config.run;
    sps_ahead_take(run, index, run->at.epoch);
    if ((size_t)run->at.step + 1 < run->train_count / sps_run_batch(run))
        sps_ahead_start(run, index + sps_run_batch(run), run->at.epoch);
    for (size_t i = 0; i < run->images.count; i++) {
        run->labels[i] = sps_dataset_label(run->data, index[i]);
        if (run->taught != NULL)
            run->taught[i] = sps_teacher_row(
                &run->teacher, index[i],
                set->flip && sps_augment_mirrors((uint64_t)set->seed, index[i], (uint32_t)run->at.epoch));
    }
}

static int64_t count_correct(const struct sps_run *run)
{
    const struct sps_graph *graph = run->graph;
    const float *logits = sps_graph_logits(graph);
    int64_t correct = 0;
    for (size_t i = 0; i < run->images.count; i++) {
        const float *x = logits + i * (size_t)graph->classes;
        int best = 0;
        for (int c = 1; c < graph->classes; c++)
            best = x[c] > x[best] ? c : best;
        correct += best == run->labels[i];
    }
    return correct;
}

struct outcome {
    double loss, correct; /* mean over the batch; number */
};

/* Of the whole batch; dlogits of this rank's images. */
static struct outcome batch_loss(struct sps_run *run)
{
    const struct sps_run_params *set = &run->config.run;
    const struct sps_graph *graph = run->graph;
    const float *logits = sps_graph_logits(graph);
    int n = (int)run->images.count;
    double share = (double)n / (double)sps_run_batch(run);
    double loss = sps_cross_entropy(NULL, run->dlogits, logits, run->labels, n, graph->classes, set->smoothing);
    if (run->taught != NULL)
        loss = (1 - set->teacher_weight) * loss +
               set->teacher_weight * sps_distillation(run->dlogits, logits, run->taught, n, graph->classes,
                                                      set->teacher_temperature, set->teacher_weight);
    for (size_t i = 0; i < run->images.count * (size_t)graph->classes && run->ranks != NULL; i++)
        run->dlogits[i] *= (float)share;
    double sums[2] = {share * loss, (double)count_correct(run)};
    sps_ranks_sum_doubles(run->ranks, sums, 2);
    return (struct outcome){sums[0], sums[1]};
}

/* Which layer went wrong first. */
static sps_status diverged(const struct sps_run *run, double loss)
{
    if (sps_graph_check(run->graph, (int)run->images.count) == SPS_OK)
        sps_fail(SPS_EDIVERGED, "loss is %g", loss);
    return sps_fail_in(SPS_EDIVERGED, "training diverged in epoch %lld, step %lld; the last checkpoint is kept: ",
                       (long long)run->at.epoch + 1, (long long)run->at.step + 1);
}

static double share_done(const struct sps_run *run)
{
    double steps = (double)(run->train_count / (size_t)run->config.run.batch);
    return ((double)run->at.epoch + (double)run->at.step / steps) / (double)run->config.run.epochs;
}

double sps_run_rate(const struct sps_run *run)
{
    const struct sps_run_params *set = &run->config.run;
    return set->rate * sps_schedule_factor((enum sps_schedule)set->schedule, share_done(run), set->warm_up, set->final,
                                           (int)set->drops, set->drop_factor);
}

sps_status sps_run_step(struct sps_run *run, double rate)
{
    const struct sps_run_params *set = &run->config.run;
    struct sps_graph *graph = run->graph;
    const uint32_t *index = run->epoch_order + (size_t)run->at.step * sps_run_batch(run) + run->images.first;
    graph->profile = run->profile;
    sps_profile_mark(run->profile, SPS_PROFILE_OTHER);
    load_step(run, index);
    sps_profile_mark(run->profile, SPS_PROFILE_DATA);
    struct sps_pass pass = {.mode = SPS_PASS_TRAIN,
                            .source = SPS_FROM_METHOD,
                            .n = (int)run->images.count,
                            .seed = (uint64_t)set->seed,
                            .epoch = (uint32_t)run->at.epoch,
                            .index = index,
                            .batch = (uint32_t)run->at.step};
    sps_error_decay(&pass.t, &pass.k, share_done(run), set->t_min, set->t_max);
    sps_graph_forward(graph, &pass);
    struct outcome outcome = batch_loss(run);
    sps_profile_mark(run->profile, SPS_PROFILE_LOSS);
    if (!isfinite(outcome.loss))
        return diverged(run, outcome.loss);
    sps_graph_backward(graph, &pass, run->dlogits);
    const struct sps_step step = {rate,         set->decay,    set->beta1,          set->beta2,
                                  set->epsilon, set->momentum, run->at.updates + 1, share_done(run)};
    double penalty = sps_graph_distribution(graph) +
                     sps_graph_posterior(graph, run->config.optimiser, &step, pass.t, pass.k, run->train_count);
    for (int i = 0; i < graph->scale_count; i++)
        if (graph->method->penalty != NULL)
            penalty += graph->method->penalty(graph->scales[i], run->train_count);
    sps_graph_update(graph, run->config.optimiser, &step, pass.t, pass.k);
    run->at.loss_sum += outcome.loss;
    run->at.penalty = penalty;
    run->at.correct += (int64_t)outcome.correct;
    run->at.step++;
    run->at.updates++;
    sps_average_update(run);
    sps_profile_mark(run->profile, SPS_PROFILE_UPDATE);
    graph->profile = NULL;
    if (run->profile != NULL)
        run->profile->steps++;
    return SPS_OK;
}
