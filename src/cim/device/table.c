/* SPDX-License-Identifier: MIT */
#include "cim/device/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static const double SURE = 1e-12; /* probabilities are kept this far from 0 and 1 */

struct sps_switching_table {
    size_t currents, times;
    double *current, *log_time; /* rising */
    double *y;                  /* [currents][times], ln(-ln(1 - P)) */
};

struct sps_resistance_table {
    size_t count;
    struct resistance_row {
        double bias, ohm[2];
    } row[];
};

/* --- Reading --- */

static sps_status find_columns(int column[], const struct sps_csv *csv, const char *name, const char *const *wanted,
                               int count)
{
    for (int i = 0; i < count; i++) {
        column[i] = sps_csv_column(csv, wanted[i]);
        if (column[i] < 0)
            SPS_FAIL(EFORMAT, "%s: has no column %s (%s, %s and %s are needed)", name, wanted[i], wanted[0], wanted[1],
                     wanted[2]);
    }
    return SPS_OK;
}

static double cell(const struct sps_csv *csv, size_t row, int column)
{
    return csv->values[row * csv->columns + (size_t)column];
}

/* One point of P_sw(I, t), with the line it stood on. */
struct point {
    double current, time, p;
    size_t line;
};

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_current_and_time(const void *a, const void *b)
{
    const struct point *p = a, *q = b;
    int order = compare(p->current, q->current);
    return order != 0 ? order : compare(p->time, q->time);
}

static sps_status read_points(struct point *point, const struct sps_csv *csv, const char *name)
{
    static const char *const wanted[] = {"I_A", "t_s", "P"};
    int column[3] = {0};
    SPS_TRY(find_columns(column, csv, name, wanted, 3));
    for (size_t i = 0; i < csv->rows; i++) {
        struct point p = {cell(csv, i, column[0]), cell(csv, i, column[1]), cell(csv, i, column[2]), csv->lines[i]};
        if (!(p.current >= 0 && isfinite(p.current) && p.time > 0 && isfinite(p.time) && p.p >= 0 && p.p <= 1))
            SPS_FAIL(EFORMAT, "%s: line %zu: I_A is %g, t_s %g and P %g, must be 0 or more, above 0, and from 0 to 1",
                     name, p.line, p.current, p.time, p.p);
        point[i] = p;
    }
    return SPS_OK;
}

/* Sorted points are a full grid: each block of `times` rows has the same current, and the times of the first. */
static sps_status check_grid(const struct point *point, size_t rows, size_t times, const char *name)
{
    for (size_t i = 0; i < rows; i++) {
        const struct point *head = &point[i - i % times], *like = &point[i % times];
        if (i > 0 && by_current_and_time(&point[i - 1], &point[i]) == 0)
            SPS_FAIL(EFORMAT, "%s: lines %zu and %zu have the same current and time", name, point[i - 1].line,
                     point[i].line);
        if (point[i].current != head->current || point[i].time != like->time)
            SPS_FAIL(EFORMAT, "%s: line %zu: every current must come with every time, but %g A with %g s does not fit",
                     name, point[i].line, point[i].current, point[i].time);
    }
    if (rows % times != 0 || rows / times < 2)
        SPS_FAIL(EFORMAT, "%s: has %zu rows for %zu times, must have two currents or more, each with every time", name,
                 rows, times);
    return SPS_OK;
}

static sps_status fill_switching(struct sps_switching_table **out, const struct point *point, size_t rows,
                                 const char *name)
{
    size_t times = 1;
    while (times < rows && point[times].current == point[0].current)
        times++;
    SPS_TRY(check_grid(point, rows, times, name));
    size_t currents = rows / times;
    struct sps_switching_table *table = NULL;
    size_t header = sps_aligned(sizeof *table);
    SPS_TRY(sps_calloc(&table, header + (currents + times + rows) * sizeof(double), 1, "a table of switching"));
    table->currents = currents;
    table->times = times;
    table->current = (double *)((char *)table + header);
    table->log_time = table->current + currents;
    table->y = table->log_time + times;
    for (size_t i = 0; i < rows; i++) {
        double p = fmin(fmax(point[i].p, SURE), 1 - SURE);
        table->y[i] = log(-log1p(-p));
        table->current[i / times] = point[i].current;
        table->log_time[i % times] = log(point[i].time);
    }
    *out = table;
    return SPS_OK;
}

sps_status sps_switching_table_create(struct sps_switching_table **out, const struct sps_csv *csv, const char *name)
{
    struct point *point = NULL;
    SPS_TRY(sps_calloc(&point, csv->rows, sizeof *point, "a table of switching"));
    sps_status status = read_points(point, csv, name);
    if (status == SPS_OK) {
        qsort(point, csv->rows, sizeof *point, by_current_and_time);
        status = fill_switching(out, point, csv->rows, name);
    }
    sps_free(point);
    return status;
}

static int by_bias(const void *a, const void *b)
{
    return compare(((const struct resistance_row *)a)->bias, ((const struct resistance_row *)b)->bias);
}

static sps_status read_resistances(struct sps_resistance_table *table, const struct sps_csv *csv, const char *name)
{
    static const char *const wanted[] = {"V_V", "R_P_ohm", "R_AP_ohm"};
    int column[3] = {0};
    SPS_TRY(find_columns(column, csv, name, wanted, 3));
    for (size_t i = 0; i < csv->rows; i++) {
        struct resistance_row r = {cell(csv, i, column[0]), {cell(csv, i, column[1]), cell(csv, i, column[2])}};
        if (!(isfinite(r.bias) && r.ohm[0] > 0 && r.ohm[1] >= r.ohm[0] && isfinite(r.ohm[1])))
            SPS_FAIL(EFORMAT, "%s: line %zu: R_P_ohm is %g and R_AP_ohm %g, must be above 0, and no less than R_P_ohm",
                     name, csv->lines[i], r.ohm[0], r.ohm[1]);
        table->row[i] = r;
    }
    table->count = csv->rows;
    qsort(table->row, table->count, sizeof *table->row, by_bias);
    for (size_t i = 1; i < table->count; i++)
        if (table->row[i].bias == table->row[i - 1].bias)
            SPS_FAIL(EFORMAT, "%s: the voltage %g is there twice", name, table->row[i].bias);
    if (table->row[0].bias > 0 || table->row[table->count - 1].bias < 0)
        SPS_FAIL(EFORMAT, "%s: voltages go from %g to %g, must have 0 among them", name, table->row[0].bias,
                 table->row[table->count - 1].bias);
    return SPS_OK;
}

sps_status sps_resistance_table_create(struct sps_resistance_table **out, const struct sps_csv *csv, const char *name)
{
    struct sps_resistance_table *table = NULL;
    SPS_TRY(sps_calloc(&table, sizeof *table + csv->rows * sizeof *table->row, 1, "a table of resistances"));
    sps_status status = read_resistances(table, csv, name);
    if (status == SPS_OK)
        *out = table;
    else
        sps_free(table);
    return status;
}

/* --- Looking up --- */

/* The interval of a rising list of two or more that holds x, and the share of it that lies before x. */
static size_t interval(double *share, const double *list, size_t count, double x)
{
    size_t low = 0, high = count - 1;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (list[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    *share = (x - list[low]) / (list[high] - list[low]);
    return low;
}

static double mix(double a, double b, double share)
{
    return share == 0 ? a : share == 1 ? b : a + share * (b - a);
}

/* y along the times of one current. */
static double along_time(const struct sps_switching_table *t, const double *y, double log_time)
{
    if (t->times == 1)
        return y[0];
    double share = 0;
    size_t i = interval(&share, t->log_time, t->times, log_time);
    return mix(y[i], y[i + 1], share);
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* Times that differ by rounding (10 ns, 1e-8 s) are the same. */
static double snap(double x, double low, double high)
{
    double near = clamp(x, low, high);
    return fabs(x - near) <= 1e-9 ? near : x;
}

struct sps_switching sps_switching_table_near(const struct sps_switching_table *t, double current, double time)
{
    double first = t->log_time[0], last = t->log_time[t->times - 1];
    double inside = clamp(current, t->current[0], t->current[t->currents - 1]), share = 0;
    double log_time = snap(log(time), first, last), log_inside = clamp(log_time, first, last);
    size_t i = interval(&share, t->current, t->currents, inside);
    double y = mix(along_time(t, t->y + i * t->times, log_inside), along_time(t, t->y + (i + 1) * t->times, log_inside),
                   share);
    double x = exp(y);
    return (struct sps_switching){.p = -expm1(-x),
                                  .not_p = exp(-x),
                                  .log_p = log(-expm1(-x)),
                                  .log_not_p = -x,
                                  .extrapolated = inside != current || log_inside != log_time};
}

sps_status sps_switching_table_at(struct sps_switching *out, const struct sps_switching_table *t, double current,
                                  double time)
{
    struct sps_switching s = sps_switching_table_near(t, current, time);
    if (s.extrapolated)
        SPS_FAIL(EINVAL, "%g A for %g s is outside the device's table, which goes from %g to %g A and from %g to %g s",
                 current, time, t->current[0], t->current[t->currents - 1], exp(t->log_time[0]),
                 exp(t->log_time[t->times - 1]));
    *out = s;
    return SPS_OK;
}

sps_status sps_switching_table_current(double *current, const struct sps_switching_table *t, double p, double time)
{
    struct sps_switching end, point;
    SPS_TRY(sps_switching_table_at(&end, t, t->current[0], time));
    double low = t->current[0], high = low;
    for (size_t i = 0; i < t->currents && end.p < p; i++) {
        low = high;
        high = t->current[i];
        SPS_TRY(sps_switching_table_at(&end, t, high, time));
    }
    if (end.p < p || (low == high && end.p > p))
        SPS_FAIL(EINVAL, "the device's table does not pass probability %g at %g s", p, time);
    for (int step = 0; step < 60; step++) {
        double middle = low + (high - low) / 2;
        SPS_TRY(sps_switching_table_at(&point, t, middle, time));
        if (point.p < p)
            low = middle;
        else
            high = middle;
    }
    *current = high;
    return SPS_OK;
}

sps_status sps_resistance_table_at(double *ohm, const struct sps_resistance_table *t, enum sps_mtj_state state,
                                   double bias)
{
    const struct resistance_row *row = t->row, *last = row + t->count - 1;
    double v = row->bias >= 0 ? fabs(bias) : bias;
    if (!(v >= row->bias && v <= last->bias))
        SPS_FAIL(EINVAL, "a bias of %g V is outside the device's table, which goes from %g to %g V", bias, row->bias,
                 last->bias);
    while (row < last && row[1].bias < v)
        row++;
    *ohm = row == last ? row->ohm[state]
                       : mix(row[0].ohm[state], row[1].ohm[state], (v - row[0].bias) / (row[1].bias - row[0].bias));
    return SPS_OK;
}
