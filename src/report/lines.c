/* SPDX-License-Identifier: MIT */
/* Lines with error bars or bands over numbers or words, and levels to compare them with. */
#include <math.h>

#include "report/axis.h"
#include "report/figure.h"

enum {
    PLOT_HEIGHT = 280,
    BOTTOM = 50,
    RIGHT = 28,
    X_TICKS = 8,
    Y_TICKS = 6,
    MARKERS = 5,
    DASHES = 3,
    WORDS_MAX = 1000
};

struct plot {
    const struct sps_lines *lines;
    double width;
    struct sps_axis x, y;
};

/* ---- checks and axes ---- */

static sps_status check(const struct sps_lines *l)
{
    if (l->words != NULL && (l->word_count < 1 || l->word_count > WORDS_MAX))
        SPS_FAIL(EINVAL, "figure '%s' has %d words, must be 1 to %d", l->title, l->word_count, WORDS_MAX);
    for (int i = 0; i < l->line_count; i++) {
        const struct sps_line *line = &l->lines[i];
        for (size_t k = 0; k < line->points; k++) {
            SPS_TRY(sps_figure_check(l->title, line->style == SPS_LINE_LEVEL ? 0 : line->x[k]));
            SPS_TRY(sps_figure_check(l->title, line->y[k]));
            SPS_TRY(sps_figure_check(l->title, line->low != NULL ? line->low[k] : 0));
            SPS_TRY(sps_figure_check(l->title, line->high != NULL ? line->high[k] : 0));
        }
    }
    return SPS_OK;
}

static int is_shown(const struct plot *p, const struct sps_line *line, size_t k)
{
    return sps_axis_holds(&p->x, line->x[k]) && sps_axis_holds(&p->y, line->y[k]);
}

static void see_lines(struct plot *p)
{
    const struct sps_lines *l = p->lines;
    p->x = sps_axis_none(l->words == NULL && l->log_x);
    p->y = sps_axis_none(l->log_y);
    for (int i = 0; i < l->line_count; i++) {
        const struct sps_line *line = &l->lines[i];
        if (line->style == SPS_LINE_LEVEL) {
            sps_axis_see(&p->y, line->points > 0 ? line->y[0] : NAN);
            continue;
        }
        for (size_t k = 0; k < line->points; k++) {
            if (!is_shown(p, line, k))
                continue;
            sps_axis_see(&p->x, line->x[k]);
            sps_axis_see(&p->y, line->y[k]);
            sps_axis_see(&p->y, line->low != NULL ? line->low[k] : NAN);
            sps_axis_see(&p->y, line->high != NULL ? line->high[k] : NAN);
        }
    }
    if (l->words != NULL) {
        p->x.low = -0.5;
        p->x.high = l->word_count - 0.5;
    }
}

static size_t longest_tick(const struct sps_axis *axis)
{
    size_t longest = 1;
    for (int i = 0; i < axis->ticks; i++) {
        char text[32];
        sps_report_number(text, axis->tick[i], axis->digits);
        size_t length = sps_characters(text);
        longest = length > longest ? length : longest;
    }
    return longest;
}

static void place_axes(struct plot *p, double top)
{
    sps_axis_finish(&p->y, Y_TICKS, 1);
    if (p->lines->y_least != 0 || p->lines->y_most != 0)
        sps_axis_limit(&p->y, p->lines->y_least, p->lines->y_most);
    p->y.from = top + PLOT_HEIGHT;
    p->y.to = top;
    sps_axis_finish(&p->x, p->width < SPS_FIGURE_WIDTH ? X_TICKS - 2 : X_TICKS, 0);
    if (p->lines->x_ticks != NULL)
        sps_axis_set_ticks(&p->x, p->lines->x_ticks, p->lines->x_tick_count);
    p->x.from = SPS_LEGEND_LEFT + SPS_LINE_HEIGHT + (double)longest_tick(&p->y) * SPS_LETTER + 14;
    p->x.to = p->width - RIGHT;
}

static double at_x(const struct plot *p, double x)
{
    /* Points at the ends stay clear of the frame. */
    double margin = p->lines->words != NULL ? 0 : 14;
    struct sps_axis axis = p->x;
    axis.from += margin;
    axis.to -= margin;
    return sps_axis_at(&axis, x);
}

/* ---- the frame ---- */

static void draw_y_axis(struct sps_writer *w, const struct plot *p)
{
    for (int i = 0; i < p->y.ticks; i++) {
        double y = sps_axis_at(&p->y, p->y.tick[i]);
        sps_figure_line(w, "gr", p->x.from, y, p->x.to, y);
        sps_figure_number(w, p->x.from - 8, y + 4, SPS_END, p->y.tick[i], p->y.digits);
    }
    sps_figure_upwards(w, SPS_LEGEND_LEFT + 8, (p->y.from + p->y.to) / 2, p->lines->y_axis);
}

/* Words that would touch their neighbours are shortened. */
static void draw_words(struct sps_writer *w, const struct plot *p)
{
    double room = (p->x.to - p->x.from) / p->lines->word_count;
    int every = room < 3 * SPS_LETTER ? (int)ceil(3 * SPS_LETTER / room) : 1;
    for (int i = 0; i < p->lines->word_count; i += every)
        sps_figure_words(w, at_x(p, i), p->y.from + 18, SPS_MIDDLE, p->lines->words[i],
                         (size_t)(room * every / SPS_LETTER) - 1);
}

static void draw_frame(struct sps_writer *w, const struct plot *p)
{
    draw_y_axis(w, p);
    if (p->lines->words != NULL)
        draw_words(w, p);
    double free_from = 0, room = (double)longest_tick(&p->x) * SPS_LETTER + 8;
    for (int i = 0; i < p->x.ticks && p->lines->words == NULL; i++) {
        double x = at_x(p, p->x.tick[i]);
        sps_figure_line(w, "ax", x, p->y.from, x, p->y.from + 5);
        if (x - room / 2 < free_from)
            continue;
        free_from = x + room / 2;
        sps_figure_number(w, x, p->y.from + 18, SPS_MIDDLE, p->x.tick[i], p->x.digits);
    }
    sps_write(w, "<path class=\"ax\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", p->x.from, p->y.to, p->y.from, p->x.to);
    sps_figure_words(w, (p->x.from + p->x.to) / 2, p->y.from + 38, SPS_MIDDLE, p->lines->x_axis, 80);
}

/* ---- the lines ---- */

/* Dashed and without a colour: what the others are compared with. */
static int is_reference(const struct sps_line *line)
{
    return line->style == SPS_LINE_LEVEL || line->style == SPS_LINE_REFERENCE;
}

/* References, or other lines, before this one of its sort. */
static int rank_of(const struct sps_lines *l, int index)
{
    int rank = 0, reference = is_reference(&l->lines[index]);
    for (int k = 0; k < index; k++)
        rank += is_reference(&l->lines[k]) == reference;
    return rank;
}

static const char *classes_of_reference(const struct sps_lines *l, int index)
{
    static const char *const classes[DASHES] = {"lv", "lv d2", "lv d1"};
    return classes[rank_of(l, index) % DASHES];
}

/* Colours, markers and dashes of line i among those that are no references: one difference is enough to see, and there
 * is always one. */
struct look {
    int colour, marker, dash;
};

static struct look look_of(const struct sps_lines *l, int index)
{
    int i = rank_of(l, index);
    return (struct look){i % SPS_COLOURS, i % MARKERS, i / SPS_COLOURS % DASHES};
}

/* Circle, square, triangle, diamond, triangle upside down. */
static void draw_marker(struct sps_writer *w, struct look look, double x, double y)
{
    static const char *const shapes[MARKERS] = {"m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", "m-3.5 -3.5h7v7h-7z",
                                                "m0 -5l4.5 8h-9z", "m0 -5l5 5l-5 5l-5 -5z", "m0 5l4.5 -8h-9z"};
    sps_write(w, "<path class=\"f%d\" d=\"M%.1f %.1f%s\"", look.colour, x, y, shapes[look.marker]);
}

static void mark(struct sps_writer *w, const struct plot *p, const struct sps_line *line, size_t k, struct look look,
                 double x)
{
    draw_marker(w, look, x, sps_axis_at(&p->y, line->y[k]));
    sps_write_raw(w, "><title>");
    sps_write_text(w, line->name);
    sps_write_raw(w, ": ");
    if (p->lines->words == NULL)
        sps_write_number(w, line->x[k], 6);
    else if (line->x[k] >= 0 && line->x[k] < p->lines->word_count)
        sps_write_text(w, p->lines->words[(size_t)line->x[k]]);
    sps_write_raw(w, ", ");
    sps_write_number(w, line->y[k], 6);
    sps_write_raw(w, "</title></path>\n");
}

static double bound(const double *bounds, const struct sps_line *line, size_t k)
{
    return bounds != NULL && isfinite(bounds[k]) ? bounds[k] : line->y[k];
}

static void draw_error(struct sps_writer *w, const struct plot *p, const struct sps_line *line, size_t k,
                       struct look look, double x)
{
    double low = bound(line->low, line, k), high = bound(line->high, line, k);
    if (low == high)
        return;
    double from = sps_axis_at(&p->y, low), to = sps_axis_at(&p->y, high);
    sps_write(w, "<path class=\"eb s%d\" d=\"M%.1f %.1fV%.1fM%.1f %.1fh8M%.1f %.1fh8\"/>\n", look.colour, x, from, to,
              x - 4, from, x - 4, to);
}

/* Joins what lies between gaps. */
static void draw_path(struct sps_writer *w, const struct plot *p, const struct sps_line *line, const char *classes)
{
    int open = 0;
    sps_write(w, "<path class=\"%s\" d=\"", classes);
    for (size_t k = 0; k < line->points; k++) {
        int shown = is_shown(p, line, k);
        if (shown)
            sps_write(w, "%s%.1f %.1f", open ? "L" : "M", at_x(p, line->x[k]), sps_axis_at(&p->y, line->y[k]));
        open = shown;
    }
    sps_write_raw(w, "\"/>\n");
}

static void draw_band(struct sps_writer *w, const struct plot *p, const struct sps_line *line, struct look look)
{
    sps_write(w, "<path class=\"bd f%d\" d=\"", look.colour);
    for (size_t from = 0, to; from < line->points; from = to + 1) {
        for (to = from; to < line->points && is_shown(p, line, to); to++)
            sps_write(w, "%s%.1f %.1f", to > from ? "L" : "M", at_x(p, line->x[to]),
                      sps_axis_at(&p->y, bound(line->high, line, to)));
        for (size_t k = to; k > from; k--)
            sps_write(w, "L%.1f %.1f", at_x(p, line->x[k - 1]), sps_axis_at(&p->y, bound(line->low, line, k - 1)));
        sps_write_raw(w, to > from ? "z" : "");
    }
    sps_write_raw(w, "\"/>\n");
}

/* Over words lines stand side by side, so that their error bars do not hide each other. */
static double aside(const struct plot *p, int index)
{
    int i = rank_of(p->lines, index), all = 0;
    for (int k = 0; k < p->lines->line_count; k++)
        all += !is_reference(&p->lines->lines[k]);
    double room = (p->x.to - p->x.from) / p->lines->word_count / (all + 1);
    return (i - (all - 1) / 2.0) * fmin(room, 14);
}

static void draw_line(struct sps_writer *w, const struct plot *p, int index)
{
    const struct sps_line *line = &p->lines->lines[index];
    struct look look = look_of(p->lines, index);
    double shift = p->lines->words != NULL ? aside(p, index) : 0;
    if (line->style == SPS_LINE_LEVEL) {
        if (line->points > 0 && sps_axis_holds(&p->y, line->y[0])) {
            double y = sps_axis_at(&p->y, line->y[0]);
            sps_figure_line(w, classes_of_reference(p->lines, index), p->x.from, y, p->x.to, y);
        }
        return;
    }
    if (line->style == SPS_LINE_BAND)
        draw_band(w, p, line, look);
    char classes[] = {'l', 'n', ' ', 's', (char)('0' + look.colour), ' ', 'd', (char)('0' + look.dash), 0};
    if (line->style != SPS_LINE_MARKED || p->lines->words == NULL)
        draw_path(w, p, line, is_reference(line) ? classes_of_reference(p->lines, index) : classes);
    for (size_t k = 0; k < line->points && line->style == SPS_LINE_MARKED; k++) {
        if (!is_shown(p, line, k))
            continue;
        draw_error(w, p, line, k, look, at_x(p, line->x[k]) + shift);
        mark(w, p, line, k, look, at_x(p, line->x[k]) + shift);
    }
}

/* w NULL: only how high it is. */
static double draw_legend(struct sps_writer *w, const struct sps_lines *l, double width)
{
    struct sps_legend legend = {0, 0, width};
    if (l->line_count < 2)
        return 0;
    for (int i = 0; i < l->line_count; i++) {
        const struct sps_line *line = &l->lines[i];
        struct look look = look_of(l, i);
        struct sps_legend at = sps_legend_next(&legend, line->name);
        if (w == NULL)
            continue;
        char classes[] = {'l', 'n', ' ', 's', (char)('0' + look.colour), ' ', 'd', (char)('0' + look.dash), 0};
        sps_figure_line(w, is_reference(line) ? classes_of_reference(l, i) : classes, at.x, at.y - 4, at.x + 20,
                        at.y - 4);
        if (line->style == SPS_LINE_MARKED) {
            draw_marker(w, look, at.x + 10, at.y - 4);
            sps_write_raw(w, "/>\n");
        }
        sps_figure_words(w, at.x + 24, at.y, SPS_START, line->name, SPS_LEGEND_NAME);
    }
    return legend.y + SPS_LINE_HEIGHT;
}

sps_status sps_figure_lines(sps_figure **out, const struct sps_lines *l)
{
    struct plot p = {.lines = l};
    sps_figure *figure = NULL;
    SPS_TRY(check(l));
    SPS_TRY(sps_figure_width(&p.width, l->title, l->width));
    double top = SPS_LEGEND_TOP + draw_legend(NULL, l, p.width);
    see_lines(&p);
    place_axes(&p, top);
    SPS_TRY(sps_figure_begin(&figure, l->title, p.width, top + PLOT_HEIGHT + BOTTOM));
    struct sps_writer *w = &figure->w;
    draw_legend(w, l, p.width);
    draw_frame(w, &p);
    for (int i = 0; i < l->line_count; i++)
        draw_line(w, &p, i);
    return sps_figure_end(out, figure);
}
