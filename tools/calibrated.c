/* SPDX-License-Identifier: MIT */
#include "calibrated.h"

#include <math.h>
#include <string.h>

#include "console.h"
#include "reading.h"

void sps_cli_abstention_words(char words[160], const struct sps_abstention *a)
{
    char promise[80];
    if (isinf(a->threshold)) {
        snprintf(words, 160, "%s", a->score);
        snprintf(words + strlen(words), 160 - strlen(words), ", accepts %s", a->threshold < 0 ? "nothing" : "all");
    } else
        snprintf(words, 160, "%s <= %.6g", a->score, a->threshold);
    if (a->promise == SPS_PROMISE_COVERAGE)
        snprintf(promise, sizeof promise, "coverage at least %g", a->level);
    else
        snprintf(promise, sizeof promise, "error at most %g with confidence %g", a->level, a->confidence);
    snprintf(words + strlen(words), 160 - strlen(words), ", %s", promise);
}

const char *sps_cli_share(char text[32], double share)
{
    snprintf(text, 32, isnan(share) ? "undefined" : "%.4f", share);
    return text;
}

json_t *sps_cli_abstention_json(const struct sps_abstention *a)
{
    json_t *threshold =
        isfinite(a->threshold) ? json_real(a->threshold) : json_string(a->threshold < 0 ? "-inf" : "inf");
    return json_pack("{s:s, s:s, s:f, s:o, s:o}", "score", a->score, "promise",
                     a->promise == SPS_PROMISE_COVERAGE ? "coverage" : "error", "level", a->level, "confidence",
                     a->promise == SPS_PROMISE_COVERAGE ? json_null() : json_real(a->confidence), "threshold",
                     threshold);
}

void sps_cli_report_calibration(struct sps_cli_report *report, const struct sps_model_calibration *calibration,
                                int json)
{
    char words[160];
    json_t *list = json ? json_array() : NULL;
    if (calibration == NULL) {
        json_decref(list);
        return;
    }
    sps_cli_report_real(report, "temperature", calibration->temperature, "that logits are divided by");
    sps_cli_report_count(report, "calibration_images", calibration->images, "images");
    sps_cli_report_text(report, "calibration_reading", sps_reading_name(calibration->reading));
    sps_cli_report_count(report, "calibration_samples", calibration->samples, "passes per image");
    for (int i = 0; i < calibration->count; i++) {
        if (json)
            report->failed |= json_array_append_new(list, sps_cli_abstention_json(&calibration->abstention[i])) != 0;
        sps_cli_abstention_words(words, &calibration->abstention[i]);
        if (!json)
            sps_cli_report_text(report, "accept", words);
    }
    if (json)
        sps_cli_report_value(report, "thresholds", list);
}

int sps_cli_promises_hold(const struct sps_model_calibration *c, const struct sps_predict_options *options,
                          size_t passes, double quantile)
{
    int uses_quantile = 0;
    for (int i = 0; i < c->count; i++)
        uses_quantile |= strcmp(c->abstention[i].score, "eq26") == 0;
    int hold = options->reading == c->reading && passes == c->samples && options->settle == NULL &&
               !(uses_quantile && quantile != c->quantile);
    if (!hold && c->count > 0 && !sps_console_quiet)
        sps_console_say("note: the model's thresholds were fitted for the %s reading with %u pass%s and --quantile %g; "
                        "for another one they promise nothing",
                        sps_reading_name(c->reading), c->samples, c->samples == 1 ? "" : "es", c->quantile);
    return hold;
}
