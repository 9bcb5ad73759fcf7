/* SPDX-License-Identifier: MIT */
/* The door to MPI, which is a library of its own (src/mpi) that is opened where mpirun started the process: without
 * mpirun nothing of it is loaded, and a machine without MPI runs the same program. */
#include "core/ranks.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/now.h"
#include "core/team.h"

struct sps_share sps_ranks_share(const sps_ranks *ranks, size_t n)
{
    size_t rank = (size_t)sps_rank(ranks), count = (size_t)sps_rank_count(ranks), first = n * rank / count;
    return (struct sps_share){first, n * (rank + 1) / count - first};
}

size_t sps_ranks_share_max(const sps_ranks *ranks, size_t n)
{
    size_t count = (size_t)sps_rank_count(ranks);
    return (n + count - 1) / count;
}

int sps_ranks_threads(const sps_ranks *ranks)
{
    int own = sps_cores(), bound = own < sysconf(_SC_NPROCESSORS_ONLN);
    int threads = ranks == NULL || bound ? own : own / ranks->neighbours;
    return threads > 0 ? threads : 1;
}

int sps_ranks_any(const sps_ranks *ranks, int mine)
{
    double so = mine != 0;
    sps_ranks_sum_doubles(ranks, &so, 1);
    return so > 0;
}

sps_status sps_ranks_agree(const sps_ranks *ranks, sps_status mine)
{
    if (!sps_ranks_any(ranks, mine != SPS_OK) || ranks == NULL)
        return mine;
    /* Which ranks failed is asked one after the other, so that this needs no more than a sum: it is done once. */
    int first = 0;
    for (int failed = 0; !failed; first += !failed)
        failed = sps_ranks_any(ranks, mine != SPS_OK && first == ranks->rank);
    float letters[SPS_ERROR_BYTES] = {0};
    double status = 0;
    if (first == ranks->rank) {
        const char *text = sps_last_error();
        status = (double)mine;
        for (size_t i = 0; i + 1 < SPS_ERROR_BYTES && text[i] != '\0'; i++)
            letters[i] = (float)(unsigned char)text[i];
    }
    sps_ranks_sum(ranks, letters, SPS_ERROR_BYTES); /* all others have zeros */
    sps_ranks_sum_doubles(ranks, &status, 1);
    char text[SPS_ERROR_BYTES];
    for (size_t i = 0; i < SPS_ERROR_BYTES; i++)
        text[i] = (char)(unsigned char)letters[i];
    if (first == 0)
        return sps_fail((sps_status)status, "%s", text);
    return sps_fail((sps_status)status, "rank %d: %s", first, text);
}

double sps_ranks_now(const sps_ranks *ranks)
{
    double now = sps_now();
    sps_ranks_broadcast(ranks, &now, sizeof now);
    return now;
}

/* ---- MPI ---- */

#define MODULE "libspinscale-mpi.so"

typedef sps_status opener(const sps_ranks **out);
typedef void closer(const sps_ranks *ranks);

static int started_by_mpi(void)
{
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (getenv(sizes[i]) != NULL)
            return atoi(getenv(sizes[i])) > 1;
    return getenv("PMIX_RANK") != NULL; /* says not how many there are */
}

/* C has no cast from an object pointer to one of a function. */
static sps_status find(void *function, void *module, const char *name)
{
    void *symbol = dlsym(module, name);
    if (symbol == NULL)
        SPS_FAIL(EUNSUPPORTED, "%s has no %s", MODULE, name);
    memcpy(function, &symbol, sizeof symbol);
    return SPS_OK;
}

static void *module;

sps_status sps_ranks_open(const sps_ranks **out)
{
    const sps_ranks *ranks = NULL;
    if (started_by_mpi()) {
        opener *open = NULL;
        module = dlopen(MODULE, RTLD_NOW | RTLD_GLOBAL); /* MPI's own plugins look for its symbols */
        if (module == NULL)
            SPS_FAIL(EUNSUPPORTED, "mpirun started several processes, but spinscale has no MPI here: %s", dlerror());
        SPS_TRY(find(&open, module, "sps_mpi_open"));
        SPS_TRY(open(&ranks));
    }
    *out = ranks;
    return SPS_OK;
}

void sps_ranks_close(const sps_ranks *ranks)
{
    closer *close = NULL;
    if (ranks != NULL && find(&close, module, "sps_mpi_close") == SPS_OK)
        close(ranks);
}
