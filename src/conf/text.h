/* SPDX-License-Identifier: MIT */
#ifndef SPS_CONF_TEXT_H
#define SPS_CONF_TEXT_H
/* Small helpers for text that people wrote: shown in messages, guessed at, checked. */
#include <stddef.h>
#include <stdint.h>

/* The start of text as it may stand in a message: bytes that would steer a terminal are '?', a long text ends in "...".
 * Gives out back. */
enum { SPS_EXCERPT = 64 };
const char *sps_excerpt(char out[SPS_EXCERPT], const char *text);

/* The number of insertions, deletions, replacements and swaps of neighbours that turn a into b.  Texts longer than 64
 * bytes are SPS_FAR from everything.  Source: the "optimal string alignment" form of Damerau 1964, Levenshtein 1966. */
enum { SPS_FAR = 1000 };
int sps_edit_distance(const char *a, size_t a_length, const char *b, size_t b_length);

/* Bytes of the UTF-8 sequence at text (a string), and its code point; 0 if it is not valid UTF-8. */
int sps_utf8_next(uint32_t *code, const char *text);

int sps_utf8_valid(const char *text);
#endif
