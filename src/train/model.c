/* SPDX-License-Identifier: MIT */
/* The public face of a trained network: open, predict, evaluate. */
#include "spinscale/model.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/file.h"
#include "core/memory.h"
#include "data/hash.h"
#include "spinscale/npy.h"
#include "train/model_file.h"
#include "train/predict.h"

enum { BATCH = 64, SAMPLES_MAX = 1000000, THREADS_MAX = 1024 };

struct sps_model {
    sps_safetensors *file;
    struct sps_graph *graph;
    struct sps_code_table table;
    struct sps_model_facts facts;
    struct sps_model_info info;
    struct sps_path_bank *banks;
    int *bank_sizes;
};

static sps_status describe(struct sps_model *m)
{
    const struct sps_graph *graph = m->graph;
    SPS_TRY(sps_calloc(&m->banks, (size_t)graph->scale_count, sizeof *m->banks, "banks"));
    SPS_TRY(sps_calloc(&m->bank_sizes, (size_t)graph->scale_count, sizeof *m->bank_sizes, "bank sizes"));
    sps_graph_banks(m->banks, graph);
    m->info = (struct sps_model_info){.net = graph->name,
                                      .method = m->facts.method,
                                      .data = m->facts.data,
                                      .provenance = m->facts.config,
                                      .height = graph->input.h,
                                      .width = graph->input.w,
                                      .channels = graph->input.c,
                                      .classes = graph->classes,
                                      .bank_layers = graph->scale_count,
                                      .bank_sizes = m->bank_sizes,
                                      .paths = sps_path_count(m->banks, graph->scale_count),
                                      .validation_accuracy = m->facts.validation_accuracy};
    for (int i = 0; i < graph->scale_count; i++)
        m->bank_sizes[i] = graph->scales[i]->entries;
    for (int i = 0; i < graph->weight_count; i++)
        m->info.weights += graph->weights[i]->binary ? graph->weights[i]->rows * graph->weights[i]->row : 0;
    for (int i = 0; i < graph->layer_count; i++)
        m->info.macs += graph->layers[i]->macs;
    return SPS_OK;
}

static sps_status open_file(struct sps_model *m, const char *path)
{
    char file[4200];
    struct stat s;
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) {
        if (snprintf(file, sizeof file, "%s/model.safetensors", path) >= (int)sizeof file)
            SPS_FAIL(EINVAL, "path '%s' is too long", path);
        path = file;
    }
    SPS_TRY(sps_safetensors_open(&m->file, path));
    SPS_TRY(sps_model_file_read(&m->graph, &m->table, &m->facts, m->file, path, BATCH, 1));
    SPS_TRY(describe(m));
    return sps_hash_file(m->info.sha256, &m->info.file_bytes, path);
}

sps_status sps_model_open(sps_model **out, const char *path)
{
    sps_model *m = NULL;
    SPS_TRY(sps_calloc(&m, 1, sizeof *m, "a model"));
    sps_status status = open_file(m, path);
    if (status == SPS_OK)
        *out = m;
    else
        sps_model_close(m);
    return status;
}

void sps_model_close(sps_model *m)
{
    if (m == NULL)
        return;
    sps_graph_free(m->graph);
    sps_safetensors_close(m->file);
    sps_free(m->banks);
    sps_free(m->bank_sizes);
    sps_free(m);
}

const struct sps_model_info *sps_model_get_info(const sps_model *m)
{
    return &m->info;
}

const char *sps_model_class_name(const sps_model *m, int label)
{
    return label >= 0 && label < 256 ? m->facts.class_names[label] : NULL;
}

sps_status sps_model_passes(const sps_model *m, const struct sps_predict_options *options, size_t *passes)
{
    if (options->threads < 0 || options->threads > THREADS_MAX)
        SPS_FAIL(EINVAL, "threads is %d, must be 1 to %d, or 0 for all cores", options->threads, THREADS_MAX);
    switch (options->reading) {
    case SPS_POINT:
        *passes = 1;
        return SPS_OK;
    case SPS_SAMPLED:
        if (options->samples < 1 || options->samples > SAMPLES_MAX)
            SPS_FAIL(EINVAL, "samples is %u, must be 1 to %d", options->samples, SAMPLES_MAX);
        *passes = options->samples;
        return SPS_OK;
    default:
        break;
    }
    if (options->reading != SPS_EXACT)
        SPS_FAIL(EINVAL, "reading %d is unknown", (int)options->reading);
    for (int i = 0; i < m->graph->scale_count; i++)
        if (m->graph->scales[i]->per_channel)
            SPS_FAIL(EINVAL,
                     "an exact prediction is not possible: masks are drawn per channel, %g paths; draw samples instead",
                     m->info.paths);
    if (m->info.paths > SPS_EXACT_PATHS_MAX)
        SPS_FAIL(EINVAL, "an exact prediction would walk %g paths, more than %d; draw samples instead", m->info.paths,
                 SPS_EXACT_PATHS_MAX);
    *passes = (size_t)m->info.paths;
    return SPS_OK;
}

static sps_status prepare(sps_model *m, const struct sps_predict_options *options, struct sps_draws *draws,
                          size_t *passes)
{
    SPS_TRY(sps_model_passes(m, options, passes));
    int threads = options->threads > 0 ? options->threads : omp_get_num_procs();
    omp_set_num_threads(threads);
    SPS_TRY(sps_graph_set_threads(m->graph, threads));
    *draws = (struct sps_draws){.source = options->reading == SPS_POINT ? SPS_FROM_POINT : SPS_FROM_BANK,
                                .exact = options->reading == SPS_EXACT,
                                .seed = options->seed,
                                .shared = options->shared_paths};
    return SPS_OK;
}

static void path_weights(double *weights, const sps_model *m, const struct sps_draws *draws, size_t passes)
{
    uint8_t
        picks[1024]; /* one a layer: exact predictions have at most 4096 paths, but layers with one entry may be many */
    for (size_t t = 0; t < passes; t++)
        weights[t] = draws->exact ? sps_path_at(picks, m->banks, m->graph->scale_count, t) : 1.0 / (double)passes;
}

/* Finite weights may still be so large that the network overflows: the file's fault. */
static sps_status predict(sps_model *m, const struct sps_draws *draws, size_t passes, int n, const uint32_t *index,
                          float *p, float *logits, uint8_t *picks, size_t stride, size_t at)
{
    sps_status status = sps_graph_predict(m->graph, draws, passes, n, index, p, logits, picks, stride, at);
    return status == SPS_EDIVERGED ? sps_fail_in(SPS_EFORMAT, "the model's numbers are too large: ") : status;
}

sps_status sps_model_predict(sps_model *m, const struct sps_predict_options *options, size_t n,
                             const uint8_t *const *images, const uint32_t *index, float *p, float *logits,
                             uint8_t *picks, double *weights)
{
    struct sps_draws draws;
    size_t passes = 0;
    SPS_TRY(prepare(m, options, &draws, &passes));
    for (size_t first = 0; first < n; first += BATCH) {
        int count = (int)(n - first < BATCH ? n - first : BATCH);
        uint32_t own[BATCH];
        for (int i = 0; i < count; i++)
            own[i] = index ? index[first + (size_t)i] : (uint32_t)(first + (size_t)i);
        sps_graph_load(m->graph, &m->table, images + first, count);
        SPS_TRY(predict(m, &draws, passes, count, own, p, logits, picks, n, first));
    }
    if (weights != NULL)
        path_weights(weights, m, &draws, passes);
    return SPS_OK;
}

/* ---- evaluation of a set ---- */

/* Files hold [T][N][...], blocks come image by image: all is kept until the end. */
struct gathered {
    float *p;        /* [T][N][C] */
    uint8_t *picks;  /* [T][N][picks] */
    int32_t *labels; /* [N] */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sps_status fits(const sps_model *m, const struct sps_dataset_info *set)
{
    const struct sps_model_info *info = &m->info;
    if (set->height != info->height || set->width != info->width || set->channels != info->channels)
        SPS_FAIL(EUNSUPPORTED, "images of '%s' are %d x %d with %d channel%s, the model reads %d x %d with %d",
                 set->name, set->height, set->width, set->channels, set->channels == 1 ? "" : "s", info->height,
                 info->width, info->channels);
    return SPS_OK;
}

static sps_status write_array(const char *dump, const char *suffix, char kind, int dims, const size_t *shape,
                              const void *data)
{
    char path[4200];
    size_t length = strlen(dump), stem = length > 4 && strcmp(dump + length - 4, ".npy") == 0 ? length - 4 : length,
           count = 1;
    sps_npy_writer *writer = NULL;
    if (snprintf(path, sizeof path, "%.*s%s", *suffix ? (int)stem : (int)length, dump, suffix) >= (int)sizeof path)
        SPS_FAIL(EINVAL, "path '%s' is too long", dump);
    for (int i = 0; i < dims; i++)
        count *= shape[i];
    SPS_TRY(sps_npy_create(&writer, path, kind, dims, shape));
    sps_status status = sps_npy_write(writer, data, count);
    if (status == SPS_OK)
        return sps_npy_commit(writer);
    sps_npy_abandon(writer);
    return status;
}

/* FILE.npy, FILE.paths.npy and FILE.labels.npy. */
static sps_status write_dump(const char *dump, const struct sps_graph *graph, size_t passes, size_t n,
                             const struct gathered *all)
{
    const size_t p_shape[3] = {passes, n, (size_t)graph->classes}, picks_shape[3] = {passes, n, (size_t)graph->picks};
    SPS_TRY(write_array(dump, "", 'f', 3, p_shape, all->p));
    SPS_TRY(write_array(dump, ".paths.npy", 'u', 3, picks_shape, all->picks));
    return write_array(dump, ".labels.npy", 'i', 1, &n, all->labels);
}

struct evaluation {
    float *p;        /* [T][BATCH][C] */
    double *weights; /* [T] */
    struct gathered all;
};

static sps_status evaluate_blocks(struct sps_evaluation *out, struct evaluation *e, sps_model *m,
                                  const sps_dataset *set, const struct sps_predict_options *options, const char *dump,
                                  void (*progress)(void *user, size_t done, size_t total), void *user)
{
    const size_t n = sps_dataset_get_info(set)->count, classes = (size_t)m->graph->classes;
    struct sps_draws draws;
    size_t passes = 0;
    SPS_TRY(prepare(m, options, &draws, &passes));
    path_weights(e->weights, m, &draws, passes);
    for (size_t first = 0; first < n; first += BATCH) {
        int count = (int)(n - first < BATCH ? n - first : BATCH);
        const uint8_t *images[BATCH];
        uint32_t index[BATCH];
        int labels[BATCH];
        for (int i = 0; i < count; i++) {
            size_t at = first + (size_t)i;
            images[i] = sps_dataset_image(set, at);
            index[i] = (uint32_t)at;
            labels[i] = sps_dataset_label(set, at);
            if (dump != NULL)
                e->all.labels[at] = labels[i];
        }
        double start = now();
        sps_graph_load(m->graph, &m->table, images, count);
        size_t stride = dump ? n : (size_t)count, at = dump ? first : 0;
        float *p = dump ? e->all.p : e->p;
        SPS_TRY(predict(m, &draws, passes, count, index, p, NULL, e->all.picks, stride, at));
        out->seconds += now() - start;
        for (size_t t = 0; t < passes && dump != NULL; t++)
            memcpy(e->p + t * (size_t)count * classes, p + (t * n + first) * classes,
                   (size_t)count * classes * sizeof *p);
        SPS_TRY(sps_metrics_add(out->metrics, e->p, draws.exact ? e->weights : NULL, passes, (size_t)count, labels,
                                out->summaries + first));
        if (progress != NULL)
            progress(user, first + (size_t)count, n);
    }
    out->n = n;
    out->passes = passes;
    return dump ? write_dump(dump, m->graph, passes, n, &e->all) : SPS_OK;
}

sps_status sps_model_evaluate(struct sps_evaluation *out, sps_model *m, const sps_dataset *set,
                              const struct sps_predict_options *options, const struct sps_accept_rule *rule,
                              double level, const char *dump, void (*progress)(void *user, size_t done, size_t total),
                              void *user)
{
    size_t passes = 0, n = sps_dataset_get_info(set)->count, classes = (size_t)m->graph->classes;
    struct evaluation e = {0};
    struct sps_evaluation result = {0};
    sps_status status = SPS_OK;
    SPS_TRY(fits(m, sps_dataset_get_info(set)));
    SPS_TRY(sps_model_passes(m, options, &passes));
    SPS_TRY_OUT(sps_calloc(&e.p, passes * BATCH, classes * sizeof(float), "probabilities"));
    SPS_TRY_OUT(sps_calloc(&e.weights, passes, sizeof(double), "weights"));
    if (dump != NULL) {
        SPS_TRY_OUT(sps_calloc(&e.all.p, passes * n, classes * sizeof(float), "probabilities of the dump"));
        SPS_TRY_OUT(sps_calloc(&e.all.picks, passes * n, (size_t)m->graph->picks, "paths of the dump"));
        SPS_TRY_OUT(sps_calloc(&e.all.labels, n, sizeof(int32_t), "labels of the dump"));
    }
    SPS_TRY_OUT(sps_calloc(&result.summaries, n, sizeof *result.summaries, "summaries"));
    SPS_TRY_OUT(sps_metrics_create(&result.metrics, m->graph->classes, level, rule));
    SPS_TRY_OUT(evaluate_blocks(&result, &e, m, set, options, dump, progress, user));
    *out = result;
    result = (struct sps_evaluation){0};
out:
    sps_evaluation_reset(&result);
    sps_free(e.p);
    sps_free(e.weights);
    sps_free(e.all.p);
    sps_free(e.all.picks);
    sps_free(e.all.labels);
    return status;
}

void sps_evaluation_reset(struct sps_evaluation *evaluation)
{
    sps_metrics_free(evaluation->metrics);
    sps_free(evaluation->summaries);
    *evaluation = (struct sps_evaluation){0};
}

sps_status sps_model_flips(double *share, sps_model *m, const sps_dataset *set, size_t images, uint64_t seed)
{
    size_t n = sps_dataset_get_info(set)->count, layers = (size_t)m->graph->scale_count;
    n = images < n ? images : n;
    double *one = NULL;
    SPS_TRY(fits(m, sps_dataset_get_info(set)));
    SPS_TRY(sps_calloc(&one, layers, sizeof *one, "flips"));
    sps_status status = SPS_OK;
    for (size_t i = 0; i < layers; i++)
        share[i] = 0;
    for (size_t first = 0; first < n && status == SPS_OK; first += BATCH) {
        int count = (int)(n - first < BATCH ? n - first : BATCH);
        const uint8_t *pixels[BATCH];
        uint32_t index[BATCH];
        for (int i = 0; i < count; i++) {
            index[i] = (uint32_t)(first + (size_t)i);
            pixels[i] = sps_dataset_image(set, index[i]);
        }
        sps_graph_load(m->graph, &m->table, pixels, count);
        status = sps_graph_flips(m->graph, seed, count, index, one);
        for (size_t i = 0; i < layers; i++)
            share[i] += one[i] * count / (double)n;
    }
    sps_free(one);
    return status;
}
