/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_SELECT_H
#define SPS_CIM_SELECT_H
/* One of n entries from bits that are 1 with probabilities we choose.
 *
 * Equal probabilities: ceil(log2 n) fair bits form a number, first bit highest; numbers from n on are drawn again, at
 * most SPS_SELECT_TRIES times (a unit that only gives ones would never end), after which number - n counts.
 * Other probabilities: the entries are halved until one is left, a bit each time that is 1, for the upper half, with
 * that half's share.  So at most ceil(log2 n) bits too, but each cut has a current of its own to be set; a bank {keep,
 * drop} takes one bit with the probability to drop. */
#include <stdint.h>

enum { SPS_SELECT_TRIES = 64, SPS_SELECT_MAX = 256 };

/* ceil(log2 n), n from 1. */
int sps_select_bits(int n);

/* Whether all of n probabilities are 1 / n, to rounding. */
int sps_select_is_uniform(const double *probability, int n);

/* A cut of the entries from .. to - 1 (two or more) is named after the first of its upper half: 1 .. n - 1. */
static inline int sps_select_cut(int from, int to)
{
    return from + (to - from) / 2;
}
/* The probability of the upper half at each cut: share[1 .. n - 1] (share[0] is not used). */
void sps_select_shares(double *share, const double *probability, int n);

/* What a choice among n gives where each bit is 1 with probability p instead of 1/2, or with share[cut] instead of what
 * was wanted; bits are independent.  Exact: distribution[n], and *bits, the expected number of bits for a choice (cuts
 * with a share of 0 or 1 take none). */
void sps_select_uniform_distribution(double *distribution, double *bits, int n, double p);
void sps_select_shares_distribution(double *distribution, double *bits, const double *share, int n);
#endif
