/* SPDX-License-Identifier: MIT */
/* Data parallel training in ranks that are threads: gradients, BatchNorm's statistics and whole runs are those of one
 * process, up to the order in which numbers are added; and what fails in one rank fails in all. */
#include <jansson.h>

#include "core/safetensors.h"
#include "net.h"
#include "rank_threads.h"
#include "toy.h"

/* ---- ranks ---- */

static void shares_cover_everything(void **state)
{
    (void)state;
    for (int count = 1; count <= RANKS_MAX; count++)
        for (size_t n = 0; n < 12; n++) {
            size_t next = 0, most = 0;
            for (int r = 0; r < count; r++) {
                const sps_ranks ranks = {.rank = r, .count = count};
                struct sps_share share = sps_ranks_share(&ranks, n);
                assert_int_equal(share.first, next);
                assert_int_equal(sps_ranks_share_max(&ranks, n), (n + (size_t)count - 1) / (size_t)count);
                next += share.count;
                most = share.count > most ? share.count : most;
                assert_true(share.count + 1 >= n / (size_t)count + (n % (size_t)count != 0));
            }
            assert_int_equal(next, n);
            assert_int_equal(most, (n + (size_t)count - 1) / (size_t)count);
        }
    assert_int_equal(sps_ranks_share(NULL, 7).count, 7);
}

static sps_status fail_in_some(struct rank_thread *self)
{
    const int *failing = self->user;
    int rank = self->base.rank;
    sps_status mine = failing[rank] ? sps_fail(SPS_EFORMAT, "file %d is damaged", rank) : SPS_OK;
    return sps_ranks_agree(&self->base, mine);
}

static void one_that_fails_fails_all(void **state)
{
    (void)state;
    static const int none[RANKS_MAX] = {0}, last_two[RANKS_MAX] = {0, 1, 1}, first[RANKS_MAX] = {1};
    const struct {
        const int *failing;
        const char *error;
    } cases[] = {{none, ""}, {last_two, "rank 1: file 1 is damaged"}, {first, "file 0 is damaged"}};
    for (size_t i = 0; i < 3; i++) {
        struct rank_team team = {0};
        rank_team_run(&team, 3, fail_in_some, (void *)cases[i].failing);
        for (int r = 0; r < 3; r++) {
            assert_int_equal(team.rank[r].status, i == 0 ? SPS_OK : SPS_EFORMAT);
            assert_string_equal(team.rank[r].error, cases[i].error);
        }
    }
}

/* ---- one step of a graph ---- */

enum { BATCH = 11 };

static const char all_net[] =
    "name: all\ninput: {height: 8, width: 8, channels: 3}\nclasses: 4\nlayers:\n"
    "  - conv: {out: 8, kernel: 3, pad: 1}\n  - batchnorm: {}\n  - rprelu: {}\n"
    "  - residual: {layers: [sign: {}, conv: {out: 8, kernel: 3, pad: 1, binary: true}, "
    "batchnorm: {scale: true, bias: true}]}\n"
    "  - htanh: {}\n  - sign: {}\n"
    "  - conv: {out: 16, kernel: 3, pad: 1, binary: true, pool: 2}\n  - batchnorm: {scale: true, bias: true}\n"
    "  - htanh: {}\n  - dropout: {p: 0.2}\n  - sign: {}\n"
    "  - dense: {out: 4, binary: true}\n  - batchnorm: {scale: true, bias: true, gamma: 3}\n";

struct step {
    const struct sps_method *method;
    void *settings;
    const struct sps_binariser *binariser;
    float *grads[RANKS_MAX]; /* [count] of each rank */
    float *norms[RANKS_MAX]; /* running statistics, [norm_count] */
    size_t count, norm_count;
};

static size_t copy_norms(float *out, const struct sps_graph *graph)
{
    size_t n = 0;
    for (int i = 0; i < graph->layer_count; i++) {
        const struct sps_norm *norm = sps_layer_norm(graph->layers[i]);
        for (int c = 0; norm != NULL && c < norm->channels; c++) {
            out[n++] = norm->running_mean[c];
            out[n++] = norm->running_var[c];
        }
    }
    return n;
}

/* The images and labels of the whole batch are the same wherever it is computed. */
static sps_status take_step(struct step *step, const sps_ranks *ranks)
{
    struct sps_share own = sps_ranks_share(ranks, BATCH);
    struct sps_graph *graph = make_graph(all_net, &(struct sps_graph_options){
                                                      .method = step->method,
                                                      .settings = step->settings,
                                                      .binariser = step->binariser,
                                                      .batch = (int)sps_ranks_share_max(ranks, BATCH),
                                                      .training = 1,
                                                      .seed = 5,
                                                  });
    size_t size = sps_shape_size(&graph->input);
    int8_t *codes = ROOM(int8_t, BATCH * size);
    int labels[BATCH];
    float dlogits[BATCH * 4];
    struct sps_random r = test_random(8);
    fill_codes(&r, codes, BATCH * size);
    for (int i = 0; i < BATCH; i++)
        labels[i] = (int)sps_random_below(&r, 4);
    memcpy(graph->codes, codes + own.first * size, own.count * size);
    graph->ranks = ranks;
    struct sps_pass pass = make_pass(SPS_PASS_TRAIN, SPS_FROM_METHOD, (int)own.count);
    pass.index = identity + own.first;
    sps_graph_forward(graph, &pass);
    sps_cross_entropy(NULL, dlogits, sps_graph_logits(graph), labels + own.first, (int)own.count, 4, 0.1);
    for (size_t i = 0; i < own.count * 4; i++)
        dlogits[i] *= (float)own.count / BATCH;
    sps_graph_backward(graph, &pass, dlogits);
    int rank = sps_rank(ranks);
    step->grads[rank] = ROOM(float, graph->grads_count);
    memcpy(step->grads[rank], graph->grads, graph->grads_count * sizeof(float));
    step->norms[rank] = ROOM(float, 1024);
    size_t norm_count = copy_norms(step->norms[rank], graph);
    if (rank == 0) {
        step->count = graph->grads_count;
        step->norm_count = norm_count;
    }
    sps_free(codes);
    sps_graph_free(graph);
    return SPS_OK;
}

static sps_status take_step_as_rank(struct rank_thread *self)
{
    return take_step(self->user, &self->base);
}

/* Sums in another order, of up to 11 x 64 floats, and divisions: 1e-5 of the largest number is some ten roundings. With
 * the statistics of a share in place of the batch's, differences are a third of it. */
static void same_numbers(const float *a, const float *b, size_t n, const char *what, const char *which)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(a[i]));
    assert_true(largest > 0);
    for (size_t i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= 1e-5 * largest))
            fail_msg("%s, %s: number %zu is %.9g in one process, %.9g in ranks (largest %g)", which, what, i, a[i],
                     b[i], largest);
}

static void step_reset(struct step *step)
{
    for (int r = 0; r < RANKS_MAX; r++) {
        sps_free(step->grads[r]);
        sps_free(step->norms[r]);
        step->grads[r] = step->norms[r] = NULL;
    }
}

static void compare_steps(const char *method, const char *settings, const char *binariser)
{
    struct step one = {.method = sps_method_find(method), .binariser = sps_binariser_find(binariser)};
    one.settings = make_settings(one.method, settings);
    struct step ranks = one;
    OK(take_step(&one, NULL));
    for (int count = 2; count <= RANKS_MAX; count++) {
        struct rank_team team = {0};
        rank_team_run(&team, count, take_step_as_rank, &ranks);
        assert_int_equal(ranks.count, one.count);
        assert_int_equal(ranks.norm_count, one.norm_count);
        same_numbers(one.grads[0], ranks.grads[0], one.count, "gradients", method);
        same_numbers(one.norms[0], ranks.norms[0], one.norm_count, "running statistics", method);
        for (int r = 1; r < count; r++) {
            assert_memory_equal(ranks.grads[r], ranks.grads[0], one.count * sizeof(float));
            assert_memory_equal(ranks.norms[r], ranks.norms[0], one.norm_count * sizeof(float));
        }
        step_reset(&ranks);
    }
    step_reset(&one);
    sps_free(one.settings);
}

static void a_step_is_that_of_one_process(void **state)
{
    (void)state;
    compare_steps("scale_dropout", "", "irnet");
    compare_steps("scale_dropout", "method.variant=average", "dsq");
    compare_steps("scale_vi", "", "recu");
    compare_steps("scale_bank", "", "rad");
    compare_steps("point", "", "react");
}

/* ---- whole runs ---- */

struct runs {
    const char *out, *settings;
    int resume, stop_after; /* epochs; 0: no stop */
    double budget;
    const char *other_settings; /* of rank 1; NULL: the same */
};

struct stopper {
    volatile sig_atomic_t stop;
    int after, rank;
};

/* Only rank 1 is told to stop. */
static void stop_rank_1(void *user, const struct sps_train_progress *progress)
{
    struct stopper *s = user;
    s->stop = s->rank == 1 && s->after > 0 && progress->epoch > s->after;
}

static sps_status train_as_rank(struct rank_thread *self)
{
    const struct runs *runs = self->user;
    const char *sets[TOY_SETS_MAX];
    char text[512];
    int other = self->base.rank == 1 && runs->other_settings != NULL;
    snprintf(text, sizeof text, "%s", other ? runs->other_settings : runs->settings);
    struct stopper stopper = {.after = runs->stop_after, .rank = self->base.rank};
    struct sps_train_result result;
    const struct sps_train_options options = {.set_count = toy_settings(sets, text),
                                              .sets = sets,
                                              .out = runs->out,
                                              .threads = 1,
                                              .resume = runs->resume,
                                              .budget = runs->budget,
                                              .stop = &stopper.stop,
                                              .progress = stop_rank_1,
                                              .user = &stopper,
                                              .ranks = &self->base};
    return sps_train(&result, &options);
}

static void train_in_ranks(int count, struct runs runs)
{
    struct rank_team team = {0};
    rank_team_run(&team, count, train_as_rank, &runs);
    for (int r = 0; r < count; r++)
        if (team.rank[r].status != SPS_OK)
            fail_msg("rank %d: %s", r, team.rank[r].error);
}

/* Line `epoch` of metrics.jsonl, from 0. */
static json_t *metrics_line(const char *folder, int epoch)
{
    size_t bytes = 0;
    char *text = toy_load(&bytes, folder, "metrics.jsonl"), *rest = NULL, *line = strtok_r(text, "\n", &rest);
    for (int i = 0; i < epoch && line != NULL; i++)
        line = strtok_r(NULL, "\n", &rest);
    json_t *one = line != NULL ? json_loads(line, 0, NULL) : NULL;
    sps_free(text);
    return one;
}

static double number_of(const json_t *line, const char *key)
{
    return json_number_value(json_object_get(line, key));
}

/* Until a sign flips, losses differ by roundings; one that flips on a toy network moves the loss by some 1e-3. */
static void same_curve(const char *a, const char *b, int epochs, double tolerance)
{
    for (int e = 0; e < epochs; e++) {
        json_t *x = metrics_line(a, e), *y = metrics_line(b, e);
        assert_non_null(x);
        assert_non_null(y);
        NEAR(number_of(x, "train_loss"), number_of(y, "train_loss"), tolerance);
        NEAR(number_of(x, "validation_nll"), number_of(y, "validation_nll"), tolerance);
        NEAR(number_of(x, "penalty"), number_of(y, "penalty"), tolerance);
        NEAR(number_of(x, "train_accuracy"), number_of(y, "train_accuracy"), 2.0 / 320);
        json_t *p = json_object_get(x, "layers"), *q = json_object_get(y, "layers");
        assert_int_equal(json_array_size(p), json_array_size(q));
        for (size_t i = 0; i < json_array_size(p); i++)
            NEAR(number_of(json_array_get(p, i), "flips"), number_of(json_array_get(q, i), "flips"), tolerance);
        json_decref(x);
        json_decref(y);
    }
    json_t *more = metrics_line(b, epochs);
    assert_null(more);
}

static void runs_are_those_of_one_process(void **state)
{
    (void)state;
    static const struct {
        const char *name, *settings;
    } cases[] = {{"dropout", "train.epochs=2"},
                 {"vi", "train.epochs=2 method.name=scale_vi train.ema=0.9"},
                 {"rad", "train.epochs=2 net.binariser=rad method.name=scale_bank data.flip=true data.crop_pad=1"},
                 {"taught", "train.epochs=2 train.teacher=./dropout-1 data.flip=true train.optimiser=sgd"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char one[64], many[64];
        struct sps_train_result result;
        snprintf(one, sizeof one, "%s-1", cases[i].name);
        OK(toy_train(&result, &(struct toy_run){.out = one, .settings = cases[i].settings}));
        for (int count = 2; count <= 3; count++) { /* 20 images are 6, 7 and 7 */
            snprintf(many, sizeof many, "%s-%d", cases[i].name, count);
            train_in_ranks(count, (struct runs){.out = many, .settings = cases[i].settings});
            same_curve(one, many, 2, 2e-3);
            toy_same_file(one, many, "config.yaml");
        }
    }
}

static void a_stop_is_one_of_all(void **state)
{
    (void)state;
    train_in_ranks(2, (struct runs){.out = "whole", .settings = "train.epochs=3"});
    struct rank_team team = {0};
    struct runs runs = {.out = "stopped", .settings = "train.epochs=3", .stop_after = 1};
    rank_team_run(&team, 2, train_as_rank, &runs);
    for (int r = 0; r < 2; r++)
        assert_int_equal(team.rank[r].status, SPS_EINTERRUPTED);
    train_in_ranks(2, (struct runs){.out = "stopped", .settings = "train.epochs=3", .resume = 1});
    toy_same_file("whole", "stopped", "model.safetensors");
    same_curve("whole", "stopped", 3, 0);
}

static void a_budget_is_one_plan(void **state)
{
    (void)state;
    train_in_ranks(3, (struct runs){.out = "budget", .settings = "", .budget = 0.5});
}

static void fails_in_all(struct runs runs, sps_status status, const char *words)
{
    struct rank_team team = {0};
    rank_team_run(&team, 2, train_as_rank, &runs);
    for (int r = 0; r < 2; r++) {
        assert_int_equal(team.rank[r].status, status);
        if (strstr(team.rank[r].error, words) == NULL)
            fail_msg("rank %d: message '%s' lacks '%s'", r, team.rank[r].error, words);
    }
}

static void ranks_that_differ(void **state)
{
    (void)state;
    fails_in_all((struct runs){.out = "differ", .settings = "", .other_settings = "train.rate=0.02"}, SPS_EINVAL,
                 "rank 1: has another configuration or other data than rank 0");
    fails_in_all((struct runs){.out = "differ", .settings = "", .other_settings = "data.name=./nowhere"}, SPS_ENOTFOUND,
                 "rank 1: ");
    fails_in_all((struct runs){.out = "differ", .settings = "train.batch=2", .other_settings = "train.batch=1"},
                 SPS_EINVAL, "rank 1: ");
    fails_in_all((struct runs){.out = "vi-2", .settings = "train.epochs=2"}, SPS_EINVAL, "already holds a run");
    assert_int_equal(access("differ", F_OK), -1);
}

static void a_network_that_went_its_own_way(void **state)
{
    (void)state;
    struct rank_team team = {.wrong_at = 5};
    struct runs runs = {.out = "wrong", .settings = "train.epochs=2"};
    rank_team_run(&team, 2, train_as_rank, &runs);
    for (int r = 0; r < 2; r++) {
        assert_int_equal(team.rank[r].status, SPS_EDIVERGED);
        assert_string_equal(team.rank[r].error, "rank 1: after epoch 1 the network is not that of rank 0");
    }
}

static int enter(void **state)
{
    (void)state;
    toy_enter("t_ranks.d");
    return 0;
}

static int leave(void **state)
{
    (void)state;
    int bad = chdir("..");
    toy_remove("t_ranks.d");
    return bad;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shares_cover_everything),
        TEST(one_that_fails_fails_all),
        TEST(a_step_is_that_of_one_process),
        TEST(runs_are_those_of_one_process),
        TEST(a_stop_is_one_of_all),
        TEST(a_budget_is_one_plan),
        TEST(ranks_that_differ),
        TEST(a_network_that_went_its_own_way),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
