/* SPDX-License-Identifier: MIT */
/* a x + b frost.  The definition cuts its frost from five photographs, which are not ours to ship.  The substitute is a
 * drawn texture on 0 .. 1: needles, ridges of smooth noise (Perlin's "turbulence", SIGGRAPH 1985, with ridges
 * 1 - |2 n - 1|) in three octaves, stretched along one random direction, over a slow change of thickness, faintly blue.
 * Its lengths follow the image's shorter side, as a crop of a photograph scaled with the image would. */
#include <math.h>

#include "data/shift/kind.h"
#include "data/shift/pixels.h"

enum { LATTICE = 16 };

struct noise {
    float value[LATTICE][LATTICE]; /* uniform, periodic */
};

static void draw(struct noise *noise, struct sps_random *random)
{
    for (int i = 0; i < LATTICE; i++)
        for (int j = 0; j < LATTICE; j++)
            noise->value[i][j] = sps_random_uniform(random);
}

static float smooth(float t)
{
    return t * t * (3 - 2 * t);
}

static float noise_at(const struct noise *noise, float y, float x)
{
    const float top = floorf(y), left = floorf(x), v = smooth(y - top), u = smooth(x - left);
    const unsigned i = (unsigned)(int)top % LATTICE, j = (unsigned)(int)left % LATTICE, i1 = (i + 1) % LATTICE,
                   j1 = (j + 1) % LATTICE;
    const float a = noise->value[i][j] + u * (noise->value[i][j1] - noise->value[i][j]),
                b = noise->value[i1][j] + u * (noise->value[i1][j1] - noise->value[i1][j]);
    return a + v * (b - a);
}

static float ridge(float noise)
{
    const float r = 1 - fabsf(2 * noise - 1);
    return r * r;
}

static sps_status apply(struct sps_shift_job *job)
{
    static const float table[][2] = {{1, 0.2f}, {1, 0.3f}, {0.9f, 0.4f}, {0.85f, 0.4f}, {0.75f, 0.45f}};
    static const float tint[3] = {0.92f, 1, 1.06f};
    const float a = table[job->level][0], b = table[job->level][1];
    const int c = job->c;
    struct noise octave[3], thickness;
    for (int k = 0; k < 3; k++)
        draw(&octave[k], &job->random);
    draw(&thickness, &job->random);
    const float angle = 3.14159265f * sps_random_uniform(&job->random), cosine = cosf(angle), sine = sinf(angle),
                unit = (float)(1 / (32 * job->scale));
    size_t at = 0;
    for (int i = 0; i < job->h; i++)
        for (int j = 0; j < job->w; j++) {
            const float x = (float)j * unit, y = (float)i * unit, along = cosine * x + sine * y,
                        across = cosine * y - sine * x;
            float needles = 0, share = 0.5f;
            for (int k = 0, waves = 1; k < 3; k++, waves *= 2, share /= 2)
                needles += share * ridge(noise_at(&octave[k], 6 * waves * across, 2 * waves * along));
            const float slow = noise_at(&thickness, 2 * y, 2 * x), frost = 0.25f + 0.35f * slow + 0.5f * needles;
            for (int k = 0; k < c; k++, at++)
                job->y[at] = a * job->x[at] + b * sps_clip01(c == 3 ? frost * tint[k] : frost);
        }
    return SPS_OK;
}

const struct sps_shift_kind sps_shift_kind_frost = {
    .about = {.name = "frost",
              .summary = "frost on the lens (a drawn texture, not the photographs)",
              .source = SPS_HENDRYCKS "; the texture is our own",
              .group = SPS_SHIFT_CORRUPTION,
              .random = 1,
              SPS_FIVE_SEVERITIES},
    .apply = apply,
};
