/* SPDX-License-Identifier: MIT */
#ifndef SPS_TRAIN_CONFIG_H
#define SPS_TRAIN_CONFIG_H
/* Everything a run can be told: one table, and the method's own beside it. */
#include "conf/params.h"
#include "nn/nn.h"

enum { SPS_EPOCHS_MAX = 100000 };

#define RUN_PARAMS(X)                                                                                                  \
    X(seed, INT, "run.seed", "1", "", 0, 9007199254740992.0, "seed of all random numbers", "")                         \
    X(data, TEXT, "data.name", "fashion-mnist", "", 0, 0, "data set, or path of a folder with IDX files", "")          \
    X(validation, INT, "data.validation", "5000", "", 1, 1e9, "training images held out for validation", "")           \
    X(flip, BOOL, "data.flip", "false", "", 0, 1, "mirror left-right with probability 1/2", "")                        \
    X(crop_pad, INT, "data.crop_pad", "0", "", 0, 64, "pad by so many pixels and cut at random; 0 is off", "")         \
    X(resize_min_area, REAL, "data.resize_min_area", "1", "", 0.05, 1,                                                 \
      "random resized crop: smallest share of the area; 1 is off", "Scale-Dropout paper VI-A1")                        \
    X(net, TEXT, "net.name", "lenet5-wide", "", 0, 0, "network: a preset's name, or path of a description", "")        \
    X(twin, CHOICE, "net.twin", "none", "none|relu|htanh", 0, 2,                                                       \
      "train the float twin instead: real weights, relu or hard tanh for sign", "")                                    \
    X(float_ends, BOOL, "net.float_ends", "false", "", 0, 1,                                                           \
      "first and last product have real weights, whatever the network says", "Qin et al., CVPR 2020")                  \
    X(binariser, TEXT, "net.binariser", "irnet", "", 0, 0,                                                             \
      "how weights and activations become signs (spinscale info)", "Qin et al., CVPR 2020")                            \
    X(method, TEXT, "method.name", "scale_dropout", "", 0, 0, "how the scales are learned and drawn (spinscale info)", \
      "")                                                                                                              \
    X(epochs, INT, "train.epochs", "30", "", 1, SPS_EPOCHS_MAX, "passes over the training images", "")                 \
    X(batch, INT, "train.batch", "128", "", 2, 65536, "images a step", "")                                             \
    X(optimiser, TEXT, "train.optimiser", "adam", "", 0, 0, "rule of the updates (spinscale info)", "")                \
    X(rate, REAL, "train.rate", "0.001", "", 0, 100, "largest learning rate", "")                                      \
    X(momentum, REAL, "train.momentum", "0.9", "", 0, 0.9999, "of sgd", "")                                            \
    X(beta1, REAL, "train.beta1", "0.9", "", 0, 0.9999, "of adam", "Kingma and Ba 2015")                               \
    X(beta2, REAL, "train.beta2", "0.999", "", 0, 0.999999, "of adam", "Kingma and Ba 2015")                           \
    X(epsilon, REAL, "train.epsilon", "1e-8", "", 1e-16, 1, "of adam", "Kingma and Ba 2015")                           \
    X(decay, REAL, "train.decay", "0", "", 0, 1, "weight decay on the real-valued weights",                            \
      "Scale-Dropout paper eq. 17")                                                                                    \
    X(schedule, CHOICE, "train.schedule", "cosine", "cosine|steps|one_cycle|constant", 0, 3, "of the learning rate",   \
      "")                                                                                                              \
    X(warm_up, REAL, "train.warm_up", "0.02", "", 0, 0.9, "share of training in which the rate rises", "")             \
    X(final, REAL, "train.final", "0", "", 0, 1, "rate at the end as a share of the largest (cosine, one_cycle)", "")  \
    X(drops, INT, "train.drops", "2", "", 0, 100, "steps: how often the rate drops", "")                               \
    X(drop_factor, REAL, "train.drop_factor", "0.1", "", 1e-6, 1, "steps: by how much", "")                            \
    X(smoothing, REAL, "train.smoothing", "0", "", 0, 0.5, "label smoothing", "Szegedy et al. 2016")                   \
    X(precision, CHOICE, "train.precision", "auto", "auto|float32|bfloat16", 0, 2,                                     \
      "of operands in the backward products of binary layers; auto: bfloat16 where the processor prefers it", "")      \
    X(ema, REAL, "train.ema", "0", "", 0, 0.999999,                                                                    \
      "decay of a moving average of the weights, by a step, that is validated and kept; 0 is off",                     \
      "Polyak and Juditsky 1992")                                                                                      \
    X(teacher, TEXT, "train.teacher", "", "", 0, 0,                                                                    \
      "models to learn from beside the labels, joined by '+' (an ensemble teaches its mean); none where empty",        \
      "Hinton et al. 2015")                                                                                            \
    X(teacher_weight, REAL, "train.teacher_weight", "0.5", "", 0, 1, "the teacher's share of the loss", "")            \
    X(teacher_temperature, REAL, "train.teacher_temperature", "1", "", 0.1, 100,                                       \
      "how much both are softened when they are compared", "")                                                         \
    X(teacher_samples, INT, "train.teacher_samples", "20", "", 1, 1000, "passes of a teacher with randomness", "")     \
    X(t_min, REAL, "train.t_min", "0.1", "", 1e-6, 1e3, "error-decay estimator: first sharpness", "Qin et al. 2020")   \
    X(t_max, REAL, "train.t_max", "10", "", 1e-6, 1e3, "error-decay estimator: last sharpness", "Qin et al. 2020")     \
    X(select, CHOICE, "train.select", "last", "last|accuracy|nll", 0, 2, "epoch that is kept, by validation", "")      \
    X(validation_samples, INT, "train.validation_samples", "8", "", 1, 1000,                                           \
      "Monte Carlo passes of each epoch's validation", "")                                                             \
    X(validate_every, INT, "train.validate_every", "1", "", 1, 100000, "epochs between validations", "")               \
    X(norm_images, INT, "train.norm_images", "20000", "", 1, 1e9,                                                      \
      "training images that re-estimate BatchNorm at the end", "docs/architecture.md, the trap")                       \
    X(bank_draws, INT, "train.bank_draws", "10", "", 1, 1000, "draws of a random bank before the best is taken", "")   \
    X(collapse_floor, REAL, "train.collapse_floor", "0.0002", "", 0, 10,                                               \
      "mutual information on validation images, in nats, below which the posterior counts as collapsed",               \
      "docs/architecture.md, the trap")                                                                                \
    X(checkpoint_every, REAL, "train.checkpoint_every", "300 s", "s", 1, 1e6, "time between checkpoints", "")

struct sps_run_params {
    SPS_PARAMS_STRUCT(RUN_PARAMS)
};

enum { SPS_SELECT_LAST, SPS_SELECT_ACCURACY, SPS_SELECT_NLL };

struct sps_config {
    struct sps_run_params run;
    const struct sps_method *method;
    void *settings; /* the method's */
    const struct sps_binariser *binariser;
    const struct sps_optimiser *optimiser;
    sps_yaml *net;  /* parsed description */
    char *net_text; /* its text */
    char *text;     /* everything resolved, as YAML */
};

/* config: a preset's name, or a path (has a '/' or ends in .yaml), or NULL for defaults.  sets are "key=value"; seed
 * overrides run.seed if has_seed.  *out is set only on success. */
sps_status sps_config_init(struct sps_config *out, const char *config, const char *const *sets, size_t set_count,
                           int has_seed, uint64_t seed);
/* The same from a parsed file; NULL: defaults. */
sps_status sps_config_read(struct sps_config *out, const sps_yaml *yaml, const char *const *sets, size_t set_count,
                           int has_seed, uint64_t seed);
/* Another train.epochs, in the text too. */
sps_status sps_config_set_epochs(struct sps_config *config, int64_t epochs);
void sps_config_reset(struct sps_config *config);
/* Of a resolved configuration, the groups `run` and `data` alone: enough to split a set as the run did, and there may
 * be no network's file any more. */
sps_status sps_config_read_split(struct sps_run_params *out, const sps_yaml *yaml);
#endif
