/* SPDX-License-Identifier: MIT */
/* Box filter down to int(c side) pixels a side, and up again, each axis rounded to 8 bits by itself, columns of a row
 * first: Pillow's resize with BOX, to the bit (weights of 22 bits).  Larger images go down to what an image of 32 would
 * have, so that blocks keep their share of the image. */
#include "core/memory.h"
#include "data/shift/kind.h"

enum { WEIGHT_BITS = 22 };

/* n pixels of a line become m. */
struct axis {
    int n, m;
};

static void resize_line(uint8_t *out, size_t out_step, const uint8_t *in, size_t in_step, struct axis axis, int c)
{
    const double ratio = (double)axis.n / axis.m, wide = ratio > 1 ? ratio : 1;
    for (int i = 0; i < axis.m; i++) {
        const double centre = (i + 0.5) * ratio;
        int first = (int)(centre - 0.5 * wide + 0.5), end = (int)(centre + 0.5 * wide + 0.5);
        first = first < 0 ? 0 : first;
        end = end > axis.n ? axis.n : end;
        int inside_first = end, inside_end = first; /* of the box: -1/2 < distance <= 1/2 */
        for (int j = first; j < end; j++) {
            const double distance = (j - centre + 0.5) / wide;
            if (distance > -0.5 && distance <= 0.5) {
                inside_first = j < inside_first ? j : inside_first;
                inside_end = j + 1;
            }
        }
        const uint32_t weight = (uint32_t)(0.5 + (double)(1 << WEIGHT_BITS) / (inside_end - inside_first));
        for (int k = 0; k < c; k++) {
            uint32_t sum = 1u << (WEIGHT_BITS - 1);
            for (int j = inside_first; j < inside_end; j++)
                sum += weight * in[(size_t)j * in_step + k];
            sum >>= WEIGHT_BITS;
            out[(size_t)i * out_step + k] = (uint8_t)(sum > 255 ? 255 : sum);
        }
    }
}

/* work is [rows.n][columns.m][c]. */
static void resize(uint8_t *out, uint8_t *work, const uint8_t *in, struct axis rows, struct axis columns, int c)
{
    const size_t pixel = (size_t)c, out_row = pixel * columns.m;
    for (int i = 0; i < rows.n; i++)
        resize_line(work + i * out_row, pixel, in + i * pixel * columns.n, pixel, columns, c);
    for (int j = 0; j < columns.m; j++)
        resize_line(out + j * pixel, out_row, work + j * pixel, out_row, rows, c);
}

static sps_status apply(struct sps_shift_job *job)
{
    static const double table[] = {0.95, 0.9, 0.85, 0.75, 0.65};
    const double share = table[job->level] / job->scale;
    const int h = job->h, w = job->w, c = job->c;
    const int small_h = (int)(h * share) < 1 ? 1 : (int)(h * share),
              small_w = (int)(w * share) < 1 ? 1 : (int)(w * share);
    const size_t n = sps_shift_size(job);
    uint8_t *small;
    SPS_TRY(sps_calloc(&small, 3, n, "a pixelated image"));
    resize(small, small + n, job->pixels, (struct axis){h, small_h}, (struct axis){w, small_w}, c);
    uint8_t *large = small + 2 * n;
    resize(large, small + n, small, (struct axis){small_h, h}, (struct axis){small_w, w}, c);
    for (size_t i = 0; i < n; i++)
        job->y[i] = (float)large[i] / 255.0f;
    sps_free(small);
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_pixelate = {
    .about = {.name = "pixelate",
              .summary = "fewer, larger pixels",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_CORRUPTION,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
