/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_TRAIN_H
#define SPINSCALE_TRAIN_H
/* Training runs: a configuration in, a folder out. */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "spinscale/images.h"
#include "spinscale/ranks.h"
#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

struct sps_train_progress {
    int epoch, epochs;  /* epoch from 1 */
    size_t step, steps; /* in this epoch, from 1 */
    double loss;        /* running mean of this epoch's training loss, nats */
    double images_per_s;
    double seconds, seconds_left; /* spent in this session; estimate of the rest */
    int epoch_done;               /* the fields below are of this epoch; those of an epoch without validation are NaN */
    double train_accuracy;        /* fraction */
    double validation_accuracy, validation_nll, mutual_information;
};

/* Where the time of a run went, seconds; all parts and layers add up to total. */
struct sps_train_profile_layer {
    const char *type; /* as in the network's description; lives as long as the library */
    size_t macs;      /* multiply-accumulates an image */
    double forward, backward;
};
struct sps_train_profile {
    size_t images; /* trained on, each as often as it was */
    double total;
    double setup;                  /* configuration, data set, teacher, budget */
    double data;                   /* decoding and augmentation */
    double forward, backward;      /* of the layers below */
    double loss, update;           /* of the weights and their averages */
    double validation, files, end; /* end: bank, BatchNorm, last validation */
    double other;
    struct sps_train_profile_layer *layers;
    size_t layer_count;
};
void sps_train_profile_reset(struct sps_train_profile *profile); /* an empty one is allowed */

struct sps_train_options {
    const char
        *config; /* file (has a '/' or ends in .yaml) or preset name; NULL: defaults, or the run's own with resume */
    const char *const *sets; /* "key=value" */
    size_t set_count;
    const char *out;      /* folder; made if missing; must be empty of a run unless resume */
    const char *data_dir; /* or NULL */
    int has_seed;
    uint64_t seed; /* overrides run.seed */
    int threads;   /* 1 to 1024; 0: all cores */
    int resume;
    /* Seconds that the whole run may take, 0: no limit.  The first steps are timed, train.epochs is chosen so that the
     * run ends in time (at least 1), and config.yaml has that number: it is the same run as with that setting.  With
     * resume, a run that has its plan keeps it. */
    double budget;
    struct sps_train_profile *profile; /* filled at the end, also of an interrupted run; NULL: not asked for */
    const volatile sig_atomic_t *stop; /* non-zero: save a checkpoint and stop (SPS_EINTERRUPTED); may be NULL */
    void (*progress)(void *user, const struct sps_train_progress *progress);
    void *user;
    /* Processes that share each batch, or NULL.  All call sps_train() with the same options (threads may differ); rank
     * 0 writes the files, all read them on resume.  train.batch is that of all together. */
    const sps_ranks *ranks;
};

struct sps_train_result {
    int epochs, best_epoch;
    double validation_accuracy, validation_nll, mutual_information;
    int collapsed;  /* the posterior is not there; also said as a warning in the log */
    int bank_draws; /* draws of the bank until one was kept */
    double seconds;
    char model[4096]; /* path of model.safetensors */
};

/* Train to the end, or until *stop.  DIR gets config.yaml (resolved), metrics.jsonl, checkpoint.safetensors,
 * model.safetensors. */
sps_status sps_train(struct sps_train_result *result, const struct sps_train_options *options);

/* Learning-rate range test (Smith 2017): a few steps of training at rates that rise exponentially from low to high.  It
 * ends early where the loss diverges.  DIR gets range.csv (step, rate, loss, smoothed loss); no model, no run. */
struct sps_range_result {
    size_t steps;       /* done */
    double suggested;   /* a value for train.rate: half of near_lowest */
    double near_lowest; /* rate where the smoothed loss comes within 10 % of its lowest value */
    double lowest;      /* rate where it is lowest */
    double diverged;    /* rate at which the test ended, NaN where it came to the end */
    double seconds;
    char csv[4096]; /* path of the file */
};
/* steps: 20 to 100000, for all rates; 200 are usual.  budget and resume of the options have no meaning here. */
sps_status sps_train_range(struct sps_range_result *result, const struct sps_train_options *options, double low,
                           double high, size_t steps);

/* The images that a run held out for validation, out of the training part of its set: those that training chose by, and
 * never learned from.  config is the run's resolved configuration, as a model keeps it (provenance in
 * spinscale/predict.h); data is the set's name or path where it is not the configuration's, or NULL; sha256, if not
 * NULL, must be that of the part. Released with sps_held_out_free(). */
typedef struct sps_held_out sps_held_out;
sps_status sps_held_out_open(sps_held_out **out, const char *config, const char *data, const char *data_dir,
                             const char *sha256);
void sps_held_out_free(sps_held_out *held_out); /* NULL is allowed */
struct sps_images sps_held_out_images(const sps_held_out *held_out);

/* All settings with defaults, ranges and sources as text, for --help and the docs; released with sps_text_free(). */
sps_status sps_train_describe(char **text);
void sps_text_free(char *text);

/* Registered things by kind ("layers", "methods", "optimisers", "schedules", "binarisers"): name and summary;
 * NULL after the last. */
const char *sps_train_list(const char *kind, size_t index, const char **summary, const char **source);
/* Presets compiled in: folder is "configs", "nets" or "devices"; first comment line of the file as summary; NULL after
 * the last.
 */
const char *sps_train_preset(const char *folder, size_t index, char summary[256]);

#ifdef __cplusplus
}
#endif
#endif
