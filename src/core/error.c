/* SPDX-License-Identifier: MIT */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last_error[SPS_ERROR_BYTES] = "no error";

sps_status sps_fail(sps_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(last_error, sizeof last_error, format, args);
    va_end(args);
    return status;
}

sps_status sps_fail_in(sps_status status, const char *format, ...)
{
    char old[sizeof last_error];
    memcpy(old, last_error, sizeof old);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(last_error, sizeof last_error, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof last_error)
        snprintf(last_error + n, sizeof last_error - (size_t)n, "%s", old);
    return status;
}

const char *sps_last_error(void)
{
    return last_error;
}

const char *sps_status_text(sps_status status)
{
    switch (status) {
#define SPS_STATUS_CASE(name, exit_status, text)                                                                       \
    case SPS_##name:                                                                                                   \
        return text;
        SPS_STATUS_LIST(SPS_STATUS_CASE)
#undef SPS_STATUS_CASE
    }
    return "unknown status";
}

int sps_exit_status(sps_status status)
{
    switch (status) {
#define SPS_STATUS_CASE(name, exit_status, text)                                                                       \
    case SPS_##name:                                                                                                   \
        return exit_status;
        SPS_STATUS_LIST(SPS_STATUS_CASE)
#undef SPS_STATUS_CASE
    }
    return 1;
}

const char *sps_version(void)
{
    return SPS_VERSION;
}
