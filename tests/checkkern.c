/* SPDX-License-Identifier: MIT */
/* Every kernel of every tier against ref, bit for bit, and ref against its definition in kern/kern.h.
 *
 * Inputs end where an unreadable page begins, so reading one word too much stops the program; outputs lie between guard
 * words.  Shapes and fills are random, several hundred per kernel, and the seed is printed.
 *
 *   checkkern [--seed N]                     tests
 *   checkkern --bench [FILE]                 speed of the shapes in FILE (bench/kern_shapes.txt) */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/random.h"
#include "kern/kern.h"

enum {
    MAX_TIERS = 8,
    CASES = 400,
    SHOWN = 20 /* failures that are printed */,
    GUARD = 64 /* bytes on each side of an output */,
    GUARD_BYTE = 0xa5
};

/* A kernel's shape, as bench/kern_shapes.txt has it. */
struct shape {
    char kernel[16];
    size_t size[4];
};

enum fill { FILL_RANDOM, FILL_ZERO, FILL_ONE, FILL_OPPOSITE, FILLS };

static struct sps_random stream;
static long passed, failed, skipped;
static char current[256]; /* the case being run, for messages */

static uint32_t below(uint32_t n)
{
    return sps_random_below(&stream, n);
}

static void quit(const char *why)
{
    fprintf(stderr, "checkkern: %s\n", why);
    exit(1);
}

/* Memory whose end is the end of what may be touched. */

struct buffer {
    char *pages;
    size_t size;
};

static struct buffer buffers[8];
enum { IN1, IN2, IN3, IN4, WANT, GOT };

static void *take(int which, size_t bytes)
{
    struct buffer *b = &buffers[which];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (bytes > b->size) {
        if (b->pages != NULL)
            munmap(b->pages, b->size + page);
        b->size = (bytes * 2 + page - 1) / page * page;
        b->pages = mmap(NULL, b->size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (b->pages == MAP_FAILED || mprotect(b->pages + b->size, page, PROT_NONE) != 0)
            quit("no memory");
    }
    return b->pages + b->size - bytes;
}

/* An output of so many bytes between guards; all of it, values and guards, holds GUARD_BYTE, or initial. */
static void *take_output(int which, size_t bytes, const void *initial)
{
    char *all = take(which, bytes + 2 * GUARD);
    memset(all, GUARD_BYTE, bytes + 2 * GUARD);
    if (initial != NULL)
        memcpy(all + GUARD, initial, bytes);
    return all + GUARD;
}

static void on_fault(int signal_number)
{
    static const char text[] = "\nFAILED: touched memory outside its range in ";
    (void)signal_number;
    if (write(1, text, sizeof text - 1) < 0 || write(1, current, strlen(current)) < 0 || write(1, "\n", 1) < 0)
        _exit(2);
    _exit(1);
}

/* Verdicts. */

static void verdict(bool good, const char *tier, const char *kernel, const char *what)
{
    if (good) {
        passed++;
        return;
    }
    if (failed++ < SHOWN)
        printf("FAILED: %s of %s, %s: %s\n", kernel, tier, current, what);
}

static bool same_float(uint32_t a, uint32_t b)
{
    bool a_is_nan = (a & 0x7fffffff) > 0x7f800000, b_is_nan = (b & 0x7fffffff) > 0x7f800000;
    return a == b || (a_is_nan && b_is_nan); /* which NaN an operation gives is not part of the contract */
}

/* Outputs and their guards; floats word by word. */
static void compare(const char *tier, const char *kernel, const void *want, const void *got, size_t bytes, bool floats)
{
    const unsigned char *x = (const unsigned char *)want - GUARD, *y = (const unsigned char *)got - GUARD;
    size_t step = floats ? 4 : 1;
    for (size_t i = 0; i < bytes + 2 * GUARD; i += step) {
        uint32_t u = x[i], v = y[i];
        if (floats) {
            memcpy(&u, x + i, sizeof u);
            memcpy(&v, y + i, sizeof v);
        }
        if (u == v || (floats && same_float(u, v)))
            continue;
        char what[120];
        snprintf(what, sizeof what, "byte %ld is 0x%" PRIx32 ", in ref 0x%" PRIx32, (long)i - GUARD, v, u);
        verdict(false, tier, kernel, what);
        return;
    }
    verdict(true, tier, kernel, "");
}

static bool guards_hold(const void *out, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)out - GUARD;
    for (size_t i = 0; i < GUARD; i++)
        if (p[i] != GUARD_BYTE || p[GUARD + bytes + i] != GUARD_BYTE)
            return false;
    return true;
}

/* Calls BODY(kern) once for each tier after ref that has a version of its own. */
#define FOR_OTHER_TIERS(field, kern, name)                                                                             \
    for (size_t tier_index = 1; sps_kern_tier_name(tier_index) != NULL; tier_index++)                                  \
        for (const char *name = sps_kern_tier_name(tier_index); name != NULL; name = NULL)                             \
            for (const struct sps_kern *kern = own_version(name, tier_index, offsetof(struct sps_kern, field));        \
                 kern != NULL; kern = NULL)

static const struct sps_kern *own_version(const char *name, size_t index, size_t field)
{
    const struct sps_kern *kern = sps_kern_tier(name);
    const struct sps_kern *before = sps_kern_tier(sps_kern_tier_name(index - 1));
    if (kern != NULL && before != NULL &&
        memcmp((const char *)kern + field, (const char *)before + field, sizeof(void (*)(void))) == 0)
        return NULL; /* inherited */
    if (kern == NULL)
        skipped++;
    return kern;
}

static const struct sps_kern *ref(void)
{
    return sps_kern_tier("ref");
}

/* Defines *want, the output of so many bytes that ref makes; and compares with it what the other tiers make.  The
 * arguments of the call name the output `out`. */
#define COMPARE_TIERS(kernel, type, bytes, initial, floats, ...)                                                       \
    const type *want;                                                                                                  \
    {                                                                                                                  \
        type *out = take_output(WANT, bytes, initial);                                                                 \
        ref()->kernel(__VA_ARGS__);                                                                                    \
        want = out;                                                                                                    \
        FOR_OTHER_TIERS(kernel, kern, name)                                                                            \
        {                                                                                                              \
            out = take_output(GOT, bytes, initial);                                                                    \
            kern->kernel(__VA_ARGS__);                                                                                 \
            compare(name, #kernel, want, out, bytes, floats);                                                          \
        }                                                                                                              \
    }

/* Fills. */

static void fill_bits(uint32_t *row, size_t words, size_t bits, enum fill fill, bool second)
{
    for (size_t w = 0; w < words; w++) {
        bool ones = fill == FILL_ONE || (fill == FILL_OPPOSITE && second);
        row[w] = fill == FILL_RANDOM ? sps_random_u32(&stream) : ones ? UINT32_MAX : 0;
        if (32 * w >= bits)
            row[w] = 0;
        else if (32 * w + 32 > bits)
            row[w] &= UINT32_MAX >> (32 * w + 32 - bits);
    }
}

static float any_float(void)
{
    static const float special[] = {0.0f,    -0.0f,    1.0f,   -1.0f,   INFINITY, -INFINITY, NAN,
                                    FLT_MIN, -FLT_MIN, 1e-42f, -1e-42f, 3.4e38f,  -3.4e38f,  20.0f};
    if (below(8) == 0)
        return special[below(sizeof special / sizeof *special)];
    return (float)sps_random_normal(&stream);
}

static void fill_floats(float *x, size_t n, enum fill fill, bool special)
{
    for (size_t i = 0; i < n; i++)
        switch (fill) {
        case FILL_ZERO:
            x[i] = 0;
            break;
        case FILL_ONE:
            x[i] = 1;
            break;
        case FILL_OPPOSITE:
            x[i] = -1;
            break;
        default:
            x[i] = special ? any_float() : (float)sps_random_normal(&stream);
        }
}

/* Sizes around multiples of the widths that kernels work in, and any others. */
static size_t some_size(size_t most)
{
    static const size_t width[] = {1, 2, 3, 4, 7, 8, 16, 30, 31, 32, 64, 80, 160};
    if (below(2) == 0)
        return below((uint32_t)most + 1);
    size_t n = width[below(sizeof width / sizeof *width)] * (1 + below(4)) + below(3);
    return n > 0 && below(2) == 0 ? (n - 1) % (most + 1) : n % (most + 1);
}

/* One kernel, one shape, one fill. */

/* Sums come in 16 and in 32 bits. */
static int32_t sum_at(const void *sums, bool wide, size_t i)
{
    return wide ? ((const int32_t *)sums)[i] : ((const int16_t *)sums)[i];
}

static void set_sum(void *sums, bool wide, size_t i, int32_t value)
{
    if (wide)
        ((int32_t *)sums)[i] = value;
    else
        ((int16_t *)sums)[i] = (int16_t)value;
}

/* The definition, element by element, on rows before they became panels. */
static bool bgemm_is_right(const void *dst, bool wide, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *rows,
                           size_t M, size_t N, size_t words, int32_t bits)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++) {
            double dot = 0;
            for (size_t i = 0; i < (size_t)bits; i++) {
                double x = a[m * lda + i / 32] >> i % 32 & 1 ? 1 : -1;
                double y = rows[n * words + i / 32] >> i % 32 & 1 ? 1 : -1;
                dot += x * y;
            }
            if (sum_at(dst, wide, m * ldd + n) != dot)
                return false;
        }
    return true;
}

static void check_any_bgemm(const size_t size[4], enum fill fill, bool definition, bool wide)
{
    size_t M = size[0], N = size[1], words = size[2];
    size_t lda = words + below(3), ldd = N + below(3);
    size_t bits = words == 0 ? 0 : 32 * words - below(32);
    if (!wide && bits > INT16_MAX)
        bits = INT16_MAX;
    snprintf(current, sizeof current, "M %zu, N %zu, words %zu, bits %zu, lda %zu, ldd %zu, fill %d", M, N, words, bits,
             lda, ldd, fill);
    size_t a_words = M == 0 ? 0 : (M - 1) * lda + words;
    size_t bytes = M == 0 ? 0 : ((M - 1) * ldd + N) * (wide ? 4 : 2);
    uint32_t *a = take(IN1, a_words * 4), *rows = take(IN2, N * words * 4);
    uint32_t *panels = take(IN3, sps_panels(N) * words * SPS_PANEL * 4);
    for (size_t i = 0; i < a_words; i++)
        a[i] = sps_random_u32(&stream);
    for (size_t m = 0; m < M; m++)
        fill_bits(a + m * lda, words, bits, fill, false);
    for (size_t n = 0; n < N; n++)
        fill_bits(rows + n * words, words, bits, fill, true);
    sps_bits_to_panels(panels, rows, N, words);

    const void *result;
    if (wide) {
        COMPARE_TIERS(bgemm, int32_t, bytes, NULL, false, out, ldd, a, lda, panels, M, N, words, (int32_t)bits)
        result = want;
    } else {
        COMPARE_TIERS(bgemm16, int16_t, bytes, NULL, false, out, ldd, a, lda, panels, M, N, words, (int32_t)bits)
        result = want;
    }
    if (definition)
        verdict(bgemm_is_right(result, wide, ldd, a, lda, rows, M, N, words, (int32_t)bits) &&
                    guards_hold(result, bytes),
                "ref", wide ? "bgemm" : "bgemm16", "is not the sum of products");
}

static void check_bgemm(const size_t size[4], enum fill fill, bool definition)
{
    check_any_bgemm(size, fill, definition, true);
}

static void check_bgemm16(const size_t size[4], enum fill fill, bool definition)
{
    check_any_bgemm(size, fill, definition, false);
}

/* On rows before they became panels. */
static bool qgemm_is_right(const int32_t *dst, size_t ldd, const uint8_t *a, size_t lda, const int8_t *rows, size_t M,
                           size_t N, size_t length)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++) {
            int64_t dot = 0;
            for (size_t k = 0; k < length; k++)
                dot += ((int64_t)a[m * lda + k] - 128) * rows[n * length + k];
            if (dst[m * ldd + n] != dot)
                return false;
        }
    return true;
}

static void check_qgemm(const size_t size[4], enum fill fill, bool definition)
{
    size_t M = size[0], N = size[1], quads = size[2], length = 4 * quads;
    size_t lda = length + below(3), ldd = N + below(3);
    snprintf(current, sizeof current, "M %zu, N %zu, quads %zu, lda %zu, ldd %zu, fill %d", M, N, quads, lda, ldd,
             fill);
    size_t a_count = M == 0 ? 0 : (M - 1) * lda + length, bytes = M == 0 ? 0 : ((M - 1) * ldd + N) * 4;
    size_t panel_count = sps_panels(N) * length * SPS_PANEL;
    uint8_t *a = take(IN1, a_count);
    int8_t *rows = take(IN2, N * length), *panels = take(IN3, panel_count);
    int32_t *wsum = take(IN4, N * 4);
    for (size_t i = 0; i < a_count; i++)
        a[i] = fill == FILL_RANDOM ? (uint8_t)below(256) : fill == FILL_ZERO ? 255 : 0;
    for (size_t i = 0; i < N * length; i++)
        rows[i] = fill == FILL_RANDOM ? (int8_t)((int)below(3) - 1) : fill == FILL_OPPOSITE ? -1 : 1;
    if (panel_count != 0)
        memset(panels, 0, panel_count);
    for (size_t n = 0; n < N; n++) {
        wsum[n] = 0;
        for (size_t k = 0; k < length; k++) {
            panels[n / 16 * length * 16 + k / 4 * 64 + n % 16 * 4 + k % 4] = rows[n * length + k];
            wsum[n] += rows[n * length + k];
        }
    }

    COMPARE_TIERS(qgemm, int32_t, bytes, NULL, false, out, ldd, a, lda, panels, wsum, M, N, quads)
    if (definition)
        verdict(qgemm_is_right(want, ldd, a, lda, rows, M, N, length) && guards_hold(want, bytes), "ref", "qgemm",
                "is not the sum of products");
}

/* Any number of 16 or 32 bits, the ends often. */
static int32_t any_sum(bool wide)
{
    int32_t least = wide ? INT32_MIN : INT16_MIN, most = wide ? INT32_MAX : INT16_MAX;
    switch (below(8)) {
    case 0:
        return least;
    case 1:
        return most;
    case 2:
        return (int32_t)below(5) - 2;
    default:
        return wide ? (int32_t)sps_random_u32(&stream) : (int32_t)below(65536) + INT16_MIN;
    }
}

static void check_threshold(const size_t size[4], enum fill fill, bool definition, bool wide)
{
    size_t positions = size[0], channels = size[1], n = positions * channels, bytes = sps_words(n) * 4;
    snprintf(current, sizeof current, "positions %zu, channels %zu, fill %d", positions, channels, fill);
    void *z = take(IN1, n * (wide ? 4 : 2)), *t = take(IN2, channels * (wide ? 4 : 2));
    for (size_t c = 0; c < channels; c++)
        set_sum(t, wide, c, fill == FILL_RANDOM ? any_sum(wide) : 0);
    for (size_t i = 0; i < n; i++) {
        int32_t at = sum_at(t, wide, i % channels);
        bool below_it = below(4) == 0 && at != (wide ? INT32_MIN : INT16_MIN);
        if (fill != FILL_RANDOM)
            set_sum(z, wide, i, fill == FILL_OPPOSITE ? -1 : 0);
        else
            set_sum(z, wide, i, below(2) == 0 ? at - below_it : any_sum(wide));
    }

    const uint32_t *result;
    if (wide) {
        COMPARE_TIERS(threshold32, uint32_t, bytes, NULL, false, out, z, t, positions, channels)
        result = want;
    } else {
        COMPARE_TIERS(threshold16, uint32_t, bytes, NULL, false, out, z, t, positions, channels)
        result = want;
    }
    if (definition) {
        bool right = guards_hold(result, bytes);
        for (size_t i = 0; i < 32 * sps_words(n); i++) {
            bool bit = result[i / 32] & UINT32_C(1) << i % 32;
            right = right && bit == (i < n && !(sum_at(z, wide, i) < sum_at(t, wide, i % channels)));
        }
        verdict(right, "ref", wide ? "threshold32" : "threshold16", "is not the comparison");
    }
}

static void check_threshold16(const size_t size[4], enum fill fill, bool definition)
{
    check_threshold(size, fill, definition, false);
}

static void check_threshold32(const size_t size[4], enum fill fill, bool definition)
{
    check_threshold(size, fill, definition, true);
}

static size_t windows_along(size_t n, size_t window, int partial)
{
    return n / window + (partial && n % window > 0);
}

/* No value of a window is larger than its output, and one is equal. */
static bool pool_is_right(const void *dst, bool wide, const void *src, size_t h, size_t w, size_t c, size_t window,
                          int partial)
{
    size_t out_w = windows_along(w, window, partial);
    for (size_t i = 0; i < windows_along(h, window, partial); i++)
        for (size_t j = 0; j < out_w; j++)
            for (size_t k = 0; k < c; k++) {
                int32_t value = sum_at(dst, wide, (i * out_w + j) * c + k);
                bool equal = false, larger = false;
                for (size_t y = i * window; y < (i + 1) * window && y < h; y++)
                    for (size_t x = j * window; x < (j + 1) * window && x < w; x++) {
                        int32_t other = sum_at(src, wide, (y * w + x) * c + k);
                        equal = equal || other == value;
                        larger = larger || other > value;
                    }
                if (!equal || larger)
                    return false;
            }
    return true;
}

static void check_windows(const size_t size[4], enum fill fill, bool definition, bool wide, int partial)
{
    size_t h = size[0], w = size[1], c = size[2], window = size[3];
    size_t n = h * w * c, windows = windows_along(h, window, partial) * windows_along(w, window, partial),
           bytes = windows * c * (wide ? 4 : 2);
    snprintf(current, sizeof current, "h %zu, w %zu, c %zu, window %zu, partial %d, fill %d", h, w, c, window, partial,
             fill);
    void *src = take(IN1, n * (wide ? 4 : 2));
    for (size_t i = 0; i < n; i++)
        set_sum(src, wide, i, fill == FILL_RANDOM ? any_sum(wide) : fill == FILL_OPPOSITE ? -1 : 1);

    const void *result;
    if (wide) {
        COMPARE_TIERS(pool32, int32_t, bytes, NULL, false, out, src, h, w, c, window, partial)
        result = want;
    } else {
        COMPARE_TIERS(pool16, int16_t, bytes, NULL, false, out, src, h, w, c, window, partial)
        result = want;
    }
    if (definition)
        verdict(pool_is_right(result, wide, src, h, w, c, window, partial) && guards_hold(result, bytes), "ref",
                wide ? "pool32" : "pool16", "is not the largest");
}

static void check_pool(const size_t size[4], enum fill fill, bool definition, bool wide)
{
    for (int partial = 0; partial < 2; partial++)
        check_windows(size, fill, definition, wide, partial);
}

static void check_pool16(const size_t size[4], enum fill fill, bool definition)
{
    check_pool(size, fill, definition, false);
}

static void check_pool32(const size_t size[4], enum fill fill, bool definition)
{
    check_pool(size, fill, definition, true);
}

static void check_bit_windows(const size_t size[4], enum fill fill, bool definition, int partial)
{
    size_t h = size[0], w = size[1], c = size[2], window = size[3], out_w = windows_along(w, window, partial),
           count = windows_along(h, window, partial) * out_w * c;
    snprintf(current, sizeof current, "h %zu, w %zu, c %zu, window %zu, partial %d, fill %d", h, w, c, window, partial,
             fill);
    size_t words = sps_words(h * w * c), bytes = 4 * sps_words(count);
    uint32_t *src = take(IN1, words * 4);
    fill_bits(src, words, h * w * c, fill, true);
    COMPARE_TIERS(poolbits, uint32_t, bytes, NULL, false, out, src, h, w, c, window, partial)
    if (definition) {
        bool right = guards_hold(want, bytes);
        for (size_t i = 0; i < 8 * bytes; i++) {
            bool any = false;
            for (size_t a = 0; a < window && i < count; a++)
                for (size_t b = 0; b < window; b++) {
                    size_t row = i / c / out_w * window + a, column = i / c % out_w * window + b,
                           pixel = row * w + column;
                    any =
                        any || (row < h && column < w && src[(pixel * c + i % c) / 32] >> (pixel * c + i % c) % 32 & 1);
                }
            right = right && (want[i / 32] >> i % 32 & 1) == any;
        }
        verdict(right, "ref", "poolbits", "is not the largest");
    }
}

static void check_poolbits(const size_t size[4], enum fill fill, bool definition)
{
    for (int partial = 0; partial < 2; partial++)
        check_bit_windows(size, fill, definition, partial);
}

static void fill_bytes(int8_t *x, size_t n, enum fill fill)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (int8_t)(fill == FILL_RANDOM ? (int)below(256) - 128 : fill == FILL_OPPOSITE ? INT8_MIN : (int)fill);
}

/* Flips in a row of pixels: the first has its square where acc begins, the weights of the last end where nothing may be
 * read. */
static void check_scatter(const size_t size[4], enum fill fill, bool definition)
{
    size_t kernel = size[0], channels = size[1], count = size[2], pixels = 1 + below(6), squares = 1 + below(5);
    size_t rises = below((uint32_t)count + 1);
    size_t row = (kernel + pixels) * channels + (below(2) == 0 ? 0 : below(300)), square = kernel * kernel * channels;
    snprintf(current, sizeof current, "kernel %zu, channels %zu, count %zu, row %zu, fill %d", kernel, channels, count,
             row, fill);
    size_t first = (kernel - 1) * (row + channels), bytes = first + pixels * channels;
    int8_t *initial = take(IN1, bytes), *w = take(IN2, squares * square);
    struct sps_flip *flips = take(IN3, count * sizeof *flips);
    fill_bytes(initial, bytes, fill);
    fill_bytes(w, squares * square, fill == FILL_RANDOM ? fill : (enum fill)below(FILLS));
    for (size_t i = 0; i < count; i++) {
        flips[i].place = (uint32_t)(first + (i == 0 ? 0 : below((uint32_t)pixels)) * channels);
        flips[i].square = i + 1 == count ? (uint32_t)squares - 1 : below((uint32_t)squares);
    }

    COMPARE_TIERS(scatter, int8_t, bytes, initial, false, out, row, w, flips, rises, count, kernel, channels)
    if (definition) {
        bool right = guards_hold(want, bytes);
        uint8_t *by_hand = calloc(bytes, 1);
        if (by_hand == NULL)
            quit("no memory");
        for (size_t i = 0; i < bytes; i++)
            by_hand[i] = (uint8_t)initial[i];
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < square; j++) {
                size_t tap = j / channels,
                       at = flips[i].place + j % channels - tap / kernel * row - tap % kernel * channels;
                int weight = w[flips[i].square * square + j];
                by_hand[at] = (uint8_t)(by_hand[at] + (i < rises ? weight : -weight));
            }
        right = right && memcmp(by_hand, want, bytes) == 0;
        free(by_hand);
        verdict(right, "ref", "scatter", "is not the sum of squares");
    }
}

/* Sums as far from their limits as the flips can carry them. */
static void check_gather(const size_t size[4], enum fill fill, bool definition)
{
    size_t flips = size[0], channels = size[1], rows = 1 + below(40), words = sps_words(channels);
    size_t rises = fill == FILL_RANDOM ? below((uint32_t)flips + 1) : below(2) * flips;
    snprintf(current, sizeof current, "rises %zu, falls %zu, channels %zu, rows %zu, fill %d", rises, flips - rises,
             channels, rows, fill);
    size_t bytes = channels * sizeof(int16_t);
    int16_t *initial = take(IN1, bytes);
    uint32_t *w = take(IN2, rows * words * 4), *at = take(IN3, flips * sizeof *at);
    uint32_t reach = INT16_MAX - 2 * (uint32_t)flips;
    for (size_t c = 0; c < channels; c++)
        initial[c] = (int16_t)((int)below(2 * reach + 1) - (int)reach);
    for (size_t i = 0; i < rows; i++)
        fill_bits(w + i * words, words, channels, fill, i % 2 != 0);
    for (size_t i = 0; i < flips; i++)
        at[i] = below(8) == 0 ? (uint32_t)rows - 1 : below((uint32_t)rows);

    COMPARE_TIERS(gather, int16_t, bytes, initial, false, out, w, at, rises, flips, channels)
    if (definition) {
        bool right = guards_hold(want, bytes);
        for (size_t c = 0; c < channels; c++) {
            int sum = 0;
            for (size_t i = 0; i < flips; i++) {
                int weight = w[at[i] * words + c / 32] & UINT32_C(1) << c % 32 ? 1 : -1;
                sum += i < rises ? weight : -weight;
            }
            right = right && want[c] == initial[c] + 2 * sum;
        }
        verdict(right, "ref", "gather", "is not the sum of rows");
    }
}

/* Two vectors of bits of which about so many per cent differ. */
static void fill_pair(uint32_t *a, uint32_t *b, size_t words, size_t percent)
{
    for (size_t i = 0; i < words; i++) {
        a[i] = b[i] = sps_random_u32(&stream);
        for (size_t bit = 0; bit < 32; bit++)
            b[i] ^= (uint32_t)(below(100) < percent) << bit;
    }
}

/* What is written too much is no concern of anybody; a place behind the room for it is. */
static void check_differ(const size_t size[4], enum fill fill, bool definition)
{
    size_t words = size[0], percent = size[1], room = 4 * (32 * words + SPS_DIFFER_SPILL);
    snprintf(current, sizeof current, "words %zu, percent %zu, fill %d", words, percent, fill);
    uint32_t *a = take(IN1, 4 * words), *b = take(IN2, 4 * words);
    fill_pair(a, b, words, percent);
    if (fill != FILL_RANDOM) {
        fill_bits(a, words, 32 * words, fill, false);
        fill_bits(b, words, 32 * words, fill, true);
    }
    uint32_t *want = take_output(WANT, room, NULL);
    size_t count = ref()->differ(want, a, b, words);
    FOR_OTHER_TIERS(differ, kern, name)
    {
        uint32_t *got = take_output(GOT, room, NULL);
        bool right = kern->differ(got, a, b, words) == count && guards_hold(got, room);
        verdict(right && memcmp(got, want, 4 * count) == 0, name, "differ", "is not what ref gives");
    }
    if (definition) {
        bool right = guards_hold(want, room);
        size_t next = 0;
        for (size_t i = 0; i < 32 * words; i++) {
            uint32_t bit = UINT32_C(1) << i % 32;
            if ((a[i / 32] & bit) != (b[i / 32] & bit)) {
                right = right && next < count && want[next] == i;
                next++;
            }
        }
        verdict(right && next == count, "ref", "differ", "is not the positions");
    }
}

/* Sums, a guard and bytes in one output. */
static void check_drain(const size_t size[4], enum fill fill, bool definition)
{
    size_t n = size[0], at = 2 * n + GUARD, bytes = at + n;
    snprintf(current, sizeof current, "n %zu, fill %d", n, fill);
    bytes += n % 2; /* so that sums are aligned */
    int8_t *initial = take(IN1, bytes);
    memset(initial, GUARD_BYTE, bytes);
    for (size_t i = 0; i < n; i++)
        set_sum(initial, false, i, any_sum(false));
    fill_bytes(initial + at, n, fill);

    COMPARE_TIERS(drain, int8_t, bytes, initial, false, (int16_t *)(void *)out, out + at, n)
    if (definition) {
        bool right = guards_hold(want, bytes);
        for (size_t i = 0; i < n; i++) {
            int sum = sum_at(initial, false, i) + 2 * initial[at + i];
            right = right && (uint16_t)sum_at(want, false, i) == (uint16_t)sum && want[at + i] == 0;
        }
        for (size_t i = 2 * n; i < at; i++)
            right = right && (uint8_t)want[i] == GUARD_BYTE;
        verdict(right, "ref", "drain", "is not twice the bytes");
    }
}

/* Each fused multiply-add rounds once: at most 2^-24 of the size that the sum can have had. */
static bool rowsum_is_right(const float *dst, const float *initial, size_t len, const float *src, const uint32_t *at,
                            const float *coef, size_t count)
{
    for (size_t j = 0; j < len; j++) {
        double sum = initial[j], size = fabs(sum);
        for (size_t i = 0; i < count; i++) {
            sum += (double)coef[i] * src[at[i] + j];
            size += fabs((double)coef[i] * src[at[i] + j]);
        }
        if (!(fabs(dst[j] - sum) <= size * (double)(count + 1) * 0x1p-24))
            return false;
    }
    return true;
}

static void check_rowsum(const size_t size[4], enum fill fill, bool definition)
{
    size_t len = size[0], count = size[1];
    size_t span = len + below(500);
    snprintf(current, sizeof current, "len %zu, count %zu, fill %d", len, count, fill);
    float *src = take(IN1, span * 4), *coef = take(IN2, count * 4), *initial = take(IN4, len * 4);
    uint32_t *at = take(IN3, count * 4);
    fill_floats(src, span, fill, false);
    fill_floats(coef, count, fill == FILL_ONE ? FILL_RANDOM : fill, false);
    fill_floats(initial, len, fill, false);
    for (size_t i = 0; i < count; i++)
        at[i] = below(4) == 0 ? (uint32_t)(span - len) : below((uint32_t)(span - len) + 1);

    COMPARE_TIERS(rowsum, float, len * 4, initial, true, out, len, src, at, coef, count)
    if (definition)
        verdict(rowsum_is_right(want, initial, len, src, at, coef, count) && guards_hold(want, len * 4), "ref",
                "rowsum", "is not the sum of rows");
}

static void check_pack(const size_t size[4], enum fill fill, bool definition)
{
    size_t n = size[0], words = sps_words(n);
    snprintf(current, sizeof current, "n %zu, fill %d", n, fill);
    float *y = take(IN1, n * 4);
    fill_floats(y, n, fill, true);
    COMPARE_TIERS(pack, uint32_t, words * 4, NULL, false, out, y, n)
    if (definition) {
        bool right = guards_hold(want, words * 4);
        for (size_t i = 0; i < 32 * words; i++) {
            bool bit = want[i / 32] & UINT32_C(1) << i % 32;
            right = right && bit == (i < n && !isnan(y[i]) && (y[i] > 0 || y[i] == 0));
        }
        verdict(right, "ref", "pack", "is not the sign");
    }
}

static void check_unpack(const size_t size[4], enum fill fill, bool definition)
{
    size_t n = size[0], words = sps_words(n);
    snprintf(current, sizeof current, "n %zu, fill %d", n, fill);
    uint32_t *bits = take(IN1, words * 4);
    fill_bits(bits, words, 32 * words, fill, true);
    COMPARE_TIERS(unpack, float, n * 4, NULL, false, out, bits, n)
    if (definition) {
        bool right = guards_hold(want, n * 4);
        for (size_t i = 0; i < n; i++)
            right = right && want[i] == (bits[i / 32] & UINT32_C(1) << i % 32 ? 1.0f : -1.0f);
        verdict(right, "ref", "unpack", "is not the bits");
    }
}

/* 1 - tanh(u)^2 in double, by the form that does not cancel. */
static double slope(double u)
{
    double c = cosh(u);
    return 1 / (c * c);
}

static void check_ede(const size_t size[4], enum fill fill, bool definition)
{
    size_t n = size[0];
    float t = exp2f((float)below(14) - 7), k = below(2) ? 1.0f : 1.0f / t;
    snprintf(current, sizeof current, "n %zu, fill %d, t %g, k %g", n, fill, t, k);
    float *g = take(IN1, n * 4), *y = take(IN2, n * 4);
    fill_floats(g, n, fill, true);
    fill_floats(y, n, fill, true);
    COMPARE_TIERS(ede, float, n * 4, NULL, true, out, g, y, n, t, k)
    if (definition) {
        bool right = guards_hold(want, n * 4);
        for (size_t i = 0; i < n; i++) {
            double scale = fabs((double)g[i] * k * t);
            if (!isfinite(g[i]) || scale > 1e38)
                continue;
            if (isnan(y[i]))
                right = right && isnan(want[i]);
            else /* 2e-6 of the contract; 1e-44 is a rounded denormal */
                right = right && fabs(want[i] - (double)g[i] * k * t * slope((double)t * y[i])) <= 2e-6 * scale + 1e-44;
        }
        verdict(right, "ref", "ede", "is not the derivative of tanh");
    }
    FOR_OTHER_TIERS(ede, kern, name)
    {
        float *got = take_output(GOT, n * 4, g);
        kern->ede(got, got, y, n, t, k);
        compare(name, "ede in place of g", want, got, n * 4, true);
        got = take_output(GOT, n * 4, y);
        kern->ede(got, g, got, n, t, k);
        compare(name, "ede in place of y", want, got, n * 4, true);
    }
}

static void random_bgemm(size_t size[4])
{
    size[0] = some_size(40);
    size[1] = some_size(200);
    size[2] = some_size(100);
}

static void random_rowsum(size_t size[4])
{
    size[0] = some_size(700);
    size[1] = some_size(60);
}

static void random_length(size_t size[4])
{
    size[0] = some_size(700);
}

static void random_bgemm16(size_t size[4])
{
    random_bgemm(size);
    if (below(16) == 0) { /* as long as 16 bits allow */
        size[0] = below(8);
        size[2] = 1 + below(1024);
    }
}

static void random_qgemm(size_t size[4])
{
    size[0] = some_size(40);
    size[1] = some_size(100);
    size[2] = some_size(50);
    if (below(8) == 0)
        size[2] = 100 + below(200);
}

static void random_threshold(size_t size[4])
{
    size[0] = some_size(60);
    size[1] = below(2) == 0 ? 32 * (1 + below(6)) : some_size(200);
}

static void random_pool(size_t size[4])
{
    size[0] = some_size(14);
    size[1] = some_size(14);
    size[2] = some_size(70);
    size[3] = below(2) == 0 ? 2 : 1 + below(4);
}

static void random_scatter(size_t size[4])
{
    size[0] = 1 + below(6);
    size[1] = below(2) == 0 ? (size_t)16 << below(4) : 1 + some_size(199);
    size[2] = 1 + below(12);
}

/* Also more flips than 8 bits can count. */
static void random_gather(size_t size[4])
{
    size[0] = below(2) == 0 ? below(801) : some_size(400);
    size[1] = below(4) == 0 ? 64 * (1 + below(17)) : 1 + some_size(1099);
}

static void random_differ(size_t size[4])
{
    size[0] = some_size(300);
    size[1] = below(2) == 0 ? below(10) : below(101);
}

static const struct check {
    const char *kernel;
    size_t sizes; /* how many numbers its shape has */
    void (*random_shape)(size_t size[4]);
    void (*run)(const size_t size[4], enum fill fill, bool definition);
} checks[] = {
    {"bgemm", 3, random_bgemm, check_bgemm},
    {"rowsum", 2, random_rowsum, check_rowsum},
    {"pack", 1, random_length, check_pack},
    {"unpack", 1, random_length, check_unpack},
    {"ede", 1, random_length, check_ede},
    {"bgemm16", 3, random_bgemm16, check_bgemm16},
    {"qgemm", 3, random_qgemm, check_qgemm},
    {"threshold16", 2, random_threshold, check_threshold16},
    {"threshold32", 2, random_threshold, check_threshold32},
    {"pool16", 4, random_pool, check_pool16},
    {"pool32", 4, random_pool, check_pool32},
    {"poolbits", 4, random_pool, check_poolbits},
    {"scatter", 3, random_scatter, check_scatter},
    {"gather", 2, random_gather, check_gather},
    {"differ", 2, random_differ, check_differ},
    {"drain", 1, random_length, check_drain},
};

enum { CHECKS = sizeof checks / sizeof *checks };

/* rowsum is fused: (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24; a rounded product would leave 0. */
static void check_fused(void)
{
    snprintf(current, sizeof current, "(1 + 2^-12)^2 - (1 + 2^-11)");
    for (size_t i = 0; sps_kern_tier_name(i) != NULL; i++) {
        const struct sps_kern *kern = sps_kern_tier(sps_kern_tier_name(i));
        if (kern == NULL)
            continue;
        float dst[9], src[9], coef = 1 + 0x1p-12f;
        uint32_t at = 0;
        bool right = true;
        for (int j = 0; j < 9; j++) {
            src[j] = coef;
            dst[j] = -(1 + 0x1p-11f);
        }
        kern->rowsum(dst, 9, src, &at, &coef, 1);
        for (int j = 0; j < 9; j++)
            right = right && dst[j] == 0x1p-24f;
        verdict(right, sps_kern_tier_name(i), "rowsum", "product was rounded");
    }
}

/* The slope over its whole range, in steps finer than its features; prints the largest error.  The
 * arithmetic is the same on all machines, so the bound can be close to what was measured, 1.7e-7. */
static void check_slope(void)
{
    enum { N = 200001 };
    float *g = take(IN1, N * 4), *y = take(IN2, N * 4), *dy = take(GOT, N * 4);
    double worst = 0;
    for (int i = 0; i < N; i++) {
        g[i] = 1;
        y[i] = (float)(i - N / 2) * 3e-4f;
    }
    ref()->ede(dy, g, y, N, 1, 1);
    for (int i = 0; i < N; i++)
        worst = fmax(worst, fabs(dy[i] - slope(y[i])));
    snprintf(current, sizeof current, "|u| <= 30, largest error %.2g", worst);
    printf("derivative of tanh: largest error %.2g\n", worst);
    verdict(worst < 2.5e-7 && dy[N / 2] == 1, "ref", "ede", "is too far from libm");
}

/* Shapes of a file: "kernel numbers", # starts a comment. */
static size_t read_shapes(const char *path, struct shape *shapes, size_t most)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "checkkern: cannot open '%s'\n", path);
        exit(1);
    }
    char line[256];
    size_t count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "#\n")] = '\0';
        struct shape s = {0};
        int numbers =
            sscanf(line, "%15s %zu %zu %zu %zu", s.kernel, &s.size[0], &s.size[1], &s.size[2], &s.size[3]) - 1;
        if (numbers < 0)
            continue;
        bool known = false;
        for (size_t i = 0; i < CHECKS; i++)
            known = known || (strcmp(checks[i].kernel, s.kernel) == 0 && (size_t)numbers == checks[i].sizes);
        if (!known || count == most) {
            fprintf(stderr, "checkkern: '%s': wrong line '%s'\n", path, line);
            exit(1);
        }
        shapes[count++] = s;
    }
    fclose(file);
    return count;
}

/* What random shapes meet too rarely: all products -128, in so many quads that narrow sums would overflow. */
static void check_long_codes(void)
{
    const size_t size[4] = {3, 20, 300};
    check_qgemm(size, FILL_OPPOSITE, true);
    check_qgemm(size, FILL_ONE, true);
}

static void test(const char *path, uint64_t seed)
{
    struct shape shapes[100];
    size_t count = read_shapes(path, shapes, sizeof shapes / sizeof *shapes);
    printf("seed %" PRIu64 "\n", seed);
    stream = sps_random(seed, SPS_FOR_TEST, 0, 0, 0);
    for (size_t i = 0; i < CHECKS; i++) {
        for (int j = 0; j < CASES; j++) {
            size_t size[4] = {0};
            checks[i].random_shape(size);
            enum fill fill = below(3) == 0 ? (enum fill)below(FILLS) : FILL_RANDOM;
            checks[i].run(size, fill, j % 8 == 0);
        }
        for (size_t j = 0; j < count; j++)
            if (strcmp(shapes[j].kernel, checks[i].kernel) == 0)
                checks[i].run(shapes[j].size, FILL_RANDOM, false);
    }
    check_fused();
    check_long_codes();
    check_slope();
}

/* Speed. */

#if defined(__x86_64__)
#include <x86intrin.h>
#define CLOCK_NAME "reference cycle"
static uint64_t now(void)
{
    return __rdtsc();
}
#else
#define CLOCK_NAME "ns"
static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
#endif

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* How each kernel is called with sizes n: the bytes of its output and of two inputs, what counts as work, and the
 * arguments. */
struct operands {
    void *out;
    const void *x, *y;
    const uint32_t *at;
};

struct needs {
    size_t out, x, y, work;
    size_t rows; /* operands.at are random rows of so many, LIST of them and as many as one call takes more */
};

enum { LIST = 4096 };

#define BENCH(kernel, out_bytes, x_bytes, y_bytes, work, ...)                                                          \
    static struct needs needs_##kernel(const size_t n[4])                                                              \
    {                                                                                                                  \
        return (struct needs){out_bytes, x_bytes, y_bytes, work, 0};                                                   \
    }                                                                                                                  \
    static void call_##kernel(const struct sps_kern *k, const size_t n[4], const struct operands *o)                   \
    {                                                                                                                  \
        k->kernel(__VA_ARGS__);                                                                                        \
    }

#define PRODUCT(kernel, bytes, per_word, ...)                                                                          \
    BENCH(kernel, (bytes)*n[0] * n[1], 4 * n[0] * n[2], 4 * sps_panels(n[1]) * SPS_PANEL * n[2],                       \
          (per_word)*n[0] * n[1] * n[2], __VA_ARGS__)
PRODUCT(bgemm, 4, 32, o->out, n[1], o->x, n[2], o->y, n[0], n[1], n[2], (int32_t)(32 * n[2]))
PRODUCT(bgemm16, 2, 32, o->out, n[1], o->x, n[2], o->y, n[0], n[1], n[2], (int32_t)(32 * n[2]))
PRODUCT(qgemm, 4, 4, o->out, n[1], o->x, 4 * n[2], o->y, (const int32_t *)o->at, n[0], n[1], n[2])
BENCH(rowsum, 4 * n[0], 4 * n[1], 4 * (n[0] + 32 * n[1]), n[0] * n[1], o->out, n[0], o->y, o->at, o->x, n[1])
BENCH(pack, 4 * n[0], 4 * n[0], 0, n[0], o->out, o->x, n[0])
BENCH(unpack, 4 * n[0], 4 * n[0], 0, n[0], o->out, o->x, n[0])
BENCH(ede, 4 * n[0], 4 * n[0], 4 * n[0], n[0], o->out, o->x, o->y, n[0], 2, 1)
BENCH(threshold16, n[0] * n[1], 2 * n[0] * n[1], 2 * n[1], n[0] * n[1], o->out, o->x, o->y, n[0], n[1])
BENCH(threshold32, n[0] * n[1], 4 * n[0] * n[1], 4 * n[1], n[0] * n[1], o->out, o->x, o->y, n[0], n[1])
BENCH(pool16, n[0] * n[1] * n[2], 2 * n[0] * n[1] * n[2], 0, n[0] * n[1] * n[2], o->out, o->x, n[0], n[1], n[2], n[3],
      0)
BENCH(poolbits, 4 * sps_words(n[0] * n[1] * n[2]), 4 * sps_words(n[0] * n[1] * n[2]), 0, n[0] * n[1] * n[2], o->out,
      o->x, n[0], n[1], n[2], n[3], 0)
BENCH(pool32, n[0] * n[1] * n[2], 4 * n[0] * n[1] * n[2], 0, n[0] * n[1] * n[2], o->out, o->x, n[0], n[1], n[2], n[3],
      0)
BENCH(drain, 4 * n[0], 0, 0, n[0], o->out, (int8_t *)o->out + 2 * n[0], n[0])

/* Flips here and there in an image 14 pixels wide; weights of 32 channels. */
static struct needs needs_scatter(const size_t n[4])
{
    size_t square = n[0] * n[0] * n[1], side = 14 + n[0] - 1;
    return (struct needs){side * side * n[1], 32 * square, 0, square * n[2], n[2] * 2};
}

static void call_scatter(const struct sps_kern *k, const size_t n[4], const struct operands *o)
{
    struct sps_flip *flips = (struct sps_flip *)(void *)(uintptr_t)o->at;
    size_t side = 14 + n[0] - 1;
    for (size_t i = 0; i < n[2]; i++) {
        size_t pixel = i * 196 / n[2], place = (pixel / 14 + n[0] - 1) * side + pixel % 14 + n[0] - 1;
        flips[i] = (struct sps_flip){(uint32_t)(place * n[1]), (uint32_t)(i * 37 % 32)};
    }
    k->scatter(o->out, side * n[1], o->x, flips, n[2] / 2, n[2], n[0], n[1]);
}

/* Other rows in each call, of a table that does not fit into the first cache. */
static struct needs needs_gather(const size_t n[4])
{
    enum { ROWS = 3136 };
    return (struct needs){2 * n[1], 4 * ROWS * sps_words(n[1]), 0, n[0] * n[1], ROWS};
}

static void call_gather(const struct sps_kern *k, const size_t n[4], const struct operands *o)
{
    static size_t turn;
    turn = (turn + n[0]) % LIST;
    k->gather(o->out, o->x, o->at + turn, n[0] / 2, n[0], n[1]);
}

/* Other bits in each call, so that no branch can be learnt by heart. */
static struct needs needs_differ(const size_t n[4])
{
    size_t room = 4 * (32 * n[0] + SPS_DIFFER_SPILL), inputs = 4 * (n[0] + LIST);
    return (struct needs){room, inputs, inputs, 32 * n[0], 0};
}

static void call_differ(const struct sps_kern *k, const size_t n[4], const struct operands *o)
{
    static size_t turn;
    turn = (turn + n[0]) % LIST;
    k->differ(o->out, (const uint32_t *)o->x + turn, (const uint32_t *)o->y + turn, n[0]);
}

static const struct speed {
    const char *kernel;
    bool floats;
    struct needs (*needs)(const size_t n[4]);
    void (*call)(const struct sps_kern *k, const size_t n[4], const struct operands *o);
} speeds[] = {
#define SPEED(kernel, floats)                                                                                          \
    {                                                                                                                  \
#kernel, floats, needs_##kernel, call_##kernel                                                                 \
    }
    SPEED(bgemm, false),       SPEED(rowsum, true),   SPEED(pack, true),    SPEED(unpack, false),
    SPEED(ede, true),          SPEED(bgemm16, false), SPEED(qgemm, false),  SPEED(threshold16, false),
    SPEED(threshold32, false), SPEED(pool16, false),  SPEED(pool32, false), SPEED(poolbits, false),
    SPEED(scatter, false),     SPEED(gather, false),  SPEED(differ, false), SPEED(drain, false),
};

static const struct speed *speed_of(const char *kernel)
{
    const struct speed *s = speeds;
    while (strcmp(s->kernel, kernel) != 0)
        s++;
    return s;
}

static void fill_words(uint32_t *x, size_t bytes, bool floats)
{
    if (floats)
        fill_floats((float *)x, bytes / 4, FILL_RANDOM, false);
    else
        for (size_t i = 0; i < bytes / 4; i++)
            x[i] = sps_random_u32(&stream);
}

static double least_time(const struct sps_kern *k, const struct speed *speed, const size_t n[4])
{
    enum { AWAY = 64 }; /* from the unreadable page: a masked access that reaches into it is correct, and very slow */
    struct needs needs = speed->needs(n);
    void *x = take(IN1, needs.x + AWAY), *y = take(IN2, needs.y + AWAY);
    size_t list = needs.rows > 0 ? LIST + n[0] : n[1] + 1;
    uint32_t *at = take(IN3, 4 * list);
    struct operands o = {.out = take(GOT, needs.out + AWAY), .x = x, .y = y, .at = at};
    fill_words(x, needs.x, speed->floats);
    fill_words(y, needs.y, speed->floats);
    if (speed->call == call_differ)
        fill_pair(x, y, needs.x / 4, n[1]);
    for (size_t i = 0; i < list; i++)
        at[i] = needs.rows > 0 ? below((uint32_t)needs.rows) : (uint32_t)(32 * i);
    memset(o.out, 0, needs.out);

    /* Several calls between two looks at the clock, so that looking does not count. */
    size_t calls = 1;
    double least = INFINITY, stop = seconds() + 0.04;
    do {
        uint64_t start = now();
        for (size_t i = 0; i < calls; i++)
            speed->call(k, n, &o);
        uint64_t took = now() - start;
        if (took < 20000)
            calls *= 2;
        else
            least = fmin(least, (double)took / (double)calls);
    } while (seconds() < stop || least == INFINITY);
    return least;
}

/* What one core really runs at, from a chain of shift, exclusive or and multiplication: 1 + 1 + 3 cycles on all x86
 * since 2008.  No compiler can merge two links of it. */
static void print_clock(void)
{
#if defined(__x86_64__)
    enum { STEPS = 1000000, CYCLES = 5, RUNS = 20 };
    double least = INFINITY, reference = 0;
    for (int i = 0; i < RUNS; i++) {
        volatile uint64_t sink;
        double begin = seconds();
        uint64_t x = (uint64_t)i + 1, start = now();
        for (int j = 0; j < STEPS; j++)
            x = (x ^ x >> 31) * UINT64_C(6364136223846793005);
        sink = x;
        (void)sink;
        double took = (double)(now() - start);
        double time = seconds() - begin;
        if (time < least) {
            least = time;
            reference = took;
        }
    }
    printf("core clock about %.2f GHz, %.2f core cycles per reference cycle\n", CYCLES * STEPS / least * 1e-9,
           CYCLES * STEPS / reference);
#endif
}

static void bench(const char *path)
{
    struct shape shapes[100];
    size_t count = read_shapes(path, shapes, sizeof shapes / sizeof *shapes);
    stream = sps_random(1, SPS_FOR_TEST, 0, 0, 0);
    print_clock();
    printf("multiply-accumulates (elements where there are no products) per " CLOCK_NAME
           ", best of many runs; one core\n%-24s",
           "");
    for (size_t t = 0; sps_kern_tier_name(t) != NULL; t++)
        printf("%10s", sps_kern_tier_name(t));
    printf("\n");
    for (size_t i = 0; i < count; i++) {
        const struct shape *s = &shapes[i];
        char name[64];
        const struct speed *speed = speed_of(s->kernel);
        double work = (double)speed->needs(s->size).work;
        int used = snprintf(name, sizeof name, "%s", s->kernel);
        for (size_t j = 0; j < 4 && s->size[j] != 0; j++)
            used += snprintf(name + used, sizeof name - (size_t)used, " %zu", s->size[j]);
        printf("%-24s", name);
        for (size_t t = 0; sps_kern_tier_name(t) != NULL; t++) {
            const struct sps_kern *k = sps_kern_tier(sps_kern_tier_name(t));
            if (k == NULL)
                printf("%10s", "-");
            else
                printf("%10.2f", work / least_time(k, speed, s->size));
        }
        printf("\n");
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = (uint64_t)time(NULL);
    if (argc >= 2 && argc <= 3 && strcmp(argv[1], "--bench") == 0) {
        bench(argc == 3 ? argv[2] : SHAPES_FILE);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "--seed") == 0)
        seed = strtoull(argv[2], NULL, 10);
    else if (argc != 1) {
        fprintf(stderr, "usage: checkkern [--seed N | --bench [FILE]]\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = on_fault};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    test(SHAPES_FILE, seed);
    printf("%ld passed, %ld failed, %ld skipped\n", passed, failed, skipped);
    return failed == 0 ? 0 : 1;
}
