/* SPDX-License-Identifier: MIT */
/* P = 1 - exp(-x), x = t / tau = (t / tau0) exp(-Delta(T) b(I / Ic0))      (Scale-Dropout eq. 25)
 * Delta(T) = Delta300 300 / T, and with a falling barrier times (1 - T / Tc) / (1 - 300 / Tc).
 *
 * The exponent is computed in long double.  An error e of Delta b is a relative error e of x, and an error x e of
 * 1 - P: with Delta b near 70 and 1 - P near 1e-30 (x = 69), double arithmetic would leave 1e-12.  (Where long double
 * is double, 1 - P keeps 1e-11 there.) */
#include "cim/device/switching.h"

#include <math.h>

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
    if (kind == SPS_LAW_QUADRATIC)
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
    return current < law->ic0 && time >= 3 * law->tau0 * (1 - 1e-12); /* 3 ns is 3 times 1 ns, however rounded */
}

struct sps_switching_law sps_law_gated(struct sps_switching_law law, double share)
{
    law.ic0 *= 1 - share;
    law.delta300 *= 1 - share;
    return law;
}

struct sps_switching sps_switching(const struct sps_switching_law *law, double current, double time)
{
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

sps_status sps_law_current(double *current, const struct sps_switching_law *law, double p, double time)
{
    if (!(p > 0 && p < 1))
        SPS_FAIL(EINVAL, "probability is %g, must be inside 0 and 1 for a current to give it", p);
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
