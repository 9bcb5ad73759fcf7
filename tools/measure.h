/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_MEASURE_H
#define SPS_TOOLS_MEASURE_H
/* What eval, predict and metrics share: the accept rule, the interval's level, and the registered metrics. */
#include "command.h"
#include "report.h"
#include "spinscale/uq.h"

struct sps_measure_options {
    double quantile, threshold, level;
};

/* The defaults are those of SPS_ACCEPT_RULE_DEFAULT. */
#define SPS_OPTIONS_ACCEPT(owner)                                                                                      \
    {.name = "quantile",                                                                                               \
     .letter = 'q',                                                                                                    \
     .type = SPS_OPTION_REAL,                                                                                          \
     .offset = offsetof(owner, measure.quantile),                                                                      \
     .argument = "Q",                                                                                                  \
     .default_text = "0.1",                                                                                            \
     .min = 0,                                                                                                         \
     .max = 1,                                                                                                         \
     .help = "accept rule: the quantile over passes of a class's probability"},                                        \
    {                                                                                                                  \
        .name = "threshold", .letter = 'p', .type = SPS_OPTION_REAL, .offset = offsetof(owner, measure.threshold),     \
        .argument = "P", .default_text = "0.95", .min = 0, .max = 1,                                                   \
        .help = "accept rule: accept where the largest such quantile is at least P"                                    \
    }
/* The same, and the interval's level. */
#define SPS_OPTIONS_MEASURE(owner)                                                                                     \
    SPS_OPTIONS_ACCEPT(owner),                                                                                         \
    {                                                                                                                  \
        .name = "level", .letter = 'l', .type = SPS_OPTION_REAL, .offset = offsetof(owner, measure.level),             \
        .argument = "L", .default_text = "0.95", .min = 0, .max = 1, .inside = 1,                                      \
        .help = "share of the posterior that intervals shall hold"                                                     \
    }

struct sps_accept_rule sps_measure_rule(const struct sps_measure_options *options);

/* Every registered metric, in the registry's order. */
sps_status sps_cli_report_metrics(struct sps_cli_report *report, const sps_metrics *metrics);
#endif
