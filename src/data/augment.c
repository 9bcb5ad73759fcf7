/* SPDX-License-Identifier: MIT */
/* Augmentation as one map from each new pixel back to a place in the image, so no copy lies in between:
 *
 *     new pixel -> shift (padded crop) -> mirror -> window (random resized crop) -> pixel, or 0 outside
 *
 * Random resized crop: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015: area uniform, logarithm of the
 * aspect uniform; ten tries for a window that fits, then the whole image.  Each part draws from a stream of its own, so
 * that switching one on changes nothing in the others. */
#include <math.h>

#include "core/random.h"
#include "data/transform.h"

enum { STREAM_FLIP, STREAM_CROP, STREAM_RESIZE };
enum { WINDOW_TRIES = 10 };

struct window {
    int top, left, height, width;
};

static struct window draw_window(struct sps_random *r, float min_area, int height, int width)
{
    const float log_aspect_max = logf(4.0f / 3.0f);
    for (int i = 0; i < WINDOW_TRIES; i++) {
        float area = (min_area + (1 - min_area) * sps_random_uniform(r)) * (float)height * (float)width;
        float aspect = expf((2 * sps_random_uniform(r) - 1) * log_aspect_max); /* width / height */
        struct window w = {.height = (int)lrintf(sqrtf(area / aspect)), .width = (int)lrintf(sqrtf(area * aspect))};
        if (w.height < 1 || w.height > height || w.width < 1 || w.width > width)
            continue;
        w.top = (int)sps_random_below(r, (uint32_t)(height - w.height) + 1);
        w.left = (int)sps_random_below(r, (uint32_t)(width - w.width) + 1);
        return w;
    }
    return (struct window){0, 0, height, width};
}

/* Place in the image of a new pixel's centre, kept inside the window. */
static float into_window(int index, int size, int begin, int window_size)
{
    float place = ((float)index + 0.5f) * (float)window_size / (float)size - 0.5f;
    return (float)begin + fminf(fmaxf(place, 0), (float)(window_size - 1));
}

static int8_t interpolate(const int8_t *in, int height, int width, int channels, int c, float y, float x)
{
    int top = (int)y, left = (int)x;
    int bottom = top + (top < height - 1), right = left + (left < width - 1);
    float dy = y - (float)top, dx = x - (float)left;
#define CODE(row, column) ((float)in[((row)*width + (column)) * channels + c])
    float upper = CODE(top, left) + dx * (CODE(top, right) - CODE(top, left));
    float lower = CODE(bottom, left) + dx * (CODE(bottom, right) - CODE(bottom, left));
#undef CODE
    return (int8_t)rintf(upper + dy * (lower - upper));
}

int sps_augment_mirrors(uint64_t seed, uint32_t index, uint32_t epoch)
{
    struct sps_random r = sps_random(seed, SPS_FOR_AUGMENT, index, epoch, STREAM_FLIP);
    return sps_random_below(&r, 2) == 1;
}

void sps_augment_codes(int8_t *out, const int8_t *in, int height, int width, int channels,
                       const struct sps_augment *augment, uint64_t seed, uint32_t index, uint32_t epoch)
{
    int mirrored = augment->flip && sps_augment_mirrors(seed, index, epoch), down = 0, right = 0;
    int resized = augment->resize_min_area > 0 && augment->resize_min_area < 1;
    struct window window = {0, 0, height, width};
    if (augment->crop_pad > 0) {
        struct sps_random r = sps_random(seed, SPS_FOR_AUGMENT, index, epoch, STREAM_CROP);
        uint32_t offsets = 2 * (uint32_t)augment->crop_pad + 1;
        down = (int)sps_random_below(&r, offsets) - augment->crop_pad;
        right = (int)sps_random_below(&r, offsets) - augment->crop_pad;
    }
    if (resized) {
        struct sps_random r = sps_random(seed, SPS_FOR_AUGMENT, index, epoch, STREAM_RESIZE);
        window = draw_window(&r, augment->resize_min_area, height, width);
    }
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int from_y = y + down, from_x = x + right;
            int inside = from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
            if (mirrored)
                from_x = width - 1 - from_x;
            for (int c = 0; c < channels; c++) {
                if (!inside)
                    *out++ = 0;
                else if (resized)
                    *out++ = interpolate(in, height, width, channels, c,
                                         into_window(from_y, height, window.top, window.height),
                                         into_window(from_x, width, window.left, window.width));
                else
                    *out++ = in[(from_y * width + from_x) * channels + c];
            }
        }
}
