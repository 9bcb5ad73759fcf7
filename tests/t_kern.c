/* SPDX-License-Identifier: MIT */
/* Which kernels are chosen.  The choice is made once per process, so each case runs in a process of its own and this
 * one asks for none; that the kernels are right is checkkern's business. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kern/kern.h"
#include "test.h"

/* Runs `run` in a child with this $SPINSCALE_CPU (NULL: unset); true if it returned true there. */
static int in_child(const char *tier, int (*run)(const char *tier))
{
    pid_t child = fork();
    if (child == 0) {
        if (tier != NULL)
            setenv("SPINSCALE_CPU", tier, 1);
        else
            unsetenv("SPINSCALE_CPU");
        _exit(run(tier) ? 0 : 1);
    }
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const char *fastest(void)
{
    const char *name = NULL;
    for (size_t i = 0; sps_kern_tier_name(i) != NULL; i++)
        if (sps_kern_tier(sps_kern_tier_name(i)) != NULL)
            name = sps_kern_tier_name(i);
    return name;
}

static int gets_fastest(const char *tier)
{
    (void)tier;
    const struct sps_kern *kern = NULL;
    return sps_kern_get(&kern) == SPS_OK && strcmp(kern->tier, fastest()) == 0;
}

/* Twice, and the later environment does not matter: it was decided.  The other tiers can still be had by name. */
static int is_refused(const char *tier)
{
    const struct sps_kern *kern = NULL;
    for (int i = 0; i < 2; i++) {
        if (sps_kern_get(&kern) != SPS_EINVAL || kern != NULL || strstr(sps_last_error(), tier) == NULL ||
            strstr(sps_last_error(), "ref") == NULL || strstr(sps_last_error(), fastest()) == NULL)
            return 0;
        unsetenv("SPINSCALE_CPU");
    }
    return sps_kern_tier(tier) == NULL && sps_kern_tier("ref") != NULL;
}

static int gets_named_or_is_refused(const char *tier)
{
    const struct sps_kern *kern = NULL;
    if (sps_kern_tier(tier) == NULL)
        return is_refused(tier);
    return sps_kern_get(&kern) == SPS_OK && strcmp(kern->tier, tier) == 0 && kern == sps_kern_tier(tier);
}

static void *get(void *out)
{
    const struct sps_kern **kern = out;
    return sps_kern_get(kern) == SPS_OK ? *(void **)out : NULL;
}

static int threads_agree(const char *tier)
{
    (void)tier;
    enum { THREADS = 8 };
    pthread_t thread[THREADS];
    const struct sps_kern *kern[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, get, &kern[i]) != 0)
            return 0;
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < THREADS; i++)
        if (kern[i] == NULL || kern[i] != kern[0])
            return 0;
    return 1;
}

static int tiers_are_whole(const char *unused)
{
    (void)unused;
    for (size_t i = 0; sps_kern_tier_name(i) != NULL; i++) {
        const struct sps_kern *kern = sps_kern_tier(sps_kern_tier_name(i));
        if (kern == NULL)
            continue;
        if (strcmp(kern->tier, sps_kern_tier_name(i)) != 0)
            return 0;
#define PRESENT(field, MACRO)                                                                                          \
    if (kern->field == NULL)                                                                                           \
        return 0;
        SPS_KERN_LIST(PRESENT)
#undef PRESENT
    }
    return 1;
}

static void unset_means_the_fastest(void **state)
{
    (void)state;
    assert_true(in_child(NULL, gets_fastest));
    assert_true(in_child("", gets_fastest));
    assert_true(in_child(NULL, threads_agree));
}

static void every_tier_can_be_forced(void **state)
{
    (void)state;
    assert_string_equal(sps_kern_tier_name(0), "ref");
    for (size_t i = 0; sps_kern_tier_name(i) != NULL; i++)
        assert_true(in_child(sps_kern_tier_name(i), gets_named_or_is_refused));
}

static void unknown_tiers_are_refused(void **state)
{
    (void)state;
    assert_true(in_child("sse9", is_refused));
    assert_true(in_child("REF", is_refused));
}

static void no_kernel_is_missing(void **state)
{
    (void)state;
    assert_true(in_child(NULL, tiers_are_whole));
}

/* Worked by hand: two words, channel 17 of 18 in lane 1 of the second panel, the other lanes of that panel 0. */
static void panels_hold_the_rows(void **state)
{
    (void)state;
    uint32_t rows[18][2], panels[2][2][16];
    for (uint32_t n = 0; n < 18; n++)
        for (uint32_t w = 0; w < 2; w++)
            rows[n][w] = 100 * n + w + 1;
    sps_bits_to_panels(&panels[0][0][0], &rows[0][0], 18, 2);
    assert_int_equal(panels[0][0][0], 1);
    assert_int_equal(panels[0][1][15], 1502);
    assert_int_equal(panels[1][0][1], 1701);
    assert_int_equal(panels[1][1][0], 1602);
    assert_int_equal(panels[1][1][2], 0);
    assert_int_equal(panels[1][0][15], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unset_means_the_fastest),   cmocka_unit_test(every_tier_can_be_forced),
        cmocka_unit_test(unknown_tiers_are_refused), cmocka_unit_test(no_kernel_is_missing),
        cmocka_unit_test(panels_hold_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
