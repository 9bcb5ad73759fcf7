/* SPDX-License-Identifier: MIT */
/* Parameters as text: YAML that reads back to the same values, and the lines of --help. */
#include "conf/params_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "conf/number.h"
#include "conf/text.h"
#include "core/memory.h"

/* Text that grows.  After a failure it stays as it is, and status tells. */
struct pen {
    char *text;
    size_t length, room;
    sps_status status;
};

__attribute__((format(printf, 2, 3))) static void put(struct pen *pen, const char *format, ...)
{
    if (pen->status != SPS_OK)
        return;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int more = vsnprintf(NULL, 0, format, args);
    va_end(args);
    size_t need = pen->length + (size_t)more + 1;
    if (need > pen->room) {
        char *grown = NULL;
        size_t room = 2 * need + 256;
        pen->status = sps_calloc(&grown, room, 1, "text of parameters");
        if (pen->status == SPS_OK) {
            memcpy(grown, pen->text ? pen->text : "", pen->length);
            sps_free(pen->text);
            pen->text = grown;
            pen->room = room;
        }
    }
    if (pen->status == SPS_OK)
        pen->length += (size_t)vsnprintf(pen->text + pen->length, pen->room - pen->length, format, again);
    va_end(again);
}

static sps_status finish(struct pen *pen, char **out)
{
    put(pen, "%s", ""); /* so that there is text, even if empty */
    if (pen->status != SPS_OK) {
        sps_free(pen->text);
        return pen->status;
    }
    *out = pen->text;
    return SPS_OK;
}

int sps_param_word(const struct sps_param *row, const char *word)
{
    if (row->type != SPS_PARAM_CHOICE && row->type != SPS_PARAM_REAL_OR_WORD && row->type != SPS_PARAM_REALS)
        return -1;
    size_t length = strlen(word);
    const char *p = row->unit;
    for (int i = 0; length > 0; i++) {
        size_t n = strcspn(p, "|");
        if (n == length && memcmp(p, word, n) == 0)
            return i;
        if (p[n] == 0)
            break;
        p += n + 1;
    }
    return -1;
}

/* Word number index of "a|b|c"; its length goes to *length. */
static const char *word_at(const char *words, int index, int *length)
{
    for (; index > 0; index--)
        words += strcspn(words, "|") + 1;
    *length = (int)strcspn(words, "|");
    return words;
}

__attribute__((format(printf, 2, 3))) static void append(char out[SPS_PARAM_RULE], const char *format, ...)
{
    size_t length = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + length, SPS_PARAM_RULE - length, format, args);
    va_end(args);
}

static void append_range(char out[SPS_PARAM_RULE], const struct sps_param *row)
{
    char min[SPS_NUMBER_TEXT], max[SPS_NUMBER_TEXT];
    double endless = row->type == SPS_PARAM_INT ? 9.2e18 : 1e300;
    bool from = row->min > -endless, to = row->max < endless;
    sps_number_print(min, row->min);
    sps_number_print(max, row->max);
    if (from && to)
        append(out, " from %s to %s", min, max);
    else if (from)
        append(out, " of at least %s", min);
    else if (to)
        append(out, " of at most %s", max);
    if ((row->type == SPS_PARAM_INT || row->type == SPS_PARAM_REAL) && *row->unit != 0)
        append(out, from || to ? " %s" : " in %s", row->unit);
}

static void append_words(char out[SPS_PARAM_RULE], const char *words, const char *before)
{
    for (int i = 0;; i++) {
        int length = 0;
        const char *word = word_at(words, i, &length);
        bool last = word[length] == 0;
        append(out, "%s%.*s", i == 0 ? before : last ? " or " : ", ", length, word);
        if (last)
            return;
    }
}

const char *sps_param_rule(char out[SPS_PARAM_RULE], const struct sps_param *row)
{
    *out = 0;
    switch (row->type) {
    case SPS_PARAM_INT:
        append(out, "a whole number");
        append_range(out, row);
        break;
    case SPS_PARAM_REAL:
    case SPS_PARAM_REAL_OR_WORD:
        append(out, "a number");
        append_range(out, row);
        break;
    case SPS_PARAM_REALS:
        append(out, "1 to %d numbers", SPS_REALS_MAX);
        append_range(out, row);
        break;
    case SPS_PARAM_BOOL:
        append(out, "true or false");
        break;
    case SPS_PARAM_CHOICE:
        append_words(out, row->unit, "");
        break;
    case SPS_PARAM_TEXT:
        append(out, "UTF-8 text of at most %zu bytes", sizeof(sps_param_TEXT) - 1);
        break;
    }
    if (*row->unit != 0 && (row->type == SPS_PARAM_REAL_OR_WORD || row->type == SPS_PARAM_REALS))
        append_words(out, row->unit, ", or ");
    return out;
}

/* In double quotes; what YAML would fold or refuse is written as a code point. */
static void put_quoted(struct pen *pen, const char *text)
{
    put(pen, "\"");
    for (int n = 0; *text; text += n) {
        uint32_t c = 0;
        n = sps_utf8_next(&c, text);
        if (n == 0)
            break; /* fields are checked when they are set */
        bool plain = (c >= 0x20 && c < 0x7F) || (c >= 0xA0 && c < 0x2028) || (c > 0x2029 && c < 0xD800) ||
                     (c >= 0xE000 && c < 0xFE00) || c >= 0x10000;
        if (c == '"' || c == '\\')
            put(pen, "\\%c", (int)c);
        else if (plain)
            put(pen, "%.*s", n, text);
        else
            put(pen, c < 0x100 ? "\\x%02X" : "\\U%08X", (unsigned)c);
    }
    put(pen, "\"");
}

static void put_number(struct pen *pen, double value)
{
    char text[SPS_NUMBER_TEXT];
    put(pen, "%s", sps_number_print(text, value));
}

static void put_word(struct pen *pen, const struct sps_param *row, int index)
{
    int length = 0;
    const char *word = word_at(row->unit, index, &length);
    put(pen, "%.*s", length, word);
}

static void put_value(struct pen *pen, const struct sps_param *row, const void *target)
{
    const void *field = (const char *)target + row->offset;
    const sps_param_REAL_OR_WORD *real_or_word = field;
    const sps_param_REALS *reals = field;
    switch (row->type) {
    case SPS_PARAM_INT:
        put(pen, "%lld", (long long)*(const sps_param_INT *)field);
        break;
    case SPS_PARAM_REAL:
        put_number(pen, *(const sps_param_REAL *)field);
        break;
    case SPS_PARAM_BOOL:
        put(pen, "%s", *(const sps_param_BOOL *)field ? "true" : "false");
        break;
    case SPS_PARAM_CHOICE:
        put_word(pen, row, *(const sps_param_CHOICE *)field);
        break;
    case SPS_PARAM_TEXT:
        put_quoted(pen, field);
        break;
    case SPS_PARAM_REAL_OR_WORD:
        if (real_or_word->word >= 0)
            put_word(pen, row, real_or_word->word);
        else
            put_number(pen, real_or_word->value);
        break;
    case SPS_PARAM_REALS:
        if (reals->word >= 0) {
            put_word(pen, row, reals->word);
            break;
        }
        for (int i = 0; i < reals->count; i++) {
            put(pen, "%s", i == 0 ? "[" : ", ");
            put_number(pen, reals->value[i]);
        }
        put(pen, "]");
        break;
    }
}

sps_status sps_param_value(char **out, const struct sps_param *row, const void *target)
{
    struct pen pen = {0};
    put_value(&pen, row, target);
    return finish(&pen, out);
}

/* Whether a row before (binding, row) is in the group of the first length bytes of row's key. */
static bool group_was_before(const struct sps_binding *bindings, int binding, const struct sps_param *row,
                             size_t length)
{
    for (int i = 0; i <= binding; i++)
        for (const struct sps_param *r = bindings[i].table; r->key != NULL && r != row; r++)
            if (strncmp(r->key, row->key, length) == 0)
                return true;
    return false;
}

/* The rows whose keys start with the prefix (it ends in a dot or is empty).  A group is written where its first row
 * stands, with all of its rows, from whatever tables. */
static void put_group(struct pen *pen, const struct sps_binding *bindings, int count, const char *prefix, size_t length,
                      int level)
{
    for (int i = 0; i < count; i++)
        for (const struct sps_param *row = bindings[i].table; row->key != NULL; row++) {
            if (strncmp(row->key, prefix, length) != 0)
                continue;
            const char *name = row->key + length;
            size_t n = strcspn(name, ".");
            if (name[n] == 0) {
                put(pen, "%*s%s: ", 2 * level, "", name);
                put_value(pen, row, bindings[i].target);
                put(pen, "\n");
            } else if (!group_was_before(bindings, i, row, length + n + 1)) {
                put(pen, "%*s%.*s:\n", 2 * level, "", (int)n, name);
                put_group(pen, bindings, count, row->key, length + n + 1, level + 1);
            }
        }
}

sps_status sps_params_write(char **out, const struct sps_binding *bindings, int count)
{
    struct pen pen = {0};
    put_group(&pen, bindings, count, "", 0, 0);
    return finish(&pen, out);
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

sps_status sps_params_describe(char **out, const struct sps_binding *bindings, int count)
{
    struct pen pen = {0};
    int key = 0, value = 2;
    for (int i = 0; i < count; i++)
        for (const struct sps_param *row = bindings[i].table; row->key != NULL; row++) {
            key = max_int(key, (int)strlen(row->key));
            value = max_int(value, (int)strlen(row->default_text));
        }
    for (int i = 0; i < count; i++)
        for (const struct sps_param *row = bindings[i].table; row->key != NULL; row++) {
            char rule[SPS_PARAM_RULE];
            put(&pen, "%-*s  %-*s  %s; %s", key, row->key, value, *row->default_text ? row->default_text : "\"\"",
                row->help, sps_param_rule(rule, row));
            if (*row->source)
                put(&pen, " [%s]", row->source);
            put(&pen, "\n");
        }
    return finish(&pen, out);
}
