/* SPDX-License-Identifier: MIT */
/* An ensemble is its members, one after the other, bit for bit. */
#include "pictures.h"
#include "spinscale/ensemble.h"

enum { MEMBERS = 3 };

/* `banks` hidden layers, each with a bank; the last has `entries`. */
static struct sps_packed *make_model(uint32_t seed, int side, int banks, int entries, int classes)
{
    struct chain b = chain_start(seed, side, side, 1);
    for (int k = 0; k < banks; k++) {
        chain_product(&b, 9 + k, 0, 0, 0, CHAIN_NONE);
        chain_decide(&b, SPS_NOISE_bank, k + 1 < banks ? 2 : entries, 1);
    }
    chain_product(&b, classes, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    return chain_finish(&b);
}

struct group {
    struct sps_packed *model[MEMBERS];
    sps_session *session[MEMBERS];
    struct sps_predictor predictor[MEMBERS];
    sps_ensemble *ensemble;
};

static void open_member(struct group *g, int m, struct sps_packed *model)
{
    g->model[m] = model;
    OK(sps_session_create(&g->session[m], model, &(struct sps_session_options){.threads = 2}));
    g->predictor[m] = sps_session_predictor(g->session[m]);
}

/* Picks of 1, 3 and 2 banks: 3, 2 x 2 x 4 and 2 x 5 paths. */
static struct group make_group(void)
{
    struct group g = {0};
    open_member(&g, 0, make_model(3, 6, 1, 3, 4));
    open_member(&g, 1, make_model(4, 6, 3, 4, 4));
    open_member(&g, 2, make_model(5, 6, 2, 5, 4));
    OK(sps_ensemble_create(&g.ensemble, g.predictor, NULL, MEMBERS));
    return g;
}

static void free_group(struct group *g)
{
    sps_ensemble_free(g->ensemble);
    for (int m = 0; m < MEMBERS; m++) {
        sps_session_free(g->session[m]);
        sps_packed_close(g->model[m]);
    }
}

/* Rows of a member stand in the ensemble's from row `first` on. */
static void check_rows(const struct answer *e, const struct answer *m, size_t first)
{
    const size_t classes = e->classes;
    assert_memory_equal(e->p + first * IMAGES * classes, m->p, m->passes * IMAGES * classes * sizeof *m->p);
    assert_memory_equal(e->logits + first * IMAGES * classes, m->logits,
                        m->passes * IMAGES * classes * sizeof *m->logits);
    for (size_t r = 0; r < m->passes * IMAGES; r++) {
        const uint8_t *picks = e->picks + (first * IMAGES + r) * e->picks_row;
        assert_memory_equal(picks, m->picks + r * m->picks_row, m->picks_row);
        for (size_t k = m->picks_row; k < e->picks_row; k++)
            assert_int_equal(picks[k], 0);
    }
    for (size_t t = 0; t < m->passes; t++)
        NEAR(e->weights[first + t], m->weights[t] / MEMBERS, 0);
}

static void check_reading(struct group *g, const struct pictures *s, const struct sps_predict_options *options,
                          size_t passes, size_t batch)
{
    const struct sps_predictor whole = sps_ensemble_predictor(g->ensemble);
    struct answer e = answer_room(whole.info, options, IMAGES);
    assert_int_equal(e.passes, passes);
    memset(e.picks, 0xff, e.passes * IMAGES * e.picks_row);
    answer_ask(&e, &whole, options, s->at, index_of, batch);
    size_t first = 0;
    double sum = 0;
    for (int m = 0; m < MEMBERS; m++) {
        struct answer a = answer_room(g->predictor[m].info, options, IMAGES);
        answer_ask(&a, &g->predictor[m], options, s->at, index_of, IMAGES);
        check_rows(&e, &a, first);
        first += a.passes;
        answer_free(&a);
    }
    assert_int_equal(first, passes);
    for (size_t t = 0; t < passes; t++)
        sum += e.weights[t];
    NEAR(sum, 1, 1e-12); /* rounding of some thirty terms */
    for (size_t i = 0; i < IMAGES; i++)
        assert_int_equal(e.used[i], passes);
    answer_free(&e);
}

static void rows_are_those_of_the_members(void **state)
{
    (void)state;
    struct group g = make_group();
    struct pictures s = make_pictures(g.model[0], 9);
    for (size_t batch = 1; batch <= IMAGES; batch++) {
        check_reading(&g, &s, &(struct sps_predict_options){.seed = 7, .samples = 5}, 15, batch);
        check_reading(&g, &s, &(struct sps_predict_options){.seed = 7, .samples = 2, .shared_paths = 1}, 6, batch);
        check_reading(&g, &s, &(struct sps_predict_options){.reading = SPS_EXACT}, 3 + 16 + 10, batch);
        check_reading(&g, &s, &(struct sps_predict_options){.reading = SPS_POINT}, 3, batch);
    }
    sps_free(s.pixels);
    free_group(&g);
}

static void what_is_said_about_it(void **state)
{
    (void)state;
    struct group g = make_group();
    const struct sps_model_info *info = sps_ensemble_predictor(g.ensemble).info;
    size_t weights = 0;
    for (int m = 0; m < MEMBERS; m++)
        weights += g.predictor[m].info->weights;
    assert_int_equal(info->members, MEMBERS);
    assert_int_equal(info->weights, weights);
    assert_int_equal(info->picks, 3);
    assert_int_equal(info->bank_layers, 3);
    assert_int_equal(info->bank_sizes[0], 3); /* of the first; the others have 2 there */
    assert_int_equal(info->bank_sizes[1], 5);
    assert_int_equal(info->bank_sizes[2], 4);
    NEAR(info->paths, 29, 0);
    g.model[0]->info.net = g.model[2]->info.net = "one";
    g.model[1]->info.net = "two";
    sps_ensemble_free(g.ensemble);
    OK(sps_ensemble_create(&g.ensemble, g.predictor, NULL, MEMBERS));
    info = sps_ensemble_predictor(g.ensemble).info;
    assert_string_equal(info->net, "one+two");
    assert_null(info->method);
    assert_null(sps_ensemble_predictor(g.ensemble).class_name(g.ensemble, 0));
    free_group(&g);
}

static void what_does_not_fit(void **state)
{
    (void)state;
    struct group g = {0};
    sps_ensemble *e = NULL;
    const char *names[MEMBERS] = {"one", "two", "three"};
    open_member(&g, 0, make_model(3, 6, 1, 3, 4));
    open_member(&g, 1, make_model(4, 7, 1, 3, 4));
    open_member(&g, 2, make_model(5, 6, 1, 3, 5));
    FAILS(sps_ensemble_create(&e, g.predictor, names, MEMBERS), EINVAL,
          "'one' reads images of 6 x 6 x 1, 'two' of 7 x 7 x 1");
    g.predictor[1] = g.predictor[0];
    FAILS(sps_ensemble_create(&e, g.predictor, NULL, MEMBERS), EINVAL, "member 1 has 4 classes, member 3 has 5");
    FAILS(sps_ensemble_create(&e, g.predictor, names, 0), EINVAL, "an ensemble of 0 models, must be 1 to 256");
    assert_null(e);

    OK(sps_ensemble_create(&g.ensemble, g.predictor, names, 2));
    const struct sps_predictor whole = sps_ensemble_predictor(g.ensemble);
    struct pictures s = make_pictures(g.model[0], 9);
    const struct sps_settle settle = {.confidence = 0.9};
    const struct sps_predict_options options = {.seed = 1, .samples = 4, .settle = &settle};
    float p[2 * 4 * 4];
    uint32_t used;
    FAILS(sps_predict(&whole, &options, 1, s.at, NULL, &(struct sps_passes){.p = p, .used = &used}), EINVAL,
          "passes of an ensemble cannot end early");
    sps_free(s.pixels);
    free_group(&g);
}

static void paths_that_cannot_be_walked(void **state)
{
    (void)state;
    struct chain b = chain_start(70, 6, 6, 1);
    chain_product(&b, 9, 0, 0, 0, SPS_NOISE_neuron);
    chain_decide(&b, SPS_NOISE_bank, 2, 1);
    chain_product(&b, 4, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    struct group g = {0};
    open_member(&g, 0, make_model(3, 6, 1, 3, 4));
    open_member(&g, 1, chain_finish(&b));
    OK(sps_ensemble_create(&g.ensemble, g.predictor, NULL, 2));
    size_t passes = 0;
    FAILS(sps_predict_passes(sps_ensemble_predictor(g.ensemble).info,
                             &(struct sps_predict_options){.reading = SPS_EXACT}, &passes),
          EINVAL, "an exact prediction is not possible");
    free_group(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_those_of_the_members, remember_memory, check_memory),
        cmocka_unit_test_setup_teardown(what_is_said_about_it, remember_memory, check_memory),
        cmocka_unit_test_setup_teardown(what_does_not_fit, remember_memory, check_memory),
        cmocka_unit_test_setup_teardown(paths_that_cannot_be_walked, remember_memory, check_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
