/* SPDX-License-Identifier: MIT */
/* The law of switching against numbers that nobody here computed: closed forms at 50 digits, and a Fokker-Planck solver
 * (tests/vectors/README.md). */
#include "test.h"

#include "cim/device/switching.h"
#include "conf/csv.h"

static const struct sps_switching_law usual = {
    .kind = SPS_LAW_LINEAR, .delta300 = 45, .ic0 = 1e-4, .tau0 = 1e-9, .temperature = 300};

static double at(const struct sps_csv *csv, size_t row, const char *name)
{
    int column = sps_csv_column(csv, name);
    assert_true(column >= 0);
    return csv->values[row * csv->columns + (size_t)column];
}

/* 1e-12 relative where the probability is at least 1e-30, else 1e-10 of its logarithm; 0 stands for what no double
 * holds, below 5e-324. */
static void agree(double got, double log_got, double want)
{
    if (want >= 1e-30) {
        NEAR(got / want, 1, 1e-12);
        NEAR(log_got, log(want), 1e-12 * fabs(log(want)) + 1e-12);
    } else if (want > 0) {
        NEAR(log_got / log(want), 1, 1e-10);
    } else {
        assert_true(log_got < -744);
        NEAR(got, 0, 0);
    }
}

static void closed_forms_at_50_digits(void **state)
{
    (void)state;
    struct sps_csv csv;
    OK(sps_csv_read(&csv, TEST_DIR "/vectors/switching_probability.csv", 1));
    assert_int_equal(csv.rows, 440);
    int beyond = 0;
    for (size_t i = 0; i < csv.rows; i++) {
        struct sps_switching_law law = {.delta300 = at(&csv, i, "Delta300"),
                                        .ic0 = at(&csv, i, "Ic0_A"),
                                        .tau0 = at(&csv, i, "tau0_s"),
                                        .temperature = at(&csv, i, "T_K")};
        double current = at(&csv, i, "I_A"), time = at(&csv, i, "t_s");
        struct sps_switching s = sps_switching(&law, current, time);
        agree(s.p, s.log_p, at(&csv, i, "P_A_constEb"));
        agree(s.not_p, s.log_not_p, at(&csv, i, "one_minus_P_A"));
        assert_int_equal(s.extrapolated, current >= law.ic0 || time < 2.9e-9);
        beyond += current >= law.ic0;
        law.curie = 1100;
        s = sps_switching(&law, current, time);
        agree(s.p, s.log_p, at(&csv, i, "P_B_linearEb"));
    }
    assert_int_equal(beyond, 120);
    sps_csv_reset(&csv);
}

/* What a Fokker-Planck solver says of the quadratic law: the slope of y = ln(-ln(1 - P)) against the barrier is -1.
 * Rows with P < 0.1, i < 1, more than 3 kT of barrier left, and times behind the first transient (tau >= 18).
 *
 * The law has one attempt time; Brown's rate has a prefactor that falls with i, sqrt(Delta / pi) (1 - i^2) (1 - i)
 * (Brown 1963; Taniguchi and Imamura 2012).  At fixed Delta the bare slope over i is therefore 11 to 12 % too small,
 * and right to 3 % with the prefactor taken out; over Delta at fixed i, where the prefactor hardly changes, it is right
 * to 6 %. */
struct fp_point {
    double delta, ratio, tau, y, bare, brown;
};

static int fp_points(struct fp_point *out, const struct sps_csv *csv)
{
    int count = 0;
    for (size_t i = 0; i < csv->rows; i++) {
        struct fp_point q = {at(csv, i, "delta"), at(csv, i, "i_over_ic"), at(csv, i, "tau_dimensionless"), 0, 0, 0};
        double p = at(csv, i, "P_switch"), left = 1 - q.ratio;
        struct sps_switching_law law = {
            .kind = SPS_LAW_QUADRATIC, .delta300 = q.delta, .ic0 = 1, .tau0 = 1, .temperature = 300};
        if (p >= 0.1 || left <= 0 || q.delta * left * left < 3 || q.tau < 18)
            continue;
        q.y = log(-log1p(-p));
        q.bare = log(-sps_switching(&law, q.ratio, q.tau).log_not_p);
        q.brown = q.bare + log(left * left * (1 + q.ratio) * sqrt(q.delta / acos(-1)));
        out[count++] = q;
    }
    return count;
}

static void exponent_of_a_fokker_planck_solver(void **state)
{
    (void)state;
    struct sps_csv csv;
    struct fp_point point[108];
    OK(sps_csv_read(&csv, TEST_DIR "/vectors/fokker_planck_psw.csv", 1));
    assert_int_equal(csv.rows, 108);
    int count = fp_points(point, &csv), over_i = 0, over_delta = 0;
    for (int a = 0; a < count; a++)
        for (int b = a + 1; b < count; b++) {
            const struct fp_point *p = &point[a], *q = &point[b];
            double slope = (q->y - p->y) / (q->bare - p->bare), with_prefactor = (q->y - p->y) / (q->brown - p->brown);
            if (p->tau != q->tau)
                continue;
            if (p->delta == q->delta) {
                NEAR(slope, 0.885, 0.01);
                NEAR(with_prefactor, 1, 0.03);
                over_i++;
            } else if (p->ratio == q->ratio) {
                NEAR(slope, 1, 0.06);
                /* The exponent b of (1 - i)^b itself. */
                double barrier = (q->y - p->y) / (p->delta - q->delta);
                NEAR(log(barrier) / log(1 - p->ratio), 2, 0.1);
                over_delta++;
            }
        }
    assert_int_equal(over_i, 3);
    assert_int_equal(over_delta, 5);
    sps_csv_reset(&csv);
}

/* The law that solves the equation: every row of the table, in P and in 1 - P, the latter where the table's ten digits
 * hold it.  The table is good to 0.3 %; our own error is less. */
static void solution_of_fokker_planck(void **state)
{
    (void)state;
    struct sps_csv csv;
    OK(sps_csv_read(&csv, TEST_DIR "/vectors/fokker_planck_psw.csv", 1));
    for (size_t i = 0; i < csv.rows; i++) {
        struct sps_switching_law law = {.kind = SPS_LAW_FOKKER_PLANCK,
                                        .delta300 = at(&csv, i, "delta"),
                                        .ic0 = 1e-4,
                                        .tau0 = 1e-9,
                                        .temperature = 300};
        double p = at(&csv, i, "P_switch");
        struct sps_switching s =
            sps_switching(&law, 1e-4 * at(&csv, i, "i_over_ic"), 1e-9 * at(&csv, i, "tau_dimensionless"));
        NEAR(s.p / p, 1, 0.01);
        if (p < 1 - 1e-6)
            NEAR(s.not_p / (1 - p), 1, 0.01);
        NEAR(exp(s.log_p), s.p, 1e-14);
        NEAR(s.p + s.not_p, 1, 1e-14);
        assert_false(s.extrapolated);
    }
    sps_csv_reset(&csv);
}

/* What is known in closed form.  In the end the rate out of a well at no current is sqrt(Delta / pi) exp(-Delta)
 * (1 - 1 / Delta) (Brown 1963, next order: Coffey and Kalmykov 2012); under a current, sqrt(Delta / pi) (1 - i^2)
 * (1 - i) exp(-Delta (1 - i)^2), to 1 / (Delta (1 - i)^2).  Without noise to speak of, beyond Ic0, what is left falls
 * as exp(-2 (i - 1) t).  Without current, half is reversed in the end. */
static void limits_of_fokker_planck(void **state)
{
    (void)state;
    static const double deltas[] = {20, 45, 100, 400, 1000};
    const double pi = acos(-1);
    for (int k = 0; k < 5; k++) {
        double delta = deltas[k], brown = log(sqrt(delta / pi) * (1 - 1 / delta)) - delta;
        struct sps_switching_law law = usual;
        law.kind = SPS_LAW_FOKKER_PLANCK;
        law.delta300 = delta;
        /* From 100 to 1000 time units, both in one mode. */
        double more = sps_switching(&law, 0, 1e-6).log_p, less = sps_switching(&law, 0, 1e-7).log_p;
        double rate = more + log1p(-exp(less - more)) - log(900);
        NEAR(rate, brown, 1.5 / (delta * delta) + 1e-3);
        if (delta < 700) { /* exp(1000) s is no double */
            NEAR(log(sps_law_retention(&law) / 1e-9), -brown, 1.5 / (delta * delta) + 1e-3);
            NEAR(sps_switching(&law, 0, 1e290).p, 0.5, 1e-9);
        }
        more = sps_switching(&law, 3e-5, 2e-7).log_p, less = sps_switching(&law, 3e-5, 1e-7).log_p;
        if (delta < 45)
            continue;
        rate = more + log1p(-exp(less - more)) - log(100);
        NEAR(rate, log(sqrt(delta / pi) * 0.91 * 0.7) - 0.49 * delta, 1 / (0.49 * delta) + 1e-3);
        double late = sps_switching(&law, 2e-4, 3e-8).log_not_p, later = sps_switching(&law, 2e-4, 4e-8).log_not_p;
        NEAR(late - later, 20, 0.5);
    }
}

/* Anything can be asked, and is answered by probabilities; only the grid's range is no extrapolation. */
static void fokker_planck_of_anything(void **state)
{
    (void)state;
    static const double values[] = {0, 1e-300, 0.5, 1.0001, 30, 1e12, 1e300};
    enum { VALUES = sizeof values / sizeof *values };
    struct sps_switching_law law = {.kind = SPS_LAW_FOKKER_PLANCK, .ic0 = 1, .tau0 = 1, .temperature = 300};
    for (int a = 0; a < VALUES; a++)
        for (int b = 0; b < VALUES; b++)
            for (int c = 0; c < VALUES; c++) {
                law.delta300 = values[a];
                struct sps_switching s = sps_switching(&law, values[b], values[c]);
                assert_true(s.p >= 0 && s.p <= 1 && s.not_p >= 0 && s.not_p <= 1);
                assert_true(s.log_p <= 0 && s.log_not_p <= 0);
                NEAR(s.p + s.not_p, 1, 1e-9);
                assert_int_equal(s.extrapolated, values[a] < 1 || values[a] > 1000 || values[b] > 3);
            }
    /* Pulses too short for the way, even where the current carries along: here contours that bend to the left of the
     * imaginary axis give anything. */
    static const double brief[][3] = {{1000, 1, 0.3}, {500, 2, 0.3}, {200, 6, 0.3}, {200, 2, 1}};
    for (int k = 0; k < 4; k++) {
        law.delta300 = brief[k][0];
        NEAR(sps_switching(&law, brief[k][1], brief[k][2]).p, 0, 1e-7);
    }
    double current = -1;
    law.delta300 = 45;
    FAILS(sps_law_current(&current, &law, 1e-30, 10), EINVAL, "heat alone switches more often");
    FAILS(sps_law_current(&current, &law, 0.5, 1e-4), EINVAL, "1000 Ic0 switches less often");
    NEAR(current, -1, 0);
}

/* Values of b by paper-facts A.2: second-order expansion 1 - h(pi/2 - h/2) for small h, ends 1 and 0; and at h = 1/2,
 * sqrt(3)/2 - pi/6. */
static void barriers(void **state)
{
    (void)state;
    NEAR(sps_law_barrier(SPS_LAW_MACROSPIN, 0), 1, 0);
    NEAR(sps_law_barrier(SPS_LAW_MACROSPIN, 0.5), sqrt(3) / 2 - acos(0.5) / 2, 1e-15);
    NEAR(sps_law_barrier(SPS_LAW_MACROSPIN, 0.2), 0.7059, 5e-5);
    NEAR(sps_law_barrier(SPS_LAW_MACROSPIN, 0.9), 0.0300, 5e-5);
    double left = 1e-10; /* near 1: b is (2 sqrt(2) / 3) (1 - i)^1.5, which differences would lose */
    NEAR(sps_law_barrier(SPS_LAW_MACROSPIN, 1 - left), 2 * sqrt(2) / 3 * pow(left, 1.5), 1e-19);
    for (double i = 1; i < 4; i += 0.25) {
        NEAR(sps_law_barrier(SPS_LAW_MACROSPIN, i), 0, 0);
        NEAR(sps_law_barrier(SPS_LAW_QUADRATIC, i), 0, 0);
        NEAR(sps_law_barrier(SPS_LAW_LINEAR, i), 1 - i, 0);
    }
    NEAR(sps_law_barrier(SPS_LAW_QUADRATIC, 0.25), 0.5625, 0);
}

/* Table of paper-facts A.2: with b(h) and tau0 = 1 ns, P = 1/2 at these I / Ic0. */
static void currents_for_half(void **state)
{
    (void)state;
    const struct {
        double delta, time, ratio;
    } rows[] = {{40, 10e-9, 0.830}, {40, 5e-9, 0.861}, {40, 1e-9, 0.955}, {60, 10e-9, 0.870}};
    for (int i = 0; i < 4; i++) {
        struct sps_switching_law law = usual;
        double current;
        law.kind = SPS_LAW_MACROSPIN;
        law.delta300 = rows[i].delta;
        OK(sps_law_current(&current, &law, 0.5, rows[i].time));
        NEAR(current / law.ic0, rows[i].ratio, 5e-4);
    }
    /* Linear: I50 = Ic0 (1 - ln(t / (tau0 ln 2)) / Delta) (cim-refs 4). */
    double current;
    OK(sps_law_current(&current, &usual, 0.5, 5e-9));
    NEAR(current / 1e-4, 1 - log(5 / log(2)) / 45, 1e-15);
}

/* The inverse and back, to what rounding the current costs: Delta 1e-16 relative of x; 1e-8 where a solver answers. */
static void inverse(void **state)
{
    (void)state;
    static const double p[] = {1e-12, 1e-3, 0.1, 0.5, 0.9, 0.999999};
    for (int kind = 0; kind <= SPS_LAW_FOKKER_PLANCK; kind++)
        for (int k = 0; k < 6; k++)
            for (int falling = 0; falling < 2; falling++) {
                struct sps_switching_law law = usual;
                double current = -1;
                law.kind = (enum sps_law_kind)kind;
                law.curie = falling ? 1100 : 0;
                law.temperature = 350;
                OK(sps_law_current(&current, &law, p[k], 20e-9));
                NEAR(sps_switching(&law, current, 20e-9).p / p[k], 1, kind == SPS_LAW_FOKKER_PLANCK ? 1e-8 : 1e-13);
            }
    double current = -1;
    FAILS(sps_law_current(&current, &usual, 0, 1e-9), EINVAL, "must be inside 0 and 1");
    FAILS(sps_law_current(&current, &usual, 1, 1e-9), EINVAL, "must be inside 0 and 1");
    FAILS(sps_law_current(&current, &usual, 1e-30, 1e-8), EINVAL, "more even without one");
    struct sps_switching_law law = usual;
    law.kind = SPS_LAW_QUADRATIC;
    FAILS(sps_law_current(&current, &law, 0.999999, 1e-9), EINVAL, "less at any");
    NEAR(current, -1, 0);
    OK(sps_law_current(&current, &usual, 0.999999, 1e-9)); /* the linear law goes on beyond Ic0 */
    assert_true(current > usual.ic0);
}

/* Very small and very large: logarithms where the values have left the doubles. */
static void extremes(void **state)
{
    (void)state;
    struct sps_switching_law law = usual;
    law.delta300 = 1000;
    struct sps_switching s = sps_switching(&law, 0, 1e-9); /* x = exp(-1000) */
    NEAR(s.log_p, -1000, 1e-12);
    NEAR(s.p, 0, 0);
    NEAR(s.not_p, 1, 0);
    s = sps_switching(&law, 2e-4, 1e-9); /* x = exp(1000) */
    assert_true(s.log_not_p < -1e300);   /* a double cannot hold it */
    NEAR(s.p, 1, 0);
    NEAR(s.not_p, 0, 0);
    /* In double arithmetic this 1 - P would be 2e-12 off.  50 digits, from the doubles as they are. */
    law.delta300 = 500;
    s = sps_switching(&law, 9.899e-05, 1e-5);
    NEAR(s.not_p / 1.460893363314232e-28, 1, 1e-12);
    NEAR(s.log_p / -1.460893363314232e-28, 1, 1e-12); /* ln(1 - q) is -q */
    s = sps_switching(&usual, 5e-5, 0);
    NEAR(s.p, 0, 0);
    NEAR(s.not_p, 1, 0);
    assert_true(isinf(s.log_p) && s.log_p < 0);
}

/* P rises with current, time and temperature and falls with Delta, for each law. */
static void monotone(void **state)
{
    (void)state;
    for (int kind = 0; kind <= SPS_LAW_FOKKER_PLANCK; kind++) {
        struct sps_switching_law law = usual;
        law.kind = (enum sps_law_kind)kind;
        double before = -INFINITY;
        for (int i = 0; i <= 200; i++) {
            double p = sps_switching(&law, i * 1e-6, 1e-8).log_p;
            assert_true(p >= before);
            before = p;
        }
        struct sps_switching_law hotter = law, taller = law;
        hotter.temperature = 310;
        taller.delta300 = 46;
        double p = sps_switching(&law, 9e-5, 1e-8).p;
        assert_true(sps_switching(&hotter, 9e-5, 1e-8).p > p && sps_switching(&taller, 9e-5, 1e-8).p < p);
        assert_true(sps_switching(&law, 9e-5, 2e-8).p > p);
        /* A gate that takes a tenth of both makes it easier. */
        struct sps_switching_law gated = sps_law_gated(law, 0.1);
        NEAR(gated.ic0, 9e-5, 1e-19);
        NEAR(gated.delta300, 40.5, 1e-13);
        assert_true(sps_switching(&gated, 8e-5, 1e-8).p > sps_switching(&law, 8e-5, 1e-8).p);
    }
}

static void validity(void **state)
{
    (void)state;
    assert_true(sps_law_valid(&usual, 9.99e-5, 3e-9));
    assert_false(sps_law_valid(&usual, 1e-4, 3e-9));
    assert_false(sps_law_valid(&usual, 9e-5, 2.99e-9));
    struct sps_switching_law hot = usual;
    hot.curie = 600;
    hot.temperature = 700; /* above the Curie temperature no barrier is left, but no negative one either */
    NEAR(sps_law_delta(&hot), 0, 0);
    NEAR(sps_switching(&hot, 0, 1e-9).p, -expm1(-1), 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_forms_at_50_digits),
        cmocka_unit_test(exponent_of_a_fokker_planck_solver),
        cmocka_unit_test(solution_of_fokker_planck),
        cmocka_unit_test(limits_of_fokker_planck),
        cmocka_unit_test(fokker_planck_of_anything),
        cmocka_unit_test(barriers),
        cmocka_unit_test(currents_for_half),
        cmocka_unit_test(inverse),
        cmocka_unit_test(extremes),
        cmocka_unit_test(monotone),
        cmocka_unit_test(validity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
