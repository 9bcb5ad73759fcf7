/* SPDX-License-Identifier: MIT */
/* The engine against plain loops over integers, path by path and bit for bit, on packed models made by chance: whatever
 * is shared, updated, masked or spread over threads, the numbers stay those of separate passes. */
#include "engine/walk.h"

#include "pictures.h"
#include "core/softmax.h"

enum { WORK = 1000000 /* multiply-accumulates that a model may cost by hand */ };

/* Picks are those of core/path.h, logits those of plain loops, probabilities their softmax. */
static void check_by_hand(const struct answer *a, const struct sps_packed *m, const struct sps_predict_options *options,
                          const struct pictures *s)
{
    uint8_t *picks = ROOM(uint8_t, a->picks_row);
    double own = sps_packed_calibration(m) != NULL ? sps_packed_calibration(m)->temperature : 1;
    for (size_t t = 0; t < a->passes; t++)
        for (size_t i = 0; i < IMAGES; i++) {
            float logits[256], p[256];
            size_t at = t * IMAGES + i;
            if (options->reading == SPS_SAMPLED)
                sps_path_draw(picks, m->banks, m->noise_count, options->seed, options->shared_paths ? 0 : index_of[i],
                              (uint32_t)t);
            else if (options->reading == SPS_EXACT)
                NEAR(a->weights[t], sps_path_at(picks, m->banks, m->noise_count, t), 0);
            if (options->reading != SPS_POINT)
                assert_memory_equal(a->picks + at * a->picks_row, picks, a->picks_row);
            logits_by_hand(logits, m, s->at[i], options->reading == SPS_POINT ? NULL : picks);
            assert_memory_equal(a->logits + at * a->classes, logits, a->classes * sizeof *logits);
            sps_softmax(p, logits, (int)a->classes, options->temperature > 0 ? options->temperature : own);
            assert_memory_equal(a->p + at * a->classes, p, a->classes * sizeof *p);
        }
    for (size_t t = 0; t < a->passes && options->reading != SPS_EXACT; t++)
        NEAR(a->weights[t], 1.0 / (double)a->passes, 0);
    for (size_t i = 0; i < IMAGES; i++)
        assert_int_equal(a->used[i], a->passes);
    sps_free(picks);
}

static const struct {
    struct sps_session_options how;
    size_t batch;
} ways[] = {{{1, 1, 0, 0}, 1}, {{1, 0, 1, 0}, IMAGES}, {{2, 0, 0, 0}, 1}, {{3, 0, 0, 1}, IMAGES}, {{3, 1, 1, 0}, 2}};

static void check_reading(const struct sps_packed *m, const struct sps_predict_options *options,
                          const struct pictures *s)
{
    struct answer a = ask(m, &(struct sps_session_options){.threads = 1}, options, IMAGES, s->at, index_of, IMAGES);
    check_by_hand(&a, m, options, s);
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        struct answer b = ask(m, &ways[k].how, options, IMAGES, s->at, index_of, ways[k].batch);
        same_answers(&a, &b);
        answer_free(&b);
    }
    answer_free(&a);
}

static int point_is_possible(const struct sps_packed *m)
{
    for (int i = 0; i < m->op_count; i++)
        if (m->ops[i].kind != SPS_OP_binary_conv && m->ops[i].kind != SPS_OP_binary_dense && m->ops[i].noise >= 0 &&
            !m->ops[i].point)
            return 0;
    return 1;
}

static void check_model(struct sps_packed *m, uint32_t seed, uint32_t samples)
{
    struct pictures s = make_pictures(m, seed);
    for (int shared = 0; shared < 2; shared++)
        check_reading(m, &(struct sps_predict_options){SPS_SAMPLED, seed, samples, shared, 0, NULL, 0}, &s);
    struct sps_predict_options point = {.reading = SPS_POINT, .temperature = 2.5}, exact = {.reading = SPS_EXACT};
    size_t paths = 0;
    if (point_is_possible(m)) {
        check_reading(m, &point, &s);
    } else {
        sps_session *session = NULL;
        float p[256];
        OK(sps_session_create(&session, m, &(struct sps_session_options){.threads = 1}));
        const struct sps_predictor predictor = sps_session_predictor(session);
        FAILS(sps_predict(&predictor, &point, 1, s.at, NULL, &(struct sps_passes){.p = p}), EUNSUPPORTED,
              "no deterministic reading");
        sps_session_free(session);
    }
    if (sps_predict_passes(&m->info, &exact, &paths) == SPS_OK && paths * m->info.macs * IMAGES < WORK)
        check_reading(m, &exact, &s);
    sps_free(s.pixels);
}

static uint32_t affordable(const struct sps_packed *m)
{
    size_t samples = WORK / (IMAGES * 2 * m->info.macs + 1);
    return samples < 2 ? 2 : samples > 12 ? 12 : (uint32_t)samples;
}

static void random_models(uint32_t first, int count, int masks)
{
    for (uint32_t seed = first; seed < first + (uint32_t)count; seed++) {
        struct sps_packed *m = random_chain(seed, masks, (int)seed % 3);
        if (seed % 4 == 0) {
            const struct sps_model_calibration c = {.temperature = 0.4 + 0.3 * (seed % 9), .images = 1, .samples = 1};
            OK(sps_packed_calibrate(m, &c));
        }
        check_model(m, seed, affordable(m));
        sps_packed_close(m);
    }
}

static void banks_and_channels(void **state)
{
    (void)state;
    random_models(1, 30, 0);
}

static void dropped_inputs_and_weights(void **state)
{
    (void)state;
    random_models(1000, 30, 60);
}

static void shortcuts_and_floats(void **state)
{
    (void)state;
    for (uint32_t seed = 4000; seed < 4060; seed++) {
        struct sps_packed *m = random_residual(seed, seed % 3 == 0 ? 40 : 0, (int)seed % 2, 1);
        check_model(m, seed, affordable(m));
        sps_packed_close(m);
    }
}

/* p + sigma z within 0 .. 0.95 (or where it was), z one normal number a chip and source; what is dropped shares it as
 * before.  The engine reads these, and the declared ones again afterwards. */
static void chips_have_probabilities_of_their_own(void **state)
{
    (void)state;
    int cut = 0, moved = 0;
    for (uint32_t seed = 1; seed < 9; seed++) {
        struct sps_packed *m = random_chain(seed, 20, 0);
        for (uint32_t chip = 0; chip < 3; chip++) {
            OK(sps_packed_spread(m, 0.3, 77, chip));
            for (int i = 0; i < m->noise_count; i++) {
                const struct sps_noise *n = &m->noises[i];
                struct sps_random r = sps_random(77, SPS_FOR_CHIP_P, chip, 0, (uint32_t)n->stream);
                double p = 1 - n->probability[0], at = p + 0.3 * (double)sps_random_normal(&r), sum = 0;
                double expected = n->entries == 1 ? p : at < 0 ? 0 : at > 0.95 && at > p ? fmax(0.95, p) : at;
                cut += n->entries > 1 && at != expected, moved += expected != p;
                assert_true(fabs(1 - m->banks[i].probability[0] - expected) < 1e-12);
                for (int k = 0; k < n->entries; k++) {
                    sum += m->banks[i].probability[k];
                    if (k > 0 && p > 0)
                        assert_true(fabs(m->banks[i].probability[k] * p - n->probability[k] * expected) < 1e-12);
                }
                assert_true(fabs(sum - 1) < 1e-12);
            }
            check_model(m, seed, affordable(m));
        }
        OK(sps_packed_spread(m, 0, 77, 1));
        for (int i = 0; i < m->noise_count; i++)
            assert_ptr_equal(m->banks[i].probability, m->noises[i].probability);
        const double bad[] = {-0.1, 1.1, NAN};
        for (int i = 0; i < 3; i++)
            FAILS(sps_packed_spread(m, bad[i], 77, 1), EINVAL, "spread of p");
        sps_packed_close(m);
    }
    assert_true(cut > 3 && moved > 20);
}

/* ---- sums at the edge of 16 bits ---- */

/* 1 x 1 convolution of the image, then a dense layer that reads `inputs` bits in all. */
static struct sps_packed *edge_model(uint32_t seed, int h, int w, int c)
{
    struct chain b = chain_start(seed, h, w, 1);
    chain_product(&b, c, 1, 1, 0, CHAIN_NONE);
    chain_decide(&b, SPS_NOISE_bank, 2, 1);
    chain_product(&b, 5, 0, 0, 0, CHAIN_NONE);
    chain_decide(&b, SPS_NOISE_bank, 3, 1);
    struct sps_op *op = &b.m->ops[3];
    int32_t *t = chain_room(&b, 20, sizeof *t);
    for (int i = 0; i < 20; i++) /* never, always, and about half of the time */
        t[i] = i % 3 == 0 ? h * w * c + 1 : i % 3 == 1 ? -h * w * c : between(&b, -150, 150);
    op->threshold = t;
    chain_product(&b, 3, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    return chain_finish(&b);
}

static void sums_at_the_edge_of_16_bits(void **state)
{
    (void)state;
    static const int sizes[][3] = {{43, 127, 6}, {31, 151, 7}, {32, 32, 32}}; /* 32766, 32767 and 32768 */
    for (size_t i = 0; i < 3; i++) {
        struct sps_packed *m = edge_model(50 + (uint32_t)i, sizes[i][0], sizes[i][1], sizes[i][2]);
        struct sps_plan *plan = NULL;
        OK(sps_plan_create(&plan, m));
        assert_int_equal(plan->stages[1].wide, i > 0);
        sps_plan_free(plan);
        check_model(m, 50, 3);
        sps_packed_close(m);
    }
    /* The largest sum itself: inputs and weights are all 1. */
    struct sps_packed *m = edge_model(60, 43, 127, 6);
    memset((void *)(uintptr_t)m->ops[2].weight_bits, 0xff, 5 * 1024 * 4);
    for (int i = 0; i < 5; i++) /* row of 1023.9 words: its last two bits are zeros */
        ((uint32_t *)(uintptr_t)m->ops[2].weight_bits)[i * 1024 + 1023] = 0x3fffffff;
    for (int i = 0; i < 18; i++)
        ((int32_t *)(uintptr_t)m->ops[1].threshold)[i] = (int32_t)m->ops[0].result.low;
    for (int i = 0; i < 3; i++)
        ((uint32_t *)(uintptr_t)m->ops[1].flip)[i] = 0;
    check_model(m, 60, 2);
    sps_packed_close(m);
}

/* A convolution whose patch is too long for 16 bits; 3 x 3 sums are pooled to 2 x 2. */
static void wide_convolution(void **state)
{
    (void)state;
    for (int mask = CHAIN_NONE; mask <= SPS_NOISE_weight; mask += mask == CHAIN_NONE ? 3 : 2) {
        struct chain b = chain_start(70, 6, 6, 1);
        chain_product(&b, 1030, 1, 1, 0, CHAIN_NONE);
        chain_decide(&b, SPS_NOISE_bank, 2, 1);
        chain_product(&b, 3, 6, 1, 1, mask);
        chain_pool(&b, 2, 1);
        chain_score(&b, SPS_NOISE_bank, 2, 1);
        struct sps_packed *m = chain_finish(&b);
        check_model(m, 70, 2);
        sps_packed_close(m);
    }
}

/* ---- more passes than are walked at once ---- */

static void more_passes_than_a_block(void **state)
{
    (void)state;
    struct chain b = chain_start(80, 5, 5, 1);
    chain_product(&b, 9, 3, 1, 1, CHAIN_NONE);
    chain_decide(&b, SPS_NOISE_bank, 5, 1);
    chain_product(&b, 12, 0, 0, 0, SPS_NOISE_map);
    chain_decide(&b, SPS_NOISE_bank, 5, 1);
    chain_product(&b, 3, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 3, 1);
    struct sps_packed *m = chain_finish(&b);
    check_model(m, 80, 2 * SPS_BLOCK_PASSES + 9);
    sps_packed_close(m);
    /* Long rows of picks make shorter blocks. */
    b = chain_start(81, 10, 10, 1);
    chain_product(&b, 100, 0, 0, 0, SPS_NOISE_weight);
    chain_decide(&b, SPS_NOISE_bank, 2, 0);
    chain_product(&b, 60, 0, 0, 0, SPS_NOISE_weight);
    chain_decide(&b, SPS_NOISE_channel, 2, 0);
    chain_product(&b, 2, 0, 0, 0, SPS_NOISE_neuron);
    chain_score(&b, SPS_NOISE_bank, 2, 0);
    m = chain_finish(&b);
    assert_true(m->picks * 70 > 1 << 20); /* so that 70 passes do not fit into a block */
    struct pictures s = make_pictures(m, 81);
    const struct sps_predict_options options = {.samples = 70, .seed = 81};
    struct answer a = ask(m, &(struct sps_session_options){.threads = 1}, &options, IMAGES, s.at, index_of, IMAGES),
                  c = ask(m, &(struct sps_session_options){3, 1, 0, 0}, &options, IMAGES, s.at, index_of, 1);
    check_by_hand(&a, m, &options, &s);
    same_answers(&a, &c);
    answer_free(&a);
    answer_free(&c);
    sps_free(s.pixels);
    sps_packed_close(m);
}

/* ---- updates, where a session might find them too dear ---- */

/* Every node by update, at a pretended price: the logits of all paths must not change. */
static void check_updates(const struct sps_packed *m, size_t count, const struct pictures *s, uint64_t *updated,
                          uint64_t *flips)
{
    struct sps_plan *plan = NULL;
    OK(sps_plan_create(&plan, m));
    const struct sps_backend backend = sps_backend_cpu(plan->kern);
    struct sps_lane lane = {0};
    size_t bytes = sps_lane_lay_out(&lane, plan, &backend, 1, NULL);
    char *memory = ROOM(char, bytes);
    memset(&lane, 0, sizeof lane);
    assert_int_equal(sps_lane_lay_out(&lane, plan, &backend, 1, memory), bytes);
    struct sps_cost *costs = ROOM(struct sps_cost, plan->stage_count);
    for (int i = 0; i < plan->stage_count; i++)
        costs[i] = (struct sps_cost){.full = 1, .update = 0, .flip = 1e-9};
    const struct sps_session_options how = {.threads = 1};
    size_t numbers[SPS_BLOCK_PASSES], classes = (size_t)m->classes;
    float *p = ROOM(float, count *classes), *logits = ROOM(float, count *classes), expected[256];
    const struct sps_passes out = {.p = p, .logits = logits, .stride = 1};
    lane.costs = costs;
    lane.options = &how;
    lane.out = &out;
    lane.numbers = numbers;
    for (uint32_t i = 0; i < IMAGES; i++) {
        for (uint32_t t = 0; t < count; t++) {
            numbers[t] = t;
            sps_path_draw(lane.picks + t * plan->picks, m->banks, m->noise_count, 3, i, t);
        }
        sps_lane_load(&lane, s->at[i]);
        sps_lane_walk(&lane, count);
        for (uint32_t t = 0; t < count; t++) {
            logits_by_hand(expected, m, s->at[i], lane.picks + t * plan->picks);
            assert_memory_equal(logits + t * classes, expected, classes * sizeof *logits);
        }
    }
    for (int i = 0; i < plan->stage_count; i++) {
        *updated += lane.levels[i].work.updated;
        *flips += lane.levels[i].work.flips;
    }
    sps_free(p);
    sps_free(logits);
    sps_free(costs);
    sps_free(memory);
    sps_plan_free(plan);
}

static void updates_are_exact(void **state)
{
    (void)state;
    uint64_t updated = 0, flips = 0;
    for (uint32_t seed = 2000; seed < 2060; seed++) {
        struct sps_packed *m =
            seed % 2 ? random_chain(seed, 0, 0) : random_residual(seed, seed % 4 == 0 ? 30 : 0, 0, 1);
        struct pictures s = make_pictures(m, seed);
        check_updates(m, affordable(m), &s, &updated, &flips);
        sps_free(s.pixels);
        sps_packed_close(m);
    }
    assert_true(updated > 200 && flips > 2000);
    /* So many flips in the window of one output that 8-bit changes must be drained in between: all bits of an input
     * with 40 channels rise or fall at once, up to 1000 of them in a window, and all weights are 1.  Wide rows are too
     * much alone, narrow ones only together. */
    for (int pad = 0; pad < 5; pad++) {
        struct chain b = chain_start(90 + (uint32_t)pad, 7, pad < 2 ? 7 : 2, 1);
        chain_product(&b, 40, 1, 1, 0, CHAIN_NONE);
        chain_decide(&b, SPS_NOISE_bank, 2, 0);
        for (int i = 0; i < 80; i++)
            ((int32_t *)(uintptr_t)b.m->ops[1].threshold)[i] = i < 40 ? -128 : 129;
        for (int i = 0; i < 4; i++)
            ((uint32_t *)(uintptr_t)b.m->ops[1].flip)[i] = 0;
        for (int k = 0; k < 2; k++)
            ((double *)(uintptr_t)b.m->noises[0].probability)[k] = 0.5;
        chain_product(&b, 2, 5, 1, pad, CHAIN_NONE);
        for (size_t i = 0; i < 2 * sps_words(1000); i++)
            ((uint32_t *)(uintptr_t)b.m->ops[2].weight_bits)[i] = i % 32 == 31 ? 0xff : ~0u;
        chain_score(&b, CHAIN_NONE, 1, 0);
        struct sps_packed *m = chain_finish(&b);
        struct pictures s = make_pictures(m, 90);
        uint64_t before = flips;
        check_updates(m, 6, &s, &updated, &flips);
        assert_true(flips >= before + sps_value_size(&m->input) * 40);
        sps_free(s.pixels);
        sps_packed_close(m);
    }
}

/* ---- what a session says it did ---- */

static void work_is_counted(void **state)
{
    (void)state;
    struct chain b = chain_start(100, 6, 6, 1);
    chain_product(&b, 20, 3, 1, 1, CHAIN_NONE);
    chain_decide(&b, SPS_NOISE_bank, 3, 1);
    chain_product(&b, 3, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 2, 1);
    struct sps_packed *m = chain_finish(&b);
    struct pictures s = make_pictures(m, 100);
    for (int alone = 0; alone < 2; alone++) {
        sps_session *session = NULL;
        struct sps_session_work work;
        OK(sps_session_create(&session, m, &(struct sps_session_options){2, alone, 0, 1}));
        assert_int_equal(sps_session_threads(session), 2);
        assert_int_equal(sps_session_layers(session), 2);
        const struct sps_predictor predictor = sps_session_predictor(session);
        const struct sps_predict_options exact = {.reading = SPS_EXACT};
        struct answer a = answer_room(&m->info, &exact, IMAGES);
        answer_ask(&a, &predictor, &exact, s.at, index_of, IMAGES);
        sps_session_get_work(&work, session);
        assert_int_equal(work.layers, 2);
        assert_int_equal(work.images, IMAGES);
        assert_int_equal(work.passes, 6 * IMAGES);
        assert_int_equal(work.paths, 6 * IMAGES);
        assert_int_equal(work.skipped, 0);
        assert_string_equal(work.layer[0].name, "binary_conv.0");
        assert_int_equal(work.layer[0].macs, 36 * 9 * 20);
        assert_int_equal(work.layer[0].nodes, (alone ? 6 : 1) * IMAGES);
        assert_int_equal(work.layer[0].passes, 6 * IMAGES);
        assert_int_equal(work.layer[1].nodes, (alone ? 6 : 3) * IMAGES);
        assert_int_equal(work.layer[1].passes, 6 * IMAGES);
        assert_true(work.layer[0].seconds > 0 && work.layer[1].seconds > 0);
        sps_session_reset_work(session);
        sps_session_get_work(&work, session);
        assert_int_equal(work.images + work.passes + work.paths + work.layer[0].nodes + work.layer[1].passes, 0);
        assert_string_equal(work.layer[0].name, "binary_conv.0");
        answer_free(&a);
        sps_session_free(session);
    }
    sps_free(s.pixels);
    sps_packed_close(m);
}

/* Pairs of entries whose bits differ, counted one by one. */
static void flips_are_shares_of_pairs(void **state)
{
    (void)state;
    struct chain b = chain_start(110, 6, 5, 2);
    chain_product(&b, 11, 3, 1, 1, CHAIN_NONE);
    chain_pool(&b, 2, 0);
    chain_decide(&b, SPS_NOISE_bank, 4, 1);
    chain_product(&b, 3, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 2, 1);
    struct sps_packed *m = chain_finish(&b);
    struct pictures s = make_pictures(m, 110);
    sps_session *session = NULL;
    OK(sps_session_create(&session, m, NULL));
    double share[2], expected = 0;
    OK(sps_session_flips(share, session, IMAGES, s.at, index_of, 1));
    for (size_t i = 0; i < IMAGES; i++) {
        int x[6 * 5 * 2], sums[6 * 5 * 11], pooled[3 * 2 * 11], bits[4][3 * 2 * 11];
        for (size_t k = 0; k < 60; k++)
            x[k] = m->codes[k % 2 * 256 + s.at[i][k]];
        product_by_hand(&(struct by_hand){.m = m, .x = x, .y = sums}, &m->ops[0], &m->input, NULL);
        pool_by_hand(&(struct by_hand){.m = m, .x = sums, .y = pooled}, &m->ops[1], &m->ops[0].result);
        for (uint8_t k = 0; k < 4; k++)
            decide_by_hand(&(struct by_hand){.m = m, .picks = &k, .x = pooled, .y = bits[k]}, &m->ops[2], &k);
        for (int k = 0; k < 4; k++)
            for (int l = 0; l < k; l++)
                for (int z = 0; z < 66; z++)
                    expected += (bits[k][z] != bits[l][z]) / (6.0 * 66 * IMAGES);
    }
    assert_true(expected > 0.001);
    NEAR(share[0], expected, 1e-12);
    assert_true(isnan(share[1]));
    sps_session_free(session);
    sps_free(s.pixels);
    sps_packed_close(m);
}

/* ---- memory ---- */

static void predicting_allocates_nothing(void **state)
{
    (void)state;
    for (uint32_t seed = 3000; seed < 3010; seed++) {
        struct sps_packed *m = seed % 2 ? random_chain(seed, 40, 1) : random_residual(seed, 40, 1, 1);
        struct pictures s = make_pictures(m, seed);
        for (int threads = 1; threads <= 2; threads++) {
            sps_session *session = NULL;
            OK(sps_session_create(&session, m, &(struct sps_session_options){.threads = threads}));
            const struct sps_predictor predictor = sps_session_predictor(session);
            const struct sps_settle settle = {0.9, 1, SPS_ACCEPT_RULE_DEFAULT};
            for (int k = 0; k < 2; k++) {
                const struct sps_predict_options options = {.samples = 40, .settle = k ? &settle : NULL};
                struct answer a = answer_room(&m->info, &options, IMAGES);
                sps_memory_fail_at(0);
                answer_ask(&a, &predictor, &options, s.at, index_of, k ? IMAGES : 1);
                void *next = NULL;
                FAILS(sps_calloc(&next, 1, 1, "a test"), ENOMEM, "a test"); /* the failure is still to come */
                sps_memory_fail_at(-1);
                answer_free(&a);
            }
            sps_session_free(session);
        }
        sps_free(s.pixels);
        sps_packed_close(m);
    }
}

/* The size that is said is that of the arena: with it the number of threads decides, and no model is so small that it
 * needs none. */
static void sizes_are_said_beforehand(void **state)
{
    (void)state;
    struct sps_packed *m = random_chain(3100, 0, 1);
    size_t one = 0, two = 0, five = 0, all = 0;
    OK(sps_session_size(&one, m, &(struct sps_session_options){.threads = 1}));
    OK(sps_session_size(&two, m, &(struct sps_session_options){.threads = 2}));
    OK(sps_session_size(&five, m, &(struct sps_session_options){.threads = 5}));
    OK(sps_session_size(&all, m, NULL));
    assert_true(one > 0 && two > one && five > 2 * two - one);
    size_t cores = 0;
    OK(sps_session_size(&cores, m, &(struct sps_session_options){.threads = sps_cores()}));
    assert_int_equal(all, cores);
    struct sps_session_options wrong = {.threads = -1};
    sps_session *session = NULL;
    FAILS(sps_session_size(&one, m, &wrong), EINVAL, "threads is -1");
    FAILS(sps_session_create(&session, m, &wrong), EINVAL, "threads is -1");
    wrong.threads = 1025;
    FAILS(sps_session_create(&session, m, &wrong), EINVAL, "threads is 1025");
    sps_session_free(NULL);
    sps_packed_close(m);
}

static void lack_of_memory(void **state)
{
    (void)state;
    struct chain b = chain_start(3200, 6, 6, 1);
    chain_product(&b, 20, 3, 1, 1, CHAIN_NONE);
    chain_decide(&b, SPS_NOISE_bank, 3, 1);
    chain_product(&b, 9, 3, 1, 1, SPS_NOISE_weight);
    chain_decide(&b, SPS_NOISE_channel, 2, 1);
    chain_product(&b, 3, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 2, 1);
    struct sps_packed *m = chain_finish(&b);
    sps_session *session = NULL;
    const struct sps_session_options how = {.threads = 2};
    long n = 0;
    for (;; n++) {
        long live = sps_memory_live();
        sps_memory_fail_at(n);
        sps_status status = sps_session_create(&session, m, &how);
        sps_memory_fail_at(-1);
        if (status == SPS_OK)
            break;
        assert_int_equal(status, SPS_ENOMEM);
        assert_int_equal(sps_memory_live(), live);
    }
    assert_true(n > 20);
    sps_session_free(session);
    sps_packed_close(m);
}

/* ---- what cannot be asked ---- */

static void questions_that_cannot_be(void **state)
{
    (void)state;
    struct chain b = chain_start(120, 3, 3, 1);
    chain_product(&b, 2, 0, 0, 0, SPS_NOISE_neuron);
    chain_score(&b, CHAIN_NONE, 1, 0);
    struct sps_packed *m = chain_finish(&b);
    sps_session *session = NULL;
    OK(sps_session_create(&session, m, &(struct sps_session_options){.threads = 1}));
    struct sps_predictor predictor = sps_session_predictor(session);
    struct pictures s = make_pictures(m, 120);
    float p[IMAGES * 2];
    struct sps_passes out = {.p = p};
    struct sps_predict_options options = SPS_PREDICT_OPTIONS_DEFAULT;
    options.reading = SPS_EXACT;
    FAILS(sps_predict(&predictor, &options, 1, s.at, NULL, &out), EINVAL, "masks are drawn");
    options.reading = SPS_SAMPLED;
    options.samples = 0;
    FAILS(sps_predict(&predictor, &options, 1, s.at, NULL, &out), EINVAL, "samples is 0");
    options.samples = 1;
    struct sps_settle settle = {0.9, 0, SPS_ACCEPT_RULE_DEFAULT};
    options.settle = &settle;
    FAILS(sps_predict(&predictor, &options, 1, s.at, NULL, &out), EINVAL, "how many were made");
    static const double none[] = {-1, 1e-3, 65, INFINITY, NAN};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct sps_predict_options hot = SPS_PREDICT_OPTIONS_DEFAULT;
        hot.temperature = none[i];
        FAILS(sps_predict(&predictor, &hot, 1, s.at, NULL, &out), EINVAL, "must be 1/64 to 64");
    }
    uint32_t used[IMAGES];
    out.used = used;
    OK(sps_predict(&predictor, &options, 1, s.at, NULL, &out));
    assert_int_equal(used[0], 1);
    for (int i = 0; i < 3; i++) {
        settle.confidence = i == 0 ? 0 : i == 1 ? 1 : NAN;
        FAILS(sps_predict(&predictor, &options, 1, s.at, NULL, &out), EINVAL, "confidence is");
    }
    options.settle = NULL;
    out.stride = 1;
    FAILS(sps_predict(&predictor, &options, 2, s.at, NULL, &out), EINVAL, "stride is 1");
    out = (struct sps_passes){0};
    FAILS(sps_predict(&predictor, &options, 1, s.at, NULL, &out), EINVAL, "no room for probabilities");
    OK(sps_predict(&predictor, &options, 0, s.at, NULL, &(struct sps_passes){.p = p}));
    assert_null(predictor.class_name(predictor.self, 0));
    sps_session_free(session);
    sps_free(s.pixels);
    sps_packed_close(m);
}

/* Finite numbers whose scores are not. */
static void scores_that_overflow(void **state)
{
    (void)state;
    struct chain b = chain_start(130, 3, 3, 1);
    chain_product(&b, 2, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    float *table = (float *)(uintptr_t)b.m->ops[1].affine;
    for (int i = 0; i < 12; i++)
        table[i] = 3e38f;
    struct sps_packed *m = chain_finish(&b);
    struct pictures s = make_pictures(m, 130);
    sps_session *session = NULL;
    float p[IMAGES * 2];
    OK(sps_session_create(&session, m, &(struct sps_session_options){.threads = 2}));
    const struct sps_predictor predictor = sps_session_predictor(session);
    const struct sps_predict_options options = {.samples = 1};
    FAILS(sps_predict(&predictor, &options, IMAGES, s.at, NULL, &(struct sps_passes){.p = p}), EFORMAT,
          "too large: scores of image 0");
    sps_session_free(session);
    sps_free(s.pixels);
    sps_packed_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(banks_and_channels),        TEST(dropped_inputs_and_weights),
        TEST(shortcuts_and_floats),      TEST(sums_at_the_edge_of_16_bits),
        TEST(chips_have_probabilities_of_their_own),      TEST(sums_at_the_edge_of_16_bits),
        TEST(wide_convolution),          TEST(more_passes_than_a_block),
        TEST(updates_are_exact),         TEST(work_is_counted),
        TEST(flips_are_shares_of_pairs), TEST(predicting_allocates_nothing),
        TEST(sizes_are_said_beforehand), TEST(lack_of_memory),
        TEST(questions_that_cannot_be),  TEST(scores_that_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
