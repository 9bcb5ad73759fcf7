/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_READING_H
#define SPS_TOOLS_READING_H
/* How a model is read, an option of eval and predict: T sampled paths, all paths, or the deterministic reading. */
#include "command.h"
#include "spinscale/predict.h"

struct sps_reading_options {
    struct sps_count samples, seed, threads;
    int exact, point, shared_paths, uncalibrated;
    const char *until;
    double confidence;
};

#define SPS_OPTIONS_PASSES(owner)                                                                                      \
    {.name = "samples",                                                                                                \
     .letter = 'T',                                                                                                    \
     .type = SPS_OPTION_COUNT,                                                                                         \
     .offset = offsetof(owner, reading.samples),                                                                       \
     .argument = "T",                                                                                                  \
     .default_text = "20",                                                                                             \
     .min = 1,                                                                                                         \
     .max = SPS_SAMPLES_MAX,                                                                                           \
     .choice = "reading",                                                                                              \
     .help = "passes per image, each along a path drawn at random"},                                                   \
        {.name = "exact",                                                                                              \
         .letter = 'x',                                                                                                \
         .type = SPS_OPTION_FLAG,                                                                                      \
         .offset = offsetof(owner, reading.exact),                                                                     \
         .choice = "reading",                                                                                          \
         .help = "walk all paths, weighted by their probability; refused where there are too many"},                   \
        {.name = "point",                                                                                              \
         .type = SPS_OPTION_FLAG,                                                                                      \
         .offset = offsetof(owner, reading.point),                                                                     \
         .choice = "reading",                                                                                          \
         .help = "one deterministic pass: nothing dropped, the posterior's mean"},                                     \
    {                                                                                                                  \
        .name = "seed", .letter = 's', .type = SPS_OPTION_COUNT, .offset = offsetof(owner, reading.seed),              \
        .argument = "N", .default_text = "1", .help = "seed of the paths; same seed, same numbers"                     \
    }
#define SPS_OPTION_SHARED_PATHS(owner)                                                                                 \
    {                                                                                                                  \
        .name = "shared-paths", .type = SPS_OPTION_FLAG, .offset = offsetof(owner, reading.shared_paths),              \
        .help = "all images take the same paths (those of image 0)"                                                    \
    }
#define SPS_OPTION_UNCALIBRATED(owner)                                                                                 \
    {                                                                                                                  \
        .name = "uncalibrated", .type = SPS_OPTION_FLAG, .offset = offsetof(owner, reading.uncalibrated),              \
        .help = "leave out the model's temperature and thresholds (spinscale calibrate)"                               \
    }
#define SPS_OPTION_READING_THREADS(owner)                                                                              \
    {                                                                                                                  \
        .name = "threads", .letter = 't', .type = SPS_OPTION_COUNT, .offset = offsetof(owner, reading.threads),        \
        .argument = "N", .min = 1, .max = SPS_THREADS_MAX, .help = "threads to use; all cores where not given"         \
    }
#define SPS_OPTIONS_READING(owner)                                                                                     \
    SPS_OPTIONS_PASSES(owner), SPS_OPTION_SHARED_PATHS(owner), SPS_OPTION_UNCALIBRATED(owner),                         \
        {.name = "until",                                                                                              \
         .type = SPS_OPTION_TEXT,                                                                                      \
         .offset = offsetof(owner, reading.until),                                                                     \
         .argument = "settled",                                                                                        \
         .help = "end an image's passes when more would not change its class: for certain with --exact, by a "         \
                 "sequential test otherwise; settled-verdict also waits for the verdict of the accept rule"},          \
        {.name = "confidence",                                                                                         \
         .type = SPS_OPTION_REAL,                                                                                      \
         .offset = offsetof(owner, reading.confidence),                                                                \
         .argument = "C",                                                                                              \
         .default_text = "0.99",                                                                                       \
         .min = 0,                                                                                                     \
         .max = 1,                                                                                                     \
         .inside = 1,                                                                                                  \
         .help = "of that test: the share of images, at least, whose answer is that of infinitely many passes"},       \
        SPS_OPTION_READING_THREADS(owner)

/* 0, or the exit status of wrong usage after a message.  *settle is set where --until was given. */
int sps_reading_settle(struct sps_settle *settle, const struct sps_reading_options *options,
                       const struct sps_accept_rule *rule);

static inline struct sps_predict_options sps_reading(const struct sps_reading_options *options)
{
    struct sps_predict_options predict = SPS_PREDICT_OPTIONS_DEFAULT;
    predict.reading = options->exact ? SPS_EXACT : options->point ? SPS_POINT : SPS_SAMPLED;
    predict.samples = (uint32_t)options->samples.value;
    predict.seed = options->seed.value;
    predict.threads = (int)options->threads.value;
    predict.shared_paths = options->shared_paths;
    predict.temperature = options->uncalibrated ? 1 : 0;
    return predict;
}

static inline const char *sps_reading_name(enum sps_reading reading)
{
    return reading == SPS_EXACT ? "exact" : reading == SPS_POINT ? "point" : "sampled";
}
#endif
