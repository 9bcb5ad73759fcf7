/* SPDX-License-Identifier: MIT */
/* Dropout probabilities that differ from chip to chip (Scale-Dropout, eq. 24, Table IV): the same network on M chips
 * for each spread, on the same images with the same random numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "study.h"

enum { SPREADS = 32, PASSES = 20 };

enum { ACCURACY, NLL, MI, REJECTED, VALUES };
static const char *const metrics[VALUES] = {"accuracy", "nll", "mutual_information", "accepted"},
                         *const names[VALUES] = {"accuracy", "nll", "mutual_information", "rejected"};

struct work {
    const struct sps_study_subject *subject;
    double spread[SPREADS];
    size_t spreads, chips;
    struct sps_study_progress progress;
};

/* 0, or an exit status. */
static int read_spreads(struct work *w, const char *text)
{
    for (const char *at = text;; at++) {
        char *end;
        double value = strtod(at, &end);
        if (w->spreads == SPREADS)
            return sps_console_usage("--spreads has more than %d numbers", SPREADS);
        if (end == at || (*end != ',' && *end != '\0') || !(value >= 0 && value <= 1))
            return sps_console_usage("--spreads is '%s', must be numbers from 0 to 1 with commas between", text);
        w->spread[w->spreads++] = value;
        at = end;
        if (*at == '\0')
            return 0;
    }
}

static sps_status on_chip(double value[VALUES], struct work *w, double spread, size_t chip)
{
    const struct sps_study_options *o = w->subject->options;
    const struct sps_session_options session_options = {.threads = (int)o->threads.value};
    const struct sps_accept_rule rule = sps_measure_rule(&o->measure);
    const struct sps_predict_options predict =
        sps_study_predict(o, o->samples.count > 0 ? (size_t)o->samples.item[0] : PASSES);
    struct sps_evaluation e = {0};
    sps_session *session = NULL;
    sps_status status = sps_packed_spread(w->subject->packed, spread, o->seed.value, (uint32_t)chip);
    if (status == SPS_OK)
        status = sps_session_create(&session, w->subject->packed, &session_options);
    if (status == SPS_OK) {
        const struct sps_predictor predictor = sps_session_predictor(session);
        status = sps_evaluate(&e, &predictor, w->subject->home, &predict, &rule, 0.95, NULL, sps_study_progress,
                              &w->progress);
    }
    for (int v = 0; v < VALUES; v++) {
        value[v] = NAN; /* without labels, too */
        if (status == SPS_OK)
            status = sps_metrics_value(e.metrics, metrics[v], &value[v]);
    }
    value[REJECTED] = 1 - value[REJECTED];
    w->progress.at++;
    sps_evaluation_reset(&e);
    sps_session_free(session);
    return status;
}

/* Mean and standard deviation (n - 1) over chips; of a spread of 0 all chips are one. */
static sps_status add_row(json_t *rows, struct work *w, double spread)
{
    const size_t chips = spread > 0 ? w->chips : 1;
    double value[VALUES], mean[VALUES] = {0}, square[VALUES] = {0}, low = INFINITY;
    for (size_t m = 0; m < chips; m++) {
        sps_status status = on_chip(value, w, spread, m);
        if (status != SPS_OK)
            return status;
        for (int v = 0; v < VALUES; v++) { /* Welford's update */
            double off = value[v] - mean[v];
            mean[v] += off / (double)(m + 1);
            square[v] += off * (value[v] - mean[v]);
        }
        low = fmin(low, value[ACCURACY]);
    }
    json_t *row = json_pack("{s:f,s:I}", "spread", spread, "chips", (json_int_t)chips);
    for (int v = 0; v < VALUES; v++) {
        char key[64];
        json_object_set_new(row, names[v], sps_study_number(mean[v]));
        snprintf(key, sizeof key, "%s_sd", names[v]);
        json_object_set_new(row, key, sps_study_number(chips > 1 ? sqrt(square[v] / (double)(chips - 1)) : NAN));
    }
    json_object_set_new(row, "accuracy_lowest", sps_study_number(low));
    return json_array_append_new(rows, row) == 0 ? SPS_OK : SPS_ENOMEM;
}

static sps_status study(json_t *result, struct work *w)
{
    const struct sps_study_options *o = w->subject->options;
    json_t *rows = json_array();
    sps_status status = SPS_OK;
    json_object_set_new(result, "samples",
                        json_integer(o->samples.count > 0 ? (json_int_t)o->samples.item[0] : (json_int_t)PASSES));
    json_object_set_new(result, "rows", rows);
    w->progress = (struct sps_study_progress){"chips", 0, 0};
    for (size_t k = 0; k < w->spreads; k++)
        w->progress.parts += w->spread[k] > 0 ? w->chips : 1;
    for (size_t k = 0; k < w->spreads && status == SPS_OK; k++)
        status = add_row(rows, w, w->spread[k]);
    sps_status back = sps_packed_spread(w->subject->packed, 0, 0, 0);
    return status != SPS_OK ? status : back;
}

static int make(json_t *result, const struct sps_study_subject *subject)
{
    const struct sps_study_options *o = subject->options;
    const char *method = subject->predictor->info->method;
    struct work w = {.subject = subject, .chips = (size_t)o->chips.value};
    if (subject->packed == NULL)
        return sps_console_error("study spread needs the packed engine, and this model is run by the training graph");
    if (strcmp(method, "scale_vi") == 0 || strcmp(method, "scale_bank") == 0)
        return sps_console_error("method %s picks its entries with equal probability: there is no p to spread", method);
    if (o->samples.count > 1)
        return sps_console_usage("study spread takes one number of --samples");
    int failed = read_spreads(&w, o->spreads != NULL ? o->spreads : "0,0.05,0.1,0.2");
    if (failed != 0)
        return failed;
    sps_status status = study(result, &w);
    return status == SPS_OK ? 0 : sps_console_failed(status);
}

static void print(const json_t *result)
{
    size_t i;
    json_t *row;
    printf(
        "p of each layer drawn once a chip, T = %lld; means over chips and standard deviations (sd) between them\n\n",
        sps_study_integer(result, "samples"));
    puts("spread of p  chips  accuracy %      sd  lowest       NLL      sd        MI  rejected %      sd");
    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        static const struct {
            const char *key;
            double by;
            int width, digits;
        } column[] = {{"accuracy", 100, 11, 2}, {"accuracy_sd", 100, 7, 2}, {"accuracy_lowest", 100, 7, 2},
                      {"nll", 1, 9, 4},         {"nll_sd", 1, 7, 4},        {"mutual_information", 1, 9, 4},
                      {"rejected", 100, 11, 2}, {"rejected_sd", 100, 7, 2}};
        printf("%11g %6lld", sps_cli_report_number(row, "spread"), sps_study_integer(row, "chips"));
        for (size_t k = 0; k < sizeof column / sizeof *column; k++)
            sps_study_print(sps_cli_report_number(row, column[k].key), column[k].by, column[k].width, column[k].digits);
        putchar('\n');
    }
}

const struct sps_study sps_study_spread = {
    .name = "spread",
    .summary = "accuracy and uncertainty where p differs from chip to chip",
    .source = "Scale-Dropout, eq. 24, Table IV",
    .tables = {"rows", NULL},
    .make = make,
    .print = print,
};
