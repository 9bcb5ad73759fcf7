/* SPDX-License-Identifier: MIT */
/* Many chips on one set of images.
 *
 * A chip on each thread: they meet once, at the end.  With all threads on each chip they meet after the arrays of each
 * layer (a small one has only one) and after each block of images; small arrays with wires lose most.  But little
 * enough, some per cent on two cores, that a last round of fewer chips than threads would lose more to idle threads:
 * its chips come one after the other with all threads on each.  So do chips on images that one thread at a time must
 * ask for.  Either way a chip's numbers are its own: what is shared is only read. */
#include <stdatomic.h>
#include <stdint.h>

#include "cim/arch/chip.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/team.h"

struct job {
    const struct sps_chips *chips;
    const struct sps_images *images;
    const struct sps_predict_options *predict;
    const struct sps_accept_rule *rule;
    double level;
    struct sps_chip_result *result; /* [chips->count] */
    int beside, threads;            /* chips at once; threads of each */
    void (*progress)(void *user, size_t done, size_t total);
    void *user;
    atomic_size_t done; /* images, of all chips */
};

/* How far one chip is. */
struct step {
    struct job *job;
    int worker;
    size_t done;
};

/* All chips count, the caller's thread alone tells. */
static void pass_on(void *user, size_t done, size_t total)
{
    struct step *s = user;
    size_t more = done - s->done, all = atomic_fetch_add(&s->job->done, more) + more;
    s->done = done;
    if (s->worker == 0 && s->job->progress != NULL)
        s->job->progress(s->job->user, all, s->job->chips->count * total);
}

static sps_status run_chip(void *work, size_t k, int worker)
{
    struct job *job = work;
    struct step step = {job, worker, 0};
    struct sps_chip_instance_options options = job->chips->options;
    struct sps_evaluation e = {0};
    sps_chip_instance *instance = NULL;
    options.seed += k;
    options.threads = job->threads;
    SPS_TRY(sps_chip_instance_create(&instance, job->chips->chip, job->chips->packed, &options));
    const struct sps_predictor predictor = sps_chip_instance_predictor(instance);
    sps_status status =
        sps_evaluate(&e, &predictor, job->images, job->predict, job->rule, job->level, NULL, pass_on, &step);
    if (status == SPS_OK) {
        job->result[k] =
            (struct sps_chip_result){e.metrics, sps_chip_instance_facts(instance), e.seconds / job->beside};
        e.metrics = NULL;
    }
    sps_evaluation_reset(&e);
    sps_chip_instance_free(instance);
    return status;
}

static int threads_of(const struct sps_chips *chips)
{
    return chips->options.threads > 0 ? chips->options.threads : sps_cores();
}

/* Those that come in whole rounds of a chip on each thread. */
static size_t rounds_of(const struct sps_chips *chips, size_t threads)
{
    return chips->count / threads * threads;
}

int sps_chips_at_once(const struct sps_chips *chips)
{
    int threads = threads_of(chips);
    return rounds_of(chips, (size_t)threads) > 0 ? threads : 1;
}

static sps_status run_rounds(struct job *job, size_t count, int threads)
{
    sps_team *team = NULL;
    SPS_TRY(sps_team_create(&team, threads));
    job->beside = threads;
    job->threads = 1;
    sps_status status = sps_team_try(team, count, run_chip, job);
    sps_team_free(team);
    return status;
}

static sps_status run_all(struct job *job)
{
    const int threads = threads_of(job->chips);
    const size_t rounds = job->images->load == NULL ? rounds_of(job->chips, (size_t)threads) : 0;
    if (rounds > 0)
        SPS_TRY(run_rounds(job, rounds, threads));
    job->beside = 1;
    job->threads = threads;
    for (size_t k = rounds; k < job->chips->count; k++)
        SPS_TRY(run_chip(job, k, 0));
    return SPS_OK;
}

static sps_status check(const struct sps_chips *chips)
{
    if (chips->options.threads < 0 || chips->options.threads > SPS_PREDICT_THREADS_MAX)
        SPS_FAIL(EINVAL, "threads is %d, must be 1 to %d, or 0 for all cores", chips->options.threads,
                 SPS_PREDICT_THREADS_MAX);
    if (chips->count < 1 || chips->count > SPS_CHIPS_MAX)
        SPS_FAIL(EINVAL, "number of chips is %zu, must be 1 to %d", chips->count, SPS_CHIPS_MAX);
    return SPS_OK;
}

sps_status sps_chips_evaluate(struct sps_chip_results *out, const struct sps_chips *chips,
                              const struct sps_images *images, const struct sps_predict_options *options,
                              const struct sps_accept_rule *rule, double level,
                              void (*progress)(void *user, size_t done, size_t total), void *user)
{
    struct sps_chip_results made = {0};
    struct job job = {.chips = chips,
                      .images = images,
                      .predict = options,
                      .rule = rule,
                      .level = level,
                      .progress = progress,
                      .user = user};
    SPS_TRY(check(chips));
    SPS_TRY(sps_calloc(&made.chip, chips->count, sizeof *made.chip, "results of chips"));
    made.count = chips->count;
    job.result = made.chip;
    sps_status status = run_all(&job);
    if (status == SPS_OK)
        *out = made;
    else
        sps_chip_results_reset(&made);
    return status;
}

void sps_chip_results_reset(struct sps_chip_results *results)
{
    for (size_t k = 0; k < results->count; k++)
        sps_metrics_free(results->chip[k].metrics);
    sps_free(results->chip);
    *results = (struct sps_chip_results){0};
}
