/* SPDX-License-Identifier: MIT */
/* Sessions: threads, one arena, and images shared out among lanes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "engine/costs.h"
#include "engine/flips.h"
#include "engine/session.h"
#include "engine/settle.h"

struct sps_session {
    const struct sps_packed *packed;
    struct sps_plan *plan;
    struct sps_backend backend;
    struct sps_sampler sampler;
    struct sps_session_options options;
    sps_team *team;
    char *arena;
    struct sps_lane *lanes; /* [threads] */
    struct sps_cost *costs; /* [stages] */
    size_t *numbers;        /* [threads][block] */
    size_t *order;          /* paths by falling probability, where they are few enough to be walked all */
    char *settling;         /* [threads] */
    size_t settling_stride;
    struct sps_layer_work *work;
    uint64_t images;
};

/* The arena: for each thread a lane with its numbers; then what all share. */
struct layout {
    size_t lane, numbers, order, settling, settling_stride, costs, work, lanes, total;
};

/* Paths that the exact reading would walk, 0 if it would refuse. */
static size_t paths_to_order(const struct sps_packed *m)
{
    return m->info.picks == m->info.bank_layers && m->info.paths <= SPS_EXACT_PATHS_MAX ? (size_t)m->info.paths : 0;
}

static struct layout lay_out(const struct sps_plan *plan, const struct sps_backend *backend, int threads)
{
    struct sps_lane lane;
    struct layout l = {.lane = sps_lane_lay_out(&lane, plan, backend, threads, NULL)};
    size_t stages = (size_t)plan->stage_count, n = (size_t)threads;
    l.numbers = n * l.lane;
    l.order = l.numbers + sps_aligned(n * lane.block * sizeof(size_t));
    l.settling = l.order + sps_aligned(paths_to_order(plan->packed) * sizeof(size_t));
    l.settling_stride = sps_aligned(sps_settling_size(plan->packed->classes));
    l.costs = l.settling + n * l.settling_stride;
    l.work = l.costs + sps_aligned(stages * sizeof(struct sps_cost));
    l.lanes = l.work + sps_aligned(stages * sizeof(struct sps_layer_work));
    l.total = l.lanes + sps_aligned(n * sizeof(struct sps_lane));
    return l;
}

static sps_status threads_of(int *threads, const struct sps_session_options *options)
{
    *threads = options != NULL ? options->threads : 0;
    if (*threads < 0 || *threads > SPS_PREDICT_THREADS_MAX)
        SPS_FAIL(EINVAL, "threads is %d, must be 1 to %d, or 0 for all cores", *threads, SPS_PREDICT_THREADS_MAX);
    if (*threads == 0)
        *threads = sps_cores();
    return SPS_OK;
}

sps_status sps_session_size(size_t *bytes, const sps_packed *packed, const struct sps_session_options *options)
{
    struct sps_plan *plan = NULL;
    int threads = 0;
    SPS_TRY(threads_of(&threads, options));
    SPS_TRY(sps_plan_create(&plan, packed));
    const struct sps_backend backend = sps_backend_cpu(plan->kern);
    *bytes = lay_out(plan, &backend, threads).total;
    sps_plan_free(plan);
    return SPS_OK;
}

struct ranked {
    double probability;
    size_t path;
};

static int by_falling_probability(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->probability != y->probability)
        return x->probability < y->probability ? 1 : -1;
    return x->path < y->path ? -1 : 1;
}

static sps_status order_paths(struct sps_session *s)
{
    const struct sps_packed *m = s->packed;
    size_t count = paths_to_order(m);
    uint8_t picks[SPS_NOISES_MAX];
    struct ranked *ranked = NULL;
    SPS_TRY(sps_calloc(&ranked, count, sizeof *ranked, "paths"));
    for (size_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){sps_path_at(picks, m->banks, m->noise_count, i), i};
    qsort(ranked, count, sizeof *ranked, by_falling_probability);
    for (size_t i = 0; i < count; i++)
        s->order[i] = ranked[i].path;
    sps_free(ranked);
    return SPS_OK;
}

static void draw_path(const void *self, uint8_t *picks, uint64_t seed, uint32_t image, uint32_t pass)
{
    const struct sps_packed *m = self;
    sps_path_draw(picks, m->banks, m->noise_count, seed, image, pass);
}

static sps_status make(struct sps_session *s, const struct sps_session_options *options,
                       const struct sps_backend *backend, const struct sps_sampler *sampler)
{
    int threads = 0;
    SPS_TRY(threads_of(&threads, options));
    if (options != NULL)
        s->options = *options;
    s->options.threads = threads;
    SPS_TRY(sps_plan_create(&s->plan, s->packed));
    s->backend = backend != NULL ? *backend : sps_backend_cpu(s->plan->kern);
    s->sampler = sampler != NULL ? *sampler : (struct sps_sampler){s->packed, draw_path};
    struct layout l = lay_out(s->plan, &s->backend, threads);
    SPS_TRY(sps_calloc(&s->arena, l.total, 1, "a session"));
    SPS_TRY(sps_team_create(&s->team, threads));
    s->numbers = (size_t *)(void *)(s->arena + l.numbers);
    s->costs = (struct sps_cost *)(void *)(s->arena + l.costs);
    s->work = (struct sps_layer_work *)(void *)(s->arena + l.work);
    s->order = (size_t *)(void *)(s->arena + l.order);
    s->settling = s->arena + l.settling;
    s->settling_stride = l.settling_stride;
    s->lanes = (struct sps_lane *)(void *)(s->arena + l.lanes);
    for (int i = 0; i < threads; i++) {
        sps_lane_lay_out(&s->lanes[i], s->plan, &s->backend, threads, s->arena + (size_t)i * l.lane);
        s->lanes[i].costs = s->costs;
        s->lanes[i].options = &s->options;
        s->lanes[i].numbers = s->numbers + (size_t)i * s->lanes[i].block;
    }
    sps_measure_costs(s->costs, &s->lanes[0]);
    return order_paths(s);
}

sps_status sps_session_create_on(sps_session **out, const sps_packed *packed, const struct sps_session_options *options,
                                 const struct sps_backend *backend, const struct sps_sampler *sampler)
{
    struct sps_session *s = NULL;
    SPS_TRY(sps_calloc(&s, 1, sizeof *s, "a session"));
    s->packed = packed;
    sps_status status = make(s, options, backend, sampler);
    if (status == SPS_OK)
        *out = s;
    else
        sps_session_free(s);
    return status;
}

sps_status sps_session_create(sps_session **out, const sps_packed *packed, const struct sps_session_options *options)
{
    return sps_session_create_on(out, packed, options, NULL, NULL);
}

void sps_session_free(sps_session *s)
{
    if (s == NULL)
        return;
    sps_team_free(s->team);
    sps_plan_free(s->plan);
    sps_free(s->arena);
    sps_free(s);
}

/* ---- predicting ---- */

struct job {
    struct sps_session *session;
    const struct sps_predict_options *options;
    const struct sps_passes *out;
    const uint8_t *const *images;
    const uint32_t *index;
    size_t passes;
    sps_team *team; /* works on one image together */
};

/* Which path is row t of the exact reading. */
static size_t path_of(const struct job *j, size_t t)
{
    return j->options->settle != NULL ? j->session->order[t] : t;
}

/* The picks of a block of passes, and where they are wanted. */
static void draw(const struct job *j, struct sps_lane *lane, size_t *numbers, size_t image, size_t first, size_t count)
{
    const struct sps_packed *m = j->session->packed;
    size_t row = lane->plan->picks;
    uint32_t index = j->options->shared_paths ? 0 : j->index != NULL ? j->index[image] : (uint32_t)image;
    for (size_t b = 0; b < count; b++) {
        uint8_t *picks = lane->picks + b * row;
        numbers[b] = first + b;
        if (j->options->reading == SPS_EXACT)
            sps_path_at(picks, m->banks, m->noise_count, path_of(j, first + b));
        else if (j->options->reading == SPS_SAMPLED)
            j->session->sampler.draw(j->session->sampler.self, picks, j->options->seed, index, (uint32_t)(first + b));
        else
            memset(picks, 0, row);
        if (j->out->picks != NULL)
            memcpy(j->out->picks + ((first + b) * j->out->stride + image) * row, picks, row);
    }
}

/* What row t counts. */
static double weight_of(const struct job *j, size_t t)
{
    uint8_t picks[SPS_NOISES_MAX];
    const struct sps_packed *m = j->session->packed;
    return j->options->reading == SPS_EXACT ? sps_path_at(picks, m->banks, m->noise_count, path_of(j, t))
                                            : 1.0 / (double)j->passes;
}

/* Passes of an image that are needed, of `made`, or 0 if there must be more. */
static size_t needed(const struct job *j, struct sps_settling *settling, size_t image, size_t first, size_t made)
{
    size_t classes = (size_t)j->session->packed->classes;
    for (size_t t = first; t < made; t++)
        if (sps_settling_add(settling, j->out->p + (t * j->out->stride + image) * classes, weight_of(j, t)))
            return t + 1;
    return 0;
}

enum { FIRST_PASSES = 8 }; /* before the first look whether it is settled; then as many again, and again */

static void image_task(void *work, size_t image, int worker)
{
    const struct job *j = work;
    struct sps_session *s = j->session;
    struct sps_lane *lane = &s->lanes[worker];
    struct sps_settling settling;
    size_t used = 0;
    int settles = j->options->settle != NULL && j->passes > 1;
    lane->team = j->team;
    lane->out = j->out;
    lane->image = image;
    lane->point = j->options->reading == SPS_POINT;
    lane->temperature = j->options->temperature > 0 ? j->options->temperature : s->packed->info.temperature;
    lane->moment = (struct sps_moment){j->options->seed, j->index != NULL ? j->index[image] : (uint32_t)image, 0};
    sps_lane_load(lane, j->images[image]);
    if (settles)
        sps_settling_start(&settling, j->options->settle, s->packed->classes, j->options->reading == SPS_EXACT,
                           s->settling + (size_t)worker * s->settling_stride);
    for (size_t first = 0; first < j->passes && used == 0;) {
        size_t count = !settles ? lane->block : first > 0 ? first : FIRST_PASSES;
        count = count < lane->block ? count : lane->block;
        count = count < j->passes - first ? count : j->passes - first;
        draw(j, lane, s->numbers + (size_t)worker * lane->block, image, first, count);
        sps_lane_walk(lane, count);
        first += count;
        if (settles)
            used = needed(j, &settling, image, first - count, first);
    }
    used = used > 0 ? used : j->passes;
    lane->skipped += j->passes - used;
    if (j->out->used != NULL)
        j->out->used[image] = (uint32_t)used;
}

static sps_status check_finite(const struct job *j, size_t n)
{
    size_t classes = (size_t)j->session->packed->classes;
    for (size_t t = 0; t < j->passes; t++)
        for (size_t i = 0; i < n * classes; i++)
            if (!isfinite(j->out->p[t * j->out->stride * classes + i]) &&
                (j->out->used == NULL || t < j->out->used[i / classes]))
                SPS_FAIL(EFORMAT, "the model's numbers are too large: scores of image %zu overflow", i / classes);
    return SPS_OK;
}

static sps_status predict(void *self, const struct sps_predict_options *options, size_t n, const uint8_t *const *images,
                          const uint32_t *index, const struct sps_passes *out)
{
    struct sps_session *s = self;
    struct job j = {s, options, out, images, index, 0, NULL};
    const struct sps_settle *settle = options->settle;
    if (settle != NULL && !(settle->confidence > 0 && settle->confidence < 1))
        SPS_FAIL(EINVAL, "confidence is %g, must be between 0 and 1", settle->confidence);
    SPS_TRY(sps_predict_passes(&s->packed->info, options, &j.passes));
    if (settle != NULL && out->used == NULL)
        SPS_FAIL(EINVAL, "passes may end early, and there is no room for how many were made");
    if (options->reading == SPS_POINT && !s->plan->point_possible)
        SPS_FAIL(EUNSUPPORTED, "the model has no deterministic reading");
    for (size_t t = 0; t < j.passes && out->weights != NULL; t++)
        out->weights[t] = weight_of(&j, t);
    s->images += n;
    if (n >= (size_t)s->options.threads) {
        sps_team_run(s->team, n, image_task, &j);
    } else { /* all threads on each image */
        j.team = s->team;
        for (size_t i = 0; i < n; i++)
            image_task(&j, i, 0);
    }
    return check_finite(&j, n);
}

static const char *class_name(const void *self, int label)
{
    return sps_packed_class_name(((const struct sps_session *)self)->packed, label);
}

struct sps_predictor sps_session_predictor(sps_session *s)
{
    return (struct sps_predictor){s, &s->packed->info, class_name, predict};
}

/* ---- what was done ---- */

sps_status sps_session_flips(double *share, sps_session *s, size_t n, const uint8_t *const *images,
                             const uint32_t *index, uint64_t seed)
{
    const struct sps_predict_options options = {.reading = SPS_SAMPLED, .seed = seed, .samples = 1};
    const struct sps_packed *m = s->packed;
    float p[256];
    const struct sps_passes out = {.p = p, .stride = 1};
    for (int k = 0; k < m->noise_count; k++)
        share[k] = NAN;
    for (size_t i = 0; i < n; i++) {
        uint32_t at = index != NULL ? index[i] : (uint32_t)i;
        struct job j = {s, &options, &out, images + i, &at, 1, NULL};
        image_task(&j, 0, 0);
        for (int k = s->plan->stage_count - 1; k >= 0; k--) {
            const struct sps_stage *stage = &s->plan->stages[k];
            double *to = sps_stage_has_flips(s->plan, stage) ? &share[stage->noise - m->noises] : NULL;
            if (to != NULL)
                *to = (i > 0 ? *to : 0) + sps_stage_flips(&s->lanes[0], stage) / (double)n;
        }
    }
    return SPS_OK;
}

int sps_session_threads(const sps_session *s)
{
    return s->options.threads;
}

int sps_session_layers(const sps_session *s)
{
    return s->plan->stage_count;
}

void sps_session_get_work(struct sps_session_work *out, sps_session *s)
{
    *out = (struct sps_session_work){.layers = s->plan->stage_count, .layer = s->work, .images = s->images};
    for (int i = 0; i < s->plan->stage_count; i++) {
        s->work[i] = s->lanes[0].levels[i].work;
        for (int t = 1; t < s->options.threads; t++) {
            const struct sps_layer_work *w = &s->lanes[t].levels[i].work;
            s->work[i].nodes += w->nodes;
            s->work[i].updated += w->updated;
            s->work[i].flips += w->flips;
            s->work[i].bits += w->bits;
            s->work[i].passes += w->passes;
            s->work[i].seconds += w->seconds;
        }
    }
    for (int t = 0; t < s->options.threads; t++) {
        out->paths += s->lanes[t].paths;
        out->passes += s->lanes[t].passes;
        out->skipped += s->lanes[t].skipped;
    }
}

void sps_session_reset_work(sps_session *s)
{
    s->images = 0;
    for (int t = 0; t < s->options.threads; t++) {
        s->lanes[t].paths = s->lanes[t].passes = s->lanes[t].skipped = 0;
        for (int i = 0; i < s->plan->stage_count; i++) {
            struct sps_layer_work *w = &s->lanes[t].levels[i].work;
            *w = (struct sps_layer_work){.name = w->name, .macs = w->macs};
        }
    }
}
