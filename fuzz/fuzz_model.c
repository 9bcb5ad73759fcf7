/* SPDX-License-Identifier: MIT */
/* Any bytes as a trained model.  What is accepted must predict: distributions, or a word about numbers that overflow.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "fuzz.h"
#include "train/model_file.h"
#include "train/predict.h"

enum { PASSES = 3 };

static void predict(struct sps_graph *graph, const struct sps_code_table *table, const struct sps_draws *draws)
{
    size_t pixels = sps_shape_size(&graph->input), classes = (size_t)graph->classes;
    uint8_t *image = malloc(pixels), *picks = malloc(PASSES * (size_t)graph->picks + 1);
    float *p = malloc(PASSES * classes * sizeof *p);
    const uint32_t index = 5;
    FUZZ_MUST(image != NULL && picks != NULL && p != NULL);
    for (size_t i = 0; i < pixels; i++)
        image[i] = (uint8_t)(i * 37);
    sps_graph_load(graph, table, (const uint8_t *const *)&image, 1);
    sps_status status = sps_graph_predict(graph, draws, PASSES, 1, &index, p, NULL, picks, 1, 0);
    FUZZ_MUST(status == SPS_OK || status == SPS_EDIVERGED);
    for (size_t t = 0; t < PASSES && status == SPS_OK; t++) {
        double total = 0;
        for (size_t c = 0; c < classes; c++)
            total += (double)p[t * classes + c];
        FUZZ_MUST(fabs(total - 1) < 1e-4);
    }
    free(image);
    free(picks);
    free(p);
}

static void use(const sps_safetensors *file)
{
    struct sps_graph *graph = NULL;
    struct sps_code_table table;
    struct sps_model_facts facts;
    if (sps_model_file_read(&graph, &table, &facts, file, "fuzz", 1, 1) != SPS_OK)
        return;
    FUZZ_MUST(facts.net_text != NULL && facts.method != NULL && facts.data != NULL);
    predict(graph, &table, &(struct sps_draws){.source = SPS_FROM_BANK, .seed = 1});
    predict(graph, &table, &(struct sps_draws){.source = SPS_FROM_POINT});
    sps_graph_free(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    long live = sps_memory_live();
    sps_safetensors *file = NULL;
    void *aligned = malloc(size > 0 ? size : 1);
    FUZZ_MUST(aligned != NULL);
    memcpy(aligned, data, size);
    if (sps_safetensors_parse(&file, "fuzz", aligned, size) == SPS_OK)
        use(file);
    sps_safetensors_close(file);
    free(aligned);
    FUZZ_MUST(sps_memory_live() == live);
    return 0;
}
