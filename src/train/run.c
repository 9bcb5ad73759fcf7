/* SPDX-License-Identifier: MIT */
/* The training loop. */
#include "train/run.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/log.h"
#include "core/memory.h"
#include "train/model_file.h"

enum { THREADS_MAX = 1024 };

struct session {
    struct sps_run run;
    const struct sps_train_options *options;
    int *labels;          /* [batch] */
    float *dlogits;       /* [batch][classes] */
    const float **taught; /* [batch] the teacher's probabilities; NULL where there is no teacher */
    FILE *metrics;        /* metrics.jsonl */
    double start, seconds_before, last_checkpoint;
    int64_t updates_before;
    double *flips; /* [scale_count] last measured */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sps_status path_of(char out[4200], const struct sps_run *run, const char *name)
{
    if (snprintf(out, 4200, "%s/%s", run->folder, name) >= 4200)
        SPS_FAIL(EINVAL, "path '%s/%s' is too long", run->folder, name);
    return SPS_OK;
}

static int exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}

/* ---- setting up ---- */

static sps_status open_data(struct sps_run *run, const char *data_dir)
{
    SPS_TRY(sps_dataset_open(&run->data, run->config.run.data, SPS_TRAIN, data_dir));
    const struct sps_dataset_info *info = sps_dataset_get_info(run->data);
    size_t validation = (size_t)run->config.run.validation;
    if (validation >= info->count)
        SPS_FAIL(EINVAL, "data.validation %zu leaves no training image of %zu in '%s'", validation, info->count,
                 info->name);
    run->validation_count = validation;
    run->train_count = info->count - validation;
    if (run->train_count < (size_t)run->config.run.batch)
        SPS_FAIL(EINVAL, "train.batch %lld is larger than the %zu training images", (long long)run->config.run.batch,
                 run->train_count);
    for (size_t i = 0; i < info->count; i++)
        if (sps_dataset_label(run->data, i) < 0)
            SPS_FAIL(EFORMAT, "image %zu of '%s' has no label, training needs one", i, info->name);
    SPS_TRY(sps_calloc(&run->order, info->count, sizeof *run->order, "the split"));
    SPS_TRY(sps_calloc(&run->epoch_order, run->train_count, sizeof *run->epoch_order, "an epoch's order"));
    sps_split(run->order, info->count, validation, (uint64_t)run->config.run.seed);
    sps_code_table_measure(&run->table, run->data, run->order, run->train_count);
    return SPS_OK;
}

static enum sps_precision precision(const struct sps_run_params *set)
{
    enum { AUTO, FLOAT32, BFLOAT16 };
    return set->precision == BFLOAT16 || (set->precision == AUTO && sps_onednn_likes_bfloat16()) ? SPS_BFLOAT16
                                                                                                  : SPS_FLOAT32;
}

static sps_status build_graph(struct sps_run *run, int threads)
{
    const struct sps_dataset_info *info = sps_dataset_get_info(run->data);
    const struct sps_graph_options options = {.method = run->config.method,
                                              .settings = run->config.settings,
                                              .binariser = run->config.binariser,
                                              .batch = (int)run->config.run.batch,
                                              .threads = threads,
                                              .training = 1,
                                              .precision = precision(&run->config.run),
                                              .seed = (uint64_t)run->config.run.seed,
                                              .height = info->height,
                                              .width = info->width,
                                              .channels = info->channels,
                                              .classes = info->classes};
    SPS_TRY(sps_graph_create(&run->graph, run->config.net, &options));
    run->graph->code_step = 1 / run->table.scale;
    struct sps_state_tensor *state = NULL;
    size_t count = 0, kept = 0;
    SPS_TRY(sps_run_state(&state, &count, run));
    for (size_t i = 0; i < count; i++)
        kept += state[i].kept ? state[i].count : 0;
    sps_free(state);
    return run->config.run.select == SPS_SELECT_LAST
               ? SPS_OK
               : sps_calloc(&run->best, kept, sizeof *run->best, "the best epoch");
}

static sps_status open_folder(struct session *s)
{
    struct sps_run *run = &s->run;
    char config[4200], metrics[4200], checkpoint[4200];
    SPS_TRY(path_of(config, run, "config.yaml"));
    SPS_TRY(path_of(metrics, run, "metrics.jsonl"));
    SPS_TRY(path_of(checkpoint, run, "checkpoint.safetensors"));
    SPS_TRY(sps_make_folder(run->folder));
    if (!s->options->resume && exists(config))
        SPS_FAIL(EINVAL, "'%s' already holds a run; continue it with --resume or name another folder", run->folder);
    run->at.best_epoch = -1;
    if (s->options->resume && exists(checkpoint))
        SPS_TRY(sps_checkpoint_load(run));
    else
        SPS_TRY(sps_file_save(config, run->config.text, strlen(run->config.text)));
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
    s->seconds_before = run->at.seconds;
    s->updates_before = run->at.updates;
    return SPS_OK;
}

static sps_status session_init(struct session *s, const struct sps_train_options *options)
{
    struct sps_run *run = &s->run;
    char config[4200];
    s->options = options;
    if (options->out == NULL ||
        snprintf(run->folder, sizeof run->folder, "%s", options->out) >= (int)sizeof run->folder)
        SPS_FAIL(EINVAL, "the folder's name is missing or too long");
    if (options->threads < 0 || options->threads > THREADS_MAX)
        SPS_FAIL(EINVAL, "threads is %d, must be 1 to %d, or 0 for all cores", options->threads, THREADS_MAX);
    SPS_TRY(path_of(config, run, "config.yaml"));
    const char *from = options->resume && options->config == NULL ? config : options->config;
    SPS_TRY(sps_config_init(&run->config, from, options->sets, options->set_count, options->has_seed, options->seed));
    int threads = options->threads > 0 ? options->threads : omp_get_num_procs();
    omp_set_num_threads(threads);
    SPS_TRY(open_data(run, options->data_dir));
    SPS_TRY(build_graph(run, threads));
    size_t batch = (size_t)run->config.run.batch;
    SPS_TRY(sps_calloc(&s->labels, batch, sizeof *s->labels, "labels"));
    SPS_TRY(sps_calloc(&s->dlogits, batch * (size_t)run->graph->classes, sizeof *s->dlogits, "gradients"));
    SPS_TRY(sps_calloc(&s->flips, (size_t)run->graph->scale_count, sizeof *s->flips, "flips"));
    SPS_TRY(open_folder(s));
    if (run->config.run.teacher[0] != '\0') {
        SPS_TRY(sps_calloc(&s->taught, batch, sizeof *s->taught, "a teacher's answers"));
        SPS_TRY(sps_teacher_init(&run->teacher, run->config.run.teacher, run->data, run->config.run.flip,
                                 (uint32_t)run->config.run.teacher_samples, threads));
    }
    s->start = s->last_checkpoint = now();
    return SPS_OK;
}

static void session_reset(struct session *s)
{
    struct sps_run *run = &s->run;
    if (s->metrics != NULL)
        fclose(s->metrics);
    sps_free(s->labels);
    sps_free(s->dlogits);
    sps_free(s->taught);
    sps_teacher_reset(&run->teacher);
    sps_free(s->flips);
    sps_graph_free(run->graph);
    sps_free(run->best);
    sps_free(run->order);
    sps_free(run->epoch_order);
    sps_dataset_free(run->data);
    sps_config_reset(&run->config);
}

/* ---- one step ---- */

static void load_step(struct session *s, const uint32_t *index)
{
    struct sps_run *run = &s->run;
    const struct sps_run_params *set = &run->config.run;
    struct sps_graph *graph = run->graph;
    const struct sps_augment augment = {set->flip, (int)set->crop_pad, (float)set->resize_min_area};
    int plain = !set->flip && set->crop_pad == 0 && set->resize_min_area >= 1;
    size_t size = sps_shape_size(&graph->input);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < graph->batch; i++) {
        int8_t *codes = graph->codes + (size_t)i * size;
        int8_t *first = plain ? codes : sps_graph_scratch(graph);
        sps_encode(first, &run->table, sps_dataset_image(run->data, index[i]), graph->input.h * graph->input.w);
        if (!plain)
            sps_augment_codes(codes, first, graph->input.h, graph->input.w, graph->input.c, &augment,
                              (uint64_t)set->seed, index[i], (uint32_t)run->at.epoch);
        s->labels[i] = sps_dataset_label(run->data, index[i]);
        if (s->taught != NULL)
            s->taught[i] = sps_teacher_row(
                &run->teacher, index[i],
                set->flip && sps_augment_mirrors((uint64_t)set->seed, index[i], (uint32_t)run->at.epoch));
    }
}

static int64_t count_correct(const struct session *s)
{
    const struct sps_graph *graph = s->run.graph;
    const float *logits = sps_graph_logits(graph);
    int64_t correct = 0;
    for (int i = 0; i < graph->batch; i++) {
        const float *x = logits + (size_t)i * (size_t)graph->classes;
        int best = 0;
        for (int c = 1; c < graph->classes; c++)
            best = x[c] > x[best] ? c : best;
        correct += best == s->labels[i];
    }
    return correct;
}

/* Which layer went wrong first. */
static sps_status diverged(const struct session *s, double loss)
{
    const struct sps_run *run = &s->run;
    if (sps_graph_check(run->graph, run->graph->batch) == SPS_OK)
        sps_fail(SPS_EDIVERGED, "loss is %g", loss);
    return sps_fail_in(SPS_EDIVERGED, "training diverged in epoch %lld, step %lld; the last checkpoint is kept: ",
                       (long long)run->at.epoch + 1, (long long)run->at.step + 1);
}

static double share_done(const struct sps_run *run)
{
    double steps = (double)(run->train_count / (size_t)run->config.run.batch);
    return ((double)run->at.epoch + (double)run->at.step / steps) / (double)run->config.run.epochs;
}

static double rate_now(const struct sps_run *run)
{
    const struct sps_run_params *set = &run->config.run;
    return set->rate * sps_schedule_factor((enum sps_schedule)set->schedule, share_done(run), set->warm_up, set->final,
                                           (int)set->drops, set->drop_factor);
}

static sps_status train_step(struct session *s)
{
    struct sps_run *run = &s->run;
    const struct sps_run_params *set = &run->config.run;
    struct sps_graph *graph = run->graph;
    const uint32_t *index = run->epoch_order + (size_t)run->at.step * (size_t)set->batch;
    load_step(s, index);
    struct sps_pass pass = {.mode = SPS_PASS_TRAIN,
                            .source = SPS_FROM_METHOD,
                            .n = graph->batch,
                            .seed = (uint64_t)set->seed,
                            .epoch = (uint32_t)run->at.epoch,
                            .index = index,
                            .batch = (uint32_t)run->at.step};
    sps_error_decay(&pass.t, &pass.k, share_done(run), set->t_min, set->t_max);
    sps_graph_forward(graph, &pass);
    double loss = sps_cross_entropy(NULL, s->dlogits, sps_graph_logits(graph), s->labels, graph->batch, graph->classes,
                                    set->smoothing);
    if (s->taught != NULL)
        loss = (1 - set->teacher_weight) * loss +
               set->teacher_weight * sps_distillation(s->dlogits, sps_graph_logits(graph), s->taught, graph->batch,
                                                      graph->classes, set->teacher_temperature, set->teacher_weight);
    if (!isfinite(loss))
        return diverged(s, loss);
    sps_graph_backward(graph, &pass, s->dlogits);
    double penalty = sps_graph_distribution(graph);
    for (int i = 0; i < graph->scale_count; i++)
        if (graph->method->penalty != NULL)
            penalty += graph->method->penalty(graph->scales[i], run->train_count);
    const struct sps_step step = {rate_now(run), set->decay,    set->beta1,          set->beta2,
                                  set->epsilon,  set->momentum, run->at.updates + 1, share_done(run)};
    sps_graph_update(graph, run->config.optimiser, &step, pass.t, pass.k);
    run->at.loss_sum += loss;
    run->at.penalty = penalty;
    run->at.correct += count_correct(s);
    run->at.step++;
    run->at.updates++;
    return SPS_OK;
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
    json_object_set_new(line, "train_accuracy", real_or_null((double)run->at.correct / (steps * run->graph->batch)));
    json_object_set_new(line, "validation_accuracy",
                        validated ? real_or_null(run->at.validation_accuracy) : json_null());
    json_object_set_new(line, "validation_nll", validated ? real_or_null(run->at.validation_nll) : json_null());
    json_object_set_new(line, "mutual_information", validated ? real_or_null(run->at.mutual_information) : json_null());
    json_object_set_new(line, "rate", real_or_null(rate_now(run)));
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
    const uint32_t *validation = run->order + run->train_count;
    int n = run->validation_count < (size_t)run->graph->batch ? (int)run->validation_count : run->graph->batch;
    size_t size = sps_shape_size(&run->graph->input);
    for (int i = 0; i < n; i++)
        sps_encode(run->graph->codes + (size_t)i * size, &run->table, sps_dataset_image(run->data, validation[i]),
                   run->graph->input.h * run->graph->input.w);
    return sps_graph_flips(run->graph, (uint64_t)run->config.run.seed, n, validation, s->flips);
}

/* The bank as it would be now, with the running statistics of training. */
static sps_status validate_epoch(struct session *s)
{
    struct sps_run *run = &s->run;
    struct sps_graph *graph = run->graph;
    for (int i = 0; i < graph->scale_count; i++)
        SPS_TRY(graph->method->make_bank(graph->scales[i], (uint64_t)run->config.run.seed, 0));
    sps_graph_layout_picks(graph);
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
    if (run->best == NULL || run->at.best_epoch < 0)
        return SPS_OK;
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
    for (int i = 0; i < run->graph->weight_count; i++)
        if (run->graph->weights[i]->binary)
            SPS_TRY(sps_weight_binarise(run->graph->weights[i], run->graph->kern, run->graph->binariser));
    return SPS_OK;
}

static void tell_progress(struct session *s, double images_per_s, int epoch_done, int validated)
{
    const struct sps_run *run = &s->run;
    if (s->options->progress == NULL)
        return;
    size_t steps = run->train_count / (size_t)run->config.run.batch;
    double done = (double)(run->at.updates - s->updates_before),
           left = (double)run->config.run.epochs * (double)steps - (double)run->at.updates;
    double seconds = now() - s->start;
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
                                                                  ((double)run->at.step * run->graph->batch),
                                                .validation_accuracy = validated ? run->at.validation_accuracy : NAN,
                                                .validation_nll = validated ? run->at.validation_nll : NAN,
                                                .mutual_information = validated ? run->at.mutual_information : NAN};
    s->options->progress(s->options->user, &progress);
}

static sps_status checkpoint(struct session *s)
{
    s->run.at.seconds = s->seconds_before + now() - s->start;
    SPS_TRY(sps_checkpoint_save(&s->run));
    s->last_checkpoint = now();
    return SPS_OK;
}

static sps_status train_epoch(struct session *s)
{
    struct sps_run *run = &s->run;
    const struct sps_run_params *set = &run->config.run;
    size_t steps = run->train_count / (size_t)set->batch;
    memcpy(run->epoch_order, run->order, run->train_count * sizeof *run->order);
    sps_shuffle(run->epoch_order, run->train_count, (uint64_t)set->seed, (uint32_t)run->at.epoch);
    double start = now(), images_per_s = 0;
    int64_t first = run->at.step;
    while ((size_t)run->at.step < steps) {
        SPS_TRY(train_step(s));
        images_per_s = (double)(run->at.step - first) * (double)set->batch / (now() - start);
        if ((size_t)run->at.step < steps)
            tell_progress(s, images_per_s, 0, 0);
        if (s->options->stop != NULL && *s->options->stop) {
            SPS_TRY(checkpoint(s));
            SPS_FAIL(EINTERRUPTED, "interrupted in epoch %lld, step %lld; saved, continue with --resume",
                     (long long)run->at.epoch + 1, (long long)run->at.step);
        }
        if ((size_t)run->at.step < steps && now() > s->last_checkpoint + set->checkpoint_every)
            SPS_TRY(checkpoint(s));
    }
    SPS_TRY(sps_run_check_finite(run));
    run->at.seconds = s->seconds_before + now() - s->start;
    int validated = (run->at.epoch + 1) % set->validate_every == 0 || run->at.epoch + 1 == set->epochs;
    if (validated) {
        SPS_TRY(validate_epoch(s));
        SPS_TRY(keep_if_best(run));
    }
    SPS_TRY(write_metrics(s, images_per_s, validated));
    tell_progress(s, images_per_s, 1, validated);
    run->at.epoch++;
    run->at.step = 0;
    run->at.loss_sum = 0;
    run->at.correct = 0;
    if (now() > s->last_checkpoint + set->checkpoint_every || run->at.epoch == set->epochs)
        SPS_TRY(checkpoint(s));
    return SPS_OK;
}

/* ---- the end ---- */

static sps_status finish(struct session *s, struct sps_train_result *result)
{
    struct sps_run *run = &s->run;
    struct sps_bank_report bank;
    struct sps_validation v = {0};
    SPS_TRY(restore_best(run));
    SPS_TRY(sps_make_banks(&bank, run));
    SPS_TRY(sps_validate(&v, run, SPS_FROM_BANK, 20));
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
    SPS_TRY(path_of(path, run, "model.safetensors"));
    SPS_TRY(sps_model_file_write(path, run->graph, &run->table, &facts));
    int stochastic = strcmp(run->config.method->name, "point") != 0;
    *result =
        (struct sps_train_result){.epochs = (int)run->at.epoch,
                                  .best_epoch = run->best ? (int)run->at.best_epoch + 1 : (int)run->at.epoch,
                                  .validation_accuracy = v.accuracy,
                                  .validation_nll = v.nll,
                                  .mutual_information = v.mutual_information,
                                  .collapsed = stochastic && v.mutual_information < run->config.run.collapse_floor,
                                  .bank_draws = bank.draws,
                                  .seconds = s->seconds_before + now() - s->start};
    snprintf(result->model, sizeof result->model, "%.4095s", path);
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
    while (status == SPS_OK && s->run.at.epoch < s->run.config.run.epochs)
        status = train_epoch(s);
    if (status == SPS_OK)
        status = finish(s, result);
    session_reset(s);
    sps_free(s);
    return status;
}
