/* SPDX-License-Identifier: MIT */
#include "cim/array/netlist.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "conf/number.h"
#include "core/file.h"
#include "spinscale/crossbar.h"

enum { LINE_BYTES = 1024, CELLS_MAX = 1 << 16 };

/* Numbers go through this, not through printf: all digits, and a point whatever the locale. */
struct number {
    char text[SPS_NUMBER_TEXT];
};
static const char *number(struct number *n, double value)
{
    return sps_number_print(n->text, value);
}
#define N(value) number(&(struct number){{0}}, (value))

__attribute__((format(printf, 2, 3))) static sps_status put(sps_file *file, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    assert(bytes < LINE_BYTES);
    return sps_file_write(file, line, (size_t)bytes);
}

static sps_status finish(sps_file *file, sps_status status)
{
    if (status == SPS_OK)
        return sps_file_commit(file);
    sps_file_abandon(file);
    return status;
}

/* --- A crossbar. --- */

struct array {
    const double *g, *volts;
    size_t m, n;
    double r_word, r_bit;
};

struct name {
    char text[48];
};

/* Nodes of a line without resistance are one node: SPICE does not know a resistor of 0 ohm. */
static const char *word_node(struct name *name, const struct array *a, size_t i, size_t j)
{
    if (a->r_word > 0 && j != SIZE_MAX)
        snprintf(name->text, sizeof name->text, "a%zu_%zu", i, j);
    else
        snprintf(name->text, sizeof name->text, "in%zu", i);
    return name->text;
}

static const char *bit_node(struct name *name, const struct array *a, size_t i, size_t j)
{
    if (a->r_bit > 0 && i != a->m)
        snprintf(name->text, sizeof name->text, "b%zu_%zu", i, j);
    else
        snprintf(name->text, sizeof name->text, "out%zu", j);
    return name->text;
}

static sps_status write_cell(sps_file *file, const struct array *a, size_t i, size_t j)
{
    struct name from, to;
    double g = a->g[i * a->n + j];
    if (g > 0)
        SPS_TRY(put(file, "rc%zu_%zu %s %s %s\n", i, j, word_node(&from, a, i, j), bit_node(&to, a, i, j), N(1 / g)));
    if (a->r_word > 0)
        SPS_TRY(put(file, "rw%zu_%zu %s %s %s\n", i, j, word_node(&from, a, i, j > 0 ? j - 1 : SIZE_MAX),
                    word_node(&to, a, i, j), N(a->r_word)));
    if (a->r_bit > 0)
        SPS_TRY(
            put(file, "rb%zu_%zu %s %s %s\n", i, j, bit_node(&from, a, i, j), bit_node(&to, a, i + 1, j), N(a->r_bit)));
    return SPS_OK;
}

static sps_status write_array(sps_file *file, const struct array *a)
{
    SPS_TRY(put(file, "crossbar, %zu x %zu: i(vout0) ... i(vout%zu) are its currents\n", a->m, a->n, a->n - 1));
    for (size_t i = 0; i < a->m; i++)
        SPS_TRY(put(file, "vin%zu in%zu 0 dc %s\n", i, i, N(a->volts[i])));
    for (size_t i = 0; i < a->m; i++)
        for (size_t j = 0; j < a->n; j++)
            SPS_TRY(write_cell(file, a, i, j));
    for (size_t j = 0; j < a->n; j++)
        SPS_TRY(put(file, "vout%zu out%zu 0 dc 0\n", j, j));
    return put(file, ".op\n.end\n");
}

static sps_status check_array(const struct array *a)
{
    if (a->m == 0 || a->n == 0 || a->m > CELLS_MAX / a->n)
        SPS_FAIL(EINVAL, "a netlist of %zu x %zu cells, must be 1 to %d", a->m, a->n, CELLS_MAX);
    if (!(a->r_word >= 0 && a->r_bit >= 0 && isfinite(a->r_word) && isfinite(a->r_bit)))
        SPS_FAIL(EINVAL, "wires of %g and %g ohm, must be 0 or more and finite", a->r_word, a->r_bit);
    for (size_t i = 0; i < a->m; i++)
        if (!isfinite(a->volts[i]))
            SPS_FAIL(EINVAL, "voltage of row %zu is %g V, must be finite", i + 1, a->volts[i]);
    for (size_t i = 0; i < a->m * a->n; i++)
        if (!(a->g[i] == 0 || (a->g[i] > 0 && isfinite(1 / a->g[i]) && isfinite(a->g[i]))))
            SPS_FAIL(EINVAL, "conductance of row %zu, column %zu is %g S, must be 0 or 1e-300 to 1e300", i / a->n + 1,
                     i % a->n + 1, a->g[i]);
    return SPS_OK;
}

sps_status sps_crossbar_netlist(const char *path, const double *g, size_t m, size_t n, double r_word_line,
                                double r_bit_line, const double *volts)
{
    const struct array a = {g, volts, m, n, r_word_line, r_bit_line};
    sps_file *file = NULL;
    SPS_TRY(check_array(&a));
    SPS_TRY(sps_file_create(&file, path));
    return finish(file, write_array(file, &a));
}

/* --- Junctions. --- */

/* Current of a junction between two nodes.  antiparallel: an expression that is 1 for it, 0 for parallel. */
static sps_status put_junction(sps_file *file, const struct sps_device_params *d, const char *from, const char *to,
                               const char *antiparallel)
{
    double tmr = sps_device_resistance(d, SPS_ANTIPARALLEL, 0) / sps_device_resistance(d, SPS_PARALLEL, 0) - 1;
    return put(file,
               "* the junction: R_P (1 + TMR(V)), TMR(V) = TMR / (1 + (V / V_half)^2)\n"
               "bmtj %s %s i = v(%s,%s) / (%s * (1 + (%s) * %s / (1 + (v(%s,%s) / %s) * (v(%s,%s) / %s))))\n",
               from, to, from, to, N(d->r_p), antiparallel, N(tmr), from, to, N(d->v_half), from, to, N(d->v_half));
}

static sps_status write_read(sps_file *file, const struct sps_netlist_read *r)
{
    const struct sps_netlist_transistor *t = &r->transistor;
    const char *half = N(r->device->track / 2);
    SPS_TRY(put(file, "read of a cell, two transistors and a junction: i(vsource) is its current\n"));
    SPS_TRY(put(file, ".model access nmos level=1 vto=%s kp=%s is=0\n", N(t->threshold), N(t->gain)));
    SPS_TRY(put(file, "vbit bit 0 dc %s\nvgate gate 0 dc %s\n", N(r->volts), N(t->gate)));
    SPS_TRY(put(file, "mread bit gate top 0 access w=1u l=1u\n"));
    SPS_TRY(put_junction(file, r->device, "top", "mid", r->state == SPS_ANTIPARALLEL ? "1" : "0"));
    SPS_TRY(put(file, "rsource mid source %s\nvsource source 0 dc 0\n", half));
    SPS_TRY(put(file, "rwrite mid write %s\n* off: its gate is at 0 V\nmwrite 0 0 write 0 access w=1u l=1u\n", half));
    return put(file, ".options reltol=1e-9 abstol=1e-18 vntol=1e-12 gmin=1e-18\n.op\n.end\n");
}

sps_status sps_netlist_read(const char *path, const struct sps_netlist_read *read)
{
    sps_file *file = NULL;
    if (!(read->device->track > 0))
        SPS_FAIL(EINVAL, "device.track is %g ohm, must be above 0 in a netlist", read->device->track);
    SPS_TRY(sps_file_create(&file, path));
    return finish(file, write_read(file, read));
}

/* --- The bit stream. --- */

/* A period: SET, read and RESET with pauses between them.  All in seconds. */
struct schedule {
    double edge, set, read, reset, period;
};

static struct schedule schedule_of(const struct sps_device_params *d)
{
    double pause = d->set_time / 5;
    struct schedule s = {.edge = d->set_time * 1e-4, .set = pause};
    s.read = s.set + d->set_time + pause;
    s.reset = s.read + d->read_time + pause;
    s.period = s.reset + d->write_time + pause;
    return s;
}

/* A pulse of this height in each period; its width is that at half of its height. */
static sps_status put_pulse(sps_file *file, const struct schedule *s, const char *source, double height, double from,
                            double width)
{
    return put(file, "%s pulse(0 %s %s %s %s %s %s)\n", source, N(height), N(from), N(s->edge), N(s->edge),
               N(width - s->edge), N(s->period));
}

/* Barrier, of that without current, at x = I / Ic0 from 0 to 1; in the order of device.law. */
static const char *const barriers[] = {"1 - v(x)", "sqrt(1 - v(x) * v(x)) - v(x) * acos(v(x))",
                                       "(1 - v(x)) * (1 - v(x))"};

static sps_status write_stream(sps_file *file, const struct sps_netlist_stream *stream, const struct schedule *s)
{
    const struct sps_device_params *d = stream->device;
    const char *half = N(d->track / 2);
    double parallel = d->read_voltage / (d->r_p + d->track / 2);
    double anti = d->read_voltage / (sps_device_resistance(d, SPS_ANTIPARALLEL, d->read_voltage) + d->track / 2);
    SPS_TRY(put(file, "stochastic unit, SET, read, RESET: v(bit) at %s s and every %s s after that\n",
                N(s->read + d->read_time / 2), N(s->period)));
    SPS_TRY(put(file, "* the track, its currents, and the junction on its middle\n"));
    SPS_TRY(put_pulse(file, s, "iset 0 pulses", stream->current, s->set, d->set_time));
    SPS_TRY(put_pulse(file, s, "ireset pulses 0", d->write_current, s->reset, d->write_time));
    SPS_TRY(put(file, "vtrack pulses write dc 0\nrwrite write mid %s\nrsource mid 0 %s\n", half, half));
    SPS_TRY(put_pulse(file, s, "vbit top 0", d->read_voltage, s->read, d->read_time));
    SPS_TRY(put_junction(file, d, "top", "mid", "1 - v(set)"));
    SPS_TRY(put(file, "* hazard 1 / tau(I), gathered on 1 nF, emptied by RESET\n"));
    SPS_TRY(put(file, "bx x 0 v = min(max(i(vtrack) / %s, 0), 1)\n", N(d->ic0)));
    SPS_TRY(put(file, "bhazard 0 hazard i = 1e-9 / %s * exp(-%s * (%s))\nchazard hazard 0 1n ic=0\n", N(d->tau0),
                N(stream->delta), barriers[d->law]));
    SPS_TRY(put_pulse(file, s, "vreset reset 0", 1, s->reset, d->write_time));
    SPS_TRY(put(file, ".model empty sw vt=0.5 vh=0 ron=%s roff=1e15\nsempty hazard 0 reset 0 empty\n",
                N(d->write_time / 30 / 1e-9)));
    SPS_TRY(
        put(file, "* set where it exceeds -ln U\nvuniform uniform 0 trrandom(1 %s 0 0.4999999 0.5)\n", N(s->period)));
    SPS_TRY(put(file, "bset set 0 v = u(v(hazard) + ln(v(uniform)))\n"));
    SPS_TRY(put(file, "* the comparator, between the currents of both states\nbbit bit 0 v = u(-i(vbit) - %s)\n",
                N((parallel + anti) / 2)));
    return put(file, ".options method=gear\n.save v(bit)\n.tran %s %s 0 %s\n.end\n", N(s->edge),
               N(s->period * stream->periods), N(d->set_time / 20));
}

sps_status sps_netlist_stream(const char *path, const struct sps_netlist_stream *stream, double *period, double *sample)
{
    const struct sps_device_params *d = stream->device;
    const struct schedule s = schedule_of(d);
    sps_file *file = NULL;
    if (d->law == SPS_LAW_FOKKER_PLANCK)
        SPS_FAIL(EUNSUPPORTED, "device.law fokker_planck has no rate of switching that a netlist could follow");
    if (!(d->track > 0))
        SPS_FAIL(EINVAL, "device.track is %g ohm, must be above 0 in a netlist", d->track);
    if (stream->periods < 1)
        SPS_FAIL(EINVAL, "periods is 0, must be 1 or more");
    if (!(stream->current >= 0 && isfinite(stream->current) && stream->delta > 0 && isfinite(stream->delta)))
        SPS_FAIL(EINVAL, "a SET current of %g A at a thermal stability of %g, must be positive", stream->current,
                 stream->delta);
    SPS_TRY(sps_file_create(&file, path));
    SPS_TRY(finish(file, write_stream(file, stream, &s)));
    *period = s.period;
    *sample = s.read + d->read_time / 2;
    return SPS_OK;
}
