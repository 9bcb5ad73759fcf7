/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_PLAN_H
#define SPS_ENGINE_PLAN_H
/* From a packed model's operations to what is executed: a chain of stages.  Each is a product, perhaps a pooling of its
 * sums, and what follows up to the next product: a decision (bits for the next stage), or operations on reals (scores;
 * residual networks, whose reals later stages add to theirs).  Weights are in the layouts of the kernels. */
#include "engine/packed.h"
#include "kern/window.h"

struct sps_stage {
    const char *name;
    int index;
    /* The product. */
    int codes; /* what the input is, as kern/window.h has it: bits, or codes of so many bits */
    int code_bits;
    int floats;               /* the weights are float; what it gives are reals, not sums */
    int reads;                /* floats: the value of reals that it reads, 0: codes or bits */
    float *taps;              /* floats: [panels of SPS_TAPS channels][fan_in][SPS_TAPS] */
    const float *bias;        /* floats */
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
    /* What follows. */
    const struct sps_noise *noise; /* NULL: one row */
    int pick_at;                   /* where its picks start */
    uint8_t *tour;                 /* order in which entries are visited: neighbours are alike */
    int last;                      /* ends in scores */
    /* Operations on reals (reals.c): begin .. end of the model's, of which those from `branch` on differ from entry to
     * entry.  begin == end: a decision by thresholds instead. */
    int begin, branch, end;
    /* The decision. */
    int rows_count, point_row; /* rows of the tables; that of the deterministic reading */
    void *threshold;           /* [rows][channels] int16 or int32 */
    uint32_t *flip;            /* [rows][out_words] for the whole output */
    uint8_t *has_flip;         /* [rows] */
    size_t out_words;
    int bit_window; /* pooling of the bits that were decided; 1: none */
    int bit_ceil;
};

static inline int sps_stage_updates(const struct sps_stage *s)
{
    return s->columns != NULL || s->column_bits != NULL;
}

enum { SPS_TAPS = 16 };

/* Where a value of reals has no place. */
#define SPS_NOWHERE SIZE_MAX

struct sps_plan {
    const struct sps_packed *packed;
    size_t *place; /* [operations + 1] of a value among a lane's reals */
    uint8_t
        *kept;    /* [operations + 1] whether a later stage reads that value of reals: it waits in a buffer till then */
    size_t reals; /* numbers in all */
    size_t table; /* numbers of the largest affine, one row */
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
