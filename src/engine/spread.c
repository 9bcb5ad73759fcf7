/* SPDX-License-Identifier: MIT */
/* Dropout probabilities that differ from chip to chip (Scale-Dropout paper eq. 24): drawn once a chip and source, for
 * all its passes.  A draw for each pass would be a Bernoulli draw with the mean p again. */
#include <math.h>

#include "core/random.h"
#include "engine/packed.h"
#include "spinscale/engine.h"

static const double P_MAX = 0.95; /* as in training: method.p_spread */

static sps_status reserve(struct sps_packed *m)
{
    size_t entries = 0;
    if (m->spread != NULL)
        return SPS_OK;
    for (int i = 0; i < m->noise_count; i++)
        entries += (size_t)m->noises[i].entries;
    return sps_packed_alloc(&m->spread, m, entries, sizeof *m->spread, "probabilities of a chip");
}

/* The first entry is what is kept, the others share p as they did. */
static void move(double *out, const struct sps_noise *noise, double off)
{
    double p = 1 - noise->probability[0], moved = fmin(fmax(p + off, 0), fmax(P_MAX, p));
    out[0] = 1 - moved;
    for (int k = 1; k < noise->entries; k++)
        out[k] = p > 0 ? noise->probability[k] * (moved / p) : moved / (noise->entries - 1);
}

sps_status sps_packed_spread(sps_packed *m, double sigma, uint64_t seed, uint32_t chip)
{
    if (!(sigma >= 0 && sigma <= 1))
        SPS_FAIL(EINVAL, "spread of p is %g, must be 0 to 1", sigma);
    SPS_TRY(reserve(m));
    double *probability = m->spread;
    for (int i = 0; i < m->noise_count; i++) {
        const struct sps_noise *noise = &m->noises[i];
        struct sps_random r = sps_random(seed, SPS_FOR_CHIP_P, chip, 0, (uint32_t)noise->stream);
        double off = noise->entries > 1 && sigma > 0 ? sigma * sps_random_normal(&r) : 0;
        move(probability, noise, off);
        m->banks[i].probability = off != 0 ? probability : noise->probability;
        probability += noise->entries;
    }
    return SPS_OK;
}
