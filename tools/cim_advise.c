/* SPDX-License-Identifier: MIT */
#include "cim_advise.h"
#include "cim_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "report.h"

/* What may be lost: accuracy as --tolerance says, and this much of how sure the model is. */
static const double NLL_MOST = 0.02, MUTUAL_INFORMATION_MOST = 0.2;
static const char *const spans[] = {"1", "0.7", "0.5", "0.35", "0.25"};
enum { BITS_MAX = 8, SPANS = sizeof spans / sizeof *spans };

struct trial {
    int bits;
    const char *span;
    double accuracy, nll, mutual_information;
    int good;
};

struct advice {
    struct trial trial[BITS_MAX * SPANS];
    int count, best;                          /* index, -1 for none */
    double accuracy, nll, mutual_information; /* of the engine */
};

static sps_status try_it(struct advice *a, const struct sps_cim_options *options, struct sps_cim_subject *subject,
                         int bits, const char *span)
{
    const char *sets[1024];
    char bits_set[32], span_set[32];
    struct sps_cim_options with = *options;
    struct trial *t = &a->trial[a->count++];
    json_t *result = NULL;
    memcpy(sets, options->sets, options->set_count * sizeof *sets);
    snprintf(bits_set, sizeof bits_set, "adc.bits=%d", bits);
    snprintf(span_set, sizeof span_set, "adc.span=%s", span);
    sets[options->set_count] = bits_set;
    sets[options->set_count + 1] = span_set;
    with.sets = sets;
    with.set_count += 2;
    sps_status status = sps_cim_run(&result, subject, &with, NULL, NULL);
    if (status != SPS_OK)
        return status;
    const json_t *engine = json_object_get(result, "engine");
    a->accuracy = sps_cli_report_number(engine, "accuracy");
    a->nll = sps_cli_report_number(engine, "nll");
    a->mutual_information = sps_cli_report_number(engine, "mutual_information");
    *t = (struct trial){bits,
                        span,
                        sps_cli_report_number(result, "accuracy"),
                        sps_cli_report_number(result, "nll"),
                        sps_cli_report_number(result, "mutual_information"),
                        0};
    t->good = t->accuracy >= a->accuracy - options->tolerance && t->nll <= a->nll + NLL_MOST &&
              fabs(t->mutual_information - a->mutual_information) <= MUTUAL_INFORMATION_MOST * a->mutual_information;
    json_decref(result);
    return SPS_OK;
}

/* Bits from few to many, until some span is good; of those the one with the lowest NLL. */
static sps_status search(struct advice *a, const struct sps_cim_options *options, struct sps_cim_subject *subject)
{
    for (int bits = 1; bits <= BITS_MAX && a->best < 0; bits++)
        for (int i = 0; i < SPANS; i++) {
            if (sps_console_progress_due())
                sps_console_progress("trying converters", (double)a->count / (BITS_MAX * SPANS), "");
            sps_status status = try_it(a, options, subject, bits, spans[i]);
            if (status != SPS_OK)
                return status;
            const struct trial *t = &a->trial[a->count - 1];
            if (t->good && (a->best < 0 || t->nll < a->trial[a->best].nll))
                a->best = a->count - 1;
        }
    return SPS_OK;
}

static json_t *trials_json(const struct advice *a)
{
    json_t *list = json_array();
    for (int i = 0; i < a->count; i++) {
        const struct trial *t = &a->trial[i];
        json_array_append_new(list, json_pack("{s:i,s:f,s:f,s:f,s:f,s:b}", "bits", t->bits, "span", atof(t->span),
                                              "accuracy", t->accuracy, "nll", t->nll, "mutual_information",
                                              t->mutual_information, "good", t->good));
    }
    return list;
}

static json_t *histograms_json(const struct sps_chip_histograms *h)
{
    json_t *list = json_array();
    for (int i = 0; i < h->layers; i++) {
        json_t *counts = json_array();
        for (size_t b = 0; b < h->layer[i].bins; b++)
            json_array_append_new(counts, json_integer((json_int_t)h->layer[i].count[b]));
        json_array_append_new(list, json_pack("{s:s,s:o}", "layer", h->layer[i].name, "counts", counts));
    }
    return list;
}

/* The sum below which so much of a layer's column sums lie. */
static size_t quantile(const struct sps_chip_histogram *h, double share)
{
    uint64_t all = 0, below = 0;
    for (size_t b = 0; b < h->bins; b++)
        all += h->count[b];
    for (size_t b = 0; b < h->bins; b++) {
        below += h->count[b];
        if ((double)below >= share * (double)all)
            return b;
    }
    return h->bins - 1;
}

static void print_text(const struct advice *a, const struct sps_chip_histograms *h, size_t images)
{
    puts("layer                inputs a column   column sums: 0.1 %   50 %   99.9 %");
    for (int i = 0; i < h->layers; i++)
        printf("%-20s %15zu %20zu %6zu %8zu\n", h->layer[i].name, h->layer[i].bins - 1, quantile(&h->layer[i], 0.001),
               quantile(&h->layer[i], 0.5), quantile(&h->layer[i], 0.999));
    printf("\nengine, %zu training images: accuracy %.2f %%, NLL %.4f nat, mutual information %.4f nat\n\n", images,
           100 * a->accuracy, a->nll, a->mutual_information);
    puts("bits  span   accuracy %  NLL nat  mutual information nat");
    for (int i = 0; i < a->count; i++)
        printf("%4d  %-5s %11.2f %8.4f %12.4f%s\n", a->trial[i].bits, a->trial[i].span, 100 * a->trial[i].accuracy,
               a->trial[i].nll, a->trial[i].mutual_information, i == a->best ? "  <- enough" : "");
    if (a->best >= 0)
        printf("\nadvice: --set adc.bits=%d --set adc.span=%s\n", a->trial[a->best].bits, a->trial[a->best].span);
    else
        puts("\nadvice: no converter of up to 8 bits keeps accuracy and uncertainty on this chip");
}

static int print_json(const struct advice *a, const struct sps_chip_histograms *h, size_t images)
{
    json_t *object = json_pack("{s:I,s:f,s:f,s:f,s:o,s:o}", "n", (json_int_t)images, "engine_accuracy", a->accuracy,
                               "engine_nll", a->nll, "engine_mutual_information", a->mutual_information, "trials",
                               trials_json(a), "histograms", histograms_json(h));
    if (a->best >= 0) {
        json_object_set_new(object, "bits", json_integer(a->trial[a->best].bits));
        json_object_set_new(object, "span", json_real(atof(a->trial[a->best].span)));
    } else {
        json_object_set_new(object, "bits", json_null());
        json_object_set_new(object, "span", json_null());
    }
    return sps_cli_report_dump(object);
}

static sps_status look(struct sps_chip_histograms *h, const struct sps_cim_options *o,
                       const struct sps_cim_subject *subject)
{
    const struct sps_chip_instance_options options = {.level = o->level, .seed = o->chip_seed, .samples = o->samples};
    sps_chip *chip = NULL;
    sps_status status = sps_chip_open(&chip, o->chip, o->sets, o->set_count);
    if (status == SPS_OK)
        status = sps_chip_histograms_init(h, chip, subject->packed, subject->images, o->samples, &options);
    sps_chip_close(chip);
    return status;
}

int sps_cim_advise(const struct sps_cim_options *options, struct sps_cim_subject *subject, int json)
{
    struct advice a = {.best = -1};
    struct sps_chip_histograms h = {0};
    if (options->set_count + 2 > 1024)
        return sps_console_usage("--set is given more than 1022 times");
    if (options->level == SPS_CHIP_IDEAL)
        return sps_console_usage("--advise needs --level quantised or analog: ideal converters resolve every sum");
    sps_status status = look(&h, options, subject);
    if (status == SPS_OK)
        status = search(&a, options, subject);
    sps_console_progress_clear();
    int exit_status = status != SPS_OK ? sps_console_failed(status) : 0;
    if (exit_status == 0 && json)
        exit_status = print_json(&a, &h, subject->images->count);
    else if (exit_status == 0)
        print_text(&a, &h, subject->images->count);
    sps_chip_histograms_reset(&h);
    return exit_status;
}
