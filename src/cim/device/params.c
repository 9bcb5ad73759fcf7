/* SPDX-License-Identifier: MIT */
#include "cim/device/device.h"
#include "conf/params_text.h"
#include "core/memory.h"

#define SPS_PARAMS_OWNER struct sps_device_params
const struct sps_param sps_device_params[] = {SPS_PARAMS_TABLE(SPS_DEVICE_PARAMS)};

sps_status sps_device_params_check(const struct sps_device_params *p)
{
    double stuck = p->stuck_p + p->stuck_ap + p->stuck_open;
    if (stuck > 1 + 1e-12)
        SPS_FAIL(EINVAL, "device.stuck_p, stuck_ap and stuck_open add up to %g, must be at most 1", stuck);
    return SPS_OK;
}

sps_status sps_device_setting(struct sps_device_setting *out, const sps_device *device, size_t index)
{
    const struct sps_param *row = sps_device_params;
    char *value = NULL;
    for (; row->key != NULL && index > 0; index--)
        row++;
    if (row->key != NULL)
        SPS_TRY(sps_param_value(&value, row, &device->params));
    *out = (struct sps_device_setting){.key = row->key,
                                       .unit = row->type == SPS_PARAM_REAL ? row->unit : "",
                                       .help = row->help,
                                       .source = row->source,
                                       .value = value};
    return SPS_OK;
}

sps_status sps_device_describe(char **text)
{
    struct sps_device_params params;
    const struct sps_binding binding = {sps_device_params, &params};
    return sps_params_describe(text, &binding, 1);
}

void sps_device_text_free(char *text)
{
    sps_free(text);
}
