/* SPDX-License-Identifier: MIT */
/* A map: groups of equal squares, each filled from its corner as far as it is used. */
#include <math.h>

#include "report/figure.h"

enum { NAME_WIDTH = 190, NAME_MAX = 25, PITCH_MAX = 26, GROUP_MIN = 40, GROUP_GAP = 12, SQUARES_MAX = 20000 };

static sps_status check(const struct sps_map *m)
{
    for (int g = 0; g < m->group_count; g++) {
        const struct sps_map_group *group = &m->groups[g];
        if (group->columns < 1 || group->rows < 1 || group->columns > SQUARES_MAX ||
            group->rows > SQUARES_MAX / group->columns)
            SPS_FAIL(EINVAL, "figure '%s' has a group of %zu x %zu squares, must be 1 to %d", m->title, group->columns,
                     group->rows, SQUARES_MAX);
        for (size_t i = 0; i < group->columns + group->rows; i++) {
            double share = i < group->columns ? group->across[i] : group->down[i - group->columns];
            if (!(share >= 0 && share <= 1))
                SPS_FAIL(EINVAL, "figure '%s' has the share %g, must be 0 to 1", m->title, share);
        }
    }
    return SPS_OK;
}

/* One size for all, so that areas can be compared. */
static double pitch_of(const struct sps_map *m)
{
    size_t widest = 1;
    for (int g = 0; g < m->group_count; g++)
        widest = m->groups[g].columns > widest ? m->groups[g].columns : widest;
    return fmin(PITCH_MAX, (SPS_FIGURE_WIDTH - NAME_WIDTH - 2.0 * SPS_LEGEND_LEFT) / (double)widest);
}

static double height_of(const struct sps_map_group *group, double pitch)
{
    return fmax(GROUP_MIN, (double)group->rows * pitch) + GROUP_GAP;
}

/* All squares of a group as one path: a chip may have thousands.  filled: only the part that is used. */
static void draw_squares(struct sps_writer *w, const struct sps_map_group *group, double y, double pitch, int filled)
{
    double side = pitch > 5 ? pitch - 2 : 0.85 * pitch;
    sps_write(w, "<path class=\"%s\" d=\"", filled ? "f0" : "no");
    for (size_t r = 0; r < group->rows; r++)
        for (size_t c = 0; c < group->columns; c++) {
            double width = filled ? side * group->across[c] : side, height = filled ? side * group->down[r] : side;
            sps_write(w, "M%.2f %.2fh%.2fv%.2fh%.2fz", NAME_WIDTH + SPS_LEGEND_LEFT + (double)c * pitch,
                      y + (double)r * pitch, width, height, -width);
        }
    sps_write_raw(w, "\"/>\n");
}

static void draw_group(struct sps_writer *w, const struct sps_map_group *group, double y, double pitch)
{
    sps_figure_words(w, SPS_LEGEND_LEFT, y + 13, SPS_START, group->name, NAME_MAX);
    sps_figure_words(w, SPS_LEGEND_LEFT, y + 29, SPS_START, group->note, NAME_MAX);
    draw_squares(w, group, y, pitch, 0);
    draw_squares(w, group, y, pitch, 1);
}

static void draw_legend(struct sps_writer *w, const struct sps_map *m)
{
    struct sps_legend legend = {0, 0, SPS_FIGURE_WIDTH};
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? m->filled : m->empty;
        struct sps_legend at = sps_legend_next(&legend, name);
        sps_figure_rect(w, i == 0 ? "f0" : "no", at.x, at.y - 10, 12, 12);
        sps_figure_words(w, at.x + 17, at.y, SPS_START, name, SPS_LEGEND_NAME);
    }
}

sps_status sps_figure_map(sps_figure **out, const struct sps_map *m)
{
    sps_figure *figure = NULL;
    SPS_TRY(check(m));
    double pitch = pitch_of(m), y = SPS_LEGEND_TOP + SPS_LINE_HEIGHT, height = y + 4;
    for (int g = 0; g < m->group_count; g++)
        height += height_of(&m->groups[g], pitch);
    SPS_TRY(sps_figure_begin(&figure, m->title, SPS_FIGURE_WIDTH, height));
    draw_legend(&figure->w, m);
    for (int g = 0; g < m->group_count; g++) {
        draw_group(&figure->w, &m->groups[g], y, pitch);
        y += height_of(&m->groups[g], pitch);
    }
    return sps_figure_end(out, figure);
}
