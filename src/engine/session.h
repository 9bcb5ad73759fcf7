/* SPDX-License-Identifier: MIT */
#ifndef SPS_ENGINE_SESSION_H
#define SPS_ENGINE_SESSION_H
#include "engine/backend.h"
#include "spinscale/engine.h"

/* Who draws the picks of a path: the declared probabilities (core/path.h), or a simulated stochastic device. */
struct sps_sampler {
    const void *self;
    void (*draw)(const void *self, uint8_t *picks, uint64_t seed, uint32_t image, uint32_t pass);
};

/* A session whose sums come from `backend` and whose paths from `sampler`; NULL: the CPU; the declared probabilities.
 * Both are copied; what they point to must outlive the session. */
sps_status sps_session_create_on(sps_session **out, const sps_packed *packed, const struct sps_session_options *options,
                                 const struct sps_backend *backend, const struct sps_sampler *sampler);
#endif
