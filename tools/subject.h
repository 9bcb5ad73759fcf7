/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_SUBJECT_H
#define SPS_TOOLS_SUBJECT_H
/* The model that a command was given: a packed one, or what training left (packed in memory, or run by the training
 * graph). */
#include "command.h"
#include "reading.h"
#include "spinscale/calibration.h"
#include "training.h"

struct sps_subject {
    struct sps_predictor predictor;
    const char *path;   /* the file that was read */
    const char *engine; /* "packed" or "graph" */
    sps_packed *packed;
    sps_session *session;
    const struct sps_training *training;
    sps_model *model;
};

#define SPS_OPTION_ENGINE(owner)                                                                                       \
    {                                                                                                                  \
        .name = "engine", .type = SPS_OPTION_TEXT, .offset = offsetof(owner, engine), .argument = "packed|graph",      \
        .help = "what computes: the packed engine (the default), or the training graph, its oracle; both give the "    \
                "same numbers"                                                                                         \
    }

/* engine may be NULL; options are the session's.  0, or an exit status after a message.  Release with close, also after
 * a failure. */
int sps_subject_open(struct sps_subject *subject, const char *path, const char *engine,
                     const struct sps_session_options *options);
void sps_subject_close(struct sps_subject *subject);

/* NULL where the model has none, or the reading leaves it out. */
const struct sps_model_calibration *sps_subject_calibration(const struct sps_subject *subject,
                                                            const struct sps_reading_options *reading);

/* Share of bits that differ between bank entries (spinscale/engine.h). */
sps_status sps_subject_flips(double *share, struct sps_subject *subject, size_t n, const uint8_t *const *images,
                             uint64_t seed);
#endif
