/* SPDX-License-Identifier: MIT */
/* All laws but fokker_planck, which has a file of its own:
 *
 * P = 1 - exp(-x), x = t / tau = (t / tau0) exp(-Delta(T) b(I / Ic0))      (Scale-Dropout eq. 25)
 * Delta(T) = Delta300 300 / T, and with a falling barrier times (1 - T / Tc) / (1 - 300 / Tc).
 *
 * The exponent is computed in long double.  An error e of Delta b is a relative error e of x, and an error x e of
 * 1 - P: with Delta b near 70 and 1 - P near 1e-30 (x = 69), double arithmetic would leave 1e-12.  (Where long double
 * is double, 1 - P keeps 1e-11 there.) */
#include "cim/device/switching.h"

#include <math.h>

#include "cim/device/fokker_planck.h"

static long double delta_at(const struct sps_switching_law *law)
{
    long double t = law->temperature, delta = law->delta300 * (300 / t);
    if (law->curie > 0)
        delta *= (1 - t / law->curie) / (1 - 300 / (long double)law->curie);
    return delta > 0 ? delta : 0;
}

double sps_law_delta(const struct sps_switching_law *law)
{
    return (double)delta_at(law);
}

/* i and what is left to 1, each without cancellation. */
static long double barrier(enum sps_law_kind kind, long double i, long double left)
{
    if (kind == SPS_LAW_LINEAR)
        return left;
    if (left <= 0)
        return 0;
    if (kind == SPS_LAW_QUADRATIC || kind == SPS_LAW_FOKKER_PLANCK)
        return left * left;
    long double angle = 2 * asinl(sqrtl(left / 2)); /* acos(i) */
    return sqrtl(left * (1 + i)) - i * angle;
}

double sps_law_barrier(enum sps_law_kind kind, double i)
{
    return (double)barrier(kind, i, 1 - (long double)i);
}

int sps_law_valid(const struct sps_switching_law *law, double current, double time)
{
    if (law->kind == SPS_LAW_FOKKER_PLANCK) {
        long double delta = delta_at(law);
        return current <= SPS_FOKKER_PLANCK_RATIO_MAX * law->ic0 && delta >= 1 && delta <= SPS_FOKKER_PLANCK_DELTA_MAX;
    }
    return current < law->ic0 && time >= 3 * law->tau0 * (1 - 1e-12); /* 3 ns is 3 times 1 ns, however rounded */
}

struct sps_switching_law sps_law_gated(struct sps_switching_law law, double share)
{
    law.ic0 *= 1 - share;
    law.delta300 *= 1 - share;
    return law;
}

double sps_law_retention(const struct sps_switching_law *law)
{
    if (law->kind != SPS_LAW_FOKKER_PLANCK)
        return law->tau0 * exp(sps_law_delta(law));
    static const double settled = 1e3;
    /* The rate is that of both directions. */
    return 2 * law->tau0 / sps_fokker_planck(sps_law_delta(law), 0, settled).rate;
}

static struct sps_switching by_equation(const struct sps_switching_law *law, double current, double time)
{
    struct sps_switching out = {.not_p = 1, .log_p = -INFINITY};
    if (time > 0) {
        struct sps_fokker_planck s = sps_fokker_planck(sps_law_delta(law), current / law->ic0, time / law->tau0);
        out = (struct sps_switching){
            .p = exp(s.log_p), .not_p = exp(s.log_not_p), .log_p = s.log_p, .log_not_p = s.log_not_p};
    }
    out.extrapolated = !sps_law_valid(law, current, time);
    return out;
}

struct sps_switching sps_switching(const struct sps_switching_law *law, double current, double time)
{
    if (law->kind == SPS_LAW_FOKKER_PLANCK)
        return by_equation(law, current, time);
    long double ic0 = law->ic0, left = (ic0 - current) / ic0;
    long double log_x = logl(time / (long double)law->tau0) - delta_at(law) * barrier(law->kind, current / ic0, left);
    long double x = expl(log_x), p = -expm1l(-x), log_p;
    if (x < 1e-30L)
        log_p = log_x; /* P = x (1 - x / 2 + ...) */
    else if (x < 0.5L)
        log_p = logl(p);
    else
        log_p = log1pl(-expl(-x));
    return (struct sps_switching){.p = (double)p,
                                  .not_p = (double)expl(-x),
                                  .log_p = (double)log_p,
                                  .log_not_p = (double)-x,
                                  .extrapolated = !sps_law_valid(law, current, time)};
}

/* The current ratio at which the exact barrier is b, 0 <= b <= 1: it falls with i. */
static long double macrospin_inverse(long double b)
{
    long double low = 0, high = 1;
    for (int step = 0; step < 70; step++) {
        long double i = (low + high) / 2;
        if (barrier(SPS_LAW_MACROSPIN, i, 1 - i) > b)
            low = i;
        else
            high = i;
    }
    return (low + high) / 2;
}

/* How far the equation is from a probability, in ln(-ln(1 - P)), which is near a straight line in the current. */
static double distance(const struct sps_switching_law *law, double i, double time, double wanted)
{
    double x = -by_equation(law, i * law->ic0, time).log_not_p;
    return fmax(log(x), -1e4) - wanted;
}

/* By the Illinois rule: a chord, whose old end counts half where it stays for a second time. */
static sps_status find_ratio(double *ratio, const struct sps_switching_law *law, double p, double time)
{
    double wanted = log(-log1p(-p)), low = 0, high = 1;
    double under = distance(law, low, time, wanted), over = distance(law, high, time, wanted);
    if (under > 0)
        SPS_FAIL(EINVAL, "no current switches with probability %g in %g s: heat alone switches more often", p, time);
    for (; over < 0 && high < 1000; high *= 2)
        over = distance(law, 2 * high, time, wanted);
    if (over < 0)
        SPS_FAIL(EINVAL, "no current switches with probability %g in %g s: 1000 Ic0 switches less often", p, time);
    for (int step = 0, stayed = 0; step < 100 && high - low > 1e-13 * high; step++) {
        double i = under < -100 ? (low + high) / 2 : low - under * (high - low) / (over - under);
        double d = distance(law, i, time, wanted);
        if (fabs(d) < 1e-12)
            low = high = i;
        else if (d < 0) {
            low = i, under = d;
            over *= stayed == 1 ? 0.5 : 1;
            stayed = 1;
        } else {
            high = i, over = d;
            under *= stayed == -1 ? 0.5 : 1;
            stayed = -1;
        }
    }
    *ratio = (low + high) / 2;
    return SPS_OK;
}

/* Units that do not differ ask the same, one after the other. */
static sps_status equation_current(double *current, const struct sps_switching_law *law, double p, double time)
{
    static _Thread_local struct {
        double delta, p, tau, ratio;
    } last = {-1, -1, -1, -1};
    double delta = sps_law_delta(law), tau = time / law->tau0;
    if (!(last.delta == delta && last.p == p && last.tau == tau)) {
        SPS_TRY(find_ratio(&last.ratio, law, p, time));
        last.delta = delta, last.p = p, last.tau = tau;
    }
    *current = last.ratio * law->ic0;
    return SPS_OK;
}

sps_status sps_law_current(double *current, const struct sps_switching_law *law, double p, double time)
{
    if (!(p > 0 && p < 1))
        SPS_FAIL(EINVAL, "probability is %g, must be inside 0 and 1 for a current to give it", p);
    if (law->kind == SPS_LAW_FOKKER_PLANCK)
        return equation_current(current, law, p, time);
    long double x = -log1pl(-(long double)p), delta = delta_at(law);
    long double b = delta > 0 ? (logl(time / (long double)law->tau0) - logl(x)) / delta : -1;
    int stops = law->kind != SPS_LAW_LINEAR || !(delta > 0);
    if (b > 1 || (b < 0 && stops))
        SPS_FAIL(EINVAL, "no current switches with probability %g in %g s: Delta = %g and tau0 = %g s give %s", p, time,
                 (double)delta, law->tau0, b > 1 ? "more even without one" : "less at any");
    long double i = law->kind == SPS_LAW_LINEAR      ? 1 - b
                    : law->kind == SPS_LAW_QUADRATIC ? 1 - sqrtl(b)
                                                     : macrospin_inverse(b);
    *current = (double)(i * law->ic0);
    return SPS_OK;
}
