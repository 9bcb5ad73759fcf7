/* SPDX-License-Identifier: MIT */
#ifndef SPS_TEST_H
#define SPS_TEST_H
/* What every test includes: cmocka, and a few checks that say more when they fail. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "spinscale/status.h"

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        sps_status test_status = (call);                                                                               \
        if (test_status != SPS_OK)                                                                                     \
            fail_msg("%s: %s (%s)", #call, sps_last_error(), sps_status_text(test_status));                            \
    } while (0)

/* The call fails with this status, and its message contains these words. */
#define FAILS(call, status, words)                                                                                     \
    do {                                                                                                               \
        assert_int_equal((call), SPS_##status);                                                                        \
        if (strstr(sps_last_error(), words) == NULL)                                                                   \
            fail_msg("%s: message '%s' lacks '%s'", #call, sps_last_error(), words);                                   \
    } while (0)

#define NEAR(a, b, tolerance)                                                                                          \
    do {                                                                                                               \
        double test_a = (a), test_b = (b), test_t = (tolerance);                                                       \
        if (!(fabs(test_a - test_b) <= test_t))                                                                        \
            fail_msg("%s = %.17g, %s = %.17g, apart by more than %g", #a, test_a, #b, test_b, test_t);                 \
    } while (0)
#endif
