/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_OPTIONS_H
#define SPS_TOOLS_OPTIONS_H
/* Command lines as GNU programs have them: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -abc for flags, options and
 * operands in any order, -- ends the options.  The last of a repeated option counts. */
#include "command.h"

struct sps_parsed {
    void *options; /* the command's struct */
    char **operands;
    int operand_count;
    int help; /* --help was given; nothing else was checked */
};

/* arguments are those after the command's name.  0, or the exit status after a message has been printed; out is then
 * empty. Release with sps_options_reset(). */
int sps_options_parse(struct sps_parsed *out, const struct sps_command *command, int count, char **arguments);
void sps_options_reset(struct sps_parsed *parsed, const struct sps_command *command);

/* The candidate nearest to a mistyped word, or NULL where none is near.  next(user, i) gives candidate i, NULL after
 * the last. */
const char *sps_did_you_mean(const char *word, const char *(*next)(const void *user, size_t index), const void *user);
#endif
