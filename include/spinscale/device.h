/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_DEVICE_H
#define SPINSCALE_DEVICE_H
/* The spin-orbit-torque magnetic tunnel junction: its law of switching, its parameters, and the card of figures that
 * follow from them. */
#include <stddef.h>

#include "spinscale/status.h"
#ifdef __cplusplus
extern "C" {
#endif

/* --- The law: a pure function of any current and pulse, also where no device would be operated. --- */

enum sps_law_kind { SPS_LAW_LINEAR, SPS_LAW_MACROSPIN, SPS_LAW_QUADRATIC, SPS_LAW_FOKKER_PLANCK };

struct sps_switching_law {
    enum sps_law_kind kind; /* the barrier under a current: how it falls from Delta to 0 */
    double delta300;        /* thermal stability at 300 K, barrier / kT */
    double ic0, tau0;       /* critical current in A; attempt time in s (fokker_planck: the damping time) */
    double temperature;     /* K */
    double curie;           /* K; the barrier falls in a straight line to 0 there; 0: it does not fall */
};

struct sps_switching {
    double p, not_p;         /* probability to switch, and not to: neither suffers from cancellation */
    double log_p, log_not_p; /* their logarithms, where p or not_p is too small for a double, too */
    int extrapolated;        /* outside the law's validity: I >= Ic0, or t < 3 tau0 (fokker_planck: far beyond) */
};

/* P = 1 - exp(-t / tau), tau = tau0 exp(Delta(T) b(I / Ic0)); fokker_planck: the solution of that equation, with
 * tau0 = (1 + alpha^2) / (alpha gamma mu0 Hk), in 0.2 ms.  current and time are 0 or more. */
struct sps_switching sps_switching(const struct sps_switching_law *law, double current, double time);

/* --- Devices --- */

typedef struct sps_device sps_device;

/* name: a preset that sps_device_list() tells, or a file (a '/' in it, or ending in .yaml).  sets: "device.key=value",
 * applied in this order after it.  Tables that the device names are read and checked; one that a file names is looked
 * for beside that file. */
sps_status sps_device_open(sps_device **out, const char *name, const char *const *sets, size_t set_count);
void sps_device_close(sps_device *device); /* NULL is allowed */

/* Presets: NULL after the last; the summary is the first comment line of the file. */
const char *sps_device_list(size_t index, char summary[256]);

struct sps_device_setting {
    const char *key; /* NULL after the last */
    const char *unit, *help, *source;
    char *value; /* as in YAML; released with sps_device_text_free() */
};
/* Parameter number `index` in the order of the table. */
sps_status sps_device_setting(struct sps_device_setting *out, const sps_device *device, size_t index);
/* All parameters with default, range, unit and source as text; released with sps_device_text_free(). */
sps_status sps_device_describe(char **text);
void sps_device_text_free(char *text);

/* The law with the device's parameters; has_table: its probabilities come from a table instead. */
struct sps_switching_law sps_device_law(const sps_device *device);
int sps_device_has_table(const sps_device *device);

/* What a pulse does to the nominal device at its own temperature.  SPS_EINVAL outside the law's validity unless
 * device.extrapolate is set; outside a table always. */
sps_status sps_device_switch(struct sps_switching *out, const sps_device *device, double current, double time);

/* Circuits as SPICE netlists (written for ngspice 39): the read of one cell, access transistors and half of the track
 * included; and the stochastic unit, SET at probability p, read and RESET, `periods` times (1 to 100,000). */
sps_status sps_device_netlist_read(const sps_device *device, const char *path, int parallel);
sps_status sps_device_netlist_unit(const sps_device *device, const char *path, double p, unsigned periods);

/* Figures that follow from the parameters. */
struct sps_device_card {
    double r_p, r_ap, tmr;                /* at no bias, at the device's temperature; ohm, ohm, ratio */
    double r_p_read, r_ap_read, tmr_read; /* at the read voltage */
    double delta;                         /* barrier / kT at the device's temperature */
    double i_half;                        /* current in A for P = 1/2 in set_time */
    double i_half_ratio;                  /* the same over Ic0 */
    double slope;                         /* dP / d(I / Ic0) there */
    double retention;                     /* mean time until heat flips it, s */
    double retention_flip;                /* probability to stand flipped after retention_time */
    double read_disturb;                  /* probability that one read flips it */
    double energy_set, energy_read, energy_reset, energy_bit; /* of the stochastic unit at p = 1/2, J */
    double bit_time, bits_per_s, power;                       /* s, 1/s, W: SET, read and RESET without pause */
    double unit_bias, unit_spread; /* of its p around 1/2: mean - 1/2 and standard deviation over devices */
    double unit_outside;           /* share of them whose own point is outside the law's validity */
    double unit_correlation;       /* of neighbouring bits, by incomplete RESET */
    double lifetime_bits;          /* until its endurance is used up: two cycles a bit */
    int extrapolated;              /* a figure above comes from outside the law's validity, which the device allows */
};
sps_status sps_device_card(struct sps_device_card *out, const sps_device *device);

#ifdef __cplusplus
}
#endif
#endif
