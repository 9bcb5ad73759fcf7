/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_REPORT_H
#define SPINSCALE_REPORT_H
/* Figures as SVG, and pages of text, tables and figures as HTML in one file, without network or scripts.
 *
 * Same input, same bytes, whatever the locale.  Texts are UTF-8 and are escaped; bytes that are none become U+FFFD.
 * Colours keep apart for colour-blind eyes and follow the reader's light or dark scheme.  Numbers that are not finite
 * are gaps; others must lie within 1e300.  docs/report.md shows what comes out. */
#include <stddef.h>

#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

/* ---- figures ---- */

/* A finished figure.  Titles of axes carry the unit: "energy, nJ".  Release with sps_figure_free(). */
typedef struct sps_figure sps_figure;

/* Bars from left to right, one below the other, each a stack of parts.  Where there are more parts than colours, the
 * smallest are drawn together as "other". */
struct sps_bars {
    const char *title, *axis;
    int bar_count, part_count;
    const char *const *bars, *const *parts; /* their names */
    const double *values;                   /* [bar_count][part_count], not negative */
    const double *low, *high;               /* [bar_count] band of each whole bar; NULL: none */
};
sps_status sps_figure_bars(sps_figure **out, const struct sps_bars *bars);

enum sps_line_style {
    SPS_LINE_MARKED,   /* marked points, joined, with error bars; over words they are not joined */
    SPS_LINE_BAND,     /* a line within its band */
    SPS_LINE_PLAIN,    /* a line, for many points */
    SPS_LINE_LEVEL,    /* y[0], all over the plot: a reference */
    SPS_LINE_REFERENCE /* through its points, dashed and without a colour */
};

struct sps_line {
    const char *name;
    size_t points;
    const double *x, *y;      /* [points], joined in this order; a level needs no x */
    const double *low, *high; /* [points]; NULL: exact.  NAN: exact there */
    enum sps_line_style style;
};

struct sps_lines {
    const char *title, *x_axis, *y_axis;
    int log_x, log_y;         /* numbers that are not positive are gaps */
    double y_least, y_most;   /* what y can be: axis and error bars end there; both 0: anything */
    const double *x_ticks;    /* [x_tick_count], rising; NULL: round numbers */
    int x_tick_count;         /* at most 24 */
    const char *const *words; /* [word_count] in place of numbers: x is an index of them; NULL: numbers */
    int word_count;
    int line_count;
    const struct sps_line *lines;
    int width;        /* 0: 720 */
    const char *name; /* of its files where a page keeps them, NULL: none */
};
sps_status sps_figure_lines(sps_figure **out, const struct sps_lines *lines);

/* Panels one below the other, a histogram in each for every series, over one axis.  Each panel is as high as its
 * largest bar, whose share is written beside it; with one series, the first panel stands behind the others in grey. */
struct sps_histogram {
    const char *title, *axis;
    double low, high; /* of the axis */
    int bins, panel_count, series_count;
    const char *const *panels, *const *series; /* their names */
    const double *counts;                      /* [panel_count][series_count][bins], not negative; all 0: none */
    int width;                                 /* 0: 720 */
    const char *name;                          /* of its files where a page keeps them, NULL: none */
};
sps_status sps_figure_histogram(sps_figure **out, const struct sps_histogram *histogram);

/* A table of numbers whose cells are the darker, the larger they are. */
struct sps_heat {
    const char *title, *axis; /* of the columns */
    int rows, columns;
    const char *const *row_names, *const *column_names;
    const double *values; /* [rows][columns] */
    double low, high;     /* the lightest and the darkest, so that figures can be compared */
    int width;            /* 0: 720 */
    const char *name;     /* of its files where a page keeps them, NULL: none */
};
sps_status sps_figure_heat(sps_figure **out, const struct sps_heat *heat);

/* Groups of squares, each filled from a corner: across[c] of its width, down[r] of its height. */
struct sps_map_group {
    const char *name, *note;
    size_t columns, rows;
    const double *across, *down; /* [columns], [rows]: 0 to 1 */
};

struct sps_map {
    const char *title, *filled, *empty; /* what filled and empty parts are */
    int group_count;
    const struct sps_map_group *groups;
};
sps_status sps_figure_map(sps_figure **out, const struct sps_map *map);

const char *sps_figure_text(const sps_figure *figure); /* one <svg> element; valid as long as the figure */
sps_status sps_figure_save(const sps_figure *figure, const char *path); /* as a file of its own; atomic */
void sps_figure_free(sps_figure *figure);                               /* NULL is allowed */

/* ---- pages ---- */

/* A page, written from top to bottom.  What fails on the way is told by sps_page_save(), so that only this has to be
 * asked. */
typedef struct sps_page sps_page;

struct sps_table {
    const char *caption; /* or NULL */
    const char *align;   /* a letter for each column: 'l' text, 'n' names (never broken), 'r' numbers */
    int rows;
    const char *const *heads; /* one for each letter */
    const char *const *cells; /* row after row; NULL: empty */
    const char *name;         /* of its file where a page keeps them, NULL: none */
};

/* A picture, and what was said about it. */
struct sps_card_bar {
    const char *name;
    double value, low, high; /* shares, 0 to 1 */
};
struct sps_card {
    const void *png;
    size_t png_bytes;
    const char *alt;  /* the picture in words */
    const char *note; /* above the title, may be NULL */
    const char *title;
    int right;         /* 1 or 0; -1: that cannot be said */
    const char *facts; /* below the title, may be NULL */
    int bar_count;
    const struct sps_card_bar *bars;
    int accepted;
    const char *verdict;
};

sps_status sps_page_create(sps_page **out, const char *title);
/* From now on, numbers of tables and figures that have a name also go to this folder, which must be there: NAME.csv,
 * for figures NAME.gp with which gnuplot draws them again, and all tables in tables.md. */
void sps_page_keep(sps_page *page, const char *folder);
/* From now on, gnuplot draws the figures whose numbers are kept; its drawings stay beside them as NAME.svg. */
void sps_page_use_gnuplot(sps_page *page);
void sps_page_heading(sps_page *page, const char *text);
void sps_page_subheading(sps_page *page, const char *text);
void sps_page_paragraph(sps_page *page, const char *text);
void sps_page_preformatted(sps_page *page, const char *text);
void sps_page_details(sps_page *page, const char *summary, const char *text); /* preformatted, shown on demand */
void sps_page_table(sps_page *page, const struct sps_table *table);
void sps_page_cards(sps_page *page, const struct sps_card *cards, int count);
/* Figures between these stand side by side where there is room. */
void sps_page_open_figures(sps_page *page);
void sps_page_close_figures(sps_page *page);
void sps_page_figure(sps_page *page, const sps_figure *figure, const char *caption); /* caption may be NULL */
/* These make the figure, show it, and let go of it. */
void sps_page_bars(sps_page *page, const struct sps_bars *bars, const char *caption);
void sps_page_lines(sps_page *page, const struct sps_lines *lines, const char *caption);
void sps_page_map(sps_page *page, const struct sps_map *map, const char *caption);
void sps_page_histogram(sps_page *page, const struct sps_histogram *histogram, const char *caption);
void sps_page_heat(sps_page *page, const struct sps_heat *heat, const char *caption);
sps_status sps_page_save(const sps_page *page, const char *path); /* atomic */
void sps_page_free(sps_page *page);                               /* NULL is allowed */

/* Whether gnuplot is here, in a version (5.0 or later) that can draw what pages keep: SPS_OK, or why not. */
sps_status sps_report_find_gnuplot(void);

/* ---- numbers ---- */

/* "0.7085", "65830", "1.9e-7": so many significant digits (1 to 17), no zeros at the end; "undefined" where it is not
 * finite. */
void sps_report_number(char text[32], double value, int digits);
/* The largest SI prefix ("n", "µ", "" ...) that leaves value at 1 or above, and what a number is divided by. */
const char *sps_report_prefix(double value, double *by);

#ifdef __cplusplus
}
#endif
#endif
