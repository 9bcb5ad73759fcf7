/* SPDX-License-Identifier: MIT */
/* The team of threads: each task once, on a worker of its own, and all done when the call returns.  Plain memory and no
 * locks here: the thread sanitizer sees what is not ordered. */
#include "core/team.h"

#include <stdatomic.h>
#include <time.h>

#include "net.h"

enum { TASKS_MAX = 1000, WORKERS_MAX = 8 };

struct log {
    int done[TASKS_MAX];    /* by one task each */
    long work[WORKERS_MAX]; /* by one worker each */
    int threads, wrong;
};

static void note(void *pointer, size_t task, int worker)
{
    struct log *log = pointer;
    if (worker < 0 || worker >= log->threads || task >= TASKS_MAX) {
        log->wrong = 1;
        return;
    }
    log->done[task]++;
    log->work[worker]++;
}

static void each_task_once(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 7, 8, 9, 64, TASKS_MAX, 5, 1};
    for (int threads = 1; threads <= WORKERS_MAX; threads++) {
        sps_team *team = NULL;
        struct log *log = ROOM(struct log, 1);
        long total = 0, by_worker = 0;
        OK(sps_team_create(&team, threads));
        assert_int_equal(sps_team_threads(team), threads);
        log->threads = threads;
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            memset(log->done, 0, sizeof log->done);
            sps_team_run(team, counts[i], note, log);
            for (size_t k = 0; k < TASKS_MAX; k++)
                assert_int_equal(log->done[k], k < counts[i]);
            total += (long)counts[i];
        }
        for (int w = 0; w < threads; w++)
            by_worker += log->work[w];
        assert_int_equal(by_worker, total);
        assert_false(log->wrong);
        sps_team_free(team);
        sps_free(log);
    }
}

/* Tasks that take their time, the workers' longer than the caller's: none may be under way when the call returns. */
static void dawdle(void *pointer, size_t task, int worker)
{
    int *done = pointer;
    nanosleep(&(struct timespec){0, worker > 0 ? 2000000 : 200000}, NULL);
    done[task] = 1;
}

static void all_are_done_at_the_end(void **state)
{
    (void)state;
    sps_team *team = NULL;
    OK(sps_team_create(&team, 3));
    for (int i = 0; i < 20; i++) {
        int done[12] = {0};
        sps_team_run(team, 12, dawdle, done);
        for (int k = 0; k < 12; k++)
            assert_int_equal(done[k], 1);
    }
    sps_team_free(team);
}

/* What one job writes, the next reads, on whatever thread: thousands of them, so short that workers still spin, and
 * with pauses so long that they sleep. */
struct chain_of_sums {
    uint32_t values[16], next[16];
};

static void mix(void *pointer, size_t task, int worker)
{
    struct chain_of_sums *s = pointer;
    (void)worker;
    s->next[task] = s->values[task] * 5 + s->values[(task + 7) % 16] + 1;
}

static void many_short_jobs(void **state)
{
    (void)state;
    uint32_t expected[16] = {0};
    for (int threads = 1; threads <= WORKERS_MAX; threads += threads < 4 ? 1 : 4) {
        struct chain_of_sums s = {{0}, {0}};
        sps_team *team = NULL;
        OK(sps_team_create(&team, threads));
        for (int job = 0; job < 3000; job++) {
            sps_team_run(team, 16, mix, &s);
            memcpy(s.values, s.next, sizeof s.values);
            if (job % 300 == 299)
                nanosleep(&(struct timespec){0, 300000}, NULL);
        }
        if (threads == 1)
            memcpy(expected, s.values, sizeof expected);
        assert_memory_equal(s.values, expected, sizeof expected);
        sps_team_free(team);
    }
}

/* Tasks of one team run another: a session within an application's own threads. */
struct nested {
    sps_team *inner[4];
    struct log logs[4];
};

static void run_inner(void *pointer, size_t task, int worker)
{
    struct nested *n = pointer;
    n->logs[worker].threads = 2;
    for (size_t i = 0; i < 50; i++)
        sps_team_run(n->inner[worker], task % 5, note, &n->logs[worker]);
}

static void teams_within_a_team(void **state)
{
    (void)state;
    sps_team *outer = NULL;
    struct nested *n = ROOM(struct nested, 1);
    long total = 0;
    OK(sps_team_create(&outer, 4));
    for (int i = 0; i < 4; i++)
        OK(sps_team_create(&n->inner[i], 2));
    sps_team_run(outer, 20, run_inner, n);
    for (int i = 0; i < 4; i++) {
        total += n->logs[i].work[0] + n->logs[i].work[1];
        assert_false(n->logs[i].wrong);
        sps_team_free(n->inner[i]);
    }
    assert_int_equal(total, 4 * (0 + 1 + 2 + 3 + 4) * 50);
    sps_team_free(outer);
    sps_free(n);
}

/* Tasks 5 and up fail; task 5 after another has, where there is another thread: it decides all the same. */
struct attempts {
    int threads;
    atomic_int failed, begun;
};

static sps_status attempt(void *pointer, size_t task, int worker)
{
    struct attempts *a = pointer;
    (void)worker;
    atomic_fetch_add(&a->begun, 1);
    if (task < 5)
        return SPS_OK;
    while (task == 5 && a->threads > 1 && atomic_load(&a->failed) == 0)
        nanosleep(&(struct timespec){0, 100000}, NULL);
    sps_fail(SPS_EDIVERGED, "task %zu diverges", task);
    atomic_fetch_add(&a->failed, 1);
    return SPS_EDIVERGED;
}

static void the_first_failure_is_told(void **state)
{
    (void)state;
    for (int threads = 1; threads <= WORKERS_MAX; threads++) {
        struct attempts a = {.threads = threads};
        sps_team *team = NULL;
        OK(sps_team_create(&team, threads));
        OK(sps_team_try(team, 5, attempt, &a));
        OK(sps_team_try(team, 0, attempt, &a));
        FAILS(sps_team_try(team, TASKS_MAX, attempt, &a), EDIVERGED, "task 5 diverges");
        assert_true(atomic_load(&a.begun) < 5 + 6 + 2 * threads); /* the others were not begun */
        sps_team_free(team);
    }
}

/* The sentence of another thread. */
struct elsewhere {
    atomic_int failed;
};

static sps_status fail_elsewhere(void *pointer, size_t task, int worker)
{
    struct elsewhere *e = pointer;
    while (worker == 0 && atomic_load(&e->failed) == 0)
        nanosleep(&(struct timespec){0, 100000}, NULL);
    if (worker == 0)
        return SPS_OK;
    sps_fail(SPS_EIO, "task %zu fails on another thread", task);
    atomic_store(&e->failed, 1);
    return SPS_EIO;
}

static void sentences_come_to_the_caller(void **state)
{
    (void)state;
    struct elsewhere e = {0};
    sps_team *team = NULL;
    OK(sps_team_create(&team, 2));
    sps_fail(SPS_EINVAL, "an old one");
    FAILS(sps_team_try(team, 2, fail_elsewhere, &e), EIO, "fails on another thread");
    sps_team_free(team);
}

/* A team that never works, and one that is made and freed at once. */
static void teams_come_and_go(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        sps_team *team = NULL;
        OK(sps_team_create(&team, 1 + i % WORKERS_MAX));
        sps_team_free(team);
    }
    sps_team_free(NULL);
    assert_true(sps_cores() >= 1);
}

static void lack_of_memory(void **state)
{
    (void)state;
    for (long n = 0; n < 2; n++) {
        sps_team *team = NULL;
        sps_memory_fail_at(n);
        assert_int_equal(sps_team_create(&team, 3), SPS_ENOMEM);
        sps_memory_fail_at(-1);
        assert_null(team);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_task_once),
        TEST(all_are_done_at_the_end),
        TEST(many_short_jobs),
        TEST(teams_within_a_team),
        TEST(the_first_failure_is_told),
        TEST(sentences_come_to_the_caller),
        TEST(teams_come_and_go),
        TEST(lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
