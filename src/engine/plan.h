/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_PLAN_H
#define SPS_ENGINE_PLAN_H
/* From a packed model's operations to what is executed: a chain of stages, each a product, perhaps a pooling of its
 * sums, and a decision (bits for the next stage, or scores), with weights in the layouts of the kernels. */
#include "engine/packed.h"
#include "kern/window.h"

struct sps_stage {
    const char *name;
    int index;
    /* The product. */
    int codes;                /* the input is codes, not bits */
    int conv;                 /* else dense: one position, its patch is the whole input */
    struct sps_window window; /* conv */
    struct sps_padding padding;
    size_t positions, channels; /* sums[positions][channels] before pooling */
    size_t fan_in, words;       /* of a patch */
    size_t in_size, in_words;   /* of the whole input, in elements; in words of bits */
    int wide;                   /* sums are int32, else int16 */
    const uint32_t *rows;       /* weights as the file has them, [channels][words] */
    uint32_t *panels;           /* bits: for bgemm */
    int8_t *quads;              /* codes: for qgemm */
    int32_t *weight_sums;       /* codes */
    /* What a flipped input bit adds to the sums (plan.c); NULL where updates are not possible. */
    int8_t *columns;              /* convolutions */
    uint32_t *column_bits;        /* dense layers */
    const struct sps_noise *mask; /* dropped inputs or weights, NULL for none */
    int mask_at;                  /* where its picks start */
    size_t macs;
    /* Pooling of sums. */
    int window_size;   /* 1: none */
    int window_ceil;   /* windows at the end may be smaller */
    int pools_at_once; /* nobody needs the sums before pooling: the backend gives those behind it */
    size_t out_positions, out_columns;
    /* The decision. */
    const struct sps_noise *noise; /* NULL: one row */
    int pick_at;                   /* where its picks start */
    int rows_count, point_row;     /* rows of the tables; that of the deterministic reading */
    int last;                      /* scores, else bits */
    void *threshold;               /* [rows][channels] int16 or int32 */
    uint32_t *flip;                /* [rows][out_words] for the whole output */
    uint8_t *has_flip;             /* [rows] */
    size_t out_words;
    int bit_window; /* pooling of the bits that were decided; 1: none */
    int bit_ceil;
    const float *affine; /* last: [rows][6][channels] */
    uint8_t *tour;       /* order in which entries are visited: neighbours are alike */
};

static inline int sps_stage_updates(const struct sps_stage *s)
{
    return s->columns != NULL || s->column_bits != NULL;
}

struct sps_plan {
    const struct sps_packed *packed;
    const struct sps_kern *kern;
    struct sps_stage *stages;
    int stage_count;
    int point_possible; /* every table has the deterministic reading, or needs none */
    size_t picks;
};

/* SPS_EUNSUPPORTED names the first operation that this engine does not run. */
sps_status sps_plan_create(struct sps_plan **out, const struct sps_packed *packed);
void sps_plan_free(struct sps_plan *plan); /* NULL is allowed */
#endif
