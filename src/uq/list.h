/* SPDX-License-Identifier: MIT */
#ifndef SPS_UQ_LIST_H
#define SPS_UQ_LIST_H
/* The metrics, in the order of output.  X(name): src/uq/name.c defines sps_metric_name. */
#define SPS_METRIC_LIST(X)                                                                                             \
    X(accuracy)                                                                                                        \
    X(nll)                                                                                                             \
    X(brier)                                                                                                           \
    X(ece)                                                                                                             \
    X(confidence)                                                                                                      \
    X(entropy)                                                                                                         \
    X(expected_entropy)                                                                                                \
    X(mutual_information)                                                                                              \
    X(variance)                                                                                                        \
    X(accepted)                                                                                                        \
    X(true_accept_rate)                                                                                                \
    X(true_reject_rate)                                                                                                \
    X(accepted_accuracy)
#endif
