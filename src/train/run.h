/* SPDX-License-Identifier: MIT */
#ifndef SPS_TRAIN_RUN_H
#define SPS_TRAIN_RUN_H
/* One training run, shared by the files of this room: setup.c makes it, step.c does one step, run.c loops, validate.c
 * measures and draws banks, checkpoint.c saves. */
#include <stdio.h>

#include "data/transform.h"
#include "nn/nn.h"
#include "nn/profile.h"
#include "spinscale/train.h"
#include "train/config.h"
#include "train/predict.h"
#include "train/teacher.h"

struct sps_progress_state { /* what a checkpoint holds beside the tensors */
    int64_t epoch;          /* from 0, in progress */
    int64_t step;           /* done in this epoch */
    int64_t updates;        /* done in all */
    double loss_sum;        /* of this epoch's steps */
    int64_t correct;
    double penalty;     /* last step's */
    int64_t best_epoch; /* -1: none yet */
    double best_score;
    double validation_accuracy, validation_nll, mutual_information; /* last measured */
    double seconds;                                                 /* of training in all sessions */
    int64_t metrics_bytes;                                          /* length of metrics.jsonl */
};

struct sps_run {
    struct sps_config config;
    int threads;
    const sps_ranks *ranks;  /* NULL: one process */
    struct sps_share images; /* of each batch, this rank's; the graph has room for the largest share */
    sps_dataset *data;
    struct sps_code_table table;
    uint32_t *order;       /* train indices, then validation */
    uint32_t *epoch_order; /* this epoch's */
    size_t train_count, validation_count;
    struct sps_graph *graph;
    struct sps_ahead *ahead;     /* NULL: no core is left for it */
    struct sps_teacher teacher;  /* p is NULL: none */
    struct sps_profile *profile; /* NULL: nobody asks */
    int *labels;                 /* [batch], of the step */
    float *dlogits;              /* [batch][classes] */
    const float **taught;        /* [batch] the teacher's probabilities; NULL where there is no teacher */
    float **average;             /* [weights] their moving averages; NULL where there are none */
    float *norms_aside;          /* room for the running statistics while the averages stand in */
    float *best;                 /* weights and running statistics of the best epoch; NULL for select: last */
    struct sps_progress_state at;
    char folder[4096];
};

/* Configuration, data, untrained graph: all but the teacher, which may take long, and nothing on disk.  Whatever comes
 * of it, sps_run_reset() gives it back. */
sps_status sps_run_init(struct sps_run *run, const struct sps_train_options *options);
/* The untrained graph, again where there was one. */
sps_status sps_run_build_graph(struct sps_run *run);
sps_status sps_run_ask_teacher(struct sps_run *run);
void sps_run_reset(struct sps_run *run);
sps_status sps_run_path(char out[4200], const struct sps_run *run, const char *name);

/* The order of the epoch that begins. */
void sps_run_shuffle(struct sps_run *run);
/* SPS_EDIVERGED where ranks hold different networks. */
sps_status sps_run_check_ranks(const struct sps_run *run);
/* Images of a step, of all ranks. */
static inline size_t sps_run_batch(const struct sps_run *run)
{
    return (size_t)run->config.run.batch;
}
/* The learning rate that the schedule has for the next step. */
double sps_run_rate(const struct sps_run *run);
/* The next step of the epoch; moves run->at.  SPS_EDIVERGED where the loss is not finite. */
sps_status sps_run_step(struct sps_run *run, double rate);

/* Signs of the binary weights, from values that changed. */
sps_status sps_run_binarise(struct sps_run *run);

/* Moving averages of the trained numbers (train.ema), average.c; without them these do nothing.  Between enter and
 * leave the graph holds the averages, and the running statistics may be estimated anew. */
sps_status sps_average_init(struct sps_run *run);
void sps_average_reset(struct sps_run *run);
void sps_average_update(struct sps_run *run);
sps_status sps_average_enter(struct sps_run *run);
sps_status sps_average_leave(struct sps_run *run);

/* profile.c.  begin: time since `start` was for setting up. */
sps_status sps_profile_begin(struct sps_run *run, double start);
sps_status sps_profile_end(struct sps_train_profile *out, struct sps_run *run);
void sps_profile_reset(struct sps_run *run);

/* A tensor that training changes, by name: weights, optimiser state, running statistics. */
struct sps_state_tensor {
    char name[80];
    float *data;
    size_t count;
    int kept; /* part of the network (not of the optimiser): what `best` holds */
};
/* All of them, in a fixed order; *out is released with sps_free(). */
sps_status sps_run_state(struct sps_state_tensor **out, size_t *count, const struct sps_run *run);

/* SPS_EDIVERGED if any of them holds a number that is not finite.  (Binary layers hide such weights from the loss: the
 * sign of a NaN is -1.) */
sps_status sps_run_check_finite(const struct sps_run *run);

/* DIR/checkpoint.safetensors.  Loading checks that it belongs to this configuration. */
sps_status sps_checkpoint_save(const struct sps_run *run);
sps_status sps_checkpoint_load(struct sps_run *run);

/* What one look at the validation split gives.  source: which reading. */
struct sps_validation {
    double accuracy, nll, mutual_information, entropy;
    double *image_nll; /* [validation_count], caller's, or NULL */
};
sps_status sps_validate(struct sps_validation *out, struct sps_run *run, enum sps_scale_source source, size_t passes);

/* Running statistics from so many training images (at least a batch) with scales from one source.  Uses epoch_order. */
sps_status sps_estimate_norms(struct sps_run *run, enum sps_scale_source source, size_t images);
/* Of the averages, in each validation: precise enough to choose by. */
static inline size_t sps_average_images(const struct sps_run *run)
{
    return (size_t)run->config.run.norm_images / 10;
}

/* Banks from the trained posterior, BatchNorm re-estimated over them; draws that validate worse than the continuous
 * posterior beyond noise are repeated. */
struct sps_bank_report {
    int draws;                                         /* made */
    int accepted;                                      /* the kept one is within noise */
    double posterior_nll, bank_nll, difference, noise; /* mean difference and twice its standard error */
};
sps_status sps_make_banks(struct sps_bank_report *report, struct sps_run *run);

/* How often the end of a run goes through train.norm_images and, SPS_BANK_PASSES times an image, through the validation
 * images, where the second draw of a random bank is kept. */
enum { SPS_BANK_PASSES = 20 };
struct sps_end_work {
    int estimates, validations;
};
struct sps_end_work sps_end_work(const struct sps_run *run);
#endif
