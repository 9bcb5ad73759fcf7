/* SPDX-License-Identifier: MIT */
/* Does what a network says approach a Gaussian as passes are added up (Scale-Dropout, VIII-D)?  Looked at image by
 * image, for one class of each: the logit and the probability of single passes, and the mean of T passes.  A bank with
 * few entries gives few distinct values, so single passes are far from Gaussian; means of many must come near. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "spinscale/study.h"
#include "study.h"

enum { LENGTHS = 64, BLOCK_NUMBERS = 1 << 24, KEPT_NUMBERS = 1 << 27, BINS = 40 };
enum { LOGIT, PROBABILITY, QUANTITIES };
static const char *const names[QUANTITIES] = {"logit", "probability"};
static const size_t standard[] = {1, 2, 5, 10, 20, 50};
#define SPAN 4.0 /* histograms of standardised values are -SPAN .. SPAN */

struct work {
    const struct sps_study_subject *subject;
    size_t length[LENGTHS], lengths, n, passes, groups;
    float *value[QUANTITIES]; /* [n][passes] of the image's class */
    int *label;               /* [n], -1 for images without a class to look at */
    double *mean;             /* [groups] of one image */
};

/* ---- passes ---- */

static int class_of(const struct work *w, const float *p, size_t stride, int label)
{
    const struct sps_model_info *info = w->subject->predictor->info;
    double best = -1;
    int found = -1;
    if (w->subject->options->classes != NULL && strcmp(w->subject->options->classes, "label") == 0)
        return label >= 0 && label < info->classes ? label : -1;
    for (int c = 0; c < info->classes; c++) {
        double sum = 0;
        for (size_t t = 0; t < w->passes; t++)
            sum += (double)p[t * stride + (size_t)c];
        if (sum > best) {
            best = sum;
            found = c;
        }
    }
    return found;
}

static sps_status gather_block(struct work *w, float *p, float *logits, size_t first, size_t count)
{
    const struct sps_images *home = w->subject->home;
    const size_t classes = (size_t)w->subject->predictor->info->classes;
    const struct sps_predict_options predict = sps_study_predict(w->subject->options, w->passes);
    const struct sps_passes to = {.p = p, .logits = logits};
    const uint8_t *images[SPS_IMAGES_KEPT];
    uint32_t index[SPS_IMAGES_KEPT];
    sps_status status = sps_images_load(home, first, count);
    for (size_t i = 0; i < count && status == SPS_OK; i++) {
        images[i] = home->image(home->self, first + i);
        index[i] = (uint32_t)(first + i);
    }
    if (status == SPS_OK)
        status = sps_predict(w->subject->predictor, &predict, count, images, index, &to);
    for (size_t i = 0; i < count && status == SPS_OK; i++) {
        int c = class_of(w, p + i * classes, count * classes, home->label(home->self, first + i));
        w->label[first + i] = c;
        for (size_t t = 0; t < w->passes && c >= 0; t++) {
            size_t at = (t * count + i) * classes + (size_t)c;
            w->value[LOGIT][(first + i) * w->passes + t] = logits[at];
            w->value[PROBABILITY][(first + i) * w->passes + t] = p[at];
        }
    }
    return status;
}

static sps_status gather(struct work *w)
{
    const size_t classes = (size_t)w->subject->predictor->info->classes;
    struct sps_study_progress progress = {"normality", 0, 1};
    size_t block = SPS_IMAGES_KEPT;
    while (block > 1 && w->passes * classes > BLOCK_NUMBERS / block)
        block /= 2;
    float *p = calloc(w->passes * block, classes * sizeof *p), *logits = calloc(w->passes * block, classes * sizeof *p);
    sps_status status = p != NULL && logits != NULL ? SPS_OK : SPS_ENOMEM;
    for (size_t first = 0; first < w->n && status == SPS_OK; first += block) {
        status = gather_block(w, p, logits, first, w->n - first < block ? w->n - first : block);
        sps_study_progress(&progress, first, w->n);
    }
    free(p);
    free(logits);
    return status;
}

/* ---- shape ---- */

/* Means over a class's images that have any spread. */
struct shape {
    size_t images, constant;
    double sd, skewness, kurtosis, distance, near;
    size_t bin[BINS + 2]; /* of standardised values; below and above at the ends */
};

static size_t bin_of(double z)
{
    return z < -SPAN ? 0 : z >= SPAN ? BINS + 1 : 1 + (size_t)((z + SPAN) * BINS / (2 * SPAN));
}

static void add_image(struct shape *s, struct work *w, const float *value, size_t length)
{
    struct sps_moments m;
    for (size_t g = 0; g < w->groups; g++) {
        w->mean[g] = 0;
        for (size_t t = 0; t < length; t++)
            w->mean[g] += (double)value[g * length + t] / (double)length;
    }
    sps_moments(&m, w->mean, w->groups);
    if (!(m.sd > 0)) {
        s->constant++;
        return;
    }
    double distance = sps_gaussian_distance(w->mean, w->groups);
    s->images++;
    s->sd += m.sd;
    s->skewness += m.skewness;
    s->kurtosis += m.kurtosis;
    s->distance += distance;
    s->near += distance <= sps_gaussian_distance_critical(w->groups);
    for (size_t g = 0; g < w->groups; g++)
        s->bin[bin_of((w->mean[g] - m.mean) / m.sd)]++;
}

/* Rows for one class, or all of them (-1). */
static json_t *class_name(int c)
{
    return c < 0 ? json_string("all") : json_integer(c);
}

static void add_bins(json_t *bins, const struct shape *s, const char *quantity, int c, size_t length, size_t groups)
{
    for (int b = 0; b < BINS + 2 && s->images > 0; b++) {
        const double low = b == 0 ? -INFINITY : -SPAN + (b - 1) * 2 * SPAN / BINS,
                     high = b == BINS + 1 ? INFINITY : -SPAN + b * 2 * SPAN / BINS;
        json_t *bin = json_object();
        json_object_set_new(bin, "quantity", json_string(quantity));
        json_object_set_new(bin, "class", class_name(c));
        json_object_set_new(bin, "samples", json_integer((json_int_t)length));
        json_object_set_new(bin, "low", sps_study_number(low));
        json_object_set_new(bin, "high", sps_study_number(high));
        json_object_set_new(bin, "share", json_real((double)s->bin[b] / (double)(s->images * groups)));
        json_object_set_new(bin, "gaussian", json_real(sps_normal_below(high) - sps_normal_below(low)));
        json_array_append_new(bins, bin);
    }
}

static void describe_class(json_t *rows, json_t *bins, struct work *w, int quantity, int c, size_t length)
{
    struct shape s = {0};
    for (size_t i = 0; i < w->n; i++)
        if (w->label[i] >= 0 && (c < 0 || w->label[i] == c))
            add_image(&s, w, w->value[quantity] + i * w->passes, length);
    const double n = s.images > 0 ? (double)s.images : NAN;
    json_t *row = json_object();
    json_object_set_new(row, "quantity", json_string(names[quantity]));
    json_object_set_new(row, "class", class_name(c));
    json_object_set_new(row, "samples", json_integer((json_int_t)length));
    json_object_set_new(row, "images", json_integer((json_int_t)s.images));
    json_object_set_new(row, "constant", json_integer((json_int_t)s.constant));
    json_object_set_new(row, "sd", sps_study_number(s.sd / n));
    json_object_set_new(row, "skewness", sps_study_number(s.skewness / n));
    json_object_set_new(row, "kurtosis", sps_study_number(s.kurtosis / n));
    json_object_set_new(row, "distance", sps_study_number(s.distance / n));
    json_object_set_new(row, "near", sps_study_number(s.near / n));
    json_array_append_new(rows, row);
    add_bins(bins, &s, names[quantity], c, length, w->groups);
}

/* Single passes as they are: logits over the range of all, probabilities over 0 .. 1. */
static void describe_raw(json_t *rows, const struct work *w, int quantity, int c)
{
    const size_t total = w->n * w->passes;
    double low = quantity == PROBABILITY ? 0 : INFINITY, high = quantity == PROBABILITY ? 1 : -INFINITY;
    size_t bin[BINS] = {0}, count = 0;
    for (size_t i = 0; i < total && quantity == LOGIT; i++)
        if (w->label[i / w->passes] >= 0) {
            low = fmin(low, (double)w->value[quantity][i]);
            high = fmax(high, (double)w->value[quantity][i]);
        }
    for (size_t i = 0; i < total; i++) {
        if (w->label[i / w->passes] != c)
            continue;
        double share = high > low ? ((double)w->value[quantity][i] - low) / (high - low) : 0;
        bin[share < 1 ? (size_t)(share * BINS) : BINS - 1]++;
        count++;
    }
    for (int b = 0; b < BINS && count > 0; b++) {
        json_t *row = json_object();
        json_object_set_new(row, "quantity", json_string(names[quantity]));
        json_object_set_new(row, "class", class_name(c));
        json_object_set_new(row, "low", json_real(low + b * (high - low) / BINS));
        json_object_set_new(row, "high", json_real(low + (b + 1) * (high - low) / BINS));
        json_object_set_new(row, "count", json_integer((json_int_t)bin[b]));
        json_object_set_new(row, "share", json_real((double)bin[b] / (double)count));
        json_array_append_new(rows, row);
    }
}

static void describe(json_t *result, struct work *w)
{
    const int classes = w->subject->predictor->info->classes;
    const char *looked_at = w->subject->options->classes;
    json_t *rows = json_array(), *bins = json_array(), *raw = json_array();
    json_object_set_new(result, "images", json_integer((json_int_t)w->n));
    json_object_set_new(result, "passes", json_integer((json_int_t)w->passes));
    json_object_set_new(result, "groups", json_integer((json_int_t)w->groups));
    json_object_set_new(result, "critical", sps_study_number(sps_gaussian_distance_critical(w->groups)));
    json_object_set_new(result, "classes", json_string(looked_at != NULL ? looked_at : "predicted"));
    json_object_set_new(result, "rows", rows);
    json_object_set_new(result, "histogram", raw);
    json_object_set_new(result, "standardised", bins);
    for (int q = 0; q < QUANTITIES; q++)
        for (int c = -1; c < classes; c++) {
            for (size_t k = 0; k < w->lengths; k++)
                describe_class(rows, bins, w, q, c, w->length[k]);
            if (c >= 0)
                describe_raw(raw, w, q, c);
        }
}

/* ---- the study ---- */

static int check(const struct work *w)
{
    const char *classes = w->subject->options->classes;
    const size_t longest = w->length[w->lengths - 1];
    if (classes != NULL && strcmp(classes, "predicted") != 0 && strcmp(classes, "label") != 0)
        return sps_console_usage("--classes is '%s', must be predicted or label", classes);
    if (w->passes / longest < 8)
        return sps_console_usage("--passes is %zu, must be at least 8 times the largest of --samples, %zu", w->passes,
                                 longest);
    if (w->passes > KEPT_NUMBERS / w->n)
        return sps_console_usage("%zu images times %zu passes are more than the %d numbers that are kept", w->n,
                                 w->passes, KEPT_NUMBERS);
    return 0;
}

static int make(json_t *result, const struct sps_study_subject *subject)
{
    const struct sps_study_options *o = subject->options;
    struct work w = {.subject = subject, .passes = (size_t)o->passes.value};
    w.n = o->images.value < subject->home->count ? (size_t)o->images.value : subject->home->count;
    int exit_status = sps_study_lengths(w.length, &w.lengths, LENGTHS, o, standard, sizeof standard / sizeof *standard);
    if (exit_status == 0)
        exit_status = check(&w);
    if (exit_status != 0)
        return exit_status;
    w.groups = w.passes / w.length[w.lengths - 1]; /* the same for every T, so that distances compare */
    for (int q = 0; q < QUANTITIES; q++)
        w.value[q] = calloc(w.n * w.passes, sizeof *w.value[q]);
    w.label = calloc(w.n, sizeof *w.label);
    w.mean = calloc(w.groups, sizeof *w.mean);
    sps_status status = SPS_ENOMEM;
    if (w.value[LOGIT] != NULL && w.value[PROBABILITY] != NULL && w.label != NULL && w.mean != NULL)
        status = gather(&w);
    if (status == SPS_OK)
        describe(result, &w);
    free(w.value[LOGIT]);
    free(w.value[PROBABILITY]);
    free(w.label);
    free(w.mean);
    return status == SPS_OK ? 0 : sps_console_failed(status);
}

/* ---- text ---- */

static void print(const json_t *result)
{
    size_t i;
    json_t *row;
    printf("%lld images, %lld passes each, %lld means of T passes an image; the image's %s class\n\n",
           sps_study_integer(result, "images"), sps_study_integer(result, "passes"),
           sps_study_integer(result, "groups"), json_string_value(json_object_get(result, "classes")));
    puts("quantity     class      T  images  constant  skewness  kurtosis  KS distance  near %");
    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        const json_t *class = json_object_get(row, "class");
        char name[32] = "all";
        if (json_is_integer(class))
            snprintf(name, sizeof name, "%lld", (long long)json_integer_value(class));
        printf("%-12s %-5s %6lld %7lld %9lld", json_string_value(json_object_get(row, "quantity")), name,
               sps_study_integer(row, "samples"), sps_study_integer(row, "images"), sps_study_integer(row, "constant"));
        sps_study_print(sps_cli_report_number(row, "skewness"), 1, 9, 3);
        sps_study_print(sps_cli_report_number(row, "kurtosis"), 1, 9, 3);
        sps_study_print(sps_cli_report_number(row, "distance"), 1, 12, 4);
        sps_study_print(sps_cli_report_number(row, "near"), 100, 7, 1);
        putchar('\n');
    }
    printf(
        "\nmeans over images; constant: images whose passes all say the same, left out; KS distance: to the Gaussian "
        "of the\nsame mean and spread; near: images below %.4f, as 95 %% of Gaussian samples are\n",
        sps_cli_report_number(result, "critical"));
}

const struct sps_study sps_study_normality = {
    .name = "normality",
    .summary = "the shape of what passes say, and its approach to a Gaussian",
    .source = "Scale-Dropout, VIII-D",
    .tables = {"rows", "histogram", "standardised", NULL},
    .make = make,
    .print = print,
};
