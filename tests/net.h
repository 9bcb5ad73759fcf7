/* SPDX-License-Identifier: MIT */
#ifndef SPS_TEST_NET_H
#define SPS_TEST_NET_H
/* What the tests of the training graph share: graphs from a line of YAML, method settings, seeded random numbers. */
#include <stdlib.h>

#include "bayes/bayes.h"
#include "core/memory.h"
#include "core/random.h"
#include "nn/nn.h"
#include "test.h"

/* Text is a format with its numbers filled in by the caller.  Options without a binariser get irnet, without a batch 4
 * images, without threads 1. */
static inline sps_status try_graph(struct sps_graph **out, const char *text, const struct sps_graph_options *options)
{
    struct sps_graph_options o = *options;
    o.binariser = o.binariser ? o.binariser : sps_binariser_find("irnet");
    o.batch = o.batch ? o.batch : 4;
    o.threads = o.threads ? o.threads : 1;
    sps_yaml *yaml = NULL;
    OK(sps_yaml_parse(&yaml, "net", text, strlen(text)));
    sps_status status = sps_graph_create(out, yaml, &o);
    sps_yaml_free(yaml);
    return status;
}

static inline struct sps_graph *make_graph(const char *text, const struct sps_graph_options *options)
{
    struct sps_graph *graph = NULL;
    sps_status status = try_graph(&graph, text, options);
    if (status != SPS_OK)
        fail_msg("%s\n%s", sps_last_error(), text);
    graph->code_step = 1.0f / 64;
    return graph;
}

/* Settings of a method; assignments are separated by blanks.  Release with sps_free(). */
static inline void *make_settings(const struct sps_method *method, const char *assignments)
{
    void *settings = NULL;
    OK(sps_calloc(&settings, 1, method->settings_size, "settings"));
    sps_params_default(method->params, settings);
    struct sps_binding binding = {method->params, settings};
    char text[512];
    snprintf(text, sizeof text, "%s", assignments);
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        OK(sps_params_set(&binding, 1, word));
    return settings;
}

static inline struct sps_random test_random(uint32_t item)
{
    return sps_random(2024, SPS_FOR_TEST, item, 0, 0);
}

static inline float uniform(struct sps_random *r, double low, double high)
{
    return (float)(low + (high - low) * sps_random_uniform(r));
}

static inline void fill_normal(struct sps_random *r, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = sps_random_normal(r);
}

static inline void fill_codes(struct sps_random *r, int8_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (int8_t)((int)sps_random_below(r, 255) - 127);
}

static inline void *room(size_t count, size_t size)
{
    void *memory = NULL;
    OK(sps_calloc(&memory, count, size, "test"));
    return memory;
}
#define ROOM(type, count) ((type *)room((size_t)(count), sizeof(type)))

/* All images of the batch, index 0, 1, 2, ... */
static const uint32_t identity[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                      16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                      32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                      48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

static inline struct sps_pass make_pass(enum sps_pass_mode mode, enum sps_scale_source source, int n)
{
    return (struct sps_pass){.mode = mode, .source = source, .n = n, .seed = 7, .index = identity, .t = 1, .k = 1};
}

/* Every allocation of a test is given back. */
static inline int remember_memory(void **state)
{
    static long live;
    live = sps_memory_live();
    *state = &live;
    return 0;
}
static inline int check_memory(void **state)
{
    long now = sps_memory_live(), before = *(long *)*state;
    if (now != before)
        print_error("%ld allocations are left\n", now - before);
    return now != before;
}
#define TEST(f) cmocka_unit_test_setup_teardown(f, remember_memory, check_memory)
#endif
