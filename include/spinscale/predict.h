/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_PREDICT_H
#define SPINSCALE_PREDICT_H
/* Prediction with a trained network, whoever does it: the packed engine, the training graph, a simulated chip.
 *
 * L noise sources, mostly scale banks; a path is one pick in each (masks take a pick per channel, neuron or weight: P
 * numbers in all).  Shapes: p[T][N][C] probabilities, picks[T][N][P]. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/images.h"
#include "spinscale/status.h"
#include "spinscale/uq.h"
#ifdef __cplusplus
extern "C" {
#endif

struct sps_model_info {
    const char *net, *method, *data; /* names; valid as long as the model */
    const char *provenance;          /* resolved configuration of the run, as YAML text */
    int height, width, channels, classes;
    int bank_layers;       /* L */
    const int *bank_sizes; /* [L] entries K of each bank */
    int picks;             /* P */
    size_t weights;        /* binary weights */
    size_t float_weights;  /* of dense layers and convolutions that are not binary */
    size_t macs;           /* multiply-accumulates of one pass over one image */
    double paths;          /* number of distinct paths: product of the bank sizes; INFINITY where masks make it so */
    double validation_accuracy; /* fraction, NaN if not recorded */
    const char *data_sha256;    /* of the training set's training part, NULL if not recorded */
    double temperature; /* that the model's logits are divided by (spinscale/calibration.h); 1: not calibrated */
    int members;        /* models whose passes follow one another (spinscale/ensemble.h); 0 and 1: a single one */
};

enum sps_reading {
    SPS_SAMPLED, /* T paths drawn per image */
    SPS_EXACT,   /* all paths, weighted by their probability */
    SPS_POINT    /* the deterministic reading: nothing dropped; posterior mean */
};
enum { SPS_EXACT_PATHS_MAX = 4096, SPS_PREDICT_SAMPLES_MAX = 1000000, SPS_PREDICT_THREADS_MAX = 1024 };

/* Stop an image's passes when more would change nothing.  With SPS_EXACT, paths come in order of falling probability,
 * and the passes end when those that are left can no longer change the class (nor the verdict of the accept rule, where
 * `verdict` is set): a certainty.  With SPS_SAMPLED they end when a sequential test says so: with probability of at
 * least `confidence`, class (and verdict) are those of infinitely many passes.  src/engine/settle.h has the test. */
struct sps_settle {
    double confidence; /* of SPS_SAMPLED, inside 0 .. 1 */
    int verdict;
    struct sps_accept_rule accept;
};

struct sps_predict_options {
    enum sps_reading reading;
    uint64_t seed;
    uint32_t samples;                /* T of SPS_SAMPLED, 1 to 1,000,000 */
    int shared_paths;                /* all images take the paths of index 0 */
    int threads;                     /* 1 to 1024; 0: all cores */
    const struct sps_settle *settle; /* NULL: all passes.  Packed engine only */
    double temperature;              /* each pass's logits are divided by it, 1/64 to 64; 0: the model's own */
};
#define SPS_TEMPERATURE_MAX 64.0
#define SPS_PREDICT_OPTIONS_DEFAULT                                                                                    \
    {                                                                                                                  \
        SPS_SAMPLED, 1, 20, 0, 0, NULL, 0                                                                              \
    }

/* Passes that a prediction makes: samples of each member, the number of paths, or 1 of each member.  SPS_EINVAL where
 * the reading is not possible, with the reason. */
sps_status sps_predict_passes(const struct sps_model_info *info, const struct sps_predict_options *options,
                              size_t *passes);

/* Caller's arrays for n images; all but p may be NULL.  Passes t lie `stride` images apart (stride >= n). */
struct sps_passes {
    float *p;        /* [T][stride][C] */
    float *logits;   /* [T][stride][C] */
    uint8_t *picks;  /* [T][stride][P] */
    double *weights; /* [T] probability of path t with SPS_EXACT, otherwise 1/T */
    size_t stride;   /* 0: n */
    uint32_t *used;  /* [n] passes made: the first so many rows are set, all without options.settle */
};

/* Something that predicts.  It belongs to the session or model that it came from. */
struct sps_predictor {
    void *self;
    const struct sps_model_info *info;
    const char *(*class_name)(const void *self, int label); /* NULL where there is none */
    sps_status (*predict)(void *self, const struct sps_predict_options *options, size_t n, const uint8_t *const *images,
                          const uint32_t *index, const struct sps_passes *out);
};

/* Predict n images [H][W][C] of 8-bit pixels; index[i] is the image's index in its set (it chooses the paths; NULL: 0,
 * 1, ...).  Results do not depend on n, threads or CPU tier. */
sps_status sps_predict(const struct sps_predictor *predictor, const struct sps_predict_options *options, size_t n,
                       const uint8_t *const *images, const uint32_t *index, const struct sps_passes *out);

/* Evaluate on a whole set in blocks.  dump, if not NULL, is the .npy file for p[T][N][C]; picks [T][N][P] go to
 * DUMP.paths.npy (the name without its .npy, then .paths.npy), labels [N] to DUMP.labels.npy.  progress(user, done,
 * total) may be NULL. */
struct sps_evaluation {
    size_t n, passes;
    double mean_passes; /* made per image: less than passes where they ended early */
    double seconds;     /* time in prediction alone */
    sps_metrics *metrics;
    struct sps_summary *summaries; /* [n], image by image */
    double *mean;                  /* [n][C] over passes */
    int *labels;                   /* [n], as the set gives them */
    double *nll;                   /* [n] metric nll of each image; NaN without a label */
};
void sps_evaluation_reset(struct sps_evaluation *evaluation); /* an empty one is allowed */
sps_status sps_evaluate(struct sps_evaluation *out, const struct sps_predictor *predictor, const struct sps_images *set,
                        const struct sps_predict_options *options, const struct sps_accept_rule *rule, double level,
                        const char *dump, void (*progress)(void *user, size_t done, size_t total), void *user);

#ifdef __cplusplus
}
#endif
#endif
