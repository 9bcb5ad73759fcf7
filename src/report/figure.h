/* SPDX-License-Identifier: MIT */
#ifndef SPS_REPORT_FIGURE_H
#define SPS_REPORT_FIGURE_H
/* What all figures share: the frame, the words, the legend, the colours.  Figures are 720 wide where nothing else is
 * asked for; one unit is a pixel.
 *
 * Colours are classes (f0 .. f7 fill, s0 .. s7 stroke), so that a style sheet can choose them by the reader's scheme;
 * the sheet comes with a figure's file, and once with a page. */
#include "report/writer.h"
#include "spinscale/report.h"

enum { SPS_COLOURS = 8, SPS_FIGURE_WIDTH = 720, SPS_LINE_HEIGHT = 18 };
static const double SPS_LETTER = 6.5; /* about a letter's width, in the widest of common fonts */
static const double SPS_VALUE_MAX = 1e300;

struct sps_figure {
    struct sps_writer w;
    size_t inside; /* where the opening tag ends */
};

extern const char *const sps_figure_style;

/* How wide it shall be: what is asked for, 0 for the usual.  SPS_EINVAL where no plot has room. */
sps_status sps_figure_width(double *out, const char *title, int asked);
/* An empty figure with its title, ready to be drawn on. */
sps_status sps_figure_begin(sps_figure **out, const char *title, double width, double height);
/* Takes the figure: *out on success, else it is freed. */
sps_status sps_figure_end(sps_figure **out, sps_figure *figure);

/* value is within what can be drawn, or no number. */
sps_status sps_figure_check(const char *title, double value);

enum sps_anchor { SPS_START, SPS_MIDDLE, SPS_END };
/* Words at a place, shortened to `characters`. */
void sps_figure_words(struct sps_writer *w, double x, double y, enum sps_anchor anchor, const char *text,
                      size_t characters);
void sps_figure_number(struct sps_writer *w, double x, double y, enum sps_anchor anchor, double value, int digits);
void sps_figure_line(struct sps_writer *w, const char *classes, double x1, double y1, double x2, double y2);
void sps_figure_rect(struct sps_writer *w, const char *classes, double x, double y, double width, double height);
/* Reading upwards, around (x, y). */
void sps_figure_upwards(struct sps_writer *w, double x, double y, const char *text);

/* The largest bar of a panel, as a share of its series. */
double sps_histogram_largest(const struct sps_histogram *h, int panel);

/* ---- legends ---- */

/* Where entries of these widths go: from (0, 0) on, in rows as wide as the figure. */
struct sps_legend {
    double x, y, figure_width;
};
/* The next entry's place; the legend moves on. */
struct sps_legend sps_legend_next(struct sps_legend *legend, const char *name);
enum { SPS_LEGEND_NAME = 40, SPS_LEGEND_LEFT = 16, SPS_LEGEND_TOP = 44, SPS_LEGEND_KEY = 28 };
#endif
