/* SPDX-License-Identifier: MIT */
/* strtod() and printf() follow the locale that the calling program may have set, and a locale may write 1,5.  So
 * numbers are checked against our own grammar, and the point is exchanged for the locale's on the way in and out.
 * Switching the locale would be the other way, but that can fail and is seen by other threads or needs a handle. */
#include "conf/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINT = 16 };

/* The locale's decimal point; printf() tells it, thread-safe unlike localeconv(). */
static void locale_point(char out[POINT])
{
    char probe[POINT + 2];
    int n = snprintf(probe, sizeof probe, "%.1f", 0.5);
    if (n < 3 || n >= (int)sizeof probe)
        n = snprintf(probe, sizeof probe, "0.5");
    memcpy(out, probe + 1, (size_t)n - 2);
    out[n - 2] = 0;
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* Without the exponent. */
static size_t mantissa_length(const char *text)
{
    size_t n = *text == '+' || *text == '-';
    size_t whole = digits(text + n), fraction = 0;
    n += whole;
    if (text[n] == '.') {
        fraction = digits(text + n + 1);
        n += 1 + fraction;
    }
    return whole + fraction > 0 ? n : 0;
}

size_t sps_number_length(const char *text)
{
    size_t n = mantissa_length(text);
    if (n > 0 && (text[n] == 'e' || text[n] == 'E')) {
        size_t sign = text[n + 1] == '+' || text[n + 1] == '-';
        size_t exponent = digits(text + n + 1 + sign);
        if (exponent > 0)
            n += 1 + sign + exponent;
    }
    return n;
}

bool sps_number_real(double *out, const char *text, size_t length, int power)
{
    enum { LONGEST = 400 };
    char point[POINT], number[LONGEST + POINT + 24];
    if (length > LONGEST)
        return false;
    size_t mantissa = mantissa_length(text), n = 0;
    /* Saturates far outside of what a double can be, whatever the mantissa's length. */
    long exponent = length > mantissa ? strtol(text + mantissa + 1, NULL, 10) : 0;
    exponent = (exponent > 100000 ? 100000 : exponent < -100000 ? -100000 : exponent) + power;
    locale_point(point);
    for (size_t i = 0; i < mantissa; i++)
        if (text[i] == '.') {
            memcpy(number + n, point, strlen(point));
            n += strlen(point);
        } else {
            number[n++] = text[i];
        }
    snprintf(number + n, sizeof number - n, "e%ld", exponent);
    double value = strtod(number, NULL);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

bool sps_number_whole(int64_t *out, const char *text)
{
    int negative = *text == '-';
    const char *p = text + (negative || *text == '+');
    if (*p == 0 || p[digits(p)] != 0 || (*p == '0' && p[1] != 0))
        return false;
    int64_t value = 0; /* built up negative, where there is one more value */
    for (; *p; p++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, *p - '0', &value))
            return false;
    if (!negative && value == INT64_MIN)
        return false;
    *out = negative ? value : -value;
    return true;
}

const char *sps_number_print(char out[SPS_NUMBER_TEXT], double value)
{
    char point[POINT];
    locale_point(point);
    for (int precision = 15; precision <= 17; precision++) { /* 15 digits always survive; %g drops zeros */
        snprintf(out, SPS_NUMBER_TEXT, "%.*g", precision, value);
        char *found = strstr(out, point);
        if (found != NULL) {
            *found = '.';
            memmove(found + 1, found + strlen(point), strlen(found + strlen(point)) + 1);
        }
        double back = 0;
        if (sps_number_real(&back, out, sps_number_length(out), 0) && back == value)
            break;
    }
    return out;
}

static const char *const units[] = {"", "s", "A", "V", "ohm", "J", "m", "m2", "K", "Hz", "F", "W"};

bool sps_unit_known(const char *unit)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i], unit) == 0)
            return true;
    return false;
}

bool sps_unit_power(int *power, const char *text, const char *unit)
{
    static const struct {
        char letter;
        int power;
    } prefixes[] = {{'f', -15}, {'p', -12}, {'n', -9}, {'u', -6}, {'m', -3}, {'k', 3}, {'M', 6}, {'G', 9}};
    if (*unit == 0)
        return false;
    if (strcmp(text, unit) == 0) {
        *power = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (text[0] == prefixes[i].letter && strcmp(text + 1, unit) == 0) {
            *power = prefixes[i].power * (strcmp(unit, "m2") == 0 ? 2 : 1); /* the prefix is squared, too */
            return true;
        }
    return false;
}
