/* SPDX-License-Identifier: MIT */
/* Temperature scaling.  With one pass the NLL is convex in 1 / temperature; the NLL of a mean over passes need not be.
 * So a grid over twelve octaves finds the valley, and a golden section its floor: no derivative, no start to choose. */
#include <math.h>

#include "spinscale/scores.h"
#include "uq/logits.h"

struct view {
    const float *z;
    const double *w;
    double weight_sum;
    size_t passes, n;
    int classes;
    const int *labels;
};

/* ln sum of the terms seen so far, as largest + ln scaled. */
static void add_log(double *largest, double *scaled, double term)
{
    if (term > *largest) {
        *scaled = *scaled * exp(*largest - term) + 1;
        *largest = term;
    } else
        *scaled += exp(term - *largest);
}

static double nll(const struct view *v, double temperature)
{
    double sum = 0, scale = 1 / temperature;
    for (size_t i = 0; i < v->n; i++) {
        double largest = -INFINITY, scaled = 0;
        for (size_t t = 0; t < v->passes; t++) {
            const float *z = v->z + (t * v->n + i) * (size_t)v->classes;
            double weight = v->w != NULL ? v->w[t] : 1;
            if (weight > 0)
                add_log(&largest, &scaled,
                        log(weight) + scale * (double)z[v->labels[i]] - sps_log_sum_exp(z, v->classes, scale));
        }
        sum -= largest + log(scaled) - log(v->weight_sum);
    }
    return sum / (double)v->n;
}

struct point {
    double octave, nll; /* temperature 2^octave */
};

static struct point at(const struct view *v, double octave)
{
    return (struct point){octave, nll(v, exp2(octave))};
}

static struct point golden_section(const struct view *v, double low, double high)
{
    static const double part = 0.38196601125010515180;
    struct point a = at(v, low + part * (high - low)), b = at(v, high - part * (high - low));
    while (high - low > 1e-7) { /* flatter than rounding below */
        if (a.nll <= b.nll) {
            high = b.octave;
            b = a;
            a = at(v, low + part * (high - low));
        } else {
            low = a.octave;
            a = b;
            b = at(v, high - part * (high - low));
        }
    }
    return a.nll <= b.nll ? a : b;
}

static sps_status check(const struct view *v)
{
    if (v->n == 0)
        SPS_FAIL(EINVAL, "number of images is 0, a temperature needs at least 1");
    for (size_t i = 0; i < v->n; i++)
        if (v->labels[i] < 0 || v->labels[i] >= v->classes)
            SPS_FAIL(EINVAL, "label of image %zu is %d, must be 0 to %d", i, v->labels[i], v->classes - 1);
    return SPS_OK;
}

sps_status sps_temperature_fit(struct sps_temperature *out, const float *z, const double *w, size_t passes, size_t n,
                               int classes, const int *labels)
{
    enum { EDGE = 6, STEPS = 4 * EDGE }; /* half octaves */
    struct view v = {.z = z, .w = w, .passes = passes, .n = n, .classes = classes, .labels = labels};
    SPS_TRY(sps_check_logits(&v.weight_sum, z, w, passes, n, classes));
    SPS_TRY(check(&v));
    struct point one = at(&v, 0), best = one;
    for (int step = 0; step <= STEPS; step++) {
        struct point here = at(&v, 0.5 * step - EDGE);
        if (here.nll < best.nll)
            best = here;
    }
    struct point fine = golden_section(&v, fmax(best.octave - 0.5, -EDGE), fmin(best.octave + 0.5, EDGE));
    if (fine.nll < best.nll)
        best = fine;
    if (best.nll > one.nll - 1e-10 * fmax(1, one.nll)) /* rounding alone prefers it: equal logits, or certain answers */
        best = one;
    *out = (struct sps_temperature){exp2(best.octave), one.nll, best.nll, fabs(best.octave) > EDGE - 1e-6};
    return SPS_OK;
}

sps_status sps_temperature_apply(float *p, const float *z, size_t rows, int classes, double temperature)
{
    double weight_sum;
    if (!(temperature > 0 && isfinite(temperature)))
        SPS_FAIL(EINVAL, "temperature is %g, must be finite and above 0", temperature);
    SPS_TRY(sps_check_logits(&weight_sum, z, NULL, 1, rows, classes));
    for (size_t i = 0; i < rows; i++) {
        const float *from = z + i * (size_t)classes;
        float *to = p + i * (size_t)classes;
        double scale = 1 / temperature, log_sum = sps_log_sum_exp(from, classes, scale);
        for (int c = 0; c < classes; c++)
            to[c] = (float)exp(scale * (double)from[c] - log_sum);
    }
    return SPS_OK;
}

void sps_log_probabilities(float *z, const float *p, size_t count)
{
    for (size_t k = 0; k < count; k++)
        z[k] = (float)log(fmax((double)p[k], 1e-12));
}
