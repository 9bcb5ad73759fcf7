/* SPDX-License-Identifier: MIT */
/* Histograms as panels over one axis: many sets are compared at a glance, each by its shape. */
#include <math.h>

#include "report/axis.h"
#include "report/figure.h"

enum { PANEL_HEIGHT = 46, PANEL_GAP = 24, RIGHT = 20, BOTTOM = 44, TICKS = 6, BINS_MAX = 1000, PANELS_MAX = 200 };

struct plot {
    const struct sps_histogram *h;
    double width;
    struct sps_axis x;
};

static double count_of(const struct sps_histogram *h, int panel, int series, int bin)
{
    return h->counts[((size_t)panel * (size_t)h->series_count + (size_t)series) * (size_t)h->bins + (size_t)bin];
}

static double total_of(const struct sps_histogram *h, int panel, int series)
{
    double total = 0;
    for (int b = 0; b < h->bins; b++)
        total += count_of(h, panel, series, b);
    return total;
}

static sps_status check(const struct sps_histogram *h)
{
    if (h->bins < 1 || h->bins > BINS_MAX || h->panel_count < 0 || h->panel_count > PANELS_MAX || h->series_count < 1)
        SPS_FAIL(EINVAL,
                 "figure '%s' has %d panels of %d series of %d bins, must be at most %d of at least 1 of 1 to %d",
                 h->title, h->panel_count, h->series_count, h->bins, PANELS_MAX, BINS_MAX);
    if (!(h->low < h->high))
        SPS_FAIL(EINVAL, "figure '%s' has an axis from %g to %g, must rise", h->title, h->low, h->high);
    SPS_TRY(sps_figure_check(h->title, h->low));
    SPS_TRY(sps_figure_check(h->title, h->high));
    for (int p = 0; p < h->panel_count; p++)
        for (int s = 0; s < h->series_count; s++)
            for (int b = 0; b < h->bins; b++)
                if (!(count_of(h, p, s, b) >= 0 && count_of(h, p, s, b) <= SPS_VALUE_MAX / BINS_MAX))
                    SPS_FAIL(EINVAL, "figure '%s' has the count %g, must be a number and not negative", h->title,
                             count_of(h, p, s, b));
    return SPS_OK;
}

double sps_histogram_largest(const struct sps_histogram *h, int panel)
{
    double most = 0;
    for (int s = 0; s < h->series_count; s++) {
        double total = total_of(h, panel, s);
        for (int b = 0; b < h->bins && total > 0; b++)
            most = fmax(most, count_of(h, panel, s, b) / total);
    }
    return most;
}

/* The outline of a panel's bars; closed: down to the base line, for a fill. */
static void draw_steps(struct sps_writer *w, const struct plot *p, int panel, int series, double base,
                       const char *classes, int closed)
{
    const struct sps_histogram *h = p->h;
    double total = total_of(h, panel, series), most = sps_histogram_largest(h, panel);
    if (!(total > 0))
        return;
    sps_write(w, "<path class=\"%s\" d=\"M%.1f %.1f", classes, p->x.from, base);
    for (int b = 0; b < h->bins; b++)
        sps_write(w, "V%.1fH%.1f", base - PANEL_HEIGHT * count_of(h, panel, series, b) / total / most,
                  p->x.from + (p->x.to - p->x.from) * (b + 1) / h->bins);
    sps_write(w, closed ? "V%.1fz\"/>\n" : "V%.1f\"/>\n", base);
}

static void draw_panel(struct sps_writer *w, const struct plot *p, int panel, double base)
{
    const struct sps_histogram *h = p->h;
    if (h->series_count == 1 && panel > 0)
        draw_steps(w, p, 0, 0, base, "gh", 1);
    for (int s = 0; s < h->series_count; s++) {
        char colour = (char)('0' + s % SPS_COLOURS), fill[] = {'b', 'd', ' ', 'f', colour, 0},
             line[] = {'e', 'b', ' ', 's', colour, ' ', 'd', (char)('0' + s / SPS_COLOURS % 3), 0};
        draw_steps(w, p, panel, s, base, fill, 1);
        draw_steps(w, p, panel, s, base, line, 0);
    }
    sps_figure_line(w, "ax", p->x.from, base, p->x.to, base);
    if (h->panel_count > 1)
        sps_figure_words(w, p->x.from, base - PANEL_HEIGHT - 5, SPS_START, h->panels[panel], 40);
    sps_write(w, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">largest bar ", p->x.to, base - PANEL_HEIGHT - 5.0);
    sps_write_number(w, 100 * sps_histogram_largest(h, panel), 3);
    sps_write_raw(w, " %</text>\n");
}

static double draw_legend(struct sps_writer *w, const struct plot *p)
{
    const struct sps_histogram *h = p->h;
    struct sps_legend legend = {0, 0, p->width};
    if (h->series_count == 1)
        return 0;
    for (int s = 0; s < h->series_count; s++) {
        char classes[] = {'f', (char)('0' + s % SPS_COLOURS), 0};
        struct sps_legend at = sps_legend_next(&legend, h->series[s]);
        if (w == NULL)
            continue;
        sps_figure_rect(w, classes, at.x, at.y - 10, 12, 12);
        sps_figure_words(w, at.x + 17, at.y, SPS_START, h->series[s], SPS_LEGEND_NAME);
    }
    return legend.y + SPS_LINE_HEIGHT;
}

sps_status sps_figure_histogram(sps_figure **out, const struct sps_histogram *h)
{
    struct plot p = {.h = h, .x = sps_axis_none(0)};
    sps_figure *figure = NULL;
    SPS_TRY(check(h));
    SPS_TRY(sps_figure_width(&p.width, h->title, h->width));
    sps_axis_see(&p.x, h->low);
    sps_axis_see(&p.x, h->high);
    p.x.fractions = 1;
    sps_axis_finish(&p.x, TICKS, 0);
    p.x.from = SPS_LEGEND_LEFT;
    p.x.to = p.width - RIGHT;
    double top = SPS_LEGEND_TOP - 10 + draw_legend(NULL, &p),
           bottom = top + (double)h->panel_count * (PANEL_HEIGHT + PANEL_GAP);
    SPS_TRY(sps_figure_begin(&figure, h->title, p.width, bottom + BOTTOM));
    struct sps_writer *w = &figure->w;
    draw_legend(w, &p);
    for (int i = 0; i < p.x.ticks; i++) {
        double x = sps_axis_at(&p.x, p.x.tick[i]);
        sps_figure_line(w, "gr", x, top, x, bottom);
        sps_figure_number(w, x, bottom + 16, i == 0 ? SPS_START : SPS_MIDDLE, p.x.tick[i], p.x.digits);
    }
    sps_figure_words(w, (p.x.from + p.x.to) / 2, bottom + 36, SPS_MIDDLE, h->axis, 80);
    for (int i = 0; i < h->panel_count; i++)
        draw_panel(w, &p, i, top + (double)(i + 1) * (PANEL_HEIGHT + PANEL_GAP));
    return sps_figure_end(out, figure);
}
