/* SPDX-License-Identifier: MIT */
/* The CPU backend: sums by bit kernels, and updates of sums by the columns of flipped bits.
 *
 * An update costs what changed: a flipped bit adds or subtracts its column of weights at each output that reads it.
 * Changes are collected in 8-bit integers, a quarter of the memory traffic; they are drained into the sums before any
 * of them could have been changed more than 127 times. */
#include <string.h>

#include "core/memory.h"
#include "core/team.h"
#include "engine/backend.h"

enum { CHANGES_MAX = 127, PATCH_BYTES = 32 * 1024, POSITIONS_LEAST = 64 };

static size_t aligned(size_t bytes)
{
    return (bytes + SPS_ALIGN - 1) / SPS_ALIGN * SPS_ALIGN;
}

/* ---- sums in full ---- */

static size_t patch_bytes(const struct sps_stage *s)
{
    return s->codes ? (s->fan_in + 3) / 4 * 4 : s->words * sizeof(uint32_t);
}

/* Output rows whose patches are made at a time: they stay in the first-level cache, and are enough for the kernels to
 * bring weights into their order once for many positions. */
static size_t rows_at_a_time(const struct sps_stage *s)
{
    size_t row = (size_t)s->window.cw, rows = PATCH_BYTES / (row * patch_bytes(s));
    size_t least = (POSITIONS_LEAST + row - 1) / row;
    rows = rows < least ? least : rows;
    return rows < (size_t)s->window.ch ? rows : (size_t)s->window.ch;
}

static size_t full_scratch(const struct sps_stage *s)
{
    if (s->conv)
        return aligned(rows_at_a_time(s) * (size_t)s->window.cw * patch_bytes(s));
    return s->codes ? aligned(patch_bytes(s)) : 0;
}

static size_t scratch(const struct sps_backend *backend, const struct sps_stage *s)
{
    (void)backend;
    size_t full = full_scratch(s), update = 0;
    if (s->columns != NULL)
        update = aligned(s->positions * s->channels) + aligned((size_t)s->window.h * sizeof(int));
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
    if (s->codes)
        j->kern->qgemm((int32_t *)j->sums + at, n, patches, patch_bytes(s), s->quads, s->weight_sums, count, n,
                       patch_bytes(s) / 4);
    else if (s->wide)
        j->kern->bgemm((int32_t *)j->sums + at, n, patches, s->words, s->panels, count, n, s->words,
                       (int32_t)s->fan_in);
    else
        j->kern->bgemm16((int16_t *)j->sums + at, n, patches, s->words, s->panels, count, n, s->words,
                         (int32_t)s->fan_in);
}

static void correct_padding(const struct job *j, int row)
{
    const struct sps_stage *s = j->stage;
    size_t n = s->channels;
    for (int column = 0; column < s->window.cw; column++) {
        const int32_t *c = sps_padding_at(&s->padding, (int)n, row, column);
        size_t at = ((size_t)row * (size_t)s->window.cw + (size_t)column) * n;
        for (size_t o = 0; o < n && s->wide; o++)
            ((int32_t *)j->sums)[at + o] += c[o];
        for (size_t o = 0; o < n && !s->wide; o++)
            ((int16_t *)j->sums)[at + o] = (int16_t)(((int16_t *)j->sums)[at + o] + c[o]);
    }
}

static void conv_task(void *work, size_t task, int worker)
{
    const struct job *j = work;
    const struct sps_stage *s = j->stage;
    char *patches = j->scratch + (size_t)worker * j->stride;
    size_t rows = (size_t)s->window.ch, first = task * j->step, last = first + j->step < rows ? first + j->step : rows,
           columns = (size_t)s->window.cw, bytes = patch_bytes(s);
    for (size_t i = first; i < last; i++)
        for (size_t k = 0; k < columns; k++) {
            char *patch = patches + ((i - first) * columns + k) * bytes;
            if (s->codes)
                sps_window_codes((int8_t *)patch, bytes, &s->window, j->input, (int)i, (int)k);
            else
                sps_window_bits((uint32_t *)(void *)patch, &s->window, j->input, (int)i, (int)k);
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
        j->kern->qgemm((int32_t *)j->sums + first, n, (const int8_t *)j->scratch, 4 * quads,
                       s->quads + first * quads * 4, s->weight_sums + first, 1, n, quads);
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
        size_t rows = (size_t)s->window.ch, share = (rows + threads - 1) / threads, most = rows_at_a_time(s);
        j.step = share < most ? share : most;
        run(team, (rows + j.step - 1) / j.step, conv_task, &j);
        return;
    }
    if (s->codes) { /* whole groups of four codes */
        memset(memory, 0, patch_bytes(s));
        memcpy(memory, input, s->fan_in);
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
    int8_t *changes; /* [positions][channels] */
};

static void drain(const struct update *u)
{
    u->kern->drain(u->sums, u->changes, u->stage->positions * u->stage->channels);
}

/* Taps along one axis that read input `at`: tap first, first + step ... belong to outputs out, out - 1 ... */
struct taps {
    int first, count, out;
};

static struct taps taps_of(int at, int outputs, const struct sps_window *v)
{
    int reach = at + v->pad, first = reach - (outputs - 1) * v->stride; /* read by the last output */
    if (first < 0)
        first = reach % v->stride; /* the same residue, the first tap there is */
    int last = v->kernel - 1 < reach ? v->kernel - 1 : reach;
    return (struct taps){first, first > last ? 0 : (last - first) / v->stride + 1, (reach - first) / v->stride};
}

static void flip_in_conv(const struct update *u, size_t element, int falls)
{
    const struct sps_stage *s = u->stage;
    const struct sps_window *v = &s->window;
    size_t n = s->channels, c = (size_t)v->c;
    int channel = (int)(element % c), column = (int)(element / c) % v->w, row = (int)(element / c) / v->w;
    struct taps down = taps_of(row, v->ch, v), across = taps_of(column, v->cw, v);
    for (int i = 0; i < down.count && across.count > 0; i++) {
        size_t tap = (size_t)((down.first + i * v->stride) * v->kernel + across.first) * c + (size_t)channel;
        size_t at = (size_t)(down.out - i) * (size_t)v->cw + (size_t)across.out;
        u->kern->columns(u->changes + at * n, -(ptrdiff_t)n, s->columns + tap * n,
                         (ptrdiff_t)((size_t)v->stride * c * n), (size_t)across.count, n, falls);
    }
}

static int falls(const uint32_t *input, size_t element)
{
    return !(input[element / 32] >> element % 32 & 1);
}

/* No output is changed more often than bits flip in the `kernel` input rows that it reads.  Flips come row by row. */
static void update_conv(struct update *u, const uint32_t *input, const uint32_t *flips, size_t count, int *in_row)
{
    const struct sps_window *v = &u->stage->window;
    size_t row_size = (size_t)v->w * (size_t)v->c;
    int row = -1, recent = 0; /* flips since the last drain in rows row - kernel + 1 .. row */
    memset(in_row, 0, (size_t)v->h * sizeof *in_row);
    for (size_t i = 0; i < count; i++) {
        int at = (int)(flips[i] / row_size);
        if (at != row) {
            row = at;
            recent = 0;
            for (int k = row < v->kernel ? 0 : row - v->kernel + 1; k <= row; k++)
                recent += in_row[k];
        }
        if (recent == CHANGES_MAX) {
            drain(u);
            memset(in_row, 0, (size_t)v->h * sizeof *in_row);
            recent = 0;
        }
        in_row[row]++;
        recent++;
        flip_in_conv(u, flips[i], falls(input, flips[i]));
    }
    drain(u);
}

static void update_dense(struct update *u, const uint32_t *input, const uint32_t *flips, size_t count)
{
    size_t n = u->stage->channels;
    for (size_t i = 0; i < count; i++) {
        if (i % CHANGES_MAX == 0 && i > 0)
            drain(u);
        u->kern->columns(u->changes, 0, u->stage->columns + flips[i] * n, 0, 1, n, falls(input, flips[i]));
    }
    drain(u);
}

static void update(const struct sps_backend *backend, const struct sps_stage *s, int16_t *out, const uint32_t *input,
                   const uint32_t *flips, size_t count, char *memory)
{
    struct update u = {backend->self, s, out, (int8_t *)memory};
    size_t bytes = s->positions * s->channels;
    memset(u.changes, 0, bytes); /* the scratch is everybody's */
    if (s->conv)
        update_conv(&u, input, flips, count, (int *)(void *)(memory + aligned(bytes)));
    else
        update_dense(&u, input, flips, count);
}

struct sps_backend sps_backend_cpu(const struct sps_kern *kern)
{
    return (struct sps_backend){.name = "cpu",
                                .self = (void *)(uintptr_t)kern,
                                .repeatable = 1,
                                .scratch = scratch,
                                .sums = sums,
                                .update = update};
}
