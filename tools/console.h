/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_CONSOLE_H
#define SPS_TOOLS_CONSOLE_H
/* How the program talks: messages and progress on stderr, results on stdout. */
#include <stdint.h>

#include "spinscale/ranks.h"
#include "spinscale/status.h"

/* Name of the running command, put before messages; NULL before one is known. */
extern const char *sps_console_command;

/* Warnings and notes of the library go to stderr; quiet silences the notes, never the warnings. */
void sps_console_open(void);
extern int sps_console_quiet;

/* "spinscale: eval: ..." on stderr.  Each gives back the exit status to end with: 1 for sps_console_error(); 2 for
 * sps_console_usage(), which adds a hint to --help; sps_console_failed() tells sps_last_error(), with 1 or 2 as the
 * status says. */
__attribute__((format(printf, 1, 2))) int sps_console_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) int sps_console_usage(const char *format, ...);
int sps_console_failed(sps_status status);
/* A message that changes no exit status. */
__attribute__((format(printf, 1, 2))) void sps_console_say(const char *format, ...);

/* A line on the terminal that is drawn over itself.  True where stderr is a terminal and it is time to draw again (at
 * most ten times a second). */
int sps_console_progress_due(void);
/* Draw the line: words, then a bar of share 0 .. 1, then more words; cut at the terminal's width. */
void sps_console_progress(const char *before, double share, const char *after);
void sps_console_progress_clear(void);
int sps_console_is_terminal(void);

/* "1 h 02 min", "3 min 20 s" or "12 s". */
void sps_console_duration(char text[32], double seconds);

/* The processes that mpirun started, NULL for one alone: only rank 0 talks from here on.  Others keep their last
 * message, and sps_console_leave() tells it where they are the only ones that failed. */
extern const sps_ranks *sps_console_ranks;
/* True in the one process that writes files and results. */
int sps_console_writes(void);
/* What --threads says, or where it was not given 0, all cores; of several processes each has its part of them. */
int sps_console_threads(uint64_t given);
int sps_console_join(void);             /* an exit status */
int sps_console_leave(int exit_status); /* waits for all ranks; ends them where one failed alone */

/* Flush stdout; a failed write (full disk) is said, and gives exit status 1, else exit_status. */
int sps_console_close(int exit_status);
#endif
