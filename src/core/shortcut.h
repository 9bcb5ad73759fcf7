/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_SHORTCUT_H
#define SPS_CORE_SHORTCUT_H
/* Option A of He et al., CVPR 2016: a shortcut without weights.  Where a sum has fewer pixels than its shortcut, every
 * step-th of each row and column counts; where it has more channels, zeros stand around the shortcut's, half of them
 * (rounded down) before. */
struct sps_shortcut {
    int step, front;
};

/* False if `from` [h][w][c] cannot be brought to the size of `to`. */
static inline int sps_shortcut_fits(struct sps_shortcut *out, const int to[3], const int from[3])
{
    int step = (from[0] + to[0] - 1) / to[0];
    *out = (struct sps_shortcut){step, (to[2] - from[2]) / 2};
    return to[0] <= from[0] && to[1] <= from[1] && to[2] >= from[2] && (from[0] + step - 1) / step == to[0] &&
           (from[1] + step - 1) / step == to[1];
}
#endif
