/* SPDX-License-Identifier: MIT */
/* (x + a plasma) M / (M + a), where M is the image's largest value, and plasma a fractal on 0 .. 1: diamond-square
 * (Fournier, Fussell and Carpenter, CACM 25, 1982) on a periodic square, whose random part is U(-v^2, v^2) with v =
 * 100, divided by the decay at each halving.  The square's side is the power of two from 32 on that holds the image:
 * fog has the same look at any size, and more detail at larger ones. */
#include "core/memory.h"
#include "data/shift/kind.h"

struct plasma {
    float *map; /* [side][side] */
    int side;
    struct sps_random *random;
};

/* Mean of four points at distance `reach`, along the axes or the diagonals, and a random part. */
static void midpoint(struct plasma *p, int i, int j, int reach, int diagonal, float amplitude)
{
    const int mask = p->side - 1, n = p->side;
    float sum = 0;
    for (int k = 0; k < 4; k++) {
        const int sign = k < 2 ? -1 : 1, other = k % 2 ? -1 : 1;
        const int di = diagonal ? sign : k % 2 ? 0 : sign, dj = diagonal ? other : k % 2 ? sign : 0;
        sum += p->map[((i + reach * di) & mask) * n + ((j + reach * dj) & mask)];
    }
    p->map[i * n + j] = sum / 4 + amplitude * (2 * sps_random_uniform(p->random) - 1);
}

static void fill(struct plasma *p, float decay)
{
    float v = 100;
    for (int step = p->side; step >= 2; step /= 2, v /= decay) {
        const int half = step / 2;
        for (int i = half; i < p->side; i += step)
            for (int j = half; j < p->side; j += step)
                midpoint(p, i, j, half, 1, v * v);
        for (int i = 0; i < p->side; i += half)
            for (int j = i % step ? 0 : half; j < p->side; j += step)
                midpoint(p, i, j, half, 0, v * v);
    }
}

static sps_status apply(struct sps_shift_job *job)
{
    static const float table[][2] = {{0.2f, 3}, {0.5f, 3}, {0.75f, 2.5f}, {1, 2}, {1.5f, 1.75f}};
    const float a = table[job->level][0];
    struct plasma p = {.side = 32, .random = &job->random};
    while (p.side < job->h || p.side < job->w)
        p.side *= 2;
    const size_t points = (size_t)p.side * p.side;
    SPS_TRY(sps_calloc(&p.map, points, sizeof *p.map, "a plasma"));
    fill(&p, table[job->level][1]);
    float low = p.map[0], high = p.map[0], most = 0;
    for (size_t i = 1; i < points; i++) {
        low = p.map[i] < low ? p.map[i] : low;
        high = p.map[i] > high ? p.map[i] : high;
    }
    for (size_t i = 0; i < sps_shift_size(job); i++)
        most = job->x[i] > most ? job->x[i] : most;
    size_t at = 0;
    for (int i = 0; i < job->h; i++)
        for (int j = 0; j < job->w; j++)
            for (int k = 0; k < job->c; k++, at++)
                job->y[at] = (job->x[at] + a * (p.map[i * p.side + j] - low) / (high - low)) * most / (most + a);
    sps_free(p.map);
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_fog = {
    .about = {.name = "fog",
              .summary = "fog of a fractal",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              .random = 1,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
