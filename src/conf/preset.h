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
/* Name of preset `index` of a folder, with its first comment line as summary; NULL after the last. */
const char *sps_preset_at(const char *folder, size_t index, char summary[256]);

/* A name that is a file's path, not a preset's: it has a '/', or ends in .yaml. */
int sps_preset_is_path(const char *name);
/* The preset of that name, or the file at that path.  SPS_EINVAL names the presets that there are. */
sps_status sps_yaml_named(sps_yaml **out, const char *folder, const char *name);
#endif
