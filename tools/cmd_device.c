/* SPDX-License-Identifier: MIT */
/* device: the card of a magnetic tunnel junction, or its law of switching over the rows of a table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "report.h"
#include "spinscale/csv.h"
#include "spinscale/device.h"

struct device_options {
    struct sps_texts sets;
    const char *csv, *out, *netlist_read, *netlist_unit;
    int json;
};

static const struct sps_option options_table[] = {
    {.name = "set",
     .type = SPS_OPTION_TEXTS,
     .offset = offsetof(struct device_options, sets),
     .argument = "key=value",
     .help = "change one parameter, for example device.delta=60; may be repeated"},
    {.name = "csv",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct device_options, csv),
     .argument = "IN.csv",
     .choice = "output",
     .help = "compute switching probabilities for the rows of this table instead of the card"},
    {.name = "out",
     .letter = 'o',
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct device_options, out),
     .argument = "OUT.csv",
     .help = "write that table here, not to standard output"},
    {.name = "netlist-read",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct device_options, netlist_read),
     .argument = "FILE",
     .help = "write the read of one parallel cell as a SPICE netlist"},
    {.name = "netlist-unit",
     .type = SPS_OPTION_TEXT,
     .offset = offsetof(struct device_options, netlist_unit),
     .argument = "FILE",
     .help = "write the stochastic unit as a SPICE netlist: 1,000 bits with probability 1/2"},
    {.name = "json",
     .letter = 'j',
     .type = SPS_OPTION_FLAG,
     .offset = offsetof(struct device_options, json),
     .choice = "output",
     .help = "print one JSON object instead of text; undefined values are null"},
    {.name = NULL}};

/* --- The card --- */

static const double YEAR = 365.25 * 86400;

static void report_card(struct sps_cli_report *report, const char *name, const struct sps_device_card *card)
{
    sps_cli_report_text(report, "device", name);
    sps_cli_report_real(report, "r_p", card->r_p, "ohm, parallel, no bias");
    sps_cli_report_real(report, "r_ap", card->r_ap, "ohm, antiparallel, no bias");
    sps_cli_report_real(report, "tmr", card->tmr, "(fraction), no bias");
    sps_cli_report_real(report, "r_p_read", card->r_p_read, "ohm, parallel, at the read voltage");
    sps_cli_report_real(report, "r_ap_read", card->r_ap_read, "ohm, antiparallel, at the read voltage");
    sps_cli_report_real(report, "tmr_read", card->tmr_read, "(fraction), at the read voltage");
    sps_cli_report_real(report, "delta", card->delta, "kT of barrier, at the device's temperature");
    sps_cli_report_real(report, "i_half", card->i_half, "A, sets it with P = 1/2 in device.set_time");
    sps_cli_report_real(report, "i_half_ratio", card->i_half_ratio, "of Ic0");
    sps_cli_report_real(report, "slope", card->slope, "dP / d(I / Ic0) there");
    sps_cli_report_real(report, "retention_years", card->retention / YEAR, "years, mean time to a flip by heat");
    sps_cli_report_real(report, "retention_flip", card->retention_flip, "(fraction) flipped after retention_time");
    sps_cli_report_real(report, "read_disturb", card->read_disturb, "probability that a read flips it");
    sps_cli_report_real(report, "energy_set", card->energy_set, "J, stochastic unit, a SET with its driver");
    sps_cli_report_real(report, "energy_read", card->energy_read, "J, a read with its sense amplifier");
    sps_cli_report_real(report, "energy_reset", card->energy_reset, "J, a RESET with its driver");
    sps_cli_report_real(report, "energy_bit", card->energy_bit, "J for one random bit");
    sps_cli_report_real(report, "bit_time", card->bit_time, "s");
    sps_cli_report_real(report, "bits_per_s", card->bits_per_s, "bits/s");
    sps_cli_report_real(report, "power", card->power, "W, without pause");
    sps_cli_report_real(report, "unit_bias", card->unit_bias, "mean of p over units, less 1/2");
    sps_cli_report_real(report, "unit_spread", card->unit_spread, "standard deviation of p between units");
    sps_cli_report_real(report, "unit_outside", card->unit_outside, "(fraction) of them outside the law's validity");
    sps_cli_report_real(report, "unit_correlation", card->unit_correlation, "of neighbouring bits");
    sps_cli_report_real(report, "lifetime_bits", card->lifetime_bits, "bits until its endurance is used up");
    sps_cli_report_flag(report, "extrapolated", card->extrapolated);
}

/* Numbers and truth values as such, words as strings. */
static json_t *value_json(const char *yaml)
{
    json_t *value = json_loads(yaml, JSON_DECODE_ANY, NULL);
    return value != NULL ? value : sps_cli_report_string(yaml);
}

static int add_parameter(json_t *parameters, const char *key, const char *value)
{
    return json_object_set_new(parameters, key, value_json(value));
}

static void print_parameter(const struct sps_device_setting *setting)
{
    printf("  %-38s %s%s%s\n", setting->key, setting->value, *setting->unit ? " " : "", setting->unit);
}

/* All parameters, into an object or, where it is NULL, as lines. */
static int go_through_parameters(json_t *parameters, const sps_device *device)
{
    int failed = 0;
    for (size_t i = 0; !failed; i++) {
        struct sps_device_setting setting;
        sps_status status = sps_device_setting(&setting, device, i);
        if (status != SPS_OK)
            return sps_console_failed(status);
        if (setting.key == NULL)
            break;
        if (parameters == NULL)
            print_parameter(&setting);
        else
            failed = add_parameter(parameters, setting.key, setting.value);
        sps_device_text_free(setting.value);
    }
    return failed ? sps_console_error("out of memory") : 0;
}

static int print_card_json(struct sps_cli_report *report, const sps_device *device)
{
    json_t *card = sps_cli_report_take(report), *parameters = json_object();
    int failed = json_object_set_new(card, "parameters", parameters) != 0;
    int exit_status = failed ? sps_console_error("out of memory") : go_through_parameters(parameters, device);
    if (exit_status == 0)
        return sps_cli_report_dump(card);
    json_decref(card);
    return exit_status;
}

static int print_card(const struct device_options *options, const char *name, const sps_device *device)
{
    struct sps_device_card card;
    struct sps_cli_report report = {0};
    sps_status status = sps_device_card(&card, device);
    if (status != SPS_OK)
        return sps_console_failed(status);
    report_card(&report, name, &card);
    if (options->json)
        return print_card_json(&report, device);
    int exit_status = sps_cli_report_print(&report, 0);
    if (exit_status == 0) {
        puts("\nparameters");
        exit_status = go_through_parameters(NULL, device);
    }
    if (card.extrapolated)
        sps_console_say("figures of this card are extrapolated: the law does not hold for I >= Ic0 or t < 3 tau0");
    return exit_status;
}

/* --- Rows of a table --- */

/* Columns that have a meaning; the first two must be there. */
enum column { COLUMN_I, COLUMN_TIME, COLUMN_T, COLUMN_DELTA, COLUMN_IC0, COLUMN_TAU0, COLUMNS };
static const char *const column_names[COLUMNS] = {"I_A", "t_s", "T_K", "Delta300", "Ic0_A", "tau0_s"};
static const char *const result_names[] = {"P", "one_minus_P"};
enum { RESULTS = 2 };

struct sheet {
    struct sps_csv in;
    int at[COLUMNS]; /* -1: not there */
    size_t columns;
    const char **names; /* [columns] */
    double *values;     /* [rows][columns] */
};

static int is_known(const char *name)
{
    int known = 0;
    for (int i = 0; i < COLUMNS; i++)
        known |= strcmp(name, column_names[i]) == 0;
    return known;
}

static int find_columns(struct sheet *s, const char *path, const sps_device *device)
{
    for (int i = 0; i < COLUMNS; i++)
        s->at[i] = sps_csv_column(&s->in, column_names[i]);
    if (s->at[COLUMN_I] < 0 || s->at[COLUMN_TIME] < 0)
        return sps_console_error("'%s' has no column %s, must have I_A and t_s, and may have T_K, Delta300, Ic0_A and "
                                 "tau0_s",
                                 path, s->at[COLUMN_I] < 0 ? "I_A" : "t_s");
    for (int i = 0; i < RESULTS; i++)
        if (sps_csv_column(&s->in, result_names[i]) >= 0)
            return sps_console_error("'%s' has a column %s already, which is to be added", path, result_names[i]);
    for (int i = COLUMN_T; sps_device_has_table(device) && i < COLUMNS; i++)
        if (s->at[i] >= 0)
            return sps_console_error("'%s' has a column %s, but the device's switching table knows none", path,
                                     column_names[i]);
    for (size_t j = 0; j < s->in.columns; j++)
        if (!is_known(s->in.names[j]))
            sps_console_say("column '%s' of '%s' is passed over", s->in.names[j], path);
    return 0;
}

static int make_room(struct sheet *s)
{
    s->columns = s->in.columns + RESULTS;
    s->names = malloc(s->columns * sizeof *s->names);
    s->values = malloc(s->columns * s->in.rows * sizeof *s->values);
    if (s->names == NULL || s->values == NULL)
        return sps_console_error("out of memory");
    for (size_t j = 0; j < s->columns; j++)
        s->names[j] = j < s->in.columns ? s->in.names[j] : result_names[j - s->in.columns];
    return 0;
}

static double value_at(const struct sheet *s, size_t row, enum column column, double otherwise)
{
    return s->at[column] < 0 ? otherwise : s->in.values[row * s->in.columns + (size_t)s->at[column]];
}

static int compute_row(struct sps_switching *out, const struct sheet *s, size_t row, const char *path,
                       const sps_device *device)
{
    struct sps_switching_law law = sps_device_law(device);
    double current = value_at(s, row, COLUMN_I, 0), time = value_at(s, row, COLUMN_TIME, 0);
    law.temperature = value_at(s, row, COLUMN_T, law.temperature);
    law.delta300 = value_at(s, row, COLUMN_DELTA, law.delta300);
    law.ic0 = value_at(s, row, COLUMN_IC0, law.ic0);
    law.tau0 = value_at(s, row, COLUMN_TAU0, law.tau0);
    double least = fmin(fmin(law.temperature, law.delta300), fmin(law.ic0, law.tau0));
    double most = fmax(fmax(fmax(law.temperature, law.delta300), fmax(law.ic0, law.tau0)), fmax(current, time));
    if (!(current >= 0 && time >= 0 && least > 0 && most < INFINITY))
        return sps_console_error("%s: line %zu: I_A and t_s must be 0 or more, T_K, Delta300, Ic0_A and tau0_s above "
                                 "0, all finite",
                                 path, s->in.lines[row]);
    if (!sps_device_has_table(device)) {
        *out = sps_switching(&law, current, time);
        return 0;
    }
    if (sps_device_switch(out, device, current, time) != SPS_OK)
        return sps_console_error("%s: line %zu: %s", path, s->in.lines[row], sps_last_error());
    return 0;
}

static int fill(struct sheet *s, const char *path, const sps_device *device)
{
    for (size_t i = 0; i < s->in.rows; i++) {
        struct sps_switching result;
        double *row = s->values + i * s->columns;
        int failed = compute_row(&result, s, i, path, device);
        if (failed)
            return failed;
        memcpy(row, s->in.values + i * s->in.columns, s->in.columns * sizeof *row);
        row[s->in.columns] = result.p;
        row[s->in.columns + 1] = result.not_p;
    }
    return 0;
}

static void print_sheet(const struct sheet *s)
{
    char text[SPS_CSV_NUMBER];
    for (size_t j = 0; j < s->columns; j++)
        printf("%s%c", s->names[j], j + 1 < s->columns ? ',' : '\n');
    for (size_t i = 0; i < s->in.rows * s->columns; i++)
        printf("%s%c", sps_csv_number(text, s->values[i]), (i + 1) % s->columns != 0 ? ',' : '\n');
}

static int run_table(const struct device_options *options, const sps_device *device)
{
    struct sheet s = {0};
    sps_status status = sps_csv_read(&s.in, options->csv, 1);
    if (status != SPS_OK)
        return sps_console_failed(status);
    int exit_status = find_columns(&s, options->csv, device);
    if (exit_status == 0)
        exit_status = make_room(&s);
    if (exit_status == 0)
        exit_status = fill(&s, options->csv, device);
    if (exit_status == 0 && options->out != NULL) {
        status = sps_csv_write(options->out, s.names, s.in.rows, s.columns, s.values);
        exit_status = status == SPS_OK ? 0 : sps_console_failed(status);
    } else if (exit_status == 0) {
        print_sheet(&s);
    }
    free(s.names);
    free(s.values);
    sps_csv_reset(&s.in);
    return exit_status;
}

static sps_status write_netlists(const struct device_options *options, const sps_device *device)
{
    enum { BITS = 1000 };
    sps_status status = SPS_OK;
    if (options->netlist_read != NULL)
        status = sps_device_netlist_read(device, options->netlist_read, 1);
    if (status == SPS_OK && options->netlist_unit != NULL)
        status = sps_device_netlist_unit(device, options->netlist_unit, 0.5, BITS);
    return status;
}

static int run(const void *options_pointer, char *const *operands, int operand_count)
{
    (void)operand_count;
    const struct device_options *options = options_pointer;
    sps_device *device = NULL;
    if (options->out != NULL && options->csv == NULL)
        return sps_console_usage("--out needs --csv IN.csv");
    sps_status status = sps_device_open(&device, operands[0], options->sets.item, options->sets.count);
    if (status != SPS_OK)
        return sps_console_failed(status);
    status = write_netlists(options, device);
    int exit_status = status != SPS_OK       ? sps_console_failed(status)
                      : options->csv != NULL ? run_table(options, device)
                                             : print_card(options, operands[0], device);
    sps_device_close(device);
    return exit_status;
}

static sps_status print_details(FILE *out)
{
    char *text = NULL, summary[256];
    const char *name;
    sps_status status = sps_device_describe(&text);
    if (status != SPS_OK)
        return status;
    fputs("\nPresets:\n\n", out);
    for (size_t i = 0; (name = sps_device_list(i, summary)) != NULL; i++)
        fprintf(out, "%-10s  %s\n", name, summary);
    fprintf(out, "\nParameters, for files and --set:\n\n%s", text);
    sps_device_text_free(text);
    return SPS_OK;
}

const struct sps_command sps_cmd_device = {
    .operands = "NAME|FILE [options]",
    .operands_min = 1,
    .operands_max = 1,
    .description =
        "Describes a spin-orbit-torque magnetic tunnel junction, a preset or a file (a '/' in its name, or ending in "
        ".yaml): all parameters, and what follows from them. Operating points outside the validity of the law of "
        "switching are refused unless device.extrapolate is true, and then the card says so.\n\n"
        "With --csv, adds the columns P and one_minus_P to a table: the law's probability to switch, and not to, for "
        "the current I_A and pulse t_s of each row, at T_K and with Delta300, Ic0_A and tau0_s where there are such "
        "columns. The law is a pure function there: any current and time will do.",
    .examples = "  spinscale device default\n"
                "  spinscale device vgsot --set device.gate='0.5 V' --json\n"
                "  spinscale device default --csv points.csv -o switching.csv",
    .options = options_table,
    .options_bytes = sizeof(struct device_options),
    .details = print_details,
    .run = run,
};
