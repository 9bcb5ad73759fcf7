/* SPDX-License-Identifier: MIT */
/* The validation images of a run, found again from its configuration. */
#include "data/transform.h"
#include "net.h"
#include "spinscale/data.h"
#include "spinscale/train.h"
#include "toy.h"

#define CONFIG                                                                                                         \
    "run:\n  seed: 11\ndata:\n  name: \"./t_held_out.d/toy\"\n  validation: 23\nnet:\n  name: \"./gone.yaml\"\n"
enum { VALIDATION = 23, SEED = 11 };

static void they_are_those_of_the_run(void **state)
{
    (void)state;
    sps_dataset *set = NULL;
    sps_held_out *held_out = NULL;
    OK(sps_dataset_open(&set, "./t_held_out.d/toy", SPS_TRAIN, NULL));
    const struct sps_dataset_info *info = sps_dataset_get_info(set);
    uint32_t *order = ROOM(uint32_t, info->count);
    sps_split(order, info->count, VALIDATION, SEED);
    OK(sps_held_out_open(&held_out, CONFIG, NULL, NULL, info->sha256));
    const struct sps_images images = sps_held_out_images(held_out);
    assert_int_equal(images.count, VALIDATION);
    assert_string_equal(images.name, info->name);
    const int shape[] = {images.height, images.width, images.channels},
              wanted[] = {info->height, info->width, info->channels};
    assert_memory_equal(shape, wanted, sizeof shape);
    for (size_t i = 0; i < images.count; i++) {
        size_t at = order[info->count - VALIDATION + i];
        assert_memory_equal(images.image(images.self, i), sps_dataset_image(set, at),
                            (size_t)(info->height * info->width * info->channels));
        assert_int_equal(images.label(images.self, i), sps_dataset_label(set, at));
    }
    sps_held_out_free(held_out);
    sps_held_out_free(NULL);
    sps_free(order);
    sps_dataset_free(set);
}

static void what_cannot_be_found_is_said(void **state)
{
    (void)state;
    sps_held_out *h = NULL;
    static const struct {
        const char *config, *data, *sha256;
        sps_status status;
        const char *words;
    } cases[] = {
        {CONFIG, NULL, "00ff", SPS_EINVAL, "is not the one that the run had: its sha256 is "},
        {CONFIG, "./t_held_out.d/nothing", NULL, SPS_ENOTFOUND, "t_held_out.d/nothing"},
        {CONFIG, "no-such-set", NULL, SPS_EINVAL, "no-such-set"},
        {"data: {validation: 1000000, name: ./t_held_out.d/toy}", NULL, NULL, SPS_EINVAL, "leaves no training image"},
        {"data: {validation: 0}", NULL, NULL, SPS_EFORMAT, "the model's configuration:1:20"},
        {"data: {valid: 7}", NULL, NULL, SPS_EFORMAT, "data.valid"},
        {"run: 3", NULL, NULL, SPS_EFORMAT, "run"},
        {"[", NULL, NULL, SPS_EFORMAT, "the model's configuration:"},
        {"[1]", NULL, NULL, SPS_EFORMAT, "the model's configuration"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sps_status status = sps_held_out_open(&h, cases[i].config, cases[i].data, NULL, cases[i].sha256);
        if (status != cases[i].status || strstr(sps_last_error(), cases[i].words) == NULL)
            fail_msg("%s: status %d, '%s'", cases[i].config, status, status ? sps_last_error() : "");
    }
}

static int enter(void **state)
{
    (void)state;
    toy_remove("t_held_out.d");
    OK(sps_make_folder("t_held_out.d"));
    toy_set("t_held_out.d/toy", 3);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    toy_remove("t_held_out.d");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(they_are_those_of_the_run), TEST(what_cannot_be_found_is_said)};
    return cmocka_run_group_tests(tests, enter, leave);
}
