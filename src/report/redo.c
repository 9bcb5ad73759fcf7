/* SPDX-License-Identifier: MIT */
#include "report/redo.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* A string of gnuplot: nothing but its own quote is special in it. */
static void write_quoted(struct sps_writer *w, const char *text)
{
    sps_write_raw(w, "'");
    for (; *text != 0; text++)
        if (*text == '\'')
            sps_write_raw(w, "''");
        else
            sps_write_bytes(w, (unsigned char)*text < 0x20 ? " " : text, 1);
    sps_write_raw(w, "'");
}

static void set(struct sps_writer *w, const char *what, const char *text)
{
    sps_write(w, "set %s ", what);
    write_quoted(w, text);
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

static void begin_script(struct sps_writer *w, const char *name, const char *title, int height)
{
    sps_write(w, "# gnuplot %s.gp   draws %s.svg from %s.csv\n", name, name, name);
    sps_write(w, "set terminal svg size 720,%d dynamic noenhanced background 'white'\n", height);
    sps_write(w, "set output '%s.svg'\n", name);
    sps_write_raw(w, "set datafile separator ','\nset key below\nset grid\n");
    set(w, "title", title);
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

static void write_line(struct sps_writer *w, const char *name, const struct sps_line *line, size_t first)
{
    static const char *const styles[] = {[SPS_LINE_MARKED] = "linespoints",
                                         [SPS_LINE_BAND] = "lines",
                                         [SPS_LINE_PLAIN] = "lines",
                                         [SPS_LINE_LEVEL] = "lines dashtype 2 linecolor 'black'",
                                         [SPS_LINE_REFERENCE] = "lines dashtype 2 linecolor 'black'"};
    int bounds = line->low != NULL && line->high != NULL;
    if (line->points == 0 || (line->style == SPS_LINE_LEVEL && !isfinite(line->y[0])))
        return;
    sps_write_raw(w, ", \\\n  ");
    if (line->style == SPS_LINE_BAND && bounds) {
        write_rows(w, name, first, line->points, "2:4:5");
        sps_write_raw(w, " with filledcurves fillstyle transparent solid 0.2 notitle, \\\n  ");
    }
    if (line->style == SPS_LINE_LEVEL)
        sps_write(w, "%.9g", line->y[0]);
    else if (line->style == SPS_LINE_MARKED && bounds) /* without bounds a number is exact */
        write_rows(w, name, first, line->points, "2:3:(valid(4) ? $4 : $3):(valid(5) ? $5 : $3)");
    else
        write_rows(w, name, first, line->points, "2:3");
    sps_write(w, " with %s title ", line->style == SPS_LINE_MARKED && bounds ? "yerrorlines" : styles[line->style]);
    write_quoted(w, line->name);
}

sps_status sps_redo_lines(const struct sps_lines *l, const char *folder)
{
    struct sps_writer csv = {0}, script = {0}, *w = &script;
    size_t rows = 0;
    sps_write_raw(&csv, "line,x,y,low,high\n");
    for (int i = 0; i < l->line_count; i++)
        write_points(&csv, &l->lines[i]);
    begin_script(w, l->name, l->title, 480);
    set(w, "xlabel", l->x_axis);
    set(w, "ylabel", l->y_axis);
    sps_write(w, "%s%s", l->log_x ? "set logscale x\n" : "", l->log_y ? "set logscale y\n" : "");
    for (int i = 0; i < l->word_count && l->words != NULL; i++) {
        sps_write_raw(w, i == 0 ? "set xtics (" : ", ");
        write_quoted(w, l->words[i]);
        sps_write(w, " %d%s", i, i == l->word_count - 1 ? ")\n" : "");
    }
    sps_write_raw(w, "plot NaN notitle"); /* so that every line that follows is one more */
    for (int i = 0; i < l->line_count; rows += l->lines[i++].points)
        write_line(w, l->name, &l->lines[i], rows);
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

sps_status sps_redo_histogram(const struct sps_histogram *h, const char *folder)
{
    struct sps_writer csv = {0}, script = {0}, *w = &script;
    sps_write_raw(&csv, "panel,series,from,to,count,share\n");
    for (int p = 0; p < h->panel_count; p++)
        for (int s = 0; s < h->series_count; s++)
            write_bins(&csv, h, p, s);
    begin_script(w, h->name, h->title, 120 + 140 * h->panel_count);
    sps_write(w, "unset title\nset xrange [%.9g:%.9g]\nset yrange [0:*]\nset ylabel 'share'\n", h->low, h->high);
    sps_write(w, "set multiplot layout %d,1 title ", h->panel_count > 0 ? h->panel_count : 1);
    write_quoted(w, h->title);
    sps_write_raw(w, "\n");
    for (int p = 0; p < h->panel_count; p++) {
        set(w, "xlabel", p == h->panel_count - 1 ? h->axis : "");
        set(w, "title", h->panels[p]);
        for (int s = 0; s < h->series_count; s++) {
            size_t bins = (size_t)h->bins, first = ((size_t)p * (size_t)h->series_count + (size_t)s) * bins;
            /* The base line is there even where no bar is. */
            sps_write_raw(w, s == 0 ? "plot 0 notitle linecolor 'black', \\\n  " : ", \\\n  ");
            write_rows(w, h->name, first, bins, "3:6");
            sps_write_raw(w, " with steps title ");
            write_quoted(w, h->series[s]);
        }
        sps_write_raw(w, "\n");
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
    begin_script(w, h->name, h->title, 120 + 24 * h->rows);
    set(w, "xlabel", h->axis);
    sps_write(w, "unset key\nunset grid\nset palette defined (0 'white', 1 '#0072b2')\nset cbrange [%.9g:%.9g]\n",
              h->low, h->high);
    sps_write(w, "set yrange [%d.5:-0.5]\n", h->rows - 1);
    sps_write(w, "plot '%s.csv' matrix rowheaders columnheaders using 1:2:3 with image, \\\n", h->name);
    sps_write(w, "  '%s.csv' matrix rowheaders columnheaders using 1:2:(sprintf('%%.3g', $3)) with labels\n", h->name);
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
