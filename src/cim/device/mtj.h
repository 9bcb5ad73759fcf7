/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_MTJ_H
#define SPS_CIM_MTJ_H
/* Paths picked by stochastic units in place of the ideal draw (core/path.h): the sampler `mtj`.
 *
 * A unit gives the bits of all its picks one after the other (cim/device/unit.h), and which picks those are is a matter
 * of arrangement: of the whole network, of a layer, or of a single pick (a neuron or map, for banks with one pick for
 * each channel).  Before an image's first pass units rest and are RESET for certain.
 *
 * A path is a function of (chip seed, image, pass): the state that a failed RESET hands on from the pass before is
 * found by looking back as far as it matters.  For the drift, bits done are counted by their expected number in the
 * images and passes before. */
#include "cim/device/device.h"
#include "cim/device/usage.h"
#include "core/path.h"

typedef struct sps_mtj sps_mtj;

struct sps_mtj_options {
    uint64_t chip_seed; /* sps_chip_seed() */
    uint32_t passes;    /* of one prediction; only the drift depends on it */
    enum sps_arrangement arrangement;
};

/* device outlives the sampler; the banks are copied.  SPS_EINVAL where a probability that is needed has no allowed
 * current.  Immutable: threads may share it. */
sps_status sps_mtj_create(sps_mtj **out, const sps_device *device, const struct sps_path_bank *banks, int count,
                          const struct sps_mtj_options *options);
void sps_mtj_free(sps_mtj *mtj); /* NULL is allowed */

/* As sps_path_draw(): picks[] of one image and pass, all banks one after the other. */
void sps_mtj_draw(const sps_mtj *mtj, uint8_t *picks, uint32_t image, uint32_t pass);

/* Exact distribution of pick `pick` of a bank over its entries, as this chip's units have it before drift; without
 * correlation and redraw.  *bits: expected for one pick. */
void sps_mtj_distribution(const sps_mtj *mtj, double *distribution, double *bits, int bank, int pick);

/* Units there are, and whether one of them works outside the law's validity: by its current, which the device then
 * allows, or by its own spread. */
uint32_t sps_mtj_units(const sps_mtj *mtj);
int sps_mtj_extrapolated(const sps_mtj *mtj);
#endif
