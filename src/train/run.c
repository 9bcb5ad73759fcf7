/* SPDX-License-Identifier: MIT */
/* The training loop. */
#include "train/run.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/now.h"
#include "train/budget.h"
#include "train/model_file.h"

static const double BUDGET_MAX = 1e8; /* three years */

struct session {
    struct sps_run run;
    const struct sps_train_options *options;
    FILE *metrics; /* metrics.jsonl */
    double began;  /* the call */
    double start, seconds_before, last_checkpoint;
    int64_t updates_before;
    double *flips; /* [scale_count] last measured */
};

/* As rank 0 sees it. */
static int exists(const struct sps_run *run, const char *name)
{
    char path[4200];
    struct stat s;
    int there = sps_run_path(path, run, name) == SPS_OK && stat(path, &s) == 0;
    sps_ranks_broadcast(run->ranks, &there, sizeof there);
    return there;
}

/* ---- setting up ---- */

/* Before anything that takes long. */
static sps_status claim_folder(const struct session *s)
{
    int first = sps_rank(s->run.ranks) == 0, taken = !s->options->resume && exists(&s->run, "config.yaml");
    if (first)
        SPS_TRY(sps_make_folder(s->run.folder));
    if (taken)
        SPS_FAIL(EINVAL, "'%s' already holds a run; continue it with --resume or name another folder", s->run.folder);
    return SPS_OK;
}

/* A run that goes on keeps its plan. */
static sps_status keep_plan(struct sps_run *run)
{
    char path[4200];
    struct sps_config planned = {0};
    SPS_TRY(sps_run_path(path, run, "config.yaml"));
    SPS_TRY(sps_config_init(&planned, path, NULL, 0, 0, 0));
    int64_t epochs = planned.run.epochs;
    sps_config_reset(&planned);
    sps_log(SPS_LOG_INFO, "budget: the run was planned before, with %lld epochs", (long long)epochs);
    return sps_config_set_epochs(&run->config, epochs);
}

static sps_status plan(struct session *s)
{
    if (s->options->budget == 0)
        return SPS_OK;
    if (s->options->resume && exists(&s->run, "config.yaml"))
        return sps_ranks_agree(s->run.ranks, keep_plan(&s->run));
    return sps_budget_plan(&s->run, s->options->budget, s->began);
}

static sps_status open_folder(struct session *s)
{
    struct sps_run *run = &s->run;
    char config[4200], metrics[4200];
    SPS_TRY(sps_run_path(config, run, "config.yaml"));
    SPS_TRY(sps_run_path(metrics, run, "metrics.jsonl"));
    run->at.best_epoch = -1;
    if (s->options->resume && exists(run, "checkpoint.safetensors"))
        SPS_TRY(sps_checkpoint_load(run));
    else if (sps_rank(run->ranks) == 0)
        SPS_TRY(sps_file_save(config, run->config.text, strlen(run->config.text)));
    s->seconds_before = run->at.seconds;
    s->updates_before = run->at.updates;
    if (sps_rank(run->ranks) > 0)
        return SPS_OK;
    s->metrics = fopen(metrics, "a");
    if (s->metrics == NULL)
        SPS_FAIL(EIO, "cannot write '%s': %s", metrics, sps_errno_text(errno));
    /* Lines written after the checkpoint will be written again; lines that somebody took away are not made up. */
    struct stat now_there;
    if (fstat(fileno(s->metrics), &now_there) != 0 ||
        (now_there.st_size > run->at.metrics_bytes && ftruncate(fileno(s->metrics), (off_t)run->at.metrics_bytes) != 0))
        SPS_FAIL(EIO, "cannot write '%s': %s", metrics, sps_errno_text(errno));
    if (now_there.st_size < run->at.metrics_bytes)
        run->at.metrics_bytes = now_there.st_size;
    return SPS_OK;
}

static sps_status session_init(struct session *s, const struct sps_train_options *options)
{
    struct sps_run *run = &s->run;
    s->options = options;
    s->began = sps_now();
    if (!(options->budget >= 0 && options->budget <= BUDGET_MAX))
        SPS_FAIL(EINVAL, "a budget of %g s must be above 0 and at most %g s", options->budget, BUDGET_MAX);
    SPS_TRY(sps_run_init(run, options));
    SPS_TRY(sps_ranks_agree(run->ranks, claim_folder(s)));
    SPS_TRY(sps_calloc(&s->flips, (size_t)run->graph->scale_count, sizeof *s->flips, "flips"));
    SPS_TRY(sps_run_ask_teacher(run));
    SPS_TRY(plan(s));
    SPS_TRY(sps_ranks_agree(run->ranks, open_folder(s)));
    s->start = sps_now();
    s->last_checkpoint = sps_ranks_now(run->ranks);
    return SPS_OK;
}

static void session_reset(struct session *s)
{
    if (s->metrics != NULL)
        fclose(s->metrics);
    sps_free(s->flips);
    sps_run_reset(&s->run);
}

/* ---- one epoch ---- */

static void scale_statistics(const struct sps_scale *scale, double *mean, double *sd)
{
    const float *s = scale->point;
    double sum = 0, square = 0;
    for (int c = 0; c < scale->channels; c++) {
        sum += s[c];
        square += (double)s[c] * s[c];
    }
    *mean = sum / scale->channels;
    *sd = sqrt(fmax(square / scale->channels - *mean * *mean, 0));
}

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static sps_status write_metrics(struct session *s, double images_per_s, int validated)
{
    struct sps_run *run = &s->run;
    double steps = (double)run->at.step;
    json_t *line = json_object(), *layers = json_array();
    json_object_set_new(line, "epoch", json_integer(run->at.epoch + 1));
    json_object_set_new(line, "train_loss", real_or_null(run->at.loss_sum / steps));
    json_object_set_new(line, "penalty", real_or_null(run->at.penalty));
    json_object_set_new(line, "train_accuracy",
                        real_or_null((double)run->at.correct / (steps * (double)sps_run_batch(run))));
    json_object_set_new(line, "validation_accuracy",
                        validated ? real_or_null(run->at.validation_accuracy) : json_null());
    json_object_set_new(line, "validation_nll", validated ? real_or_null(run->at.validation_nll) : json_null());
    json_object_set_new(line, "mutual_information", validated ? real_or_null(run->at.mutual_information) : json_null());
    json_object_set_new(line, "rate", real_or_null(sps_run_rate(run)));
    json_object_set_new(line, "images_per_s", real_or_null(images_per_s));
    json_object_set_new(line, "seconds", real_or_null(run->at.seconds));
    for (int i = 0; i < run->graph->scale_count && validated; i++) {
        double mean, sd;
        scale_statistics(run->graph->scales[i], &mean, &sd);
        json_t *layer = json_object();
        json_object_set_new(layer, "layer", json_integer(run->graph->scales[i]->layer));
        json_object_set_new(layer, "scale_mean", real_or_null(mean));
        json_object_set_new(layer, "scale_sd", real_or_null(sd));
        json_object_set_new(layer, "flips", real_or_null(s->flips[i]));
        json_array_append_new(layers, layer);
    }
    json_object_set_new(line, "layers", layers);
    char *text = json_dumps(line, JSON_REAL_PRECISION(8));
    json_decref(line);
    if (text == NULL)
        SPS_FAIL(ENOMEM, "out of memory: metrics");
    int bad = fprintf(s->metrics, "%s\n", text) < 0 || fflush(s->metrics) != 0;
    run->at.metrics_bytes += (int64_t)strlen(text) + 1;
    free(text);
    if (bad)
        SPS_FAIL(EIO, "cannot write '%s/metrics.jsonl': %s", run->folder, sps_errno_text(errno));
    return SPS_OK;
}

static sps_status measure_flips(struct session *s)
{
    struct sps_run *run = &s->run;
    size_t n = run->validation_count < sps_run_batch(run) ? run->validation_count : sps_run_batch(run);
    struct sps_share own = sps_ranks_share(run->ranks, n);
    const uint32_t *validation = run->order + run->train_count + own.first;
    size_t size = sps_shape_size(&run->graph->input), scales = (size_t)run->graph->scale_count;
    for (size_t i = 0; i < own.count; i++)
        sps_encode(run->graph->codes + i * size, &run->table, sps_dataset_image(run->data, validation[i]),
                   run->graph->input.h * run->graph->input.w);
    sps_status status = SPS_OK;
    if (own.count > 0)
        status = sps_graph_flips(run->graph, (uint64_t)run->config.run.seed, (int)own.count, validation, s->flips);
    SPS_TRY(sps_ranks_agree(run->ranks, status));
    if (run->ranks == NULL)
        return SPS_OK;
    for (size_t i = 0; i < scales; i++)
        s->flips[i] = own.count > 0 ? s->flips[i] * (double)own.count / (double)n : 0;
    sps_ranks_sum_doubles(run->ranks, s->flips, scales);
    return SPS_OK;
}

/* The bank as it would be now, with the running statistics of training, or estimates for averages. */
static sps_status validate_epoch(struct session *s)
{
    struct sps_run *run = &s->run;
    struct sps_graph *graph = run->graph;
    for (int i = 0; i < graph->scale_count; i++)
        SPS_TRY(graph->method->make_bank(graph->scales[i], (uint64_t)run->config.run.seed, 0));
    sps_graph_layout_picks(graph);
    if (run->average != NULL)
        SPS_TRY(sps_estimate_norms(run, SPS_FROM_BANK, sps_average_images(run)));
    struct sps_validation v = {0};
    sps_status status = sps_validate(&v, run, SPS_FROM_BANK, (size_t)run->config.run.validation_samples);
    if (status == SPS_EDIVERGED)
        sps_fail_in(status, "training diverged in epoch %lld, seen in validation; the last checkpoint is kept: ",
                    (long long)run->at.epoch + 1);
    SPS_TRY(status);
    run->at.validation_accuracy = v.accuracy;
    run->at.validation_nll = v.nll;
    run->at.mutual_information = v.mutual_information;
    return measure_flips(s);
}

static sps_status keep_if_best(struct sps_run *run)
{
    double score = run->config.run.select == SPS_SELECT_NLL ? -run->at.validation_nll : run->at.validation_accuracy;
    if (run->best == NULL || (run->at.best_epoch >= 0 && score <= run->at.best_score))
        return SPS_OK;
    struct sps_state_tensor *state = NULL;
    size_t count = 0;
    SPS_TRY(sps_run_state(&state, &count, run));
    float *to = run->best;
    for (size_t i = 0; i < count; i++)
        if (state[i].kept) {
            memcpy(to, state[i].data, state[i].count * sizeof *to);
            to += state[i].count;
        }
    sps_free(state);
    run->at.best_epoch = run->at.epoch;
    run->at.best_score = score;
    return SPS_OK;
}

static sps_status restore_best(struct sps_run *run)
{
    struct sps_state_tensor *state = NULL;
    size_t count = 0;
    SPS_TRY(sps_run_state(&state, &count, run));
    const float *from = run->best;
    for (size_t i = 0; i < count; i++)
        if (state[i].kept) {
            memcpy(state[i].data, from, state[i].count * sizeof *from);
            from += state[i].count;
        }
    sps_free(state);
    return sps_run_binarise(run);
}

static void tell_progress(struct session *s, double images_per_s, int epoch_done, int validated)
{
    const struct sps_run *run = &s->run;
    if (s->options->progress == NULL)
        return;
    size_t steps = run->train_count / (size_t)run->config.run.batch;
    double done = (double)(run->at.updates - s->updates_before),
           left = (double)run->config.run.epochs * (double)steps - (double)run->at.updates;
    double seconds = sps_now() - s->start;
    const struct sps_train_progress progress = {.epoch = (int)run->at.epoch + 1,
                                                .epochs = (int)run->config.run.epochs,
                                                .step = (size_t)run->at.step,
                                                .steps = steps,
                                                .loss = run->at.loss_sum / (double)run->at.step,
                                                .images_per_s = images_per_s,
                                                .seconds = seconds,
                                                .seconds_left = done > 0 ? seconds / done * left : NAN,
                                                .epoch_done = epoch_done,
                                                .train_accuracy = (double)run->at.correct /
                                                                  ((double)run->at.step * (double)sps_run_batch(run)),
                                                .validation_accuracy = validated ? run->at.validation_accuracy : NAN,
                                                .validation_nll = validated ? run->at.validation_nll : NAN,
                                                .mutual_information = validated ? run->at.mutual_information : NAN};
    s->options->progress(s->options->user, &progress);
}

static sps_status checkpoint(struct session *s)
{
    s->run.at.seconds = s->seconds_before + sps_now() - s->start;
    sps_profile_mark(s->run.profile, SPS_PROFILE_OTHER);
    SPS_TRY(sps_ranks_agree(s->run.ranks, sps_rank(s->run.ranks) == 0 ? sps_checkpoint_save(&s->run) : SPS_OK));
    sps_profile_mark(s->run.profile, SPS_PROFILE_FILES);
    s->last_checkpoint = sps_ranks_now(s->run.ranks);
    return SPS_OK;
}

static sps_status train_epoch(struct session *s)
{
    struct sps_run *run = &s->run;
    const struct sps_run_params *set = &run->config.run;
    size_t steps = run->train_count / (size_t)set->batch;
    sps_run_shuffle(run);
    double start = sps_now(), images_per_s = 0;
    int64_t first = run->at.step;
    while ((size_t)run->at.step < steps) {
        SPS_TRY(sps_run_step(run, sps_run_rate(run)));
        images_per_s = (double)(run->at.step - first) * (double)set->batch / (sps_now() - start);
        if ((size_t)run->at.step < steps)
            tell_progress(s, images_per_s, 0, 0);
        if (sps_ranks_any(run->ranks, s->options->stop != NULL && *s->options->stop)) {
            SPS_TRY(checkpoint(s));
            SPS_FAIL(EINTERRUPTED, "interrupted in epoch %lld, step %lld; saved, continue with --resume",
                     (long long)run->at.epoch + 1, (long long)run->at.step);
        }
        if ((size_t)run->at.step < steps && sps_ranks_now(run->ranks) > s->last_checkpoint + set->checkpoint_every)
            SPS_TRY(checkpoint(s));
    }
    SPS_TRY(sps_run_check_finite(run));
    SPS_TRY(sps_run_check_ranks(run));
    run->at.seconds = s->seconds_before + sps_now() - s->start;
    int validated = (run->at.epoch + 1) % set->validate_every == 0 || run->at.epoch + 1 == set->epochs;
    sps_profile_mark(run->profile, SPS_PROFILE_OTHER);
    if (validated) {
        SPS_TRY(sps_average_enter(run));
        SPS_TRY(validate_epoch(s));
        SPS_TRY(keep_if_best(run));
        SPS_TRY(sps_average_leave(run));
    }
    sps_profile_mark(run->profile, SPS_PROFILE_VALIDATION);
    SPS_TRY(
        sps_ranks_agree(run->ranks, sps_rank(run->ranks) == 0 ? write_metrics(s, images_per_s, validated) : SPS_OK));
    sps_profile_mark(run->profile, SPS_PROFILE_FILES);
    tell_progress(s, images_per_s, 1, validated);
    run->at.epoch++;
    run->at.step = 0;
    run->at.loss_sum = 0;
    run->at.correct = 0;
    if (sps_ranks_now(run->ranks) > s->last_checkpoint + set->checkpoint_every || run->at.epoch == set->epochs)
        SPS_TRY(checkpoint(s));
    return SPS_OK;
}

/* ---- the end ---- */

static sps_status finish(struct session *s, struct sps_train_result *result)
{
    struct sps_run *run = &s->run;
    struct sps_bank_report bank;
    struct sps_validation v = {0};
    sps_profile_mark(run->profile, SPS_PROFILE_OTHER);
    if (run->best != NULL && run->at.best_epoch >= 0)
        SPS_TRY(restore_best(run));
    else
        SPS_TRY(sps_average_enter(run));
    SPS_TRY(sps_make_banks(&bank, run));
    SPS_TRY(sps_validate(&v, run, SPS_FROM_BANK, SPS_BANK_PASSES));
    SPS_TRY(measure_flips(s));
    if (run->graph->method->draws_bank)
        sps_log(SPS_LOG_INFO,
                "bank: %d draw%s, validation NLL %.4f nats, continuous posterior %.4f, difference %.4f, noise %.4f",
                bank.draws, bank.draws == 1 ? "" : "s", bank.bank_nll, bank.posterior_nll, bank.difference, bank.noise);
    const struct sps_dataset_info *info = sps_dataset_get_info(run->data);
    char seed[32];
    snprintf(seed, sizeof seed, "%lld", (long long)run->config.run.seed);
    struct sps_model_facts facts = {.net_text = run->config.net_text,
                                    .method = run->config.method->name,
                                    .binariser = run->config.binariser->name,
                                    .config = run->config.text,
                                    .data = info->name,
                                    .data_sha256 = info->sha256,
                                    .validation_accuracy = v.accuracy,
                                    .validation_nll = v.nll,
                                    .mutual_information = v.mutual_information,
                                    .bank_draws = bank.draws,
                                    .seed = seed};
    for (int i = 0; i < run->graph->classes && i < 256; i++)
        facts.class_names[i] = sps_dataset_class_name(run->data, i);
    char path[4200];
    sps_profile_mark(run->profile, SPS_PROFILE_END);
    SPS_TRY(sps_run_path(path, run, "model.safetensors"));
    SPS_TRY(sps_ranks_agree(
        run->ranks, sps_rank(run->ranks) == 0 ? sps_model_file_write(path, run->graph, &run->table, &facts) : SPS_OK));
    sps_profile_mark(run->profile, SPS_PROFILE_FILES);
    int stochastic = strcmp(run->config.method->name, "point") != 0;
    *result =
        (struct sps_train_result){.epochs = (int)run->at.epoch,
                                  .best_epoch = run->best ? (int)run->at.best_epoch + 1 : (int)run->at.epoch,
                                  .validation_accuracy = v.accuracy,
                                  .validation_nll = v.nll,
                                  .mutual_information = v.mutual_information,
                                  .collapsed = stochastic && v.mutual_information < run->config.run.collapse_floor,
                                  .bank_draws = bank.draws,
                                  .seconds = s->seconds_before + sps_now() - s->start};
    snprintf(result->model, sizeof result->model, "%.4095s", path);
    if (s->options->budget > 0)
        sps_log(SPS_LOG_INFO, "budget: %.4g of %.4g s used", s->seconds_before + sps_now() - s->began,
                s->options->budget);
    if (result->collapsed)
        sps_log(SPS_LOG_WARNING,
                "the posterior has collapsed: mutual information on validation images is %.2g nats, below %.2g; T "
                "passes say "
                "what one says",
                v.mutual_information, run->config.run.collapse_floor);
    return SPS_OK;
}

sps_status sps_train(struct sps_train_result *result, const struct sps_train_options *options)
{
    struct session *s = NULL;
    SPS_TRY(sps_calloc(&s, 1, sizeof *s, "a training session"));
    sps_status status = session_init(s, options);
    if (status == SPS_OK && options->profile != NULL)
        status = sps_profile_begin(&s->run, s->began);
    while (status == SPS_OK && s->run.at.epoch < s->run.config.run.epochs)
        status = train_epoch(s);
    if (status == SPS_OK)
        status = finish(s, result);
    if (s->run.profile != NULL && (status == SPS_OK || status == SPS_EINTERRUPTED)) {
        sps_status profiled = sps_profile_end(options->profile, &s->run);
        status = profiled != SPS_OK ? profiled : status;
    }
    session_reset(s);
    sps_free(s);
    return status;
}
