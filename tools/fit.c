/* SPDX-License-Identifier: MIT */
#include "fit.h"

#include <stdlib.h>

#include "spinscale/scores.h"

enum { FLOOR_DRAWS = 200 };

sps_status sps_fit_temperature(struct sps_fitted_temperature *out, const struct sps_fit *fit, const float *z)
{
    struct sps_temperature t;
    sps_status status = sps_temperature_fit(&t, z, fit->w, fit->passes, fit->n, fit->classes, fit->labels);
    if (status == SPS_OK)
        *out = (struct sps_fitted_temperature){t.temperature, t.nll_before, t.nll_after, t.at_edge};
    return status;
}

static sps_status summarise(struct sps_predictions *out, const struct sps_fit *fit, const float *p)
{
    const struct sps_accept_rule rule = {.quantile = fit->quantile};
    return sps_predictions_init(out, p, fit->w, fit->passes, fit->n, fit->classes, fit->labels, 0.95, &rule);
}

sps_status sps_fit_measure(struct sps_measured_quality *out, const struct sps_fit *fit, const float *p)
{
    struct sps_predictions set;
    struct sps_calibration eces[SPS_ECES];
    sps_status status = summarise(&set, fit, p);
    if (status != SPS_OK)
        return status;
    status = sps_calibration(eces, &set, FLOOR_DRAWS, NULL);
    size_t right = 0;
    for (size_t i = 0; i < fit->n; i++)
        right += set.summaries[i].predicted == fit->labels[i];
    if (status == SPS_OK)
        *out = (struct sps_measured_quality){(double)right / (double)fit->n, eces[SPS_ECE_WIDTH].ece.value,
                                             eces[SPS_ECE_WIDTH].floor, eces[SPS_ECE_WIDTH].floor_high};
    sps_predictions_reset(&set);
    return status;
}

static sps_status pick(struct sps_pick *out, const struct sps_predictions *set, const char *name, double level,
                       double confidence)
{
    double *scores = malloc(set->count * sizeof *scores);
    unsigned char *right = malloc(set->count);
    sps_status status = scores != NULL && right != NULL ? sps_score(scores, name, set, NULL) : SPS_ENOMEM;
    for (size_t i = 0; i < set->count && status == SPS_OK; i++)
        right[i] = set->summaries[i].predicted == set->labels[i];
    if (status == SPS_OK)
        status = confidence > 0 ? sps_pick_error(out, scores, right, set->count, level, 1 - confidence, NULL, 0)
                                : sps_pick_coverage(out, scores, right, set->count, level);
    free(scores);
    free(right);
    return status;
}

sps_status sps_fit_threshold(struct sps_fitted_threshold *out, const struct sps_fit *fit, const float *p,
                             const char *score, double level, double confidence)
{
    struct sps_predictions set;
    struct sps_pick picked;
    sps_status status = summarise(&set, fit, p);
    if (status != SPS_OK)
        return status;
    status = pick(&picked, &set, score, level, confidence);
    if (status == SPS_OK)
        *out = (struct sps_fitted_threshold){picked.threshold, picked.coverage, picked.error, picked.bound};
    sps_predictions_reset(&set);
    return status;
}
