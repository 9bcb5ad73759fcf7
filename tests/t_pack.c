/* SPDX-License-Identifier: MIT */
/* Trained networks, packed: the engine gives the bytes that the training graph gives. */
#include "chain.h"
#include "spinscale/data.h"
#include "spinscale/model.h"
#include "toy.h"

enum { IMAGES = 100 };
static sps_dataset *set;
static const uint8_t *images[IMAGES];
static uint32_t index_of[IMAGES];

static const char conv_net[] =
    "name: conv\nlayers:\n"
    "  - conv: {out: 8, kernel: 3, pad: 1, pool: 2, binary: true}\n  - batchnorm: {scale: true, bias: true}\n"
    "  - htanh: {}\n  - sign: {}\n"
    "  - conv: {out: 12, kernel: 3, binary: true}\n  - batchnorm: {scale: true, bias: true}\n  - sign: {}\n"
    "  - dense: {out: 20, binary: true}\n  - batchnorm: {}\n  - sign: {}\n"
    "  - dense: {out: classes, binary: true}\n  - batchnorm: {scale: true, bias: true, gamma: 3}\n";

/* Windows that the edge cuts: 7 x 7 to 4 x 4 behind codes, 5 x 5 by 3 x 3 behind bits. */
static const char odd_net[] =
    "name: odd\nlayers:\n"
    "  - conv: {out: 8, kernel: 6, pool: 2, pool_ceil: true, binary: true}\n"
    "  - batchnorm: {scale: true, bias: true}\n  - sign: {}\n"
    "  - conv: {out: 12, kernel: 4, pad: 2, pool: 3, pool_ceil: true, binary: true}\n"
    "  - batchnorm: {scale: true, bias: true}\n  - sign: {}\n"
    "  - dense: {out: classes, binary: true}\n  - batchnorm: {scale: true, bias: true, gamma: 3}\n";

/* Shortcuts: plain, over two convolutions, to fewer pixels and more channels, into one another; 12 x 12, 6 x 6, 2 x 2.
 */
#define RESIDUAL_BLOCKS                                                                                                \
    "  - batchnorm: {scale: true, bias: true}\n  - htanh: {}\n"                                                        \
    "  - residual:\n      layers:\n        - sign: {}\n        - conv: {out: 8, kernel: 3, pad: 1, binary: true}\n"    \
    "        - batchnorm: {scale: true, bias: true}\n  - rprelu: {}\n"                                                 \
    "  - residual:\n      layers:\n        - sign: {}\n        - conv: {out: 9, kernel: 3, pad: 1, binary: true}\n"    \
    "        - batchnorm: {scale: true, bias: true}\n        - htanh: {}\n        - sign: {}\n"                        \
    "        - conv: {out: 11, kernel: 3, pad: 1, stride: 2, binary: true}\n"                                          \
    "        - batchnorm: {scale: true, bias: true}\n"                                                                 \
    "        - residual:\n            layers:\n              - sign: {}\n"                                             \
    "              - conv: {out: 11, kernel: 1, binary: true}\n              - batchnorm: {}\n  - htanh: {}\n"         \
    "  - pool: {kernel: 3, mode: average}\n"
static const char residual_net[] =
    "name: residual\nlayers:\n  - conv: {out: 8, kernel: 3, pad: 1, binary: true}\n" RESIDUAL_BLOCKS
    "  - sign: {}\n  - dense: {out: classes, binary: true}\n  - batchnorm: {scale: true, bias: true, gamma: 3}\n";
/* First and last layer float. */
static const char float_ends_net[] = "name: ends\nlayers:\n  - conv: {out: 8, kernel: 3, pad: 1}\n" RESIDUAL_BLOCKS
                                     "  - dense: {out: classes}\n  - batchnorm: {scale: true, bias: true, gamma: 3}\n";

/* Activations of several bits. */
static const char levels_net[] =
    "name: levels\nlayers:\n"
    "  - conv: {out: 8, kernel: 3, pad: 1, pool: 2, binary: true}\n  - batchnorm: {scale: true, bias: true}\n"
    "  - pact: {bits: 8}\n"
    "  - conv: {out: 12, kernel: 3, pad: 1, pool: 2, binary: true}\n  - batchnorm: {scale: true, bias: true}\n"
    "  - pact: {bits: 2}\n"
    "  - dense: {out: 20, binary: true}\n  - batchnorm: {}\n  - pact: {}\n"
    "  - dense: {out: classes, binary: true}\n  - batchnorm: {scale: true, bias: true, gamma: 3}\n";

static const struct toy_run runs[] = {
    {.out = "vi", .settings = "method.name=scale_vi train.epochs=2"},
    {.out = "drop", .settings = "method.p=0.3 train.epochs=2"},
    {.out = "element", .settings = "method.mask=element method.p=0.2 train.epochs=1"},
    {.out = "point", .settings = "method.name=point train.epochs=1"},
    {.out = "conv", .settings = "net.name=./conv.yaml method.p=0.2 train.epochs=1"},
    {.out = "conv_vi", .settings = "net.name=./conv.yaml method.name=scale_vi method.samples=3 train.epochs=1"},
    {.out = "odd", .settings = "net.name=./odd.yaml method.p=0.2 train.epochs=1"},
    {.out = "residual", .settings = "net.name=./residual.yaml method.p=0.2 train.epochs=1"},
    {.out = "residual_vi", .settings = "net.name=./residual.yaml method.name=scale_vi method.samples=2 train.epochs=1"},
    {.out = "residual_element", .settings = "net.name=./residual.yaml method.mask=element method.p=0.2 train.epochs=1"},
    {.out = "levels", .settings = "net.name=./levels.yaml method.p=0.2 train.epochs=1"},
    {.out = "levels_element", .settings = "net.name=./levels.yaml method.mask=element method.p=0.2 train.epochs=1"},
    {.out = "ends", .settings = "net.name=./ends.yaml method.p=0.2 train.epochs=1"}};
enum { RUNS = sizeof runs / sizeof *runs };

struct both {
    sps_model *model;
    sps_packed *packed;
};

static struct both open_both(const char *run)
{
    struct both b = {0};
    OK(sps_model_open(&b.model, run));
    OK(sps_model_pack(&b.packed, b.model));
    return b;
}

static void close_both(struct both *b)
{
    sps_packed_close(b->packed);
    sps_model_close(b->model);
}

/* Floats are added up in another order than oneDNN's: what is close to 0 may get another sign then, which the rest of
 * the pass follows.  It is rare. */
static void nearly_same_answers(const struct answer *a, const struct answer *b)
{
    size_t apart = 0, count = a->passes * a->images;
    for (size_t i = 0; i < count; i++) {
        double most = 0;
        for (size_t c = 0; c < a->classes; c++)
            most = fmax(most, fabs((double)a->logits[i * a->classes + c] - (double)b->logits[i * a->classes + c]));
        apart += most > 1e-5;
    }
    assert_true(apart * 100 <= count);
    assert_memory_equal(a->picks, b->picks, count * a->picks_row);
}

static void engine_is_graph(void **state)
{
    (void)state;
    for (size_t k = 0; k < RUNS; k++) {
        struct both b = open_both(runs[k].out);
        const struct sps_predictor graph = sps_model_predictor(b.model);
        for (int reading = SPS_SAMPLED; reading <= SPS_POINT; reading++)
            for (int shared = 0; shared < 2; shared++) {
                const struct sps_predict_options options = {(enum sps_reading)reading,
                                                            9,
                                                            7,
                                                            shared,
                                                            1,
                                                            NULL,
                                                            (double[]){0, 1, 0.7, 3}[(size_t)shared + 2 * (k % 2)]};
                size_t passes;
                if (sps_predict_passes(graph.info, &options, &passes) != SPS_OK) {
                    assert_true(reading == SPS_EXACT && strstr(runs[k].out, "element") != NULL);
                    continue;
                }
                struct answer a = answer_room(graph.info, &options, IMAGES);
                answer_ask(&a, &graph, &options, images, index_of, IMAGES);
                struct answer e =
                    ask(b.packed, &(struct sps_session_options){.threads = 2}, &options, IMAGES, images, index_of, 64);
                (strcmp(runs[k].out, "ends") == 0 ? nearly_same_answers : same_answers)(&a, &e);
                answer_free(&a);
                answer_free(&e);
            }
        close_both(&b);
    }
}

/* Dropped bits: the graph draws what the packed model's noise sources draw, though it has no picks for it. */
static void dropped_bits_are_those_of_the_graph(void **state)
{
    (void)state;
    static const struct toy_run neurons = {.out = "neurons",
                                           .settings = "net.name=./conv.yaml method.name=mc_dropout method.p=0.2 "
                                                       "method.unit=neuron train.epochs=1"},
                                maps = {.out = "maps",
                                        .settings = "net.name=./residual.yaml method.name=mc_dropout method.p=0.3 "
                                                    "method.unit=map train.epochs=1"};
    static const struct toy_run *const dropping[] = {&neurons, &maps};
    struct sps_train_result result;
    for (size_t k = 0; k < 2; k++) {
        OK(toy_train(&result, dropping[k]));
        struct both b = open_both(dropping[k]->out);
        assert_true(sps_packed_get_info(b.packed)->picks > 100 - 90 * (int)k);
        const struct sps_predictor graph = sps_model_predictor(b.model);
        for (int shared = 0; shared < 3; shared++) {
            const struct sps_predict_options options = {
                .reading = shared < 2 ? SPS_SAMPLED : SPS_POINT, .seed = 9, .samples = 5, .shared_paths = shared};
            struct answer a = answer_room(graph.info, &options, IMAGES);
            answer_ask(&a, &graph, &options, images, index_of, IMAGES);
            struct answer e =
                ask(b.packed, &(struct sps_session_options){.threads = 2}, &options, IMAGES, images, index_of, 64);
            assert_int_equal(a.passes, e.passes);
            assert_memory_equal(a.logits, e.logits, a.passes * IMAGES * a.classes * sizeof *a.logits);
            answer_free(&a);
            answer_free(&e);
        }
        close_both(&b);
    }
}

static void info_is_kept(void **state)
{
    (void)state;
    for (size_t k = 0; k < RUNS; k++) {
        struct both b = open_both(runs[k].out);
        const struct sps_model_info *m = sps_model_get_info(b.model), *p = sps_packed_get_info(b.packed);
        assert_string_equal(p->net, m->net);
        assert_string_equal(p->method, m->method);
        assert_string_equal(p->data, m->data);
        assert_string_equal(p->provenance, m->provenance);
        const int of_model[] = {m->height, m->width, m->channels, m->classes, m->bank_layers, m->picks},
                  of_packed[] = {p->height, p->width, p->channels, p->classes, p->bank_layers, p->picks};
        assert_memory_equal(of_model, of_packed, sizeof of_model);
        assert_memory_equal(m->bank_sizes, p->bank_sizes, (size_t)m->bank_layers * sizeof *m->bank_sizes);
        assert_int_equal(p->weights, m->weights);
        assert_int_equal(p->float_weights, m->float_weights);
        assert_int_equal(p->macs, m->macs);
        assert_true(p->paths == m->paths);
        assert_true(p->validation_accuracy == m->validation_accuracy);
        assert_string_equal(p->data_sha256, m->data_sha256);
        assert_true(p->temperature == 1 && m->temperature == 1); /* packing calibrates nothing */
        assert_null(sps_packed_calibration(b.packed));
        for (int c = -1; c < 258; c++)
            assert_true(sps_model_class_name(b.model, c) == NULL && sps_packed_class_name(b.packed, c) == NULL);
        close_both(&b);
    }
}

static void flips_are_those_of_the_graph(void **state)
{
    (void)state;
    for (size_t k = 0; k < RUNS; k++) {
        struct both b = open_both(runs[k].out);
        double graph[8], engine[8];
        sps_session *session = NULL;
        OK(sps_session_create(&session, b.packed, &(struct sps_session_options){.threads = 2}));
        OK(sps_model_flips(graph, b.model, 20, images, index_of, 3));
        OK(sps_session_flips(engine, session, 20, images, index_of, 3));
        int layers = sps_packed_get_info(b.packed)->bank_layers;
        for (int i = 0; i < layers; i++) {
            if (isnan(graph[i]))
                assert_true(isnan(engine[i]));
            else
                NEAR(engine[i], graph[i], 1e-12); /* another order of sums in double */
        }
        sps_session_free(session);
        close_both(&b);
    }
}

/* The NLLs of the images have the metric as their mean. */
static void nlls_make_the_metric(const struct sps_evaluation *e)
{
    double sum = 0, nll;
    for (size_t i = 0; i < e->n; i++)
        sum += e->nll[i];
    OK(sps_metrics_value(e->metrics, "nll", &nll));
    NEAR(sum / (double)e->n, nll, 1e-12 + 1e-12 * nll);
}

static void evaluations_are_equal(void **state)
{
    (void)state;
    struct both b = open_both("drop");
    sps_session *session = NULL;
    OK(sps_session_create(&session, b.packed, NULL));
    const struct sps_predictor predictors[2] = {sps_model_predictor(b.model), sps_session_predictor(session)};
    const struct sps_images all = sps_dataset_images(set);
    const struct sps_predict_options options = {SPS_SAMPLED, 2, 5, 0, 1, NULL, 0};
    double nll[2], accuracy[2];
    for (int k = 0; k < 2; k++) {
        struct sps_evaluation e = {0};
        OK(sps_evaluate(&e, &predictors[k], &all, &options, NULL, 0.95, k ? "b.npy" : "a.npy", NULL, NULL));
        OK(sps_metrics_value(e.metrics, "nll", &nll[k]));
        OK(sps_metrics_value(e.metrics, "accuracy", &accuracy[k]));
        NEAR(e.mean_passes, 5, 1e-12);
        nlls_make_the_metric(&e);
        sps_evaluation_reset(&e);
    }
    NEAR(nll[0], nll[1], 0);
    NEAR(accuracy[0], accuracy[1], 0);
    size_t na, nb;
    char *x = toy_load(&na, ".", "a.npy"), *y = toy_load(&nb, ".", "b.npy");
    assert_int_equal(na, nb);
    assert_memory_equal(x, y, na);
    sps_free(x);
    sps_free(y);
    /* Early: fewer passes, the same classes for nearly all; no dump of passes that are not there. */
    const struct sps_settle settle = {0.95, 0, SPS_ACCEPT_RULE_DEFAULT};
    struct sps_predict_options some = options;
    some.samples = 40;
    some.settle = &settle;
    struct sps_evaluation e = {0};
    OK(sps_evaluate(&e, &predictors[1], &all, &some, NULL, 0.95, NULL, NULL, NULL));
    assert_true(e.mean_passes >= 1 && e.mean_passes < 40);
    assert_int_equal(e.passes, 40);
    nlls_make_the_metric(&e);
    sps_evaluation_reset(&e);
    const struct sps_predict_options exact = {.reading = SPS_EXACT, .seed = 2, .threads = 1};
    OK(sps_evaluate(&e, &predictors[1], &all, &exact, NULL, 0.95, NULL, NULL, NULL));
    nlls_make_the_metric(&e);
    sps_evaluation_reset(&e);
    FAILS(sps_evaluate(&e, &predictors[1], &all, &some, NULL, 0.95, "c.npy", NULL, NULL), EINVAL, "cannot end early");
    FAILS(sps_evaluate(&e, &predictors[0], &all, &some, NULL, 0.95, NULL, NULL, NULL), EUNSUPPORTED, "");
    sps_session_free(session);
    close_both(&b);
}

/* What is packed, written and read again is the same. */
static void files_say_the_same(void **state)
{
    (void)state;
    for (size_t k = 0; k < RUNS; k++) {
        struct both b = open_both(runs[k].out);
        sps_packed *again = NULL;
        OK(sps_packed_write(b.packed, "a.packed"));
        assert_true(sps_packed_is("a.packed"));
        OK(sps_packed_open(&again, "a.packed"));
        OK(sps_packed_write(again, "b.packed"));
        size_t na, nb;
        char *x = toy_load(&na, ".", "a.packed"), *y = toy_load(&nb, ".", "b.packed");
        assert_int_equal(na, nb);
        assert_memory_equal(x, y, na);
        sps_free(x);
        sps_free(y);
        const struct sps_predict_options options = {.samples = 4, .seed = 2};
        struct answer a = ask(b.packed, NULL, &options, 9, images, index_of, 9),
                      c = ask(again, NULL, &options, 9, images, index_of, 2);
        same_answers(&a, &c);
        answer_free(&a);
        answer_free(&c);
        sps_packed_close(again);
        close_both(&b);
    }
}

static void what_cannot_be_packed(void **state)
{
    (void)state;
    struct sps_train_result result;
    sps_model *model = NULL;
    sps_packed *packed = NULL;
    static const struct toy_run dropout = {.out = "dropout",
                                           .settings = "net.name=./dropout.yaml train.epochs=1 method.name=point"};
    static const char net[] =
        "name: dropout\nlayers:\n  - dense: {out: 8, binary: true}\n  - batchnorm: {}\n  - relu: {}\n"
        "  - dropout: {p: 0.2}\n  - dense: {out: classes}\n";
    toy_save(".", "dropout.yaml", net, sizeof net - 1);
    OK(toy_train(&result, &dropout));
    OK(sps_model_open(&model, "dropout"));
    FAILS(sps_model_pack(&packed, model), EUNSUPPORTED,
          "layer 3 (dropout) cannot be packed: it drops reals; packed models drop bits");
    sps_model_close(model);
    assert_null(packed);
}

static void lack_of_memory(void **state)
{
    (void)state;
    sps_model *model = NULL;
    sps_packed *packed = NULL;
    OK(sps_model_open(&model, "conv"));
    long n = 0;
    for (;; n++) {
        long live = sps_memory_live();
        sps_memory_fail_at(n);
        sps_status status = sps_model_pack(&packed, model);
        sps_memory_fail_at(-1);
        if (status == SPS_OK)
            break;
        assert_int_equal(status, SPS_ENOMEM);
        assert_int_equal(sps_memory_live(), live);
    }
    assert_true(n > 20);
    for (n = 0;; n++) {
        long live = sps_memory_live();
        sps_memory_fail_at(n);
        sps_status status = sps_packed_write(packed, "m.packed");
        sps_memory_fail_at(-1);
        assert_int_equal(sps_memory_live(), live);
        if (status == SPS_OK)
            break;
        assert_int_equal(status, SPS_ENOMEM);
        assert_int_equal(access("m.packed", F_OK), -1);
    }
    assert_true(n > 3);
    sps_packed_close(packed);
    sps_model_close(model);
    for (n = 0;; n++) {
        long live = sps_memory_live();
        sps_memory_fail_at(n);
        sps_status status = sps_packed_open(&packed, "m.packed");
        sps_memory_fail_at(-1);
        if (status == SPS_OK)
            break;
        assert_int_equal(status, SPS_ENOMEM);
        assert_int_equal(sps_memory_live(), live);
    }
    assert_true(n > 8);
    sps_packed_close(packed);
}

static int enter(void **state)
{
    (void)state;
    struct sps_train_result result;
    toy_enter("t_pack.d");
    toy_save(".", "conv.yaml", conv_net, sizeof conv_net - 1);
    toy_save(".", "odd.yaml", odd_net, sizeof odd_net - 1);
    toy_save(".", "residual.yaml", residual_net, sizeof residual_net - 1);
    toy_save(".", "levels.yaml", levels_net, sizeof levels_net - 1);
    toy_save(".", "ends.yaml", float_ends_net, sizeof float_ends_net - 1);
    for (size_t i = 0; i < RUNS; i++)
        OK(toy_train(&result, &runs[i]));
    OK(sps_dataset_open(&set, "./toy", SPS_TEST, NULL));
    for (uint32_t i = 0; i < IMAGES; i++) {
        images[i] = sps_dataset_image(set, i);
        index_of[i] = 3 * i + 1;
    }
    return 0;
}

static int leave(void **state)
{
    (void)state;
    sps_dataset_free(set);
    int bad = chdir("..");
    toy_remove("t_pack.d");
    return bad;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(engine_is_graph),       TEST(dropped_bits_are_those_of_the_graph),
        TEST(info_is_kept),          TEST(flips_are_those_of_the_graph),
        TEST(evaluations_are_equal), TEST(files_say_the_same),
        TEST(what_cannot_be_packed), TEST(lack_of_memory),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
