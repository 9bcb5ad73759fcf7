/* SPDX-License-Identifier: MIT */
/* A set of images through a model, image by image: what all parts of the page that score are made from.  Probabilities
 * of single passes are dropped block by block, so memory grows by about 0.3 kB an image. */
#include <stdlib.h>
#include <time.h>

#include "page_parts.h"
#include "spinscale/predict.h"

enum { BLOCK = 64 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sps_status predict_block(struct sps_shown_set *out, const struct sps_shown *shown,
                                const struct sps_predictor *predictor, const struct sps_images *images, int labelled,
                                size_t first, float *p)
{
    size_t n = images->count - first < BLOCK ? images->count - first : BLOCK, classes = (size_t)out->classes;
    const uint8_t *pixels[BLOCK];
    uint32_t index[BLOCK];
    sps_status status = sps_images_load(images, first, n);
    if (status != SPS_OK)
        return status;
    for (size_t i = 0; i < n; i++) {
        pixels[i] = images->image(images->self, first + i);
        index[i] = (uint32_t)(first + i);
        out->labels[first + i] = labelled ? images->label(images->self, first + i) : -1;
    }
    const struct sps_passes to = {.p = p};
    double start = now();
    status = sps_predict(predictor, shown->predict, n, pixels, index, &to);
    out->seconds += now() - start;
    for (size_t i = 0; i < n && status == SPS_OK; i++)
        status = sps_summarise(&out->summaries[first + i], out->mean + (first + i) * classes, p + i * classes,
                               n * classes, NULL, shown->passes, out->classes, shown->level, &shown->rule);
    return status;
}

sps_status sps_shown_set_predict(struct sps_shown_set *out, const struct sps_shown *shown,
                                 const struct sps_predictor *predictor, const struct sps_images *images, int labelled,
                                 void (*progress)(void *user, size_t done, size_t total), void *user)
{
    size_t n = images->count, classes = (size_t)predictor->info->classes;
    struct sps_shown_set set = {.name = images->name, .count = n, .classes = (int)classes};
    float *p = calloc((size_t)shown->passes * BLOCK, classes * sizeof *p);
    set.labels = calloc(n + 1, sizeof *set.labels);
    set.mean = calloc(n + 1, classes * sizeof *set.mean);
    set.summaries = calloc(n + 1, sizeof *set.summaries);
    sps_status status =
        p != NULL && set.labels != NULL && set.mean != NULL && set.summaries != NULL ? SPS_OK : SPS_ENOMEM;
    for (size_t first = 0; first < n && status == SPS_OK; first += BLOCK) {
        status = predict_block(&set, shown, predictor, images, labelled, first, p);
        progress(user, first + BLOCK < n ? first + BLOCK : n, n);
    }
    /* A label that is no class of the model is none. */
    for (size_t i = 0; i < n && status == SPS_OK; i++)
        set.labels[i] = set.labels[i] >= 0 && set.labels[i] < set.classes ? set.labels[i] : -1;
    free(p);
    if (status == SPS_OK)
        *out = set;
    else
        sps_shown_set_reset(&set);
    return status;
}

void sps_shown_set_reset(struct sps_shown_set *set)
{
    free(set->labels);
    free(set->mean);
    free(set->summaries);
    *set = (struct sps_shown_set){0};
}
