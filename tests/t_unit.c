/* SPDX-License-Identifier: MIT */
/* The stochastic unit: bits, spread of its probability, selection from bits, the sampler, energy and lifetime.
 * Statistical tests have fixed seeds; their bounds are 4 standard errors unless they say otherwise. */
#include "test.h"

#include "cim/device/mtj.h"
#include "cim/device/select.h"
#include "cim/device/unit.h"
#include "cim/device/usage.h"
#include "cim/device/variation.h"

static sps_device *open_with(const char *const *sets, size_t count)
{
    sps_device *device = NULL;
    OK(sps_device_open(&device, "default", sets, count));
    return device;
}
#define OPEN(...)                                                                                                      \
    open_with((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

enum { BITS = 40000 };

static void count_bits(const struct sps_unit *unit, double p, double *mean, double *correlation)
{
    static uint8_t bits[BITS];
    double ones = 0, pairs = 0;
    OK(sps_unit_bits(bits, unit, p, 0, BITS));
    for (int i = 0; i < BITS; i++) {
        ones += bits[i];
        pairs += i > 0 && bits[i] && bits[i - 1];
    }
    *mean = ones / BITS;
    *correlation = (pairs / (BITS - 1) - *mean * *mean) / (*mean * (1 - *mean));
}

/* An ideal unit gives p, without correlation: standard errors sqrt(p (1 - p) / n) and 1 / sqrt(n). */
static void ideal_bits(void **state)
{
    (void)state;
    sps_device *device = OPEN("device.extrapolate=false");
    struct sps_unit unit = sps_unit_init(device, 7, 3);
    double mean = 0, correlation = 0;
    for (double p = 0.1; p < 1; p += 0.2) {
        count_bits(&unit, p, &mean, &correlation);
        NEAR(mean, p, 4 * sqrt(p * (1 - p) / BITS));
        NEAR(correlation, 0, 4 / sqrt(BITS));
    }
    uint8_t bits[64];
    OK(sps_unit_bits(bits, &unit, 0, 0, 64));
    for (int i = 0; i < 64; i++)
        assert_int_equal(bits[i], 0);
    OK(sps_unit_bits(bits, &unit, 1, 0, 64));
    for (int i = 0; i < 64; i++)
        assert_int_equal(bits[i], 1);
    sps_device_close(device);
}

/* Mean p / (1 - (1 - p) f) and correlation (1 - p) f; the standard error grows by sqrt((1 + c) / (1 - c)). */
static void incomplete_reset(void **state)
{
    (void)state;
    sps_device *device = OPEN("device.unit.reset_failure=0.4");
    struct sps_unit unit = sps_unit_init(device, 11, 0);
    double mean = 0, correlation = 0;
    count_bits(&unit, 0.3, &mean, &correlation);
    NEAR(sps_unit_mean(0.3, 0.4), 0.3 / 0.72, 1e-15);
    NEAR(sps_unit_correlation(0.3, 0.4), 0.28, 1e-15);
    NEAR(mean, 0.3 / 0.72, 4 * sqrt(0.25 / BITS * 1.28 / 0.72));
    NEAR(correlation, 0.28, 4 / sqrt(BITS));
    sps_device_close(device);
}

/* A bit is a function of its number: any piece is what it is in the whole, also behind failed RESETs. */
static void bits_in_pieces(void **state)
{
    (void)state;
    sps_device *device = OPEN("device.unit.reset_failure=0.9", "device.unit.drift=100", "device.unit.sigma_p=0.05");
    struct sps_unit unit = sps_unit_init(device, 5, 1);
    uint8_t all[500], piece[7];
    OK(sps_unit_bits(all, &unit, 0.2, 0, 500));
    for (uint64_t first = 0; first + 7 <= 500; first += 13) {
        OK(sps_unit_bits(piece, &unit, 0.2, first, 7));
        assert_memory_equal(piece, all + first, 7);
    }
    sps_device_close(device);
}

/* A warmer chip at the same current (cim-refs 4, computed there: P(300 K) = 0.5 is 0.601 at 350 K), and a drifting
 * critical current. */
static void temperature_and_drift(void **state)
{
    (void)state;
    sps_device *device = OPEN("device.temperature=350 K");
    struct sps_unit unit = sps_unit_nominal(device);
    double current;
    int extrapolated = 1;
    OK(sps_unit_current(&current, &extrapolated, &unit, 0.5));
    assert_false(extrapolated);
    double cold = 45 * (1 - current / 1e-4), x = 10 * exp(-cold * 300 / 350);
    NEAR(sps_unit_switching(&unit, 0.5, current, 0).p, -expm1(-x), 1e-12);
    assert_true(sps_unit_switching(&unit, 0.5, current, 0).p > 0.55);
    sps_device_close(device);

    device = OPEN("device.unit.drift=0.01", "device.set_time=5 ns"); /* 1 % in 1e9 bits */
    unit = sps_unit_nominal(device);
    OK(sps_unit_current(&current, &extrapolated, &unit, 0.5));
    struct sps_switching_law law = sps_device_law(device);
    law.ic0 *= 1.01;
    NEAR(sps_unit_switching(&unit, 0.5, current, 1e9).p, sps_switching(&law, current, 5e-9).p, 1e-15);
    NEAR(sps_unit_switching(&unit, 0.5, current, 0).p, 0.5, 1e-13);
    unit.delta = 1.02; /* and of a more stable device */
    law = sps_device_law(device);
    law.delta300 = 45 * 1.02;
    NEAR(sps_unit_switching(&unit, 0.5, current, 0).p, sps_switching(&law, current, 5e-9).p, 1e-15);
    sps_device_close(device);
}

/* cim-refs 4, computed there for Delta = 45: sigma(Ic) of 0.3 % is a sigma of p of 0.045, 1 % 0.142, 5 % 0.372 with a
 * third of the units near 0 or 1.  20,000 units give a standard deviation to 0.5 %; those figures have three digits and
 * another pulse, so 3 %. */
static void spread_of_critical_current(void **state)
{
    (void)state;
    static const struct {
        const char *sigma;
        double deviation;
    } rows[] = {{"device.sigma_ic=0.003", 0.045}, {"device.sigma_ic=0.01", 0.142}, {"device.sigma_ic=0.05", 0.372}};
    struct sps_unit_spread spread;
    for (int i = 0; i < 3; i++) {
        sps_device *device = OPEN("device.set_time=5 ns", rows[i].sigma);
        OK(sps_unit_spread(&spread, device, 0.5, 1, 20000));
        NEAR(spread.deviation / rows[i].deviation, 1, 0.03);
        NEAR(spread.quantile[2], 0.5, 0.02);
        sps_device_close(device);
    }
    NEAR(spread.stuck, 1.0 / 3, 0.04);
    NEAR(spread.outside, 0.19, 0.015); /* Ic below 0.956 of the nominal one: Phi(-0.044 / 0.05) */
    /* Each unit calibrated on its own: nothing is left but the error of that, 0.3 % of current like 0.3 % of Ic. */
    sps_device *device = OPEN("device.set_time=5 ns", "device.sigma_ic=0.05", "device.unit.calibration=each");
    OK(sps_unit_spread(&spread, device, 0.5, 1, 1000));
    NEAR(spread.deviation, 0, 1e-12);
    sps_device_close(device);
    device = OPEN("device.set_time=5 ns", "device.sigma_ic=0.05", "device.unit.calibration=each",
                  "device.unit.calibration_error=0.003");
    OK(sps_unit_spread(&spread, device, 0.5, 1, 20000));
    NEAR(spread.deviation / 0.045, 1, 0.05);
    sps_device_close(device);
}

/* Eq. 24: p' ~ N(p, sigma^2), clipped.  A clipped N(0.1, 0.2^2) has P(p' = 0) = Phi(-1/2) = 0.309. */
static void spread_of_probability(void **state)
{
    (void)state;
    struct sps_unit_spread spread;
    sps_device *device = OPEN("device.unit.sigma_p=0.1");
    OK(sps_unit_spread(&spread, device, 0.5, 3, 20000));
    NEAR(spread.mean, 0.5, 4 * 0.1 / sqrt(20000));
    NEAR(spread.deviation, 0.1, 4 * 0.1 / sqrt(40000));
    NEAR(spread.quantile[0], 0.5 - 1.645 * 0.1, 0.006); /* standard error 0.0015 */
    sps_device_close(device);
    device = OPEN("device.unit.sigma_p=0.2");
    OK(sps_unit_spread(&spread, device, 0.1, 3, 20000));
    NEAR(spread.quantile[0], 0, 0);
    assert_true(spread.quantile[1] == 0 && spread.quantile[2] > 0.09);
    OK(sps_unit_spread(&spread, device, 0, 3, 100)); /* no pulse, no luck */
    NEAR(spread.deviation, 0, 0);
    FAILS(sps_unit_spread(&spread, device, 0.1, 3, 0), EINVAL, "0 units, must be");
    sps_device_close(device);
}

static int dropped(const sps_mtj *mtj, uint32_t image, uint32_t passes)
{
    int count = 0;
    for (uint32_t t = 0; t < passes; t++) {
        uint8_t pick = 9;
        sps_mtj_draw(mtj, &pick, image, t);
        count += pick;
    }
    return count;
}

/* Eq. 24 read literally, p' anew in each pass, is void: the count of drops in 20 passes is Binomial(20, E p'), with
 * variance 20 / 4 = 5, as without any spread.  Kept for a chip's life, it is
 * T m (1 - m) + T (T - 1) sigma^2 = 5 + 380 * 0.0225 = 13.55.  2,000 chips: variances to 3.2 %, 4 times. */
static void redraw_is_void(void **state)
{
    (void)state;
    static const char *const redraw[] = {"device.unit.redraw=false", "device.unit.redraw=true"};
    static const double want[] = {13.55, 5};
    static const double half[] = {0.5, 0.5};
    const struct sps_path_bank bank = {half, 2, 1, 0};
    for (int k = 0; k < 2; k++) {
        sps_device *device = OPEN("device.unit.sigma_p=0.15", redraw[k]);
        double sum = 0, squares = 0;
        for (uint32_t chip = 0; chip < 2000; chip++) {
            struct sps_mtj_options options = {sps_chip_seed(1, chip), 20, SPS_UNIT_PER_NETWORK};
            sps_mtj *mtj = NULL;
            OK(sps_mtj_create(&mtj, device, &bank, 1, &options));
            double count = dropped(mtj, 0, 20);
            sum += count, squares += count * count;
            sps_mtj_free(mtj);
        }
        double mean = sum / 2000, variance = squares / 2000 - mean * mean;
        NEAR(mean, 10, 4 * sqrt(want[k] / 2000));
        NEAR(variance / want[k], 1, 4 * 0.032);
        sps_device_close(device);
    }
}

/* --- Selection --- */

static void selection_by_hand(void **state)
{
    (void)state;
    double d[256], bits;
    const int n[] = {1, 2, 3, 4, 5, 8, 9, 256}, want[] = {0, 1, 2, 2, 3, 3, 4, 8};
    for (int i = 0; i < 8; i++)
        assert_int_equal(sps_select_bits(n[i]), want[i]);
    /* Fair bits: 1 / n each.  n = 5: 3 bits, accepted in 5 of 8 tries, 24 / 5 bits. */
    sps_select_uniform_distribution(d, &bits, 5, 0.5);
    for (int i = 0; i < 5; i++)
        NEAR(d[i], 0.2, 1e-15);
    NEAR(bits, 4.8, 1e-12);
    /* p = 0.6, n = 3: numbers 00 01 10 have 0.16 0.24 0.24, of 0.64; 2 / 0.64 bits. */
    sps_select_uniform_distribution(d, &bits, 3, 0.6);
    NEAR(d[0], 0.25, 1e-15);
    NEAR(d[1], 0.375, 1e-15);
    NEAR(d[2], 0.375, 1e-15);
    NEAR(bits, 3.125, 1e-12);
    /* A stuck unit: always 11, 64 tries in vain, then 3 - 3 = 0. */
    sps_select_uniform_distribution(d, &bits, 3, 1);
    NEAR(d[0], 1, 0);
    NEAR(d[1] + d[2], 0, 0);
    NEAR(bits, 128, 0);
    sps_select_uniform_distribution(d, &bits, 1, 0.3);
    NEAR(d[0], 1, 0);
    NEAR(bits, 0, 0);

    /* {0.5, 0.2, 0.3}: the first cut parts 1 and 2 from 0 with 0.5, the second 2 from 1 with 0.6; 1.5 bits. */
    static const double p[] = {0.5, 0.2, 0.3};
    double share[3];
    sps_select_shares(share, p, 3);
    NEAR(share[1], 0.5, 1e-15);
    NEAR(share[2], 0.6, 1e-15);
    sps_select_shares_distribution(d, &bits, share, 3);
    for (int i = 0; i < 3; i++)
        NEAR(d[i], p[i], 1e-15);
    NEAR(bits, 1.5, 1e-15);
    static const double keep[] = {0.8, 0.2};
    sps_select_shares(share, keep, 2);
    NEAR(share[1], 0.2, 1e-15); /* one bit, 1 drops */
    assert_true(sps_select_is_uniform((const double[]){0.5, 0.5}, 2) && !sps_select_is_uniform(keep, 2));
}

/* Any distribution comes out of its own cuts, and any bias leaves one that adds up to 1. */
static void selection_in_general(void **state)
{
    (void)state;
    for (int n = 1; n <= 40; n++) {
        double p[40], share[40], d[40], bits = 0, all = 0, sum = 0;
        struct sps_random r = sps_random(1, SPS_FOR_TEST, (uint32_t)n, 0, 0);
        for (int i = 0; i < n; i++)
            all += p[i] = sps_random_below(&r, 4) ? sps_random_uniform(&r) : 0;
        for (int i = 0; i < n; i++)
            p[i] = all > 0 ? p[i] / all : i == 0;
        sps_select_shares(share, p, n);
        sps_select_shares_distribution(d, &bits, share, n);
        for (int i = 0; i < n; i++)
            NEAR(d[i], p[i], 1e-14);
        assert_true(bits <= sps_select_bits(n) + 1e-12);
        for (double bias = 0; bias <= 1; bias += 0.125) {
            sps_select_uniform_distribution(d, &bits, n, bias);
            sum = 0;
            for (int i = 0; i < n; i++)
                sum += d[i];
            NEAR(sum, 1, 1e-13);
        }
    }
}

/* --- The sampler --- */

static const double bank_drop[] = {0.75, 0.25}, bank_five[] = {0.2, 0.2, 0.2, 0.2, 0.2}, bank_three[] = {0.5, 0.2, 0.3},
                    bank_one[] = {1};
static const struct sps_path_bank banks[] = {
    {bank_drop, 2, 1, 0}, {bank_five, 5, 1, 1}, {bank_one, 1, 1, 2}, {bank_drop, 2, 6, 3}, {bank_three, 3, 1, 4}};
enum { BANKS = 5, PICKS = 10, PASSES = 20, IMAGES = 500 };

/* Counts of every pick against the exact distribution of this chip's units: chi-square with at most 4 degrees of
 * freedom stays below 30 (P < 1e-5 for one of them, 60 are looked at). */
static void counts_match(const sps_mtj *mtj)
{
    static int count[PICKS][5];
    memset(count, 0, sizeof count);
    for (uint32_t image = 0; image < IMAGES; image++)
        for (uint32_t pass = 0; pass < PASSES; pass++) {
            uint8_t picks[PICKS];
            sps_mtj_draw(mtj, picks, image, pass);
            for (int i = 0; i < PICKS; i++)
                count[i][picks[i]]++;
        }
    int at = 0;
    for (int b = 0; b < BANKS; b++)
        for (int j = 0; j < banks[b].picks; j++, at++) {
            double d[5], bits = 0, chi = 0;
            sps_mtj_distribution(mtj, d, &bits, b, j);
            for (int k = 0; k < banks[b].entries; k++) {
                double want = d[k] * IMAGES * PASSES;
                chi += (count[at][k] - want) * (count[at][k] - want) / want;
            }
            assert_true(chi < 30);
        }
}

static void sampler_matches_its_distribution(void **state)
{
    (void)state;
    static const enum sps_arrangement arrangements[] = {SPS_UNIT_PER_NETWORK, SPS_UNIT_PER_LAYER, SPS_UNIT_PER_NEURON};
    static const uint32_t units[] = {1, BANKS, PICKS};
    for (int i = 0; i < 3; i++)
        for (int spread = 0; spread < 2; spread++) {
            sps_device *device = OPEN(spread ? "device.sigma_ic=0.01" : "device.sigma_ic=0");
            struct sps_mtj_options options = {sps_chip_seed(3, 4), PASSES, arrangements[i]};
            sps_mtj *mtj = NULL;
            OK(sps_mtj_create(&mtj, device, banks, BANKS, &options));
            assert_int_equal(sps_mtj_units(mtj), units[i]);
            assert_false(sps_mtj_extrapolated(mtj));
            counts_match(mtj);
            double d[5], bits = 0;
            sps_mtj_distribution(mtj, d, &bits, 0, 0);
            assert_int_equal(fabs(d[1] - 0.25) < 1e-12, !spread); /* what spread is for */
            sps_mtj_distribution(mtj, d, &bits, 1, 0);
            assert_int_equal(fabs(d[4] - 0.2) < 1e-12, !spread);
            sps_mtj_free(mtj);
            sps_device_close(device);
        }
}

/* In any order the same path, and what one whole chain of passes gives: a failed RESET reaches into the next pass. */
static void sampler_is_a_function(void **state)
{
    (void)state;
    for (int arrangement = SPS_UNIT_PER_NETWORK; arrangement <= SPS_UNIT_PER_NEURON; arrangement++) {
        sps_device *device = OPEN("device.unit.reset_failure=0.9", "device.unit.drift=1000");
        struct sps_mtj_options options = {9, PASSES, (enum sps_arrangement)arrangement};
        sps_mtj *mtj = NULL;
        uint8_t forward[PASSES][PICKS], again[PICKS];
        OK(sps_mtj_create(&mtj, device, banks, BANKS, &options));
        for (uint32_t t = 0; t < PASSES; t++)
            sps_mtj_draw(mtj, forward[t], 17, t);
        for (uint32_t t = PASSES; t-- > 0;) {
            sps_mtj_draw(mtj, again, 17, t);
            assert_memory_equal(again, forward[t], PICKS);
        }
        sps_mtj_free(mtj);
        sps_device_close(device);
    }
}

/* One bank of one bit, one image: its picks over the passes are one Markov chain. */
static void correlation_between_passes(void **state)
{
    (void)state;
    enum { T = 64, N = 400 };
    sps_device *device = OPEN("device.unit.reset_failure=0.5");
    struct sps_mtj_options options = {21, T, SPS_UNIT_PER_NETWORK};
    sps_mtj *mtj = NULL;
    double ones = 0, pairs = 0, before = 0;
    OK(sps_mtj_create(&mtj, device, banks, 1, &options));
    for (uint32_t image = 0; image < N; image++)
        for (uint32_t t = 0; t < T; t++) {
            uint8_t pick = 9;
            sps_mtj_draw(mtj, &pick, image, t);
            if (t >= 32) { /* far from the certain RESET before the first pass */
                ones += pick;
                pairs += pick && before;
            }
            before = pick;
        }
    double n = N * (T - 32), mean = ones / n, expected = sps_unit_mean(0.25, 0.5), c = sps_unit_correlation(0.25, 0.5);
    NEAR(mean, expected, 4 * sqrt(0.25 / n * (1 + c) / (1 - c)));
    NEAR((pairs / n - mean * mean) / (mean * (1 - mean)), c, 4 / sqrt(n) * 1.5);
    sps_mtj_free(mtj);
    sps_device_close(device);
}

static void sampler_refuses(void **state)
{
    (void)state;
    sps_device *device = OPEN("device.set_time=2 ns");
    struct sps_mtj_options options = {9, PASSES, SPS_UNIT_PER_LAYER};
    sps_mtj *mtj = NULL;
    FAILS(sps_mtj_create(&mtj, device, banks, BANKS, &options), EINVAL, "must be at least 3 tau0");
    options.passes = 0;
    FAILS(sps_mtj_create(&mtj, device, banks, BANKS, &options), EINVAL, "passes");
    sps_device_close(device);
    device = OPEN("device.set_time=2 ns", "device.extrapolate=true");
    options.passes = 1;
    const struct sps_path_bank empty = {bank_one, 0, 1, 0};
    FAILS(sps_mtj_create(&mtj, device, &empty, 1, &options), EINVAL, "bank 0 has 0 entries");
    assert_null(mtj);
    OK(sps_mtj_create(&mtj, device, banks, BANKS, &options));
    assert_true(sps_mtj_extrapolated(mtj));
    sps_mtj_free(mtj);
    sps_device_close(device);
}

/* --- Cost --- */

/* I(1/2) = Ic0 (1 - ln(10 / ln 2) / 45) = 94.0687 uA; SET I^2 1.1 kohm 10 ns + 50 fJ, RESET with 150 uA, read 0.1 V
 * over the mean of 1 / 1 Mohm and 1 / 2.44231 Mohm for 5 ns + 0.104 pJ: 0.549 pJ in 25 ns, 0.0220 mW (paper: 0.0225
 * mW). */
static void energy_of_a_bit(void **state)
{
    (void)state;
    sps_device *device = OPEN("device.extrapolate=false");
    struct sps_bit_cost bit;
    int extrapolated = 1;
    OK(sps_bit_cost(&bit, &extrapolated, device, 0.5));
    double i = 1e-4 * (1 - log(10 / log(2)) / 45), r_ap = 1e6 * (1 + 1.5 / 1.04);
    NEAR(bit.set, i * i * 1100 * 1e-8 + 50e-15, 1e-26);
    NEAR(bit.read, 0.01 * 5e-9 * (0.5 / 1e6 + 0.5 / r_ap) + 0.104e-12, 1e-26);
    NEAR(bit.reset, 150e-6 * 150e-6 * 1100 * 1e-8 + 50e-15, 1e-26);
    NEAR(bit.energy, 0.549e-12, 0.5e-15);
    NEAR(bit.power, 0.0220e-3, 0.5e-7);
    NEAR(bit.rate, 4e7, 1e-3);
    assert_false(extrapolated);
    sps_device_close(device);
}

/* Table VII: a 3 x 3 convolution with 256 inputs has 2304 units in SpinDrop, 256 in Spatial-SpinDrop, 1 in
 * Scale-Dropout: at 0.0225 mW each 51.8, 5.76 and 0.0225 mW (paper-facts A.9). */
static void units_of_the_methods(void **state)
{
    (void)state;
    const struct sps_bit_cost bit = {.energy = 1e-12, .time = 1e-8, .power = 0.0225e-3};
    const struct sps_unit_layer layer[] = {{9, 256, 1}, {1, 120, 1}};
    struct sps_unit_usage u;
    OK(sps_unit_usage(&u, SPS_UNIT_PER_NEURON, layer, 1, &bit, 10, 1e12));
    assert_int_equal(u.units, 2304);
    NEAR(u.power, 51.84e-3, 1e-9);
    OK(sps_unit_usage(&u, SPS_UNIT_PER_MAP, layer, 1, &bit, 10, 1e12));
    assert_int_equal(u.units, 256);
    NEAR(u.power, 5.76e-3, 1e-9);
    OK(sps_unit_usage(&u, SPS_UNIT_PER_NETWORK, layer, 2, &bit, 10, 1e12));
    assert_int_equal(u.units, 1);
    NEAR(u.power, 0.0225e-3, 1e-12);
    NEAR(u.bits, 2, 0);
    NEAR(u.energy, 2e-12, 1e-24);
    NEAR(u.time, 2e-8, 1e-20);
    /* 2 layers x 10 passes x 2 cycles of 1e12; at 1,000 predictions a second 0.79 years. */
    NEAR(u.predictions, 1e12 / 40, 1e-3);
    NEAR(sps_years(u.predictions, 1000), 2.5e7 / (365.25 * 86400), 1e-9);
    OK(sps_unit_usage(&u, SPS_UNIT_PER_LAYER, layer, 2, &bit, 10, 1e12));
    assert_int_equal(u.units, 2);
    NEAR(u.predictions, 1e12 / 20, 1e-3);
    OK(sps_unit_usage(&u, SPS_UNIT_PER_NEURON, layer, 2, &bit, 10, 1e12));
    assert_int_equal(u.units, 2304 + 120);
    NEAR(u.energy, 2424e-12, 1e-20);
    NEAR(u.time, 2e-8, 1e-20); /* side by side */
    const struct sps_unit_layer empty = {9, 0, 1}, huge = {UINT64_MAX, UINT64_MAX, 1};
    FAILS(sps_unit_usage(&u, SPS_UNIT_PER_LAYER, &empty, 1, &bit, 10, 1e12), EINVAL, "must be at least 1");
    FAILS(sps_unit_usage(&u, SPS_UNIT_PER_LAYER, &huge, 1, &bit, 10, 1e12), EINVAL, "at most 2^53");
    FAILS(sps_unit_usage(&u, SPS_UNIT_PER_LAYER, layer, 1, &bit, 0, 1e12), EINVAL, "passes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ideal_bits),
        cmocka_unit_test(incomplete_reset),
        cmocka_unit_test(bits_in_pieces),
        cmocka_unit_test(temperature_and_drift),
        cmocka_unit_test(spread_of_critical_current),
        cmocka_unit_test(spread_of_probability),
        cmocka_unit_test(redraw_is_void),
        cmocka_unit_test(selection_by_hand),
        cmocka_unit_test(selection_in_general),
        cmocka_unit_test(sampler_matches_its_distribution),
        cmocka_unit_test(sampler_is_a_function),
        cmocka_unit_test(correlation_between_passes),
        cmocka_unit_test(sampler_refuses),
        cmocka_unit_test(energy_of_a_bit),
        cmocka_unit_test(units_of_the_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
