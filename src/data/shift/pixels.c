/* SPDX-License-Identifier: MIT */
/* Filters over small float images.  Loops run over whole rows of w * c values, whatever c is: they vectorise. */
#include "data/shift/pixels.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

int sps_border_index(int i, int n, enum sps_border border)
{
    if (border == SPS_BORDER_EDGE || n == 1)
        return i < 0 ? 0 : i >= n ? n - 1 : i;
    const int period = border == SPS_BORDER_MIRROR ? 2 * n - 2 : 2 * n, repeat = border == SPS_BORDER_MIRROR ? 0 : 1;
    i %= period;
    if (i < 0)
        i += period;
    return i < n ? i : period - repeat - i;
}

static void pad_row(float *out, const float *in, int w, int c, int p, enum sps_border border)
{
    memcpy(out + (size_t)p * c, in, (size_t)w * c * sizeof *out);
    for (int j = 1; j <= p; j++)
        for (int k = 0; k < c; k++) {
            out[(p - j) * c + k] = in[sps_border_index(-j, w, border) * c + k];
            out[(p + w - 1 + j) * c + k] = in[sps_border_index(w - 1 + j, w, border) * c + k];
        }
}

void sps_pad(float *out, const float *in, int h, int w, int c, int p, enum sps_border border)
{
    const size_t row = (size_t)w * c, out_row = (size_t)(w + 2 * p) * c;
    for (int i = -p; i < h + p; i++)
        pad_row(out + (size_t)(i + p) * out_row, in + (size_t)sps_border_index(i, h, border) * row, w, c, p, border);
}

static inline void add_scaled(float *restrict out, const float *restrict in, float weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] += weight * in[i];
}

sps_status sps_gaussian(float *out, const float *in, int h, int w, int c, double sigma, double truncate,
                        enum sps_border border)
{
    const size_t row = (size_t)w * c;
    const int r = (int)(truncate * sigma + 0.5);
    if (r == 0) {
        memmove(out, in, (size_t)h * row * sizeof *out);
        return SPS_OK;
    }
    float *block, *weights, *rows, *padded;
    SPS_TRY(sps_calloc(&block, (size_t)(2 * r + 1) + (size_t)h * row + row + 2 * (size_t)r * c, sizeof *block,
                       "rows of a blur"));
    weights = block;
    rows = weights + 2 * r + 1;
    padded = rows + (size_t)h * row;
    double sum = 0;
    for (int k = -r; k <= r; k++)
        sum += exp(-0.5 * k * k / (sigma * sigma));
    for (int k = -r; k <= r; k++)
        weights[k + r] = (float)(exp(-0.5 * k * k / (sigma * sigma)) / sum);
    for (int i = 0; i < h; i++)
        for (int k = -r; k <= r; k++)
            add_scaled(rows + i * row, in + sps_border_index(i + k, h, border) * row, weights[k + r], row);
    memset(out, 0, (size_t)h * row * sizeof *out);
    for (int i = 0; i < h; i++) {
        pad_row(padded, rows + i * row, w, c, r, border);
        for (int k = 0; k <= 2 * r; k++)
            add_scaled(out + i * row, padded + (size_t)k * c, weights[k], row);
    }
    sps_free(block);
    return SPS_OK;
}

sps_status sps_correlate(float *out, const float *in, int h, int w, int c, const float *weights, int r,
                         enum sps_border border)
{
    const size_t row = (size_t)w * c, padded_row = (size_t)(w + 2 * r) * c;
    const int side = 2 * r + 1;
    float *padded;
    SPS_TRY(sps_calloc(&padded, (size_t)(h + 2 * r) * padded_row, sizeof *padded, "a padded image"));
    sps_pad(padded, in, h, w, c, r, border);
    for (int i = 0; i < h; i++)
        for (int k = 0; k < side; k++)
            for (int l = 0; l < side; l++)
                if (weights[k * side + l] != 0)
                    add_scaled(out + i * row, padded + (size_t)(i + k) * padded_row + (size_t)l * c,
                               weights[k * side + l], row);
    sps_free(padded);
    return SPS_OK;
}

/* Where each pixel of a magnified axis comes from: between `first` and the next, the latter with weight `next`. */
struct place {
    int first;
    float next;
};

static void zoom_places(struct place *out, int n, double zoom)
{
    const int cut = (int)ceil(n / zoom), start = (n - cut) / 2, size = (int)nearbyint(cut * zoom),
              trim = (size - n) / 2;
    const double step = size > 1 ? (double)(cut - 1) / (size - 1) : 0;
    for (int i = 0; i < n; i++) {
        double at = (i + trim) * step;
        int first = (int)at;
        if (first > cut - 2)
            first = cut > 1 ? cut - 2 : 0;
        out[i] = (struct place){start + first, cut > 1 ? (float)(at - first) : 0};
    }
}

sps_status sps_add_zoomed(float *out, const float *in, int h, int w, int c, double zoom, float weight)
{
    const size_t row = (size_t)w * c;
    struct place *places;
    SPS_TRY(sps_calloc(&places, (size_t)(h + w), sizeof *places, "places of a zoom"));
    float *mixed;
    sps_status status = sps_calloc(&mixed, row + c, sizeof *mixed, "a row of a zoom");
    if (status != SPS_OK) {
        sps_free(places);
        return status;
    }
    struct place *columns = places + h;
    zoom_places(places, h, zoom);
    zoom_places(columns, w, zoom);
    for (int i = 0; i < h; i++) {
        const float *a = in + places[i].first * row, *b = h > 1 ? a + row : a, t = places[i].next;
        for (size_t j = 0; j < row; j++)
            mixed[j] = weight * (a[j] + t * (b[j] - a[j]));
        float *to = out + i * row;
        for (int j = 0; j < w; j++) { /* at w = 1 the neighbour is the zero behind the row, with weight 0 */
            const float *left = mixed + (size_t)columns[j].first * c, u = columns[j].next;
            for (int k = 0; k < c; k++)
                to[j * c + k] += left[k] + u * (left[k + c] - left[k]);
        }
    }
    sps_free(mixed);
    sps_free(places);
    return SPS_OK;
}

sps_status sps_motion(float *out, const float *in, int h, int w, int c, double radius, double sigma, double angle)
{
    const int taps = 2 * (int)ceil(radius) + 1;
    const double direction = angle * 3.14159265358979323846 / 180, right = cos(direction), down = sin(direction);
    const size_t row = (size_t)w * c, padded_row = (size_t)(w + 2 * taps) * c;
    float *padded;
    SPS_TRY(sps_calloc(&padded, (size_t)(h + 2 * taps) * padded_row, sizeof *padded, "a padded image"));
    sps_pad(padded, in, h, w, c, taps, SPS_BORDER_EDGE);
    double sum = 0;
    for (int k = 0; k < taps; k++)
        sum += exp(-0.5 * k * k / (sigma * sigma));
    memset(out, 0, (size_t)h * row * sizeof *out);
    for (int k = 0; k < taps; k++) {
        const int dx = (int)ceil(k * right - 0.5), dy = (int)ceil(k * down - 0.5);
        const float weight = (float)(exp(-0.5 * k * k / (sigma * sigma)) / sum);
        if (weight < 1e-9f)
            break;
        for (int i = 0; i < h; i++)
            add_scaled(out + i * row, padded + (size_t)(i + dy + taps) * padded_row + (size_t)(dx + taps) * c, weight,
                       row);
    }
    for (size_t i = 0; i < (size_t)h * row; i++)
        out[i] = (float)(int)(out[i] * 255 + 0.5f) / 255.0f;
    sps_free(padded);
    return SPS_OK;
}
