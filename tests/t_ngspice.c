/* SPDX-License-Identifier: MIT */
/* Our circuits in ngspice, which shares nothing with us: an array, the read of a cell, the bit stream of a stochastic
 * unit.  The netlists are files, as a user would get them. */
#include "test.h"

#include <stdlib.h>

#include "cim/array/netlist.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/random.h"
#include "spinscale/crossbar.h"

#ifdef SPS_HAVE_NGSPICE
#include <stdbool.h>

#include <ngspice/sharedspice.h>

/* --- ngspice as a library. --- */

static char said[4096]; /* the end of what it said, for messages */

static int hear(char *text, int id, void *user)
{
    (void)id, (void)user;
    size_t have = strlen(said), more = strlen(text);
    if (have + more + 2 > sizeof said)
        have = 0;
    snprintf(said + have, sizeof said - have, "%s\n", text);
    return 0;
}

static int left(int status, bool immediate, bool quit, int id, void *user)
{
    (void)immediate, (void)quit, (void)id, (void)user;
    fail_msg("ngspice gives up, status %d: %s", status, said);
    return 0;
}

static void command(const char *text)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", text);
    if (ngSpice_Command(copy) != 0)
        fail_msg("ngspice refuses '%s': %s", text, said);
}

enum { LINES_MAX = 4096 };

static void load(const char *path)
{
    static char *line[LINES_MAX + 1];
    char *text;
    size_t bytes, count = 0;
    said[0] = '\0';
    OK(sps_file_load(&text, &bytes, path, 1 << 20));
    for (char *at = strtok(text, "\n"); at != NULL; at = strtok(NULL, "\n")) {
        assert_true(count < LINES_MAX);
        line[count++] = at;
    }
    line[count] = NULL;
    if (ngSpice_Circ(line) != 0)
        fail_msg("ngspice refuses %s: %s", path, said);
    sps_free(text);
}

/* By value: ngspice keeps one such struct for all. */
static struct vector_info vector(const char *name)
{
    char copy[64];
    snprintf(copy, sizeof copy, "%s", name);
    const struct vector_info *v = ngGet_Vec_Info(copy);
    if (v == NULL || v->v_length < 1 || v->v_realdata == NULL)
        fail_msg("ngspice has no '%s': %s", name, said);
    return *v;
}

static int start(void **state)
{
    (void)state;
    return ngSpice_Init(hear, NULL, left, NULL, NULL, NULL, NULL);
}

/* --- An array. --- */

/* 16 x 16, cells of 5 and 10 kohm, some open, wires of 2 and 3 ohm; the same with lines of no resistance.  Both agree
 * to 1e-9 of the largest current (measured: 1.2e-14). */
static void array_of_16(void **state)
{
    (void)state;
    enum { N = 16 };
    const double wires[][2] = {{2, 3}, {0, 3}, {2, 0}};
    double g[N * N], volts[N], current[N];
    struct sps_random r = sps_random(3, SPS_FOR_TEST, 0, 0, 0);
    for (int i = 0; i < N * N; i++)
        g[i] = sps_random_below(&r, 10) == 0 ? 0 : sps_random_below(&r, 2) ? 1 / 5e3 : 1 / 10e3;
    for (int i = 0; i < N; i++)
        volts[i] = 0.1 * ((double)sps_random_below(&r, 3) - 1);
    for (int k = 0; k < 3; k++) {
        const struct sps_crossbar_options options = {.r_word_line = wires[k][0], .r_bit_line = wires[k][1]};
        sps_crossbar *crossbar;
        double most = 0;
        OK(sps_crossbar_create(&crossbar, g, N, N, &options));
        OK(sps_crossbar_solve(crossbar, current, NULL, NULL, volts));
        OK(sps_crossbar_netlist("t_ngspice_array.cir", g, N, N, wires[k][0], wires[k][1], volts));
        load("t_ngspice_array.cir");
        command("op");
        for (int j = 0; j < N; j++)
            most = fmax(most, fabs(current[j]));
        for (int j = 0; j < N; j++) {
            char name[32];
            snprintf(name, sizeof name, "vout%d#branch", j);
            NEAR(current[j], vector(name).v_realdata[0], 1e-9 * most);
        }
        sps_crossbar_free(crossbar);
    }
}

/* --- A cell. --- */

/* Current through a transistor in its linear region, a junction and half a track, by bisection on the voltages. */
static double divider(const struct sps_netlist_read *r)
{
    const struct sps_netlist_transistor *t = &r->transistor;
    double low = 0, high = r->volts;
    for (int step = 0; step < 200; step++) { /* the drop over the transistor */
        double drop = (low + high) / 2, source = r->volts - drop;
        double i = t->gain * ((t->gate - source - t->threshold) * drop - drop * drop / 2);
        double bias = source - i * r->device->track / 2;
        *(i * sps_device_resistance(r->device, r->state, bias) < bias ? &low : &high) = drop;
    }
    double bias = r->volts - low;
    double source = bias;
    return t->gain * ((t->gate - source - t->threshold) * low - low * low / 2);
}

/* The junction's resistance is ours, transistor and divider are SPICE's: they agree to 1e-9
 * (measured: 6e-15).  The junction has nearly
 * all of the voltage: V / R is right to 0.5 %, the most that the transistor (at 0.5 V, where its overdrive is least)
 * and half of the track take. */
static void read_of_a_cell(void **state)
{
    (void)state;
    struct sps_device_params device;
    sps_params_default(sps_device_params, &device);
    for (int k = 0; k < 8; k++) {
        struct sps_netlist_read read = {.device = &device,
                                        .state = k % 2 ? SPS_ANTIPARALLEL : SPS_PARALLEL,
                                        .transistor = SPS_NETLIST_TRANSISTOR,
                                        .volts = (const double[]){0.05, 0.1, 0.2, 0.5}[k / 2]};
        OK(sps_netlist_read("t_ngspice_cell.cir", &read));
        load("t_ngspice_cell.cir");
        command("op");
        double current = vector("vsource#branch").v_realdata[0], expected = divider(&read);
        NEAR(current, expected, 1e-9 * expected);
        NEAR(current, read.volts / sps_device_resistance(&device, read.state, read.volts), 5e-3 * current);
    }
}

/* --- A bit stream. --- */

/* The value at a time, between samples; times rise. */
static double value_at(const struct vector_info *time, const struct vector_info *value, int *from, double t)
{
    while (*from + 1 < time->v_length && time->v_realdata[*from + 1] < t)
        ++*from;
    return value->v_realdata[*from];
}

enum { PERIODS = 1500 };

static int bits_of(int *bits, const struct sps_netlist_stream *stream, const char *seed)
{
    double period, sample;
    int ones = 0, from = 0;
    OK(sps_netlist_stream("t_ngspice_stream.cir", stream, &period, &sample));
    command(seed);
    load("t_ngspice_stream.cir");
    command("run");
    struct vector_info time = vector("time"), bit = vector("bit");
    for (int k = 0; k < PERIODS; k++) {
        double value = value_at(&time, &bit, &from, sample + k * period);
        assert_true(value == 0 || value == 1);
        bits[k] = value == 1;
        ones += bits[k];
    }
    command("destroy all");
    return ones;
}

/* P = 1 - exp(-t / tau), tau = tau0 exp(Delta b(I / Ic0)), for three laws b and currents for P = 0.35, 0.48 and 0.81.
 * The number of ones lies within 3.29 standard deviations (99.9 %), and so does the agreement of neighbours. */
static void bit_stream(void **state)
{
    (void)state;
    static int bits[PERIODS];
    struct sps_device_params device;
    sps_params_default(sps_device_params, &device);
    const double currents[] = {93e-6, 84e-6, 80e-6};
    for (int law = 0; law < 3; law++) {
        device.law = law;
        double x = currents[law] / device.ic0;
        double barrier = law == 0 ? 1 - x : law == 1 ? sqrt(1 - x * x) - x * acos(x) : (1 - x) * (1 - x);
        struct sps_netlist_stream stream = {
            .device = &device, .delta = device.delta, .current = currents[law], .periods = PERIODS};
        double p = -expm1(-device.set_time / (device.tau0 * exp(device.delta * barrier)));
        int ones = bits_of(bits, &stream, (const char *[]){"setseed 11", "setseed 12", "setseed 13"}[law]), same = 0;
        for (int k = 1; k < PERIODS; k++)
            same += bits[k] == bits[k - 1];
        NEAR((double)ones, PERIODS * p, 3.29 * sqrt(PERIODS * p * (1 - p)));
        double q = p * p + (1 - p) * (1 - p);
        NEAR((double)same, (PERIODS - 1) * q, 3.29 * sqrt(PERIODS * q * (1 - q)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(array_of_16), cmocka_unit_test(read_of_a_cell),
                                       cmocka_unit_test(bit_stream)};
    return cmocka_run_group_tests(tests, start, NULL);
}

#else
int main(void)
{
    puts("libngspice was not there when this was built (Debian: libngspice0-dev)");
    return 77;
}
#endif
