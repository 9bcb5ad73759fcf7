/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_CHIP_H
#define SPS_CIM_CHIP_H
/* A chip as a table of parameters: its arrays, converters, scale memory and stochastic units.  Its device is a table of
 * its own (cim/device/device.h) in the same file. */
#include "cim/device/device.h"
#include "spinscale/chip.h"

/* X(field, TYPE, key, default, unit or choices, min, max, help, source) */
#define SPS_CHIP_PARAMS(X)                                                                                             \
    X(about, TEXT, "chip.about", "", "", 0, 0, "what it is, in a line", "")                                            \
    X(method, TEXT, "chip.method", "scale_dropout", "", 0, 0,                                                          \
      "method of networks that come without weights: it decides how many entries a bank has", "")                      \
    X(device_name, TEXT, "device.name", "default", "", 0, 0, "device: a preset's name, or path of a file", "")         \
    X(rows, INT, "array.rows", "128", "", 2, 4096, "word lines of an array", "Scale-Dropout VII-C lost its figure")    \
    X(columns, INT, "array.columns", "128", "", 1, 4096, "bit lines of an array", "")                                  \
    X(mapping, CHOICE, "array.mapping", "unrolled", "unrolled|kernels", 0, 0,                                          \
      "convolutions: each filter unrolled into a column, or K x K arrays, one for each tap", "Scale-Dropout V-C")      \
    X(cell, CHOICE, "array.cell", "complementary", "complementary|single", 0, 0,                                       \
      "a weight is a pair of junctions on two word lines (XNOR), or one junction beside a reference column",           \
      "Scale-Dropout Table I; subset-parameter inference III-C.3")                                                     \
    X(word_line, REAL, "array.word_line", "1 ohm", "ohm", 0, 1e6, "wire between neighbours on a word line",            \
      "NeuroSim, 45 nm: 0.97 ohm")                                                                                     \
    X(bit_line, REAL, "array.bit_line", "3 ohm", "ohm", 0, 1e6, "wire between neighbours on a bit line",               \
      "NeuroSim, 45 nm: 2.92 ohm")                                                                                     \
    X(leakage, REAL, "array.leakage", "0 A", "A", 0, 1e-6,                                                             \
      "mean current of a cell that is not driven through its closed access transistor into the bit line",              \
      "typical 6 pA, assumed: 30 pA/um of a 45 nm low-standby-power transistor, 0.2 um wide")                          \
    X(leakage_spread, REAL, "array.leakage_spread", "0", "", 0, 3,                                                     \
      "standard deviation of that current's logarithm, cell to cell",                                                  \
      "typical 0.9, assumed: 30 mV of threshold, 90 mV a decade")                                                      \
    X(adc, CHOICE, "adc.kind", "flash", "flash|sar|sense", 0, 0,                                                       \
      "converter: flash, successive approximation, or a 1-bit sense amplifier", "")                                    \
    X(adc_bits, INT, "adc.bits", "5", "", 1, 16, "bits of a conversion; 1 for sense", "")                              \
    X(adc_span, REAL, "adc.span", "1", "", 0.01, 1,                                                                    \
      "share of the full range of column sums that the converter covers, around its middle", "")                       \
    X(adc_share, INT, "adc.share", "8", "", 1, 4096, "columns that take turns at one converter", "NeuroSim's default") \
    X(adc_offset, REAL, "adc.offset", "0", "", 0, 1000, "offset, converter to converter, in steps (sigma)", "")        \
    X(adc_gain, REAL, "adc.gain", "0", "", 0, 1, "gain error, converter to converter, relative (sigma)", "")           \
    X(adc_noise, REAL, "adc.noise", "0", "", 0, 1000, "noise, conversion to conversion, in steps (sigma)", "")         \
    X(adc_bow, REAL, "adc.bow", "0", "", 0, 1000, "nonlinearity: largest deviation, half way up and down, in steps",   \
      "")                                                                                                              \
    X(scale, CHOICE, "scale.memory", "sram", "sram|crossbar", 0, 0,                                                    \
      "where the scale vectors are: a memory beside the array, or a crossbar of multi-level cells", "")                \
    X(scale_bits, INT, "scale.bits", "32", "", 1, 32, "bits of a scale", "Scale-Dropout V-C: 32-bit SRAM")             \
    X(scale_use, CHOICE, "scale.use", "fold", "fold|multiply", 0, 0,                                                   \
      "scale, bias and normalisation folded into a threshold for each entry, or multiplied out", "")                   \
    X(skip_bits, INT, "skip.bits", "16", "", 10, 32,                                                                   \
      "bits of a number in the buffers of skip connections: sign, 8 of exponent, the rest", "assumed: bfloat16")       \
    X(unit, CHOICE, "unit.per", "network", "network|layer|map|neuron", 0, 0,                                           \
      "stochastic units: one for the network, for each layer, input map or input neuron", "Scale-Dropout Table VII")   \
    X(reuse, CHOICE, "reuse", "none", "none|first|paths", 0, 0,                                                        \
      "what passes share: nothing, the first layer's sums, or all layers up to where their paths part", "ours")

struct sps_chip_params {
    SPS_PARAMS_STRUCT(SPS_CHIP_PARAMS)
};
extern const struct sps_param sps_chip_params[];

enum { SPS_UNROLLED, SPS_KERNELS };
enum { SPS_COMPLEMENTARY, SPS_SINGLE };
enum { SPS_ADC_FLASH, SPS_ADC_SAR, SPS_ADC_SENSE };
enum { SPS_SCALE_SRAM, SPS_SCALE_CROSSBAR };
enum { SPS_SCALE_FOLD, SPS_SCALE_MULTIPLY };
enum { SPS_UNIT_NETWORK, SPS_UNIT_LAYER, SPS_UNIT_MAP, SPS_UNIT_NEURON };
enum { SPS_REUSE_NONE, SPS_REUSE_FIRST, SPS_REUSE_PATHS };

struct sps_chip {
    struct sps_chip_params p;
    struct sps_device *device;
    char name[256];
    char *text; /* everything resolved, as YAML */
};

/* From a file in memory (tests, fuzzing); NULL: defaults. */
sps_status sps_chip_read(sps_chip **out, const char *name, const sps_yaml *yaml, const char *const *sets,
                         size_t set_count);
#endif
