/* SPDX-License-Identifier: MIT */
/* Scores, detection, abstention, calibration, bootstrap and paired tests, on cases worked out on paper and on random
 * data whose truth is known.  Tolerance 1e-12 where nothing but doubles and binary fractions go in.
 *
 *   t_scores --table HOME FOREIGN    with files of "score correct" lines: what oracle_scores.py compares */
#include <stdlib.h>

#include "core/memory.h"
#include "core/random.h"
#include "spinscale/scores.h"
#include "test.h"
#include "uq/binomial.h"

#define LN2 0.69314718055994530942

static struct sps_predictions predictions(const float *p, size_t passes, size_t n, int classes, const int *labels)
{
    struct sps_predictions set;
    OK(sps_predictions_init(&set, p, NULL, passes, n, classes, labels, 0.95, NULL));
    return set;
}

/* Two passes that are certain and disagree, (1, 0) and (0, 1): the mean is (1/2, 1/2).  Of class 0 the variance is 1/4;
 * the 10 % quantile of {0, 1} is 0.1. */
static void scores_of_a_disagreement(void **state)
{
    (void)state;
    const float p[2][2] = {{1, 0}, {0, 1}};
    const struct {
        const char *name;
        double value;
    } want[] = {{"max_probability", 0.5}, {"entropy", LN2}, {"mutual_information", LN2}, {"variance", 0.25},
                {"expected_entropy", 0},  {"energy", 7},    {"nll_rule", LN2},           {"eq26", -0.1}};
    struct sps_predictions set = predictions(p[0], 2, 1, 2, NULL);
    const double energy = 7;
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        const char *summary, *unit, *source;
        double score = NAN;
        assert_string_equal(sps_score_list(k, &summary, &unit, &source), want[k].name);
        assert_true(summary[0] != '\0' && unit[0] != '\0' && source[0] != '\0');
        OK(sps_score(&score, want[k].name, &set, &energy));
        NEAR(score, want[k].value, 1e-12);
        assert_int_equal(sps_score_needs_logits(want[k].name), strcmp(want[k].name, "energy") == 0);
    }
    assert_null(sps_score_list(sizeof want / sizeof *want, NULL, NULL, NULL));
    double score;
    FAILS(sps_score(&score, "energy", &set, NULL), EINVAL, "needs logits");
    FAILS(sps_score(&score, "entropie", &set, NULL), EINVAL, "unknown score");
    sps_predictions_reset(&set);
    const float unequal[2] = {0.75f, 0.25f};
    set = predictions(unequal, 1, 1, 2, NULL);
    OK(sps_score(&score, "max_probability", &set, NULL));
    NEAR(score, 0.25, 1e-12);
    sps_predictions_reset(&set);
}

/* Passes (0, 0) and (ln 3, 0): -ln 2 and -ln 4, mean -1.5 ln 2; with weights 1 and 3, -(1 + 6) / 4 ln 2.  float's ln 3
 * is off by 4e-8. */
static void energy_of_two_passes(void **state)
{
    (void)state;
    const float z[2][2] = {{0, 0}, {1.0986123f, 0}};
    const double w[2] = {1, 3};
    double energy;
    OK(sps_energy(&energy, z[0], NULL, 2, 1, 2));
    NEAR(energy, -1.5 * LN2, 1e-7);
    OK(sps_energy(&energy, z[0], w, 2, 1, 2));
    NEAR(energy, -1.75 * LN2, 1e-7);
    const float large[2] = {1000, 0}; /* exp(1000) is infinite */
    OK(sps_energy(&energy, large, NULL, 1, 1, 2));
    NEAR(energy, -1000, 1e-12);
    const float bad[2] = {NAN, 0};
    FAILS(sps_energy(&energy, bad, NULL, 1, 1, 2), EINVAL, "pass 0, image 0, class 0: logit is nan");
}

/* Home 1 2 2 4, foreign 2 3 5.
 * AUROC: foreign 2 beats 1 and ties two (2), 3 beats three, 5 beats four: 9 of 12.
 * AUPR out, from above: 5 (precision 1), 3 (2 of 3), 2 (3 of 6): (1 + 2/3 + 1/2) / 3 = 13/18.
 * AUPR in, from below: 1 (precision 1), two 2s (3 of 4), 4 (4 of 6): (1 + 2 * 3/4 + 2/3) / 4 = 19/24.
 * 95 % of three foreign are three: threshold 2 rejects 3 of 4.  95 % of four at home are four: 4 accepts 2 of 3
 * foreign. Threshold 2 accepts 2: detects 2 of 3, rejects 1 of 4. */
static void detection_by_hand(void **state)
{
    (void)state;
    const double home[] = {2, 4, 1, 2}, foreign[] = {5, 2, 3};
    struct sps_interval out[SPS_DETECTIONS];
    OK(sps_detect(out, home, 4, foreign, 3, 2, NULL));
    const double want[] = {0.75, 13 / 18.0, 19 / 24.0, 0.75, 2 / 3.0, 2 / 3.0, 0.25};
    assert_int_equal(sizeof want / sizeof *want, SPS_DETECTIONS); /* a new one has its case, too */
    for (int k = 0; k < SPS_DETECTIONS; k++)
        NEAR(out[k].value, want[k], 1e-12);
    assert_true(isnan(out[SPS_AUROC].low) && isnan(out[SPS_AUROC].error));
    OK(sps_detect(out, home, 4, foreign, 3, NAN, NULL));
    assert_true(isnan(out[SPS_DETECTED].value) && isnan(out[SPS_REJECTED].value));
    OK(sps_detect(out, home, 4, foreign, 3, INFINITY, NULL)); /* all accepted */
    NEAR(out[SPS_DETECTED].value, 0, 0);
    OK(sps_detect(out, home, 4, foreign, 3, -INFINITY, NULL)); /* all rejected */
    NEAR(out[SPS_REJECTED].value, 1, 0);
    /* 95 % of foreign 1 .. 20 are the upper 19: what scores 1.5 at home is not rejected with them. */
    const double near[] = {1.5};
    double twenty[20];
    for (int i = 0; i < 20; i++)
        twenty[i] = i + 1;
    OK(sps_detect(out, near, 1, twenty, 20, NAN, NULL));
    NEAR(out[SPS_FPR95_OUT].value, 0, 0);
    for (int k = 0; k < SPS_DETECTIONS; k++)
        assert_non_null(sps_detection_name((enum sps_detection)k, NULL));
    assert_null(sps_detection_name(SPS_DETECTIONS, NULL));
}

/* Constant scores: AUROC 1/2, precision is the share of the positives, and whoever takes one takes all. */
static void detection_at_the_edges(void **state)
{
    (void)state;
    const double same[] = {3, 3, 3, 3}, bad[] = {1, NAN};
    struct sps_interval out[SPS_DETECTIONS];
    const struct sps_resampling resampling = {20, 1, 0.9};
    OK(sps_detect(out, same, 3, same, 1, 3, &resampling));
    NEAR(out[SPS_AUROC].value, 0.5, 0);
    NEAR(out[SPS_AUROC].low, 0.5, 0);
    NEAR(out[SPS_AUROC].high, 0.5, 0);
    NEAR(out[SPS_AUPR_OUT].value, 0.25, 0);
    NEAR(out[SPS_AUPR_IN].value, 0.75, 0);
    NEAR(out[SPS_FPR95_OUT].value, 1, 0);
    NEAR(out[SPS_FPR95_IN].value, 1, 0);
    OK(sps_detect(out, same, 3, NULL, 0, 3, &resampling));
    assert_true(isnan(out[SPS_AUROC].value) && isnan(out[SPS_AUROC].low) && isnan(out[SPS_DETECTED].value));
    assert_int_equal(out[SPS_AUROC].undefined, 20);
    NEAR(out[SPS_REJECTED].value, 0, 0);
    OK(sps_detect(out, NULL, 0, NULL, 0, NAN, NULL));
    assert_true(isnan(out[SPS_FPR95_IN].value));
    FAILS(sps_detect(out, bad, 2, same, 1, 0, NULL), EINVAL, "score 1 of the home images is NaN");
    FAILS(sps_detect(out, same, 2, bad, 2, 0, NULL), EINVAL, "score 1 of the foreign images is NaN");
    const struct sps_resampling nonsense = {20, 1, 1};
    FAILS(sps_detect(out, same, 2, same, 2, 0, &nonsense), EINVAL, "level");
}

/* Scores 1 2 3 3 4, wrong are one of the 3s and the 4.  Mean errors of the first k: 0, 0, (1/2)/3, 1/4, 2/5: sum 49/60.
 * The best order has 0 0 0 1/4 2/5: 39/60.  80 % of five are four.  Threshold 3 accepts four, all three right ones. */
static void abstention_by_hand(void **state)
{
    (void)state;
    const double scores[] = {3, 1, 4, 2, 3};
    const unsigned char correct[] = {0, 1, 0, 1, 1};
    struct sps_interval out[SPS_SELECTIVES];
    OK(sps_abstain(out, scores, correct, 5, 0.8, 3, NULL));
    const double selective[] = {49 / 300.0, 1 / 30.0, 0.25, 0.8, 0.2, 1, 0.5, 0.75};
    assert_int_equal(sizeof selective / sizeof *selective, SPS_SELECTIVES); /* a new one has its case, too */
    for (int k = 0; k < SPS_SELECTIVES; k++)
        NEAR(out[k].value, selective[k], 1e-12);
    struct sps_risk_point curve[5];
    size_t points;
    OK(sps_risk_coverage(curve, &points, scores, correct, 5));
    assert_int_equal(points, 4);
    const struct sps_risk_point want[] = {{1, 0.2, 0}, {2, 0.4, 0}, {3, 0.8, 0.25}, {4, 1, 0.4}};
    for (size_t k = 0; k < points; k++) {
        NEAR(curve[k].threshold, want[k].threshold, 0);
        NEAR(curve[k].coverage, want[k].coverage, 1e-12);
        NEAR(curve[k].risk, want[k].risk, 1e-12);
    }
    OK(sps_abstain(out, scores, correct, 5, 0.8, -INFINITY, NULL)); /* nothing accepted */
    NEAR(out[SPS_REJECT].value, 1, 0);
    NEAR(out[SPS_TNR].value, 1, 0);
    assert_true(isnan(out[SPS_AR].value));
    const unsigned char right[] = {1, 1, 1, 1, 1};
    OK(sps_abstain(out, scores, right, 5, 0, INFINITY, NULL)); /* all accepted, none wrong, nothing kept */
    NEAR(out[SPS_AURC].value, 0, 0);
    NEAR(out[SPS_EXCESS_AURC].value, 0, 0);
    NEAR(out[SPS_AR].value, 1, 0);
    assert_true(isnan(out[SPS_TNR].value) && isnan(out[SPS_KEPT_ERROR].value));
    OK(sps_abstain(out, NULL, NULL, 0, 0.8, 3, NULL));
    for (int k = 0; k < SPS_SELECTIVES; k++) {
        assert_true(isnan(out[k].value));
        assert_non_null(sps_selective_name((enum sps_selective)k, NULL));
    }
    OK(sps_risk_coverage(curve, &points, NULL, NULL, 0));
    assert_int_equal(points, 0);
    const double bad[] = {NAN};
    FAILS(sps_abstain(out, bad, right, 1, 0.8, 3, NULL), EINVAL, "score 0 is NaN");
    FAILS(sps_abstain(out, scores, right, 1, 1.5, 3, NULL), EINVAL, "coverage");
}

/* P(X <= 1) of Bin(2, p) is 1 - p^2.  Bin(4, 1/2): 1 5 11 15 16 of 16.  No event in 10: (1 - p)^10 = delta. */
static void binomial_by_hand(void **state)
{
    (void)state;
    const double sixteenths[] = {1, 5, 11, 15, 16};
    for (size_t k = 0; k < 5; k++)
        NEAR(sps_binomial_cdf(k, 4, 0.5), sixteenths[k] / 16, 1e-14);
    NEAR(sps_binomial_upper(0, 10, 0.05), 1 - pow(0.05, 0.1), 1e-14);
    NEAR(sps_binomial_upper(1, 2, 0.05), sqrt(0.95), 1e-14);
    NEAR(sps_binomial_upper(3, 3, 0.05), 1, 0);
    NEAR(sps_binomial_upper(0, 0, 0.05), 1, 0);
    /* (1 - 1/n)^n for n = 1e6: exp(n log1p(-1/n)); the logs of factorials of 1e6 are about 1e7, so 1e-8 is left. */
    NEAR(sps_binomial_cdf(0, 1000000, 1e-6), exp(1e6 * log1p(-1e-6)), 1e-8);
    NEAR(sps_binomial_cdf(500000, 1000000, 0.5), 0.5 + 0.5 * 7.97884361e-4, 1e-9); /* half the middle term */
}

/* Scores 1 .. 9: 0.8 of 9 + 1 is the 8th; 0.95 of 10 is the 10th, which is not there. */
static void coverage_by_hand(void **state)
{
    (void)state;
    const double scores[] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
    struct sps_pick pick;
    OK(sps_pick_coverage(&pick, scores, NULL, 9, 0.8));
    NEAR(pick.threshold, 8, 0);
    assert_int_equal(pick.kept, 8);
    assert_true(isnan(pick.error));
    OK(sps_pick_coverage(&pick, scores, NULL, 9, 0.95));
    assert_true(isinf(pick.threshold) && pick.threshold > 0);
    OK(sps_pick_coverage(&pick, NULL, NULL, 0, 0.5));
    assert_true(isinf(pick.threshold) && isnan(pick.coverage));
    FAILS(sps_pick_coverage(&pick, scores, NULL, 9, 1), EINVAL, "coverage is 1");
}

/* Scores 1 .. 60, error at most 0.1 at delta 0.05.  No error in k: 0.9^k <= 0.05 needs k = 29; at delta / 20 it needs
 * 57, which is the level of 95 %. */
static void error_by_hand(void **state)
{
    (void)state;
    double scores[60];
    unsigned char correct[60];
    for (int i = 0; i < 60; i++) {
        scores[i] = i + 1;
        correct[i] = 1;
    }
    struct sps_pick pick;
    const double early[] = {28, 40}, late[] = {29, 40, 59};
    OK(sps_pick_error(&pick, scores, correct, 60, 0.1, 0.05, early, 2));
    assert_true(isinf(pick.threshold) && pick.threshold < 0);
    assert_int_equal(pick.kept, 0);
    OK(sps_pick_error(&pick, scores, correct, 60, 0.1, 0.05, late, 3));
    NEAR(pick.threshold, 59, 0);
    NEAR(pick.bound, 1 - pow(0.05, 1 / 59.0), 1e-12);
    OK(sps_pick_error(&pick, scores, correct, 60, 0.1, 0.05, NULL, 0));
    assert_int_equal(pick.kept, 60);
    correct[59] = correct[58] = correct[57] = 0;
    OK(sps_pick_error(&pick, scores, correct, 60, 0.1, 0.05, NULL, 0));
    assert_int_equal(pick.kept, 57);
    assert_true(pick.threshold < 58 && pick.threshold > 57);
    for (int i = 49; i < 60; i++)
        correct[i] = 0;
    OK(sps_pick_error(&pick, scores, correct, 60, 0.1, 0.05, late, 3)); /* 10 of 59 wrong: stops at 40 */
    NEAR(pick.threshold, 40, 0);
    assert_int_equal(pick.errors, 0);
    for (int i = 39; i < 49; i++)
        correct[i] = 0;
    OK(sps_pick_error(&pick, scores, correct, 60, 0.1, 0.05, NULL, 0)); /* 39 would do for one test, not for twenty */
    assert_int_equal(pick.kept, 0);
    const double falling[] = {2, 1}, infinite[] = {INFINITY};
    FAILS(sps_pick_error(&pick, scores, correct, 60, 0.1, 0.05, falling, 2), EINVAL, "candidate 1");
    FAILS(sps_pick_error(&pick, scores, correct, 60, 0, 0.05, NULL, 0), EINVAL, "error is 0");
    FAILS(sps_pick_error(&pick, scores, correct, 60, 0.1, 1, NULL, 0), EINVAL, "delta is 1");
    FAILS(sps_pick_error(&pick, infinite, correct, 1, 0.1, 0.1, NULL, 0), EINVAL, "must be finite");
    OK(sps_pick_error(&pick, NULL, NULL, 0, 0.1, 0.1, NULL, 0));
    assert_int_equal(pick.kept, 0);
}

/* Confidence 3/4 wrong and 25/32 right, both in (11/15, 12/15].  Equal width: |1 - 49/32| / 2 = 17/64.  Equal mass: one
 * bin each, (3/4 + 7/32) / 2 = 31/64.  Classwise: class 0 has sum 1 - 49/32, class 1 1 - 15/32 over 1/4 and 7/32, both
 * in (3/15, 4/15]: 17/32 each, over 2 images and 2 classes 17/64. */
static void calibration_by_hand(void **state)
{
    (void)state;
    const float p[2][2] = {{0.75f, 0.25f}, {0.78125f, 0.21875f}};
    const int labels[] = {1, 0};
    struct sps_predictions set = predictions(p[0], 1, 2, 2, labels);
    struct sps_calibration out[SPS_ECES];
    OK(sps_calibration(out, &set, 0, NULL));
    NEAR(out[SPS_ECE_WIDTH].ece.value, 17 / 64.0, 1e-12);
    NEAR(out[SPS_ECE_MASS].ece.value, 31 / 64.0, 1e-12);
    NEAR(out[SPS_ECE_CLASSWISE].ece.value, 17 / 64.0, 1e-12);
    assert_true(isnan(out[SPS_ECE_WIDTH].floor));
    struct sps_reliability_bin bins[SPS_RELIABILITY_BINS];
    OK(sps_reliability(bins, SPS_EQUAL_WIDTH, &set));
    assert_int_equal(bins[11].count, 2);
    NEAR(bins[11].confidence, 49 / 64.0, 1e-12);
    NEAR(bins[11].accuracy, 0.5, 0);
    NEAR(bins[11].high, 0.8, 1e-15);
    assert_true(bins[10].count == 0 && isnan(bins[10].accuracy) && isnan(bins[10].confidence));
    OK(sps_reliability(bins, SPS_EQUAL_MASS, &set)); /* the first image starts at 0 of 15, the second at 15 / 2 */
    assert_true(bins[0].count == 1 && bins[7].count == 1);
    NEAR(bins[0].high, 0.75, 0);
    NEAR(bins[7].low, 0.75, 0);
    NEAR(bins[7].high, 0.78125, 0);
    sps_predictions_reset(&set);

    /* Equal confidences stay together: three images at 3/4, two right, are one bin of either kind: |2 - 9/4| / 3. */
    const float equal[3][2] = {{0.75f, 0.25f}, {0.25f, 0.75f}, {0.75f, 0.25f}};
    const int some[] = {0, 1, 1};
    set = predictions(equal[0], 1, 3, 2, some);
    OK(sps_calibration(out, &set, 0, NULL));
    NEAR(out[SPS_ECE_WIDTH].ece.value, 1 / 12.0, 1e-12);
    NEAR(out[SPS_ECE_MASS].ece.value, 1 / 12.0, 1e-12);
    sps_predictions_reset(&set);
}

/* A fair coin misses by 1/2 whatever falls, a certainty never does.  Two images at (1/4, 1/4, 1/2) miss by 1/2 where
 * both or none have the third class, half of the time: 1/4, within four standard errors of 2000 draws (1/4 /
 * sqrt(2000)).  400 images at 3/4: the mean of |binomial / n - 3/4| is sqrt(2 / pi) sqrt(3/16 / 400) = 0.01727, within
 * four standard errors of 400 draws (0.6 / 0.8 / 20 = 4 % each). */
static void floors_that_are_known(void **state)
{
    (void)state;
    const float coin[] = {0.5f, 0.5f}, sure[] = {1, 0};
    struct sps_calibration out[SPS_ECES];
    struct sps_predictions set = predictions(coin, 1, 1, 2, NULL);
    OK(sps_calibration(out, &set, 10, NULL)); /* a floor needs no labels */
    for (int k = 0; k < SPS_ECES; k++) {
        assert_true(isnan(out[k].ece.value));
        NEAR(out[k].floor, 0.5, 1e-12);
        NEAR(out[k].floor_high, 0.5, 1e-12);
        assert_non_null(sps_ece_name((enum sps_ece)k, NULL));
    }
    sps_predictions_reset(&set);
    set = predictions(sure, 1, 1, 2, NULL);
    OK(sps_calibration(out, &set, 10, NULL));
    NEAR(out[SPS_ECE_CLASSWISE].floor, 0, 0);
    sps_predictions_reset(&set);
    const float three[2][3] = {{0.25f, 0.25f, 0.5f}, {0.25f, 0.25f, 0.5f}};
    set = predictions(three[0], 1, 2, 3, NULL);
    OK(sps_calibration(out, &set, 2000, NULL));
    NEAR(out[SPS_ECE_WIDTH].floor, 0.25, 0.0224);
    sps_predictions_reset(&set);
    float p[400][2];
    for (int i = 0; i < 400; i++) {
        p[i][0] = 0.75f;
        p[i][1] = 0.25f;
    }
    set = predictions(p[0], 1, 400, 2, NULL);
    OK(sps_calibration(out, &set, 400, NULL));
    NEAR(out[SPS_ECE_WIDTH].floor, 0.01727, 0.16 * 0.01727);
    NEAR(out[SPS_ECE_WIDTH].floor_high, 1.96 * 0.02165, 0.16 * 0.042);
    sps_predictions_reset(&set);
}

static void empty_sets(void **state)
{
    (void)state;
    struct sps_predictions set = predictions(NULL, 1, 0, 3, NULL);
    struct sps_calibration out[SPS_ECES];
    const struct sps_resampling resampling = {5, 1, 0.9};
    OK(sps_calibration(out, &set, 5, &resampling));
    for (int k = 0; k < SPS_ECES; k++)
        assert_true(isnan(out[k].ece.value) && isnan(out[k].ece.low) && isnan(out[k].floor));
    struct sps_reliability_bin bins[SPS_RELIABILITY_BINS];
    OK(sps_reliability(bins, SPS_EQUAL_MASS, &set));
    assert_int_equal(bins[3].count, 0);
    struct sps_interval metrics[64];
    size_t count;
    OK(sps_metric_intervals(metrics, &count, &set, &resampling));
    for (size_t k = 0; k < count; k++)
        assert_true(isnan(metrics[k].value));
    sps_predictions_reset(&set);
    const float bad[] = {NAN, 1};
    FAILS(sps_predictions_init(&set, bad, NULL, 1, 1, 2, NULL, 0.95, NULL), EINVAL, "pass 0, image 0, class 0");
    FAILS(sps_predictions_init(&set, bad, NULL, 0, 1, 2, NULL, 0.95, NULL), EINVAL, "passes");
}

/* Logit ln 27 (probability 27/28), right in 3 of 4: the best is 3/4, logit ln 3 = ln 27 / 3, so temperature 3; its NLL
 * is the entropy of (3/4, 1/4).  The valley is flat, so the place is known to about 1e-7, its NLL to rounding. */
static void temperature_by_hand(void **state)
{
    (void)state;
    float z[2][4][2];
    const int labels[] = {0, 0, 1, 0};
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < 4; i++) {
            z[t][i][0] = 3.2958369f;
            z[t][i][1] = 0;
        }
    struct sps_temperature fit;
    for (size_t passes = 1; passes <= 2; passes++) { /* a pass twice is a pass */
        OK(sps_temperature_fit(&fit, z[0][0], NULL, passes, 4, 2, labels));
        NEAR(fit.temperature, 3, 1e-5);
        NEAR(fit.nll_before, -0.75 * log(27 / 28.0) + 0.25 * log(28), 1e-7);
        NEAR(fit.nll_after, 2 * LN2 - 0.75 * log(3), 1e-12);
        assert_false(fit.at_edge);
    }
    float p[2];
    OK(sps_temperature_apply(p, z[0][0], 1, 2, 3));
    NEAR((double)p[0], 0.75, 1e-7);
    NEAR((double)p[1], 0.25, 1e-7);
    const int right[] = {0, 0, 0, 0}, none[] = {0, 0, -1, 0};
    OK(sps_temperature_fit(&fit, z[0][0], NULL, 1, 4, 2, right));
    assert_true(fit.at_edge);
    NEAR(fit.temperature, 1 / 64.0, 1e-6);
    const float equal[4][2] = {{1, 1}, {2, 2}, {-3, -3}, {0, 0}}; /* no temperature changes anything: none is needed */
    OK(sps_temperature_fit(&fit, equal[0], NULL, 1, 4, 2, labels));
    NEAR(fit.temperature, 1, 0);
    NEAR(fit.nll_after, LN2, 1e-12);
    assert_false(fit.at_edge);
    FAILS(sps_temperature_fit(&fit, z[0][0], NULL, 1, 4, 2, none), EINVAL, "label of image 2 is -1");
    FAILS(sps_temperature_fit(&fit, NULL, NULL, 1, 0, 2, right), EINVAL, "number of images is 0");
    FAILS(sps_temperature_apply(p, z[0][0], 1, 2, 0), EINVAL, "temperature is 0");
}

/* Logarithms of probabilities are logits; 0 becomes the floor. */
static void log_probabilities(void **state)
{
    (void)state;
    float p[3] = {0.25f, 0.75f, 0}, z[3];
    sps_log_probabilities(z, p, 3);
    NEAR((double)z[2], log(1e-12), 1e-5);
    OK(sps_temperature_apply(z, z, 1, 3, 1));
    NEAR((double)z[0], 0.25, 1e-7);
    NEAR((double)z[1], 0.75, 1e-7);
}

/* Differences 1 2 3: mean 2, variance 1, standard error 1 / sqrt 3, z = 2 sqrt 3. */
static void paired_means_by_hand(void **state)
{
    (void)state;
    const double a[] = {2, 4, 6}, b[] = {1, 2, 3}, bad[] = {1, INFINITY, 1};
    struct sps_difference d;
    const struct sps_resampling resampling = {200, 3, 0.95};
    OK(sps_compare_means(&d, a, b, 3, &resampling));
    NEAR(d.value, 2, 0);
    NEAR(d.error, 1 / sqrt(3), 1e-12);
    NEAR(d.low, 2 - 1.95996398454005423552 / sqrt(3), 1e-12);
    NEAR(d.p, erfc(2 * sqrt(3) / sqrt(2)), 1e-15);
    assert_true(d.boot.low >= 1 && d.boot.low < 2 && d.boot.high > 2 && d.boot.high <= 3);
    OK(sps_compare_means(&d, a, a, 3, NULL));
    NEAR(d.p, 1, 0);
    OK(sps_compare_means(&d, a, b, 1, NULL)); /* one difference has no spread to know */
    assert_true(isnan(d.error) && isnan(d.p));
    OK(sps_compare_means(&d, NULL, NULL, 0, NULL));
    assert_true(isnan(d.value));
    FAILS(sps_compare_means(&d, a, bad, 3, NULL), EINVAL, "values 1 are 4 and inf");
}

/* Five that only a has right, one that only b has: 2 (1 + 6) / 2^6. */
static void mcnemar_by_hand(void **state)
{
    (void)state;
    const unsigned char a[] = {1, 1, 1, 1, 1, 0, 1, 0}, b[] = {0, 0, 0, 0, 0, 1, 1, 0};
    struct sps_mcnemar m;
    OK(sps_mcnemar(&m, a, b, 8));
    assert_int_equal(m.only_a, 5);
    assert_int_equal(m.only_b, 1);
    NEAR(m.difference, 0.5, 0);
    NEAR(m.p, 14 / 64.0, 1e-14);
    OK(sps_mcnemar(&m, a, a, 8));
    NEAR(m.p, 1, 0);
    OK(sps_mcnemar(&m, NULL, NULL, 0));
    assert_true(isnan(m.difference) && m.p == 1);
}

/* a: home 0 2, foreign 1 3, AUROC 3/4; placements are 1/2 and 1 for the foreign, 1 and 1/2 for those at home.  b parts
 * them: all 1.  Differences {0, -1/2} twice, variance 1/8 each: 1/8 / 2 + 1/8 / 2 = 1/8. */
static void delong_by_hand(void **state)
{
    (void)state;
    const double home_a[] = {0, 2}, foreign_a[] = {1, 3}, home_b[] = {0, 1}, foreign_b[] = {2, 3};
    struct sps_difference d;
    OK(sps_compare_auroc(&d, home_a, home_b, 2, foreign_a, foreign_b, 2, NULL));
    NEAR(d.value, -0.25, 1e-12);
    NEAR(d.error, sqrt(0.125), 1e-12);
    NEAR(d.p, erfc(0.25 / sqrt(0.125) / sqrt(2)), 1e-12);
    OK(sps_compare_auroc(&d, home_a, home_a, 2, foreign_a, foreign_a, 2, NULL));
    NEAR(d.p, 1, 0);
    OK(sps_compare_auroc(&d, home_a, home_b, 2, NULL, NULL, 0, NULL));
    assert_true(isnan(d.value) && isnan(d.p));
}

/* ---- Random data ---- */

static double uniform(struct sps_random *r)
{
    return (double)sps_random_uniform(r);
}

/* A set of n images, T passes of C classes; labels follow the first pass. */
static struct sps_predictions random_set(size_t n, uint32_t item)
{
    enum { T = 3, C = 4 };
    float *p = calloc(T * n * C, sizeof *p);
    int *labels = calloc(n, sizeof *labels);
    assert_true(p != NULL && labels != NULL);
    struct sps_random r = sps_random(5, SPS_FOR_TEST, item, 0, 0);
    for (size_t i = 0; i < n; i++)
        for (size_t t = 0; t < T; t++) {
            float *row = p + (t * n + i) * C, sum = 0;
            for (int c = 0; c < C; c++)
                sum += row[c] = expf(2 * sps_random_normal(&r));
            for (int c = 0; c < C; c++)
                row[c] /= sum;
            double u = uniform(&r);
            for (int c = 0; c < C && t == 0 && u >= 0; c++) {
                labels[i] = c;
                u -= (double)row[c];
            }
        }
    struct sps_predictions set = predictions(p, T, n, C, labels);
    free(p);
    free(labels);
    return set;
}

/* The same numbers as the metrics that stream, to the rounding of another order of sums; and other calls of the same
 * seed give the same intervals. */
static void intervals_of_the_registered_metrics(void **state)
{
    (void)state;
    const float p[2][3][2] = {{{1, 0}, {0.5f, 0.5f}, {0.25f, 0.75f}}, {{0.75f, 0.25f}, {0.5f, 0.5f}, {0.25f, 0.75f}}};
    const int labels[] = {0, 1, 1};
    sps_metrics *m;
    OK(sps_metrics_create(&m, 2, 0.95, NULL));
    OK(sps_metrics_add(m, p[0][0], NULL, 2, 3, labels, NULL));
    struct sps_predictions set = predictions(p[0][0], 2, 3, 2, labels);
    struct sps_interval out[64], again[64];
    size_t count;
    const struct sps_resampling resampling = {50, 9, 0.9};
    OK(sps_metric_intervals(NULL, &count, &set, NULL));
    assert_in_range(count, 1, 64);
    OK(sps_metric_intervals(out, &count, &set, &resampling));
    OK(sps_metric_intervals(again, &count, &set, &resampling));
    for (size_t k = 0; k < count; k++) {
        double value;
        OK(sps_metrics_value(m, sps_metric_list(k, NULL, NULL, NULL), &value));
        if (isnan(value))
            assert_true(isnan(out[k].value) && isnan(out[k].low));
        else {
            NEAR(out[k].value, value, 1e-12);
            assert_true(out[k].low <= out[k].high);
            NEAR(out[k].low, again[k].low, 0);
            NEAR(out[k].error, again[k].error, 0);
        }
    }
    /* Metric 0 is the accuracy, 2/3; resamples of three images have 0, 1, 2 or 3 right: P(0) = 1/27 < 5 %. */
    assert_string_equal(sps_metric_list(0, NULL, NULL, NULL), "accuracy");
    NEAR(out[0].high, 1, 0);
    assert_true(out[0].low < 0.5);
    struct sps_calibration ece[SPS_ECES];
    double value;
    OK(sps_calibration(ece, &set, 0, NULL));
    OK(sps_metrics_value(m, "ece", &value));
    NEAR(ece[SPS_ECE_WIDTH].ece.value, value, 1e-12);
    OK(sps_calibration(ece, &set, 0, &resampling)); /* the same resamples */
    for (size_t k = 0; k < count; k++)
        if (strcmp(sps_metric_list(k, NULL, NULL, NULL), "ece") == 0) {
            NEAR(ece[SPS_ECE_WIDTH].ece.low, out[k].low, 1e-12);
            NEAR(ece[SPS_ECE_WIDTH].ece.high, out[k].high, 1e-12);
        }
    sps_metrics_free(m);
    sps_predictions_reset(&set);
    set = predictions(p[0][0], 2, 3, 2, NULL); /* no labels: no accuracy, but an entropy */
    OK(sps_metric_intervals(out, &count, &set, &resampling));
    assert_true(isnan(out[0].value) && isnan(out[0].low));
    assert_false(isnan(out[count - 4].value));
    sps_predictions_reset(&set);
}

struct calls {
    double number;
    int equal; /* resamples in which both sets were drawn alike */
};

static void count_calls(double *value, const uint32_t *const *times, void *context)
{
    struct calls *calls = context;
    calls->equal += memcmp(times[0], times[1], 10 * sizeof **times) == 0;
    *value = calls->number > 0 && calls->number < 4 ? NAN : calls->number; /* undefined in the first three resamples */
    calls->number++;
}

/* The value 0, then 4 .. 104 in 101 resamples: quantiles at 0.05 and 0.95 are 9 and 99, the standard deviation is
 * sqrt(101 * 102 / 12).  Two sets of ten are drawn alike by chance only. */
static void percentiles_of_resamples(void **state)
{
    (void)state;
    const size_t sizes[2] = {10, 10};
    const struct sps_resampling resampling = {104, 1, 0.9};
    struct calls calls = {0, 0};
    struct sps_interval out;
    OK(sps_bootstrap(&out, 1, count_calls, &calls, sizes, 2, &resampling));
    NEAR(out.value, 0, 0);
    NEAR(out.low, 9, 1e-12);
    NEAR(out.high, 99, 1e-12);
    NEAR(out.error, sqrt(101 * 102 / 12.0), 1e-12);
    assert_int_equal(out.undefined, 3);
    assert_true(calls.equal <= 2); /* one is the sample itself */
}

/* Home N(0, 1), foreign N(1, 1): the AUROC is Phi(1 / sqrt 2) = 0.76025.  A 90 % interval holds it in 90 % of 200
 * trials, within four standard deviations of that count, 4 * sqrt(.09 / 200) = 8.5 %. */
static void intervals_cover(void **state)
{
    (void)state;
    enum { TRIALS = 200, N = 100 };
    int covered = 0;
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        struct sps_random r = sps_random(6, SPS_FOR_TEST, trial, 0, 0);
        double home[N], foreign[N];
        for (int i = 0; i < N; i++) {
            home[i] = (double)sps_random_normal(&r);
            foreign[i] = (double)sps_random_normal(&r) + 1;
        }
        struct sps_interval out[SPS_DETECTIONS];
        const struct sps_resampling resampling = {200, trial, 0.9};
        OK(sps_detect(out, home, N, foreign, N, NAN, &resampling));
        covered += out[SPS_AUROC].low <= 0.76025 && out[SPS_AUROC].high >= 0.76025;
    }
    NEAR(covered / (double)TRIALS, 0.9, 0.085);
}

/* Scores are uniform, an answer of score s is wrong with probability 0.4 s: the error below t is 0.2 t, at most 0.05 up
 * to t = 1/4.  With delta = 0.2 the promise is broken in at most 20 % of 300 trials, plus four standard deviations,
 * 4 * sqrt(.16 / 300) = 9.2 %; and it is not kept by accepting nothing.  Candidates .08, .12, ... are fixed. */
static void error_promise_holds(void **state)
{
    (void)state;
    enum { TRIALS = 300, N = 4000 };
    int broken[2] = {0, 0};
    double coverage[2] = {0, 0}, candidates[24];
    for (int k = 0; k < 24; k++)
        candidates[k] = 0.08 + 0.04 * k;
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        struct sps_random r = sps_random(7, SPS_FOR_TEST, trial, 0, 0);
        double scores[N];
        unsigned char correct[N];
        for (int i = 0; i < N; i++) {
            scores[i] = uniform(&r);
            correct[i] = uniform(&r) >= 0.4 * scores[i];
        }
        for (int fixed = 0; fixed < 2; fixed++) {
            struct sps_pick pick;
            OK(sps_pick_error(&pick, scores, correct, N, 0.05, 0.2, fixed ? candidates : NULL, 24));
            broken[fixed] += fmin(pick.threshold, 1) > 0.25;
            coverage[fixed] += fmax(pick.threshold, 0) / TRIALS;
        }
    }
    for (int fixed = 0; fixed < 2; fixed++) {
        assert_true(broken[fixed] <= (0.2 + 0.092) * TRIALS);
        assert_true(coverage[fixed] > 0.1);
    }
}

/* Uniform scores, n = 50, coverage 0.8: the threshold is the 41st of 50, whose expectation is 41/51 = 0.8039; its
 * standard deviation is 0.055, over 1000 trials 0.0017. */
static void coverage_promise_holds(void **state)
{
    (void)state;
    enum { TRIALS = 1000, N = 50 };
    double coverage = 0;
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        struct sps_random r = sps_random(8, SPS_FOR_TEST, trial, 0, 0);
        double scores[N];
        for (int i = 0; i < N; i++)
            scores[i] = uniform(&r);
        struct sps_pick pick;
        OK(sps_pick_coverage(&pick, scores, NULL, N, 0.8));
        coverage += pick.threshold / TRIALS;
    }
    NEAR(coverage, 41 / 51.0, 0.007);
}

/* 200 images, split anew each time into 50 to fit on and 150 to come: of those at least the coverage is accepted on
 * average, whatever the scores; no more than 1 / 51 above it where all differ.  Each trial's share has a standard
 * deviation of at most 0.066, the mean of 1000 trials 0.0021; three of these are allowed. */
static void coverage_promise_holds_on_splits(void **state)
{
    (void)state;
    enum { TRIALS = 1000, N = 50, ALL = 200 };
    for (int tied = 0; tied < 2; tied++) {
        double scores[ALL], fitted[N], accepted = 0;
        struct sps_random r = sps_random(12, SPS_FOR_TEST, (uint32_t)tied, 0, 0);
        for (int i = 0; i < ALL; i++) /* skewed */
            scores[i] = tied ? (double)(i % 7) : pow(uniform(&r), 9);
        for (uint32_t trial = 0; trial < TRIALS; trial++) {
            uint32_t order[ALL];
            struct sps_pick pick;
            sps_random_permutation(&r, order, ALL);
            for (int i = 0; i < N; i++)
                fitted[i] = scores[order[i]];
            OK(sps_pick_coverage(&pick, fitted, NULL, N, 0.8));
            for (int i = N; i < ALL; i++)
                accepted += scores[order[i]] <= pick.threshold;
        }
        accepted /= (double)TRIALS * (ALL - N);
        assert_true(accepted >= 0.8 - 0.0063);
        assert_true(tied || accepted <= 0.8 + 1 / 51.0 + 0.0063);
    }
}

/* Bootstrap and normal theory agree on a mean: the standard errors within 20 % at 500 resamples (sd 3 %). */
static void bootstrap_error_is_the_normal_one(void **state)
{
    (void)state;
    enum { N = 300 };
    double a[N], b[N];
    struct sps_random r = sps_random(9, SPS_FOR_TEST, 0, 0, 0);
    for (int i = 0; i < N; i++) {
        a[i] = (double)sps_random_normal(&r);
        b[i] = uniform(&r);
    }
    struct sps_difference d;
    const struct sps_resampling resampling = {500, 1, 0.95};
    OK(sps_compare_means(&d, a, b, N, &resampling));
    NEAR(d.boot.error, d.error, 0.2 * d.error);
    OK(sps_compare_auroc(&d, a, b, N / 2, a + N / 2, b + N / 2, N / 2, &resampling));
    NEAR(d.boot.error, d.error, 0.2 * d.error);
}

/* Each allocation of each function fails once: the status says so and nothing leaks. */
static void memory_runs_out(void **state)
{
    (void)state;
    struct sps_predictions set = random_set(20, 1), other;
    double scores[20];
    unsigned char correct[20];
    OK(sps_score(scores, "entropy", &set, NULL));
    for (size_t i = 0; i < 20; i++)
        correct[i] = set.summaries[i].predicted == set.labels[i];
    const struct sps_resampling resampling = {3, 1, 0.9};
    const float p[2] = {0.5f, 0.5f};
    long live = sps_memory_live();
    for (int call = 0; call < 9; call++) {
        sps_status status = SPS_ENOMEM;
        for (long fail = 0; status != SPS_OK; fail++) {
            struct sps_interval intervals[64];
            struct sps_calibration calibration[SPS_ECES];
            struct sps_reliability_bin bins[SPS_RELIABILITY_BINS];
            struct sps_risk_point curve[20];
            struct sps_difference difference;
            struct sps_pick pick;
            size_t count;
            sps_memory_fail_at(fail);
            switch (call) {
            case 0:
                status = sps_predictions_init(&other, p, NULL, 1, 1, 2, NULL, 0.95, NULL);
                break;
            case 1:
                status = sps_metric_intervals(intervals, &count, &set, &resampling);
                break;
            case 2:
                status = sps_detect(intervals, scores, 10, scores + 10, 10, 1, &resampling);
                break;
            case 3:
                status = sps_abstain(intervals, scores, correct, 20, 0.8, 1, &resampling);
                break;
            case 4:
                status = sps_risk_coverage(curve, &count, scores, correct, 20);
                break;
            case 5:
                status = sps_calibration(calibration, &set, 2, &resampling);
                break;
            case 6:
                status = sps_compare_auroc(&difference, scores, scores, 10, scores + 10, scores, 10, &resampling);
                break;
            case 7:
                status = sps_pick_error(&pick, scores, correct, 20, 0.1, 0.1, NULL, 0);
                break;
            default:
                status = sps_reliability(bins, SPS_EQUAL_MASS, &set);
            }
            sps_memory_fail_at(-1);
            if (status == SPS_OK && call == 0)
                sps_predictions_reset(&other);
            assert_true(status == SPS_OK || status == SPS_ENOMEM);
            assert_int_equal(sps_memory_live(), live);
            assert_in_range(fail, 0, 100);
        }
    }
    sps_predictions_reset(&set);
}

/* ---- What the oracle reads ---- */

struct table {
    double score[4096];
    unsigned char correct[4096];
    size_t count;
};

static struct table *read_table(const char *path)
{
    struct table *table = calloc(1, sizeof *table);
    FILE *file = fopen(path, "r");
    int correct;
    if (table == NULL || file == NULL)
        exit(1);
    while (table->count < 4096 && fscanf(file, "%lf %d", &table->score[table->count], &correct) == 2)
        table->correct[table->count++] = correct != 0;
    fclose(file);
    return table;
}

static int print_table(const char *home_path, const char *foreign_path)
{
    struct table *home = read_table(home_path), *foreign = read_table(foreign_path);
    struct sps_interval detection[SPS_DETECTIONS], selective[SPS_SELECTIVES];
    struct sps_difference delong, means;
    struct sps_mcnemar mcnemar;
    size_t n = home->count < foreign->count ? home->count : foreign->count;
    sps_status status = sps_detect(detection, home->score, home->count, foreign->score, foreign->count, 0.5, NULL);
    if (status == SPS_OK)
        status = sps_abstain(selective, home->score, home->correct, home->count, 0.8, 0.5, NULL);
    if (status == SPS_OK)
        status = sps_mcnemar(&mcnemar, home->correct, foreign->correct, n);
    if (status == SPS_OK)
        status = sps_compare_means(&means, home->score, foreign->score, n, NULL);
    if (status == SPS_OK) /* the other model's scores are these, turned round */
        status = sps_compare_auroc(&delong, home->score, foreign->score, n, foreign->score, home->score, n, NULL);
    if (status == SPS_OK) {
        for (int k = 0; k < SPS_DETECTIONS; k++)
            printf("%s %.17g\n", sps_detection_name((enum sps_detection)k, NULL), detection[k].value);
        for (int k = 0; k < SPS_SELECTIVES; k++)
            printf("%s %.17g\n", sps_selective_name((enum sps_selective)k, NULL), selective[k].value);
        printf("mcnemar_p %.17g\nmeans_error %.17g\nmeans_p %.17g\n", mcnemar.p, means.error, means.p);
        printf("delong_error %.17g\n", delong.error);
        for (size_t k = 0; k <= 40; k += 8)
            printf("cdf_%zu %.17g\nupper_%zu %.17g\n", k, sps_binomial_cdf(k, 200, 0.1), k,
                   sps_binomial_upper(k, 200, 0.05));
    }
    free(home);
    free(foreign);
    return status != SPS_OK;
}

int main(int count, char **arguments)
{
    if (count == 4 && strcmp(arguments[1], "--table") == 0)
        return print_table(arguments[2], arguments[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_of_a_disagreement),
        cmocka_unit_test(energy_of_two_passes),
        cmocka_unit_test(detection_by_hand),
        cmocka_unit_test(detection_at_the_edges),
        cmocka_unit_test(abstention_by_hand),
        cmocka_unit_test(binomial_by_hand),
        cmocka_unit_test(coverage_by_hand),
        cmocka_unit_test(error_by_hand),
        cmocka_unit_test(calibration_by_hand),
        cmocka_unit_test(floors_that_are_known),
        cmocka_unit_test(empty_sets),
        cmocka_unit_test(temperature_by_hand),
        cmocka_unit_test(log_probabilities),
        cmocka_unit_test(paired_means_by_hand),
        cmocka_unit_test(mcnemar_by_hand),
        cmocka_unit_test(delong_by_hand),
        cmocka_unit_test(intervals_of_the_registered_metrics),
        cmocka_unit_test(percentiles_of_resamples),
        cmocka_unit_test(intervals_cover),
        cmocka_unit_test(error_promise_holds),
        cmocka_unit_test(coverage_promise_holds),
        cmocka_unit_test(coverage_promise_holds_on_splits),
        cmocka_unit_test(bootstrap_error_is_the_normal_one),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
