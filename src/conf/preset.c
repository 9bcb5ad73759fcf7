/* SPDX-License-Identifier: MIT */
#include "conf/preset.h"

#include <string.h>

const struct sps_preset *sps_preset_find(const char *folder, const char *name)
{
    for (const struct sps_preset *p = sps_presets; p->folder != NULL; p++)
        if (strcmp(p->folder, folder) == 0 && strcmp(p->name, name) == 0)
            return p;
    return NULL;
}
