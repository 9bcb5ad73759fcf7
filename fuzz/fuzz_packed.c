/* SPDX-License-Identifier: MIT */
/* Any bytes as a packed model.  What is accepted, can be run and is small must predict: distributions, or a word about
 * numbers that overflow. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "engine/packed.h"
#include "fuzz.h"

enum { PASSES = 5, WORK_MAX = 2000000, SIZE_MAX_BYTES = 1 << 25 };

/* Few numbers in every value and product, so that an input takes no second. */
static int is_small(const struct sps_packed *m)
{
    size_t work = (size_t)m->picks * PASSES;
    for (int i = 0; i < m->op_count; i++) {
        const struct sps_op *op = &m->ops[i];
        const struct sps_value *in = op->from[0] == 0 ? &m->input : &m->ops[op->from[0] - 1].result;
        size_t rows = op->noise < 0 ? 2 : 1 + (size_t)m->noises[op->noise].entries,
               row = op->out > 0 ? sps_op_fan_in(op, in) : 1;
        work += sps_value_size(in) + sps_value_size(&op->result) * rows;
        if (work > WORK_MAX || row * sps_value_size(&op->result) > WORK_MAX)
            return 0;
        work += row * sps_value_size(&op->result);
    }
    return work <= WORK_MAX;
}

static void predict(sps_session *session, const struct sps_model_info *info, enum sps_reading reading,
                    const struct sps_settle *settle)
{
    size_t pixels = (size_t)info->height * (size_t)info->width * (size_t)info->channels,
           classes = (size_t)info->classes, passes = 0;
    const struct sps_predict_options options = {.reading = reading, .samples = PASSES, .seed = 1, .settle = settle};
    if (sps_predict_passes(info, &options, &passes) != SPS_OK || passes > 64)
        return;
    uint8_t *image = malloc(pixels), *picks = malloc(passes * (size_t)info->picks + 1);
    float *p = malloc(passes * classes * sizeof *p);
    uint32_t index = 5, used = 0;
    FUZZ_MUST(image != NULL && picks != NULL && p != NULL);
    for (size_t i = 0; i < pixels; i++)
        image[i] = (uint8_t)(i * 37);
    const struct sps_predictor predictor = sps_session_predictor(session);
    const struct sps_passes out = {.p = p, .picks = picks, .used = &used};
    sps_status status = sps_predict(&predictor, &options, 1, (const uint8_t *const *)&image, &index, &out);
    FUZZ_MUST(status == SPS_OK || status == SPS_EFORMAT || (status == SPS_EUNSUPPORTED && reading == SPS_POINT));
    FUZZ_MUST(status != SPS_OK || (used >= 1 && used <= passes));
    for (size_t t = 0; t < used && status == SPS_OK; t++) {
        double total = 0;
        for (size_t c = 0; c < classes; c++)
            total += (double)p[t * classes + c];
        FUZZ_MUST(fabs(total - 1) < 1e-4);
    }
    free(image);
    free(picks);
    free(p);
}

static void use(const struct sps_packed *packed)
{
    const struct sps_session_options options = {.threads = 1};
    const struct sps_settle settle = {0.9, 1, SPS_ACCEPT_RULE_DEFAULT};
    sps_session *session = NULL;
    size_t bytes = 0;
    sps_packed_class_name(packed, 0);
    if (!is_small(packed) || sps_session_size(&bytes, packed, &options) != SPS_OK || bytes > SIZE_MAX_BYTES)
        return;
    FUZZ_MUST(sps_session_create(&session, packed, &options) == SPS_OK);
    const struct sps_model_info *info = sps_packed_get_info(packed);
    predict(session, info, SPS_SAMPLED, NULL);
    predict(session, info, SPS_SAMPLED, &settle);
    predict(session, info, SPS_EXACT, &settle);
    predict(session, info, SPS_POINT, NULL);
    sps_session_free(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    long live = sps_memory_live();
    struct sps_packed *packed = NULL;
    void *aligned = malloc(size > 0 ? size : 1);
    FUZZ_MUST(aligned != NULL);
    memcpy(aligned, data, size);
    if (sps_packed_parse(&packed, "fuzz", aligned, size) == SPS_OK)
        use(packed);
    sps_packed_close(packed);
    free(aligned);
    FUZZ_MUST(sps_memory_live() == live);
    return 0;
}
