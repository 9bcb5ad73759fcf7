/* SPDX-License-Identifier: MIT */
/* Two warps, one after the other, both bilinear (Simard, Steinkraus and Platt, ICDAR 2003).  First an affine one, which
 * moves three points about the centre by U(-j, j) each way; outside is the mirror image.  Then each pixel comes from
 * beside its place by U(-1, 1) noise, smoothed with sigma, times alpha.
 *
 * The definition's lengths are shares of the side, which is L here: j and sigma are a share times L.  Smoothing divides
 * noise by sigma, so alpha = share * L gives a displacement of the same number of pixels at any size; the further
 * factor L / 32 makes it the same share of the image. */
#include <math.h>

#include "core/memory.h"
#include "data/shift/kind.h"
#include "data/shift/pixels.h"

static void sample(float *out, const float *in, int h, int w, int c, double y, double x, enum sps_border border)
{
    const double top = floor(y), left = floor(x);
    const float v = (float)(y - top), u = (float)(x - left);
    const int i0 = sps_border_index((int)top, h, border), i1 = sps_border_index((int)top + 1, h, border),
              j0 = sps_border_index((int)left, w, border), j1 = sps_border_index((int)left + 1, w, border);
    const float *a = in + (size_t)i0 * w * c, *b = in + (size_t)i1 * w * c;
    for (int k = 0; k < c; k++) {
        const float above = a[j0 * c + k] + u * (a[j1 * c + k] - a[j0 * c + k]),
                    below = b[j0 * c + k] + u * (b[j1 * c + k] - b[j0 * c + k]);
        out[k] = above + v * (below - above);
    }
}

/* The affine map that takes three moved points back: [x y] = m [x' y' 1]. */
struct affine {
    double m[2][3];
};

static struct affine draw_affine(struct sps_random *random, int h, int w, double jitter)
{
    const double cx = h / 2, cy = w / 2, s = (h < w ? h : w) / 3; /* whole numbers; the definition swaps the axes */
    const double point[3][2] = {{cx + s, cy + s}, {cx + s, cy - s}, {cx - s, cy - s}};
    double moved[3][2];
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++)
            moved[i][k] = point[i][k] + jitter * (2 * (double)sps_random_uniform(random) - 1);
    const double ax = moved[0][0] - moved[2][0], ay = moved[0][1] - moved[2][1], bx = moved[1][0] - moved[2][0],
                 by = moved[1][1] - moved[2][1], area = ax * by - ay * bx;
    struct affine out = {{{1, 0, 0}, {0, 1, 0}}};
    for (int k = 0; k < 2 && fabs(area) > 1e-9; k++) { /* images too small for three points are left alone */
        const double a = point[0][k] - point[2][k], b = point[1][k] - point[2][k];
        out.m[k][0] = (a * by - b * ay) / area;
        out.m[k][1] = (b * ax - a * bx) / area;
        out.m[k][2] = point[2][k] - out.m[k][0] * moved[2][0] - out.m[k][1] * moved[2][1];
    }
    return out;
}

static sps_status draw_displacement(float *out, struct sps_random *random, int h, int w, double sigma, double alpha)
{
    for (size_t i = 0; i < (size_t)h * w; i++)
        out[i] = (float)alpha * (2 * sps_random_uniform(random) - 1);
    return sps_gaussian(out, out, h, w, 1, sigma, 3, SPS_BORDER_MIRROR_EDGE);
}

static sps_status apply(struct sps_shift_job *job)
{
    static const double table[][3] = {
        {0, 0, 0.08}, {0.05, 0.2, 0.07}, {0.08, 0.06, 0.06}, {0.1, 0.04, 0.05}, {0.1, 0.03, 0.03}};
    const int h = job->h, w = job->w, c = job->c, side = h < w ? h : w;
    const double alpha = table[job->level][0] * side * side / 32, sigma = table[job->level][1] * side;
    const size_t n = (size_t)h * w;
    float *dx, *dy, *moved;
    sps_status status = SPS_OK;
    SPS_TRY(sps_calloc(&dx, 2 * n + n * c, sizeof *dx, "an elastic transform"));
    dy = dx + n;
    moved = dy + n;
    const struct affine map = draw_affine(&job->random, h, w, table[job->level][2] * side);
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++)
            sample(moved + ((size_t)i * w + j) * c, job->x, h, w, c, map.m[1][0] * j + map.m[1][1] * i + map.m[1][2],
                   map.m[0][0] * j + map.m[0][1] * i + map.m[0][2], SPS_BORDER_MIRROR);
    if (alpha > 0) {
        SPS_TRY_OUT(draw_displacement(dx, &job->random, h, w, sigma, alpha));
        SPS_TRY_OUT(draw_displacement(dy, &job->random, h, w, sigma, alpha));
    }
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++)
            sample(job->y + ((size_t)i * w + j) * c, moved, h, w, c, i + (double)dy[(size_t)i * w + j],
                   j + (double)dx[(size_t)i * w + j], SPS_BORDER_MIRROR_EDGE);
out:
    sps_free(dx);
    return status;
}

const struct sps_shift_kind sps_shift_kind_elastic_transform = {
    .about = {.name = "elastic_transform",
              .summary = "stretched here and there",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              .random = 1,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
