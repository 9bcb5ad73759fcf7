/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_SHIFT_PIXELS_H
#define SPS_DATA_SHIFT_PIXELS_H
/* What several kinds do to images of floats [h][w][c]. */
#include "core/error.h"

/* What lies outside an image a b c d. */
enum sps_border {
    SPS_BORDER_EDGE,       /* a a | a b c d | d d */
    SPS_BORDER_MIRROR,     /* c b | a b c d | c b */
    SPS_BORDER_MIRROR_EDGE /* b a | a b c d | d c */
};

/* Index of the pixel inside 0 .. n - 1 that stands for i. */
int sps_border_index(int i, int n, enum sps_border border);

/* out[h + 2p][w + 2p][c]. */
void sps_pad(float *out, const float *in, int h, int w, int c, int p, enum sps_border border);

/* Gaussian of so many standard deviations, cut off at `truncate` of them, summing to 1; out and in may be the same. */
sps_status sps_gaussian(float *out, const float *in, int h, int w, int c, double sigma, double truncate,
                        enum sps_border border);

/* out += weights[2r + 1][2r + 1] correlated with in. */
sps_status sps_correlate(float *out, const float *in, int h, int w, int c, const float *weights, int r,
                         enum sps_border border);

/* out += weight * the centre of in, magnified by zoom >= 1 to the old size, bilinear.  work is [h][w][c]. */
sps_status sps_add_zoomed(float *out, const float *in, int h, int w, int c, double zoom, float weight);

/* Blur along a line, one-sided (ImageMagick's): 2 ceil(radius) + 1 taps at whole pixels in the direction of angle
 * (degrees, clockwise from right), weights of a half Gaussian of sigma; rounded to 8 bits.  out and in must differ. */
sps_status sps_motion(float *out, const float *in, int h, int w, int c, double radius, double sigma, double angle);

/* Luma of a pixel of 3 channels, or its one channel. */
static inline float sps_luma(const float *pixel, int c)
{
    return c == 3 ? 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2] : pixel[0];
}

static inline float sps_clip01(float x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}
#endif
