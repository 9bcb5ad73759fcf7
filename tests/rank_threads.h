/* SPDX-License-Identifier: MIT */
#ifndef SPS_TEST_RANK_THREADS_H
#define SPS_TEST_RANK_THREADS_H
/* Ranks that are threads of the test: what they give together must be what one process gives. */
#include <pthread.h>

#include "core/ranks.h"
#include "test.h"

enum { RANKS_MAX = 4 };

struct rank_team;
struct rank_thread {
    sps_ranks base; /* first: what the library sees */
    struct rank_team *team;
    sps_status (*work)(struct rank_thread *self);
    void *user;
    sps_status status;
    char error[SPS_ERROR_BYTES];
};
struct rank_team {
    struct rank_thread rank[RANKS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t turn;
    int waiting, round; /* who waits for the others; how often all had come */
    void *part[RANKS_MAX];
    size_t sums, wrong_at; /* sums of floats in rank 1; the one that gives it another number than the rest */
};

static inline void rank_wait(struct rank_team *team)
{
    pthread_mutex_lock(&team->lock);
    int round = team->round;
    if (++team->waiting == team->rank[0].base.count) {
        team->waiting = 0;
        team->round++;
        pthread_cond_broadcast(&team->turn);
    }
    while (team->round == round)
        pthread_cond_wait(&team->turn, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

/* All parts are there when the first wait ends, and read before the last one ends. */
static inline void rank_sum(const sps_ranks *self, void *x, size_t n, int doubles)
{
    struct rank_team *team = ((const struct rank_thread *)self)->team;
    team->part[self->rank] = x;
    for (size_t done = 0; done < n; done += 1024) {
        size_t some = n - done < 1024 ? n - done : 1024;
        double sum[1024] = {0};
        rank_wait(team);
        for (int r = 0; r < self->count; r++)
            for (size_t i = 0; i < some; i++)
                sum[i] += doubles ? ((double *)team->part[r])[done + i] : ((float *)team->part[r])[done + i];
        rank_wait(team);
        for (size_t i = 0; i < some; i++)
            if (doubles)
                ((double *)x)[done + i] = sum[i];
            else
                ((float *)x)[done + i] = (float)sum[i];
    }
}

static inline void rank_sum_floats(const sps_ranks *self, float *x, size_t n)
{
    struct rank_team *team = ((const struct rank_thread *)self)->team;
    rank_sum(self, x, n, 0);
    if (self->rank == 1 && ++team->sums == team->wrong_at)
        x[0] += 1;
}

static inline void rank_sum_doubles(const sps_ranks *self, double *x, size_t n)
{
    rank_sum(self, x, n, 1);
}

static inline void rank_broadcast(const sps_ranks *self, void *data, size_t bytes)
{
    struct rank_team *team = ((const struct rank_thread *)self)->team;
    team->part[self->rank] = data;
    rank_wait(team);
    if (self->rank > 0)
        memcpy(data, team->part[0], bytes);
    rank_wait(team);
}

static inline void *rank_run(void *self)
{
    struct rank_thread *rank = self;
    rank->status = rank->work(rank);
    if (rank->status != SPS_OK)
        snprintf(rank->error, sizeof rank->error, "%s", sps_last_error());
    return NULL;
}

/* work in so many ranks at once; user is the same for all. */
static inline void rank_team_run(struct rank_team *team, int count, sps_status (*work)(struct rank_thread *self),
                                 void *user)
{
    pthread_t thread[RANKS_MAX];
    assert_int_equal(pthread_mutex_init(&team->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&team->turn, NULL), 0);
    for (int r = 0; r < count; r++)
        team->rank[r] = (struct rank_thread){.base = {.rank = r,
                                                      .count = count,
                                                      .neighbours = count,
                                                      .sum = rank_sum_floats,
                                                      .sum_doubles = rank_sum_doubles,
                                                      .broadcast = rank_broadcast},
                                             .team = team,
                                             .work = work,
                                             .user = user};
    for (int r = 0; r < count; r++)
        assert_int_equal(pthread_create(&thread[r], NULL, rank_run, &team->rank[r]), 0);
    for (int r = 0; r < count; r++)
        assert_int_equal(pthread_join(thread[r], NULL), 0);
    pthread_cond_destroy(&team->turn);
    pthread_mutex_destroy(&team->lock);
}
#endif
