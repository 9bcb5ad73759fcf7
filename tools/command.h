/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_COMMAND_H
#define SPS_TOOLS_COMMAND_H
/* A command and its options as data: parsing, --help, the man page and docs/commands.md all read these tables. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "spinscale/status.h"

/* Fields that options fill; a command has them in a struct of its own. */
struct sps_count {
    uint64_t value; /* the default where not given, 0 where there is none */
    int given;
};
struct sps_counts {
    uint64_t *item;
    size_t count;
};
struct sps_texts {
    const char **item;
    size_t count;
};

enum sps_option_type {
    SPS_OPTION_FLAG,   /* int */
    SPS_OPTION_COUNT,  /* struct sps_count, a whole number */
    SPS_OPTION_REAL,   /* double; the table gives a default */
    SPS_OPTION_TEXT,   /* const char *, NULL where not given */
    SPS_OPTION_COUNTS, /* struct sps_counts: takes all whole numbers that follow; may be repeated */
    SPS_OPTION_TEXTS   /* struct sps_texts: one text each time it is given */
};

struct sps_option {
    const char *name; /* long name without dashes; NULL ends a table */
    char letter;      /* short name, or 0 */
    enum sps_option_type type;
    size_t offset;            /* of the field in the command's struct */
    const char *argument;     /* what --help calls the value, NULL for flags */
    const char *default_text; /* as it would be given, or NULL */
    const char *bare_text;    /* TEXT: the value of the option alone (nothing or another option follows), or NULL */
    double min, max;          /* of numbers, inclusive; both 0: no range */
    int inside;               /* the range leaves out its ends */
    int required;
    const char *choice; /* options with the same word here exclude each other, or NULL */
    const char *help;
};

struct sps_command {
    const char *operands; /* of the usage line, "MODEL --data NAME|PATH" */
    int operands_min, operands_max;
    const char *description; /* paragraphs, separated by an empty line */
    const char *examples;    /* command lines, one a line */
    const struct sps_option *options;
    size_t options_bytes; /* of the struct that the options fill */
    /* More text for --help, written to the stream; may be NULL. */
    sps_status (*details)(FILE *out);
    /* The exit status: 0 done, 1 data, model or machine, 2 wrong usage.  Messages go through console.h. */
    int (*run)(const void *options, char *const *operands, int operand_count);
    int spreads; /* knows what to do in several processes (console.h, ranks); others refuse */
};

enum { SPS_OPERANDS_ANY = 1 << 20, SPS_THREADS_MAX = 1024, SPS_SAMPLES_MAX = 1000000 };

/* Rows that several commands share. */
#define SPS_OPTION_JSON(owner)                                                                                         \
    {                                                                                                                  \
        .name = "json", .letter = 'j', .type = SPS_OPTION_FLAG, .offset = offsetof(owner, json),                       \
        .help = "print one JSON object instead of text; undefined values are null"                                     \
    }
#define SPS_OPTION_THREADS(owner)                                                                                      \
    {                                                                                                                  \
        .name = "threads", .letter = 't', .type = SPS_OPTION_COUNT, .offset = offsetof(owner, threads),                \
        .argument = "N", .min = 1, .max = SPS_THREADS_MAX, .help = "threads to use; all cores where not given"         \
    }
#define SPS_OPTION_DATA_SEED(owner)                                                                                    \
    {                                                                                                                  \
        .name = "data-seed", .type = SPS_OPTION_COUNT, .offset = offsetof(owner, data_seed), .argument = "N",          \
        .default_text = "1",                                                                                           \
        .help = "seed of all that is drawn into images (noise, shifts); --seed does not change them, so that every "   \
                "model and every --seed sees the same"                                                                 \
    }

#define SPS_OPTION_DATA_DIR(owner)                                                                                     \
    {                                                                                                                  \
        .name = "data-dir", .type = SPS_OPTION_TEXT, .offset = offsetof(owner, data_dir), .argument = "DIR",           \
        .help = "look for data sets in DIR and nowhere else"                                                           \
    }
#endif
