/* SPDX-License-Identifier: MIT */
/* Images that are shared out among ranks, which are threads here, have the answers of one process bit for bit; and what
 * fails in one rank fails in all. */
#include "chain.h"
#include "rank_threads.h"
#include "spinscale/shared.h"

enum { IMAGES = 7 };

struct question {
    const struct sps_packed *model;
    const uint8_t *image[IMAGES];
    const uint32_t *index;
    struct sps_predict_options options;
    size_t batch;
    struct answer answer[RANKS_MAX];
};

/* Two banks and masks per neuron: three picks and more. */
static struct sps_packed *make_model(int masks)
{
    struct chain b = chain_start(3, 6, 6, 1);
    chain_product(&b, 9, 0, 0, 0, masks ? SPS_NOISE_neuron : CHAIN_NONE);
    chain_decide(&b, SPS_NOISE_bank, 3, 1);
    chain_product(&b, 9, 0, 0, 0, CHAIN_NONE);
    chain_decide(&b, SPS_NOISE_bank, 4, 1);
    chain_product(&b, 4, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    return chain_finish(&b);
}

static sps_status ask_as_rank(struct rank_thread *self)
{
    struct question *q = self->user;
    sps_session *session = NULL;
    OK(sps_session_create(&session, q->model, &(struct sps_session_options){.threads = 1}));
    struct sps_shared shared = {sps_session_predictor(session), &self->base};
    const struct sps_predictor predictor = sps_shared_predictor(&shared);
    struct answer *a = &q->answer[self->base.rank];
    *a = answer_room(predictor.info, &q->options, IMAGES);
    memset(a->picks, 0xff, a->passes * IMAGES * a->picks_row);
    answer_ask(a, &predictor, &q->options, q->image, q->index, q->batch);
    sps_session_free(session);
    return SPS_OK;
}

/* Batches of 1 are fewer images than ranks; those of 5 leave 2, and lie in rows that are longer than they are. */
static void check_reading(struct question *q, struct sps_predict_options options)
{
    q->options = options;
    struct answer alone =
        ask(q->model, &(struct sps_session_options){.threads = 1}, &options, IMAGES, q->image, q->index, IMAGES);
    static const size_t batches[] = {1, 5, IMAGES};
    for (size_t i = 0; i < 3; i++)
        for (int count = 2; count <= RANKS_MAX; count++) {
            struct rank_team team = {0};
            q->batch = batches[i];
            rank_team_run(&team, count, ask_as_rank, q);
            for (int r = 0; r < count; r++) {
                assert_int_equal(team.rank[r].status, SPS_OK);
                if (options.settle == NULL)
                    same_answers(&alone, &q->answer[r]);
                assert_memory_equal(q->answer[r].used, alone.used, sizeof *alone.used * IMAGES);
                assert_memory_equal(q->answer[r].p, alone.p, sizeof *alone.p * alone.passes * IMAGES * alone.classes);
                answer_free(&q->answer[r]);
            }
        }
    answer_free(&alone);
}

static struct question make_question(const struct sps_packed *model, uint8_t *pixels)
{
    static const uint32_t index[IMAGES] = {5, 0, 70000, 1, 2, 900, 3};
    struct question q = {.model = model, .index = index};
    fill_pixels(pixels, IMAGES * 36, 9);
    for (size_t i = 0; i < IMAGES; i++)
        q.image[i] = pixels + i * 36;
    return q;
}

static void answers_are_those_of_one_process(void **state)
{
    (void)state;
    const struct sps_settle settle = {.confidence = 0.9};
    for (int masks = 0; masks < 2; masks++) {
        uint8_t pixels[IMAGES * 36];
        struct sps_packed *model = make_model(masks);
        struct question q = make_question(model, pixels);
        check_reading(&q, (struct sps_predict_options){.seed = 7, .samples = 5});
        check_reading(&q, (struct sps_predict_options){.seed = 7, .samples = 3, .shared_paths = 1});
        check_reading(&q, (struct sps_predict_options){.seed = 7, .samples = 60, .settle = &settle});
        check_reading(&q, (struct sps_predict_options){.reading = SPS_POINT});
        if (!masks)
            check_reading(&q, (struct sps_predict_options){.reading = SPS_EXACT});
        sps_packed_close(model);
    }
}

/* Without an index, images are numbered from 0 on, also where they are another rank's. */
static sps_status ask_without_index(struct rank_thread *self)
{
    struct question *q = self->user;
    sps_session *session = NULL;
    OK(sps_session_create(&session, q->model, &(struct sps_session_options){.threads = 1}));
    struct sps_shared shared = {sps_session_predictor(session), &self->base};
    const struct sps_predictor predictor = sps_shared_predictor(&shared);
    float p[5 * IMAGES * 4];
    OK(sps_predict(&predictor, &q->options, IMAGES, q->image, NULL, &(struct sps_passes){.p = p}));
    OK(sps_predict(&shared.predictor, &q->options, IMAGES, q->image, NULL,
                   &(struct sps_passes){.p = q->answer[self->base.rank].p}));
    assert_memory_equal(p, q->answer[self->base.rank].p, sizeof p);
    sps_session_free(session);
    return SPS_OK;
}

static void images_are_numbered_alike(void **state)
{
    (void)state;
    uint8_t pixels[IMAGES * 36];
    float p[3][5 * IMAGES * 4];
    struct sps_packed *model = make_model(0);
    struct question q = make_question(model, pixels);
    struct rank_team team = {0};
    q.options = (struct sps_predict_options){.seed = 7, .samples = 5};
    for (int r = 0; r < 3; r++)
        q.answer[r].p = p[r];
    rank_team_run(&team, 3, ask_without_index, &q);
    sps_packed_close(model);
}

static sps_status fail_in_rank_1(void *self, const struct sps_predict_options *options, size_t n,
                                 const uint8_t *const *images, const uint32_t *index, const struct sps_passes *out)
{
    (void)options, (void)n, (void)images, (void)out;
    const int *rank = self;
    return *rank == 1 ? sps_fail(SPS_EIO, "image %u is damaged", index[0]) : SPS_OK;
}

static sps_status ask_what_fails(struct rank_thread *self)
{
    const struct question *q = self->user;
    int rank = self->base.rank;
    struct sps_shared shared = {{&rank, &q->model->info, NULL, fail_in_rank_1}, &self->base};
    const struct sps_predictor predictor = sps_shared_predictor(&shared);
    float p[5 * IMAGES * 4];
    return sps_predict(&predictor, &q->options, IMAGES, q->image, q->index, &(struct sps_passes){.p = p});
}

static void one_that_fails_fails_all(void **state)
{
    (void)state;
    uint8_t pixels[IMAGES * 36];
    struct sps_packed *model = make_model(0);
    struct question q = make_question(model, pixels);
    struct rank_team team = {0};
    q.options = (struct sps_predict_options){.samples = 5};
    rank_team_run(&team, 2, ask_what_fails, &q);
    for (int r = 0; r < 2; r++) {
        assert_int_equal(team.rank[r].status, SPS_EIO);
        assert_string_equal(team.rank[r].error, "rank 1: image 1 is damaged"); /* its first is the fourth of all */
    }
    sps_packed_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_are_those_of_one_process),
        TEST(images_are_numbered_alike),
        TEST(one_that_fails_fails_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
