/* SPDX-License-Identifier: MIT */
#include "comparison_out.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "spinscale/file.h"

/* ---- a table that is text or Markdown ---- */

enum { CELL = 256, GRID_COLUMNS = 16 };

/* Cells are written in order.  A range stands below its value in text, behind it in Markdown. */
struct grid {
    FILE *out;
    int markdown;
    size_t columns, rows, room;
    const char *title[GRID_COLUMNS];
    struct grid_cell {
        char value[CELL], range[64];
    } * cell;
    size_t cells;
    int failed;
};

static struct grid_cell *next_cell(struct grid *g)
{
    if (g->cells == g->room) {
        size_t room = 2 * g->room + 64;
        struct grid_cell *grown = realloc(g->cell, room * sizeof *grown);
        if (grown == NULL) {
            g->failed = 1;
            return NULL;
        }
        g->cell = grown;
        g->room = room;
    }
    g->cell[g->cells] = (struct grid_cell){{0}, {0}};
    return &g->cell[g->cells++];
}

static void add_text(struct grid *g, const char *text)
{
    struct grid_cell *cell = next_cell(g);
    if (cell != NULL)
        snprintf(cell->value, sizeof cell->value, "%s", text);
}

static void add_count(struct grid *g, size_t value)
{
    struct grid_cell *cell = next_cell(g);
    if (cell != NULL)
        snprintf(cell->value, sizeof cell->value, "%zu", value);
}

static void add_number(struct grid *g, double value, int digits)
{
    struct grid_cell *cell = next_cell(g);
    if (cell != NULL && isnan(value))
        snprintf(cell->value, sizeof cell->value, "-");
    else if (cell != NULL)
        snprintf(cell->value, sizeof cell->value, "%.*f", digits, value);
}

static void add_interval(struct grid *g, const struct sps_cell *x, double by, int digits)
{
    add_number(g, by * x->value, digits);
    if (!g->failed && !isnan(x->low))
        snprintf(g->cell[g->cells - 1].range, sizeof g->cell->range, "%.*f..%.*f", digits, by * x->low, digits,
                 by * x->high);
}

/* Of one repetition its interval, of several the mean and their standard deviation. */
static void add_column(struct grid *g, const struct sps_comparison *c, const struct sps_compared *row, size_t column)
{
    double mean, deviation;
    const struct sps_column *as = &c->column[column];
    if (row->count == 1) {
        add_interval(g, &row->repetition[0].cell[column], as->by, as->digits);
        return;
    }
    sps_comparison_spread(&mean, &deviation, row, column);
    add_number(g, as->by * mean, as->digits);
    if (!g->failed && !isnan(deviation))
        snprintf(g->cell[g->cells - 1].range, sizeof g->cell->range, "+- %.*f", as->digits, as->by * deviation);
}

static void print_cell(FILE *out, const char *text, size_t width, int left)
{
    for (size_t i = strlen(text); !left && i < width; i++)
        fputc(' ', out);
    sps_cli_report_plain(out, text);
    for (size_t i = strlen(text); left && i < width; i++)
        fputc(' ', out);
}

static void print_line(const struct grid *g, const size_t *width, size_t row, int ranges)
{
    for (size_t k = 0; k < g->columns; k++) {
        const struct grid_cell *cell = row > 0 ? &g->cell[(row - 1) * g->columns + k] : NULL;
        fputs(k > 0 ? "  " : "", g->out);
        print_cell(g->out, cell == NULL ? g->title[k] : ranges ? cell->range : cell->value, width[k], k == 0);
    }
    fputc('\n', g->out);
}

static void print_text(const struct grid *g)
{
    size_t width[GRID_COLUMNS];
    for (size_t k = 0; k < g->columns; k++) {
        width[k] = strlen(g->title[k]);
        for (size_t i = k; i < g->cells; i += g->columns) {
            size_t value = strlen(g->cell[i].value), range = strlen(g->cell[i].range);
            width[k] = width[k] > value ? width[k] : value;
            width[k] = width[k] > range ? width[k] : range;
        }
    }
    for (size_t row = 0; row <= g->cells / g->columns; row++) {
        int ranges = 0;
        for (size_t k = 0; k < g->columns && row > 0; k++)
            ranges |= g->cell[(row - 1) * g->columns + k].range[0] != '\0';
        print_line(g, width, row, 0);
        if (ranges)
            print_line(g, width, row, 1);
    }
}

static void markdown_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            fputc('\\', out);
        fputc((unsigned char)*text < 0x20 ? '?' : *text, out);
    }
}

static void print_markdown(const struct grid *g)
{
    for (size_t k = 0; k < g->columns; k++) {
        fputs(k > 0 ? " | " : "| ", g->out);
        markdown_text(g->out, g->title[k]);
    }
    fputs(" |\n", g->out);
    for (size_t k = 0; k < g->columns; k++)
        fputs(k > 0 ? " ---: |" : "| --- |", g->out);
    fputc('\n', g->out);
    for (size_t i = 0; i < g->cells; i++) {
        fputs(i % g->columns > 0 ? " | " : "| ", g->out);
        markdown_text(g->out, g->cell[i].value);
        if (g->cell[i].range[0] != '\0')
            fprintf(g->out, g->cell[i].range[0] == '+' ? " %s" : " (%s)", g->cell[i].range);
        if (i % g->columns == g->columns - 1)
            fputs(" |\n", g->out);
    }
}

static int print_grid(struct grid *g)
{
    if (!g->failed && g->markdown)
        print_markdown(g);
    else if (!g->failed)
        print_text(g);
    fputc('\n', g->out);
    free(g->cell);
    return g->failed;
}

/* ---- the tables ---- */

static double mean_of(const struct sps_compared *row, double (*of)(const struct sps_repetition *))
{
    double sum = 0;
    for (size_t s = 0; s < row->count; s++)
        sum += of(&row->repetition[s]);
    return sum / (double)row->count;
}

static double floor_of(const struct sps_repetition *r)
{
    return r->floor;
}

static double speed_of(const struct sps_repetition *r)
{
    return r->images_per_s;
}

static double bytes_of(const struct sps_repetition *r)
{
    return (double)r->bytes;
}

static int print_home(const struct sps_comparison *c, FILE *out, int markdown)
{
    struct grid g = {.out = out, .markdown = markdown};
    g.title[g.columns++] = "model";
    g.title[g.columns++] = "seeds";
    g.title[g.columns++] = "passes";
    for (size_t k = 0; k < SPS_HOME_COLUMNS; k++) {
        g.title[g.columns++] = c->column[k].title;
        if (k == SPS_COLUMN_ECE)
            g.title[g.columns++] = "floor";
    }
    g.title[g.columns++] = "images/s";
    g.title[g.columns++] = "bytes";
    for (size_t r = 0; r < c->count; r++) {
        const struct sps_compared *row = &c->row[r];
        add_text(&g, row->name);
        add_count(&g, row->count);
        add_count(&g, row->repetition[0].passes);
        for (size_t k = 0; k < SPS_HOME_COLUMNS; k++) {
            add_column(&g, c, row, k);
            if (k == SPS_COLUMN_ECE)
                add_number(&g, mean_of(row, floor_of), c->column[k].digits);
        }
        add_number(&g, mean_of(row, speed_of), 0);
        add_number(&g, mean_of(row, bytes_of), 0);
    }
    return print_grid(&g);
}

static int print_foreign(const struct sps_comparison *c, size_t foreign, FILE *out, int markdown)
{
    struct grid g = {.out = out, .markdown = markdown};
    const size_t first = SPS_HOME_COLUMNS + foreign * SPS_FOREIGN_COLUMNS;
    g.title[g.columns++] = "model";
    for (size_t k = 0; k < SPS_FOREIGN_COLUMNS; k++)
        g.title[g.columns++] = c->column[first + k].title;
    for (size_t r = 0; r < c->count; r++) {
        add_text(&g, c->row[r].name);
        for (size_t k = 0; k < SPS_FOREIGN_COLUMNS; k++)
            add_column(&g, c, &c->row[r], first + k);
    }
    return print_grid(&g);
}

/* Where even the smallest number is too large, that is said. */
static void probability_text(char text[64], double p)
{
    if (isnan(p) || p == 0)
        snprintf(text, 64, "%s", isnan(p) ? "-" : "< 1e-300");
    else
        snprintf(text, 64, p < 1e-4 ? "%.1e" : "%.4f", p);
}

static void add_test(struct grid *g, const struct sps_comparison *c, const struct sps_pair *pair, size_t test)
{
    const struct sps_column *as = sps_comparison_test(c, test);
    const struct sps_test *t = &pair->test[test];
    char interval[64] = "", p[64], only[64] = "";
    add_text(g, c->row[pair->row].name);
    if (pair->repetition == SPS_ALL_SEEDS)
        add_text(g, "all");
    else
        add_count(g, pair->repetition + 1);
    add_text(g, as->title);
    add_number(g, as->by * t->difference.value, as->digits);
    if (!isnan(t->difference.low))
        snprintf(interval, sizeof interval, "%.*f..%.*f", as->digits, as->by * t->difference.low, as->digits,
                 as->by * t->difference.high);
    add_text(g, interval);
    probability_text(p, t->p);
    add_text(g, p);
    if (test == 0 && !isnan(t->p) && pair->repetition != SPS_ALL_SEEDS)
        snprintf(only, sizeof only, "%zu, %zu", pair->only_row, pair->only_first);
    add_text(g, only);
}

static size_t tests_of(const struct sps_comparison *c, const struct sps_pair *pair)
{
    return pair->repetition == SPS_ALL_SEEDS ? SPS_HOME_TESTS : c->tests;
}

static int print_tests(const struct sps_comparison *c, FILE *out, int markdown)
{
    static const char *const titles[] = {
        "model", "seed", "difference in", "value", "interval", "p", "right alone: it, the first"};
    struct grid g = {.out = out, .markdown = markdown, .columns = sizeof titles / sizeof *titles};
    memcpy(g.title, titles, sizeof titles);
    for (size_t k = 0; k < c->pair_count; k++)
        for (size_t t = 0; t < tests_of(c, &c->pair[k]); t++)
            add_test(&g, c, &c->pair[k], t);
    return print_grid(&g);
}

static int print_all(const struct sps_comparison *c, const struct sps_comparison_setting *s, FILE *out, int markdown)
{
    int failed = 0;
    const char *heading = markdown ? "## " : "";
    if (markdown)
        fputs("# Models side by side\n\n", out);
    fprintf(out, "%zu images of ", s->n);
    sps_cli_report_plain(out, s->data);
    if (strcmp(s->reading, "sampled") == 0)
        fprintf(out, ", %zu samples of each model (seed %zu)", s->samples, s->seed);
    else
        fprintf(out, ", %s", s->reading);
    fprintf(out, "\n\n%sat home%s\n\n", heading, markdown ? "" : ":");
    failed |= print_home(c, out, markdown);
    if (c->basis.foreign_count > 0)
        fprintf(out, "%sforeign images, area under the ROC curve%s\n\n", heading, markdown ? "" : ":");
    for (size_t f = 0; f < c->basis.foreign_count; f++)
        failed |= print_foreign(c, f, out, markdown);
    if (c->pair_count > 0) {
        fprintf(out, "%sdifference from the first model, on the same images%s\n\n", heading, markdown ? "" : ":");
        failed |= print_tests(c, out, markdown);
    }
    fprintf(out,
            "NLL and MI (mutual information) in nats; floor: the ECE of a calibrated model on as many images; "
            "accepted: by\n"
            "eq. 26; AURC and the error of the %.4g %% of images kept: by %s.  Below a value: its interval of %.4g %% "
            "(%zu\nbootstrap resamples of the images); of several seeds: mean and standard deviation.\n",
            100 * c->basis.coverage, c->basis.score, 100 * c->basis.level, c->basis.resamples);
    if (c->pair_count > 0)
        fputs("p: McNemar's exact test of the accuracy, paired test of the mean NLL, DeLong's of the AUROC; seed k "
              "against "
              "the\nfirst model's seed k, and all: the means over seeds, image by image (paired tests of the mean).\n",
              out);
    return failed;
}

void sps_comparison_print(const struct sps_comparison *c, const struct sps_comparison_setting *s)
{
    print_all(c, s, stdout, 0);
}

/* ---- JSON ---- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *cell_json(const struct sps_cell *x)
{
    return json_pack("{s:o,s:o,s:o}", "value", number(x->value), "low", number(x->low), "high", number(x->high));
}

static json_t *repetition_json(const struct sps_comparison *c, const struct sps_repetition *r)
{
    json_t *object = json_pack("{s:o,s:s,s:s,s:I,s:I,s:o}", "models", sps_cli_report_string(r->models), "sha256",
                               r->sha256, "engine", r->engine, "passes", (json_int_t)r->passes, "bytes",
                               (json_int_t)r->bytes, "images_per_s", number(r->images_per_s));
    for (size_t k = 0; k < c->columns && object != NULL; k++) {
        json_t *cell = cell_json(&r->cell[k]);
        if (k == SPS_COLUMN_ECE && cell != NULL) {
            json_object_set_new(cell, "floor", number(r->floor));
            json_object_set_new(cell, "floor_high", number(r->floor_high));
        }
        json_object_set_new(object, c->column[k].key, cell);
    }
    return object;
}

static json_t *row_json(const struct sps_comparison *c, const struct sps_compared *row)
{
    json_t *list = json_array(), *means = json_object();
    for (size_t s = 0; s < row->count; s++)
        json_array_append_new(list, repetition_json(c, &row->repetition[s]));
    for (size_t k = 0; k < c->columns; k++) {
        double mean, deviation;
        sps_comparison_spread(&mean, &deviation, row, k);
        json_object_set_new(means, c->column[k].key,
                            json_pack("{s:o,s:o}", "mean", number(mean), "sd", number(deviation)));
    }
    return json_pack("{s:o,s:o,s:o}", "name", sps_cli_report_string(row->name), "repetitions", list, "over_seeds",
                     means);
}

static json_t *pair_json(const struct sps_comparison *c, const struct sps_pair *pair)
{
    int all = pair->repetition == SPS_ALL_SEEDS;
    json_t *object = json_pack("{s:o,s:o}", "name", sps_cli_report_string(c->row[pair->row].name), "repetition",
                               all ? json_null() : json_integer((json_int_t)pair->repetition + 1));
    for (size_t t = 0; t < tests_of(c, pair) && object != NULL; t++) {
        json_t *test = cell_json(&pair->test[t].difference);
        json_object_set_new(test, "p", number(pair->test[t].p));
        if (t == 0 && !all) {
            json_object_set_new(test, "only_row", json_integer((json_int_t)pair->only_row));
            json_object_set_new(test, "only_first", json_integer((json_int_t)pair->only_first));
        }
        json_object_set_new(object, sps_comparison_test(c, t)->key, test);
    }
    return object;
}

json_t *sps_comparison_json(const struct sps_comparison *c, const struct sps_comparison_setting *s)
{
    json_t *rows = json_array(), *pairs = json_array(), *foreign = json_array();
    for (size_t r = 0; r < c->count; r++)
        json_array_append_new(rows, row_json(c, &c->row[r]));
    for (size_t k = 0; k < c->pair_count; k++)
        json_array_append_new(pairs, pair_json(c, &c->pair[k]));
    for (size_t f = 0; f < c->basis.foreign_count; f++)
        json_array_append_new(foreign, sps_cli_report_string(c->basis.foreign[f]));
    json_t *seed = strcmp(s->reading, "sampled") == 0 ? json_integer((json_int_t)s->seed) : json_null();
    return json_pack("{s:o,s:s,s:I,s:s,s:I,s:o,s:b,s:s,s:f,s:f,s:f,s:f,s:I,s:o,s:o,s:o}", "data",
                     sps_cli_report_string(s->data), "data_sha256", s->data_sha256, "n", (json_int_t)s->n, "reading",
                     s->reading, "samples", (json_int_t)s->samples, "seed", seed, "shared_paths", s->shared_paths,
                     "score", c->basis.score, "coverage", c->basis.coverage, "quantile", c->basis.rule.quantile,
                     "threshold", c->basis.rule.threshold, "level", c->basis.level, "resamples",
                     (json_int_t)c->basis.resamples, "foreign", foreign, "rows", rows, "tests", pairs);
}

/* ---- files ---- */

static void csv_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc((unsigned char)*text < 0x20 ? '?' : *text, out);
    }
    fputc('"', out);
}

static void csv_number(FILE *out, double value)
{
    fputc(',', out);
    if (isfinite(value))
        fprintf(out, "%.9g", value);
}

static void csv_repetition(FILE *out, const struct sps_comparison *c, const struct sps_compared *row, size_t s)
{
    const struct sps_repetition *r = &row->repetition[s];
    csv_text(out, row->name);
    fprintf(out, ",%zu,", s + 1);
    csv_text(out, r->models);
    fprintf(out, ",%s,%zu,%zu", r->sha256, r->passes, r->bytes);
    csv_number(out, r->images_per_s);
    csv_number(out, r->floor);
    csv_number(out, r->floor_high);
    for (size_t k = 0; k < c->columns; k++) {
        csv_number(out, r->cell[k].value);
        csv_number(out, r->cell[k].low);
        csv_number(out, r->cell[k].high);
    }
    fputc('\n', out);
}

static void print_csv(const struct sps_comparison *c, FILE *out)
{
    fputs("name,repetition,models,sha256,passes,bytes,images_per_s,ece_floor,ece_floor_high", out);
    for (size_t k = 0; k < c->columns; k++)
        for (int part = 0; part < 3; part++) {
            static const char *const suffix[] = {"", "_low", "_high"};
            char key[200];
            snprintf(key, sizeof key, "%s%s", c->column[k].key, suffix[part]);
            fputc(',', out);
            csv_text(out, key);
        }
    fputc('\n', out);
    for (size_t r = 0; r < c->count; r++)
        for (size_t s = 0; s < c->row[r].count; s++)
            csv_repetition(out, c, &c->row[r], s);
}

static sps_status save_text(const struct sps_comparison *c, const struct sps_comparison_setting *s, const char *folder,
                            int markdown)
{
    char *text = NULL, path[4600];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return SPS_ENOMEM;
    int failed = 0;
    if (markdown)
        failed = print_all(c, s, out, 1);
    else
        print_csv(c, out);
    failed |= fclose(out) != 0;
    snprintf(path, sizeof path, "%s/%s", folder, markdown ? "compare.md" : "compare.csv");
    sps_status status = failed ? SPS_ENOMEM : sps_file_save(path, text, size);
    free(text);
    return status;
}

sps_status sps_comparison_save(const struct sps_comparison *c, const struct sps_comparison_setting *s,
                               const char *folder)
{
    sps_status status = sps_make_folder(folder);
    if (status == SPS_OK)
        status = save_text(c, s, folder, 0);
    if (status == SPS_OK)
        status = save_text(c, s, folder, 1);
    if (status != SPS_OK)
        return status;
    json_t *object = sps_comparison_json(c, s);
    status = object != NULL ? sps_cli_report_save(folder, "compare.json", object) : SPS_ENOMEM;
    json_decref(object);
    return status;
}
