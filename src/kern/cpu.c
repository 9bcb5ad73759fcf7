/* SPDX-License-Identifier: MIT */
#include "spinscale/cpu.h"

#include <string.h>

#include "kern/kern.h"

const char *sps_kernel_tier(size_t index, const char **state)
{
    const char *name = sps_kern_tier_name(index);
    if (name == NULL || state == NULL)
        return name;
    const struct sps_kern *used;
    if (sps_kern_tier(name) == NULL)
        *state = "not on this CPU";
    else if (sps_kern_get(&used) == SPS_OK && strcmp(used->tier, name) == 0)
        *state = "in use";
    else
        *state = "available";
    return name;
}
