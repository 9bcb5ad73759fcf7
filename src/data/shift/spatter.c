/* SPDX-License-Identifier: MIT */
/* Drops on the lens: noise N(mean, sd), smoothed, what is above a threshold is wet.
 *
 * Severities 1 to 3 are water.  A drop is lit by its shape: distance (5 x 5 chamfer; Borgefors, CVGIP 34, 1986) from
 * the edges of the wet parts (Canny, PAMI 8, 1986), smoothed, equalised, embossed; times the layer it is added, in pale
 * turquoise.  All steps have OpenCV's arithmetic.
 *
 * Severities 4 and 5 are mud: the wet parts, smoothed, where above 0.8, cover the image in brown.
 *
 * The layer of a larger image is made for 32 pixels a side and magnified, so that drops keep their share of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/shift/kind.h"
#include "data/shift/pixels.h"

enum { EDGE_LOW = 50, EDGE_HIGH = 150, ONE = 1 << 16 /* of distances */, FAR = 20 * ONE };

struct rule {
    float mean, sd, sigma, threshold, strength;
    int mud;
};

struct drops {
    int h, w;
    size_t n;             /* h * w */
    float *layer, *noise; /* [n] */
    int *level, *dx, *dy; /* [n] */
    int *stack;           /* [n] */
    unsigned char *edge;  /* [n] */
};

static sps_status drops_create(struct drops *d, int h, int w)
{
    const size_t n = (size_t)h * w;
    char *block;
    SPS_TRY(sps_calloc(&block, n, 6 * sizeof(float) + 1, "drops of spatter"));
    *d = (struct drops){.h = h, .w = w, .n = n, .layer = (float *)block};
    d->noise = d->layer + n;
    d->level = (int *)(void *)(d->noise + n);
    d->dx = d->level + n;
    d->dy = d->dx + n;
    d->stack = d->dy + n;
    d->edge = (unsigned char *)(d->stack + n);
    return SPS_OK;
}

static int near(const struct drops *d, const int *of, int i, int j, enum sps_border border)
{
    return of[(size_t)sps_border_index(i, d->h, border) * d->w + sps_border_index(j, d->w, border)];
}

/* Sobel's derivatives of level, the image continued by its edge. */
static void derive(struct drops *d)
{
    for (int i = 0; i < d->h; i++)
        for (int j = 0; j < d->w; j++) {
            int dx = 0, dy = 0;
            for (int k = -1; k <= 1; k++) {
                const int weight = k == 0 ? 2 : 1;
                dx += weight * (near(d, d->level, i + k, j + 1, SPS_BORDER_EDGE) -
                                near(d, d->level, i + k, j - 1, SPS_BORDER_EDGE));
                dy += weight * (near(d, d->level, i + 1, j + k, SPS_BORDER_EDGE) -
                                near(d, d->level, i - 1, j + k, SPS_BORDER_EDGE));
            }
            d->dx[(size_t)i * d->w + j] = dx;
            d->dy[(size_t)i * d->w + j] = dy;
        }
}

static int gradient(const struct drops *d, int i, int j)
{
    if (i < 0 || i >= d->h || j < 0 || j >= d->w)
        return 0;
    const size_t at = (size_t)i * d->w + j;
    return abs(d->dx[at]) + abs(d->dy[at]);
}

/* The largest along its own direction, out of four: 0, 45, 90, 135 degrees. */
static int is_crest(const struct drops *d, int i, int j)
{
    const size_t at = (size_t)i * d->w + j;
    const int x = d->dx[at], y = d->dy[at], here = gradient(d, i, j);
    const double slope = abs(y), flat = 0.4142135623730951 * abs(x), steep = 2.414213562373095 * abs(x);
    if (slope < flat)
        return here > gradient(d, i, j - 1) && here >= gradient(d, i, j + 1);
    if (slope > steep)
        return here > gradient(d, i - 1, j) && here >= gradient(d, i + 1, j);
    const int side = (x ^ y) < 0 ? -1 : 1;
    return here > gradient(d, i - 1, j - side) && here > gradient(d, i + 1, j + side);
}

/* edge is 2 on crests above the high threshold and those above the low one that hang together with them. */
static void find_edges(struct drops *d)
{
    size_t waiting = 0;
    derive(d);
    for (int i = 0; i < d->h; i++)
        for (int j = 0; j < d->w; j++) {
            const int here = gradient(d, i, j), strong = here > EDGE_HIGH;
            const size_t at = (size_t)i * d->w + j;
            if (here <= EDGE_LOW || !is_crest(d, i, j))
                continue;
            d->edge[at] = strong ? 2 : 1;
            if (strong)
                d->stack[waiting++] = (int)at;
        }
    while (waiting > 0) {
        const int at = d->stack[--waiting], i = at / d->w, j = at % d->w;
        for (int a = i > 0 ? i - 1 : 0; a <= i + 1 && a < d->h; a++)
            for (int b = j > 0 ? j - 1 : 0; b <= j + 1 && b < d->w; b++) {
                unsigned char *edge = &d->edge[(size_t)a * d->w + b];
                if (*edge == 1) {
                    *edge = 2;
                    d->stack[waiting++] = a * d->w + b;
                }
            }
    }
}

/* Steps of the chamfer that lie before a pixel in the order of reading, of lengths 1, 1.4 and 2.1969; the others are
 * their opposites. */
static const struct step {
    int i, j, length;
} steps[] = {{0, -1, ONE},     {-1, -1, 91750}, {-1, 0, ONE},     {-1, 1, 91750},
             {-2, -1, 143976}, {-2, 1, 143976}, {-1, -2, 143976}, {-1, 2, 143976}};

static void sweep(struct drops *d, int sign)
{
    for (size_t at = 0; at < d->n; at++) {
        const size_t p = sign > 0 ? at : d->n - 1 - at;
        const int i = (int)p / d->w, j = (int)p % d->w;
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            const int a = i + sign * steps[k].i, b = j + sign * steps[k].j;
            if (a < 0 || a >= d->h || b < 0 || b >= d->w)
                continue;
            const int by = d->level[(size_t)a * d->w + b] + steps[k].length;
            if (by < d->level[p])
                d->level[p] = by;
        }
    }
}

/* level: distance from the edges, at most FAR. */
static void measure_distance(struct drops *d)
{
    for (size_t i = 0; i < d->n; i++)
        d->level[i] = d->edge[i] == 2 ? 0 : FAR;
    sweep(d, 1);
    sweep(d, -1);
}

/* Histogram equalisation of level. */
static void equalise(struct drops *d)
{
    size_t count[256] = {0}, sum = 0, lowest = 0;
    uint8_t map[256];
    for (size_t i = 0; i < d->n; i++)
        count[d->level[i]]++;
    while (count[lowest] == 0)
        lowest++;
    if (count[lowest] == d->n)
        return;
    const float scale = 255.0f / (float)(d->n - count[lowest]);
    for (size_t v = lowest; v < 256; v++) {
        sum += v > lowest ? count[v] : 0;
        map[v] = (uint8_t)nearbyintf((float)sum * scale);
    }
    for (size_t i = 0; i < d->n; i++)
        d->level[i] = map[d->level[i]];
}

static int sum_of_nine(const struct drops *d, int i, int j)
{
    int sum = 0;
    for (int a = -1; a <= 1; a++)
        for (int b = -1; b <= 1; b++)
            sum += near(d, d->level, i + a, j + b, SPS_BORDER_MIRROR);
    return sum;
}

/* Mean of 3 x 3: of distances, cut off to whole pixels, and of levels, rounded. */
static int mean_distance(const struct drops *d, int i, int j)
{
    return sum_of_nine(d, i, j) / (9 * ONE);
}

static int smooth(const struct drops *d, int i, int j)
{
    return (2 * sum_of_nine(d, i, j) + 9) / 18;
}

static int emboss(const struct drops *d, int i, int j)
{
    static const int kernel[3][3] = {{-2, -1, 0}, {-1, 1, 1}, {0, 1, 2}};
    int sum = 0;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            sum += kernel[a][b] * near(d, d->level, i + a - 1, j + b - 1, SPS_BORDER_MIRROR);
    return sum < 0 ? 0 : sum > 255 ? 255 : sum;
}

/* level = f(level) of each pixel's neighbourhood, by way of dx. */
static void filter(struct drops *d, int (*f)(const struct drops *, int, int))
{
    for (int i = 0; i < d->h; i++)
        for (int j = 0; j < d->w; j++)
            d->dx[(size_t)i * d->w + j] = f(d, i, j);
    memcpy(d->level, d->dx, d->n * sizeof *d->level);
}

/* layer becomes what water adds, 0 .. strength. */
static void shape_water(struct drops *d, float strength)
{
    for (size_t i = 0; i < d->n; i++) {
        d->level[i] = (int)(d->layer[i] * 255) & 255; /* a value above 1 wraps around, as in the definition */
        d->layer[i] = (float)d->level[i];
    }
    find_edges(d);
    measure_distance(d);
    filter(d, mean_distance);
    equalise(d);
    filter(d, emboss);
    filter(d, smooth);
    float most = 0;
    for (size_t i = 0; i < d->n; i++) {
        d->layer[i] *= (float)d->level[i];
        most = d->layer[i] > most ? d->layer[i] : most;
    }
    for (size_t i = 0; i < d->n && most > 0; i++)
        d->layer[i] *= strength / most;
}

/* layer becomes how much mud covers, 0 .. 1. */
static sps_status shape_mud(struct drops *d, float threshold, double sigma)
{
    for (size_t i = 0; i < d->n; i++)
        d->layer[i] = d->layer[i] > threshold / 2; /* 0, or above the threshold, or between them by magnification */
    SPS_TRY(sps_gaussian(d->layer, d->layer, d->h, d->w, 1, sigma, 4, SPS_BORDER_EDGE));
    for (size_t i = 0; i < d->n; i++)
        d->layer[i] = d->layer[i] < 0.8f ? 0 : d->layer[i];
    return SPS_OK;
}

static sps_status make_layer(struct drops *d, struct sps_shift_job *job, const struct rule *rule)
{
    for (size_t i = 0; i < d->n; i++)
        d->noise[i] = rule->mean + rule->sd * sps_random_normal(&job->random);
    SPS_TRY(sps_gaussian(d->noise, d->noise, d->h, d->w, 1, rule->sigma, 4, SPS_BORDER_EDGE));
    for (size_t i = 0; i < d->n; i++)
        d->noise[i] = d->noise[i] < rule->threshold ? 0 : d->noise[i];
    SPS_TRY(sps_add_zoomed(d->layer, d->noise, d->h, d->w, 1, job->scale, 1));
    if (rule->mud)
        return shape_mud(d, rule->threshold, rule->strength * job->scale);
    shape_water(d, rule->strength);
    return SPS_OK;
}

static sps_status apply(struct sps_shift_job *job)
{
    static const struct rule table[] = {{0.62f, 0.1f, 0.7f, 0.7f, 0.5f, 0},
                                        {0.65f, 0.1f, 0.8f, 0.7f, 0.5f, 0},
                                        {0.65f, 0.3f, 1, 0.69f, 0.5f, 0},
                                        {0.65f, 0.1f, 0.7f, 0.69f, 0.6f, 1},
                                        {0.65f, 0.1f, 0.5f, 0.68f, 0.6f, 1}};
    static const float water[3] = {175 / 255.0f, 238 / 255.0f, 238 / 255.0f},
                       mud[3] = {63 / 255.0f, 42 / 255.0f, 20 / 255.0f};
    const struct rule *rule = &table[job->level];
    const float *colour = rule->mud ? mud : water, grey = sps_luma(colour, 3);
    const size_t c = (size_t)job->c;
    struct drops d;
    SPS_TRY(drops_create(&d, job->h, job->w));
    sps_status status = make_layer(&d, job, rule);
    for (size_t i = 0; i < d.n && status == SPS_OK; i++)
        for (size_t k = 0; k < c; k++) {
            const float x = job->x[i * c + k], wet = d.layer[i];
            job->y[i * c + k] = (rule->mud ? x * (1 - wet) : x) + wet * (c == 3 ? colour[k] : grey);
        }
    sps_free(d.layer);
    return status;
}

const struct sps_shift_kind sps_shift_kind_spatter = {
    .about = {.name = "spatter",
              .summary = "water or mud on the lens",
              .source = SPS_HENDRYCKS,
              .group = SPS_SHIFT_EXTRA,
              .random = 1,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
