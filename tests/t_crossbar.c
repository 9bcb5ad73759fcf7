/* SPDX-License-Identifier: MIT */
/* The crossbar solver against numbers from elsewhere (tests/vectors/crossbar), against dense elimination in long
 * double, and against CHOLMOD. */
#include "test.h"

#include <float.h>
#include <stdlib.h>

#include <jansson.h>

#include "core/memory.h"
#include "core/random.h"
#include "spinscale/crossbar.h"
#include "spinscale/csv.h"
#ifdef SPS_HAVE_CHOLMOD
#include "cholmod_crossbar.h"
#endif

/* --- Vectors. --- */

static const char *const vectors[] = {"asym_8x8",    "b16_stt_r5", "b32_stt_r1",  "b64_sot1M_r1", "b8_sot1M_r1p0",
                                      "b8_stt_r1p0", "ideal_8x8",  "mlc16_20000", "one_1x1",      "open16",
                                      "row_1x16",    "var16",      "wl0_8x8",     "xnor32x32_1M", "xnor8x8_6k"};
enum { VECTORS = sizeof vectors / sizeof *vectors };

struct vector {
    struct sps_csv r, v, i, word, bit; /* word and bit are empty where the vector has none */
    struct sps_crossbar_options options;
    size_t m, n, p;
    double *g;
    sps_crossbar *crossbar;
};

static int read_part(struct sps_csv *csv, const char *name, const char *part)
{
    char path[512];
    *csv = (struct sps_csv){0};
    snprintf(path, sizeof path, "%s/vectors/crossbar/%s_%s.csv", TEST_DIR, name, part);
    return sps_csv_read(csv, path, 0) == SPS_OK;
}

static double setting(const char *name, const char *key)
{
    char path[512];
    snprintf(path, sizeof path, "%s/vectors/crossbar/%s.json", TEST_DIR, name);
    json_t *json = json_load_file(path, 0, NULL);
    assert_non_null(json);
    double value = json_number_value(json_object_get(json, key));
    json_decref(json);
    return value;
}

static void open_vector(struct vector *v, const char *name)
{
    assert_true(read_part(&v->r, name, "R") && read_part(&v->v, name, "V"));
    assert_true(read_part(&v->i, name, "Iref") || read_part(&v->i, name, "I")); /* long double where there is one */
    read_part(&v->word, name, "Vwl");
    read_part(&v->bit, name, "Vbl");
    v->m = v->r.rows;
    v->n = v->r.columns;
    v->p = v->v.columns;
    v->options =
        (struct sps_crossbar_options){.r_word_line = setting(name, "r_wl"), .r_bit_line = setting(name, "r_bl")};
    v->g = malloc(v->m * v->n * sizeof *v->g);
    for (size_t i = 0; i < v->m * v->n; i++)
        v->g[i] = 1 / v->r.values[i];
    OK(sps_crossbar_create(&v->crossbar, v->g, v->m, v->n, &v->options));
}

static void close_vector(struct vector *v)
{
    sps_crossbar_free(v->crossbar);
    free(v->g);
    sps_csv_reset(&v->r);
    sps_csv_reset(&v->v);
    sps_csv_reset(&v->i);
    sps_csv_reset(&v->word);
    sps_csv_reset(&v->bit);
}

static void input_of(double *volts, const struct vector *v, size_t input)
{
    for (size_t i = 0; i < v->m; i++)
        volts[i] = v->v.values[i * v->p + input];
}

static double largest(const double *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

/* Measured: 2.6e-13 of the largest current at most (row_1x16), node voltages to 1e-14 V. */
static void agrees_with_vectors(void **state)
{
    (void)state;
    for (int k = 0; k < VECTORS; k++) {
        struct vector v;
        open_vector(&v, vectors[k]);
        double *current = malloc(v.n * sizeof *current), *volts = malloc(v.m * sizeof *volts),
               *matrix = malloc(v.m * v.n * sizeof *matrix), *word = malloc(v.m * v.n * sizeof *word),
               *bit = malloc(v.m * v.n * sizeof *bit);
        OK(sps_crossbar_fold(v.crossbar, matrix));
        for (size_t input = 0; input < v.p; input++) {
            const double *expected = v.i.values + input * v.n;
            double tolerance = 2e-12 * largest(expected, v.n);
            input_of(volts, &v, input);
            OK(sps_crossbar_solve(v.crossbar, current, word, bit, volts));
            for (size_t j = 0; j < v.n; j++) {
                double folded = 0;
                for (size_t i = 0; i < v.m; i++)
                    folded += volts[i] * matrix[i * v.n + j];
                NEAR(current[j], expected[j], tolerance);
                NEAR(folded, expected[j], tolerance);
            }
            for (size_t i = 0; i < v.m * v.n && input == 0 && v.word.values != NULL; i++) {
                NEAR(word[i], v.word.values[i], 1e-12);
                NEAR(bit[i], v.bit.values[i], 1e-12);
            }
        }
        free(current), free(volts), free(matrix), free(word), free(bit);
        close_vector(&v);
    }
}

/* Complementary rows: a weight of +1 has R_P in the row that is driven for +1, so that without wires a column carries
 * V (K (G_P + G_AP) + dot (G_P - G_AP)) / 2.  With wires of 1 ohm and 1 Mohm cells it still rounds to the product. */
static void xnor_products(void **state)
{
    (void)state;
    const struct {
        const char *name;
        double r_p, r_ap;
    } cases[] = {{"xnor32x32_1M", 1e6, 2.5e6}, {"xnor8x8_6k", 6e3, 15e3}};
    for (int k = 0; k < 2; k++) {
        struct vector v;
        struct sps_csv dot;
        open_vector(&v, cases[k].name);
        assert_true(read_part(&dot, cases[k].name, "dot"));
        double g_p = 1 / cases[k].r_p, g_ap = 1 / cases[k].r_ap, inputs = (double)v.m / 2;
        sps_crossbar *ideal;
        OK(sps_crossbar_create(&ideal, v.g, v.m, v.n, &(struct sps_crossbar_options){0}));
        for (size_t input = 0; input < v.p; input++) {
            double volts[64], current[32];
            input_of(volts, &v, input);
            double drive = largest(volts, v.m);
            OK(sps_crossbar_solve(ideal, current, NULL, NULL, volts));
            for (size_t j = 0; j < v.n; j++)
                NEAR(current[j], drive * (inputs * (g_p + g_ap) + dot.values[input * v.n + j] * (g_p - g_ap)) / 2,
                     1e-14 * current[j]);
            OK(sps_crossbar_solve(v.crossbar, current, NULL, NULL, volts));
            for (size_t j = 0; j < v.n && k == 0; j++) {
                double read = (2 * current[j] / drive - inputs * (g_p + g_ap)) / (g_p - g_ap);
                NEAR(read, dot.values[input * v.n + j], 0.5); /* steps are 2 apart */
            }
        }
        sps_crossbar_free(ideal);
        sps_csv_reset(&dot);
        close_vector(&v);
    }
}

/* Four junctions of 20 kohm or 50 kohm side by side, k of them parallel; one row is selected for each input. */
static void multilevel_cells(void **state)
{
    (void)state;
    struct vector v;
    struct sps_csv level;
    open_vector(&v, "mlc16_20000");
    assert_true(read_part(&level, "mlc16_20000", "k"));
    sps_crossbar *ideal;
    OK(sps_crossbar_create(&ideal, v.g, v.m, v.n, &(struct sps_crossbar_options){0}));
    for (size_t input = 0; input < v.p; input++) {
        double volts[16], current[16];
        input_of(volts, &v, input);
        OK(sps_crossbar_solve(ideal, current, NULL, NULL, volts));
        for (size_t j = 0; j < v.n; j++) {
            double expected = 0;
            for (size_t i = 0; i < v.m; i++) {
                double k = level.values[i * v.n + j];
                expected += volts[i] * (k / 20e3 + (4 - k) / 50e3);
            }
            NEAR(current[j], expected, 1e-14 * expected);
        }
    }
    sps_crossbar_free(ideal);
    sps_csv_reset(&level);
    close_vector(&v);
}

/* --- Dense elimination in long double, all 2 m n nodes; a wire without resistance makes two nodes one. --- */

enum { NODES_MAX = 400 };
static long double dense[NODES_MAX][NODES_MAX + 1];

struct oracle {
    size_t m, n;
    double r_word, r_bit;
    const double *g, *volts;
};

/* Unknown of a node, or -1 where its voltage is given. */
static int word_node(const struct oracle *o, size_t i, size_t j)
{
    return o->r_word > 0 ? (int)(i * o->n + j) : -1;
}
static int bit_node(const struct oracle *o, size_t i, size_t j)
{
    return o->r_bit > 0 ? (int)(o->m * o->n + i * o->n + j) : -1;
}

/* A resistor from node a to node b; a node of -1 has the given voltage. */
static void resistor(int a, int b, long double siemens, long double volts_a, long double volts_b)
{
    if (a >= 0) {
        dense[a][a] += siemens;
        if (b >= 0)
            dense[a][b] -= siemens;
        else
            dense[a][NODES_MAX] += siemens * volts_b;
    }
    if (b >= 0) {
        dense[b][b] += siemens;
        if (a >= 0)
            dense[b][a] -= siemens;
        else
            dense[b][NODES_MAX] += siemens * volts_a;
    }
}

static void eliminate(size_t count)
{
    for (size_t k = 0; k < count; k++) {
        if (dense[k][k] == 0) /* the unknown of a line without resistance */
            continue;
        for (size_t i = k + 1; i < count; i++) {
            long double factor = dense[i][k] / dense[k][k];
            if (factor == 0)
                continue;
            for (size_t j = k; j < count; j++)
                dense[i][j] -= factor * dense[k][j];
            dense[i][NODES_MAX] -= factor * dense[k][NODES_MAX];
        }
    }
    for (size_t k = count; k-- > 0;) {
        for (size_t j = k + 1; j < count; j++)
            dense[k][NODES_MAX] -= dense[k][j] * dense[j][NODES_MAX];
        dense[k][NODES_MAX] = dense[k][k] != 0 ? dense[k][NODES_MAX] / dense[k][k] : 0;
    }
}

static void oracle_solve(double *current, const struct oracle *o)
{
    size_t m = o->m, n = o->n, count = 2 * m * n;
    assert_true(count <= NODES_MAX);
    memset(dense, 0, sizeof dense);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            resistor(word_node(o, i, j), bit_node(o, i, j), o->g[i * n + j], o->volts[i], 0);
            if (o->r_word > 0)
                resistor(word_node(o, i, j), j > 0 ? word_node(o, i, j - 1) : -1, 1 / (long double)o->r_word, 0,
                         o->volts[i]);
            if (o->r_bit > 0)
                resistor(bit_node(o, i, j), i + 1 < m ? bit_node(o, i + 1, j) : -1, 1 / (long double)o->r_bit, 0, 0);
        }
    eliminate(count);
    for (size_t j = 0; j < n; j++) {
        long double sum = 0;
        for (size_t i = 0; i < m; i++) {
            long double a = o->r_word > 0 ? dense[word_node(o, i, j)][NODES_MAX] : o->volts[i];
            sum += o->g[i * n + j] * a;
        }
        current[j] = (double)(o->r_bit > 0 ? dense[bit_node(o, m - 1, j)][NODES_MAX] / o->r_bit : sum);
    }
}

/* Draws an array: cells from `smallest` ohm over two decades, some open; voltages of both signs, some 0. */
static void draw(double *g, double *volts, size_t m, size_t n, double smallest, uint32_t item)
{
    struct sps_random r = sps_random(7, SPS_FOR_TEST, item, 0, 0);
    for (size_t i = 0; i < m * n; i++)
        g[i] = sps_random_below(&r, 8) == 0 ? 0 : 1 / (smallest * pow(10, 2 * (double)sps_random_uniform(&r)));
    for (size_t i = 0; i < m; i++)
        volts[i] = sps_random_below(&r, 4) == 0 ? 0 : (double)sps_random_uniform(&r) - 0.3;
}

/* From cells a million times the wires to cells a thousandth of them.  The error stated is never below the true one,
 * and that is below 1e-11 of the largest current (measured: 3e-13). */
static void agrees_with_dense_elimination(void **state)
{
    (void)state;
    const size_t shapes[][2] = {{1, 1}, {1, 2}, {2, 1}, {1, 24}, {24, 1}, {3, 5}, {9, 4}, {12, 13}};
    const double wires[][2] = {{1, 1}, {2.5, 0.7}, {0, 1}, {1, 0}, {0, 0}, {1e-3, 10}, {1e-9, 1e-9}};
    const double cells[] = {1e6, 5e3, 10, 0.1, 1e-3};
    uint32_t item = 0;
    for (int shape = 0; shape < 8; shape++)
        for (int wire = 0; wire < 7; wire++)
            for (int cell = 0; cell < 5; cell++) {
                size_t m = shapes[shape][0], n = shapes[shape][1];
                double g[200], volts[24], current[24], expected[24], matrix[200];
                draw(g, volts, m, n, cells[cell], item++);
                struct sps_crossbar_options options = {.r_word_line = wires[wire][0], .r_bit_line = wires[wire][1]};
                struct oracle oracle = {m, n, wires[wire][0], wires[wire][1], g, volts};
                sps_crossbar *crossbar;
                OK(sps_crossbar_create(&crossbar, g, m, n, &options));
                OK(sps_crossbar_solve(crossbar, current, NULL, NULL, volts));
                OK(sps_crossbar_fold(crossbar, matrix));
                oracle_solve(expected, &oracle);
                double most = largest(expected, n), stated = sps_crossbar_last(crossbar).error;
                for (size_t j = 0; j < n; j++) {
                    double folded = 0, flow = 0;
                    for (size_t i = 0; i < m; i++) {
                        folded += volts[i] * matrix[i * n + j];
                        flow += fabs(volts[i] * matrix[i * n + j]);
                    }
                    NEAR(current[j], expected[j], fmin(1e-10 * most, stated));
                    NEAR(folded, expected[j], 1e-10 * fmax(most, flow));
                }
                sps_crossbar_free(crossbar);
            }
}

/* Cells against wires down to 1e-12: either the error stated holds, or the solver refuses; it never lies. */
static void never_lies(void **state)
{
    (void)state;
    int solved = 0, refused = 0;
    for (int decade = 0; decade <= 12; decade++)
        for (int wire = 0; wire < 3; wire++) {
            const size_t m = 12, n = 10;
            double g[120], volts[12], current[10], expected[10];
            struct sps_crossbar_options options = {.r_word_line = wire == 1 ? 1e3 : 1,
                                                   .r_bit_line = wire == 2 ? 1e3 : 1};
            draw(g, volts, m, n, pow(10, -decade), (uint32_t)(1000 + decade));
            struct oracle oracle = {m, n, options.r_word_line, options.r_bit_line, g, volts};
            sps_crossbar *crossbar;
            OK(sps_crossbar_create(&crossbar, g, m, n, &options));
            sps_status status = sps_crossbar_solve(crossbar, current, NULL, NULL, volts);
            assert_true(status == SPS_OK || status == SPS_EDIVERGED);
            refused += status != SPS_OK;
            solved += status == SPS_OK;
            oracle_solve(expected, &oracle);
            for (size_t j = 0; j < n && status == SPS_OK; j++)
                NEAR(current[j], expected[j], sps_crossbar_last(crossbar).error);
            sps_crossbar_free(crossbar);
        }
    assert_true(solved > 0 && refused > 0);
}

/* --- Manners. --- */

static const double one_siemens[4] = {1, 1, 1, 1};

/* By hand: 1 V through 1 ohm of word line, a cell of 2 ohm, 1 ohm of bit line: 0.25 A, nodes at 0.75 V and 0.25 V. */
static void one_cell_by_hand(void **state)
{
    (void)state;
    sps_crossbar *crossbar;
    double g = 0.5, volts = 1, current, word, bit;
    OK(sps_crossbar_create(&crossbar, &g, 1, 1, &(struct sps_crossbar_options){.r_word_line = 1, .r_bit_line = 1}));
    OK(sps_crossbar_solve(crossbar, &current, &word, &bit, &volts));
    NEAR(current, 0.25, 1e-16);
    NEAR(word, 0.75, 1e-15);
    NEAR(bit, 0.25, 1e-15);
    sps_crossbar_free(crossbar);
}

static void zero_input_and_open_cells(void **state)
{
    (void)state;
    sps_crossbar *crossbar;
    double current[2] = {9, 9}, open[4] = {0}, volts[2] = {0, 0};
    const struct sps_crossbar_options options = {.r_word_line = 1, .r_bit_line = 1};
    OK(sps_crossbar_create(&crossbar, one_siemens, 2, 2, &options));
    OK(sps_crossbar_solve(crossbar, current, NULL, NULL, volts));
    assert_true(current[0] == 0 && current[1] == 0);
    sps_crossbar_free(crossbar);
    OK(sps_crossbar_create(&crossbar, open, 2, 2, &options));
    volts[0] = 1;
    OK(sps_crossbar_solve(crossbar, current, NULL, NULL, volts));
    assert_true(current[0] == 0 && current[1] == 0);
    sps_crossbar_free(crossbar);
}

/* Opposite voltages on equal cells: the currents are 0 but for the wires; that they cancel is no failure. */
static void cancelled_currents(void **state)
{
    (void)state;
    double g[64 * 16], volts[64], current[16], expected;
    for (int i = 0; i < 64 * 16; i++)
        g[i] = 1e-6;
    for (int i = 0; i < 64; i++)
        volts[i] = i % 2 ? 0.1 : -0.1;
    sps_crossbar *crossbar;
    OK(sps_crossbar_create(&crossbar, g, 64, 16, &(struct sps_crossbar_options){.r_word_line = 1, .r_bit_line = 1}));
    OK(sps_crossbar_solve(crossbar, current, NULL, NULL, volts));
    expected = current[0];
    assert_true(fabs(expected) < 1e-3 * 64 * 0.1 * 1e-6);
    assert_true(sps_crossbar_last(crossbar).error < 1e-10 * 64 * 0.1 * 1e-6);
    sps_crossbar_free(crossbar);
}

/* Other units, the same problem: powers of two change nothing but the exponents. */
static void units_do_not_matter(void **state)
{
    (void)state;
    double g[12 * 10], scaled[12 * 10], volts[12], high[12], a[10], b[10];
    const double units[] = {ldexp(1, -700), ldexp(1, -40), ldexp(1, 40), ldexp(1, 700)};
    draw(g, volts, 12, 10, 1e3, 1);
    for (int k = 0; k < 4; k++) {
        double u = units[k];
        for (int i = 0; i < 120; i++)
            scaled[i] = g[i] * u;
        for (int i = 0; i < 12; i++)
            high[i] = volts[i] / u * 16;
        sps_crossbar *first, *second;
        OK(sps_crossbar_create(&first, g, 12, 10, &(struct sps_crossbar_options){.r_word_line = 1, .r_bit_line = 2}));
        OK(sps_crossbar_create(&second, scaled, 12, 10,
                               &(struct sps_crossbar_options){.r_word_line = 1 / u, .r_bit_line = 2 / u}));
        OK(sps_crossbar_solve(first, a, NULL, NULL, volts));
        OK(sps_crossbar_solve(second, b, NULL, NULL, high));
        for (int j = 0; j < 10; j++)
            assert_true(b[j] == 16 * a[j]);
        sps_crossbar_free(first);
        sps_crossbar_free(second);
    }
}

/* The second solve gives what it gives alone, and allocates nothing. */
static void solves_again(void **state)
{
    (void)state;
    double g[12 * 10], volts[12], a[10], b[10];
    draw(g, volts, 12, 10, 1e3, 2);
    const struct sps_crossbar_options options = {.r_word_line = 1, .r_bit_line = 1};
    sps_crossbar *crossbar;
    OK(sps_crossbar_create(&crossbar, g, 12, 10, &options));
    OK(sps_crossbar_solve(crossbar, a, NULL, NULL, volts));
    double other[12] = {1};
    OK(sps_crossbar_solve(crossbar, b, NULL, NULL, other));
    sps_memory_fail_at(0);
    OK(sps_crossbar_solve(crossbar, b, NULL, NULL, volts));
    sps_memory_fail_at(-1);
    assert_memory_equal(a, b, sizeof a);
    sps_crossbar_free(crossbar);
}

static sps_status create(sps_crossbar **out, const double *g, double r_word, double r_bit, double tolerance,
                         int iterations)
{
    return sps_crossbar_create(
        out, g, 2, 2,
        &(struct sps_crossbar_options){
            .r_word_line = r_word, .r_bit_line = r_bit, .tolerance = tolerance, .iterations = iterations});
}

static void refuses(void **state)
{
    (void)state;
    sps_crossbar *crossbar = NULL;
    const double negative[4] = {1, 1, -2, 1}, no_number[4] = {1, NAN, 1, 1}, infinite[4] = {1, 1, 1, INFINITY};
    FAILS(create(&crossbar, negative, 1, 1, 0, 0), EINVAL, "row 2, column 1 is -2 S");
    FAILS(create(&crossbar, no_number, 1, 1, 0, 0), EINVAL, "row 1, column 2 is nan S");
    FAILS(create(&crossbar, infinite, 1, 1, 0, 0), EINVAL, "row 2, column 2 is inf S");
    FAILS(create(&crossbar, one_siemens, -1, 1, 0, 0), EINVAL, "r_word_line is -1 ohm");
    FAILS(create(&crossbar, one_siemens, 1, NAN, 0, 0), EINVAL, "r_bit_line is nan ohm");
    FAILS(create(&crossbar, one_siemens, 1, INFINITY, 0, 0), EINVAL, "r_bit_line is inf ohm");
    FAILS(create(&crossbar, one_siemens, 1, 1, 1, 0), EINVAL, "tolerance is 1");
    FAILS(create(&crossbar, one_siemens, 1, 1, 0, -1), EINVAL, "iterations is -1");
    FAILS(sps_crossbar_create(&crossbar, one_siemens, 0, 2, &(struct sps_crossbar_options){0}), EINVAL, "0 x 2 cells");
    FAILS(sps_crossbar_create(&crossbar, one_siemens, 1 << 20, 1 << 20, &(struct sps_crossbar_options){0}), EINVAL,
          "1048576 x 1048576 cells");
    assert_null(crossbar);
    for (int n = 0; n < 2; n++) {
        long live = sps_memory_live();
        sps_memory_fail_at(n);
        assert_int_equal(create(&crossbar, one_siemens, 1, 1, 0, 0), SPS_ENOMEM);
        assert_int_equal(sps_memory_live(), live);
    }
    sps_memory_fail_at(-1);
}

/* Every allocation of a fold may fail: its output stays as it was, nothing leaks. */
static void fold_without_memory(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) { /* by rows, by columns */
        sps_crossbar *crossbar;
        double matrix[2] = {7, 7};
        OK(sps_crossbar_create(&crossbar, one_siemens, 2 - wide, 1 + wide, &(struct sps_crossbar_options){0}));
        for (int n = 0; n < 4; n++) {
            long live = sps_memory_live();
            sps_memory_fail_at(n);
            assert_int_equal(sps_crossbar_fold(crossbar, matrix), SPS_ENOMEM);
            assert_int_equal(sps_memory_live(), live);
            assert_true(matrix[0] == 7 && matrix[1] == 7);
        }
        sps_memory_fail_at(-1);
        OK(sps_crossbar_fold(crossbar, matrix));
        assert_true(matrix[0] == 1 && matrix[1] == 1);
        sps_crossbar_free(crossbar);
    }
}

static void netlist_refuses(void **state)
{
    (void)state;
    const double negative[4] = {1, 1, -2, 1}, volts[2] = {1, 0}, hot[2] = {1, INFINITY};
    const char *path = "t_crossbar.cir";
    FAILS(sps_crossbar_netlist(path, negative, 2, 2, 1, 1, volts), EINVAL, "row 2, column 1 is -2 S");
    FAILS(sps_crossbar_netlist(path, one_siemens, 2, 2, -1, 1, volts), EINVAL, "wires of -1 and 1 ohm");
    FAILS(sps_crossbar_netlist(path, one_siemens, 2, 2, 1, 1, hot), EINVAL, "row 2 is inf V");
    FAILS(sps_crossbar_netlist(path, one_siemens, 2, 0, 1, 1, volts), EINVAL, "2 x 0 cells");
    FAILS(sps_crossbar_netlist(path, one_siemens, 300, 300, 1, 1, volts), EINVAL, "300 x 300 cells");
    FAILS(sps_crossbar_netlist("no/such/folder.cir", one_siemens, 2, 2, 1, 1, volts), EIO, "no/such/folder.cir");
}

static void refuses_voltages_and_recovers(void **state)
{
    (void)state;
    double g[12 * 10], volts[12], bad[12] = {0, 0, NAN}, a[10], b[10] = {5};
    draw(g, volts, 12, 10, 0.01, 3);
    sps_crossbar *crossbar, *hasty;
    OK(sps_crossbar_create(&crossbar, g, 12, 10, &(struct sps_crossbar_options){.r_word_line = 1, .r_bit_line = 1}));
    OK(sps_crossbar_create(&hasty, g, 12, 10,
                           &(struct sps_crossbar_options){.r_word_line = 1, .r_bit_line = 1, .iterations = 3}));
    OK(sps_crossbar_solve(crossbar, a, NULL, NULL, volts));
    FAILS(sps_crossbar_solve(crossbar, b, NULL, NULL, bad), EINVAL, "row 3 is nan V");
    FAILS(sps_crossbar_solve(hasty, b, NULL, NULL, volts), EDIVERGED, "after 3 iterations");
    assert_true(b[0] == 5);
    OK(sps_crossbar_solve(crossbar, b, NULL, NULL, volts));
    assert_memory_equal(a, b, sizeof a);
    sps_crossbar_free(crossbar);
    sps_crossbar_free(hasty);
}

/* --- Cells that depend on their voltage. --- */

struct junctions {
    const double *g;
    double v_half, swing;
};

/* As a magnetic junction's: conducts more at higher voltage, either sign. */
static double junction(void *user, size_t cell, double volts)
{
    const struct junctions *j = user;
    double x = volts / j->v_half;
    return j->g[cell] * (1 + j->swing * x * x / (1 + x * x));
}

static double broken(void *user, size_t cell, double volts)
{
    (void)user, (void)volts;
    return cell == 5 ? NAN : 1e-3;
}

/* 1 V, 100 ohm in each wire, a cell of 1 kohm whose conductance doubles towards high voltage, half of that at 0.5 V.
 * i = (1 - v) / 200 = v / 1000 (1 + v^2 / (v^2 + 0.25)) gives 7 v^3 - 5 v^2 + 1.5 v - 1.25 = 0, root by bisection. */
static void one_junction_by_hand(void **state)
{
    (void)state;
    double low = 0, high = 1, g = 1e-3, volts = 1, current, word, bit;
    for (int i = 0; i < 100; i++) {
        double v = (low + high) / 2, value = 7 * v * v * v - 5 * v * v + 1.5 * v - 1.25;
        *(value < 0 ? &low : &high) = v;
    }
    sps_crossbar *crossbar;
    struct junctions cells = {&g, 0.5, 1};
    OK(sps_crossbar_create(&crossbar, &g, 1, 1, &(struct sps_crossbar_options){.r_word_line = 100, .r_bit_line = 100}));
    OK(sps_crossbar_solve_nonlinear(crossbar, &current, &word, &bit, &volts, junction, &cells));
    NEAR(word - bit, low, 1e-10);
    NEAR(current, (1 - low) / 200, 1e-12);
    sps_crossbar_free(crossbar);
}

/* The currents found are those of fixed cells with the conductances at the voltages found; a swing of 0 gives the
 * linear solution; afterwards the crossbar is what it was. */
static void voltage_dependent_cells(void **state)
{
    (void)state;
    enum { M = 24, N = 20 };
    static double g[M * N], at[M * N], volts[M], word[M * N], bit[M * N];
    double linear[N], current[N], again[N];
    draw(g, volts, M, N, 5e3, 4);
    const struct sps_crossbar_options options = {.r_word_line = 5, .r_bit_line = 5};
    sps_crossbar *crossbar, *fixed;
    struct junctions cells = {g, 0.5, 1.5}, straight = {g, 0.5, 0};
    OK(sps_crossbar_create(&crossbar, g, M, N, &options));
    OK(sps_crossbar_solve(crossbar, linear, NULL, NULL, volts));
    OK(sps_crossbar_solve_nonlinear(crossbar, current, NULL, NULL, volts, junction, &straight));
    for (int j = 0; j < N; j++)
        NEAR(current[j], linear[j], 1e-14);
    OK(sps_crossbar_solve_nonlinear(crossbar, current, word, bit, volts, junction, &cells));
    double error = sps_crossbar_last(crossbar).error, most = largest(current, N);
    assert_true(error < 2e-10 * most);
    for (size_t i = 0; i < M * N; i++)
        at[i] = junction(&cells, i, word[i] - bit[i]);
    OK(sps_crossbar_create(&fixed, at, M, N, &options));
    OK(sps_crossbar_solve(fixed, again, NULL, NULL, volts));
    for (int j = 0; j < N; j++)
        NEAR(current[j], again[j], error + sps_crossbar_last(fixed).error);
    assert_true(fabs(current[0] - linear[0]) > 0.01 * most);
    OK(sps_crossbar_solve(crossbar, again, NULL, NULL, volts));
    assert_memory_equal(again, linear, sizeof linear);
    FAILS(sps_crossbar_solve_nonlinear(crossbar, current, NULL, NULL, volts, broken, NULL), EINVAL, "row 1, column 6");
    OK(sps_crossbar_solve(crossbar, again, NULL, NULL, volts));
    assert_memory_equal(again, linear, sizeof linear);
    sps_crossbar_free(crossbar);
    sps_crossbar_free(fixed);
}

/* --- CHOLMOD. --- */

/* 128 x 128 with cells from easy to hard, and a long shape.  Measured: 5e-13 of the largest current apart. */
static void agrees_with_cholmod(void **state)
{
    (void)state;
#ifdef SPS_HAVE_CHOLMOD
    const size_t shapes[][2] = {{128, 128}, {128, 128}, {200, 40}};
    const double cells[] = {1e6, 3e3, 100};
    static double g[128 * 128], volts[200], current[128], expected[128];
    for (int k = 0; k < 3; k++) {
        size_t m = shapes[k][0], n = shapes[k][1];
        draw(g, volts, m, n, cells[k], (uint32_t)(2000 + k));
        sps_crossbar *crossbar;
        OK(sps_crossbar_create(&crossbar, g, m, n, &(struct sps_crossbar_options){.r_word_line = 1, .r_bit_line = 2}));
        OK(sps_crossbar_solve(crossbar, current, NULL, NULL, volts));
        assert_true(cholmod_crossbar_solve(expected, g, m, n, 1, 2, volts));
        double most = largest(expected, n);
        for (size_t j = 0; j < n; j++)
            NEAR(current[j], expected[j], 5e-12 * most);
        sps_crossbar_free(crossbar);
    }
#else
    print_message("CHOLMOD was not there when this was built (Debian: libsuitesparse-dev)\n");
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_vectors),
        cmocka_unit_test(xnor_products),
        cmocka_unit_test(multilevel_cells),
        cmocka_unit_test(agrees_with_dense_elimination),
        cmocka_unit_test(never_lies),
        cmocka_unit_test(one_cell_by_hand),
        cmocka_unit_test(zero_input_and_open_cells),
        cmocka_unit_test(cancelled_currents),
        cmocka_unit_test(units_do_not_matter),
        cmocka_unit_test(solves_again),
        cmocka_unit_test(refuses),
        cmocka_unit_test(fold_without_memory),
        cmocka_unit_test(netlist_refuses),
        cmocka_unit_test(refuses_voltages_and_recovers),
        cmocka_unit_test(one_junction_by_hand),
        cmocka_unit_test(voltage_dependent_cells),
        cmocka_unit_test(agrees_with_cholmod),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
