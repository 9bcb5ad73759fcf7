/* SPDX-License-Identifier: MIT */
/* The page of one run: what the chip answers, what that costs and where, and how the model lies on its arrays. */
#include "cim_page.h"

#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "report.h"

/* ---- numbers ---- */

sps_status sps_cim_save_page(sps_page *page, const char *folder)
{
    char path[4600];
    snprintf(path, sizeof path, "%s/index.html", folder);
    return sps_page_save(page, path);
}

/* "708.5 nJ" */
static void with_prefix(char text[64], double value, const char *unit)
{
    double by;
    const char *prefix = sps_report_prefix(value, &by);
    char digits[32];
    sps_report_number(digits, value / by, 4);
    snprintf(text, 64, "%s %s%s", digits, prefix, unit);
}

/* ---- what it answers ---- */

static const struct {
    const char *key, *name;
    double by;
} measured[] = {{"accuracy", "accuracy, %", 100},
                {"nll", "negative log-likelihood, nat", 1},
                {"entropy", "entropy, nat", 1},
                {"mutual_information", "mutual information, nat", 1},
                {"accepted", "accepted, % of images", 100},
                {"ece", "expected calibration error, %", 100}};

static sps_status measured_table(sps_page *page, const json_t *result)
{
    static const char *const one[] = {"", "chip", "engine"}, *const many[] = {
                                                                 "",       "chips, mean", "standard deviation",
                                                                 "lowest", "highest",     "engine"};
    int chips = (int)json_integer_value(json_object_get(result, "chips"));
    const json_t *engine = json_object_get(result, "engine");
    json_t *cells = json_array();
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++) {
        static const char *const spread[] = {"", "_sd", "_min", "_max"};
        sps_cells_add(cells, "%s", measured[i].name);
        for (int k = 0; k < (chips > 1 ? 4 : 1); k++) {
            char key[64];
            snprintf(key, sizeof key, "%s%s", measured[i].key, spread[k]);
            sps_cells_add_number(cells, measured[i].by * sps_cli_report_number(result, key));
        }
        sps_cells_add_number(cells, measured[i].by * sps_cli_report_number(engine, measured[i].key));
    }
    return sps_cells_table(page, NULL, NULL, chips > 1 ? "lrrrrr" : "lrr", chips > 1 ? many : one, cells);
}

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

enum { CHIPS_DRAWN = 200, CHIPS_MARKED = 50 };

/* Accuracies from the best chip on: where the line meets a level, it reads the share of chips that reach it. */
static sps_status draw_chips(sps_page *page, const json_t *result)
{
    const json_t *chips = json_object_get(result, "chip");
    size_t n = json_array_size(chips), every = (n + CHIPS_DRAWN - 1) / CHIPS_DRAWN, points = 0;
    double engine = 100 * sps_cli_report_number(json_object_get(result, "engine"), "accuracy"),
           limit = engine - 100 * sps_cli_report_number(result, "yield_tolerance");
    double *accuracy = calloc(2 * n, sizeof *accuracy);
    if (accuracy == NULL)
        return SPS_ENOMEM;
    double *share = accuracy + n;
    for (size_t i = 0; i < n; i++)
        accuracy[i] = 100 * sps_cli_report_number(json_array_get(chips, i), "accuracy");
    qsort(accuracy, n, sizeof *accuracy, falling);
    for (size_t i = every - 1; i < n; i += every) {
        accuracy[points] = accuracy[i];
        share[points++] = 100 * (double)(i + 1) / (double)n;
    }
    const struct sps_line lines[] = {
        {"chips", points, share, accuracy, NULL, NULL, n > CHIPS_MARKED ? SPS_LINE_BAND : SPS_LINE_MARKED},
        {"engine", 1, NULL, &engine, NULL, NULL, SPS_LINE_LEVEL},
        {"least of a good chip", 1, NULL, &limit, NULL, NULL, SPS_LINE_LEVEL}};
    const struct sps_lines figure = {.title = "Accuracy of the chips, from the best on",
                                     .x_axis = "share of chips that reach it, %",
                                     .y_axis = "accuracy, %",
                                     .y_least = 0,
                                     .y_most = 100,
                                     .line_count = 3,
                                     .lines = lines};
    sps_page_lines(page, &figure, "Each point is a chip, or stands for several where there are many.");
    free(accuracy);
    return SPS_OK;
}

static sps_status write_answers(sps_page *page, const json_t *result)
{
    long long chips = (long long)json_integer_value(json_object_get(result, "chips"));
    sps_page_heading(page, "What it answers");
    sps_cells_paragraph(page,
                        "%lld images of %s, %lld passes each (seed %lld), level %s, %lld chip%s from seed %lld on. "
                        "The engine computes the same images and paths without a chip.",
                        (long long)json_integer_value(json_object_get(result, "n")), sps_cim_text(result, "data"),
                        (long long)json_integer_value(json_object_get(result, "samples")),
                        (long long)json_integer_value(json_object_get(result, "seed")), sps_cim_text(result, "level"),
                        chips, chips == 1 ? "" : "s",
                        (long long)json_integer_value(json_object_get(result, "chip_seed")));
    sps_status status = measured_table(page, result);
    if (status != SPS_OK || chips < 2)
        return status;
    sps_cells_paragraph(page, "Yield: %.4g %% of the chips stay within %.4g %% (absolute) of the engine's accuracy.",
                        100 * sps_cli_report_number(result, "yield"),
                        100 * sps_cli_report_number(result, "yield_tolerance"));
    return draw_chips(page, result);
}

/* ---- what it costs ---- */

static void band_row(json_t *cells, const json_t *result, const char *name, const char *stem, const char *unit,
                     double by)
{
    static const char *const bounds[] = {"", "_low", "_high"};
    sps_cells_add(cells, "%s", name);
    for (int i = 0; i < 3; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s%s_%s", stem, bounds[i], unit);
        sps_cells_add_number(cells, by * sps_cli_report_number(result, key));
    }
}

static sps_status cost_table(sps_page *page, const json_t *result)
{
    static const char *const heads[] = {"", "typical", "low", "high"};
    static const struct {
        const char *name, *key;
        double by;
    } single[] = {{"latency of a prediction, µs", "latency_s", 1e6},
                  {"programming all junctions, once, nJ", "write_energy_j", 1e9},
                  {"programming, once, µs", "write_time_s", 1e6},
                  {"power of the stochastic units at work, mW", "unit_power_w", 1e3},
                  {"predictions until a stochastic unit wears out", "lifetime_predictions", 1}};
    json_t *cells = json_array();
    band_row(cells, result, "energy of a prediction, µJ", "energy", "j", 1e6);
    band_row(cells, result, "area, mm²", "area", "m2", 1e6);
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        sps_cells_add(cells, "%s", single[i].name);
        sps_cells_add_number(cells, single[i].by * sps_cli_report_number(result, single[i].key));
        sps_cells_add(cells, "%s", "");
        sps_cells_add(cells, "%s", "");
    }
    return sps_cells_table(page, NULL, NULL, "lrrr", heads, cells);
}

/* Bars of the layers, and of what belongs to none, as stacks of parts. */
struct stack {
    const char *title, *quantity, *unit; /* "energy", "J" */
    const char *stem, *suffix;           /* keys: "energy", "j" */
    const char *of;                      /* the object of parts in a layer */
    double by;                           /* 0: a prefix is chosen */
};

/* Numbers of a stack, in one block. */
struct stack_data {
    int bars, parts;
    const char **bar, **part;
    double *value, *low, *high;
};

static int make_data(struct stack_data *d, int bars, int parts)
{
    *d = (struct stack_data){.bars = bars, .parts = parts};
    d->bar = calloc((size_t)bars, sizeof *d->bar);
    d->part = calloc((size_t)parts + 1, sizeof *d->part);
    d->value = calloc((size_t)bars * (size_t)parts + 2 * (size_t)bars, sizeof *d->value);
    if (d->value != NULL) {
        d->low = d->value + (size_t)bars * (size_t)parts;
        d->high = d->low + bars;
    }
    return d->bar != NULL && d->part != NULL && d->value != NULL;
}

static void free_data(struct stack_data *d)
{
    free(d->bar);
    free(d->part);
    free(d->value);
}

static double bound_of(const json_t *object, const struct stack *s, const char *bound)
{
    char key[64];
    snprintf(key, sizeof key, "%s%s_%s", s->stem, bound, s->suffix);
    return sps_cli_report_number(object, key);
}

/* The last bar is the whole less all layers. */
static void fill_data(struct stack_data *d, const struct stack *s, const json_t *result, json_t *whole)
{
    const json_t *layers = json_object_get(result, "layers");
    int rest = d->bars - 1, p = 0;
    const char *name;
    json_t *value;
    d->bar[rest] = "whole chip";
    d->low[rest] = bound_of(result, s, "_low");
    d->high[rest] = bound_of(result, s, "_high");
    json_object_foreach(whole, name, value)
    {
        double all = json_number_value(value), left = all;
        d->part[p] = name;
        for (int i = 0; i < rest; i++) {
            double of = sps_cli_report_number(json_object_get(json_array_get(layers, (size_t)i), s->of), name);
            d->value[i * d->parts + p] = isnan(of) ? 0 : of;
            left -= isnan(of) ? 0 : of;
        }
        d->value[rest * d->parts + p++] = left > 1e-9 * all ? left : 0; /* else rounding */
    }
    for (int i = 0; i < rest; i++) {
        const json_t *layer = json_array_get(layers, (size_t)i);
        d->bar[i] = sps_cim_text(layer, "name");
        d->low[i] = bound_of(layer, s, "_low");
        d->high[i] = bound_of(layer, s, "_high");
        d->low[rest] -= d->low[i];
        d->high[rest] -= d->high[i];
    }
}

static double divide(struct stack_data *d, const struct stack *s, const char **prefix)
{
    double most = 0, by = s->by;
    size_t numbers = (size_t)d->bars * (size_t)d->parts + 2 * (size_t)d->bars;
    *prefix = "";
    for (int i = 0; i < d->bars; i++)
        most = fmax(most, d->high[i]);
    if (by == 0)
        *prefix = sps_report_prefix(most, &by);
    for (size_t i = 0; i < numbers; i++)
        d->value[i] /= by;
    return by;
}

/* whole: parts of all, as an object of numbers. */
static sps_status draw_stack(sps_page *page, const struct stack *s, const json_t *result, json_t *whole,
                             const char *caption)
{
    struct stack_data d;
    char axis[64];
    const char *prefix;
    int layers = (int)json_array_size(json_object_get(result, "layers"));
    if (!make_data(&d, layers + 1, (int)json_object_size(whole))) {
        free_data(&d);
        return SPS_ENOMEM;
    }
    fill_data(&d, s, result, whole);
    divide(&d, s, &prefix);
    snprintf(axis, sizeof axis, "%s, %s%s", s->quantity, prefix, s->unit);
    int nothing_left = 1;
    for (int p = 0; p < d.parts; p++)
        nothing_left &= d.value[layers * d.parts + p] == 0;
    const struct sps_bars bars = {s->title, axis,  d.bars - nothing_left, d.parts, d.bar, d.part, d.value,
                                  d.low,    d.high};
    if (d.parts > 0)
        sps_page_bars(page, &bars, caption);
    free_data(&d);
    return SPS_OK;
}

static sps_status draw_energy(sps_page *page, const json_t *result)
{
    static const struct stack energy = {
        "Energy of a prediction, by layer", "energy", "J", "energy", "j", "energy_of_j", 0};
    json_t *whole = json_object(), *item;
    size_t i;
    json_array_foreach(json_object_get(result, "items"), i, item)
    {
        json_object_set(whole, sps_cim_text(item, "name"), json_object_get(item, "energy_j"));
    }
    sps_status status = draw_stack(page, &energy, result, whole,
                                   "Typical figures; whiskers are from low to high. What belongs to no layer is the "
                                   "whole chip's.");
    json_decref(whole);
    return status;
}

static sps_status draw_area(sps_page *page, const json_t *result)
{
    static const struct stack area = {"Area, by layer", "area", "mm²", "area", "m2", "area_of_m2", 1e-6};
    return draw_stack(page, &area, result, json_object_get(result, "area_of_m2"),
                      "Typical figures; whiskers are from low to high.");
}

static sps_status draw_latency(sps_page *page, const json_t *result)
{
    static const char *const part[] = {"latency"};
    const json_t *layers = json_object_get(result, "layers");
    int count = (int)json_array_size(layers);
    struct stack_data d;
    double by, most = 0;
    char axis[64];
    if (!make_data(&d, count, 1)) {
        free_data(&d);
        return SPS_ENOMEM;
    }
    for (int i = 0; i < count; i++) {
        const json_t *layer = json_array_get(layers, (size_t)i);
        d.bar[i] = sps_cim_text(layer, "name");
        d.value[i] = sps_cli_report_number(layer, "latency_s");
        most = fmax(most, d.value[i]);
    }
    snprintf(axis, sizeof axis, "latency, %ss", sps_report_prefix(most, &by));
    for (int i = 0; i < count; i++)
        d.value[i] /= by;
    const struct sps_bars bars = {
        "Latency of a prediction, by layer", axis, count, 1, d.bar, part, d.value, NULL, NULL};
    sps_page_bars(page, &bars, "Layers work one after the other.");
    free_data(&d);
    return SPS_OK;
}

static sps_status items_table(sps_page *page, const json_t *result)
{
    static const char *const heads[] = {"item", "energy, nJ", "low",    "high",  "count",
                                        "each", "node, nm",   "method", "source"};
    json_t *cells = json_array(), *item;
    size_t i;
    json_array_foreach(json_object_get(result, "items"), i, item)
    {
        char each[64];
        with_prefix(each, sps_cli_report_number(item, "each_j"), "J");
        band_row(cells, item, sps_cim_text(item, "name"), "energy", "j", 1e9);
        sps_cells_add_number(cells, sps_cli_report_number(item, "count"));
        sps_cells_add(cells, "%s", each);
        sps_cells_add_number(cells, sps_cli_report_number(item, "node_nm"));
        sps_cells_add(cells, "%s", sps_cim_text(item, "method"));
        sps_cells_add(cells, "%s", sps_cim_text(item, "source"));
    }
    return sps_cells_table(page, NULL, "Energy of a prediction, by item", "lrrrrrrll", heads, cells);
}

static const struct {
    const char *key, *name;
} counted[] = {{"arrays", "arrays of weights"},
               {"scale_arrays", "arrays of scales"},
               {"devices", "junctions"},
               {"units", "stochastic units"},
               {"activations", "activations of an array"},
               {"conversions", "conversions of a column"},
               {"additions", "additions of partial sums"},
               {"comparisons", "comparisons"},
               {"multiplications", "multiplications by scales"},
               {"scale_reads", "reads of scale memory"},
               {"memory_reads", "words read from buffers"},
               {"memory_writes", "words written to buffers"},
               {"normalisations", "normalisations to reals"},
               {"shortcuts", "additions of shortcuts"},
               {"skip_reads", "words read from skip buffers"},
               {"skip_writes", "words written to skip buffers"},
               {"random_bits", "random bits"},
               {"macs", "multiply-accumulates"}};
enum { COUNTED = sizeof counted / sizeof *counted };

/* A row for each count: layers are few, and their names are short. */
static sps_status counts_table(sps_page *page, const json_t *result)
{
    const json_t *layers = json_object_get(result, "layers");
    size_t count = json_array_size(layers);
    const char **heads = calloc(count + 2, sizeof *heads);
    char *align = calloc(count + 3, 1);
    json_t *cells = json_array();
    sps_status status = SPS_ENOMEM;
    if (heads != NULL && align != NULL) {
        heads[0] = "a pass, without reuse";
        heads[count + 1] = "all";
        for (size_t i = 0; i < count; i++)
            heads[i + 1] = sps_cim_text(json_array_get(layers, i), "name");
        memset(align, 'r', count + 2);
        align[0] = 'l';
        for (int k = 0; k < COUNTED; k++) {
            sps_cells_add(cells, "%s", counted[k].name);
            for (size_t i = 0; i <= count; i++) {
                const json_t *of = i < count ? json_array_get(layers, i) : result;
                sps_cells_add(cells, "%.10g", sps_cli_report_number(json_object_get(of, "counts"), counted[k].key));
            }
        }
        status = sps_cells_table(page, NULL, "Counts", align, heads, json_incref(cells));
    }
    json_decref(cells);
    free(heads);
    free(align);
    return status;
}

static sps_status write_costs(sps_page *page, const json_t *result)
{
    sps_page_heading(page, "What it costs");
    sps_cells_paragraph(
        page,
        "A prediction is one image with all its %lld passes. Account: %s%s. The band follows from the "
        "low and high figures of all items; docs/chip.md says where they come from.",
        (long long)json_integer_value(json_object_get(result, "samples")), sps_cim_text(result, "account"),
        strcmp(sps_cim_text(result, "account"), "paper") == 0
            ? " (inputs of the first layer have one bit; no buffers, softmax, wires between tiles, clock "
              "and leakage)"
            : "");
    sps_status (*const parts[])(sps_page *, const json_t *) = {cost_table,   draw_energy, draw_area,
                                                               draw_latency, items_table, counts_table};
    sps_status status = SPS_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == SPS_OK; i++)
        status = parts[i](page, result);
    return status;
}

/* ---- how it lies on the arrays ---- */

enum { SQUARES_MAX = 5000 }; /* of a layer; more are drawn as one */

struct map_layer {
    char note[64];
    double *shares;
};

static size_t count_of(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (size_t)value : 1;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* Inputs run from left to right: most layers have more row tiles than column tiles, and pages are wide. */
static int fill_group(struct sps_map_group *g, struct map_layer *own, const json_t *layer)
{
    const json_t *t = json_object_get(layer, "tiles");
    size_t rows = count_of(t, "row_tiles"), columns = count_of(t, "column_tiles"), group = count_of(t, "group"),
           inputs = count_of(t, "tile_inputs"), channels = count_of(t, "channels"), wide = count_of(t, "tile_columns"),
           in_group = (group + inputs - 1) / inputs;
    double across = 0, down = 0;
    own->shares = calloc(rows + columns, sizeof *own->shares);
    if (own->shares == NULL)
        return 0;
    for (size_t i = 0; i < rows; i++) {
        double used = least((double)inputs, (double)(group - i % in_group * inputs));
        own->shares[i] = least(1, used * (double)count_of(t, "rows_per_input") / (double)count_of(t, "array_rows"));
        across += own->shares[i] / (double)rows;
    }
    for (size_t i = 0; i < columns; i++) {
        double used = least((double)wide, (double)channels - (double)(i * wide));
        own->shares[rows + i] = fmax(0, least(1, used / (double)count_of(t, "array_columns")));
        down += own->shares[rows + i] / (double)columns;
    }
    *g = (struct sps_map_group){sps_cim_text(layer, "name"), own->note, rows, columns, own->shares, own->shares + rows};
    int many = rows * columns > SQUARES_MAX;
    if (many) {
        own->shares[0] = across;
        own->shares[rows] = down;
        g->columns = g->rows = 1;
    }
    snprintf(own->note, sizeof own->note, "%zu array%s%s, %.3g %% used", rows * columns, rows * columns == 1 ? "" : "s",
             many ? " (as one)" : "", 100 * across * down);
    return 1;
}

static sps_status write_map(sps_page *page, const json_t *result)
{
    const json_t *layers = json_object_get(result, "layers");
    size_t count = json_array_size(layers);
    struct sps_map_group *groups = calloc(count + 1, sizeof *groups);
    struct map_layer *own = calloc(count + 1, sizeof *own);
    int fine = groups != NULL && own != NULL;
    const json_t *tiles = json_object_get(json_array_get(layers, 0), "tiles");
    for (size_t i = 0; i < count && fine; i++)
        fine = fill_group(&groups[i], &own[i], json_array_get(layers, i));
    if (fine) {
        const struct sps_map map = {"Tiles", "junctions that hold weights", "unused", (int)count, groups};
        sps_page_heading(page, "How it lies on the arrays");
        sps_cells_paragraph(page,
                            "Each square is an array of %zu x %zu junctions, turned: its inputs run from left to right "
                            "(%zu row%s each), its outputs from top to bottom. Arrays of scales are not drawn.",
                            count_of(tiles, "array_rows"), count_of(tiles, "array_columns"),
                            count_of(tiles, "rows_per_input"), count_of(tiles, "rows_per_input") == 1 ? "" : "s");
        sps_page_map(page, &map, NULL);
    }
    for (size_t i = 0; i < count && own != NULL; i++)
        free(own[i].shares);
    free(own);
    free(groups);
    return fine ? SPS_OK : SPS_ENOMEM;
}

/* ---- the page ---- */

static void write_head(sps_page *page, const json_t *result)
{
    char energy[64] = "", latency[64] = "", accuracy[96] = "";
    with_prefix(energy, sps_cli_report_number(result, "energy_j"), "J");
    with_prefix(latency, sps_cli_report_number(result, "latency_s"), "s");
    if (json_object_get(result, "n") != NULL)
        snprintf(accuracy, sizeof accuracy, "%.4g %% accuracy (engine: %.4g %%), ",
                 100 * sps_cli_report_number(result, "accuracy"),
                 100 * sps_cli_report_number(json_object_get(result, "engine"), "accuracy"));
    sps_cells_paragraph(page, "%s%s and %s a prediction, %.4g mm².", accuracy, energy, latency,
                        1e6 * sps_cli_report_number(result, "area_m2"));
    if (json_is_true(json_object_get(result, "extrapolated")))
        sps_page_paragraph(page, "Extrapolated: the device is used where its law does not hold (device.extrapolate).");
    sps_cells_paragraph(page, "Model: %s. Network: %s. Method: %s. Chip: %s. Paths come from %s.",
                        sps_cim_text(result, "model"), sps_cim_text(result, "net"), sps_cim_text(result, "method"),
                        sps_cim_text(result, "chip_name"),
                        json_is_true(json_object_get(result, "mtj")) ? "the simulated stochastic device"
                                                                     : "the declared probabilities");
    if (json_is_string(json_object_get(result, "model_sha256")))
        sps_cells_paragraph(page, "SHA-256 of the model: %s.", sps_cim_text(result, "model_sha256"));
}

sps_status sps_cim_page(const char *folder, const json_t *result)
{
    char title[200];
    sps_page *page = NULL;
    snprintf(title, sizeof title, "%.80s on the chip %.80s", sps_cim_text(result, "net"),
             sps_cim_text(result, "chip_name"));
    sps_status status = sps_page_create(&page, title);
    if (status != SPS_OK)
        return status;
    write_head(page, result);
    if (json_object_get(result, "n") != NULL)
        status = write_answers(page, result);
    if (status == SPS_OK)
        status = write_costs(page, result);
    if (status == SPS_OK)
        status = write_map(page, result);
    sps_page_heading(page, "Settings of the chip");
    sps_page_preformatted(page, sps_cim_text(result, "chip_settings"));
    if (status == SPS_OK)
        status = sps_cim_save_page(page, folder);
    sps_page_free(page);
    return status;
}
