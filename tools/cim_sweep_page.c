/* SPDX-License-Identifier: MIT */
/* The page of a sweep: each metric over the first key, a line for each combination of the others. */
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "cim_page.h"
#include "report.h"

enum { LINES_MAX = 40, TICKS_MAX = 12, ROWS_SHOWN = 500, NAME_BYTES = 256 };
static const double LOG_FROM = 30; /* x is logarithmic where its values span so much */

/* sd: error bars of one standard deviation; low, high: of a band; engine: a level to compare with. */
static const struct metric {
    const char *key, *title, *axis;
    double by;
    const char *sd, *low, *high, *engine;
    double most; /* it can be; the least of all is 0 */
} metrics[] = {
    {"accuracy", "Accuracy", "accuracy, %", 100, "accuracy_sd", NULL, NULL, "engine_accuracy", 100},
    {"nll", "Negative log-likelihood", "negative log-likelihood, nat", 1, "nll_sd", NULL, NULL, "engine_nll", INFINITY},
    {"mutual_information", "Mutual information", "mutual information, nat", 1, "mutual_information_sd", NULL, NULL,
     "engine_mutual_information", INFINITY},
    {"accepted", "Accepted images", "accepted, % of images", 100, "accepted_sd", NULL, NULL, "engine_accepted", 100},
    {"yield", "Yield", "good chips, %", 100, NULL, NULL, NULL, NULL, 100},
    {"energy_j", "Energy of a prediction", "energy, µJ", 1e6, NULL, "energy_low_j", "energy_high_j", NULL, INFINITY},
    {"latency_s", "Latency of a prediction", "latency, µs", 1e6, NULL, NULL, NULL, NULL, INFINITY},
    {"area_m2", "Area of the chip", "area, mm²", 1e6, NULL, "area_low_m2", "area_high_m2", NULL, INFINITY}};
enum { METRICS = sizeof metrics / sizeof *metrics };

/* ---- lines ---- */

/* Rows of a line, in the order of x. */
struct series {
    char name[NAME_BYTES]; /* "device.sigma_r=0.05, adc=flash" */
    size_t points, *row;
};

struct sweep_plot {
    const json_t *rows;
    const char *const *keys;
    int key_count;
    size_t row_count;
    int numbers, log;   /* x is a number */
    const char **words; /* else what there is */
    int word_count;
    double *x;                  /* of each row */
    double tick[TICKS_MAX + 1]; /* different numbers of x, rising; one more than TICKS_MAX: too many */
    int tick_count;
    struct series series[LINES_MAX];
    int series_count, left_out;
};

static const json_t *row_at(const struct sweep_plot *p, size_t i)
{
    return json_array_get(p->rows, i);
}

/* x as numbers, if all are; else as indices of words. */
static void read_x(struct sweep_plot *p)
{
    double low = INFINITY, high = -INFINITY;
    p->numbers = 1;
    for (size_t i = 0; i < p->row_count; i++) {
        const char *text = sps_cim_text(row_at(p, i), p->keys[0]);
        char *end;
        p->x[i] = strtod(text, &end);
        p->numbers &= end != text && *end == 0 && isfinite(p->x[i]);
        low = fmin(low, p->x[i]);
        high = fmax(high, p->x[i]);
    }
    p->log = p->numbers && low > 0 && high >= LOG_FROM * low;
    for (size_t i = 0; i < p->row_count && !p->numbers; i++) {
        const char *text = sps_cim_text(row_at(p, i), p->keys[0]);
        int k = 0;
        while (k < p->word_count && strcmp(p->words[k], text) != 0)
            k++;
        if (k == p->word_count)
            p->words[p->word_count++] = text;
        p->x[i] = k;
    }
}

static void add_tick(struct sweep_plot *p, double x)
{
    int at = 0;
    while (at < p->tick_count && p->tick[at] < x)
        at++;
    if ((at < p->tick_count && p->tick[at] == x) || p->tick_count > TICKS_MAX)
        return;
    memmove(p->tick + at + 1, p->tick + at, (size_t)(p->tick_count - at) * sizeof *p->tick);
    p->tick[at] = x;
    p->tick_count++;
}

static void name_row(char name[NAME_BYTES], const struct sweep_plot *p, const json_t *row)
{
    size_t used = 0;
    name[0] = 0;
    for (int k = 1; k < p->key_count && used < NAME_BYTES; k++)
        used += (size_t)snprintf(name + used, NAME_BYTES - used, "%s%s=%s", k > 1 ? ", " : "", p->keys[k],
                                 sps_cim_text(row, p->keys[k]));
}

static int add_row(struct sweep_plot *p, size_t row)
{
    char name[NAME_BYTES];
    int s = 0;
    name_row(name, p, row_at(p, row));
    while (s < p->series_count && strcmp(p->series[s].name, name) != 0)
        s++;
    if (s == LINES_MAX) {
        p->left_out = 1;
        return 1;
    }
    struct series *series = &p->series[s];
    if (s == p->series_count) {
        memcpy(series->name, name, sizeof name);
        series->row = calloc(p->row_count, sizeof *series->row);
        p->series_count++;
    }
    if (series->row == NULL)
        return 0;
    size_t at = series->points++;
    for (; at > 0 && p->x[series->row[at - 1]] > p->x[row]; at--)
        series->row[at] = series->row[at - 1];
    series->row[at] = row;
    return 1;
}

/* ---- charts ---- */

/* x, y, low, high of a line's points */
static void fill_line(struct sps_line *line, double *numbers, const struct sweep_plot *p, const struct series *s,
                      const struct metric *m)
{
    double *x = numbers, *y = x + s->points, *low = y + s->points, *high = low + s->points;
    for (size_t i = 0; i < s->points; i++) {
        const json_t *row = row_at(p, s->row[i]);
        x[i] = p->x[s->row[i]];
        y[i] = m->by * sps_cli_report_number(row, m->key);
        double sd = m->sd != NULL ? m->by * sps_cli_report_number(row, m->sd) : NAN;
        low[i] = m->low != NULL ? m->by * sps_cli_report_number(row, m->low) : y[i] - sd;
        high[i] = m->high != NULL ? m->by * sps_cli_report_number(row, m->high) : y[i] + sd;
    }
    *line = (struct sps_line){*s->name != 0 ? s->name : "chip", s->points, x, y, low, high, SPS_LINE_MARKED};
}

static int has_values(const struct sweep_plot *p, const struct metric *m)
{
    for (size_t i = 0; i < p->row_count; i++)
        if (isfinite(sps_cli_report_number(row_at(p, i), m->key)))
            return 1;
    return 0;
}

/* What does not depend on the other keys is one line; else the last would hide all before it. */
static int are_same(const struct sps_line *lines, int count)
{
    for (int i = 1; i < count; i++) {
        if (lines[i].points != lines[0].points)
            return 0;
        for (size_t k = 0; k < lines[0].points; k++)
            if (lines[i].x[k] != lines[0].x[k] || lines[i].y[k] != lines[0].y[k])
                return 0;
    }
    return count > 1;
}

static sps_status show_chart(sps_page *page, const char *folder, const struct sps_lines *lines, const char *key,
                             const char *caption)
{
    char path[4600];
    sps_figure *figure = NULL;
    sps_status status = sps_figure_lines(&figure, lines);
    if (status != SPS_OK)
        return status;
    snprintf(path, sizeof path, "%s/%s.svg", folder, key);
    status = sps_figure_save(figure, path);
    sps_page_figure(page, figure, caption);
    sps_figure_free(figure);
    return status;
}

static sps_status draw_metric(sps_page *page, const char *folder, const struct sweep_plot *p, const struct metric *m,
                              uint64_t chips)
{
    struct sps_line lines[LINES_MAX + 1];
    double *numbers = calloc(4 * p->row_count + 1, sizeof *numbers), *at = numbers;
    double engine = m->engine != NULL ? m->by * sps_cli_report_number(row_at(p, 0), m->engine) : NAN;
    char caption[200];
    const char *same = "";
    int count = p->series_count;
    if (numbers == NULL)
        return SPS_ENOMEM;
    for (int s = 0; s < count; s++) {
        fill_line(&lines[s], at, p, &p->series[s], m);
        at += 4 * p->series[s].points;
    }
    if (are_same(lines, count)) {
        lines[0].name = "chip";
        count = 1;
        same = " The other keys change nothing here.";
    }
    if (isfinite(engine))
        lines[count++] = (struct sps_line){"engine", 1, NULL, &engine, NULL, NULL, SPS_LINE_LEVEL};
    if (m->sd != NULL && chips > 1)
        snprintf(caption, sizeof caption, "Mean over %llu chips; error bars are their standard deviation.%s",
                 (unsigned long long)chips, same);
    else
        snprintf(caption, sizeof caption, "%s%s",
                 m->low != NULL ? "Typical; error bars are from the low to the high figures behind it." : "", same);
    const struct sps_lines figure = {.title = m->title,
                                     .x_axis = p->keys[0],
                                     .y_axis = m->axis,
                                     .log_x = p->log,
                                     .x_ticks = p->tick_count <= TICKS_MAX ? p->tick : NULL,
                                     .x_tick_count = p->tick_count,
                                     .y_most = m->most,
                                     .words = p->numbers ? NULL : p->words,
                                     .word_count = p->word_count,
                                     .line_count = count,
                                     .lines = lines};
    sps_status status = show_chart(page, folder, &figure, m->key, *caption != 0 ? caption : NULL);
    free(numbers);
    return status;
}

/* ---- the page ---- */

static sps_status rows_table(sps_page *page, const struct sweep_plot *p)
{
    const char *heads[64];
    char align[64];
    json_t *cells = json_array();
    int columns = 0;
    for (int k = 0; k < p->key_count; k++)
        heads[columns++] = p->keys[k];
    for (int m = 0; m < METRICS; m++)
        heads[columns++] = metrics[m].axis;
    memset(align, 'r', sizeof align);
    align[columns] = 0;
    for (size_t i = 0; i < p->row_count && i < ROWS_SHOWN; i++) {
        for (int k = 0; k < p->key_count; k++)
            sps_cells_add(cells, "%s", sps_cim_text(row_at(p, i), p->keys[k]));
        for (int m = 0; m < METRICS; m++)
            sps_cells_add_number(cells, metrics[m].by * sps_cli_report_number(row_at(p, i), metrics[m].key));
    }
    return sps_cells_table(page, NULL, NULL, align, heads, cells);
}

static sps_status write_page(sps_page *page, const char *folder, const struct sps_cim_options *o,
                             const struct sweep_plot *p)
{
    sps_status status = SPS_OK;
    sps_cells_paragraph(
        page, "Model: %s. Chip: %s, level %s, %s account; %llu passes, %llu chip%s at each of %zu points.", o->model,
        o->chip, sps_cim_levels[o->level], sps_cim_accounts[o->account], (unsigned long long)o->samples,
        (unsigned long long)o->chips, o->chips == 1 ? "" : "s", p->row_count);
    if (p->left_out)
        sps_cells_paragraph(page, "The charts show the first %d combinations; the tables have all.", LINES_MAX);
    for (int m = 0; m < METRICS && status == SPS_OK; m++)
        if (has_values(p, &metrics[m]))
            status = draw_metric(page, folder, p, &metrics[m], o->chips);
    sps_page_heading(page, "All points");
    sps_page_paragraph(page, p->row_count > ROWS_SHOWN ? "The first of them; sweep.csv and sweep.json have all, with "
                                                         "spreads and bands."
                                                       : "sweep.csv and sweep.json have spreads and bands, too.");
    if (status == SPS_OK)
        status = rows_table(page, p);
    return status == SPS_OK ? sps_cim_save_page(page, folder) : status;
}

sps_status sps_cim_sweep_page(const char *folder, const struct sps_cim_options *options, const char *const *keys,
                              int key_count, const json_t *rows)
{
    struct sweep_plot *p = calloc(1, sizeof *p);
    char title[NAME_BYTES] = "Sweep of ";
    sps_page *page = NULL;
    if (p == NULL)
        return SPS_ENOMEM;
    p->rows = rows;
    p->keys = keys;
    p->key_count = key_count;
    p->row_count = json_array_size(rows);
    p->x = calloc(p->row_count + 1, sizeof *p->x);
    p->words = calloc(p->row_count + 1, sizeof *p->words);
    int fine = p->x != NULL && p->words != NULL;
    if (fine)
        read_x(p);
    for (size_t i = 0; i < p->row_count && fine; i++)
        fine = add_row(p, i);
    for (size_t i = 0; i < p->row_count && fine && p->numbers; i++)
        add_tick(p, p->x[i]);
    for (int k = 0; k < key_count; k++) {
        size_t used = strlen(title);
        snprintf(title + used, sizeof title - used, "%s%s", k > 0 ? ", " : "", keys[k]);
    }
    sps_status status = fine ? sps_page_create(&page, title) : SPS_ENOMEM;
    if (status == SPS_OK)
        status = write_page(page, folder, options, p);
    sps_page_free(page);
    for (int s = 0; s < p->series_count; s++)
        free(p->series[s].row);
    free(p->words);
    free(p->x);
    free(p);
    return status;
}
