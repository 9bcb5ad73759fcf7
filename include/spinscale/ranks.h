/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_RANKS_H
#define SPINSCALE_RANKS_H
/* Several processes that do one job, on one machine or many: each is a rank.  A rank that waits for another which never
 * comes waits forever; a program that fails in one rank alone has to call abort(). */
#include <stddef.h>

#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

/* All ranks must call the first three in the same order with the same sizes.  An error of the network ends the
 * process: there is nothing that its work could go on with. */
typedef struct sps_ranks sps_ranks;
struct sps_ranks {
    int rank, count;
    int neighbours; /* ranks on this machine, this one too */
    /* x[i] becomes the sum over ranks, the same bytes in all. */
    void (*sum)(const sps_ranks *self, float *x, size_t n);
    void (*sum_doubles)(const sps_ranks *self, double *x, size_t n);
    /* The bytes of rank 0. */
    void (*broadcast)(const sps_ranks *self, void *data, size_t bytes);
    /* Wait until all ranks have called this: 1; 0 if some did not in `seconds` (below 0: no limit). */
    int (*meet)(const sps_ranks *self, double seconds);
    /* End all ranks at once. */
    void (*abort)(const sps_ranks *self, int exit_status);
};

/* What of n things this rank does: contiguous, in the order of ranks; the first ranks may have one less.  NULL: all. */
struct sps_share {
    size_t first, count;
};
struct sps_share sps_ranks_share(const sps_ranks *ranks, size_t n);
/* Threads for this rank: all cores that the process may use; where mpirun has not bound it to some of the machine's, an
 * equal part of them.  NULL: all. */
int sps_ranks_threads(const sps_ranks *ranks);

/* The ranks that mpirun (or srun) started this process with; *out is NULL where there is one alone.  Looks at the
 * environment first (OMPI_COMM_WORLD_SIZE, PMI_SIZE, PMIX_RANK) and loads MPI only if it says so.  SPS_EUNSUPPORTED
 * where that is not there.  Once in a process; all ranks close. */
sps_status sps_ranks_open(const sps_ranks **out);
void sps_ranks_close(const sps_ranks *ranks); /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
