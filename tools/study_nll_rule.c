/* SPDX-License-Identifier: MIT */
/* The first paper's rule for foreign images: an NLL above the mean NLL at home (Subset-parameter inference, IV-B.2).  A
 * foreign image has no label, so its NLL is that of the predicted class; the threshold is the mean NLL of the labels.
 * The paper's foreign data are its rotated images and those with uniform noise, so those are here beside foreign sets.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "spinscale/shift.h"
#include "study.h"

#define PAPER 0.6434
enum { PASSES = 20 };

struct work {
    const struct sps_study_subject *subject;
    double threshold, rejected;
    double *home; /* [n] scores */
    size_t n;
    json_t *rows;
    struct sps_study_progress progress;
};

static double *scores_of(const struct sps_evaluation *e)
{
    double *score = malloc((e->n + 1) * sizeof *score);
    for (size_t i = 0; i < e->n && score != NULL; i++)
        score[i] = -log(fmax(e->summaries[i].confidence, 1e-12)); /* score nll_rule of spinscale/scores.h */
    return score;
}

static double share_above(const double *score, size_t n, double threshold)
{
    size_t above = 0;
    for (size_t i = 0; i < n; i++)
        above += score[i] > threshold;
    return n > 0 ? (double)above / (double)n : NAN;
}

static sps_status evaluate(struct sps_evaluation *out, struct work *w, const struct sps_images *set)
{
    const struct sps_study_options *o = w->subject->options;
    const struct sps_accept_rule rule = sps_measure_rule(&o->measure);
    const struct sps_predict_options predict =
        sps_study_predict(o, o->samples.count > 0 ? (size_t)o->samples.item[0] : PASSES);
    w->progress.what = set->name;
    sps_status status =
        sps_evaluate(out, w->subject->predictor, set, &predict, &rule, 0.95, NULL, sps_study_progress, &w->progress);
    w->progress.at++;
    return status;
}

static sps_status add_row(struct work *w, const struct sps_images *set, const char *kind, const char *name,
                          double amount)
{
    struct sps_evaluation e = {0};
    double auroc = NAN, *score = NULL;
    sps_status status = evaluate(&e, w, set);
    if (status == SPS_OK && (score = scores_of(&e)) == NULL)
        status = SPS_ENOMEM;
    if (status == SPS_OK)
        status = sps_auroc(&auroc, w->home, w->n, score, e.n);
    if (status == SPS_OK) {
        const double detected = share_above(score, e.n, w->threshold);
        json_t *row = json_object();
        json_object_set_new(row, "kind", json_string(kind));
        json_object_set_new(row, "name", sps_cli_report_string(name));
        json_object_set_new(row, "amount", sps_study_number(amount));
        json_object_set_new(row, "n", json_integer((json_int_t)e.n));
        json_object_set_new(row, "detected", sps_study_number(detected));
        json_object_set_new(row, "detected_error", sps_study_number(sqrt(detected * (1 - detected) / (double)e.n)));
        json_object_set_new(row, "rejected", json_real(w->rejected));
        json_object_set_new(row, "auroc", sps_study_number(auroc));
        json_array_append_new(w->rows, row);
    }
    free(score);
    sps_evaluation_reset(&e);
    return status;
}

/* Above which NLL an image is foreign, and how many at home are. */
static sps_status know_home(json_t *result, struct work *w)
{
    struct sps_evaluation e = {0};
    sps_status status = evaluate(&e, w, w->subject->home);
    if (status == SPS_OK)
        status = sps_metrics_value(e.metrics, "nll", &w->threshold);
    if (status == SPS_OK && (w->home = scores_of(&e)) == NULL)
        status = SPS_ENOMEM;
    if (status == SPS_OK) {
        w->n = e.n;
        w->rejected = share_above(w->home, w->n, w->threshold);
        json_object_set_new(result, "samples", json_integer((json_int_t)e.passes));
        json_object_set_new(result, "threshold", sps_study_number(w->threshold));
        json_object_set_new(result, "rejected", json_real(w->rejected));
        json_object_set_new(result, "rejected_error", json_real(sqrt(w->rejected * (1 - w->rejected) / (double)w->n)));
        json_object_set_new(result, "paper_detected", json_real(PAPER));
    }
    sps_evaluation_reset(&e);
    return status;
}

static sps_status add_foreign(struct work *w, const char *kind, const char *name, const char *shown)
{
    sps_foreign *set = NULL;
    sps_status status = sps_study_foreign(&set, name, w->subject);
    if (status == SPS_OK) {
        const struct sps_images images = sps_foreign_images(set);
        status = add_row(w, &images, kind, shown, NAN);
    }
    sps_foreign_close(set);
    return status;
}

static sps_status add_shift(struct work *w, const struct sps_shift *kind)
{
    const struct sps_study_options *options = w->subject->options;
    sps_status status = SPS_OK;
    for (int severity = 1; severity <= kind->levels && status == SPS_OK; severity++) {
        sps_view *view = NULL;
        status = sps_view_shifted(&view, w->subject->home, kind, severity, options->data_seed.value,
                                  (int)options->threads.value);
        if (status == SPS_OK) {
            const struct sps_images images = sps_view_images(view);
            status = add_row(w, &images, "shift", kind->name, kind->amount[severity - 1]);
        }
        sps_view_free(view);
    }
    return status;
}

static sps_status add_rows(struct work *w)
{
    static const char *const noise[] = {"noise-gaussian", "noise-uniform"}, *const added[] = {"gaussian", "uniform"};
    const struct sps_study_options *o = w->subject->options;
    const struct sps_shift *rotation = sps_shift_find("rotation"), *uniform = sps_shift_find("uniform_noise");
    sps_status status = SPS_OK;
    w->progress.parts = 1 + 4 + o->foreign.count + (size_t)rotation->levels + (size_t)uniform->levels;
    for (size_t i = 0; i < o->foreign.count && status == SPS_OK; i++)
        status = add_foreign(w, "foreign", o->foreign.item[i], o->foreign.item[i]);
    for (int i = 0; i < 2 && status == SPS_OK; i++)
        status = add_foreign(w, "noise", noise[i], noise[i]);
    for (int i = 0; i < 2 && status == SPS_OK; i++) {
        char name[4200], shown[128];
        snprintf(name, sizeof name, "%s+%s:0.5", o->data, added[i]);
        snprintf(shown, sizeof shown, "%s+%s:0.5", w->subject->home->name, added[i]);
        status = add_foreign(w, "noise", name, shown);
    }
    if (status == SPS_OK)
        status = add_shift(w, rotation);
    return status == SPS_OK ? add_shift(w, uniform) : status;
}

static int make(json_t *result, const struct sps_study_subject *subject)
{
    struct work w = {.subject = subject, .progress = {"", 0, 1}, .rows = json_array()};
    if (subject->options->samples.count > 1) {
        json_decref(w.rows);
        return sps_console_usage("study nll-rule takes one number of --samples");
    }
    sps_status status = know_home(result, &w);
    json_object_set(result, "rows", w.rows);
    int exit_status = 0;
    if (status == SPS_OK && isnan(w.threshold))
        exit_status = sps_console_error("images of '%s' have no labels: the threshold is the mean NLL of labels",
                                        subject->home->name);
    else if (status == SPS_OK)
        status = add_rows(&w);
    json_decref(w.rows);
    free(w.home);
    return status == SPS_OK ? exit_status : sps_console_failed(status);
}

static void print(const json_t *result)
{
    size_t i;
    json_t *row, *most = NULL;
    double best = -1;
    printf("foreign where -ln p of the predicted class is above %.4f nat, the mean NLL at home; T = %lld\n\n",
           sps_cli_report_number(result, "threshold"), sps_study_integer(result, "samples"));
    puts("kind     images                       amount  detected % -+ error  rejected at home %   AUROC");
    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        const double amount = sps_cli_report_number(row, "amount"), detected = sps_cli_report_number(row, "detected");
        printf("%-8s %-28s ", json_string_value(json_object_get(row, "kind")),
               json_string_value(json_object_get(row, "name")));
        if (isnan(amount))
            printf("%6s", "-");
        else
            printf("%6.3g", amount);
        sps_study_print(detected, 100, 11, 2);
        sps_study_print(sps_cli_report_number(row, "detected_error"), 100, 8, 2);
        sps_study_print(sps_cli_report_number(row, "rejected"), 100, 19, 2);
        sps_study_print(sps_cli_report_number(row, "auroc"), 1, 7, 4);
        putchar('\n');
        if (strcmp(json_string_value(json_object_get(row, "kind")), "shift") == 0 && detected > best) {
            best = detected;
            most = row;
        }
    }
    printf("\nthe paper detects up to %.2f %% of its shifted images; here the most are %.2f %% (%s %.3g), where %.2f "
           "%% of "
           "home are rejected\n",
           100 * sps_cli_report_number(result, "paper_detected"), 100 * best,
           most != NULL ? json_string_value(json_object_get(most, "name")) : "none",
           sps_cli_report_number(most, "amount"), 100 * sps_cli_report_number(result, "rejected"));
}

const struct sps_study sps_study_nll_rule = {
    .name = "nll-rule",
    .summary = "foreign images by the NLL threshold, beside what home loses",
    .source = "Subset-parameter inference, IV-B.2",
    .tables = {"rows", NULL},
    .make = make,
    .print = print,
};
