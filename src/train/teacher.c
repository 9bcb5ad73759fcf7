/* SPDX-License-Identifier: MIT */
#include "train/teacher.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/ranks.h"
#include "spinscale/model.h"

enum { BLOCK = 64 };

/* One model of the ensemble: packed where that is possible, for speed; both engines give the same numbers. */
struct member {
    sps_model *model;
    sps_packed *packed;
    sps_session *session;
    struct sps_predictor predictor;
};

static sps_status member_open(struct member *m, const char *path, int threads)
{
    const struct sps_session_options options = {.threads = threads};
    *m = (struct member){0};
    if (sps_packed_is(path))
        SPS_TRY(sps_packed_open(&m->packed, path));
    else {
        SPS_TRY(sps_model_open(&m->model, path));
        sps_status status = sps_model_pack(&m->packed, m->model);
        if (status == SPS_EUNSUPPORTED) {
            m->predictor = sps_model_predictor(m->model);
            return SPS_OK;
        }
        SPS_TRY(status);
    }
    SPS_TRY(sps_session_create(&m->session, m->packed, &options));
    m->predictor = sps_session_predictor(m->session);
    return SPS_OK;
}

static void member_close(struct member *m)
{
    sps_session_free(m->session);
    sps_packed_close(m->packed);
    sps_model_close(m->model);
}

static sps_status check_fits(const struct member *m, const char *path, const struct sps_dataset_info *data)
{
    const struct sps_model_info *about = m->predictor.info;
    if (about->height != data->height || about->width != data->width || about->channels != data->channels ||
        about->classes != data->classes)
        SPS_FAIL(EINVAL, "teacher '%s' reads %d x %d x %d and knows %d classes, data '%s' has %d x %d x %d and %d",
                 path, about->height, about->width, about->channels, about->classes, data->name, data->height,
                 data->width, data->channels, data->classes);
    return SPS_OK;
}

static void mirror_image(uint8_t *out, const uint8_t *in, const struct sps_dataset_info *data)
{
    size_t c = (size_t)data->channels, w = (size_t)data->width;
    for (size_t y = 0; y < (size_t)data->height; y++)
        for (size_t x = 0; x < w; x++)
            memcpy(out + (y * w + x) * c, in + (y * w + w - 1 - x) * c, c);
}

/* Adds the member's mean probabilities of this rank's images to p[images][classes]. */
static sps_status listen(float *p, const struct member *m, const sps_dataset *data, int mirrored,
                         const sps_ranks *ranks, const struct sps_predict_options *options)
{
    const struct sps_dataset_info *info = sps_dataset_get_info(data);
    size_t classes = (size_t)info->classes, bytes = (size_t)info->height * (size_t)info->width * (size_t)info->channels;
    size_t passes = options->reading == SPS_POINT ? 1 : options->samples;
    float *block = NULL;
    uint8_t *flipped = NULL;
    const uint8_t *images[BLOCK];
    uint32_t index[BLOCK];
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&block, passes * BLOCK, classes * sizeof *block, "a teacher's probabilities"));
    SPS_TRY_OUT(sps_calloc(&flipped, BLOCK, bytes, "mirrored images"));
    const struct sps_passes out = {.p = block, .stride = BLOCK};
    struct sps_share own = sps_ranks_share(ranks, info->count);
    size_t end = own.first + own.count;
    for (size_t first = own.first; first < end; first += BLOCK) {
        size_t n = end - first < BLOCK ? end - first : BLOCK;
        for (size_t i = 0; i < n; i++) {
            index[i] = (uint32_t)(first + i);
            images[i] = sps_dataset_image(data, first + i);
            if (mirrored) {
                mirror_image(flipped + i * bytes, images[i], info);
                images[i] = flipped + i * bytes;
            }
        }
        SPS_TRY_OUT(sps_predict(&m->predictor, options, n, images, index, &out));
        for (size_t t = 0; t < passes; t++)
            for (size_t j = 0; j < n * classes; j++)
                p[first * classes + j] += block[t * BLOCK * classes + j] / (float)passes;
    }
out:
    sps_free(block);
    sps_free(flipped);
    return status;
}

static sps_status learn_from(struct sps_teacher *t, const char *path, const sps_dataset *data, int mirror,
                             uint32_t samples, int threads, const sps_ranks *ranks)
{
    struct member m;
    sps_status status = member_open(&m, path, threads);
    if (status == SPS_OK)
        status = check_fits(&m, path, sps_dataset_get_info(data));
    for (int side = 0; side <= mirror && status == SPS_OK; side++) {
        const struct sps_predict_options options = {.reading = m.predictor.info->paths == 1 ? SPS_POINT : SPS_SAMPLED,
                                                    .seed = 1,
                                                    .samples = samples,
                                                    .threads = threads};
        status = listen(t->p + (size_t)side * t->images * (size_t)t->classes, &m, data, side, ranks, &options);
    }
    member_close(&m);
    return status == SPS_OK ? status : sps_fail_in(status, "train.teacher: ");
}

sps_status sps_teacher_init(struct sps_teacher *out, const char *models, const sps_dataset *data, int mirror,
                            uint32_t samples, int threads, const sps_ranks *ranks)
{
    const struct sps_dataset_info *info = sps_dataset_get_info(data);
    struct sps_teacher t = {.images = info->count, .classes = info->classes};
    char *paths = NULL, *rest = NULL;
    size_t count = 0, numbers = (mirror ? 2 : 1) * t.images * (size_t)t.classes;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_strdup(&paths, models));
    SPS_TRY_OUT(sps_calloc(&t.p, numbers, sizeof *t.p, "a teacher's answers"));
    for (char *path = strtok_r(paths, "+", &rest); path != NULL; path = strtok_r(NULL, "+", &rest), count++)
        SPS_TRY_OUT(sps_ranks_agree(ranks, learn_from(&t, path, data, mirror != 0, samples, threads, ranks)));
    sps_ranks_sum(ranks, t.p, numbers); /* of images of other ranks here are zeros */
    for (size_t i = 0; i < numbers; i++)
        t.p[i] /= (float)count;
    sps_log(SPS_LOG_INFO, "%zu teacher%s looked at %zu images", count, count == 1 ? "" : "s", t.images);
out:
    sps_free(paths);
    if (status == SPS_OK)
        *out = t;
    else
        sps_teacher_reset(&t);
    return status;
}

void sps_teacher_reset(struct sps_teacher *t)
{
    sps_free(t->p);
    *t = (struct sps_teacher){0};
}

const float *sps_teacher_row(const struct sps_teacher *t, size_t image, int mirrored)
{
    return t->p + ((mirrored ? t->images : 0) + image) * (size_t)t->classes;
}
