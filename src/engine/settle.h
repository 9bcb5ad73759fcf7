/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_SETTLE_H
#define SPS_ENGINE_SETTLE_H
/* When an image needs no more passes.
 *
 * All paths, in order of falling probability (exact reading): when the mass that is left could no longer change the
 * class, nor the verdict.  That is certain.
 *
 * Sampled paths: a sequential test.  For each ordered pair of classes (a, b) a gambler bets, pass after pass, that a's
 * probability is above b's on average over the posterior; while that is not so, his capital is a supermartingale, and
 * by Ville's inequality it ever reaches 1 / delta with probability at most delta.  When the gamblers of a against all
 * other classes have reached (C - 1) / delta, a is the class.  Likewise for each class's share of passes below the
 * accept rule's threshold.  Whenever one looks, the answer differs from that of infinitely many passes with probability
 * at most 1 - confidence, for class and verdict together (Waudby-Smith and Ramdas, "Estimating means of bounded random
 * variables by betting", JRSS B 2024, has the bets; the union over pairs is ours). */
#include <stddef.h>

#include "spinscale/predict.h"

struct sps_settling {
    const struct sps_settle *rule;
    int classes, exact;
    double delta;    /* of the class; the verdict has as much */
    double left;     /* exact: mass of the paths to come */
    double *mean;    /* [C] sum of weight times probability */
    double *capital; /* [C][C] gamblers on a above b */
    double *below;   /* [C] exact: mass, sampled: capital on "the share below is at most the quantile" ... */
    double *above;   /* [C] ... and on "it is more" */
};

size_t sps_settling_size(int classes);
/* memory: sps_settling_size() bytes, aligned for double. */
void sps_settling_start(struct sps_settling *settling, const struct sps_settle *rule, int classes, int exact,
                        void *memory);
/* One more pass, with probabilities p[C]; weight: of its path (exact).  True when it was the last that is needed. */
int sps_settling_add(struct sps_settling *settling, const float *p, double weight);
#endif
