/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_STUDY_H
#define SPS_TOOLS_STUDY_H
/* Studies: one experiment each, on any model and data set.  A study is one file, study_<name>.c, that defines
 * `const struct sps_study sps_study_<name>`, and a row of the list below.  It fills a JSON object; text, CSV and JSON
 * files are made from that. */
#include <stdio.h>

#include <jansson.h>

#include "command.h"
#include "measure.h"
#include "report.h"
#include "spinscale/engine.h"
#include "spinscale/foreign.h"
#include "spinscale/images.h"
#include "spinscale/predict.h"

/* X(name) */
#define SPS_STUDIES(X)                                                                                                 \
    X(samples)                                                                                                         \
    X(normality)                                                                                                       \
    X(nll_rule)                                                                                                        \
    X(spread)

/* What the command line says; not every study reads every one. */
struct sps_study_options {
    const char *data, *data_dir, *engine, *out, *score, *classes;
    struct sps_texts foreign;
    struct sps_counts samples;
    struct sps_count repeat, exact_paths, images, passes, chips, seed, data_seed, threads;
    double tolerance, auroc_tolerance;
    const char *spreads;
    struct sps_measure_options measure;
    int json;
};

struct sps_study_subject {
    const struct sps_study_options *options;
    const struct sps_predictor *predictor;
    sps_packed *packed; /* NULL: the training graph predicts */
    const struct sps_images *home;
};

struct sps_study {
    const char *name, *summary, *source;
    /* Arrays of flat objects in the result: each is a table, OUT/NAME_KEY.csv.  NULL ends them. */
    const char *tables[4];
    /* Adds to the result; 0, or the exit status after a message. */
    int (*make)(json_t *result, const struct sps_study_subject *subject);
    void (*print)(const json_t *result);
};

/* ---- what studies share ---- */

/* A number, null where it is not finite. */
json_t *sps_study_number(double value);
/* An integer key of a result. */
long long sps_study_integer(const json_t *object, const char *key);
/* value times `by` in a column, "-" where undefined. */
void sps_study_print(double value, double by, int width, int digits);
/* How a result's prediction is made: --seed, --threads, and passes. */
struct sps_predict_options sps_study_predict(const struct sps_study_options *options, size_t passes);
/* "--samples", ascending and each once, or the default list; *count of them, at most `room`.  0, or an exit status. */
int sps_study_lengths(size_t *out, size_t *count, size_t room, const struct sps_study_options *options,
                      const size_t *standard, size_t standard_count);
/* Images of --foreign or of any other name, fitted to the model.  After a failure nothing is open. */

sps_status sps_study_foreign(sps_foreign **out, const char *name, const struct sps_study_subject *subject);
/* The progress line: part `at` of `parts` is done so far. */
struct sps_study_progress {
    const char *what;
    size_t at, parts;
};
void sps_study_progress(void *progress, size_t done, size_t total);
#endif
