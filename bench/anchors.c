/* SPDX-License-Identifier: MIT */
/* Training graph against packed engine on a real test set: every hidden bit of every pass, and the logits.
 *
 *   anchors MODEL DATA [SAMPLES [IMAGES]]
 *
 * The engine walks each pass alone, so that the bits of every layer can be looked at, and then all passes as a tree,
 * with and without updates, whose logits must be the same, bit for bit.  With layers of float weights, which the graph
 * adds up in oneDNN's order, graph and engine differ in the last place there, and now and then in the sign of what is
 * next to nothing: those bits are counted, and may be one in ten thousand. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "engine/walk.h"
#include "pack/pack.h"
#include "spinscale/data.h"
#include "train/model_file.h"
#include "train/predict.h"

enum { BATCH = 64, SAMPLES_MAX = 200, STAGES_MAX = 64 };

static void need(sps_status status)
{
    if (status == SPS_OK)
        return;
    fprintf(stderr, "anchors: %s\n", sps_last_error());
    exit(sps_exit_status(status));
}

/* Updates always, or never: both must give the numbers of separate passes. */
enum way { ALONE, TREE, TREE_OF_UPDATES, WAYS };

struct engine {
    struct sps_plan *plan;
    struct sps_backend backend;
    struct sps_session_options options;
    struct sps_cost *costs;
    struct sps_lane lane;
    char *memory;
    size_t numbers[SPS_BLOCK_PASSES];
};

static void open_engine(struct engine *e, const struct sps_packed *packed, enum way way)
{
    need(sps_plan_create(&e->plan, packed));
    if (e->plan->stage_count > STAGES_MAX) {
        fprintf(stderr, "anchors: the network has %d products, must be at most %d\n", e->plan->stage_count, STAGES_MAX);
        exit(2);
    }
    e->backend = sps_backend_cpu(e->plan->kern);
    need(sps_calloc(&e->memory, sps_lane_lay_out(&e->lane, e->plan, &e->backend, 1, NULL), 1, "a lane"));
    sps_lane_lay_out(&e->lane, e->plan, &e->backend, 1, e->memory);
    need(sps_calloc(&e->costs, (size_t)e->plan->stage_count, sizeof *e->costs, "costs"));
    for (int i = 0; i < e->plan->stage_count && way == TREE_OF_UPDATES; i++)
        e->costs[i] = (struct sps_cost){.full = 1, .flip = 1e-12};
    e->options.no_sharing = way == ALONE;
    e->lane.costs = e->costs;
    e->lane.options = &e->options;
    e->lane.numbers = e->numbers;
}

/* Passes numbers[] of one image, whose picks are rows of `row`. */
static void walk(struct engine *e, const uint8_t *pixels, const uint8_t *picks, size_t count, float *logits, float *p)
{
    const struct sps_passes out = {.p = p, .logits = logits, .stride = 1};
    e->lane.out = &out;
    e->lane.image = 0;
    for (size_t i = 0; i < count; i++)
        e->numbers[i] = i;
    memcpy(e->lane.picks, picks, count * e->plan->picks);
    sps_lane_load(&e->lane, pixels);
    sps_lane_walk(&e->lane, count);
}

struct tally {
    size_t bits, wrong_bits, passes, apart, wrong_tree;
    size_t stage_bits[STAGES_MAX], stage_wrong[STAGES_MAX]; /* by the product that reads them */
    double largest;
};

/* Outputs of the graph's sign layers against what the engine held as input of each product. */
static void compare_bits(struct tally *tally, struct sps_graph *graph, int image, const struct engine *e)
{
    int stage = 1;
    for (int i = 0; i < graph->layer_count; i++) {
        const struct sps_layer *layer = graph->layers[i];
        if (layer->out.kind != SPS_BITS)
            continue;
        const uint32_t *want =
            (const uint32_t *)(const void *)((const char *)layer->y + (size_t)image * layer->y_stride);
        const struct sps_level *level = &e->lane.levels[stage];
        const uint32_t *got = e->plan->stages[stage].floats ? level->next : level->held; /* no updates there */
        size_t size = sps_shape_size(&layer->out), wrong = 0;
        for (size_t w = 0; w < sps_words(size); w++)
            wrong += (size_t)__builtin_popcount(want[w] ^ got[w]);
        tally->bits += size;
        tally->wrong_bits += wrong;
        tally->stage_bits[stage] += size;
        tally->stage_wrong[stage++] += wrong;
    }
}

int main(int argc, char **argv)
{
    sps_safetensors *file = NULL;
    struct sps_graph *graph = NULL;
    struct sps_code_table table;
    struct sps_model_facts facts;
    sps_dataset *set = NULL;
    struct sps_packed *packed = NULL;
    int samples = argc >= 4 ? atoi(argv[3]) : 20, images_wanted = argc == 5 ? atoi(argv[4]) : INT_MAX;
    if (argc < 3 || argc > 5 || samples < 1 || samples > SAMPLES_MAX || images_wanted < 1) {
        fprintf(stderr, "usage: anchors MODEL.safetensors DATA [SAMPLES, 1 to %d [IMAGES]]\n", SAMPLES_MAX);
        return 2;
    }
    need(sps_safetensors_open(&file, argv[1]));
    need(sps_model_file_read(&graph, &table, &facts, file, argv[1], BATCH, 1));
    need(sps_dataset_open(&set, argv[2], SPS_TEST, NULL));
    const struct sps_pack_facts pack_facts = {.codes = table.code[0],
                                              .mean = table.mean,
                                              .std = table.std,
                                              .class_names = facts.class_names,
                                              .validation_accuracy = NAN};
    need(sps_pack_graph(&packed, graph, &pack_facts));
    struct engine engine[WAYS] = {{.plan = NULL}};
    for (int way = 0; way < WAYS; way++)
        open_engine(&engine[way], packed, (enum way)way);

    struct tally tally = {0};
    size_t n = sps_dataset_get_info(set)->count, row = (size_t)graph->picks, classes = (size_t)graph->classes,
           T = (size_t)samples;
    n = n < (size_t)images_wanted ? n : (size_t)images_wanted;
    uint8_t *picks = calloc(BATCH * T, row), *of_pass = calloc(BATCH, row);
    float *alone = calloc(BATCH * T * classes, sizeof *alone), *got = calloc(T * classes, sizeof *got),
          *p = calloc(T * classes, sizeof *p);
    if (picks == NULL || of_pass == NULL || alone == NULL || got == NULL || p == NULL)
        return 1;
    for (size_t first = 0; first < n; first += BATCH) {
        int count = (int)(n - first < BATCH ? n - first : BATCH);
        const uint8_t *images[BATCH];
        for (int i = 0; i < count; i++) {
            images[i] = sps_dataset_image(set, first + (size_t)i);
            for (size_t t = 0; t < T; t++)
                sps_path_draw(picks + ((size_t)i * T + t) * row, packed->banks, packed->noise_count, 1,
                              (uint32_t)first + (uint32_t)i, (uint32_t)t);
        }
        sps_graph_load(graph, &table, images, count);
        for (size_t t = 0; t < T; t++) {
            for (int i = 0; i < count; i++)
                memcpy(of_pass + (size_t)i * row, picks + ((size_t)i * T + t) * row, row);
            const struct sps_pass pass = {
                .mode = SPS_PASS_EVALUATE, .source = SPS_FROM_BANK, .n = count, .picks = of_pass};
            sps_graph_forward(graph, &pass);
            for (int i = 0; i < count; i++) {
                float *mine = alone + ((size_t)i * T + t) * classes;
                const float *logits = sps_graph_logits(graph) + (size_t)i * classes;
                double largest = 0;
                walk(&engine[ALONE], images[i], of_pass + (size_t)i * row, 1, mine, p);
                compare_bits(&tally, graph, i, &engine[ALONE]);
                for (size_t c = 0; c < classes; c++)
                    largest = fmax(largest, fabs((double)logits[c] - (double)mine[c]));
                tally.largest = fmax(tally.largest, largest);
                tally.apart += largest > 1e-5;
                tally.passes++;
            }
        }
        for (int i = 0; i < count; i++)
            for (int way = TREE; way < WAYS; way++) {
                walk(&engine[way], images[i], picks + (size_t)i * T * row, T, got, p);
                tally.wrong_tree += memcmp(got, alone + (size_t)i * T * classes, T * classes * sizeof *got) != 0;
            }
    }
    for (int i = 0; i < STAGES_MAX && tally.wrong_bits > 0; i++)
        if (tally.stage_bits[i] > 0)
            printf("bits into product %d: %zu, differ: %zu\n", i, tally.stage_bits[i], tally.stage_wrong[i]);
    printf("%zu images, %d passes each, kernels %s\n"
           "hidden bits: %zu, differ: %zu\n"
           "passes: %zu, logits more than 1e-5 apart: %zu, largest difference: %g\n"
           "path trees in full and by updates, images whose logits are not those of separate passes bit for bit: %zu\n",
           n, samples, graph->kern->tier, tally.bits, tally.wrong_bits, tally.passes, tally.apart, tally.largest,
           tally.wrong_tree);
    int is_exact = packed->info.float_weights == 0;
    return tally.wrong_tree > 0 || tally.wrong_bits > (is_exact ? 0 : tally.bits / 10000) ||
           (is_exact && tally.apart > 0);
}
