/* SPDX-License-Identifier: MIT */
/* A network description as a packed model, without training: for its shapes and counts. */
#include <math.h>
#include <stdio.h>

#include "core/memory.h"
#include "data/transform.h"
#include "pack/pack.h"
#include "spinscale/model.h"
#include "train/config.h"

static sps_status pack(sps_packed **out, struct sps_graph *graph, const struct sps_config *config)
{
    struct sps_code_table table = {.channels = graph->input.c};
    static const char *const class_names[256];
    for (int c = 0; c < SPS_CHANNELS_MAX; c++) {
        table.mean[c] = 0.5f;
        table.std[c] = 1;
    }
    sps_code_table_make(&table);
    const struct sps_pack_facts facts = {.codes = table.code[0],
                                         .mean = table.mean,
                                         .std = table.std,
                                         .class_names = class_names,
                                         .net = graph->name,
                                         .method = config->method->name,
                                         .validation_accuracy = NAN};
    return sps_pack_graph(out, graph, &facts);
}

sps_status sps_net_pack(sps_packed **out, const char *net, const char *const *sets, size_t set_count)
{
    struct sps_config config = {0};
    struct sps_graph *graph = NULL;
    const char **all = NULL;
    char name[4200];
    snprintf(name, sizeof name, "net.name=%s", net);
    SPS_TRY(sps_calloc(&all, set_count + 1, sizeof *all, "settings"));
    for (size_t i = 0; i < set_count; i++)
        all[i] = sets[i];
    all[set_count] = name;
    sps_status status = sps_config_init(&config, NULL, all, set_count + 1, 0, 0);
    sps_free(all);
    if (status != SPS_OK)
        return status;
    const struct sps_graph_options options = {.method = config.method,
                                              .settings = config.settings,
                                              .binariser = config.binariser,
                                              .batch = 2,
                                              .threads = 1,
                                              .training = 1};
    status = sps_graph_create(&graph, config.net, &options);
    if (status == SPS_OK)
        status = pack(out, graph, &config);
    sps_graph_free(graph);
    sps_config_reset(&config);
    return status;
}
