/* SPDX-License-Identifier: MIT */
/* Trained models: what they predict is what their file says, worked out here by hand, however it is asked; damaged
 * files are refused. */
#include <sys/wait.h>

#include "core/affine.h"
#include "core/path.h"
#include "core/safetensors.h"
#include "kern/kern.h"
#include "net.h"
#include "spinscale/data.h"
#include "spinscale/model.h"
#include "spinscale/npy.h"
#include "toy.h"

enum { IMAGES = 100, HIDDEN = 24, LAYERS = 2, PATHS = 64 };
static char program[4096]; /* this one, to be run again with another SPINSCALE_CPU */
static sps_dataset *set;   /* 100 test images */
static const uint8_t *images[IMAGES];

static sps_status predict_with(sps_model *model, const struct sps_predict_options *options, size_t n,
                               const uint8_t *const *pixels, const uint32_t *index, float *p, float *logits,
                               uint8_t *picks, double *weights)
{
    const struct sps_predictor predictor = sps_model_predictor(model);
    const struct sps_passes out = {.p = p, .logits = logits, .picks = picks, .weights = weights};
    return sps_predict(&predictor, options, n, pixels, index, &out);
}

static sps_status evaluate_set(struct sps_evaluation *out, sps_model *model, const sps_dataset *data,
                               const struct sps_predict_options *options, const struct sps_accept_rule *rule,
                               double level, const char *dump, void (*progress)(void *, size_t, size_t), void *user)
{
    const struct sps_predictor predictor = sps_model_predictor(model);
    const struct sps_images all = sps_dataset_images(data);
    return sps_evaluate(out, &predictor, &all, options, rule, level, dump, progress, user);
}

static sps_model *open_model(const char *path)
{
    sps_model *model = NULL;
    OK(sps_model_open(&model, path));
    return model;
}

/* ---- the network of toy_net, by hand from its file ---- */

struct bank {
    int entries;
    const float *scale, *probability, *point; /* [entries][channels], [entries], [channels] */
    const float *bias, *gamma, *beta, *mean, *var, *point_mean, *point_var;
    double share[256]; /* probability, exact sum 1 */
};
struct by_hand {
    sps_safetensors *file;
    const uint8_t *bits[LAYERS];
    const int8_t *codes;
    struct bank bank[LAYERS];
};

static const void *tensor(const struct by_hand *h, int layer, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "layers.%d.%s", layer, what);
    const struct sps_tensor *t = sps_safetensors_find(h->file, name);
    return t ? t->data : NULL;
}

static struct by_hand read_by_hand(const char *path)
{
    struct by_hand h = {.file = NULL};
    OK(sps_safetensors_open(&h.file, path));
    h.codes = sps_safetensors_find(h.file, "input.codes")->data;
    for (int i = 0; i < LAYERS; i++) {
        struct bank *b = &h.bank[i];
        int at = i == 0 ? 1 : 4;
        h.bits[i] = tensor(&h, at - 1, "weight_bits");
        b->scale = tensor(&h, at, "scale_bank");
        b->probability = tensor(&h, at, "scale_probability");
        b->point = tensor(&h, at, "scale_point");
        b->bias = tensor(&h, at, "bias");
        b->gamma = tensor(&h, at, "gamma");
        b->beta = tensor(&h, at, "beta");
        b->mean = b->point_mean = tensor(&h, at, "running_mean");
        b->var = b->point_var = tensor(&h, at, "running_var");
        if (tensor(&h, at, "point_mean") != NULL) {
            b->point_mean = tensor(&h, at, "point_mean");
            b->point_var = tensor(&h, at, "point_var");
        }
        char name[64];
        snprintf(name, sizeof name, "layers.%d.scale_bank", at);
        b->entries = (int)sps_safetensors_find(h.file, name)->shape[0];
        double total = 0;
        for (int k = 0; k < b->entries; k++)
            total += b->probability[k];
        for (int k = 0; k < b->entries; k++)
            b->share[k] = b->probability[k] / total;
    }
    return h;
}

static int weight(const uint8_t *bits, int row, int rows_length, int i)
{
    int bytes = (rows_length + 31) / 32 * 4;
    return bits[row * bytes + i / 8] >> i % 8 & 1 ? 1 : -1;
}

/* Scale, bias and BatchNorm of one channel; entry -1 is the deterministic reading. */
static float normalise(const struct bank *b, int channels, int entry, int c, int sum)
{
    const float *mean = entry < 0 ? b->point_mean : b->mean, *var = entry < 0 ? b->point_var : b->var;
    struct sps_affine a = {entry < 0 ? b->point[c] : b->scale[entry * channels + c],
                           b->bias[c],
                           mean[c],
                           1.0f / sqrtf(var[c] + 1e-5f),
                           b->gamma[c],
                           b->beta[c]};
    return sps_affine_at(&a, (float)sum);
}

static void first_sums(int *sums, const struct by_hand *h, const uint8_t *image)
{
    for (int o = 0; o < HIDDEN; o++) {
        sums[o] = 0;
        for (int i = 0; i < TOY_PIXELS; i++)
            sums[o] += weight(h->bits[0], o, TOY_PIXELS, i) * h->codes[image[i]];
    }
}

/* picks NULL: the deterministic reading. */
static void logits_by_hand(float *logits, const struct by_hand *h, const uint8_t *image, const uint8_t *picks)
{
    int sums[HIDDEN], hidden[HIDDEN];
    first_sums(sums, h, image);
    for (int o = 0; o < HIDDEN; o++)
        hidden[o] = normalise(&h->bank[0], HIDDEN, picks ? picks[0] : -1, o, sums[o]) >= 0 ? 1 : -1;
    for (int c = 0; c < TOY_CLASSES; c++) {
        int sum = 0;
        for (int i = 0; i < HIDDEN; i++)
            sum += weight(h->bits[1], c, HIDDEN, i) * hidden[i];
        logits[c] = normalise(&h->bank[1], TOY_CLASSES, picks ? picks[1] : -1, c, sum);
    }
}

/* ---- predictions as asked in many ways ---- */

struct answer {
    size_t passes;
    float *p, *logits; /* [T][IMAGES][C] */
    uint8_t *picks;    /* [T][IMAGES][row] */
    double *weights;
};

static struct answer ask(sps_model *model, const struct sps_predict_options *options, size_t row)
{
    struct answer a = {0};
    OK(sps_predict_passes(sps_model_get_info(model), options, &a.passes));
    a.p = ROOM(float, a.passes *IMAGES *TOY_CLASSES);
    a.logits = ROOM(float, a.passes *IMAGES *TOY_CLASSES);
    a.picks = ROOM(uint8_t, a.passes * IMAGES * row);
    a.weights = ROOM(double, a.passes);
    OK(predict_with(model, options, IMAGES, images, NULL, a.p, a.logits, a.picks, a.weights));
    return a;
}

static void forget(struct answer *a)
{
    sps_free(a->p);
    sps_free(a->logits);
    sps_free(a->picks);
    sps_free(a->weights);
}

static void softmax(double *p, const float *x)
{
    double total = 0;
    for (int c = 0; c < TOY_CLASSES; c++)
        total += exp((double)x[c]);
    for (int c = 0; c < TOY_CLASSES; c++)
        p[c] = exp((double)x[c]) / total;
}

static void check_by_hand(const struct answer *a, const struct by_hand *h, int point)
{
    for (size_t t = 0; t < a->passes; t++)
        for (size_t i = 0; i < IMAGES; i++) {
            float logits[TOY_CLASSES];
            double p[TOY_CLASSES];
            size_t at = t * IMAGES + i;
            logits_by_hand(logits, h, images[i], point ? NULL : a->picks + at * LAYERS);
            assert_memory_equal(a->logits + at * TOY_CLASSES, logits, sizeof logits);
            softmax(p, logits);
            for (int c = 0; c < TOY_CLASSES; c++)
                NEAR(a->p[at * TOY_CLASSES + (size_t)c], p[c], 1e-7); /* float32 of numbers below 1 */
        }
}

static void info_is_what_was_trained(void **state)
{
    (void)state;
    sps_model *model = open_model("vi"), *element = open_model("element/model.safetensors"),
              *point = open_model("point");
    const struct sps_model_info *info = sps_model_get_info(model);
    assert_string_equal(info->net, "toy");
    assert_string_equal(info->method, "scale_vi");
    assert_string_equal(info->data, "toy");
    assert_non_null(strstr(info->provenance, "epochs: 2"));
    assert_int_equal(info->height, TOY_SIDE);
    assert_int_equal(info->width, TOY_SIDE);
    assert_int_equal(info->channels, 1);
    assert_int_equal(info->classes, TOY_CLASSES);
    assert_int_equal(info->bank_layers, LAYERS);
    assert_int_equal(info->bank_sizes[0], 8);
    assert_int_equal(info->bank_sizes[1], 8);
    assert_int_equal(info->weights, HIDDEN * (TOY_PIXELS + TOY_CLASSES));
    assert_int_equal(info->macs, HIDDEN * (TOY_PIXELS + TOY_CLASSES));
    NEAR(info->paths, PATHS, 0);
    assert_true(info->validation_accuracy > 0.5 && info->validation_accuracy <= 1);
    assert_string_equal(sps_model_path(model), "vi/model.safetensors");
    assert_null(sps_model_class_name(model, 0));
    assert_null(sps_model_class_name(model, -1));
    assert_null(sps_model_class_name(model, 256));
    NEAR(sps_model_get_info(element)->paths, 0x1p28, 0); /* 24 + 4 channels, two entries each */
    NEAR(sps_model_get_info(point)->paths, 1, 0);
    sps_model_close(model);
    sps_model_close(element);
    sps_model_close(point);
}

static void sampled_reading(void **state)
{
    (void)state;
    static const char *const names[] = {"vi", "drop"};
    for (int m = 0; m < 2; m++) {
        char path[64];
        snprintf(path, sizeof path, "%s/model.safetensors", names[m]);
        sps_model *model = open_model(path);
        struct by_hand h = read_by_hand(path);
        const struct sps_path_bank banks[LAYERS] = {{h.bank[0].share, h.bank[0].entries, 1, 1},
                                                    {h.bank[1].share, h.bank[1].entries, 1, 4}};
        for (int shared = 0; shared < 2; shared++) {
            const struct sps_predict_options options = {SPS_SAMPLED, 5, 6, shared, 1, NULL, 0};
            struct answer a = ask(model, &options, LAYERS);
            check_by_hand(&a, &h, 0);
            for (uint32_t t = 0; t < 6; t++) {
                NEAR(a.weights[t], 1.0 / 6, 1e-15);
                for (uint32_t i = 0; i < IMAGES; i++) {
                    uint8_t picks[LAYERS];
                    sps_path_draw(picks, banks, LAYERS, 5, shared ? 0 : i, t);
                    assert_memory_equal(a.picks + (t * IMAGES + i) * LAYERS, picks, LAYERS);
                }
            }
            forget(&a);
        }
        sps_model_close(model);
        sps_safetensors_close(h.file);
    }
}

static void exact_reading(void **state)
{
    (void)state;
    sps_model *model = open_model("drop");
    struct by_hand h = read_by_hand("drop/model.safetensors");
    const struct sps_predict_options options = {SPS_EXACT, 1, 0, 0, 1, NULL, 0};
    struct answer a = ask(model, &options, LAYERS);
    assert_int_equal(a.passes, 4);
    check_by_hand(&a, &h, 0);
    double total = 0;
    for (size_t t = 0; t < 4; t++) {
        const uint8_t *picks = a.picks + t * IMAGES * LAYERS;
        assert_int_equal(picks[0] * 2 + picks[1], t);
        NEAR(a.weights[t], h.bank[0].share[picks[0]] * h.bank[1].share[picks[1]], 1e-15);
        total += a.weights[t];
    }
    NEAR(total, 1, 1e-15);
    NEAR(h.bank[0].probability[0], 0.7, 1e-6); /* the p that it was trained with */
    /* The weighted mixture is what 20,000 samples approach: 5 standard deviations of a mean of numbers in [0, 1]. */
    const struct sps_predict_options many = {SPS_SAMPLED, 1, 20000, 0, 1, NULL, 0};
    float *p = ROOM(float, 20000 * TOY_CLASSES);
    OK(predict_with(model, &many, 1, images, NULL, p, NULL, NULL, NULL));
    for (int c = 0; c < TOY_CLASSES; c++) {
        double exact = 0, mean = 0;
        for (size_t t = 0; t < 4; t++)
            exact += a.weights[t] * (double)a.p[t * IMAGES * TOY_CLASSES + (size_t)c];
        for (int t = 0; t < 20000; t++)
            mean += p[t * TOY_CLASSES + c] / 20000.0;
        NEAR(mean, exact, 5 * 0.5 / sqrt(20000));
    }
    sps_free(p);
    forget(&a);
    sps_model_close(model);
    sps_safetensors_close(h.file);
}

static void point_reading(void **state)
{
    (void)state;
    static const char *const names[] = {"vi", "drop"};
    for (int m = 0; m < 2; m++) {
        char path[64];
        snprintf(path, sizeof path, "%s/model.safetensors", names[m]);
        sps_model *model = open_model(names[m]);
        struct by_hand h = read_by_hand(path);
        const struct sps_predict_options options = {SPS_POINT, 1, 0, 0, 1, NULL, 0};
        struct answer a = ask(model, &options, LAYERS);
        assert_int_equal(a.passes, 1);
        NEAR(a.weights[0], 1, 0);
        check_by_hand(&a, &h, 1);
        forget(&a);
        sps_model_close(model);
        sps_safetensors_close(h.file);
    }
}

/* Blocks of 7 images, in another order, by two or three threads: the same bits. */
static void the_way_of_asking_changes_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"vi", "element"};
    static const size_t rows[] = {LAYERS, HIDDEN + TOY_CLASSES};
    for (int m = 0; m < 2; m++) {
        sps_model *model = open_model(names[m]);
        struct sps_predict_options options = {SPS_SAMPLED, 3, 5, 0, 1, NULL, 0};
        struct answer a = ask(model, &options, rows[m]);
        for (int threads = 2; threads <= 3; threads++) {
            options.threads = threads;
            struct answer b = ask(model, &options, rows[m]);
            assert_memory_equal(a.logits, b.logits, 5 * IMAGES * TOY_CLASSES * sizeof(float));
            assert_memory_equal(a.p, b.p, 5 * IMAGES * TOY_CLASSES * sizeof(float));
            assert_memory_equal(a.picks, b.picks, 5 * IMAGES * rows[m]);
            forget(&b);
        }
        for (size_t first = IMAGES; first > 0;) {
            size_t n = first < 7 ? first : 7;
            float p[5 * 7 * TOY_CLASSES];
            uint32_t index[7];
            first -= n;
            for (size_t i = 0; i < n; i++)
                index[i] = (uint32_t)(first + i);
            OK(predict_with(model, &options, n, images + first, index, p, NULL, NULL, NULL));
            for (size_t t = 0; t < 5; t++)
                assert_memory_equal(p + t * n * TOY_CLASSES, a.p + (t * IMAGES + first) * TOY_CLASSES,
                                    n * TOY_CLASSES * sizeof *p);
        }
        forget(&a);
        sps_model_close(model);
    }
}

/* What the other process does: probabilities of the test images into a file. */
static int predict_into(const char *model_path, const char *file)
{
    sps_model *model = NULL;
    const struct sps_predict_options options = {SPS_SAMPLED, 3, 5, 0, 2, NULL, 0};
    static float p[5 * IMAGES * TOY_CLASSES];
    sps_dataset *test = NULL;
    if (sps_model_open(&model, model_path) != SPS_OK || sps_dataset_open(&test, "./toy", SPS_TEST, NULL) != SPS_OK)
        return 1;
    for (size_t i = 0; i < IMAGES; i++)
        images[i] = sps_dataset_image(test, i);
    sps_status status = predict_with(model, &options, IMAGES, images, NULL, p, NULL, NULL, NULL);
    if (status == SPS_OK)
        status = sps_file_save(file, p, sizeof p);
    sps_model_close(model);
    sps_dataset_free(test);
    return status != SPS_OK;
}

static void kernels_change_nothing(void **state)
{
    (void)state;
    sps_model *model = open_model("vi");
    const struct sps_predict_options options = {SPS_SAMPLED, 3, 5, 0, 1, NULL, 0};
    struct answer a = ask(model, &options, LAYERS);
    int tiers = 0;
    for (size_t i = 0; sps_kern_tier_name(i) != NULL; i++) {
        if (sps_kern_tier(sps_kern_tier_name(i)) == NULL)
            continue;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            setenv("SPINSCALE_CPU", sps_kern_tier_name(i), 1);
            execl(program, program, "vi", "tier.bin", (char *)NULL);
            _exit(127);
        }
        int status = 1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        size_t bytes = 0;
        char *p = toy_load(&bytes, ".", "tier.bin");
        assert_int_equal(bytes, 5 * IMAGES * TOY_CLASSES * sizeof(float));
        if (memcmp(p, a.p, bytes) != 0)
            fail_msg("%s differs", sps_kern_tier_name(i));
        sps_free(p);
        tiers++;
    }
    assert_true(tiers >= 1);
    forget(&a);
    sps_model_close(model);
}

static void passes_and_limits(void **state)
{
    (void)state;
    sps_model *vi = open_model("vi"), *element = open_model("element"), *large = open_model("large"),
              *point = open_model("point");
    size_t passes = 77;
    struct sps_predict_options o = SPS_PREDICT_OPTIONS_DEFAULT;
    OK(sps_predict_passes(sps_model_get_info(vi), &o, &passes));
    assert_int_equal(passes, 20);
    o.samples = 1000000;
    OK(sps_predict_passes(sps_model_get_info(vi), &o, &passes));
    assert_int_equal(passes, 1000000);
    o.samples = 0;
    FAILS(sps_predict_passes(sps_model_get_info(vi), &o, &passes), EINVAL, "samples is 0, must be 1 to 1000000");
    o.samples = 1000001;
    FAILS(sps_predict_passes(sps_model_get_info(vi), &o, &passes), EINVAL, "samples is 1000001, must be 1 to 1000000");
    o.samples = 1;
    o.threads = -1;
    FAILS(sps_predict_passes(sps_model_get_info(vi), &o, &passes), EINVAL,
          "threads is -1, must be 1 to 1024, or 0 for all cores");
    o.threads = 1025;
    FAILS(sps_predict_passes(sps_model_get_info(vi), &o, &passes), EINVAL, "threads is 1025");
    o.threads = 1;
    o.reading = (enum sps_reading)3;
    FAILS(sps_predict_passes(sps_model_get_info(vi), &o, &passes), EINVAL, "reading 3 is unknown");
    assert_int_equal(passes, 1000000);
    o.reading = SPS_EXACT;
    OK(sps_predict_passes(sps_model_get_info(vi), &o, &passes));
    assert_int_equal(passes, PATHS);
    OK(sps_predict_passes(sps_model_get_info(point), &o, &passes));
    assert_int_equal(passes, 1);
    FAILS(sps_predict_passes(sps_model_get_info(large), &o, &passes), EINVAL, "4225 paths, more than 4096");
    FAILS(sps_predict_passes(sps_model_get_info(element), &o, &passes), EINVAL, "masks are drawn per channel");
    float p[PATHS * TOY_CLASSES];
    FAILS(predict_with(element, &o, 1, images, NULL, p, NULL, NULL, NULL), EINVAL, "masks");
    OK(predict_with(vi, &o, 0, images, NULL, p, NULL, NULL, NULL));
    struct sps_evaluation e;
    FAILS(evaluate_set(&e, large, set, &o, NULL, 0.95, NULL, NULL, NULL), EINVAL, "4225 paths");
    o.reading = SPS_POINT;
    OK(sps_predict_passes(sps_model_get_info(element), &o, &passes));
    assert_int_equal(passes, 1);
    sps_model_close(vi);
    sps_model_close(element);
    sps_model_close(large);
    sps_model_close(point);
}

/* ---- evaluation ---- */

static size_t told, told_total;

static void tell(void *user, size_t done, size_t total)
{
    assert_ptr_equal(user, &told);
    assert_true(done > told);
    told = done;
    told_total = total;
}

static void check_array(const char *path, int dims, size_t a, size_t b, size_t c, struct sps_npy *out)
{
    const size_t shape[3] = {a, b, c};
    OK(sps_npy_read(out, path));
    assert_int_equal(out->dims, dims);
    for (int i = 0; i < dims; i++)
        assert_int_equal(out->shape[i], shape[i]);
}

static void evaluation_is_prediction_and_metrics(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        size_t row;
        struct sps_predict_options options;
    } cases[] = {{"vi", LAYERS, {SPS_SAMPLED, 9, 7, 0, 2, NULL, 0}},
                 {"vi", LAYERS, {SPS_EXACT, 9, 7, 0, 1, NULL, 0}},
                 {"vi", LAYERS, {SPS_POINT, 9, 7, 0, 1, NULL, 0}},
                 {"element", HIDDEN + TOY_CLASSES, {SPS_SAMPLED, 9, 7, 1, 1, NULL, 0}}};
    const struct sps_accept_rule rule = {0.2, 0.6};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sps_model *model = open_model(cases[i].model);
        struct answer a = ask(model, &cases[i].options, cases[i].row);
        struct sps_evaluation e, plain;
        struct sps_summary summaries[IMAGES];
        sps_metrics *metrics = NULL;
        int labels[IMAGES];
        struct sps_npy p, picks, truth;
        for (size_t j = 0; j < IMAGES; j++)
            labels[j] = sps_dataset_label(set, j);
        told = 0;
        OK(evaluate_set(&e, model, set, &cases[i].options, &rule, 0.9, "dump.npy", tell, &told));
        assert_int_equal(told, IMAGES);
        assert_int_equal(told_total, IMAGES);
        OK(evaluate_set(&plain, model, set, &cases[i].options, &rule, 0.9, NULL, NULL, NULL));
        OK(sps_metrics_create(&metrics, TOY_CLASSES, 0.9, &rule));
        OK(sps_metrics_add(metrics, a.p, cases[i].options.reading == SPS_EXACT ? a.weights : NULL, a.passes, IMAGES,
                           labels, summaries));
        assert_int_equal(e.n, IMAGES);
        assert_int_equal(e.passes, a.passes);
        assert_true(e.seconds >= 0);
        const char *name, *summary, *unit, *source;
        for (size_t k = 0; (name = sps_metric_list(k, &summary, &unit, &source)) != NULL; k++) {
            double mine, theirs, third;
            OK(sps_metrics_value(metrics, name, &mine));
            OK(sps_metrics_value(e.metrics, name, &theirs));
            OK(sps_metrics_value(plain.metrics, name, &third));
            assert_memory_equal(&mine, &theirs, sizeof mine);
            assert_memory_equal(&mine, &third, sizeof mine);
        }
        for (size_t j = 0; j < IMAGES; j++) {
            assert_int_equal(e.summaries[j].predicted, summaries[j].predicted);
            NEAR(e.summaries[j].score, summaries[j].score, 0);
            NEAR(plain.summaries[j].entropy, summaries[j].entropy, 0);
        }
        check_array("dump.npy", 3, a.passes, IMAGES, TOY_CLASSES, &p);
        check_array("dump.paths.npy", 3, a.passes, IMAGES, cases[i].row, &picks);
        check_array("dump.labels.npy", 1, IMAGES, 0, 0, &truth);
        for (size_t j = 0; j < p.count; j++)
            NEAR(p.f64[j], (double)a.p[j], 0);
        for (size_t j = 0; j < picks.count; j++)
            assert_int_equal(picks.i64[j], a.picks[j]);
        for (size_t j = 0; j < IMAGES; j++)
            assert_int_equal(truth.i64[j], labels[j]);
        sps_npy_reset(&p);
        sps_npy_reset(&picks);
        sps_npy_reset(&truth);
        sps_metrics_free(metrics);
        sps_evaluation_reset(&e);
        sps_evaluation_reset(&plain);
        forget(&a);
        sps_model_close(model);
    }
}

static void evaluations_that_cannot_be(void **state)
{
    (void)state;
    sps_model *model = open_model("vi");
    const struct sps_predict_options options = {SPS_SAMPLED, 1, 2, 0, 1, NULL, 0};
    struct sps_evaluation e;

    FAILS(evaluate_set(&e, model, set, &options, NULL, 0.95, "nowhere/dump.npy", NULL, NULL), EIO, "nowhere/dump.npy");
    FAILS(evaluate_set(&e, model, set, &options, NULL, 1, NULL, NULL, NULL), EINVAL, "level");
    static const uint8_t head[16] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3},
                         label[9] = {0, 0, 8, 1, 0, 0, 0, 1, 0};
    uint8_t tiny[22] = {0};
    memcpy(tiny, head, sizeof head);
    OK(sps_make_folder("tiny"));
    toy_save("tiny", "t10k-images-idx3-ubyte", tiny, sizeof tiny);
    toy_save("tiny", "t10k-labels-idx1-ubyte", label, sizeof label);
    sps_dataset *other = NULL;
    OK(sps_dataset_open(&other, "./tiny", SPS_TEST, NULL));
    FAILS(evaluate_set(&e, model, other, &options, NULL, 0.95, NULL, NULL, NULL), EUNSUPPORTED,
          "images of 'tiny' are 2 x 3 with 1 channel, the model reads 12 x 12 with 1");
    for (long n = 0;; n++) {
        long live = sps_memory_live();
        sps_memory_fail_at(n);
        sps_status status = evaluate_set(&e, model, set, &options, NULL, 0.95, NULL, NULL, NULL);
        sps_memory_fail_at(-1);
        if (status == SPS_OK) {
            assert_true(n > 3);
            sps_evaluation_reset(&e);
            break;
        }
        assert_int_equal(status, SPS_ENOMEM);
        assert_int_equal(sps_memory_live(), live);
    }
    sps_evaluation_reset(&(struct sps_evaluation){0});
    sps_dataset_free(other);
    sps_model_close(model);
}

/* The first bank's sums do not depend on paths: pairs of its entries that disagree can be counted. */
static void flips_are_counted(void **state)
{
    (void)state;
    sps_model *model = open_model("vi");
    struct by_hand h = read_by_hand("vi/model.safetensors");
    double share[LAYERS], expected = 0;
    int entries = h.bank[0].entries;
    OK(sps_model_flips(share, model, 90, images, NULL, 1));
    for (size_t i = 0; i < 90; i++) {
        int sums[HIDDEN];
        first_sums(sums, &h, images[i]);
        for (int o = 0; o < HIDDEN; o++) {
            int pairs = 0;
            for (int a = 0; a < entries; a++)
                for (int b = 0; b < a; b++)
                    pairs += (normalise(&h.bank[0], HIDDEN, a, o, sums[o]) >= 0) !=
                             (normalise(&h.bank[0], HIDDEN, b, o, sums[o]) >= 0);
            expected += pairs / (90.0 * HIDDEN * entries * (entries - 1) / 2);
        }
    }
    assert_true(expected > 0.001);
    NEAR(share[0], expected, 1e-12);
    assert_true(isnan(share[1]));
    sps_model_close(model);
    sps_safetensors_close(h.file);
}

/* ---- damaged and hostile files ---- */

enum { TENSORS = 32, KEYS = 40 };
struct parts {
    sps_safetensors *file;
    struct sps_tensor tensors[TENSORS];
    size_t count;
    struct sps_metadata metadata[KEYS];
    size_t keys;
};
static const char *const required[] = {"format",
                                       "version",
                                       "net",
                                       "input",
                                       "classes",
                                       "method",
                                       "binariser",
                                       "config",
                                       "data",
                                       "layers.1.scale_pick",
                                       "layers.4.scale_pick"};
static const char *const optional[] = {"program",
                                       "data_sha256",
                                       "seed",
                                       "validation_accuracy",
                                       "validation_nll",
                                       "mutual_information",
                                       "bank_draws",
                                       "bits",
                                       "layers.0.weight.shape",
                                       "layers.3.weight.shape"};
enum { REQUIRED = sizeof required / sizeof *required, OPTIONAL = sizeof optional / sizeof *optional };

static struct parts take_apart(const char *path)
{
    struct parts parts = {.file = NULL};
    OK(sps_safetensors_open(&parts.file, path));
    parts.count = sps_safetensors_count(parts.file);
    assert_true(parts.count <= TENSORS);
    for (size_t i = 0; i < parts.count; i++)
        parts.tensors[i] = *sps_safetensors_at(parts.file, i);
    for (int i = 0; i < REQUIRED; i++)
        parts.metadata[parts.keys++] =
            (struct sps_metadata){required[i], sps_safetensors_metadata(parts.file, required[i])};
    for (int i = 0; i < OPTIONAL; i++)
        parts.metadata[parts.keys++] =
            (struct sps_metadata){optional[i], sps_safetensors_metadata(parts.file, optional[i])};
    for (size_t i = 0; i < parts.keys; i++)
        assert_non_null(parts.metadata[i].value);
    return parts;
}

static sps_status open_parts(const struct parts *parts)
{
    sps_model *model = NULL;
    long live = sps_memory_live();
    OK(sps_safetensors_write("bad.safetensors", parts->tensors, parts->count, parts->metadata, parts->keys));
    sps_status status = sps_model_open(&model, "bad.safetensors");
    sps_model_close(model);
    assert_int_equal(sps_memory_live(), live);
    return status;
}

static void metadata_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *words;
    } wrong[] = {
        {"format", "spinscale-checkpoint 1", "not spinscale-model version 1"},
        {"format", "", "not spinscale-model"},
        {"version", "2", "version '2'"},
        {"input", "", "input ''"},
        {"input", "12 12", "must be height, width and channels"},
        {"input", "12x12x1", "input '12x12x1'"},
        {"input", "0 12 1", "input '0 12 1'"},
        {"input", "-12 -12 1", "input"},
        {"input", "12 12 1 1", "input"},
        {"input", "99999999999 12 1", "input"},
        {"input", "12 12 5", "input"},
        {"input", "6 24 1", NULL}, /* as many pixels: another network that this file can hold */
        {"input", "6 12 1", "layers.0.weight_bits"},
        {"input", "12 12 3", "input.mean"},
        {"input", "4096 4096 4", "too large"},
        {"classes", "", "classes ''"},
        {"classes", "0", "classes '0'"},
        {"classes", "257", "classes '257'"},
        {"classes", "4294967300", "classes '4294967300'"},
        {"classes", "4 dogs", "classes '4 dogs'"},
        {"classes", "5", "layers.3.weight_bits"},
        {"binariser", "magic", "binariser 'magic'"},
        {"layers.1.scale_pick", "", "must be layer or channel"},
        {"layers.1.scale_pick", "layers", "must be layer or channel"},
        {"layers.1.scale_pick", "channel", NULL},
        {"method", "of tomorrow", NULL},
        {"seed", "none", NULL},
        {"validation_accuracy", "high", NULL},
        {"bank_draws", "1e300", NULL},
        {"bank_draws", "nan", NULL},
        {"net", "", "layers"},
        {"net", "\t", "bad YAML"},
        {"net", "layers", "map"},
        {"net", "layers: []", "layers"},
        {"net", "layers: {}", "layers"},
        {"net", "layers: [1]", "layer"},
        {"net", "layers: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", ""},
        {"net", "layers: [{magic: {}}]", "magic"},
        {"net", "layers: [{dense: {out: 4}}]", "layers.0.weight"},
        {"net", "layers: [{dense: {out: 65536, binary: true}}]", "9437184 weights up to here are more than"},
        {"net", "layers: [{dense: {out: 0}}]", "out"},
        {"net", "layers: [{dense: {out: -4}}]", "out"},
        {"net", "layers: [{dense: {out: 1e30}}]", "out"},
        {"net", "layers: [{dense: {out: classes, binary: true}}]", "last layer"},
        {"net", "layers: [{conv: {out: 4, kernel: 31}}, {dense: {out: 4}}]", "conv"},
        {"net", "layers: [{sign: {}}]", "sign"},
        {"net", "layers: [{batchnorm: {scale: true}}]", ""},
        {"net", "layers: [&a {sign: *a}]", ""},
        {"net", "{layers: [{dense: {out: 4}}], layers: [{dense: {out: 4}}]}", ""},
        {"net", "{name: [], layers: [{dense: {out: 4}}]}", "name"},
        {"net", "{magic: 1, layers: [{dense: {out: 4}}]}", "magic"},
        {"net", "{input: {height: 1e9}, layers: [{dense: {out: 4}}]}", "height"},
    };
    struct parts parts = take_apart("vi/model.safetensors");
    int bad = 0;
    OK(open_parts(&parts));
    for (size_t i = 0; i < parts.keys; i++) {
        struct parts without = parts;
        memmove(without.metadata + i, without.metadata + i + 1, (parts.keys - i - 1) * sizeof *parts.metadata);
        without.keys--;
        if (i < REQUIRED)
            FAILS(open_parts(&without), EFORMAT, required[i]);
        else
            OK(open_parts(&without));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct parts changed = parts;
        for (size_t k = 0; k < parts.keys; k++)
            if (strcmp(parts.metadata[k].key, wrong[i].key) == 0)
                changed.metadata[k].value = wrong[i].value;
        sps_status status = open_parts(&changed);
        const char *words = wrong[i].words;
        if (status == (words ? SPS_EFORMAT : SPS_OK) && (words == NULL || strstr(sps_last_error(), words) != NULL))
            continue;
        print_error("%s '%s': %s, %s\n", wrong[i].key, wrong[i].value, sps_status_text(status), sps_last_error());
        bad++;
    }
    assert_int_equal(bad, 0);
    sps_safetensors_close(parts.file);
}

static void tensors_are_checked(void **state)
{
    (void)state;
    struct parts parts = take_apart("vi/model.safetensors");
    for (size_t i = 0; i < parts.count; i++) {
        const struct sps_tensor *t = &parts.tensors[i];
        int of_point = strstr(t->name, ".point_") != NULL; /* may be absent */
        struct parts changed = parts;
        changed.tensors[i].name = "zzz";
        if (of_point)
            assert_true(strstr(t->name, "mean") == NULL || open_parts(&changed) == SPS_OK);
        else
            FAILS(open_parts(&changed), EFORMAT, t->name);
        changed = parts;
        changed.tensors[i].dtype = t->dtype == SPS_U8 ? SPS_I8 : t->dtype == SPS_I8 ? SPS_U8 : SPS_I32;
        FAILS(open_parts(&changed), EFORMAT, t->name);
        changed = parts;
        changed.tensors[i].dims = t->dims + 1;
        changed.tensors[i].shape[t->dims] = 1;
        FAILS(open_parts(&changed), EFORMAT, t->name);
        changed = parts;
        changed.tensors[i].shape[0] *= 2;
        if (t->dims == 2) { /* twice as many rows of half the length */
            changed.tensors[i].shape[1] /= 2;
            FAILS(open_parts(&changed), EFORMAT, t->name);
        }
        if (t->dtype != SPS_F32)
            continue;
        static const float none[] = {NAN, INFINITY, -INFINITY};
        for (int k = 0; k < 3; k++) {
            float *data = ROOM(float, t->bytes / sizeof(float));
            memcpy(data, t->data, t->bytes);
            data[t->bytes / sizeof(float) - 1] = none[k];
            changed = parts;
            changed.tensors[i].data = data;
            FAILS(open_parts(&changed), EFORMAT, "not finite");
            assert_non_null(strstr(sps_last_error(), t->name));
            sps_free(data);
        }
    }
    sps_safetensors_close(parts.file);
}

/* One number of one tensor becomes another. */
static sps_status open_with(const char *path, const char *name, size_t at, float value)
{
    struct parts parts = take_apart(path);
    sps_status status = SPS_OK;
    int found = 0;
    for (size_t i = 0; i < parts.count; i++) {
        struct sps_tensor *t = &parts.tensors[i];
        if (strcmp(t->name, name) != 0)
            continue;
        char *data = ROOM(char, t->bytes);
        memcpy(data, t->data, t->bytes);
        if (t->dtype == SPS_F32)
            memcpy(data + at * sizeof value, &value, sizeof value);
        else
            data[at] |= (char)value;
        t->data = data;
        status = open_parts(&parts);
        sps_free(data);
        found = 1;
    }
    sps_safetensors_close(parts.file);
    assert_true(found);
    return status;
}

static void values_are_checked(void **state)
{
    (void)state;
    const char *vi = "vi/model.safetensors";
    /* Rows of 24 weights take 4 bytes, the last of which is empty; rows of 144 take 20, the last two of which are. */
    FAILS(open_with(vi, "layers.3.weight_bits", 3, 1), EFORMAT,
          "row 0 of 'layers.3.weight_bits' has bits past its 24 weights");
    FAILS(open_with(vi, "layers.3.weight_bits", 15, 64), EFORMAT, "row 3 of");
    FAILS(open_with(vi, "layers.0.weight_bits", 18, 1), EFORMAT, "past its 144 weights");
    OK(open_with(vi, "layers.0.weight_bits", 17, 64));
    FAILS(open_with(vi, "layers.1.scale_probability", 0, 0.25f), EFORMAT, "no distribution");
    FAILS(open_with(vi, "layers.1.scale_probability", 0, 0), EFORMAT, "sum 0.875");
    FAILS(open_with("drop/model.safetensors", "layers.1.scale_probability", 0, -0.7f), EFORMAT, "no distribution");
    FAILS(open_with(vi, "layers.4.running_var", 2, -1e-3f), EFORMAT, "variance 2 of layer 4 is negative");
    FAILS(open_with(vi, "layers.1.point_var", 23, -1), EFORMAT, "variance 23 of layer 1 is negative");
    static const float stds[] = {0, -1, 1e-44f, 1e30f}, means[] = {3e38f, -1e7f};
    for (size_t i = 0; i < 4; i++)
        FAILS(open_with(vi, "input.std", 0, stds[i]), EFORMAT, "input.std");
    for (size_t i = 0; i < 2; i++)
        FAILS(open_with(vi, "input.mean", 0, means[i]), EFORMAT, "channel 0 has input.mean");
    /* Finite, and too large to compute with: known when the network runs. */
    OK(open_with(vi, "layers.4.gamma", 1, 3e38f));
    sps_model *model = open_model("bad.safetensors");
    const struct sps_predict_options options = {SPS_SAMPLED, 1, 2, 0, 1, NULL, 0};
    float p[2 * IMAGES * TOY_CLASSES];
    struct sps_evaluation e;
    FAILS(predict_with(model, &options, IMAGES, images, NULL, p, NULL, NULL, NULL), EFORMAT,
          "too large: output of layer 4 (batchnorm) is not finite");
    FAILS(evaluate_set(&e, model, set, &options, NULL, 0.95, NULL, NULL, NULL), EFORMAT, "too large");
    sps_model_close(model);
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    size_t bytes = 0;
    char *data = toy_load(&bytes, "vi", "model.safetensors");
    sps_model *model = NULL;
    for (size_t n = 0; n < bytes; n += 97) {
        long live = sps_memory_live();
        toy_save(".", "bad.safetensors", data, n);
        FAILS(sps_model_open(&model, "bad.safetensors"), EFORMAT, "bad.safetensors");
        assert_int_equal(sps_memory_live(), live);
    }
    /* A flipped bit of the header: refused, or harmless (a name, a note). */
    int refused = 0, opened = 0;
    for (size_t at = 0; at < 4000; at += 31) {
        long live = sps_memory_live();
        data[at] ^= (char)(1 << at % 7);
        toy_save(".", "bad.safetensors", data, bytes);
        data[at] ^= (char)(1 << at % 7);
        sps_status status = sps_model_open(&model, "bad.safetensors");
        refused += status == SPS_EFORMAT || status == SPS_EUNSUPPORTED;
        opened += status == SPS_OK;
        if (status == SPS_OK)
            sps_model_close(model);
        assert_int_equal(sps_memory_live(), live);
    }
    assert_int_equal(refused + opened, (4000 + 30) / 31);
    assert_true(refused > 20);
    sps_free(data);
    FAILS(sps_model_open(&model, "nothing"), ENOTFOUND, "nothing");
    FAILS(sps_model_open(&model, "toy"), ENOTFOUND, "toy/model.safetensors");
    FAILS(sps_model_open(&model, "net.yaml"), EFORMAT, "net.yaml");
    FAILS(sps_model_open(&model, "vi/checkpoint.safetensors"), EFORMAT, "checkpoint");
    sps_model_close(NULL);
}

static void lack_of_memory(void **state)
{
    (void)state;
    sps_model *model = NULL;
    long n = 0;
    for (;; n += 3) {
        long live = sps_memory_live();
        sps_memory_fail_at(n);
        sps_status status = sps_model_open(&model, "vi");
        sps_memory_fail_at(-1);
        if (status == SPS_OK)
            break;
        assert_int_equal(status, SPS_ENOMEM);
        assert_int_equal(sps_memory_live(), live);
    }
    assert_true(n > 40);
    sps_model_close(model);
}

static int enter(void **state)
{
    (void)state;
    static const struct toy_run runs[] = {
        {.out = "vi", .settings = "method.name=scale_vi train.epochs=2"},
        {.out = "drop", .settings = "method.p=0.3 train.epochs=2"},
        {.out = "element", .settings = "method.mask=element method.p=0.2 train.epochs=1"},
        {.out = "point", .settings = "method.name=point train.epochs=1"},
        {.out = "large", .settings = "method.name=scale_vi method.samples=65 train.epochs=1"}};
    struct sps_train_result result;
    toy_enter("t_model.d");
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        OK(toy_train(&result, &runs[i]));
    OK(sps_dataset_open(&set, "./toy", SPS_TEST, NULL));
    for (size_t i = 0; i < IMAGES; i++)
        images[i] = sps_dataset_image(set, i);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    sps_dataset_free(set);
    int bad = chdir("..");
    toy_remove("t_model.d");
    return bad;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(info_is_what_was_trained),
        TEST(sampled_reading),
        TEST(exact_reading),
        TEST(point_reading),
        TEST(the_way_of_asking_changes_nothing),
        TEST(kernels_change_nothing),
        TEST(passes_and_limits),
        TEST(evaluation_is_prediction_and_metrics),
        TEST(evaluations_that_cannot_be),
        TEST(flips_are_counted),
        TEST(metadata_are_checked),
        TEST(tensors_are_checked),
        TEST(values_are_checked),
        TEST(cut_files_are_refused),
        TEST(lack_of_memory),
    };
    if (argc == 3)
        return predict_into(argv[1], argv[2]);
    char here[2048] = "";
    if (argv[0][0] != '/' && getcwd(here, sizeof here - 1) != NULL)
        strcat(here, "/");
    snprintf(program, sizeof program, "%s%s", here, argv[0]);
    return cmocka_run_group_tests(tests, enter, leave);
}
