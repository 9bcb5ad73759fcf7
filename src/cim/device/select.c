/* SPDX-License-Identifier: MIT */
#include "cim/device/select.h"

#include <math.h>

int sps_select_bits(int n)
{
    int bits = 0;
    while (1 << bits < n)
        bits++;
    return bits;
}

int sps_select_is_uniform(const double *probability, int n)
{
    for (int i = 0; i < n; i++)
        if (!(fabs(probability[i] * n - 1) <= 1e-9))
            return 0;
    return 1;
}

static double sum(const double *probability, int from, int to)
{
    double all = 0;
    for (int i = from; i < to; i++)
        all += probability[i];
    return all;
}

static void fill_shares(double *share, const double *probability, int from, int to)
{
    if (to - from < 2)
        return;
    int cut = sps_select_cut(from, to);
    double upper = sum(probability, cut, to), all = sum(probability, from, cut) + upper;
    share[cut] = all > 0 ? upper / all : 0;
    fill_shares(share, probability, from, cut);
    fill_shares(share, probability, cut, to);
}

void sps_select_shares(double *share, const double *probability, int n)
{
    share[0] = 0;
    fill_shares(share, probability, 0, n);
}

/* The probability that `bits` bits form this number. */
static double number_probability(int number, int bits, double p)
{
    double product = 1;
    for (int i = 0; i < bits; i++)
        product *= number >> i & 1 ? p : 1 - p;
    return product;
}

void sps_select_uniform_distribution(double *distribution, double *bits, int n, double p)
{
    int each = sps_select_bits(n);
    double accepted = 0, tries = 0, again = 1; /* again: all tries so far were in vain */
    for (int i = 0; i < n; i++)
        accepted += number_probability(i, each, p);
    for (int i = 0; i < SPS_SELECT_TRIES; i++) {
        tries += again;
        again *= accepted < 1 ? 1 - accepted : 0;
    }
    for (int i = 0; i < n; i++) {
        distribution[i] = tries * number_probability(i, each, p);
        if (n + i < 1 << each && accepted < 1)
            distribution[i] += again / (1 - accepted) * number_probability(n + i, each, p);
    }
    *bits = each * tries;
}

static double spread_mass(double *distribution, const double *share, int from, int to, double mass)
{
    if (to - from == 1) {
        distribution[from] = mass;
        return 0;
    }
    int cut = sps_select_cut(from, to);
    double bits = share[cut] > 0 && share[cut] < 1 ? mass : 0;
    bits += spread_mass(distribution, share, from, cut, mass * (1 - share[cut]));
    return bits + spread_mass(distribution, share, cut, to, mass * share[cut]);
}

void sps_select_shares_distribution(double *distribution, double *bits, const double *share, int n)
{
    *bits = spread_mass(distribution, share, 0, n, 1);
}
