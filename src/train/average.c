/* SPDX-License-Identifier: MIT */
/* The exponential moving average of the trained numbers, which stands in for them in validation and in the model: late
 * steps of a large rate scatter around a minimum, their mean is nearer to it (Polyak and Juditsky 1992; for binary
 * weights the latent ones are averaged, and their signs are the network's).
 *
 * No running statistics of BatchNorm belong to the averaged network, which never ran: they are estimated when it is
 * looked at, and those of the network in training are put aside for that time. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "train/run.h"

static size_t size_of(const struct sps_weight *w)
{
    return w->rows * w->row;
}

static size_t norm_numbers(const struct sps_graph *graph)
{
    size_t n = 0;
    for (int i = 0; i < graph->layer_count; i++) {
        const struct sps_norm *norm = sps_layer_norm(graph->layers[i]);
        n += norm != NULL ? 2 * (size_t)norm->channels : 0;
    }
    return n;
}

sps_status sps_average_init(struct sps_run *run)
{
    const struct sps_graph *graph = run->graph;
    if (run->config.run.ema == 0)
        return SPS_OK;
    SPS_TRY(sps_calloc(&run->average, (size_t)graph->weight_count, sizeof *run->average, "averages"));
    SPS_TRY(sps_calloc(&run->norms_aside, norm_numbers(graph) + 1, sizeof(float), "running statistics"));
    for (int i = 0; i < graph->weight_count; i++) {
        const struct sps_weight *w = graph->weights[i];
        SPS_TRY(sps_calloc(&run->average[i], size_of(w), sizeof(float), "averages"));
        memcpy(run->average[i], w->value, size_of(w) * sizeof(float));
    }
    return SPS_OK;
}

void sps_average_reset(struct sps_run *run)
{
    for (int i = 0; run->average != NULL && i < run->graph->weight_count; i++)
        sps_free(run->average[i]);
    sps_free(run->average);
    sps_free(run->norms_aside);
    run->average = NULL;
    run->norms_aside = NULL;
}

void sps_average_update(struct sps_run *run)
{
    if (run->average == NULL)
        return;
    double updates = (double)run->at.updates;
    /* Of the first steps the average is short, or it would remember the random start. */
    float keep = (float)fmin(run->config.run.ema, (1 + updates) / (10 + updates));
    for (int i = 0; i < run->graph->weight_count; i++) {
        const struct sps_weight *w = run->graph->weights[i];
        const float *value = w->value;
        float *mean = run->average[i];
        size_t n = size_of(w);
#pragma omp parallel for simd schedule(static) num_threads(run->threads) if (n > 65536)
        for (size_t j = 0; j < n; j++)
            mean[j] = keep * mean[j] + (1 - keep) * value[j];
    }
}

/* The running statistics to or from where they are put aside. */
static void move_norms(struct sps_run *run, int back)
{
    float *aside = run->norms_aside;
    for (int i = 0; i < run->graph->layer_count; i++) {
        struct sps_norm *norm = sps_layer_norm(run->graph->layers[i]);
        float *const numbers[] = {norm ? norm->running_mean : NULL, norm ? norm->running_var : NULL};
        for (int j = 0; j < 2 && norm != NULL; j++, aside += norm->channels)
            memcpy(back ? numbers[j] : aside, back ? aside : numbers[j], (size_t)norm->channels * sizeof *aside);
    }
}

static sps_status swap_weights(struct sps_run *run)
{
    for (int i = 0; i < run->graph->weight_count; i++) {
        struct sps_weight *w = run->graph->weights[i];
        for (size_t j = 0, n = size_of(w); j < n; j++) {
            float value = w->value[j];
            w->value[j] = run->average[i][j];
            run->average[i][j] = value;
        }
    }
    return sps_run_binarise(run);
}

sps_status sps_average_enter(struct sps_run *run)
{
    if (run->average == NULL)
        return SPS_OK;
    move_norms(run, 0);
    return swap_weights(run);
}

sps_status sps_average_leave(struct sps_run *run)
{
    if (run->average == NULL)
        return SPS_OK;
    move_norms(run, 1);
    return swap_weights(run);
}
