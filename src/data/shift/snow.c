/* SPDX-License-Identifier: MIT */
/* Flakes: noise N(mean, sd), magnified, what is below a threshold removed, blurred by motion at -135 to -45 degrees,
 * added with itself turned by 180 degrees, on an image that is a share m of itself and else at least as light as
 * 1.5 grey + 0.5.  For larger images the flakes are magnified once more, after the threshold: magnified noise is
 * smoother, so that less of it would pass. */
#include <string.h>

#include "core/memory.h"
#include "data/shift/kind.h"
#include "data/shift/pixels.h"

struct rule {
    float mean, sd, zoom, threshold, radius, sigma, keep;
};

static sps_status make_flakes(float *out, float *layer, struct sps_shift_job *job, const struct rule *rule)
{
    const size_t n = (size_t)job->h * job->w;
    for (size_t i = 0; i < n; i++)
        layer[i] = rule->mean + rule->sd * sps_random_normal(&job->random);
    SPS_TRY(sps_add_zoomed(out, layer, job->h, job->w, 1, rule->zoom, 1));
    for (size_t i = 0; i < n; i++)
        layer[i] = out[i] < rule->threshold ? 0 : sps_clip01(out[i]);
    memset(out, 0, n * sizeof *out);
    SPS_TRY(sps_add_zoomed(out, layer, job->h, job->w, 1, job->scale, 1));
    for (size_t i = 0; i < n; i++)
        layer[i] = (float)(int)(out[i] * 255 + 0x1p-10f) / 255.0f;
    const double angle = -135 + 90 * (double)sps_random_uniform(&job->random);
    return sps_motion(out, layer, job->h, job->w, 1, rule->radius * job->scale, rule->sigma * job->scale, angle);
}

static sps_status apply(struct sps_shift_job *job)
{
    static const struct rule table[] = {{0.1f, 0.2f, 1, 0.6f, 8, 3, 0.95f},
                                        {0.1f, 0.2f, 1, 0.5f, 10, 4, 0.9f},
                                        {0.15f, 0.3f, 1.75f, 0.55f, 10, 4, 0.9f},
                                        {0.25f, 0.3f, 2.25f, 0.6f, 12, 6, 0.85f},
                                        {0.3f, 0.3f, 1.25f, 0.65f, 14, 12, 0.8f}};
    const struct rule *rule = &table[job->level];
    const size_t n = (size_t)job->h * job->w, c = (size_t)job->c;
    float *flakes;
    SPS_TRY(sps_calloc(&flakes, 2 * n, sizeof *flakes, "flakes of snow"));
    sps_status status = make_flakes(flakes, flakes + n, job, rule);
    for (size_t i = 0; i < n && status == SPS_OK; i++) {
        const float *x = job->x + i * c, light = sps_luma(x, job->c) * 1.5f + 0.5f,
                    flake = flakes[i] + flakes[n - 1 - i];
        for (size_t k = 0; k < c; k++)
            job->y[i * c + k] = rule->keep * x[k] + (1 - rule->keep) * (x[k] > light ? x[k] : light) + flake;
    }
    sps_free(flakes);
    return status;
}

const struct sps_shift_kind sps_shift_kind_snow = {
    .about = {.name = "snow",
              .summary = "snow that falls",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              .random = 1,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
