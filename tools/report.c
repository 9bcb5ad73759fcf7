/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "spinscale/file.h"

/* Nine digits give every float back, and hide the noise behind them. */
enum { REAL_DIGITS = 9, LABEL_WIDTH = 24 };

json_t *sps_cli_report_string(const char *text)
{
    if (text == NULL)
        return json_null();
    json_t *value = json_string(text);
    if (value != NULL)
        return value;
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < bytes; i++)
        copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    value = json_string(copy);
    free(copy);
    return value;
}

static void add(struct sps_cli_report *report, const char *key, json_t *value, const char *unit)
{
    assert(report->count < SPS_CLI_REPORT_ROWS);
    report->row[report->count++] = (struct sps_cli_report_row){key, unit != NULL ? unit : "", value};
    report->failed |= value == NULL;
}

void sps_cli_report_text(struct sps_cli_report *report, const char *key, const char *text)
{
    add(report, key, sps_cli_report_string(text), NULL);
}

void sps_cli_report_count(struct sps_cli_report *report, const char *key, uint64_t value, const char *unit)
{
    add(report, key, json_integer((json_int_t)value), unit);
}

void sps_cli_report_real(struct sps_cli_report *report, const char *key, double value, const char *unit)
{
    add(report, key, isfinite(value) ? json_real(value) : json_null(), unit);
}

void sps_cli_report_reals(struct sps_cli_report *report, const char *key, const double *values, int count,
                          const char *unit)
{
    json_t *list = json_array();
    for (int i = 0; i < count && list != NULL; i++)
        report->failed |= json_array_append_new(list, isfinite(values[i]) ? json_real(values[i]) : json_null()) != 0;
    add(report, key, list, unit);
}

void sps_cli_report_texts(struct sps_cli_report *report, const char *key, const char *const *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count && list != NULL; i++)
        report->failed |= json_array_append_new(list, sps_cli_report_string(texts[i])) != 0;
    add(report, key, list, NULL);
}

void sps_cli_report_value(struct sps_cli_report *report, const char *key, json_t *value)
{
    add(report, key, value, NULL);
}

void sps_cli_report_flag(struct sps_cli_report *report, const char *key, int value)
{
    add(report, key, json_boolean(value), NULL);
}

void sps_cli_report_null(struct sps_cli_report *report, const char *key)
{
    add(report, key, json_null(), NULL);
}

void sps_cli_report_reset(struct sps_cli_report *report)
{
    for (int i = 0; i < report->count; i++)
        json_decref(report->row[i].value);
    *report = (struct sps_cli_report){0};
}

json_t *sps_cli_report_take(struct sps_cli_report *report)
{
    json_t *object = json_object();
    int failed = report->failed || object == NULL;
    for (int i = 0; i < report->count && !failed; i++)
        failed = json_object_set(object, report->row[i].key, report->row[i].value) != 0;
    sps_cli_report_reset(report);
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

void sps_cli_report_plain(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
}

static void print_list(const json_t *list)
{
    size_t i;
    json_t *value;
    json_array_foreach((json_t *)list, i, value)
    {
        fputs(i > 0 ? " " : "", stdout);
        if (json_is_string(value))
            sps_cli_report_plain(stdout, json_string_value(value));
        else if (json_is_real(value))
            printf("%.4g", json_real_value(value));
        else
            putchar('-');
    }
}

static void print_row(const struct sps_cli_report_row *row)
{
    const char *unit = row->unit;
    printf("%-*s ", LABEL_WIDTH, row->key);
    if (json_is_string(row->value))
        sps_cli_report_plain(stdout, json_string_value(row->value));
    else if (json_is_integer(row->value))
        printf("%lld", (long long)json_integer_value(row->value));
    else if (json_is_real(row->value))
        printf("%.6g", json_real_value(row->value));
    else if (json_is_array(row->value))
        print_list(row->value);
    else if (json_is_boolean(row->value))
        fputs(json_is_true(row->value) ? "yes" : "no", stdout);
    else {
        fputs("undefined", stdout);
        unit = "";
    }
    printf("%s%s\n", unit[0] != '\0' ? " " : "", unit);
}

int sps_cli_report_print(struct sps_cli_report *report, int json)
{
    if (json)
        return sps_cli_report_dump(sps_cli_report_take(report));
    int failed = report->failed;
    for (int i = 0; i < report->count && !failed; i++)
        print_row(&report->row[i]);
    sps_cli_report_reset(report);
    return failed ? sps_console_error("out of memory") : 0;
}

int sps_cli_report_dump(json_t *value)
{
    int failed = value == NULL;
    if (!failed) {
        /* A failed write is seen when stdout is closed. */
        json_dumpf(value, stdout, JSON_REAL_PRECISION(REAL_DIGITS) | JSON_ENCODE_ANY);
        putchar('\n');
        json_decref(value);
    }
    return failed ? sps_console_error("out of memory") : 0;
}

double sps_cli_report_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

sps_status sps_cli_report_save(const char *folder, const char *name, const json_t *value)
{
    char path[4600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = json_dumps(value, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    if (text == NULL)
        return SPS_ENOMEM;
    sps_status status = sps_file_save(path, text, strlen(text));
    free(text);
    return status;
}
