/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_REPORT_H
#define SPS_TOOLS_REPORT_H
/* (sps_cli_: a library of that name may come, and a program's symbols go before a library's.)
 *
 * Named values, printed as an aligned table with units or as a JSON object with the same keys in the same order. */
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "spinscale/status.h"

struct sps_cli_report_row {
    const char *key, *unit;
    json_t *value; /* a string, number, boolean or null */
};

enum { SPS_CLI_REPORT_ROWS = 64 };
struct sps_cli_report {
    int count, failed; /* failed: memory ran out, seen when printed */
    struct sps_cli_report_row row[SPS_CLI_REPORT_ROWS];
};

/* key and unit must outlive the report.  NULL text, and numbers that are not finite, are null. */
void sps_cli_report_text(struct sps_cli_report *report, const char *key, const char *text);
void sps_cli_report_count(struct sps_cli_report *report, const char *key, uint64_t value, const char *unit);
void sps_cli_report_real(struct sps_cli_report *report, const char *key, double value, const char *unit);
/* A list of numbers. */
void sps_cli_report_reals(struct sps_cli_report *report, const char *key, const double *values, int count,
                          const char *unit);
void sps_cli_report_texts(struct sps_cli_report *report, const char *key, const char *const *texts, size_t count);
/* Any value (a new reference), for JSON: lists of numbers alone are printed as text too. */
void sps_cli_report_value(struct sps_cli_report *report, const char *key, json_t *value);
void sps_cli_report_flag(struct sps_cli_report *report, const char *key, int value);
void sps_cli_report_null(struct sps_cli_report *report, const char *key);

void sps_cli_report_reset(struct sps_cli_report *report); /* an empty one is allowed */

/* A new reference, NULL when memory ran out.  Empties the report. */
json_t *sps_cli_report_take(struct sps_cli_report *report);
/* On stdout; empties the report; gives the exit status. */
int sps_cli_report_print(struct sps_cli_report *report, int json);
/* One line of JSON on stdout; takes the reference, which may be NULL (out of memory); gives the exit status. */
int sps_cli_report_dump(json_t *value);
/* A string whatever its bytes: those that are not UTF-8 become '?'. */
json_t *sps_cli_report_string(const char *text);
/* A number of an object, NAN where there is none. */
double sps_cli_report_number(const json_t *object, const char *key);
/* FOLDER/NAME, whole or not at all. */
sps_status sps_cli_report_save(const char *folder, const char *name, const json_t *value);
/* text to a stream, control characters as '?': names may come from files. */
void sps_cli_report_plain(FILE *out, const char *text);
#endif
