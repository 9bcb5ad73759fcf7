/* SPDX-License-Identifier: MIT */
#include "subject.h"

#include <string.h>

#include "console.h"

static int open_session(struct sps_subject *s, const struct sps_session_options *options)
{
    sps_status status = sps_session_create(&s->session, s->packed, options);
    if (status != SPS_OK)
        return sps_console_failed(status);
    s->predictor = sps_session_predictor(s->session);
    s->engine = "packed";
    return 0;
}

static int open_graph(struct sps_subject *s)
{
    s->predictor = s->training->predictor(s->model);
    s->engine = "graph";
    return 0;
}

static int open_trained(struct sps_subject *s, const char *path, const char *engine,
                        const struct sps_session_options *options)
{
    s->training = sps_program_training();
    if (s->training == NULL)
        return 1;
    sps_status status = s->training->open(&s->model, path);
    if (status != SPS_OK)
        return sps_console_failed(status);
    s->path = s->training->path(s->model);
    if (engine != NULL && strcmp(engine, "graph") == 0)
        return open_graph(s);
    status = s->training->pack(&s->packed, s->model);
    if (status == SPS_EUNSUPPORTED && engine == NULL) {
        sps_console_say("%s; using the training graph", sps_last_error());
        return open_graph(s);
    }
    return status == SPS_OK ? open_session(s, options) : sps_console_failed(status);
}

int sps_subject_open(struct sps_subject *s, const char *path, const char *engine,
                     const struct sps_session_options *options)
{
    *s = (struct sps_subject){.path = path};
    if (engine != NULL && strcmp(engine, "packed") != 0 && strcmp(engine, "graph") != 0)
        return sps_console_usage("--engine is '%s', must be packed or graph", engine);
    if (!sps_packed_is(path))
        return open_trained(s, path, engine, options);
    if (engine != NULL && strcmp(engine, "graph") == 0)
        return sps_console_error("'%s' is a packed model, it has no training graph; give the model it was packed from",
                                 path);
    sps_status status = sps_packed_open(&s->packed, path);
    return status == SPS_OK ? open_session(s, options) : sps_console_failed(status);
}

void sps_subject_close(struct sps_subject *s)
{
    sps_session_free(s->session);
    sps_packed_close(s->packed);
    if (s->training != NULL)
        s->training->close(s->model);
    *s = (struct sps_subject){0};
}

const struct sps_model_calibration *sps_subject_calibration(const struct sps_subject *s,
                                                            const struct sps_reading_options *reading)
{
    return s->packed != NULL && !reading->uncalibrated ? sps_packed_calibration(s->packed) : NULL;
}

sps_status sps_subject_flips(double *share, struct sps_subject *s, size_t n, const uint8_t *const *images,
                             uint64_t seed)
{
    return s->session != NULL ? sps_session_flips(share, s->session, n, images, NULL, seed)
                              : s->training->flips(share, s->model, n, images, NULL, seed);
}
