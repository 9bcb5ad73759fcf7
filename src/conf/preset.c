/* SPDX-License-Identifier: MIT */
#include "conf/preset.h"

#include <stdio.h>
#include <string.h>

const struct sps_preset *sps_preset_find(const char *folder, const char *name)
{
    for (const struct sps_preset *p = sps_presets; p->folder != NULL; p++)
        if (strcmp(p->folder, folder) == 0 && strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

const char *sps_preset_list(const char *folder, size_t index, char summary[256])
{
    for (const struct sps_preset *p = sps_presets; p->folder != NULL; p++) {
        if (strcmp(p->folder, folder) != 0 || index-- > 0)
            continue;
        const char *line = p->text;
        while (*line == '#' || *line == ' ')
            line++;
        snprintf(summary, 256, "%.*s", (int)strcspn(line, "\n"), line);
        return p->name;
    }
    return NULL;
}

int sps_preset_is_path(const char *name)
{
    size_t n = strlen(name);
    return strchr(name, '/') != NULL || (n > 5 && strcmp(name + n - 5, ".yaml") == 0);
}

static sps_status preset_missing(const char *folder, const char *name)
{
    char names[512] = "";
    for (const struct sps_preset *p = sps_presets; p->folder != NULL; p++)
        if (strcmp(p->folder, folder) == 0)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", *names ? ", " : "", p->name);
    SPS_FAIL(EINVAL, "unknown preset '%s' in %s (%s; a file's name has a '/' or ends in .yaml)", name, folder, names);
}

sps_status sps_preset_read(sps_yaml **out, const char *folder, const char *name)
{
    if (sps_preset_is_path(name))
        return sps_yaml_read(out, name);
    const struct sps_preset *preset = sps_preset_find(folder, name);
    return preset ? sps_yaml_parse(out, name, preset->text, preset->size) : preset_missing(folder, name);
}
