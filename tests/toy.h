/* SPDX-License-Identifier: MIT */
#ifndef SPS_TEST_TOY_H
#define SPS_TEST_TOY_H
/* A toy data set of IDX files, and short trainings on it: 12 x 12 images, the class is the bright quadrant in noise. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/random.h"
#include "spinscale/train.h"
#include "test.h"

enum { TOY_SIDE = 12, TOY_PIXELS = TOY_SIDE * TOY_SIDE, TOY_CLASSES = 4 };

static inline void toy_image(uint8_t *pixels, int label, struct sps_random *r)
{
    int top = label / 2 % 2 * TOY_SIDE / 2, left = label % 2 * TOY_SIDE / 2;
    for (int y = 0; y < TOY_SIDE; y++)
        for (int x = 0; x < TOY_SIDE; x++) {
            int bright = y >= top && y < top + TOY_SIDE / 2 && x >= left && x < left + TOY_SIDE / 2;
            pixels[y * TOY_SIDE + x] = (uint8_t)(sps_random_below(r, 216) + (bright ? 40 : 0));
        }
}

static inline void toy_save(const char *folder, const char *file, const void *data, size_t bytes)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    OK(sps_file_save(path, data, bytes));
}

/* FOLDER/part-*: labels 0, 1, 2, 3, 0, ...; the last image's label is last_label. */
static inline void toy_part(const char *folder, const char *part, uint8_t count100, int last_label)
{
    size_t n = (size_t)count100 * 100;
    uint8_t *images = NULL, *labels = NULL;
    char name[64];
    const uint8_t image_head[16] = {0, 0, 8,        3, 0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0,
                                    0, 0, TOY_SIDE, 0, 0, 0, TOY_SIDE};
    const uint8_t label_head[8] = {0, 0, 8, 1, 0, 0, (uint8_t)(n >> 8), (uint8_t)n};
    OK(sps_calloc(&images, 16 + n * TOY_PIXELS, 1, "images"));
    OK(sps_calloc(&labels, 8 + n, 1, "labels"));
    memcpy(images, image_head, 16);
    memcpy(labels, label_head, 8);
    struct sps_random r = sps_random(11, SPS_FOR_TEST, (uint32_t)part[1], 0, 0);
    for (size_t i = 0; i < n; i++) {
        labels[8 + i] = (uint8_t)(i + 1 == n ? last_label : (int)(i % TOY_CLASSES));
        toy_image(images + 16 + i * TOY_PIXELS, labels[8 + i], &r);
    }
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", part);
    toy_save(folder, name, images, 16 + n * TOY_PIXELS);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", part);
    toy_save(folder, name, labels, 8 + n);
    sps_free(images);
    sps_free(labels);
}

/* 400 training and 100 test images; last_label is the training set's last one (3 is what fits the others). */
static inline void toy_set(const char *folder, int last_label)
{
    OK(sps_make_folder(folder));
    toy_part(folder, "train", 4, last_label);
    toy_part(folder, "t10k", 1, 3);
}

static inline void toy_remove(const char *folder)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static const char toy_net[] =
    "name: toy\nlayers:\n"
    "  - dense: {out: 24, binary: true}\n  - batchnorm: {scale: true, bias: true}\n  - sign: {}\n"
    "  - dense: {out: classes, binary: true}\n  - batchnorm: {scale: true, bias: true, gamma: 3}\n";

/* One training with one thread; more settings are separated by blanks.  progress, stop and resume may be 0. */
struct toy_run {
    const char *out, *settings, *config;
    void (*progress)(void *user, const struct sps_train_progress *progress);
    const volatile sig_atomic_t *stop;
    int resume, threads;
    double budget;
    struct sps_train_profile *profile;
};

enum { TOY_SETS_MAX = 32 };

/* The settings of every toy run, and those of text (which is cut up) behind them. */
static inline size_t toy_settings(const char *sets[TOY_SETS_MAX], char *text)
{
    static const char *const usual[] = {"data.name=./toy",       "data.validation=80", "net.name=./net.yaml",
                                        "train.epochs=4",        "train.batch=20",     "train.rate=0.01",
                                        "train.norm_images=200", "train.bank_draws=3", "train.validation_samples=4"};
    size_t count = sizeof usual / sizeof *usual;
    memcpy(sets, usual, sizeof usual);
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        sets[count++] = word;
    return count;
}

/* Works in the folder of the test, which holds toy/ and net.yaml. */
static inline sps_status toy_train(struct sps_train_result *result, const struct toy_run *run)
{
    const char *sets[TOY_SETS_MAX];
    char text[512];
    snprintf(text, sizeof text, "%s", run->settings ? run->settings : "");
    const struct sps_train_options options = {.config = run->config,
                                              .set_count = toy_settings(sets, text),
                                              .sets = sets,
                                              .out = run->out,
                                              .threads = run->threads ? run->threads : 1,
                                              .resume = run->resume,
                                              .budget = run->budget,
                                              .profile = run->profile,
                                              .stop = run->stop,
                                              .progress = run->progress};
    return sps_train(result, &options);
}

static inline char *toy_load(size_t *bytes, const char *folder, const char *file)
{
    char path[256], *data = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    OK(sps_file_load(&data, bytes, path, 1 << 24));
    return data;
}

static inline void toy_same_file(const char *a, const char *b, const char *file)
{
    size_t na = 0, nb = 0;
    char *x = toy_load(&na, a, file), *y = toy_load(&nb, b, file);
    if (na != nb || memcmp(x, y, na) != 0)
        fail_msg("%s/%s and %s/%s differ", a, file, b, file);
    sps_free(x);
    sps_free(y);
}

/* An empty folder FOLDER with toy/ and net.yaml, which becomes the working directory. */
static inline void toy_enter(const char *folder)
{
    toy_remove(folder);
    OK(sps_make_folder(folder));
    assert_int_equal(chdir(folder), 0);
    toy_set("toy", 3);
    toy_save(".", "net.yaml", toy_net, sizeof toy_net - 1);
}
#endif
