/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_WALK_H
#define SPS_ENGINE_WALK_H
/* The executor: passes over one image as a walk over the tree of their paths, depth first.
 *
 * Passes whose paths begin alike share what they share: a node of the tree is a set of passes.  Each layer keeps one
 * set of sums, those of the node visited last; at the next node of that layer, sums are updated by the input bits that
 * differ, or made anew, whichever is cheaper.  So memory does not grow with the number of passes, and because entries
 * are visited back and forth in an order in which neighbours are alike, the bits that differ stay few. */
#include "core/team.h"
#include "engine/backend.h"

enum { SPS_BLOCK_PASSES = 256 };

struct sps_level {
    void *sums, *pooled; /* pooled is sums where there is no pooling */
    void *held;          /* the input that sums belong to, if valid */
    void *next;          /* the input that is wanted */
    int valid;
    int backwards;   /* direction of the next visit of the entries */
    uint16_t *group; /* [block] passes of the node being visited, of its children */
    struct sps_layer_work work;
};

/* Measured by costs.c, in seconds. */
struct sps_cost {
    double full, update, flip;
};

/* What one thread needs to walk. */
struct sps_lane {
    const struct sps_plan *plan;
    const struct sps_backend *backend;
    const struct sps_cost *costs; /* [stages] */
    const struct sps_session_options *options;
    struct sps_team *team; /* shares the work of one image; NULL: this thread alone */
    char *scratch;         /* of the backend, one for each thread of the team */
    size_t scratch_stride;
    struct sps_level *levels; /* [stages] */
    uint32_t *flips, *both;   /* bits that differ, listed; bits that are set in both inputs */
    uint32_t *decided;        /* bits that are pooled before they are the next input */
    uint8_t *picks;           /* [block][P] */
    size_t block;             /* passes walked together */
    int8_t *codes;            /* the image */
    float *p;                 /* [classes] */
    float *reals;             /* values of reals, where the plan places them */
    float *input;             /* codes or bits as floats, for a float product ... */
    float *patches;           /* ... and its patches */
    float *table;             /* [6][channels] an affine mixed from several entries */
    uint8_t *ones;            /* a count for each bit that a sign gives (flips.c) */
    void *row;                /* a threshold row mixed from several entries, and its flips */
    uint32_t *row_flips;
    char *masked; /* room for masks (mask.c) */
    uint64_t paths, passes, skipped;
    /* The walk that is going on. */
    struct sps_moment moment;
    int point;
    double temperature; /* that logits are divided by */
    const struct sps_passes *out;
    const size_t *numbers; /* [block] pass number of each pass in the block */
    size_t image;          /* column in the predictions */
};

/* Bytes of one lane, and its parts in them (memory NULL: only the size). */
size_t sps_lane_lay_out(struct sps_lane *lane, const struct sps_plan *plan, const struct sps_backend *backend,
                        int threads, char *memory);

/* Load an image: pixels [H][W][C] to codes. */
void sps_lane_load(struct sps_lane *lane, const uint8_t *pixels);
/* Walk `count` passes at most lane->block, whose picks are in lane->picks: predictions of pass b go to row numbers[b],
 * column `image`. */
void sps_lane_walk(struct sps_lane *lane, size_t count);

/* Float products, and operations first .. end of the model's on the reals of a stage (reals.c).  row: of the noise
 * source's table; mixed: [channels] a row for each channel instead. */
size_t sps_reals_scratch(const struct sps_stage *stage);
void sps_reals_product(struct sps_lane *lane, const struct sps_stage *stage);
void sps_reals_run(struct sps_lane *lane, const struct sps_stage *stage, int first, int end, int row,
                   const uint8_t *mixed);

/* Sums of a stage whose inputs or weights are dropped by picks (mask.c).  Exact: with x+ (x-) having +1 (-1) in place
 * of what is dropped, the sum over the rest is half the sum of both products. */
size_t sps_mask_size(const struct sps_stage *stage);
void sps_mask_sums(struct sps_lane *lane, const struct sps_stage *stage, void *sums, const void *input,
                   const uint8_t *picks);
#endif
