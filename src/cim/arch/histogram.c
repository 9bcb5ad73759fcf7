/* SPDX-License-Identifier: MIT */
#include "cim/arch/histogram.h"

#include <stdio.h>

#include "cim/arch/instance.h"
#include "core/memory.h"

static sps_status make_bins(struct sps_chip_histograms *h, const struct sps_chip_instance *chip)
{
    SPS_TRY(sps_calloc(&h->layer, (size_t)chip->plan->stage_count, sizeof *h->layer, "histograms"));
    for (; h->layers < chip->plan->stage_count; h->layers++) {
        struct sps_chip_histogram *layer = &h->layer[h->layers];
        snprintf(layer->name, sizeof layer->name, "%s", chip->layout->layer[h->layers].name);
        layer->bins = chip->layout->layer[h->layers].tile_inputs + 1;
        SPS_TRY(sps_calloc(&layer->count, layer->bins, sizeof *layer->count, "histograms"));
    }
    return SPS_OK;
}

static sps_status count_sums(struct sps_chip_histograms *h, struct sps_chip_instance *chip,
                             const struct sps_images *images, uint32_t samples)
{
    float *p = NULL;
    size_t classes = (size_t)chip->packed->classes;
    const struct sps_predict_options options = {.reading = SPS_SAMPLED, .seed = 1, .samples = samples, .threads = 1};
    SPS_TRY(make_bins(h, chip));
    SPS_TRY(sps_calloc(&p, samples * classes, sizeof *p, "probabilities"));
    chip->histogram = h->layer;
    const struct sps_predictor predictor = sps_session_predictor(chip->session);
    sps_status status = SPS_OK;
    for (size_t i = 0; i < images->count && status == SPS_OK; i++) {
        status = sps_images_load(images, i, 1);
        if (status != SPS_OK)
            break;
        const uint8_t *image = images->image(images->self, i);
        uint32_t index = (uint32_t)i;
        status = sps_predict(&predictor, &options, 1, &image, &index, &(struct sps_passes){.p = p, .stride = 1});
    }
    sps_free(p);
    return status;
}

sps_status sps_chip_histograms_init(struct sps_chip_histograms *out, const sps_chip *chip, const sps_packed *packed,
                                    const struct sps_images *images, uint32_t samples,
                                    const struct sps_chip_instance_options *options)
{
    struct sps_chip_instance_options alone = *options;
    struct sps_chip_histograms h = {0};
    sps_chip_instance *instance = NULL;
    alone.threads = 1; /* counts are not shared */
    SPS_TRY(sps_chip_instance_create(&instance, chip, packed, &alone));
    sps_status status = count_sums(&h, instance, images, samples);
    sps_chip_instance_free(instance);
    if (status == SPS_OK)
        *out = h;
    else
        sps_chip_histograms_reset(&h);
    return status;
}

void sps_chip_histograms_reset(struct sps_chip_histograms *h)
{
    for (int i = 0; i < h->layers; i++)
        sps_free(h->layer[i].count);
    sps_free(h->layer);
    *h = (struct sps_chip_histograms){0};
}
