/* SPDX-License-Identifier: MIT */
#ifndef SPS_CONF_PRESET_H
#define SPS_CONF_PRESET_H
/* Files compiled into the program: nets/NAME.yaml, configs/NAME.yaml, devices/NAME.yaml, chips/NAME.yaml.  The table ends with a row of zeros. */
#include <stddef.h>

struct sps_preset {
    const char *folder; /* "nets", "configs", "devices" or "chips" */
    const char *name;
    const char *text;
    size_t size; /* bytes of text, without the closing zero */
};
extern const struct sps_preset sps_presets[];

/* NULL if there is none. */
const struct sps_preset *sps_preset_find(const char *folder, const char *name);
#endif
