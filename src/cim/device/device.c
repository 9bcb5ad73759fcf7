/* SPDX-License-Identifier: MIT */
/* A device by name, with its tables, and what a pulse does to it. */
#include <stdio.h>
#include <string.h>

#include "cim/device/device.h"
#include "cim/device/switching.h"
#include "cim/device/table.h"
#include "conf/csv.h"
#include "conf/preset.h"
#include "core/memory.h"

/* --- Opening --- */

static sps_status read_tables(struct sps_device *device)
{
    struct sps_csv csv = {0};
    const char *name = device->params.switching_table;
    if (*name) {
        SPS_TRY(sps_csv_read(&csv, name, 1));
        sps_status status = sps_switching_table_create(&device->switching, &csv, name);
        sps_csv_reset(&csv);
        SPS_TRY(status);
    }
    name = device->params.resistance_table;
    if (*name) {
        SPS_TRY(sps_csv_read(&csv, name, 1));
        sps_status status = sps_resistance_table_create(&device->resistance, &csv, name);
        sps_csv_reset(&csv);
        SPS_TRY(status);
        double ohm = 0;
        SPS_TRY(sps_device_resistance_at(&ohm, device, SPS_PARALLEL, device->params.read_voltage));
    }
    return SPS_OK;
}

static sps_status check_gate(const struct sps_device *device)
{
    if (device->switching != NULL && device->params.gate != 0)
        SPS_FAIL(EINVAL, "device.gate is %g V, must be 0 with device.switching_table: a table has no gate",
                 device->params.gate);
    struct sps_switching_law law;
    return sps_params_law_at(&law, &device->params, device->params.gate);
}

sps_status sps_device_create(sps_device **out, const struct sps_device_params *params)
{
    struct sps_device *device = NULL;
    SPS_TRY(sps_device_params_check(params));
    SPS_TRY(sps_calloc(&device, 1, sizeof *device, "a device"));
    device->params = *params;
    sps_status status = read_tables(device);
    if (status == SPS_OK)
        status = check_gate(device);
    if (status == SPS_OK)
        *out = device;
    else
        sps_device_close(device);
    return status;
}

void sps_device_close(sps_device *device)
{
    if (device == NULL)
        return;
    sps_free(device->switching);
    sps_free(device->resistance);
    sps_free(device);
}

/* A table that a file names stands beside it. */
static sps_status beside(sps_param_TEXT table, const char *file)
{
    const char *slash = strrchr(file, '/');
    if (*table == 0 || *table == '/' || slash == NULL)
        return SPS_OK;
    sps_param_TEXT path;
    int length = snprintf(path, sizeof path, "%.*s%s", (int)(slash + 1 - file), file, table);
    if (length < 0 || (size_t)length >= sizeof path)
        SPS_FAIL(EINVAL, "the name of table '%s' beside '%s' is longer than %zu bytes", table, file, sizeof path - 1);
    memcpy(table, path, sizeof path);
    return SPS_OK;
}

sps_status sps_device_tables_beside(struct sps_device_params *params, const char *name)
{
    if (!sps_preset_is_path(name))
        return SPS_OK;
    SPS_TRY(beside(params->switching_table, name));
    return beside(params->resistance_table, name);
}

static sps_status read_params(struct sps_device_params *params, const sps_yaml *yaml, const char *name,
                              const char *const *sets, size_t set_count)
{
    const struct sps_binding binding = {sps_device_params, params};
    sps_params_default(sps_device_params, params);
    SPS_TRY(sps_params_read(&binding, 1, yaml, sps_yaml_root(yaml)));
    SPS_TRY(sps_device_tables_beside(params, name));
    for (size_t i = 0; i < set_count; i++)
        SPS_TRY(sps_params_set(&binding, 1, sets[i]));
    return SPS_OK;
}

sps_status sps_device_open(sps_device **out, const char *name, const char *const *sets, size_t set_count)
{
    struct sps_device_params params;
    sps_yaml *yaml = NULL;
    SPS_TRY(sps_preset_read(&yaml, "devices", name));
    sps_status status = read_params(&params, yaml, name, sets, set_count);
    sps_yaml_free(yaml);
    SPS_TRY(status);
    return sps_device_create(out, &params);
}

const char *sps_device_list(size_t index, char summary[256])
{
    return sps_preset_list("devices", index, summary);
}

/* --- The law with the device's parameters --- */

struct sps_switching_law sps_params_law(const struct sps_device_params *p)
{
    return (struct sps_switching_law){.kind = (enum sps_law_kind)p->law,
                                      .delta300 = p->delta,
                                      .ic0 = p->ic0,
                                      .tau0 = p->tau0,
                                      .temperature = p->temperature,
                                      .curie = p->barrier ? p->curie : 0};
}

sps_status sps_params_law_at(struct sps_switching_law *law, const struct sps_device_params *p, double gate)
{
    double share = p->vcma * gate;
    if (share >= 1)
        SPS_FAIL(EINVAL, "a gate voltage of %g V takes away %g of the barrier, must be less than 1", gate, share);
    *law = sps_law_gated(sps_params_law(p), share);
    return SPS_OK;
}

struct sps_switching_law sps_device_law(const sps_device *device)
{
    return sps_params_law(&device->params);
}

int sps_device_has_table(const sps_device *device)
{
    return device->switching != NULL;
}

/* --- Operation --- */

sps_status sps_device_check(int *extrapolated, const struct sps_device_params *p, const struct sps_switching_law *law,
                            double current, double time)
{
    int outside = !sps_law_valid(law, current, time);
    if (!outside || p->extrapolate) {
        *extrapolated = outside;
        return SPS_OK;
    }
    if (law->kind == SPS_LAW_FOKKER_PLANCK)
        SPS_FAIL(EINVAL,
                 "current is %g A and Delta(T) %g, must be at most 3 Ic0 = %g A and from 1 to 1000 for the law to hold "
                 "(device.extrapolate: true allows more)",
                 current, sps_law_delta(law), 3 * law->ic0);
    if (current >= law->ic0)
        SPS_FAIL(EINVAL,
                 "current is %g A, must be below Ic0 = %g A for the law to hold (device.extrapolate: true "
                 "allows more)",
                 current, law->ic0);
    SPS_FAIL(EINVAL,
             "pulse is %g s, must be at least 3 tau0 = %g s for the law to hold (device.extrapolate: true "
             "allows less)",
             time, 3 * law->tau0);
}

sps_status sps_device_switch(struct sps_switching *out, const sps_device *device, double current, double time)
{
    struct sps_switching_law law;
    int outside = 0;
    if (!(current >= 0 && time >= 0))
        SPS_FAIL(EINVAL, "current is %g A and pulse %g s, must be 0 or more", current, time);
    if (device->switching != NULL)
        return sps_switching_table_at(out, device->switching, current, time);
    SPS_TRY(sps_params_law_at(&law, &device->params, device->params.gate));
    SPS_TRY(sps_device_check(&outside, &device->params, &law, current, time));
    *out = sps_switching(&law, current, time);
    return SPS_OK;
}

sps_status sps_device_current(double *current, int *extrapolated, const sps_device *device, double p, double time)
{
    struct sps_switching_law law;
    double found = 0;
    if (device->switching != NULL) {
        SPS_TRY(sps_switching_table_current(current, device->switching, p, time));
        *extrapolated = 0;
        return SPS_OK;
    }
    SPS_TRY(sps_params_law_at(&law, &device->params, device->params.gate));
    SPS_TRY(sps_law_current(&found, &law, p, time));
    SPS_TRY(sps_device_check(extrapolated, &device->params, &law, found, time));
    *current = found;
    return SPS_OK;
}

sps_status sps_device_resistance_at(double *ohm, const sps_device *device, enum sps_mtj_state state, double bias)
{
    if (device->resistance != NULL)
        return sps_resistance_table_at(ohm, device->resistance, state, bias);
    *ohm = sps_device_resistance(&device->params, state, bias);
    return SPS_OK;
}
