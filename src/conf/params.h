/* SPDX-License-Identifier: MIT */
#ifndef SPS_CONF_PARAMS_H
#define SPS_CONF_PARAMS_H
/* Parameters live in tables: one row drives the struct's field, the YAML reader, --set key=value, the resolved copy,
 * range checks, --help and the docs.  A table is an X-macro, for example
 *
 *   #define DEMO_PARAMS(X) \
 *       X(epochs, INT, "train.epochs", "30", "", 1, 100000, "passes over the training images", "") \
 *       X(rate,   REAL, "train.rate", "0.001", "", 0, 10, "learning rate of Adam", "Kingma 2015")
 *   struct demo { SPS_PARAMS_STRUCT(DEMO_PARAMS) };
 *   #define SPS_PARAMS_OWNER struct demo
 *   static const struct sps_param demo_params[] = {SPS_PARAMS_TABLE(DEMO_PARAMS)};
 *
 * X(field, TYPE, key, default, unit or choices, min, max, help, source).  A dotted key is a map in a map of the YAML.
 *
 *   INT            a plain decimal whole number: 30
 *   REAL           a finite decimal number, with a unit where the row has one: 0.001, 1e-3, 10 ns
 *   BOOL           true, false
 *   CHOICE         one of the choices
 *   TEXT           UTF-8, quoted in YAML where YAML wants it
 *   REAL_OR_WORD   a number, or one of the words
 *   REALS          numbers: [0.1, 0.2] or 0.1, or one of the words
 *
 * null, hexadecimal, infinite numbers and numbers in quotes are errors. */
#include <stddef.h>
#include <stdint.h>

#include "conf/yaml.h"

enum { SPS_REALS_MAX = 32 };

/* A number, or one of a few words that stand for a rule. */
struct sps_real_or_word {
    double value; /* 0 where a word was given */
    int word;     /* index of the word in the table's choices, -1 for a number */
};
/* A list of numbers (a lone number is a list of one), or one of a few words. */
struct sps_reals {
    double value[SPS_REALS_MAX];
    int count; /* 0 where a word was given */
    int word;
};

typedef int64_t sps_param_INT;
typedef double sps_param_REAL;
typedef int sps_param_BOOL;       /* true, false */
typedef int sps_param_CHOICE;     /* index in the choices */
typedef char sps_param_TEXT[256]; /* at most 255 bytes */
typedef struct sps_real_or_word sps_param_REAL_OR_WORD;
typedef struct sps_reals sps_param_REALS;

enum sps_param_type {
    SPS_PARAM_INT,
    SPS_PARAM_REAL,
    SPS_PARAM_BOOL,
    SPS_PARAM_CHOICE,
    SPS_PARAM_TEXT,
    SPS_PARAM_REAL_OR_WORD,
    SPS_PARAM_REALS
};

struct sps_param {
    const char *key; /* NULL ends a table */
    enum sps_param_type type;
    size_t offset;            /* of the field in the struct */
    const char *default_text; /* as it would stand in YAML */
    const char *unit;         /* SI unit of a number (s A V ohm J m m2 K Hz F W, or ""), or words: "point|scale_vi" */
    double min, max;          /* of numbers, inclusive */
    const char *help;         /* one line */
    const char *source;       /* paper, equation; may be empty */
};

#define SPS_PARAM_FIELD(field, type, ...) sps_param_##type field;
#define SPS_PARAMS_STRUCT(LIST) LIST(SPS_PARAM_FIELD)
#define SPS_PARAM_ROW(field, type, key, def, unit, min, max, help, source)                                             \
    {key, SPS_PARAM_##type, offsetof(SPS_PARAMS_OWNER, field), def, unit, min, max, help, source},
/* Before use: #define SPS_PARAMS_OWNER struct demo.  (A list cannot hand the name of its struct to its rows.) */
#define SPS_PARAMS_TABLE(LIST)                                                                                         \
    LIST(SPS_PARAM_ROW)                                                                                                \
    {                                                                                                                  \
        NULL, SPS_PARAM_INT, 0, NULL, NULL, 0, 0, NULL, NULL                                                           \
    }

/* Set every field to its default.  Cannot fail: tests check every table with sps_params_check(). */
void sps_params_default(const struct sps_param *table, void *target);

/* Read a map: keys not in the table, wrong types, values outside the range and units of the wrong kind fail with line
 * and column (SPS_EFORMAT), and the nearest known key is named.  A value may carry a unit where the row has one. Fields
 * that the map does not name are left alone, and all of them if anything fails.  Several tables can be bound at once (a
 * run has those of data, method, train, ...). */
struct sps_binding {
    const struct sps_param *table;
    void *target;
};
sps_status sps_params_read(const struct sps_binding *bindings, int count, const sps_yaml *yaml,
                           const struct sps_yaml_node *map);

/* "key=value", as given to --set.  The value is read as in YAML, but TEXT is taken as it is.  SPS_EINVAL, with the rule
 * broken. */
sps_status sps_params_set(const struct sps_binding *bindings, int count, const char *assignment);

/* All parameters as YAML text that reads back to the same values; released with sps_free(). */
sps_status sps_params_write(char **out, const struct sps_binding *bindings, int count);

/* One line per parameter for --help and the docs: key, default, range or choices, unit, help, source. */
sps_status sps_params_describe(char **out, const struct sps_binding *bindings, int count);

/* For tests: defaults, units, words and ranges of the rows make sense, and no key is there twice or below another. */
sps_status sps_params_check(const struct sps_binding *bindings, int count);
#endif
