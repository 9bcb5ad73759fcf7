/* SPDX-License-Identifier: MIT */
/* Shifts: by hand where that is possible, ranges, sizes, seeds, threads; sets made on demand; .npy files.  Run with
 * arguments it is a filter for tests/oracle_shift.py: t_shift KIND SEVERITY SEED H W C < images > images. */
#include <stdlib.h>

#include "core/memory.h"
#include "data/shift/pixels.h"
#include "spinscale/npy.h"
#include "spinscale/shift.h"
#include "test.h"

enum { SIDE_MAX = 96, BYTES_MAX = SIDE_MAX * SIDE_MAX * 3 };

static const struct sps_shift *kind_of(const char *name)
{
    const struct sps_shift *kind = sps_shift_find(name);
    assert_non_null(kind);
    return kind;
}

/* A picture with smooth parts and edges. */
static void paint(uint8_t *out, int h, int w, int c, unsigned which)
{
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++)
            for (int k = 0; k < c; k++)
                out[(i * w + j) * c + k] =
                    (uint8_t)((i / 5 + j / 7 + (int)which) % 2 ? 40 + 50 * k + j % 32 : 200 - 30 * k - i % 32);
}

static void shift(uint8_t *out, const uint8_t *in, int h, int w, int c, const char *name, int severity, uint32_t index)
{
    OK(sps_shift_apply(out, in, h, w, c, kind_of(name), severity, 1, index));
}

static double mean_change(const uint8_t *a, const uint8_t *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += abs(a[i] - b[i]);
    return sum / n;
}

static void test_registry(void **state)
{
    (void)state;
    int count[3] = {0};
    for (size_t i = 0; sps_shift_get(i) != NULL; i++) {
        const struct sps_shift *kind = sps_shift_get(i);
        assert_ptr_equal(sps_shift_find(kind->name), kind);
        assert_true(kind->summary[0] && kind->source[0] && kind->unit[0]);
        assert_in_range(kind->levels, 1, SPS_SHIFT_LEVELS_MAX);
        for (int k = 1; k < kind->levels; k++)
            assert_true(kind->amount[k] > kind->amount[k - 1]);
        count[kind->group]++;
    }
    assert_int_equal(count[SPS_SHIFT_PAPER], 3);
    assert_int_equal(count[SPS_SHIFT_CORRUPTION], 15);
    assert_int_equal(count[SPS_SHIFT_EXTRA], 4);
    assert_null(sps_shift_find("nothing"));
}

/* Every kind, severity and size: in bounds (guards; the sanitizers see the rest), the same again, another for another
 * image or seed where it is random, and the same in place. */
static void test_all(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 3}, {5, 5}, {16, 24}, {28, 28}, {33, 31}, {32, 32}};
    static uint8_t in[BYTES_MAX], out[BYTES_MAX + 1], again[BYTES_MAX], other[BYTES_MAX];
    for (size_t i = 0; sps_shift_get(i) != NULL; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int c = 1; c <= 3; c += 2) {
                const struct sps_shift *kind = sps_shift_get(i);
                const int h = sizes[s][0], w = sizes[s][1], n = h * w * c;
                paint(in, h, w, c, 0);
                OK(sps_shift_apply(out, in, h, w, c, kind, 0, 1, 0));
                assert_memory_equal(out, in, n);
                for (int severity = 1; severity <= kind->levels; severity++) {
                    out[n] = 0xa5;
                    OK(sps_shift_apply(out, in, h, w, c, kind, severity, 1, 7));
                    assert_int_equal(out[n], 0xa5);
                    memcpy(again, in, (size_t)n);
                    OK(sps_shift_apply(again, again, h, w, c, kind, severity, 1, 7));
                    assert_memory_equal(out, again, n);
                    if (h < 28)
                        continue;
                    int by_image = 0, by_seed = 0; /* few draws of an angle, or of drops, may look the same */
                    for (uint32_t other_one = 8; other_one < 40 && !(by_image && by_seed);
                         other_one += 1 + 15u * !kind->random) {
                        OK(sps_shift_apply(other, in, h, w, c, kind, severity, 1, other_one));
                        by_image |= memcmp(out, other, (size_t)n) != 0;
                        OK(sps_shift_apply(other, in, h, w, c, kind, severity, other_one, 7));
                        by_seed |= memcmp(out, other, (size_t)n) != 0;
                    }
                    if (by_image != kind->random || by_seed != kind->random)
                        fail_msg("%s %d: draws do not follow image and seed", kind->name, severity);
                    if (!(c == 1 && strcmp(kind->name, "saturate") == 0) && strcmp(kind->name, "spatter") != 0)
                        assert_memory_not_equal(out, in, n);
                }
            }
}

static void test_larger(void **state)
{
    (void)state;
    static uint8_t in[BYTES_MAX], out[BYTES_MAX];
    paint(in, SIDE_MAX, SIDE_MAX, 3, 0);
    for (size_t i = 0; sps_shift_get(i) != NULL; i++) {
        OK(sps_shift_apply(out, in, SIDE_MAX, SIDE_MAX, 3, sps_shift_get(i), sps_shift_get(i)->levels, 1, 0));
        assert_memory_not_equal(out, in, sizeof in);
    }
}

/* What is drawn on an image keeps its share of it: mean change of a grey image of 32 and of 96 pixels a side. */
static void test_scale(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int severity;
    } drawn[] = {{"snow", 1}, {"snow", 5}, {"frost", 3}, {"fog", 3}, {"spatter", 2}, {"spatter", 5}};
    static uint8_t in[BYTES_MAX], out[BYTES_MAX];
    enum { IMAGES = 60 };
    memset(in, 120, sizeof in);
    for (size_t k = 0; k < sizeof drawn / sizeof *drawn; k++) {
        double change[2] = {0, 0};
        for (uint32_t i = 0; i < IMAGES; i++)
            for (int large = 0; large < 2; large++) {
                const int side = large ? 96 : 32;
                shift(out, in, side, side, 1, drawn[k].name, drawn[k].severity, i);
                change[large] += mean_change(in, out, side * side) / IMAGES;
            }
        /* a third is more than edges and draws make, and far less than what unscaled lengths do */
        if (!(change[1] > 0.67 * change[0] && change[1] < 1.5 * change[0]))
            fail_msg("%s %d changes %g at 32 pixels, %g at 96", drawn[k].name, drawn[k].severity, change[0], change[1]);
    }
}

static void test_refused(void **state)
{
    (void)state;
    uint8_t pixel[4] = {1, 2, 3, 4};
    const struct sps_shift *fog = kind_of("fog");
    struct sps_shift foreign = *fog;
    FAILS(sps_shift_apply(pixel, pixel, 1, 1, 2, fog, 1, 1, 0), EINVAL, "2 channels");
    FAILS(sps_shift_apply(pixel, pixel, 0, 1, 1, fog, 1, 1, 0), EINVAL, "0 x 1");
    FAILS(sps_shift_apply(pixel, pixel, 1, 1025, 1, fog, 1, 1, 0), EINVAL, "1 x 1025");
    FAILS(sps_shift_apply(pixel, pixel, 1, 1, 1, fog, 6, 1, 0), EINVAL, "severity of fog is 6, must be 0 to 5");
    FAILS(sps_shift_apply(pixel, pixel, 1, 1, 1, fog, -1, 1, 0), EINVAL, "-1");
    FAILS(sps_shift_apply(pixel, pixel, 1, 1, 1, &foreign, 1, 1, 0), EINVAL, "not one of the list");
    assert_int_equal(pixel[0], 1);
}

/* Filters keep a constant image, which is 128 everywhere (a multiple of any step of JPEG); what adds light is known. */
static void test_constant(void **state)
{
    (void)state;
    static const char *const keep[] = {"defocus_blur",     "glass_blur",        "motion_blur",
                                       "zoom_blur",        "contrast",          "pixelate",
                                       "jpeg_compression", "elastic_transform", "gaussian_blur"};
    uint8_t in[32 * 32 * 3], out[sizeof in];
    for (int c = 1; c <= 3; c += 2) {
        const int n = 32 * 32 * c;
        memset(in, 128, sizeof in);
        for (size_t k = 0; k < sizeof keep / sizeof *keep; k++)
            for (int severity = 1; severity <= 5; severity++) {
                shift(out, in, 32, 32, c, keep[k], severity, 0);
                if (memcmp(out, in, (size_t)n) != 0)
                    fail_msg("%s %d with %d channels changes a constant image", keep[k], severity, c);
            }
        shift(out, in, 32, 32, c, "brightness", 3, 0); /* 128 + 0.15 * 255 = 166.25 */
        for (int i = 0; i < n; i++)
            assert_int_equal(out[i], 166);
    }
}

/* V = 200 -> 200 + 51 = 251 at severity 4 (0.2): factor 1.255.  Black becomes grey 51. */
static void test_colours(void **state)
{
    (void)state;
    const uint8_t in[6] = {200, 100, 20, 0, 0, 0};
    uint8_t out[6];
    shift(out, in, 1, 2, 3, "brightness", 4, 0);
    const uint8_t brighter[6] = {251, 125, 25, 51, 51, 51};
    assert_memory_equal(out, brighter, 6);
    /* S = 0.9 -> 0.27 (severity 1): lowest is 200 * 0.73 = 146, 100 was 5/9 of the way down: 200 - 30 = 170 */
    shift(out, in, 1, 2, 3, "saturate", 1, 0);
    const uint8_t paler[6] = {200, 170, 146, 0, 0, 0};
    assert_memory_equal(out, paler, 6);
    /* a grey pixel has hue 0: S = 0.1 at severity 4 leaves red, and takes a tenth of the others */
    const uint8_t grey[3] = {100, 100, 100}, reddish[3] = {100, 90, 90};
    shift(out, grey, 1, 1, 3, "saturate", 4, 0);
    assert_memory_equal(out, reddish, 3);
    /* mean of 0 and 200 is 100: (200 - 100) 0.75 + 100 = 175 */
    const uint8_t two[2] = {0, 200}, nearer[2] = {25, 175};
    shift(out, two, 1, 2, 1, "contrast", 1, 0);
    assert_memory_equal(out, nearer, 2);
}

/* A cross of 90 degrees is not among the steps; 84 degrees of a dot: from (row 16, column 26) of 33 x 33, 10 to the
 * right of the centre, to 10 sin 84 = 9.945 above it and 10 cos 84 = 1.045 to its right: counter-clockwise. */
static void test_rotation(void **state)
{
    (void)state;
    uint8_t in[33 * 33] = {0}, out[33 * 33];
    in[16 * 33 + 26] = 255;
    shift(out, in, 33, 33, 1, "rotation", 12, 0);
    double sum = 0, row = 0, column = 0;
    for (int i = 0; i < 33 * 33; i++) {
        sum += out[i];
        row += out[i] * (double)(i / 33);
        column += out[i] * (double)(i % 33);
    }
    /* bilinear weights of a dot are spread over 4 pixels around the place: centre of mass within 0.1 pixel */
    NEAR(row / sum, 16 - 9.945, 0.1);
    NEAR(column / sum, 16 + 1.045, 0.1);
    memset(in, 255, sizeof in);
    shift(out, in, 33, 33, 1, "rotation", 6, 0); /* 42 degrees: corners come from outside */
    assert_int_equal(out[0], 0);
    assert_int_equal(out[16 * 33 + 16], 255);
}

/* What the rules say of a constant grey 128 of 96 x 96: mean and standard deviation of the change. */
static void test_noise(void **state)
{
    (void)state;
    enum { N = SIDE_MAX * SIDE_MAX };
    const double x = 128 / 255.0;
    const struct {
        const char *name;
        int severity;
        double mean, sd;
    } rules[] = {
        {"gaussian_noise", 5, 0, 0.10},
        {"gaussian_noise_level", 1, 0, 0.1},
        {"uniform_noise", 3, 0, 0.3 / sqrt(3)},
        {"shot_noise", 1, 0, sqrt(x / 500)},
        {"shot_noise", 5, 0, sqrt(x / 50)},
        {"speckle_noise", 3, 0, 0.12 * x},
        {"impulse_noise", 5, 0.07 * (0.5 - x), sqrt(0.07 * (0.5 * x * x + 0.5 * (1 - x) * (1 - x)))},
    };
    static uint8_t in[N], out[N];
    memset(in, 128, N);
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        shift(out, in, SIDE_MAX, SIDE_MAX, 1, rules[r].name, rules[r].severity, 3);
        double mean = 0, square = 0;
        for (int i = 0; i < N; i++) {
            const double change = (out[i] - 128 + (out[i] == 128 || out[i] == 0 || out[i] == 255 ? 0 : 0.5)) / 255.0;
            mean += change / N;
            square += change * change / N;
        }
        /* cut off to 8 bits: 0.5 put back above; 4 standard errors, 1 / sqrt(N) of sd and 4 times so much for impulses
         */
        NEAR(mean, rules[r].mean, 4 * rules[r].sd / sqrt(N) + 0.2 / 255);
        NEAR(sqrt(square - mean * mean), rules[r].sd, 0.06 * rules[r].sd);
    }
}

/* Draws of three kinds, as they came first: streams, their numbers in list.h and the order of draws are part of stored
 * results.  None of the three needs a function of libm. */
static void test_stored(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int severity;
        uint8_t want[16];
    } stored[] = {
        {"uniform_noise", 1, {88, 102, 119, 120, 89, 95, 99, 90, 126, 85, 96, 87, 106, 89, 128, 137}},
        {"impulse_noise", 5, {100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 0}},
        {"glass_blur", 1, {100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 109, 107, 112, 113, 113, 114}},
    };
    uint8_t in[16], out[16];
    for (int i = 0; i < 16; i++)
        in[i] = (uint8_t)(100 + i);
    for (size_t k = 0; k < sizeof stored / sizeof *stored; k++) {
        shift(out, in, 4, 4, 1, stored[k].name, stored[k].severity, 0);
        assert_memory_equal(out, stored[k].want, sizeof out);
    }
}

/* Stronger levels change more, on the mean over some images. */
static void test_severity(void **state)
{
    (void)state;
    static const char *const names[] = {
        "uniform_noise", "gaussian_noise", "shot_noise", "impulse_noise",   "zoom_blur", "snow",
        "fog",           "contrast",       "brightness", "jpeg_compression"};
    static uint8_t in[32 * 32 * 3], out[sizeof in];
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        double change[2] = {0, 0};
        for (unsigned image = 0; image < 8; image++)
            for (int strong = 0; strong < 2; strong++) {
                paint(in, 32, 32, 3, image);
                shift(out, in, 32, 32, 3, names[k], strong ? 5 : 1, image);
                change[strong] += mean_change(in, out, sizeof in);
            }
        if (!(change[1] > 1.1 * change[0]))
            fail_msg("%s: severity 5 changes %g, severity 1 %g", names[k], change[1], change[0]);
    }
}

/* ---- helpers of the kinds ---- */

static void test_border(void **state)
{
    (void)state;
    static const int edge[] = {0, 0, 0, 1, 2, 2, 2}, mirror[] = {2, 1, 0, 1, 2, 1, 0},
                     with_edge[] = {1, 0, 0, 1, 2, 2, 1};
    for (int i = -2; i < 5; i++) {
        assert_int_equal(sps_border_index(i, 3, SPS_BORDER_EDGE), edge[i + 2]);
        assert_int_equal(sps_border_index(i, 3, SPS_BORDER_MIRROR), mirror[i + 2]);
        assert_int_equal(sps_border_index(i, 3, SPS_BORDER_MIRROR_EDGE), with_edge[i + 2]);
        assert_int_equal(sps_border_index(i, 1, SPS_BORDER_MIRROR), 0);
    }
    assert_int_equal(sps_border_index(-7, 3, SPS_BORDER_MIRROR), 1);
    assert_int_equal(sps_border_index(-7, 3, SPS_BORDER_MIRROR_EDGE), 0);
}

/* A dot spreads to the right and down only: half of a Gaussian. */
static void test_motion(void **state)
{
    (void)state;
    float in[9 * 9] = {0}, out[9 * 9];
    in[4 * 9 + 4] = 1;
    OK(sps_motion(out, in, 9, 9, 1, 2, 1, 0));
    /* taps at 0 .. 4 of exp(-k^2 / 2): sum 1.753314; the pixel at column j takes from j + k */
    NEAR(out[4 * 9 + 4], 1 / 1.753314, 0.5 / 255);
    NEAR(out[4 * 9 + 3], exp(-0.5) / 1.753314, 0.5 / 255);
    NEAR(out[4 * 9 + 5], 0, 0);
    NEAR(out[3 * 9 + 4], 0, 0);
    OK(sps_motion(out, in, 9, 9, 1, 2, 1, -90));
    NEAR(out[5 * 9 + 4], exp(-0.5) / 1.753314, 0.5 / 255);
}

/* ---- sets ---- */

enum { COUNT = 23, W = 8, H = 6 };

struct toy {
    uint8_t pixels[COUNT][H * W];
};

static const uint8_t *toy_image(const void *self, size_t index)
{
    return ((const struct toy *)self)->pixels[index];
}

static int toy_label(const void *self, size_t index)
{
    (void)self;
    return (int)index % 10;
}

static struct sps_images toy_images(struct toy *toy)
{
    for (unsigned i = 0; i < COUNT; i++)
        paint(toy->pixels[i], H, W, 1, i);
    return (struct sps_images){.name = "toy",
                               .count = COUNT,
                               .height = H,
                               .width = W,
                               .channels = 1,
                               .self = toy,
                               .image = toy_image,
                               .label = toy_label};
}

/* Threads and blocks change nothing: image i is sps_shift_apply() with index i. */
static void test_view(void **state)
{
    (void)state;
    struct toy toy;
    const struct sps_images from = toy_images(&toy);
    uint8_t want[H * W];
    for (int threads = 0; threads <= 4; threads++)
        for (size_t block = 1; block <= COUNT; block += 5) {
            sps_view *view = NULL;
            OK(sps_view_shifted(&view, &from, kind_of("gaussian_noise"), 2, 9, threads));
            const struct sps_images set = sps_view_images(view);
            assert_string_equal(set.name, "toy gaussian_noise 2");
            assert_int_equal(set.count, COUNT);
            for (size_t first = 0; first < COUNT; first += block) {
                const size_t n = COUNT - first < block ? COUNT - first : block;
                OK(sps_images_load(&set, first, n));
                for (size_t i = first; i < first + n; i++) {
                    OK(sps_shift_apply(want, toy.pixels[i], H, W, 1, kind_of("gaussian_noise"), 2, 9, (uint32_t)i));
                    assert_memory_equal(set.image(set.self, i), want, sizeof want);
                    assert_int_equal(set.label(set.self, i), i % 10);
                }
            }
            FAILS(sps_images_load(&set, COUNT, 1), EINVAL, "images 23 to 24 of 'toy gaussian_noise 2'");
            sps_view_free(view);
        }
    sps_view *view = NULL;
    FAILS(sps_view_shifted(&view, &from, kind_of("fog"), 7, 1, 1), EINVAL, "severity of fog is 7");
    FAILS(sps_view_shifted(&view, &from, kind_of("fog"), 1, 1, -1), EINVAL, "threads is -1");
    assert_null(view);
    assert_int_equal(sps_memory_live(), 0);
}

/* Two values 40 and 200, half of each: mean 120 / 255, sd 80 / 255.  To mean 100, sd 20: 80 and 120. */
static void test_normalised(void **state)
{
    (void)state;
    struct toy toy;
    const struct sps_images from = toy_images(&toy);
    for (size_t i = 0; i < COUNT; i++)
        for (int j = 0; j < H * W; j++)
            toy.pixels[i][j] = j % 2 ? 40 : 200;
    struct sps_channel_stats stats, after;
    const struct sps_channel_stats target = {.channels = 1, .mean = {100 / 255.0}, .sd = {20 / 255.0}};
    OK(sps_channel_stats_measure(&stats, &from));
    NEAR(stats.mean[0], 120 / 255.0, 1e-12);
    NEAR(stats.sd[0], 80 / 255.0, 1e-12);
    sps_view *view = NULL;
    OK(sps_view_normalised(&view, &from, &stats, &target));
    const struct sps_images set = sps_view_images(view);
    OK(sps_images_load(&set, 3, 2));
    assert_int_equal(set.image(set.self, 4)[0], 120);
    assert_int_equal(set.image(set.self, 4)[1], 80);
    OK(sps_channel_stats_measure(&after, &set));
    NEAR(after.mean[0], target.mean[0], 1e-12);
    NEAR(after.sd[0], target.sd[0], 1e-12);
    sps_view_free(view);
    /* of a view: a constant set has no spread, and becomes the mean */
    memset(toy.pixels, 77, sizeof toy.pixels);
    sps_view *noisy = NULL;
    OK(sps_view_shifted(&noisy, &from, kind_of("brightness"), 1, 1, 2));
    const struct sps_images bright = sps_view_images(noisy);
    OK(sps_channel_stats_measure(&stats, &bright));
    NEAR(stats.mean[0], 89 / 255.0, 1e-12); /* 77 + 12.75 */
    NEAR(stats.sd[0], 0, 1e-9);
    stats.sd[0] = 0;
    OK(sps_view_normalised(&view, &bright, &stats, &target));
    const struct sps_images flat = sps_view_images(view);
    OK(sps_images_load(&flat, 0, COUNT));
    assert_int_equal(flat.image(flat.self, 22)[5], 100);
    sps_view_free(view);
    sps_view_free(noisy);
    const struct sps_channel_stats three = {.channels = 3};
    FAILS(sps_view_normalised(&view, &from, &three, &target), EINVAL, "have 1 channels, their statistics 3");
    const struct sps_images none = {.name = "none", .channels = 1};
    FAILS(sps_channel_stats_measure(&stats, &none), EINVAL, "'none' has no images");
}

/* Every allocation of a view may fail. */
static void test_memory(void **state)
{
    (void)state;
    struct toy toy;
    const struct sps_images from = toy_images(&toy);
    for (size_t k = 0; sps_shift_get(k) != NULL; k++) {
        sps_status status = SPS_ENOMEM;
        for (long n = 0; status != SPS_OK; n++) {
            sps_view *view = NULL;
            sps_memory_fail_at(n);
            status = sps_view_shifted(&view, &from, sps_shift_get(k), 4, 1, 1);
            if (status == SPS_OK) {
                const struct sps_images set = sps_view_images(view);
                status = sps_images_load(&set, 0, 1); /* one image: no second try hides the failure */
            }
            sps_memory_fail_at(-1);
            sps_view_free(view);
            assert_int_equal(sps_memory_live(), 0);
            if (n < 3)
                assert_int_equal(status, SPS_ENOMEM);
        }
    }
}

/* ---- .npy ---- */

static void write_npy(const char *path, char kind, int dims, const size_t *shape, const void *data, size_t count)
{
    sps_npy_writer *writer = NULL;
    OK(sps_npy_create(&writer, path, kind, dims, shape));
    OK(sps_npy_write(writer, data, count));
    OK(sps_npy_commit(writer));
}

static void test_npy(void **state)
{
    (void)state;
    uint8_t pixels[10 * 12], labels[10];
    int32_t wide[10];
    for (int i = 0; i < 120; i++)
        pixels[i] = (uint8_t)i;
    for (int i = 0; i < 10; i++)
        wide[i] = labels[i] = (uint8_t)(9 - i);
    const size_t shape[4] = {10, 2, 2, 3}, ten = 10, two = 2, three = 3, grey[3] = {10, 3, 4}, flat[2] = {10, 12};
    write_npy("fog.npy", 'u', 4, shape, pixels, 120);
    write_npy("labels.npy", 'u', 1, &ten, labels, 10);
    sps_view *view = NULL;
    OK(sps_view_open_npy(&view, "./fog.npy"));
    struct sps_images set = sps_view_images(view);
    assert_int_equal(set.count, 10);
    assert_int_equal(set.height * 100 + set.width * 10 + set.channels, 223);
    assert_memory_equal(set.image(set.self, 9), pixels + 108, 12);
    assert_int_equal(set.label(set.self, 9), 0);
    sps_view_free(view);
    OK(sps_view_open_npy(&view, "fog.npy#4"));
    set = sps_view_images(view);
    OK(sps_images_load(&set, 0, 2));
    assert_string_equal(set.name, "fog.npy#4");
    assert_int_equal(set.count, 2);
    assert_memory_equal(set.image(set.self, 0), pixels + 72, 12);
    assert_int_equal(set.label(set.self, 1), 2);
    sps_view_free(view);
    write_npy("labels.npy", 'i', 1, &two, wide, 2); /* of one severity */
    OK(sps_view_open_npy(&view, "fog.npy#5"));
    set = sps_view_images(view);
    assert_int_equal(set.label(set.self, 1), 8);
    sps_view_free(view);
    write_npy("grey.npy", 'u', 3, grey, pixels, 120);
    OK(sps_view_open_npy(&view, "grey.npy"));
    assert_int_equal(sps_view_images(view).channels, 1);
    sps_view_free(view);
    labels[3] = 255; /* has none */
    write_npy("labels.npy", 'u', 1, &ten, labels, 10);
    OK(sps_view_open_npy(&view, "fog.npy"));
    set = sps_view_images(view);
    assert_int_equal(set.label(set.self, 2), 7);
    assert_int_equal(set.label(set.self, 3), -1);
    sps_view_free(view);
    assert_int_equal(remove("labels.npy"), 0); /* nor has any without it */
    OK(sps_view_open_npy(&view, "fog.npy#2"));
    set = sps_view_images(view);
    assert_int_equal(set.label(set.self, 0), -1);
    sps_view_free(view);

    view = NULL;
    FAILS(sps_view_open_npy(&view, "fog.npy#6"), EINVAL, "part of 'fog.npy#6' is 6, must be 1 to 5");
    FAILS(sps_view_open_npy(&view, "fog.npy#0"), EINVAL, "must be 1 to 5");
    FAILS(sps_view_open_npy(&view, "fog.npy#11"), EINVAL, "must be 1 to 5");
    FAILS(sps_view_open_npy(&view, "no/such.npy"), ENOTFOUND, "no/such.npy");
    write_npy("labels.npy", 'i', 1, &three, wide, 3);
    FAILS(sps_view_open_npy(&view, "fog.npy"), EFORMAT, "'labels.npy' has 3 labels, the images are 10");
    wide[0] = -1;
    write_npy("labels.npy", 'i', 1, &ten, wide, 10);
    FAILS(sps_view_open_npy(&view, "fog.npy"), EFORMAT, "label 0 is -1");
    write_npy("flat.npy", 'u', 2, flat, pixels, 120);
    FAILS(sps_view_open_npy(&view, "flat.npy"), EFORMAT, "2 dimensions");
    write_npy("wide.npy", 'i', 1, &ten, wide, 10);
    FAILS(sps_view_open_npy(&view, "wide.npy"), EFORMAT, "not unsigned bytes");
    const size_t planes[4] = {5, 2, 2, 6}, none[4] = {0, 2, 2, 3}, odd[4] = {6, 2, 2, 5}, huge[4] = {10, 9000, 1, 3};
    write_npy("planes.npy", 'u', 4, planes, pixels, 120);
    FAILS(sps_view_open_npy(&view, "planes.npy"), EFORMAT, "6 channels");
    write_npy("none.npy", 'u', 4, none, pixels, 0);
    FAILS(sps_view_open_npy(&view, "none.npy"), EFORMAT, "0 images");
    write_npy("odd.npy", 'u', 4, odd, pixels, 120);
    FAILS(sps_view_open_npy(&view, "odd.npy#1"), EFORMAT, "5 channels");
    const size_t six[4] = {6, 2, 2, 3};
    write_npy("six.npy", 'u', 4, six, pixels, 72);
    FAILS(sps_view_open_npy(&view, "six.npy#1"), EFORMAT, "6 images, which are not 5 equal parts");
    static uint8_t much[270000];
    write_npy("huge.npy", 'u', 4, huge, much, sizeof much);
    FAILS(sps_view_open_npy(&view, "huge.npy"), EFORMAT, "9000 x 1");
    FILE *cut = fopen("cut.npy", "wb");
    assert_non_null(cut);
    static const char start[] = "\x93NUMPY\x01\x00\x76\x00{'descr'";
    fwrite(start, 1, sizeof start - 1, cut);
    fclose(cut);
    FAILS(sps_view_open_npy(&view, "cut.npy"), EFORMAT, "'cut.npy', offset 8");
    assert_null(view);
    assert_int_equal(sps_memory_live(), 0);
}

static int filter(char **argument)
{
    const struct sps_shift *kind = sps_shift_find(argument[0]);
    const int severity = atoi(argument[1]), h = atoi(argument[3]), w = atoi(argument[4]), c = atoi(argument[5]);
    const size_t bytes = (size_t)h * (size_t)w * (size_t)c;
    uint8_t *image = malloc(bytes);
    int bad = kind == NULL || image == NULL;
    for (uint32_t i = 0; !bad && fread(image, 1, bytes, stdin) == bytes; i++) {
        bad = sps_shift_apply(image, image, h, w, c, kind, severity, strtoull(argument[2], NULL, 10), i) != SPS_OK ||
              fwrite(image, 1, bytes, stdout) != bytes;
    }
    free(image);
    return bad;
}

int main(int count, char **argument)
{
    if (count == 7)
        return filter(argument + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry), cmocka_unit_test(test_all),      cmocka_unit_test(test_larger),
        cmocka_unit_test(test_scale),    cmocka_unit_test(test_refused),  cmocka_unit_test(test_constant),
        cmocka_unit_test(test_colours),  cmocka_unit_test(test_rotation), cmocka_unit_test(test_noise),
        cmocka_unit_test(test_severity), cmocka_unit_test(test_stored),   cmocka_unit_test(test_border),
        cmocka_unit_test(test_motion),   cmocka_unit_test(test_view),     cmocka_unit_test(test_normalised),
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_npy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
