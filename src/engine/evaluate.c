/* SPDX-License-Identifier: MIT */
/* Evaluation of a labelled set with anything that predicts. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/memory.h"
#include "spinscale/npy.h"
#include "spinscale/predict.h"

enum {
    BLOCK = SPS_IMAGES_KEPT,
    BLOCK_NUMBERS = 1 << 26 /* probabilities of a block, at most, unless one image has more */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sps_status fits(const struct sps_model_info *info, const struct sps_images *set)
{
    if (set->height != info->height || set->width != info->width || set->channels != info->channels)
        SPS_FAIL(EUNSUPPORTED, "images of '%s' are %d x %d with %d channel%s, the model reads %d x %d with %d",
                 set->name, set->height, set->width, set->channels, set->channels == 1 ? "" : "s", info->height,
                 info->width, info->channels);
    return SPS_OK;
}

/* Files hold [T][N][...], blocks come image by image: all is kept until the end. */
struct gathered {
    float *p;        /* [T][N][C] */
    uint8_t *picks;  /* [T][N][P] */
    int32_t *labels; /* [N] */
};

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
static sps_status write_dump(const char *dump, const struct sps_model_info *info, size_t passes, size_t n,
                             const struct gathered *all)
{
    const size_t p_shape[3] = {passes, n, (size_t)info->classes}, picks_shape[3] = {passes, n, (size_t)info->picks};
    SPS_TRY(write_array(dump, "", 'f', 3, p_shape, all->p));
    SPS_TRY(write_array(dump, ".paths.npy", 'u', 3, picks_shape, all->picks));
    return write_array(dump, ".labels.npy", 'i', 1, &n, all->labels);
}

struct job {
    const struct sps_predictor *predictor;
    const struct sps_images *set;
    const struct sps_predict_options *options;
    const char *dump;
    void (*progress)(void *user, size_t done, size_t total);
    void *user;
    size_t passes, block;
    float *p;        /* [T][block][C] */
    float *one;      /* [T][C] of an image whose passes ended early */
    double *weights; /* [T] */
    struct gathered all;
};

/* Passes of one image, `stride` numbers apart. */
static void mean_of_passes(double *mean, const float *p, size_t stride, const double *weights, size_t passes,
                           size_t classes)
{
    double sum = 0;
    memset(mean, 0, classes * sizeof *mean);
    for (size_t t = 0; t < passes; t++) {
        double weight = weights != NULL ? weights[t] : 1;
        sum += weight;
        for (size_t c = 0; c < classes; c++)
            mean[c] += weight * (double)p[t * stride + c];
    }
    for (size_t c = 0; c < classes; c++)
        mean[c] /= sum;
}

static sps_status evaluate_block(struct sps_evaluation *out, struct job *e, size_t first)
{
    const size_t n = e->set->count, count = n - first < e->block ? n - first : e->block,
                 classes = (size_t)e->predictor->info->classes, row = (size_t)e->predictor->info->picks;
    const uint8_t *images[BLOCK];
    uint32_t index[BLOCK];
    int labels[BLOCK];
    SPS_TRY(sps_images_load(e->set, first, count));
    for (size_t i = 0; i < count; i++) {
        images[i] = e->set->image(e->set->self, first + i);
        index[i] = (uint32_t)(first + i);
        labels[i] = out->labels[first + i] = e->set->label(e->set->self, first + i);
        if (e->dump != NULL)
            e->all.labels[first + i] = labels[i];
    }
    uint32_t used[BLOCK];
    struct sps_passes to = {.p = e->p, .weights = e->weights, .used = used};
    if (e->dump != NULL)
        to = (struct sps_passes){e->all.p + first * classes, NULL, e->all.picks + first * row, e->weights, n, used};
    double start = now();
    SPS_TRY(sps_predict(e->predictor, e->options, count, images, index, &to));
    out->seconds += now() - start;
    for (size_t t = 0; t < e->passes && e->dump != NULL; t++)
        memcpy(e->p + t * count * classes, to.p + t * n * classes, count * classes * sizeof *to.p);
    const double *weights = e->options->reading == SPS_EXACT ? e->weights : NULL;
    for (size_t i = 0; i < count; i++)
        out->mean_passes += (double)used[i] / (double)n;
    for (size_t i = 0; i < count; i++) {
        double *mean = out->mean + (first + i) * classes;
        mean_of_passes(mean, e->p + i * classes, count * classes, weights, used[i], classes);
        out->nll[first + i] = labels[i] >= 0 && labels[i] < (int)classes ? -log(fmax(mean[labels[i]], 1e-12)) : NAN;
    }
    if (e->options->settle == NULL)
        return sps_metrics_add(out->metrics, e->p, weights, e->passes, count, labels, out->summaries + first);
    for (size_t i = 0; i < count; i++) { /* each image with the passes that it had */
        for (size_t t = 0; t < used[i]; t++)
            memcpy(e->one + t * classes, e->p + (t * count + i) * classes, classes * sizeof *e->one);
        SPS_TRY(sps_metrics_add(out->metrics, e->one, weights, used[i], 1, labels + i, out->summaries + first + i));
    }
    return SPS_OK;
}

static sps_status evaluate_blocks(struct sps_evaluation *out, struct job *e)
{
    const size_t n = e->set->count;
    for (size_t first = 0; first < n; first += e->block) {
        SPS_TRY(evaluate_block(out, e, first));
        if (e->progress != NULL)
            e->progress(e->user, first + e->block < n ? first + e->block : n, n);
    }
    out->n = n;
    out->passes = e->passes;
    return e->dump ? write_dump(e->dump, e->predictor->info, e->passes, n, &e->all) : SPS_OK;
}

sps_status sps_evaluate(struct sps_evaluation *out, const struct sps_predictor *predictor, const struct sps_images *set,
                        const struct sps_predict_options *options, const struct sps_accept_rule *rule, double level,
                        const char *dump, void (*progress)(void *user, size_t done, size_t total), void *user)
{
    const struct sps_model_info *info = predictor->info;
    size_t n = set->count, classes = (size_t)info->classes;
    struct job e = {.predictor = predictor,
                    .set = set,
                    .options = options,
                    .dump = dump,
                    .progress = progress,
                    .user = user,
                    .block = BLOCK};
    struct sps_evaluation result = {0};
    sps_status status = SPS_OK;
    SPS_TRY(fits(info, set));
    if (dump != NULL && options->settle != NULL)
        SPS_FAIL(EINVAL, "a dump has all passes of all images, so they cannot end early");
    SPS_TRY(sps_predict_passes(info, options, &e.passes));
    while (e.block > 1 && e.passes * classes > BLOCK_NUMBERS / e.block)
        e.block /= 2;
    SPS_TRY_OUT(sps_calloc(&e.p, e.passes * e.block, classes * sizeof(float), "probabilities"));
    SPS_TRY_OUT(sps_calloc(&e.one, e.passes, classes * sizeof(float), "probabilities"));
    SPS_TRY_OUT(sps_calloc(&e.weights, e.passes, sizeof(double), "weights"));
    if (dump != NULL) {
        SPS_TRY_OUT(sps_calloc(&e.all.p, e.passes * n, classes * sizeof(float), "probabilities of the dump"));
        SPS_TRY_OUT(sps_calloc(&e.all.picks, e.passes * n, (size_t)info->picks, "paths of the dump"));
        SPS_TRY_OUT(sps_calloc(&e.all.labels, n, sizeof(int32_t), "labels of the dump"));
    }
    SPS_TRY_OUT(sps_calloc(&result.summaries, n, sizeof *result.summaries, "summaries"));
    SPS_TRY_OUT(sps_calloc(&result.mean, n, classes * sizeof *result.mean, "mean probabilities"));
    SPS_TRY_OUT(sps_calloc(&result.labels, n, sizeof *result.labels, "labels"));
    SPS_TRY_OUT(sps_calloc(&result.nll, n, sizeof *result.nll, "NLLs"));
    SPS_TRY_OUT(sps_metrics_create(&result.metrics, info->classes, level, rule));
    SPS_TRY_OUT(evaluate_blocks(&result, &e));
    *out = result;
    result = (struct sps_evaluation){0};
out:
    sps_evaluation_reset(&result);
    sps_free(e.p);
    sps_free(e.one);
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
    sps_free(evaluation->mean);
    sps_free(evaluation->labels);
    sps_free(evaluation->nll);
    *evaluation = (struct sps_evaluation){0};
}
