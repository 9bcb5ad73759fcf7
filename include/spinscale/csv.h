/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_CSV_H
#define SPINSCALE_CSV_H
/* Tables of numbers as comma-separated text: lines end in \n or \r\n, blanks around numbers are allowed, empty lines
 * and lines that start with '#' are passed over.  Numbers are decimal ("1e-9"), or "inf" or "-inf". */
#include <stddef.h>

#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

struct sps_csv {
    size_t rows, columns;
    double *values; /* [rows][columns] */
    char **names;   /* [columns], of the header line; NULL without one */
    size_t *lines;  /* [rows] line each row came from, for messages */
};

/* header: the first line has the columns' names.  The file is hostile input: every row must have as many numbers as the
 * first; messages have file and line.  At most 2^26 numbers.  Release with sps_csv_reset(). */
sps_status sps_csv_read(struct sps_csv *out, const char *path, int header);
void sps_csv_reset(struct sps_csv *csv); /* an empty one is allowed */

/* Column of that name, or -1. */
int sps_csv_column(const struct sps_csv *csv, const char *name);

/* values[rows][columns] with 17 digits, so that they read back the same; names[columns] or NULL.  Atomic. */
sps_status sps_csv_write(const char *path, const char *const *names, size_t rows, size_t columns, const double *values);

/* A number as sps_csv_write() writes it; value is no NaN.  The text may be in out. */
enum { SPS_CSV_NUMBER = 40 };
const char *sps_csv_number(char out[SPS_CSV_NUMBER], double value);

#ifdef __cplusplus
}
#endif
#endif
