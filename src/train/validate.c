/* SPDX-License-Identifier: MIT */
/* Looking at the validation split, and turning a trained posterior into a bank. */
#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "train/run.h"

static void load_batch(struct sps_run *run, const uint32_t *index, int n)
{
    struct sps_graph *graph = run->graph;
    size_t size = sps_shape_size(&graph->input);
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < n; i++)
        sps_encode(graph->codes + (size_t)i * size, &run->table, sps_dataset_image(run->data, index[i]),
                   graph->input.h * graph->input.w);
}

static double nll_of(const float *p, size_t passes, size_t stride, int classes, int i, int label)
{
    double sum = 0;
    for (size_t t = 0; t < passes; t++)
        sum += p[(t * stride + (size_t)i) * (size_t)classes + (size_t)label];
    return -log(fmax(sum / (double)passes, 1e-12));
}

static sps_status measure(struct sps_validation *out, struct sps_run *run, sps_metrics *metrics, float *p, int *labels,
                          enum sps_scale_source source, size_t passes)
{
    struct sps_graph *graph = run->graph;
    const uint32_t *validation = run->order + run->train_count;
    const struct sps_draws draws = {.source = source, .seed = (uint64_t)run->config.run.seed};
    size_t batch = sps_run_batch(run), classes = (size_t)graph->classes;
    for (size_t first = 0; first < run->validation_count; first += batch) {
        int n = (int)(run->validation_count - first < batch ? run->validation_count - first : batch);
        struct sps_share own = sps_ranks_share(run->ranks, (size_t)n);
        const uint32_t *index = validation + first + own.first;
        memset(p, 0, passes * (size_t)n * classes * sizeof *p);
        load_batch(run, index, (int)own.count);
        sps_status status = SPS_OK;
        if (own.count > 0)
            status =
                sps_graph_predict(graph, &draws, passes, (int)own.count, index, p, NULL, NULL, (size_t)n, own.first);
        SPS_TRY(sps_ranks_agree(run->ranks, status));
        sps_ranks_sum(run->ranks, p, passes * (size_t)n * classes); /* of images of other ranks here are zeros */
        for (int i = 0; i < n; i++) {
            labels[i] = sps_dataset_label(run->data, validation[first + (size_t)i]);
            if (out->image_nll != NULL)
                out->image_nll[first + (size_t)i] = nll_of(p, passes, (size_t)n, graph->classes, i, labels[i]);
        }
        SPS_TRY(sps_metrics_add(metrics, p, NULL, passes, (size_t)n, labels, NULL));
    }
    SPS_TRY(sps_metrics_value(metrics, "accuracy", &out->accuracy));
    SPS_TRY(sps_metrics_value(metrics, "nll", &out->nll));
    SPS_TRY(sps_metrics_value(metrics, "entropy", &out->entropy));
    return sps_metrics_value(metrics, "mutual_information", &out->mutual_information);
}

sps_status sps_validate(struct sps_validation *out, struct sps_run *run, enum sps_scale_source source, size_t passes)
{
    const struct sps_accept_rule rule = SPS_ACCEPT_RULE_DEFAULT;
    const struct sps_graph *graph = run->graph;
    sps_metrics *metrics = NULL;
    float *p = NULL;
    int *labels = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_metrics_create(&metrics, graph->classes, 0.95, &rule));
    SPS_TRY_OUT(sps_calloc(&p, passes * sps_run_batch(run), (size_t)graph->classes * sizeof *p, "probabilities"));
    SPS_TRY_OUT(sps_calloc(&labels, sps_run_batch(run), sizeof *labels, "labels"));
    SPS_TRY_OUT(measure(out, run, metrics, p, labels, source, passes));
out:
    sps_metrics_free(metrics);
    sps_free(p);
    sps_free(labels);
    return status;
}

sps_status sps_estimate_norms(struct sps_run *run, enum sps_scale_source source, size_t images)
{
    struct sps_graph *graph = run->graph;
    size_t batch = sps_run_batch(run), own = run->images.count;
    images = images < run->train_count ? images : run->train_count;
    struct sps_path_bank *banks = NULL;
    uint8_t *picks = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&banks, (size_t)graph->scale_count, sizeof *banks, "banks"));
    SPS_TRY_OUT(sps_calloc(&picks, own, (size_t)graph->picks, "picks"));
    sps_graph_banks(banks, graph);
    memcpy(run->epoch_order, run->order, run->train_count * sizeof *run->order);
    sps_shuffle(run->epoch_order, run->train_count, (uint64_t)run->config.run.seed,
                UINT32_MAX); /* an order no epoch has */
    sps_graph_norms_begin(graph);
    for (size_t first = 0; first + batch <= images || first == 0; first += batch) {
        const uint32_t *index = run->epoch_order + first + run->images.first;
        load_batch(run, index, (int)own);
        for (size_t i = 0; i < own; i++)
            sps_path_draw(picks + i * (size_t)graph->picks, banks, graph->scale_count, (uint64_t)run->config.run.seed,
                          index[i], 0);
        const struct sps_pass pass = {.mode = SPS_PASS_ESTIMATE,
                                      .source = source,
                                      .n = (int)own,
                                      .seed = (uint64_t)run->config.run.seed,
                                      .epoch = UINT32_MAX,
                                      .batch = (uint32_t)(first / batch),
                                      .index = index,
                                      .picks = picks};
        sps_graph_forward(graph, &pass);
    }
    SPS_TRY_OUT(sps_graph_norms_end(graph, source == SPS_FROM_POINT));
out:
    sps_free(banks);
    sps_free(picks);
    return status;
}

static sps_status estimate_norms(struct sps_run *run, enum sps_scale_source source)
{
    return sps_estimate_norms(run, source, (size_t)run->config.run.norm_images);
}

static sps_status draw_banks(struct sps_run *run, uint32_t attempt)
{
    struct sps_graph *graph = run->graph;
    for (int i = 0; i < graph->scale_count; i++)
        SPS_TRY(graph->method->make_bank(graph->scales[i], (uint64_t)run->config.run.seed, attempt));
    sps_graph_layout_picks(graph);
    return SPS_OK;
}

/* Mean of b - a, and twice the standard error of that mean. */
static void paired_difference(double *mean, double *noise, const double *a, const double *b, size_t n)
{
    double sum = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        sum += b[i] - a[i];
        square += (b[i] - a[i]) * (b[i] - a[i]);
    }
    *mean = sum / (double)n;
    *noise = 2 * sqrt(fmax(square / (double)n - *mean * *mean, 0) / (double)n);
}

/* A draw is kept if it is within noise of the continuous posterior; if none is, the best one. */
static sps_status choose_bank(struct sps_bank_report *report, struct sps_run *run, double *posterior, double *bank)
{
    struct sps_validation v = {.image_nll = posterior};
    SPS_TRY(estimate_norms(run, SPS_FROM_METHOD));
    SPS_TRY(sps_validate(&v, run, SPS_FROM_METHOD, SPS_BANK_PASSES));
    report->posterior_nll = v.nll;
    v.image_nll = bank;
    uint32_t best = 0;
    double best_nll = INFINITY;
    for (uint32_t attempt = 0; attempt < (uint32_t)run->config.run.bank_draws && !report->accepted; attempt++) {
        SPS_TRY(draw_banks(run, attempt));
        SPS_TRY(estimate_norms(run, SPS_FROM_BANK));
        SPS_TRY(sps_validate(&v, run, SPS_FROM_BANK, SPS_BANK_PASSES));
        paired_difference(&report->difference, &report->noise, posterior, bank, run->validation_count);
        report->draws = (int)attempt + 1;
        report->bank_nll = v.nll;
        report->accepted = report->difference <= report->noise;
        if (v.nll < best_nll) {
            best_nll = v.nll;
            best = attempt;
        }
    }
    if (report->accepted)
        return SPS_OK;
    report->bank_nll = best_nll;
    sps_log(SPS_LOG_WARNING,
            "no bank of %d draws is within noise of the continuous posterior (NLL %.4f); the best has %.4f nats",
            report->draws, report->posterior_nll, best_nll);
    SPS_TRY(draw_banks(run, best));
    return estimate_norms(run, SPS_FROM_BANK);
}

/* The deterministic reading wants statistics of its own. */
static int point_differs(const struct sps_run *run)
{
    return run->graph->method->own_point || sps_graph_draws(run->graph);
}

struct sps_end_work sps_end_work(const struct sps_run *run)
{
    if (run->graph->method->draws_bank)
        return (struct sps_end_work){.estimates = 4, .validations = 4}; /* continuous, two draws, point; end */
    return (struct sps_end_work){.estimates = point_differs(run) ? 2 : 1, .validations = 1};
}

sps_status sps_make_banks(struct sps_bank_report *report, struct sps_run *run)
{
    *report = (struct sps_bank_report){0};
    if (!run->graph->method->draws_bank) {
        report->draws = 1;
        report->accepted = 1;
        SPS_TRY(draw_banks(run, 0));
        SPS_TRY(estimate_norms(run, SPS_FROM_BANK));
        return point_differs(run) ? estimate_norms(run, SPS_FROM_POINT) : SPS_OK;
    }
    double *posterior = NULL, *bank = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(sps_calloc(&posterior, run->validation_count, sizeof *posterior, "losses"));
    SPS_TRY_OUT(sps_calloc(&bank, run->validation_count, sizeof *bank, "losses"));
    SPS_TRY_OUT(draw_banks(run, 0));
    SPS_TRY_OUT(choose_bank(report, run, posterior, bank));
    SPS_TRY_OUT(estimate_norms(run, SPS_FROM_POINT));
out:
    sps_free(posterior);
    sps_free(bank);
    return status;
}
