/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_PARTS_H
#define SPS_CIM_PARTS_H
/* What parts cost: figures with their bands, nodes and origins.  Both papers' own table of components is lost (Table II
 * of Scale-Dropout), so nothing here is theirs but the stochastic unit's power; nothing is fitted to their results.
 *
 * X(key, low, typical, high, unit, node in nm, method, source) */
#define SPS_PARTS(X)                                                                                                   \
    X(word_line, 0.02e-12, 0.048e-12, 0.1e-12, "J a line of 128 cells", 45, "assumed",                                 \
      "40 fF charged to 1.1 V; wire and gate capacitances of 45 nm")                                                   \
    X(decoder, 0.1e-12, 0.59e-12, 6.8e-12, "J an activation", 45, "simulated",                                         \
      "NVSim r131, 128 x 128: 13.9 pJ a read less 128 sense amplifiers of 0.104 pJ (high: STT sample cell)")           \
    X(comparator, 9e-15, 27e-15, 58e-15, "J a comparator of a flash converter", 40, "measured",                        \
      "32 nm 6-bit 5 GS/s and 40 nm 6-bit 3 GS/s flash converters, Murmann survey (low: NeuroSim's 45 nm)")            \
    X(sar_bit, 0.051e-12, 0.2e-12, 0.26e-12, "J a bit of a successive-approximation converter", 32, "scaled",          \
      "Kull's 5 bits at 0.99 pJ in Accelergy (low: NeuroSim 45 nm; high: tenth percentile of the Murmann survey)")     \
    X(sense, 0.0013e-12, 0.104e-12, 0.126e-12, "J a sense amplifier", 45, "simulated",                                 \
      "NVSim r131, current mode (low: voltage mode, whose bit line takes 58 ns at 1 Mohm; high: its 32 nm)")           \
    X(add, 0.03e-12, 0.05e-12, 0.1e-12, "J an addition of 16 bits", 45, "literature", "Horowitz, ISSCC 2014")          \
    X(flip_flop, 6e-15, 9e-15, 12e-15, "J a bit of a register", 40, "simulated", "Aladdin, 40 nm")                     \
    X(compare, 0.015e-12, 0.029e-12, 0.06e-12, "J a comparison", 40, "simulated", "Aladdin, 40 nm, 32 bits")           \
    X(multiply, 2e-12, 3.1e-12, 3.7e-12, "J a multiplication of 32 bits; falls with the square of the bits", 45,       \
      "literature", "Horowitz, ISSCC 2014 (8 bits: 0.2 pJ)")                                                           \
    X(sram, 0.64e-12, 1.0e-12, 2.9e-12, "J a 32-bit word of 1 to 4 KB", 45, "simulated", "CACTI 7")                    \
    X(average, 0.05e-12, 0.1e-12, 0.2e-12, "J a sum of 32 bits", 45, "literature", "Horowitz, ISSCC 2014")             \
    X(exponential, 4e-12, 10e-12, 40e-12, "J an exponential", 45, "assumed", "two 32-bit multiply-adds and a table")   \
    X(wire, 0.05e-12, 0.1e-12, 0.2e-12, "J a bit and mm", 45, "assumed", "0.2 fF/um, repeaters, 0.9 to 1.1 V")         \
    X(clock, 0, 0.1, 0.3, "of the digital energy", 40, "assumed", "clock tree and control")                            \
    X(leakage, 2.1e-8, 2.1e-8, 5.3e-6, "W a KB of memory, or an array", 45, "simulated",                               \
      "CACTI 7, 1 KB: low standby power (high: low operating power)")                                                  \
    X(flash_time, 0.2e-9, 1e-9, 2e-9, "s a flash conversion", 40, "measured", "0.3 to 5 GS/s in the Murmann survey")   \
    X(sar_time, 1e-9, 9e-9, 10e-9, "s a successive-approximation conversion", 45, "simulated", "NeuroSim, 45 nm")      \
    X(sense_time, 0.5e-9, 0.81e-9, 1.5e-9, "s a sense amplifier", 45, "simulated", "NVSim r131")                       \
    X(array_area, 4.1e-9, 5.8e-9, 19.8e-9, "m2, 128 x 128 cells with decoders and 16 sense amplifiers", 45,            \
      "simulated", "NVSim r131 (low, high: NVMExplorer's version, 8 columns and 1 column a sense amplifier)")          \
    X(comparator_area, 20e-12, 100e-12, 333e-12, "m2 a comparator of a flash converter", 40, "scaled",                 \
      "high: 0.021 mm2 of a 6-bit 40 nm converter; typical and low assumed for relaxed speed")                         \
    X(sar_area, 300e-12, 1650e-12, 5000e-12, "m2 a successive-approximation converter", 40, "scaled",                  \
      "MNSIM's 6 bits (1650 um2); band assumed")                                                                       \
    X(add_area, 179e-12, 200e-12, 278e-12, "m2 an adder of 32 bits", 40, "simulated", "Aladdin, 40 nm")                \
    X(flip_flop_area, 6e-12, 6e-12, 8e-12, "m2 a bit of a register", 40, "simulated", "Aladdin, 40 nm")                \
    X(multiply_area, 2000e-12, 4000e-12, 6000e-12, "m2 a multiplier of 32 bits; falls with the square of the bits",    \
      45, "assumed", "a carry-save array of 1024 full adders")                                                         \
    X(sram_area, 3.4e-9, 3.4e-9, 5e-9, "m2 a KB", 45, "simulated", "CACTI 7")                                          \
    X(unit_area, 50e-12, 100e-12, 300e-12, "m2 a stochastic unit", 40, "assumed",                                      \
      "four drive transistors for some 100 uA, sense amplifier")

enum sps_part_key {
#define SPS_PART_ENUM(key, ...) SPS_PART_##key,
    SPS_PARTS(SPS_PART_ENUM)
#undef SPS_PART_ENUM
        SPS_PART_COUNT
};

struct sps_part {
    const char *key;
    double low, typical, high;
    const char *unit;
    int node;
    const char *method, *source;
};
extern const struct sps_part sps_parts[SPS_PART_COUNT];
#endif
