/* SPDX-License-Identifier: MIT */
#ifndef SPS_CONF_PRESET_H
#define SPS_CONF_PRESET_H
/* Files compiled into the program: nets/NAME.yaml, configs/NAME.yaml, devices/NAME.yaml, chips/NAME.yaml.  The table
 * ends with a row of zeros. */
#include <stddef.h>

#include "conf/yaml.h"

struct sps_preset {
    const char *folder; /* "nets", "configs", "devices" or "chips" */
    const char *name;
    const char *text;
    size_t size; /* bytes of text, without the closing zero */
};
extern const struct sps_preset sps_presets[];

/* NULL if there is none. */
const struct sps_preset *sps_preset_find(const char *folder, const char *name);
/* Preset number `index` of a folder, NULL after the last; summary is its first comment line. */
const char *sps_preset_list(const char *folder, size_t index, char summary[256]);

/* A name with a '/' in it, or ending in .yaml, is a file's. */
int sps_preset_is_path(const char *name);
/* The YAML of a file or preset, whichever the name says; sps_yaml_free() releases it.  SPS_EINVAL for an unknown
 * preset, with the names of those there are. */
sps_status sps_preset_read(sps_yaml **out, const char *folder, const char *name);
#endif
