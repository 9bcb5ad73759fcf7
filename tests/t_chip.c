/* SPDX-License-Identifier: MIT */
/* The simulated chip: designed junctions and enough bits give the engine's numbers, whatever the arrays; counts and
 * costs are what can be worked out on paper; nothing depends on threads. */
#include <pthread.h>

#include "pictures.h"
#include "cim/arch/instance.h"
#include "cim/arch/reuse.h"
#include "cim/cell/scale_cell.h"
#include "spinscale/crossbar.h"

static sps_chip *chip_of(const char *preset, const char *const *sets, size_t count)
{
    sps_chip *chip = NULL;
    OK(sps_chip_open(&chip, preset, sets, count));
    return chip;
}
#define CHIP(preset, ...)                                                                                              \
    chip_of(preset, (const char *const[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static struct answer ask_chip(const sps_chip *chip, const struct sps_packed *m, enum sps_chip_level level, int threads,
                              uint64_t seed, const struct pictures *s, uint32_t samples)
{
    const struct sps_chip_instance_options options = {.level = level, .seed = seed, .threads = threads};
    const struct sps_predict_options predict = {.reading = SPS_SAMPLED, .seed = 3, .samples = samples};
    sps_chip_instance *instance = NULL;
    OK(sps_chip_instance_create(&instance, chip, m, &options));
    const struct sps_predictor predictor = sps_chip_instance_predictor(instance);
    struct answer a = answer_room(&m->info, &predict, IMAGES);
    answer_ask(&a, &predictor, &predict, s->at, index_of, IMAGES);
    sps_chip_instance_free(instance);
    return a;
}

static struct answer ask_engine(const struct sps_packed *m, const struct pictures *s, uint32_t samples)
{
    const struct sps_predict_options predict = {.reading = SPS_SAMPLED, .seed = 3, .samples = samples};
    return ask(m, &(struct sps_session_options){.threads = 1}, &predict, IMAGES, s->at, index_of, IMAGES);
}

static int are_same(const struct answer *a, const struct answer *b)
{
    return memcmp(a->logits, b->logits, a->passes * a->images * a->classes * sizeof *a->logits) == 0;
}

/* ---- function ---- */

/* Random networks on arrays of random size, both cells, both mappings: bit for bit. */
static void ideal_equals_engine(void **state)
{
    (void)state;
    struct sps_random r = test_random(11);
    for (uint32_t seed = 0; seed < 60; seed++) {
        char rows[40], columns[40];
        snprintf(rows, sizeof rows, "array.rows=%u", 2 + sps_random_below(&r, 140));
        snprintf(columns, sizeof columns, "array.columns=%u", 2 + sps_random_below(&r, 70));
        sps_chip *chip = CHIP("scaledrop", rows, columns, seed % 2 ? "array.cell=single" : "array.cell=complementary",
                              seed / 2 % 2 ? "array.mapping=kernels" : "array.mapping=unrolled", "adc.share=1");
        struct sps_packed *m = seed % 3 == 0 ? random_residual(seed, 0, 0, 0) : random_chain(seed, 0, 0);
        struct pictures s = make_pictures(m, seed);
        struct answer chips = ask_chip(chip, m, SPS_CHIP_IDEAL, 1 + (int)seed % 3, 1, &s, 4),
                      engine = ask_engine(m, &s, 4);
        same_answers(&chips, &engine);
        answer_free(&chips);
        answer_free(&engine);
        sps_free(s.pixels);
        sps_packed_close(m);
        sps_chip_close(chip);
    }
}

/* Nothing that differs between chips: quantised with bits for every sum is ideal, and analog without resistance too. */
static void enough_bits_are_ideal(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 10; seed++) {
        struct sps_packed *m = random_chain(seed, 0, 0);
        struct pictures s = make_pictures(m, seed);
        sps_chip *chip = CHIP("scaledrop", "adc.bits=8", "array.word_line=0 ohm", "array.bit_line=0 ohm");
        struct answer engine = ask_engine(m, &s, 3);
        for (int level = SPS_CHIP_QUANTISED; level <= SPS_CHIP_ANALOG; level++) {
            struct answer a = ask_chip(chip, m, (enum sps_chip_level)level, 2, 1, &s, 3);
            same_answers(&a, &engine);
            answer_free(&a);
        }
        answer_free(&engine);
        sps_free(s.pixels);
        sps_packed_close(m);
        sps_chip_close(chip);
    }
}

/* 1-bit converters, spread, each fault, offsets, wires: each changes the answers of some network. */
static void imperfections_show(void **state)
{
    (void)state;
    static const char *const settings[] = {"adc.bits=1",
                                           "adc.offset=2",
                                           "adc.gain=0.3",
                                           "adc.bow=3",
                                           "adc.noise=2",
                                           "device.sigma_r=0.3",
                                           "device.sigma_tmr=0.5",
                                           "device.sigma_read=0.5",
                                           "device.stuck_p=0.3",
                                           "device.stuck_ap=0.3",
                                           "device.stuck_open=0.3",
                                           "device.retention_time=1e12 s",
                                           "device.reads=1e12",
                                           "array.word_line=20 kohm",
                                           "array.leakage=30 nA"};
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
        int changed = 0;
        for (uint32_t seed = 0; seed < 8 && !changed; seed++) {
            struct sps_packed *m = random_chain(seed, 0, 0);
            struct pictures s = make_pictures(m, seed);
            /* delta 20: heat flips half of them in the longest time */
            sps_chip *chip = CHIP("scaledrop", "adc.bits=7", "device.delta=20", "array.bit_line=0 ohm",
                                  "array.leakage_spread=1.5", settings[k]);
            struct answer a = ask_chip(chip, m, SPS_CHIP_ANALOG, 1, 1, &s, 2), engine = ask_engine(m, &s, 2);
            changed = !are_same(&a, &engine);
            answer_free(&a);
            answer_free(&engine);
            sps_free(s.pixels);
            sps_packed_close(m);
            sps_chip_close(chip);
        }
        if (!changed)
            fail_msg("%s changes nothing", settings[k]);
    }
}

static sps_chip_instance *make_chip(const sps_chip *chip, const struct sps_packed *m)
{
    const struct sps_chip_instance_options options = {.level = SPS_CHIP_QUANTISED, .seed = 1, .threads = 1};
    sps_chip_instance *instance = NULL;
    OK(sps_chip_instance_create(&instance, chip, m, &options));
    return instance;
}

/* The two lines of a pair leak when they are not driven, each as exp(sigma z - sigma^2 / 2) of the mean, in a column
 * and in the reference column.  So an idle input adds numbers of mean 0 and variance 4 (exp(sigma^2) - 1) of the mean's
 * square; +1 leaves one line idle, -1 the other. */
static void leakage_of_idle_lines(void **state)
{
    (void)state;
    struct chain b = chain_start(1, 8, 8, 1);
    chain_product(&b, 100, 0, 0, 0, CHAIN_NONE);
    chain_decide(&b, CHAIN_NONE, 1, 0);
    chain_product(&b, 5, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    struct sps_packed *m = chain_finish(&b);
    /* Parallel 1 uS, antiparallel 1 / 2.4423 uS at 0.1 V: a junction's contrast is 59.06 nA. */
    sps_chip *leaky = CHIP("scaledrop", "array.leakage=5.906 nA", "array.leakage_spread=0.5"),
             *tight = CHIP("scaledrop");
    sps_chip_instance *chip = make_chip(leaky, m), *sealed = make_chip(tight, m);
    const struct sps_chip_layer *l = &chip->layers[0], *t = &sealed->layers[0];
    double sum = 0, squares = 0, n = 0;
    assert_null(t->idle);
    for (size_t i = 0; i < 64; i++)
        for (size_t c = 0; c < 100; c++) {
            size_t at = i * l->width + c;
            double minus = l->minus[at] - t->minus[at], plus = l->minus[at] + l->rise[at] - t->minus[at] - t->rise[at];
            NEAR(minus + plus, l->idle[at], 1e-6);
            sum += l->idle[at];
            squares += l->idle[at] * l->idle[at];
            n++;
        }
    /* 64 reference cells of each line weigh on the mean (0.1066 sqrt(2 / 64) = 0.019 deviation), and on the half of the
     * variance (lognormal: some 30 % of it); 6400 cells give the other half to 5 %. */
    NEAR(sum / n, 0, 0.04);
    NEAR(squares / n, 4 * expm1(0.25) * 0.01, 0.0040);
    sps_chip_instance_free(chip);
    sps_chip_instance_free(sealed);
    sps_chip_close(leaky);
    sps_chip_close(tight);
    sps_packed_close(m);
}

/* An input in the padding drives nothing: both lines of a pair leak, and the line of a single junction as at -1.  All
 * other inputs are -1. */
static void padding_leaks(void **state)
{
    (void)state;
    sps_chip *pair = CHIP("scaledrop", "adc.bits=12", "array.leakage=20 nA", "array.leakage_spread=1"),
             *single =
                 CHIP("scaledrop", "adc.bits=12", "array.leakage=20 nA", "array.leakage_spread=1", "array.cell=single");
    struct chain b = chain_start(1, 6, 6, 1);
    chain_product(&b, 4, 3, 1, 1, CHAIN_NONE);
    chain_decide(&b, CHAIN_NONE, 1, 0);
    chain_product(&b, 4, 3, 1, 1, CHAIN_NONE);
    chain_decide(&b, CHAIN_NONE, 1, 0);
    chain_product(&b, 3, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    struct sps_packed *m = chain_finish(&b);
    const sps_chip *chips[] = {pair, single};
    for (int k = 0; k < 2; k++) {
        sps_chip_instance *chip = make_chip(chips[k], m);
        const struct sps_chip_layer *l = &chip->layers[1];
        const struct sps_backend backend = sps_backend_chip(chip);
        const struct sps_stage *s = l->stage;
        uint32_t input[64] = {0}; /* all -1 */
        static _Alignas(64) char scratch[1 << 16];
        int16_t sums[6 * 6 * 4];
        assert_true(backend.scratch(&backend, s) <= sizeof scratch);
        backend.sums(&backend, s, sums, input, &(struct sps_moment){0}, NULL, scratch, sizeof scratch);
        /* The upper left corner: taps of row and column 0 of the kernel are padded. */
        for (size_t c = 0; c < 4; c++) {
            double junctions = 0, weights = 0, driven = 0;
            for (size_t i = 0; i < l->layout->fan_in; i++) {
                size_t tap = i / 4, padded = tap < 3 || tap % 3 == 0;
                junctions += padded ? l->idle[i * l->width + c] : l->minus[i * l->width + c];
                driven += !padded;
                if (!padded)
                    weights += 2 * (double)(s->rows[c * s->words + i / 32] >> i % 32 & 1) - 1;
            }
            /* Converted to whole junctions v.  Pairs: 2 v - n; single junctions: 4 v less the weights that are there.
             */
            double v = fmax(rint(junctions), 0); /* converters have no code below zero */
            NEAR(sums[c], k == 0 ? 2 * v - driven : 4 * v - weights, 0);
        }
        sps_chip_instance_free(chip);
    }
    sps_packed_close(m);
    sps_chip_close(pair);
    sps_chip_close(single);
}

/* Cells that leak alike leave no trace but in the bill: rows columns I V of power for each array, in the full account
 * only; and `ideal` sees no leakage at all. */
static void even_leakage_costs_only(void **state)
{
    (void)state;
    struct sps_packed *m = random_chain(3, 0, 0);
    struct pictures s = make_pictures(m, 3);
    sps_chip *even = CHIP("scaledrop", "adc.bits=8", "array.leakage=6e-12 A"), *tight = CHIP("scaledrop", "adc.bits=8"),
             *uneven = CHIP("scaledrop", "array.leakage=50 nA", "array.leakage_spread=2");
    struct answer engine = ask_engine(m, &s, 3), a = ask_chip(even, m, SPS_CHIP_QUANTISED, 1, 1, &s, 3),
                  ideal = ask_chip(uneven, m, SPS_CHIP_IDEAL, 1, 1, &s, 3);
    same_answers(&a, &engine);
    same_answers(&ideal, &engine);
    for (int paper = 0; paper < 2; paper++) {
        struct sps_chip_cost *with = NULL, *without = NULL;
        OK(sps_chip_cost(&with, even, m, 3, paper ? SPS_CHIP_PAPER : SPS_CHIP_FULL));
        OK(sps_chip_cost(&without, tight, m, 3, paper ? SPS_CHIP_PAPER : SPS_CHIP_FULL));
        double more = with->energy.typical - without->energy.typical;
        double power = 128 * 128 * 6e-12 * 0.1 * (double)(with->counts.arrays + with->counts.scale_arrays);
        NEAR(more, paper ? 0 : power * with->latency, 1e-9 * with->energy.typical);
        sps_chip_cost_free(with);
        sps_chip_cost_free(without);
    }
    answer_free(&a);
    answer_free(&ideal);
    answer_free(&engine);
    sps_free(s.pixels);
    sps_packed_close(m);
    sps_chip_close(even);
    sps_chip_close(tight);
    sps_chip_close(uneven);
}

/* Two of four junctions parallel: the sum has the deviation sigma_read sqrt(2 g_P^2 + 2 g_AP^2), and is read as
 * something else where that exceeds half of a level, g_P - g_AP.  5,000 cells; 4 standard errors. */
static void noise_of_scale_cells(void **state)
{
    (void)state;
    enum { CELLS = 5000 };
    static const double sigmas[] = {0, 0.1, 0.2, 0.4};
    for (int k = 0; k < 4; k++) {
        char set[48];
        snprintf(set, sizeof set, "device.sigma_read=%g", sigmas[k]);
        sps_chip *chip = CHIP("subset", set);
        struct sps_conductance g;
        OK(sps_conductance_nominal(&g, chip->device));
        double p = g.of[SPS_PARALLEL], ap = g.of[SPS_ANTIPARALLEL], wrong = 0, signs = 0;
        double deviation = sigmas[k] * sqrt(2 * p * p + 2 * ap * ap) / (p - ap);
        for (uint32_t i = 0; i < CELLS; i++) {
            uint32_t digit = sps_scale_read(2, 1, chip->device, &g, i + 1, 7, 4 * i);
            assert_int_equal(digit, sps_scale_read(2, 1, chip->device, &g, i + 1, 7, 4 * i));
            wrong += digit != 2;
            signs += (double)digit - 2;
        }
        double share = k == 0 ? 0 : erfc(0.5 / deviation / sqrt(2));
        NEAR(wrong / CELLS, share, 4 * sqrt(share * (1 - share) / CELLS));
        NEAR(signs / CELLS, 0, 4 * 1.5 * sqrt(share / CELLS));
        sps_chip_close(chip);
    }
}

/* Everything at once: same chip, same numbers, on any number of threads; another chip has others. */
static void chips_are_seeded(void **state)
{
    (void)state;
    sps_chip *chip = CHIP("subset", "device.sigma_r=0.2", "adc.noise=0.7", "device.sigma_read=0.1", "adc.offset=1",
                          "device.stuck_p=0.05");
    int differ = 0;
    for (uint32_t seed = 0; seed < 6; seed++) {
        struct sps_packed *m = random_chain(seed, 0, 0);
        struct pictures s = make_pictures(m, seed);
        struct answer a = ask_chip(chip, m, SPS_CHIP_ANALOG, 1, 7, &s, 3),
                      b = ask_chip(chip, m, SPS_CHIP_ANALOG, 3, 7, &s, 3),
                      c = ask_chip(chip, m, SPS_CHIP_ANALOG, 1, 8, &s, 3);
        same_answers(&a, &b);
        differ |= !are_same(&a, &c);
        answer_free(&a);
        answer_free(&b);
        answer_free(&c);
        sps_free(s.pixels);
        sps_packed_close(m);
    }
    assert_true(differ);
    sps_chip_close(chip);
}

/* Images as a set, each asked for on any thread; or made when they are loaded, which fails from image `bad` on. */
struct set {
    const struct pictures *pictures;
    size_t bad;
};

static const uint8_t *set_image(const void *self, size_t index)
{
    return ((const struct set *)self)->pictures->at[index];
}

static int set_label(const void *self, size_t index)
{
    (void)self;
    return (int)index % 2;
}

static sps_status set_load(const void *self, size_t first, size_t count)
{
    return first + count > ((const struct set *)self)->bad ? sps_fail(SPS_EIO, "image %zu is gone", first) : SPS_OK;
}

static struct sps_images images_of(const struct sps_packed *m, const struct set *set, int made)
{
    return (struct sps_images){.name = "pictures",
                               .count = IMAGES,
                               .height = m->info.height,
                               .width = m->info.width,
                               .channels = m->info.channels,
                               .self = set,
                               .image = set_image,
                               .label = set_label,
                               .load = made ? set_load : NULL};
}

static const struct sps_predict_options three_passes = {.reading = SPS_SAMPLED, .seed = 3, .samples = 3};

static void same_metrics(const sps_metrics *a, const sps_metrics *b)
{
    const char *name;
    for (size_t i = 0; (name = sps_metric_list(i, NULL, NULL, NULL)) != NULL; i++) {
        double of_a = 0, of_b = 0;
        OK(sps_metrics_value(a, name, &of_a));
        OK(sps_metrics_value(b, name, &of_b));
        assert_memory_equal(&of_a, &of_b, sizeof of_a);
    }
}

/* One chip, asked alone. */
static void same_as_alone(const struct sps_chip_result *result, const struct sps_chips *chips, size_t k,
                          const struct sps_images *images)
{
    struct sps_chip_instance_options options = chips->options;
    struct sps_evaluation e = {0};
    sps_chip_instance *instance = NULL;
    options.seed += k;
    OK(sps_chip_instance_create(&instance, chips->chip, chips->packed, &options));
    const struct sps_predictor predictor = sps_chip_instance_predictor(instance);
    const struct sps_chip_facts facts = sps_chip_instance_facts(instance);
    OK(sps_evaluate(&e, &predictor, images, &three_passes, NULL, 0.95, NULL, NULL, NULL));
    same_metrics(result->metrics, e.metrics);
    assert_int_equal(result->facts.scales, facts.scales);
    assert_int_equal(result->facts.scales_wrong, facts.scales_wrong);
    sps_evaluation_reset(&e);
    sps_chip_instance_free(instance);
}

struct heard {
    pthread_t thread;
    size_t last, total;
};

static void hear(void *user, size_t done, size_t total)
{
    struct heard *h = user;
    assert_true(pthread_equal(pthread_self(), h->thread));
    assert_true(done > h->last && done <= total);
    h->last = done;
    h->total = total;
}

/* Chips one after the other and side by side, in whole rounds and with some left over: each is what it is alone. */
static void chips_side_by_side(void **state)
{
    (void)state;
    enum { CHIPS = 5 };
    static const int threads[] = {1, 2, 3, 5, 8}, at_once[] = {1, 2, 3, 5, 1};
    sps_chip *chip = CHIP("subset", "device.sigma_r=0.2", "adc.noise=0.7");
    struct sps_packed *m = random_chain(2, 0, 0);
    struct pictures s = make_pictures(m, 2);
    const struct set set = {&s, IMAGES};
    for (int i = 0; i < 2 * (int)(sizeof threads / sizeof *threads); i++) {
        const struct sps_images images = images_of(m, &set, i % 2);
        const struct sps_chips chips = {
            chip, m, CHIPS, {.level = SPS_CHIP_ANALOG, .seed = 7, .threads = threads[i / 2], .samples = 3}};
        struct heard heard = {.thread = pthread_self()};
        struct sps_chip_results results = {0};
        assert_int_equal(sps_chips_at_once(&chips), at_once[i / 2]);
        OK(sps_chips_evaluate(&results, &chips, &images, &three_passes, NULL, 0.95, hear, &heard));
        assert_int_equal(results.count, CHIPS);
        assert_true(heard.last == 0 || heard.total == CHIPS * IMAGES); /* others may have been quicker */
        for (size_t k = 0; k < CHIPS; k++)
            same_as_alone(&results.chip[k], &chips, k, &images);
        sps_chip_results_reset(&results);
    }
    sps_free(s.pixels);
    sps_packed_close(m);
    sps_chip_close(chip);
}

/* A pulse so short that the law of switching does not hold. */
static void extrapolation_is_said(void **state)
{
    (void)state;
    struct sps_packed *m = random_chain(2, 0, 0);
    for (int i = 0; i < 4; i++) {
        const int outside = i / 2, mtj = i % 2;
        sps_chip *chip = CHIP("subset", "device.extrapolate=true", outside ? "device.set_time=1 ns" : "adc.bits=5");
        const struct sps_chip_instance_options options = {.level = SPS_CHIP_QUANTISED, .threads = 1, .mtj = mtj};
        sps_chip_instance *instance = NULL;
        struct sps_chip_cost *cost = NULL;
        OK(sps_chip_instance_create(&instance, chip, m, &options));
        OK(sps_chip_cost(&cost, chip, m, 10, SPS_CHIP_FULL));
        assert_int_equal(sps_chip_instance_facts(instance).extrapolated, outside && mtj);
        assert_int_equal(cost->extrapolated, outside);
        sps_chip_cost_free(cost);
        sps_chip_instance_free(instance);
        sps_chip_close(chip);
    }
    sps_packed_close(m);
}

/* What is wrong is said to the caller, whichever thread met it. */
static void failing_chips_say_why(void **state)
{
    (void)state;
    sps_chip *chip = CHIP("subset", "adc.bits=5");
    struct sps_packed *m = random_chain(2, 0, 0);
    struct pictures s = make_pictures(m, 2);
    const struct set set = {&s, IMAGES - 1};
    const struct sps_images made = images_of(m, &set, 1);
    struct sps_chip_results results = {0};
    for (int threads = 1; threads <= 4; threads++) {
        struct sps_chips chips = {chip, m, 4, {.level = SPS_CHIP_QUANTISED, .threads = threads}};
        struct sps_images wrong = images_of(m, &set, 0);
        wrong.height++;
        FAILS(sps_chips_evaluate(&results, &chips, &wrong, &three_passes, NULL, 0.95, NULL, NULL), EUNSUPPORTED,
              "images of 'pictures' are");
        FAILS(sps_chips_evaluate(&results, &chips, &made, &three_passes, NULL, 0.95, NULL, NULL), EIO,
              "image 0 is gone");
        chips.count = 0;
        FAILS(sps_chips_evaluate(&results, &chips, &made, &three_passes, NULL, 0.95, NULL, NULL), EINVAL,
              "number of chips is 0, must be 1 to 1000000");
        chips.options.threads = -threads;
        FAILS(sps_chips_evaluate(&results, &chips, &made, &three_passes, NULL, 0.95, NULL, NULL), EINVAL,
              "must be 1 to 1024, or 0");
        assert_null(results.chip);
    }
    sps_free(s.pixels);
    sps_packed_close(m);
    sps_chip_close(chip);
}

/* Two dense layers without a bank: passes differ only by the noise of reads.  With reuse of paths they are all one
 * pass; with reuse of the first layer, its sums are the same and what differs comes from the second. */
static struct sps_packed *two_layers(uint32_t seed)
{
    struct chain b = chain_start(seed, 4, 4, 1);
    chain_product(&b, 40, 0, 0, 0, CHAIN_NONE);
    chain_decide(&b, CHAIN_NONE, 1, 0);
    chain_product(&b, 5, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    return chain_finish(&b);
}

static int passes_differ(const struct answer *a)
{
    size_t row = a->images * a->classes;
    for (size_t t = 1; t < a->passes; t++)
        if (memcmp(a->logits, a->logits + t * row, row * sizeof *a->logits) != 0)
            return 1;
    return 0;
}

static void reuse_shares_noise(void **state)
{
    (void)state;
    struct sps_packed *m = two_layers(1);
    struct pictures s = make_pictures(m, 1);
    static const char *const reuses[] = {"reuse=none", "reuse=first", "reuse=paths"};
    for (int k = 0; k < 3; k++) {
        sps_chip *chip = CHIP("scaledrop", "adc.bits=7", "adc.noise=3", reuses[k]);
        struct answer a = ask_chip(chip, m, SPS_CHIP_QUANTISED, 1, 1, &s, 6);
        assert_int_equal(passes_differ(&a), k < 2);
        answer_free(&a);
        sps_chip_close(chip);
    }
    sps_free(s.pixels);
    sps_packed_close(m);
}

/* Scale-Dropout Table I: one input and one weight, both +-1; equal signs meet the parallel junction of the pair. */
static void truth_table_of_the_cell(void **state)
{
    (void)state;
    for (int single = 0; single < 2; single++)
        for (int pixel = 0; pixel < 2; pixel++)
            for (int weight = 0; weight < 2; weight++) {
                struct chain b = chain_start(1, 1, 1, 1);
                ((int8_t *)(uintptr_t)b.m->codes)[0] = -1;
                ((int8_t *)(uintptr_t)b.m->codes)[1] = 1;
                chain_product(&b, 1, 0, 0, 0, CHAIN_NONE);
                ((uint32_t *)(uintptr_t)b.m->ops[0].weight_bits)[0] = 1;
                chain_decide(&b, CHAIN_NONE, 1, 0);
                ((int32_t *)(uintptr_t)b.m->ops[1].threshold)[0] = 0;
                ((uint32_t *)(uintptr_t)b.m->ops[1].flip)[0] = 0;
                chain_product(&b, 1, 0, 0, 0, CHAIN_NONE);
                ((uint32_t *)(uintptr_t)b.m->ops[2].weight_bits)[0] = (uint32_t)weight;
                chain_score(&b, CHAIN_NONE, 1, 0);
                float *t = (float *)(uintptr_t)b.m->ops[3].affine; /* the score is the product itself */
                for (int i = 0; i < SPS_AFFINE_ROWS; i++)
                    t[i] = i == 0 || i == 3 || i == 4;
                struct sps_packed *m = chain_finish(&b);
                const uint8_t image = (uint8_t)pixel, *at[IMAGES] = {&image, &image, &image};
                struct pictures s = {NULL, {at[0], at[1], at[2]}};
                sps_chip *chip = CHIP("scaledrop", single ? "array.cell=single" : "array.cell=complementary",
                                      "array.columns=2", "adc.share=1");
                struct answer a = ask_chip(chip, m, SPS_CHIP_QUANTISED, 1, 1, &s, 1);
                NEAR(a.logits[0], pixel == weight ? 1 : -1, 0);
                answer_free(&a);
                sps_chip_close(chip);
                sps_packed_close(m);
            }
}

/* ---- wires against the full solve ---- */

struct bias_cells {
    const struct sps_device *device;
    const uint8_t *states;
};

static double conductance_at(void *user, size_t cell, double volts)
{
    const struct bias_cells *c = user;
    double ohm = 0;
    OK(sps_device_resistance_at(&ohm, c->device, (enum sps_mtj_state)c->states[cell], volts));
    return 1 / ohm;
}

/* The folded matrix is the crossbar of junctions fixed at the read voltage.  Against a full solve whose junctions
 * follow the voltage that wires leave to each, currents of a 64 x 33 array (1 Mohm, 1 and 3 ohm a segment) were 2.5e-5
 * of a junction's contrast off for each driven line. */
static void folding_against_the_full_solve(void **state)
{
    (void)state;
    enum { M = 64, N = 33 };
    sps_chip *chip = CHIP("scaledrop", "device.r_p=1 Mohm");
    const struct sps_device *device = chip->device;
    struct sps_conductance nominal;
    uint8_t states[M * N];
    static double g[M * N], folded[M * N];
    double volts[M], full[N], worst = 0;
    struct sps_random r = test_random(5);
    OK(sps_conductance_nominal(&nominal, device));
    for (size_t i = 0; i < M * N; i++)
        states[i] = (uint8_t)sps_random_below(&r, 2);
    for (size_t i = 0; i < M; i++) /* one of each pair is driven */
        volts[i] = (i % 2 == 0) == (sps_random_below(&r, 2) == 0) ? device->params.read_voltage : 0;
    sps_junctions_fill(g, states, M, N, device, &nominal, 0, 0, 0, 0);
    const struct sps_crossbar_options options = {.r_word_line = chip->p.word_line, .r_bit_line = chip->p.bit_line};
    sps_crossbar *crossbar = NULL;
    OK(sps_crossbar_create(&crossbar, g, M, N, &options));
    OK(sps_crossbar_fold(crossbar, folded));
    struct bias_cells cells = {device, states};
    OK(sps_crossbar_solve_nonlinear(crossbar, full, NULL, NULL, volts, conductance_at, &cells));
    double unit = device->params.read_voltage * (nominal.of[SPS_PARALLEL] - nominal.of[SPS_ANTIPARALLEL]), driven = 0;
    for (size_t i = 0; i < M; i++)
        driven += volts[i] != 0;
    for (size_t j = 0; j < N; j++) {
        double sum = 0;
        for (size_t i = 0; i < M; i++)
            sum += volts[i] * folded[i * N + j];
        worst = fmax(worst, fabs(sum - full[j]) / unit / driven);
    }
    NEAR(worst, 0, 1e-4);
    sps_crossbar_free(crossbar);
    sps_chip_close(chip);
}

/* ---- counts and costs ---- */

static struct sps_chip_cost *cost_of(const sps_chip *chip, const struct sps_packed *m, uint32_t samples, int paper)
{
    struct sps_chip_cost *cost = NULL;
    OK(sps_chip_cost(&cost, chip, m, samples, paper ? SPS_CHIP_PAPER : SPS_CHIP_FULL));
    return cost;
}

/* 9 x 9 pixels, 5 x 5 kernels, 6 channels: 25 positions of 25 inputs.  Then 150 inputs, 20 outputs; then 20 and 3.
 * Arrays of 128 x 16 with pairs: 64 inputs and 16 channels each.
 *   convolution: 1 array, 25 activations, 150 conversions (8 times as many with 8 bits an input)
 *   150 -> 20:   3 row tiles, 2 column tiles: 6 arrays, 6 activations, 60 conversions, 40 additions
 *   20 -> 3:     1 array, 1 activation, 3 conversions */
static struct sps_packed *counted(void)
{
    struct chain b = chain_start(1, 9, 9, 1);
    chain_product(&b, 6, 5, 1, 0, CHAIN_NONE);
    chain_decide(&b, SPS_NOISE_bank, 2, 0);
    chain_product(&b, 20, 0, 0, 0, CHAIN_NONE);
    chain_decide(&b, SPS_NOISE_bank, 3, 0);
    chain_product(&b, 3, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    return chain_finish(&b);
}

static void counts_on_paper(void **state)
{
    (void)state;
    struct sps_packed *m = counted();
    sps_chip *chip = CHIP("scaledrop", "array.columns=16");
    struct sps_chip_cost *paper = cost_of(chip, m, 10, 1), *full = cost_of(chip, m, 10, 0);
    assert_int_equal(paper->counts.arrays, 8);
    assert_int_equal(paper->counts.activations, 32);
    assert_int_equal(paper->counts.conversions, 213);
    assert_int_equal(paper->counts.additions, 40);
    assert_int_equal(full->counts.arrays, 8);
    assert_int_equal(full->counts.activations, 207);
    assert_int_equal(full->counts.conversions, 1263);
    assert_int_equal(full->counts.additions, 1263 - 150 - 20 - 3);
    assert_int_equal(full->counts.macs, 25 * 25 * 6 + 150 * 20 + 20 * 3);
    assert_int_equal(full->counts.units, 1);
    NEAR(full->counts.random_bits, 1 + 2 * 4.0 / 3, 1e-12); /* one of three: two bits, one of four thrown away */
    assert_int_equal(full->layer[1].counts.lines, 150 * 2);
    assert_int_equal(full->layer[1].counts.cells, 150 * (20 + 2));
    assert_int_equal(full->layer[1].counts.devices, 300 * (20 + 2));
    sps_chip_cost_free(paper);
    sps_chip_cost_free(full);
    sps_chip_close(chip);
    /* Tap by tap: 25 arrays of one input each, in front of the others. */
    chip = CHIP("scaledrop", "array.columns=16", "array.mapping=kernels");
    paper = cost_of(chip, m, 10, 1);
    assert_int_equal(paper->counts.arrays, 25 + 7);
    assert_int_equal(paper->counts.conversions, 25 * 150 + 63);
    sps_chip_cost_free(paper);
    sps_chip_close(chip);
    /* Single junctions: 128 inputs and 15 channels an array.  4-bit scales need two cells of five levels: crossbars of
     * 12, 40 and 6 columns, 1, 3 and 1 of them. */
    chip = CHIP("subset", "array.columns=16");
    paper = cost_of(chip, m, 10, 1);
    assert_int_equal(paper->counts.arrays, 1 + 2 * 2 + 1);
    assert_int_equal(paper->counts.scale_arrays, 1 + 3 + 1);
    assert_int_equal(paper->counts.units, 2);
    assert_int_equal(paper->counts.multiplications, 25 * 6 + 20 + 3);
    sps_chip_cost_free(paper);
    sps_chip_close(chip);
    sps_packed_close(m);
}

/* 8 x 8 pixels; 3 x 3 kernels with a border; pairs on 128 x 128: every layer is one array, but for the last.
 *   stem:   4 channels, reals: 256 normalised; kept in a buffer, 256 signs go on
 *   block:  4 channels: 256 normalised, 256 shortcuts added, clipped (2 comparisons each), kept; 256 signs
 *   narrow: 6 channels at 4 x 4: 96 normalised, 64 of them get a shortcut; 2 x 2 means of 96 numbers take 72 additions
 */
static void skip_buffers_on_paper(void **state)
{
    (void)state;
    struct chain b = chain_start(1, 8, 8, 1);
    chain_product(&b, 4, 3, 1, 1, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 2, 0); /* value 2 */
    chain_activation(&b, SPS_OP_sign);
    chain_product(&b, 4, 3, 1, 1, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 2, 0);
    chain_add(&b, 2);
    chain_activation(&b, SPS_OP_hard_tanh); /* value 7 */
    chain_activation(&b, SPS_OP_sign);
    chain_product(&b, 6, 3, 2, 1, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 2, 0);
    chain_add(&b, 7);
    chain_op(&b, SPS_OP_pool)->window = 2;
    b.m->ops[b.m->op_count - 1].average = 1;
    chain_check(&b);
    chain_activation(&b, SPS_OP_sign);
    chain_product(&b, 3, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    struct sps_packed *m = chain_finish(&b);
    sps_chip *chip = CHIP("scaledrop", "scale.bits=16"), *wide = CHIP("scaledrop", "scale.bits=16", "skip.bits=32");
    struct sps_chip_cost *cost = cost_of(chip, m, 10, 0), *more = cost_of(wide, m, 10, 0),
                         *paper = cost_of(chip, m, 10, 1);
    static const struct {
        uint64_t normalisations, shortcuts, comparisons, skip_reads, skip_writes, memory_writes, scale_reads;
    } layers[] = {{256, 0, 256, 0, 128, 8, 4},
                  {256, 256, 3 * 256, 128, 128, 8, 4},
                  {96, 64 + 72, 24, 32, 0, 1, 6},
                  {0, 0, 3, 0, 0, 3, 2}};
    for (int i = 0; i < 4; i++) {
        const struct sps_chip_counts *c = &cost->layer[i].counts;
        const uint64_t counted_here[] = {c->normalisations, c->shortcuts,     c->comparisons, c->skip_reads,
                                         c->skip_writes,    c->memory_writes, c->scale_reads};
        assert_memory_equal(counted_here, &layers[i], sizeof layers[i]);
    }
    assert_int_equal(cost->counts.skip_bits, 2 * 256 * 16);
    assert_int_equal(more->counts.skip_bits, 2 * 256 * 32);
    assert_int_equal(more->counts.skip_reads, 2 * 160);
    assert_true(more->energy.typical > cost->energy.typical && more->area.typical > cost->area.typical);
    for (int i = 0; i < cost->item_count; i++)
        if (strcmp(cost->item[i].name, "skip buffers") == 0) {
            NEAR(cost->item[i].count, 10 * (256 + 160), 0);
            NEAR(paper->item[i].count, 0, 0);
        }
    sps_chip_cost_free(cost);
    sps_chip_cost_free(more);
    sps_chip_cost_free(paper);
    sps_chip_close(chip);
    sps_chip_close(wide);
    sps_packed_close(m);
}

/* 8 x 8 x 4 levels of 4 bits take 32 words of a buffer, and are applied bit by bit: 4 activations a position. */
static void levels_on_paper(void **state)
{
    (void)state;
    struct chain b = chain_start(1, 8, 8, 1);
    chain_product(&b, 4, 3, 1, 1, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 2, 0);
    chain_quantise(&b, 4);
    chain_product(&b, 3, 8, 1, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    struct sps_packed *m = chain_finish(&b);
    sps_chip *chip = CHIP("scaledrop", "array.rows=512");
    struct sps_chip_cost *cost = cost_of(chip, m, 1, 0);
    assert_int_equal(cost->layer[0].counts.memory_writes, 32);
    assert_int_equal(cost->layer[0].counts.normalisations, 2 * 256);
    assert_int_equal(cost->layer[1].counts.arrays, 1);
    assert_int_equal(cost->layer[1].counts.activations, 4);
    sps_chip_cost_free(cost);
    sps_chip_close(chip);
    sps_packed_close(m);
}

/* What waits in a buffer is rounded there, and nothing else: with all of its bits the chip is ideal. */
static void skip_buffers_round(void **state)
{
    (void)state;
    int differ = 0;
    for (uint32_t seed = 0; seed < 10; seed++) {
        struct sps_packed *m = random_residual(seed, 0, 0, 0);
        struct pictures s = make_pictures(m, seed);
        sps_chip *whole = CHIP("scaledrop", "adc.bits=8", "skip.bits=32"),
                 *short_of = CHIP("scaledrop", "adc.bits=8", "skip.bits=10");
        struct answer engine = ask_engine(m, &s, 3), same = ask_chip(whole, m, SPS_CHIP_QUANTISED, 2, 1, &s, 3),
                      ideal = ask_chip(short_of, m, SPS_CHIP_IDEAL, 1, 1, &s, 3),
                      rounded = ask_chip(short_of, m, SPS_CHIP_QUANTISED, 1, 1, &s, 3);
        same_answers(&engine, &same);
        same_answers(&engine, &ideal);
        differ += !are_same(&engine, &rounded);
        answer_free(&engine);
        answer_free(&same);
        answer_free(&ideal);
        answer_free(&rounded);
        sps_chip_close(whole);
        sps_chip_close(short_of);
        sps_free(s.pixels);
        sps_packed_close(m);
    }
    assert_true(differ > 3);
}

/* Cells hold bits. */
static void float_weights_are_refused(void **state)
{
    (void)state;
    struct chain b = chain_start(1, 4, 4, 1);
    chain_product(&b, 4, 3, 1, 1, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 2, 0);
    chain_float_product(&b, 3, 0, 0, 0);
    struct sps_packed *m = chain_finish(&b);
    sps_chip *chip = CHIP("scaledrop");
    struct sps_chip_cost *cost = NULL;
    sps_chip_instance *instance = NULL;
    size_t bytes = 0;
    static const char words[] = "layer 'float_dense.2' has float weights: the chip's cells hold bits";
    FAILS(sps_chip_cost(&cost, chip, m, 1, SPS_CHIP_FULL), EUNSUPPORTED, words);
    FAILS(sps_chip_instance_create(&instance, chip, m, &(struct sps_chip_instance_options){0}), EUNSUPPORTED, words);
    FAILS(sps_chip_instance_size(&bytes, chip, m), EUNSUPPORTED, words);
    sps_chip_close(chip);
    sps_packed_close(m);
}

static double items_of(const struct sps_chip_cost *cost)
{
    double sum = 0;
    for (int i = 0; i < cost->item_count; i++)
        sum += cost->item[i].energy.typical;
    return sum;
}

/* Energy is the sum of its items and at least that of its layers; the band holds the typical figure; more passes and
 * more bits of a converter cost more; the papers' account is part of the full one. */
static void energy_adds_up(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 12; seed++) {
        struct sps_packed *m = seed < 9 ? random_chain(seed, 0, 0) : random_residual(seed, 0, 0, 0);
        double before = 0, layers = 0;
        for (int bits = 1; bits <= 8; bits++) {
            char set[32];
            snprintf(set, sizeof set, "adc.bits=%d", bits);
            sps_chip *chip = CHIP(seed % 2 ? "subset" : "scaledrop", set);
            struct sps_chip_cost *one = cost_of(chip, m, 1, 0), *ten = cost_of(chip, m, 10, 0),
                                 *paper = cost_of(chip, m, 10, 1);
            NEAR(items_of(ten) / ten->energy.typical, 1, 1e-12);
            assert_true(ten->energy.low <= ten->energy.typical && ten->energy.typical <= ten->energy.high);
            assert_true(one->energy.typical < ten->energy.typical && one->latency < ten->latency);
            assert_true(paper->energy.typical < ten->energy.typical);
            assert_true(before < ten->energy.typical);
            before = ten->energy.typical;
            layers = 0;
            for (int i = 0; i < ten->layer_count; i++)
                layers += ten->layer[i].energy.typical;
            assert_true(layers < ten->energy.typical);
            sps_chip_cost_free(one);
            sps_chip_cost_free(ten);
            sps_chip_cost_free(paper);
            sps_chip_close(chip);
        }
        sps_packed_close(m);
    }
}

/* One bit a layer with p = {1/2, 1/2}: T = 2 paths begin alike with probability 1/2, so 1.5 different first picks; of
 * four pairs of picks 2 - 1/4. */
static void prefixes_on_paper(void **state)
{
    (void)state;
    struct chain b = chain_start(2, 2, 2, 1);
    for (int i = 0; i < 2; i++) {
        chain_product(&b, 4, 0, 0, 0, CHAIN_NONE);
        chain_decide(&b, SPS_NOISE_bank, 2, 0);
        double *p = chain_room(&b, 2, sizeof *p);
        p[0] = p[1] = 0.5;
        b.m->noises[i].probability = p;
    }
    chain_product(&b, 2, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, CHAIN_NONE, 1, 0);
    struct sps_packed *m = chain_finish(&b);
    NEAR(sps_expected_prefixes(m, 0, 2), 1, 0);
    NEAR(sps_expected_prefixes(m, 1, 2), 1.5, 1e-12);
    NEAR(sps_expected_prefixes(m, 2, 2), 1.75, 1e-12);
    NEAR(sps_expected_prefixes(m, 2, 1), 1, 1e-12);
    sps_chip *none = CHIP("scaledrop", "reuse=none"), *first = CHIP("scaledrop", "reuse=first"),
             *paths = CHIP("scaledrop", "reuse=paths");
    struct sps_chip_cost *a = cost_of(none, m, 2, 0), *c = cost_of(first, m, 2, 0), *d = cost_of(paths, m, 2, 0);
    NEAR(a->layer[0].sums, 2, 0);
    NEAR(c->layer[0].sums, 1, 0);
    NEAR(c->layer[1].sums, 2, 0);
    NEAR(d->layer[1].sums, 1.5, 1e-12);
    NEAR(d->layer[2].sums, 1.75, 1e-12);
    assert_true(d->energy.typical < c->energy.typical && c->energy.typical < a->energy.typical);
    sps_chip_cost_free(a);
    sps_chip_cost_free(c);
    sps_chip_cost_free(d);
    sps_chip_close(none);
    sps_chip_close(first);
    sps_chip_close(paths);
    sps_packed_close(m);
}

/* ---- what is refused ---- */

static void table_is_sound(void **state)
{
    (void)state;
    struct sps_chip_params chip;
    struct sps_device_params device;
    const struct sps_binding bindings[] = {{sps_chip_params, &chip}, {sps_device_params, &device}};
    OK(sps_params_check(bindings, 2));
}

static void refuse(const char *yaml_text, sps_status status, const char *words)
{
    sps_yaml *yaml = NULL;
    sps_chip *chip = NULL;
    OK(sps_yaml_parse(&yaml, "c.yaml", yaml_text, strlen(yaml_text)));
    assert_int_equal(sps_chip_read(&chip, "c.yaml", yaml, NULL, 0), status);
    if (strstr(sps_last_error(), words) == NULL)
        fail_msg("message '%s' lacks '%s'", sps_last_error(), words);
    sps_yaml_free(yaml);
}

static void bad_chips_are_refused(void **state)
{
    (void)state;
    sps_chip *chip = NULL;
    refuse("adc: {bits: 99}\n", SPS_EFORMAT, "c.yaml:1:");
    refuse("adc: {bit: 5}\n", SPS_EFORMAT, "adc.bits");
    refuse("array: {word_line: 3 V}\n", SPS_EFORMAT, "c.yaml:1:");
    refuse("adc: {kind: sense, bits: 4}\n", SPS_EINVAL, "must be 1: adc.kind is sense");
    refuse("array: {columns: 1, cell: single}\nadc: {share: 1}\n", SPS_EINVAL, "reference column");
    refuse("array: {columns: 4}\n", SPS_EINVAL, "adc.share is 8, must be at most array.columns, 4");
    refuse("device: {name: nothing}\n", SPS_EINVAL, "unknown preset 'nothing' in devices");
    refuse("device: {stuck_p: 0.7, stuck_ap: 0.7}\n", SPS_EINVAL, "stuck");
    FAILS(sps_chip_open(&chip, "nothing", NULL, 0), EINVAL, "scaledrop");
    FAILS(sps_chip_open(&chip, "./nothing.yaml", NULL, 0), ENOTFOUND, "nothing.yaml");
    /* Masks of dropped inputs have no place on these chips. */
    struct chain b = chain_start(1, 2, 2, 1);
    chain_product(&b, 4, 0, 0, 0, SPS_NOISE_neuron);
    chain_score(&b, CHAIN_NONE, 1, 0);
    struct sps_packed *m = chain_finish(&b);
    sps_chip_instance *instance = NULL;
    chip = CHIP("scaledrop", "adc.bits=5");
    FAILS(sps_chip_instance_create(&instance, chip, m, &(struct sps_chip_instance_options){.threads = 1}), EUNSUPPORTED,
          "drops inputs or weights");
    sps_chip_close(chip);
    sps_packed_close(m);
}

static void text_reads_back(void **state)
{
    (void)state;
    sps_chip *chip = CHIP("subset", "adc.bits=3", "device.sigma_r=0.07", "device.name=vgsot"), *again = NULL;
    sps_yaml *yaml = NULL;
    OK(sps_yaml_parse(&yaml, "text", sps_chip_text(chip), strlen(sps_chip_text(chip))));
    OK(sps_chip_read(&again, "text", yaml, NULL, 0));
    assert_string_equal(sps_chip_text(chip), sps_chip_text(again));
    assert_non_null(strstr(sps_chip_text(chip), "sigma_r: 0.07"));
    sps_yaml_free(yaml);
    sps_chip_close(chip);
    sps_chip_close(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ideal_equals_engine),     cmocka_unit_test(enough_bits_are_ideal),
        cmocka_unit_test(imperfections_show),      cmocka_unit_test(leakage_of_idle_lines),
        cmocka_unit_test(padding_leaks),           cmocka_unit_test(even_leakage_costs_only),
        cmocka_unit_test(noise_of_scale_cells),    cmocka_unit_test(chips_are_seeded),
        cmocka_unit_test(chips_side_by_side),      cmocka_unit_test(failing_chips_say_why),
        cmocka_unit_test(extrapolation_is_said),   cmocka_unit_test(reuse_shares_noise),
        cmocka_unit_test(truth_table_of_the_cell), cmocka_unit_test(folding_against_the_full_solve),
        cmocka_unit_test(counts_on_paper),         cmocka_unit_test(energy_adds_up),
        cmocka_unit_test(skip_buffers_on_paper),   cmocka_unit_test(skip_buffers_round),
        cmocka_unit_test(levels_on_paper),         cmocka_unit_test(float_weights_are_refused),
        cmocka_unit_test(prefixes_on_paper),       cmocka_unit_test(table_is_sound),
        cmocka_unit_test(bad_chips_are_refused),   cmocka_unit_test(text_reads_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
