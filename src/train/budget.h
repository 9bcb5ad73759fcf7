/* SPDX-License-Identifier: MIT */
#ifndef SPS_TRAIN_BUDGET_H
#define SPS_TRAIN_BUDGET_H
/* How many epochs fit into a time. */
#include "train/run.h"

/* What a run costs on this machine, seconds. */
struct sps_run_costs {
    double spent;      /* before the first epoch */
    double epoch;      /* its steps */
    double validation; /* each */
    double end;        /* bank, BatchNorm, last look at the validation images */
};

/* The most epochs that fit, 1 to SPS_EPOCHS_MAX; one also where not even that fits. */
int64_t sps_budget_epochs(const struct sps_run_costs *costs, double budget, int64_t validate_every);
/* What a run of so many takes. */
double sps_budget_seconds(const struct sps_run_costs *costs, int64_t epochs, int64_t validate_every);

/* Time the first steps and choose train.epochs, so that the run ends `budget` seconds after `start` (sps_now()).  The
 * graph is a new one afterwards: a run with a budget is bit for bit the run with that train.epochs. */
sps_status sps_budget_plan(struct sps_run *run, double budget, double start);
#endif
