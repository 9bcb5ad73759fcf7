/* SPDX-License-Identifier: MIT */
/* Sets of images that are made from others, block by block. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/team.h"
#include "data/view.h"

enum { THREADS_MAX = 1024, STATS_BLOCK = 256 };

/* The images that are there.  A view is constant but for these. */
struct block {
    uint8_t *pixels;
    size_t room, first, count; /* images */
};

typedef sps_status make_image(const sps_view *view, uint8_t *out, const uint8_t *in, size_t index);

struct sps_view {
    char name[128];
    struct sps_images from, images;
    make_image *make;
    struct block *block;
    sps_team *team;
    /* of shifted sets */
    const struct sps_shift *kind;
    int severity;
    uint64_t seed;
    /* of normalised sets */
    uint8_t table[SPS_IMAGE_CHANNELS_MAX][256];
    struct sps_npy_images *file; /* of ready-made sets */
};

void sps_view_free(sps_view *view)
{
    if (view == NULL)
        return;
    if (view->block != NULL)
        sps_free(view->block->pixels);
    sps_free(view->block);
    sps_team_free(view->team);
    sps_npy_images_close(view->file);
    sps_free(view);
}

struct sps_images sps_view_images(const sps_view *view)
{
    return view->images;
}

static size_t image_bytes(const struct sps_images *set)
{
    return (size_t)set->height * set->width * set->channels;
}

/* Some images, as many as a set that makes its own keeps (images.h): asked for here, by one thread, made on all. */
struct job {
    const sps_view *view;
    size_t first;
    const uint8_t *from[SPS_IMAGES_KEPT];
    uint8_t *pixels;
};

static sps_status make_one(void *work, size_t i, int worker)
{
    (void)worker;
    const struct job *job = work;
    const sps_view *view = job->view;
    return view->make(view, job->pixels + i * image_bytes(&view->images), job->from[i], job->first + i);
}

static sps_status make_some(const sps_view *view, uint8_t *pixels, size_t first, size_t count)
{
    struct job job = {.view = view, .first = first, .pixels = pixels};
    for (size_t i = 0; i < count; i++)
        job.from[i] = view->from.image(view->from.self, first + i);
    return sps_team_try(view->team, count, make_one, &job);
}

static sps_status load(const void *self, size_t first, size_t count)
{
    const sps_view *view = self;
    struct block *block = view->block;
    if (first > view->images.count || count > view->images.count - first)
        SPS_FAIL(EINVAL, "images %zu to %zu of '%s' were asked for, it has %zu", first, first + count, view->name,
                 view->images.count);
    SPS_TRY(sps_images_load(&view->from, first, count));
    block->count = 0;
    if (count > block->room) {
        sps_free(block->pixels);
        block->room = 0;
        SPS_TRY(sps_calloc(&block->pixels, count, image_bytes(&view->images), "a block of images"));
        block->room = count;
    }
    for (size_t i = 0; i < count; i += SPS_IMAGES_KEPT) {
        size_t some = count - i < SPS_IMAGES_KEPT ? count - i : SPS_IMAGES_KEPT;
        SPS_TRY(make_some(view, block->pixels + i * image_bytes(&view->images), first + i, some));
    }
    block->first = first;
    block->count = count;
    return SPS_OK;
}

static const uint8_t *image_of(const void *self, size_t index)
{
    const sps_view *view = self;
    return view->block->pixels + (index - view->block->first) * image_bytes(&view->images);
}

static int label_of(const void *self, size_t index)
{
    const sps_view *view = self;
    return view->from.label(view->from.self, index);
}

static sps_status view_create(sps_view **out, const struct sps_images *from, make_image *make, int threads)
{
    sps_view *view = NULL;
    sps_status status = SPS_OK;
    if (threads < 0 || threads > THREADS_MAX)
        SPS_FAIL(EINVAL, "threads is %d, must be 0 to %d", threads, THREADS_MAX);
    SPS_TRY(sps_calloc(&view, 1, sizeof *view, "a set of images"));
    view->from = view->images = *from;
    view->make = make;
    view->images.name = view->name;
    view->images.self = view;
    view->images.image = image_of;
    view->images.label = label_of;
    view->images.load = load;
    SPS_TRY_OUT(sps_calloc(&view->block, 1, sizeof *view->block, "a block of images"));
    SPS_TRY_OUT(sps_team_create(&view->team, threads > 0 ? threads : sps_cores()));
    *out = view;
out:
    if (status != SPS_OK)
        sps_view_free(view);
    return status;
}

static sps_status make_shifted(const sps_view *view, uint8_t *out, const uint8_t *in, size_t index)
{
    return sps_shift_apply(out, in, view->images.height, view->images.width, view->images.channels, view->kind,
                           view->severity, view->seed, (uint32_t)index);
}

sps_status sps_view_shifted(sps_view **out, const struct sps_images *from, const struct sps_shift *kind, int severity,
                            uint64_t seed, int threads)
{
    uint8_t pixel[3] = {0}; /* what the shift says to the channels and the severity, it says to one pixel */
    if (from->height > SPS_SHIFT_SIDE_MAX || from->width > SPS_SHIFT_SIDE_MAX)
        SPS_FAIL(EINVAL, "images of '%s' are %d x %d, sides must be at most %d to be shifted", from->name, from->height,
                 from->width, SPS_SHIFT_SIDE_MAX);
    SPS_TRY(sps_shift_apply(pixel, pixel, 1, 1, from->channels, kind, severity, seed, 0));
    sps_view *view = NULL;
    SPS_TRY(view_create(&view, from, make_shifted, threads));
    snprintf(view->name, sizeof view->name, "%s %s %d", from->name, kind->name, severity);
    view->kind = kind;
    view->severity = severity;
    view->seed = seed;
    *out = view;
    return SPS_OK;
}

sps_status sps_channel_stats_measure(struct sps_channel_stats *out, const struct sps_images *set)
{
    const int c = set->channels;
    const size_t bytes = image_bytes(set);
    uint64_t count[SPS_IMAGE_CHANNELS_MAX][256] = {{0}};
    if (c < 1 || c > SPS_IMAGE_CHANNELS_MAX)
        SPS_FAIL(EINVAL, "images of '%s' have %d channels, must have 1 to %d", set->name, c, SPS_IMAGE_CHANNELS_MAX);
    if (set->count == 0)
        SPS_FAIL(EINVAL, "'%s' has no images to measure", set->name);
    for (size_t first = 0; first < set->count; first += STATS_BLOCK) {
        const size_t n = set->count - first < STATS_BLOCK ? set->count - first : STATS_BLOCK;
        SPS_TRY(sps_images_load(set, first, n));
        for (size_t i = first; i < first + n; i++) {
            const uint8_t *image = set->image(set->self, i);
            for (size_t j = 0; j < bytes; j++)
                count[j % (size_t)c][image[j]]++;
        }
    }
    struct sps_channel_stats stats = {.channels = c};
    const double pixels = (double)set->count * (double)(bytes / (size_t)c);
    for (int k = 0; k < c; k++) {
        double sum = 0, squares = 0;
        for (int v = 0; v < 256; v++)
            sum += (double)count[k][v] * v / 255;
        stats.mean[k] = sum / pixels;
        for (int v = 0; v < 256; v++) {
            const double off = v / 255.0 - stats.mean[k];
            squares += (double)count[k][v] * off * off;
        }
        stats.sd[k] = sqrt(squares / pixels);
    }
    *out = stats;
    return SPS_OK;
}

static sps_status make_normalised(const sps_view *view, uint8_t *out, const uint8_t *in, size_t index)
{
    (void)index;
    const int c = view->images.channels;
    const size_t bytes = image_bytes(&view->images);
    for (size_t i = 0; i < bytes; i += (size_t)c)
        for (int k = 0; k < c; k++)
            out[i + k] = view->table[k][in[i + k]];
    return SPS_OK;
}

sps_status sps_view_normalised(sps_view **out, const struct sps_images *from, const struct sps_channel_stats *of_set,
                               const struct sps_channel_stats *target)
{
    const int c = from->channels;
    if (c < 1 || c > SPS_IMAGE_CHANNELS_MAX || of_set->channels != c || target->channels != c)
        SPS_FAIL(EINVAL, "images of '%s' have %d channels, their statistics %d, those of the training data %d",
                 from->name, c, of_set->channels, target->channels);
    sps_view *view = NULL;
    SPS_TRY(view_create(&view, from, make_normalised, 1));
    snprintf(view->name, sizeof view->name, "%s, normalised", from->name);
    for (int k = 0; k < c; k++) {
        const double gain = of_set->sd[k] > 0 ? target->sd[k] / of_set->sd[k] : 0;
        for (int v = 0; v < 256; v++) {
            const double level = 255 * ((v / 255.0 - of_set->mean[k]) * gain + target->mean[k]);
            view->table[k][v] = (uint8_t)(level <= 0 ? 0 : level >= 255 ? 255 : floor(level + 0.5));
        }
    }
    *out = view;
    return SPS_OK;
}

sps_status sps_view_open_npy(sps_view **out, const char *path)
{
    sps_view *view = NULL;
    SPS_TRY(sps_calloc(&view, 1, sizeof *view, "a set of images"));
    sps_status status = sps_npy_images_open(&view->file, &view->images, path);
    if (status == SPS_OK)
        *out = view;
    else
        sps_view_free(view);
    return status;
}
