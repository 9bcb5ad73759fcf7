/* SPDX-License-Identifier: MIT */
/* The public face of a trained network: open, predict, pack. */
#include "spinscale/model.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/memory.h"
#include "pack/pack.h"
#include "train/model_file.h"
#include "train/predict.h"

enum { BATCH = 64 };

struct sps_model {
    sps_safetensors *file;
    struct sps_graph *graph;
    struct sps_code_table table;
    struct sps_model_facts facts;
    struct sps_model_info info;
    struct sps_path_bank *banks;
    int *bank_sizes;
    char *path;
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
                                      .picks = graph->picks,
                                      .paths = sps_graph_draws(graph) ? INFINITY
                                                                      : sps_path_count(m->banks, graph->scale_count),
                                      .validation_accuracy = m->facts.validation_accuracy,
                                      .data_sha256 = m->facts.data_sha256,
                                      .temperature = 1};
    for (int i = 0; i < graph->scale_count; i++)
        m->bank_sizes[i] = graph->scales[i]->entries;
    for (int i = 0; i < graph->weight_count; i++)
        m->info.weights += graph->weights[i]->binary ? graph->weights[i]->rows * graph->weights[i]->row : 0;
    for (int i = 0; i < graph->layer_count; i++) {
        struct sps_product product;
        if (sps_layer_product(&product, graph->layers[i]) && !product.binary)
            m->info.float_weights += product.weight->rows * product.weight->row;
    }
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
    return sps_strdup(&m->path, path);
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
    sps_free(m->path);
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

const char *sps_model_path(const sps_model *m)
{
    return m->path;
}

static const char *class_name(const void *self, int label)
{
    return sps_model_class_name(self, label);
}

static sps_status prepare(sps_model *m, const struct sps_predict_options *options, struct sps_draws *draws,
                          size_t *passes)
{
    SPS_TRY(sps_predict_passes(&m->info, options, passes));
    int threads = options->threads > 0 ? options->threads : omp_get_num_procs();
    omp_set_num_threads(threads);
    SPS_TRY(sps_graph_set_threads(m->graph, threads));
    *draws = (struct sps_draws){.source = options->reading == SPS_POINT ? SPS_FROM_POINT : SPS_FROM_BANK,
                                .exact = options->reading == SPS_EXACT,
                                .seed = options->seed,
                                .shared = options->shared_paths,
                                .temperature = options->temperature};
    return SPS_OK;
}

static void path_weights(double *weights, const sps_model *m, const struct sps_draws *draws, size_t passes)
{
    uint8_t
        picks[1024]; /* one a layer: exact predictions have at most 4096 paths, but layers with one entry may be many */
    for (size_t t = 0; t < passes; t++)
        weights[t] = draws->exact ? sps_path_at(picks, m->banks, m->graph->scale_count, t) : 1.0 / (double)passes;
}

static sps_status predict(void *self, const struct sps_predict_options *options, size_t n, const uint8_t *const *images,
                          const uint32_t *index, const struct sps_passes *out)
{
    sps_model *m = self;
    struct sps_draws draws;
    size_t passes = 0;
    if (options->settle != NULL)
        SPS_FAIL(EUNSUPPORTED, "passes that end early need the packed engine");
    SPS_TRY(prepare(m, options, &draws, &passes));
    for (size_t i = 0; i < n && out->used != NULL; i++)
        out->used[i] = (uint32_t)passes;
    for (size_t first = 0; first < n; first += BATCH) {
        int count = (int)(n - first < BATCH ? n - first : BATCH);
        uint32_t own[BATCH];
        for (int i = 0; i < count; i++)
            own[i] = index ? index[first + (size_t)i] : (uint32_t)(first + (size_t)i);
        sps_graph_load(m->graph, &m->table, images + first, count);
        sps_status status = sps_graph_predict(m->graph, &draws, passes, count, own, out->p, out->logits, out->picks,
                                              out->stride, first);
        if (status == SPS_EDIVERGED) /* finite weights may still be so large that the network overflows */
            return sps_fail_in(SPS_EFORMAT, "the model's numbers are too large: ");
        SPS_TRY(status);
    }
    if (out->weights != NULL)
        path_weights(out->weights, m, &draws, passes);
    return SPS_OK;
}

struct sps_predictor sps_model_predictor(sps_model *m)
{
    return (struct sps_predictor){m, &m->info, class_name, predict};
}

sps_status sps_model_pack(sps_packed **out, sps_model *m)
{
    const struct sps_pack_facts facts = {.codes = m->table.code[0],
                                         .mean = m->table.mean,
                                         .std = m->table.std,
                                         .class_names = m->facts.class_names,
                                         .net = m->graph->name,
                                         .method = m->facts.method,
                                         .data = m->facts.data,
                                         .data_sha256 = m->facts.data_sha256,
                                         .config = m->facts.config,
                                         .seed = m->facts.seed,
                                         .validation_accuracy = m->facts.validation_accuracy};
    return sps_pack_graph(out, m->graph, &facts);
}

sps_status sps_model_flips(double *share, sps_model *m, size_t n, const uint8_t *const *images, const uint32_t *index,
                           uint64_t seed)
{
    size_t layers = (size_t)m->graph->scale_count;
    double *one = NULL;
    SPS_TRY(sps_calloc(&one, layers, sizeof *one, "flips"));
    sps_status status = SPS_OK;
    for (size_t i = 0; i < layers; i++)
        share[i] = 0;
    for (size_t first = 0; first < n && status == SPS_OK; first += BATCH) {
        int count = (int)(n - first < BATCH ? n - first : BATCH);
        uint32_t own[BATCH];
        for (int i = 0; i < count; i++)
            own[i] = index ? index[first + (size_t)i] : (uint32_t)(first + (size_t)i);
        sps_graph_load(m->graph, &m->table, images + first, count);
        status = sps_graph_flips(m->graph, seed, count, own, one);
        for (size_t i = 0; i < layers; i++)
            share[i] += one[i] * count / (double)n;
    }
    sps_free(one);
    return status;
}
