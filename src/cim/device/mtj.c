/* SPDX-License-Identifier: MIT */
#include "cim/device/mtj.h"

#include "cim/device/select.h"
#include "cim/device/unit.h"
#include "core/memory.h"

/* A bit that is needed for some bank, and what a unit makes of it. */
struct bit {
    double wanted;  /* probability; 0 and 1 take no bit */
    double current; /* A */
    double p;       /* obtained, before drift and eq. 24 */
};

struct bank {
    int entries, picks, uniform;
    uint32_t first_unit; /* of its first pick; the others share it, or follow */
    size_t first_bit;    /* [units][nodes], see bit_of() */
    size_t first_pick;   /* in picks[] */
    int nodes;           /* 1 where uniform, else one for each cut (and an empty one) */
    double bits;         /* expected for one pick */
};

struct sps_mtj {
    const struct sps_device *device;
    struct sps_mtj_options options;
    int count, extrapolated;
    uint32_t units;
    size_t picks;
    struct bank *bank;     /* [count] */
    struct sps_unit *unit; /* [units] */
    struct bit *bit;
};

/* Picks that a unit makes one after the other in a pass. */
struct chain {
    int first_bank, last_bank;
    int first_pick, last_pick; /* of each of these banks; last_pick -1: all */
    uint32_t unit;
};

enum { UNITS_MAX = 1 << 24 };

/* --- Making --- */

static int is_shared(const struct sps_mtj *m)
{
    return m->options.arrangement == SPS_UNIT_PER_NETWORK || m->options.arrangement == SPS_UNIT_PER_LAYER;
}

static uint32_t units_of_bank(const struct sps_mtj *m, const struct bank *bank)
{
    return is_shared(m) ? 1 : (uint32_t)bank->picks;
}

static sps_status lay_out(struct sps_mtj *m, const struct sps_path_bank *banks, size_t *bits)
{
    size_t units = 0;
    *bits = 0;
    for (int i = 0; i < m->count; i++) {
        struct bank *b = &m->bank[i];
        if (banks[i].entries < 1 || banks[i].entries > SPS_SELECT_MAX || banks[i].picks < 1)
            SPS_FAIL(EINVAL, "bank %d has %d entries and %d picks, must have 1 to %d and at least 1", i,
                     banks[i].entries, banks[i].picks, SPS_SELECT_MAX);
        b->entries = banks[i].entries;
        b->picks = banks[i].picks;
        b->uniform = sps_select_is_uniform(banks[i].probability, b->entries);
        b->nodes = b->uniform ? 1 : b->entries;
        b->first_unit = m->options.arrangement == SPS_UNIT_PER_NETWORK ? 0 : (uint32_t)units;
        b->first_bit = *bits;
        b->first_pick = m->picks;
        m->picks += (size_t)b->picks;
        units += units_of_bank(m, b);
        *bits += (size_t)units_of_bank(m, b) * (size_t)b->nodes;
        if (units > UNITS_MAX || *bits > UNITS_MAX)
            SPS_FAIL(EINVAL, "more than %d stochastic units, or bits of theirs", UNITS_MAX);
    }
    m->units = m->options.arrangement == SPS_UNIT_PER_NETWORK ? m->count > 0 : (uint32_t)units;
    return SPS_OK;
}

/* The bits of one unit for one bank. */
static sps_status calibrate(struct sps_mtj *m, const struct bank *b, uint32_t local, const double *share)
{
    struct bit *bit = &m->bit[b->first_bit + local * (size_t)b->nodes];
    const struct sps_unit *unit = &m->unit[b->first_unit + local];
    for (int i = 0; i < b->nodes; i++) {
        int outside = 0;
        bit[i].wanted = b->uniform ? (b->entries > 1 ? 0.5 : 0) : share[i];
        SPS_TRY(sps_unit_current(&bit[i].current, &outside, unit, bit[i].wanted));
        struct sps_switching pulse = sps_unit_switching(unit, bit[i].wanted, bit[i].current, 0);
        bit[i].p = pulse.p;
        m->extrapolated |= outside || pulse.extrapolated;
    }
    return SPS_OK;
}

static sps_status fill(struct sps_mtj *m, const struct sps_path_bank *banks)
{
    double share[SPS_SELECT_MAX], distribution[SPS_SELECT_MAX];
    for (uint32_t i = 0; i < m->units; i++)
        m->unit[i] = sps_unit_init(m->device, m->options.chip_seed, i);
    for (int i = 0; i < m->count; i++) {
        struct bank *b = &m->bank[i];
        sps_select_shares(share, banks[i].probability, b->entries);
        for (uint32_t local = 0; local < units_of_bank(m, b); local++)
            SPS_TRY(calibrate(m, b, local, share));
        if (b->uniform)
            sps_select_uniform_distribution(distribution, &b->bits, b->entries, 0.5);
        else
            sps_select_shares_distribution(distribution, &b->bits, share, b->entries);
    }
    return SPS_OK;
}

static sps_status make(struct sps_mtj *m, const struct sps_path_bank *banks)
{
    size_t bits = 0;
    SPS_TRY(sps_calloc(&m->bank, (size_t)m->count, sizeof *m->bank, "banks of stochastic units"));
    SPS_TRY(lay_out(m, banks, &bits));
    SPS_TRY(sps_calloc(&m->unit, m->units, sizeof *m->unit, "stochastic units"));
    SPS_TRY(sps_calloc(&m->bit, bits, sizeof *m->bit, "bits of stochastic units"));
    return fill(m, banks);
}

sps_status sps_mtj_create(sps_mtj **out, const sps_device *device, const struct sps_path_bank *banks, int count,
                          const struct sps_mtj_options *options)
{
    struct sps_mtj *m = NULL;
    if (count < 0 || options->passes < 1)
        SPS_FAIL(EINVAL, "%d banks and %u passes, must be at least 0 and 1", count, (unsigned)options->passes);
    SPS_TRY(sps_calloc(&m, 1, sizeof *m, "a sampler"));
    m->device = device;
    m->options = *options;
    m->count = count;
    sps_status status = make(m, banks);
    if (status == SPS_OK)
        *out = m;
    else
        sps_mtj_free(m);
    return status;
}

void sps_mtj_free(sps_mtj *m)
{
    if (m == NULL)
        return;
    sps_free(m->bank);
    sps_free(m->unit);
    sps_free(m->bit);
    sps_free(m);
}

/* --- Drawing --- */

/* A pass of one unit. */
struct run {
    const struct sps_mtj *m;
    const struct sps_unit *unit;
    struct sps_random random;
    int state;     /* of the device, before the next RESET */
    double offset; /* eq. 24 */
    double done;   /* bits before this pass, for the drift */
};

static int next_bit(struct run *run, const struct bit *bit)
{
    const struct sps_device_params *params = &run->m->device->params;
    if (bit->wanted <= 0 || bit->wanted >= 1)
        return bit->wanted > 0;
    double p = bit->p;
    if (params->drift != 0)
        p = sps_unit_switching(run->unit, bit->wanted, bit->current, run->done).p;
    return sps_unit_step(&run->state, sps_unit_clip(p, run->offset), params->reset_failure, &run->random);
}

static int choose_uniform(struct run *run, const struct bit *fair, int entries)
{
    int bits = sps_select_bits(entries), number = 0;
    for (int tries = 0; tries < SPS_SELECT_TRIES; tries++) {
        number = 0;
        for (int i = 0; i < bits; i++)
            number = 2 * number + next_bit(run, fair);
        if (number < entries)
            return number;
    }
    return number - entries;
}

static int choose_cut(struct run *run, const struct bit *cuts, int entries)
{
    int from = 0, to = entries;
    while (to - from > 1) {
        int cut = sps_select_cut(from, to);
        if (next_bit(run, &cuts[cut]))
            from = cut;
        else
            to = cut;
    }
    return from;
}

static double bits_of_chain(const struct sps_mtj *m, const struct chain *c)
{
    double bits = 0;
    for (int i = c->first_bank; i <= c->last_bank; i++)
        bits += m->bank[i].bits * (c->last_pick < 0 ? m->bank[i].picks : 1);
    return bits;
}

static struct run start(const struct sps_mtj *m, const struct chain *c, uint32_t image, uint32_t pass, int state)
{
    const struct sps_device_params *params = &m->device->params;
    struct run run = {.m = m, .unit = &m->unit[c->unit], .state = state};
    run.random = sps_random(m->options.chip_seed, SPS_FOR_UNIT_PATH, image, pass, c->unit);
    double z = run.unit->z;
    if (params->redraw && params->sigma_p > 0) {
        struct sps_random r = sps_random(m->options.chip_seed, SPS_FOR_UNIT_P, image, pass, c->unit);
        z = sps_random_normal(&r);
    }
    run.offset = params->sigma_p * z;
    if (params->drift != 0)
        run.done = ((double)image * m->options.passes + pass) * bits_of_chain(m, c);
    return run;
}

/* A pass of a chain; picks may be NULL.  Gives the device's state at its end. */
static int run_pass(const struct sps_mtj *m, const struct chain *c, uint8_t *picks, uint32_t image, uint32_t pass,
                    int state)
{
    struct run run = start(m, c, image, pass, state);
    for (int i = c->first_bank; i <= c->last_bank; i++) {
        const struct bank *b = &m->bank[i];
        const struct bit *bit = &m->bit[b->first_bit + (c->unit - b->first_unit) * (size_t)b->nodes];
        int last = c->last_pick < 0 ? b->picks - 1 : c->last_pick;
        for (int j = c->first_pick; j <= last; j++) {
            int entry = b->uniform ? choose_uniform(&run, bit, b->entries) : choose_cut(&run, bit, b->entries);
            if (picks != NULL)
                picks[b->first_pick + (size_t)j] = (uint8_t)entry;
        }
    }
    return run.state;
}

static void draw_chain(const struct sps_mtj *m, const struct chain *c, uint8_t *picks, uint32_t image, uint32_t pass)
{
    uint32_t known = pass; /* the state before this pass is known */
    int state = 0;
    if (m->device->params.reset_failure > 0)
        for (; known > 0; known--) { /* back to a pass that ends the same however it began */
            state = run_pass(m, c, NULL, image, known - 1, 0);
            if (state == run_pass(m, c, NULL, image, known - 1, 1))
                break;
            state = 0;
        }
    for (; known < pass; known++)
        state = run_pass(m, c, NULL, image, known, state);
    run_pass(m, c, picks, image, pass, state);
}

void sps_mtj_draw(const sps_mtj *m, uint8_t *picks, uint32_t image, uint32_t pass)
{
    if (m->options.arrangement == SPS_UNIT_PER_NETWORK) {
        const struct chain whole = {0, m->count - 1, 0, -1, 0};
        if (m->count > 0)
            draw_chain(m, &whole, picks, image, pass);
        return;
    }
    for (int i = 0; i < m->count; i++) {
        const struct bank *b = &m->bank[i];
        if (is_shared(m)) {
            const struct chain layer = {i, i, 0, -1, b->first_unit};
            draw_chain(m, &layer, picks, image, pass);
        }
        for (int j = 0; j < b->picks && !is_shared(m); j++) {
            const struct chain single = {i, i, j, j, b->first_unit + (uint32_t)j};
            draw_chain(m, &single, picks, image, pass);
        }
    }
}

void sps_mtj_distribution(const sps_mtj *m, double *distribution, double *bits, int bank, int pick)
{
    const struct bank *b = &m->bank[bank];
    uint32_t local = is_shared(m) ? 0 : (uint32_t)pick;
    const struct bit *bit = &m->bit[b->first_bit + local * (size_t)b->nodes];
    double offset = m->device->params.sigma_p * m->unit[b->first_unit + local].z, p[SPS_SELECT_MAX];
    for (int i = 0; i < b->nodes; i++)
        p[i] = bit[i].wanted > 0 && bit[i].wanted < 1 ? sps_unit_clip(bit[i].p, offset) : bit[i].wanted;
    if (b->uniform)
        sps_select_uniform_distribution(distribution, bits, b->entries, p[0]);
    else
        sps_select_shares_distribution(distribution, bits, p, b->entries);
}

uint32_t sps_mtj_units(const sps_mtj *m)
{
    return m->units;
}

int sps_mtj_extrapolated(const sps_mtj *m)
{
    return m->extrapolated;
}
