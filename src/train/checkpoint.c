/* SPDX-License-Identifier: MIT */
/* Everything that a run needs to go on as if it had never stopped.  Random numbers need no state: they are counted. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/safetensors.h"
#include "data/hash.h"
#include "train/run.h"

static const char FORMAT[] = "spinscale-checkpoint 1";

static void add(struct sps_state_tensor *list, size_t *count, const char *name, const char *suffix, float *data,
                size_t n, int kept)
{
    struct sps_state_tensor *t = &list[(*count)++];
    snprintf(t->name, sizeof t->name, "%s%s", name, suffix);
    t->data = data;
    t->count = n;
    t->kept = kept;
}

sps_status sps_run_state(struct sps_state_tensor **out, size_t *count, const struct sps_run *run)
{
    const struct sps_graph *graph = run->graph;
    size_t room = 4 * (size_t)graph->weight_count + 2 * (size_t)graph->layer_count, n = 0;
    struct sps_state_tensor *list = NULL;
    SPS_TRY(sps_calloc(&list, room, sizeof *list, "list of tensors"));
    for (int i = 0; i < graph->weight_count; i++) {
        struct sps_weight *w = graph->weights[i];
        add(list, &n, w->name, "", w->value, w->rows * w->row, 1);
        for (int s = 0; s < run->config.optimiser->states; s++)
            add(list, &n, w->name, s == 0 ? ".state0" : ".state1", w->state[s], w->rows * w->row, 0);
        if (run->average != NULL)
            add(list, &n, w->name, ".average", run->average[i], w->rows * w->row, 0);
    }
    for (int i = 0; i < graph->layer_count; i++) {
        struct sps_norm *norm = sps_layer_norm(graph->layers[i]);
        char name[32];
        snprintf(name, sizeof name, "layers.%d", i);
        if (norm == NULL)
            continue;
        add(list, &n, name, ".running_mean", norm->running_mean, (size_t)norm->channels, 1);
        add(list, &n, name, ".running_var", norm->running_var, (size_t)norm->channels, 1);
    }
    *out = list;
    *count = n;
    return SPS_OK;
}

sps_status sps_run_check_finite(const struct sps_run *run)
{
    struct sps_state_tensor *state = NULL;
    size_t count = 0;
    sps_status status = SPS_OK;
    SPS_TRY(sps_run_state(&state, &count, run));
    for (size_t i = 0; i < count && status == SPS_OK; i++)
        for (size_t j = 0; j < state[i].count && status == SPS_OK; j++)
            if (!isfinite(state[i].data[j]))
                status = sps_fail(SPS_EDIVERGED,
                                  "training diverged: number %zu of '%s' is not finite; the last checkpoint is kept", j,
                                  state[i].name);
    sps_free(state);
    return status;
}

sps_status sps_run_check_ranks(const struct sps_run *run)
{
    struct sps_state_tensor *state = NULL;
    size_t count = 0;
    char mine[65] = "", first[65];
    if (run->ranks == NULL)
        return SPS_OK;
    SPS_TRY(sps_run_state(&state, &count, run));
    for (size_t i = 0; i < count; i++) {
        char before[65];
        memcpy(before, mine, sizeof before);
        sps_hash(mine, (const uint8_t *)before, sizeof before, (const uint8_t *)state[i].data,
                 state[i].count * sizeof *state[i].data);
    }
    sps_free(state);
    memcpy(first, mine, sizeof first);
    sps_ranks_broadcast(run->ranks, first, sizeof first);
    sps_status status = SPS_OK;
    if (memcmp(mine, first, sizeof mine) != 0)
        status =
            sps_fail(SPS_EDIVERGED, "after epoch %lld the network is not that of rank 0", (long long)run->at.epoch + 1);
    return sps_ranks_agree(run->ranks, status);
}

/* The progress fields by name, one list for writing and reading. */
#define INTEGERS(X) X(epoch) X(step) X(updates) X(correct) X(best_epoch) X(metrics_bytes)
#define NUMBERS(X)                                                                                                     \
    X(loss_sum) X(penalty) X(best_score) X(validation_accuracy) X(validation_nll) X(mutual_information) X(seconds)

sps_status sps_checkpoint_save(const struct sps_run *run)
{
    struct sps_state_tensor *state = NULL;
    struct sps_tensor *tensors = NULL;
    size_t count = 0, best = 0;
    sps_status status = sps_run_check_finite(run);
    if (status == SPS_OK)
        status = sps_run_state(&state, &count, run);
    if (status == SPS_OK)
        status = sps_calloc(&tensors, count + 1, sizeof *tensors, "tensors");
    for (size_t i = 0; i < count && status == SPS_OK; i++) {
        tensors[i] = (struct sps_tensor){.name = state[i].name,
                                         .dtype = SPS_F32,
                                         .dims = 1,
                                         .shape = {state[i].count},
                                         .data = state[i].data,
                                         .bytes = state[i].count * sizeof(float)};
        best += state[i].kept ? state[i].count : 0;
    }
    if (run->best != NULL && run->at.best_epoch >= 0 && status == SPS_OK)
        tensors[count++] = (struct sps_tensor){.name = "best",
                                               .dtype = SPS_F32,
                                               .dims = 1,
                                               .shape = {best},
                                               .data = run->best,
                                               .bytes = best * sizeof(float)};
    char text[20][40];
    struct sps_metadata metadata[20] = {{"format", FORMAT},
                                        {"config", run->config.text},
                                        {"net", run->config.net_text},
                                        {"data_sha256", sps_dataset_get_info(run->data)->sha256}};
    size_t n = 4;
#define WRITE_INTEGER(field)                                                                                           \
    snprintf(text[n], sizeof text[n], "%lld", (long long)run->at.field);                                               \
    metadata[n] = (struct sps_metadata){#field, text[n]};                                                              \
    n++;
#define WRITE_NUMBER(field)                                                                                            \
    snprintf(text[n], sizeof text[n], "%.17g", run->at.field);                                                         \
    metadata[n] = (struct sps_metadata){#field, text[n]};                                                              \
    n++;
    INTEGERS(WRITE_INTEGER)
    NUMBERS(WRITE_NUMBER)
    char path[4200];
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", run->folder);
    if (status == SPS_OK)
        status = sps_safetensors_write(path, tensors, count, metadata, n);
    sps_free(tensors);
    sps_free(state);
    return status;
}

static sps_status read_field(const char **text, const sps_safetensors *file, const char *path, const char *key)
{
    *text = sps_safetensors_metadata(file, key);
    if (*text == NULL)
        SPS_FAIL(EFORMAT, "'%s' is no spinscale checkpoint: metadata has no '%s'", path, key);
    return SPS_OK;
}

static sps_status read_number(double *out, const sps_safetensors *file, const char *path, const char *key)
{
    const char *text = NULL;
    char *end = NULL;
    SPS_TRY(read_field(&text, file, path, key));
    *out = strtod(text, &end);
    if (end == text || *end != '\0')
        SPS_FAIL(EFORMAT, "'%s': %s '%s' is no number", path, key, text);
    return SPS_OK;
}

/* Counts of a run are far below 2^53, up to where doubles hold every integer. */
static sps_status read_integer(int64_t *out, const sps_safetensors *file, const char *path, const char *key)
{
    double value = 0;
    SPS_TRY(read_number(&value, file, path, key));
    if (!(fabs(value) < 0x1p53) || value != floor(value))
        SPS_FAIL(EFORMAT, "'%s': %s %g is no count", path, key, value);
    *out = (int64_t)value;
    return SPS_OK;
}

static sps_status same_text(const sps_safetensors *file, const char *path, const char *key, const char *mine)
{
    const char *theirs = NULL;
    SPS_TRY(read_field(&theirs, file, path, key));
    size_t i = 0, line = 1, start = 0;
    while (theirs[i] == mine[i] && mine[i] != '\0') {
        if (mine[i++] == '\n') {
            line++;
            start = i;
        }
    }
    if (theirs[i] != mine[i])
        SPS_FAIL(EINVAL, "'%s' belongs to another %s: line %zu is '%.*s' there and '%.*s' here", path, key, line,
                 (int)strcspn(theirs + start, "\n"), theirs + start, (int)strcspn(mine + start, "\n"), mine + start);
    return SPS_OK;
}

/* Saved numbers are always finite: others are damage. */
static sps_status copy_finite(float *out, const struct sps_tensor *tensor, const char *path)
{
    const float *x = tensor->data;
    for (size_t i = 0; i < tensor->bytes / sizeof *x; i++)
        if (!isfinite(x[i]))
            SPS_FAIL(EFORMAT, "'%s': number %zu of tensor '%s' is not finite", path, i, tensor->name);
    memcpy(out, x, tensor->bytes);
    return SPS_OK;
}

static sps_status load(struct sps_run *run, const sps_safetensors *file, const char *path)
{
    struct sps_state_tensor *state = NULL;
    size_t count = 0, best = 0;
    const char *text = NULL;
    SPS_TRY(read_field(&text, file, path, "format"));
    if (strcmp(text, FORMAT) != 0)
        SPS_FAIL(EFORMAT, "'%s' is '%s', not '%s'", path, text, FORMAT);
    SPS_TRY(same_text(file, path, "config", run->config.text));
    SPS_TRY(same_text(file, path, "net", run->config.net_text));
    SPS_TRY(same_text(file, path, "data_sha256", sps_dataset_get_info(run->data)->sha256));
#define READ_INTEGER(field) SPS_TRY(read_integer(&run->at.field, file, path, #field));
#define READ_NUMBER(field) SPS_TRY(read_number(&run->at.field, file, path, #field));
    INTEGERS(READ_INTEGER)
    NUMBERS(READ_NUMBER)
    int64_t steps = (int64_t)(run->train_count / (size_t)run->config.run.batch);
    if (run->at.epoch < 0 || run->at.epoch > run->config.run.epochs || run->at.step < 0 || run->at.step > steps ||
        run->at.updates != run->at.epoch * steps + run->at.step || run->at.correct < 0 ||
        run->at.correct > run->at.step * run->config.run.batch || run->at.best_epoch < -1 ||
        run->at.best_epoch > run->at.epoch || run->at.metrics_bytes < 0)
        SPS_FAIL(EFORMAT, "'%s': epoch %lld, step %lld and %lld updates do not fit together", path,
                 (long long)run->at.epoch, (long long)run->at.step, (long long)run->at.updates);
    sps_status status = sps_run_state(&state, &count, run);
    for (size_t i = 0; i < count && status == SPS_OK; i++) {
        const struct sps_tensor *t = NULL;
        status = sps_safetensors_expect(&t, file, state[i].name, SPS_F32, 1, &state[i].count);
        if (status == SPS_OK)
            status = copy_finite(state[i].data, t, path);
        best += state[i].kept ? state[i].count : 0;
    }
    sps_free(state);
    SPS_TRY(status);
    if (run->best != NULL && run->at.best_epoch >= 0) {
        const struct sps_tensor *t = NULL;
        SPS_TRY(sps_safetensors_expect(&t, file, "best", SPS_F32, 1, &best));
        SPS_TRY(copy_finite(run->best, t, path));
    }
    return sps_run_binarise(run);
}

sps_status sps_checkpoint_load(struct sps_run *run)
{
    char path[4200];
    sps_safetensors *file = NULL;
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", run->folder);
    SPS_TRY(sps_safetensors_open(&file, path));
    sps_status status = load(run, file, path);
    sps_safetensors_close(file);
    return status;
}
