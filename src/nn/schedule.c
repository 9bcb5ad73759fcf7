/* SPDX-License-Identifier: MIT */
/* Learning-rate schedules as a factor of the largest rate, over the share of training done. */
#include <math.h>

#include "nn/nn.h"

static double cosine(double from, double to, double share)
{
    return to + (from - to) * 0.5 * (1 + cos(3.14159265358979323846 * share));
}

double sps_schedule_factor(enum sps_schedule schedule, double share, double warm_up, double final, int drops,
                           double drop_factor)
{
    if (schedule == SPS_ONE_CYCLE) /* Smith 2018: up from 1/25 during the warm-up, then down to `final` */
        return share < warm_up ? cosine(1.0 / 25, 1, share / warm_up)
                               : cosine(1, final, (share - warm_up) / (1 - warm_up));
    if (share < warm_up)
        return share / warm_up;
    double rest = (share - warm_up) / (1 - warm_up);
    switch (schedule) {
    case SPS_COSINE:
        return cosine(1, final, rest);
    case SPS_STEPS: /* `drops` drops, evenly spread */
        return pow(drop_factor, floor(rest * (drops + 1)));
    default:
        return 1;
    }
}
