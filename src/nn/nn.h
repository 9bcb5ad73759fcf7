/* SPDX-License-Identifier: MIT */
#ifndef SPS_NN_NN_H
#define SPS_NN_NN_H
/* The training graph: a chain of layers over a batch, forward and backward.
 *
 * What flows between layers has a kind.  Shapes are [B][H][W][C], channels last, B the largest batch:
 *   codes  int8           input images (data/transform.h)
 *   bits   uint32 words   +-1 activations: one bit stream an image, element (h W + w) C + c, padded to whole words
 *   sums   int32          exact results of binary products; int16 (sums16) of convolutions of bits, where they fit
 *   reals  float
 *   levels uint8          quantised activations, which binary products read
 * Gradients are float arrays of the same shape; they live in two buffers that the layers pass to and fro.
 *
 * A method (src/bayes) is known here as an interface only: what the scale of each sample is, and where its gradient
 * goes. */
#include <stdint.h>

#include "conf/params.h"
#include "core/ranks.h"
#include "kern/kern.h"
#include "nn/onednn.h"
#include "quant/quant.h"

enum sps_kind { SPS_CODES, SPS_BITS, SPS_SUMS, SPS_REALS, SPS_LEVELS, SPS_SUMS16 };
static inline int sps_is_sums(enum sps_kind kind)
{
    return kind == SPS_SUMS || kind == SPS_SUMS16;
}

struct sps_shape {
    int h, w, c;
    enum sps_kind kind;
};
static inline size_t sps_shape_size(const struct sps_shape *s)
{
    return (size_t)s->h * (size_t)s->w * (size_t)s->c;
}
const char *sps_kind_name(enum sps_kind kind);

/* A trained tensor: rows of real numbers, with gradient and the optimiser's state.  Binary ones also have their signs.
 */
struct sps_weight {
    char name[64]; /* "layers.3.weight": the name in checkpoints, messages and info */
    int dims;
    size_t shape[4];
    size_t rows, row;  /* rows x row numbers; a row is one output channel */
    int binary, decay; /* signs are used; weight decay acts on it */
    float *value, *state[2];
    float *grad;                /* in graph->grads */
    float low, high;            /* values are kept in [low, high] after each update; equal: no limit */
    int surrogate;              /* shapes the gradient only: graphs that do not train lack it, and so do models */
    struct sps_weight *learned; /* binary: the binariser's number of each row, such a surrogate; NULL: it has none */
    uint32_t *bits;             /* binary: [rows][sps_words(row)] */
    uint32_t *panels;           /* the same for kern->bgemm */
    int8_t *quads; /* the same for kern->qgemm, where the layer reads codes (wants_quads), with weight_sums[rows] */
    int32_t *weight_sums;
    float *sign; /* [rows][row], +-1; NULL: nobody reads them (sps_weight_keep_signs()) */
    int wants_quads;
    /* Where values are drawn anew in each pass (nn/drawn.h): */
    double drop;              /* probability that one counts as 0 */
    struct sps_weight *rho;   /* they are Gaussian around value, with sigma = softplus(rho); NULL: they are not */
    struct sps_weight *drawn; /* what the last pass drew, as its product reads it; NULL: nothing is drawn */
    float *noise;             /* [rows][row] that went into it: factor 0 or more (drop), or standard normal */
    double *divergence;       /* [rows] of the posterior, room for its sum */
    int of_posterior;         /* it is another's rho */
};
sps_status sps_weight_create(struct sps_weight **out, const char *name, int dims, const size_t *shape, int binary,
                             int wants_quads);
/* Makes room for `sign`; before its first binarisation. */
sps_status sps_weight_keep_signs(struct sps_weight *weight);
void sps_weight_free(struct sps_weight *weight);
/* Signs, bits, and panels or quads from value. */
sps_status sps_weight_binarise(struct sps_weight *weight, const struct sps_kern *kern,
                               const struct sps_binariser *binariser);
/* Signs, and panels or quads, from bits, for weights read from a model. */
void sps_weight_unpack(struct sps_weight *weight, const struct sps_kern *kern);

struct sps_graph;
struct sps_layer;
struct sps_profile;

enum sps_pass_mode {
    SPS_PASS_TRAIN,    /* batch statistics, which move the running ones; backward may follow */
    SPS_PASS_ESTIMATE, /* batch statistics, recorded for sps_graph_norms_end() */
    SPS_PASS_EVALUATE  /* running statistics */
};

/* Where the scale of each sample comes from. */
enum sps_scale_source {
    SPS_FROM_METHOD, /* drawn by the method, as in training: the continuous posterior */
    SPS_FROM_BANK,   /* the picked entries */
    SPS_FROM_POINT   /* the deterministic reading */
};

/* One forward (and backward) over n images. */
struct sps_pass {
    enum sps_pass_mode mode;
    enum sps_scale_source source;
    int n;
    uint64_t seed;
    uint32_t epoch;        /* of the draws */
    const uint32_t *index; /* [n] image indices: of the draws */
    uint32_t batch;        /* index of the batch: the draw where paths are per batch */
    const uint8_t *picks;  /* [n][graph->picks] bank entries */
    int start;             /* first layer to run; results of earlier ones are still in place */
    float t, k;            /* error-decay estimator */
};

/* The scale of a batchnorm layer: what a method attaches to. */
enum { SPS_SCALE_WEIGHTS_MAX = 2 };
struct sps_scale {
    int index;            /* which of the L banks, from 0 */
    int channels;         /* C */
    int layer;            /* index of its layer */
    size_t layer_weights; /* weights of the product in front of it (rule of section III-D) */
    struct sps_weight *weight[SPS_SCALE_WEIGHTS_MAX]; /* the method's trained tensors */
    float *effective;                                 /* [B][C] scale of each sample, in training */
    float *effective_grad;                            /* [B][C] */
    float *noise;                                     /* [B][C] what the method drew */
    /* What a trained network keeps: */
    int entries;         /* K, 1 to 255 */
    int per_channel;     /* an entry is picked per channel (a mask), not per layer */
    int pick_at;         /* where this layer's picks start in a row of picks */
    float *bank;         /* [K][C] */
    double *probability; /* [K], sums to 1 */
    float *point;        /* [C] the deterministic reading */
    void *settings;      /* the method's, shared by its layers */
};
/* Room for K entries, all zero; replaces what was there. */
sps_status sps_scale_reserve(struct sps_scale *scale, int entries);

enum { SPS_NOISE_TEXT = 128 };

/* A place in a description where a method may put noise: behind a hidden activation, or in a product. */
struct sps_place {
    int at;     /* which of them, from 0 */
    int binary; /* the activation is a sign; the product has binary weights */
    int dense;  /* a dense layer follows the activation (pooling may stand between); the product is one */
};

struct sps_method {
    const char *name, *summary, *source;
    const struct sps_param *params; /* keys "method...." */
    size_t settings_size;
    /* Declare trained tensors (sps_graph_add_weight) and set their first values. */
    sps_status (*attach)(struct sps_graph *graph, struct sps_scale *scale, uint64_t seed);
    /* What only the whole graph shows, for example numbers per layer that are too many; may be NULL. */
    sps_status (*check)(const struct sps_graph *graph);
    /* effective[n0 .. n1) for the pass (and noise). */
    void (*draw)(struct sps_scale *scale, const struct sps_pass *pass, int n0, int n1);
    /* effective_grad -> gradients of the trained tensors (set). */
    void (*backward)(struct sps_scale *scale, const struct sps_pass *pass);
    /* Regulariser: returns its value and adds its gradient.  images: N of the training set. */
    double (*penalty)(struct sps_scale *scale, size_t images);
    /* bank, probability, point and entries from the trained tensors. */
    sps_status (*make_bank)(struct sps_scale *scale, uint64_t seed, uint32_t attempt);
    int draws_bank; /* make_bank is random: a poor draw may be repeated */
    int own_point;  /* the deterministic reading is no entry of the bank: it needs statistics of its own */
    /* A layer to put behind a hidden activation, as a description has it ("dropout: {p: 0.2}"); empty: none.  May be
     * NULL. */
    void (*noise)(char layer[SPS_NOISE_TEXT], const void *settings, const struct sps_place *place);
    /* Settings to add to a product ("drop: 0.2"); empty: none.  May be NULL. */
    void (*product)(char text[SPS_NOISE_TEXT], const void *settings, const struct sps_place *place);
    /* Regulariser of a row of weights with a posterior: returns its value and adds its gradient with respect to value
     * and rho.  May be NULL. */
    double (*weight_penalty)(const struct sps_weight *weight, size_t row, const void *settings, size_t images);
};

struct sps_layer_type {
    const char *name, *summary, *source;
    const struct sps_param *params;
    size_t size; /* of the layer's struct, which starts with struct sps_layer */
    size_t settings_offset;
    /* Check in, set out, declare weights and buffers. */
    sps_status (*setup)(struct sps_graph *graph, struct sps_layer *layer);
    void (*forward)(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass);
    /* dy: gradient of the output; dx: where that of the input goes, NULL if nobody wants it.  dx == dy if in_place. */
    void (*backward)(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy,
                     float *dx);
    /* Element-wise layers have these instead, for one image; dy holds that image's gradient of the output and becomes
     * that of the input.  Neighbours among them take turns on an image while it is in cache.  What needs the whole
     * batch comes before all images (forward_begin) or after them (backward_end, dy of all); both may be NULL.  A layer
     * that begins has its backward_image look at dy only: backward_end makes the gradient of the input. */
    void (*forward_begin)(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass);
    void (*forward_image)(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image);
    void (*backward_image)(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image,
                           float *dy);
    void (*backward_end)(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy);
    /* Of a layer that takes_gradient: keeps what backward needs of an image and its gradient, while these are in cache.
     * Who has called this for all images sets gradient_taken; backward then does not look at dy. */
    void (*take_gradient)(struct sps_graph *graph, struct sps_layer *layer, int image, const float *dy);
    /* Of a layer with a shortcut: adds the shortcut's gradient to that of its source's image.  After its backward. */
    void (*add_shortcut)(struct sps_graph *graph, struct sps_layer *layer, int image, float *dsource);
    void (*release)(struct sps_layer *layer); /* may be NULL */
    int in_place;                             /* what layers' in_place is where setup says nothing else */
    int random;                               /* all such layers draw anew in each pass */
    int rewrites;                             /* forward may write over its input: y is that of the layer before */
    int needs_output;                         /* backward reads y */
    int repeats;       /* forward_image may be run again after a pass has begun, and gives the same */
    int repeats_input; /* reads its input by sps_layer_image() alone */
};

struct sps_layer {
    const struct sps_layer_type *type;
    int index;
    struct sps_layer *input;    /* NULL: the graph's codes */
    struct sps_layer *shortcut; /* second input of a residual layer, else NULL */
    struct sps_layer *taken_by; /* the residual layer whose shortcut starts here, else NULL ... */
    struct sps_layer *also;     /* ... and of that one: the next with the same source */
    struct sps_shape in, out;
    void *y;                            /* output of the batch; stride y_stride bytes an image */
    int borrows;                        /* y belongs to the layer before */
    int passing;                        /* y is NULL: the only reader repeats what it needs of it, image by image */
    int source;                         /* a shortcut starts here: nobody may write over y */
    int waits;                          /* of a layer with a shortcut: which of graph->waiting is its gradient's */
    float *parked;                      /* ... which lies here from this layer's backward to that of the source */
    int in_place;                       /* backward writes dx over dy */
    int takes_gradient, gradient_taken; /* see the type's take_gradient */
    int random;                         /* draws anew in each pass */
    size_t y_stride;
    size_t macs;    /* multiply-accumulates an image */
    size_t scratch; /* bytes each thread needs */
};

/* What the input of a layer is, for image i. */
const void *sps_layer_input(const struct sps_graph *graph, const struct sps_layer *layer, int image);
/* Where an element-wise layer's output goes, for image i. */
void *sps_layer_output(const struct sps_graph *graph, const struct sps_layer *layer, int image);
/* An element-wise layer's output, for image i: as it was kept, or made anew in this thread's room for one. */
const void *sps_layer_image(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, int image);

enum { SPS_BLOCK_DEPTH = 8, SPS_WAITING = 2 * SPS_BLOCK_DEPTH };

struct sps_graph {
    char name[64];
    const struct sps_kern *kern;
    const struct sps_binariser *binariser;
    const struct sps_method *method;
    void *settings; /* the method's */
    int batch;      /* B */
    int training;   /* room for gradients and optimiser state */
    uint64_t seed;  /* of first values */
    int threads;
    int classes;
    struct sps_shape input;
    float code_step; /* real value of one code step, for float layers; 1 until somebody knows better */
    int8_t *codes;   /* [B][H][W][C] */
    struct sps_layer **layers;
    int layer_count;
    struct sps_weight **weights;
    int weight_count;
    size_t weights_max;
    struct sps_scale **scales;
    int scale_count;    /* L */
    int picks;          /* numbers in a row of picks: L, more where masks are per channel (sps_graph_layout_picks) */
    float *gradient[2]; /* backward's, as large as it needs them (make_room) */
    /* Gradients that wait for the source of their shortcut, by depth of blocks in blocks; two that follow each other
     * take turns, for one is read while the other is written. */
    float *waiting[SPS_WAITING]; /* room for gradients that are written over before their shortcut's turn */
    size_t waiting_size[SPS_WAITING];
    int block_depth, blocks[SPS_BLOCK_DEPTH]; /* while a description is read: how deep it is, how many so far */
    char *scratch;                            /* [threads][scratch_stride], at least an image's codes */
    size_t scratch_stride;
    size_t passing_at, passing_bytes; /* in a thread's scratch: room for an image of a layer that is passing */
    double activation_bytes;
    void *onednn;
    enum sps_precision precision; /* of backward products of binary layers */
    void *shared[3];              /* arrays that layers use one after the other */
    size_t shared_bytes[3];
    struct sps_profile *profile; /* gets the time of each layer; NULL: nobody asks */
    float *grads;                /* of all weights, one behind the other */
    size_t grads_count;
    const sps_ranks *ranks; /* a batch is shared among them: passes with batch statistics take those of all; or NULL */
};

/* Build from a network description.  The method may be NULL for one that has no scale (or only reads a model, which
 * brings its banks).  *out is released with sps_graph_free(). */
struct sps_graph_options {
    const struct sps_method *method;
    void *settings;
    const struct sps_binariser *binariser;
    int batch, threads;
    int training; /* room for gradients and optimiser state */
    enum sps_precision precision;
    uint64_t seed;
    /* Image size and classes of the data, which a description without them takes over; 0: as described. */
    int height, width, channels, classes;
    size_t weights_max; /* a description that asks for more numbers is refused before they are allocated; 0: a fixed
                           limit */
};
sps_status sps_graph_create(struct sps_graph **out, const sps_yaml *yaml, const struct sps_graph_options *options);
void sps_graph_free(struct sps_graph *graph);

/* For setup functions. */
/* SPS_EINVAL if an image has too many numbers: for layers that allocate by the size of their output. */
sps_status sps_shape_check(const struct sps_shape *shape);
sps_status sps_graph_add_weight(struct sps_graph *graph, struct sps_weight **out, int layer, const char *name, int dims,
                                const size_t *shape, int binary, int wants_quads);
/* One learned number of the binariser for each of `rows` rows; *out is NULL where it learns none.  owner names what
 * they belong to, "layers.3.weight". */
sps_status sps_graph_add_learned(struct sps_graph *graph, struct sps_weight **out, const char *owner, size_t rows);
sps_status sps_graph_add_scale(struct sps_graph *graph, struct sps_scale **out, int layer, int channels,
                               size_t layer_weights);
/* For setup functions: a shared array must have so many bytes, for example for this layer's backward. */
void sps_graph_share(struct sps_graph *graph, int which, size_t bytes);
/* Threads of later calls (scratch is made anew). */
sps_status sps_graph_set_threads(struct sps_graph *graph, int threads);
/* After banks changed: set picks and every pick_at. */
void sps_graph_layout_picks(struct sps_graph *graph);
/* This thread's scratch (inside an OpenMP region or outside). */
void *sps_graph_scratch(const struct sps_graph *graph);

/* Index of the first layer whose output differs from pass to pass: it picks one of several scales, or draws itself;
 * layer_count if there is none. */
int sps_graph_first_random(const struct sps_graph *graph, enum sps_scale_source source);
/* Whether a layer draws itself: there are more paths than those through the banks. */
int sps_graph_draws(const struct sps_graph *graph);

/* One layer alone; dx == dy where that is in place (and for element-wise layers). */
void sps_layer_forward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass);
void sps_layer_backward(struct sps_graph *graph, struct sps_layer *layer, const struct sps_pass *pass, float *dy,
                        float *dx);
int sps_layer_in_place(const struct sps_layer *layer);

/* Run codes[0 .. n) through all layers (from pass->start). */
void sps_graph_forward(struct sps_graph *graph, const struct sps_pass *pass);
/* [B][classes], of the last forward. */
const float *sps_graph_logits(const struct sps_graph *graph);
/* dlogits[n][classes] back through all layers: gradients are set, not added.  With ranks they become those of the whole
 * batch, the same in all. */
void sps_graph_backward(struct sps_graph *graph, const struct sps_pass *pass, const float *dlogits);

/* Mean cross-entropy with label smoothing; probabilities p[n][C] and dlogits[n][C] (mean over the batch) may be NULL.
 */
double sps_cross_entropy(float *p, float *dlogits, const float *logits, const int *labels, int n, int classes,
                         double smoothing);

/* Distillation (Hinton et al. 2015): cross-entropy to a teacher's probabilities p[n][C], both softened by `temperature`
 * t and times t^2, so that gradients keep their size.  dlogits becomes (1 - weight) of what it was and weight of this
 * one's gradient. */
double sps_distillation(float *dlogits, const float *logits, const float *const *p, int n, int classes,
                        double temperature, double weight);

/* The binariser's term of the loss, on how the values are spread that the sign layers read behind batchnorm, 0 where it
 * has none; adds its gradient.  After sps_graph_backward(). */
double sps_graph_distribution(struct sps_graph *graph);

/* Re-estimate the running statistics of all batchnorm layers from passes in mode SPS_PASS_ESTIMATE between these two:
 * those of the sampled reading, or those of the deterministic one (point). */
void sps_graph_norms_begin(struct sps_graph *graph);
sps_status sps_graph_norms_end(struct sps_graph *graph, int point);

/* batchnorm layers, for packing, diagnostics and model files. */
struct sps_norm {
    int channels;
    struct sps_scale *scale; /* NULL: no scale */
    struct sps_weight *bias; /* NULL: none */
    struct sps_weight *gamma, *beta;
    float *running_mean, *running_var; /* [C], of the sampled reading */
    float *point_mean, *point_var;     /* [C], of the deterministic reading where that is re-estimated; else NULL */
    float eps;
};
/* conv and dense layers, for packing.  A dense layer has kernel 0. */
struct sps_product {
    int binary, kernel, stride, pad, pool, pool_ceil;
    const struct sps_weight *weight;
};
/* False if the layer is neither. */
int sps_layer_product(struct sps_product *out, const struct sps_layer *layer);
int sps_conv_product(struct sps_product *out, const struct sps_layer *layer);
int sps_dense_product(struct sps_product *out, const struct sps_layer *layer);

/* pool layers: height and width of the window, and whether its mean is taken. */
int sps_pool_window(const struct sps_layer *layer, int *average);
/* rprelu layers: shift, offset and slope, [C] each. */
void sps_rprelu_table(const float *rows[3], const struct sps_layer *layer);
/* Probability that a unit is dropped, and whether that is a whole map.  False if the layer is no dropout. */
int sps_layer_dropout_rate(double *p, int *of_maps, const struct sps_layer *layer);
/* pact layers: the step between two levels, and their bits.  False if the layer is none. */
int sps_layer_pact_step(float *step, int *bits, const struct sps_layer *layer);

/* NULL if the layer is no batchnorm. */
struct sps_norm *sps_layer_norm(struct sps_layer *layer);
/* Room for statistics of the deterministic reading's own, first those of the sampled one. */
sps_status sps_norm_keep_point(struct sps_norm *norm);

/* Optimisers and learning-rate schedules. */
struct sps_step {
    double rate, decay;
    double beta1, beta2, epsilon, momentum;
    int64_t count; /* of this update, from 1 */
    double share;  /* of training that is done, in [0, 1]; for binarisers that change on the way */
};
struct sps_optimiser {
    const char *name, *summary, *source;
    int states;  /* state arrays used, 0 to 2 */
    int squares; /* which of them holds a running mean of squared gradients; 0: none */
    void (*update)(float *w, const float *g, float *const state[2], size_t n, const struct sps_step *step, int decay);
};
const struct sps_optimiser *sps_optimiser_find(const char *name);
const struct sps_optimiser *sps_optimiser_at(size_t index);
/* Where weights have a posterior: their gradients become those of its mean and rho, and the method's penalty on it is
 * added and returned.  After sps_graph_backward(), before the update that optimiser and step are of. */
double sps_graph_posterior(struct sps_graph *graph, const struct sps_optimiser *optimiser, const struct sps_step *step,
                           float t, float k, size_t images);
/* One update of all weights: binariser's backward, optimiser, new signs, row by row while a row is in cache. */
void sps_graph_update(struct sps_graph *graph, const struct sps_optimiser *optimiser, const struct sps_step *step,
                      float t, float k);

enum sps_schedule { SPS_COSINE, SPS_STEPS, SPS_ONE_CYCLE, SPS_CONSTANT };
/* Learning rate factor in [0, 1] at a share of training in [0, 1). */
double sps_schedule_factor(enum sps_schedule schedule, double share, double warm_up, double final, int drops,
                           double drop_factor);

const struct sps_layer_type *sps_layer_type_find(const char *name);
const struct sps_layer_type *sps_layer_type_at(size_t index);
#endif
