/* SPDX-License-Identifier: MIT */
#if defined(__linux__)
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "core/team.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"

enum { SPINS = 2000 }; /* about 20 us: longer than the pause between two layers of an image, far below a time slice */

struct worker {
    struct sps_team *team;
    pthread_t thread;
    int index, started;
};

struct sps_team {
    int threads;
    struct worker *workers; /* [threads], 0 is not used */
    /* One job: set before its number is raised. */
    sps_task *task;
    void *work;
    size_t count;
    atomic_size_t next; /* task */
    atomic_int busy;    /* workers that have not finished the job */
    atomic_uint job;    /* its number */
    atomic_int quit;
    atomic_int sleepers;
    pthread_mutex_t lock; /* for those that sleep */
    pthread_cond_t wake;
};

static void pause_core(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static void take_tasks(struct sps_team *team, int worker)
{
    for (;;) {
        size_t i = atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
        if (i >= team->count)
            return;
        team->task(team->work, i, worker);
    }
}

/* Until there is a job after the last one. */
static unsigned wait_for_job(struct sps_team *team, unsigned last)
{
    for (int i = 0; i < SPINS; i++) {
        unsigned job = atomic_load_explicit(&team->job, memory_order_acquire);
        if (job != last)
            return job;
        pause_core();
    }
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->job) == last)
        pthread_cond_wait(&team->wake, &team->lock);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->lock);
    return atomic_load(&team->job);
}

static void *work(void *argument)
{
    const struct worker *self = argument;
    struct sps_team *team = self->team;
    unsigned job = 0;
    for (;;) {
        job = wait_for_job(team, job);
        if (atomic_load(&team->quit))
            return NULL;
        take_tasks(team, self->index);
        atomic_fetch_sub_explicit(&team->busy, 1, memory_order_release);
    }
}

/* The lock is for sleepers only.  Either they see the new number before they sleep, or they are seen here. */
static void announce(struct sps_team *team)
{
    atomic_fetch_add(&team->job, 1);
    if (atomic_load(&team->sleepers) == 0)
        return;
    pthread_mutex_lock(&team->lock);
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->lock);
}

void sps_team_run(sps_team *team, size_t count, sps_task *task, void *job)
{
    if (team->threads == 1 || count < 2) {
        for (size_t i = 0; i < count; i++)
            task(job, i, 0);
        return;
    }
    team->task = task;
    team->work = job;
    team->count = count;
    atomic_store(&team->next, 0);
    atomic_store(&team->busy, team->threads - 1);
    announce(team);
    take_tasks(team, 0);
    for (int i = 0; atomic_load_explicit(&team->busy, memory_order_acquire) > 0; i++)
        if (i < SPINS)
            pause_core();
        else
            sched_yield();
}

/* ---- tasks that can fail ---- */

struct trials {
    sps_trial *task;
    void *work;
    atomic_size_t failed; /* the first task that did */
    pthread_mutex_t lock; /* for it and what follows */
    sps_status status;
    char sentence[SPS_ERROR_BYTES]; /* sps_last_error() stays with the thread that failed */
};

/* All tasks before one that failed have begun, and are finished: one of them may turn out to be the first. */
static void try_task(void *work, size_t i, int worker)
{
    struct trials *t = work;
    if (i > atomic_load(&t->failed))
        return;
    sps_status status = t->task(t->work, i, worker);
    if (status == SPS_OK)
        return;
    pthread_mutex_lock(&t->lock);
    if (i < atomic_load(&t->failed)) {
        atomic_store(&t->failed, i);
        t->status = status;
        snprintf(t->sentence, sizeof t->sentence, "%s", sps_last_error());
    }
    pthread_mutex_unlock(&t->lock);
}

sps_status sps_team_try(sps_team *team, size_t count, sps_trial *task, void *work)
{
    struct trials t = {.task = task, .work = work, .failed = SIZE_MAX, .status = SPS_OK};
    pthread_mutex_init(&t.lock, NULL);
    sps_team_run(team, count, try_task, &t);
    pthread_mutex_destroy(&t.lock);
    return t.status == SPS_OK ? SPS_OK : sps_fail(t.status, "%s", t.sentence);
}

/* ---- the team ---- */

sps_status sps_team_create(sps_team **out, int threads)
{
    struct sps_team *team = NULL;
    SPS_TRY(sps_calloc(&team, 1, sizeof *team, "a team of threads"));
    team->threads = threads;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    sps_status status = sps_calloc(&team->workers, (size_t)threads, sizeof *team->workers, "threads");
    for (int i = 1; i < threads && status == SPS_OK; i++) {
        struct worker *w = &team->workers[i];
        *w = (struct worker){.team = team, .index = i};
        int error = pthread_create(&w->thread, NULL, work, w);
        if (error != 0)
            status = sps_fail(SPS_ENOMEM, "cannot start thread %d of %d: %s", i + 1, threads, strerror(error));
        else
            w->started = 1;
    }
    if (status == SPS_OK)
        *out = team;
    else
        sps_team_free(team);
    return status;
}

void sps_team_free(sps_team *team)
{
    if (team == NULL)
        return;
    atomic_store(&team->quit, 1);
    announce(team);
    for (int i = 1; i < team->threads && team->workers != NULL; i++)
        if (team->workers[i].started)
            pthread_join(team->workers[i].thread, NULL);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
    sps_free(team->workers);
    sps_free(team);
}

int sps_team_threads(const sps_team *team)
{
    return team->threads;
}

int sps_cores(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
#endif
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (int)cores : 1;
}
