/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_RANKS_H
#define SPS_CORE_RANKS_H
/* The ranks of a job for those who may have none: NULL is one process, for which all of this does nothing. */
#include <stddef.h>

#include "core/error.h"
#include "spinscale/ranks.h"

static inline int sps_rank(const sps_ranks *ranks)
{
    return ranks != NULL ? ranks->rank : 0;
}
static inline int sps_rank_count(const sps_ranks *ranks)
{
    return ranks != NULL ? ranks->count : 1;
}
static inline void sps_ranks_sum(const sps_ranks *ranks, float *x, size_t n)
{
    if (ranks != NULL)
        ranks->sum(ranks, x, n);
}
static inline void sps_ranks_sum_doubles(const sps_ranks *ranks, double *x, size_t n)
{
    if (ranks != NULL)
        ranks->sum_doubles(ranks, x, n);
}
static inline void sps_ranks_broadcast(const sps_ranks *ranks, void *data, size_t bytes)
{
    if (ranks != NULL)
        ranks->broadcast(ranks, data, bytes);
}

/* The largest share of any rank. */
size_t sps_ranks_share_max(const sps_ranks *ranks, size_t n);

/* True in all ranks if it is in one. */
int sps_ranks_any(const sps_ranks *ranks, int mine);
/* Where a rank failed, all do, with the sentence of the first that did. */
sps_status sps_ranks_agree(const sps_ranks *ranks, sps_status mine);
/* Rank 0's clock. */
double sps_ranks_now(const sps_ranks *ranks);
#endif
