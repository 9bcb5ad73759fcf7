/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "nn/nn.h"

double sps_cross_entropy(float *p, float *dlogits, const float *logits, const int *labels, int n, int classes,
                         double smoothing)
{
    double loss = 0;
    for (int i = 0; i < n; i++) {
        const float *x = logits + (size_t)i * (size_t)classes;
        double max = x[0], total = 0, mean = 0;
        for (int c = 1; c < classes; c++)
            max = x[c] > max ? x[c] : max;
        for (int c = 0; c < classes; c++) {
            total += exp(x[c] - max);
            mean += x[c];
        }
        double log_total = max + log(total);
        if (labels != NULL)
            loss += log_total - (1 - smoothing) * x[labels[i]] - smoothing * mean / classes;
        for (int c = 0; c < classes; c++) {
            double q = exp(x[c] - log_total);
            size_t at = (size_t)i * (size_t)classes + (size_t)c;
            if (p != NULL)
                p[at] = (float)q;
            if (dlogits != NULL)
                dlogits[at] = (float)((q - smoothing / classes - (c == labels[i] ? 1 - smoothing : 0)) / n);
        }
    }
    return loss / n;
}

static double log_sum_exp(const double *x, int classes)
{
    double max = x[0], total = 0;
    for (int c = 1; c < classes; c++)
        max = fmax(x[c], max);
    for (int c = 0; c < classes; c++)
        total += exp(x[c] - max);
    return max + log(total);
}

double sps_distillation(float *dlogits, const float *logits, const float *const *p, int n, int classes,
                        double temperature, double weight)
{
    double loss = 0, own[256], taught[256];
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < classes; c++) {
            own[c] = logits[(size_t)i * (size_t)classes + (size_t)c] / temperature;
            taught[c] = log(fmax((double)p[i][c], 1e-12)) / temperature;
        }
        double own_total = log_sum_exp(own, classes), taught_total = log_sum_exp(taught, classes);
        for (int c = 0; c < classes; c++) {
            float *d = &dlogits[(size_t)i * (size_t)classes + (size_t)c];
            double q = exp(taught[c] - taught_total);
            loss -= q * (own[c] - own_total) * temperature * temperature;
            *d = (float)((1 - weight) * *d + weight * temperature * (exp(own[c] - own_total) - q) / n);
        }
    }
    return loss / n;
}
