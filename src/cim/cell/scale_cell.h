/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_SCALE_CELL_H
#define SPS_CIM_SCALE_CELL_H
/* The multi-level cell of the subset-parameter paper: four junctions on one track, in parallel between shared
 * electrodes, so five conductances (0 to 4 of them parallel).  A scale's code stands in several cells as a number to
 * base five, lowest digit first; each is read by a converter of four comparators half way between the levels of a
 * nominal cell.
 *
 * The paper lets the four share top and bottom electrodes; writing them one by one is shown in hardware with separate
 * gates only (npj Spintronics 2024, Fig. 10).  Here any level can be written. */
#include "cim/array/junctions.h"

enum { SPS_SCALE_JUNCTIONS = 4, SPS_SCALE_LEVELS = SPS_SCALE_JUNCTIONS + 1 };

/* Cells that hold `bits` bits. */
int sps_scale_cells(int bits);

/* Codes 0 .. 2^bits - 1 stand for code * step; a sign is kept beside, in the comparison's direction.  The largest step
 * of which all scale[count] are multiples (to 1e-4), where there is one: scales that were trained on a grid are then
 * held exactly.  Else the finest step that reaches the largest.  0 where all are 0. */
double sps_scale_step(const float *scale, size_t count, int bits);

/* Noise of the read (device.sigma_read) is drawn once for a chip: thresholds are folded from what is read, so a scale
 * is read when the chip is set up, and stays.
 *
 * What is read where `code` was written into cells of one chip: `first` numbers the first junction in its array. */
uint32_t sps_scale_read(uint32_t code, int cells, const struct sps_device *device,
                        const struct sps_conductance *nominal, uint64_t chip_seed, uint32_t array, uint32_t first);
#endif
