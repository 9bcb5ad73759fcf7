/* SPDX-License-Identifier: MIT */
#ifndef SPS_REPORT_WRITER_H
#define SPS_REPORT_WRITER_H
/* A text that grows.  The first failure stays, and all later writing does nothing; numbers are written as the "C"
 * locale has them, whatever the program's. */
#include <locale.h>
#include <stddef.h>

#include "core/error.h"

struct sps_writer {
    char *text; /* ends with a zero byte once something is written */
    size_t used, room;
    sps_status status;
    char message[256]; /* of the failure */
};

void sps_writer_reset(struct sps_writer *w);
/* Keeps the first failure, with sps_last_error(). */
void sps_writer_fail(struct sps_writer *w, sps_status status);
/* The failure once more, for the caller; SPS_OK where there is none. */
sps_status sps_writer_status(const struct sps_writer *w);

__attribute__((format(printf, 2, 3))) void sps_write(struct sps_writer *w, const char *format, ...);
void sps_write_raw(struct sps_writer *w, const char *text);
void sps_write_bytes(struct sps_writer *w, const char *bytes, size_t count);
/* Escaped for XML and HTML.  What XML cannot hold, and what is no UTF-8, becomes U+FFFD. */
void sps_write_text(struct sps_writer *w, const char *text);
/* At most so many characters, the last an ellipsis where some are left out. */
void sps_write_short(struct sps_writer *w, const char *text, size_t characters);
void sps_write_number(struct sps_writer *w, double value, int digits);

/* Bytes of the UTF-8 character here that XML can hold; 0 where there is none. */
size_t sps_character(const char *text);
size_t sps_characters(const char *text); /* of UTF-8, roughly: bytes that start one */
#endif
