/* SPDX-License-Identifier: MIT */
/* Summaries and metrics on tables that are worked out on paper.  Tolerances: 1e-12 where the inputs are binary
 * fractions, 1e-7 where a float such as 0.9f (off by 2e-8) goes in. */
#include <stdlib.h>

#include "core/memory.h"
#include "core/random.h"
#include "spinscale/uq.h"
#include "test.h"
#include "uq/list.h"
#include "uq/normal.h"

#define LN2 0.69314718055994530942
#define Z95 1.95996398454005423552
static const struct sps_accept_rule standard = SPS_ACCEPT_RULE_DEFAULT;

static double metric(const sps_metrics *m, const char *name)
{
    double value = -1;
    OK(sps_metrics_value(m, name, &value));
    return value;
}

/* Two classes, two passes that are certain and disagree: mean (1/2, 1/2), H = ln 2; each pass is certain, so the
 * expected entropy is 0 and all of it is mutual information.  Of class 0 (the first of equals): variance ((1/2)^2 +
 * (1/2)^2) / 2 = 1/4, sd 1/2; the interpolated quantile q of {0, 1} is q: eq. 26's score is 0.1. */
static void total_disagreement(void **state)
{
    (void)state;
    const float p[2][2] = {{1, 0}, {0, 1}};
    double mean[2];
    struct sps_summary s;
    OK(sps_summarise(&s, mean, p[0], 2, NULL, 2, 2, 0.95, &standard));
    assert_int_equal(s.predicted, 0);
    NEAR(mean[0], 0.5, 0);
    NEAR(mean[1], 0.5, 0);
    NEAR(s.confidence, 0.5, 0);
    NEAR(s.variance, 0.25, 0);
    NEAR(s.entropy, LN2, 1e-15);
    NEAR(s.expected_entropy, 0, 0);
    NEAR(s.mutual_information, LN2, 1e-15);
    NEAR(s.interval_low, 0.5 - Z95 / 2, 1e-12);
    NEAR(s.interval_high, 0.5 + Z95 / 2, 1e-12);
    NEAR(s.quantile_low, 0.025, 1e-12);
    NEAR(s.quantile_high, 0.975, 1e-12);
    NEAR(s.mc_error, 0.5 / sqrt(2), 1e-12);
    NEAR(s.score, 0.1, 1e-12);
    assert_int_equal(s.accepted, 0);
}

/* One pass (1/8, 5/8, 2/8): nothing can vary.  H = (3 ln 2) / 8 + (5/8)(3 ln 2 - ln 5) + (2 ln 2) / 4
 * = (3 + 15 + 4) / 8 ln 2 - (5/8) ln 5 = 2.75 ln 2 - 0.625 ln 5. */
static void one_pass_has_no_spread(void **state)
{
    (void)state;
    const float p[3] = {0.125f, 0.625f, 0.25f};
    struct sps_summary s;
    OK(sps_summarise(&s, NULL, p, 3, NULL, 1, 3, 0.95, &standard));
    assert_int_equal(s.predicted, 1);
    NEAR(s.entropy, 2.75 * LN2 - 0.625 * log(5), 1e-12);
    NEAR(s.expected_entropy, s.entropy, 1e-15);
    NEAR(s.mutual_information, 0, 0);
    NEAR(s.variance, 0, 0);
    NEAR(s.mc_error, 0, 0);
    NEAR(s.interval_low, 0.625, 0);
    NEAR(s.interval_high, 0.625, 0);
    NEAR(s.quantile_low, 0.625, 0);
    NEAR(s.quantile_high, 0.625, 0);
    NEAR(s.score, 0.625, 0);
}

/* Passes (1/2, 1/4, 1/4), (3/4, 1/8, 1/8), (1/4, 1/2, 1/4), with a stride of 4.
 * mean = (12, 7, 5) / 24; variance of class 0 = (0 + 1/16 + 1/16) / 3 = 1/24 (by T - 1 it would be 1/16);
 * entropies 1.5 ln 2, then 0.75 (2 ln 2 - ln 3) + 0.25 (3 ln 2) = 2.25 ln 2 - 0.75 ln 3, then 1.5 ln 2;
 * their mean = 1.75 ln 2 - 0.25 ln 3.  Quantile 0.1 of {1/4, 1/2, 3/4}: position 0.2, 1/4 + 0.2/4 = 0.3. */
static const float three[3][4] = {{0.5f, 0.25f, 0.25f, 9}, {0.75f, 0.125f, 0.125f, 9}, {0.25f, 0.5f, 0.25f, 9}};
static void three_passes_by_hand(void **state)
{
    (void)state;
    double mean[3];
    struct sps_summary s;
    OK(sps_summarise(&s, mean, three[0], 4, NULL, 3, 3, 0.5, &standard));
    NEAR(mean[0], 12 / 24.0, 1e-15);
    NEAR(mean[1], 7 / 24.0, 1e-15);
    NEAR(mean[2], 5 / 24.0, 1e-15);
    NEAR(s.variance, 1 / 24.0, 1e-15);
    double h = -(0.5 * log(0.5) + 7 / 24.0 * log(7 / 24.0) + 5 / 24.0 * log(5 / 24.0));
    double expected = 1.75 * LN2 - 0.25 * log(3);
    NEAR(s.entropy, h, 1e-12);
    NEAR(s.expected_entropy, expected, 1e-12);
    NEAR(s.mutual_information, h - expected, 1e-12);
    NEAR(s.interval_high - s.confidence, 0.67448975019608174320 * sqrt(1 / 24.0), 1e-12); /* level 0.5 */
    NEAR(s.quantile_low, 0.375, 1e-12);                                                   /* position 0.25 * 2 = 0.5 */
    NEAR(s.quantile_high, 0.625, 1e-12);
    NEAR(s.mc_error, sqrt(1 / 72.0), 1e-12);
    NEAR(s.score, 0.3, 1e-12);
}

/* Eq. 26 takes the largest over classes, and that need not be the predicted class.  Quantile 0.2 of five passes is at
 * position 0.8: class 0 (mean 0.45, predicted) has 0, 0, 3/4 ... and gives 0, class 1 always has 1/4.  Quantile 0.5:
 * class 0 has 3/4. */
static void accept_score_is_the_largest_over_classes(void **state)
{
    (void)state;
    const float p[5][3] = {
        {0.75f, 0.25f, 0}, {0.75f, 0.25f, 0}, {0.75f, 0.25f, 0}, {0, 0.25f, 0.75f}, {0, 0.25f, 0.75f}};
    struct sps_summary s;
    OK(sps_summarise(&s, NULL, p[0], 3, NULL, 5, 3, 0.95, &(struct sps_accept_rule){0.2, 0.25}));
    assert_int_equal(s.predicted, 0);
    NEAR(s.score, 0.25, 1e-15);
    assert_int_equal(s.accepted, 1); /* at least the threshold is enough */
    OK(sps_summarise(&s, NULL, p[0], 3, NULL, 5, 3, 0.95, &(struct sps_accept_rule){0.5, 0.76}));
    NEAR(s.score, 0.75, 1e-15);
    assert_int_equal(s.accepted, 0);
}

static void default_rule_is_the_papers(void **state)
{
    (void)state;
    const float sure[2] = {0.9375f, 0.0625f}, surer[2] = {0.953125f, 0.046875f};
    struct sps_summary s;
    OK(sps_summarise(&s, NULL, sure, 2, NULL, 1, 2, 0.95, NULL));
    assert_int_equal(s.accepted, 0);
    OK(sps_summarise(&s, NULL, surer, 2, NULL, 1, 2, 0.95, NULL));
    assert_int_equal(s.accepted, 1);
}

/* numpy.quantile([3, 1, 4, 1, 5, 9, 2, 6], q) as NumPy gives it: sorted 1 1 2 3 4 5 6 9, position 7 q. */
static void quantile_is_numpys(void **state)
{
    (void)state;
    const double q[] = {0, 0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975, 1};
    const double want[] = {1, 1, 1, 1.75, 3.5, 5.25, 6.9, 8.475, 9};
    for (size_t i = 0; i < sizeof q / sizeof *q; i++) {
        double v[] = {3, 1, 4, 1, 5, 9, 2, 6};
        NEAR(sps_quantile(v, 8, q[i]), want[i], 1e-14);
    }
    double one[] = {-2.5};
    NEAR(sps_quantile(one, 1, 0.3), -2.5, 0);
    assert_true(isnan(sps_quantile(one, 0, 0.5)));
    assert_true(isnan(sps_quantile(one, 1, 1.5)));
    double nan[] = {1, NAN, 2};
    assert_true(isnan(sps_quantile(nan, 3, 0.5)));
}

/* Sorting: of a permutation of 0 .. 999, quantile k / 999 is k, and each weight stays with its value: weight of v is v,
 * so the cumulative weight at v is v (v + 1) / 2 of 499500.  Half of it, 249750, is reached at 707 (250278), not 706
 * (249571). */
static void quantiles_of_many(void **state)
{
    (void)state;
    struct sps_random r = sps_random(3, SPS_FOR_TEST, 0, 0, 0);
    uint32_t order[1000];
    double v[1000], w[1000];
    sps_random_permutation(&r, order, 1000);
    for (int i = 0; i < 1000; i++)
        v[i] = w[i] = order[i];
    NEAR(sps_weighted_quantile(v, w, 1000, 0.5), 707, 0);
    for (int i = 0; i < 1000; i++) {
        NEAR(v[i], i, 0);
        NEAR(w[i], i, 0);
        v[i] = order[i];
    }
    for (int k = 0; k < 1000; k += 111)
        NEAR(sps_quantile(v, 1000, k / 999.0), k, 1e-9);
}

/* Values 10, 20, 30, 40 with weights 0.1, 0.2, 0, 0.7: cumulative 0.1, 0.3, 0.3, 1.  30 weighs nothing and is never
 * chosen. Six times 1/12 is 0.49999999999999994 in binary, and yet the sixth of twelve reaches 1/2. */
static void weighted_quantile_inverts_the_distribution(void **state)
{
    (void)state;
    const double q[] = {0, 0.05, 0.1, 0.11, 0.3, 0.31, 1};
    const double want[] = {10, 10, 10, 20, 20, 40, 40};
    for (size_t i = 0; i < sizeof q / sizeof *q; i++) {
        double v[] = {40, 10, 30, 20}, w[] = {0.7, 0.1, 0, 0.2};
        NEAR(sps_weighted_quantile(v, w, 4, q[i]), want[i], 0);
    }
    double v[12], w[12];
    for (int i = 0; i < 12; i++) {
        v[i] = i + 1;
        w[i] = 1 / 12.0;
    }
    NEAR(sps_weighted_quantile(v, w, 12, 0.5), 6, 0);
    double none[] = {0, 0};
    assert_true(isnan(sps_weighted_quantile(v, none, 2, 0.5)));
}

/* Equal weights, whatever their size, give the unweighted moments and entropies; a pass of weight 2 is a pass twice.
 * Quantiles are by another rule, and an exact mixture has no Monte Carlo error. */
static void weights_agree_with_repetition(void **state)
{
    (void)state;
    const double equal[3] = {0.25, 0.25, 0.25}, twice[3] = {2, 1, 1};
    const float four[4][3] = {
        {0.5f, 0.25f, 0.25f}, {0.5f, 0.25f, 0.25f}, {0.75f, 0.125f, 0.125f}, {0.25f, 0.5f, 0.25f}};
    struct sps_summary plain, weighted;
    OK(sps_summarise(&plain, NULL, three[0], 4, NULL, 3, 3, 0.95, &standard));
    OK(sps_summarise(&weighted, NULL, three[0], 4, equal, 3, 3, 0.95, &standard));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(weighted.predicted, plain.predicted);
        NEAR(weighted.confidence, plain.confidence, 1e-15);
        NEAR(weighted.variance, plain.variance, 1e-15);
        NEAR(weighted.entropy, plain.entropy, 1e-15);
        NEAR(weighted.mutual_information, plain.mutual_information, 1e-15);
        NEAR(weighted.interval_low, plain.interval_low, 1e-15);
        NEAR(weighted.mc_error, 0, 0);
        NEAR(weighted.score, 0.25, 0); /* the smallest value carries at least a quarter of the weight */
        OK(sps_summarise(&plain, NULL, four[0], 3, NULL, 4, 3, 0.95, &standard));
        OK(sps_summarise(&weighted, NULL, three[0], 4, twice, 3, 3, 0.95, &standard));
    }
}

/* Logits -3, 1, 5 (stride 2): mean 1, variance (16 + 0 + 16) / 3, quantile 0.025 at position 0.05: -3 + 0.05 * 4 =
 * -2.8. */
static void spread_of_logits(void **state)
{
    (void)state;
    const float v[6] = {-3, NAN, 1, NAN, 5, NAN};
    struct sps_spread s;
    OK(sps_spread(&s, v, 2, NULL, 3, 0.95));
    NEAR(s.mean, 1, 0);
    NEAR(s.variance, 32 / 3.0, 1e-12);
    NEAR(s.interval_low, 1 - Z95 * sqrt(32 / 3.0), 1e-12);
    NEAR(s.interval_high, 1 + Z95 * sqrt(32 / 3.0), 1e-12);
    NEAR(s.quantile_low, -2.8, 1e-12);
    NEAR(s.quantile_high, 4.8, 1e-12);
    NEAR(s.mc_error, sqrt(32 / 9.0), 1e-12);
    FAILS(sps_spread(&s, v, 1, NULL, 3, 0.95), EINVAL, "pass 1: value is nan");
}

/* Published quantiles of the standard normal; +-1 holds erf(1 / sqrt 2); next to 1 the root satisfies its own equation;
 * next to 0 the density is 1 / sqrt(2 pi), so z = level * sqrt(pi / 2). */
static void normal_interval(void **state)
{
    (void)state;
    const double table[][2] = {{0.5, 0.67448975019608174320}, {0.9, 1.6448536269514722},   {0.95, Z95},
                               {0.99, 2.5758293035489004},    {0.999, 3.2905267314918947}, {0.68268949213708589717, 1}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        NEAR(sps_normal_interval(table[i][0]), table[i][1], 1e-14 * table[i][1] + 2e-15 / (1 - table[i][0]));
    double next_to_one = 1 - 0x1p-53;
    NEAR(erfc(sps_normal_interval(next_to_one) / sqrt(2)) / 0x1p-53, 1, 1e-12);
    NEAR(sps_normal_interval(1e-9) / 1e-9, sqrt(acos(-1) / 2), 1e-12);
}

/* Four images, two classes, two passes; means of class 0 in brackets, labels 0 0 1 1:
 *   image 0: (1, 0) (1, 0)         [1]     right            quantile 0.1: 1        accepted
 *   image 1: (1/4, 3/4) (1/4, 3/4) [1/4]   wrong, conf 3/4  3/4                    rejected
 *   image 2: (0, 1) (1/2, 1/2)     [1/4]   right, conf 3/4  of {1/2, 1}: 0.55      rejected
 *   image 3: (1, 0) (1, 0)         [1]     wrong            1                      accepted
 * accuracy 1/2.  NLL (0 + ln 4 + ln 4/3 + 12 ln 10) / 4: the last label has probability 0, floored at 1e-12.
 * Brier (0 + 2 (3/4)^2 + 2 (1/4)^2 + 2) / 4 = 13/16.
 * ECE: 3/4 lies in (11/15, 12/15]: |1 - 1.5| = 1/2; 1 in the last bin: |1 - 2| = 1; together 1.5 / 4 = 3/8.
 * variance: only image 2 varies, (1/4)^2: 1/64 on average.  Expected entropy: image 1 has h, H(3/4) = 2 ln 2 - 0.75 ln
 * 3 = h; image 2 (0 + ln 2) / 2; entropy: h for images 1 and 2. TPR: of the right {0, 2} one accepted, 1/2; TNR: of the
 * wrong {1, 3} one rejected, 1/2; AR: of the accepted {0, 3}, 1/2. */
static const float table[2][4][2] = {{{1, 0}, {0.25f, 0.75f}, {0, 1}, {1, 0}},
                                     {{1, 0}, {0.25f, 0.75f}, {0.5f, 0.5f}, {1, 0}}};
static void metrics_by_hand(void **state)
{
    (void)state;
    const int labels[4] = {0, 0, 1, 1};
    struct sps_summary summaries[4];
    sps_metrics *m;
    OK(sps_metrics_create(&m, 2, 0.95, &standard));
    OK(sps_metrics_add(m, table[0][0], NULL, 2, 4, labels, summaries));
    double h = 2 * LN2 - 0.75 * log(3);
    const struct {
        const char *name;
        double value;
    } want[] = {
        {"accuracy", 0.5},
        {"nll", (log(4) + log(4 / 3.0) + 12 * log(10)) / 4},
        {"brier", 13 / 16.0},
        {"ece", 3 / 8.0},
        {"confidence", 3.5 / 4},
        {"entropy", 2 * h / 4},
        {"expected_entropy", (h + LN2 / 2) / 4},
        {"mutual_information", (h - LN2 / 2) / 4},
        {"variance", 1 / 64.0},
        {"accepted", 0.5},
        {"true_accept_rate", 0.5},
        {"true_reject_rate", 0.5},
        {"accepted_accuracy", 0.5},
    };
    /* All that are registered, so that a new one has its case too. */
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        assert_string_equal(sps_metric_list(k, NULL, NULL, NULL), want[k].name);
        NEAR(metric(m, want[k].name), want[k].value, 1e-12);
    }
    assert_null(sps_metric_list(sizeof want / sizeof *want, NULL, NULL, NULL));
    NEAR(summaries[2].score, 0.55, 1e-12);
    assert_int_equal(summaries[1].predicted, 1);
    assert_int_equal(summaries[3].accepted, 1);
    sps_metrics_free(m);
}

/* (1/2, 1/4, 1/4) with label 0: 1/4 + 1/16 + 1/16 = 3/8. */
static void brier_counts_every_class(void **state)
{
    (void)state;
    const float p[3] = {0.5f, 0.25f, 0.25f};
    const int label = 0;
    sps_metrics *m;
    OK(sps_metrics_create(&m, 3, 0.95, NULL));
    OK(sps_metrics_add(m, p, NULL, 1, 1, &label, NULL));
    NEAR(metric(m, "brier"), 3 / 8.0, 1e-15);
    sps_metrics_free(m);
}

/* Every column and image is sorted anew, weights along with it.  Pass 0 weighs 3/4, pass 1 1/4.  In image 0 the heavy
 * pass has the larger value of class 0 (1, then 1/2), in image 1 of class 1: quantile 0.2 is 1/2 both times, 0.3 is 1.
 */
static void weights_follow_their_passes(void **state)
{
    (void)state;
    const float p[2][2][2] = {{{1, 0}, {0, 1}}, {{0.5f, 0.5f}, {0.5f, 0.5f}}};
    const double w[2] = {0.75, 0.25};
    for (int k = 0; k < 2; k++) {
        struct sps_summary summaries[2];
        sps_metrics *m;
        OK(sps_metrics_create(&m, 2, 0.95, &(struct sps_accept_rule){k ? 0.3 : 0.2, 0.95}));
        OK(sps_metrics_add(m, p[0][0], w, 2, 2, NULL, summaries));
        for (int i = 0; i < 2; i++) {
            assert_int_equal(summaries[i].predicted, i);
            NEAR(summaries[i].score, k ? 1 : 0.5, 0);
        }
        sps_metrics_free(m);
    }
}

/* Ten images of four kinds: 6 right and accepted, 1 right and rejected, 2 wrong and rejected, 1 wrong and accepted.
 * TPR 6/7, TNR 2/3, AR 6/7 = TPR * accuracy / accepted = (6/7)(7/10)/(7/10). */
static void accept_and_reject_quality(void **state)
{
    (void)state;
    const float sure[2] = {1, 0}, unsure[2] = {0.75f, 0.25f};
    const struct {
        const float *p;
        int label, times;
    } kinds[] = {{sure, 0, 6}, {unsure, 0, 1}, {unsure, 1, 2}, {sure, 1, 1}};
    sps_metrics *m;
    OK(sps_metrics_create(&m, 2, 0.95, NULL));
    for (size_t k = 0; k < 4; k++)
        for (int i = 0; i < kinds[k].times; i++)
            OK(sps_metrics_add(m, kinds[k].p, NULL, 1, 1, &kinds[k].label, NULL));
    NEAR(metric(m, "true_accept_rate"), 6 / 7.0, 1e-15);
    NEAR(metric(m, "true_reject_rate"), 2 / 3.0, 1e-15);
    NEAR(metric(m, "accepted_accuracy"), 6 / 7.0, 1e-15);
    NEAR(metric(m, "accepted"), 7 / 10.0, 1e-15);
    NEAR(metric(m, "accepted_accuracy"), metric(m, "true_accept_rate") * metric(m, "accuracy") / metric(m, "accepted"),
         1e-15);
    sps_metrics_free(m);
}

/* A bin holds its upper edge.  Weights 0.6 and 0.4 on certain passes give a confidence of exactly the double 0.6 =
 * 9/15: it belongs with 0.5625 in (8/15, 9/15], not with 0.625 in (9/15, 10/15]. Wrong at 0.6, right at 0.5625: |1
 * - 1.1625| = 0.1625; right at 0.625: 0.375; ECE (0.1625 + 0.375) / 3. On the other side of the edge it would be (|1
 * - 1.225| + 0.4375) / 3. */
static void ece_bins_hold_their_upper_edge(void **state)
{
    (void)state;
    const float p[2][3][2] = {{{1, 0}, {0.5625f, 0.4375f}, {0.625f, 0.375f}},
                              {{0, 1}, {0.5625f, 0.4375f}, {0.625f, 0.375f}}};
    const double w[2] = {0.6, 0.4};
    const int labels[3] = {1, 0, 0};
    struct sps_summary summaries[3];
    sps_metrics *m;
    OK(sps_metrics_create(&m, 2, 0.95, NULL));
    OK(sps_metrics_add(m, p[0][0], w, 2, 3, labels, summaries));
    NEAR(summaries[0].confidence, 9 / 15.0, 0);
    NEAR(metric(m, "ece"), (0.1625 + 0.375) / 3, 1e-12);
    sps_metrics_free(m);
}

/* A perfectly calibrated table: four images at confidence 3/4, three of them right. */
static void ece_of_calibrated_is_zero(void **state)
{
    (void)state;
    const float p[4][2] = {{0.75f, 0.25f}, {0.75f, 0.25f}, {0.25f, 0.75f}, {0.75f, 0.25f}};
    const int labels[4] = {0, 0, 1, 1};
    sps_metrics *m;
    OK(sps_metrics_create(&m, 2, 0.95, NULL));
    OK(sps_metrics_add(m, p[0], NULL, 1, 4, labels, NULL));
    NEAR(metric(m, "ece"), 0, 1e-15);
    sps_metrics_free(m);
}

static int needs_labels(const char *name)
{
    static const char *const names[] = {
        "accuracy", "nll", "brier", "ece", "true_accept_rate", "true_reject_rate", "accepted_accuracy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return 1;
    return 0;
}

/* One image without a label (below 0, above C - 1, or no labels at all) takes the meaning from metrics with labels
 * only. */
static void missing_labels_are_undefined(void **state)
{
    (void)state;
    const int below[4] = {0, -1, 1, 1}, above[4] = {0, 0, 2, 1};
    const int *const cases[] = {below, above, NULL};
    for (size_t k = 0; k < 3; k++) {
        sps_metrics *m;
        OK(sps_metrics_create(&m, 2, 0.95, NULL));
        const char *name;
        for (size_t i = 0; (name = sps_metric_list(i, NULL, NULL, NULL)) != NULL; i++)
            assert_true(isnan(metric(m, name))); /* no images yet */
        OK(sps_metrics_add(m, table[0][0], NULL, 2, 4, cases[k], NULL));
        for (size_t i = 0; (name = sps_metric_list(i, NULL, NULL, NULL)) != NULL; i++)
            assert_int_equal(isnan(metric(m, name)) != 0, needs_labels(name));
        sps_metrics_free(m);
    }
}

/* Nothing accepted: the accuracy of the accepted is undefined, and so is the share rejected of the wrong if none is
 * wrong. */
static void empty_shares_are_undefined(void **state)
{
    (void)state;
    const float p[2] = {0.5f, 0.5f};
    const int label = 0;
    sps_metrics *m;
    OK(sps_metrics_create(&m, 2, 0.95, NULL));
    OK(sps_metrics_add(m, p, NULL, 1, 1, &label, NULL));
    assert_true(isnan(metric(m, "accepted_accuracy")));
    assert_true(isnan(metric(m, "true_reject_rate")));
    NEAR(metric(m, "true_accept_rate"), 0, 0);
    sps_metrics_free(m);
}

/* Random distributions p[T][N][C]. */
enum { T = 5, N = 97, C = 4 };
static void fill(float p[T][N][C], int labels[N])
{
    struct sps_random r = sps_random(11, SPS_FOR_TEST, 0, 0, 0);
    for (int t = 0; t < T; t++)
        for (int i = 0; i < N; i++) {
            float sum = 0;
            for (int c = 0; c < C; c++)
                sum += p[t][i][c] = expf(2 * sps_random_normal(&r));
            for (int c = 0; c < C; c++)
                p[t][i][c] /= sum;
        }
    for (int i = 0; i < N; i++)
        labels[i] = (int)sps_random_below(&r, C);
}

/* In blocks of 1, 7 and all: the same bits in every metric. */
static void blocks_change_nothing(void **state)
{
    (void)state;
    static float p[T][N][C], block[T * N * C];
    int labels[N];
    fill(p, labels);
    const int sizes[] = {N, 1, 7};
    double first[64];
    for (size_t k = 0; k < 3; k++) {
        sps_metrics *m;
        OK(sps_metrics_create(&m, C, 0.95, &(struct sps_accept_rule){0.1, 0.3}));
        for (int from = 0; from < N; from += sizes[k]) {
            int n = from + sizes[k] < N ? sizes[k] : N - from;
            for (int t = 0; t < T; t++)
                memcpy(block + t * n * C, p[t][from], (size_t)(n * C) * sizeof *block);
            OK(sps_metrics_add(m, block, NULL, T, (size_t)n, labels + from, NULL));
        }
        const char *name;
        for (size_t i = 0; (name = sps_metric_list(i, NULL, NULL, NULL)) != NULL; i++) {
            double value = metric(m, name);
            if (k == 0)
                first[i] = value;
            assert_memory_equal(&value, &first[i], sizeof value);
        }
        sps_metrics_free(m);
    }
}

/* Entropy is concave: mutual information is never below 0, even where rounding would put it there (equal passes). */
static void mutual_information_is_not_negative(void **state)
{
    (void)state;
    static float p[T][N][C];
    int labels[N];
    fill(p, labels);
    memcpy(p[1], p[0], sizeof p[0]);
    memcpy(p[2], p[0], sizeof p[0]);
    for (int i = 0; i < N; i++) {
        struct sps_summary s;
        OK(sps_summarise(&s, NULL, p[0][i], N * C, NULL, 3, C, 0.95, NULL));
        assert_true(s.mutual_information >= 0);
        NEAR(s.mutual_information, 0, 1e-15);
    }
}

/* A refused block leaves no trace: the metrics are those of the good image before it. */
static void bad_rows_are_refused(void **state)
{
    (void)state;
    const struct {
        float bad;
        const char *words;
    } cases[] = {{NAN, "pass 1, image 3, class 1: probability is nan, must be finite and at least 0"},
                 {-0.25f, "pass 1, image 3, class 1: probability is -0.25"},
                 {INFINITY, "pass 1, image 3, class 1: probability is inf"},
                 {0.752f, "pass 1, image 3, classes 0 to 1: probabilities sum to 1.002, must be 1 within 0.001"},
                 {0.748f, "pass 1, image 3, classes 0 to 1: probabilities sum to 0.998, must be 1 within 0.001"}};
    const int labels[3] = {1, 1, 1};
    sps_metrics *m;
    OK(sps_metrics_create(&m, 2, 0.95, NULL));
    OK(sps_metrics_add(m, (const float[]){1, 0}, NULL, 1, 1, &labels[1], NULL));
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        float p[2][3][2] = {{{0, 1}, {0, 1}, {0, 1}}, {{0, 1}, {0, 1}, {0.25f, cases[k].bad}}};
        FAILS(sps_metrics_add(m, p[0][0], NULL, 2, 3, labels, NULL), EINVAL, cases[k].words);
        NEAR(metric(m, "accuracy"), 0, 0);
        NEAR(metric(m, "confidence"), 1, 0);
        struct sps_summary s;
        FAILS(sps_summarise(&s, NULL, p[0][2], 6, NULL, 2, 2, 0.95, NULL), EINVAL, strstr(cases[k].words, "class"));
    }
    const float close[2] = {0.25f, 0.7505f}; /* off by 0.0005: what half precision does */
    OK(sps_metrics_add(m, close, NULL, 1, 1, labels, NULL));
    sps_metrics_free(m);
}

static void bad_settings_are_refused(void **state)
{
    (void)state;
    const float p[2] = {1, 0};
    struct sps_summary s;
    sps_metrics *m = NULL;
    double value = 0;
    FAILS(sps_summarise(&s, NULL, p, 2, NULL, 0, 2, 0.95, NULL), EINVAL, "passes is 0");
    FAILS(sps_summarise(&s, NULL, p, 2, NULL, 1, 0, 0.95, NULL), EINVAL, "classes is 0");
    FAILS(sps_summarise(&s, NULL, p, 2, NULL, 1, 2, 1, NULL), EINVAL, "level of the interval is 1");
    FAILS(sps_summarise(&s, NULL, p, 2, NULL, 1, 2, NAN, NULL), EINVAL, "level of the interval is nan");
    FAILS(sps_metrics_create(&m, 2, 0, NULL), EINVAL, "level of the interval is 0");
    FAILS(sps_metrics_create(&m, 0, 0.95, NULL), EINVAL, "classes is 0");
    FAILS(sps_metrics_create(&m, 2, 0.95, &(struct sps_accept_rule){-0.1, 0.5}), EINVAL,
          "quantile of the accept rule is -0.1");
    FAILS(sps_metrics_create(&m, 2, 0.95, &(struct sps_accept_rule){0.1, NAN}), EINVAL,
          "threshold of the accept rule is nan");
    assert_null(m);
    const double negative[] = {-1}, nothing[] = {0}, infinite[] = {INFINITY};
    FAILS(sps_summarise(&s, NULL, p, 2, negative, 1, 2, 0.95, NULL), EINVAL, "weight of pass 0 is -1");
    FAILS(sps_summarise(&s, NULL, p, 2, nothing, 1, 2, 0.95, NULL), EINVAL, "weights of the passes sum to 0");
    FAILS(sps_summarise(&s, NULL, p, 2, infinite, 1, 2, 0.95, NULL), EINVAL, "weight of pass 0 is inf");
    OK(sps_metrics_create(&m, 2, 0.95, NULL));
    FAILS(sps_metrics_value(m, "acuracy", &value), EINVAL, "unknown metric 'acuracy'");
    sps_metrics_free(m);
    sps_metrics_free(NULL);
}

/* Home 1 2 2 3, foreign 2 3 4: of 12 pairs, foreign 2 beats 1 and ties with two (1 + 1), foreign 3 beats three and ties
 * with one (3.5), foreign 4 beats all (4): 9.5 / 12. */
static void auroc_counts_ties_half(void **state)
{
    (void)state;
    const double home[] = {2, 1, 3, 2}, foreign[] = {4, 2, 3}, low[] = {-INFINITY, 0}, nan[] = {1, NAN};
    double a = -1;
    OK(sps_auroc(&a, home, 4, foreign, 3));
    NEAR(a, 9.5 / 12, 1e-15);
    OK(sps_auroc(&a, foreign, 3, home, 4));
    NEAR(a, 2.5 / 12, 1e-15);
    OK(sps_auroc(&a, home, 4, home, 4));
    NEAR(a, 0.5, 1e-15);
    OK(sps_auroc(&a, low, 2, home, 4));
    NEAR(a, 1, 0);
    OK(sps_auroc(&a, NULL, 0, home, 4));
    assert_true(isnan(a));
    OK(sps_auroc(&a, home, 4, NULL, 0));
    assert_true(isnan(a));
    a = -1;
    FAILS(sps_auroc(&a, home, 4, nan, 2), EINVAL, "score 1 of the foreign images is NaN");
    NEAR(a, -1, 0);
}

/* Against all pairs, on 60 x 40 scores with many ties. */
static void auroc_equals_counting_pairs(void **state)
{
    (void)state;
    struct sps_random r = sps_random(5, SPS_FOR_TEST, 0, 0, 0);
    double home[60], foreign[40], wins = 0, a;
    for (int i = 0; i < 60; i++)
        home[i] = sps_random_below(&r, 10);
    for (int i = 0; i < 40; i++)
        foreign[i] = 2 + sps_random_below(&r, 10);
    for (int i = 0; i < 60; i++)
        for (int j = 0; j < 40; j++)
            wins += foreign[j] > home[i] ? 1 : foreign[j] == home[i] ? 0.5 : 0;
    OK(sps_auroc(&a, home, 60, foreign, 40));
    NEAR(a, wins / 2400, 1e-15);
}

/* What every registered metric owes: its name is its list name, texts are there, its value is finite on a set that has
 * it all. */
static void registry_keeps_its_contract(void **state)
{
    (void)state;
    static const char *const names[] = {
#define NAME(name) #name,
        SPS_METRIC_LIST(NAME)
#undef NAME
    };
    static float p[T][N][C];
    int labels[N];
    fill(p, labels);
    sps_metrics *m;
    OK(sps_metrics_create(&m, C, 0.95, &(struct sps_accept_rule){0.1, 0.3}));
    OK(sps_metrics_add(m, p[0][0], NULL, T, N, labels, NULL));
    size_t count = sizeof names / sizeof *names;
    for (size_t i = 0; i < count; i++) {
        const char *summary = "", *unit = "", *source = "";
        assert_string_equal(sps_metric_list(i, &summary, &unit, &source), names[i]);
        assert_true(strlen(summary) > 5 && strlen(unit) > 0 && strlen(source) > 5);
        assert_true(isfinite(metric(m, names[i])));
    }
    assert_null(sps_metric_list(count, NULL, NULL, NULL));
    sps_metrics_free(m);
}

static sps_status everything(void)
{
    const double w[2] = {1, 3}, scores[2] = {1, 2};
    const int labels[4] = {0, 0, 1, 1};
    struct sps_summary s;
    struct sps_spread d;
    double a, mean[2];
    sps_metrics *m = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_summarise(&s, mean, table[0][2], 8, w, 2, 2, 0.95, NULL));
    SPS_TRY_OUT(sps_spread(&d, table[0][2], 8, w, 2, 0.95));
    SPS_TRY_OUT(sps_metrics_create(&m, 2, 0.95, NULL));
    SPS_TRY_OUT(sps_metrics_add(m, table[0][0], w, 2, 4, labels, NULL));
    SPS_TRY_OUT(sps_auroc(&a, scores, 2, scores, 2));
out:
    sps_metrics_free(m);
    return status;
}

/* Let the n-th allocation fail, for every n: SPS_ENOMEM, nothing leaks, and the next call works. */
static void allocation_failures(void **state)
{
    (void)state;
    long live = sps_memory_live();
    sps_status status = SPS_ENOMEM;
    int failures = -1;
    for (long n = 0; status == SPS_ENOMEM; n++, failures++) {
        sps_memory_fail_at(n);
        status = everything();
        sps_memory_fail_at(-1);
        assert_int_equal(sps_memory_live(), live);
        OK(everything());
    }
    assert_int_equal(status, SPS_OK);
    assert_int_equal(failures, 12); /* 3 + 3 + 1 + 3 + 2 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(total_disagreement),
        cmocka_unit_test(one_pass_has_no_spread),
        cmocka_unit_test(three_passes_by_hand),
        cmocka_unit_test(accept_score_is_the_largest_over_classes),
        cmocka_unit_test(default_rule_is_the_papers),
        cmocka_unit_test(quantile_is_numpys),
        cmocka_unit_test(quantiles_of_many),
        cmocka_unit_test(weighted_quantile_inverts_the_distribution),
        cmocka_unit_test(weights_agree_with_repetition),
        cmocka_unit_test(spread_of_logits),
        cmocka_unit_test(normal_interval),
        cmocka_unit_test(metrics_by_hand),
        cmocka_unit_test(brier_counts_every_class),
        cmocka_unit_test(weights_follow_their_passes),
        cmocka_unit_test(accept_and_reject_quality),
        cmocka_unit_test(ece_bins_hold_their_upper_edge),
        cmocka_unit_test(ece_of_calibrated_is_zero),
        cmocka_unit_test(missing_labels_are_undefined),
        cmocka_unit_test(empty_shares_are_undefined),
        cmocka_unit_test(blocks_change_nothing),
        cmocka_unit_test(mutual_information_is_not_negative),
        cmocka_unit_test(bad_rows_are_refused),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(auroc_counts_ties_half),
        cmocka_unit_test(auroc_equals_counting_pairs),
        cmocka_unit_test(registry_keeps_its_contract),
        cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
