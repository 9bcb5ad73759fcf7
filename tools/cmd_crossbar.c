/* SPDX-License-Identifier: MIT */
/* crossbar: the currents of any array given as CSV. */
#include <math.h>
#include <stdlib.h>

#include "commands.h"
#include "console.h"
#include "report.h"
#include "spinscale/crossbar.h"
#include "spinscale/csv.h"

struct crossbar_options {
    const char *resistance, *voltage, *output, *fold, *netlist;
    double r_word_line, r_bit_line, tolerance;
    int json;
};

static const struct sps_option options_table[] = {
    {.name = "resistance",
     .letter = 'r',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct crossbar_options, resistance),
     .argument = "R.csv",
     .required = 1,
     .help = "resistances of the cells in ohm, a row for each word line, a column for each bit line; inf is an open "
             "cell"},
    {.name = "voltage",
     .letter = 'v',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct crossbar_options, voltage),
     .argument = "V.csv",
     .required = 1,
     .help = "voltages of the word lines, a row for each, a column for each input"},
    {.name = "r-word-line",
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct crossbar_options, r_word_line),
     .argument = "OHM",
     .required = 1,
     .help = "resistance of each segment of a word line, 0 or more"},
    {.name = "r-bit-line",
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct crossbar_options, r_bit_line),
     .argument = "OHM",
     .required = 1,
     .help = "resistance of each segment of a bit line, 0 or more"},
    {.name = "output",
     .letter = 'o',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct crossbar_options, output),
     .argument = "I.csv",
     .help = "write the currents to I.csv, not to standard output"},
    {.name = "fold",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct crossbar_options, fold),
     .argument = "M.csv",
     .help = "write the effective conductances in siemens, wires included: current = voltage times matrix"},
    {.name = "netlist",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct crossbar_options, netlist),
     .argument = "FILE.cir",
     .help = "write the array with its first input as a SPICE netlist"},
    {.name = "tolerance",
     .type = SPS_OPTION_REAL,
     .offset = offsetof(struct crossbar_options, tolerance),
     .argument = "T",
     .default_text = "1e-10",
     .min = 1e-15,
     .max = 0.01,
     .help = "largest error of a current, relative to the largest current"},
    SPS_OPTION_JSON(struct crossbar_options),
    {.name = NULL}};

/* Tables as read, and what is computed from them. */
struct work {
    struct sps_csv resistance, voltage;
    size_t m, n, p;
    double *siemens; /* [m][n] */
    double *volts;   /* [m], one input */
    double *current; /* [p][n] */
    sps_crossbar *crossbar;
    double error, lost;
    int iterations;
};

static int load(struct work *w, const struct crossbar_options *options)
{
    sps_status status = sps_csv_read(&w->resistance, options->resistance, 0);
    if (status == SPS_OK)
        status = sps_csv_read(&w->voltage, options->voltage, 0);
    if (status != SPS_OK)
        return sps_console_failed(status);
    w->m = w->resistance.rows;
    w->n = w->resistance.columns;
    w->p = w->voltage.columns;
    if (w->voltage.rows != w->m)
        return sps_console_error("%s has %zu rows, must have %zu, one for each of the %zu rows of %s (%zu x %zu)",
                                 options->voltage, w->voltage.rows, w->m, w->m, options->resistance, w->m, w->n);
    return 0;
}

static int place_error(const char *path, const struct sps_csv *csv, size_t index, const char *what, const char *unit,
                       const char *rule)
{
    return sps_console_error("%s: line %zu: column %zu: %s is %g %s, must be %s", path,
                             csv->lines[index / csv->columns], index % csv->columns + 1, what, csv->values[index], unit,
                             rule);
}

static int check(struct work *w, const struct crossbar_options *options)
{
    for (size_t i = 0; i < w->m * w->n; i++) {
        w->siemens[i] = 1 / w->resistance.values[i];
        if (!(w->resistance.values[i] > 0 && isfinite(w->siemens[i])))
            return place_error(options->resistance, &w->resistance, i, "resistance", "ohm",
                               w->resistance.values[i] > 0 ? "1e-300 or more" : "above 0");
    }
    for (size_t i = 0; i < w->m * w->p; i++)
        if (!isfinite(w->voltage.values[i]))
            return place_error(options->voltage, &w->voltage, i, "voltage", "V", "finite");
    return 0;
}

/* Share of the ideal products that did not arrive. */
static void add_ideal(const struct work *w, double *ideal, double *arrived, size_t input)
{
    for (size_t j = 0; j < w->n; j++) {
        double sum = 0;
        for (size_t i = 0; i < w->m; i++)
            sum += w->volts[i] * w->siemens[i * w->n + j];
        *ideal += fabs(sum);
        *arrived += fabs(w->current[input * w->n + j]);
    }
}

static sps_status solve(struct work *w, const struct crossbar_options *options)
{
    const struct sps_crossbar_options how = {
        .r_word_line = options->r_word_line, .r_bit_line = options->r_bit_line, .tolerance = options->tolerance};
    double ideal = 0, arrived = 0;
    sps_status status = sps_crossbar_create(&w->crossbar, w->siemens, w->m, w->n, &how);
    for (size_t k = 0; k < w->p && status == SPS_OK; k++) {
        for (size_t i = 0; i < w->m; i++)
            w->volts[i] = w->voltage.values[i * w->p + k];
        status = sps_crossbar_solve(w->crossbar, w->current + k * w->n, NULL, NULL, w->volts);
        if (status != SPS_OK)
            break;
        struct sps_crossbar_effort effort = sps_crossbar_last(w->crossbar);
        w->iterations += effort.iterations;
        w->error = fmax(w->error, effort.error);
        add_ideal(w, &ideal, &arrived, k);
    }
    w->lost = ideal > 0 ? 1 - arrived / ideal : NAN;
    return status;
}

static sps_status write_fold(const struct work *w, const char *path)
{
    double *matrix = malloc(w->m * w->n * sizeof *matrix);
    if (matrix == NULL)
        return SPS_ENOMEM;
    sps_status status = sps_crossbar_fold(w->crossbar, matrix);
    if (status == SPS_OK)
        status = sps_csv_write(path, NULL, w->m, w->n, matrix);
    free(matrix);
    return status;
}

static sps_status write_netlist(const struct work *w, const struct crossbar_options *options)
{
    for (size_t i = 0; i < w->m; i++)
        w->volts[i] = w->voltage.values[i * w->p];
    return sps_crossbar_netlist(options->netlist, w->siemens, w->m, w->n, options->r_word_line, options->r_bit_line,
                                w->volts);
}

static void print_rows(const struct work *w)
{
    for (size_t i = 0; i < w->p * w->n; i++)
        printf("%.17g%c", w->current[i], (i + 1) % w->n == 0 ? '\n' : ',');
}

static void summarise(struct sps_cli_report *report, const struct work *w, const struct crossbar_options *options)
{
    sps_cli_report_count(report, "rows", w->m, "word lines");
    sps_cli_report_count(report, "columns", w->n, "bit lines");
    sps_cli_report_count(report, "inputs", w->p, NULL);
    sps_cli_report_real(report, "r_word_line_ohm", options->r_word_line, "ohm per segment");
    sps_cli_report_real(report, "r_bit_line_ohm", options->r_bit_line, "ohm per segment");
    sps_cli_report_real(report, "lost_to_wires", w->lost, "of the ideal currents");
    sps_cli_report_real(report, "error_a", w->error, "A at most, in any current");
    sps_cli_report_count(report, "iterations", (uint64_t)w->iterations, "of conjugate gradients");
}

/* All digits of the currents: the reports' nine are too few for them. */
static int print_json(struct sps_cli_report *report, const struct work *w)
{
    json_t *object = sps_cli_report_take(report), *rows = json_array();
    int failed = object == NULL || rows == NULL;
    for (size_t k = 0; k < w->p && !failed; k++) {
        json_t *row = json_array();
        for (size_t j = 0; j < w->n; j++)
            failed |= json_array_append_new(row, json_real(w->current[k * w->n + j])) != 0;
        failed |= json_array_append_new(rows, row) != 0;
    }
    failed = failed || json_object_set(object, "currents_a", rows) != 0;
    if (!failed) {
        json_dumpf(object, stdout, JSON_REAL_PRECISION(17));
        putchar('\n');
    }
    json_decref(rows);
    json_decref(object);
    return failed ? sps_console_error("out of memory") : 0;
}

static int tell(const struct work *w, const struct crossbar_options *options)
{
    struct sps_cli_report report = {0};
    if (options->output == NULL && !options->json) {
        print_rows(w);
        return 0;
    }
    summarise(&report, w, options);
    return options->json ? print_json(&report, w) : sps_cli_report_print(&report, 0);
}

static int work_through(struct work *w, const struct crossbar_options *options)
{
    int failed = load(w, options);
    if (failed)
        return failed;
    w->siemens = malloc(w->m * w->n * sizeof *w->siemens);
    w->volts = malloc(w->m * sizeof *w->volts);
    w->current = malloc(w->p * w->n * sizeof *w->current);
    if (w->siemens == NULL || w->volts == NULL || w->current == NULL)
        return sps_console_error("out of memory");
    failed = check(w, options);
    if (failed)
        return failed;
    sps_status status = solve(w, options);
    if (status == SPS_OK && options->output != NULL)
        status = sps_csv_write(options->output, NULL, w->p, w->n, w->current);
    if (status == SPS_OK && options->fold != NULL)
        status = write_fold(w, options->fold);
    if (status == SPS_OK && options->netlist != NULL)
        status = write_netlist(w, options);
    return status == SPS_OK ? tell(w, options) : sps_console_failed(status);
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    (void)operands;
    (void)operand_count;
    struct work w = {0};
    int exit_status = work_through(&w, options_pointer);
    sps_crossbar_free(w.crossbar);
    free(w.siemens);
    free(w.volts);
    free(w.current);
    sps_csv_reset(&w.resistance);
    sps_csv_reset(&w.voltage);
    return exit_status;
}

const struct sps_command sps_cmd_crossbar = {
    .operands = "--resistance R.csv --voltage V.csv --r-word-line OHM --r-bit-line OHM [options]",
    .operands_max = 0,
    .description =
        "Computes what flows into the ground of each bit line. Word lines are driven at their left ends, bit "
        "lines are grounded behind their last rows, each through one segment of wire, and one segment lies "
        "between neighbours. A row at 0 V is driven, too, not left floating.\n\n"
        "The currents are CSV, a row for each input, a column for each bit line, in ampere.",
    .examples = "  spinscale crossbar --resistance R.csv --voltage V.csv --r-word-line 1 --r-bit-line 1\n"
                "  spinscale crossbar -r R.csv -v V.csv --r-word-line 1 --r-bit-line 2.5 -o I.csv --fold M.csv",
    .options = options_table,
    .options_bytes = sizeof(struct crossbar_options),
    .run = run,
};
