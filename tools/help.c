/* SPDX-License-Identifier: MIT */
#include "help.h"

#include <stdlib.h>
#include <string.h>

enum { HELP_WIDTH = 80, OPTION_COLUMN = 28 };

/* Words of text from column `at`, broken before HELP_WIDTH, further lines indented; newlines are kept. */
static void print_wrapped(FILE *out, const char *text, int at, int indent)
{
    while (*text != '\0') {
        if (*text == '\n') {
            fputc('\n', out);
            at = 0;
            text++;
            continue;
        }
        int length = (int)strcspn(text, " \n");
        if (at > indent && at + 1 + length > HELP_WIDTH) {
            fputc('\n', out);
            at = 0;
        }
        if (at < indent)
            at += fprintf(out, "%*s", indent - at, "");
        else if (at > indent)
            at += fprintf(out, " ");
        at += fprintf(out, "%.*s", length, text);
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* "(1 to 1024; default 4)", in so far as there is something to say. */
static void range_text(char text[128], const struct sps_option *option)
{
    char range[64] = "";
    if (option->inside)
        snprintf(range, sizeof range, "between %g and %g", option->min, option->max);
    else if (option->min < option->max)
        snprintf(range, sizeof range, "%.10g to %.10g", option->min, option->max);
    const char *value = option->default_text;
    if (value == NULL && range[0] == '\0')
        text[0] = '\0';
    else
        snprintf(text, 128, " (%s%s%s%s)", range, range[0] != '\0' && value != NULL ? "; " : "",
                 value != NULL ? "default " : "", value != NULL ? value : "");
}

/* "-T, --samples T" */
static void option_text(char text[128], const struct sps_option *option)
{
    char letter[8] = "    ";
    if (option->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(text, 128, "%s--%s%s%s", letter, option->name, option->argument != NULL ? " " : "",
             option->argument != NULL ? option->argument : "");
}

sps_status sps_help_command(FILE *out, const char *name, const char *summary, const struct sps_command *command)
{
    fprintf(out, "Usage: spinscale %s %s\n\n", name, command->operands);
    fprintf(out, "spinscale %s: %s.\n\n", name, summary);
    print_wrapped(out, command->description, 0, 0);
    fputs("\nOptions:\n", out);
    for (const struct sps_option *option = command->options; option->name != NULL; option++) {
        char left[128], range[128], help[1024];
        option_text(left, option);
        range_text(range, option);
        snprintf(help, sizeof help, "%s%s%s", option->help, range, option->required ? "; required" : "");
        int at = fprintf(out, "  %s", left);
        if (at > OPTION_COLUMN - 2) {
            fputc('\n', out);
            at = 0;
        }
        print_wrapped(out, help, at, OPTION_COLUMN);
    }
    fprintf(out, "  %-*s%s\n", OPTION_COLUMN - 2, "-h, --help", "print this text");
    if (command->examples != NULL)
        fprintf(out, "\nExamples:\n%s\n", command->examples);
    return command->details != NULL ? command->details(out) : SPS_OK;
}

void sps_help_man_text(FILE *out, const char *text)
{
    int line_start = 1;
    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\n' && text[1] == '\n')
            fputs("\n.PP", out);
        else
            fputc(*text, out);
        line_start = *text == '\n';
    }
}

static void man_verbatim(FILE *out, const char *text)
{
    fputs(".PP\n.nf\n", out);
    for (const char *c = text; *c != '\0'; c++) {
        if ((c == text || c[-1] == '\n') && (*c == '.' || *c == '\''))
            fputs("\\&", out);
        if (*c == '\\')
            fputs("\\e", out);
        else if (*c == '-')
            fputs("\\-", out);
        else
            fputc(*c, out);
    }
    fputs("\n.fi\n", out);
}

sps_status sps_help_man_command(FILE *out, const char *name, const char *summary, const struct sps_command *command)
{
    fprintf(out, ".SS spinscale %s ", name);
    sps_help_man_text(out, command->operands);
    fputs("\n", out);
    sps_help_man_text(out, summary);
    fputs(".\n.PP\n", out);
    sps_help_man_text(out, command->description);
    fputs("\n", out);
    for (const struct sps_option *option = command->options; option->name != NULL; option++) {
        char left[128], range[128];
        option_text(left, option);
        range_text(range, option);
        fputs(".TP\n.B ", out);
        sps_help_man_text(out, left + strspn(left, " "));
        fputs("\n", out);
        sps_help_man_text(out, option->help);
        sps_help_man_text(out, range);
        fputs(option->required ? "; required\n" : "\n", out);
    }
    if (command->examples != NULL)
        man_verbatim(out, command->examples);
    if (command->details == NULL)
        return SPS_OK;
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    sps_status status = memory == NULL ? SPS_ENOMEM : command->details(memory);
    if (memory != NULL && fclose(memory) != 0 && status == SPS_OK)
        status = SPS_ENOMEM;
    if (status == SPS_OK)
        man_verbatim(out, text);
    free(text);
    return status;
}
