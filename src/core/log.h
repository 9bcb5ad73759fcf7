/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_LOG_H
#define SPS_CORE_LOG_H
#include "spinscale/log.h"

/* Give one line to the program's hook, if there is one. */
__attribute__((format(printf, 2, 3))) void sps_log(enum sps_log_level level, const char *format, ...);
#endif
