/* SPDX-License-Identifier: MIT */
#include "models.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "spinscale/data.h"

static int hash_files(struct sps_models *m)
{
    for (size_t k = 0; k < m->count; k++) {
        size_t bytes = 0;
        sps_status status = sps_hash_file(m->hash[k], &bytes, m->member[k].path);
        if (status != SPS_OK)
            return sps_console_failed(status);
        m->bytes += bytes;
    }
    if (m->count == 1) {
        memcpy(m->sha256, m->hash[0], sizeof m->sha256);
        return 0;
    }
    for (size_t k = 0; k < m->count; k++) /* lines, as sha256sum would read them from a file */
        m->hash[k][64] = '\n';
    sps_hash_bytes(m->sha256, m->hash, m->count * sizeof *m->hash);
    for (size_t k = 0; k < m->count; k++)
        m->hash[k][64] = '\0';
    return 0;
}

static int join(struct sps_models *m)
{
    struct sps_predictor *predictors = calloc(m->count, sizeof *predictors);
    if (predictors == NULL)
        return sps_console_error("out of memory");
    for (size_t k = 0; k < m->count; k++) {
        predictors[k] = m->member[k].predictor;
        if (strcmp(m->member[k].engine, m->engine) != 0)
            m->engine = "packed and graph";
    }
    sps_status status = sps_ensemble_create(&m->ensemble, predictors, m->path, m->count);
    free(predictors);
    if (status != SPS_OK)
        return sps_console_error("%s", sps_last_error()); /* the models do not fit: data, not usage */
    m->predictor = sps_ensemble_predictor(m->ensemble);
    return 0;
}

int sps_models_open(struct sps_models *m, const char *const *paths, size_t count, const char *engine,
                    const struct sps_session_options *options)
{
    *m = (struct sps_models){.count = count,
                             .member = calloc(count, sizeof *m->member),
                             .path = calloc(count, sizeof *m->path),
                             .hash = calloc(count, sizeof *m->hash)};
    if (m->member == NULL || m->path == NULL || m->hash == NULL)
        return sps_console_error("out of memory");
    memcpy(m->path, paths, count * sizeof *paths);
    int failed = 0;
    while (failed == 0 && m->opened < count) {
        failed = sps_subject_open(&m->member[m->opened], paths[m->opened], engine, options);
        m->opened++;
    }
    if (failed != 0)
        return failed;
    m->predictor = m->member[0].predictor;
    m->engine = m->member[0].engine;
    failed = count > 1 ? join(m) : 0;
    m->shared = (struct sps_shared){m->predictor, sps_console_ranks};
    m->predictor = sps_shared_predictor(&m->shared);
    return failed != 0 ? failed : hash_files(m);
}

void sps_models_close(struct sps_models *m)
{
    sps_ensemble_free(m->ensemble);
    for (size_t k = 0; k < m->opened; k++)
        sps_subject_close(&m->member[k]);
    free(m->member);
    free(m->path);
    free(m->hash);
    *m = (struct sps_models){0};
}

void sps_models_report(struct sps_cli_report *report, const struct sps_models *m)
{
    if (m->count == 1) {
        sps_cli_report_text(report, "model", m->path[0]);
        return;
    }
    const char **hashes = calloc(m->count, sizeof *hashes);
    for (size_t k = 0; k < m->count && hashes != NULL; k++)
        hashes[k] = m->hash[k];
    sps_cli_report_text(report, "model", "ensemble");
    sps_cli_report_texts(report, "models", m->path, m->count);
    sps_cli_report_texts(report, "models_sha256", hashes, hashes != NULL ? m->count : 0);
    report->failed |= hashes == NULL;
    free(hashes);
}
