/* SPDX-License-Identifier: MIT */
/* Foreign images: names, statistics of noise, fitting. */
#include <stdlib.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "spinscale/data.h"
#include "spinscale/foreign.h"
#include "test.h"

/* Four images of 2 x 2 grey: all pixels of image i are 60 i; labels 0 .. 3. */
static void write_set(void)
{
    uint8_t images[16 + 16] = {0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 2};
    const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 2, 3};
    for (int i = 0; i < 16; i++)
        images[16 + i] = (uint8_t)(60 * (i / 4));
    mkdir("g_set", 0777);
    FILE *f = fopen("g_set/t10k-images-idx3-ubyte", "wb"), *g = fopen("g_set/t10k-labels-idx1-ubyte", "wb");
    assert_true(f != NULL && g != NULL);
    assert_int_equal(fwrite(images, 1, sizeof images, f), sizeof images);
    assert_int_equal(fwrite(labels, 1, sizeof labels, g), sizeof labels);
    fclose(f);
    fclose(g);
}

struct moments {
    double mean, std, black, white; /* of pixels in 0 .. 1; shares of 0 and 255 */
};

static struct moments moments_of(const struct sps_images *images)
{
    struct moments m = {0};
    size_t pixels = (size_t)images->height * (size_t)images->width * (size_t)images->channels;
    double all = (double)(images->count * pixels), square = 0;
    for (size_t n = 0; n < images->count; n++) {
        const uint8_t *image = images->image(images->self, n);
        for (size_t i = 0; i < pixels; i++) {
            m.mean += image[i] / 255.0 / all;
            square += image[i] / 255.0 * (image[i] / 255.0) / all;
            m.black += (image[i] == 0) / all;
            m.white += (image[i] == 255) / all;
        }
    }
    m.std = sqrt(square - m.mean * m.mean);
    return m;
}

/* 102,400 pixels: a mean with standard deviation s is off by s / 320, a share by at most 0.0016; tolerances are 4 of
 * these, 0.0063 for all. */
static void noise_images_have_their_distribution(void **state)
{
    (void)state;
    sps_foreign *foreign;
    const struct sps_foreign_options options = {.count = 100};
    OK(sps_foreign_open(&foreign, "noise-gaussian", 32, 32, 1, &options));
    struct sps_images images = sps_foreign_images(foreign);
    assert_string_equal(images.name, "noise-gaussian");
    assert_int_equal(images.count, 100);
    assert_int_equal(images.label(images.self, 0), -1);
    /* N(0, 1) clipped to 0 .. 1: black below 0.5 / 255, white above 254.5 / 255; mean is
     * phi(0) - phi(1) + 1 - Phi(1) = 0.3156, mean square 1/2 - phi(1) = 0.2580, so deviation is
     * sqrt(0.2580 - 0.0996) = 0.3980 */
    struct moments m = moments_of(&images);
    NEAR(m.black, 0.5008, 0.0063);
    NEAR(m.white, 0.1591, 0.0063);
    NEAR(m.mean, 0.3156, 0.0063);
    NEAR(m.std, 0.3980, 0.0063);
    sps_foreign_close(foreign);

    OK(sps_foreign_open(&foreign, "noise-uniform", 32, 32, 1, &options));
    images = sps_foreign_images(foreign);
    m = moments_of(&images);
    NEAR(m.mean, 0.5, 0.0063);
    NEAR(m.std, 0.2887, 0.0063);
    NEAR(m.black, 0.5 / 255, 0.002);
    NEAR(m.white, 0.5 / 255, 0.002);
    sps_foreign_close(foreign);

    OK(sps_foreign_open(&foreign, "noise-uniform", 28, 30, 3, NULL));
    images = sps_foreign_images(foreign);
    assert_int_equal(images.count, 10000);
    assert_int_equal(images.height, 28);
    assert_int_equal(images.width, 30);
    assert_int_equal(images.channels, 3);
    sps_foreign_close(foreign);
}

/* The second image, pixels 60, plus noise of strength 0.1 (25.5 grey levels), on 64 x 64 pixels: a mean is off by
 * 25.5 / 64 = 0.4 levels at one standard deviation. */
static void noise_is_added_to_a_set(void **state)
{
    (void)state;
    sps_foreign *foreign;
    write_set();
    static const struct {
        const char *name;
        double std;
    } kinds[] = {{"./g_set+gaussian:0.1", 25.5}, {"./g_set+uniform:0.1", 14.72}}; /* 25.5 / sqrt(3) */
    for (int k = 0; k < 2; k++) {
        double sum = 0, square = 0;
        OK(sps_foreign_open(&foreign, kinds[k].name, 64, 64, 1, NULL));
        struct sps_images images = sps_foreign_images(foreign);
        assert_string_equal(images.name, kinds[k].name + 2);
        assert_int_equal(images.count, 4);
        assert_int_equal(images.label(images.self, 2), 2);
        const uint8_t *image = images.image(images.self, 1);
        int least = 255, most = 0;
        for (int i = 0; i < 64 * 64; i++) {
            sum += image[i];
            square += image[i] * image[i];
            least = image[i] < least ? image[i] : least;
            most = image[i] > most ? image[i] : most;
        }
        double mean = sum / 4096;
        NEAR(mean, 60, k == 0 ? 1.8 : 1.2); /* clipping at 0 adds 0.1 to the first */
        NEAR(sqrt(square / 4096 - mean * mean), kinds[k].std, 1.2);
        if (k == 1)
            assert_true(least >= 34 && most <= 86 && least <= 36 && most >= 84);
        sps_foreign_close(foreign);
    }
}

/* Seed, name and index make an image: not the order, not what is asked for beside it. */
static void images_are_drawn_again_the_same(void **state)
{
    (void)state;
    enum { BYTES = 8 * 8 * 3 };
    sps_foreign *a, *b, *c, *d;
    const struct sps_foreign_options seven = {.seed = 7, .count = 100}, eight = {.seed = 8};
    OK(sps_foreign_open(&a, "noise-uniform", 8, 8, 3, &seven));
    OK(sps_foreign_open(&b, "noise-uniform", 8, 8, 3, &seven));
    OK(sps_foreign_open(&c, "noise-uniform", 8, 8, 3, &eight));
    OK(sps_foreign_open(&d, "noise-gaussian", 8, 8, 3, &seven));
    struct sps_images x = sps_foreign_images(a), y = sps_foreign_images(b), z = sps_foreign_images(c),
                      g = sps_foreign_images(d);
    const uint8_t *first[SPS_IMAGES_KEPT];
    for (size_t i = 0; i < SPS_IMAGES_KEPT; i++)
        first[i] = x.image(x.self, 20 + i);
    for (size_t i = SPS_IMAGES_KEPT; i-- > 0;) /* all of them are still there */
        assert_memory_equal(first[i], y.image(y.self, 20 + i), BYTES);
    assert_memory_not_equal(first[0], first[1], BYTES);
    assert_memory_not_equal(first[0], z.image(z.self, 20), BYTES);
    /* other numbers, not the same ones in another distribution: a large uniform one is no large normal one */
    const uint8_t *u = first[0], *n = g.image(g.self, 20);
    int both = 0, large = 0;
    for (int i = 0; i < BYTES; i++) {
        large += u[i] > 127;
        both += u[i] > 127 && n[i] > 0;
    }
    assert_true(both > large / 4 && both < 3 * large / 4);
    sps_foreign_close(a);
    sps_foreign_close(b);
    sps_foreign_close(c);
    sps_foreign_close(d);
}

static void sets_are_fitted(void **state)
{
    (void)state;
    sps_foreign *foreign;
    int height, width, channels;
    write_set();
    OK(sps_foreign_open(&foreign, "./g_set", 2, 2, 1, NULL));
    assert_int_equal(sps_foreign_fitted(foreign, &height, &width, &channels), 0);
    sps_foreign_close(foreign);
    const struct sps_foreign_options three = {.count = 3};
    OK(sps_foreign_open(&foreign, "./g_set", 4, 1, 3, &three));
    assert_int_equal(sps_foreign_fitted(foreign, &height, &width, &channels), 1);
    assert_true(height == 2 && width == 2 && channels == 1);
    struct sps_images images = sps_foreign_images(foreign);
    assert_int_equal(images.count, 3);
    assert_string_equal(images.name, "g_set");
    for (int i = 0; i < 12; i++)
        assert_int_equal(images.image(images.self, 2)[i], 120);
    assert_int_equal(images.label(images.self, 2), 2);
    sps_foreign_close(foreign);

    /* lists of images that are not alike, too */
    uint8_t pixels[12] = {0};
    OK(sps_image_write_png("g_set/a.png", pixels, 2, 2, 3));
    OK(sps_image_write_png("g_set/b.png", pixels, 3, 4, 1));
    FILE *f = fopen("g_set/list.txt", "w");
    assert_non_null(f);
    fputs("a.png -1\nb.png -1\n", f);
    fclose(f);
    OK(sps_foreign_open(&foreign, "g_set/list.txt", 5, 5, 1, NULL));
    images = sps_foreign_images(foreign);
    assert_int_equal(images.count, 2);
    assert_int_equal(images.image(images.self, 1)[24], 0);
    sps_foreign_close(foreign);
}

static const uint8_t *four_channels(const void *self, size_t index)
{
    static const uint8_t pixel[4] = {1, 2, 3, 4};
    (void)self;
    (void)index;
    return pixel;
}

static int no_label(const void *self, size_t index)
{
    (void)self;
    (void)index;
    return -1;
}

static void wrong_names_and_sizes_are_explained(void **state)
{
    (void)state;
    sps_foreign *foreign;
    write_set();
    static const struct {
        const char *name, *words;
    } wrong[] = {
        {"", "empty"},
        {"noise-frob", "no data set is called 'noise-frob'"},
        {"noise-gaussian:2", "no data set is called"},
        {"frob+gaussian:0.1", "no data set is called 'frob'"},
        {"./g_set+gaussian:", "strength of './g_set+gaussian:' is '', must be above 0, at most 10"},
        {"./g_set+gaussian:0", "above 0"},
        {"./g_set+uniform:-1", "above 0"},
        {"./g_set+uniform:nan", "above 0"},
        {"./g_set+uniform:inf", "at most 10"},
        {"./g_set+uniform:1x", "is '1x'"},
        {"+gaussian:0.1", "names no set"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        FAILS(sps_foreign_open(&foreign, wrong[i].name, 4, 4, 1, NULL), EINVAL, wrong[i].words);
    FAILS(sps_foreign_open(&foreign, NULL, 4, 4, 1, NULL), EINVAL, "empty");
    FAILS(sps_foreign_open(&foreign, "./g_set+frob:1", 4, 4, 1, NULL), ENOTFOUND, "'./g_set+frob:1'");
    FAILS(sps_foreign_open(&foreign, "noise-uniform", 0, 4, 1, NULL), EINVAL, "size is 0 x 4");
    FAILS(sps_foreign_open(&foreign, "noise-uniform", 4, 8193, 1, NULL), EINVAL, "size is 4 x 8193");
    FAILS(sps_foreign_open(&foreign, "noise-uniform", 4, 4, 0, NULL), EINVAL, "with 0 channels");
    FAILS(sps_foreign_open(&foreign, "./g_set", 4, 4, 2, NULL), EINVAL, "have 1 channels, cannot become ones of 2");
    FAILS(sps_foreign_open(&foreign, "g_set/list.txt", 4, 4, 4, NULL), EINVAL, "cannot become ones of 4 channels");
    OK(sps_foreign_open(&foreign, "noise-uniform", 4, 4, 2, NULL));
    sps_foreign_close(foreign);
    const struct sps_foreign_options many = {.count = (size_t)1 << 33};
    FAILS(sps_foreign_open(&foreign, "noise-uniform", 4, 4, 1, &many), EINVAL, "count of images is 8589934592");
    struct sps_images four = {"four", 1, 1, 1, 4, NULL, four_channels, no_label, NULL};
    sps_fitted *fitted;
    FAILS(sps_fitted_create(&fitted, &four, 2, 2, 3), EINVAL, "have 4 channels, cannot become ones of 3");
    FAILS(sps_fitted_create(&fitted, &four, 0, 2, 4), EINVAL, "size is 0 x 2");
    OK(sps_fitted_create(&fitted, &four, 2, 2, 4));
    struct sps_images images = sps_fitted_images(fitted);
    assert_memory_equal(images.image(images.self, 0) + 12, four_channels(NULL, 0), 4);
    assert_int_equal(images.label(images.self, 0), -1);
    sps_fitted_free(fitted);
    sps_fitted_free(NULL);
    sps_foreign_close(NULL);
}

static void list_is_complete(void **state)
{
    (void)state;
    const char *summary;
    size_t n = 0;
    for (const char *name; (name = sps_foreign_list(n, &summary)) != NULL; n++) {
        char whole[64];
        sps_foreign *foreign;
        assert_true(strlen(summary) > 0);
        snprintf(whole, sizeof whole, "%s%s%s", name[0] == '+' ? "./g_set" : "", name, name[0] == '+' ? "1" : "");
        OK(sps_foreign_open(&foreign, whole, 4, 4, 3, NULL));
        sps_foreign_close(foreign);
    }
    assert_int_equal(n, 4);
}

static void lack_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    write_set();
    long live = sps_memory_live();
    for (long n = 0;; n++) {
        sps_foreign *foreign = NULL;
        sps_memory_fail_at(n);
        sps_status status = sps_foreign_open(&foreign, "./g_set+gaussian:1", 4, 4, 3, NULL);
        sps_memory_fail_at(-1);
        if (status == SPS_OK) {
            sps_foreign_close(foreign);
            assert_int_equal(sps_memory_live(), live);
            assert_true(n > 5);
            break;
        }
        assert_int_equal(status, SPS_ENOMEM);
        assert_int_equal(sps_memory_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_images_have_their_distribution), cmocka_unit_test(noise_is_added_to_a_set),
        cmocka_unit_test(images_are_drawn_again_the_same),      cmocka_unit_test(sets_are_fitted),
        cmocka_unit_test(wrong_names_and_sizes_are_explained),  cmocka_unit_test(list_is_complete),
        cmocka_unit_test(lack_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
