/* SPDX-License-Identifier: MIT */
/* A table of numbers as colours: one hue, the stronger the larger, with the number on it. */
#include <math.h>

#include "report/figure.h"

enum { NAME_MAX = 22, PITCH = 23, BOTTOM = 16, RIGHT = 16, DIGITS = 3, CELLS_MAX = 10000 };
/* From here on the colour is strong, and letters on it are of the other kind. */
static const double STRONG = 0.55, FAINTEST = 0.06;

static sps_status check(const struct sps_heat *h)
{
    if (h->rows < 1 || h->columns < 1 || h->rows > CELLS_MAX / h->columns)
        SPS_FAIL(EINVAL, "figure '%s' has %d x %d cells, must be 1 to %d", h->title, h->rows, h->columns, CELLS_MAX);
    if (!(h->low < h->high))
        SPS_FAIL(EINVAL, "figure '%s' has colours from %g to %g, must rise", h->title, h->low, h->high);
    SPS_TRY(sps_figure_check(h->title, h->low));
    SPS_TRY(sps_figure_check(h->title, h->high));
    for (int i = 0; i < h->rows * h->columns; i++)
        SPS_TRY(sps_figure_check(h->title, h->values[i]));
    return SPS_OK;
}

static void draw_cell(struct sps_writer *w, const struct sps_heat *h, double value, double x, double y, double width)
{
    if (!isfinite(value)) {
        sps_figure_rect(w, "no", x, y, width - 2, PITCH - 2);
        return;
    }
    double share = fmin(fmax((value - h->low) / (h->high - h->low), 0), 1);
    sps_write(w, "<rect class=\"f0\" fill-opacity=\"%.3f\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>\n",
              FAINTEST + (1 - FAINTEST) * share, x, y, width - 2, PITCH - 2);
    sps_write(w, "<text%s x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", share > STRONG ? " class=\"on\"" : "",
              x + width / 2 - 1, y + PITCH / 2.0 + 3);
    sps_write_number(w, value, DIGITS);
    sps_write_raw(w, "</text>\n");
}

sps_status sps_figure_heat(sps_figure **out, const struct sps_heat *h)
{
    sps_figure *figure = NULL;
    double width;
    size_t longest = 1;
    SPS_TRY(check(h));
    SPS_TRY(sps_figure_width(&width, h->title, h->width));
    for (int r = 0; r < h->rows; r++) {
        size_t length = sps_characters(h->row_names[r]);
        longest = length > longest ? length : longest;
    }
    longest = longest < NAME_MAX ? longest : NAME_MAX;
    double left = SPS_LEGEND_LEFT + (double)longest * SPS_LETTER + 10, pitch = (width - RIGHT - left) / h->columns,
           top = SPS_LEGEND_TOP + SPS_LINE_HEIGHT + 6;
    SPS_TRY(sps_figure_begin(&figure, h->title, width, top + h->rows * PITCH + BOTTOM));
    struct sps_writer *w = &figure->w;
    sps_figure_words(w, left, SPS_LEGEND_TOP, SPS_START, h->axis, (size_t)((width - left) / SPS_LETTER));
    for (int c = 0; c < h->columns; c++)
        sps_figure_words(w, left + (c + 0.5) * pitch - 1, top - 6, SPS_MIDDLE, h->column_names[c],
                         (size_t)(pitch / SPS_LETTER) + 1);
    for (int r = 0; r < h->rows; r++) {
        sps_figure_words(w, left - 8, top + r * PITCH + PITCH / 2.0 + 3, SPS_END, h->row_names[r], NAME_MAX);
        for (int c = 0; c < h->columns; c++)
            draw_cell(w, h, h->values[r * h->columns + c], left + c * pitch, top + r * PITCH, pitch);
    }
    return sps_figure_end(out, figure);
}
