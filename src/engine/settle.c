/* SPDX-License-Identifier: MIT */
#include "engine/settle.h"

#include <string.h>

/* A bet: the share of the capital that rides on each pass.  Near 1, so that passes which agree settle the matter in
 * about log2((C - 1) / delta) of them, the fewest that a bounded difference allows. */
static const double stake = 0.9;
static const double enough = 1e250; /* capital is cut here, far above any 1 / delta, before it overflows */

size_t sps_settling_size(int classes)
{
    size_t c = (size_t)classes;
    return (3 * c + c * c) * sizeof(double);
}

void sps_settling_start(struct sps_settling *s, const struct sps_settle *rule, int classes, int exact, void *memory)
{
    size_t c = (size_t)classes;
    double *at = memory;
    *s = (struct sps_settling){.rule = rule, .classes = classes, .exact = exact, .left = 1};
    s->delta = (1 - rule->confidence) / (rule->verdict ? 2 : 1);
    s->mean = at;
    s->below = at + c;
    s->above = at + 2 * c;
    s->capital = at + 3 * c;
    memset(at, 0, 2 * c * sizeof *at);
    for (size_t i = exact ? 3 * c : c; i < 3 * c + c * c; i++)
        at[i] = 1;
}

static double grow(double capital, double factor)
{
    capital *= factor;
    return capital < enough ? capital : enough;
}

static int leader(const struct sps_settling *s)
{
    int best = 0;
    for (int c = 1; c < s->classes; c++)
        best = s->mean[c] > s->mean[best] ? c : best;
    return best;
}

/* ---- all paths ---- */

static void add_exact(struct sps_settling *s, const float *p, double weight)
{
    s->left -= weight;
    for (int c = 0; c < s->classes; c++)
        if ((double)p[c] < s->rule->accept.threshold)
            s->below[c] += weight;
}

/* rounding: sums of weights are good to 1e-12, the quantile's own tolerance. */
static int class_is_certain(const struct sps_settling *s)
{
    int best = leader(s);
    for (int c = 0; c < s->classes; c++)
        if (c != best && s->mean[best] <= s->mean[c] + s->left + 1e-12)
            return 0;
    return 1;
}

/* A class's quantile is at least the threshold where the mass below it is less than the quantile; it stays so even if
 * all that is left falls below.  No class can get there if each has too much mass below already. */
static int verdict_is_certain(const struct sps_settling *s)
{
    int hopeless = 1;
    for (int c = 0; c < s->classes; c++) {
        if (s->below[c] + s->left < s->rule->accept.quantile - 1e-9)
            return 1;
        hopeless &= s->below[c] > s->rule->accept.quantile + 1e-9;
    }
    return hopeless;
}

/* ---- sampled paths ---- */

static void add_sampled(struct sps_settling *s, const float *p)
{
    double q = s->rule->accept.quantile;
    for (int a = 0; a < s->classes; a++)
        for (int b = 0; b < s->classes; b++) {
            double *capital = &s->capital[a * s->classes + b];
            *capital = grow(*capital, 1 + stake * ((double)p[a] - (double)p[b]));
        }
    for (int c = 0; c < s->classes; c++) {
        double is_below = (double)p[c] < s->rule->accept.threshold;
        /* Fair if the share below is the quantile; the largest bet that cannot lose all is 1 / the other side.  With
         * quantile 1 (0), one pass that is not below (that is) proves it. */
        s->below[c] = grow(s->below[c], q < 1 ? 1 + stake * (q - is_below) / (1 - q) : is_below > 0 ? 1 : enough);
        s->above[c] = grow(s->above[c], q > 0 ? 1 + stake * (is_below - q) / q : is_below > 0 ? enough : 1);
    }
}

static int class_is_likely(const struct sps_settling *s)
{
    int best = leader(s);
    for (int c = 0; c < s->classes; c++)
        if (c != best && s->capital[best * s->classes + c] < (s->classes - 1) / s->delta)
            return 0;
    return 1;
}

/* Accepted: some class has enough.  Rejected: all classes are shown to have more than the quantile below. */
static int verdict_is_likely(const struct sps_settling *s)
{
    double needed = 2 * s->classes / s->delta;
    int rejected = 1;
    for (int c = 0; c < s->classes; c++) {
        if (s->below[c] >= needed)
            return 1;
        rejected &= s->above[c] >= needed;
    }
    return rejected;
}

int sps_settling_add(struct sps_settling *s, const float *p, double weight)
{
    for (int c = 0; c < s->classes; c++)
        s->mean[c] += weight * (double)p[c];
    if (s->exact) {
        add_exact(s, p, weight);
        return class_is_certain(s) && (!s->rule->verdict || verdict_is_certain(s));
    }
    add_sampled(s, p);
    return class_is_likely(s) && (!s->rule->verdict || verdict_is_likely(s));
}
