/* SPDX-License-Identifier: MIT */
#include "core/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static sps_log_hook log_hook;
static void *log_user;

void sps_set_log_hook(sps_log_hook hook, void *user)
{
    log_hook = hook;
    log_user = user;
}

void sps_log(enum sps_log_level level, const char *format, ...)
{
    if (log_hook == NULL)
        return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_hook(log_user, level, text);
}
