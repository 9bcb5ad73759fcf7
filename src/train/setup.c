/* SPDX-License-Identifier: MIT */
/* What a run is made of: its configuration, the split data, the graph, a teacher. */
#include <omp.h>
#include <string.h>

#include "core/memory.h"
#include "data/hash.h"
#include "train/ahead.h"

enum { THREADS_MAX = 1024 };

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

static void free_graph(struct sps_run *run)
{
    sps_ahead_reset(run);
    sps_average_reset(run);
    sps_graph_free(run->graph);
    sps_free(run->best);
    run->graph = NULL;
    run->best = NULL;
}

static enum sps_precision precision(const struct sps_run_params *set)
{
    enum { AUTO, FLOAT32, BFLOAT16 };
    return set->precision == BFLOAT16 || (set->precision == AUTO && sps_onednn_likes_bfloat16()) ? SPS_BFLOAT16
                                                                                                 : SPS_FLOAT32;
}

sps_status sps_run_build_graph(struct sps_run *run)
{
    const struct sps_dataset_info *info = sps_dataset_get_info(run->data);
    const struct sps_graph_options options = {.method = run->config.method,
                                              .settings = run->config.settings,
                                              .binariser = run->config.binariser,
                                              .batch = (int)sps_ranks_share_max(run->ranks, sps_run_batch(run)),
                                              .threads = run->threads,
                                              .training = 1,
                                              .precision = precision(&run->config.run),
                                              .seed = (uint64_t)run->config.run.seed,
                                              .height = info->height,
                                              .width = info->width,
                                              .channels = info->channels,
                                              .classes = info->classes};
    free_graph(run);
    SPS_TRY(sps_graph_create(&run->graph, run->config.net, &options));
    run->graph->code_step = 1 / run->table.scale;
    run->graph->ranks = run->ranks;
    if (sps_ahead_helps(run))
        SPS_TRY(sps_ahead_init(run));
    SPS_TRY(sps_average_init(run));
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

/* Ranks that do not see the same files would sum up what does not belong together. */
static sps_status check_same_job(const struct sps_run *run)
{
    char mine[65], first[65];
    const char *data = sps_dataset_get_info(run->data)->sha256;
    sps_hash(mine, (const uint8_t *)run->config.text, strlen(run->config.text), (const uint8_t *)data, strlen(data));
    memcpy(first, mine, sizeof first);
    sps_ranks_broadcast(run->ranks, first, sizeof first);
    if (memcmp(mine, first, sizeof mine) != 0)
        SPS_FAIL(EINVAL, "has another configuration or other data than rank 0");
    return SPS_OK;
}

static sps_status init(struct sps_run *run, const struct sps_train_options *options)
{
    char config[4200];
    if (options->out == NULL ||
        snprintf(run->folder, sizeof run->folder, "%s", options->out) >= (int)sizeof run->folder)
        SPS_FAIL(EINVAL, "the folder's name is missing or too long");
    if (options->threads < 0 || options->threads > THREADS_MAX)
        SPS_FAIL(EINVAL, "threads is %d, must be 1 to %d, or 0 for all cores", options->threads, THREADS_MAX);
    SPS_TRY(sps_run_path(config, run, "config.yaml"));
    const char *from = options->resume && options->config == NULL ? config : options->config;
    SPS_TRY(sps_config_init(&run->config, from, options->sets, options->set_count, options->has_seed, options->seed));
    run->ranks = options->ranks;
    run->images = sps_ranks_share(run->ranks, sps_run_batch(run));
    if (sps_run_batch(run) < (size_t)sps_rank_count(run->ranks))
        SPS_FAIL(EINVAL, "train.batch %zu leaves no image for some of %d ranks", sps_run_batch(run),
                 sps_rank_count(run->ranks));
    run->threads = options->threads > 0 ? options->threads : sps_ranks_threads(run->ranks);
    omp_set_num_threads(run->threads);
    SPS_TRY(open_data(run, options->data_dir));
    SPS_TRY(sps_run_build_graph(run));
    size_t batch = (size_t)run->graph->batch;
    SPS_TRY(sps_calloc(&run->labels, batch, sizeof *run->labels, "labels"));
    return sps_calloc(&run->dlogits, batch * (size_t)run->graph->classes, sizeof *run->dlogits, "gradients");
}

sps_status sps_run_init(struct sps_run *run, const struct sps_train_options *options)
{
    SPS_TRY(sps_ranks_agree(options->ranks, init(run, options)));
    return sps_ranks_agree(options->ranks, check_same_job(run));
}

sps_status sps_run_binarise(struct sps_run *run)
{
    for (int i = 0; i < run->graph->weight_count; i++)
        if (run->graph->weights[i]->binary)
            SPS_TRY(sps_weight_binarise(run->graph->weights[i], run->graph->kern, run->graph->binariser));
    return SPS_OK;
}

sps_status sps_run_ask_teacher(struct sps_run *run)
{
    const struct sps_run_params *set = &run->config.run;
    if (set->teacher[0] == '\0')
        return SPS_OK;
    SPS_TRY(sps_calloc(&run->taught, (size_t)run->graph->batch, sizeof *run->taught, "a teacher's answers"));
    return sps_teacher_init(&run->teacher, set->teacher, run->data, set->flip, (uint32_t)set->teacher_samples,
                            run->threads, run->ranks);
}

void sps_run_reset(struct sps_run *run)
{
    sps_profile_reset(run);
    sps_free(run->labels);
    sps_free(run->dlogits);
    sps_free(run->taught);
    sps_teacher_reset(&run->teacher);
    free_graph(run);
    sps_free(run->order);
    sps_free(run->epoch_order);
    sps_dataset_free(run->data);
    sps_config_reset(&run->config);
}

sps_status sps_run_path(char out[4200], const struct sps_run *run, const char *name)
{
    if (snprintf(out, 4200, "%s/%s", run->folder, name) >= 4200)
        SPS_FAIL(EINVAL, "path '%s/%s' is too long", run->folder, name);
    return SPS_OK;
}
