/* SPDX-License-Identifier: MIT */
#include "cim/arch/reuse.h"

#include <math.h>

enum { ENUMERATED_MAX = 1 << 16 };

/* Of T draws, at least one is this: 1 - (1 - p)^T. */
static double drawn(double p, double samples)
{
    return p < 1 ? -expm1(samples * log1p(-p)) : 1;
}

static double enumerate(const struct sps_path_bank *banks, int length, double p, double samples)
{
    if (length == 0)
        return drawn(p, samples);
    double sum = 0;
    for (int k = 0; k < banks->entries; k++)
        sum += enumerate(banks + 1, length - 1, p * banks->probability[k], samples);
    return sum;
}

/* Too many to walk through: as if there were so many equally likely ones that two draws agree as often as they do. */
static double approximate(const struct sps_path_bank *banks, int length, double samples)
{
    double agree = 1;
    for (int i = 0; i < length; i++) {
        double squares = 0;
        for (int k = 0; k < banks[i].entries; k++)
            squares += banks[i].probability[k] * banks[i].probability[k];
        agree *= pow(squares, banks[i].picks);
    }
    return drawn(agree, samples) / agree;
}

double sps_expected_prefixes(const struct sps_packed *packed, int length, uint32_t samples)
{
    double count = 1;
    for (int i = 0; i < length; i++)
        count *= packed->banks[i].picks == 1 ? packed->banks[i].entries : INFINITY;
    return count <= ENUMERATED_MAX ? enumerate(packed->banks, length, 1, samples)
                                   : approximate(packed->banks, length, samples);
}
