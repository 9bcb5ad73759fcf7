/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_SCORES_H
#define SPINSCALE_SCORES_H
/* Uncertainty put to the test, on arrays of any program: scores, detection of foreign images, abstention, calibration,
 * bootstrap intervals and paired tests.  Definitions and conventions: docs/uncertainty.md.
 *
 * A score says how foreign an image looks: higher is more foreign.  Scores must not be NaN (SPS_EINVAL).  A threshold
 * accepts where score <= threshold and rejects (detects) above it.  Undefined values are NaN.  Sets may be empty and
 * hold at most 2^31 - 1 images. */
#include <stddef.h>
#include <stdint.h>

#include "spinscale/status.h"
#include "spinscale/uq.h"
#ifdef __cplusplus
extern "C" {
#endif

/* A set of images as the functions below read it. */
struct sps_predictions {
    size_t count, unlabelled;
    int classes;
    int *labels;                   /* [count], -1 where there is none */
    double *mean;                  /* [count][classes], over passes */
    struct sps_summary *summaries; /* [count] */
};
/* p[T][n][C], w[T], labels[n], level and rule as for sps_metrics_add(); n may be 0.  Release with
 * sps_predictions_reset(), which allows one that is all zeros. */
sps_status sps_predictions_init(struct sps_predictions *out, const float *p, const double *w, size_t passes, size_t n,
                                int classes, const int *labels, double level, const struct sps_accept_rule *rule);
void sps_predictions_reset(struct sps_predictions *set);

/* ---- Scores ---- */

/* Registered scores in order; NULL after the last. */
const char *sps_score_list(size_t index, const char **summary, const char **unit, const char **source);
/* Whether the score reads logits: sps_score() needs their energy then. */
int sps_score_needs_logits(const char *name);
/* out[count] of score `name`; energy[count] may be NULL for those that need no logits. */
sps_status sps_score(double *out, const char *name, const struct sps_predictions *set, const double *energy);
/* out[n]: the mean over passes of -ln sum exp z (Liu et al., NeurIPS 2020, at temperature 1); logits z[T][n][C] are
 * finite. */
sps_status sps_energy(double *out, const float *z, const double *w, size_t passes, size_t n, int classes);

/* ---- Bootstrap ---- */

/* Percentile intervals from images drawn with replacement, each set by itself.  Where it is asked for, NULL means no
 * interval. */
struct sps_resampling {
    size_t resamples;
    uint64_t seed;
    double level; /* in (0, 1) */
};
#define SPS_RESAMPLING_DEFAULT                                                                                         \
    {                                                                                                                  \
        1000, 1, 0.95                                                                                                  \
    }

struct sps_interval {
    double value;     /* of the images themselves */
    double low, high; /* percentiles of the defined resamples; NaN where the value is undefined or none was asked for */
    double error;     /* standard deviation over them */
    size_t undefined; /* resamples in which the value is undefined, left out above */
};

/* values[k] of the images, image i of set s counting times[s][i] times. */
typedef void (*sps_statistic)(double *values, const uint32_t *const *times, void *context);
/* out[count] of a statistic with `count` values over `sets` sets of sizes[s] images.  A draw depends on the seed, the
 * resample and the set. */
sps_status sps_bootstrap(struct sps_interval *out, size_t count, sps_statistic statistic, void *context,
                         const size_t *sizes, size_t sets, const struct sps_resampling *resampling);

/* Every registered metric of uq.h, in the order of sps_metric_list(); *count of them are there.  out may be NULL to
 * ask for the count. */
sps_status sps_metric_intervals(struct sps_interval *out, size_t *count, const struct sps_predictions *set,
                                const struct sps_resampling *resampling);

/* ---- Detection of foreign images ---- */

enum sps_detection {
    SPS_AUROC,     /* chance that a foreign image scores above one from home, ties counting half */
    SPS_AUPR_OUT,  /* average precision (step-wise), foreign images are the positives */
    SPS_AUPR_IN,   /* the same, home images are the positives, ranked by -score */
    SPS_FPR95_OUT, /* share of home rejected at the highest threshold that detects at least 95 % of foreign */
    SPS_FPR95_IN,  /* share of foreign accepted at the lowest threshold that accepts at least 95 % of home */
    SPS_DETECTED,  /* share of foreign above the given threshold */
    SPS_REJECTED,  /* share of home above it, without which the share detected says nothing */
    SPS_DETECTIONS
};
const char *sps_detection_name(enum sps_detection which, const char **summary);
/* threshold NaN: the last two are undefined. */
sps_status sps_detect(struct sps_interval out[SPS_DETECTIONS], const double *home, size_t home_count,
                      const double *foreign, size_t foreign_count, double threshold,
                      const struct sps_resampling *resampling);

/* ---- Abstention ---- */

enum sps_selective {
    SPS_AURC,        /* mean over k = 1 .. n of the error among the k images of lowest score */
    SPS_EXCESS_AURC, /* less that of the best order, which has all wrong answers last */
    SPS_KEPT_ERROR,  /* error among the share `coverage` of lowest score */
    SPS_KEPT_SHARE,  /* accepted at the threshold; this and the next as Scale-Dropout's Table IX */
    SPS_REJECT,      /* 1 - accepted */
    SPS_TPR,         /* accepted of the right answers */
    SPS_TNR,         /* rejected of the wrong answers */
    SPS_AR,          /* right of the accepted answers */
    SPS_SELECTIVES
};
const char *sps_selective_name(enum sps_selective which, const char **summary);
/* correct[n] is 0 or 1.  Images of equal score count by the mean over their orders.  coverage in [0, 1]; threshold NaN:
 * Table IX is undefined. */
sps_status sps_abstain(struct sps_interval out[SPS_SELECTIVES], const double *scores, const unsigned char *correct,
                       size_t n, double coverage, double threshold, const struct sps_resampling *resampling);

/* The risk-coverage curve: one point for each distinct score, ascending.  curve[n] has room for all; *points of them
 * are set. */
struct sps_risk_point {
    double threshold, coverage, risk; /* risk: error among the accepted */
};
sps_status sps_risk_coverage(struct sps_risk_point *curve, size_t *points, const double *scores,
                             const unsigned char *correct, size_t n);

/* A threshold from calibration data. */
struct sps_pick {
    double threshold;       /* -infinity accepts nothing, +infinity everything */
    size_t kept, errors;    /* of the calibration images that it accepts */
    double coverage, error; /* the same as shares */
    double bound;           /* sps_pick_error(): upper confidence bound of the error; NaN elsewhere */
};
/* The highest threshold found whose selective error is at most alpha with confidence 1 - delta over the draw of n
 * independent calibration images (binomial tail, Clopper and Pearson 1934).  Candidates that were fixed before the
 * data were seen, ascending, are tested in order at the full delta until one fails (fixed-sequence testing;
 * Angelopoulos et al., Learn then Test, arXiv 2110.01052).  Without them (NULL) the candidates are the order
 * statistics that keep 5, 10, ... 100 % of the images, each tested at delta / 20 (union bound; as Geifman and El-Yaniv,
 * NeurIPS 2017).  Where no candidate passes, nothing is accepted. */
sps_status sps_pick_error(struct sps_pick *out, const double *scores, const unsigned char *correct, size_t n,
                          double alpha, double delta, const double *candidates, size_t candidate_count);
/* The ceil(coverage (n + 1))-th smallest score: a further image, exchangeable with the n, is accepted with probability
 * at least `coverage`, calibration and image drawn together (split conformal; Papadopoulos et al., ECML 2002, Lei et
 * al., JASA 2018).  +infinity where n is too small for that.  correct may be NULL: error is NaN then. */
sps_status sps_pick_coverage(struct sps_pick *out, const double *scores, const unsigned char *correct, size_t n,
                             double coverage);
/* Upper confidence bound, of confidence 1 - delta, of a probability from k events in n (Clopper and Pearson). */
double sps_binomial_upper(size_t k, size_t n, double delta);

/* ---- Calibration ---- */

enum { SPS_RELIABILITY_BINS = 15 };
enum sps_binning { SPS_EQUAL_WIDTH, SPS_EQUAL_MASS };
struct sps_reliability_bin {
    double low, high; /* (low, high]: edges of the interval, or largest confidence of the bin before and of this one */
    size_t count;
    double confidence, accuracy; /* NaN in an empty bin */
};
/* Of the confidence; accuracy is NaN where labels are missing. */
sps_status sps_reliability(struct sps_reliability_bin bins[SPS_RELIABILITY_BINS], enum sps_binning binning,
                           const struct sps_predictions *set);

enum sps_ece {
    SPS_ECE_WIDTH,     /* metric `ece`: bins of equal width */
    SPS_ECE_MASS,      /* bins of equal numbers of images; images of equal confidence stay together */
    SPS_ECE_CLASSWISE, /* mean over classes of the same for that class's probability, bins of equal width */
    SPS_ECES
};
const char *sps_ece_name(enum sps_ece which, const char **summary);
struct sps_calibration {
    struct sps_interval ece;
    double floor, floor_high; /* mean and 95 % quantile were the set calibrated: labels drawn from the predictions */
};
/* floor_draws sets of labels; 0: floors are NaN.  Their seed is the resampling's, 1 where that is NULL. */
sps_status sps_calibration(struct sps_calibration out[SPS_ECES], const struct sps_predictions *set, size_t floor_draws,
                           const struct sps_resampling *resampling);

/* Temperature scaling (Guo et al., ICML 2017).  Each pass's logits are divided by the temperature, then softmax, then
 * the mean over passes.  Logarithms of probabilities serve as logits. */
struct sps_temperature {
    double temperature;
    double nll_before, nll_after; /* at temperature 1, and at this one; no floor */
    int at_edge;                  /* the NLL still falls at the end of the range that was searched, 1/64 .. 64 */
};
/* Minimises the NLL of labels[n], all of them 0 .. C-1; n >= 1.  z[T][n][C] is finite. */
sps_status sps_temperature_fit(struct sps_temperature *out, const float *z, const double *w, size_t passes, size_t n,
                               int classes, const int *labels);
/* p[rows][C] = softmax(z / temperature), row by row; p may be z. */
sps_status sps_temperature_apply(float *p, const float *z, size_t rows, int classes, double temperature);
/* z = ln max(p, 1e-12); z may be p. */
void sps_log_probabilities(float *z, const float *p, size_t count);

/* ---- Two models on the same images ---- */

struct sps_difference {
    double value;             /* a less b */
    double error;             /* standard error */
    double low, high;         /* normal interval at the level */
    double p;                 /* two-sided, of no difference; 1 where value and error are 0 */
    struct sps_interval boot; /* paired bootstrap */
};
/* Mean of a[i] - b[i], for example NLLs.  The level is the resampling's, 0.95 where that is NULL. */
sps_status sps_compare_means(struct sps_difference *out, const double *a, const double *b, size_t n,
                             const struct sps_resampling *resampling);
/* AUROC of scores a less that of scores b on the same home and foreign images (DeLong et al., Biometrics 1988). */
sps_status sps_compare_auroc(struct sps_difference *out, const double *home_a, const double *home_b, size_t home_count,
                             const double *foreign_a, const double *foreign_b, size_t foreign_count,
                             const struct sps_resampling *resampling);
/* McNemar's exact test of equal accuracy. */
struct sps_mcnemar {
    size_t only_a, only_b; /* images that only one has right */
    double difference;     /* of the accuracies, a less b */
    double p;              /* two-sided; 1 where they never differ */
};
sps_status sps_mcnemar(struct sps_mcnemar *out, const unsigned char *correct_a, const unsigned char *correct_b,
                       size_t n);

#ifdef __cplusplus
}
#endif
#endif
