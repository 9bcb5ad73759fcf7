/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_COMPARISON_H
#define SPS_TOOLS_COMPARISON_H
/* Models side by side on the same images: numbers of each, and paired tests of each against the first.
 *
 * A row is a model or an ensemble, in one or more repetitions (trainings from several seeds).  What is kept of an image
 * are a few numbers, and those only for the first row; passes are gone when a repetition has been added. */
#include <stddef.h>

#include "spinscale/uq.h"

struct sps_cell {
    double value, low, high; /* bootstrap interval, NaN where there is none */
};

struct sps_column {
    char key[160], title[160];
    double by; /* times this is what is printed */
    int digits;
};

struct sps_repetition {
    char *models; /* as given, joined by '+' */
    char sha256[65];
    const char *engine;
    size_t passes, bytes;
    double images_per_s;
    struct sps_cell *cell; /* [columns] */
    double floor, floor_high;
};

struct sps_compared {
    const char *name;
    size_t count;
    struct sps_repetition *repetition; /* [count] */
};

/* Row less first, seed by seed; and of several seeds their mean, image by image: of accuracy and NLL alone. */
struct sps_test {
    struct sps_cell difference;
    double p;
};
#define SPS_ALL_SEEDS ((size_t)-1) /* as repetition */
struct sps_pair {
    size_t row, repetition, only_row, only_first; /* images that only one has right */
    struct sps_test *test;                        /* [tests] */
};

/* Columns at home; two for each foreign set follow: AUROC by entropy and by mutual information. */
enum sps_home_column {
    SPS_COLUMN_ACCURACY,
    SPS_COLUMN_NLL,
    SPS_COLUMN_BRIER,
    SPS_COLUMN_ECE,
    SPS_COLUMN_MUTUAL_INFORMATION,
    SPS_COLUMN_ACCEPTED,
    SPS_COLUMN_AURC,
    SPS_COLUMN_KEPT_ERROR,
    SPS_HOME_COLUMNS
};
/* Tests: accuracy, NLL, and the foreign columns. */
enum { SPS_HOME_TESTS = 2, SPS_FOREIGN_COLUMNS = 2 };

/* What a comparison is told beforehand. */
struct sps_comparison_basis {
    const char *score; /* that orders images for AURC and kept_error */
    double coverage, level;
    struct sps_accept_rule rule;
    size_t resamples;
    const char *const *foreign; /* [foreign_count] names */
    size_t foreign_count;
};

struct sps_comparison {
    struct sps_comparison_basis basis;
    size_t columns, tests, count, pair_count;
    struct sps_column *column; /* [columns] */
    struct sps_compared *row;  /* [count] */
    struct sps_pair *pair;     /* [pair_count], by row and repetition */
    struct sps_kept *kept;     /* of the first row's repetitions */
    struct sps_answers *sum;   /* of the repetitions of the row that comes in now */
};

/* What a model said about a set, image by image; labels outside 0 .. classes-1 are none. */
struct sps_said {
    size_t n;
    int classes;
    const int *labels;
    double *mean;                  /* [n][classes] */
    struct sps_summary *summaries; /* [n] */
};

/* Rows with names[] and counts[] of repetitions, the names being the caller's.  0, or an exit status after a message;
 * release after both. */
int sps_comparison_init(struct sps_comparison *comparison, const struct sps_comparison_basis *basis, size_t rows,
                        const char *const *names, const size_t *counts);
void sps_comparison_reset(struct sps_comparison *comparison);
/* Numbers of a repetition, and its tests; all repetitions of row 0 come first. */
int sps_comparison_add(struct sps_comparison *comparison, size_t row, size_t repetition, const struct sps_said *home,
                       const struct sps_said *foreign);
/* Mean and standard deviation (n - 1) of a column over a row's repetitions. */
void sps_comparison_spread(double *mean, double *deviation, const struct sps_compared *row, size_t column);
/* Title and number format of a test's column. */
const struct sps_column *sps_comparison_test(const struct sps_comparison *comparison, size_t test);
#endif
