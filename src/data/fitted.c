/* SPDX-License-Identifier: MIT */
#include "data/format.h"
#include "data/ring.h"
#include "spinscale/foreign.h"

struct sps_fitted {
    struct sps_images from;
    int height, width, channels;
    int same; /* nothing is to be done */
    struct sps_ring *ring;
};

static const uint8_t *image_of(const void *self, size_t index)
{
    const struct sps_fitted *f = self;
    const uint8_t *image = f->from.image(f->from.self, index);
    if (f->same)
        return image;
    uint8_t *out = sps_ring_next(f->ring);
    sps_image_fit(out, f->height, f->width, f->channels, image, f->from.height, f->from.width, f->from.channels);
    return out;
}

static int label_of(const void *self, size_t index)
{
    const struct sps_fitted *f = self;
    return f->from.label(f->from.self, index);
}

static sps_status check_size(const struct sps_images *from, int height, int width, int channels)
{
    if (height < 1 || height > SPS_IMAGE_SIDE_MAX || width < 1 || width > SPS_IMAGE_SIDE_MAX)
        SPS_FAIL(EINVAL, "size is %d x %d pixels, must be 1 to %d", height, width, SPS_IMAGE_SIDE_MAX);
    if (channels != from->channels &&
        !((channels == 1 && from->channels == 3) || (channels == 3 && from->channels == 1)))
        SPS_FAIL(EINVAL, "images of '%s' have %d channels, cannot become ones of %d", from->name, from->channels,
                 channels);
    return SPS_OK;
}

sps_status sps_fitted_create(sps_fitted **out, const struct sps_images *from, int height, int width, int channels)
{
    sps_status status;
    sps_fitted *f;
    SPS_TRY(check_size(from, height, width, channels));
    SPS_TRY(sps_calloc(&f, 1, sizeof *f, "fitted images"));
    *f = (sps_fitted){.from = *from, .height = height, .width = width, .channels = channels};
    f->same = height == from->height && width == from->width && channels == from->channels;
    if (!f->same) {
        SPS_TRY_OUT(sps_calloc(&f->ring, 1, sizeof *f->ring, "fitted images"));
        SPS_TRY_OUT(sps_ring_init(f->ring, (size_t)height * (size_t)width * (size_t)channels));
    }
    *out = f;
    return SPS_OK;
out:
    sps_fitted_free(f);
    return status;
}

void sps_fitted_free(sps_fitted *f)
{
    if (f == NULL)
        return;
    if (f->ring != NULL)
        sps_ring_reset(f->ring);
    sps_free(f->ring);
    sps_free(f);
}

static sps_status load(const void *self, size_t first, size_t count)
{
    const sps_fitted *f = self;
    return sps_images_load(&f->from, first, count);
}

struct sps_images sps_fitted_images(const sps_fitted *f)
{
    return (struct sps_images){.name = f->from.name,
                               .count = f->from.count,
                               .height = f->height,
                               .width = f->width,
                               .channels = f->channels,
                               .self = f,
                               .image = image_of,
                               .label = label_of,
                               .load = load};
}
