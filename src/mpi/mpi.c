/* SPDX-License-Identifier: MIT */
/* Ranks over MPI: the only file that knows it.  Calls come from one thread at a time, never from inside a parallel
 * region.  MPI's own error handler stays: it ends all ranks with a message. */
#include <mpi.h>

#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "core/now.h"
#include "mpi/mpi.h"

/* MPI counts in int. */
static const size_t AT_ONCE = (size_t)1 << 30;

/* Where ranks meet has messages of its own: one that fails waits there while others are in the middle of a sum. */
static MPI_Comm meeting;

static void sum_of(void *x, size_t n, size_t size, MPI_Datatype type)
{
    for (size_t done = 0; done < n; done += AT_ONCE)
        MPI_Allreduce(MPI_IN_PLACE, (char *)x + done * size, (int)(n - done < AT_ONCE ? n - done : AT_ONCE), type,
                      MPI_SUM, MPI_COMM_WORLD);
}

static void sum(const sps_ranks *self, float *x, size_t n)
{
    (void)self;
    sum_of(x, n, sizeof *x, MPI_FLOAT);
}

static void sum_doubles(const sps_ranks *self, double *x, size_t n)
{
    (void)self;
    sum_of(x, n, sizeof *x, MPI_DOUBLE);
}

static void broadcast(const sps_ranks *self, void *data, size_t bytes)
{
    (void)self;
    for (size_t done = 0; done < bytes; done += AT_ONCE)
        MPI_Bcast((char *)data + done, (int)(bytes - done < AT_ONCE ? bytes - done : AT_ONCE), MPI_BYTE, 0,
                  MPI_COMM_WORLD);
}

static int meet(const sps_ranks *self, double seconds)
{
    (void)self;
    const struct timespec nap = {.tv_nsec = 1000000};
    MPI_Request request;
    int there = 0;
    MPI_Ibarrier(meeting, &request);
    for (double start = sps_now(); !there && (seconds < 0 || sps_now() < start + seconds);) {
        MPI_Test(&request, &there, MPI_STATUS_IGNORE);
        if (!there)
            nanosleep(&nap, NULL);
    }
    return there;
}

static void end_all(const sps_ranks *self, int exit_status)
{
    (void)self;
    MPI_Abort(MPI_COMM_WORLD, exit_status);
}

static sps_ranks world = {
    .sum = sum, .sum_doubles = sum_doubles, .broadcast = broadcast, .meet = meet, .abort = end_all};

sps_status sps_mpi_open(const sps_ranks **out)
{
    MPI_Comm machine;
    int provided = 0;
    /* Open MPI's default is to spin while it waits, which on a machine with other work takes the cores away that the
     * others need: ten times slower was seen.  A rank that waits for the slowest gains nothing by it. */
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    if (provided < MPI_THREAD_FUNNELED) {
        MPI_Finalize();
        SPS_FAIL(EUNSUPPORTED, "this MPI does not work in a program with threads");
    }
    MPI_Comm_rank(MPI_COMM_WORLD, &world.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world.count);
    MPI_Comm_dup(MPI_COMM_WORLD, &meeting);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    MPI_Comm_size(machine, &world.neighbours);
    MPI_Comm_free(&machine);
    *out = world.count > 1 ? &world : NULL;
    if (world.count == 1)
        sps_mpi_close(&world);
    return SPS_OK;
}

void sps_mpi_close(const sps_ranks *ranks)
{
    (void)ranks;
    MPI_Comm_free(&meeting);
    MPI_Finalize();
}
