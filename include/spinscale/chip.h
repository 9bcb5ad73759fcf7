/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_CHIP_H
#define SPINSCALE_CHIP_H
/* A simulated spintronic compute-in-memory chip: what a packed model answers when its sums come from crossbars of
 * magnetic tunnel junctions, and what a prediction costs in energy, time and area.
 *
 * Energies in J, times in s, areas in m2.  docs/chip.md describes the model of the chip. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/engine.h"
#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

/* ---- chips ---- */

/* A chip's parameters.  Immutable. */
typedef struct sps_chip sps_chip;

/* name: a preset ("scaledrop", "subset"), or the path of a YAML file (has a '/' or ends in .yaml); sets are
 * "key=value", applied last.  SPS_EFORMAT with line and column, SPS_EINVAL for sets.  Release with sps_chip_close(). */
sps_status sps_chip_open(sps_chip **out, const char *name, const char *const *sets, size_t set_count);
void sps_chip_close(sps_chip *chip); /* NULL is allowed */
/* Everything resolved, as YAML that reads back to the same chip; valid as long as the chip. */
const char *sps_chip_text(const sps_chip *chip);
const char *sps_chip_name(const sps_chip *chip);
/* Method of networks that come without weights. */
const char *sps_chip_method(const sps_chip *chip);
/* Would its stochastic units draw with other probabilities than the declared ones (spread, calibration, drift)? */
int sps_chip_units_stray(const sps_chip *chip);

/* Presets: name and summary, NULL after the last. */
const char *sps_chip_preset(size_t index, char summary[256]);
/* All parameters with defaults, ranges and sources, as text; released with sps_chip_text_free(). */
sps_status sps_chip_describe(char **text);
void sps_chip_text_free(char *text);

/* ---- function ---- */

enum sps_chip_level {
    SPS_CHIP_IDEAL,     /* junctions as designed, converters that resolve every sum: equals the engine */
    SPS_CHIP_QUANTISED, /* converters, spread, faults, noise */
    SPS_CHIP_ANALOG     /* and the resistance of the wires */
};

struct sps_chip_instance_options {
    enum sps_chip_level level;
    uint64_t seed; /* which chip: all of its devices follow from it */
    int threads;   /* 1 to 1024; 0: all cores */
    int mtj;       /* paths come from the simulated stochastic units, bit by bit, not from the declared probabilities */
    uint32_t samples; /* passes of a prediction; only the drift of those units depends on it; 0: 1 */
};

/* A model on one chip, with devices of its own.  packed must outlive it.  SPS_EUNSUPPORTED names what the chip cannot
 * run. */
typedef struct sps_chip_instance sps_chip_instance;
sps_status sps_chip_instance_create(sps_chip_instance **out, const sps_chip *chip, const sps_packed *packed,
                                    const struct sps_chip_instance_options *options);
void sps_chip_instance_free(sps_chip_instance *instance); /* NULL is allowed */
struct sps_predictor sps_chip_instance_predictor(sps_chip_instance *instance);
/* What there is to say of one chip. */
struct sps_chip_facts {
    int extrapolated; /* paths are drawn by units where their law does not hold (device.extrapolate, or by spread) */
    int scales_known; /* 0: a packed file has thresholds only, so scales are taken as exact */
    uint64_t scales, scales_wrong; /* scales in its memory; those that are read as something else than the model has */
    double scale_error;            /* root of the mean square, over the largest scale of each bank */
};
struct sps_chip_facts sps_chip_instance_facts(const sps_chip_instance *instance);
/* Bytes that an instance takes for its arrays. */
sps_status sps_chip_instance_size(size_t *bytes, const sps_chip *chip, const sps_packed *packed);

/* Many chips of one kind, with one model. */
enum { SPS_CHIPS_MAX = 1000000 };
struct sps_chips {
    const sps_chip *chip;
    const sps_packed *packed;
    size_t count;
    struct sps_chip_instance_options options; /* of the first: the others have the seeds that follow.  threads: of all
                                                 chips together */
};
struct sps_chip_result {
    sps_metrics *metrics;
    struct sps_chip_facts facts;
    double seconds; /* in prediction alone; of a chip that ran beside others, its share of them */
};
struct sps_chip_results {
    size_t count;
    struct sps_chip_result *chip; /* [count] in the order of their seeds */
};
/* sps_evaluate() of each chip; chips run side by side where that is faster.  Results and messages do not depend on
 * threads.  Images that are all there (load is NULL) are asked for by several threads at once; progress, which counts
 * the images of all chips, is called by this thread alone.  Release with reset. */
sps_status sps_chips_evaluate(struct sps_chip_results *out, const struct sps_chips *chips,
                              const struct sps_images *images, const struct sps_predict_options *options,
                              const struct sps_accept_rule *rule, double level,
                              void (*progress)(void *user, size_t done, size_t total), void *user);
void sps_chip_results_reset(struct sps_chip_results *results); /* an empty one is allowed */
/* How many of them are there at once, at most: each takes sps_chip_instance_size(). */
int sps_chips_at_once(const struct sps_chips *chips);

/* Column sums of each layer before conversion, counted over images and passes: what a converter has to resolve. */
struct sps_chip_histogram {
    char name[64];
    size_t bins;     /* 0 .. inputs of a row tile, in junctions */
    uint64_t *count; /* [bins] */
};
struct sps_chip_histograms {
    int layers;
    struct sps_chip_histogram *layer;
};
/* Release with reset. */
sps_status sps_chip_histograms_init(struct sps_chip_histograms *out, const sps_chip *chip, const sps_packed *packed,
                                    const struct sps_images *images, uint32_t samples,
                                    const struct sps_chip_instance_options *options);
void sps_chip_histograms_reset(struct sps_chip_histograms *histograms); /* an empty one is allowed */

/* ---- cost ---- */

enum sps_chip_account {
    SPS_CHIP_FULL, /* all that is modelled */
    SPS_CHIP_PAPER /* the papers' narrower accounting: inputs of the first layer have one bit; no buffers, wires between
                      tiles, leakage or clock; scales folded into comparisons */
};

/* A figure with its band. */
struct sps_band {
    double low, typical, high;
};

/* Exact numbers of one layer, or of all, in one pass without reuse; arrays, devices and units are there once. */
struct sps_chip_counts {
    const char *name;
    uint64_t arrays, scale_arrays;        /* crossbars of weights, of scales */
    uint64_t devices;                     /* junctions that hold weights or scales */
    uint64_t units;                       /* stochastic units; of a layer that shares its unit: 0 */
    uint64_t activations, conversions;    /* of weight crossbars: arrays read once; columns converted */
    uint64_t lines, cells;                /* word lines driven, junctions read */
    uint64_t transfers;                   /* conversions that go to another tile to be added up */
    uint64_t additions, comparisons;      /* of partial sums; maxima and decisions */
    uint64_t outputs;                     /* numbers that are decided, behind pooling */
    uint64_t multiplications;             /* by scales, where they are not folded */
    uint64_t normalisations;              /* multiply-adds where sums become reals, not bits: residual networks */
    uint64_t shortcuts;                   /* additions of shortcuts, and of means */
    uint64_t scale_reads;                 /* 32-bit words of scale memory, or junction groups of the scale crossbar */
    uint64_t memory_reads, memory_writes; /* 32-bit words of activation buffers */
    uint64_t skip_reads, skip_writes;     /* the same of buffers of skip connections */
    uint64_t skip_bits;                   /* that those buffers hold */
    uint64_t macs;
    double random_bits; /* expected: picks among N that is no power of two may be rejected */
};

/* How a layer lies on its arrays: row tiles cut its inputs, column tiles its channels; a pair of both is an array. */
struct sps_chip_tiles {
    uint64_t inputs, channels;
    uint64_t row_tiles, column_tiles;
    uint64_t group;                     /* inputs that are cut together; each group begins a tile */
    uint64_t tile_inputs, tile_columns; /* of a full tile; the last of a group has what is left */
    uint64_t rows_per_input;            /* of an array */
    uint64_t array_rows, array_columns; /* of an array, used or not */
};

/* One kind of expense: `count` in one prediction, `each` apiece. */
struct sps_chip_item {
    const char *name;   /* "conversions" */
    const char *method; /* measured, simulated, literature, scaled, assumed */
    const char *source; /* of the figure, with its unit's meaning */
    int node;           /* nm, 0 where it has none */
    int only_full;      /* the papers' account leaves it out */
    double count;
    struct sps_band each, energy; /* J of one; J of one prediction */
};

enum { SPS_CHIP_ITEMS_MAX = 24 };

/* Where area goes, in the order of sps_chip_layer_cost.area_of. */
enum { SPS_CHIP_AREAS = 7 };
extern const char *const sps_chip_areas[SPS_CHIP_AREAS]; /* "arrays", "converters" */

struct sps_chip_layer_cost {
    struct sps_chip_counts counts;
    struct sps_chip_tiles tiles;
    double sums, decisions; /* how often its sums and its decisions are made in T passes: T, or fewer with reuse */
    struct sps_band energy; /* J, one prediction */
    double latency;         /* s, one prediction */
    struct sps_band area;   /* m2 */
    struct sps_band item_energy[SPS_CHIP_ITEMS_MAX]; /* J, in the order of the cost's items */
    struct sps_band area_of[SPS_CHIP_AREAS];         /* m2 */
};

struct sps_chip_cost {
    uint32_t samples;
    int layer_count, item_count;
    struct sps_chip_counts counts; /* of all layers */
    struct sps_chip_layer_cost *layer;
    struct sps_chip_item item[SPS_CHIP_ITEMS_MAX];
    struct sps_band energy; /* J, one prediction: one image, all T passes */
    double latency;         /* s, one prediction */
    struct sps_band area;   /* m2, the whole chip */
    struct sps_band area_of[SPS_CHIP_AREAS];
    double write_energy; /* J, once: programming all junctions */
    double write_time;   /* s, once: arrays side by side, row after row */
    double unit_power;   /* W, all stochastic units at work */
    double lifetime;     /* predictions until the endurance of the busiest stochastic unit is used up */
    int extrapolated;    /* figures of a stochastic unit where its law does not hold (device.extrapolate) */
};

/* What T passes over one image cost.  Release with sps_chip_cost_free(). */
sps_status sps_chip_cost(struct sps_chip_cost **out, const sps_chip *chip, const sps_packed *packed, uint32_t samples,
                         enum sps_chip_account account);
void sps_chip_cost_free(struct sps_chip_cost *cost); /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
