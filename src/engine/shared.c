/* SPDX-License-Identifier: MIT */
/* Each rank writes the answers of its own images where they belong in arrays that are zeros elsewhere; the sum over
 * ranks is exact then, for 0 + x is x (but for a logit of -0, which becomes 0). */
#include "spinscale/shared.h"

#include <string.h>

#include "core/memory.h"
#include "core/ranks.h"

struct call {
    const struct sps_predict_options *options;
    size_t n;
    const uint8_t *const *images;
    const uint32_t *index;
    const struct sps_passes *out;
};

static sps_status predict_own(const struct sps_predictor *of, const struct call *c, struct sps_share own)
{
    const size_t classes = (size_t)of->info->classes, row = (size_t)of->info->picks;
    struct sps_passes to = *c->out;
    uint32_t *index = NULL;
    to.p += own.first * classes;
    to.logits = to.logits != NULL ? to.logits + own.first * classes : NULL;
    to.picks = to.picks != NULL ? to.picks + own.first * row : NULL;
    to.used = to.used != NULL ? to.used + own.first : NULL;
    SPS_TRY(sps_calloc(&index, own.count, sizeof *index, "indices of images"));
    for (size_t i = 0; i < own.count; i++)
        index[i] = c->index != NULL ? c->index[own.first + i] : (uint32_t)(own.first + i);
    sps_status status = of->predict(of->self, c->options, own.count, c->images + own.first, index, &to);
    sps_free(index);
    return status;
}

static void gather(const sps_ranks *ranks, float *x, size_t n, struct sps_share own)
{
    memset(x, 0, own.first * sizeof *x);
    memset(x + own.first + own.count, 0, (n - own.first - own.count) * sizeof *x);
    sps_ranks_sum(ranks, x, n);
}

/* x[passes][stride][width]; rows between n and stride belong to others. */
static void gather_passes(const sps_ranks *ranks, float *x, size_t passes, const struct call *c, size_t width,
                          struct sps_share own)
{
    own.first *= width;
    own.count *= width;
    for (size_t t = 0; t < passes && x != NULL; t++)
        gather(ranks, x + t * c->out->stride * width, c->n * width, own);
}

/* Small whole numbers are floats without loss. */
static void gather_picks(const sps_ranks *ranks, float *room, size_t passes, const struct call *c, size_t row,
                         struct sps_share own)
{
    own.first *= row;
    own.count *= row;
    for (size_t t = 0; t < passes; t++) {
        uint8_t *picks = c->out->picks + t * c->out->stride * row;
        for (size_t i = 0; i < c->n * row; i++)
            room[i] = picks[i];
        gather(ranks, room, c->n * row, own);
        for (size_t i = 0; i < c->n * row; i++)
            picks[i] = (uint8_t)room[i];
    }
}

static void gather_used(const sps_ranks *ranks, float *room, const struct call *c, struct sps_share own)
{
    for (size_t i = 0; i < c->n; i++)
        room[i] = (float)c->out->used[i];
    gather(ranks, room, c->n, own);
    for (size_t i = 0; i < c->n; i++)
        c->out->used[i] = (uint32_t)room[i];
}

static sps_status predict(void *self, const struct sps_predict_options *options, size_t n, const uint8_t *const *images,
                          const uint32_t *index, const struct sps_passes *out)
{
    const struct sps_shared *s = self;
    const struct sps_predictor *of = &s->predictor;
    const struct call call = {options, n, images, index, out};
    const struct sps_share own = sps_ranks_share(s->ranks, n);
    const size_t classes = (size_t)of->info->classes, row = (size_t)of->info->picks;
    size_t passes = 0;
    float *room = NULL;
    if (n < (size_t)s->ranks->count)
        return of->predict(of->self, options, n, images, index, out);
    sps_status status = sps_predict_passes(of->info, options, &passes);
    if (status == SPS_OK)
        status = sps_calloc(&room, n, (row + 1) * sizeof *room, "answers of several processes");
    if (status == SPS_OK)
        status = predict_own(of, &call, own);
    status = sps_ranks_agree(s->ranks, status);
    if (status == SPS_OK) {
        gather_passes(s->ranks, out->p, passes, &call, classes, own);
        gather_passes(s->ranks, out->logits, passes, &call, classes, own);
        if (out->picks != NULL)
            gather_picks(s->ranks, room, passes, &call, row, own);
        if (out->used != NULL)
            gather_used(s->ranks, room, &call, own);
    }
    sps_free(room);
    return status;
}

static const char *class_name(const void *self, int label)
{
    const struct sps_predictor *of = &((const struct sps_shared *)self)->predictor;
    return of->class_name(of->self, label);
}

struct sps_predictor sps_shared_predictor(struct sps_shared *shared)
{
    const struct sps_predictor *of = &shared->predictor;
    if (shared->ranks == NULL)
        return *of;
    return (struct sps_predictor){shared, of->info, of->class_name != NULL ? class_name : NULL, predict};
}
