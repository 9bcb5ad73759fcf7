/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_TEAM_H
#define SPS_CORE_TEAM_H
/* Threads that share out tasks.  (Training has OpenMP; inference stays free of its library.) */
#include <stddef.h>

#include "core/error.h"

typedef struct sps_team sps_team;
typedef void sps_task(void *work, size_t task, int worker);
typedef sps_status sps_trial(void *work, size_t task, int worker);

/* threads >= 1, the caller is one of them. */
sps_status sps_team_create(sps_team **out, int threads);
void sps_team_free(sps_team *team); /* NULL is allowed */
int sps_team_threads(const sps_team *team);
/* task(work, i, worker) for i < count, each once, on any thread; worker is 0 .. threads - 1, 0 the caller.  Returns
 * when all are done.  Neither locks nor allocates while tasks come quickly one after the other: threads that find
 * nothing spin for some microseconds before they sleep. */
void sps_team_run(sps_team *team, size_t count, sps_task *task, void *work);
/* The same for tasks that can fail.  The first one in order that does gives the status, and its sentence to
 * sps_last_error() of this thread, on any number of threads; tasks after it that have not begun are left out. */
sps_status sps_team_try(sps_team *team, size_t count, sps_trial *task, void *work);
/* Cores that the process may use. */
int sps_cores(void);
#endif
