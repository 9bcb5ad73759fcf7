/* SPDX-License-Identifier: MIT */
#ifndef SPS_CONF_NUMBER_H
#define SPS_CONF_NUMBER_H
/* Decimal numbers in text, whatever the locale: always a point, no hexadecimal, no infinities, no separators. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes at the start of text that form a decimal number ("-1", ".5", "2.5e-3"); 0 if there is none. */
size_t sps_number_length(const char *text);

/* The number in the first length bytes, as sps_number_length() found it, times 10^power, rounded once: 10 and -9 is
 * 1e-8 itself.  False where the result is not finite or the number has more than 400 characters. */
bool sps_number_real(double *out, const char *text, size_t length, int power);

/* All of text is a whole number, without exponent and leading zeros, that fits. */
bool sps_number_whole(int64_t *out, const char *text);

/* The shortest text that reads back as value, which is finite. */
enum { SPS_NUMBER_TEXT = 40 };
const char *sps_number_print(char out[SPS_NUMBER_TEXT], double value);

/* The power of ten that prefix and unit mean in a place that wants unit ("ns" for "s" is -9, "um2" for "m2" -12).
 * False where text is of another kind. */
bool sps_unit_power(int *power, const char *text, const char *unit);

/* Units that parameters may have: s, A, V, ohm, J, m, m2, K, Hz, F, W, or "" for none. */
bool sps_unit_known(const char *unit);
#endif
