/* SPDX-License-Identifier: MIT */
#include "engine/costs.h"

#include <string.h>
#include <time.h>

#include "core/random.h"

enum { RUNS = 3, FEW = 16, MANY = 64 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double time_sums(struct sps_lane *lane, const struct sps_stage *s, struct sps_level *level)
{
    double least = 1;
    for (int i = 0; i < RUNS; i++) {
        double start = seconds();
        lane->backend->sums(lane->backend, s, level->sums, level->held, &lane->moment, lane->team, lane->scratch,
                            lane->scratch_stride);
        double took = seconds() - start;
        least = took < least ? took : least;
    }
    return least;
}

/* An update by so many flips, spread over the input, listing included as far as it grows with the flips. */
static double time_update(struct sps_lane *lane, const struct sps_stage *s, struct sps_level *level, size_t flips)
{
    double least = 1;
    for (size_t i = 0; i < flips; i++) /* half of them rise */
        lane->flips[i] = (uint32_t)(i % (flips / 2) * s->in_size / (flips / 2));
    for (int i = 0; i < RUNS; i++) {
        double start = seconds();
        lane->backend->update(lane->backend, s, level->sums, lane->flips, flips / 2, flips, lane->scratch);
        double took = seconds() - start;
        least = took < least ? took : least;
    }
    return least;
}

static struct sps_cost cost_of(struct sps_lane *lane, const struct sps_stage *s)
{
    struct sps_level *level = &lane->levels[s->index];
    struct sps_cost cost = {0};
    uint32_t *bits = level->held;
    if (!sps_stage_updates(s) || lane->backend->update == NULL || s->in_size < 2 * MANY)
        return cost; /* never updated */
    struct sps_random r = sps_random(0, SPS_FOR_TEST, 0, 0, (uint32_t)s->index);
    for (size_t i = 0; i < s->in_words; i++)
        bits[i] = sps_random_u32(&r);
    cost.full = time_sums(lane, s, level);
    double few = time_update(lane, s, level, FEW), many = time_update(lane, s, level, MANY);
    cost.flip = many > few ? (many - few) / (MANY - FEW) : many / MANY;
    cost.update = few > FEW * cost.flip ? few - FEW * cost.flip : 0;
    return cost;
}

void sps_measure_costs(struct sps_cost *costs, struct sps_lane *lane)
{
    for (int i = 0; i < lane->plan->stage_count; i++)
        costs[i] = cost_of(lane, &lane->plan->stages[i]);
}
