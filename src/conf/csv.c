/* SPDX-License-Identifier: MIT */
#include "conf/csv.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conf/number.h"
#include "core/file.h"
#include "core/memory.h"

enum { NUMBERS_MAX = 1 << 26, NAME_MAX_BYTES = 255 };
static const size_t FILE_LIMIT = (size_t)1 << 31;

/* A line at a time; text ends with a zero byte. */
struct cursor {
    const char *name, *at, *end;
    size_t line;
};

static sps_status fail(const struct cursor *c, const char *what)
{
    SPS_FAIL(EFORMAT, "%s: line %zu: %s", c->name, c->line, what);
}

static const char *blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* The next line that says something, without its end; 0 after the last. */
static int next_line(struct cursor *c, const char **from, const char **to)
{
    while (c->at < c->end) {
        const char *start = c->at, *stop = memchr(start, '\n', (size_t)(c->end - start));
        stop = stop != NULL ? stop : c->end;
        c->at = stop < c->end ? stop + 1 : c->end;
        c->line++;
        if (stop > start && stop[-1] == '\r')
            stop--;
        *from = blanks(start, stop);
        *to = stop;
        if (*from < stop && **from != '#')
            return 1;
    }
    return 0;
}

static size_t fields_of(const char *from, const char *to)
{
    size_t count = 1;
    for (const char *p = from; p < to; p++)
        count += *p == ',';
    return count;
}

/* One field [*from, stop), with the blanks around it cut off; *from goes behind its comma. */
static size_t next_field(const char **from, const char *to, const char **field)
{
    const char *stop = memchr(*from, ',', (size_t)(to - *from));
    stop = stop != NULL ? stop : to;
    *field = blanks(*from, stop);
    *from = stop < to ? stop + 1 : to;
    while (stop > *field && (stop[-1] == ' ' || stop[-1] == '\t'))
        stop--;
    return (size_t)(stop - *field);
}

static int is_word(const char *field, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(field, word, length) == 0;
}

static sps_status read_number(const struct cursor *c, double *out, const char *field, size_t length)
{
    if (is_word(field, length, "inf") || is_word(field, length, "-inf")) {
        *out = *field == '-' ? -INFINITY : INFINITY;
        return SPS_OK;
    }
    /* sps_number_length() stops at the comma or line end behind the field, or at the text's closing zero. */
    if (length == 0 || sps_number_length(field) != length || !sps_number_real(out, field, length, 0))
        SPS_FAIL(EFORMAT, "%s: line %zu: '%.*s' is no decimal number", c->name, c->line,
                 (int)(length < 40 ? length : 40), field);
    return SPS_OK;
}

static sps_status read_names(struct sps_csv *csv, const struct cursor *c, const char *from, const char *to)
{
    SPS_TRY(sps_calloc(&csv->names, csv->columns, sizeof *csv->names, "column names"));
    for (size_t i = 0; i < csv->columns; i++) {
        const char *field = NULL;
        size_t length = next_field(&from, to, &field);
        if (length == 0 || length > NAME_MAX_BYTES)
            return fail(c, "a column has no name, or one that is too long");
        SPS_TRY(sps_calloc(&csv->names[i], length + 1, 1, "a column name"));
        memcpy(csv->names[i], field, length);
        for (size_t j = 0; j < i; j++)
            if (strcmp(csv->names[j], csv->names[i]) == 0)
                return fail(c, "two columns have the same name");
    }
    return SPS_OK;
}

static sps_status read_row(struct sps_csv *csv, const struct cursor *c, const char *from, const char *to)
{
    size_t fields = fields_of(from, to);
    if (fields != csv->columns)
        SPS_FAIL(EFORMAT, "%s: line %zu: %zu numbers, must be %zu as in the first line", c->name, c->line, fields,
                 csv->columns);
    double *row = csv->values + csv->rows * csv->columns;
    csv->lines[csv->rows++] = c->line;
    for (size_t i = 0; i < fields; i++) {
        const char *field = NULL;
        size_t length = next_field(&from, to, &field);
        SPS_TRY(read_number(c, &row[i], field, length));
    }
    return SPS_OK;
}

static sps_status parse(struct sps_csv *csv, struct cursor c, int header)
{
    struct cursor counting = c;
    const char *from = NULL, *to = NULL;
    size_t rows = 0;
    if (memchr(c.at, 0, (size_t)(c.end - c.at)) != NULL)
        SPS_FAIL(EFORMAT, "%s: has a zero byte, is no text", c.name);
    while (next_line(&counting, &from, &to)) {
        if (rows == 0)
            csv->columns = fields_of(from, to);
        rows++;
    }
    if (rows < 1 + (size_t)(header != 0))
        SPS_FAIL(EFORMAT, "%s: has no rows", c.name);
    if (rows > NUMBERS_MAX / csv->columns)
        SPS_FAIL(EFORMAT, "%s: more than %d numbers", c.name, NUMBERS_MAX);
    SPS_TRY(sps_calloc(&csv->values, rows * csv->columns, sizeof *csv->values, "a table"));
    SPS_TRY(sps_calloc(&csv->lines, rows, sizeof *csv->lines, "a table"));
    if (header && next_line(&c, &from, &to))
        SPS_TRY(read_names(csv, &c, from, to));
    while (next_line(&c, &from, &to))
        SPS_TRY(read_row(csv, &c, from, to));
    return SPS_OK;
}

sps_status sps_csv_parse(struct sps_csv *out, const char *name, const char *text, size_t bytes, int header)
{
    struct sps_csv csv = {0};
    sps_status status = parse(&csv, (struct cursor){name, text, text + bytes, 0}, header);
    if (status == SPS_OK)
        *out = csv;
    else
        sps_csv_reset(&csv);
    return status;
}

sps_status sps_csv_read(struct sps_csv *out, const char *path, int header)
{
    char *text = NULL;
    size_t bytes = 0;
    SPS_TRY(sps_file_load(&text, &bytes, path, FILE_LIMIT));
    sps_status status = sps_csv_parse(out, path, text, bytes, header);
    sps_free(text);
    return status;
}

void sps_csv_reset(struct sps_csv *csv)
{
    for (size_t i = 0; csv->names != NULL && i < csv->columns; i++)
        sps_free(csv->names[i]);
    sps_free(csv->names);
    sps_free(csv->values);
    sps_free(csv->lines);
    *csv = (struct sps_csv){0};
}

int sps_csv_column(const struct sps_csv *csv, const char *name)
{
    for (size_t i = 0; csv->names != NULL && i < csv->columns; i++)
        if (strcmp(csv->names[i], name) == 0)
            return (int)i;
    return -1;
}

const char *sps_csv_number(char out[SPS_CSV_NUMBER], double value)
{
    _Static_assert((int)SPS_CSV_NUMBER == (int)SPS_NUMBER_TEXT, "room for a number");
    return isfinite(value) ? sps_number_print(out, value) : value < 0 ? "-inf" : "inf";
}

/* A line at a time: files are written without a buffer. */
static sps_status write_rows(sps_file *file, char *line, size_t rows, size_t columns, const double *values)
{
    for (size_t i = 0; i < rows; i++) {
        size_t n = 0;
        for (size_t j = 0; j < columns; j++) {
            double value = values[i * columns + j];
            char text[SPS_CSV_NUMBER];
            if (isnan(value))
                SPS_FAIL(EINVAL, "row %zu, column %zu is no number", i, j);
            n += (size_t)snprintf(line + n, SPS_CSV_NUMBER + 1, "%s%c", sps_csv_number(text, value),
                                  j + 1 < columns ? ',' : '\n');
        }
        SPS_TRY(sps_file_write(file, line, n));
    }
    return SPS_OK;
}

static sps_status write_all(sps_file *file, const char *const *names, size_t rows, size_t columns, const double *values)
{
    char *line = NULL;
    for (size_t i = 0; names != NULL && i < columns; i++) {
        SPS_TRY(sps_file_write(file, names[i], strlen(names[i])));
        SPS_TRY(sps_file_write(file, i + 1 < columns ? "," : "\n", 1));
    }
    SPS_TRY(sps_calloc(&line, columns, SPS_NUMBER_TEXT + 1, "a line of a table"));
    sps_status status = write_rows(file, line, rows, columns, values);
    sps_free(line);
    return status;
}

sps_status sps_csv_write(const char *path, const char *const *names, size_t rows, size_t columns, const double *values)
{
    sps_file *file = NULL;
    SPS_TRY(sps_file_create(&file, path));
    sps_status status = write_all(file, names, rows, columns, values);
    if (status == SPS_OK)
        return sps_file_commit(file);
    sps_file_abandon(file);
    return status;
}
