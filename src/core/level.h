/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_LEVEL_H
#define SPS_CORE_LEVEL_H
/* An activation quantised to levels 0 .. top: the one float expression that training graph and engine share.  Halves go
 * up; what is no number is level 0. */
#include <stdint.h>

static inline uint8_t sps_level_of(float x, float step, float top)
{
    float t = x / step;
    t = t > 0 ? t : 0;
    t = t < top ? t : top;
    return (uint8_t)(int)(t + 0.5f);
}
#endif
