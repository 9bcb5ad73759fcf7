/* SPDX-License-Identifier: MIT */
/* Stacked bars: names at the left, a row each, the whole's number behind it, its band as a whisker. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "report/axis.h"
#include "report/figure.h"

enum { PITCH = 26, THICK = 16, NAME_MAX = 24, RIGHT = 78, BOTTOM = 50, TICKS = 6, BARS_MAX = 10000 };

/* Which colour each part has; parts without one are the last. */
struct plan {
    int *colour;
    int shown; /* colours in use */
    int rest;  /* the last stands for several */
    struct sps_axis axis;
};

static double value_of(const struct sps_bars *b, int bar, int part)
{
    double value = b->values[(size_t)bar * (size_t)b->part_count + (size_t)part];
    return isfinite(value) ? value : 0;
}

static double whole_of(const struct sps_bars *b, int bar)
{
    double whole = 0;
    for (int p = 0; p < b->part_count; p++)
        whole += value_of(b, bar, p);
    return whole;
}

static int is_gap(const struct sps_bars *b, int bar)
{
    for (int p = 0; p < b->part_count; p++)
        if (isfinite(b->values[(size_t)bar * (size_t)b->part_count + (size_t)p]))
            return 0;
    return 1;
}

/* ---- checks ---- */

static sps_status check(const struct sps_bars *b)
{
    if (b->bar_count < 0 || b->bar_count > BARS_MAX || b->part_count < 1)
        SPS_FAIL(EINVAL, "figure '%s' has %d bars of %d parts, must have at most %d of at least 1", b->title,
                 b->bar_count, b->part_count, BARS_MAX);
    for (int i = 0; i < b->bar_count; i++)
        for (int p = 0; p < b->part_count; p++) {
            SPS_TRY(sps_figure_check(b->title, value_of(b, i, p)));
            if (value_of(b, i, p) < 0)
                SPS_FAIL(EINVAL, "figure '%s' has the bar %g, must not be negative", b->title, value_of(b, i, p));
        }
    for (int i = 0; i < b->bar_count; i++) {
        SPS_TRY(sps_figure_check(b->title, whole_of(b, i)));
        SPS_TRY(sps_figure_check(b->title, b->low != NULL ? b->low[i] : 0));
        SPS_TRY(sps_figure_check(b->title, b->high != NULL ? b->high[i] : 0));
    }
    return SPS_OK;
}

/* ---- what is drawn how ---- */

/* How much of the figure a part takes; in units of the longest bar, so that sums stay finite. */
static double weight_of(const struct sps_bars *b, int part)
{
    double weight = 0, most = 0;
    for (int i = 0; i < b->bar_count; i++)
        most = fmax(most, whole_of(b, i));
    for (int i = 0; i < b->bar_count && most > 0; i++)
        weight += value_of(b, i, part) / most;
    return weight;
}

static sps_status choose_colours(struct plan *plan, const struct sps_bars *b)
{
    int colours = SPS_COLOURS;
    SPS_TRY(sps_calloc(&plan->colour, (size_t)b->part_count, sizeof *plan->colour, "a figure"));
    plan->rest = b->part_count > colours;
    if (!plan->rest) {
        for (int p = 0; p < b->part_count; p++)
            plan->colour[p] = p;
        plan->shown = b->part_count;
        return SPS_OK;
    }
    for (int p = 0; p < b->part_count; p++) {
        int larger = 0;
        for (int q = 0; q < b->part_count; q++)
            larger += weight_of(b, q) > weight_of(b, p) || (weight_of(b, q) == weight_of(b, p) && q < p);
        plan->colour[p] = larger < colours - 1 ? plan->shown++ : colours - 1;
    }
    plan->shown = colours;
    return SPS_OK;
}

static void choose_axis(struct plan *plan, const struct sps_bars *b)
{
    size_t longest = 1;
    struct sps_axis *axis = &plan->axis;
    *axis = sps_axis_none(0);
    sps_axis_see(axis, 0);
    for (int i = 0; i < b->bar_count; i++) {
        size_t length = sps_characters(b->bars[i]);
        longest = length > longest ? length : longest;
        sps_axis_see(axis, whole_of(b, i));
        if (b->high != NULL)
            sps_axis_see(axis, b->high[i]);
    }
    longest = longest < NAME_MAX ? longest : NAME_MAX;
    axis->from = SPS_LEGEND_LEFT + (double)longest * SPS_LETTER + 10;
    axis->to = SPS_FIGURE_WIDTH - RIGHT;
    if (axis->high == 0)
        axis->high = 1;
    sps_axis_finish(axis, TICKS, 0);
}

/* ---- drawing ---- */

static const char *name_of_colour(const struct plan *plan, const struct sps_bars *b, int colour)
{
    if (plan->rest && colour == SPS_COLOURS - 1)
        return "other";
    for (int p = 0; p < b->part_count; p++)
        if (plan->colour[p] == colour)
            return b->parts[p];
    return "";
}

static double draw_legend(struct sps_writer *w, const struct plan *plan, const struct sps_bars *b)
{
    struct sps_legend legend = {0, 0, SPS_FIGURE_WIDTH};
    if (b->part_count == 1)
        return 0;
    for (int c = 0; c < plan->shown; c++) {
        char classes[8] = {'f', (char)('0' + c), 0};
        const char *name = name_of_colour(plan, b, c);
        struct sps_legend at = sps_legend_next(&legend, name);
        if (w == NULL)
            continue;
        sps_figure_rect(w, classes, at.x, at.y - 10, 12, 12);
        sps_figure_words(w, at.x + 17, at.y, SPS_START, name, SPS_LEGEND_NAME);
    }
    return legend.y + SPS_LINE_HEIGHT;
}

static void draw_segment(struct sps_writer *w, const struct plan *plan, const struct sps_bars *b, int bar, int colour,
                         double from, double value, double y)
{
    double x = sps_axis_at(&plan->axis, from), width = sps_axis_at(&plan->axis, from + value) - x;
    if (!(value > 0))
        return;
    /* A gap between neighbours that are wide enough to have one. */
    sps_write(w, "<rect class=\"f%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"><title>", colour, x, y,
              width > 4 ? width - 1 : width, THICK);
    sps_write_text(w, b->bars[bar]);
    sps_write_raw(w, ", ");
    sps_write_text(w, b->part_count > 1 ? name_of_colour(plan, b, colour) : b->axis);
    sps_write_raw(w, ": ");
    sps_write_number(w, value, 4);
    sps_write_raw(w, "</title></rect>\n");
}

static void draw_bar(struct sps_writer *w, const struct plan *plan, const struct sps_bars *b, int bar, double y)
{
    const struct sps_axis *axis = &plan->axis;
    double at = 0, middle = y + THICK / 2.0, end;
    sps_figure_words(w, axis->from - 8, middle + 4, SPS_END, b->bars[bar], NAME_MAX);
    for (int c = 0; c < plan->shown; c++) {
        double value = 0;
        for (int p = 0; p < b->part_count; p++)
            value += plan->colour[p] == c ? value_of(b, bar, p) : 0;
        draw_segment(w, plan, b, bar, c, at, value, y);
        at += value;
    }
    end = sps_axis_at(axis, at);
    if (b->low != NULL && b->high != NULL && isfinite(b->low[bar]) && isfinite(b->high[bar])) {
        double from = sps_axis_at(axis, b->low[bar]), to = sps_axis_at(axis, b->high[bar]);
        sps_write(w, "<path class=\"ink\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8\"/>\n", from, middle, to, from,
                  middle - 4, to, middle - 4);
        end = fmax(end, to);
    }
    if (is_gap(b, bar))
        sps_figure_words(w, end + 6, middle + 4, SPS_START, "undefined", NAME_MAX);
    else
        sps_figure_number(w, end + 6, middle + 4, SPS_START, at, 4);
}

static void draw_axis(struct sps_writer *w, const struct sps_axis *axis, const char *title, double top, double bottom)
{
    for (int i = 0; i < axis->ticks; i++) {
        double x = sps_axis_at(axis, axis->tick[i]);
        sps_figure_line(w, "gr", x, top, x, bottom);
        sps_figure_number(w, x, bottom + 16, SPS_MIDDLE, axis->tick[i], axis->digits);
    }
    sps_figure_line(w, "ax", axis->from, top, axis->from, bottom);
    sps_figure_words(w, (axis->from + axis->to) / 2, bottom + 36, SPS_MIDDLE, title, 80);
}

sps_status sps_figure_bars(sps_figure **out, const struct sps_bars *b)
{
    struct plan plan = {0};
    sps_figure *figure = NULL;
    SPS_TRY(check(b));
    SPS_TRY(choose_colours(&plan, b));
    choose_axis(&plan, b);
    double top = SPS_LEGEND_TOP + draw_legend(NULL, &plan, b), bottom = top + (double)PITCH * b->bar_count;
    sps_status status = sps_figure_begin(&figure, b->title, SPS_FIGURE_WIDTH, bottom + BOTTOM);
    if (status == SPS_OK) {
        struct sps_writer *w = &figure->w;
        draw_legend(w, &plan, b);
        draw_axis(w, &plan.axis, b->axis, top - 4, bottom);
        for (int i = 0; i < b->bar_count; i++)
            draw_bar(w, &plan, b, i, top + i * PITCH + (PITCH - THICK) / 2.0 - 2);
        status = sps_figure_end(out, figure);
    }
    sps_free(plan.colour);
    return status;
}
