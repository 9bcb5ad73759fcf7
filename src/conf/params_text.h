/* SPDX-License-Identifier: MIT */
#ifndef SPS_CONF_PARAMS_TEXT_H
#define SPS_CONF_PARAMS_TEXT_H
/* What reader and writer of parameters share. */
#include "conf/params.h"

enum { SPS_PARAM_KEY = 128, SPS_PARAM_RULE = 512 }; /* bytes, with the closing zero */

/* What the row's value must be, after the words "must be": "a whole number from 1 to 100000".  Gives out back. */
const char *sps_param_rule(char out[SPS_PARAM_RULE], const struct sps_param *row);

/* The value of the row's field as in YAML, released with sps_free(). */
sps_status sps_param_value(char **out, const struct sps_param *row, const void *target);

/* Index of the word in the row's choices, -1 if it is none or the row has none. */
int sps_param_word(const struct sps_param *row, const char *word);
#endif
