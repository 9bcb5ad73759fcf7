/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_SOFTMAX_H
#define SPS_CORE_SOFTMAX_H
/* Probabilities from scores, the same in training graph and engine. */
#include <math.h>

/* p[n] = exp((x - max) / temperature) / sum, in double; p may be x. */
static inline void sps_softmax(float *p, const float *x, int n, double temperature)
{
    double e[256], max = x[0], total = 0; /* at most 256 classes, everywhere */
    for (int c = 1; c < n; c++)
        max = x[c] > max ? x[c] : max;
    for (int c = 0; c < n; c++)
        total += e[c] = exp((x[c] - max) / temperature);
    for (int c = 0; c < n; c++)
        p[c] = (float)(e[c] / total);
}
#endif
