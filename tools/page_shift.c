/* SPDX-License-Identifier: MIT */
/* Images that drift away from those it was trained on: does it get unsure as it gets wrong? */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page_scores.h"
#include "report.h"

enum { KINDS_MAX = 32, STRENGTHS_MAX = 16 };

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

/* Names in rows of the wanted suites, in their order. */
static int kinds_of(const char *kinds[KINDS_MAX], const json_t *rows, const char *suites)
{
    int count = 0;
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row)
    {
        const char *name = text_of(row, "name");
        int known = strstr(suites, text_of(row, "suite")) == NULL;
        for (int k = 0; k < count; k++)
            known |= strcmp(kinds[k], name) == 0;
        if (!known && count < KINDS_MAX)
            kinds[count++] = name;
    }
    return count;
}

/* ---- strength by strength ---- */

struct curve {
    size_t points;
    double strength[STRENGTHS_MAX], value[STRENGTHS_MAX], low[STRENGTHS_MAX], high[STRENGTHS_MAX];
};

static void add_point(struct curve *c, double strength, double value)
{
    if (c->points == STRENGTHS_MAX)
        return;
    c->strength[c->points] = strength;
    c->value[c->points] = value;
    c->low[c->points] = c->high[c->points] = NAN;
    c->points++;
}

static void add_share(struct curve *c, double strength, double share, double n)
{
    if (c->points == STRENGTHS_MAX || !isfinite(share))
        return;
    add_point(c, strength, NAN);
    size_t at = c->points - 1;
    sps_shown_share(&c->value[at], &c->low[at], &c->high[at], round(share * n), n);
}

/* The clean images are strength 0. */
static void at_home(struct curve *accuracy, struct curve *nll, struct curve *rejected, const struct sps_shown_set *home)
{
    double right = 0, sum = 0, out = 0, n = (double)home->count;
    for (size_t i = 0; i < home->count; i++) {
        const struct sps_summary *s = &home->summaries[i];
        int label = home->labels[i];
        right += label >= 0 ? s->predicted == label : NAN;
        sum -= label >= 0 ? log(fmax(home->mean[i * (size_t)home->classes + (size_t)label], 1e-12)) : NAN;
        out += !s->accepted;
    }
    add_share(accuracy, 0, right / n, n);
    add_point(nll, 0, sum / n);
    add_share(rejected, 0, out / n, n);
}

enum { ACCURACY, NLL, REJECTED, QUANTITIES };

static void gather(struct curve curves[QUANTITIES], const struct sps_shown_model *model, const char *kind)
{
    size_t i;
    json_t *row;
    at_home(&curves[ACCURACY], &curves[NLL], &curves[REJECTED], &model->home);
    json_array_foreach(model->shifts, i, row)
    {
        double amount = sps_cli_report_number(row, "amount"), n = sps_cli_report_number(row, "n");
        if (strcmp(text_of(row, "name"), kind) != 0)
            continue;
        add_share(&curves[ACCURACY], amount, sps_cli_report_number(row, "accuracy"), n);
        add_point(&curves[NLL], amount, sps_cli_report_number(row, "nll"));
        add_share(&curves[REJECTED], amount, sps_cli_report_number(row, "detected"), n);
    }
}

static const char *unit_of(const json_t *rows, const char *kind)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row)
    {
        if (strcmp(text_of(row, "name"), kind) == 0)
            return text_of(row, "unit");
    }
    return "";
}

/* "uniform_noise" reads "uniform noise". */
static void spell(char words[64], const char *name)
{
    snprintf(words, 64, "%s", name);
    for (char *c = words; *c != 0; c++)
        *c = *c == '_' ? ' ' : *c;
    if (words[0] >= 'a' && words[0] <= 'z')
        words[0] = (char)(words[0] - 'a' + 'A');
}

static sps_status draw_kind(sps_page *page, const struct sps_shown *shown, const char *kind)
{
    static const char *const titles[] = {"accuracy", "negative log-likelihood", "rejected by the rule"},
                             *const axes[] = {"accuracy, %", "NLL, nat", "rejected, %"},
                             *const names[] = {"accuracy", "nll", "rejected"};
    struct curve(*curves)[QUANTITIES] = calloc(SPS_SHOWN_MODELS, sizeof *curves);
    struct sps_line lines[SPS_SHOWN_MODELS];
    char words[64], axis[96];
    const char *unit = unit_of(shown->model[0].shifts, kind);
    if (curves == NULL)
        return SPS_ENOMEM;
    spell(words, kind);
    snprintf(axis, sizeof axis, "%s%s", strcmp(unit, "degrees") == 0 ? "angle, " : "", unit);
    for (int m = 0; m < shown->models; m++)
        gather(curves[m], &shown->model[m], kind);
    for (int q = 0; q < QUANTITIES; q++) {
        char title[128], name[96];
        snprintf(title, sizeof title, "%s: %s", words, titles[q]);
        snprintf(name, sizeof name, "%s_%s", kind, names[q]);
        int there = 0; /* without labels there is no accuracy */
        for (int m = 0; m < shown->models; m++) {
            struct curve *c = &curves[m][q];
            for (size_t i = 0; i < c->points; i++)
                there |= isfinite(c->value[i]) != 0;
            lines[m] = (struct sps_line){
                shown->model[m].name,      c->points,      c->strength, c->value, q == NLL ? NULL : c->low,
                q == NLL ? NULL : c->high, SPS_LINE_MARKED};
        }
        const struct sps_lines figure = {.title = title,
                                         .x_axis = axis,
                                         .y_axis = axes[q],
                                         .y_least = 0,
                                         .y_most = q == NLL ? INFINITY : 100,
                                         .line_count = shown->models,
                                         .lines = lines,
                                         .width = SPS_SHOWN_WIDTH,
                                         .name = name};
        if (there)
            sps_page_lines(page, &figure, NULL);
    }
    free(curves);
    return SPS_OK;
}

/* ---- corruptions ---- */

enum { SEVERITIES = 5 };
static const double LEAST_FULL = 10; /* %: the darkest colour is the largest error of all models, but no less */

static double error_of(const json_t *rows, const char *kind, int severity)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row)
    {
        if (strcmp(text_of(row, "name"), kind) == 0 && sps_cli_report_number(row, "severity") == severity)
            return 100 * (1 - sps_cli_report_number(row, "accuracy"));
    }
    return NAN;
}

static double largest_error(const struct sps_shown *shown, const char *const *kinds, int count)
{
    double most = LEAST_FULL;
    for (int m = 0; m < shown->models; m++)
        for (int k = 0; k < count; k++)
            for (int s = 1; s <= SEVERITIES; s++)
                most = fmax(most, error_of(shown->model[m].shifts, kinds[k], s));
    return most;
}

static void draw_corruptions(sps_page *page, const struct sps_shown *shown, int m, const char *suite,
                             const char *const *kinds, int count)
{
    static const char *const severities[SEVERITIES + 1] = {"1", "2", "3", "4", "5", "mean"};
    const struct sps_shown_model *model = &shown->model[m];
    double values[(KINDS_MAX + 1) * (SEVERITIES + 1)] = {0};
    char words[KINDS_MAX][64], title[128], name[64];
    const char *rows[KINDS_MAX + 1];
    for (int k = 0; k < count; k++) {
        double *row = values + k * (SEVERITIES + 1), *last = values + count * (SEVERITIES + 1);
        spell(words[k], kinds[k]);
        rows[k] = words[k];
        for (int s = 0; s < SEVERITIES; s++) {
            row[s] = error_of(model->shifts, kinds[k], s + 1);
            row[SEVERITIES] += row[s] / SEVERITIES;
            last[s] += row[s] / count;
        }
        last[SEVERITIES] += row[SEVERITIES] / count;
    }
    rows[count] = "mean";
    snprintf(title, sizeof title, "Error, %%%s%s", shown->models > 1 ? ": " : "", shown->models > 1 ? model->name : "");
    snprintf(name, sizeof name, "%s_%d", suite, m + 1);
    const struct sps_heat figure = {.title = title,
                                    .axis = "severity",
                                    .rows = count + 1,
                                    .columns = SEVERITIES + 1,
                                    .row_names = rows,
                                    .column_names = severities,
                                    .values = values,
                                    .low = 0,
                                    .high = largest_error(shown, kinds, count),
                                    .width = SPS_SHOWN_WIDTH,
                                    .name = name};
    sps_page_heat(page, &figure, NULL);
}

static sps_status corruption_table(sps_page *page, const struct sps_shown *shown, const char *suite,
                                   const char *const *kinds, int count)
{
    struct sps_shown_columns columns = sps_shown_columns(shown, 'r');
    double mean[SPS_SHOWN_MODELS] = {0};
    json_t *cells = json_array();
    columns.heads[0] = "mean over severities 1 to 5";
    for (int k = 0; k < count; k++) {
        char words[64];
        spell(words, kinds[k]);
        sps_cells_add(cells, "%s", words);
        for (int m = 0; m < shown->models; m++) {
            double sum = 0;
            for (int s = 1; s <= SEVERITIES; s++)
                sum += error_of(shown->model[m].shifts, kinds[k], s) / SEVERITIES;
            mean[m] += sum / count;
            sps_cells_add_fixed(cells, sum, 2);
        }
    }
    sps_cells_add(cells, "all %d", count);
    for (int m = 0; m < shown->models; m++)
        sps_cells_add_fixed(cells, mean[m], 2);
    return sps_cells_table(page, suite, "Error under corruption, %", columns.align, columns.heads, cells);
}

static sps_status show_corruptions(sps_page *page, const struct sps_shown *shown, const char *suite,
                                   const char *heading)
{
    const char *kinds[KINDS_MAX];
    int count = kinds_of(kinds, shown->model[0].shifts, suite);
    if (count == 0)
        return SPS_OK;
    sps_page_subheading(page, heading);
    sps_page_open_figures(page);
    for (int m = 0; m < shown->models; m++)
        draw_corruptions(page, shown, m, suite, kinds, count);
    sps_page_close_figures(page);
    return corruption_table(page, shown, suite, kinds, count);
}

sps_status sps_show_shifts(sps_page *page, const struct sps_shown *shown)
{
    const char *kinds[KINDS_MAX];
    sps_status status = SPS_OK;
    if (json_array_size(shown->model[0].shifts) == 0)
        return SPS_OK;
    int count = kinds_of(kinds, shown->model[0].shifts, "rotation noise");
    sps_page_heading(page, "Images that drift away");
    sps_page_paragraph(page, "Accuracy should fall, and uncertainty rise with it. Error bars: exact 95 % intervals.");
    for (int k = 0; k < count && status == SPS_OK; k++) {
        sps_page_open_figures(page);
        status = draw_kind(page, shown, kinds[k]);
        sps_page_close_figures(page);
    }
    if (status == SPS_OK)
        status =
            show_corruptions(page, shown, "corruption", "Common corruptions; the mean over all is the papers' mCE");
    return status == SPS_OK ? show_corruptions(page, shown, "extra", "Extra corruptions, in no mean") : status;
}
