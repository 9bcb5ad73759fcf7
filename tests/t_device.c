/* SPDX-License-Identifier: MIT */
/* The magnetic tunnel junction: parameters, presets, resistance, tables, operating points, spread and faults. */
#include "test.h"

#include "cim/device/table.h"
#include "cim/device/variation.h"
#include "core/file.h"
#include "core/memory.h"

static void table_is_sound(void **state)
{
    (void)state;
    struct sps_device_params device;
    const struct sps_binding binding = {sps_device_params, &device};
    OK(sps_params_check(&binding, 1));
}

/* R_P = 1 Mohm, TMR 150 % at no bias, half of it at 0.5 V: 2.5 and 1.75 Mohm, at 300 K, where P(T) is P(300 K). */
static void resistance_by_hand(void **state)
{
    (void)state;
    struct sps_device_params device;
    sps_params_default(sps_device_params, &device);
    NEAR(sps_device_resistance(&device, SPS_PARALLEL, 0.5), 1e6, 0);
    NEAR(sps_device_resistance(&device, SPS_ANTIPARALLEL, 0), 2.5e6, 1e-8); /* 1e-14 relative: one square root */
    NEAR(sps_device_resistance(&device, SPS_ANTIPARALLEL, 0.5), 1.75e6, 1e-8);
    device.temperature = 400;
    assert_true(sps_device_resistance(&device, SPS_ANTIPARALLEL, 0) < 2.5e6);
}

/* --- Opening --- */

static void save(const char *path, const char *text)
{
    OK(sps_file_save(path, text, strlen(text)));
}

static void presets(void **state)
{
    (void)state;
    char summary[256];
    const char *name;
    size_t count = 0;
    long live = sps_memory_live();
    for (; (name = sps_device_list(count, summary)) != NULL; count++) {
        sps_device *device = NULL;
        struct sps_device_card card;
        assert_true(strlen(summary) > 20);
        OK(sps_device_open(&device, name, NULL, 0));
        assert_true(strlen(device->params.about) > 0 && strlen(device->params.origin) > 0);
        OK(sps_device_card(&card, device));
        assert_false(card.extrapolated);
        assert_true(card.r_ap > card.r_p && card.i_half > 0 && card.i_half_ratio < 1 && card.energy_bit > 0);
        sps_device_close(device);
    }
    assert_int_equal(count, 4);
    assert_int_equal(sps_memory_live(), live);
}

/* The preset `default` is the table's defaults: a chip that names no device has the same. */
static void default_is_the_default(void **state)
{
    (void)state;
    struct sps_device_params params;
    sps_device *device = NULL;
    sps_params_default(sps_device_params, &params);
    OK(sps_device_open(&device, "default", NULL, 0));
    memcpy(params.about, device->params.about, sizeof params.about);
    memcpy(params.origin, device->params.origin, sizeof params.origin);
    char *want = NULL, *got = NULL;
    const struct sps_binding of_table = {sps_device_params, &params}, of_preset = {sps_device_params, &device->params};
    OK(sps_params_write(&want, &of_table, 1));
    OK(sps_params_write(&got, &of_preset, 1));
    assert_string_equal(got, want);
    sps_free(want);
    sps_free(got);
    sps_device_close(device);
}

static void refusals(void **state)
{
    (void)state;
    sps_device *device = NULL;
    const char *sets[] = {"device.stuck_p=0.6", "device.stuck_ap=0.5"};
    FAILS(sps_device_open(&device, "nothing", NULL, 0), EINVAL, "unknown preset 'nothing' in devices (default");
    FAILS(sps_device_open(&device, "default", sets, 2), EINVAL, "add up to 1.1");
    save("t_device_bad.yaml", "device:\n  delta: 45\n  r_p: 1 V\n");
    FAILS(sps_device_open(&device, "t_device_bad.yaml", NULL, 0), EFORMAT, "t_device_bad.yaml:3:8: unit of device.r_p");
    save("t_device_bad.yaml", "device:\n  dleta: 45\n");
    FAILS(sps_device_open(&device, "t_device_bad.yaml", NULL, 0), EFORMAT, "t_device_bad.yaml:2:3:");
    const char *gate[] = {"device.gate=2", "device.vcma=0.5"};
    FAILS(sps_device_open(&device, "default", gate, 2), EINVAL, "takes away 1 of the barrier");
    assert_null(device);
}

/* --- Tables --- */

static const char *const switching_csv = "I_A,t_s,P\n"
                                         "8e-5,1e-8,0\n" /* never seen to switch: counts as 1e-12 */
                                         "9e-5,5e-9,0.05\n9e-5,1e-8,0.1\n9e-5,2e-8,0.2\n" /* any order */
                                         "8e-5,5e-9,0\n8e-5,2e-8,0\n"
                                         "1e-4,5e-9,0.8\n1e-4,1e-8,0.9\n1e-4,2e-8,1\n";

static void switching_table(void **state)
{
    (void)state;
    sps_device *device = NULL;
    struct sps_switching s;
    sps_make_folder("t_device_folder");
    save("t_device_folder/p.csv", switching_csv);
    save("t_device_folder/own.yaml", "device:\n  switching_table: p.csv\n"); /* beside it */
    OK(sps_device_open(&device, "t_device_folder/own.yaml", NULL, 0));
    assert_true(sps_device_has_table(device));
    OK(sps_device_switch(&s, device, 9e-5, 1e-8));
    NEAR(s.p, 0.1, 1e-15);
    NEAR(s.not_p, 0.9, 1e-15);
    NEAR(s.log_not_p, log(0.9), 1e-15);
    /* Half way in I and, at 9e-5 A, in ln t: ln(-ln(1 - P)) is the mean of its neighbours. */
    OK(sps_device_switch(&s, device, 9.5e-5, 1e-8));
    NEAR(log(-s.log_not_p), (log(-log(0.9)) + log(-log(0.1))) / 2, 1e-12);
    OK(sps_device_switch(&s, device, 9e-5, sqrt(5e-9 * 1e-8)));
    NEAR(log(-s.log_not_p), (log(-log(0.9)) + log(-log(0.95))) / 2, 1e-12);
    OK(sps_device_switch(&s, device, 8e-5, 2e-8));
    NEAR(s.p, 1e-12, 1e-25);
    FAILS(sps_device_switch(&s, device, 7.9e-5, 1e-8), EINVAL, "outside the device's table");
    FAILS(sps_device_switch(&s, device, 9e-5, 4e-9), EINVAL, "outside the device's table");
    /* The inverse. */
    double current = 0;
    int extrapolated = 1;
    OK(sps_device_current(&current, &extrapolated, device, 0.3, 7e-9));
    OK(sps_device_switch(&s, device, current, 7e-9));
    NEAR(s.p, 0.3, 1e-9);
    assert_false(extrapolated);
    FAILS(sps_device_current(&current, &extrapolated, device, 0.9, 5e-9), EINVAL, "does not pass probability 0.9");
    struct sps_device_card card;
    OK(sps_device_card(&card, device));
    assert_true(card.i_half > 9e-5 && card.i_half < 1e-4);
    sps_device_close(device);
}

/* Points of the linear law between which it is exact: that plane is what the coordinates are for. */
static void table_of_the_linear_law(void **state)
{
    (void)state;
    char text[1024] = "I_A,t_s,P\n";
    struct sps_device_params params;
    struct sps_csv csv;
    struct sps_switching_table *table = NULL;
    sps_params_default(sps_device_params, &params);
    struct sps_switching_law law = sps_params_law(&params);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            double current = 8.5e-5 + i * 1e-5, time = j ? 2e-8 : 4e-9;
            snprintf(text + strlen(text), sizeof text - strlen(text), "%.17g,%.17g,%.17g\n", current, time,
                     sps_switching(&law, current, time).p);
        }
    OK(sps_csv_parse(&csv, "law", text, strlen(text), 1));
    OK(sps_switching_table_create(&table, &csv, "law"));
    for (double current = 8.5e-5; current < 9.5e-5; current += 0.9e-6)
        for (double time = 4e-9; time < 2e-8; time += 3e-9) {
            struct sps_switching s;
            OK(sps_switching_table_at(&s, table, current, time));
            NEAR(s.p / sps_switching(&law, current, time).p, 1, 1e-10);
        }
    struct sps_switching s = sps_switching_table_near(table, 1, 1); /* held at the edge, and said */
    NEAR(s.p, sps_switching(&law, 9.5e-5, 2e-8).p, 1e-12);
    assert_true(s.extrapolated);
    sps_free(table);
    sps_csv_reset(&csv);
}

static void refuse_switching(const char *text, const char *words)
{
    struct sps_csv csv;
    struct sps_switching_table *table = NULL;
    long live = sps_memory_live();
    OK(sps_csv_parse(&csv, "p.csv", text, strlen(text), 1));
    FAILS(sps_switching_table_create(&table, &csv, "p.csv"), EFORMAT, words);
    sps_csv_reset(&csv);
    assert_int_equal(sps_memory_live(), live);
}

static void refuse_resistance(const char *text, const char *words)
{
    struct sps_csv csv;
    struct sps_resistance_table *table = NULL;
    OK(sps_csv_parse(&csv, "r.csv", text, strlen(text), 1));
    FAILS(sps_resistance_table_create(&table, &csv, "r.csv"), EFORMAT, words);
    sps_csv_reset(&csv);
}

static void bad_tables(void **state)
{
    (void)state;
    refuse_switching("I_A,t_s\n1,2\n", "has no column P (I_A, t_s and P are needed)");
    refuse_switching("I_A,t_s,P\n1e-5,1e-8,0.1\n", "two currents or more");
    refuse_switching("I_A,t_s,P\n1e-5,1e-8,0.1\n2e-5,1e-8,1.1\n", "line 3: I_A is 2e-05");
    refuse_switching("I_A,t_s,P\n1e-5,1e-8,0.1\n2e-5,0,1\n", "line 3:");
    refuse_switching("I_A,t_s,P\n1e-5,inf,0.1\n2e-5,1,1\n", "line 2:");
    refuse_switching("I_A,t_s,P\n1e-5,1e-8,0.1\n2e-5,1e-8,0.2\n1e-5,1e-8,0.3\n", "lines 2 and 4 have the same");
    refuse_switching("I_A,t_s,P\n1e-5,1e-8,0.1\n1e-5,2e-8,0.1\n2e-5,1e-8,0.2\n2e-5,3e-8,0.3\n",
                     "line 5: every current");
    refuse_switching("I_A,t_s,P\n1e-5,1e-8,0.1\n1e-5,2e-8,0.1\n2e-5,1e-8,0.2\n", "has 3 rows for 2 times");
    refuse_resistance("V_V,R_P_ohm\n0,1\n", "has no column R_AP_ohm");
    refuse_resistance("V_V,R_P_ohm,R_AP_ohm\n0,2,1\n", "line 2: R_P_ohm is 2 and R_AP_ohm 1");
    refuse_resistance("V_V,R_P_ohm,R_AP_ohm\n0,1,2\n0,1,2\n", "the voltage 0 is there twice");
    refuse_resistance("V_V,R_P_ohm,R_AP_ohm\n0.1,1,2\n0.2,1,2\n", "voltages go from 0.1 to 0.2");
}

static void resistance_table(void **state)
{
    (void)state;
    const char *set = "device.resistance_table=t_device_r.csv";
    sps_device *device = NULL;
    double ohm = 0;
    save("t_device_r.csv", "V_V,R_P_ohm,R_AP_ohm\n0.2,900,1800\n0,1000,2500\n");
    OK(sps_device_open(&device, "default", &set, 1));
    OK(sps_device_resistance_at(&ohm, device, SPS_ANTIPARALLEL, 0.1));
    NEAR(ohm, 2150, 1e-9);
    OK(sps_device_resistance_at(&ohm, device, SPS_PARALLEL, -0.2)); /* symmetric */
    NEAR(ohm, 900, 0);
    FAILS(sps_device_resistance_at(&ohm, device, SPS_PARALLEL, 0.21), EINVAL, "outside the device's table");
    sps_device_close(device);
    device = NULL;
    save("t_device_r.csv", "V_V,R_P_ohm,R_AP_ohm\n0,1000,2500\n0.05,900,1800\n");
    FAILS(sps_device_open(&device, "default", &set, 1), EINVAL, "a bias of 0.1 V is outside"); /* the read voltage */
    const char *missing = "device.resistance_table=t_device_none.csv";
    FAILS(sps_device_open(&device, "default", &missing, 1), ENOTFOUND, "t_device_none.csv");
    assert_null(device);
}

/* --- Operating points --- */

static void validity(void **state)
{
    (void)state;
    const char *extrapolate = "device.extrapolate=true";
    sps_device *device = NULL;
    struct sps_switching s = {.p = -1};
    OK(sps_device_open(&device, "default", NULL, 0));
    OK(sps_device_switch(&s, device, 9e-5, 3e-9));
    assert_false(s.extrapolated);
    FAILS(sps_device_switch(&s, device, 1e-4, 1e-8), EINVAL, "must be below Ic0 = 0.0001 A");
    FAILS(sps_device_switch(&s, device, 9e-5, 2e-9), EINVAL, "must be at least 3 tau0 = 3e-09 s");
    FAILS(sps_device_switch(&s, device, NAN, 2e-9), EINVAL, "must be 0 or more");
    sps_device_close(device);
    OK(sps_device_open(&device, "default", &extrapolate, 1));
    OK(sps_device_switch(&s, device, 1.1e-4, 1e-8));
    assert_true(s.extrapolated);
    NEAR(s.log_not_p, -10 * exp(4.5), 1e-9);
    sps_device_close(device);

    /* A card says it of itself. */
    const char *sets[] = {"device.extrapolate=true", "device.set_time=1 ns"};
    struct sps_device_card card;
    OK(sps_device_open(&device, "default", sets, 2));
    OK(sps_device_card(&card, device));
    assert_true(card.extrapolated);
    sps_device_close(device);
    OK(sps_device_open(&device, "default", sets + 1, 1));
    FAILS(sps_device_card(&card, device), EINVAL, "pulse is 1e-09 s, must be at least 3 tau0");
    sps_device_close(device);
    const char *read = "device.read_time=1 ns";
    OK(sps_device_open(&device, "default", &read, 1));
    FAILS(sps_device_card(&card, device), EINVAL, "a read of 1e-07 A for 1e-09 s");
    sps_device_close(device);
}

/* 1 V takes a quarter of Ic0 and barrier: P(I, gate) is the law with 75 uA and 33.75. */
static void gate(void **state)
{
    (void)state;
    const char *set = "device.gate=1 V";
    sps_device *device = NULL;
    struct sps_switching s;
    OK(sps_device_open(&device, "default", &set, 1));
    OK(sps_device_switch(&s, device, 7e-5, 1e-8));
    NEAR(s.log_not_p, -10 * exp(-33.75 * (1 - 70.0 / 75)), 1e-12);
    FAILS(sps_device_switch(&s, device, 7.6e-5, 1e-8), EINVAL, "must be below Ic0 = 7.5e-05 A");
    sps_device_close(device);
}

/* Half-current, slope, retention and read disturb by their closed forms: I50 = Ic0 (1 - ln(t / (tau0 ln 2)) / Delta),
 * dP / di = Delta ln 2 / 2 = 15.6 at Delta = 45 (cim-refs 4), tau0 exp(45), x = 5 exp(-45 (1 - 0.1 uA / 100 uA)). */
static void card_by_hand(void **state)
{
    (void)state;
    sps_device *device = NULL;
    struct sps_device_card card;
    OK(sps_device_open(&device, "default", NULL, 0));
    OK(sps_device_card(&card, device));
    NEAR(card.i_half, 1e-4 * (1 - log(10 / log(2)) / 45), 1e-18);
    NEAR(card.slope, 45 * log(2) / 2, 1e-3); /* a symmetric difference of 1e-3 in P: error 2e-6 relative */
    NEAR(card.retention / (1e-9 * exp(45)), 1, 1e-12);
    NEAR(card.read_disturb / (5 * exp(-45 * 0.999)), 1, 1e-12);
    NEAR(card.tmr, 1.5, 1e-14);
    NEAR(card.r_ap_read, 1e6 * (1 + 1.5 / 1.04), 1e-7);
    NEAR(card.lifetime_bits, 5e11, 0);
    sps_device_close(device);
}

static void settings_read_back(void **state)
{
    (void)state;
    sps_device *device = NULL;
    struct sps_device_setting setting;
    int count = 0, rows = 0;
    char *text = NULL;
    OK(sps_device_open(&device, "vgsot", NULL, 0));
    for (;; count++) {
        OK(sps_device_setting(&setting, device, (size_t)count));
        if (setting.key == NULL)
            break;
        if (strcmp(setting.key, "device.ic0") == 0) {
            assert_string_equal(setting.value, "0.000117");
            assert_string_equal(setting.unit, "A");
        }
        sps_device_text_free(setting.value);
    }
    sps_device_close(device);
    OK(sps_device_describe(&text));
    for (const char *p = text; *p; p++)
        rows += *p == '\n';
    assert_int_equal(count, rows);
    sps_device_text_free(text);
}

/* --- Spread and faults.  20,000 draws; bounds are 4 standard errors. --- */

enum { DRAWS = 20000 };

static void spread_of_factors(void **state)
{
    (void)state;
    struct sps_device_params p;
    sps_params_default(sps_device_params, &p);
    struct sps_variation v = sps_variation_draw(&p, 1, 2, 3), none = SPS_VARIATION_NONE;
    assert_true(v.r == 1 && v.tmr == 1 && v.ic == 1 && v.delta == 1 && v.fault == none.fault);
    for (p.spread_law = 0; p.spread_law < 2; p.spread_law++) {
        p.sigma_r = 0.1, p.sigma_tmr = 0.05, p.sigma_ic = 0.2, p.sigma_delta = 0.02;
        double sum[4] = {0}, squares[4] = {0}, cross = 0, least = 1, cubes = 0;
        const double sigma[4] = {p.sigma_r, p.sigma_tmr, p.sigma_ic, p.sigma_delta};
        for (uint32_t i = 0; i < DRAWS; i++) {
            v = sps_variation_draw(&p, 1, 7, i);
            const double x[4] = {v.r - 1, v.tmr - 1, v.ic - 1, v.delta - 1};
            for (int k = 0; k < 4; k++)
                sum[k] += x[k], squares[k] += x[k] * x[k];
            cross += x[0] * x[1];
            cubes += x[2] * x[2] * x[2];
            least = fmin(least, fmin(v.r, v.ic));
        }
        for (int k = 0; k < 4; k++) {
            NEAR(sum[k] / DRAWS, 0, 4 * sigma[k] / sqrt(DRAWS));
            NEAR(sqrt(squares[k] / DRAWS) / sigma[k], 1, 4 / sqrt(2.0 * DRAWS) * 1.3); /* lognormal: heavier tails */
        }
        NEAR(cross / DRAWS, 0, 4 * 0.1 * 0.05 / sqrt(DRAWS));
        assert_true(least > 0);
        /* Skewness: 0 or, lognormal, 3 s + s^3 = 0.608. */
        NEAR(cubes / DRAWS / 0.008, p.spread_law ? 0.608 : 0, 4 * sqrt(15.0 / DRAWS) * 1.5);
    }
    /* Wide: nothing is 0 or negative, the mean stays. */
    for (p.spread_law = 0; p.spread_law < 2; p.spread_law++) {
        double sum = 0;
        p.sigma_r = 1;
        for (uint32_t i = 0; i < DRAWS; i++) {
            v = sps_variation_draw(&p, 1, 7, i);
            assert_true(v.r > 0);
            sum += v.r;
        }
        NEAR(sum / DRAWS, 1, 4 / sqrt(DRAWS));
    }
}

/* A draw is a function of its place, and a change of one spread leaves the others. */
static void draws_by_place(void **state)
{
    (void)state;
    struct sps_device_params p;
    sps_params_default(sps_device_params, &p);
    p.sigma_r = p.sigma_tmr = 0.1;
    struct sps_variation a = sps_variation_draw(&p, 1, 2, 3), b = sps_variation_draw(&p, 1, 2, 3);
    assert_true(a.r == b.r && a.tmr == b.tmr && a.r != a.tmr);
    assert_true(a.r != sps_variation_draw(&p, 1, 3, 3).r && a.r != sps_variation_draw(&p, 1, 2, 4).r);
    assert_true(a.r != sps_variation_draw(&p, 2, 2, 3).r);
    p.sigma_r = 0;
    b = sps_variation_draw(&p, 1, 2, 3);
    assert_true(b.r == 1 && b.tmr == a.tmr);
    assert_true(sps_chip_seed(1, 0) != sps_chip_seed(1, 1) && sps_chip_seed(1, 0) != sps_chip_seed(2, 0));
    assert_true(sps_chip_seed(1, 5) == sps_chip_seed(1, 5));
}

static void faults(void **state)
{
    (void)state;
    struct sps_device_params p;
    sps_params_default(sps_device_params, &p);
    p.stuck_p = 0.02, p.stuck_ap = 0.03, p.stuck_open = 0.05;
    double count[4] = {0};
    for (uint32_t i = 0; i < DRAWS; i++)
        count[sps_variation_draw(&p, 1, 0, i).fault]++;
    NEAR(count[SPS_STUCK_P] / DRAWS, 0.02, 4 * sqrt(0.02 / DRAWS));
    NEAR(count[SPS_STUCK_AP] / DRAWS, 0.03, 4 * sqrt(0.03 / DRAWS));
    NEAR(count[SPS_STUCK_OPEN] / DRAWS, 0.05, 4 * sqrt(0.05 / DRAWS));
    const double nominal[] = {1000, 2500};
    struct sps_variation v = {.r = 1.1, .tmr = 0.9};
    NEAR(sps_variation_resistance(&v, nominal, SPS_PARALLEL), 1100, 1e-9);
    NEAR(sps_variation_resistance(&v, nominal, SPS_ANTIPARALLEL), 1.1 * (1000 + 0.9 * 1500), 1e-9);
    v.fault = SPS_STUCK_P;
    NEAR(sps_variation_resistance(&v, nominal, SPS_ANTIPARALLEL), 1100, 1e-9);
    v.fault = SPS_STUCK_AP;
    NEAR(sps_variation_resistance(&v, nominal, SPS_PARALLEL), 1.1 * 2350, 1e-9);
    v.fault = SPS_STUCK_OPEN;
    assert_true(isinf(sps_variation_resistance(&v, nominal, SPS_PARALLEL)));
}

/* Delta 30: a rate of exp(-30) / ns = 9.36e-5 / s.  After an hour (1 - exp(-2 rate 3600)) / 2; after long, one half. */
static void retention(void **state)
{
    (void)state;
    struct sps_device_params p;
    const struct sps_variation none = SPS_VARIATION_NONE;
    sps_params_default(sps_device_params, &p);
    assert_false(sps_retention_flipped(&p, &none, 1, 0, 0));
    p.delta = 30;
    p.retention_time = 3600;
    double flip = (1 - exp(-2 * exp(-30) * 1e9 * 3600)) / 2, count = 0;
    NEAR(sps_retention_flip(&p, &none), flip, 1e-12);
    for (uint32_t i = 0; i < DRAWS; i++)
        count += sps_retention_flipped(&p, &none, 1, 0, i);
    NEAR(count / DRAWS, flip, 4 * sqrt(flip * (1 - flip) / DRAWS));
    const struct sps_variation weak = {1, 1, 1, 0.5, SPS_WORKS};
    NEAR(sps_retention_flip(&p, &weak), 0.5, 1e-12);
    p.temperature = 350; /* hotter loses more */
    assert_true(sps_retention_flip(&p, &none) > flip);
}

static void read_noise(void **state)
{
    (void)state;
    struct sps_device_params p;
    struct sps_random r = sps_random(1, SPS_FOR_TEST, 0, 0, 0);
    sps_params_default(sps_device_params, &p);
    NEAR(sps_read_factor(&p, &r), 1, 0);
    p.sigma_read = 0.02;
    double squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        double off = sps_read_factor(&p, &r) - 1;
        squares += off * off;
    }
    NEAR(sqrt(squares / DRAWS) / 0.02, 1, 4 / sqrt(2.0 * DRAWS));
}

/* Every allocation of opening a device with both tables fails once: out of memory is said, nothing leaks. */
static void out_of_memory(void **state)
{
    (void)state;
    const char *sets[] = {"device.switching_table=t_device_p.csv", "device.resistance_table=t_device_r2.csv"};
    save("t_device_p.csv", switching_csv);
    save("t_device_r2.csv", "V_V,R_P_ohm,R_AP_ohm\n0,1000,2500\n1,900,1800\n");
    long live = sps_memory_live();
    sps_status status = SPS_ENOMEM;
    long at = 0;
    for (; status != SPS_OK && at < 1000; at++) {
        sps_device *device = NULL;
        sps_memory_fail_at(at);
        status = sps_device_open(&device, "vgsot", sets, 2);
        sps_memory_fail_at(-1);
        assert_true(status == SPS_OK || (status == SPS_ENOMEM && device == NULL));
        sps_device_close(device);
        assert_int_equal(sps_memory_live(), live);
    }
    assert_true(at > 5 && status == SPS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(resistance_by_hand),
        cmocka_unit_test(presets),
        cmocka_unit_test(default_is_the_default),
        cmocka_unit_test(refusals),
        cmocka_unit_test(switching_table),
        cmocka_unit_test(table_of_the_linear_law),
        cmocka_unit_test(bad_tables),
        cmocka_unit_test(resistance_table),
        cmocka_unit_test(validity),
        cmocka_unit_test(gate),
        cmocka_unit_test(card_by_hand),
        cmocka_unit_test(settings_read_back),
        cmocka_unit_test(spread_of_factors),
        cmocka_unit_test(draws_by_place),
        cmocka_unit_test(faults),
        cmocka_unit_test(retention),
        cmocka_unit_test(read_noise),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
