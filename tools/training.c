/* SPDX-License-Identifier: MIT */
#include "training.h"

const struct sps_training sps_training = {.open = sps_model_open,
                                          .close = sps_model_close,
                                          .path = sps_model_path,
                                          .predictor = sps_model_predictor,
                                          .pack = sps_model_pack,
                                          .pack_net = sps_net_pack,
                                          .flips = sps_model_flips};
