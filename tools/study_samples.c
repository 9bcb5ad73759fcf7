/* SPDX-License-Identifier: MIT */
/* How many passes are enough (Scale-Dropout, Fig. 7).  R draws of T passes are cut from one prediction of R x max T
 * passes: draw r has passes r max T to r max T + T - 1, so each T is a prefix of the next.  Beside them the exact
 * value, and the smallest T that is near to it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "spinscale/study.h"
#include "study.h"

enum { LENGTHS = 64, BLOCK_NUMBERS = 1 << 25 };
static const size_t standard[] = {1, 2, 3, 5, 10, 20, 50, 100};

/* What is said about a number of passes.  The first FOREIGN need none. */
enum { ACCURACY, NLL, ECE, REJECTED, ENTROPY, MI, FOREIGN, DETECTED = FOREIGN, AUROC_ENTROPY, AUROC_MI, VALUES };
static const char *const names[VALUES] = {"accuracy", "nll",           "ece",
                                          "rejected", "entropy",       "mutual_information",
                                          "detected", "auroc_entropy", "auroc_mutual_information"};

/* The T of one set: metrics and scores of each draw and number of passes, cell r * lengths + k. */
struct draws {
    size_t n;
    sps_metrics **metrics;                /* [cells] */
    double *entropy, *mutual_information; /* [cells][n] */
    double nll_sum, nll_square;           /* over images, of the first draw of most passes */
    size_t labelled;
};

struct work {
    const struct sps_study_subject *subject;
    size_t length[LENGTHS], lengths, repeat, cells, passes, block;
    float *p; /* [passes][block][C] */
    struct sps_summary summaries[SPS_IMAGES_KEPT];
    struct draws home, foreign;
    struct sps_evaluation exact[2]; /* home, foreign; n is 0 where there is none */
    struct sps_study_progress progress;
};

static void release(struct draws *d, size_t cells)
{
    for (size_t i = 0; i < cells && d->metrics != NULL; i++)
        sps_metrics_free(d->metrics[i]);
    free(d->metrics);
    free(d->entropy);
    free(d->mutual_information);
}

static sps_status prepare(struct draws *d, const struct work *w, size_t n)
{
    const struct sps_study_options *o = w->subject->options;
    const struct sps_accept_rule rule = sps_measure_rule(&o->measure);
    sps_status status = SPS_OK;
    d->n = n;
    d->metrics = calloc(w->cells, sizeof *d->metrics);
    d->entropy = calloc(w->cells * n, sizeof *d->entropy);
    d->mutual_information = calloc(w->cells * n, sizeof *d->mutual_information);
    if (d->metrics == NULL || d->entropy == NULL || d->mutual_information == NULL)
        return SPS_ENOMEM;
    for (size_t i = 0; i < w->cells && status == SPS_OK; i++)
        status = sps_metrics_create(&d->metrics[i], w->subject->predictor->info->classes, 0.95, &rule);
    return status;
}

static sps_status add_cell(struct draws *d, struct work *w, size_t r, size_t k, size_t first, size_t count,
                           const int *labels)
{
    const size_t cell = r * w->lengths + k, longest = w->length[w->lengths - 1],
                 classes = (size_t)w->subject->predictor->info->classes;
    sps_status status = sps_metrics_add(d->metrics[cell], w->p + r * longest * count * classes, NULL, w->length[k],
                                        count, labels, w->summaries);
    for (size_t i = 0; i < count && status == SPS_OK; i++) {
        d->entropy[cell * d->n + first + i] = w->summaries[i].entropy;
        d->mutual_information[cell * d->n + first + i] = w->summaries[i].mutual_information;
    }
    return status;
}

/* NLL image by image, for its standard error. */
static void add_nll(struct draws *d, const struct work *w, size_t count, const int *labels)
{
    const size_t longest = w->length[w->lengths - 1], classes = (size_t)w->subject->predictor->info->classes;
    for (size_t i = 0; i < count; i++) {
        double mean = 0;
        if (labels[i] < 0 || (size_t)labels[i] >= classes)
            continue;
        for (size_t t = 0; t < longest; t++)
            mean += (double)w->p[(t * count + i) * classes + (size_t)labels[i]] / (double)longest;
        double nll = -log(fmax(mean, 1e-12));
        d->nll_sum += nll;
        d->nll_square += nll * nll;
        d->labelled++;
    }
}

static sps_status draw_block(struct draws *d, struct work *w, const struct sps_images *set, size_t first)
{
    const size_t count = set->count - first < w->block ? set->count - first : w->block;
    const struct sps_predict_options predict = sps_study_predict(w->subject->options, w->passes);
    const struct sps_passes to = {.p = w->p};
    const uint8_t *images[SPS_IMAGES_KEPT];
    uint32_t index[SPS_IMAGES_KEPT];
    int labels[SPS_IMAGES_KEPT];
    sps_status status = sps_images_load(set, first, count);
    for (size_t i = 0; i < count && status == SPS_OK; i++) {
        images[i] = set->image(set->self, first + i);
        index[i] = (uint32_t)(first + i);
        labels[i] = set->label(set->self, first + i);
    }
    if (status == SPS_OK)
        status = sps_predict(w->subject->predictor, &predict, count, images, index, &to);
    for (size_t r = 0; r < w->repeat; r++)
        for (size_t k = 0; k < w->lengths && status == SPS_OK; k++)
            status = add_cell(d, w, r, k, first, count, labels);
    if (status == SPS_OK)
        add_nll(d, w, count, labels);
    return status;
}

static sps_status draw(struct draws *d, struct work *w, const struct sps_images *set)
{
    sps_status status = prepare(d, w, set->count);
    for (size_t first = 0; first < set->count && status == SPS_OK; first += w->block) {
        status = draw_block(d, w, set, first);
        sps_study_progress(&w->progress, first, set->count);
    }
    w->progress.at++;
    return status;
}

/* All paths, if there are few. */
static sps_status walk_all(struct sps_evaluation *out, struct work *w, const struct sps_images *set)
{
    const struct sps_study_options *o = w->subject->options;
    const struct sps_model_info *info = w->subject->predictor->info;
    const struct sps_accept_rule rule = sps_measure_rule(&o->measure);
    struct sps_predict_options predict = sps_study_predict(o, 1);
    predict.reading = SPS_EXACT;
    if (info->picks > info->bank_layers || !(info->paths <= (double)o->exact_paths.value))
        return SPS_OK;
    sps_status status =
        sps_evaluate(out, w->subject->predictor, set, &predict, &rule, 0.95, NULL, sps_study_progress, &w->progress);
    w->progress.at++;
    return status;
}

/* ---- numbers ---- */

static sps_status metric(double *out, const sps_metrics *metrics, const char *name)
{
    *out = NAN;
    return sps_metrics_value(metrics, name, out);
}

static sps_status measure(double value[VALUES], const sps_metrics *home, const sps_metrics *foreign)
{
    sps_status status = SPS_OK;
    for (int v = 0; v < FOREIGN && status == SPS_OK; v++)
        status = metric(&value[v], home, v == REJECTED ? "accepted" : names[v]);
    value[REJECTED] = 1 - value[REJECTED];
    for (int v = FOREIGN; v < VALUES; v++)
        value[v] = NAN;
    if (status == SPS_OK && foreign != NULL)
        status = metric(&value[DETECTED], foreign, "accepted");
    value[DETECTED] = 1 - value[DETECTED];
    return status;
}

static sps_status measure_cell(double value[VALUES], const struct work *w, size_t cell)
{
    const struct draws *h = &w->home, *f = &w->foreign;
    sps_status status = measure(value, h->metrics[cell], f->n > 0 ? f->metrics[cell] : NULL);
    if (status == SPS_OK && f->n > 0)
        status = sps_auroc(&value[AUROC_ENTROPY], h->entropy + cell * h->n, h->n, f->entropy + cell * f->n, f->n);
    if (status == SPS_OK && f->n > 0)
        status = sps_auroc(&value[AUROC_MI], h->mutual_information + cell * h->n, h->n,
                           f->mutual_information + cell * f->n, f->n);
    return status;
}

static sps_status measure_exact(double value[VALUES], const struct work *w)
{
    const struct sps_evaluation *h = &w->exact[0], *f = &w->exact[1];
    sps_status status = measure(value, h->metrics, f->metrics);
    double *scores = f->n > 0 ? malloc((h->n + f->n) * sizeof *scores) : NULL;
    if (f->n > 0 && scores == NULL)
        return SPS_ENOMEM;
    for (int mi = 0; mi < 2 && f->n > 0 && status == SPS_OK; mi++) {
        for (int set = 0; set < 2; set++)
            for (size_t i = 0; i < w->exact[set].n; i++)
                scores[(set ? h->n : 0) + i] =
                    mi ? w->exact[set].summaries[i].mutual_information : w->exact[set].summaries[i].entropy;
        status = sps_auroc(&value[mi ? AUROC_MI : AUROC_ENTROPY], scores, h->n, scores + h->n, f->n);
    }
    free(scores);
    return status;
}

static sps_status add_row(json_t *rows, double mean[VALUES], const struct work *w, size_t k)
{
    double value[VALUES], sum[VALUES] = {0}, square[VALUES] = {0};
    for (size_t r = 0; r < w->repeat; r++) {
        sps_status status = measure_cell(value, w, r * w->lengths + k);
        if (status != SPS_OK)
            return status;
        for (int v = 0; v < VALUES; v++)
            sum[v] += value[v];
        for (int v = 0; v < VALUES && r > 0; v++) { /* Welford's update, without a mean */
            double off = value[v] * (double)r - (sum[v] - value[v]);
            square[v] += off * off / ((double)r * (double)(r + 1));
        }
    }
    json_t *row = json_pack("{s:I}", "samples", (json_int_t)w->length[k]);
    for (int v = 0; v < VALUES; v++) {
        char key[64];
        mean[v] = sum[v] / (double)w->repeat;
        json_object_set_new(row, names[v], sps_study_number(mean[v]));
        snprintf(key, sizeof key, "%s_sd", names[v]);
        json_object_set_new(row, key,
                            sps_study_number(w->repeat > 1 ? sqrt(square[v] / (double)(w->repeat - 1)) : NAN));
    }
    return json_array_append_new(rows, row) == 0 ? SPS_OK : SPS_ENOMEM;
}

/* The smallest number of passes from which on NLL, and the score's AUROC if there is one, stay near the reference. */
static void advise(json_t *result, const struct work *w, double (*mean)[VALUES], const double *reference, int exact)
{
    const struct sps_study_options *o = w->subject->options;
    const int score = o->score != NULL && strcmp(o->score, names[MI]) == 0 ? AUROC_MI : AUROC_ENTROPY;
    double nll[LENGTHS], auroc[LENGTHS];
    for (size_t k = 0; k < w->lengths; k++) {
        nll[k] = mean[k][NLL];
        auroc[k] = mean[k][score];
    }
    size_t by_nll = sps_sufficient(nll, w->lengths, reference[NLL], o->tolerance * reference[NLL]), at = by_nll,
           by_auroc = at;
    if (w->foreign.n > 0) {
        by_auroc = sps_sufficient(auroc, w->lengths, reference[score], o->auroc_tolerance);
        at = by_nll > by_auroc ? by_nll : by_auroc;
    }
    /* The most passes are near themselves: that says nothing. */
    size_t enough = exact ? w->lengths : w->lengths - 1;
    json_t *advice = json_object();
    json_object_set_new(advice, "samples", at < enough ? json_integer((json_int_t)w->length[at]) : json_null());
    json_object_set_new(advice, "by_nll", by_nll < enough ? json_integer((json_int_t)w->length[by_nll]) : json_null());
    json_object_set_new(advice, "by_auroc",
                        w->foreign.n > 0 && by_auroc < enough ? json_integer((json_int_t)w->length[by_auroc])
                                                              : json_null());
    json_object_set_new(advice, "tolerance", json_real(o->tolerance));
    json_object_set_new(advice, "auroc_tolerance", json_real(o->auroc_tolerance));
    json_object_set_new(advice, "score", json_string(names[score] + strlen("auroc_")));
    json_object_set_new(advice, "reference_nll", sps_study_number(reference[NLL]));
    json_object_set_new(advice, "reference_auroc", sps_study_number(reference[score]));
    json_object_set_new(result, "advice", advice);
}

static sps_status describe(json_t *result, const struct work *w, const char *foreign)
{
    double mean[LENGTHS][VALUES], exact[VALUES];
    const int has_exact = w->exact[0].n > 0;
    const double n = (double)w->home.labelled, error = w->home.nll_square / n - pow(w->home.nll_sum / n, 2);
    sps_status status = SPS_OK;
    json_t *rows = json_array();
    json_object_set_new(result, "foreign", foreign != NULL ? sps_cli_report_string(foreign) : json_null());
    json_object_set_new(result, "foreign_n", json_integer((json_int_t)w->foreign.n));
    json_object_set_new(result, "repeat", json_integer((json_int_t)w->repeat));
    json_object_set_new(result, "paths", sps_study_number(w->subject->predictor->info->paths));
    json_object_set_new(result, "nll_error", sps_study_number(n > 1 ? sqrt(fmax(error, 0) / (n - 1)) : NAN));
    json_object_set_new(result, "rows", rows);
    for (size_t k = 0; k < w->lengths && status == SPS_OK; k++)
        status = add_row(rows, mean[k], w, k);
    if (status == SPS_OK && has_exact)
        status = measure_exact(exact, w);
    if (status != SPS_OK)
        return status;
    json_t *object = has_exact ? json_object() : json_null();
    for (int v = 0; v < VALUES && has_exact; v++)
        json_object_set_new(object, names[v], sps_study_number(exact[v]));
    json_object_set_new(result, "exact", object);
    advise(result, w, mean, has_exact ? exact : mean[w->lengths - 1], has_exact);
    return SPS_OK;
}

/* ---- the study ---- */

static sps_status make_work(struct work *w)
{
    const size_t classes = (size_t)w->subject->predictor->info->classes;
    w->cells = w->lengths * w->repeat;
    w->block = SPS_IMAGES_KEPT;
    while (w->block > 1 && w->passes * classes > BLOCK_NUMBERS / w->block)
        w->block /= 2;
    w->p = calloc(w->passes * w->block, classes * sizeof *w->p);
    return w->p != NULL ? SPS_OK : SPS_ENOMEM;
}

static sps_status study_sets(json_t *result, struct work *w)
{
    const struct sps_study_options *o = w->subject->options;
    const char *name = o->foreign.count > 0 ? o->foreign.item[0] : NULL;
    const struct sps_images *home = w->subject->home;
    sps_foreign *set = NULL;
    w->progress = (struct sps_study_progress){"samples", 0, name != NULL ? 4 : 2};
    sps_status status = name != NULL ? sps_study_foreign(&set, name, w->subject) : SPS_OK;
    if (status == SPS_OK)
        status = make_work(w);
    if (status == SPS_OK)
        status = draw(&w->home, w, home);
    if (status == SPS_OK)
        status = walk_all(&w->exact[0], w, home);
    if (status == SPS_OK && set != NULL) {
        const struct sps_images images = sps_foreign_images(set);
        status = draw(&w->foreign, w, &images);
        if (status == SPS_OK)
            status = walk_all(&w->exact[1], w, &images);
    }
    if (status == SPS_OK)
        status = describe(result, w, name);
    sps_foreign_close(set);
    return status;
}

static int make(json_t *result, const struct sps_study_subject *subject)
{
    const struct sps_study_options *o = subject->options;
    if (o->foreign.count > 1)
        return sps_console_usage("study samples takes one --foreign, there are %zu", o->foreign.count);
    if (o->score != NULL && strcmp(o->score, names[ENTROPY]) != 0 && strcmp(o->score, names[MI]) != 0)
        return sps_console_usage("--score is '%s', must be entropy or mutual_information", o->score);
    struct work *w = calloc(1, sizeof *w);
    if (w == NULL)
        return sps_console_error("out of memory");
    w->subject = subject;
    w->repeat = (size_t)o->repeat.value;
    int exit_status =
        sps_study_lengths(w->length, &w->lengths, LENGTHS, o, standard, sizeof standard / sizeof *standard);
    if (exit_status == 0) {
        w->passes = w->repeat * w->length[w->lengths - 1];
        exit_status = w->passes <= SPS_PREDICT_SAMPLES_MAX
                          ? 0
                          : sps_console_usage("--repeat times the largest of --samples is %zu passes, at most %d",
                                              w->passes, SPS_PREDICT_SAMPLES_MAX);
    }
    if (exit_status == 0) {
        sps_status status = study_sets(result, w);
        exit_status = status == SPS_OK ? 0 : sps_console_failed(status);
    }
    release(&w->home, w->cells);
    release(&w->foreign, w->cells);
    sps_evaluation_reset(&w->exact[0]);
    sps_evaluation_reset(&w->exact[1]);
    free(w->p);
    free(w);
    return exit_status;
}

/* ---- text ---- */

static void print_row(const json_t *row, const char *samples)
{
    static const struct {
        const char *key;
        double by;
        int width, digits;
    } column[] = {{"accuracy", 100, 10, 2},
                  {"nll", 1, 8, 4},
                  {"nll_sd", 1, 8, 4},
                  {"ece", 1, 7, 4},
                  {"rejected", 100, 10, 2},
                  {"mutual_information", 1, 8, 4},
                  {"detected", 100, 10, 2},
                  {"auroc_entropy", 1, 14, 4},
                  {"auroc_mutual_information", 1, 8, 4},
                  {"auroc_mutual_information_sd", 1, 8, 4}};
    printf("%6s", samples);
    for (size_t i = 0; i < sizeof column / sizeof *column; i++)
        sps_study_print(sps_cli_report_number(row, column[i].key), column[i].by, column[i].width, column[i].digits);
    putchar('\n');
}

static void print_alone(const json_t *advice, const char *key, const char *name)
{
    const long long samples = sps_study_integer(advice, key);
    if (samples > 0)
        printf("; by %s alone T = %lld", name, samples);
    else
        printf("; by %s alone no T", name);
}

static void print_advice(const json_t *result)
{
    const json_t *advice = json_object_get(result, "advice"), *rows = json_object_get(result, "rows");
    const int exact = !json_is_null(json_object_get(result, "exact")),
              foreign = sps_study_integer(result, "foreign_n") > 0;
    const long long enough = sps_study_integer(advice, "samples");
    const double nll = sps_cli_report_number(advice, "reference_nll"),
                 error = sps_cli_report_number(result, "nll_error");
    char reference[64] = "the exact one";
    if (!exact)
        snprintf(reference, sizeof reference, "that of T = %lld, the most",
                 sps_study_integer(json_array_get(rows, json_array_size(rows) - 1), "samples"));
    if (isnan(nll)) {
        puts("\nno advice: the NLL needs labels");
        return;
    }
    if (enough > 0)
        printf("\nT = %lld is enough", enough);
    else
        printf("\nno T of these is known to be enough");
    printf(": from there on the mean NLL is within %g %% of %s", 100 * sps_cli_report_number(advice, "tolerance"),
           reference);
    if (foreign)
        printf(",\nand the AUROC by %s within %g of it", json_string_value(json_object_get(advice, "score")),
               sps_cli_report_number(advice, "auroc_tolerance"));
    print_alone(advice, "by_nll", "NLL");
    if (foreign)
        print_alone(advice, "by_auroc", "AUROC");
    printf("\nthe images' own standard error of the NLL is %.4f nat, %.2g %%\n", error, 100 * error / nll);
}

static void print(const json_t *result)
{
    size_t i;
    json_t *row;
    printf("means over %lld draws of T passes, and standard deviations (sd) between them; foreign images: %s\n\n",
           sps_study_integer(result, "repeat"),
           json_is_string(json_object_get(result, "foreign")) ? json_string_value(json_object_get(result, "foreign"))
                                                              : "none");
    puts("     T accuracy %      NLL       sd     ECE rejected %       MI detected %  AUROC entropy    by MI       sd");
    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        char samples[32];
        snprintf(samples, sizeof samples, "%lld", sps_study_integer(row, "samples"));
        print_row(row, samples);
    }
    if (!json_is_null(json_object_get(result, "exact")))
        print_row(json_object_get(result, "exact"), "exact");
    print_advice(result);
}

const struct sps_study sps_study_samples = {
    .name = "samples",
    .summary = "accuracy, NLL, detection by passes T, and the T that is enough",
    .source = "Scale-Dropout, Fig. 7",
    .tables = {"rows", NULL},
    .make = make,
    .print = print,
};
