/* SPDX-License-Identifier: MIT */
/* Temperature and thresholds of a packed model: what must hold of them, and their JSON text. */
#include "engine/calibration.h"

#include <math.h>
#include <string.h>

#include "engine/json.h"

static const char *const readings[] = {[SPS_SAMPLED] = "sampled", [SPS_EXACT] = "exact", [SPS_POINT] = "point"};
static const char *const promises[] = {[SPS_PROMISE_COVERAGE] = "coverage", [SPS_PROMISE_ERROR] = "error"};
enum { READINGS = sizeof readings / sizeof *readings, PROMISES = sizeof promises / sizeof *promises };

/* ---- what must hold ---- */

static int is_share(double x)
{
    return x > 0 && x < 1;
}

/* Every score of a summary is a number for a summary of zeros. */
static int is_known(const char *score)
{
    const struct sps_summary zeros = {0};
    return !isnan(sps_score_of(score, &zeros));
}

static sps_status check_abstention(const struct sps_abstention *a)
{
    if (memchr(a->score, 0, sizeof a->score) == NULL || !is_known(a->score))
        SPS_FAIL(EINVAL, "its score is unknown, or needs logits");
    if ((int)a->promise < 0 || (int)a->promise >= PROMISES)
        SPS_FAIL(EINVAL, "its promise is %d, must be 0 to %d", (int)a->promise, PROMISES - 1);
    if (!is_share(a->level))
        SPS_FAIL(EINVAL, "its level is %g, must be between 0 and 1", a->level);
    if (a->promise == SPS_PROMISE_ERROR ? !is_share(a->confidence) : a->confidence != 0)
        SPS_FAIL(EINVAL, "its confidence is %g, must be between 0 and 1 for an error, 0 for a coverage", a->confidence);
    if (isnan(a->threshold))
        SPS_FAIL(EINVAL, "its threshold is no number");
    return SPS_OK;
}

static sps_status check(const struct sps_model_calibration *c)
{
    if (!(c->temperature >= 1 / SPS_TEMPERATURE_MAX && c->temperature <= SPS_TEMPERATURE_MAX))
        SPS_FAIL(EINVAL, "temperature is %g, must be 1/64 to 64", c->temperature);
    if (c->images < 1 || c->images > INT32_MAX)
        SPS_FAIL(EINVAL, "images is %zu, must be 1 to %d", c->images, INT32_MAX);
    if ((int)c->reading < 0 || (int)c->reading >= READINGS)
        SPS_FAIL(EINVAL, "reading is %d, must be 0 to %d", (int)c->reading, READINGS - 1);
    if (c->samples < 1 || c->samples > SPS_PREDICT_SAMPLES_MAX)
        SPS_FAIL(EINVAL, "samples is %u, must be 1 to %d", c->samples, SPS_PREDICT_SAMPLES_MAX);
    if (!(c->quantile >= 0 && c->quantile <= 1))
        SPS_FAIL(EINVAL, "quantile is %g, must be 0 to 1", c->quantile);
    if (c->count < 0 || c->count > SPS_ABSTENTIONS_MAX)
        SPS_FAIL(EINVAL, "%d thresholds, must be at most %d", c->count, SPS_ABSTENTIONS_MAX);
    for (int i = 0; i < c->count; i++) {
        sps_status status = check_abstention(&c->abstention[i]);
        if (status != SPS_OK)
            return sps_fail_in(status, "threshold %d: ", i);
    }
    return SPS_OK;
}

sps_status sps_packed_calibrate(sps_packed *packed, const struct sps_model_calibration *calibration)
{
    struct sps_model_calibration *copy = NULL;
    if (calibration != NULL) {
        SPS_TRY(check(calibration));
        SPS_TRY(sps_packed_alloc(&copy, packed, 1, sizeof *copy, "a calibration"));
        *copy = *calibration;
    }
    packed->calibration = copy;
    packed->info.temperature = copy != NULL ? copy->temperature : 1;
    return SPS_OK;
}

const struct sps_model_calibration *sps_packed_calibration(const sps_packed *packed)
{
    return packed->calibration;
}

int sps_abstention_accepts(const struct sps_abstention *abstention, const struct sps_summary *summary)
{
    return sps_score_of(abstention->score, summary) <= abstention->threshold;
}

/* ---- reading ---- */

static sps_status number(double *out, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        SPS_FAIL(EFORMAT, "'%s' must be a number", key);
    *out = json_number_value(value);
    return SPS_OK;
}

static sps_status count(uint32_t *out, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > INT32_MAX)
        SPS_FAIL(EFORMAT, "'%s' must be a whole number from 0 to %d", key, INT32_MAX);
    *out = (uint32_t)json_integer_value(value);
    return SPS_OK;
}

static sps_status word(int *out, const json_t *object, const char *key, const char *const *words, int words_count)
{
    const char *text = json_string_value(json_object_get(object, key));
    for (int i = 0; i < words_count && text != NULL; i++)
        if (strcmp(text, words[i]) == 0) {
            *out = i;
            return SPS_OK;
        }
    SPS_FAIL(EFORMAT, "'%s' is '%s', which is unknown to this version", key, text != NULL ? text : "");
}

/* JSON has no infinity. */
static sps_status threshold(double *out, const json_t *object)
{
    const char *text = json_string_value(json_object_get(object, "threshold"));
    if (text == NULL)
        return number(out, object, "threshold");
    if (strcmp(text, "inf") != 0 && strcmp(text, "-inf") != 0)
        SPS_FAIL(EFORMAT, "'threshold' must be a number, \"inf\" or \"-inf\"");
    *out = text[0] == '-' ? -INFINITY : INFINITY;
    return SPS_OK;
}

static sps_status read_abstention(struct sps_abstention *a, json_t *object)
{
    static const char *const keys[] = {"score", "promise", "level", "confidence", "threshold", NULL};
    const char *score = json_string_value(json_object_get(object, "score"));
    int promise = 0;
    *a = (struct sps_abstention){.confidence = 0};
    if (score == NULL || strlen(score) >= sizeof a->score)
        SPS_FAIL(EFORMAT, "'score' must be text of at most %zu bytes", sizeof a->score - 1);
    memcpy(a->score, score, strlen(score));
    SPS_TRY(sps_known_keys(object, keys));
    SPS_TRY(word(&promise, object, "promise", promises, PROMISES));
    a->promise = (enum sps_promise)promise;
    SPS_TRY(number(&a->level, object, "level"));
    if (json_object_get(object, "confidence") != NULL)
        SPS_TRY(number(&a->confidence, object, "confidence"));
    return threshold(&a->threshold, object);
}

/* Thresholds on scores that this version does not know are passed over: no probability depends on them. */
static sps_status read_calibration(struct sps_model_calibration *c, json_t *object)
{
    static const char *const keys[] = {"temperature", "images", "reading", "samples", "quantile", "thresholds", NULL};
    json_t *list = json_object_get(object, "thresholds");
    uint32_t images = 0;
    int reading = 0;
    if (!json_is_array(list) || json_array_size(list) > SPS_ABSTENTIONS_MAX)
        SPS_FAIL(EFORMAT, "it has no list 'thresholds' of at most %d", SPS_ABSTENTIONS_MAX);
    SPS_TRY(sps_known_keys(object, keys));
    SPS_TRY(number(&c->temperature, object, "temperature"));
    SPS_TRY(count(&images, object, "images"));
    c->images = images;
    SPS_TRY(word(&reading, object, "reading", readings, READINGS));
    c->reading = (enum sps_reading)reading;
    SPS_TRY(count(&c->samples, object, "samples"));
    SPS_TRY(number(&c->quantile, object, "quantile"));
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct sps_abstention *a = &c->abstention[c->count];
        sps_status status = read_abstention(a, json_array_get(list, i));
        if (status != SPS_OK)
            return sps_fail_in(status, "threshold %zu: ", i);
        c->count += is_known(a->score);
    }
    return SPS_OK;
}

sps_status sps_calibration_read(struct sps_packed *packed, const char *text)
{
    struct sps_model_calibration c = {.count = 0};
    json_error_t error;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        SPS_FAIL(EFORMAT, "%s at byte %d", error.text, error.position);
    sps_status status = read_calibration(&c, object);
    json_decref(object);
    SPS_TRY(status);
    status = sps_packed_calibrate(packed, &c);
    return status == SPS_EINVAL ? SPS_EFORMAT : status;
}

/* ---- writing ---- */

static json_t *as_json(const struct sps_abstention *a)
{
    json_t *object =
        json_pack("{s:s, s:s, s:f}", "score", a->score, "promise", promises[a->promise], "level", a->level);
    int failed = object == NULL;
    if (a->promise == SPS_PROMISE_ERROR && !failed)
        failed = json_object_set_new(object, "confidence", json_real(a->confidence));
    if (!failed)
        failed = json_object_set_new(object, "threshold",
                                     isfinite(a->threshold) ? json_real(a->threshold)
                                                            : json_string(a->threshold < 0 ? "-inf" : "inf"));
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

sps_status sps_calibration_text(char **out, const struct sps_model_calibration *c)
{
    enum { EXACT_DIGITS = 17 }; /* every double comes back as it was */
    json_t *object =
        json_pack("{s:f, s:I, s:s, s:i, s:f, s:[]}", "temperature", c->temperature, "images", (json_int_t)c->images,
                  "reading", readings[c->reading], "samples", (int)c->samples, "quantile", c->quantile, "thresholds");
    int failed = object == NULL;
    for (int i = 0; i < c->count && !failed; i++)
        failed = json_array_append_new(json_object_get(object, "thresholds"), as_json(&c->abstention[i]));
    *out = failed ? NULL : json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(EXACT_DIGITS));
    json_decref(object);
    if (*out == NULL)
        SPS_FAIL(ENOMEM, "out of memory for the calibration");
    return SPS_OK;
}
