/* SPDX-License-Identifier: MIT */
/* Passes that end early.  All paths: class and verdict are those of all of them, always.  Sampled paths: wrong no more
 * often than was said. */
#include "core/softmax.h"
#include "engine/settle.h"

#include "chain.h"

enum { IMAGES = 5, CLASSES_MAX = 6, PASSES_MAX = 2500 };

static const struct sps_accept_rule rules[] = {{0.1, 0.95}, {0.1, 0.6}, {0.5, 0.5}, {0, 0.3},
                                               {1, 0.9},    {0.3, 0},   {0.9, 1}};
enum { RULES = sizeof rules / sizeof *rules };

/* ---- probabilities by chance ---- */

static double exponential(struct sps_random *r)
{
    return -log(1 - (double)sps_random_uniform(r));
}

/* Dirichlet with whole parameters: each is a sum of so many exponentials, so the mean is alpha / sum. */
static void draw_dirichlet(float *p, struct sps_random *r, const int *alpha, int classes)
{
    double x[CLASSES_MAX], total = 0;
    for (int c = 0; c < classes; c++) {
        x[c] = 0;
        for (int i = 0; i < alpha[c]; i++)
            x[c] += exponential(r);
        total += x[c];
    }
    for (int c = 0; c < classes; c++)
        p[c] = (float)(x[c] / total);
}

static struct sps_summary summarise(const float *p, const double *weights, size_t passes, int classes,
                                    const struct sps_accept_rule *rule)
{
    struct sps_summary s;
    OK(sps_summarise(&s, NULL, p, (size_t)classes, weights, passes, classes, 0.95, rule));
    return s;
}

/* ---- all paths ---- */

struct table {
    size_t paths;
    int classes;
    float p[64 * CLASSES_MAX];
    double weights[64]; /* falling */
};

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static struct table random_table(struct sps_random *r)
{
    static const int sure[CLASSES_MAX] = {60, 2, 1, 1, 1, 1}, unsure[CLASSES_MAX] = {2, 2, 2, 1, 1, 1};
    struct table t = {.paths = 1 + sps_random_below(r, 64), .classes = 2 + (int)sps_random_below(r, CLASSES_MAX - 1)};
    const int *alpha = sps_random_below(r, 2) ? sure : unsure;
    int even = sps_random_below(r, 3) == 0, exact = sps_random_below(r, 4) == 0;
    double total = 0;
    for (size_t i = 0; i < t.paths; i++) {
        float *p = t.p + i * (size_t)t.classes;
        draw_dirichlet(p, r, alpha, t.classes);
        if (exact) /* ties: 0 or 1 */
            for (int c = 0; c < t.classes; c++)
                p[c] = (float)(c == (int)(i % 2));
        total += t.weights[i] = even ? 1 : exponential(r) * exponential(r);
    }
    for (size_t i = 0; i < t.paths; i++)
        t.weights[i] /= total;
    qsort(t.weights, t.paths, sizeof *t.weights, falling);
    return t;
}

/* Passes that are asked for. */
static size_t passes_of(const struct table *t, const struct sps_settle *rule)
{
    struct sps_settling s;
    double memory[3 * CLASSES_MAX + CLASSES_MAX * CLASSES_MAX];
    assert_true(sps_settling_size(t->classes) <= sizeof memory);
    sps_settling_start(&s, rule, t->classes, 1, memory);
    for (size_t i = 0; i < t->paths; i++)
        if (sps_settling_add(&s, t->p + i * (size_t)t->classes, t->weights[i]))
            return i + 1;
    return t->paths;
}

static void all_paths_are_certain(void **state)
{
    (void)state;
    struct sps_random r = test_random(1);
    size_t used = 0, whole = 0, verdicts = 0;
    for (int i = 0; i < 4000; i++) {
        struct table t = random_table(&r);
        struct sps_settle rule = {0.5, i % 2, rules[i / 2 % RULES]};
        size_t needed = passes_of(&t, &rule);
        struct sps_summary all = summarise(t.p, t.weights, t.paths, t.classes, &rule.accept),
                           some = summarise(t.p, t.weights, needed, t.classes, &rule.accept);
        if (all.predicted != some.predicted || (rule.verdict && all.accepted != some.accepted))
            fail_msg("table %d: class %d and verdict %d after %zu of %zu paths, then %d and %d", i, some.predicted,
                     some.accepted, needed, t.paths, all.predicted, all.accepted);
        assert_true(needed >= 1 && needed <= t.paths);
        used += needed;
        whole += t.paths;
        verdicts += (size_t)all.accepted;
    }
    assert_true(used < whole * 3 / 4); /* else it is no saving */
    assert_true(verdicts > 400 && verdicts < 3600);
}

/* By hand: weights 0.4, 0.3, 0.2, 0.1; the leader has 0.4, then 0.7, and 0.3 cannot catch up. */
static void certain_as_early_as_can_be(void **state)
{
    (void)state;
    struct table t = {4, 2, {1, 0, 1, 0, 0, 1, 0, 1}, {0.4, 0.3, 0.2, 0.1}};
    struct sps_settle rule = {0.5, 0, {0.1, 0.95}};
    assert_int_equal(passes_of(&t, &rule), 2);
    /* Verdict: class 0 has 0.3 of its mass to come, more than 0.1, so it might be rejected; after the third path 0.2 is
     * below, and class 1 has 0.7 below. */
    rule.verdict = 1;
    assert_int_equal(passes_of(&t, &rule), 3);
    /* Half of the mass each: only all paths tell, and the first of equals is the class. */
    t = (struct table){2, 2, {0, 1, 1, 0}, {0.5, 0.5}};
    rule.verdict = 0;
    assert_int_equal(passes_of(&t, &rule), 2);
}

/* ---- sampled paths ---- */

struct outcome {
    size_t used;
    int settled;
    struct sps_summary summary;
};

typedef void draw(float *p, struct sps_random *r, const void *how);

static struct outcome sample(struct sps_random *r, const struct sps_settle *rule, int classes, size_t most, draw *next,
                             const void *how)
{
    static float p[PASSES_MAX * CLASSES_MAX];
    double memory[3 * CLASSES_MAX + CLASSES_MAX * CLASSES_MAX];
    struct sps_settling s;
    struct outcome o = {0};
    sps_settling_start(&s, rule, classes, 0, memory);
    while (o.used < most && !o.settled) {
        float *at = p + o.used++ * (size_t)classes;
        next(at, r, how);
        o.settled = sps_settling_add(&s, at, 1);
    }
    o.summary = summarise(p, NULL, o.used, classes, &rule->accept);
    return o;
}

struct dirichlet {
    int classes, alpha[CLASSES_MAX];
};

static void next_dirichlet(float *p, struct sps_random *r, const void *how)
{
    const struct dirichlet *d = how;
    draw_dirichlet(p, r, d->alpha, d->classes);
}

/* So many of n may be wrong where each is with probability delta: the mean and four standard deviations (1 in 30,000).
 * Ville's inequality is an upper bound, and the union over classes another, so far fewer are expected. */
static int at_most(int n, double delta)
{
    return (int)(n * delta + 4 * sqrt(n * delta * (1 - delta)));
}

static void sampled_classes_are_seldom_wrong(void **state)
{
    (void)state;
    enum { RUNS = 1500 };
    static const struct dirichlet easy = {3, {9, 2, 1}}, near = {3, {5, 4, 1}}, rare = {4, {3, 2, 2, 2}};
    static const struct dirichlet *const kinds[] = {&easy, &near, &rare};
    struct sps_random r = test_random(2);
    const struct sps_settle rule = {0.9, 0, SPS_ACCEPT_RULE_DEFAULT};
    for (int k = 0; k < 3; k++) {
        int wrong = 0, settled = 0;
        size_t used = 0;
        for (int i = 0; i < RUNS; i++) {
            struct outcome o = sample(&r, &rule, kinds[k]->classes, 300, next_dirichlet, kinds[k]);
            settled += o.settled;
            wrong += o.settled && o.summary.predicted != 0;
            used += o.used;
        }
        assert_true(wrong <= at_most(RUNS, 0.1));
        if (k == 0)
            assert_true(settled == RUNS && used < RUNS * 20);
        assert_true(settled > RUNS / 20);
    }
}

/* Two classes with the same mean: infinitely many passes give the first of them, so the second is named no more often
 * than 1 - confidence.  This is as near to being wrong as can be; passes that are 0 or 1 move the capital most. */
static void next_coin(float *p, struct sps_random *r, const void *how)
{
    const int *even = how;
    int heads = (int)sps_random_below(r, 2);
    p[0] = *even ? (float)heads : heads ? 0.9f : 0.1f;
    p[1] = *even ? (float)!heads : heads ? 0.1f : 0.9f;
}

static void the_second_of_equals_is_seldom_named(void **state)
{
    (void)state;
    enum { RUNS = 1500 };
    static const struct dirichlet tie = {3, {3, 3, 1}};
    static const double confidences[] = {0.5, 0.9, 0.99};
    struct sps_random r = test_random(3);
    int most = 0;
    for (int k = 0; k < 3; k++)
        for (int kind = 0; kind < 3; kind++) {
            const struct sps_settle rule = {confidences[k], 0, SPS_ACCEPT_RULE_DEFAULT};
            int wrong = 0;
            for (int i = 0; i < RUNS; i++) {
                struct outcome o = kind == 0 ? sample(&r, &rule, 3, 200, next_dirichlet, &tie)
                                             : sample(&r, &rule, 2, 400, next_coin, &(int){kind == 1});
                wrong += o.settled && o.summary.predicted == 1;
            }
            assert_true(wrong <= at_most(RUNS, 1 - confidences[k]));
            most = wrong > most ? wrong : most;
        }
    assert_true(most > RUNS / 20); /* a test that never ends would pass the above */
}

/* Passes are sure, or with probability `share` not: below the threshold in all classes. */
static void next_unsure(float *p, struct sps_random *r, const void *how)
{
    const double *share = how;
    int unsure = (double)sps_random_uniform(r) < *share;
    p[0] = unsure ? 0.6f : 0.98f;
    p[1] = 1 - p[0];
}

static void sampled_verdicts_are_seldom_wrong(void **state)
{
    (void)state;
    enum { RUNS = 400 };
    struct sps_random r = test_random(4);
    static const struct {
        double share, quantile;
        int accepted, most, settles; /* settles: all runs do, long before the end */
    } cases[] = {{0, 0.1, 1, 400, 1},   {0.02, 0.1, 1, 1500, 0}, {0.09, 0.1, 1, 1500, 0}, {0.11, 0.1, 0, 1500, 0},
                 {0.9, 0.1, 0, 400, 1}, {0.45, 0.5, 1, 1500, 0}, {0.55, 0.5, 0, 1500, 0}, {1, 0.1, 0, 400, 1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const struct sps_settle rule = {0.9, 1, {cases[k].quantile, 0.95}};
        int wrong = 0, settled = 0;
        for (int i = 0; i < RUNS; i++) {
            struct outcome o = sample(&r, &rule, 2, (size_t)cases[k].most, next_unsure, &cases[k].share);
            settled += o.settled;
            wrong += o.settled && (o.summary.predicted != 0 || o.summary.accepted != cases[k].accepted);
        }
        if (wrong > at_most(RUNS, 0.1))
            fail_msg("case %zu: %d of %d are wrong", k, wrong, settled);
        if (cases[k].settles && settled != RUNS)
            fail_msg("case %zu: %d of %d settled", k, settled, RUNS);
    }
}

/* Higher confidence never ends sooner, and a verdict beside the class costs passes. */
static void more_is_asked_more_is_made(void **state)
{
    (void)state;
    static const struct dirichlet d = {3, {9, 4, 1}};
    for (uint32_t i = 0; i < 100; i++) {
        size_t before = 0;
        static const double confidences[] = {0.1, 0.5, 0.9, 0.99, 0.9999, 0.99999999};
        for (int k = 0; k < 6; k++) {
            struct sps_random r = test_random(100 + i), again = r;
            struct sps_settle rule = {confidences[k], 0, {0.5, 0.5}};
            struct outcome o = sample(&r, &rule, 3, 2000, next_dirichlet, &d);
            assert_true(o.used >= before);
            before = o.used;
            rule.verdict = 1;
            assert_true(sample(&again, &rule, 3, 2000, next_dirichlet, &d).used >= o.used);
        }
    }
}

/* Passes without end: capital neither overflows nor becomes NaN. */
static void many_passes(void **state)
{
    (void)state;
    double memory[3 * CLASSES_MAX + CLASSES_MAX * CLASSES_MAX];
    static const float p[2] = {1, 0}, q[2] = {0, 1};
    for (int k = 0; k < 4; k++) {
        static const double quantiles[] = {0, 0.1, 0.5, 1};
        const struct sps_settle rule = {1 - 0x1p-53, 1, {quantiles[k], 1}};
        struct sps_settling s;
        int settled = 0;
        sps_settling_start(&s, &rule, 2, 0, memory);
        for (int i = 0; i < 20000; i++)
            settled = sps_settling_add(&s, p, 1);
        assert_true(settled || k == 0 || k == 3); /* the smallest and the largest of infinitely many are never known */
        for (int i = 0; i < 20000; i++)
            sps_settling_add(&s, q, 1);
        for (int i = 0; i < 10; i++)
            assert_true(isfinite(memory[i]) && memory[i] >= 0);
    }
}

/* ---- sessions ---- */

static void sessions_stop_where_settled(void **state)
{
    (void)state;
    uint64_t saved = 0;
    for (uint32_t seed = 1; seed < 40; seed++) {
        struct sps_packed *m = random_chain(seed, 0, 1);
        const struct sps_model_calibration calibration = {.temperature = 0.5 + seed % 5, .images = 1, .samples = 1};
        if (seed % 3 == 0) /* stops by the probabilities that it gives */
            OK(sps_packed_calibrate(m, &calibration));
        size_t size = sps_value_size(&m->input), paths = 0;
        uint8_t *pixels = ROOM(uint8_t, IMAGES * size);
        const uint8_t *images[IMAGES];
        fill_pixels(pixels, IMAGES * size, seed);
        for (size_t i = 0; i < IMAGES; i++)
            images[i] = pixels + i * size;
        const struct sps_settle rule = {0.9, (int)seed % 2, rules[seed / 2 % RULES]};
        for (int exact = 0; exact < 2; exact++) {
            struct sps_predict_options all = {.reading = exact ? SPS_EXACT : SPS_SAMPLED, .samples = 60, .seed = seed};
            if (sps_predict_passes(&m->info, &all, &paths) != SPS_OK || paths > 200)
                continue;
            struct sps_predict_options some = all;
            some.settle = &rule;
            struct answer a = ask(m, &(struct sps_session_options){.threads = 1}, &all, IMAGES, images, identity, 5),
                          b[3];
            for (int k = 0; k < 3; k++)
                b[k] = ask(m, &(struct sps_session_options){k + 1, k == 1, 0, 0}, &some, IMAGES, images, identity,
                           k == 2 ? 1 : 5);
            for (size_t i = 0; i < IMAGES; i++) {
                size_t used = b[0].used[i];
                assert_true(used >= 1 && used <= paths);
                saved += paths - used;
                for (int k = 1; k < 3; k++) {
                    assert_int_equal(b[k].used[i], used);
                    for (size_t t = 0; t < used; t++)
                        assert_memory_equal(b[k].p + (t * IMAGES + i) * a.classes,
                                            b[0].p + (t * IMAGES + i) * a.classes, a.classes * sizeof *a.p);
                }
                /* The passes were judged by the probabilities that are given, at the model's temperature. */
                struct sps_settling again;
                size_t needed = 0;
                void *memory = ROOM(char, sps_settling_size((int)a.classes));
                sps_settling_start(&again, &rule, (int)a.classes, exact, memory);
                for (size_t t = 0; t < used; t++) {
                    size_t at = (t * IMAGES + i) * a.classes;
                    float p[256];
                    sps_softmax(p, b[0].logits + at, (int)a.classes, m->info.temperature);
                    assert_memory_equal(p, b[0].p + at, a.classes * sizeof *p);
                    if (sps_settling_add(&again, p, exact ? b[0].weights[t] : 1 / (double)paths) && needed == 0)
                        needed = t + 1;
                }
                assert_int_equal(used, needed > 0 ? needed : paths);
                sps_free(memory);
                /* The first so many of the passes; all paths come in another order, and are all there. */
                for (size_t t = 0; t < used && !exact; t++)
                    assert_memory_equal(b[0].p + (t * IMAGES + i) * a.classes, a.p + (t * IMAGES + i) * a.classes,
                                        a.classes * sizeof *a.p);
                struct sps_summary whole, part;
                OK(sps_summarise(&whole, NULL, a.p + i * a.classes, IMAGES * a.classes, exact ? a.weights : NULL, paths,
                                 (int)a.classes, 0.95, &rule.accept));
                OK(sps_summarise(&part, NULL, b[0].p + i * a.classes, IMAGES * a.classes, exact ? b[0].weights : NULL,
                                 used, (int)a.classes, 0.95, &rule.accept));
                if (exact) {
                    assert_int_equal(part.predicted, whole.predicted);
                    assert_true(!rule.verdict || part.accepted == whole.accepted);
                }
            }
            for (size_t t = 1; t < paths && exact; t++)
                assert_true(b[0].weights[t] <= b[0].weights[t - 1]);
            double total = 0;
            for (size_t t = 0; t < paths; t++)
                total += b[0].weights[t];
            NEAR(total, 1, 1e-12);
            for (int k = 0; k < 3; k++)
                answer_free(&b[k]);
            answer_free(&a);
        }
        sps_free(pixels);
        sps_packed_close(m);
    }
    assert_true(saved > 500);
}

/* What was not made is counted, in sessions that are asked twice. */
static void saved_passes_are_counted(void **state)
{
    (void)state;
    struct chain b = chain_start(5, 4, 4, 1);
    chain_product(&b, 2, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 2, 0);
    struct sps_packed *m = chain_finish(&b);
    float *table = (float *)(uintptr_t)m->ops[1].affine;
    for (int i = 0; i < 24; i++) /* class 0 has 10 more than class 1, in both entries */
        table[i] = i / 2 % 6 == 5 ? (i % 2 ? -5 : 5) : 0;
    sps_session *session = NULL;
    OK(sps_session_create(&session, m, &(struct sps_session_options){.threads = 2}));
    const struct sps_predictor predictor = sps_session_predictor(session);
    const struct sps_settle rule = {0.9, 0, SPS_ACCEPT_RULE_DEFAULT};
    const struct sps_predict_options options = {.samples = 100, .settle = &rule};
    uint8_t pixels[16] = {0};
    const uint8_t *images[3] = {pixels, pixels, pixels};
    struct answer a = answer_room(&m->info, &options, 3);
    struct sps_session_work work;
    answer_ask(&a, &predictor, &options, images, identity, 3);
    answer_ask(&a, &predictor, &options, images, identity, 3);
    sps_session_get_work(&work, session);
    /* Passes that agree: log2(1 / 0.1) of them, at odds of 1.9 instead of 2. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(a.used[i], 4);
    assert_int_equal(work.skipped, 2 * 3 * 96);
    assert_int_equal(work.images, 6);
    answer_free(&a);
    sps_session_free(session);
    sps_packed_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_paths_are_certain),
        TEST(certain_as_early_as_can_be),
        TEST(sampled_classes_are_seldom_wrong),
        TEST(the_second_of_equals_is_seldom_named),
        TEST(sampled_verdicts_are_seldom_wrong),
        TEST(more_is_asked_more_is_made),
        TEST(many_passes),
        TEST(sessions_stop_where_settled),
        TEST(saved_passes_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
