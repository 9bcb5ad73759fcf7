/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_MODEL_H
#define SPINSCALE_MODEL_H
/* A trained network as training leaves it (model.safetensors), evaluated by the training graph.
 *
 * L layers hold a scale bank; a path picks one entry in each.  Shapes: p[T][N][C] probabilities, picks[T][N][L]. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/data.h"
#include "spinscale/status.h"
#include "spinscale/uq.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct sps_model sps_model;

struct sps_model_info {
    const char *net, *method, *data; /* names; valid as long as the model */
    const char *provenance;          /* resolved configuration of the run, as YAML text */
    int height, width, channels, classes;
    int bank_layers;            /* L */
    const int *bank_sizes;      /* [L] entries K of each bank */
    size_t weights;             /* binary weights */
    size_t macs;                /* multiply-accumulates of one pass over one image */
    double paths;               /* number of distinct paths: product of the bank sizes; infinite masks give INFINITY */
    double validation_accuracy; /* fraction, NaN if not recorded */
    size_t file_bytes;
    char sha256[65]; /* of the file */
};

/* path is a model file, or a run's folder (its model.safetensors).  Hostile input: everything is checked.  Release with
 * sps_model_close(). */
sps_status sps_model_open(sps_model **out, const char *path);
void sps_model_close(sps_model *model); /* NULL is allowed */
const struct sps_model_info *sps_model_get_info(const sps_model *model);
/* Name of a class, or NULL. */
const char *sps_model_class_name(const sps_model *model, int label);

enum sps_reading {
    SPS_SAMPLED, /* T paths drawn per image */
    SPS_EXACT,   /* all paths, weighted by their probability */
    SPS_POINT    /* the deterministic reading: nothing dropped; posterior mean */
};
enum { SPS_EXACT_PATHS_MAX = 4096 };

struct sps_predict_options {
    enum sps_reading reading;
    uint64_t seed;
    uint32_t samples; /* T of SPS_SAMPLED, 1 to 1,000,000 */
    int shared_paths; /* all images take the paths of index 0 */
    int threads;      /* 1 to 1024; 0: all cores */
};
#define SPS_PREDICT_OPTIONS_DEFAULT                                                                                    \
    {                                                                                                                  \
        SPS_SAMPLED, 1, 20, 0, 0                                                                                       \
    }

/* Passes that a prediction makes: samples, the number of paths, or 1.  SPS_EINVAL where the reading is not possible,
 * with the reason. */
sps_status sps_model_passes(const sps_model *model, const struct sps_predict_options *options, size_t *passes);

/* Predict n images [H][W][C] of 8-bit pixels; index[i] is the image's index in its set (it chooses the paths; NULL: 0,
 * 1, ...). Caller's arrays: p[T][n][C]; logits[T][n][C], picks[T][n][L] and weights[T] (of SPS_EXACT; 1/T otherwise)
 * may be NULL. Results do not depend on n, threads or CPU tier. */
sps_status sps_model_predict(sps_model *model, const struct sps_predict_options *options, size_t n,
                             const uint8_t *const *images, const uint32_t *index, float *p, float *logits,
                             uint8_t *picks, double *weights);

/* Evaluate on a whole set in blocks.  dump, if not NULL, is the .npy file for p[T][N][C]; picks [T][N][L] go to
 * DUMP.paths.npy (the name without its .npy, then .paths.npy), labels [N] to DUMP.labels.npy.  progress(user, done,
 * total) may be NULL. */
struct sps_evaluation {
    size_t n, passes;
    double seconds; /* time in prediction alone */
    sps_metrics *metrics;
    struct sps_summary *summaries; /* [n], image by image */
};
void sps_evaluation_reset(struct sps_evaluation *evaluation); /* an empty one is allowed */
sps_status sps_model_evaluate(struct sps_evaluation *out, sps_model *model, const sps_dataset *set,
                              const struct sps_predict_options *options, const struct sps_accept_rule *rule,
                              double level, const char *dump, void (*progress)(void *user, size_t done, size_t total),
                              void *user);

/* Share of activation bits that differ between two different bank entries, one number a bank: share[L], over the first
 * `images` images, whose paths are drawn from seed.  NaN for a layer without a sign behind it (the last one) or with
 * one entry. */
sps_status sps_model_flips(double *share, sps_model *model, const sps_dataset *set, size_t images, uint64_t seed);

#ifdef __cplusplus
}
#endif
#endif
