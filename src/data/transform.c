/* SPDX-License-Identifier: MIT */
/* Code tables, and the seeded orders of a set. */
#include "data/transform.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "core/random.h"

/* In double: the stored floats alone give the same codes everywhere. */
static double normalised(const struct sps_code_table *t, int channel, int pixel)
{
    return (pixel / 255.0 - (double)t->mean[channel]) / (double)t->std[channel];
}

void sps_code_table_make(struct sps_code_table *t)
{
    assert(t->channels >= 1 && t->channels <= SPS_CHANNELS_MAX);
    double largest = 0;
    for (int c = 0; c < t->channels; c++) {
        assert(t->std[c] > 0);
        largest = fmax(largest, fmax(fabs(normalised(t, c, 0)), fabs(normalised(t, c, 255))));
    }
    t->scale = (float)(127 / largest);
    for (int c = 0; c < t->channels; c++)
        for (int pixel = 0; pixel < 256; pixel++)
            t->code[c][pixel] = (int8_t)rint(normalised(t, c, pixel) * (double)t->scale);
}

void sps_code_table_measure(struct sps_code_table *t, const sps_dataset *set, const uint32_t *indices, size_t count)
{
    const struct sps_dataset_info *info = sps_dataset_get_info(set);
    assert(info->channels <= SPS_CHANNELS_MAX);
    /* Counts of each value are exact integers: the result does not depend on the order of images. */
    uint64_t histogram[SPS_CHANNELS_MAX][256] = {{0}};
    size_t images = indices != NULL ? count : info->count;
    size_t pixels = (size_t)info->height * (size_t)info->width;
    for (size_t n = 0; n < images; n++) {
        const uint8_t *image = sps_dataset_image(set, indices != NULL ? indices[n] : n);
        for (size_t i = 0; i < pixels; i++)
            for (int c = 0; c < info->channels; c++)
                histogram[c][*image++]++;
    }
    t->channels = info->channels;
    for (int c = 0; c < info->channels; c++) {
        double total = (double)images * (double)pixels, mean = 0, variance = 0;
        for (int v = 0; v < 256; v++)
            mean += (double)histogram[c][v] * v / total;
        for (int v = 0; v < 256; v++)
            variance += (double)histogram[c][v] * (v - mean) * (v - mean) / total;
        t->mean[c] = (float)(mean / 255);
        /* A constant image has none; one grey level is the finest difference that 8 bits can hold. */
        t->std[c] = (float)(fmax(sqrt(variance), 1) / 255);
    }
    sps_code_table_make(t);
}

void sps_encode(int8_t *out, const struct sps_code_table *t, const uint8_t *image, int pixels)
{
    for (int i = 0; i < pixels; i++)
        for (int c = 0; c < t->channels; c++)
            *out++ = t->code[c][*image++];
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void sps_split(uint32_t *order, size_t count, size_t validation, uint64_t seed)
{
    assert(count <= UINT32_MAX && validation <= count);
    struct sps_random r = sps_random(seed, SPS_FOR_SPLIT, 0, 0, 0);
    sps_random_permutation(&r, order, (uint32_t)count);
    qsort(order, count - validation, sizeof *order, ascending);
    qsort(order + (count - validation), validation, sizeof *order, ascending);
}

void sps_shuffle(uint32_t *indices, size_t count, uint64_t seed, uint32_t epoch)
{
    assert(count <= UINT32_MAX);
    struct sps_random r = sps_random(seed, SPS_FOR_SHUFFLE, 0, epoch, 0);
    for (uint32_t i = (uint32_t)count; i > 1; i--) {
        uint32_t j = sps_random_below(&r, i);
        uint32_t kept = indices[i - 1];
        indices[i - 1] = indices[j];
        indices[j] = kept;
    }
}
