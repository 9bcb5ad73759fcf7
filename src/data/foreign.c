/* SPDX-License-Identifier: MIT */
/* The papers' foreign data: noise, a set with noise, another set.  The papers do not say how noise images are
 * normalised, nor how strong added noise is.  Here pixels are drawn where pixels live, 0 .. 1, and become 8-bit codes
 * like any image, so that a model gets nothing that a camera could not give it. */
#include "spinscale/foreign.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "data/dataset.h"
#include "data/ring.h"

enum { DRAWN_IMAGES = 10000, NAME_BYTES = 128 };
static const double STRENGTH_MAX = 10;

/* What is drawn.  The value is the layer of its random numbers: append, never renumber. */
enum noise { NO_NOISE, GAUSSIAN_IMAGES, UNIFORM_IMAGES, ADDED_GAUSSIAN, ADDED_UNIFORM };

static const struct {
    const char *name, *summary;
    enum noise noise;
} kinds[] = {
    {"noise-gaussian", "pixels are normal, mean 0 (black), standard deviation 1 (white), clipped", GAUSSIAN_IMAGES},
    {"noise-uniform", "pixels are uniform from black to white", UNIFORM_IMAGES},
    {"+gaussian:", "SET+gaussian:STRENGTH, a set plus STRENGTH times normal noise (1: black to white), clipped",
     ADDED_GAUSSIAN},
    {"+uniform:", "SET+uniform:STRENGTH, a set plus noise uniform on -STRENGTH .. STRENGTH, clipped", ADDED_UNIFORM},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct sps_foreign {
    char name[NAME_BYTES];
    size_t count;
    int height, width, channels;
    uint64_t seed;
    enum noise noise;
    double strength;
    sps_dataset *set; /* NULL: all is drawn */
    sps_fitted *fitted;
    struct sps_images images; /* of fitted */
    struct sps_ring *ring;    /* NULL: nothing is drawn */
};

static double draw(struct sps_random *r, enum noise noise)
{
    switch (noise) {
    case GAUSSIAN_IMAGES:
    case ADDED_GAUSSIAN:
        return (double)sps_random_normal(r);
    case ADDED_UNIFORM:
        return 2 * (double)sps_random_uniform(r) - 1;
    case UNIFORM_IMAGES:
        return (double)sps_random_uniform(r);
    case NO_NOISE:
        break;
    }
    return 0;
}

static const uint8_t *image_of(const void *self, size_t index)
{
    const struct sps_foreign *f = self;
    const uint8_t *image = f->set != NULL ? f->images.image(f->images.self, index) : NULL;
    if (f->noise == NO_NOISE)
        return image;
    uint8_t *out = sps_ring_next(f->ring);
    struct sps_random r = sps_random(f->seed, SPS_FOR_FOREIGN, (uint32_t)index, 0, f->noise);
    for (size_t i = 0; i < f->ring->bytes; i++) {
        double pixel = (image != NULL ? image[i] / 255.0 : 0) + f->strength * draw(&r, f->noise);
        out[i] = (uint8_t)rint(255 * fmin(fmax(pixel, 0), 1));
    }
    return out;
}

static int label_of(const void *self, size_t index)
{
    const struct sps_foreign *f = self;
    return f->set != NULL ? f->images.label(f->images.self, index) : -1;
}

/* What name asks for: *set gets the characters that name a set, 0 where there is none. */
static sps_status parse(struct sps_foreign *f, size_t *set, const char *name)
{
    *set = strlen(name);
    f->strength = 1;
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(name, kinds[i].name) == 0 && kinds[i].name[0] != '+') {
            f->noise = kinds[i].noise;
            *set = 0;
            return SPS_OK;
        }
        const char *at = kinds[i].name[0] == '+' ? strrchr(name, '+') : NULL;
        if (at == NULL || strncmp(at, kinds[i].name, strlen(kinds[i].name)) != 0)
            continue;
        if (at == name)
            SPS_FAIL(EINVAL, "'%s' names no set that noise is added to", name);
        const char *number = at + strlen(kinds[i].name);
        char *end;
        f->strength = strtod(number, &end);
        if (end == number || *end != '\0' || !(f->strength > 0 && f->strength <= STRENGTH_MAX))
            SPS_FAIL(EINVAL, "strength of '%s' is '%s', must be above 0, at most %g", name, number, STRENGTH_MAX);
        f->noise = kinds[i].noise;
        *set = (size_t)(at - name);
        return SPS_OK;
    }
    return SPS_OK;
}

static sps_status open_set(struct sps_foreign *f, const char *name, size_t length,
                           const struct sps_foreign_options *options)
{
    sps_status status;
    char *set_name = NULL;
    const struct sps_image_size size = {f->height, f->width, f->channels};
    SPS_TRY(sps_strdup(&set_name, name));
    set_name[length] = '\0';
    SPS_TRY_OUT(sps_dataset_open_sized(&f->set, set_name, SPS_TEST, options->data_dir, &size));
    const struct sps_images images = sps_dataset_images(f->set);
    SPS_TRY_OUT(sps_fitted_create(&f->fitted, &images, f->height, f->width, f->channels));
    f->images = sps_fitted_images(f->fitted);
    snprintf(f->name, sizeof f->name, "%s%s", images.name, name + length);
    if (f->count == 0 || f->count > images.count)
        f->count = images.count;
out:
    sps_free(set_name);
    return status;
}

static sps_status open_noise(struct sps_foreign *f)
{
    SPS_TRY(sps_calloc(&f->ring, 1, sizeof *f->ring, "drawn images"));
    return sps_ring_init(f->ring, (size_t)f->height * (size_t)f->width * (size_t)f->channels);
}

sps_status sps_foreign_open(sps_foreign **out, const char *name, int height, int width, int channels,
                            const struct sps_foreign_options *options)
{
    static const struct sps_foreign_options defaults;
    sps_status status;
    sps_foreign *f;
    size_t set;
    options = options != NULL ? options : &defaults;
    if (name == NULL || name[0] == '\0')
        SPS_FAIL(EINVAL, "name of the foreign images is empty");
    if (height < 1 || height > SPS_IMAGE_SIDE_MAX || width < 1 || width > SPS_IMAGE_SIDE_MAX || channels < 1 ||
        channels > SPS_IMAGE_SIDE_MAX)
        SPS_FAIL(EINVAL, "size is %d x %d with %d channels, must be 1 to %d each", height, width, channels,
                 SPS_IMAGE_SIDE_MAX);
    if (options->count > UINT32_MAX)
        SPS_FAIL(EINVAL, "count of images is %zu, must be at most %lu", options->count, (unsigned long)UINT32_MAX);
    SPS_TRY(sps_calloc(&f, 1, sizeof *f, "foreign images"));
    f->height = height;
    f->width = width;
    f->channels = channels;
    f->seed = options->seed;
    f->count = options->count;
    SPS_TRY_OUT(parse(f, &set, name));
    if (set > 0)
        SPS_TRY_OUT(open_set(f, name, set, options));
    else
        snprintf(f->name, sizeof f->name, "%s", name);
    if (f->noise != NO_NOISE)
        SPS_TRY_OUT(open_noise(f));
    if (f->count == 0)
        f->count = DRAWN_IMAGES;
    *out = f;
    return SPS_OK;
out:
    sps_foreign_close(f);
    return status;
}

void sps_foreign_close(sps_foreign *f)
{
    if (f == NULL)
        return;
    if (f->ring != NULL)
        sps_ring_reset(f->ring);
    sps_free(f->ring);
    sps_fitted_free(f->fitted);
    sps_dataset_free(f->set);
    sps_free(f);
}

/* Also says that images are made: one thread at a time asks for them. */
static sps_status load(const void *self, size_t first, size_t count)
{
    const sps_foreign *f = self;
    return sps_images_load(&f->images, first, count);
}

struct sps_images sps_foreign_images(const sps_foreign *f)
{
    return (struct sps_images){.name = f->name,
                               .count = f->count,
                               .height = f->height,
                               .width = f->width,
                               .channels = f->channels,
                               .self = f,
                               .image = image_of,
                               .label = label_of,
                               .load = load};
}

int sps_foreign_fitted(const sps_foreign *f, int *height, int *width, int *channels)
{
    const struct sps_dataset_info *info = f->set != NULL ? sps_dataset_get_info(f->set) : NULL;
    if (info == NULL || (info->height == f->height && info->width == f->width && info->channels == f->channels))
        return 0;
    *height = info->height;
    *width = info->width;
    *channels = info->channels;
    return 1;
}

const char *sps_foreign_list(size_t index, const char **summary)
{
    if (index >= KINDS)
        return NULL;
    if (summary != NULL)
        *summary = kinds[index].summary;
    return kinds[index].name;
}
