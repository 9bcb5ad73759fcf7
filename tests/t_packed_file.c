/* SPDX-License-Identifier: MIT */
/* The packed model's file: what is written is read again; old files keep their meaning; damage of every kind is refused
 * in words.  t_packed_file --golden writes tests/golden anew, for a new version of the format. */
#include "chain.h"
#include "core/file.h"
#include "toy.h"

enum { IMAGES = 2, SAMPLES = 5 };

/* All that can be run: 0 conv, 1 pool, 2 threshold, 3 dense with dropped maps, 4 threshold, 5 dense, 6 affine. */
static struct sps_packed *small_model(void)
{
    struct chain b = chain_start(1, 6, 7, 2);
    chain_product(&b, 5, 3, 1, 1, CHAIN_NONE);
    chain_pool(&b, 2, 0);
    chain_decide(&b, SPS_NOISE_bank, 3, 1);
    chain_product(&b, 4, 0, 0, 0, SPS_NOISE_map);
    chain_decide(&b, SPS_NOISE_channel, 2, 1);
    chain_product(&b, 3, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 2, 1);
    b.m->net = "small";
    b.m->method = "by chance";
    b.m->data = "noise";
    b.m->data_sha256 = "00ff";
    b.m->config = "train:\n  epochs: \"1\"\n";
    b.m->seed = "7";
    b.m->validation_accuracy = 0.625;
    b.m->class_names[0] = "cat";
    b.m->class_names[2] = "d\u00f6g \"\\";
    return chain_finish(&b);
}

/* Sums and bits pooled in windows that the edge cuts: 5 x 7 to 3 x 4, to 1 x 2. */
static struct sps_packed *edged_model(void)
{
    struct chain b = chain_start(3, 5, 7, 2);
    chain_product(&b, 9, 3, 1, 1, CHAIN_NONE);
    chain_pool(&b, 2, 1);
    chain_decide(&b, SPS_NOISE_bank, 3, 1);
    chain_product(&b, 5, 3, 1, 1, CHAIN_NONE);
    chain_decide(&b, SPS_NOISE_bank, 2, 1);
    chain_pool(&b, 3, 1);
    chain_product(&b, 3, 0, 0, 0, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_bank, 2, 1);
    return chain_finish(&b);
}

static float *some_floats(struct chain *b, size_t count)
{
    float *x = chain_room(b, count, sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = uniform(&b->r, 0.25, 1);
    return x;
}

static struct sps_op *add_op(struct chain *b, enum sps_op_kind kind, int from, int also)
{
    struct sps_op *op = chain_op(b, kind);
    op->from[0] = from;
    op->from[1] = also;
    op->from_count = also >= 0 ? 2 : 1;
    return op;
}

static void add_float(struct chain *b, enum sps_op_kind kind, int from, int out, int kernel)
{
    struct sps_op *op = add_op(b, kind, from, -1);
    op->out = out;
    op->kernel = kernel;
    op->stride = kernel > 0;
    op->weight = some_floats(b, (size_t)out * sps_op_fan_in(op, chain_value(b->m, from)));
    op->bias = some_floats(b, (size_t)out);
    chain_check(b);
}

static void add_quantise(struct chain *b, int from, int bits)
{
    struct sps_op *op = add_op(b, SPS_OP_quantise, from, -1);
    op->bits = bits;
    op->step = some_floats(b, (size_t)chain_value(b->m, from)->c);
    chain_check(b);
}

/* Every operation there is: a float stem, quantised activations, a residual sum, a way up and a concatenation. */
static struct sps_packed *whole_model(void)
{
    struct chain b = chain_start(2, 4, 4, 1);
    add_float(&b, SPS_OP_float_conv, 0, 3, 1); /* value 1: reals 4 x 4 x 3 */
    add_quantise(&b, 1, 3);                    /* 2: levels */
    chain_product(&b, 3, 3, 1, 1, CHAIN_NONE); /* 3: sums */
    chain_score(&b, SPS_NOISE_bank, 2, 1);     /* 4: reals */
    add_op(&b, SPS_OP_add, 1, 4);              /* 5 */
    chain_check(&b);
    chain_op(&b, SPS_OP_pool)->window = 2; /* 6: 2 x 2 x 3 */
    b.m->ops[5].average = 1;
    chain_check(&b);
    add_op(&b, SPS_OP_upsample, 6, -1)->factor = 2; /* 7: 4 x 4 x 3 */
    chain_check(&b);
    add_op(&b, SPS_OP_concat, 7, 1); /* 8: 4 x 4 x 6 */
    chain_check(&b);
    add_float(&b, SPS_OP_float_dense, 8, 4, 0);
    return chain_finish(&b);
}

/* Reals from end to end: float ends, activations, shortcuts to as many and to fewer pixels, cut windows of a mean. */
static struct sps_packed *residual_model(void)
{
    struct chain b = chain_start(4, 5, 7, 2);
    chain_float_product(&b, 6, 3, 1, 1); /* value 1: 5 x 7 x 6 */
    chain_score(&b, SPS_NOISE_bank, 2, 1);
    chain_activation(&b, SPS_OP_hard_tanh);
    chain_activation(&b, SPS_OP_sign);
    chain_product(&b, 6, 3, 1, 1, CHAIN_NONE);
    chain_score(&b, SPS_NOISE_channel, 3, 1);
    chain_add(&b, 3);
    chain_activation(&b, SPS_OP_rprelu);
    chain_activation(&b, SPS_OP_sign);
    chain_product(&b, 9, 3, 2, 1, CHAIN_NONE); /* 3 x 4 x 9 */
    chain_score(&b, SPS_NOISE_bank, 2, 1);
    chain_add(&b, 8);
    chain_activation(&b, SPS_OP_relu);
    struct sps_op *op = chain_op(&b, SPS_OP_pool);
    op->window = 2;
    op->average = op->ceil = 1;
    chain_check(&b);
    chain_float_product(&b, 3, 0, 0, 0);
    return chain_finish(&b);
}

static void make_images(uint8_t *pixels, const uint8_t **images, size_t size)
{
    for (size_t i = 0; i < IMAGES * size; i++)
        pixels[i] = (uint8_t)(i * 37 + i / size * 101);
    for (size_t i = 0; i < IMAGES; i++)
        images[i] = pixels + i * size;
}

static struct answer predict(const struct sps_packed *m, enum sps_reading reading)
{
    uint8_t pixels[IMAGES * 84];
    const uint8_t *images[IMAGES];
    const struct sps_predict_options options = {.reading = reading, .samples = SAMPLES, .seed = 3};
    make_images(pixels, images, sps_value_size(&m->input));
    return ask(m, &(struct sps_session_options){.threads = 1}, &options, IMAGES, images, identity, IMAGES);
}

static struct sps_packed *open_packed(const char *path)
{
    struct sps_packed *m = NULL;
    OK(sps_packed_open(&m, path));
    return m;
}

static void same_op(const struct sps_packed *ma, const struct sps_packed *mb, int index)
{
    const struct sps_op *a = &ma->ops[index], *b = &mb->ops[index];
    const struct sps_value *in = chain_value(ma, a->from[0]);
    size_t fan_in = sps_op_fan_in(a, in), out = (size_t)a->out, c = (size_t)in->c,
           rows = (a->noise < 0 ? 1 : (size_t)ma->noises[a->noise].entries) + (size_t)a->point;
    assert_string_equal(a->name, b->name);
    assert_memory_equal(a->from, b->from, (size_t)a->from_count * sizeof *a->from);
    const int x[] = {(int)a->kind, a->from_count, a->out,    a->kernel, a->stride, a->pad,  a->window,
                     a->average,   a->ceil,       a->factor, a->bits,   a->noise,  a->point};
    const int y[] = {(int)b->kind, b->from_count, b->out,    b->kernel, b->stride, b->pad,  b->window,
                     b->average,   b->ceil,       b->factor, b->bits,   b->noise,  b->point};
    assert_memory_equal(x, y, sizeof x);
    assert_memory_equal(&a->result, &b->result, sizeof a->result);
    const struct {
        const void *a, *b;
        size_t bytes;
    } arrays[] = {{a->weight_bits, b->weight_bits, out * sps_words(fan_in) * 4},
                  {a->weight, b->weight, out * fan_in * 4},
                  {a->bias, b->bias, out * 4},
                  {a->threshold, b->threshold, rows * c * 4},
                  {a->flip, b->flip, rows * sps_words(c) * 4},
                  {a->affine, b->affine, rows * SPS_AFFINE_ROWS * c * 4},
                  {a->step, b->step, c * 4},
                  {a->rprelu, b->rprelu, SPS_RPRELU_ROWS * c * 4}};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        assert_int_equal(arrays[i].a == NULL, arrays[i].b == NULL);
        if (arrays[i].a != NULL)
            assert_memory_equal(arrays[i].a, arrays[i].b, arrays[i].bytes);
    }
}

static void same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL)
        assert_string_equal(a, b);
}

static void same_models(const struct sps_packed *a, const struct sps_packed *b)
{
    size_t c = (size_t)a->input.c;
    assert_memory_equal(&a->input, &b->input, sizeof a->input);
    assert_memory_equal(a->codes, b->codes, 256 * c);
    assert_memory_equal(a->mean, b->mean, c * sizeof *a->mean);
    assert_memory_equal(a->std, b->std, c * sizeof *a->std);
    assert_int_equal(a->op_count, b->op_count);
    for (int i = 0; i < a->op_count; i++)
        same_op(a, b, i);
    assert_int_equal(a->noise_count, b->noise_count);
    for (int i = 0; i < a->noise_count; i++) {
        const struct sps_noise *x = &a->noises[i], *y = &b->noises[i];
        const int n[] = {(int)x->kind, x->entries, x->stream, x->op, x->picks},
                  o[] = {(int)y->kind, y->entries, y->stream, y->op, y->picks};
        assert_memory_equal(n, o, sizeof n);
        assert_memory_equal(x->probability, y->probability, (size_t)x->entries * sizeof *x->probability);
    }
    assert_int_equal(a->classes, b->classes);
    assert_int_equal(a->picks, b->picks);
    same_text(a->net, b->net);
    same_text(a->method, b->method);
    same_text(a->data, b->data);
    same_text(a->data_sha256, b->data_sha256);
    same_text(a->config, b->config);
    same_text(a->seed, b->seed);
    for (int i = 0; i < 256; i++)
        same_text(a->class_names[i], b->class_names[i]);
    assert_true(a->validation_accuracy == b->validation_accuracy ||
                (isnan(a->validation_accuracy) && isnan(b->validation_accuracy)));
}

/* ---- writing and reading ---- */

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        struct sps_packed *m = seed == 0   ? small_model()
                               : seed == 1 ? whole_model()
                                           : random_chain(seed, 40, (int)seed % 2),
                          *again = NULL;
        OK(sps_packed_write(m, "a.packed"));
        assert_true(sps_packed_is("a.packed"));
        again = open_packed("a.packed");
        same_models(m, again);
        sps_packed_close(again);
        size_t bytes = 0;
        char *data = toy_load(&bytes, ".", "a.packed");
        OK(sps_packed_parse(&again, "memory", data, bytes));
        same_models(m, again);
        sps_packed_close(again);
        sps_free(data);
        sps_packed_close(m);
    }
}

static void info_says_what_is_there(void **state)
{
    (void)state;
    struct sps_packed *m = open_packed("good.packed");
    const struct sps_model_info *info = sps_packed_get_info(m);
    assert_string_equal(info->net, "small");
    assert_string_equal(info->method, "by chance");
    assert_string_equal(info->data, "noise");
    assert_string_equal(info->provenance, "train:\n  epochs: \"1\"\n");
    const int got[] = {info->height, info->width, info->channels, info->classes, info->bank_layers, info->picks},
              wanted[] = {6, 7, 2, 3, 4, 1 + 5 + 4 + 1};
    assert_memory_equal(got, wanted, sizeof got);
    static const int sizes[] = {3, 2, 2, 2};
    assert_memory_equal(info->bank_sizes, sizes, sizeof sizes);
    assert_int_equal(info->weights, 5 * 18 + 4 * 45 + 3 * 4);
    assert_int_equal(info->macs, 42 * 5 * 18 + 4 * 45 + 3 * 4);
    NEAR(info->paths, 3 * 32 * 16 * 2, 0);
    NEAR(info->validation_accuracy, 0.625, 0);
    assert_string_equal(sps_packed_class_name(m, 0), "cat");
    assert_string_equal(sps_packed_class_name(m, 2), "d\u00f6g \"\\");
    assert_null(sps_packed_class_name(m, 1));
    assert_null(sps_packed_class_name(m, -1));
    assert_null(sps_packed_class_name(m, 256));
    sps_packed_close(m);
    sps_packed_close(NULL);
}

static void other_files_are_no_packed_models(void **state)
{
    (void)state;
    struct sps_packed *m = NULL;
    toy_save(".", "text", "hello", 5);
    const struct sps_metadata other[] = {{"format", "other"}, {"version", "1"}};
    OK(sps_safetensors_write("other", NULL, 0, other, 2));
    OK(sps_safetensors_write("bare", NULL, 0, NULL, 0));
    static const char *const files[] = {"text", "other", "bare", "missing", "."};
    for (size_t i = 0; i < 5; i++) {
        assert_false(sps_packed_is(files[i]));
        assert_int_not_equal(sps_packed_open(&m, files[i]), SPS_OK);
        assert_non_null(strstr(sps_last_error(), files[i]));
    }
    FAILS(sps_packed_open(&m, "missing"), ENOTFOUND, "missing");
    FAILS(sps_packed_open(&m, "other"), EFORMAT, "'other' is 'other' version '1', not spinscale-packed version 1");
    FAILS(sps_packed_open(&m, "bare"), EFORMAT, "no 'format'");
    struct sps_packed *good = open_packed("good.packed");
    assert_int_not_equal(sps_packed_write(good, "nowhere/a.packed"), SPS_OK);
    assert_non_null(strstr(sps_last_error(), "nowhere"));
    sps_packed_close(good);
}

/* ---- what this version does not run ---- */

typedef void build(struct chain *b);

static void bits_first(struct chain *b)
{
    chain_product(b, 4, 3, 1, 1, CHAIN_NONE);
    chain_decide(b, CHAIN_NONE, 1, 0);
}
static void with_upsample(struct chain *b)
{
    bits_first(b);
    add_op(b, SPS_OP_upsample, 2, -1)->factor = 2;
    chain_check(b);
}
static void with_concat(struct chain *b)
{
    bits_first(b);
    add_op(b, SPS_OP_concat, 2, 2);
    chain_check(b);
}
static void with_bits_pooled_twice(struct chain *b)
{
    bits_first(b);
    chain_pool(b, 2, 0);
    chain_pool(b, 1, 0);
}
static void reals_first(struct chain *b)
{
    chain_product(b, 4, 3, 1, 1, CHAIN_NONE);
    chain_score(b, CHAIN_NONE, 1, 0);
}
static void with_reals_upsampled(struct chain *b)
{
    reals_first(b);
    add_op(b, SPS_OP_upsample, 2, -1)->factor = 2;
    chain_check(b);
    add_float(b, SPS_OP_float_dense, 3, 3, 0);
}
static void with_sums_read_twice(struct chain *b)
{
    reals_first(b);
    chain_score(b, CHAIN_NONE, 1, 0);
    b->m->ops[2].from[0] = 1;
    chain_check(b);
}
static void with_sums_decided_late(struct chain *b)
{
    reals_first(b);
    struct sps_op *op = add_op(b, SPS_OP_threshold, 1, -1);
    op->threshold = chain_room(b, 4, sizeof *op->threshold);
    op->flip = chain_room(b, 1, sizeof *op->flip);
    chain_check(b);
}
static void with_two_noises(struct chain *b)
{
    chain_product(b, 4, 3, 1, 1, CHAIN_NONE);
    chain_score(b, SPS_NOISE_bank, 2, 0);
    chain_score(b, SPS_NOISE_bank, 2, 0);
}
static void with_a_sign_that_waits(struct chain *b)
{
    reals_first(b);
    chain_activation(b, SPS_OP_sign);
    add_op(b, SPS_OP_hard_tanh, 2, -1);
    chain_check(b);
}
static void with_levels_for_floats(struct chain *b)
{
    reals_first(b);
    add_quantise(b, 2, 2);
    add_float(b, SPS_OP_float_dense, 3, 3, 0);
}
static void with_levels_scaled(struct chain *b)
{
    reals_first(b);
    add_quantise(b, 2, 2);
    chain_score(b, CHAIN_NONE, 1, 0);
}
static void with_a_branch(struct chain *b)
{
    bits_first(b);
    struct sps_op *op = add_op(b, SPS_OP_binary_conv, 0, -1);
    op->out = 2;
    op->kernel = op->stride = 1;
    op->weight_bits = chain_bits(b, 2, 1, 50);
    chain_check(b);
}

static void what_cannot_be_run_is_named(void **state)
{
    (void)state;
    static const struct {
        build *build;
        const char *words;
    } cases[] = {{with_reals_upsampled, "operation 2, upsample 'upsample.2'"},
                 {with_sums_read_twice, "operation 2, affine 'affine.2'"},
                 {with_sums_decided_late, "operation 2, threshold 'threshold.2'"},
                 {with_two_noises, "operation 2, affine 'affine.2'"},
                 {with_a_sign_that_waits, "operation 2, sign 'sign.2'"},
                 {with_upsample, "operation 2, upsample 'upsample.2'"},
                 {with_concat, "operation 2, concat 'concat.2'"},
                 {with_bits_pooled_twice, "operation 3, pool 'pool.3'"},
                 {with_levels_for_floats, "operation 3, float_dense 'float_dense.3'"},
                 {with_levels_scaled, "operation 2, quantise 'quantise.2'"},
                 {with_a_branch, "operation 2, binary_conv 'binary_conv.2'"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chain b = chain_start(3, 4, 4, 1);
        sps_session *session = NULL;
        size_t bytes = 0;
        cases[i].build(&b);
        int end = b.m->op_count;
        if (chain_end(&b)->kind == SPS_VALUE_LEVELS || chain_end(&b)->kind == SPS_VALUE_BITS)
            chain_product(&b, 3, 0, 0, 0, CHAIN_NONE);
        if (chain_end(&b)->kind == SPS_VALUE_SUMS)
            chain_score(&b, CHAIN_NONE, 1, 0);
        assert_true(b.m->op_count >= end);
        struct sps_packed *m = chain_finish(&b);
        OK(sps_packed_write(m, "a.packed"));
        sps_packed_close(m);
        m = open_packed("a.packed");
        FAILS(sps_session_create(&session, m, NULL), EUNSUPPORTED, cases[i].words);
        FAILS(sps_session_size(&bytes, m, NULL), EUNSUPPORTED, "cannot be run by this version");
        sps_packed_close(m);
    }
    sps_session *session = NULL;
    struct sps_packed *whole = whole_model();
    FAILS(sps_session_create(&session, whole, NULL), EUNSUPPORTED, "cannot be run by this version");
    sps_packed_close(whole);
}

/* ---- damage ---- */

struct edit {
    const char *from, *to; /* in the graph's text */
    const char *format, *version, *calibration;
    const char *tensor; /* whose bytes from `at` on become these, or that is given another name (NULL: dropped) */
    size_t at, bytes;
    const void *data;
    int rename;
    const char *name;
};

static const char *const source_files[] = {"good.packed", "whole.packed"};

static sps_status reopen(int file, const struct edit *e)
{
    sps_safetensors *source = NULL;
    OK(sps_safetensors_open(&source, source_files[file]));
    size_t count = sps_safetensors_count(source), kept = 0;
    struct sps_tensor *tensors = ROOM(struct sps_tensor, count);
    char *graph = ROOM(char, 8192), *copy = NULL;
    int found = e->tensor == NULL;
    for (size_t i = 0; i < count; i++) {
        struct sps_tensor *t = &tensors[kept++];
        *t = *sps_safetensors_at(source, i);
        if (e->tensor == NULL || strcmp(t->name, e->tensor) != 0)
            continue;
        found = 1;
        copy = ROOM(char, t->bytes);
        memcpy(copy, t->data, t->bytes);
        assert_true(e->at + e->bytes <= t->bytes);
        if (e->bytes > 0)
            memcpy(copy + e->at, e->data, e->bytes);
        t->data = copy;
        t->name = e->rename ? e->name : t->name;
        kept -= t->name == NULL;
    }
    assert_true(found);
    const char *text = sps_safetensors_metadata(source, "graph"), *at = strstr(text, e->from ? e->from : "");
    if (at == NULL)
        fail_msg("the graph lacks '%s': %s", e->from, text);
    if (e->from != NULL)
        snprintf(graph, 8192, "%.*s%s%s", (int)(at - text), text, e->to, at + strlen(e->from));
    else
        snprintf(graph, 8192, "%s", text);
    const struct sps_metadata metadata[] = {{"format", e->format ? e->format : "spinscale-packed"},
                                            {"version", e->version ? e->version : "1"},
                                            {"graph", graph},
                                            {"calibration", e->calibration}};
    OK(sps_safetensors_write("bad.packed", tensors, kept, metadata, e->calibration != NULL ? 4 : 3));
    sps_free(tensors);
    sps_free(graph);
    sps_free(copy);
    sps_safetensors_close(source);
    struct sps_packed *m = NULL;
    long live = sps_memory_live();
    sps_status status = sps_packed_open(&m, "bad.packed");
    sps_packed_close(m);
    assert_int_equal(sps_memory_live(), live);
    return status;
}

#define CONV                                                                                                           \
    "\"op\":\"binary_conv\",\"name\":\"binary_conv.0\",\"from\":[0],\"out\":5,\"kernel\":3,\"stride\":1,\"pad\":1"

static void damaged_graphs(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        sps_status status;
        const char *words;
    } cases[] = {
        {"{\"input\"", "{\"inpt\"", SPS_EFORMAT, "unknown key 'inpt'"},
        {"{\"input\"", "{\"input", SPS_EFORMAT, "at byte"},
        {"{\"input\"", "[{\"input\"", SPS_EFORMAT, "graph: "},
        {"\"classes\":3", "\"classes\":3,\"classes\":3", SPS_EFORMAT, "graph: "},
        {"\"classes\":3", "\"classes\":3,\"more\":0", SPS_EFORMAT, "unknown key 'more'"},
        {"\"classes\":3,", "", SPS_EFORMAT, "'classes' must be a whole number"},
        {"\"classes\":3", "\"classes\":4", SPS_EFORMAT, "one for each of 4 classes"},
        {"\"classes\":3", "\"classes\":0", SPS_EFORMAT, "'classes' must be"},
        {"\"classes\":3", "\"classes\":257", SPS_EFORMAT, "'classes' must be"},
        {"\"classes\":3", "\"classes\":3.0", SPS_EFORMAT, "'classes' must be"},
        {"\"classes\":3", "\"classes\":\"3\"", SPS_EFORMAT, "'classes' must be"},
        {"[6,7,2]", "[6,7]", SPS_EFORMAT, "'input' must be"},
        {"[6,7,2]", "[6,7,2,1]", SPS_EFORMAT, "'input' must be"},
        {"[6,7,2]", "6", SPS_EFORMAT, "'input' must be"},
        {"[6,7,2]", "[6,0,2]", SPS_EFORMAT, "number 1 of 'input'"},
        {"[6,7,2]", "[4097,7,2]", SPS_EFORMAT, "number 0 of 'input'"},
        {"[6,7,2]", "[6,7,65]", SPS_EFORMAT, "number 2 of 'input'"},
        {"[6,7,2]", "[6,7,\"2\"]", SPS_EFORMAT, "number 2 of 'input'"},
        {"[6,7,2]", "[6,7,1]", SPS_EFORMAT, "row 0 of its weights has bits past its 9"},
        {"[6,7,2]", "[5,5,2]", SPS_EFORMAT, "ops.3.weight_bits"},
        {"\"noises\":[", "\"noises\":{},\"x\":[", SPS_EFORMAT, "no lists"},
        {"\"ops\":[", "\"ops\":1,\"x\":[", SPS_EFORMAT, "no lists"},
        /* Noise sources. */
        {"\"kind\":\"bank\"", "\"kind\":\"ensemble\"", SPS_EUNSUPPORTED, "noise 0: kind 'ensemble' is unknown"},
        {"\"kind\":\"bank\"", "\"kind\":1", SPS_EUNSUPPORTED, "noise 0: kind ''"},
        {"\"kind\":\"bank\"", "\"kind\":\"map\"", SPS_EFORMAT, "noise 'map' cannot act in it"},
        {"\"kind\":\"map\"", "\"kind\":\"bank\"", SPS_EFORMAT, "operation 3 (binary_dense): noise 'bank' cannot"},
        {"\"kind\":\"map\"", "\"kind\":\"channel\"", SPS_EFORMAT, "noise 'channel' cannot"},
        {"\"entries\":3,\"stream\":3", "\"entries\":3", SPS_EFORMAT, "noise 0: 'stream'"},
        {"\"stream\":3", "\"stream\":-1", SPS_EFORMAT, "'stream' must be"},
        {"\"stream\":3", "\"stream\":16777216", SPS_EFORMAT, "'stream' must be"},
        {"\"stream\":3", "\"stream\":3,\"what\":3", SPS_EFORMAT, "noise 0: unknown key 'what'"},
        {"\"entries\":3", "\"entries\":0", SPS_EFORMAT, "'entries' must be"},
        {"\"entries\":3", "\"entries\":256", SPS_EFORMAT, "'entries' must be"},
        {"\"entries\":3", "\"entries\":2", SPS_EFORMAT, "noises.0.probability"},
        {"{\"kind\":\"bank\",\"entries\":3,\"stream\":3}", "7", SPS_EUNSUPPORTED, "noise 0: "},
        /* Operations. */
        {"\"op\":\"pool\"", "\"op\":\"fold\"", SPS_EUNSUPPORTED, "operation 1: 'fold' is unknown to this version"},
        {"\"op\":\"pool\"", "\"op\":null", SPS_EUNSUPPORTED, "operation 1: ''"},
        {"\"op\":\"pool\",", "", SPS_EUNSUPPORTED, "operation 1: ''"},
        {"\"name\":\"pool.1\",", "", SPS_EFORMAT, "operation 1: 'name'"},
        {"\"name\":\"pool.1\"", "\"name\":[]", SPS_EFORMAT, "operation 1: 'name'"},
        {"pool.1", "123456789 123456789 123456789 123456789 123456789 123456789 1234", SPS_EFORMAT, "at most 63"},
        {"\"window\":2", "\"window\":2,\"factor\":2", SPS_EFORMAT, "operation 1: unknown key 'factor'"},
        {",\"window\":2", "", SPS_EFORMAT, "'window' must be"},
        {"\"window\":2", "\"window\":0", SPS_EFORMAT, "'window' must be"},
        {"\"window\":2", "\"window\":7", SPS_EFORMAT, "operation 1 (pool): window 7 does not fit"},
        {"\"window\":2", "\"window\":1", SPS_EFORMAT, "ops.3.weight_bits"},
        {"\"average\":0", "\"average\":1", SPS_EFORMAT, "operation 1 (pool): its input is sums"},
        {"\"average\":0", "\"average\":2", SPS_EFORMAT, "'average' must be"},
        {"\"average\":0", "\"average\":0,\"ceil\":2", SPS_EFORMAT, "'ceil' must be"},
        {"\"average\":0", "\"average\":0,\"ceil\":null", SPS_EFORMAT, "'ceil' must be"},
        {"\"from\":[1]", "\"from\":[2]", SPS_EFORMAT, "operation 1: input 0 is not a value before it"},
        {"\"from\":[1]", "\"from\":[7]", SPS_EFORMAT, "input 0 is not"},
        {"\"from\":[1]", "\"from\":[-1]", SPS_EFORMAT, "input 0 is not"},
        {"\"from\":[1]", "\"from\":[1.5]", SPS_EFORMAT, "input 0 is not"},
        {"\"from\":[1]", "\"from\":[]", SPS_EFORMAT, "'from' must name"},
        {"\"from\":[1]", "\"from\":1", SPS_EFORMAT, "'from' must name"},
        {"\"from\":[1]", "\"from\":[1,1]", SPS_EFORMAT, "has 2 inputs, must be 1 to 1"},
        {"\"from\":[1]", "\"from\":[0,0,0,0,0,0,0,0,0]", SPS_EFORMAT, "'from' must name 1 to 8"},
        {"\"from\":[2]", "\"from\":[0]", SPS_EFORMAT, "ops.2.threshold"},
        {"\"from\":[3]", "\"from\":[2]", SPS_EFORMAT, "operation 3 (binary_dense): its input is sums"},
        {CONV, "\"op\":\"binary_conv\",\"name\":\"\",\"from\":[0],\"out\":5,\"kernel\":3,\"stride\":1", SPS_EFORMAT,
         "'pad'"},
        {"\"pad\":1", "\"pad\":3", SPS_EFORMAT, "pad 3 do not fit"},
        {"\"pad\":1", "\"pad\":-1", SPS_EFORMAT, "'pad' must be"},
        {"\"pad\":1", "\"pad\":99999999999", SPS_EFORMAT, "'pad' must be"},
        {"\"kernel\":3", "\"kernel\":9", SPS_EFORMAT, "ops.0.weight_bits"},
        {"\"kernel\":3", "\"kernel\":4096", SPS_EFORMAT, "weight_bits"},
        {"\"stride\":1", "\"stride\":0", SPS_EFORMAT, "'stride' must be"},
        {"\"out\":5", "\"out\":6", SPS_EFORMAT, "ops.0.weight_bits"},
        {"\"out\":5", "\"out\":65537", SPS_EFORMAT, "'out' must be"},
        {"\"noise\":-1", "\"noise\":-2", SPS_EFORMAT, "'noise' must be"},
        {"\"noise\":-1", "\"noise\":9", SPS_EFORMAT, "noise 9 is not there"},
        {"\"noise\":-1", "\"noise\":1", SPS_EFORMAT, "operation 0 (binary_conv) uses noise 1, next in order is 0"},
        {"\"noise\":1", "\"noise\":-1", SPS_EFORMAT, "operation 4 (threshold) uses noise 2, next in order is 1"},
        {"\"noise\":2", "\"noise\":1", SPS_EFORMAT, "uses noise 1, next in order is 2"},
        {"\"noise\":3", "\"noise\":-1", SPS_EFORMAT, "ops.6.affine"},
        {"\"point\":1", "\"point\":2", SPS_EFORMAT, "'point' must be"},
        {"\"point\":1", "\"point\":0", SPS_EFORMAT, "ops.2."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sps_status status = reopen(0, &(struct edit){.from = cases[i].from, .to = cases[i].to});
        if (status != cases[i].status || strstr(sps_last_error(), cases[i].words) == NULL)
            fail_msg("'%s' for '%s': status %d, '%s', not '%s'", cases[i].to, cases[i].from, status,
                     status ? sps_last_error() : "", cases[i].words);
        assert_non_null(strstr(sps_last_error(), "bad.packed"));
    }
    OK(reopen(0, &(struct edit){0})); /* the edits are what is refused */
    OK(reopen(1, &(struct edit){0}));
}

static void damaged_graphs_of_other_operations(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *words;
    } cases[] = {
        {"\"bits\":3", "\"bits\":9", "'bits' must be"},
        {"\"bits\":3", "\"bits\":0", "'bits' must be"},
        {"\"factor\":2", "\"factor\":0", "'factor' must be"},
        {"\"factor\":2", "\"factor\":4096", "empty or too large"},
        {"\"factor\":2", "\"factor\":1", "its inputs are reals of 2 x 2 x 3 and reals of 4 x 4 x 3"},
        {"\"from\":[1,4]", "\"from\":[1,2]", "operation 4 (add): its input is levels"},
        {"\"from\":[1,4]", "\"from\":[4]", "it has 1 inputs, must be 2 to 2"},
        {"\"from\":[1,4]", "\"from\":[2,2]", "operation 4 (add): its input is levels"},
        {"\"from\":[7,1]", "\"from\":[7]", "it has 1 inputs, must be 2 to 8"},
        {"\"from\":[7,1]", "\"from\":[7,1,1]", "ops.8.weight"},
        {"\"from\":[8]", "\"from\":[3]", "ops.8.weight"},
        {"\"op\":\"float_conv\"", "\"op\":\"binary_conv\"", "'noise'"},
        {"\"op\":\"quantise\"", "\"op\":\"upsample\"", "'factor'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        FAILS(reopen(1, &(struct edit){.from = cases[i].from, .to = cases[i].to}), EFORMAT, cases[i].words);
}

static void foreign_versions(void **state)
{
    (void)state;
    FAILS(reopen(0, &(struct edit){.version = "2"}), EFORMAT,
          "is 'spinscale-packed' version '2', not spinscale-packed version 1");
    FAILS(reopen(0, &(struct edit){.version = ""}), EFORMAT, "version ''");
    FAILS(reopen(0, &(struct edit){.format = "spinscale-model"}), EFORMAT, "'spinscale-model'");
    assert_false(sps_packed_is("bad.packed"));
    const struct sps_metadata no_version[] = {{"format", "spinscale-packed"}},
                              no_graph[] = {{"format", "spinscale-packed"}, {"version", "1"}};
    struct sps_packed *m = NULL;
    OK(sps_safetensors_write("bad.packed", NULL, 0, no_version, 1));
    FAILS(sps_packed_open(&m, "bad.packed"), EFORMAT, "no 'version'");
    OK(sps_safetensors_write("bad.packed", NULL, 0, no_graph, 2));
    FAILS(sps_packed_open(&m, "bad.packed"), EFORMAT, "no 'graph'");
}

#define BYTES(type, value)                                                                                             \
    .bytes = sizeof(type), .data = &(type)                                                                             \
    {                                                                                                                  \
        value                                                                                                          \
    }

static void damaged_tensors(void **state)
{
    (void)state;
    static const char *const needed[] = {"noises.0.probability", "ops.0.weight_bits", "ops.2.flip", "input.codes",
                                         "ops.2.threshold",      "ops.6.affine",      "input.mean", "input.std"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        FAILS(reopen(0, &(struct edit){.tensor = needed[i], .rename = 1}), EFORMAT, needed[i]);
        FAILS(reopen(0, &(struct edit){.tensor = needed[i], .rename = 1, .name = "x"}), EFORMAT, needed[i]);
    }
    /* Thresholds: sums of 18 codes are within 2304, of 45 bits within 45. */
    FAILS(reopen(0, &(struct edit){.tensor = "ops.2.threshold", .at = 76, BYTES(int32_t, 18 * 128 + 2)}), EFORMAT,
          "operation 2 (threshold): threshold 19 is 2306, must be -2304 to 2305");
    FAILS(reopen(0, &(struct edit){.tensor = "ops.2.threshold", BYTES(int32_t, -18 * 128 - 1)}), EFORMAT, "-2305");
    OK(reopen(0, &(struct edit){.tensor = "ops.2.threshold", .at = 76, BYTES(int32_t, 18 * 128 + 1)}));
    OK(reopen(0, &(struct edit){.tensor = "ops.2.threshold", BYTES(int32_t, -18 * 128)}));
    FAILS(reopen(0, &(struct edit){.tensor = "ops.4.threshold", BYTES(int32_t, 47)}), EFORMAT, "must be -45 to 46");
    FAILS(reopen(0, &(struct edit){.tensor = "ops.4.threshold", BYTES(int32_t, INT32_MIN)}), EFORMAT, "threshold 0");
    /* Bits past the end: rows of 18, 45 and 5. */
    FAILS(reopen(0, &(struct edit){.tensor = "ops.0.weight_bits", .at = 2, BYTES(uint8_t, 4)}), EFORMAT,
          "row 0 of its weights has bits past its 18");
    FAILS(reopen(0, &(struct edit){.tensor = "ops.3.weight_bits", .at = 31, BYTES(uint8_t, 128)}), EFORMAT,
          "row 3 of its weights has bits past its 45");
    FAILS(reopen(0, &(struct edit){.tensor = "ops.2.flip", .at = 4, BYTES(uint8_t, 32)}), EFORMAT,
          "row 1 of its flips has bits past its 5");
    OK(reopen(0, &(struct edit){.tensor = "ops.2.flip", .at = 4, BYTES(uint8_t, 31)}));
    /* Probabilities. */
    static const double no_probability[] = {-0.1, 1.1, INFINITY, NAN};
    for (size_t i = 0; i < 4; i++)
        FAILS(reopen(0, &(struct edit){.tensor = "noises.1.probability", .at = 8, BYTES(double, no_probability[i])}),
              EFORMAT, "noise 1: probability 1 is");
    FAILS(reopen(0, &(struct edit){.tensor = "noises.0.probability", BYTES(double, 0.99)}), EFORMAT, "have the sum");
    static const double sure[] = {1, 0, 0};
    OK(reopen(0, &(struct edit){.tensor = "noises.0.probability", .bytes = sizeof sure, .data = sure}));
    /* Numbers that are none. */
    static const float none[] = {INFINITY, -INFINITY, NAN};
    static const char *const floats[] = {"ops.6.affine", "input.mean", "input.std"};
    static const char *const whole[] = {"ops.0.weight", "ops.0.bias",   "ops.1.step",
                                        "ops.3.affine", "ops.8.weight", "ops.8.bias"};
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < 3; i++)
            FAILS(reopen(0, &(struct edit){.tensor = floats[i], .at = 4, BYTES(float, none[k])}), EFORMAT,
                  "number 1 of");
        for (size_t i = 0; i < 6; i++)
            FAILS(reopen(1, &(struct edit){.tensor = whole[i], .at = 8, BYTES(float, none[k])}), EFORMAT,
                  "number 2 of");
    }
    FAILS(reopen(1, &(struct edit){.tensor = "ops.1.step", .at = 4, BYTES(float, 0)}), EFORMAT, "step 1 is 0");
    FAILS(reopen(1, &(struct edit){.tensor = "ops.1.step", .at = 4, BYTES(float, -1)}), EFORMAT, "step 1 is -1");
}

/* ---- calibration ---- */

static struct sps_model_calibration some_calibration(void)
{
    return (struct sps_model_calibration){
        .temperature = 1.1 / 3,
        .images = 5000,
        .reading = SPS_EXACT,
        .samples = 72,
        .quantile = 0.15,
        .count = 4,
        .abstention = {{"entropy", SPS_PROMISE_COVERAGE, 0.8, 0, 0.1 + 0.2},
                       {"eq26", SPS_PROMISE_ERROR, 0.02, 0.95, -2.0 / 3},
                       {"mutual_information", SPS_PROMISE_ERROR, 1e-9, 0.5, -INFINITY},
                       {"max_probability", SPS_PROMISE_COVERAGE, 1 - 1e-16, 0, INFINITY}}};
}

static void same_calibrations(const struct sps_model_calibration *a, const struct sps_model_calibration *b)
{
    NEAR(a->temperature, b->temperature, 0);
    assert_int_equal(a->images, b->images);
    assert_int_equal(a->reading, b->reading);
    assert_int_equal(a->samples, b->samples);
    NEAR(a->quantile, b->quantile, 0);
    assert_int_equal(a->count, b->count);
    for (int i = 0; i < a->count; i++) {
        const struct sps_abstention *x = &a->abstention[i], *y = &b->abstention[i];
        assert_string_equal(x->score, y->score);
        assert_int_equal(x->promise, y->promise);
        NEAR(x->level, y->level, 0);
        NEAR(x->confidence, y->confidence, 0);
        assert_true(x->threshold == y->threshold);
    }
}

static void calibrations_are_kept(void **state)
{
    (void)state;
    struct sps_packed *m = open_packed("good.packed"), *again = NULL;
    const struct sps_model_calibration c = some_calibration();
    assert_null(sps_packed_calibration(m));
    NEAR(sps_packed_get_info(m)->temperature, 1, 0);
    OK(sps_packed_calibrate(m, &c));
    NEAR(sps_packed_get_info(m)->temperature, c.temperature, 0);
    OK(sps_packed_write(m, "a.packed"));
    again = open_packed("a.packed");
    same_models(m, again);
    same_calibrations(&c, sps_packed_calibration(again));
    NEAR(sps_packed_get_info(again)->temperature, c.temperature, 0);
    OK(sps_packed_calibrate(again, NULL));
    assert_null(sps_packed_calibration(again));
    NEAR(sps_packed_get_info(again)->temperature, 1, 0);
    sps_packed_close(again);
    sps_packed_close(m);
}

static void verdicts_are_those_of_the_scores(void **state)
{
    (void)state;
    const struct sps_model_calibration c = some_calibration();
    struct sps_summary s = {.entropy = 0.1 + 0.2, .score = 2.0 / 3, .confidence = 0.5};
    for (int i = 0; i < 4; i++)
        assert_int_equal(sps_abstention_accepts(&c.abstention[i], &s), i != 2); /* at the threshold is accepted */
    s.entropy = nextafter(0.1 + 0.2, 1);
    s.score = nextafter(2.0 / 3, 0);
    assert_false(sps_abstention_accepts(&c.abstention[0], &s) || sps_abstention_accepts(&c.abstention[1], &s));
}

static void calibrations_that_cannot_be(void **state)
{
    (void)state;
    struct sps_packed *m = open_packed("good.packed");
    const struct sps_model_calibration good = some_calibration();
    OK(sps_packed_calibrate(m, &good));
#define REFUSED(field, value, words)                                                                                   \
    do {                                                                                                               \
        struct sps_model_calibration c = good;                                                                         \
        c.field = (value);                                                                                             \
        FAILS(sps_packed_calibrate(m, &c), EINVAL, words);                                                             \
    } while (0)
    REFUSED(temperature, 0, "temperature is 0");
    REFUSED(temperature, NAN, "temperature is nan");
    REFUSED(temperature, 65, "must be 1/64 to 64");
    REFUSED(images, 0, "images is 0");
    REFUSED(reading, (enum sps_reading)3, "reading is 3");
    REFUSED(samples, 0, "samples is 0");
    REFUSED(quantile, 1.01, "quantile is 1.01");
    REFUSED(count, -1, "-1 thresholds");
    REFUSED(count, SPS_ABSTENTIONS_MAX + 1, "must be at most 16");
    REFUSED(abstention[1].score[0], 'x', "threshold 1: its score is unknown");
    REFUSED(abstention[0].promise, (enum sps_promise)2, "threshold 0: its promise is 2");
    REFUSED(abstention[0].level, 0, "its level is 0");
    REFUSED(abstention[0].confidence, 0.9, "its confidence is 0.9");
    REFUSED(abstention[1].confidence, 1, "its confidence is 1");
    REFUSED(abstention[3].threshold, NAN, "threshold 3: its threshold is no number");
    struct sps_model_calibration c = good;
    memset(c.abstention[2].score, 'e', sizeof c.abstention[2].score);
    FAILS(sps_packed_calibrate(m, &c), EINVAL, "threshold 2: its score");
    snprintf(c.abstention[2].score, sizeof c.abstention[2].score, "energy");
    FAILS(sps_packed_calibrate(m, &c), EINVAL, "needs logits");
    same_calibrations(&good, sps_packed_calibration(m)); /* what is refused changes nothing */
    sps_packed_close(m);
}

#define CALIBRATION(temperature, list)                                                                                 \
    "{\"temperature\":" temperature                                                                                    \
    ",\"images\":9,\"reading\":\"sampled\",\"samples\":5,\"quantile\":0.1,\"thresholds\":[" list "]}"
#define THRESHOLD(score, promise, more)                                                                                \
    CALIBRATION("2", "{\"score\":" score ",\"promise\":\"" promise "\",\"level\":0.5," more "}")

static void damaged_calibrations(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "at byte"},
        {"[]", "no list 'thresholds'"},
        {"{}", "no list 'thresholds'"},
        {"{\"thresholds\":[]}", "'temperature' must be a number"},
        {"{\"thresholds\":[],\"thresholds\":[]}", "at byte"},
        {CALIBRATION("\"2\"", ""), "'temperature' must be a number"},
        {CALIBRATION("NaN", ""), "at byte"},
        {CALIBRATION("1e999", ""), "at byte"},
        {CALIBRATION("0", ""), "temperature is 0, must be 1/64 to 64"},
        {CALIBRATION("-1", ""), "temperature is -1"},
        {CALIBRATION("1e300", ""), "temperature is 1e+300"},
        {CALIBRATION("2,\"more\":1", ""), "unknown key 'more'"},
        {CALIBRATION("2", "7"), "threshold 0: 'score' must be text"},
        {CALIBRATION("2", "{}"), "threshold 0: 'score' must be text"},
        {THRESHOLD("\"a123456789b123456789c123456789d123456789\"", "coverage", "\"threshold\":1"), "at most 31 bytes"},
        {THRESHOLD("\"entropy\"", "hope", "\"threshold\":1"), "'promise' is 'hope', which is unknown"},
        {THRESHOLD("\"entropy\"", "coverage", "\"threshold\":\"all\""), "\"inf\" or \"-inf\""},
        {THRESHOLD("\"entropy\"", "coverage", "\"threshold\":null"), "'threshold' must be a number"},
        {THRESHOLD("\"entropy\"", "coverage", "\"threshold\":1,\"x\":1"), "threshold 0: unknown key 'x'"},
        {THRESHOLD("\"entropy\"", "coverage", "\"threshold\":1,\"confidence\":0.9"), "its confidence is 0.9"},
        {THRESHOLD("\"entropy\"", "error", "\"threshold\":1"), "threshold 0: its confidence is 0"},
        {THRESHOLD("\"entropy\"", "error", "\"threshold\":1,\"confidence\":[]"), "'confidence' must be a number"},
        {"{\"temperature\":1,\"images\":0,\"reading\":\"exact\",\"samples\":5,\"quantile\":0,\"thresholds\":[]}",
         "images is 0"},
        {"{\"temperature\":1,\"images\":-1,\"reading\":\"exact\",\"samples\":5,\"quantile\":0,\"thresholds\":[]}",
         "'images' must be a whole number"},
        {"{\"temperature\":1,\"images\":1,\"reading\":\"guess\",\"samples\":5,\"quantile\":0,\"thresholds\":[]}",
         "'reading' is 'guess'"},
        {"{\"temperature\":1,\"images\":1,\"reading\":\"exact\",\"samples\":2e3,\"quantile\":0,\"thresholds\":[]}",
         "'samples' must be a whole number"},
        {"{\"temperature\":1,\"images\":1,\"reading\":\"exact\",\"samples\":1000001,\"quantile\":0,\"thresholds\":[]}",
         "samples is 1000001"},
        {"{\"temperature\":1,\"images\":1,\"reading\":\"exact\",\"samples\":5,\"quantile\":-1,\"thresholds\":[]}",
         "quantile is -1"},
        {CALIBRATION("2", "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0"), "at most 16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sps_status status = reopen(0, &(struct edit){.calibration = cases[i].text});
        if (status != SPS_EFORMAT || strstr(sps_last_error(), cases[i].words) == NULL)
            fail_msg("%s: status %d, '%s', not '%s'", cases[i].text, status, status ? sps_last_error() : "",
                     cases[i].words);
        assert_non_null(strstr(sps_last_error(), "'bad.packed': calibration: "));
    }
    OK(reopen(0, &(struct edit){.calibration = CALIBRATION("2", "")}));
    /* A later version may have more scores; those that this one does not know are passed over. */
    OK(reopen(
        0, &(struct edit){.calibration = CALIBRATION(
                              "2", "{\"score\":\"energy\",\"promise\":\"coverage\",\"level\":0.5,\"threshold\":1},"
                                   "{\"score\":\"of_later\",\"promise\":\"coverage\",\"level\":0.5,\"threshold\":1},"
                                   "{\"score\":\"entropy\",\"promise\":\"coverage\",\"level\":0.5,\"threshold\":1}")}));
    struct sps_packed *m = open_packed("bad.packed");
    assert_int_equal(sps_packed_calibration(m)->count, 1);
    assert_string_equal(sps_packed_calibration(m)->abstention[0].score, "entropy");
    sps_packed_close(m);
}

/* Attributes that came later are written only where they say something: the programs before them refuse their names. */
static void old_models_are_written_as_before(void **state)
{
    (void)state;
    sps_safetensors *file = NULL;
    OK(sps_safetensors_open(&file, "good.packed"));
    const char *graph = sps_safetensors_metadata(file, "graph");
    assert_non_null(strstr(graph, "\"window\":2,\"average\":0}"));
    assert_null(sps_safetensors_metadata(file, "calibration"));
    sps_safetensors_close(file);
}

/* Files cut short, and bits turned over: refused, or harmless. */
static void damaged_bytes(void **state)
{
    (void)state;
    size_t bytes = 0;
    char *data = toy_load(&bytes, ".", "good.packed");
    struct sps_packed *m = NULL;
    int refused = 0;
    for (size_t n = 0; n < bytes; n += 41) {
        long live = sps_memory_live();
        assert_int_not_equal(sps_packed_parse(&m, "bytes", data, n), SPS_OK);
        assert_non_null(strstr(sps_last_error(), "bytes"));
        assert_int_equal(sps_memory_live(), live);
    }
    for (size_t at = 0; at < bytes; at += 3) {
        long live = sps_memory_live();
        data[at] ^= (char)(1 << at % 8);
        sps_status status = sps_packed_parse(&m, "bytes", data, bytes);
        data[at] ^= (char)(1 << at % 8);
        if (status == SPS_OK) {
            struct answer a = predict(m, SPS_SAMPLED);
            answer_free(&a);
            sps_packed_close(m);
        }
        refused += status != SPS_OK;
        assert_int_equal(sps_memory_live(), live);
    }
    assert_true(refused > (int)bytes / 3 / 4);
    sps_free(data);
}

/* The packer checks what it made, too: without a file. */
static void models_in_memory_are_checked(void **state)
{
    (void)state;
    struct sps_packed *m = NULL;
    OK(sps_packed_create(&m));
    FAILS(sps_packed_validate(m), EFORMAT, "0 operations");
    m->op_count = 1;
    FAILS(sps_packed_validate(m), EFORMAT, "input: a value of 0 x 0 x 0");
    sps_packed_close(m);
    m = small_model();
    m->ops[6].kind = SPS_OP_threshold;
    static const int32_t zeros[9];
    m->ops[6].threshold = zeros;
    m->ops[6].flip = (const uint32_t *)zeros;
    FAILS(sps_packed_validate(m), EFORMAT, "the last operation gives bits");
    sps_packed_close(m);
    m = small_model();
    m->noise_count++;
    m->noises[4] = m->noises[3];
    FAILS(sps_packed_validate(m), EFORMAT, "noise 4 is not used");
    sps_packed_close(m);
    m = small_model();
    static const double sure[] = {1};
    m->noises[1].entries = 1;
    m->noises[1].probability = sure;
    FAILS(sps_packed_validate(m), EFORMAT, "noise 'map' has 1 entries, must be 2");
    sps_packed_close(m);
    m = small_model();
    m->ops[2].from[0] = 0;
    FAILS(sps_packed_validate(m), EFORMAT, "operation 2 (threshold): its input is codes");
    sps_packed_close(m);
    m = small_model();
    m->ops[3].from[0] = 4;
    FAILS(sps_packed_validate(m), EFORMAT, "operation 3 (binary_dense): it reads value 4, which is not there yet");
    sps_packed_close(m);
}

/* ---- golden files ---- */

#define GOLDEN TEST_DIR "/golden/"

static void write_expected(const char *path, const struct sps_packed *m)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int reading = 0; reading < 2; reading++) {
        struct answer a = predict(m, reading ? SPS_POINT : SPS_SAMPLED);
        for (size_t i = 0; i < a.passes * IMAGES * 3; i++)
            fprintf(file, "%a\n", (double)a.logits[i]);
        answer_free(&a);
    }
    fclose(file);
}

static void check_golden(const char *path, const struct sps_packed *m)
{
    FILE *file = fopen(path, "r");
    char line[64];
    assert_non_null(file);
    for (int reading = 0; reading < 2; reading++) {
        struct answer a = predict(m, reading ? SPS_POINT : SPS_SAMPLED);
        for (size_t i = 0; i < a.passes * IMAGES * 3; i++) {
            assert_non_null(fgets(line, sizeof line, file));
            NEAR((double)a.logits[i], strtod(line, NULL), 0);
        }
        answer_free(&a);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

static void golden_files_keep_their_meaning(void **state)
{
    (void)state;
    struct sps_packed *m = open_packed(GOLDEN "packed-v1.safetensors"), *edged = NULL, *whole = NULL;
    check_golden(GOLDEN "packed-v1.logits", m);
    assert_string_equal(sps_packed_get_info(m)->net, "small");
    assert_string_equal(sps_packed_class_name(m, 2), "d\u00f6g \"\\");
    sps_packed_close(m);
    edged = open_packed(GOLDEN "packed-v1-ceil.safetensors");
    check_golden(GOLDEN "packed-v1-ceil.logits", edged);
    assert_int_equal(edged->ops[1].result.h * 10 + edged->ops[1].result.w, 34);
    assert_int_equal(edged->ops[5].result.h * 10 + edged->ops[5].result.w, 12);
    sps_packed_close(edged);
    whole = open_packed(GOLDEN "packed-v1-all-operations.safetensors");
    assert_int_equal(whole->op_count, 9);
    struct sps_packed *residual = open_packed(GOLDEN "packed-v1-residual.safetensors");
    check_golden(GOLDEN "packed-v1-residual.logits", residual);
    for (int kind = 0; kind < SPS_OP_KINDS; kind++) {
        int found = kind == SPS_OP_threshold || kind == SPS_OP_binary_dense; /* the other file has them */
        for (int i = 0; i < whole->op_count; i++)
            found |= (int)whole->ops[i].kind == kind;
        for (int i = 0; i < residual->op_count; i++)
            found |= (int)residual->ops[i].kind == kind;
        assert_true(found);
    }
    sps_packed_close(whole);
    sps_packed_close(residual);
}

/* Logits are those of the model without it; probabilities are the softmax at the temperature. */
static void golden_calibration_keeps_its_meaning(void **state)
{
    (void)state;
    struct sps_packed *m = open_packed(GOLDEN "packed-v1-calibrated.safetensors");
    const struct sps_model_calibration c = some_calibration();
    check_golden(GOLDEN "packed-v1.logits", m);
    same_calibrations(&c, sps_packed_calibration(m));
    struct answer a = predict(m, SPS_POINT);
    for (size_t i = 0; i < IMAGES; i++)
        for (size_t k = 0; k < 3; k++) { /* p rounded to 32 bits */
            double total = 0;
            for (size_t j = 0; j < 3; j++)
                total += exp(((double)a.logits[i * 3 + j] - (double)a.logits[i * 3 + k]) / c.temperature);
            NEAR((double)a.p[i * 3 + k], 1 / total, 1e-7);
        }
    answer_free(&a);
    sps_packed_close(m);
}

static int write_golden(void)
{
    struct sps_packed *m = small_model(), *edged = edged_model(), *whole = whole_model(), *residual = residual_model();
    const struct sps_model_calibration calibration = some_calibration();
    OK(sps_packed_write(residual, GOLDEN "packed-v1-residual.safetensors"));
    write_expected(GOLDEN "packed-v1-residual.logits", residual);
    sps_packed_close(residual);
    OK(sps_packed_write(m, GOLDEN "packed-v1.safetensors"));
    OK(sps_packed_write(edged, GOLDEN "packed-v1-ceil.safetensors"));
    OK(sps_packed_write(whole, GOLDEN "packed-v1-all-operations.safetensors"));
    write_expected(GOLDEN "packed-v1.logits", m);
    write_expected(GOLDEN "packed-v1-ceil.logits", edged);
    OK(sps_packed_calibrate(m, &calibration));
    OK(sps_packed_write(m, GOLDEN "packed-v1-calibrated.safetensors"));
    sps_packed_close(m);
    sps_packed_close(edged);
    sps_packed_close(whole);
    return 0;
}

static int enter(void **state)
{
    (void)state;
    toy_remove("t_packed_file.d");
    OK(sps_make_folder("t_packed_file.d"));
    assert_int_equal(chdir("t_packed_file.d"), 0);
    struct sps_packed *m = small_model(), *whole = whole_model();
    OK(sps_packed_write(m, "good.packed"));
    OK(sps_packed_write(whole, "whole.packed"));
    sps_packed_close(m);
    sps_packed_close(whole);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    int bad = chdir("..");
    toy_remove("t_packed_file.d");
    return bad;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(info_says_what_is_there),
        TEST(other_files_are_no_packed_models),
        TEST(what_cannot_be_run_is_named),
        TEST(damaged_graphs),
        TEST(damaged_graphs_of_other_operations),
        TEST(foreign_versions),
        TEST(damaged_tensors),
        TEST(calibrations_are_kept),
        TEST(verdicts_are_those_of_the_scores),
        TEST(calibrations_that_cannot_be),
        TEST(damaged_calibrations),
        TEST(golden_calibration_keeps_its_meaning),
        TEST(old_models_are_written_as_before),
        TEST(damaged_bytes),
        TEST(models_in_memory_are_checked),
        TEST(golden_files_keep_their_meaning),
    };
    if (argc == 2 && strcmp(argv[1], "--golden") == 0)
        return write_golden();
    return cmocka_run_group_tests(tests, enter, leave);
}
