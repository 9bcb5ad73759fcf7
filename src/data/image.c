/* SPDX-License-Identifier: MIT */
/* An image of any size becomes one of the size that a network reads.  Rows and columns are resampled on their own: an
 * axis that shrinks takes the mean of the area each new pixel covers, one that grows is interpolated between pixel
 * centres. */
#include <math.h>
#include <stddef.h>

#include "spinscale/data.h"

/* Which old pixels make a new one: from first to last, weighted by tap_weight(). */
struct taps {
    int shrinks, first, last;
    double begin, end; /* shrinking: the covered stretch */
    double centre;     /* growing: the place between centres */
};

static struct taps taps_of(int index, int new_size, int old_size)
{
    struct taps t = {.shrinks = new_size <= old_size};
    if (t.shrinks) {
        t.begin = (double)index * old_size / new_size;
        t.end = (double)(index + 1) * old_size / new_size;
        t.first = (int)t.begin;
        t.last = (int)ceil(t.end) - 1;
    } else {
        t.centre = fmin(fmax((index + 0.5) * old_size / new_size - 0.5, 0), old_size - 1);
        t.first = (int)t.centre;
        t.last = t.first + (t.first < old_size - 1);
    }
    return t;
}

static double tap_weight(const struct taps *t, int k)
{
    if (t->shrinks)
        return (fmin(t->end, k + 1) - fmax(t->begin, k)) / (t->end - t->begin);
    return 1 - fabs(t->centre - k);
}

/* One channel of the result from one pixel: grey from colour is luma (ITU-R BT.601), colour from grey repeats it. */
static double convert(const uint8_t *pixel, int channels, int channel, int out_channels)
{
    if (channels == 3 && out_channels == 1)
        return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
    return pixel[channels == 1 ? 0 : channel];
}

void sps_image_fit(uint8_t *out, int out_height, int out_width, int out_channels, const uint8_t *in, int height,
                   int width, int channels)
{
    for (int y = 0; y < out_height; y++) {
        struct taps rows = taps_of(y, out_height, height);
        for (int x = 0; x < out_width; x++) {
            struct taps columns = taps_of(x, out_width, width);
            for (int c = 0; c < out_channels; c++) {
                double sum = 0;
                for (int i = rows.first; i <= rows.last; i++) {
                    double row = 0;
                    for (int j = columns.first; j <= columns.last; j++) {
                        const uint8_t *pixel = in + ((size_t)i * (size_t)width + (size_t)j) * (size_t)channels;
                        row += tap_weight(&columns, j) * convert(pixel, channels, c, out_channels);
                    }
                    sum += tap_weight(&rows, i) * row;
                }
                *out++ = (uint8_t)fmin(fmax(rint(sum), 0), 255);
            }
        }
    }
}
