/* SPDX-License-Identifier: MIT */
/* Which kernels run here.  The tables of all tiers are filled once per process, each from the tiers up to it, and
 * $SPINSCALE_CPU is read at the same moment; afterwards everything is read-only. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/list.h"

static const struct {
    const char *name;
    bool (*fill)(struct sps_kern *kern);
} tiers[] = {
#define ENTRY(tier) {#tier, sps_kern_fill_##tier},
    SPS_KERN_TIERS(ENTRY)
#undef ENTRY
};

enum { TIERS = sizeof tiers / sizeof *tiers };

static pthread_once_t decided = PTHREAD_ONCE_INIT;
static struct sps_kern table[TIERS];
static bool present[TIERS];
static const struct sps_kern *chosen; /* NULL: $SPINSCALE_CPU names what is not here */
static char wanted[32];
static char names[128]; /* of the tiers present, for the message */

static const struct sps_kern *find(const char *name)
{
    for (size_t i = 0; i < TIERS; i++)
        if (present[i] && strcmp(tiers[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static void decide(void)
{
    struct sps_kern best = {0};
    for (size_t i = 0; i < TIERS; i++) {
        present[i] = tiers[i].fill(&best);
        if (!present[i])
            continue;
        best.tier = tiers[i].name;
        table[i] = best;
        chosen = &table[i];
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "", tiers[i].name);
    }
    const char *forced = getenv("SPINSCALE_CPU");
    if (forced != NULL && forced[0] != '\0') {
        chosen = find(forced);
        snprintf(wanted, sizeof wanted, "%s", forced);
    }
}

sps_status sps_kern_get(const struct sps_kern **out)
{
    pthread_once(&decided, decide);
    if (chosen == NULL)
        SPS_FAIL(EINVAL, "SPINSCALE_CPU is '%s', must be a tier that this CPU has: %s", wanted, names);
    *out = chosen;
    return SPS_OK;
}

const struct sps_kern *sps_kern_tier(const char *name)
{
    pthread_once(&decided, decide);
    return find(name);
}

const char *sps_kern_tier_name(size_t index)
{
    return index < TIERS ? tiers[index].name : NULL;
}
