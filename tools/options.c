/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

/* --- Near words: edit distance where a swap of neighbours is one edit (optimal string alignment). --- */

enum { WORD_MAX = 32 };

static int edit_distance(const char *a, const char *b)
{
    int rows[3][WORD_MAX + 1];
    int *before = rows[0], *above = rows[1], *row = rows[2];
    int length_a = (int)strlen(a), length_b = (int)strlen(b);
    if (length_a > WORD_MAX || length_b > WORD_MAX)
        return WORD_MAX;
    for (int j = 0; j <= length_b; j++)
        above[j] = j;
    for (int i = 1; i <= length_a; i++) {
        row[0] = i;
        for (int j = 1; j <= length_b; j++) {
            int cost = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < cost)
                cost = above[j] + 1;
            if (row[j - 1] + 1 < cost)
                cost = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < cost)
                cost = before[j - 2] + 1;
            row[j] = cost;
        }
        int *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[length_b];
}

const char *sps_did_you_mean(const char *word, const char *(*next)(const void *user, size_t index), const void *user)
{
    const char *best = NULL;
    int best_distance = 1 + (int)strlen(word) / 3; /* a third of the letters wrong is no longer a slip */
    const char *candidate;
    for (size_t i = 0; (candidate = next(user, i)) != NULL; i++) {
        int distance = edit_distance(word, candidate);
        if (distance <= best_distance && (best == NULL || distance < best_distance)) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

static const char *option_name(const void *user, size_t index)
{
    const struct sps_option *table = user;
    return table[index].name;
}

static int unknown_option(const struct sps_command *command, const char *name)
{
    const char *near = sps_did_you_mean(name, option_name, command->options);
    if (near != NULL)
        return sps_console_usage("unknown option '--%s', did you mean '--%s'?", name, near);
    return sps_console_usage("unknown option '--%s'", name);
}

/* --- Values. --- */

static void *field_of(void *options, const struct sps_option *option)
{
    return (char *)options + option->offset;
}

/* Decimal digits only: strtoull would take a sign and spaces. */
static int read_count(uint64_t *out, const char *text)
{
    if (*text == '\0' || strspn(text, "0123456789") != strlen(text))
        return 0;
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (errno != 0 || value > INT64_MAX) /* what JSON and configurations can hold */
        value = UINT64_MAX;
    *out = value;
    return 1;
}

static int count_value(uint64_t *out, const struct sps_option *option, const char *text)
{
    int negative = text[0] == '-' && read_count(out, text + 1);
    if (!negative && !read_count(out, text))
        return sps_console_usage("--%s is '%s', must be a whole number", option->name, text);
    int64_t max = option->max > 0.0 ? (int64_t)option->max : INT64_MAX;
    if (negative || *out > (uint64_t)max || (double)*out < option->min)
        return sps_console_usage("--%s is %s, must be %.0f to %" PRId64, option->name, text, option->min, max);
    return 0;
}

static int real_value(double *out, const struct sps_option *option, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || isspace((unsigned char)*text) || !isfinite(value))
        return sps_console_usage("--%s is '%s', must be a number", option->name, text);
    if (option->inside && !(value > option->min && value < option->max))
        return sps_console_usage("--%s is %s, must be between %g and %g", option->name, text, option->min, option->max);
    if (option->min < option->max && !(value >= option->min && value <= option->max))
        return sps_console_usage("--%s is %s, must be %g to %g", option->name, text, option->min, option->max);
    *out = value;
    return 0;
}

static int take_value(void *options, const struct sps_option *option, const char *text)
{
    switch (option->type) {
    case SPS_OPTION_FLAG:
        break;
    case SPS_OPTION_COUNT: {
        struct sps_count *count = field_of(options, option);
        count->given = 1;
        return count_value(&count->value, option, text);
    }
    case SPS_OPTION_REAL:
        return real_value(field_of(options, option), option, text);
    case SPS_OPTION_TEXT:
        *(const char **)field_of(options, option) = text;
        break;
    case SPS_OPTION_COUNTS: {
        struct sps_counts *counts = field_of(options, option);
        return count_value(&counts->item[counts->count++], option, text);
    }
    case SPS_OPTION_TEXTS: {
        struct sps_texts *texts = field_of(options, option);
        texts->item[texts->count++] = text;
        break;
    }
    }
    return 0;
}

/* --- The walk over the arguments. --- */

struct walk {
    const struct sps_command *command;
    struct sps_parsed *out;
    char **arguments;
    int count, at;
    unsigned char *given; /* per option of the table */
};

static int give(struct walk *w, const struct sps_option *option, const char *value)
{
    const struct sps_option *table = w->command->options;
    for (const struct sps_option *other = table; option->choice != NULL && other->name != NULL; other++)
        if (other != option && w->given[other - table] && other->choice != NULL &&
            strcmp(other->choice, option->choice) == 0)
            return sps_console_usage("--%s and --%s exclude each other", other->name, option->name);
    w->given[option - table] = 1;

    if (option->type == SPS_OPTION_FLAG) {
        *(int *)field_of(w->out->options, option) = 1;
        return 0;
    }
    if (value == NULL && option->bare_text != NULL && (w->at == w->count || w->arguments[w->at][0] == '-'))
        value = option->bare_text;
    if (value == NULL && w->at == w->count)
        return sps_console_usage("--%s needs a value: --%s %s", option->name, option->name, option->argument);
    int failed = take_value(w->out->options, option, value != NULL ? value : w->arguments[w->at++]);
    uint64_t number;
    while (!failed && option->type == SPS_OPTION_COUNTS && w->at < w->count && read_count(&number, w->arguments[w->at]))
        failed = take_value(w->out->options, option, w->arguments[w->at++]);
    return failed;
}

static int long_option(struct walk *w, const char *text)
{
    size_t length = strcspn(text, "=");
    const char *value = text[length] == '=' ? text + length + 1 : NULL;
    for (const struct sps_option *option = w->command->options; option->name != NULL; option++) {
        if (strlen(option->name) != length || strncmp(option->name, text, length) != 0)
            continue;
        if (value != NULL && option->type == SPS_OPTION_FLAG)
            return sps_console_usage("--%s takes no value", option->name);
        return give(w, option, value);
    }
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), text);
    return unknown_option(w->command, name);
}

static int short_options(struct walk *w, const char *letters)
{
    for (; *letters != '\0'; letters++) {
        const struct sps_option *option = w->command->options;
        while (option->name != NULL && option->letter != *letters)
            option++;
        if (option->name == NULL)
            return sps_console_usage("unknown option '-%c'", *letters);
        if (option->type != SPS_OPTION_FLAG)
            return give(w, option, letters[1] != '\0' ? letters + 1 : NULL);
        int failed = give(w, option, NULL);
        if (failed)
            return failed;
    }
    return 0;
}

static int check_presence(const struct walk *w)
{
    const struct sps_command *command = w->command;
    for (const struct sps_option *option = command->options; option->name != NULL; option++)
        if (option->required && !w->given[option - command->options])
            return sps_console_usage("--%s %s is missing", option->name, option->argument);
    if (w->out->operand_count < command->operands_min)
        return sps_console_usage("an argument is missing: %s %s", sps_console_command, command->operands);
    if (w->out->operand_count > command->operands_max)
        return sps_console_usage("unexpected argument '%s'", w->out->operands[command->operands_max]);
    return 0;
}

static int walk_arguments(struct walk *w)
{
    for (int i = 0; i < w->count && strcmp(w->arguments[i], "--") != 0; i++)
        if (strcmp(w->arguments[i], "--help") == 0 || strcmp(w->arguments[i], "-h") == 0) {
            w->out->help = 1;
            return 0;
        }
    int only_operands = 0;
    while (w->at < w->count) {
        char *argument = w->arguments[w->at++];
        int failed = 0;
        if (only_operands || argument[0] != '-' || argument[1] == '\0')
            w->out->operands[w->out->operand_count++] = argument;
        else if (strcmp(argument, "--") == 0)
            only_operands = 1;
        else if (argument[1] == '-')
            failed = long_option(w, argument + 2);
        else
            failed = short_options(w, argument + 1);
        if (failed)
            return failed;
    }
    return check_presence(w);
}

/* Defaults, and room for lists: none can be longer than the command line. */
static int prepare(struct sps_parsed *out, const struct sps_command *command, int count)
{
    size_t room = (size_t)count + 1;
    out->options = calloc(1, command->options_bytes);
    out->operands = calloc(room, sizeof *out->operands);
    if (out->options == NULL || out->operands == NULL)
        return sps_console_error("out of memory");
    for (const struct sps_option *option = command->options; option->name != NULL; option++) {
        void *field = field_of(out->options, option);
        if (option->type == SPS_OPTION_COUNTS) {
            struct sps_counts *counts = field;
            counts->item = calloc(room, sizeof *counts->item);
            if (counts->item == NULL)
                return sps_console_error("out of memory");
        }
        if (option->type == SPS_OPTION_TEXTS) {
            struct sps_texts *texts = field;
            texts->item = calloc(room, sizeof *texts->item);
            if (texts->item == NULL)
                return sps_console_error("out of memory");
        }
        if (option->default_text != NULL)
            take_value(out->options, option, option->default_text);
        if (option->type == SPS_OPTION_COUNT)
            ((struct sps_count *)field)->given = 0;
    }
    return 0;
}

int sps_options_parse(struct sps_parsed *out, const struct sps_command *command, int count, char **arguments)
{
    size_t table_size = 0;
    while (command->options[table_size].name != NULL)
        table_size++;
    *out = (struct sps_parsed){0};
    struct walk w = {command, out, arguments, count, 0, calloc(table_size + 1, 1)};
    int failed = w.given == NULL ? sps_console_error("out of memory") : prepare(out, command, count);
    if (!failed)
        failed = walk_arguments(&w);
    free(w.given);
    if (failed)
        sps_options_reset(out, command);
    return failed;
}

void sps_options_reset(struct sps_parsed *parsed, const struct sps_command *command)
{
    for (const struct sps_option *option = command->options; parsed->options != NULL && option->name != NULL;
         option++) {
        if (option->type == SPS_OPTION_COUNTS)
            free(((struct sps_counts *)field_of(parsed->options, option))->item);
        else if (option->type == SPS_OPTION_TEXTS)
            free(((struct sps_texts *)field_of(parsed->options, option))->item);
    }
    free(parsed->options);
    free(parsed->operands);
    *parsed = (struct sps_parsed){0};
}
