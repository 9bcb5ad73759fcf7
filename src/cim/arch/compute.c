/* SPDX-License-Identifier: MIT */
/* The chip as a backend of the executor: column sums of all row tiles, converted and added up. */
#include <math.h>
#include <string.h>

#include "cim/arch/histogram.h"
#include "cim/arch/instance.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/vector.h"

/* ---- columns ---- */

/* Each of these is one pass over a row of columns; the order of the additions is that of the inputs, so the numbers are
 * those of every vector width. */
SPS_VECTOR static void take_row(float *restrict sums, const float *restrict row, size_t width)
{
    for (size_t c = 0; c < width; c++)
        sums[c] -= row[c];
}

SPS_VECTOR static void give_row(float *restrict sums, const float *restrict row, size_t width)
{
    for (size_t c = 0; c < width; c++)
        sums[c] += row[c];
}

/* Rows of the inputs among first .. first + count - 1 that are +1.  Returns how many. */
SPS_VECTOR static size_t add_ones(float *restrict sums, const float *restrict rise, const uint32_t *bits, size_t first,
                                  size_t count, size_t width)
{
    size_t ones = 0, end = first + count;
    for (size_t w = first / 32; w < (end + 31) / 32; w++) {
        uint32_t word = bits[w];
        if (w == first / 32)
            word &= ~0u << first % 32;
        if (end - w * 32 < 32)
            word &= ~(~0u << (end - w * 32));
        for (; word != 0; word &= word - 1, ones++) {
            const float *row = rise + (w * 32 + (size_t)__builtin_ctz(word)) * width;
            for (size_t c = 0; c < width; c++)
                sums[c] += row[c];
        }
    }
    return ones;
}

/* total += weight (slope sums + shift + turn weight_sum) */
SPS_VECTOR static void add_converted(float *restrict total, const float *restrict sums,
                                     const float *restrict weight_sum, float slope, float shift, float turn,
                                     float weight, size_t width)
{
    for (size_t c = 0; c < width; c++)
        total[c] += weight * (slope * sums[c] + shift + turn * weight_sum[c]);
}

/* ---- one position ---- */

struct position {
    const struct sps_chip_instance *instance;
    const struct sps_chip_layer *layer;
    const uint32_t *bits; /* of the patch, one plane after the other */
    int row, column;      /* of the output: which taps are padded */
    float *sums, *noise, *total;
    struct sps_random *random; /* NULL where reads do not differ */
};

static int is_padded(const struct position *p)
{
    const struct sps_stage *s = p->layer->stage;
    return !s->codes && s->conv && s->padding.correction != NULL && !sps_padding_none(&s->padding, p->row, p->column);
}

/* Inputs of a tile that lie in the padding are not driven at all; their bits read as -1.  Returns how many are. */
static size_t take_padding(const struct position *p, size_t first, size_t count)
{
    const struct sps_window *v = &p->layer->stage->window;
    size_t channels = (size_t)v->c, taken = 0;
    int top, bottom, left, right;
    sps_window_taps(&top, &bottom, p->row, v->stride, v->pad, v->kernel, v->h);
    sps_window_taps(&left, &right, p->column, v->stride, v->pad, v->kernel, v->w);
    for (size_t i = first; i < first + count;) {
        size_t tap = i / channels, end = (tap + 1) * channels;
        int y = (int)tap / v->kernel, x = (int)tap % v->kernel;
        end = end < first + count ? end : first + count;
        if (y >= top && y < bottom && x >= left && x < right) {
            i = end;
            continue;
        }
        for (; i < end; i++, taken++) {
            take_row(p->sums, p->layer->minus + i * p->layer->width, p->layer->width);
            if (p->layer->idle != NULL)
                give_row(p->sums, p->layer->idle + i * p->layer->width, p->layer->width);
        }
    }
    return taken;
}

/* Noise of a conversion, in steps: the converter's own, and that of the junctions it reads, of which about v are
 * parallel. */
static void draw_noise(const struct position *p, const struct sps_adc *adc, size_t driven)
{
    const struct sps_chip *chip = p->instance->chip;
    double own = chip->p.adc_noise, read = chip->device->params.sigma_read / adc->step;
    const double *g = p->instance->nominal.of;
    double unit = 1 / (g[SPS_PARALLEL] - g[SPS_ANTIPARALLEL]);
    double parallel = g[SPS_PARALLEL] * unit, antiparallel = g[SPS_ANTIPARALLEL] * unit;
    for (size_t c = 0; c < p->layer->stage->channels; c++) {
        double v = p->sums[c];
        v = v < 0 ? 0 : v > (double)driven ? (double)driven : v;
        double variance =
            own * own + read * read * (v * parallel * parallel + ((double)driven - v) * antiparallel * antiparallel);
        p->noise[c] = (float)sqrt(variance) * sps_random_normal(p->random);
    }
}

static void compute_tile(const struct position *p, size_t t, const uint32_t *bits, float weight)
{
    const struct sps_chip_layer *l = p->layer;
    size_t first = 0, count = sps_layout_tile(l->layout, t, &first), width = l->width, at = t * width, driven = count;
    int single = l->layout->rows_per_input == 1, exact = p->instance->options.level == SPS_CHIP_IDEAL;
    memcpy(p->sums, l->base + at, width * sizeof *p->sums);
    size_t ones = add_ones(p->sums, l->rise, bits, first, count, width);
    if (is_padded(p))
        driven -= take_padding(p, first, count);
    if (p->instance->histogram != NULL)
        sps_histogram_add(&p->instance->histogram[l->stage->index], p->sums, l->stage->channels);
    if (p->random != NULL)
        draw_noise(p, &l->adc[t], single ? ones : driven);
    const struct sps_adc_errors errors = {l->gain + at, l->offset + at, p->random != NULL ? p->noise : NULL,
                                          exact ? 0 : (float)p->instance->chip->p.adc_bow};
    sps_adc_convert(&l->adc[t], &errors, p->sums, width);
    /* Pairs: of `driven` products v are +1.  Single junctions: of `ones` weights v are +1, and the product is twice the
     * sum of the weights at +1, less the sum of all weights that are driven. */
    float shift = single ? -2 * (float)ones : -(float)driven;
    add_converted(p->total, p->sums, l->weight_sum + at, single ? 4 : 2, shift, single ? -1 : 0, weight, width);
}

/* Single junctions are short of the weights of padded taps, which are not driven. */
static void give_padding(const struct position *p)
{
    const struct sps_stage *s = p->layer->stage;
    if (p->layer->layout->rows_per_input > 1 || !is_padded(p))
        return;
    const int32_t *padded = sps_padding_at(&s->padding, (int)s->channels, p->row, p->column);
    for (size_t c = 0; c < s->channels; c++)
        p->total[c] += (float)padded[c];
}

/* total[channels] becomes the layer's sums. */
static void compute_position(const struct position *p)
{
    const struct sps_chip_layer *l = p->layer;
    const struct sps_layer_layout *layout = l->layout;
    size_t words = sps_words(layout->fan_in), planes = (size_t)layout->planes;
    memset(p->total, 0, l->width * sizeof *p->total);
    for (size_t t = 0; t < layout->row_tiles; t++)
        for (size_t k = 0; k < planes; k++)
            compute_tile(p, t, p->bits + k * words, (float)(1 << k));
    give_padding(p);
    /* Codes are sums of 2^k b_k - 128, with b_k = (x_k + 1) / 2 and planes x_k of +-1: 255/2 - 128 = -1/2.  Levels have
     * nothing taken off: (2^planes - 1) / 2. */
    float off = l->stage->codes == SPS_SIGNED_CODES ? -1 : (float)((1 << planes) - 1);
    for (size_t t = 0; t < layout->row_tiles && l->stage->codes; t++)
        for (size_t c = 0; c < l->width; c++)
            p->total[c] += off * l->weight_sum[t * l->width + c];
    for (size_t c = 0; c < l->width && l->stage->codes; c++)
        p->total[c] *= 0.5f;
}

/* ---- the backend ---- */

struct room {
    void *padded, *patches;
    uint32_t *planes;
    float *sums, *noise, *total;
    int32_t *all; /* sums before pooling, where they are pooled at once */
    size_t bytes;
};

static size_t width_of(const struct sps_stage *s)
{
    return (s->channels + 15) / 16 * 16;
}

static struct room make_room(const struct sps_stage *s, char *memory)
{
    static char origin[1]; /* only differences are used */
    char *start = memory != NULL ? memory : origin, *at = start;
    struct room r;
    size_t columns = s->conv ? (size_t)s->window.cw : 1, width = width_of(s) * sizeof(float);
    r.padded = sps_carve(&at, s->conv ? sps_window_padded_size(&s->window, s->codes) : s->in_size + 4);
    r.patches = sps_carve(&at, s->conv ? sps_window_patches_size(&s->window, s->codes, columns) : 0);
    r.planes = sps_carve(&at, s->codes ? 8 * sps_words(s->fan_in) * sizeof(uint32_t) : 0);
    r.sums = sps_carve(&at, width);
    r.noise = sps_carve(&at, width);
    r.total = sps_carve(&at, width);
    r.all = sps_carve(&at, s->pools_at_once ? s->positions * s->channels * sizeof(int32_t) : 0);
    r.bytes = (size_t)(at - start);
    return r;
}

static size_t scratch(const struct sps_backend *backend, const struct sps_stage *stage)
{
    (void)backend;
    return make_room(stage, NULL).bytes;
}

/* Bit k of each number, k after k. */
static void split_planes(uint32_t *planes, const uint8_t *numbers, size_t count, size_t words)
{
    memset(planes, 0, 8 * words * sizeof *planes);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 8; k++)
            planes[k * words + i / 32] |= (uint32_t)(numbers[i] >> k & 1) << i % 32;
}

static void store(const struct sps_stage *s, void *sums, size_t position, const float *total, int32_t *all)
{
    size_t at = position * s->channels;
    for (size_t c = 0; c < s->channels; c++) {
        int32_t z = (int32_t)lrintf(total[c]);
        if (s->pools_at_once)
            all[at + c] = z;
        else if (s->wide)
            ((int32_t *)sums)[at + c] = z;
        else
            ((int16_t *)sums)[at + c] = (int16_t)z;
    }
}

/* Where the numbers of a position's noise start in the stream of image, pass and layer. */
static uint32_t noise_block(const struct sps_layer_layout *l, size_t width, size_t position)
{
    enum { NORMALS_A_BLOCK = 4 };
    size_t normals = l->row_tiles * (size_t)l->planes * width;
    return (uint32_t)(position * ((normals + NORMALS_A_BLOCK - 1) / NORMALS_A_BLOCK));
}

static void sums(const struct sps_backend *backend, const struct sps_stage *s, void *out, const void *input,
                 const struct sps_moment *moment, struct sps_team *team, char *memory, size_t stride)
{
    (void)team;
    (void)stride;
    const struct sps_chip_instance *chip = backend->self;
    struct room r = make_room(s, memory);
    struct sps_random random = {0};
    struct position p = {.instance = chip,
                         .layer = &chip->layers[s->index],
                         .sums = r.sums,
                         .noise = r.noise,
                         .total = r.total,
                         .random = chip->noisy ? &random : NULL};
    int rows = s->conv ? s->window.ch : 1, columns = s->conv ? s->window.cw : 1;
    size_t patch = s->conv ? sps_window_patch_size(&s->window, s->codes) : 0;
    if (s->conv)
        sps_window_pad(r.padded, &s->window, s->codes, input);
    for (size_t i = 0; i < s->in_size && !s->conv && s->codes; i++)
        ((uint8_t *)r.padded)[i] = ((const uint8_t *)input)[i] ^ (s->codes == SPS_SIGNED_CODES ? 0x80 : 0);
    for (p.row = 0; p.row < rows; p.row++) {
        if (s->conv)
            sps_window_row(r.patches, &s->window, s->codes, r.padded, p.row);
        for (p.column = 0; p.column < columns; p.column++) {
            size_t position = (size_t)p.row * (size_t)columns + (size_t)p.column;
            const void *at = s->conv ? (const char *)r.patches + (size_t)p.column * patch : s->codes ? r.padded : input;
            if (s->codes)
                split_planes(r.planes, at, s->fan_in, sps_words(s->fan_in));
            p.bits = s->codes ? r.planes : at;
            if (chip->noisy) {
                random = sps_random(moment->seed ^ chip->seed, SPS_FOR_READ, moment->image, moment->pass,
                                    (uint32_t)s->index);
                random.block = noise_block(p.layer->layout, p.layer->width, position);
            }
            compute_position(&p);
            store(s, out, position, r.total, r.all);
        }
    }
    if (s->pools_at_once)
        chip->plan->kern->pool32(out, r.all, (size_t)rows, (size_t)columns, s->channels, (size_t)s->window_size,
                                 s->window_ceil);
}

struct sps_backend sps_backend_chip(const struct sps_chip_instance *instance)
{
    static const enum sps_shares shares[] = {[SPS_REUSE_NONE] = SPS_SHARES_NOTHING,
                                             [SPS_REUSE_FIRST] = SPS_SHARES_FIRST,
                                             [SPS_REUSE_PATHS] = SPS_SHARES_PATHS};
    /* Where reads do not differ, what is shared changes no number: then the quickest way is taken. */
    return (struct sps_backend){.name = "chip",
                                .self = (void *)(uintptr_t)instance,
                                .kept_bits =
                                    instance->options.level == SPS_CHIP_IDEAL ? 0 : (int)instance->chip->p.skip_bits,
                                .shares = instance->noisy ? shares[instance->chip->p.reuse] : SPS_SHARES_PATHS,
                                .scratch = scratch,
                                .sums = sums};
}
