/* SPDX-License-Identifier: MIT */
#include "report/writer.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "spinscale/report.h"

/* ---- the text ---- */

void sps_writer_reset(struct sps_writer *w)
{
    sps_free(w->text);
    *w = (struct sps_writer){0};
}

void sps_writer_fail(struct sps_writer *w, sps_status status)
{
    if (w->status != SPS_OK)
        return;
    w->status = status;
    snprintf(w->message, sizeof w->message, "%s", sps_last_error());
}

sps_status sps_writer_status(const struct sps_writer *w)
{
    return w->status == SPS_OK ? SPS_OK : sps_fail(w->status, "%s", w->message);
}

/* Room for so many bytes more, and the zero behind them. */
static int make_room(struct sps_writer *w, size_t bytes)
{
    if (w->status != SPS_OK)
        return 0;
    if (bytes < w->room - w->used)
        return 1;
    char *larger = NULL;
    size_t room = 2 * (w->used + bytes) + 1024;
    sps_status status = sps_calloc(&larger, room, 1, "a report");
    if (status != SPS_OK) {
        sps_writer_fail(w, status);
        return 0;
    }
    if (w->used > 0)
        memcpy(larger, w->text, w->used);
    sps_free(w->text);
    w->text = larger;
    w->room = room;
    return 1;
}

void sps_write_bytes(struct sps_writer *w, const char *bytes, size_t count)
{
    if (!make_room(w, count))
        return;
    memcpy(w->text + w->used, bytes, count);
    w->used += count;
    w->text[w->used] = 0;
}

void sps_write_raw(struct sps_writer *w, const char *text)
{
    sps_write_bytes(w, text, strlen(text));
}

/* ---- numbers ---- */

static const double PLAIN_BELOW = 1e7; /* larger numbers have an exponent */

/* The "C" locale for this thread, and back. */
static locale_t enter_c(locale_t *made)
{
    *made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return *made != (locale_t)0 ? uselocale(*made) : (locale_t)0;
}

static void leave_c(locale_t before, locale_t made)
{
    if (made == (locale_t)0)
        return;
    uselocale(before);
    freelocale(made);
}

void sps_write(struct sps_writer *w, const char *format, ...)
{
    char text[512];
    va_list arguments;
    locale_t made, before = enter_c(&made);
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    leave_c(before, made);
    if (length < 0 || length >= (int)sizeof text)
        sps_writer_fail(w, sps_fail(SPS_EINVAL, "a piece of a report is longer than %zu bytes", sizeof text));
    else
        sps_write_bytes(w, text, (size_t)length);
}

/* 1.9e-07 as 1.9e-7, 1e+06 as 1e6. */
static void shorten_exponent(char *text)
{
    char *e = strchr(text, 'e');
    if (e == NULL)
        return;
    char *to = e + 1, *from = e + 1;
    if (*from == '+')
        from++;
    else if (*from == '-')
        *to++ = *from++;
    while (*from == '0' && from[1] != 0)
        from++;
    memmove(to, from, strlen(from) + 1);
}

void sps_report_number(char text[32], double value, int digits)
{
    if (!isfinite(value)) {
        snprintf(text, 32, "undefined");
        return;
    }
    digits = digits < 1 ? 1 : digits > 17 ? 17 : digits;
    value = value == 0 ? 0 : value; /* -0 */
    locale_t made, before = enter_c(&made);
    snprintf(text, 32, "%.*e", digits - 1, value);
    double rounded = strtod(text, NULL);
    /* %g would write 120 with two digits as 1.2e+02. */
    if (fabs(rounded) < PLAIN_BELOW && fabs(rounded) >= pow(10, digits))
        snprintf(text, 32, "%.0f", rounded);
    else
        snprintf(text, 32, "%.*g", digits, value);
    leave_c(before, made);
    shorten_exponent(text);
}

void sps_write_number(struct sps_writer *w, double value, int digits)
{
    char text[32];
    sps_report_number(text, value, digits);
    sps_write_raw(w, text);
}

const char *sps_report_prefix(double value, double *by)
{
    static const struct {
        const char *prefix;
        double by;
    } prefixes[] = {{"G", 1e9},  {"M", 1e6},  {"k", 1e3},   {"", 1},      {"m", 1e-3},
                    {"µ", 1e-6}, {"n", 1e-9}, {"p", 1e-12}, {"f", 1e-15}, {"a", 1e-18}};
    size_t last = sizeof prefixes / sizeof *prefixes - 1, i = 0;
    double size = fabs(value);
    if (!isfinite(value) || size < prefixes[last].by) {
        *by = 1;
        return "";
    }
    while (i < last && size < prefixes[i].by)
        i++;
    *by = prefixes[i].by;
    return prefixes[i].prefix;
}

/* ---- foreign text ---- */

/* RFC 3629, table of 4. */
size_t sps_character(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t length = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
    if (length == 1)
        return (c[0] >= 0x20 && c[0] != 0x7f) || c[0] == '\n' || c[0] == '\t';
    uint32_t code = length == 2 ? c[0] & 0x1fu : length == 3 ? c[0] & 0x0fu : c[0] & 0x07u;
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (c[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int wrong = code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ||
                (code >= 0x80 && code < 0xa0) || (code & 0xfffe) == 0xfffe;
    return wrong ? 0 : length;
}

static void write_character(struct sps_writer *w, const char *text, size_t length)
{
    static const char *const entities[] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
    unsigned char c = (unsigned char)*text;
    if (length == 0)
        sps_write_raw(w, "\xef\xbf\xbd");
    else if (c < sizeof entities / sizeof *entities && entities[c] != NULL)
        sps_write_raw(w, entities[c]);
    else
        sps_write_bytes(w, text, length);
}

/* Bytes to pass over for the character here, whether it is one or not. */
static size_t step(const char *text)
{
    size_t length = sps_character(text);
    return length > 0 ? length : 1;
}

size_t sps_characters(const char *text)
{
    size_t count = 0;
    for (; *text != 0; text += step(text))
        count++;
    return count;
}

void sps_write_short(struct sps_writer *w, const char *text, size_t characters)
{
    size_t all = sps_characters(text), keep = all <= characters ? all : characters > 0 ? characters - 1 : 0;
    for (size_t i = 0; i < keep; i++) {
        write_character(w, text, sps_character(text));
        text += step(text);
    }
    if (keep < all)
        sps_write_raw(w, "…");
}

void sps_write_text(struct sps_writer *w, const char *text)
{
    sps_write_short(w, text, SIZE_MAX);
}
