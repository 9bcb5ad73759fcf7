/* SPDX-License-Identifier: MIT */
#include "spinscale/predict.h"

#include <math.h>

#include "core/error.h"

sps_status sps_predict_passes(const struct sps_model_info *info, const struct sps_predict_options *options,
                              size_t *passes)
{
    const int members = info->members > 1 ? info->members : 1;
    if (options->threads < 0 || options->threads > SPS_PREDICT_THREADS_MAX)
        SPS_FAIL(EINVAL, "threads is %d, must be 1 to %d, or 0 for all cores", options->threads,
                 SPS_PREDICT_THREADS_MAX);
    double t = options->temperature;
    if (!(t == 0 || (t >= 1 / SPS_TEMPERATURE_MAX && t <= SPS_TEMPERATURE_MAX)))
        SPS_FAIL(EINVAL, "temperature is %g, must be 1/64 to 64, or 0 for the model's own", t);
    switch (options->reading) {
    case SPS_POINT:
        *passes = (size_t)members;
        return SPS_OK;
    case SPS_SAMPLED:
        if (options->samples < 1 || options->samples > SPS_PREDICT_SAMPLES_MAX)
            SPS_FAIL(EINVAL, "samples is %u, must be 1 to %d", options->samples, SPS_PREDICT_SAMPLES_MAX);
        *passes = (size_t)options->samples * (size_t)members;
        return SPS_OK;
    case SPS_EXACT:
        break;
    default:
        SPS_FAIL(EINVAL, "reading %d is unknown", (int)options->reading);
    }
    if (info->picks > info->bank_layers || isinf(info->paths))
        SPS_FAIL(EINVAL,
                 "an exact prediction is not possible: masks are drawn per channel, neuron or weight, %g paths; draw "
                 "samples "
                 "instead",
                 info->paths);
    if (!(info->paths <= SPS_EXACT_PATHS_MAX * members))
        SPS_FAIL(EINVAL, "an exact prediction would walk %g paths, more than %d; draw samples instead", info->paths,
                 SPS_EXACT_PATHS_MAX * members);
    *passes = (size_t)info->paths;
    return SPS_OK;
}

sps_status sps_predict(const struct sps_predictor *predictor, const struct sps_predict_options *options, size_t n,
                       const uint8_t *const *images, const uint32_t *index, const struct sps_passes *out)
{
    if (out->p == NULL)
        SPS_FAIL(EINVAL, "there is no room for probabilities");
    if (out->stride != 0 && out->stride < n)
        SPS_FAIL(EINVAL, "stride is %zu, must be at least the %zu images", out->stride, n);
    struct sps_passes filled = *out;
    filled.stride = out->stride != 0 ? out->stride : n;
    return predictor->predict(predictor->self, options, n, images, index, &filled);
}
