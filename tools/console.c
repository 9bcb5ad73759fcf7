/* SPDX-License-Identifier: MIT */
#include "console.h"

#include <errno.h>
#include <math.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "spinscale/log.h"

enum { BAR_WIDTH = 24, LINE_MAX_COLUMNS = 250 };

const char *sps_console_command;
int sps_console_quiet;
const sps_ranks *sps_console_ranks;

static int line_drawn;
static double last_drawn = -1.0;
static char unsaid[2048]; /* by a rank that does not talk */

/* A rank that failed waits so long for the others to fail as well. */
static const double PATIENCE = 2; /* s */

static int silent(void)
{
    return sps_console_ranks != NULL && sps_console_ranks->rank > 0;
}

/* One line as a whole: the library may log from any thread. */
static void print_line(const char *prefix, const char *format, va_list args)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    flockfile(stderr);
    sps_console_progress_clear();
    if (silent())
        snprintf(unsaid, sizeof unsaid, "%s", text);
    else
        fprintf(stderr, "spinscale: %s%s%s\n", prefix != NULL ? prefix : "", prefix != NULL ? ": " : "", text);
    funlockfile(stderr);
}

void sps_console_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(sps_console_command, format, args);
    va_end(args);
}

int sps_console_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(sps_console_command, format, args);
    va_end(args);
    return 1;
}

static int usage_hint(void)
{
    if (!silent())
        fprintf(stderr, "Try 'spinscale %s%s--help'.\n", sps_console_command != NULL ? sps_console_command : "",
                sps_console_command != NULL ? " " : "");
    return 2;
}

int sps_console_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(sps_console_command, format, args);
    va_end(args);
    return usage_hint();
}

int sps_console_failed(sps_status status)
{
    sps_console_say("%s", sps_last_error());
    int exit_status = sps_exit_status(status);
    return exit_status == 2 ? usage_hint() : exit_status;
}

static void warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("warning", format, args);
    va_end(args);
}

static void hook(void *user, enum sps_log_level level, const char *text)
{
    (void)user;
    if (level == SPS_LOG_WARNING)
        warn("%s", text);
    else if (!sps_console_quiet)
        sps_console_say("%s", text);
}

void sps_console_open(void)
{
    sps_set_log_hook(hook, NULL);
}

int sps_console_is_terminal(void)
{
    return !silent() && isatty(STDERR_FILENO);
}

int sps_console_progress_due(void)
{
    if (sps_console_quiet || !sps_console_is_terminal())
        return 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    if (last_drawn >= 0.0 && seconds - last_drawn < 0.1)
        return 0;
    last_drawn = seconds;
    return 1;
}

void sps_console_progress(const char *before, double share, const char *after)
{
    char bar[BAR_WIDTH + 1];
    int full = (int)(fmin(fmax(share, 0.0), 1.0) * BAR_WIDTH);
    memset(bar, ' ', BAR_WIDTH);
    memset(bar, '=', (size_t)full);
    if (full < BAR_WIDTH)
        bar[full] = '>';
    bar[BAR_WIDTH] = '\0';

    struct winsize window = {0};
    int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col : 80;
    if (columns > LINE_MAX_COLUMNS)
        columns = LINE_MAX_COLUMNS;
    char line[LINE_MAX_COLUMNS + 1];
    /* One column less than the terminal has: a line that fills it would wrap and could not be drawn over. */
    snprintf(line, (size_t)columns, "%s [%s] %s", before, bar, after);
    flockfile(stderr);
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
    line_drawn = 1;
    funlockfile(stderr);
}

void sps_console_progress_clear(void)
{
    flockfile(stderr);
    if (line_drawn)
        fputs("\r\033[K", stderr);
    line_drawn = 0;
    funlockfile(stderr);
}

void sps_console_duration(char text[32], double seconds)
{
    if (!(seconds >= 0.0 && seconds < 1e7)) {
        snprintf(text, 32, "? s");
        return;
    }
    long s = lround(seconds);
    if (s >= 3600)
        snprintf(text, 32, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(text, 32, "%ld min %02ld s", s / 60, s % 60);
    else
        snprintf(text, 32, "%ld s", s);
}

/* ---- several processes ---- */

int sps_console_writes(void)
{
    return !silent();
}

int sps_console_threads(uint64_t given)
{
    return given > 0 || sps_console_ranks == NULL ? (int)given : sps_ranks_threads(sps_console_ranks);
}

int sps_console_join(void)
{
    sps_status status = sps_ranks_open(&sps_console_ranks);
    if (status != SPS_OK)
        return sps_console_failed(status);
    if (silent() && freopen("/dev/null", "w", stdout) == NULL)
        return sps_console_error("cannot open /dev/null: %s", strerror(errno));
    return 0;
}

int sps_console_leave(int exit_status)
{
    const sps_ranks *ranks = sps_console_ranks;
    if (ranks == NULL)
        return exit_status;
    int all = ranks->meet(ranks, exit_status == 0 ? -1 : PATIENCE), told = exit_status;
    if (all)
        ranks->broadcast(ranks, &told, sizeof told);
    if (silent() && exit_status != 0 && (!all || told == 0))
        fprintf(stderr, "spinscale: rank %d: %s\n", ranks->rank, unsaid);
    if (!all)
        ranks->abort(ranks, exit_status);
    sps_ranks_close(ranks);
    sps_console_ranks = NULL;
    return exit_status;
}

int sps_console_close(int exit_status)
{
    sps_console_progress_clear();
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit_status;
    char reason[256] = "write error";
    if (errno == 0) { /* it failed earlier, while the buffer filled: once more, for the reason */
        clearerr(stdout);
        putchar('\n');
        fflush(stdout);
    }
    if (errno != 0)
        snprintf(reason, sizeof reason, "%s", strerror(errno));
    reason[0] = (char)tolower((unsigned char)reason[0]);
    return sps_console_error("cannot write to standard output: %s", reason);
}
