/* SPDX-License-Identifier: MIT */
#ifndef SPS_UQ_SUMMARY_H
#define SPS_UQ_SUMMARY_H
/* sps_summarise() in parts, so that a set of images checks its settings and allocates once per block. */
#include "core/error.h"
#include "spinscale/uq.h"

/* Settings, and the scratch for one image. */
struct sps_summariser {
    const double *weights; /* [passes], or NULL */
    double weight_sum;
    size_t passes;
    int classes;
    double level, z;
    struct sps_accept_rule rule;
    double *values;        /* [passes] one column, sorted */
    double *value_weights; /* [passes] its weights; NULL if equal */
    double *mean;          /* [classes] of the latest image */
};

/* level in (0, 1), *rule the default if given NULL, else checked. */
sps_status sps_check_accept(struct sps_accept_rule *out, double level, const struct sps_accept_rule *rule);

/* Release with sps_summariser_reset(), also after a failure. */
sps_status sps_summariser_init(struct sps_summariser *s, const double *weights, size_t passes, int classes,
                               double level, const struct sps_accept_rule *rule);
void sps_summariser_reset(struct sps_summariser *s);

/* One row p[classes] is a distribution; the message starts with the class. */
sps_status sps_check_row(const float *p, int classes);

/* The rows must have been checked.  s->mean is the image's mean afterwards. */
void sps_summariser_run(struct sps_summariser *s, struct sps_summary *out, const float *p, size_t stride);
#endif
