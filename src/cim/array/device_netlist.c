/* SPDX-License-Identifier: MIT */
/* A device's own circuits, as one asks for them by its name. */
#include "cim/array/netlist.h"
#include "cim/device/switching.h"

sps_status sps_device_netlist_read(const sps_device *device, const char *path, int parallel)
{
    const struct sps_netlist_read read = {.device = &device->params,
                                          .state = parallel ? SPS_PARALLEL : SPS_ANTIPARALLEL,
                                          .transistor = SPS_NETLIST_TRANSISTOR,
                                          .volts = device->params.read_voltage};
    return sps_netlist_read(path, &read);
}

sps_status sps_device_netlist_unit(const sps_device *device, const char *path, double p, unsigned periods)
{
    const struct sps_switching_law law = sps_device_law(device);
    struct sps_netlist_stream stream = {.device = &device->params, .delta = sps_law_delta(&law), .periods = periods};
    int extrapolated = 0;
    double period = 0, sample = 0;
    if (device->switching != NULL)
        SPS_FAIL(EUNSUPPORTED, "a device with device.switching_table has no law that a netlist could follow");
    SPS_TRY(sps_device_current(&stream.current, &extrapolated, device, p, device->params.set_time));
    return sps_netlist_stream(path, &stream, &period, &sample);
}
