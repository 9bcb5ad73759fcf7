/* SPDX-License-Identifier: MIT */
#ifndef SPS_CORE_ERROR_H
#define SPS_CORE_ERROR_H
#include "spinscale/status.h"

enum { SPS_ERROR_BYTES = 1024 }; /* room for the longest sentence */

/* Store the sentence for sps_last_error() and give the status back. */
__attribute__((format(printf, 2, 3))) sps_status sps_fail(sps_status status, const char *format, ...);

/* Put words in front of the stored sentence: "line 3: " + "unknown key 'x'". */
__attribute__((format(printf, 2, 3))) sps_status sps_fail_in(sps_status status, const char *format, ...);

/* SPS_FAIL(EINVAL, "samples is %d, must be at least 1", n): states the value and the rule it broke. */
#define SPS_FAIL(code, ...) return sps_fail(SPS_##code, __VA_ARGS__)

/* Forward a failure. */
#define SPS_TRY(call)                                                                                                  \
    do {                                                                                                               \
        sps_status sps_try_status = (call);                                                                            \
        if (sps_try_status != SPS_OK)                                                                                  \
            return sps_try_status;                                                                                     \
    } while (0)

/* The same where something has to be released: sets `status` and jumps to `out`. */
#define SPS_TRY_OUT(call)                                                                                              \
    do {                                                                                                               \
        status = (call);                                                                                               \
        if (status != SPS_OK)                                                                                          \
            goto out;                                                                                                  \
    } while (0)
#endif
