/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_JSON_H
#define SPS_ENGINE_JSON_H
#include <jansson.h>
#include <string.h>

#include "core/error.h"

/* An object with other keys than these (NULL ends them) is refused. */
static inline sps_status sps_known_keys(json_t *object, const char *const *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        int known = 0;
        for (size_t i = 0; keys[i] != NULL; i++)
            known |= strcmp(key, keys[i]) == 0;
        if (!known)
            SPS_FAIL(EFORMAT, "unknown key '%s'", key);
    }
    return SPS_OK;
}
#endif
