/* SPDX-License-Identifier: MIT */
/* Any bytes as the configuration of a run, and as the description of a network for small images.  A configuration that
 * is accepted is written and read back to the same; a network that is accepted can make a training step. */
#include <string.h>

#include "core/memory.h"
#include "fuzz.h"
#include "train/config.h"

static sps_status read_config(struct sps_config *config, const char *text, size_t size)
{
    sps_yaml *yaml = NULL;
    SPS_TRY(sps_yaml_parse(&yaml, "fuzz", text, size));
    sps_status status = sps_config_read(config, yaml, NULL, 0, 0, 0);
    sps_yaml_free(yaml);
    return status;
}

static void try_config(const char *text, size_t size)
{
    struct sps_config first, second;
    if (read_config(&first, text, size) != SPS_OK)
        return;
    FUZZ_MUST(read_config(&second, first.text, strlen(first.text)) == SPS_OK);
    FUZZ_MUST(strcmp(first.text, second.text) == 0);
    FUZZ_MUST(first.method == second.method && strcmp(first.net_text, second.net_text) == 0);
    sps_config_reset(&first);
    sps_config_reset(&second);
}

enum { BATCH = 2, SIDE = 6, CLASSES = 3, WEIGHTS_MAX = 1 << 16 };

static void step(struct sps_graph *graph, const struct sps_config *config)
{
    static const uint32_t index[BATCH] = {0, 1};
    static const int labels[BATCH] = {2, 0};
    float dlogits[BATCH * CLASSES];
    const struct sps_pass pass = {
        .mode = SPS_PASS_TRAIN, .source = SPS_FROM_METHOD, .n = BATCH, .seed = 1, .index = index, .t = 1, .k = 1};
    for (int i = 0; i < BATCH * SIDE * SIDE; i++)
        graph->codes[i] = (int8_t)(i * 29 % 255 - 127);
    sps_graph_forward(graph, &pass);
    sps_cross_entropy(NULL, dlogits, sps_graph_logits(graph), labels, BATCH, CLASSES, 0);
    sps_graph_backward(graph, &pass, dlogits);
    const struct sps_step s = {
        .rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .momentum = 0.9, .count = 1};
    sps_graph_update(graph, config->optimiser, &s, 1, 1);
}

static void try_net(const struct sps_config *config, const char *text, size_t size)
{
    sps_yaml *yaml = NULL;
    struct sps_graph *graph = NULL;
    const struct sps_graph_options options = {.method = config->method,
                                              .settings = config->settings,
                                              .binariser = config->binariser,
                                              .batch = BATCH,
                                              .threads = 1,
                                              .training = 1,
                                              .seed = 1,
                                              .height = SIDE,
                                              .width = SIDE,
                                              .channels = 1,
                                              .classes = CLASSES,
                                              .weights_max = WEIGHTS_MAX};
    if (sps_yaml_parse(&yaml, "fuzz", text, size) == SPS_OK && sps_graph_create(&graph, yaml, &options) == SPS_OK)
        step(graph, config);
    sps_graph_free(graph);
    sps_yaml_free(yaml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    long live = sps_memory_live();
    struct sps_config config;
    try_config((const char *)data, size);
    FUZZ_MUST(sps_config_read(&config, NULL, NULL, 0, 0, 0) == SPS_OK);
    try_net(&config, (const char *)data, size);
    sps_config_reset(&config);
    FUZZ_MUST(sps_memory_live() == live);
    return 0;
}
