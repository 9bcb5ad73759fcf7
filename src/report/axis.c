/* SPDX-License-Identifier: MIT */
#include "report/axis.h"

#include <math.h>

enum { DIGITS_MAX = 12, GIVEN_DIGITS = 6 };
/* Numbers apart by less than this share of their size are one: ticks between them could not be told apart. */
static const double APART = 1e-9;

struct sps_axis sps_axis_none(int log)
{
    return (struct sps_axis){.low = INFINITY, .high = -INFINITY, .log = log};
}

int sps_axis_holds(const struct sps_axis *axis, double value)
{
    return isfinite(value) && (!axis->log || value > 0);
}

void sps_axis_see(struct sps_axis *axis, double value)
{
    if (!sps_axis_holds(axis, value))
        return;
    axis->low = value < axis->low ? value : axis->low;
    axis->high = value > axis->high ? value : axis->high;
    axis->fractions |= value != floor(value);
}

static void widen(struct sps_axis *a)
{
    if (a->low > a->high)
        a->low = a->log ? 1 : 0, a->high = a->log ? 10 : 1;
    if (a->log) {
        double middle = sqrt(a->low) * sqrt(a->high);
        a->low = fmin(a->low, middle / 1.5);
        a->high = fmax(a->high, middle * 1.5);
        return;
    }
    double size = fmax(fabs(a->low), fabs(a->high));
    if (!(a->high - a->low > APART * size) || a->high - a->low < 1e-290) {
        double more = size > 1e-280 ? 0.1 * size : 0.5;
        a->low -= more;
        a->high += more;
    }
}

static void add_tick(struct sps_axis *a, double value)
{
    if (a->ticks < SPS_TICKS_MAX)
        a->tick[a->ticks++] = value;
}

/* 1, 2 or 5 times a power of ten. */
static double round_step(double step)
{
    double power = pow(10, floor(log10(step))), times = step / power;
    return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

static void linear_ticks(struct sps_axis *a, int ticks, int round)
{
    double step = round_step((a->high - a->low) / ticks);
    step = a->fractions ? step : fmax(step, 1);
    /* A hair of slack, so that an end that is a multiple but for rounding is one. */
    double first = round ? floor(a->low / step + 1e-6) : ceil(a->low / step - 1e-6),
           last = round ? ceil(a->high / step - 1e-6) : floor(a->high / step + 1e-6);
    for (double k = first; k <= last && a->ticks < SPS_TICKS_MAX; k++)
        add_tick(a, k * step);
    if (round) {
        a->low = fmin(a->low, first * step);
        a->high = fmax(a->high, last * step);
    }
    double size = fmax(fabs(first), fabs(last));
    a->digits = size > 0 ? (int)floor(log10(size)) + 2 : 1;
    a->digits = a->digits < 1 ? 1 : a->digits > DIGITS_MAX ? DIGITS_MAX : a->digits;
}

/* 1, 2, 5 in each decade over few decades; over many every n-th power of ten. */
static void log_ticks(struct sps_axis *a, int ticks)
{
    static const double few[] = {1, 2, 5};
    double first = floor(log10(a->low)), last = ceil(log10(a->high));
    int every = (int)ceil((last - first) / ticks), inner = last - first <= 3 ? 3 : 1;
    for (double k = first; k <= last; k += every)
        for (int i = 0; i < inner; i++) {
            double value = few[i] * pow(10, k);
            if (value >= a->low * (1 - 1e-9) && value <= a->high * (1 + 1e-9))
                add_tick(a, value);
        }
    a->digits = 1;
}

void sps_axis_finish(struct sps_axis *a, int ticks, int round)
{
    widen(a);
    if (a->log)
        log_ticks(a, ticks);
    else
        linear_ticks(a, ticks, round);
}

void sps_axis_set_ticks(struct sps_axis *a, const double *ticks, int count)
{
    a->ticks = 0;
    for (int i = 0; i < count; i++)
        if (sps_axis_holds(a, ticks[i]) && ticks[i] >= a->low && ticks[i] <= a->high)
            add_tick(a, ticks[i]);
    a->digits = GIVEN_DIGITS;
}

void sps_axis_limit(struct sps_axis *a, double least, double most)
{
    int kept = 0;
    if (least > a->low && least < a->high)
        a->low = least;
    if (most < a->high && most > a->low)
        a->high = most;
    for (int i = 0; i < a->ticks; i++)
        if (a->tick[i] >= a->low && a->tick[i] <= a->high)
            a->tick[kept++] = a->tick[i];
    a->ticks = kept;
}

double sps_axis_at(const struct sps_axis *a, double value)
{
    double share = !a->log     ? (value - a->low) / (a->high - a->low)
                   : value > 0 ? (log(value) - log(a->low)) / (log(a->high) - log(a->low))
                               : 0;
    share = share > 0 ? share < 1 ? share : 1 : 0;
    return a->from + share * (a->to - a->from);
}
