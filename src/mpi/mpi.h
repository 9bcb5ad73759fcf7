/* SPDX-License-Identifier: MIT */
#ifndef SPS_MPI_MPI_H
#define SPS_MPI_MPI_H
/* What core/ranks.c finds here by name. */
#include "core/error.h"
#include "spinscale/ranks.h"

/* *out is NULL where there is one rank alone. */
sps_status sps_mpi_open(const sps_ranks **out);
void sps_mpi_close(const sps_ranks *ranks);
#endif
