/* SPDX-License-Identifier: MIT */
#ifndef SPS_NN_PROFILE_H
#define SPS_NN_PROFILE_H
/* Where the time of a training goes.  A mark gives the time since the mark before to one part, so the parts add up to
 * the whole, and nothing is lost between them. */
#include <stddef.h>

#include "core/now.h"

enum sps_profile_part {
    SPS_PROFILE_FORWARD, /* of one layer */
    SPS_PROFILE_BACKWARD,
    SPS_PROFILE_SETUP,
    SPS_PROFILE_DATA,
    SPS_PROFILE_LOSS,
    SPS_PROFILE_UPDATE,
    SPS_PROFILE_VALIDATION,
    SPS_PROFILE_FILES,
    SPS_PROFILE_END,
    SPS_PROFILE_OTHER,
    SPS_PROFILE_PARTS
};

struct sps_profile {
    double last;                                /* when the last mark was */
    size_t steps;                               /* of training, in all */
    double seconds[SPS_PROFILE_PARTS];          /* of the layers: their sums */
    double (*layers)[SPS_PROFILE_BACKWARD + 1]; /* [graph->layer_count] forward, backward */
};

/* p may be NULL: then nobody asks, and this costs nothing. */
static inline void sps_profile_mark(struct sps_profile *p, enum sps_profile_part part)
{
    if (p == NULL)
        return;
    double now = sps_now();
    p->seconds[part] += now - p->last;
    p->last = now;
}

static inline void sps_profile_mark_layer(struct sps_profile *p, enum sps_profile_part part, int layer)
{
    if (p == NULL)
        return;
    double before = p->last;
    sps_profile_mark(p, part);
    p->layers[layer][part] += p->last - before;
}
#endif
