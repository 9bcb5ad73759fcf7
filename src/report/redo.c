/* SPDX-License-Identifier: MIT */
#include "report/redo.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/figure.h"
#include "spinscale/file.h"

/* ---- words and numbers ---- */

/* RFC 4180. */
static void write_field(struct sps_writer *w, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        sps_write_raw(w, text);
        return;
    }
    sps_write_raw(w, "\"");
    for (; *text != 0; text++)
        if (*text == '"')
            sps_write_raw(w, "\"\"");
        else
            sps_write_bytes(w, text, 1);
    sps_write_raw(w, "\"");
}

/* Empty where it is none: both gnuplot and readers of CSV take that for missing. */
static void write_value(struct sps_writer *w, double value)
{
    if (isfinite(value))
        sps_write(w, "%.9g", value);
}

void sps_redo_quote(struct sps_writer *w, const char *text)
{
    sps_write_raw(w, "'");
    while (*text != 0) {
        size_t length = sps_character(text);
        if (length == 0)
            sps_write_raw(w, "\xef\xbf\xbd");
        else if (*text == '\'')
            sps_write_raw(w, "''");
        else if ((unsigned char)*text < 0x20)
            sps_write_raw(w, " ");
        else
            sps_write_bytes(w, text, length);
        text += length > 0 ? length : 1;
    }
    sps_write_raw(w, "'");
}

static void set(struct sps_writer *w, const char *what, const char *text)
{
    sps_write(w, "set %s ", what);
    sps_redo_quote(w, text);
    sps_write_raw(w, "\n");
}

/* ---- files ---- */

/* Releases the text. */
static sps_status save(struct sps_writer *w, const char *folder, const char *name, const char *ending)
{
    char path[4600];
    sps_status status = sps_writer_status(w);
    if (status == SPS_OK && snprintf(path, sizeof path, "%s/%s.%s", folder, name, ending) >= (int)sizeof path)
        status = sps_fail(SPS_EINVAL, "path '%s' is too long", folder);
    if (status == SPS_OK)
        status = sps_file_save(path, w->text != NULL ? w->text : "", w->used);
    sps_writer_reset(w);
    return status;
}

/* gnuplot's own colours would not match the page's: these are those of figure.c, on white, and its markers (circle,
 * square, triangle, diamond, triangle upside down). */
static void begin_script(struct sps_writer *w, const char *name, const char *title, int width, int height)
{
    static const char *const colours[SPS_COLOURS] = {"#0072b2", "#c04a00", "#009e73", "#d068b4",
                                                     "#cc9a00", "#55aee5", "#7a4b2a", "#5c5c5c"};
    static const int markers[] = {7, 5, 9, 13, 11};
    sps_write(w, "# gnuplot %s.gp   draws %s.svg from %s.csv\n", name, name, name);
    sps_write(w, "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,12' background 'white'\n",
              width != 0 ? width : SPS_FIGURE_WIDTH, height);
    sps_write(w, "set output '%s.svg'\nset datafile separator ','\n", name);
    for (int i = 0; i < SPS_COLOURS; i++)
        sps_write(w, "set linetype %d linecolor '%s' linewidth 2 pointtype %d pointsize 0.7\n", i + 1, colours[i],
                  markers[(size_t)i % (sizeof markers / sizeof *markers)]);
    sps_write(w, "set linetype cycle %d\n", SPS_COLOURS);
    sps_write_raw(w, "set border 3 linecolor '#555555'\nset tics nomirror\n"
                     "set grid linetype 1 linecolor '#e2e2e2' linewidth 1\nset xlabel offset 0,0.5\n"
                     "set key below left Left reverse\n");
    set(w, "title", title);
    sps_write_raw(w, "set title font 'sans-serif,14'\n");
}

/* ---- lines ---- */

static void write_points(struct sps_writer *w, const struct sps_line *line)
{
    for (size_t k = 0; k < line->points; k++) {
        write_field(w, line->name);
        const double values[] = {line->style == SPS_LINE_LEVEL ? NAN : line->x[k], line->y[k],
                                 line->low != NULL ? line->low[k] : NAN, line->high != NULL ? line->high[k] : NAN};
        for (int i = 0; i < 4; i++) {
            sps_write_raw(w, ",");
            write_value(w, values[i]);
        }
        sps_write_raw(w, "\n");
    }
}

/* The rows first .. first + count - 1 behind the head; columns as gnuplot's `using` has them. */
static void write_rows(struct sps_writer *w, const char *name, size_t first, size_t count, const char *columns)
{
    sps_write(w, "'%s.csv' skip 1 every ::%zu::%zu using %s", name, first, first + count - 1, columns);
}

enum { LINES_HEIGHT = 350, DASHES = 3 };
static const char reference[] = "linecolor '#222222' linewidth 1";

/* Line `rank` of those that are no references, or of those that are. */
static void write_line(struct sps_writer *w, const struct sps_lines *l, const struct sps_line *line, size_t first,
                       int rank)
{
    int bounds = line->low != NULL && line->high != NULL, dashes = rank / SPS_COLOURS % DASHES + 1;
    if (line->points == 0 || (line->style == SPS_LINE_LEVEL && !isfinite(line->y[0])))
        return;
    sps_write_raw(w, ", \\\n  ");
    switch (line->style) {
    case SPS_LINE_LEVEL:
        sps_write(w, "%.9g with lines %s dashtype %d", line->y[0], reference, rank % DASHES + 2);
        break;
    case SPS_LINE_REFERENCE:
        write_rows(w, l->name, first, line->points, "2:3");
        sps_write(w, " with lines %s dashtype %d", reference, rank % DASHES + 2);
        break;
    case SPS_LINE_BAND:
        write_rows(w, l->name, first, line->points, "2:(valid(4) ? $4 : $3):(valid(5) ? $5 : $3)");
        sps_write(w, " with filledcurves linetype %d fillstyle transparent solid 0.2 noborder notitle, \\\n  ",
                  rank + 1);
        write_rows(w, l->name, first, line->points, "2:3");
        sps_write(w, " with lines linetype %d dashtype %d", rank + 1, dashes);
        break;
    case SPS_LINE_PLAIN:
        write_rows(w, l->name, first, line->points, "2:3");
        sps_write(w, " with lines linetype %d dashtype %d", rank + 1, dashes);
        break;
    case SPS_LINE_MARKED:
        if (bounds) { /* a number without bounds is exact */
            write_rows(w, l->name, first, line->points, "2:3:(valid(4) ? $4 : $3):(valid(5) ? $5 : $3)");
            sps_write(w, " with yerrorbars linetype %d linewidth 1 notitle, \\\n  ", rank + 1);
        }
        write_rows(w, l->name, first, line->points, "2:3");
        sps_write(w, " with %s linetype %d dashtype %d", l->words != NULL ? "points" : "linespoints", rank + 1, dashes);
        break;
    }
    sps_write_raw(w, " title ");
    sps_redo_quote(w, line->name);
}

static void write_axes(struct sps_writer *w, const struct sps_lines *l)
{
    set(w, "xlabel", l->x_axis);
    set(w, "ylabel", l->y_axis);
    sps_write(w, "%s%s", l->log_x ? "set logscale x\n" : "", l->log_y ? "set logscale y\n" : "");
    if (l->y_least != 0 || l->y_most != 0) {
        sps_write(w, "set yrange [%.9g<*:*", l->y_least);
        sps_write(w, isfinite(l->y_most) ? "<%.9g]\n" : "]\n", l->y_most);
    }
    for (int i = 0; i < l->x_tick_count && l->x_ticks != NULL; i++)
        sps_write(w, "%s%.9g%s", i == 0 ? "set xtics (" : ", ", l->x_ticks[i], i == l->x_tick_count - 1 ? ")\n" : "");
    for (int i = 0; i < l->word_count && l->words != NULL; i++) {
        sps_write_raw(w, i == 0 ? "set xtics (" : ", ");
        sps_redo_quote(w, l->words[i]);
        sps_write(w, " %d%s", i, i == l->word_count - 1 ? ")\n" : "");
    }
}

sps_status sps_redo_lines(const struct sps_lines *l, const char *folder)
{
    struct sps_writer csv = {0}, script = {0}, *w = &script;
    size_t rows = 0;
    int ranks[2] = {0, 0};
    sps_write_raw(&csv, "line,x,y,low,high\n");
    for (int i = 0; i < l->line_count; i++)
        write_points(&csv, &l->lines[i]);
    begin_script(w, l->name, l->title, l->width,
                 LINES_HEIGHT + SPS_LINE_HEIGHT * (l->line_count > 1 ? l->line_count : 0));
    write_axes(w, l);
    sps_write_raw(w, l->line_count < 2 ? "unset key\n" : "");
    sps_write_raw(w, "plot NaN notitle"); /* so that every line that follows is one more */
    for (int i = 0; i < l->line_count; rows += l->lines[i++].points) {
        int is_reference = l->lines[i].style == SPS_LINE_LEVEL || l->lines[i].style == SPS_LINE_REFERENCE;
        write_line(w, l, &l->lines[i], rows, ranks[is_reference]++);
    }
    sps_write_raw(w, "\n");
    sps_status status = save(&csv, folder, l->name, "csv"), drawn = save(&script, folder, l->name, "gp");
    return status != SPS_OK ? status : drawn;
}

/* ---- histograms ---- */

static void write_bins(struct sps_writer *w, const struct sps_histogram *h, int panel, int series)
{
    const double *counts = h->counts + ((size_t)panel * (size_t)h->series_count + (size_t)series) * (size_t)h->bins;
    double total = 0, width = (h->high - h->low) / h->bins;
    for (int b = 0; b < h->bins; b++)
        total += counts[b];
    for (int b = 0; b < h->bins; b++) {
        const double values[] = {h->low + b * width, h->low + (b + 1) * width, counts[b],
                                 total > 0 ? counts[b] / total : NAN};
        write_field(w, h->panels[panel]);
        sps_write_raw(w, ",");
        write_field(w, h->series[series]);
        for (int i = 0; i < 4; i++) {
            sps_write_raw(w, ",");
            write_value(w, values[i]);
        }
        sps_write_raw(w, "\n");
    }
}

enum { TITLE_HEIGHT = 34, PANEL_HEIGHT = 46, PANEL_GAP = 28, AXIS_HEIGHT = 50 };

/* Scaled to its largest bar, which says how large it is. */
static void write_panel(struct sps_writer *w, const struct sps_histogram *h, int panel)
{
    sps_write_raw(w, "set label 1 ");
    sps_redo_quote(w, h->panels[panel]);
    sps_write(w, " at graph 0,1 left offset 0,0.7\nset label 2 'largest bar %.3g %%' at graph 1,1 right offset 0,0.7\n",
              100 * sps_histogram_largest(h, panel));
    sps_write_raw(w, "plot 0 notitle linecolor '#555555'"); /* there even where no bar is */
    for (int s = 0; s < h->series_count; s++) {
        size_t bins = (size_t)h->bins, first = ((size_t)panel * (size_t)h->series_count + (size_t)s) * bins;
        sps_write_raw(w, ", \\\n  ");
        write_rows(w, h->name, first, bins, "(($3 + $4) / 2):6:($4 - $3)");
        sps_write(w, " with boxes linetype %d fillstyle transparent solid 0.2 noborder notitle, \\\n  ", s + 1);
        write_rows(w, h->name, first, bins, "(($3 + $4) / 2):6");
        sps_write(w, " with histeps linetype %d linewidth 1.5 title ", s + 1);
        sps_redo_quote(w, h->series[s]);
    }
    sps_write_raw(w, "\n");
}

sps_status sps_redo_histogram(const struct sps_histogram *h, const char *folder)
{
    struct sps_writer csv = {0}, script = {0}, *w = &script;
    int panels = h->panel_count > 0 ? h->panel_count : 1, legend = h->series_count > 1 ? h->series_count : 0,
        top = TITLE_HEIGHT + SPS_LINE_HEIGHT * legend + PANEL_GAP,
        height = top + panels * (PANEL_HEIGHT + PANEL_GAP) - PANEL_GAP + AXIS_HEIGHT;
    sps_write_raw(&csv, "panel,series,from,to,count,share\n");
    for (int p = 0; p < h->panel_count; p++)
        for (int s = 0; s < h->series_count; s++)
            write_bins(&csv, h, p, s);
    begin_script(w, h->name, "", h->width, height);
    sps_write(w, "set border 1\nunset ytics\nset xrange [%.9g:%.9g]\nset yrange [0:*]\n", h->low, h->high);
    sps_write(w, "set multiplot layout %d,1 margins screen 0.04,0.95,%.4f,%.4f spacing screen 0,%.4f title ", panels,
              (double)AXIS_HEIGHT / height, 1 - (double)top / height, (double)PANEL_GAP / height);
    sps_redo_quote(w, h->title);
    sps_write_raw(w, " font 'sans-serif,14'\nset xtics format ''\n");
    if (legend > 0)
        sps_write(w, "set key at screen 0.03,%.4f left top Left reverse maxcols 1\n",
                  1 - (double)TITLE_HEIGHT / height);
    else
        sps_write_raw(w, "unset key\n");
    for (int p = 0; p < h->panel_count; p++) {
        if (p == h->panel_count - 1) {
            sps_write_raw(w, "set xtics format '%g'\n");
            set(w, "xlabel", h->axis);
        }
        write_panel(w, h, p);
        sps_write_raw(w, "unset key\n");
    }
    sps_write_raw(w, "unset multiplot\n");
    sps_status status = save(&csv, folder, h->name, "csv"), drawn = save(&script, folder, h->name, "gp");
    return status != SPS_OK ? status : drawn;
}

/* ---- heat ---- */

sps_status sps_redo_heat(const struct sps_heat *h, const char *folder)
{
    struct sps_writer csv = {0}, script = {0}, *w = &script;
    for (int c = 0; c < h->columns; c++) {
        sps_write_raw(&csv, ",");
        write_field(&csv, h->column_names[c]);
    }
    sps_write_raw(&csv, "\n");
    for (int r = 0; r < h->rows; r++) {
        write_field(&csv, h->row_names[r]);
        for (int c = 0; c < h->columns; c++) {
            sps_write_raw(&csv, ",");
            write_value(&csv, h->values[r * h->columns + c]);
        }
        sps_write_raw(&csv, "\n");
    }
    begin_script(w, h->name, h->title, h->width, 110 + 24 * h->rows);
    set(w, "xlabel", h->axis);
    sps_write(w,
              "unset key\nunset grid\nunset border\nset tics scale 0\nunset colorbox\n"
              "set palette defined (0 '#f0f6fa', 1 '#0072b2')\nset cbrange [%.9g:%.9g]\n",
              h->low, h->high);
    sps_write(w, "set yrange [%d.5:-0.5]\n", h->rows - 1);
    sps_write(w, "plot '%s.csv' matrix rowheaders columnheaders using 1:2:3 with image pixels, \\\n", h->name);
    sps_write(
        w, "  '%s.csv' matrix rowheaders columnheaders using 1:2:($3 == $3 ? sprintf('%%.3g', $3) : '') with labels\n",
        h->name);
    sps_status status = save(&csv, folder, h->name, "csv"), drawn = save(&script, folder, h->name, "gp");
    return status != SPS_OK ? status : drawn;
}

/* ---- tables ---- */

sps_status sps_redo_table(const struct sps_table *table, const char *folder)
{
    struct sps_writer w = {0};
    int columns = (int)strlen(table->align);
    for (int r = -1; r < table->rows; r++)
        for (int c = 0; c < columns; c++) {
            const char *text = r < 0 ? table->heads[c] : table->cells[r * columns + c];
            write_field(&w, text != NULL ? text : "");
            sps_write_raw(&w, c == columns - 1 ? "\n" : ",");
        }
    return save(&w, folder, table->name, "csv");
}

static void write_markdown_cell(struct sps_writer *w, const char *text)
{
    sps_write_raw(w, " ");
    for (; *text != 0; text++)
        if (*text == '|' || *text == '<' || *text == '\\') {
            sps_write_raw(w, "\\");
            sps_write_bytes(w, text, 1);
        } else {
            sps_write_bytes(w, (unsigned char)*text < 0x20 ? " " : text, 1);
        }
    sps_write_raw(w, " |");
}

void sps_redo_markdown(struct sps_writer *w, const struct sps_table *table)
{
    int columns = (int)strlen(table->align);
    sps_write_raw(w, "\n## ");
    sps_write_raw(w, table->caption != NULL ? table->caption : table->name);
    sps_write_raw(w, "\n\n");
    for (int r = -1; r < table->rows; r++) {
        sps_write_raw(w, "|");
        for (int c = 0; c < columns; c++) {
            const char *text = r < 0 ? table->heads[c] : table->cells[r * columns + c];
            write_markdown_cell(w, text != NULL ? text : "");
        }
        sps_write_raw(w, "\n");
        for (int c = 0; c < columns && r < 0; c++)
            sps_write(w, "%s%s", c == 0 ? "|" : "", table->align[c] == 'r' ? " ---: |" : " --- |");
        sps_write_raw(w, r < 0 ? "\n" : "");
    }
}
