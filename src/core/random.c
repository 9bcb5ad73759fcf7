/* SPDX-License-Identifier: MIT */
#include "core/random.h"

#include <Random123/philox.h>
#include <math.h>

struct sps_random sps_random(uint64_t seed, enum sps_purpose purpose, uint32_t item, uint32_t pass, uint32_t layer)
{
    return (struct sps_random){
        .seed = seed, .purpose_layer = (uint32_t)purpose << 24 | layer, .item = item, .pass = pass};
}

void sps_random_jump(struct sps_random *r, uint32_t block)
{
    r->block = block;
    r->left = 0;
    r->has_normal = 0;
}

uint32_t sps_random_u32(struct sps_random *r)
{
    if (r->left == 0) {
        philox4x32_ctr_t counter = {{r->block++, r->item, r->pass, r->purpose_layer}};
        philox4x32_key_t key = {{(uint32_t)r->seed, (uint32_t)(r->seed >> 32)}};
        philox4x32_ctr_t out = philox4x32_R(10, counter, key);
        for (int i = 0; i < 4; i++)
            r->buffer[i] = out.v[i];
        r->left = 4;
    }
    return r->buffer[4 - r->left--];
}

float sps_random_uniform(struct sps_random *r)
{
    return (float)(sps_random_u32(r) >> 8) * 0x1p-24f;
}

uint32_t sps_random_below(struct sps_random *r, uint32_t n)
{
    /* Lemire's multiply and reject: the low half tells whether the draw fell into the uneven rest. */
    uint64_t product = (uint64_t)sps_random_u32(r) * n;
    uint32_t rest = (0u - n) % n;
    while ((uint32_t)product < rest)
        product = (uint64_t)sps_random_u32(r) * n;
    return (uint32_t)(product >> 32);
}

float sps_random_normal(struct sps_random *r)
{
    if (r->has_normal) {
        r->has_normal = 0;
        return r->normal;
    }
    float u = 1.0f - sps_random_uniform(r); /* (0, 1]: its logarithm is finite */
    float angle = 6.28318530717958647692f * sps_random_uniform(r);
    float radius = sqrtf(-2.0f * logf(u));
    r->normal = radius * sinf(angle);
    r->has_normal = 1;
    return radius * cosf(angle);
}

void sps_random_permutation(struct sps_random *r, uint32_t *order, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = sps_random_below(r, i + 1);
        order[i] = j < i ? order[j] : i;
        order[j] = i;
    }
}
