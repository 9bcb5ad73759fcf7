/* SPDX-License-Identifier: MIT */
/* The CPU backend: sums by bit kernels, and updates of sums by the columns of flipped bits.
 *
 * An update costs what changed: a flipped bit adds or subtracts its column of weights at each output that reads it.  In
 * convolutions, changes are collected in 8-bit integers, which halves the memory traffic; they are drained into the
 * sums before any of them could have been changed more than 127 times. */
#include <string.h>

#include "core/memory.h"
#include "core/team.h"
#include "core/vector.h"
#include "engine/backend.h"

enum { CHANGES_MAX = 127, CHUNK_BYTES = 24 * 1024, POSITIONS_LEAST = 64 };

/* ---- sums in full ---- */

static size_t patch_bytes(const struct sps_stage *s)
{
    return s->codes ? (s->fan_in + 3) / 4 * 4 : s->words * sizeof(uint32_t);
}

/* Output rows that are made at a time: their patches (and sums, where those are pooled at once) stay in the first-level
 * cache, and are enough for the kernels to bring weights into their order once for many positions. */
static size_t rows_at_a_time(const struct sps_stage *s)
{
    size_t row = (size_t)s->window.cw, window = (size_t)s->window_size, all = (size_t)s->window.ch;
    size_t bytes = row * (patch_bytes(s) + (s->pools_at_once ? s->channels * sizeof(int32_t) : 0));
    size_t rows = CHUNK_BYTES / bytes, least = (POSITIONS_LEAST + row - 1) / row;
    rows = rows < least ? least : rows;
    rows = (rows + window - 1) / window * window;
    return rows < all ? rows : all;
}

/* Sums of a chunk, before they are pooled. */
static size_t chunk_sum_bytes(const struct sps_stage *s)
{
    return s->pools_at_once ? sps_aligned(rows_at_a_time(s) * (size_t)s->window.cw * s->channels * sizeof(int32_t)) : 0;
}

/* A thread's scratch is the padded image (the first thread's is used by all), then a chunk's sums and patches.  Dense
 * layers of codes have their input there, in whole groups of four. */
static size_t padded_bytes(const struct sps_stage *s)
{
    return sps_aligned(s->conv ? sps_window_padded_size(&s->window, s->codes) : s->codes ? patch_bytes(s) : 0);
}

static size_t full_scratch(const struct sps_stage *s)
{
    size_t count = s->conv ? rows_at_a_time(s) * (size_t)s->window.cw : 0;
    return padded_bytes(s) + chunk_sum_bytes(s) +
           (s->conv ? sps_aligned(sps_window_patches_size(&s->window, s->codes, count)) : 0);
}

/* Changes of a convolution have a border, which takes what falls outside. */
static size_t changes_width(const struct sps_window *v)
{
    return (size_t)(v->w + v->kernel - 1);
}

static size_t changes_bytes(const struct sps_stage *s)
{
    return sps_aligned((size_t)(s->window.h + s->window.kernel - 1) * changes_width(&s->window) * s->channels);
}

static size_t scratch(const struct sps_backend *backend, const struct sps_stage *s)
{
    (void)backend;
    size_t full = full_scratch(s), update = 0;
    if (s->columns != NULL)
        update = changes_bytes(s) + sps_aligned(s->in_size * sizeof(struct sps_flip));
    return full > update ? full : update;
}

struct job {
    const struct sps_kern *kern;
    const struct sps_stage *stage;
    void *sums;
    const void *input;
    char *scratch;
    size_t stride, step; /* positions or channels of a task */
};

/* sums of `count` positions from `first` on, whose patches are at hand. */
static void multiply(const struct job *j, const void *patches, size_t first, size_t count)
{
    const struct sps_stage *s = j->stage;
    size_t n = s->channels, at = first * n;
    if (s->codes) {
        j->kern->qgemm((int32_t *)j->sums + at, n, patches, patch_bytes(s), s->quads, s->weight_sums, count, n,
                       patch_bytes(s) / 4);
        if (s->codes == SPS_UNSIGNED_CODES)
            sps_qgemm_unsigned((int32_t *)j->sums + at, n, s->weight_sums, count, n);
    } else if (s->wide)
        j->kern->bgemm((int32_t *)j->sums + at, n, patches, s->words, s->panels, count, n, s->words,
                       (int32_t)s->fan_in);
    else
        j->kern->bgemm16((int16_t *)j->sums + at, n, patches, s->words, s->panels, count, n, s->words,
                         (int32_t)s->fan_in);
}

SPS_VECTOR static void add_narrow(int16_t *restrict sums, const int32_t *restrict c, size_t n)
{
    for (size_t o = 0; o < n; o++)
        sums[o] = (int16_t)(sums[o] + c[o]);
}

static void correct_padding(const struct job *j, int row)
{
    const struct sps_stage *s = j->stage;
    size_t n = s->channels;
    for (int column = 0; column < s->window.cw; column++) {
        if (sps_padding_none(&s->padding, row, column))
            continue;
        const int32_t *c = sps_padding_at(&s->padding, (int)n, row, column);
        size_t at = ((size_t)row * (size_t)s->window.cw + (size_t)column) * n;
        for (size_t o = 0; o < n && s->wide; o++)
            ((int32_t *)j->sums)[at + o] += c[o];
        if (!s->wide)
            add_narrow((int16_t *)j->sums + at, c, n);
    }
}

static void conv_task(void *work, size_t task, int worker)
{
    const struct job *j = work;
    const struct sps_stage *s = j->stage;
    char *chunk = j->scratch + (size_t)worker * j->stride + padded_bytes(s), *patches = chunk + chunk_sum_bytes(s);
    size_t rows = (size_t)s->window.ch, first = task * j->step, last = first + j->step < rows ? first + j->step : rows,
           columns = (size_t)s->window.cw;
    for (size_t i = first; i < last; i++)
        sps_window_row(patches + (i - first) * columns * patch_bytes(s), &s->window, s->codes, j->scratch, (int)i);
    if (s->pools_at_once) {
        struct job part = *j;
        part.sums = chunk;
        multiply(&part, patches, 0, (last - first) * columns);
        size_t window = (size_t)s->window_size, out = first / window * s->out_columns * s->channels;
        j->kern->pool32((int32_t *)j->sums + out, (const int32_t *)(const void *)chunk, last - first, columns,
                        s->channels, window, s->window_ceil);
        return;
    }
    multiply(j, patches, first * columns, (last - first) * columns);
    for (size_t i = first; i < last && s->padding.correction != NULL; i++)
        correct_padding(j, (int)i);
}

/* Some panels of a dense layer's channels. */
static void dense_task(void *work, size_t task, int worker)
{
    const struct job *j = work;
    const struct sps_stage *s = j->stage;
    size_t first = task * j->step, left = s->channels - first, n = left < j->step ? left : j->step;
    (void)worker;
    if (s->codes) {
        size_t quads = patch_bytes(s) / 4;
        j->kern->qgemm((int32_t *)j->sums + first, n, (const uint8_t *)j->scratch, 4 * quads,
                       s->quads + first * quads * 4, s->weight_sums + first, 1, n, quads);
        if (s->codes == SPS_UNSIGNED_CODES)
            sps_qgemm_unsigned((int32_t *)j->sums + first, n, s->weight_sums + first, 1, n);
    } else if (s->wide) {
        j->kern->bgemm((int32_t *)j->sums + first, n, j->input, s->words, s->panels + first * s->words, 1, n, s->words,
                       (int32_t)s->fan_in);
    } else {
        j->kern->bgemm16((int16_t *)j->sums + first, n, j->input, s->words, s->panels + first * s->words, 1, n,
                         s->words, (int32_t)s->fan_in);
    }
}

static void run(struct sps_team *team, size_t tasks, sps_task *task, struct job *j)
{
    if (team != NULL)
        sps_team_run(team, tasks, task, j);
    else
        for (size_t i = 0; i < tasks; i++)
            task(j, i, 0);
}

static void sums(const struct sps_backend *backend, const struct sps_stage *s, void *out, const void *input,
                 const struct sps_moment *moment, struct sps_team *team, char *memory, size_t stride)
{
    struct job j = {backend->self, s, out, input, memory, stride, 0};
    size_t threads = team != NULL ? (size_t)sps_team_threads(team) : 1;
    (void)moment;
    if (s->conv) {
        sps_window_pad(memory, &s->window, s->codes, input);
        size_t rows = (size_t)s->window.ch, share = (rows + threads - 1) / threads, most = rows_at_a_time(s);
        j.step = share < most ? share : most;
        j.step = (j.step + (size_t)s->window_size - 1) / (size_t)s->window_size * (size_t)s->window_size;
        run(team, (rows + j.step - 1) / j.step, conv_task, &j);
        return;
    }
    if (s->codes) { /* whole groups of four codes; signed ones plus 128 */
        const uint8_t *codes = input;
        uint8_t *shifted = (uint8_t *)memory, flip = s->codes == SPS_SIGNED_CODES ? 0x80 : 0;
        memset(shifted, 0, patch_bytes(s));
        for (size_t i = 0; i < s->fan_in; i++)
            shifted[i] = codes[i] ^ flip;
    }
    size_t panels = sps_panels(s->channels);
    j.step = (panels + threads - 1) / threads * SPS_PANEL;
    run(team, (s->channels + j.step - 1) / j.step, dense_task, &j);
}

/* ---- updates ---- */

struct update {
    const struct sps_kern *kern;
    const struct sps_stage *stage;
    int16_t *sums;
    int8_t *changes;         /* [h + kernel - 1][w + kernel - 1][channels] */
    struct sps_flip *places; /* [in_size] */
};

static void drain(const struct update *u)
{
    const struct sps_window *v = &u->stage->window;
    size_t n = u->stage->channels, width = changes_width(v), border = (size_t)(v->kernel - 1 - v->pad);
    for (size_t i = 0; i < (size_t)v->ch; i++)
        u->kern->drain(u->sums + i * (size_t)v->cw * n, u->changes + ((i + border) * width + border) * n,
                       (size_t)v->cw * n);
}

/* Quotients by multiplication, in vectors: (i + 1/2) / n is at least 1 / (2 n) away from a whole number, far more than
 * a double's rounding for the sizes there are (2^26 elements, 2^16 channels). */
SPS_VECTOR static void locate(struct sps_flip *restrict places, const uint32_t *restrict flips, size_t count,
                              const struct sps_window *v, int channels)
{
    const double by_c = 1.0 / v->c, by_w = 1.0 / v->w;
    const int c = v->c, w = v->w, border = v->kernel - 1, width = w + border;
    for (size_t i = 0; i < count; i++) {
        int flip = (int)flips[i], pixel = (int)((flip + 0.5) * by_c), row = (int)((pixel + 0.5) * by_w);
        int column = pixel - row * w;
        places[i].place = (uint32_t)((row + border) * width + column + border) * (uint32_t)channels;
        places[i].square = (uint32_t)(flip - pixel * c);
    }
}

/* The first flips of a list, as many as can be scattered until an output could have been changed 127 times: no output
 * is changed more often than bits flip in the `kernel` input rows that it reads, and flips come row by row. */
static size_t flips_until_drain(const struct sps_stage *s, const uint32_t *flips, size_t count)
{
    uint32_t row_size = (uint32_t)s->window.w * (uint32_t)s->window.c,
             reach = (uint32_t)(s->window.kernel - 1) * row_size;
    size_t oldest = 0; /* first flip that still counts */
    for (size_t i = CHANGES_MAX; i < count; i++) {
        uint32_t row_start = flips[i] - flips[i] % row_size;
        while (oldest < i && flips[oldest] + reach < row_start)
            oldest++;
        if (i - oldest == CHANGES_MAX)
            return i;
    }
    return count;
}

/* Rising flips count up, falling ones down: neither can leave 8 bits without the other's help, so one of each list may
 * be on its way at the same time. */
static void update_conv(const struct update *u, const uint32_t *flips, size_t rises, size_t count)
{
    const struct sps_window *v = &u->stage->window;
    size_t row = changes_width(v) * u->stage->channels, up = 0, down = rises;
    locate(u->places, flips, count, v, (int)u->stage->channels);
    while (up < rises || down < count) {
        size_t more = flips_until_drain(u->stage, flips + up, rises - up),
               less = flips_until_drain(u->stage, flips + down, count - down);
        u->kern->scatter(u->changes, row, u->stage->columns, u->places + up, more, more, (size_t)v->kernel,
                         u->stage->channels);
        u->kern->scatter(u->changes, row, u->stage->columns, u->places + down, 0, less, (size_t)v->kernel,
                         u->stage->channels);
        drain(u);
        up += more;
        down += less;
    }
}

static void update(const struct sps_backend *backend, const struct sps_stage *s, int16_t *out, const uint32_t *flips,
                   size_t rises, size_t count, char *memory)
{
    struct update u = {backend->self, s, out, (int8_t *)memory, NULL};
    if (!s->conv) {
        u.kern->gather(out, s->column_bits, flips, rises, count, s->channels);
        return;
    }
    u.places = (struct sps_flip *)(void *)(memory + changes_bytes(s));
    memset(u.changes, 0, changes_bytes(s)); /* the scratch is everybody's */
    update_conv(&u, flips, rises, count);
}

struct sps_backend sps_backend_cpu(const struct sps_kern *kern)
{
    return (struct sps_backend){.name = "cpu",
                                .self = (void *)(uintptr_t)kern,
                                .shares = SPS_SHARES_PATHS,
                                .scratch = scratch,
                                .sums = sums,
                                .update = update};
}
