/* SPDX-License-Identifier: MIT */
/* The shipped networks and run presets are what the documents say. */
#include "conf/preset.h"
#include "core/memory.h"
#include "net.h"
#include "test.h"
#include "train/config.h"

static void size_of(const char *name, size_t *weights, size_t *macs)
{
    const struct sps_preset *preset = sps_preset_find("nets", name);
    assert_non_null(preset);
    const struct sps_graph_options options = {.binariser = sps_binariser_find("irnet"), .batch = 1, .threads = 1};
    struct sps_graph *graph = make_graph(preset->text, &options);
    *weights = *macs = 0;
    for (int i = 0; i < graph->weight_count; i++)
        *weights += graph->weights[i]->binary ? graph->weights[i]->rows * graph->weights[i]->row : 0;
    for (int i = 0; i < graph->layer_count; i++)
        *macs += graph->layers[i]->macs;
    sps_graph_free(graph);
}

/* 6 x 25 + 16 x 150 + 400 x 120 + 120 x 84 + 84 x 10 weights; the convolutions act at 784 and 100 positions. */
static void lenet5_classic(void **state)
{
    (void)state;
    size_t weights, macs;
    size_of("lenet5-classic", &weights, &macs);
    assert_int_equal(weights, 61470);
    assert_int_equal(macs, 416520);
}

/* 32 x 25 + 64 x 800 + 3136 x 512 + 512 x 10 weights; 784 and 196 positions: 82 % in the second convolution. */
static void lenet5_wide(void **state)
{
    (void)state;
    size_t weights, macs;
    size_of("lenet5-wide", &weights, &macs);
    assert_int_equal(weights, 1662752);
    assert_int_equal(macs, 627200 + 10035200 + 1605632 + 5120);
    NEAR(10035200.0 / (double)macs, 0.82, 0.005);
}

/* 9 x (32 + 32 x 32 + 32 x 64 + 64 x 64 + 64 x 128 + 128 x 128) + 4 x 4 x 128 x 10 weights: 7 x 7 is pooled to 4 x 4.
 */
static void vgg_mobiny_28(void **state)
{
    (void)state;
    size_t weights, macs;
    size_of("vgg-mobiny-28", &weights, &macs);
    assert_int_equal(weights, 306464);
    assert_int_equal(macs, 784 * (288 + 9216) + 196 * (18432 + 36864) + 49 * (73728 + 147456) + 20480);
}

static void mlp4(void **state)
{
    (void)state;
    size_t weights, macs;
    size_of("mlp4", &weights, &macs);
    assert_int_equal(weights, 784 * 512 + 512 * 512 + 512 * 512 + 512 * 10);
    assert_int_equal(macs, weights);
}

/* Stem, then stages of 6 (4) convolutions of 3 x 3, the first of each but the first with a stride of 2 from half as
 * many channels; the float stem and head are no binary weights. */
static void resnets(void **state)
{
    (void)state;
    size_t weights, macs;
    size_of("resnet20", &weights, &macs);
    assert_int_equal(weights, 9 * (6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64));
    assert_int_equal(
        macs, 9 * (1024 * (3 * 16 + 6 * 16 * 16) + 256 * (16 * 32 + 5 * 32 * 32) + 64 * (32 * 64 + 5 * 64 * 64)) + 640);
    size_of("resnet18", &weights, &macs);
    assert_int_equal(
        weights, 9 * (4 * 64 * 64 + 64 * 128 + 3 * 128 * 128 + 128 * 256 + 3 * 256 * 256 + 256 * 512 + 3 * 512 * 512));
    size_of("resnet20-1bit", &weights, &macs);
    assert_int_equal(weights, 9 * (3 * 16 + 6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64) + 40960);
}

/* Every run preset resolves, names a shipped network, and its resolved text resolves to itself. */
static void presets_resolve(void **state)
{
    (void)state;
    int count = 0;
    for (const struct sps_preset *p = sps_presets; p->folder != NULL; p++) {
        if (strcmp(p->folder, "configs") != 0)
            continue;
        struct sps_config config, again;
        OK(sps_config_init(&config, p->name, NULL, 0, 0, 0));
        assert_non_null(sps_preset_find("nets", config.run.net));
        FILE *file = fopen("t_nets.yaml", "w");
        assert_non_null(file);
        fputs(config.text, file);
        fclose(file);
        OK(sps_config_init(&again, "t_nets.yaml", NULL, 0, 0, 0));
        assert_string_equal(config.text, again.text);
        sps_config_reset(&config);
        sps_config_reset(&again);
        count++;
    }
    assert_true(count >= 7);
}

/* A float twin has as many multiply-accumulates, real weights and no signs; dropout stands behind every hidden
 * activation.  What is written down describes itself. */
static void variants_of_a_network(void **state)
{
    (void)state;
    const char *const sets[] = {"net.name=lenet5-wide", "net.twin=htanh", "method.name=mc_dropout", "method.p=0.3"};
    for (size_t count = 1; count <= 4; count++) {
        struct sps_config config;
        OK(sps_config_init(&config, NULL, sets, count, 0, 0));
        const struct sps_graph_options options = {.binariser = config.binariser, .batch = 1, .threads = 1};
        struct sps_graph *graph = make_graph(config.net_text, &options);
        size_t macs = 0, binary = 0, signs = 0, htanhs = 0, dropouts = 0, pools = 0;
        for (int i = 0; i < graph->layer_count; i++) {
            const char *name = graph->layers[i]->type->name;
            macs += graph->layers[i]->macs;
            signs += strcmp(name, "sign") == 0, htanhs += strcmp(name, "htanh") == 0;
            dropouts += strcmp(name, "dropout") == 0, pools += strcmp(name, "pool") == 0;
        }
        for (int i = 0; i < graph->weight_count; i++)
            binary += (size_t)graph->weights[i]->binary;
        assert_int_equal(macs, 627200 + 10035200 + 1605632 + 5120);
        assert_int_equal(binary, count == 1 ? 4 : 0);
        assert_int_equal(signs, count == 1 ? 3 : 0);
        assert_int_equal(htanhs, count == 1 ? 0 : 3);
        assert_int_equal(pools, count == 1 ? 0 : 2);
        assert_int_equal(dropouts, count < 3 ? 0 : 3);
        assert_string_equal(graph->name, "lenet5-wide");
        if (count == 4)
            assert_non_null(strstr(config.net_text, "dropout: {p: 0.3, unit: neuron}"));
        sps_graph_free(graph);
        sps_config_reset(&config);
    }
    struct sps_config config;
    const char *const cut[] = {"net.name=vgg-mobiny-28", "net.twin=relu"};
    FAILS(sps_config_init(&config, NULL, cut, 2, 0, 0), EFORMAT, "float twin is not possible");
}

/* What is in a network that was changed. */
struct contents {
    size_t macs, binary, signs, relus, htanhs, blocks, dropouts, products, drawn, binary_dropouts;
};

static struct contents contents_of(const char *const *sets, size_t count)
{
    struct contents c = {0};
    struct sps_config config;
    OK(sps_config_init(&config, NULL, sets, count, 0, 0));
    const struct sps_graph_options options = {.binariser = config.binariser, .batch = 1, .threads = 1};
    struct sps_graph *graph = make_graph(config.net_text, &options);
    for (int i = 0; i < graph->layer_count; i++) {
        const struct sps_layer *layer = graph->layers[i];
        struct sps_product product;
        c.macs += layer->macs;
        c.signs += strcmp(layer->type->name, "sign") == 0;
        c.relus += strcmp(layer->type->name, "relu") == 0;
        c.htanhs += strcmp(layer->type->name, "htanh") == 0;
        c.blocks += strcmp(layer->type->name, "residual") == 0;
        if (strcmp(layer->type->name, "dropout") == 0) {
            c.dropouts++;
            c.binary_dropouts += layer->in.kind == SPS_BITS;
        }
        if (!sps_layer_product(&product, layer))
            continue;
        c.products++;
        c.binary += (size_t)product.binary;
        c.drawn += product.weight->drawn != NULL;
    }
    sps_graph_free(graph);
    sps_config_reset(&config);
    return c;
}

/* Real weights at both ends, signs as before; a pooled first product gets a pool layer, and a network that has such
 * ends already stays as it is. */
static void float_ends(void **state)
{
    (void)state;
    static const struct {
        const char *net;
        size_t products, binary, signs;
    } cases[] = {
        {"net.name=vgg-mobiny", 7, 5, 6}, {"net.name=lenet5-wide", 4, 2, 3}, {"net.name=resnet20", 20, 18, 18}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *sets[] = {cases[i].net, "net.float_ends=true"};
        const struct contents c = contents_of(sets, 2), plain = contents_of(sets, 1);
        assert_int_equal(c.macs, plain.macs);
        assert_int_equal(c.products, cases[i].products);
        assert_int_equal(c.binary, cases[i].binary);
        assert_int_equal(c.signs, cases[i].signs);
        assert_int_equal(plain.binary, i == 2 ? 18 : cases[i].products);
    }
    const char *drawn[] = {"net.name=vgg-mobiny", "net.float_ends=true", "method.name=mc_dropconnect"};
    assert_int_equal(contents_of(drawn, 3).drawn, 7);
}

/* ResNet-20 has 18 blocks, each with a sign and a binary convolution in it, and a float product before and behind them;
 * IR-Net's has 19 hard tanhs around its blocks, the form of 1 bit one more sign.  In a float twin the activations of
 * blocks are those around them, where there are any.  Noise goes into blocks, where it does not drop what they add to,
 * and not in front of the mean at the end. */
static void variants_of_residual_networks(void **state)
{
    (void)state;
    static const struct {
        const char *net, *twin, *method;
        size_t relus, htanhs, signs, dropouts, drawn;
    } cases[] = {
        {"resnet20", "none", "mc_dropout", 0, 0, 18, 18, 0},
        {"resnet20", "none", "spindrop", 0, 0, 18, 18, 0},
        {"resnet20", "none", "spatial_spindrop", 0, 0, 18, 18, 0},
        {"resnet20", "none", "mc_dropconnect", 0, 0, 18, 0, 20},
        {"resnet20", "none", "mean_field_vi", 0, 0, 18, 0, 20},
        {"resnet20", "relu", "mc_dropout", 18, 0, 0, 18, 0},
        {"resnet20", "relu", "mc_dropconnect", 18, 0, 0, 0, 20},
        {"resnet20", "htanh", "point", 0, 18, 0, 0, 0},
        {"resnet20-irnet", "none", "mc_dropout", 0, 19, 18, 18, 0},
        {"resnet20-irnet", "relu", "point", 19, 0, 0, 0, 0},
        {"resnet20-irnet", "htanh", "mc_dropout", 0, 19, 0, 18, 0},
        {"resnet20-1bit", "relu", "mc_dropout", 19, 0, 0, 19, 0},
    };
    size_t macs = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char net[64], twin[32], method[64];
        snprintf(net, sizeof net, "net.name=%s", cases[i].net);
        snprintf(twin, sizeof twin, "net.twin=%s", cases[i].twin);
        snprintf(method, sizeof method, "method.name=%s", cases[i].method);
        const char *const sets[] = {net, twin, method};
        const struct contents c = contents_of(sets, 3);
        const int one_bit = strcmp(cases[i].net, "resnet20-1bit") == 0, real = strcmp(cases[i].twin, "none") != 0;
        macs = i == 0 ? c.macs : macs;
        assert_true(c.macs == macs || one_bit);
        assert_int_equal(c.products, 20);
        assert_int_equal(c.blocks, 18);
        assert_int_equal(c.binary, real ? 0 : 18);
        assert_int_equal(c.relus, cases[i].relus);
        assert_int_equal(c.htanhs, cases[i].htanhs);
        assert_int_equal(c.signs, cases[i].signs);
        assert_int_equal(c.dropouts, cases[i].dropouts);
        assert_int_equal(c.binary_dropouts, real ? 0 : cases[i].dropouts);
        assert_int_equal(c.drawn, cases[i].drawn);
    }
}

/* Methods whose noise has no place in a network are refused, as are products that have their own. */
static void methods_without_a_place(void **state)
{
    (void)state;
    const char *const cases[][3] = {
        {"method.name=spindrop", "net.twin=relu", "spindrop finds nothing here to draw"},
        {"method.name=spatial_spindrop", "net.twin=htanh", "in a float twin"},
        {"method.name=mc_dropconnect", "method.place=dense", "mc_dropconnect finds nothing here to draw"},
        {"method.name=mc_dropout", "method.place=dense", "mc_dropout finds nothing here to draw"},
    };
    FILE *file = fopen("t_nets.yaml", "w");
    assert_non_null(file);
    fputs("layers:\n  - conv: {out: 8, kernel: 5, binary: true}\n  - batchnorm: {scale: true}\n  - sign: {}\n"
          "  - conv: {out: 10, kernel: 24, binary: true}\n  - batchnorm: {scale: true}\n",
          file);
    fclose(file);
    struct sps_config config;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const sets[] = {"net.name=./t_nets.yaml", cases[i][0], cases[i][1]};
        FAILS(sps_config_init(&config, NULL, sets, 3, 0, 0), EFORMAT, cases[i][2]);
    }
    file = fopen("t_nets.yaml", "w");
    assert_non_null(file);
    fputs("layers:\n  - dense: {out: 10, drop: 0.5}\n", file);
    fclose(file);
    const char *const sets[] = {"net.name=./t_nets.yaml", "method.name=mc_dropconnect"};
    FAILS(sps_config_init(&config, NULL, sets, 2, 0, 0), EFORMAT, "drop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lenet5_classic),
        cmocka_unit_test(lenet5_wide),
        cmocka_unit_test(vgg_mobiny_28),
        cmocka_unit_test(mlp4),
        cmocka_unit_test(resnets),
        cmocka_unit_test(presets_resolve),
        cmocka_unit_test(variants_of_a_network),
        cmocka_unit_test(variants_of_residual_networks),
        cmocka_unit_test(float_ends),
        cmocka_unit_test(methods_without_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
