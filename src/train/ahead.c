/* SPDX-License-Identifier: MIT */
#include "train/ahead.h"

#include <pthread.h>
#include <string.h>

#include "core/memory.h"

struct sps_ahead {
    const struct sps_run *run;
    pthread_t thread;
    int running;
    uint32_t *index; /* [images.count], a copy: the epoch's order may be shuffled anew while this is at work */
    int64_t epoch;
    int8_t *codes, *scratch; /* [images.count][H][W][C]; one image */
};

static void encode(const struct sps_run *run, int8_t *codes, uint32_t index, int64_t epoch, int8_t *scratch)
{
    const struct sps_run_params *set = &run->config.run;
    const struct sps_graph *graph = run->graph;
    const struct sps_augment augment = {set->flip, (int)set->crop_pad, (float)set->resize_min_area};
    int plain = !set->flip && set->crop_pad == 0 && set->resize_min_area >= 1;
    int8_t *first = plain ? codes : scratch;
    sps_encode(first, &run->table, sps_dataset_image(run->data, index), graph->input.h * graph->input.w);
    if (!plain)
        sps_augment_codes(codes, first, graph->input.h, graph->input.w, graph->input.c, &augment, (uint64_t)set->seed,
                          index, (uint32_t)epoch);
}

static void *work(void *pointer)
{
    struct sps_ahead *ahead = pointer;
    size_t size = sps_shape_size(&ahead->run->graph->input);
    for (size_t i = 0; i < ahead->run->images.count; i++)
        encode(ahead->run, ahead->codes + i * size, ahead->index[i], ahead->epoch, ahead->scratch);
    return NULL;
}

static void wait_for(struct sps_ahead *ahead)
{
    if (ahead->running)
        pthread_join(ahead->thread, NULL);
    ahead->running = 0;
}

/* On a core that computes it would delay all others, which wait for that core. */
int sps_ahead_helps(const struct sps_run *run)
{
    return sps_ranks_threads(run->ranks) > run->threads;
}

sps_status sps_ahead_init(struct sps_run *run)
{
    size_t count = run->images.count, size = sps_shape_size(&run->graph->input);
    SPS_TRY(sps_calloc(&run->ahead, 1, sizeof *run->ahead, "images of the next step"));
    struct sps_ahead *ahead = run->ahead;
    ahead->run = run;
    SPS_TRY(sps_calloc(&ahead->index, count, sizeof *ahead->index, "images of the next step"));
    SPS_TRY(sps_calloc(&ahead->codes, count, size, "images of the next step"));
    return sps_calloc(&ahead->scratch, 1, size, "an image");
}

void sps_ahead_reset(struct sps_run *run)
{
    if (run->ahead == NULL)
        return;
    wait_for(run->ahead);
    sps_free(run->ahead->index);
    sps_free(run->ahead->codes);
    sps_free(run->ahead->scratch);
    sps_free(run->ahead);
    run->ahead = NULL;
}

void sps_ahead_take(struct sps_run *run, const uint32_t *index, int64_t epoch)
{
    struct sps_ahead *ahead = run->ahead;
    struct sps_graph *graph = run->graph;
    size_t size = sps_shape_size(&graph->input), count = run->images.count;
    if (ahead != NULL && ahead->running) {
        wait_for(ahead);
        if (ahead->epoch == epoch && memcmp(ahead->index, index, count * sizeof *index) == 0) {
            memcpy(graph->codes, ahead->codes, count * size);
            return;
        }
    }
#pragma omp parallel for schedule(static) num_threads(graph->threads)
    for (int i = 0; i < (int)count; i++)
        encode(run, graph->codes + (size_t)i * size, index[i], epoch, sps_graph_scratch(graph));
}

void sps_ahead_start(struct sps_run *run, const uint32_t *index, int64_t epoch)
{
    struct sps_ahead *ahead = run->ahead;
    if (ahead == NULL)
        return;
    memcpy(ahead->index, index, run->images.count * sizeof *index);
    ahead->epoch = epoch;
    ahead->running = pthread_create(&ahead->thread, NULL, work, ahead) == 0;
}
