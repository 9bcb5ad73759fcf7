/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_PACKED_H
#define SPS_ENGINE_PACKED_H
/* The packed model in memory: a graph of operations over one image, and the noise sources that act in it.  A file
 * (format.c) or the packer (src/pack) fills it, sps_packed_validate() states what must hold, the planner (plan.c) makes
 * it run. docs/format.md describes the file. */
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/path.h"
#include "core/safetensors.h"
#include "spinscale/calibration.h"

/* What flows between operations, [h][w][c]. */
enum sps_value_kind {
    SPS_VALUE_CODES,  /* int8 image codes */
    SPS_VALUE_BITS,   /* +-1 */
    SPS_VALUE_SUMS,   /* exact integers */
    SPS_VALUE_LEVELS, /* unsigned integers of 1 to 8 bits: quantised activations */
    SPS_VALUE_REALS   /* float32 */
};
const char *sps_value_kind_name(enum sps_value_kind kind);

struct sps_value {
    enum sps_value_kind kind;
    int h, w, c;
    int64_t low, high; /* integers lie between */
};
static inline size_t sps_value_size(const struct sps_value *v)
{
    return (size_t)v->h * (size_t)v->w * (size_t)v->c;
}

/* The operations.  X(name, what it does) */
#define SPS_OPS(X)                                                                                                     \
    X(binary_dense, "sums of a vector of bits or codes times +-1")                                                     \
    X(binary_conv, "sums of a convolution of bits or codes with +-1; padding is zero")                                 \
    X(threshold, "bits: z >= t, turned over where flip is set, per channel and bank entry")                            \
    X(affine, "reals: scale, bias and batch normalisation per channel and bank entry")                                 \
    X(add, "reals: a value plus another, which may be brought to its size as a shortcut is")                           \
    X(pool, "the largest, or the mean, of each window")                                                                \
    X(concat, "channels of several values side by side")                                                               \
    X(upsample, "each pixel repeated factor x factor times")                                                           \
    X(quantise, "levels: reals clipped, divided by step and rounded")                                                  \
    X(float_dense, "reals: a vector times float32 weights, plus bias")                                                 \
    X(float_conv, "reals: a convolution with float32 weights, plus bias")                                              \
    X(hard_tanh, "reals: clipped to -1 .. 1")                                                                          \
    X(relu, "reals: the larger of x and 0")                                                                            \
    X(rprelu, "reals: x - shift, times slope where negative, plus offset, per channel")                                \
    X(sign, "bits: x >= 0")

enum sps_op_kind {
#define SPS_OP_ENUM(name, summary) SPS_OP_##name,
    SPS_OPS(SPS_OP_ENUM)
#undef SPS_OP_ENUM
        SPS_OP_KINDS
};
const char *sps_op_name(enum sps_op_kind kind);

enum {
    SPS_OP_INPUTS_MAX = 8,
    SPS_OPS_MAX = 4096,
    SPS_NOISES_MAX = 1024,
    SPS_ENTRIES_MAX = 255,
    SPS_AFFINE_ROWS = 6,
    SPS_RPRELU_ROWS = 3
};

struct sps_op {
    enum sps_op_kind kind;
    char name[64];               /* for people: the layer it came from */
    int from[SPS_OP_INPUTS_MAX]; /* values: 0 is the image, i + 1 the result of operation i */
    int from_count;
    int out;                     /* binary_*, float_*: output channels */
    int kernel, stride, pad;     /* *_conv: pixels */
    int window, average;         /* pool: pixels; 1 for the mean */
    int ceil;                    /* pool: what is left over at the end is a smaller window, not dropped */
    int factor;                  /* upsample */
    int bits;                    /* quantise: of a level */
    int noise;                   /* index, -1 for none */
    int point;                   /* threshold, affine: the last row is the deterministic reading's */
    const uint32_t *weight_bits; /* binary_*: [out][words] */
    const float *weight;         /* float_*: [out][in] or [out][kernel][kernel][in] */
    const float *bias;           /* float_*: [out] */
    const int32_t *threshold;    /* threshold: [rows][c] */
    const uint32_t *flip;        /* threshold: [rows][words of c] */
    const float *affine; /* affine: [rows][6][c] scale, bias, mean, inv_std, gamma, beta; threshold: what was folded,
                            where the packer is at hand, NULL from a file */
    const float *step;   /* quantise: [c] */
    const float *rprelu; /* rprelu: [3][c] shift, offset, slope */
    struct sps_value result; /* set by sps_packed_validate() */
};

static inline int sps_op_is_product(const struct sps_op *op)
{
    return op->kind == SPS_OP_binary_dense || op->kind == SPS_OP_binary_conv || op->kind == SPS_OP_float_dense ||
           op->kind == SPS_OP_float_conv;
}

/* Numbers of one output channel's row. */
size_t sps_op_fan_in(const struct sps_op *op, const struct sps_value *in);

/* What is drawn anew for each pass, and where it acts.  X(name, what is drawn) */
#define SPS_NOISES(X)                                                                                                  \
    X(bank, "one entry of a bank for the whole layer")                                                                 \
    X(channel, "one entry of a bank for each channel")                                                                 \
    X(neuron, "each input of a product is dropped or kept")                                                            \
    X(map, "each input channel of a product is dropped or kept")                                                       \
    X(weight, "each weight of a product is dropped or kept")

enum sps_noise_kind {
#define SPS_NOISE_ENUM(name, summary) SPS_NOISE_##name,
    SPS_NOISES(SPS_NOISE_ENUM)
#undef SPS_NOISE_ENUM
        SPS_NOISE_KINDS
};
const char *sps_noise_name(enum sps_noise_kind kind);

struct sps_noise {
    enum sps_noise_kind kind;
    int entries;               /* K; 2 where inputs or weights are dropped: entry 1 drops */
    const double *probability; /* [K] */
    int stream;                /* its coordinate in core/path.h */
    int op;                    /* where it acts; set by sps_packed_validate() */
    int picks;                 /* numbers drawn; likewise */
};

struct sps_packed {
    struct sps_value input; /* codes */
    const int8_t *codes;    /* [c][256] from pixel to code */
    const float *mean, *std;
    struct sps_op *ops;
    int op_count;
    struct sps_noise *noises;
    int noise_count;
    int classes;
    /* From here on set by sps_packed_validate(). */
    struct sps_path_bank *banks; /* [noise_count] the same for core/path.h */
    int picks;                   /* numbers in a row of picks */
    double *spread;              /* sps_packed_spread(): what banks look at then; else NULL */
    struct sps_model_info info;
    int *bank_sizes;
    /* What it says of itself; strings live as long as the model. */
    const char *class_names[256];
    const char *net, *method, *data, *data_sha256, *config, *seed;
    double validation_accuracy;
    const struct sps_model_calibration *calibration; /* NULL: none */
    /* Memory. */
    sps_safetensors *file; /* NULL where the packer made it */
    void **owned;
    size_t owned_count, owned_room;
};

/* Value `which`: 0 is the image, i + 1 the result of operation i. */
static inline const struct sps_value *sps_packed_value(const struct sps_packed *packed, int which)
{
    return which == 0 ? &packed->input : &packed->ops[which - 1].result;
}

/* Memory that is released with the model. */
sps_status sps_packed_alloc(void *out, struct sps_packed *packed, size_t count, size_t size, const char *what);

/* All that must hold of a packed model, whoever filled it: shapes fit, numbers are finite, rows end in zero bits, noise
 * sources act once and in order.  Also sets what is derived.  SPS_EFORMAT, naming operation and rule. */
sps_status sps_packed_validate(struct sps_packed *packed);
/* The same of one operation, whose inputs are checked already; sets its result. */
sps_status sps_packed_check_op(struct sps_packed *packed, int index);

/* An empty one, and one from memory that the caller keeps (tests, fuzzing). */
sps_status sps_packed_create(struct sps_packed **out);
sps_status sps_packed_parse(struct sps_packed **out, const char *name, const void *data, size_t bytes);
#endif
