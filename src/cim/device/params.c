/* SPDX-License-Identifier: MIT */
#include "cim/device/device.h"

#define SPS_PARAMS_OWNER struct sps_device_params
const struct sps_param sps_device_params[] = {SPS_PARAMS_TABLE(SPS_DEVICE_PARAMS)};
