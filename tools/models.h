/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_MODELS_H
#define SPS_TOOLS_MODELS_H
/* One model, or several that predict as one: a deep ensemble (spinscale/ensemble.h).  Under mpirun the processes share
 * out the images. */
#include "report.h"
#include "spinscale/ensemble.h"
#include "spinscale/shared.h"
#include "subject.h"

struct sps_models {
    struct sps_predictor predictor;
    size_t count, opened;
    struct sps_subject *member; /* [count] */
    const char **path;          /* [count] as given; the caller's */
    const char *engine;         /* "packed", "graph", or both */
    char (*hash)[65];           /* [count] SHA-256 of each file */
    char sha256[65];            /* of the file; of an ensemble's hashes, one a line */
    size_t bytes;               /* of all files */
    sps_ensemble *ensemble;     /* NULL: one model */
    struct sps_shared shared;   /* over the processes that mpirun started */
};

/* engine may be NULL; options are the sessions'.  0, or an exit status after a message.  Release with close, also after
 * a failure. */
int sps_models_open(struct sps_models *models, const char *const *paths, size_t count, const char *engine,
                    const struct sps_session_options *options);
void sps_models_close(struct sps_models *models);

/* Rows "model", and of an ensemble "models" and "models_sha256". */
void sps_models_report(struct sps_cli_report *report, const struct sps_models *models);
#endif
