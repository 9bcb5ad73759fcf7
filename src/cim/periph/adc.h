/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_ADC_H
#define SPS_CIM_ADC_H
/* A column's converter.  A column sum is counted in junctions: n inputs are driven, v of them, more or less, meet a
 * parallel junction; what antiparallel ones conduct is taken off by the array's reference column.  The converter covers
 * `span` of the range 0 .. n around its middle in 2^bits levels; where there are levels enough, a step is one junction
 * and sums are exact. */
#include <stddef.h>

struct sps_adc {
    float low, step, top; /* level k stands for low + k step; top is the last level's number */
};

struct sps_adc sps_adc_for(size_t inputs, int bits, double span);

/* Errors of the converters behind `count` columns, [count] each, in steps; noise may be NULL. */
struct sps_adc_errors {
    const float *gain, *offset, *noise;
    float bow;
};

/* sums[i] becomes what the converter says of it. */
void sps_adc_convert(const struct sps_adc *adc, const struct sps_adc_errors *errors, float *sums, size_t count);
#endif
