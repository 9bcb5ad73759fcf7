/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_HELP_H
#define SPS_TOOLS_HELP_H
/* --help and the man page, both from the tables of command.h. */
#include "command.h"

sps_status sps_help_command(FILE *out, const char *name, const char *summary, const struct sps_command *command);
/* The part of the man page that is about one command. */
sps_status sps_help_man_command(FILE *out, const char *name, const char *summary, const struct sps_command *command);
/* Text in troff: what it would take for markup is escaped. */
void sps_help_man_text(FILE *out, const char *text);
#endif
