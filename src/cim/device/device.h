/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_DEVICE_H
#define SPS_CIM_DEVICE_H
/* The spin-orbit-torque magnetic tunnel junction (SOT-MTJ): what it conducts, and when it switches.
 *
 * A device is a table of parameters, read from YAML: everything stands below the key `device`, so that a chip's file
 * can name a device and change single parameters of it. */
#include "conf/params.h"
#include "spinscale/device.h"

/* X(field, TYPE, key, default, unit or choices, min, max, help, source) */
#define SPS_DEVICE_PARAMS(X)                                                                                           \
    X(about, TEXT, "device.about", "", "", 0, 0, "what it is, in a line", "")                                          \
    X(origin, TEXT, "device.source", "", "", 0, 0, "where its figures come from", "")                                  \
    X(r_p, REAL, "device.r_p", "1 Mohm", "ohm", 1, 1e12, "resistance, parallel, at no bias",                           \
      "Scale-Dropout V-C: up to several Mohm")                                                                         \
    X(tmr, REAL, "device.tmr", "1.5", "", 0.01, 100, "tunnel magnetoresistance at no bias and 300 K, R_AP / R_P - 1",  \
      "arXiv 2510.25853: 150 %")                                                                                       \
    X(v_half, REAL, "device.v_half", "0.5 V", "V", 0.001, 1000, "bias at which it has fallen to half",                 \
      "VGSOT model, Zhang 2020")                                                                                       \
    X(polarisation_slope, REAL, "device.polarisation_slope", "2e-5", "", 0, 1e-3,                                      \
      "beta of P(T) = P0 (1 - beta T^1.5), by which it falls with temperature, per K^1.5", "Julliere; Shang 1998")     \
    X(resistance_table, TEXT, "device.resistance_table", "", "", 0, 0,                                                 \
      "CSV of V_V, R_P_ohm, R_AP_ohm, measured at device.temperature, in place of r_p, tmr and v_half", "")            \
    X(law, CHOICE, "device.law", "linear", "linear|macrospin|quadratic|fokker_planck", 0, 0,                           \
      "barrier under a current I below Ic0: linear 1 - I/Ic0; macrospin, exact; quadratic (1 - I/Ic0)^2; "             \
      "fokker_planck: no barrier, but the solution of that equation for axial torque, at any I and t",                 \
      "Scale-Dropout eq. 25; Lee and Lee 2016; Taniguchi and Imamura 2012; Brown 1963")                                \
    X(delta, REAL, "device.delta", "45", "", 1, 1000, "thermal stability at 300 K, barrier / kT",                      \
      "above 40 for storage, arXiv 2301.05694")                                                                        \
    X(ic0, REAL, "device.ic0", "100 uA", "A", 1e-12, 1, "critical current of the track at 0 K", "assumed")             \
    X(tau0, REAL, "device.tau0", "1 ns", "s", 1e-15, 1e-3,                                                             \
      "attempt time; fokker_planck: damping time (1 + alpha^2) / (alpha gamma mu0 Hk)", "usual in compact models")     \
    X(barrier, CHOICE, "device.barrier", "constant", "constant|falling", 0, 0,                                         \
      "barrier energy with temperature: constant, or falling to 0 at the Curie temperature", "")                       \
    X(curie, REAL, "device.curie", "1100 K", "K", 400, 3000, "Curie temperature", "")                                  \
    X(temperature, REAL, "device.temperature", "300 K", "K", 1, 1000, "temperature of the chip", "")                   \
    X(vcma, REAL, "device.vcma", "0.25", "", 0, 10, "share of Ic0 and barrier that a gate voltage of 1 V takes away",  \
      "arXiv 2104.09599: 25 % less current at 1 V")                                                                    \
    X(gate, REAL, "device.gate", "0 V", "V", -2, 2, "gate voltage during a SET pulse", "")                             \
    X(switching_table, TEXT, "device.switching_table", "", "", 0, 0,                                                   \
      "CSV of I_A, t_s, P, measured at device.temperature, in place of the law", "")                                   \
    X(track, REAL, "device.track", "1.1 kohm", "ohm", 0, 1e6, "resistance of the heavy-metal track",                   \
      "VGSOT model, Zhang 2020")                                                                                       \
    X(read_voltage, REAL, "device.read_voltage", "0.1 V", "V", 1e-4, 2, "voltage on a word line at a read",            \
      "0.1 to 0.25 V is usual")                                                                                        \
    X(read_time, REAL, "device.read_time", "5 ns", "s", 1e-12, 1e-3, "duration of a read", "assumed")                  \
    X(write_current, REAL, "device.write_current", "150 uA", "A", 0, 1,                                                \
      "current of a deterministic write, and of a RESET", "assumed")                                                   \
    X(write_time, REAL, "device.write_time", "10 ns", "s", 1e-12, 1e-3, "duration of a deterministic write",           \
      "NVSim sample_STTRAM.cell")                                                                                      \
    X(write_energy, REAL, "device.write_energy", "350 fJ", "J", 0, 1e-6, "energy of one write, with its driver",       \
      "arXiv 2510.25853")                                                                                              \
    X(set_time, REAL, "device.set_time", "10 ns", "s", 1e-12, 1e-3, "duration of a stochastic SET pulse",              \
      "assumed: the paper's figure is lost")                                                                           \
    X(disturb_ic0, REAL, "device.disturb_ic0", "100 uA", "A", 1e-12, 1,                                                \
      "critical current of spin transfer by the read current through the junction", "assumed")                         \
    X(endurance, REAL, "device.endurance", "1e12", "", 1, 1e30, "switching cycles until it fails",                     \
      "subset-parameter inference III")                                                                                \
    X(spread_law, CHOICE, "device.spread", "gaussian", "gaussian|lognormal", 0, 0,                                     \
      "distribution of all spreads, with mean 1", "")                                                                  \
    X(sigma_r, REAL, "device.sigma_r", "0", "", 0, 1, "resistance, device to device, relative to it",                  \
      "arXiv 2309.07789: below 6.35 %")                                                                                \
    X(sigma_tmr, REAL, "device.sigma_tmr", "0", "", 0, 1, "magnetoresistance, device to device, relative", "")         \
    X(sigma_read, REAL, "device.sigma_read", "0", "", 0, 1, "resistance, read to read, relative to it", "")            \
    X(sigma_ic, REAL, "device.sigma_ic", "0", "", 0, 1, "critical current, device to device, relative", "")            \
    X(sigma_delta, REAL, "device.sigma_delta", "0", "", 0, 1, "thermal stability, device to device, relative", "")     \
    X(stuck_p, REAL, "device.stuck_p", "0", "", 0, 1, "share of devices that stay parallel", "")                       \
    X(stuck_ap, REAL, "device.stuck_ap", "0", "", 0, 1, "share of devices that stay antiparallel", "")                 \
    X(stuck_open, REAL, "device.stuck_open", "0", "", 0, 1, "share of devices that conduct nothing", "")               \
    X(retention_time, REAL, "device.retention_time", "0 s", "s", 0, 1e12,                                              \
      "time since the weights were written; flips by heat happen in it", "")                                           \
    X(reads, REAL, "device.reads", "0", "", 0, 1e30,                                                                   \
      "reads since the weights were written; each may disturb a junction", "")                                         \
    X(reset_time, REAL, "device.unit.reset_time", "10 ns", "s", 1e-12, 1e-3, "stochastic unit: duration of a RESET",   \
      "assumed: the paper's figure is lost")                                                                           \
    X(reset_failure, REAL, "device.unit.reset_failure", "0", "", 0, 0.999,                                             \
      "probability that a RESET leaves a set device set", "")                                                          \
    X(calibration, CHOICE, "device.unit.calibration", "nominal", "nominal|each", 0, 0,                                 \
      "SET current: the same for all units, or found for each", "")                                                    \
    X(calibration_error, REAL, "device.unit.calibration_error", "0", "", 0, 1,                                         \
      "standard deviation of that current between units, relative", "")                                                \
    X(calibration_temperature, REAL, "device.unit.calibration_temperature", "300 K", "K", 1, 1000,                     \
      "temperature at which it was found", "")                                                                         \
    X(drift, REAL, "device.unit.drift", "0", "", -1e9, 1e9, "change of its critical current in 1e9 bits, relative",    \
      "")                                                                                                              \
    X(sigma_p, REAL, "device.unit.sigma_p", "0", "", 0, 1,                                                             \
      "standard deviation of the probability itself between units, drawn once for each chip", "Scale-Dropout eq. 24")  \
    X(redraw, BOOL, "device.unit.redraw", "false", "", 0, 0,                                                           \
      "draw that probability anew in each pass: the paper's literal reading, which changes no statistics",             \
      "Scale-Dropout eq. 24")                                                                                          \
    X(sense_energy, REAL, "device.unit.sense_energy", "0.104 pJ", "J", 0, 1e-6,                                        \
      "energy of its sense amplifier a read", "NVSim, 1-bit current sense amplifier at 45 nm")                         \
    X(driver_energy, REAL, "device.unit.driver_energy", "50 fJ", "J", 0, 1e-6,                                         \
      "energy of its drivers for one SET or RESET pulse", "estimated as a word line, 40 fF at 1.1 V")                  \
    X(extrapolate, BOOL, "device.extrapolate", "false", "", 0, 0,                                                      \
      "allow operating points where the law does not hold: I >= Ic0 or pulses below 3 tau0 "                           \
      "(fokker_planck: I > 3 Ic0, Delta below 1 or above 1000)",                                                       \
      "")

struct sps_device_params {
    SPS_PARAMS_STRUCT(SPS_DEVICE_PARAMS)
};
extern const struct sps_param sps_device_params[];

/* What ranges cannot say: shares that add up to more than 1. */
sps_status sps_device_params_check(const struct sps_device_params *params);

enum sps_mtj_state { SPS_PARALLEL, SPS_ANTIPARALLEL };

/* Resistance of a nominal device, in ohm, at a bias (V) across the junction and the device's temperature:
 * TMR(V) = TMR(T) / (1 + (V / v_half)^2); R_P does not depend on either.  Tables are not looked at. */
double sps_device_resistance(const struct sps_device_params *device, enum sps_mtj_state state, double bias);

/* Parameters with their tables, ready for use; immutable, so threads may share it. */
struct sps_device {
    struct sps_device_params params;
    struct sps_switching_table *switching;   /* NULL: the law */
    struct sps_resistance_table *resistance; /* NULL: the formula */
};

/* Tables that the file `name` names (a preset names none) stand beside it. */
sps_status sps_device_tables_beside(struct sps_device_params *params, const char *name);

/* Checks the parameters and reads the tables that they name; *params is copied.  sps_device_open() of
 * spinscale/device.h does the same by name.  Release with sps_device_close(). */
sps_status sps_device_create(sps_device **out, const struct sps_device_params *params);

/* The same resistance, by table where there is one; SPS_EINVAL for a bias outside it. */
sps_status sps_device_resistance_at(double *ohm, const sps_device *device, enum sps_mtj_state state, double bias);

/* The law of a device of these parameters, with a gate voltage.  SPS_EINVAL where the gate takes the whole barrier. */
struct sps_switching_law sps_params_law(const struct sps_device_params *params);
sps_status sps_params_law_at(struct sps_switching_law *law, const struct sps_device_params *params, double gate);

/* SPS_EINVAL for a point outside the law's validity, unless device.extrapolate is set: then *extrapolated. */
sps_status sps_device_check(int *extrapolated, const struct sps_device_params *params,
                            const struct sps_switching_law *law, double current, double time);

/* The current of a pulse that sets the nominal device with probability p (0 < p < 1), by law (with device.gate) or
 * table, and whether that is outside the law's validity; SPS_EINVAL where it is not allowed to be. */
sps_status sps_device_current(double *current, int *extrapolated, const sps_device *device, double p, double time);
#endif
