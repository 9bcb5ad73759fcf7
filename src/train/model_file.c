/* SPDX-License-Identifier: MIT */
#include "train/model_file.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static const char FORMAT[] = "spinscale-model", FORMAT_VERSION[] = "1";
enum { ENTRIES_MAX = 255 };

/* ---- writing: a growing list of tensors and of metadata, then one call ---- */

struct writer {
    struct sps_tensor *tensors;
    size_t count, room;
    struct sps_metadata *metadata;
    size_t metadata_count, metadata_room;
    char (*names)[96]; /* of tensors and of metadata made here */
    size_t name_count, name_room;
};

static sps_status writer_init(struct writer *w, const struct sps_graph *graph)
{
    *w = (struct writer){0};
    w->room = (size_t)graph->weight_count + 8 * (size_t)graph->layer_count + 8;
    w->metadata_room = (size_t)graph->weight_count + (size_t)graph->scale_count + 300;
    w->name_room = w->room + 2 * w->metadata_room;
    SPS_TRY(sps_calloc(&w->tensors, w->room, sizeof *w->tensors, "tensors"));
    SPS_TRY(sps_calloc(&w->metadata, w->metadata_room, sizeof *w->metadata, "metadata"));
    return sps_calloc(&w->names, w->name_room, sizeof *w->names, "names");
}

static void writer_reset(struct writer *w)
{
    sps_free(w->tensors);
    sps_free(w->metadata);
    sps_free(w->names);
}

__attribute__((format(printf, 2, 3))) static const char *name_of(struct writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(w->names[w->name_count], sizeof *w->names, format, args);
    va_end(args);
    return w->names[w->name_count++];
}

static void add(struct writer *w, const char *name, enum sps_dtype dtype, int dims, const size_t *shape,
                const void *data)
{
    struct sps_tensor *t = &w->tensors[w->count++];
    *t = (struct sps_tensor){.name = name, .dtype = dtype, .dims = dims, .data = data, .bytes = sps_dtype_bytes(dtype)};
    for (int i = 0; i < dims; i++) {
        t->shape[i] = shape[i];
        t->bytes *= shape[i];
    }
}

static void add_vector(struct writer *w, int layer, const char *what, size_t n, const float *data)
{
    add(w, name_of(w, "layers.%d.%s", layer, what), SPS_F32, 1, &n, data);
}

static void tell(struct writer *w, const char *key, const char *value)
{
    if (value != NULL)
        w->metadata[w->metadata_count++] = (struct sps_metadata){key, value};
}

static void tell_number(struct writer *w, const char *key, double value)
{
    if (!isnan(value))
        tell(w, key, name_of(w, "%.9g", value));
}

static void add_bits(struct writer *w, const struct sps_weight *weight)
{
    size_t shape[2] = {weight->rows, sps_words(weight->row) * sizeof(uint32_t)};
    add(w, name_of(w, "%s_bits", weight->name), SPS_U8, 2, shape, weight->bits);
    char text[96] = "";
    for (int i = 0; i < weight->dims; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%zu", i ? " " : "", weight->shape[i]);
    tell(w, name_of(w, "%s.shape", weight->name), name_of(w, "%s", text));
}

/* Probabilities are kept as float32; F64 would break the order of the file (bits first, then 4-byte types). */
static void add_scale(struct writer *w, const struct sps_scale *scale, float *probability)
{
    size_t bank[2] = {(size_t)scale->entries, (size_t)scale->channels};
    for (int k = 0; k < scale->entries; k++)
        probability[k] = (float)scale->probability[k];
    add(w, name_of(w, "layers.%d.scale_bank", scale->layer), SPS_F32, 2, bank, scale->bank);
    add_vector(w, scale->layer, "scale_probability", bank[0], probability);
    add_vector(w, scale->layer, "scale_point", bank[1], scale->point);
    tell(w, name_of(w, "layers.%d.scale_pick", scale->layer), scale->per_channel ? "channel" : "layer");
}

static void add_norm(struct writer *w, int layer, const struct sps_norm *norm)
{
    size_t c = (size_t)norm->channels;
    add_vector(w, layer, "running_mean", c, norm->running_mean);
    add_vector(w, layer, "running_var", c, norm->running_var);
    if (norm->point_mean == NULL)
        return;
    add_vector(w, layer, "point_mean", c, norm->point_mean);
    add_vector(w, layer, "point_var", c, norm->point_var);
}

/* Not by itself: its bits are, or the bank is, or nothing. */
static int not_kept(const struct sps_graph *graph, const struct sps_weight *weight)
{
    if (weight->binary || weight->surrogate)
        return 1;
    for (int i = 0; i < graph->scale_count; i++)
        for (int j = 0; j < SPS_SCALE_WEIGHTS_MAX; j++)
            if (graph->scales[i]->weight[j] == weight)
                return 1;
    return 0;
}

static void describe(struct writer *w, const struct sps_graph *graph, const struct sps_model_facts *facts)
{
    tell(w, "format", FORMAT);
    tell(w, "version", FORMAT_VERSION);
    tell(w, "program", name_of(w, "spinscale %s", sps_version()));
    tell(w, "net", facts->net_text);
    tell(w, "input", name_of(w, "%d %d %d", graph->input.h, graph->input.w, graph->input.c));
    tell(w, "classes", name_of(w, "%d", graph->classes));
    tell(w, "method", facts->method);
    tell(w, "binariser", facts->binariser);
    tell(w, "config", facts->config);
    tell(w, "data", facts->data);
    tell(w, "data_sha256", facts->data_sha256);
    tell(w, "seed", facts->seed);
    tell_number(w, "validation_accuracy", facts->validation_accuracy);
    tell_number(w, "validation_nll", facts->validation_nll);
    tell_number(w, "mutual_information", facts->mutual_information);
    tell_number(w, "bank_draws", facts->bank_draws);
    tell(w, "bits",
         "bit i of byte j is element 8 j + i, 1 is +1 and 0 is -1; rows are padded to 4 bytes with zeros; X_bits has "
         "the logical shape X.shape");
    for (int i = 0; i < graph->classes && i < 256; i++)
        if (facts->class_names[i] != NULL)
            tell(w, name_of(w, "class.%d", i), facts->class_names[i]);
}

sps_status sps_model_file_write(const char *path, const struct sps_graph *graph, const struct sps_code_table *table,
                                const struct sps_model_facts *facts)
{
    struct writer w;
    float *probability = NULL;
    sps_status status = SPS_OK;
    SPS_TRY_OUT(writer_init(&w, graph));
    SPS_TRY_OUT(sps_calloc(&probability, (size_t)graph->scale_count, ENTRIES_MAX * sizeof(float), "probabilities"));
    for (int i = 0; i < graph->weight_count; i++)
        if (graph->weights[i]->binary)
            add_bits(&w, graph->weights[i]);
    size_t codes[2] = {(size_t)table->channels, 256}, channels = codes[0];
    add(&w, "input.codes", SPS_I8, 2, codes, table->code);
    add(&w, "input.mean", SPS_F32, 1, &channels, table->mean);
    add(&w, "input.std", SPS_F32, 1, &channels, table->std);
    for (int i = 0; i < graph->weight_count; i++) {
        const struct sps_weight *weight = graph->weights[i];
        if (!not_kept(graph, weight))
            add(&w, weight->name, SPS_F32, weight->dims, weight->shape, weight->value);
        if (weight->binary && weight->rho != NULL) /* whose bits are the signs of its means alone */
            add(&w, name_of(&w, "%s_mean", weight->name), SPS_F32, weight->dims, weight->shape, weight->value);
    }
    for (int i = 0; i < graph->layer_count; i++) {
        const struct sps_norm *norm = sps_layer_norm(graph->layers[i]);
        if (norm != NULL)
            add_norm(&w, i, norm);
    }
    for (int i = 0; i < graph->scale_count; i++)
        add_scale(&w, graph->scales[i], probability + (size_t)i * ENTRIES_MAX);
    describe(&w, graph, facts);
    status = sps_safetensors_write(path, w.tensors, w.count, w.metadata, w.metadata_count);
out:
    sps_free(probability);
    writer_reset(&w);
    return status;
}

/* ---- reading ---- */

struct reader {
    const sps_safetensors *file;
    const char *name;
};

static sps_status metadata(const char **out, const struct reader *r, const char *key)
{
    *out = sps_safetensors_metadata(r->file, key);
    if (*out == NULL)
        SPS_FAIL(EFORMAT, "'%s' is no spinscale model: metadata has no '%s'", r->name, key);
    return SPS_OK;
}

static sps_status all_finite(const struct reader *r, const struct sps_tensor *t)
{
    const float *x = t->data;
    for (size_t i = 0; i < t->bytes / sizeof *x; i++)
        if (!isfinite(x[i]))
            SPS_FAIL(EFORMAT, "'%s': number %zu of tensor '%s' is not finite", r->name, i, t->name);
    return SPS_OK;
}

static sps_status read_floats(float *out, const struct reader *r, const char *name, int dims, const size_t *shape)
{
    const struct sps_tensor *t = NULL;
    SPS_TRY(sps_safetensors_expect(&t, r->file, name, SPS_F32, dims, shape));
    SPS_TRY(all_finite(r, t));
    memcpy(out, t->data, t->bytes);
    return SPS_OK;
}

static sps_status read_vector(float *out, const struct reader *r, int layer, const char *what, size_t n)
{
    char name[96];
    snprintf(name, sizeof name, "layers.%d.%s", layer, what);
    return read_floats(out, r, name, 1, &n);
}

static sps_status read_bits(struct sps_weight *weight, const struct reader *r)
{
    char name[96];
    size_t words = sps_words(weight->row), shape[2] = {weight->rows, words * sizeof(uint32_t)};
    const struct sps_tensor *t = NULL;
    snprintf(name, sizeof name, "%s_bits", weight->name);
    SPS_TRY(sps_safetensors_expect(&t, r->file, name, SPS_U8, 2, shape));
    memcpy(weight->bits, t->data, t->bytes);
    uint32_t beyond = weight->row % 32 ? ~0u << weight->row % 32 : 0;
    for (size_t o = 0; o < weight->rows; o++)
        if (weight->bits[(o + 1) * words - 1] & beyond)
            SPS_FAIL(EFORMAT, "'%s': row %zu of '%s' has bits past its %zu weights", r->name, o, name, weight->row);
    return SPS_OK;
}

static sps_status read_norm(struct sps_norm *norm, const struct reader *r, int layer)
{
    char name[96];
    size_t c = (size_t)norm->channels;
    SPS_TRY(read_vector(norm->running_mean, r, layer, "running_mean", c));
    SPS_TRY(read_vector(norm->running_var, r, layer, "running_var", c));
    snprintf(name, sizeof name, "layers.%d.point_mean", layer);
    if (sps_safetensors_find(r->file, name) != NULL) {
        SPS_TRY(sps_norm_keep_point(norm));
        SPS_TRY(read_vector(norm->point_mean, r, layer, "point_mean", c));
        SPS_TRY(read_vector(norm->point_var, r, layer, "point_var", c));
    }
    for (size_t i = 0; i < c; i++)
        if (norm->running_var[i] < 0 || (norm->point_var != NULL && norm->point_var[i] < 0))
            SPS_FAIL(EFORMAT, "'%s': variance %zu of layer %d is negative", r->name, i, layer);
    return SPS_OK;
}

static sps_status read_scale(struct sps_scale *scale, const struct reader *r)
{
    char name[96];
    snprintf(name, sizeof name, "layers.%d.scale_bank", scale->layer);
    const struct sps_tensor *t = sps_safetensors_find(r->file, name);
    if (t == NULL || t->dims != 2 || t->shape[0] < 1 || t->shape[0] > ENTRIES_MAX)
        SPS_FAIL(EFORMAT, "'%s': '%s' must be a bank of 1 to %d entries", r->name, name, ENTRIES_MAX);
    size_t shape[2] = {t->shape[0], (size_t)scale->channels};
    SPS_TRY(sps_scale_reserve(scale, (int)shape[0]));
    SPS_TRY(read_floats(scale->bank, r, name, 2, shape));
    SPS_TRY(read_vector(scale->point, r, scale->layer, "scale_point", shape[1]));
    float probability[ENTRIES_MAX];
    SPS_TRY(read_vector(probability, r, scale->layer, "scale_probability", shape[0]));
    double total = 0;
    for (int k = 0; k < scale->entries; k++)
        total += probability[k];
    for (int k = 0; k < scale->entries; k++) {
        if (probability[k] < 0 || !(fabs(total - 1) < 1e-4))
            SPS_FAIL(EFORMAT, "'%s': probabilities of layer %d are no distribution (sum %g)", r->name, scale->layer,
                     total);
        scale->probability[k] = probability[k] / total;
    }
    const char *pick = NULL;
    snprintf(name, sizeof name, "layers.%d.scale_pick", scale->layer);
    SPS_TRY(metadata(&pick, r, name));
    scale->per_channel = strcmp(pick, "channel") == 0;
    if (!scale->per_channel && strcmp(pick, "layer") != 0)
        SPS_FAIL(EFORMAT, "'%s': '%s' is '%s', must be layer or channel", r->name, name, pick);
    return SPS_OK;
}

static sps_status read_table(struct sps_code_table *table, const struct reader *r, int channels)
{
    size_t shape[2] = {(size_t)channels, 256};
    const struct sps_tensor *codes = NULL;
    *table = (struct sps_code_table){.channels = channels};
    SPS_TRY(read_floats(table->mean, r, "input.mean", 1, shape));
    SPS_TRY(read_floats(table->std, r, "input.std", 1, shape));
    SPS_TRY(sps_safetensors_expect(&codes, r->file, "input.codes", SPS_I8, 2, shape));
    /* Pixels are 0 to 1: far beyond what data give, and the arithmetic of the table stays finite. */
    for (int c = 0; c < channels; c++)
        if (!(table->std[c] >= 1e-6f && table->std[c] <= 1e6f && fabsf(table->mean[c]) <= 1e6f))
            SPS_FAIL(EFORMAT,
                     "'%s': channel %d has input.mean %g and input.std %g, must be -1e6 to 1e6 and 1e-6 to 1e6",
                     r->name, c, (double)table->mean[c], (double)table->std[c]);
    sps_code_table_make(table);
    memcpy(table->code, codes->data, codes->bytes);
    return SPS_OK;
}

static sps_status fill(struct sps_graph *graph, const struct reader *r)
{
    for (int i = 0; i < graph->weight_count; i++) {
        struct sps_weight *weight = graph->weights[i];
        char mean[96];
        snprintf(mean, sizeof mean, "%s_mean", weight->name);
        if (weight->binary)
            SPS_TRY(read_bits(weight, r));
        if (!weight->binary || weight->rho != NULL)
            SPS_TRY(read_floats(weight->value, r, weight->binary ? mean : weight->name, weight->dims, weight->shape));
        if (weight->binary)
            sps_weight_unpack(weight, graph->kern);
    }
    for (int i = 0; i < graph->layer_count; i++) {
        struct sps_norm *norm = sps_layer_norm(graph->layers[i]);
        if (norm != NULL)
            SPS_TRY(read_norm(norm, r, i));
    }
    for (int i = 0; i < graph->scale_count; i++)
        SPS_TRY(read_scale(graph->scales[i], r));
    sps_graph_layout_picks(graph);
    return SPS_OK;
}

static double number(const struct reader *r, const char *key)
{
    const char *text = sps_safetensors_metadata(r->file, key);
    return text ? strtod(text, NULL) : NAN;
}

static sps_status read_facts(struct sps_model_facts *facts, const struct reader *r)
{
    const char *format = NULL, *version = NULL;
    *facts = (struct sps_model_facts){0};
    SPS_TRY(metadata(&format, r, "format"));
    SPS_TRY(metadata(&version, r, "version"));
    if (strcmp(format, FORMAT) != 0 || strcmp(version, FORMAT_VERSION) != 0)
        SPS_FAIL(EFORMAT, "'%s' is '%s' version '%s', not %s version %s", r->name, format, version, FORMAT,
                 FORMAT_VERSION);
    SPS_TRY(metadata(&facts->net_text, r, "net"));
    SPS_TRY(metadata(&facts->method, r, "method"));
    SPS_TRY(metadata(&facts->binariser, r, "binariser"));
    SPS_TRY(metadata(&facts->config, r, "config"));
    SPS_TRY(metadata(&facts->data, r, "data"));
    facts->data_sha256 = sps_safetensors_metadata(r->file, "data_sha256");
    facts->seed = sps_safetensors_metadata(r->file, "seed");
    facts->validation_accuracy = number(r, "validation_accuracy");
    facts->validation_nll = number(r, "validation_nll");
    facts->mutual_information = number(r, "mutual_information");
    double draws = number(r, "bank_draws");
    facts->bank_draws = draws >= 0 && draws < 1e6 ? (int)draws : 0;
    for (int i = 0; i < 256; i++) {
        char key[16];
        snprintf(key, sizeof key, "class.%d", i);
        facts->class_names[i] = sps_safetensors_metadata(r->file, key);
    }
    return SPS_OK;
}

/* Exactly so many numbers from 1 to max, with blanks between them. */
static int whole_numbers(int *out, int count, const char *text, long max)
{
    for (int i = 0; i < count; i++) {
        char *end = NULL;
        long value = strtol(text, &end, 10);
        if (end == text || value < 1 || value > max || *end != (i + 1 < count ? ' ' : '\0'))
            return 0;
        out[i] = (int)value;
        text = end;
    }
    return 1;
}

sps_status sps_model_file_read(struct sps_graph **out, struct sps_code_table *table, struct sps_model_facts *facts,
                               const sps_safetensors *file, const char *name, int batch, int threads)
{
    const struct reader r = {file, name};
    const char *input = NULL, *classes = NULL;
    struct sps_graph_options options = {.batch = batch, .threads = threads};
    SPS_TRY(read_facts(facts, &r));
    SPS_TRY(metadata(&input, &r, "input"));
    SPS_TRY(metadata(&classes, &r, "classes"));
    int size[3];
    if (!whole_numbers(size, 3, input, 4096) || size[2] > SPS_CHANNELS_MAX)
        SPS_FAIL(EFORMAT, "'%s': input '%s' must be height, width and channels", name, input);
    if (!whole_numbers(&options.classes, 1, classes, 256))
        SPS_FAIL(EFORMAT, "'%s': classes '%s' must be 1 to 256", name, classes);
    options.height = size[0];
    options.width = size[1];
    options.channels = size[2];
    for (size_t i = 0; i < sps_safetensors_count(file); i++)
        options.weights_max += sps_safetensors_at(file, i)->bytes * 8; /* a file has at least a bit for each */
    options.binariser = sps_binariser_find(facts->binariser);
    if (options.binariser == NULL)
        SPS_FAIL(EFORMAT, "'%s': binariser '%s' is unknown", name, facts->binariser);
    sps_yaml *yaml = NULL;
    struct sps_graph *graph = NULL;
    sps_status status = sps_yaml_parse(&yaml, name, facts->net_text, strlen(facts->net_text));
    if (status == SPS_OK)
        status = sps_graph_create(&graph, yaml, &options);
    if (status == SPS_OK)
        status = read_table(table, &r, options.channels);
    if (status == SPS_OK)
        status = fill(graph, &r);
    sps_yaml_free(yaml);
    if (status == SPS_OK) {
        graph->code_step = 1 / table->scale;
        *out = graph;
    } else {
        sps_graph_free(graph);
    }
    return status;
}
