/* SPDX-License-Identifier: MIT */
#ifndef SPS_CIM_ARRAY_NETLIST_H
#define SPS_CIM_ARRAY_NETLIST_H
/* Circuits as SPICE netlists, to be looked at by a simulator that shares nothing with ours (written for ngspice 39;
 * `ngspice -b FILE` runs them).  A crossbar's is sps_crossbar_netlist() in spinscale/crossbar.h. */
#include "cim/device/device.h"

/* An access transistor, level-1 MOS: gate voltage, threshold, transconductance times width over length. */
struct sps_netlist_transistor {
    double gate, threshold, gain; /* V, V, A/V^2 */
};
/* 45 nm, W/L = 0.2/0.045, 300 uA/V^2, 1.1 V. */
#define SPS_NETLIST_TRANSISTOR                                                                                         \
    {                                                                                                                  \
        1.1, 0.4, 300e-6 * 0.2 / 0.045                                                                                 \
    }

/* A read of one cell of two transistors and a junction on its track.  The read transistor joins the bit line, at volts,
 * to the junction; the current leaves through half of the track.  The write transistor at the track's other end is off.
 * Current into ground: i(vsource). */
struct sps_netlist_read {
    const struct sps_device_params *device; /* r_p, tmr, v_half, polarisation_slope, temperature, track */
    enum sps_mtj_state state;
    struct sps_netlist_transistor transistor;
    double volts;
};
sps_status sps_netlist_read(const char *path, const struct sps_netlist_read *read);

/* A stochastic unit: SET pulse through the track, read of the junction, deterministic RESET, `periods` times.
 *
 * While the pulse flows, a capacitor gathers the hazard 1 / tau(I) of the switching law; the junction is parallel from
 * where the gathered hazard exceeds -ln U, with U uniform on (0, 1) and new in each period.  So it switches with
 * P = 1 - exp(-t / tau), and the circuit says nothing that the law does not: what is checked is the rest, pulses,
 * divider, and comparator.  RESET empties the capacitor.
 *
 * v(bit) is 1 during a read that found the junction parallel, else 0; *period and *sample are when to look: at
 * sample + k period. */
struct sps_netlist_stream {
    const struct sps_device_params *device; /* the above, law, ic0, tau0, set_time, read_voltage, read_time, write_* */
    double delta;                           /* thermal stability at the device's temperature */
    double current;                         /* of SET, A */
    unsigned periods;
};
sps_status sps_netlist_stream(const char *path, const struct sps_netlist_stream *stream, double *period,
                              double *sample);
#endif
