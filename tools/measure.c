/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include "console.h"
#include "reading.h"

#include <string.h>

struct sps_accept_rule sps_measure_rule(const struct sps_measure_options *options)
{
    return (struct sps_accept_rule){options->quantile, options->threshold};
}

sps_status sps_cli_report_metrics(struct sps_cli_report *report, const sps_metrics *metrics)
{
    const char *name, *summary, *unit, *source;
    for (size_t i = 0; (name = sps_metric_list(i, &summary, &unit, &source)) != NULL; i++) {
        double value;
        sps_status status = sps_metrics_value(metrics, name, &value);
        if (status != SPS_OK)
            return status;
        if (unit[0] == '1') /* a pure number needs no unit, at most its range is said */
            unit += strspn(unit, "1, ");
        sps_cli_report_real(report, name, value, unit);
    }
    return SPS_OK;
}

int sps_reading_settle(struct sps_settle *settle, const struct sps_reading_options *options,
                       const struct sps_accept_rule *rule)
{
    *settle = (struct sps_settle){.confidence = options->confidence, .accept = *rule};
    if (options->until == NULL || strcmp(options->until, "settled") == 0)
        return 0;
    settle->verdict = 1;
    if (strcmp(options->until, "settled-verdict") == 0)
        return 0;
    return sps_console_usage("--until is '%s', must be settled or settled-verdict", options->until);
}
