/* SPDX-License-Identifier: MIT */
/* The validation split of a run, made again from its configuration. */
#include <string.h>

#include "core/memory.h"
#include "data/transform.h"
#include "spinscale/train.h"
#include "train/config.h"

struct sps_held_out {
    sps_dataset *data;
    uint32_t *order; /* of the whole part: what trains, then what validates */
    size_t first, count;
};

static sps_status split(struct sps_held_out *h, const struct sps_run_params *run, const char *data,
                        const char *data_dir, const char *sha256)
{
    SPS_TRY(sps_dataset_open(&h->data, data != NULL ? data : run->data, SPS_TRAIN, data_dir));
    const struct sps_dataset_info *info = sps_dataset_get_info(h->data);
    if (sha256 != NULL && strcmp(sha256, info->sha256) != 0)
        SPS_FAIL(EINVAL, "the training part of '%s' is not the one that the run had: its sha256 is %s, not %s",
                 info->folder, info->sha256, sha256);
    if ((uint64_t)run->validation >= info->count)
        SPS_FAIL(EINVAL, "data.validation %lld leaves no training image of %zu in '%s'", (long long)run->validation,
                 info->count, info->name);
    h->count = (size_t)run->validation;
    h->first = info->count - h->count;
    SPS_TRY(sps_calloc(&h->order, info->count, sizeof *h->order, "the split"));
    sps_split(h->order, info->count, h->count, (uint64_t)run->seed);
    return SPS_OK;
}

sps_status sps_held_out_open(sps_held_out **out, const char *config, const char *data, const char *data_dir,
                             const char *sha256)
{
    struct sps_held_out *h = NULL;
    struct sps_run_params run;
    sps_yaml *yaml = NULL;
    SPS_TRY(sps_yaml_parse(&yaml, "the model's configuration", config, strlen(config)));
    sps_status status = sps_config_read_split(&run, yaml);
    sps_yaml_free(yaml);
    SPS_TRY(status);
    SPS_TRY(sps_calloc(&h, 1, sizeof *h, "a validation split"));
    status = split(h, &run, data, data_dir, sha256);
    if (status == SPS_OK)
        *out = h;
    else
        sps_held_out_free(h);
    return status;
}

void sps_held_out_free(sps_held_out *h)
{
    if (h == NULL)
        return;
    sps_dataset_free(h->data);
    sps_free(h->order);
    sps_free(h);
}

static const uint8_t *image(const void *self, size_t index)
{
    const struct sps_held_out *h = self;
    return sps_dataset_image(h->data, h->order[h->first + index]);
}

static int label(const void *self, size_t index)
{
    const struct sps_held_out *h = self;
    return sps_dataset_label(h->data, h->order[h->first + index]);
}

struct sps_images sps_held_out_images(const sps_held_out *h)
{
    struct sps_images images = sps_dataset_images(h->data);
    images.count = h->count;
    images.self = h;
    images.image = image;
    images.label = label;
    return images;
}
