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

enum { MAX_TIERS = 8, CASES = 400, GUARD = 64 /* bytes on each side of an output */, GUARD_BYTE = 0xa5 };

/* A size of each kernel's shape: bgemm M N words, cgemm M N pairs, rowsum len count, others n. */
struct shape {
    char kernel[16];
    size_t size[3];
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
    failed++;
    printf("FAILED: %s of %s, %s: %s\n", kernel, tier, current, what);
}

static bool same_float(uint32_t a, uint32_t b)
{
    bool a_is_nan = (a & 0x7fffffff) > 0x7f800000, b_is_nan = (b & 0x7fffffff) > 0x7f800000;
    return a == b || (a_is_nan && b_is_nan); /* which NaN an operation gives is not part of the contract */
}

/* Outputs and their guards, word by word. */
static void compare(const char *tier, const char *kernel, const void *want, const void *got, size_t words, bool floats)
{
    const char *x = (const char *)want - GUARD, *y = (const char *)got - GUARD;
    size_t total = words + 2 * GUARD / 4;
    for (size_t i = 0; i < total; i++) {
        uint32_t u, v;
        memcpy(&u, x + 4 * i, 4);
        memcpy(&v, y + 4 * i, 4);
        if (u == v || (floats && same_float(u, v)))
            continue;
        char what[120];
        snprintf(what, sizeof what, "word %ld is 0x%08" PRIx32 ", in ref 0x%08" PRIx32, (long)i - GUARD / 4, v, u);
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

/* The definition, element by element, on rows before they became panels. */
static bool bgemm_is_right(const int32_t *dst, size_t ldd, const uint32_t *a, size_t lda, const uint32_t *rows,
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
            if (dst[m * ldd + n] != dot)
                return false;
        }
    return true;
}

static void check_bgemm(const size_t size[3], enum fill fill, bool definition)
{
    size_t M = size[0], N = size[1], words = size[2];
    size_t lda = words + below(3), ldd = N + below(3);
    size_t bits = words == 0 ? 0 : 32 * words - below(32);
    snprintf(current, sizeof current, "M %zu, N %zu, words %zu, bits %zu, lda %zu, ldd %zu, fill %d", M, N, words, bits,
             lda, ldd, fill);
    size_t a_words = M == 0 ? 0 : (M - 1) * lda + words, dst_words = M == 0 ? 0 : (M - 1) * ldd + N;
    uint32_t *a = take(IN1, a_words * 4), *rows = take(IN2, N * words * 4);
    uint32_t *panels = take(IN3, sps_panels(N) * words * SPS_PANEL * 4);
    for (size_t i = 0; i < a_words; i++)
        a[i] = sps_random_u32(&stream);
    for (size_t m = 0; m < M; m++)
        fill_bits(a + m * lda, words, bits, fill, false);
    for (size_t n = 0; n < N; n++)
        fill_bits(rows + n * words, words, bits, fill, true);
    sps_bits_to_panels(panels, rows, N, words);

    int32_t *want = take_output(WANT, dst_words * 4, NULL);
    ref()->bgemm(want, ldd, a, lda, panels, M, N, words, (int32_t)bits);
    if (definition)
        verdict(bgemm_is_right(want, ldd, a, lda, rows, M, N, words, (int32_t)bits) && guards_hold(want, dst_words * 4),
                "ref", "bgemm", "is not the sum of products");
    FOR_OTHER_TIERS(bgemm, kern, name)
    {
        int32_t *got = take_output(GOT, dst_words * 4, NULL);
        kern->bgemm(got, ldd, a, lda, panels, M, N, words, (int32_t)bits);
        compare(name, "bgemm", want, got, dst_words, false);
    }
}

static bool cgemm_is_right(const int32_t *dst, size_t ldd, const int16_t *a, size_t lda, const int16_t *panels,
                           size_t M, size_t N, size_t pairs)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++) {
            int64_t dot = 0;
            for (size_t k = 0; k < 2 * pairs; k++)
                dot += (int64_t)a[m * lda + k] * panels[n / 16 * pairs * 32 + k / 2 * 32 + n % 16 * 2 + k % 2];
            if (dst[m * ldd + n] != dot)
                return false;
        }
    return true;
}

static void check_cgemm(const size_t size[3], enum fill fill, bool definition)
{
    size_t M = size[0], N = size[1], pairs = size[2];
    size_t lda = 2 * pairs + below(3), ldd = N + below(3);
    snprintf(current, sizeof current, "M %zu, N %zu, pairs %zu, lda %zu, ldd %zu, fill %d", M, N, pairs, lda, ldd,
             fill);
    size_t a_count = M == 0 ? 0 : (M - 1) * lda + 2 * pairs, dst_words = M == 0 ? 0 : (M - 1) * ldd + N;
    size_t panel_count = sps_panels(N) * pairs * SPS_PANEL * 2;
    int16_t *a = take(IN1, a_count * 2), *panels = take(IN2, panel_count * 2);
    for (size_t i = 0; i < a_count; i++)
        a[i] = fill == FILL_RANDOM ? (int16_t)((int)below(65536) - 32768) : fill == FILL_ZERO ? 0 : INT16_MIN;
    for (size_t i = 0; i < panel_count; i++)
        panels[i] = fill == FILL_RANDOM ? (int16_t)((int)below(3) - 1) : fill == FILL_OPPOSITE ? -1 : 1;

    int32_t *want = take_output(WANT, dst_words * 4, NULL);
    ref()->cgemm(want, ldd, a, lda, panels, M, N, pairs);
    if (definition)
        verdict(cgemm_is_right(want, ldd, a, lda, panels, M, N, pairs) && guards_hold(want, dst_words * 4), "ref",
                "cgemm", "is not the sum of products");
    FOR_OTHER_TIERS(cgemm, kern, name)
    {
        int32_t *got = take_output(GOT, dst_words * 4, NULL);
        kern->cgemm(got, ldd, a, lda, panels, M, N, pairs);
        compare(name, "cgemm", want, got, dst_words, false);
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

static void check_rowsum(const size_t size[3], enum fill fill, bool definition)
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

    float *want = take_output(WANT, len * 4, initial);
    ref()->rowsum(want, len, src, at, coef, count);
    if (definition)
        verdict(rowsum_is_right(want, initial, len, src, at, coef, count) && guards_hold(want, len * 4), "ref",
                "rowsum", "is not the sum of rows");
    FOR_OTHER_TIERS(rowsum, kern, name)
    {
        float *got = take_output(GOT, len * 4, initial);
        kern->rowsum(got, len, src, at, coef, count);
        compare(name, "rowsum", want, got, len, true);
    }
}

static void check_pack(const size_t size[3], enum fill fill, bool definition)
{
    size_t n = size[0], words = sps_words(n);
    snprintf(current, sizeof current, "n %zu, fill %d", n, fill);
    float *y = take(IN1, n * 4);
    fill_floats(y, n, fill, true);
    uint32_t *want = take_output(WANT, words * 4, NULL);
    ref()->pack(want, y, n);
    if (definition) {
        bool right = guards_hold(want, words * 4);
        for (size_t i = 0; i < 32 * words; i++) {
            bool bit = want[i / 32] & UINT32_C(1) << i % 32;
            right = right && bit == (i < n && !isnan(y[i]) && (y[i] > 0 || y[i] == 0));
        }
        verdict(right, "ref", "pack", "is not the sign");
    }
    FOR_OTHER_TIERS(pack, kern, name)
    {
        uint32_t *got = take_output(GOT, words * 4, NULL);
        kern->pack(got, y, n);
        compare(name, "pack", want, got, words, false);
    }
}

static void check_unpack(const size_t size[3], enum fill fill, bool definition)
{
    size_t n = size[0], words = sps_words(n);
    snprintf(current, sizeof current, "n %zu, fill %d", n, fill);
    uint32_t *bits = take(IN1, words * 4);
    fill_bits(bits, words, 32 * words, fill, true);
    float *want = take_output(WANT, n * 4, NULL);
    ref()->unpack(want, bits, n);
    if (definition) {
        bool right = guards_hold(want, n * 4);
        for (size_t i = 0; i < n; i++)
            right = right && want[i] == (bits[i / 32] & UINT32_C(1) << i % 32 ? 1.0f : -1.0f);
        verdict(right, "ref", "unpack", "is not the bits");
    }
    FOR_OTHER_TIERS(unpack, kern, name)
    {
        float *got = take_output(GOT, n * 4, NULL);
        kern->unpack(got, bits, n);
        compare(name, "unpack", want, got, n, false);
    }
}

/* 1 - tanh(u)^2 in double, by the form that does not cancel. */
static double slope(double u)
{
    double c = cosh(u);
    return 1 / (c * c);
}

static void check_ede(const size_t size[3], enum fill fill, bool definition)
{
    size_t n = size[0];
    float t = exp2f((float)below(14) - 7), k = below(2) ? 1.0f : 1.0f / t;
    snprintf(current, sizeof current, "n %zu, fill %d, t %g, k %g", n, fill, t, k);
    float *g = take(IN1, n * 4), *y = take(IN2, n * 4);
    fill_floats(g, n, fill, true);
    fill_floats(y, n, fill, true);
    float *want = take_output(WANT, n * 4, NULL);
    ref()->ede(want, g, y, n, t, k);
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
        float *got = take_output(GOT, n * 4, NULL);
        kern->ede(got, g, y, n, t, k);
        compare(name, "ede", want, got, n, true);
        got = take_output(GOT, n * 4, g); /* in place */
        kern->ede(got, got, y, n, t, k);
        compare(name, "ede in place", want, got, n, true);
    }
}

static void random_bgemm(size_t size[3])
{
    size[0] = some_size(40);
    size[1] = some_size(200);
    size[2] = some_size(100);
}

static void random_cgemm(size_t size[3])
{
    size[0] = some_size(40);
    size[1] = some_size(100);
    size[2] = some_size(50);
}

static void random_rowsum(size_t size[3])
{
    size[0] = some_size(700);
    size[1] = some_size(60);
}

static void random_length(size_t size[3])
{
    size[0] = some_size(700);
}

static const struct check {
    const char *kernel;
    size_t sizes; /* how many numbers its shape has */
    void (*random_shape)(size_t size[3]);
    void (*run)(const size_t size[3], enum fill fill, bool definition);
} checks[] = {
    {"bgemm", 3, random_bgemm, check_bgemm},    {"cgemm", 3, random_cgemm, check_cgemm},
    {"rowsum", 2, random_rowsum, check_rowsum}, {"pack", 1, random_length, check_pack},
    {"unpack", 1, random_length, check_unpack}, {"ede", 1, random_length, check_ede},
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

/* The slope over its whole range, in steps finer than its features; prints the largest error. */
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
    verdict(worst < 1e-6 && dy[N / 2] == 1, "ref", "ede", "is too far from libm");
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
        int numbers = sscanf(line, "%15s %zu %zu %zu", s.kernel, &s.size[0], &s.size[1], &s.size[2]) - 1;
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

static void test(const char *path, uint64_t seed)
{
    struct shape shapes[100];
    size_t count = read_shapes(path, shapes, sizeof shapes / sizeof *shapes);
    printf("seed %" PRIu64 "\n", seed);
    stream = sps_random(seed, SPS_FOR_TEST, 0, 0, 0);
    for (size_t i = 0; i < CHECKS; i++) {
        for (int j = 0; j < CASES; j++) {
            size_t size[3];
            checks[i].random_shape(size);
            enum fill fill = below(3) == 0 ? (enum fill)below(FILLS) : FILL_RANDOM;
            checks[i].run(size, fill, j % 8 == 0);
        }
        for (size_t j = 0; j < count; j++)
            if (strcmp(shapes[j].kernel, checks[i].kernel) == 0)
                checks[i].run(shapes[j].size, FILL_RANDOM, false);
    }
    check_fused();
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

/* One call, its operands random and in place. */
static void call(const struct sps_kern *k, const struct shape *s, void *out, const void *x, const void *y,
                 const uint32_t *at)
{
    const size_t *n = s->size;
    if (strcmp(s->kernel, "bgemm") == 0)
        k->bgemm(out, n[1], x, n[2], y, n[0], n[1], n[2], (int32_t)(32 * n[2]));
    else if (strcmp(s->kernel, "cgemm") == 0)
        k->cgemm(out, n[1], x, 2 * n[2], y, n[0], n[1], n[2]);
    else if (strcmp(s->kernel, "rowsum") == 0)
        k->rowsum(out, n[0], y, at, x, n[1]);
    else if (strcmp(s->kernel, "pack") == 0)
        k->pack(out, x, n[0]);
    else if (strcmp(s->kernel, "unpack") == 0)
        k->unpack(out, x, n[0]);
    else
        k->ede(out, x, y, n[0], 2, 1);
}

static double least_time(const struct sps_kern *k, const struct shape *s)
{
    const size_t *n = s->size;
    size_t out = 4 * n[0], in = 4 * n[0], other = 4 * n[0];
    if (strcmp(s->kernel, "bgemm") == 0 || strcmp(s->kernel, "cgemm") == 0) {
        out = 4 * n[0] * n[1];
        in = 4 * n[0] * n[2];
        other = 4 * sps_panels(n[1]) * SPS_PANEL * n[2];
    } else if (strcmp(s->kernel, "rowsum") == 0) {
        in = 4 * n[1];
        other = 4 * (n[0] + 32 * n[1]);
    }
    enum { AWAY = 64 }; /* from the unreadable page: a masked access that reaches into it is correct, and very slow */
    void *to = take(GOT, out + AWAY), *x = take(IN1, in + AWAY), *y = take(IN2, other + AWAY);
    uint32_t *at = take(IN3, 4 * (n[1] + 1));
    if (strcmp(s->kernel, "bgemm") == 0 || strcmp(s->kernel, "cgemm") == 0) {
        for (size_t i = 0; i < in / 4; i++)
            ((uint32_t *)x)[i] = sps_random_u32(&stream);
        for (size_t i = 0; i < other / 4; i++)
            ((uint32_t *)y)[i] = sps_random_u32(&stream);
    } else {
        fill_floats(x, in / 4, FILL_RANDOM, false);
        fill_floats(y, other / 4, FILL_RANDOM, false);
    }
    for (size_t i = 0; i < n[1]; i++)
        at[i] = (uint32_t)(32 * i);
    fill_floats(to, out / 4, FILL_ZERO, false);

    /* Several calls between two looks at the clock, so that looking does not count. */
    size_t calls = 1;
    double least = INFINITY, stop = seconds() + 0.04;
    do {
        uint64_t start = now();
        for (size_t i = 0; i < calls; i++)
            call(k, s, to, x, y, at);
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
    printf("multiply-accumulates (elements for pack, unpack, ede) per " CLOCK_NAME
           ", best of many runs; one core\n%-24s",
           "");
    for (size_t t = 0; sps_kern_tier_name(t) != NULL; t++)
        printf("%10s", sps_kern_tier_name(t));
    printf("\n");
    for (size_t i = 0; i < count; i++) {
        const struct shape *s = &shapes[i];
        char name[64];
        double work = 1;
        int used = snprintf(name, sizeof name, "%s", s->kernel);
        for (size_t j = 0; j < 3 && s->size[j] != 0; j++) {
            used += snprintf(name + used, sizeof name - (size_t)used, " %zu", s->size[j]);
            work *= (double)s->size[j];
        }
        work *= strcmp(s->kernel, "bgemm") == 0 ? 32 : strcmp(s->kernel, "cgemm") == 0 ? 2 : 1;
        printf("%-24s", name);
        for (size_t t = 0; sps_kern_tier_name(t) != NULL; t++) {
            const struct sps_kern *k = sps_kern_tier(sps_kern_tier_name(t));
            if (k == NULL)
                printf("%10s", "-");
            else
                printf("%10.2f", work / least_time(k, s));
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
