/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_BACKEND_H
#define SPS_ENGINE_BACKEND_H
/* Who computes the sums of a stage: the CPU (cpu.c), or a simulated chip.  The executor (walk.c) does the rest: which
 * nodes of the path tree there are, pooling, decisions, scores. */
#include "engine/plan.h"

struct sps_team;

/* Which sums are wanted, for backends with noise of their own. */
struct sps_moment {
    uint64_t seed;
    uint32_t image, pass;
};

/* What the passes of an image may share.  Where the same input always gives the same sums it changes no number. */
enum sps_shares {
    SPS_SHARES_PATHS,  /* sums up to where paths part; update() may be used */
    SPS_SHARES_FIRST,  /* the first layer's sums */
    SPS_SHARES_NOTHING /* each pass has sums of its own */
};

struct sps_backend {
    const char *name;
    void *self;
    enum sps_shares shares;
    int kept_bits; /* of reals that wait for a later stage: sign, 8 bits of exponent, the rest; 0 or 32: all of them */
    /* Bytes that one thread needs for a stage, beside input and sums. */
    size_t (*scratch)(const struct sps_backend *backend, const struct sps_stage *stage);
    /* sums[positions][channels] (int32 where stage->wide, else int16; pooled where stage->pools_at_once) of input:
     * codes [in_size] or bits [in_words]. scratch: one for each thread of the team, `stride` bytes apart.  team may be
     * NULL: this thread alone. */
    void (*sums)(const struct sps_backend *backend, const struct sps_stage *stage, void *sums, const void *input,
                 const struct sps_moment *moment, struct sps_team *team, char *scratch, size_t stride);
    /* sums of an input from those of the input before.  flips are the bits that differ: first those that rise from -1
     * to +1, then those that fall, each in rising order of their index.  May be NULL. */
    void (*update)(const struct sps_backend *backend, const struct sps_stage *stage, int16_t *sums,
                   const uint32_t *flips, size_t rises, size_t count, char *scratch);
};

/* kern: of the plan. */
struct sps_backend sps_backend_cpu(const struct sps_kern *kern);
#endif
